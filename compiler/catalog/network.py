"""Catalog, network: where the network of an environment leads, and where processes ask to go."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_web

ENTRIES = (
    Entry(
        code="D365",
        title="Destination that says nothing",
        explanation="""
            A destination under `egress` becomes a rule of a security group. AWS takes no rule twice, also not one that
            the platform makes for all; it moves a range to where it begins, so that the template would not say what is
            there; and what spans the internet for HTTPS is `internet: true`, so that whoever looks for it finds it.
            Write the range as AWS has it, once.
        """,
        wrong=in_web("egress: {ledger: {cidr: 10.9.3.7/16, port: 5432}}"),
        right=in_web("egress: {ledger: {cidr: 10.9.0.0/16, port: 5432}}"),
    ),
    Entry(
        code="D366",
        title="Destination that the network does not lead to",
        explanation="""
            The network of the environment has no way out (`nat: none`): no rule of a security group makes the internet
            reachable there, nor a public address. The process has to do without, or the platform team gives the network
            NAT gateways.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D370",
        title="AWS service that the network does not lead to",
        explanation="""
            A process may call an AWS service, as its policies say, but the network of the environment has no way out
            (`nat: none`) and a list of endpoints without that service: each call would wait until it fails. Ask the
            platform team for the endpoint, or take the permission away where nothing needs it. Where the endpoints of
            an environment are derived, they follow the services and nothing is missing.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D371",
        title="Derived endpoints without a service",
        explanation="""
            The endpoints of an environment are derived, and `flagstone platform compile` found no service that runs
            there, in the folders that it was told of or by the bucket, so the network leads only where every instance
            has to go. An endpoint that a service uses would be removed. Name the services, or with `--bucket` where to
            read what runs; look whether its url is the right one. Where there is a way out, this is said only where
            nothing at all runs by the bucket.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D372",
        title="Release that does not say what it calls",
        explanation="""
            A service runs a release in the environment that an older compiler made: its manifest does not say which AWS
            services it calls, so no endpoint is derived from it. Name the folder of the service as well, or promote a
            newer release of it first.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D373",
        title="Value of an environment that AWS would refuse",
        explanation="""
            A value in the file of an environment has the right shape, and AWS refuses it, or it leads nowhere: a range
            of addresses that begins within another, a client VPN without those who sign in, a time that no clock shows,
            a time zone that does not exist, an endpoint or a bucket with a name that cannot be, the id of another zone.
            Correct the value where the message points. An endpoint that is on no list of the compiler's, and close to
            none, is a warning.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D374",
        title="Release that cannot be read",
        explanation="""
            The endpoints of an environment are derived, and the channel of a service there, or the manifest of what it
            runs, is damaged or missing. Which endpoints it needs is not known, and one that is there now would be
            removed. Promote a sound release of it; or name the folders of all services, and no bucket.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D375",
        title="Account with half a baseline",
        explanation="""
            A tenant has an account of its own and is in a region that says `regionOnly` of another account's
            baseline. It would have watchers of that region, and no record of calls, no budget and no role for them,
            which no environment of the file makes in its account. Say `regionOnly: false` for the tenant; `true`
            where an environment of another file makes them.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D376",
        title="AWS service that no endpoint is known of",
        explanation="""
            A process may call an AWS service from a network without a way out, and no interface endpoint is known that
            leads there: either it has none, and each call waits until it fails, or it is one that is not in the
            compiler's table. Where it has one, the platform team lists it in `network.endpoints`.
        """,
        severity="notice",
        is_shown_by_files=False,
    ),
    Entry(
        code="D377",
        title="Region without a tenant",
        explanation="""
            The file of an environment lists a region and tenants, and none of these is in it. So no environment is
            in that region: `flagstone platform compile` writes no stack for it, also where one is deployed. Remove the
            region, or let a tenant be in it.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
)
