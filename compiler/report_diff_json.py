"""Report, diff as JSON: a diff as plain data, which is public API.

In: a Diff.    Out: plain JSON.
Never: shows a credential.
"""

from __future__ import annotations

from compiler.changes import Change, Diff
from compiler.model import Json, Origin
from compiler.render import format_pointer
from compiler.report_safe import mask_data, place_path


def diff_to_json(diff: Diff, *, prefix: str = "") -> dict[str, Json]:
    """Write a diff as data: its verdict, the names of its sides, and every change in order."""
    return {
        "verdict": diff.verdict,
        "before": mask_data(diff.before.name),
        "after": mask_data(diff.after.name),
        "changes": [change_to_json(change, prefix=prefix) for change in diff.changes],
    }


def change_to_json(change: Change, *, prefix: str = "") -> dict[str, Json]:
    """Write one change as data; `before` and `after` are null where there is nothing."""
    data: dict[str, Json] = {
        "environment": change.environment,
        "file": mask_data(change.file),
        "pointer": mask_data(format_pointer(change.path)),
        "logicalId": change.logical_id,
        "type": change.type,
        "kind": change.kind,
        "before": mask_data(change.before),
        "after": mask_data(change.after),
        "behavior": change.behavior,
        "dataLoss": change.is_data_loss,
        "security": [mask_data(text) for text in change.security],
        "reasons": [mask_data(text) for text in change.sentences],
        "origin": _origin_to_json(change.origin, prefix),
        "cause": _origin_to_json(change.cause, prefix),
    }
    if change.renamed_to is not None:
        data["renamedTo"] = change.renamed_to
        data["within"] = [change_to_json(each, prefix=prefix) for each in change.within]
    return data


def _origin_to_json(origin: Origin | None, prefix: str) -> Json:
    if origin is None:
        return None
    span = origin.span
    return {"layer": origin.layer, "file": place_path(span.path, prefix), "line": span.line, "column": span.column}
