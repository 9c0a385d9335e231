"""Report, changes: how one change of a diff is named and written, wherever it is shown.

In: Changes.    Out: words, and values as one line of JSON.
Never: shows a credential, or more of a value than was asked for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from compiler.changes import Change, Diff
from compiler.model import Json, Origin
from compiler.pointer import write_pointer
from compiler.report_safe import escape_text, mask_data, mask_text, place_path
from compiler.risk import NAMES, RISKS, VERDICTS_IN_WORDS, worst_risk


@dataclass(frozen=True, slots=True)
class Seen:
    """A change with all environments in which it is the same."""

    change: Change
    environments: tuple[str, ...]


def fold_changes(changes: Iterable[Change]) -> list[Seen]:
    """Say once what is the same change in several environments, in the order of the first of each."""
    found: dict[str, tuple[Change, list[str]]] = {}
    for change in changes:
        words = [change.path, change.kind, change.before, change.after, change.logical_id, change.type]
        words += [change.renamed_to, change.behavior, change.is_data_loss, change.security, change.reasons]
        place = change.file.removeprefix(f"{change.environment}/"), write_origin(change.origin, "")
        key = json.dumps([*words, place], default=str)
        found.setdefault(key, (change, []))[1].append(change.environment)
    return [Seen(change, tuple(filter(None, environments))) for change, environments in found.values()]


def name_thing(change: Change) -> str:
    """Name what a change is about: a logical id, with the new one behind it, or a file."""
    if change.logical_id is None:
        return mask_text(change.file)
    return mask_text(f"{change.logical_id} -> {change.renamed_to}" if change.renamed_to else change.logical_id)


def name_place(change: Change) -> str:
    """Name the place of a change within its thing; the empty text where it is the whole thing."""
    below = change.path[2:] if change.logical_id is not None else change.path
    return mask_text(write_pointer(below))


def name_kind(change: Change) -> str:
    """Say in one word what happened to a place."""
    return "renamed" if change.renamed_to else change.kind


def write_value(value: Json, limit: int) -> str:
    """Write a value as one line of JSON; where that is longer than `limit` characters, it says how much is missing."""
    text = json.dumps(mask_data(value), ensure_ascii=False, default=str)
    more = f"… ({len(text) - limit} more characters)" if len(text) > limit else ""
    return escape_text(text[:limit]) + more


def write_origin(origin: Origin | None, prefix: str) -> str:
    """Write the file and line of an origin; the empty text where there is none."""
    return f"{escape_text(place_path(origin.span.path, prefix))}:{origin.span.line}" if origin else ""


def count_risks(diff: Diff) -> Mapping[str, int]:
    """Count the changes by their worst risk, the worst first; risks that nothing has are left out."""
    counts: Counter[str] = Counter(worst_risk(change) for change in diff.changes)
    return {risk: counts[risk] for risk in (*RISKS, "other") if counts[risk]}


def sum_up(diff: Diff) -> str:
    """Say in a line what deploying a diff means, such as `Data is lost: 1 data loss, 3 may replace`."""
    counts = ", ".join(f"{number} {NAMES[risk]}" for risk, number in count_risks(diff).items())
    return f"{VERDICTS_IN_WORDS[diff.verdict]}: {counts}" if counts else VERDICTS_IN_WORDS[diff.verdict]
