"""Catalog, requests: how long they take, and who waits for them."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_web

ENTRIES = (
    Entry(
        code="D395",
        title="Request that takes longer than a shared load balancer waits",
        explanation="""
            A load balancer drops a connection without a byte after some seconds, 60 usually: `ingress.idleTimeout` of
            the environment's file says how many for the one that services share. A process with a slower request
            needs a load balancer of its own, which waits for as long as `requests.timeout` says and a little longer.
        """,
        wrong=in_web(
            "dns: shop\nloadBalancer: shared\nrouting: {priority: 10}\nrequests: {timeout: 100}",
        ),
        right=in_web("dns: shop\nloadBalancer: own\nrequests: {timeout: 100}"),
    ),
    Entry(
        code="D396",
        title="Requests that a deployment does not wait for",
        explanation="""
            Where instances are replaced one batch after the other, the next one starts when one has gone, and an
            instance goes when its slowest request may have ended. CloudFormation waits an hour for both. A new group
            beside the old one (`style: immutable`), or new instances before old ones (`style: refresh`), wait for no
            request.
        """,
        wrong=in_web("requests: {timeout: 3600}"),
        right=in_web("requests: {timeout: 3600}\ndeployment: {style: immutable}"),
    ),
    Entry(
        code="D397",
        title="Drain that its instances do not wait for",
        explanation="""
            An override has the target group wait longer for requests that are under way than the process says with
            `requests.timeout`. The instance knows only what the process says: it waits for as long and half a minute,
            stops the program and ends, and what is under way is lost. Take the override away and set
            `requests.timeout`, which the load balancer, the instance, its group and CloudFormation all follow.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
)
