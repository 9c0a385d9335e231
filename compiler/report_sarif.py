"""Report, sarif: diagnostics as SARIF 2.1.0, which code scanning services read.

In: Diagnostics in order.    Out: a JSON document; only the rules that were broken are listed.
Never: names a path absolutely, unless the user's own prefix does.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from compiler import __version__
from compiler.catalog import CATALOG, explain_code, render_entry
from compiler.diagnostics import Diagnostic, Severity, Span
from compiler.model import Json
from compiler.report_safe import place_path, show_text

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "notice": "note"}


def render_sarif(diagnostics: Sequence[Diagnostic], *, prefix: str) -> Json:
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    driver = {"name": "flagstone", "version": __version__, "rules": [_rule(code) for code in codes]}
    results = [_result(diagnostic, codes.index(diagnostic.code), prefix) for diagnostic in diagnostics]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> Json:
    entry = CATALOG.get(code)
    if entry is None:
        return {"id": code, "shortDescription": {"text": f"Rule {code}"}, **_linter_help(code)}
    return {
        "id": code,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.explanation},
        "defaultConfiguration": {"level": _LEVELS[entry.severity]},
        "help": {"text": explain_code(code), "markdown": render_entry(entry)},
    }


def _linter_help(code: str) -> dict[str, Json]:
    try:
        return {"help": {"text": explain_code(code)}}
    except LookupError:
        return {}


def _result(diagnostic: Diagnostic, rule_index: int, prefix: str) -> Json:
    text = show_text(diagnostic.message)
    if diagnostic.hint:
        text += f"\nhint: {show_text(diagnostic.hint)}"
    result: dict[str, Json] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule_index,
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": text},
    }
    # What is the same finding though the lines above it have moved.
    path = diagnostic.span.path if diagnostic.span else ""
    same = "\0".join((diagnostic.code, path, diagnostic.message)).encode(errors="backslashreplace")
    result["partialFingerprints"] = {"flagstone/v1": hashlib.sha256(same).hexdigest()}
    # Code scanning takes no result without a place: what has none concerns the service as a whole.
    whole = {"artifactLocation": {"uri": _uri(place_path("service.yml", prefix))}}
    result["locations"] = [{"physicalLocation": _location(diagnostic.span, prefix) if diagnostic.span else whole}]
    if diagnostic.related:
        result["relatedLocations"] = [
            {
                "id": number,
                "message": {"text": show_text(related.message)},
                "physicalLocation": _location(related.span, prefix),
            }
            for number, related in enumerate(diagnostic.related)
        ]
    return result


def _location(span: Span, prefix: str) -> Json:
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    return {"artifactLocation": {"uri": _uri(place_path(span.path, prefix))}, "region": region}


def _uri(path: str) -> str:
    quoted = quote(path, safe="/*", errors="backslashreplace")
    return f"file://{quoted}" if quoted.startswith("/") else quoted
