"""Report, findings: the changes of a diff as diagnostics at the lines that caused them.

In: a Diff, and the level that somebody asks to stop at.    Out: Diagnostics D911 to D916.
Never: says twice what is the same in several environments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from compiler.changes import Change, Diff, find_origin
from compiler.diagnostics import Diagnostic, Related, Severity, Source, Span
from compiler.report_changes import (
    Seen,
    count_types,
    find_line,
    fold_changes,
    is_first,
    join_words,
    name_kind,
    name_place,
    name_thing,
    rank_change,
    write_values,
)
from compiler.risk import Level, find_effect, find_risks, reaches_level
from compiler.wording import count_things

_LONGEST_VALUE = 100
_HINT_KEEP = "keep the old one with `DeletionPolicy` and `UpdateReplacePolicy`, or move its data first"
_HINT_ASK = "ask CloudFormation with a change set"
# By the worst of a change's risks: the code, what becomes of the thing, what to do.
_MEANINGS: Mapping[str, tuple[str, str, str | None]] = {
    "data-loss": ("D911", " loses its data", _HINT_KEEP),
    "replacement": ("D912", " is replaced", None),
    "conditional": ("D913", " may be replaced", _HINT_ASK),
    "interruption": ("D914", " is interrupted", None),
    "security": ("D915", " changes what is allowed or protected", None),
    "other": ("D916", "", None),
}


def find_changes(diff: Diff, *, fail_on: Level | None = None) -> list[Diagnostic]:
    """Say what each change does, the worst first, since of many GitHub shows some: an error if it reaches the level of
    `fail_on`, else a warning, or a notice where nobody notices the change.

    What a change means for security is a finding of its own.
    """
    parts = [replace(seen, change=part) for seen in fold_changes(diff.changes) for part in _parts(seen.change)]
    return [_find(seen, diff, fail_on) for seen in sorted(parts, key=_rank)]


def _rank(seen: Seen) -> int:
    return rank_change(seen.change)


def _parts(change: Change) -> Iterator[Change]:
    """Tell what a change does to its thing from what it means for security."""
    effect = replace(change, security=(), concerns=())
    if change.security:
        yield replace(change, behavior="none", is_data_loss=False, reasons=())
    if find_risks(effect) or not change.security:
        yield effect


def _find(seen: Seen, diff: Diff, fail_on: Level | None) -> Diagnostic:
    change = seen.change
    code, becomes, hint = _MEANINGS["security" if change.security else find_effect(change)]
    where = f" in {join_words([f'`{name}`' for name in seen.environments])}" if seen.environments else ""
    labels = [label.replace("-", " ") for label in change.security]
    said = "; ".join([*labels, _describe(change), *change.sentences])
    is_error = fail_on is not None and reaches_level(change, fail_on)
    line = find_line(change)
    span, old = _place(line.span, diff, change) if line else (None, "")
    related: tuple[Related, ...] = ()
    if change.cause is not None and change.origin is not None and change.kind != "removed":
        related = (Related("the platform computes the value here", change.origin.span),)
    message = f"`{name_thing(change)}`{'' if is_first(change) else where}{becomes}: {said}{old}"
    severity: Severity = "error" if is_error else "notice" if code == "D916" else "warning"
    return Diagnostic(code, message, span, hint, severity, related)


def _place(span: Span, diff: Diff, change: Change) -> tuple[Span, str]:
    """Find a place in the files as they are now: for what was removed, what was around it, or else its file."""
    if change.kind != "removed":
        return span, ""
    after = diff.after.stacks.get(change.environment)
    around = find_origin(after.origins, change.path) if after else None
    is_plain = after is not None and around is not None and around.span.path == after.file
    now = around.span if around is not None and is_plain else Span(Source(span.path), 1, 1, 1, 1)
    return now, f"; in the old version it stands at `{span.path}:{span.line}`"


def _describe(change: Change) -> str:
    place = name_place(change)
    if is_first(change):
        number = count_things(sum(count_types(change).values()), "resource")
        return f"it is deployed for the first time, {number}"
    if change.renamed_to or not place:
        return f"it is {name_kind(change)}"
    before, after = write_values(change, _LONGEST_VALUE)
    said = {"added": f"is added as {after}", "removed": f"is removed, it was {before}"}
    return f"`{place}` {said.get(change.kind, f'changes from {before} to {after}')}"
