"""Watched: what a descriptor says of alarms, with what holds where it says nothing.

In: settings, whole or in parts.    Out: Watched by the name of what is watched, without what is switched off; or every
place where something is said of an alarm.
Never: judges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.alarm_types import (
    CONSUMED_ALARMS,
    LOG_ALARM,
    OWN_ALARM,
    PUBLISHED_ALARMS,
    SERVICE_ALARMS,
    Mute,
    OwnAlarm,
    Watched,
)
from compiler.blame import map_at
from compiler.model import Json
from compiler.trace import derive, plain

# Alarms on other alarms, and those whose thresholds stand elsewhere, have none here: nobody has to speak of them.
_COMBINED = {"degraded": Watched(), "down": Watched(), "maxAge": Watched()}
_USUAL = {**PUBLISHED_ALARMS, **CONSUMED_ALARMS, **SERVICE_ALARMS}
# Below these, keys are names of the team's choice and no words of ours.
_NAMED = ("processes", "logs", "filters", "permissions", "publish", "consume", "additions")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said of an alarm: the keys that lead there, and what is said.

    `usual` is what holds where neither the service nor the platform's defaults say something.
    """

    steps: tuple[str, ...]
    words: dict[str, Any]
    usual: Watched

    @property
    def path(self) -> str:
        return ".".join(self.steps)

    @property
    def name(self) -> str:
        return self.steps[-1]

    @property
    def is_own(self) -> bool:
        """Whether the team has added the alarm."""
        return self.steps[-3:-1] == ("alarms", "add")

    @property
    def owner(self) -> str | None:
        """The process whose alarm it is, if it is one's."""
        return self.steps[1] if self.steps[0] == "processes" and self.steps[2] == "alarms" else None

    @property
    def process(self) -> str | None:
        """The process that it is a metric of, if it is one."""
        return None if self.is_own else self.owner


def list_alarms(data: Json) -> Iterator[Place]:
    """List every place of a service's settings where something is said of an alarm."""
    yield from _below(data, (), is_named=False)


def _below(data: Json, steps: tuple[str, ...], *, is_named: bool) -> Iterator[Place]:
    for key, value in data.items() if isinstance(data, dict) else ():
        here = (*steps, key)
        if is_named or key not in ("alarms", "alarm"):
            yield from _below(value, here, is_named=not is_named and key in _NAMED)
        elif key == "alarm" and isinstance(value, dict):
            yield Place(here, value, LOG_ALARM)
        else:
            for name, words in _maps_in(value):
                if name == "add":
                    yield from (Place((*here, name, own), said, OWN_ALARM) for own, said in _maps_in(words))
                else:
                    yield Place((*here, name), words, _USUAL.get(plain(name), Watched()))


def _maps_in(data: Json) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, value in data.items() if isinstance(data, dict) else ():
        if isinstance(value, dict):
            yield key, value


def read_process_alarms(said: Mapping[str, Any]) -> dict[str, Watched]:
    """Read the alarms of a process, whose thresholds are the platform's where the service has none."""
    return _read({name: Watched() for name in said if name != "add"} | _COMBINED, said)


def read_own_alarms(holder: Json) -> tuple[OwnAlarm, ...]:
    """Read the alarms that a team has added to a process, or to a service."""
    return tuple(
        _own(name, words)
        for name, words in sorted(map_at(map_at(holder, "alarms"), "add").items())
        if words.get("enabled") is not False
    )


def _own(name: str, words: Mapping[str, Any]) -> OwnAlarm:
    comparison, metric, found = words.get("comparison", "above"), map_at(words, "metric"), words.get("filter")
    log, _, log_filter = (found or "").partition(".")
    return OwnAlarm(
        name=name,
        watched=_watched(words, OWN_ALARM),
        says=words["says"],
        statistic=words.get("statistic", "Sum"),
        comparison=comparison,
        missing=words.get("missing", derive("breaching" if comparison == "below" else "notBreaching", comparison)),
        log_filter=(derive(log, found), derive(log_filter, found)) if found else None,
        namespace=metric.get("namespace", ""),
        metric=metric.get("name", ""),
        dimensions=metric.get("dimensions", {}),
    )


def read_watched(holder: Json, standard: Mapping[str, Watched]) -> dict[str, Watched]:
    """Read what stands under `alarms` of something; what is not said is as in `standard`."""
    return _read(standard, map_at(holder, "alarms"))


def read_log_alarm(log_filter: Mapping[str, Any]) -> Watched | None:
    """Read what a filter of a log says of its alarm; None where it has none."""
    words = map_at(log_filter, "alarm")
    return None if words.get("enabled") is False else _watched(words, LOG_ALARM)


def _read(standard: Mapping[str, Watched], said: Mapping[str, Any]) -> dict[str, Watched]:
    found = {name: (map_at(said, name), usual) for name, usual in sorted(standard.items())}
    return {name: _watched(words, usual) for name, (words, usual) in found.items() if words.get("enabled") is not False}


def _watched(words: Mapping[str, Any], usual: Watched) -> Watched:
    window, mute = words.get("for"), words.get("mute") or {}
    datapoints, _, periods = (window or "").partition(" of ")
    return Watched(
        amber=words.get("amber", usual.amber),
        red=words.get("red", usual.red),
        period=words.get("period", usual.period),
        within=(derive(int(datapoints), window), derive(int(periods), window)) if window else usual.within,
        runbook=words.get("runbook"),
        mute=Mute(mute["until"], mute["reason"]) if mute else None,
    )
