"""Alarms: what is said of one metric of a process, and silence that ends on a day.

In: the Settings of one environment, whole or in parts; the commit.    Out: Diagnostics.
Faults: D304, D307, D353 to D357, D359.
Never: asks the clock: what a commit compiles to does not change when a day has passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.blame import conflict_at, fault_at, is_from_service, map_at, number_at
from compiler.days import a_year_after, day_of, is_day
from compiler.diagnostics import Diagnostic, Span
from compiler.events import consumed_events
from compiler.model import Commit, Json, Said, Settings
from compiler.service import REQUEST_METRICS, look_back
from compiler.trace import plain, settings_of

# The alarm speaks at fewer, so the worse of two thresholds is the lower one.
_FEWER = ("agentReports", "healthyHosts")
_OF_QUEUES = ("queueAge", "maxAge")
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
        yield from _check_thresholds(where, said, is_fewer=metric in _FEWER)
        yield from _check_window(where, said)
        yield from _check_object(name, process, metric, said, is_consumer=is_consumer)
    least, hosts = number_at(map_at(process, "scaling"), "min"), map_at(map_at(process, "alarms"), "healthyHosts")
    for color in ("amber", "red"):
        wanted = number_at(hosts, color)
        if wanted is not None and least is not None and wanted > least and "port" in process:
            whose = f"`{name}`" if _is_common(wanted) else f"`processes.{name}`"
            message = f"{whose} may have {least} hosts, and {color} speaks at fewer than {wanted}"
            yield conflict_at("D359", message, (wanted, color), (least, "min"), f"lower `{color}` or raise `min`")


def _check_thresholds(where: str, said: Json, *, is_fewer: bool) -> Iterator[Diagnostic]:
    amber, red = number_at(said, "amber"), number_at(said, "red")
    if amber is None or red is None:
        return
    if not is_fewer and amber >= red:
        message = f"`amber` {amber} is not below `red` {red} in {where}"
        yield conflict_at("D304", message, (amber, "amber"), (red, "red"))
    if is_fewer and amber <= red:
        message = f"`amber` {amber} is not above `red` {red} in {where}, which speaks at fewer"
        yield conflict_at("D304", message, (amber, "amber"), (red, "red"))


def _check_window(where: str, said: Json) -> Iterator[Diagnostic]:
    period, window = number_at(said, "period"), said.get("for") if isinstance(said, dict) else None
    if period is not None and period % 60:
        message = f"`period` {period} in {where} is no whole number of minutes, and no metric here is finer"
        yield fault_at("D354", message, period, f"write {max(60, round(period / 60) * 60)}")
    if not isinstance(window, str) or " of " not in window:
        return
    datapoints, periods = (int(part) for part in plain(window).split(" of "))
    if datapoints > periods:
        message = f"{where} waits for {datapoints} of {periods} periods, which never come"
        yield fault_at("D353", message, window, f"write `{periods} of {periods}`, or fewer of them")
    elif period is not None:
        longest = look_back(period)
        if periods * period > longest:
            days = "7 days" if longest == look_back(60 * 60) else "a day, or 7 where a period is an hour or more"
            message = f"{where} looks at {periods} periods of {period} seconds, and CloudWatch looks back {days}"
            yield conflict_at("D354", message, (window, "for"), (period, "period"), "shorten one of the two")


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


def place_of(name: str, metric: str, word: Json) -> str:
    """Name the map that a word about a metric stands in: that of a process, or of all."""
    return f"alarms.{metric}" if _is_common(word) else f"processes.{name}.alarms.{metric}"


# Mutes


def check_mutes(settings: Settings, commit: Commit | None) -> Iterator[Diagnostic]:
    """Check the last day of each mute, against that of the commit where there is one."""
    for name, process in map_at(settings.data, "processes").items():
        for metric, said in map_at(process, "alarms").items():
            mute = map_at(said, "mute")
            # What is missing or has another form was reported before.
            if isinstance(until := mute.get("until"), str) and settings_of(until):
                where = f"`{place_of(name, metric, until)}`"
                yield from _check_day(where, mute, commit)


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
