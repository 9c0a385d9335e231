"""Report, changes: how one change of a diff is named and written, wherever it is shown.

In: Changes.    Out: words, and values on one line.
Never: shows a credential, or much more of a value than was asked for.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from compiler.changes import Change, Diff
from compiler.model import Origin, value_at
from compiler.pointer import write_pointer
from compiler.report_safe import escape_text, mask_text, place_path
from compiler.risk import COUNTED, NAMES, RISKS, VERDICTS_IN_WORDS, find_effect, find_risks
from compiler.wording import count_things, write_both, write_value


@dataclass(frozen=True, slots=True)
class Seen:
    """A change with all environments in which it is the same."""

    change: Change
    environments: tuple[str, ...]


def fold_changes(changes: Iterable[Change]) -> list[Seen]:
    """Say once what is the same change in several environments but for their names, in the order of the first of each.

    The values shown are those of the first environment.
    """
    found: dict[str, tuple[Change, list[str]]] = {}
    for change in changes:
        words = [change.path, change.kind, change.before, change.after, change.logical_id, change.type]
        words += [change.renamed_to, change.behavior, change.is_data_loss, change.security, change.sentences]
        place = change.file.removeprefix(f"{change.environment}/"), write_line(change, "")
        key = json.dumps([*words, place], default=str)
        if change.environment:
            key = re.sub(rf"(?<![^\W_]){re.escape(json.dumps(change.environment)[1:-1])}(?![^\W_])", "\0", key)
        found.setdefault(key, (change, []))[1].append(change.environment)
    return [Seen(change, tuple(filter(None, environments))) for change, environments in found.values()]


def name_thing(change: Change) -> str:
    """Name what a change is about: a logical id, with the new one behind it, or a file."""
    if change.logical_id is None:
        return mask_text(change.environment if is_first(change) else change.file)
    return mask_text(f"{change.logical_id} -> {change.renamed_to}" if change.renamed_to else change.logical_id)


def name_place(change: Change) -> str:
    """Name the place of a change within its thing; the empty text where it is the whole thing."""
    below = change.path[2:] if change.logical_id is not None else change.path
    return mask_text(write_pointer(below))


def name_kind(change: Change) -> str:
    """Say in a word what happened to a thing: what is added to or removed from it changes it."""
    if is_first(change):
        return "first deployment"
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


def find_worst(diff: Diff) -> str:
    """Name the worst of a diff for its color: a risk, `new` where stacks come whole, `other`, or `unchanged`.

    What is said of a diff calms nobody about security because nothing is interrupted.
    """
    changes = [change for change in diff.changes if not is_first(change)]
    if not changes:
        return "new" if diff.changes else "unchanged"
    effects = [effect for effect in map(find_effect, changes) if effect != "other"]
    if effects:
        return min(effects, key=list[str](RISKS).index)
    return "security" if any(change.security for change in changes) else "other"


def sum_up(diff: Diff) -> str:
    """Say in a line what deploying a diff means, such as `Data is lost by 1 change; also 2 security findings`."""
    first = [change for change in diff.changes if is_first(change)]
    said = [_sum_up_changes(diff, [change for change in diff.changes if not is_first(change)])]
    if first:
        names = join_words([change.environment for change in first])
        number = sum(sum(count_types(change).values()) for change in first)
        said.append(f"First deployment of {names}: {count_things(number, 'resource')} to create")
    return ". ".join(filter(None, said)) or "Nothing changes"


def _sum_up_changes(diff: Diff, changes: Sequence[Change]) -> str:
    worst = find_worst(diff)
    counts = dict(count_risks(changes))
    if worst not in counts:
        return ""
    most = f"{VERDICTS_IN_WORDS[worst]} {count_things(counts.pop(worst), 'change')}"
    others = ", ".join(count_things(number, COUNTED[risk]) for risk, number in counts.items())
    return f"{most}; also {others}" if others else most


def is_first(change: Change) -> bool:
    """Tell whether a change is that a whole stack comes, which is no change to anything that is there."""
    return change.kind == "added" and not change.path and bool(change.environment)


def count_types(change: Change) -> Mapping[str, int]:
    """Count the resources of a stack that comes or goes by type, the most frequent first."""
    template = change.after if change.after is not None else change.before
    resources = value_at(template, ("Resources",))
    bodies = resources.values() if isinstance(resources, dict) else ()
    return dict(Counter(sorted(str(value_at(body, ("Type",))) for body in bodies)).most_common())


def join_words(words: Sequence[str]) -> str:
    """Join names as a sentence does.

    >>> join_words(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
