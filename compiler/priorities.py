"""Priorities: give rules on shared load balancers the places that `flagstone.lock` has for them, or choose some.

In: the Settings of every environment, the Lock.    Out: Settings in which no priority is left to chance.
Never: moves a rule that has a place, or knows the rules of other services, which are compared at publication.

A place follows from the names of service and process, so that whoever locks first writes the same. Since the first rule
that matches takes the request, rules for some paths come before rules for all, and a rule before each whose requests
include its own. Where the places of others leave no room for that, D343 tells.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from compiler.blame import map_at, number_at
from compiler.listening import read_rule
from compiler.model import Json, Lock, Origin, Said, Setting, Settings
from compiler.trace import plain, settings_of, trace_value

_FOR_SOME, _FOR_ALL = range(1_000, 25_000), range(25_000, 50_000)
_END = 50_001  # behind the last that AWS takes


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
    is_broad: dict[str, bool] = {}
    fixed: dict[str, set[int]] = {name: {place} for name, place in recorded.items()}
    service = ""
    for each in settings.values():
        service = str(plain(each.data.get("service", "")))
        for name, process in map_at(each.data, "processes").items():
            if (place := number_at(map_at(process, "routing"), "priority")) is not None:
                fixed.setdefault(plain(name), set()).add(plain(place))
        for name, process in _without_priority(each):
            rule = read_rule(process)
            if name not in recorded and rule is not None:
                is_broad[name] = is_broad.get(name, True) and rule.is_for_all_paths
    order = _order(settings)
    taken = {place for places in fixed.values() for place in places}
    chosen: dict[str, int] = {}
    for name in sorted(is_broad):
        lowest = max((place for first, then in order if then == name for place in fixed.get(first, ())), default=0)
        highest = min((place for first, then in order if first == name for place in fixed.get(then, ())), default=_END)
        start = int(hashlib.sha256(f"{service}/{name}".encode()).hexdigest(), 16)
        band = _FOR_ALL if is_broad[name] else _FOR_SOME
        between = range(max(band.start, lowest + 1), min(band.stop, highest))
        places = (between, range(lowest + 1, highest), band)
        chosen[name] = next(place for each in places for place in _round(each, start) if place not in taken)
        taken.add(chosen[name])
    return _arrange(chosen, order)


def _round(places: range, start: int) -> Iterator[int]:
    for step in range(len(places)):
        yield places[(start + step) % len(places)]


def _order(settings: Mapping[str, Settings]) -> frozenset[tuple[str, str]]:
    """Pair each process with those that would take all its requests if they came first, in some environment.

    What follows from two pairs is a pair. Where environments contradict each other, there is none.
    """
    pairs: set[tuple[str, str]] = set()
    names: set[str] = set()
    for each in settings.values():
        processes = map_at(each.data, "processes").items()
        rules = {plain(name): rule for name, said in processes if isinstance(said, dict) and (rule := read_rule(said))}
        names |= rules.keys()
        for (first, one), (then, other) in itertools.permutations(rules.items(), 2):
            if other.covers(one) and not one.covers(other):
                pairs.add((first, then))
    for between, first, then in itertools.product(sorted(names), repeat=3):
        if (first, between) in pairs and (between, then) in pairs:
            pairs.add((first, then))
    return frozenset((first, then) for first, then in pairs if (then, first) not in pairs)


def _arrange(places: Mapping[str, int], order: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Exchange places until each process comes before those that it has to come before."""
    found = dict(places)
    pairs = sorted((first, then) for first, then in order if first in found and then in found)
    while wrong := [(first, then) for first, then in pairs if found[first] > found[then]]:
        first, then = wrong[0]
        found[first], found[then] = found[then], found[first]
    return found


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
