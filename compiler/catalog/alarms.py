"""Catalog, alarms: thresholds, windows and mutes, and how many things may page."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_web, with_head

_REASON = "the old reports use much memory until they move to the new tables"
_SEVEN = "".join(f"  web-{number}: {{runtime: instances, command: ./bin/serve, port: 8080}}\n" for number in range(7))

ENTRIES = (
    Entry(
        code="D353",
        title="Alarm waits for more periods than it looks at",
        explanation="""
            `for: 3 of 5` lets an alarm speak when the threshold is crossed in three of the last five periods. Of three
            periods five cannot cross it, so the alarm would be silent for good. Swap the two numbers, or raise the
            second.
        """,
        wrong=in_web("alarms: {cpu: {for: 5 of 3}}"),
        right=in_web("alarms: {cpu: {for: 3 of 5}}"),
    ),
    Entry(
        code="D354",
        title="Window that CloudWatch does not have",
        explanation="""
            An alarm looks back a day at most, or seven days where its period is an hour or more, and CloudWatch refuses
            one that would look back further. A period is a whole number of minutes: the platform's metrics come once
            a minute, and an alarm with a finer period would have no data most of the time. One that a team has added
            (`alarms.add`) keeps to minutes too, however often its metric comes.
        """,
        wrong=in_web("alarms: {cpu: {period: 300, for: 300 of 300}}"),
        right=in_web("alarms: {cpu: {period: 300, for: 200 of 288}}"),
    ),
    Entry(
        code="D355",
        title="Mute expired",
        explanation="""
            A mute holds until the end of its day, and the alarm then speaks again. The day is compared with that of the
            commit in UTC, not with the clock, so that a commit which compiled once always does. Remove the mute, or
            name a later day if its reason still holds. The examples belong to a commit of 2026-11-20.
        """,
        wrong=in_web(f'alarms:\n  memory:\n    mute: {{until: "2026-10-31", reason: {_REASON}}}'),
        right=in_web(f'alarms:\n  memory:\n    mute: {{until: "2026-12-31", reason: {_REASON}}}'),
    ),
    Entry(
        code="D356",
        title="Mute without an end",
        explanation="""
            A mute is for a time that somebody can wait for: it ends on a day that exists, at most a year after the
            commit. What nobody wants to hear of at all is switched off with `enabled: false`, which then stands there
            as what it is.
        """,
        wrong=in_web(f'alarms:\n  memory:\n    mute: {{until: "2036-12-31", reason: {_REASON}}}'),
        right=in_web("alarms: {memory: {enabled: false}}"),
    ),
    Entry(
        code="D357",
        title="Mute not checked",
        explanation="""
            Whether a mute has expired is a question to the git commit, and here is none. The mute holds, so that a copy
            of a repository still compiles. Commit the repository: only then can a release be published under the name
            of its commit.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D358",
        title="More pages than the budget",
        explanation="""
            Whoever is on call for a service can be woken by so many of its alarms that nobody knows any longer what
            each of them is for; the platform team has set a number. Counted is what can really page: an alarm that only
            feeds a combined one does not, nor does one that is muted, switched off, or has no red threshold. Leave red
            to what users notice, or divide the service.
        """,
        wrong=with_head(f"service: shop\nowner: platform\nplatform: '1.0'\nprocesses:\n{_SEVEN}"),
        right=in_web("alarms: {cpu: {red: 90}}"),
        severity="warning",
    ),
    Entry(
        code="D359",
        title="Alarm that is always on",
        explanation="""
            `healthyHosts` speaks at fewer hosts than its threshold, and the group may have as few as `min` without
            anything being wrong: that of `scaling` or, at its hours, one of the schedule. A threshold above the lowest
            of them that is not 0 is crossed on every quiet day, or every night. Lower the threshold, or raise `min`.
        """,
        wrong=in_web("scaling: {min: 2, max: 4, target: {cpu: 60}}\nalarms: {healthyHosts: {red: 3}}"),
        right=in_web("scaling: {min: 2, max: 4, target: {cpu: 60}}\nalarms: {healthyHosts: {red: 2}}"),
    ),
)
