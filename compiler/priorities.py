"""Priorities: give rules on shared load balancers the places that `flagstone.lock` has for them, or choose some.

In: the Settings of every environment, the Lock.    Out: Settings in which no priority is left to chance.
Never: moves a rule that has a place, or knows the rules of other services, which are compared at publication.

A place follows from the names of service and process, so that whoever locks first writes the same. Rules for some paths
come before rules for all, since the first that matches takes the request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from compiler.blame import map_at, number_at
from compiler.model import Json, Lock, Origin, Said, Setting, Settings
from compiler.trace import plain, settings_of, trace_value

_WITH_PATHS, _WITHOUT_PATHS = range(1_000, 25_000), range(25_000, 50_000)


def fill_priorities(settings: Mapping[str, Settings], lock: Lock | None, *, choose: bool) -> dict[str, Settings]:
    """Fill in the priorities of the lock, and with `choose` new ones where it has none. Keyed by environment."""
    recorded = lock.priorities if lock else {}
    places = {**recorded, **(_choose(settings, recorded) if choose else {})}
    return {name: _fill(each, places, lock) for name, each in settings.items()}


def list_priorities(settings: Mapping[str, Settings]) -> dict[str, int]:
    """Map each process whose priority nobody wrote into `service.yml` to what was filled in."""
    found = {}
    for each in settings.values():
        for name, process in map_at(each.data, "processes").items():
            priority = number_at(map_at(process, "routing"), "priority")
            if priority is not None and settings_of(priority)[0].origin.layer == "lock":
                found[plain(name)] = plain(priority)
    return {name: found[name] for name in sorted(found)}


def _choose(settings: Mapping[str, Settings], recorded: Mapping[str, int]) -> dict[str, int]:
    wanted: dict[str, bool] = {}
    taken = set(recorded.values())
    service = ""
    for each in settings.values():
        service = str(plain(each.data.get("service", "")))
        for process in map_at(each.data, "processes").values():
            taken.add(number_at(map_at(process, "routing"), "priority"))
        for name, process in _without_priority(each):
            if name not in recorded:
                wanted[name] = wanted.get(name, False) or bool(map_at(process, "routing").get("paths"))
    chosen: dict[str, int] = {}
    for name in sorted(wanted):
        places = _WITH_PATHS if wanted[name] else _WITHOUT_PATHS
        start = int(hashlib.sha256(f"{service}/{name}".encode()).hexdigest(), 16)
        chosen[name] = next(
            place for step in range(len(places)) if (place := places[(start + step) % len(places)]) not in taken
        )
        taken.add(chosen[name])
    return chosen


def _without_priority(settings: Settings) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for name, process in map_at(settings.data, "processes").items():
        is_shared = isinstance(process, dict) and plain(process.get("loadBalancer")) == "shared"
        if is_shared and number_at(map_at(process, "routing"), "priority") is None:
            yield plain(name), process


def _fill(settings: Settings, places: Mapping[str, int], lock: Lock | None) -> Settings:
    lacking = {name for name, _ in _without_priority(settings)} & places.keys()
    if not lacking:
        return settings
    processes: dict[str, Any] = {}
    for name, process in map_at(settings.data, "processes").items():
        if plain(name) in lacking:
            priority = _traced(name, places[plain(name)], lock)
            process = {**process, "routing": {**map_at(process, "routing"), "priority": priority}}
        processes[name] = process
    return replace(settings, data={**settings.data, "processes": processes})


def _traced(name: str, place: int, lock: Lock | None) -> int:
    pointer = ("priorities", plain(name))
    is_recorded = lock is not None and plain(name) in lock.priorities
    span = lock.document.value_span(pointer) if lock and is_recorded else settings_of(name)[0].origin.span
    said = Said(Origin("lock", span), place, pointer)
    return trace_value(place, Setting(("processes", plain(name), "routing", "priority"), (said,)))
