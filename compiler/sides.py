"""Sides: read what a person wants to compare, whatever it is kept in.

In: a file of CloudFormation.    Out: a Side.
Faults: D901 no template, and those of `load`.
Never: compares, or writes anything.
"""

from __future__ import annotations

from pathlib import Path

from compiler.changes import Side, SideStack
from compiler.diagnostics import CompileError, Diagnostic, Source, Span, has_errors
from compiler.load import MAX_BYTES, load_document
from compiler.model import Document, Origin


def read_template_side(path: Path) -> Side:
    """Read a plain CloudFormation file as a side of one stack, whose environment is "". Raises CompileError."""
    document = _load(path)
    if not isinstance(document.data, dict) or not isinstance(document.data.get("Resources"), dict):
        span = document.value_span(("Resources",) if isinstance(document.data, dict) else ())
        message = f"`{path}` is no CloudFormation template: it has no map of `Resources`"
        raise CompileError([Diagnostic("D901", message, span, "name a file that CloudFormation would take")])
    origins = {place: Origin("template", span) for place, span in document.values.items()}
    stack = SideStack(str(path), document.data, {}, origins)
    return Side(str(path), {"": stack})


def _load(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"`{path}` cannot be read: {error.strerror}"
        span = Span(Source(str(path)), 1, 1, 1, 1)
        raise CompileError([Diagnostic("D902", message, span, "name a file or folder that can be read")]) from None
    document, faults = load_document(content, str(path), dialect="template")
    if has_errors(faults):
        raise CompileError(faults)
    return document
