"""Own alarms: what a team says of alarms that it has added, held against what CloudWatch has and what it could mean.

In: the data of the Settings of one environment.    Out: Diagnostics.
Faults: D384 to D389.
Never: knows whether anybody sends a metric.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.alarm_types import OWN_ALARM
from compiler.blame import fault_at, map_at, span_of
from compiler.diagnostics import Diagnostic, Related, suggest
from compiler.model import Json
from compiler.service import STANDARD_FILTER
from compiler.trace import plain, settings_of
from compiler.watched import Place, list_alarms

# What alarms of a process, or of a service, are called already: ids of theirs would be the same, or look it.
METRICS = (
    *("cpu", "memory", "disk", "agentReports", "statusChecks", "capacity", "missingInstances", "latency", "errors"),
    *("requests", "healthyHosts", "unhealthyHosts", "connectionErrors", "rejectedConnections", "queueAge", "maxAge"),
    *("undeliverable", "inFlight", "down", "degraded", "bootFailures", "outOfMemory", "outputErrors"),
    *("panics", "launchFailures"),
)
STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")
_PERCENTILE = re.compile(r"p(?:[1-9][0-9]?(?:\.[0-9]{1,2})?|0\.[0-9]?[1-9])")
_ALMOST_PERCENTILE = re.compile(r"[pP]([1-9][0-9])\.?([0-9]{0,2})(?:th)?")
_OTHER_WORDS = {
    "avg": "Average",
    "mean": "Average",
    "count": "SampleCount",
    "total": "Sum",
    "median": "p50",
    "p0": "Minimum",
    "p100": "Maximum",
}
# What tells two alarms on the same thing from each other.
_WINDOW = ("statistic", "comparison", "period", "for", "missing")


def check_own_alarms(data: Json) -> Iterator[Diagnostic]:
    """Check each alarm that a team has added, and those of one process or of the service beside each other."""
    seen: dict[tuple[object, ...], Place] = {}
    for place in list_alarms(data):
        if not place.is_own:
            continue
        yield from _check_name(place)
        if place.words.get("enabled") is False:
            continue
        yield from _check_object(place, data)
        yield from _check_statistic(place)
        first = seen.setdefault(_asked(place), place)
        if first is not place and _is_whole(place):
            message = f"`{place.path}` says of the same thing what `{first.name}` says"
            related = (Related(f"`{first.name}` stands here", span_of(first.name)),)
            hint = "remove one of the two, or give `amber` and `red` to one of them"
            yield Diagnostic("D389", message, span_of(place.name), hint, related=related)


def _check_name(place: Place) -> Iterator[Diagnostic]:
    taken = next((metric for metric in METRICS if metric.casefold() == place.name.replace("-", "")), None)
    if taken is not None:
        message = f"`{place.path}` is called like `{taken}`, on which the platform has alarms"
        hint = f"turn those with `{'.'.join(place.steps[:-2])}.{taken}`, or choose another name"
        yield fault_at("D388", message, place.name, hint)


def _check_object(place: Place, data: Json) -> Iterator[Diagnostic]:
    wanted, metric = place.words.get("filter"), map_at(place.words, "metric")
    if wanted is None and "metric" not in place.words:
        message = f"`{place.path}` is about nothing"
        hint = "add `metric: {namespace: ..., name: ...}`, or `filter: <log>.<filter>`"
        yield fault_at("D386", message, place.name, hint)
    elif wanted is not None and metric:
        message = f"`{place.path}` is about two things, a `filter` and a `metric`"
        yield fault_at("D386", message, wanted, "choose one of the two")
    elif wanted is not None:
        yield from _check_filter(place, wanted, data)
    namespace = metric.get("namespace")
    if isinstance(namespace, str) and namespace.startswith("AWS/") and not metric.get("dimensions"):
        message = f"`{namespace}` in `{place.path}` has no metric without dimensions that is this service's"
        yield fault_at("D385", message, namespace, "add `dimensions: {...}`, all that AWS sends the metric with")


def _check_filter(place: Place, wanted: Any, data: Json) -> Iterator[Diagnostic]:
    if not isinstance(wanted, str):  # which was said before
        return
    if place.owner is None:
        message = f"`{plain(wanted)}` in `{place.path}` is a filter of no process: the alarm is the service's"
        yield fault_at("D387", message, wanted, "write the alarm under `processes.<process>.alarms.add`")
        return
    logs = map_at(map_at(map_at(data, "processes"), place.owner), "logs")
    known = [
        f"{log}.{name}" for log, said in logs.items() for name in map_at(said, "filters") or (STANDARD_FILTER.name,)
    ]
    is_default = settings_of(wanted)[0].origin.layer in ("platform", "environment")
    if plain(wanted) not in known and not is_default:  # of a default, processes without the filter make nothing
        message = f"`{place.owner}` has no log filter `{plain(wanted)}`, which `{place.path}` is about"
        log, _, name = plain(wanted).partition(".")
        hint = suggest(wanted, known) or f"add it: `logs: {{{log}: {{filters: {{{name}: ...}}}}}}`"
        yield fault_at("D387", message, wanted, hint)


def _check_statistic(place: Place) -> Iterator[Diagnostic]:
    said = place.words.get("statistic")
    if isinstance(said, str) and said != "Sum" and "filter" in place.words and "metric" not in place.words:
        message = f"`statistic` in `{place.path}` is `{said}`, and each line that a filter finds counts as 1"
        yield fault_at("D384", message, said, "leave it out: lines are added up")
    elif isinstance(said, str) and said not in STATISTICS and not _PERCENTILE.fullmatch(said):
        message = f"`statistic` in `{place.path}` is `{said}`, which no alarm knows"
        hint = _near(plain(said)) or f"use one of {', '.join(f'`{each}`' for each in STATISTICS)}, or such as `p99.9`"
        yield fault_at("D384", message, said, hint)


def _near(said: str) -> str | None:
    word = _OTHER_WORDS.get(said.casefold())
    if word is None and (found := _ALMOST_PERCENTILE.fullmatch(said)):
        word = f"p{found[1]}.{found[2]}".rstrip(".")
    return f"write `{word}`" if word else suggest(said, STATISTICS)


def _asked(place: Place) -> tuple[object, ...]:
    """What an alarm is about and how it looks at that; its thresholds are no part of it."""
    metric: Mapping[str, Any] = plain(map_at(place.words, "metric"))
    thing = (metric.get("namespace"), metric.get("name"), *sorted((metric.get("dimensions") or {}).items()))
    words = plain(place.words)
    usual = {
        "statistic": "Sum",
        "comparison": "above",
        "period": OWN_ALARM.period,
        "for": "{} of {}".format(*OWN_ALARM.within),
        "missing": "breaching" if words.get("comparison") == "below" else "notBreaching",
    }
    return place.owner, words.get("filter"), thing, *(words.get(key, usual[key]) for key in _WINDOW)


def _is_whole(place: Place) -> bool:
    return "filter" in place.words or {"namespace", "name"} <= map_at(place.words, "metric").keys()
