"""Report: draw diagnostics for whoever reads them, a person, a script, GitHub or a code scanner.

In: Diagnostics.    Out: text in one of FORMATS.
Never: prints, or shows a credential, whatever the format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from compiler.diagnostics import Diagnostic, Span, order_diagnostics
from compiler.model import Json
from compiler.report_github import render_github
from compiler.report_safe import mask_text, place_path
from compiler.report_text import render_text

FORMATS = ("text", "json", "github", "sarif")


def report_diagnostics(
    diagnostics: Iterable[Diagnostic],
    *,
    format: str,
    prefix: str = "",
    color: bool = False,
    width: int | None = None,
    is_ranked: bool = False,
) -> str:
    """Draw diagnostics in one of FORMATS. The text is empty or ends with a line break.

    They are ordered by place, unless `is_ranked` says that they come in the order in which to show them. `prefix` is
    the path from the user's folder to the service repository. `width` is the number of columns of the terminal, None
    where there is none. Raises ValueError for another format.
    """
    ordered = tuple(diagnostics) if is_ranked else order_diagnostics(diagnostics)
    if format == "text":
        return render_text(ordered, prefix=prefix, color=color, width=width)
    if format == "json":
        return _dump({"diagnostics": diagnostics_to_json(ordered, prefix=prefix)})
    if format == "github":
        return render_github(ordered, prefix=prefix)
    if format == "sarif":
        from compiler.report_sarif import render_sarif  # reads the whole catalogue, which no other format needs

        return _dump(render_sarif(ordered, prefix=prefix))
    raise ValueError(f"format {format!r} is none of {', '.join(FORMATS)}")


def diagnostics_to_json(diagnostics: Iterable[Diagnostic], *, prefix: str = "") -> list[dict[str, Json]]:
    """Turn diagnostics into plain data, ordered; positions are null where no file is at fault."""
    return [
        {
            "code": diagnostic.code,
            "severity": diagnostic.severity,
            "message": mask_text(diagnostic.message),
            "hint": mask_text(diagnostic.hint) if diagnostic.hint else None,
            **_position(diagnostic.span, prefix),
            "related": [
                {"message": mask_text(related.message), **_position(related.span, prefix)}
                for related in diagnostic.related
            ],
        }
        for diagnostic in order_diagnostics(diagnostics)
    ]


def _position(span: Span | None, prefix: str) -> dict[str, Json]:
    if span is None:
        return dict.fromkeys(("path", "line", "column", "endLine", "endColumn"))
    return {
        "path": place_path(span.path, prefix),
        "line": span.line,
        "column": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _dump(data: Json) -> str:
    # Only ASCII, so that no character commands a terminal and any encoding of standard output can carry it.
    return json.dumps(data, indent=2) + "\n"
