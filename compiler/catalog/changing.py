"""Catalog, changing: how the number of instances changes with time, and their release with a deployment."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_web

ENTRIES = (
    Entry(
        code="D367",
        title="Schedule that wakes what is off",
        explanation="""
            A process with `availability: businessHours` has no instances outside of the platform's business hours. An
            entry of its `scaling.schedule` sets bounds of its own from a time on: at night or on a Saturday it starts
            instances, and they run until the hours end the next time. Name times within the hours, or days that have
            hours. With `max: 0` an entry starts nothing.
        """,
        wrong=in_web('availability: businessHours\nscaling: {schedule: {lunch: {at: "0 12 * * *", min: 2}}}'),
        right=in_web('availability: businessHours\nscaling: {schedule: {lunch: {at: "0 12 * * 1-5", min: 2}}}'),
    ),
    Entry(
        code="D368",
        title="Refresh that waits for no alarm",
        severity="warning",
        explanation="""
            Once a refresh has replaced all instances it waits for `bakeTime` seconds, in which a red alarm on errors
            or latency takes the release back. A process without a `port` has neither alarm, and one may have switched
            off both: the deployment then takes longer, and nothing watches. Instances that fail to start end a refresh
            in any case.
        """,
        wrong=in_web("deployment: {style: refresh}\nalarms: {errors: {enabled: false}, latency: {enabled: false}}"),
        right=in_web("deployment: {style: refresh}\nalarms: {latency: {enabled: false}}"),
    ),
    Entry(
        code="D381",
        title="Two changes of a group at one time",
        explanation="""
            Two entries of a `scaling.schedule`, or one of them and the begin or the end of business hours, set the
            bounds of a group at one time. AWS refuses the second of two scheduled actions with one time, and says that
            of two that meet now and then nobody knows which comes last.
        """,
        wrong=in_web(
            'scaling: {min: 2, max: 2, schedule: {a: {at: "0 22 * * *", max: 3}, b: {at: "0 22 * * 5", max: 2}}}'
        ),
        right=in_web(
            'scaling: {min: 2, max: 2, schedule: {a: {at: "0 22 * * *", max: 3}, b: {at: "1 22 * * 5", max: 2}}}'
        ),
    ),
)
