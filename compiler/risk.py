"""Risk: what a person should look at before a change is deployed, and what a pipeline is told to stop.

In: a Change, and a level that somebody asks to stop at.    Out: its risks, whether it reaches the level.
Never: judges a change; `behavior` and `security` did.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    "other": "other",
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


def find_effect(change: Change) -> str:
    """Name the worst that deploying a change does, security apart; `other` where nobody notices it."""
    return next((risk for risk in find_risks(change) if risk != "security"), "other")


def reaches_level(change: Change, level: Level) -> bool:
    """Tell whether a change is what a level asks to stop, or worse; what may replace counts as a replacement."""
    return level == "change" or not _STOPPED[level].isdisjoint(find_risks(change))
