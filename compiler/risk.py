"""Risk: what a person should look at before a change is deployed, and what a pipeline is told to stop.

In: a Change, and a level that somebody asks to stop at.    Out: its risks, whether it reaches the level.
Never: judges a change; `behavior` and `security` did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from compiler.changes import Change, Verdict

Risk = Literal["data-loss", "replacement", "conditional", "security", "interruption"]
Level = Literal["change", "interruption", "replacement", "data-loss", "security"]

RISKS: tuple[Risk, ...] = ("data-loss", "replacement", "conditional", "security", "interruption")  # the worst first
LEVELS: tuple[Level, ...] = ("change", "interruption", "replacement", "data-loss", "security")
_STOPPED: Mapping[Level, frozenset[Risk]] = {
    "interruption": frozenset({"interruption", "conditional", "replacement", "data-loss"}),
    "replacement": frozenset({"conditional", "replacement", "data-loss"}),
    "data-loss": frozenset({"data-loss"}),
    "security": frozenset({"security"}),
}

NAMES: Mapping[str, str] = {
    "data-loss": "data loss",
    "replacement": "replacement",
    "conditional": "may replace",
    "security": "security",
    "interruption": "interruption",
    "other": "no interruption",
}
VERDICTS_IN_WORDS: Mapping[Verdict, str] = {
    "unchanged": "Nothing changes",
    "changed": "Changes without interruption",
    "interruption": "Some resources are interrupted",
    "conditional": "Some resources may be replaced",
    "replacement": "Some resources are replaced",
    "data-loss": "Data is lost",
}


def find_risks(change: Change) -> tuple[Risk, ...]:
    """List what is risky about a change, the worst first; nothing where a deployment does not notice it."""
    found: set[str] = {change.behavior}
    if change.is_data_loss:
        found.add("data-loss")
    if change.security:
        found.add("security")
    return tuple(risk for risk in RISKS if risk in found)


def worst_risk(change: Change) -> Risk | Literal["other"]:
    """Return the worst of a change's risks, `other` where it has none."""
    return next(iter(find_risks(change)), "other")


def reaches_level(change: Change, level: Level) -> bool:
    """Tell whether a change is what a level asks to stop, or worse; what may replace counts as a replacement."""
    return level == "change" or not _STOPPED[level].isdisjoint(find_risks(change))


def order_by_risk(changes: Iterable[Change]) -> list[Change]:
    """Put the worst first; among equals the order stays."""
    return sorted(changes, key=lambda change: [*RISKS, "other"].index(worst_risk(change)))
