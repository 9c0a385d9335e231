"""Catalog, routes: rules of processes on load balancers that services share."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_web, with_head

_TWO_RULES = """
service: shop
owner: platform
platform: "1.0"
processes:
  api:
    runtime: instances
    command: ./bin/serve
    port: 8081
    dns: shop-api
    loadBalancer: shared
    routing: {{priority: 10}}
  pages:
    runtime: instances
    command: ./bin/serve
    port: 8082
    dns: shop
    loadBalancer: shared
    routing: {{priority: {}}}
"""

ENTRIES = (
    Entry(
        code="D340",
        title="Priority without a shared load balancer",
        explanation="""
            `routing.priority` is the place of a process's rule among those of other services. On a load balancer of its
            own there are no others: its rule comes after all that additions make. Add `loadBalancer: shared`, or
            remove the priority; `host` and `paths` are fine with either.
        """,
        wrong=in_web("dns: shop\nrouting: {priority: 10, paths: [/shop/*]}"),
        right=in_web("dns: shop\nrouting: {paths: [/shop/*]}"),
    ),
    Entry(
        code="D341",
        title="Rule for every name",
        explanation="""
            A rule of a shared load balancer that names no host takes requests for other services. Give the process a
            `dns` name. Where it is to answer some paths of a name that another process has, name that in
            `routing.host`.
        """,
        wrong=in_web("loadBalancer: shared\nrouting: {priority: 10, paths: [/shop/*]}"),
        right=in_web("loadBalancer: shared\nrouting: {priority: 10, paths: [/shop/*], host: portal}"),
    ),
    Entry(
        code="D342",
        title="Rule without a priority",
        explanation="""
            A load balancer asks its rules in the order of their priorities, and each needs one that no other has.
            `flagstone lock` chooses one and writes it into flagstone.lock, where it stays. Set `routing.priority` to
            choose it yourself.
        """,
        wrong=in_web("dns: shop\nloadBalancer: shared"),
        right=in_web("dns: shop\nloadBalancer: shared\nrouting: {priority: 10}"),
    ),
    Entry(
        code="D343",
        title="Two rules that are in each other's way",
        explanation="""
            Two processes have rules of one priority, which AWS refuses, or rules that come first take all that another
            one is for, so that it gets no request: `/api/*` before `/api/v1/*`. Let the narrower rule come first: the
            lowest priority does. It is a warning where only one name or path of a rule is in vain.
        """,
        wrong=with_head(_TWO_RULES.format(10)),
        right=with_head(_TWO_RULES.format(20)),
    ),
    Entry(
        code="D344",
        title="Branch or tenant on a shared load balancer",
        explanation="""
            All branch environments use the load balancer of `env-default`, and tenants that of their family. A service
            has the same rules with the same priorities in each of them, which AWS refuses. Set `loadBalancer: own` for
            `env-default`, or for the family.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D345",
        title="Shared load balancer that is not there",
        explanation="""
            The environment has no load balancer that services share, or none for this exposure: `ingress.shared` of its
            file in the platform library says which there are. Set `loadBalancer: own` for that environment, or ask
            the platform team.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D369",
        title="Name that leads elsewhere",
        severity="warning",
        explanation="""
            A load balancer of its own answers the names of its process, and 404 to all others. `routing.host` is the
            name of another process, whose record leads to another load balancer, so nobody gets here by it, and the
            process has no `dns` of its own. Where both are to answer one name, let them share a load balancer.
        """,
        wrong=in_web("routing: {host: portal, paths: [/shop/*]}"),
        right=in_web("dns: shop\nrouting: {host: portal, paths: [/shop/*]}"),
    ),
)
