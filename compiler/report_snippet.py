"""Report, snippet: the source line that a span stands on, with carets under it.

In: a Span and how many columns there are.    Out: lines of text.
Never: fails on a span that does not fit its source; it then shows less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from compiler.diagnostics import Span
from compiler.report_safe import escape_character, mask_line, measure_text

_NUMBER_COLUMNS = 5
_LEAST_COLUMNS = 20
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Snippet:
    """The line number in its gutter, the text beside it, and the carets with the spaces before them."""

    number: str
    text: str
    indent: str
    carets: str


def cut_snippet(span: Span, *, columns: int) -> Snippet | None:
    """Take the first line of a span, cut to the given columns around it; None where the source has no such line."""
    if not 1 <= span.line <= len(span.source.lines):
        return None
    number = str(span.line).rjust(_NUMBER_COLUMNS)
    room = max(_LEAST_COLUMNS, columns - len(number) - len(" | "))
    line = span.source.lines[span.line - 1]
    column = min(max(span.column - 1, 0), len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    text, skipped = mask_line(span.source, span.line, column, reach=room + 1)
    cells = [escape_character(character) for character in text]
    start = column - skipped
    first, last = _choose_window(cells, start, room)
    if first == 0 and skipped:
        first = 1
    before = (_ELLIPSIS if first else "") + "".join(cells[first:start])
    under = "".join(cells[start : min(end - skipped, last)])
    after = _ELLIPSIS if last < len(cells) else ""
    shown = before + "".join(cells[start:last]) + after
    return Snippet(number, shown.rstrip(), " " * measure_text(before), "^" * max(1, measure_text(under)))


def _choose_window(cells: list[str], start: int, room: int) -> tuple[int, int]:
    """Choose the cells to show: a quarter of the room before the span, then what follows, then more before it."""
    widths = [measure_text(cell) for cell in cells]
    if sum(widths) <= room:
        return 0, len(cells)
    room -= 2 * measure_text(_ELLIPSIS)
    _, spent = _fit(reversed(widths[:start]), room // 4)
    taken_after, spent = _fit(widths[start:], room - spent)
    taken_before, _ = _fit(reversed(widths[:start]), room - spent)
    return start - taken_before, start + taken_after


def _fit(widths: Iterable[int], room: int) -> tuple[int, int]:
    """Count how many cells fit one after another, and the columns that they take."""
    count = spent = 0
    for width in widths:
        if spent + width > room:
            break
        count, spent = count + 1, spent + width
    return count, spent
