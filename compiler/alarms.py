"""Alarms: what is said of each of them, and silence that ends on a day.

In: the Settings of one environment, whole or in parts; the commit.    Out: Diagnostics.
Faults: D304, D307, D353 to D357, D359.
Never: asks the clock: what a commit compiles to does not change when a day has passed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.alarm_types import REQUEST_METRICS, Watched, look_back
from compiler.blame import conflict_at, fault_at, is_from_service, map_at, number_at
from compiler.days import a_year_after, day_of, is_day
from compiler.diagnostics import Diagnostic, Span
from compiler.events import consumed_events
from compiler.model import Commit, Json, Said, Settings
from compiler.trace import plain, settings_of
from compiler.watched import Place, list_alarms

# The alarm speaks at fewer, so the worse of two thresholds is the lower one.
_FEWER = ("agentReports", "healthyHosts", "requests")
_OF_QUEUES = ("queueAge", "maxAge", "undeliverable", "inFlight")
_NONE_HAS = {
    "port": ("none has a `port`", "give one a `port`"),
    "own": ("none has a load balancer of its own", "give one `loadBalancer: own`"),
    "queue": ("none consumes an event", "let one consume an event"),
}


def check_alarms(name: str, process: dict[str, Any], *, is_consumer: bool) -> Iterator[Diagnostic]:
    """Check what a process says of each metric against itself and against what the process has."""
    for metric, said in map_at(process, "alarms").items():
        common = bool(_mine(said)) and all(map(_is_common, _mine(said)))
        if common and _lacks(process, metric, is_consumer=is_consumer):
            continue
        where = f"`alarms.{metric}` of `{name}`" if common else f"`processes.{name}.alarms.{metric}`"
        yield from _check_words(where, said, Watched(), is_fewer=metric in _FEWER)
        yield from _check_object(name, process, metric, said, is_consumer=is_consumer)
    yield from _check_hosts(name, process)


def _check_hosts(name: str, process: dict[str, Any]) -> Iterator[Diagnostic]:
    """Compare with as few hosts as there may be at the quietest time at which there is one."""
    scaling, hosts = map_at(process, "scaling"), map_at(map_at(process, "alarms"), "healthyHosts")
    floors = [number_at(each, "min") for each in (scaling, *map_at(scaling, "schedule").values())]
    said = [floor for floor in floors if floor is not None]
    if "port" not in process or not said or hosts.get("enabled") is False:
        return
    least = min([floor for floor in said if floor > 0] or said)
    for color in ("amber", "red"):
        wanted = number_at(hosts, color)
        if wanted is not None and wanted > least:
            whose = f"`{name}`" if _is_common(wanted) else f"`processes.{name}`"
            message = f"{whose} may have {least} host{'s' * (least != 1)}, and {color} speaks at fewer than {wanted}"
            yield conflict_at("D359", message, (wanted, color), (least, "min"), f"lower `{color}` or raise `min`")
    amber, red = number_at(hosts, "amber"), number_at(hosts, "red")
    usual = math.ceil(least / 2)
    if red is None and amber is not None and 0 < amber <= usual and is_from_service(amber):
        message = (
            f"`amber` {amber} is not above `red` of `{name}`, which is {usual} where nobody says it: half of {least}"
        )
        yield fault_at("D304", message, amber, f"raise `amber` above {usual}, or say `red`, too")


def check_others(data: Json) -> Iterator[Diagnostic]:
    """Check what a service says of each alarm that is on no metric of a process."""
    for place in list_alarms(data):
        if place.process is None:
            is_fewer = place.is_own and plain(place.words.get("comparison")) == "below"
            yield from _check_words(f"`{place.path}`", place.words, place.usual, is_fewer=is_fewer)


def _check_words(where: str, words: Json, usual: Watched, *, is_fewer: bool) -> Iterator[Diagnostic]:
    """Check what is said of an alarm against itself, and against what holds where nothing is said."""
    yield from _check_thresholds(where, words, usual, is_fewer=is_fewer)
    yield from _check_window(where, words, usual)


def _check_thresholds(where: str, words: Json, usual: Watched, *, is_fewer: bool) -> Iterator[Diagnostic]:
    said = {color: number_at(words, color) for color in ("amber", "red")}
    amber = usual.amber if said["amber"] is None else said["amber"]
    red = usual.red if said["red"] is None else said["red"]
    if amber is None or red is None or said == {"amber": None, "red": None}:
        return
    if (amber <= red) if is_fewer else (amber >= red):
        fewer, other = ("above", ", which speaks at fewer") if is_fewer else ("below", "")
        message = f"`amber` {amber} is not {fewer} `red` {red} in {where}{other}"
        yield _conflict("D304", message, (said["amber"], "amber"), (said["red"], "red"))


def _check_window(where: str, words: Json, usual: Watched) -> Iterator[Diagnostic]:
    period, window = number_at(words, "period"), words.get("for") if isinstance(words, dict) else None
    if period is not None and period % 60:
        message = f"`period` {period} in {where} is no whole number of minutes, and alarms here look no finer"
        yield fault_at("D354", message, period, f"write {max(60, round(period / 60) * 60)}")
    is_said = isinstance(window, str) and " of " in window
    if period is None and not is_said:
        return
    datapoints, periods = (int(part) for part in plain(window).split(" of ")) if is_said else usual.within
    length = usual.period if period is None else period
    longest = look_back(length)
    if datapoints > periods:
        message = f"{where} waits for {datapoints} of {periods} periods, which never come"
        yield fault_at("D353", message, window, f"write `{periods} of {periods}`, or fewer of them")
    elif periods * length > longest:
        days = "7 days" if longest == look_back(60 * 60) else "a day, or 7 where a period is an hour or more"
        message = f"{where} looks at {periods} periods of {length} seconds, and CloudWatch looks back {days}"
        said = (window if is_said else None, "for"), (period, "period")
        yield _conflict("D354", message, *said, "shorten one of the two")


def _conflict(code: str, message: str, one: tuple[Any, str], other: tuple[Any, str], hint: str = "") -> Diagnostic:
    """Report what contradicts something else, which nobody has said where it is None."""
    if one[0] is None or other[0] is None:
        said, silent = (one, other[1]) if other[0] is None else (other, one[1])
        return fault_at(code, message, said[0], f"change `{said[1]}`, or say `{silent}`, too")
    return conflict_at(code, message, one, other, hint or None)


def _check_object(
    name: str, process: dict[str, Any], metric: str, said: Json, *, is_consumer: bool
) -> Iterator[Diagnostic]:
    lacks = _lacks(process, metric, is_consumer=is_consumer)
    own = next((value for value in _mine(said) if not _is_common(value)), None)
    if own is None or lacks is None:
        return
    where = f"`processes.{name}.alarms.{metric}`"
    if lacks == "queue":
        message, hint = f"{where} has no queue: `{name}` consumes nothing", "let it consume an event, or remove it"
    elif lacks == "port":
        message, hint = f"{where} has no load balancer: `{name}` has no `port`", "give it a `port`, or remove it"
    else:
        message = f"{where} has no load balancer of its own: the platform team watches the shared one"
        hint = "remove it"
    yield fault_at("D307", message, own, hint)


def _lacks(process: dict[str, Any], metric: str, *, is_consumer: bool) -> str | None:
    """Name what a process would have to have for a metric to be one of it: "port", "own" or "queue"; None if it has."""
    if metric in REQUEST_METRICS and "port" not in process:
        return "port"
    if metric == "rejectedConnections" and plain(process.get("loadBalancer")) == "shared":
        return "own"
    return "queue" if metric in _OF_QUEUES and not is_consumer else None


# What holds for all processes


def check_common(settings: Mapping[str, Settings]) -> Iterator[Diagnostic]:
    """Check that what a service says of a metric of all its processes is about one of them, in any environment.

    `settings` are those of every environment that the service describes.
    """
    words: dict[Span, tuple[str, str | None]] = {}
    for each in settings.values():
        consumers = {plain(event.get("process")) for event in consumed_events(each.data).values()}
        for name, process in map_at(each.data, "processes").items():
            for metric, said in map_at(process, "alarms").items():
                lacks = _lacks(process, metric, is_consumer=name in consumers)
                for span in _common_words(said):
                    _, before = words.get(span, (metric, lacks))
                    words[span] = (metric, before and lacks)
    told: set[str] = set()
    for span, (metric, lacks) in words.items():
        if lacks is not None and metric not in told:
            told.add(metric)
            why, hint = _NONE_HAS[lacks]
            yield Diagnostic("D307", f"`alarms.{metric}` is about no process: {why}", span, f"{hint}, or remove it")


def _mine(said: Json) -> list[Any]:
    """Return those words about a metric that the team has said."""
    return [value for value in (said.values() if isinstance(said, dict) else ()) if is_from_service(value)]


def _is_common(value: Json) -> bool:
    """Tell whether a word holds for all processes that say nothing else."""
    return all(_is_of_all(setting.history[-1]) for setting in settings_of(value))


def _is_of_all(said: Said) -> bool:
    inside = said.pointer[2:] if said.pointer[:1] == ("environments",) else said.pointer
    return inside[:1] == ("alarms",)


def _common_words(said: Json) -> Iterator[Span]:
    for setting in settings_of(said):
        for word in setting.history:
            if word.origin.layer == "service" and _is_of_all(word):
                yield word.origin.span


def place_of(place: Place, word: Json) -> str:
    """Name the map that a word about an alarm stands in: where it holds, or where it is said of all processes."""
    return f"alarms.{place.name}" if place.process is not None and _is_common(word) else place.path


# Mutes


def check_mutes(settings: Settings, commit: Commit | None) -> Iterator[Diagnostic]:
    """Check the last day of each mute, against that of the commit where there is one."""
    for place in list_alarms(settings.data):
        mute = map_at(place.words, "mute")
        # What is missing or has another form was reported before.
        if isinstance(until := mute.get("until"), str) and settings_of(until):
            yield from _check_day(f"`{place_of(place, until)}`", mute, commit)


def _check_day(where: str, mute: Mapping[str, Any], commit: Commit | None) -> Iterator[Diagnostic]:
    until = mute["until"]
    if not is_day(until):
        yield fault_at("D356", f"{where} is muted until {until}, a day that does not exist", until, "name another")
    elif commit is None:
        message = f"{where} is muted unchecked: no git commit tells whether {until} is past"
        yield fault_at("D357", message, until, "commit the repository to git", "warning")
    elif until < day_of(commit):
        message = f"the mute of {where} ended on {until}, and this commit is of {day_of(commit)}"
        yield fault_at("D355", message, until, "remove `mute`, or name a later day if the reason still holds")
    elif until > (latest := a_year_after(day_of(commit))):
        message = f"{where} is muted for too long: {until} is more than a year after this commit of {day_of(commit)}"
        yield fault_at("D356", message, until, f"name a day until {latest}, or switch it off with `enabled: false`")
