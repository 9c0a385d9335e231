"""Alarm types: what a template of the library is given of alarms, and what holds where nobody says anything.

In: nothing.    Out: types; their strings and numbers are traced values.
Never: changes after it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mute:
    """Silence until the end of a day, "2026-12-31"."""

    until: str
    reason: str


# The metrics that only a process with a port has.
REQUEST_METRICS = (
    *("latency", "errors", "requests", "healthyHosts"),
    *("unhealthyHosts", "connectionErrors", "rejectedConnections"),
)


def look_back(period: int) -> int:
    """Return over how many seconds CloudWatch evaluates an alarm at most: a week by the hour or longer, else a day."""
    day, hour = 24 * 60 * 60, 60 * 60
    return 7 * day if period >= hour else day


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched of one metric: thresholds, None for no alarm of that color; `period` in seconds.

    `within` (3, 5): a threshold is crossed in at least 3 of the last 5 periods. `runbook` is a pattern of an address.
    """

    amber: float | None = None
    red: float | None = None
    period: int = 60
    within: tuple[int, int] = (5, 5)
    runbook: str | None = None
    mute: Mute | None = None


# What is watched where nothing is said of it: of each event that a service publishes, and of each that it consumes.
# Of silence there is no threshold here: `max_silence` of the subscription is one.
PUBLISHED_ALARMS: Mapping[str, Watched] = {
    "delivery": Watched(amber=0, within=(1, 1)),
    "filter": Watched(amber=0, within=(5, 5)),
    "loss": Watched(red=0, within=(1, 1)),
}
CONSUMED_ALARMS: Mapping[str, Watched] = {
    "deadLetters": Watched(amber=0, within=(1, 1)),
    "silence": Watched(),
}
# And of the service as a whole. Nothing counts launches that fail; each is told.
SERVICE_ALARMS: Mapping[str, Watched] = {
    "bootFailures": Watched(amber=0, period=300, within=(1, 12)),
    "launchFailures": Watched(),
    "outOfMemory": Watched(amber=0, within=(1, 1)),
    "outputErrors": Watched(amber=5, within=(3, 5)),
    "panics": Watched(amber=0, within=(1, 1)),
}
LOG_ALARM = Watched(within=(3, 5))


@dataclass(frozen=True, slots=True)
class OwnAlarm:
    """An alarm that a team has added: on a metric of CloudWatch, or on what a log filter counts.

    `log_filter` ("app", "errors") is a log of the process and a filter of it; without, `namespace` and `metric`
    name the metric. `comparison` is "above" or "below"; `missing` is what a period without data counts as, in
    CloudWatch's words; `says` is what it means for people.
    """

    name: str
    watched: Watched
    says: str
    statistic: str
    comparison: str = "above"
    missing: str = "notBreaching"
    log_filter: tuple[str, str] | None = None
    namespace: str = ""
    metric: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)


# Of an alarm that a team has added, what holds where it says nothing.
OWN_ALARM = Watched(within=(3, 5))
