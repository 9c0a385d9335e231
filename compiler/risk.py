"""Risk: what a person should look at before a change is deployed, and what a pipeline is told to stop.

In: a Change, and a level that somebody asks to stop at.    Out: its risks, whether it reaches the level.
Never: judges a change; `behavior` and `security` did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # the command line names levels in its help, and has no change to look at
    from compiler.changes import Change

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

# How many changes do the worst of all, and how many do something else.
VERDICTS_IN_WORDS: Mapping[str, str] = {
    "data-loss": "Data is lost by",
    "replacement": "Resources are replaced by",
    "conditional": "Resources may be replaced by",
    "interruption": "Resources are interrupted by",
    "security": "Nothing is interrupted, but access or protection changes by",
    "other": "Nothing is interrupted by",
}
COUNTED: Mapping[str, str] = {
    "replacement": "replacement",
    "conditional": "possible replacement",
    "security": "security finding",
    "interruption": "interruption",
    "other": "other change",
}
NAMES: Mapping[str, str] = {
    "data-loss": "data loss",
    "replacement": "replacement",
    "conditional": "may replace",
    "security": "security",
    "interruption": "interruption",
    "other": "other",
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
