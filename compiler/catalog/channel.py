"""Catalog, channel: why an environment does not get a release, and what services owe each other there."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
    Entry(
        code="D840",
        title="No such release",
        explanation="""
            The bucket holds no release of this id for the service, or one whose publish never came to its end. Look at
            `flagstone releases SERVICE`, and publish what is missing. Nothing was changed. The exit code of every
            command is 1, since the bucket answered: to try again is of no use, as it would be where it did not (3).
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D841",
        title="Release is not for this environment",
        explanation="""
            The release has no template for the environment: the service did not name it when the release was compiled.
            Add the environment to `service.yml`, and publish again. `--force` does not help, as there is nothing that
            could be deployed. Nothing runs in `env-default`, which stands for all branch environments.
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
    Entry(
        code="D846",
        title="Release with a mute that is over",
        explanation="""
            An alarm of the release is muted until a day that is over, so a compile of its commit today would be refused
            (D355). The channel is moved all the same: a release may be needed however old it is. The rule that mutes
            has an `ExpireDate` in the past, and no public page says whether CloudWatch makes such a rule when the stack
            does not have it yet. If it refuses, the deployment fails and CloudFormation takes it back. Publish a
            release without the mute, or with a later day.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D860",
        title="Nobody publishes what is consumed",
        explanation="""
            The service consumes an event of another one, and what runs for that one in the environment does not publish
            it, or nothing was promoted for it there. The subscription would fail, as the topic does not exist, or wait
            for messages that never come. Correct the name, or promote the publisher first; with `--strict` this is an
            error. Of two services that consume each other's events, one is deployed twice: first with what it publishes
            and without what it consumes, then, once the other one runs, with both.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D861",
        title="Name that another service has",
        explanation="""
            A DNS name, the name of a topic or the priority of a rule at a shared listener can belong to one service of
            an environment only, and what another one runs there has it. The deployment would fail, or take the name
            away from the other. What counts are the names of the compiled stack, whoever wrote them. Whoever promotes a
            release is asked the same; there `--force` and a `--reason` pass over it, as where the other service is no
            more, and a rollback is only warned.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D862",
        title="Neighbor that cannot be read",
        explanation="""
            The channel of another service, or the manifest of the release that it runs, is missing or damaged, so what
            it publishes and which names it has is not known. The service is published all the same. `flagstone history`
            and `flagstone verify` of the other service tell more.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D863",
        title="Others consume what is not published",
        explanation="""
            What another service runs in the environment consumes an event of this one, which does not publish it: it
            was removed or renamed, or never came. The other one's queue would stay empty, or its next deployment fail
            as the topic is gone. Publish the event, or let a release of the other service that does without run first;
            with `--strict` this is an error. Whoever promotes a release that takes an event away is refused: with the
            topic go the subscriptions of the others, whose stacks do not notice. There `--force` and a `--reason` pass
            over it, and a rollback is only warned.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
)
