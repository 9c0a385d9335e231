"""Subscriptions: the events that a service publishes and consumes, held against each other and against what SQS does.

In: the Settings of one environment.    Out: Diagnostics.
Faults: D304, D305, D313; D346 a service contradicts itself about the order of an event; D348 a message is gone before
anybody hears of it; D349 a filter asks two things of one member of a body.
Never: knows what another service publishes; that is for `contracts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.blame import conflict_at, fault_at, is_from_service, map_at, number_at, span_of
from compiler.diagnostics import Diagnostic, Related, suggest
from compiler.events import consumed_events, is_ordered, published_events
from compiler.model import Settings
from compiler.trace import plain

# How often a message is hidden for as long as its handler may take: AWS recommends six times for its own functions.
VISIBILITY = 6


def check_subscriptions(settings: Settings, processes: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Check every event that the service consumes."""
    published = {plain(event): ordered for event, ordered in published_events(settings.data).items()}
    own = plain(settings.data.get("service"))
    for name, event in consumed_events(settings.data).items():
        process = event.get("process")
        if isinstance(process, str) and process not in processes:
            hint = suggest(process, processes) or "name one of " + ", ".join(f"`{item}`" for item in processes)
            message = f"`{name}` is consumed by the process `{process}`, which does not exist"
            yield fault_at("D305", message, process, hint)
        publisher, _, short = name.partition(".")
        if publisher == own and short not in published:
            hint = suggest(short, published) or f"add `{short}` to `messages.publish`"
            yield fault_at("D313", f"`{name}` is consumed here and published by nobody", name, hint)
        elif publisher == own and published[plain(short)] != is_ordered(event):
            yield _contradiction(f"messages.consume.{name}", short, name, is_ordered(event))
        yield from _check_times(name, event)
        yield from _check_filter(name, event)
        yield from _check_silence(name, event)
    for process, data in processes.items():
        for name, permission in map_at(data, "permissions").items():
            said = permission.get("publish") if isinstance(permission, dict) else None
            publisher, _, short = said.partition(".") if isinstance(said, str) else ("", "", "")
            if publisher == own and short in published and published[plain(short)] != is_ordered(permission):
                where = f"processes.{process}.permissions.{name}"
                yield _contradiction(where, short, said, is_ordered(permission))


def _contradiction(where: str, event: str, said: Any, ordered: bool) -> Diagnostic:
    how, hint = ("ordered", "remove `ordered`") if ordered else ("not ordered", "add `ordered: true`")
    message = f"`{event}` is {how} in `{where}`, and this service publishes it otherwise"
    return fault_at("D346", message, said, f"{hint}, or change `messages.publish`")


def _check_times(name: str, event: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Check what has to fit into the time that a queue keeps a message. Where a time is not said, its default fits."""
    where = f"`messages.consume.{name}`"
    retention = number_at(event, "retention") or 4 * 24 * 60 * 60
    timeout, times = number_at(event, "timeout") or 30, number_at(event, "maxReceiveCount") or 5
    said = [value for value in (event.get(key) for key in ("timeout", "maxReceiveCount", "retention")) if value]
    if VISIBILITY * timeout * times >= retention and said:
        message = (
            f"a message that {where} cannot handle is gone after {retention} seconds and never becomes a dead letter:"
            f" {times} times {VISIBILITY * timeout} seconds pass before that"
        )
        blamed = next((value for value in said if is_from_service(value)), said[0])
        yield fault_at("D348", message, blamed, "lower `timeout` or `maxReceiveCount`, or raise `retention`")
    age = number_at(event, "maxAge")
    if age is not None and age >= retention:
        message = f"no message of {where} ever waits for {age} seconds: it is gone after {retention}"
        yield fault_at("D348", message, age, "lower `maxAge`, or raise `retention`")


def _check_silence(name: str, event: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Check the two times without a message against each other."""
    amber, red = number_at(event, "maxSilence"), number_at(map_at(map_at(event, "alarms"), "silence"), "red")
    if amber is not None and red is not None and amber >= red:
        message = f"`maxSilence` {amber} is not below `alarms.silence.red` {red} in `messages.consume.{name}`"
        yield conflict_at("D304", message, (amber, "maxSilence"), (red, "red"))


def _check_filter(name: str, event: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Check that no member of a body is asked for its own value and for what stands below it."""
    wanted = map_at(event, "filter")
    if plain(event.get("filterOn")) != "body":
        return
    for member in wanted:
        above = next((other for other in wanted if member.startswith(f"{other}.")), None)
        if above is not None:
            message = f"`{member}` in `messages.consume.{name}.filter` stands below `{above}`, which has values itself"
            related = (Related("its values are here", span_of(above)),)
            yield Diagnostic("D349", message, span_of(member), "keep one of the two", related=related)
