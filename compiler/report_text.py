"""Report, text: diagnostics as a person reads them in a terminal.

In: Diagnostics in order.    Out: text; each with its source line, carets, hint and related places.
Never: lets a source line command the terminal, or shows a credential.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.diagnostics import Diagnostic, Span
from compiler.report_safe import escape_text, place_path, show_text
from compiler.report_snippet import cut_snippet
from compiler.wording import count_things

# Where nobody says how wide the output is, as in a pipe.
_COLUMNS = 160
_STYLES = {"error": "1;31", "warning": "1;33", "note": "1;34", "hint": "1;36", "place": "1", "gutter": "2"}


def render_text(diagnostics: Sequence[Diagnostic], *, prefix: str, color: bool, width: int | None) -> str:
    if not diagnostics:
        return ""
    pen = _Pen(prefix, color, width or _COLUMNS)
    blocks = ["\n".join(pen.draw_diagnostic(diagnostic)) for diagnostic in diagnostics]
    return "\n\n".join([*blocks, count_severities(diagnostics)]) + "\n"


def count_severities(diagnostics: Sequence[Diagnostic]) -> str:
    """Sum up, such as `2 errors, 1 warning`."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    counts = [(severities.count("error"), "error"), (severities.count("warning"), "warning")]
    return ", ".join(count_things(count, word) for count, word in counts if count)


class _Pen:
    def __init__(self, prefix: str, color: bool, columns: int) -> None:
        self.prefix = prefix
        self.color = color
        self.columns = columns

    def draw_diagnostic(self, diagnostic: Diagnostic) -> Iterator[str]:
        severity = diagnostic.severity
        what = self._paint(f"{severity} {diagnostic.code}:", severity)
        yield f"{self._place(diagnostic.span)}{what} {show_text(diagnostic.message)}"
        yield from self._draw_snippet(diagnostic.span, severity)
        if diagnostic.hint:
            yield f"  {self._paint('hint:', 'hint')} {show_text(diagnostic.hint)}"
        for related in diagnostic.related:
            yield f"  {self._paint('note:', 'note')} {self._place(related.span)}{show_text(related.message)}"
            yield from self._draw_snippet(related.span, "note")

    def _place(self, span: Span | None) -> str:
        if span is None:
            return ""
        path = escape_text(place_path(span.path, self.prefix))
        return self._paint(f"{path}:{span.line}:{span.column}:", "place") + " "

    def _draw_snippet(self, span: Span | None, style: str) -> Iterator[str]:
        snippet = cut_snippet(span, columns=self.columns) if span else None
        if snippet:
            blank = " " * len(snippet.number)
            yield f"{self._paint(f'{snippet.number} |', 'gutter')} {snippet.text}"
            yield f"{self._paint(f'{blank} |', 'gutter')} {snippet.indent}{self._paint(snippet.carets, style)}"

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color else text
