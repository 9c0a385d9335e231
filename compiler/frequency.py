"""Frequency: how often each service was deployed, week by week.

In: Channels.    Out: a Frequency for each service, all over the same weeks, those without a deployment among them.
Never: reads a clock: the last week is that of the last move, so that the same histories give the same numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from compiler.channel import Channel

_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Week:
    """A week from its Monday, in UTC; a rollback counts as such and not as a deployment."""

    monday: date
    deployments: int
    rollbacks: int

    @property
    def name(self) -> str:
        """Name the week as ISO 8601 does: `2026-W47`."""
        year, week, _ = self.monday.isocalendar()
        return f"{year}-W{week:02}"


@dataclass(frozen=True, slots=True)
class Frequency:
    """The weeks of one service, the oldest first."""

    service: str
    weeks: tuple[Week, ...]


def count_deployments(channels: Iterable[Channel], *, since: date | None = None) -> tuple[Frequency, ...]:
    """Count the moves of each service, from the week of a day or of the first move to that of the last."""
    counts: dict[str, Counter[tuple[date, str]]] = {}
    for channel in channels:
        counted = counts.setdefault(channel.service, Counter())
        counted.update((_find_monday(move.time.date()), move.action) for move in channel.history)
    mondays = sorted({monday for counted in counts.values() for monday, _ in counted})
    if not mondays:
        return ()
    first = _find_monday(since) if since else mondays[0]
    weeks = [first + _WEEK * number for number in range((mondays[-1] - first) // _WEEK + 1)]
    return tuple(
        Frequency(service, tuple(Week(day, counted[day, "promote"], counted[day, "rollback"]) for day in weeks))
        for service, counted in sorted(counts.items())
    )


def _find_monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
