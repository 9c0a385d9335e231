"""Catalog, network: where the network of an environment leads."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
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
            The endpoints of an environment without a way out are derived, and `flagstone platform compile` was told of
            no service, so the network leads only where every instance has to go. An endpoint that a service uses would
            be removed. Name the services, or with `--bucket` where to read what runs.
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
)
