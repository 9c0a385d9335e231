"""Catalog, build: what is wrong with the platform library, or with what it makes of a service."""

from __future__ import annotations

from compiler.catalog.entry import Entry, with_head

ENTRIES = (
    Entry(
        code="D401",
        title="Template of the library fails",
        explanation="""
            A template of the platform library raised an error while it was building. It is the platform team's to
            repair, whatever the service says. Report it to them with the message, and compile against an earlier
            release meanwhile.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D402",
        title="Two things get the same logical id",
        explanation="""
            Logical ids are made of the names of processes, logs, filters and events, without their dashes. Two names
            that differ only there, such as `web-2` and `web2`, give one id. Rename one of the two.
        """,
        wrong=with_head(
            """
            service: shop
            owner: platform
            platform: "1.0"
            processes:
              web2: {runtime: instances, command: ./bin/serve, port: 8080}
              web-2: {runtime: instances, command: ./bin/serve, port: 8080}
            """
        ),
        right=with_head(
            """
            service: shop
            owner: platform
            platform: "1.0"
            processes:
              web2: {runtime: instances, command: ./bin/serve, port: 8080}
              web3: {runtime: instances, command: ./bin/serve, port: 8080}
            """
        ),
    ),
    Entry(
        code="D403",
        title="Library is broken",
        explanation="""
            The platform library lacks a file that every library has, or one of its files is not what it should be. If
            it is the library that came with Flagstone, install Flagstone again; if `--platform` names it, check that
            it names the folder that holds `platform.yml`, and report the rest to the platform team.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D404",
        title="Library for another compiler",
        explanation="""
            The `platform.yml` of the library says which versions of Flagstone can compile with it, and this one is
            outside of that range. Nothing else of the library was read, since the rules of another compiler may hold
            for it. Install a Flagstone of the range, or stay with a version of the library that this one can use.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D405",
        title="No prices",
        explanation="""
            `flagstone cost` knows no prices but those that the platform team keeps in the library's `prices.yml`, by
            region. It guesses nothing, so it says nothing of a region that is not in there. Add the region, with what
            instances, volumes and the other resources cost in it.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D406",
        title="Value that a template cannot build from",
        explanation="""
            A value has the right shape, and a template of the library can make nothing of it: names in a private zone,
            say, that Amazon cannot look up and that no authority of the environment certifies. The message says which
            value, and the hint what to say instead or beside it.
        """,
        is_shown_by_files=False,
    ),
)
