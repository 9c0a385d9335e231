"""Days: dates as text, the day of a commit, and whether settings name a last day.

In: text of the form yyyy-mm-dd, a Commit, settings.    Out: such text.
Never: asks the clock.
"""

from __future__ import annotations

import calendar
import re

from compiler.model import Commit, Json

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def has_form_of_day(text: str) -> bool:
    return _DAY.fullmatch(text) is not None


def is_day(text: str) -> bool:
    """Tell whether a text names a day.

    >>> is_day("2028-02-29"), is_day("2026-02-29"), is_day("2026-13-01"), is_day("soon")
    (True, False, False, False)
    """
    if not has_form_of_day(text):
        return False
    year, month, day = (int(part) for part in text.split("-"))
    return year > 0 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def has_last_day(data: Json) -> bool:
    """Tell whether something in settings holds until a day, wherever it stands: only that wants a commit.

    >>> has_last_day({"alarms": {"cpu": {"mute": {"until": "2026-11-20"}}}}), has_last_day({"alarms": [{"cpu": {}}]})
    (True, False)
    """
    if isinstance(data, dict):
        return "until" in data or any(has_last_day(each) for each in data.values())
    return isinstance(data, list) and any(has_last_day(each) for each in data)


def day_of(commit: Commit) -> str:
    return f"{commit.time[:4]}-{commit.time[4:6]}-{commit.time[6:8]}"


def day_after(day: str) -> str:
    """Return the next day, and what is no day or has no next one as it is: others say what is wrong with it.

    >>> day_after("2026-12-31"), day_after("2028-02-28"), day_after("2026-13-01"), day_after("9999-12-31")
    ('2027-01-01', '2028-02-29', '2026-13-01', '9999-12-31')
    """
    if not is_day(day) or day == "9999-12-31":
        return day
    year, month, number = (int(part) for part in day.split("-"))
    if number < calendar.monthrange(year, month)[1]:
        return f"{day[:8]}{number + 1:02}"
    return f"{day[:5]}{month + 1:02}-01" if month < 12 else f"{year + 1:04}-01-01"


def a_year_after(day: str) -> str:
    """Return the same day of the next year.

    >>> a_year_after("2028-02-29")
    '2029-02-28'
    """
    return f"{int(day[:4]) + 1}{day[4:].replace('-02-29', '-02-28')}"
