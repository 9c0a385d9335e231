"""Hours: whether what happens by a clock falls outside of the hours in which something is switched on.

In: times of five fields, as cron has them, in one time zone.    Out: a moment, as people say it.
Never: asks the clock: it looks at years from 2028 on, in which every date falls on every day of the week.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Iterator, Sequence

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# What each of the five fields may be, and the words for it, in their first three letters; Sunday is 0 and 7.
_FIELDS: tuple[tuple[range, Sequence[str]], ...] = (
    (range(60), ()),
    (range(24), ()),
    (range(1, 32), ()),
    (range(1, 13), tuple(name[:3].lower() for name in _MONTHS)),
    (range(8), tuple(name[:3].lower() for name in _DAYS)),
)
_YEARS = range(2028, 2040)
_FIRST_WEEKDAY = 6  # of January 1st, 2028

Day = tuple[int, int, int, int]  # year, month, day, day of the week
Moment = tuple[Day, int, int]  # the minute of the day; what goes before the same moment of others


def first_outside(at: str, start: str, stop: str) -> str | None:
    """Say when `at` first happens between a `stop` and the next `start`; None where it never does.

    The times are valid, as `refusals` has it. What happens with a start is inside, what happens with a stop is not.

    >>> first_outside("0 12 * * *", "0 7 * * 1-5", "0 19 * * 1-5")
    'on Saturday at 12:00'
    >>> first_outside("0 12 * * mon-fri", "0 7 * * 1-5", "0 19 * * 1-5")
    """
    clocks = [_read(text) for text in (start, stop, at)]
    is_weekly = all(clock.is_weekly for clock in clocks)
    # By weekdays alone, a week is as any other; the one before tells how it begins.
    days = list(_calendar())[: 14 if is_weekly else None]
    is_on = None
    for (_, month, day, weekday), minute, order in heapq.merge(
        *(clock.moments(days, order) for order, clock in enumerate(clocks))
    ):
        if order < 2:
            is_on = order == 0
        elif is_on is False:
            return _say(month, day, weekday, minute, is_weekly=is_weekly)
    return None


def first_together(one: str, other: str) -> str | None:
    """Say when two times first happen at once; None where they never do.

    >>> first_together("0 22 * * *", "0 22 * * 5")
    'on Friday at 22:00'
    >>> first_together("0 22 * * 1-4", "0 22 * * 5")
    """
    clocks = _read(one), _read(other)
    minutes = clocks[0].minutes & clocks[1].minutes
    is_weekly = all(clock.is_weekly for clock in clocks)
    if minutes:
        for day in itertools.islice(_calendar(), 7 if is_weekly else None):
            if all(clock.takes(day) for clock in clocks):
                return _say(*day[1:], min(minutes), is_weekly=is_weekly)
    return None


def _say(month: int, day: int, weekday: int, minute: int, *, is_weekly: bool) -> str:
    when = _DAYS[weekday] if is_weekly else f"{day} {_MONTHS[month - 1]}"
    return f"on {when} at {minute // 60:02}:{minute % 60:02}"


class _Clock:
    """The moments of a time of five fields."""

    def __init__(self, text: str) -> None:
        minutes, hours, days, months, weekdays = text.lower().split(" ")
        self.minutes = {60 * hour + minute for hour in _numbers(hours, 1) for minute in _numbers(minutes, 0)}
        self._days, self._months, self._weekdays = _numbers(days, 2), _numbers(months, 3), _numbers(weekdays, 4)
        # Where both kinds of days are named, cron takes either.
        self._takes_either = "*" not in (days[0], weekdays[0])
        self.is_weekly = days == months == "*"

    def takes(self, day: Day) -> bool:
        is_day, is_weekday = day[2] in self._days, bool({day[3], day[3] or 7} & self._weekdays)
        is_meant = is_day or is_weekday if self._takes_either else is_day and is_weekday
        return is_meant and day[1] in self._months

    def moments(self, days: Sequence[Day], order: int) -> Iterator[Moment]:
        minutes = sorted(self.minutes)
        for day in days:
            if self.takes(day):
                yield from ((day, minute, order) for minute in minutes)


@functools.cache
def _read(text: str) -> _Clock:
    return _Clock(text)


def _calendar() -> Iterator[Day]:
    weekday = _FIRST_WEEKDAY
    for year in _YEARS:
        for month, length in enumerate(_LENGTHS, start=1):
            for day in range(1, length + 1 + (month == 2 and year % 4 == 0)):
                yield year, month, day, weekday
                weekday = (weekday + 1) % 7


def _numbers(text: str, field: int) -> set[int]:
    numbers, words = _FIELDS[field]
    found: set[int] = set()
    for part in text.split(","):
        whole, _, step = part.partition("/")
        ends = [
            numbers[0] + words.index(end) if end in words else int(end)
            for end in (f"{numbers[0]}-{numbers[-1]}" if whole == "*" else whole).split("-")
        ]
        found |= set(range(ends[0], ends[-1] + 1, int(step or 1)))
    return found
