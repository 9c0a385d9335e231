"""Report, github: diagnostics as workflow commands, which GitHub Actions shows beside the lines of a pull request.

In: Diagnostics in order.    Out: one command a line. GitHub shows ten of each kind a step; all are written.
Never: writes a line break inside a command, which would let a message give commands of its own.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.diagnostics import Diagnostic
from compiler.report_safe import escape_text, place_path, show_text


def render_github(diagnostics: Sequence[Diagnostic], *, prefix: str) -> str:
    return "".join(f"{_command(diagnostic, prefix)}\n" for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic, prefix: str) -> str:
    properties = ",".join(f"{name}={_escape_property(value)}" for name, value in _properties(diagnostic, prefix))
    return f"::{diagnostic.severity} {properties}::{_escape_data(_message(diagnostic, prefix))}"


def _properties(diagnostic: Diagnostic, prefix: str) -> Iterator[tuple[str, str]]:
    span = diagnostic.span
    if span:
        # The runner drops columns where the lines differ, and complains.
        columns = span.line == span.end_line
        yield "file", escape_text(place_path(span.path, prefix))
        yield "line", str(span.line)
        if columns:
            yield "col", str(span.column)
        yield "endLine", str(span.end_line)
        if columns:
            yield "endColumn", str(span.end_column)
    yield "title", escape_text(diagnostic.code)


def _message(diagnostic: Diagnostic, prefix: str) -> str:
    lines = [show_text(diagnostic.message)]
    if diagnostic.hint:
        lines.append(f"hint: {show_text(diagnostic.hint)}")
    for related in diagnostic.related:
        path = escape_text(place_path(related.span.path, prefix))
        lines.append(f"note: {path}:{related.span.line}:{related.span.column}: {show_text(related.message)}")
    return "\n".join(lines)


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
