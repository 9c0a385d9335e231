"""Catalog, channel: why an environment does not get a release."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
    Entry(
        code="D840",
        title="No such release",
        explanation="""
            The bucket holds no release of this id for the service, or one whose publish never came to its end. Look at
            `flagstone releases SERVICE`, and publish what is missing. Nothing was changed.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D841",
        title="Release is not for this environment",
        explanation="""
            The release has no template for the environment: the service did not name it when the release was compiled.
            Add the environment to `service.yml`, and publish again. `--force` does not help, as there is nothing that
            could be deployed.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D842",
        title="Release is not what was published",
        explanation="""
            An object of the release is missing, has other bytes than its manifest lists, or lies in its folder without
            being listed. Nothing of it should run, so the channel stays where it is, whatever `--force` says.
            `flagstone verify` names every object; publish the same commit under another id to have a release again.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D843",
        title="Release skips an environment",
        explanation="""
            `promotion` in the library's `platform.yml` puts environments in an order, and the release has not run yet
            in one that comes before. What counts is the order of the library that the release was compiled with, for
            environments that it was compiled for. Promote it there first; in an emergency, `--force` passes over that,
            and the history keeps the `--reason` and what was skipped.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D844",
        title="No release to roll back to",
        explanation="""
            A rollback leads to a release that has run in the environment before, and there is none, or not the one that
            `--to` names. `flagstone history` shows what ran. To let a release run for the first time, promote it.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D845",
        title="Somebody else moved the channel",
        explanation="""
            Between reading what the environment runs and writing what it should run, somebody else moved it. Of two
            who do so at once exactly one wins, and the other decided on what is no longer true. Nothing of yours was
            written: look at `flagstone history`, and run the command again if you still want the same.
        """,
        is_shown_by_files=False,
    ),
)
