"""Catalog, times: what is to happen at certain hours, and never would."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_web

ENTRIES = (
    Entry(
        code="D339",
        title="Time that no clock shows",
        explanation="""
            A time of `scaling.schedule` has five fields: minute, hour, day of the month, month, day of the week. Each
            is `*`, a number, a range such as `1-5`, several of these with commas, or one with a step such as `*/15`.
            All else is refused by Auto Scaling during the deployment, and a day that the month has in no year never
            comes. The first three letters of months and days do as well.
        """,
        wrong=in_web("scaling: {min: 1, max: 4, target: {cpu: 60}, schedule: {lunch: {at: '0 25 * * 1-5', min: 2}}}"),
        right=in_web("scaling: {min: 1, max: 4, target: {cpu: 60}, schedule: {lunch: {at: '0 11 * * 1-5', min: 2}}}"),
    ),
)
