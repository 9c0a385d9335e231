"""Spans: what tests compare places with."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.diagnostics import Diagnostic, Span


def place(span: Span) -> tuple[int, int, int, int]:
    return span.line, span.column, span.end_line, span.end_column


def cut(span: Span) -> str:
    """Take out of the source what a span covers."""
    lines = [*span.source.lines, ""][span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    return "\n".join([lines[0][span.column - 1 :], *lines[1:]])


def show(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Write each diagnostic as its code, its line and the text under its carets, in order."""
    shown = []
    for diagnostic in diagnostics:
        assert diagnostic.span is not None and "\n" not in diagnostic.message
        shown.append(f"{diagnostic.code} {diagnostic.span.line} {cut(diagnostic.span)}")
    return shown
