"""Report, diff: draw what differs between two sides, for a terminal or a log.

In: a Diff.    Out: text; the verdict is its first line.
Never: shows a credential, or says by color alone what something is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from compiler.changes import Behavior, Change, Diff
from compiler.model import Path
from compiler.report_changes import count_types, find_line, find_worst, is_first, rank_change, sum_up
from compiler.report_safe import show_text
from compiler.report_words import Pen, dotted
from compiler.wording import write_both, write_value

_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_WORDS: dict[Behavior, str] = {
    "none": "no interruption",
    "interruption": "some interruption",
    "conditional": "may replace",
    "replacement": "replaces",
}
_STYLES: dict[str, str] = {
    "none": "32",
    "interruption": "33",
    "conditional": "35",
    "replacement": "31",
    "loss": "1;31",
    "security": "35",
}
_VERDICTS = {"other": "none", "security": "security", "new": "none", "unchanged": "none", "data-loss": "loss"}
_WIDE = 100


def report_diff(diff: Diff, *, width: int | None = None, color: bool = False, prefix: str = "") -> str:
    """Draw a diff, grouped by environment and resource. `width` is that of the terminal, None in a pipe."""
    pen = Pen(width, prefix)
    lines = [*_draw_verdict(diff, color)]
    for title, changes in groupby(diff.changes, key=_title):
        lines += ["", show_text(title)] if title else [""]
        groups = [list(group) for _, group in groupby(changes, key=lambda change: change.logical_id)]
        for group in sorted(groups, key=lambda group: min(map(rank_change, group))):
            lines += _draw_group(group, pen, color)
    return "".join(f"{line}\n" for line in lines)


def _title(change: Change) -> str:
    """Name what a group of changes belongs to: an environment, or a file beside the stacks."""
    return change.environment or (change.file if change.file.endswith((".tar.gz", "manifest.json")) else "")


def _draw_verdict(diff: Diff, color: bool) -> Iterator[str]:
    worst = find_worst(diff)
    words = _paint(show_text(sum_up(diff)), _VERDICTS.get(worst, worst), color)
    yield f"{words} ({show_text(diff.before.name)} -> {show_text(diff.after.name)})"


def _draw_group(changes: list[Change], pen: Pen, color: bool) -> Iterator[str]:
    first = changes[0]
    if first.logical_id is not None:
        yield f"  {show_text(first.logical_id)}  {show_text(first.type or 'of no type')}"
    for change in changes:
        yield from _draw_change(change, pen, color, "    " if first.logical_id is not None else "  ")


def _draw_change(change: Change, pen: Pen, color: bool, indent: str) -> Iterator[str]:
    if is_first(change):
        types = ", ".join(f"{number} {kind}" for kind, number in count_types(change).items())
        yield f"{indent}{_paint('+ first deployment', 'none', color)}"
        yield pen.write_prose(show_text(types or "no resources"), f"{indent}    ").rstrip("\n")
        return
    mark = _MARKS[change.kind]
    words = "loses data" if change.is_data_loss else _WORDS[change.behavior]
    style = "loss" if change.is_data_loss else change.behavior
    yield f"{indent}{_paint(f'{mark} {_name(change)}', style, color)}  ({words})"
    yield from (f"{indent}    {line}" for line in _draw_values(change, pen, len(indent) + 4))
    for each in change.within:
        yield from _draw_change(each, pen, color, indent + "  ")
    labels = [f"security: {', '.join(change.security)}"] if change.security else []
    for reason in (*labels, *change.sentences):
        yield pen.write_prose(show_text(reason), f"{indent}    ").rstrip("\n")
    line = find_line(change)
    if line is not None:
        old = "in the old version: " if change.kind == "removed" else ""
        through = (
            f", through {pen.write_place(change.origin)}" if change.origin is not None and change.origin != line else ""
        )
        yield f"{indent}    {show_text(f'{old}{pen.write_place(line)}{through}')}"


def _name(change: Change) -> str:
    if change.renamed_to is not None:
        return f"renamed to {show_text(change.renamed_to)}"
    rest: Path = change.path[2:] if change.logical_id is not None else change.path
    return dotted(rest) or f"the whole {'resource' if change.logical_id is not None else 'stack'}"


def _draw_values(change: Change, pen: Pen, used: int) -> Iterator[str]:
    """Write both values on one line where they have room, else one below the other; nothing of a whole resource."""
    if change.before == change.after and type(change.before) is type(change.after):
        return  # what it refers to has changed
    if change.renamed_to is not None or len(change.path) <= (2 if change.logical_id is not None else 0):
        return
    room = max((pen.width or _WIDE) - used, 20)
    if change.kind != "changed":
        value = change.after if change.kind == "added" else change.before
        yield show_text(write_value(value, room))
        return
    before, after = map(show_text, write_both(change.before, change.after, max(room - 3, 20)))
    if len(before) + len(after) + 4 <= room:
        yield f"{before} -> {after}"
    else:
        yield from (before, f"-> {after}")


def _paint(text: str, style: str, color: bool) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color else text
