"""Report, changes: how one change of a diff is named and written, wherever it is shown.

In: Changes.    Out: words, and values on one line.
Never: shows a credential, or much more of a value than was asked for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from compiler.changes import Change, Diff
from compiler.model import Origin
from compiler.pointer import write_pointer
from compiler.report_safe import escape_text, mask_text, place_path
from compiler.risk import NAMES, RISKS, VERDICTS_IN_WORDS, find_effect, find_risks
from compiler.wording import write_both, write_value


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
        place = change.file.removeprefix(f"{change.environment}/"), write_line(change, "")
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
    """Say in one word what happened to a thing: what is added to or removed from it changes it."""
    is_whole = not change.path[2:] if change.logical_id is not None else not change.path
    return "renamed" if change.renamed_to else change.kind if is_whole else "changed"


def name_risks(change: Change) -> dict[str, str]:
    """Name each risk of a change in words, the worst first; what concerns security says what of it.

    >>> name_risks(Change("", "", (), "added", None, None, behavior="replacement", security=("iam-widened",)))
    {'replacement': 'replacement', 'security': 'security: iam widened'}
    """
    labels = ", ".join(label.replace("-", " ") for label in change.security)
    return {risk: f"security: {labels}" if risk == "security" else NAMES[risk] for risk in find_risks(change)}


def write_difference(change: Change, limit: int) -> str:
    """Say what happened to a place, with its values as `write_values` writes them."""
    before, after = write_values(change, limit)
    return {"added": f"added {after}", "removed": f"removed {before}"}.get(change.kind, f"{before} → {after}")


def write_values(change: Change, limit: int) -> tuple[str, str]:
    """Write both values of a change as JSON, each in about `limit` characters, among them where they differ."""
    if change.kind == "changed":
        before, after = write_both(change.before, change.after, limit)
    else:
        before, after = (write_value(value, limit) for value in (change.before, change.after))
    return escape_text(before), escape_text(after)


def find_line(change: Change) -> Origin | None:
    """Find where a person would look: the line of the service that a change is due to, else that of the last word."""
    found = change.cause or change.origin
    return found if found is not None and found.span.path else None


def name_version(change: Change) -> str:
    """Say where the line of a change is not in the files as they are now."""
    return "in the old version at" if change.kind == "removed" else "at"


def write_line(change: Change, prefix: str) -> str:
    """Write the file and line of a change; the empty text where there is none."""
    found = find_line(change)
    return f"{escape_text(place_path(found.span.path, prefix))}:{found.span.line}" if found else ""


def count_risks(changes: Iterable[Change]) -> Mapping[str, int]:
    """Count the changes by the worst that each does, the worst first, and beside that those that concern security.

    What nothing does is left out.
    """
    counts: Counter[str] = Counter()
    for change in changes:
        effect = find_effect(change)
        counts.update([effect] if effect != "other" or not change.security else [])
        counts.update(["security"] if change.security else [])
    return {risk: counts[risk] for risk in (*RISKS, "other") if counts[risk]}


def rank_change(change: Change) -> int:
    """Give what is worse the lower rank."""
    return [*RISKS, "other"].index(next(iter(find_risks(change)), "other"))


def sum_up(diff: Diff) -> str:
    """Say in a line what deploying a diff means, such as `Data is lost: 1 data loss, 3 may replace, 5 other`."""
    counts = count_risks(diff.changes)
    if set(counts) == {"other"}:
        return f"{VERDICTS_IN_WORDS[diff.verdict]}: {counts['other']}"
    said = ", ".join(f"{number} {NAMES[risk]}" for risk, number in counts.items())
    return f"{VERDICTS_IN_WORDS[diff.verdict]}{': ' if said else ''}{said}"
