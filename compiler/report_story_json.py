"""Report, story as JSON: an explanation as plain data.

In: an Explanation.    Out: maps and lists; the keys stay what they are from version to version.
Never: shows a credential, or cuts a value.
"""

from __future__ import annotations

from compiler.diagnostics import Span
from compiler.explain import Explanation, Told
from compiler.identity import name_key
from compiler.model import Guardrail, Identity, Json, Path, Said
from compiler.pointer import write_pointer
from compiler.report_safe import mask_data


def story_to_json(explained: Explanation) -> dict[str, Json]:
    """Turn an explanation into plain data; the winner is the last of the layers of a value."""
    is_value = explained.kind in ("value", "removed")
    data: dict[str, Json] = {
        "environment": explained.environment,
        "pointer": _pointer(explained.path),
        "name": write_pointer(explained.path),
        "kind": explained.kind,
        "value": explained.value,
        "removed": explained.is_removed,
        "layers": [_said_to_json(said) for said in explained.story],
        "leaves": [] if is_value else [_told_to_json(told) for told in explained.told],
        "removedBelow": [_told_to_json(told) for told in explained.removed],
        "things": {_pointer(path): _place(origin.span) for path, origin in explained.things.items()},
        "for": [_said_to_json(said) for said in explained.asked_by],
        "mergedBy": _identity_to_json(explained.identity or (explained.told[0].identity if is_value else None)),
        "guardrails": [_guardrail_to_json(guardrail) for guardrail in explained.guardrails],
    }
    masked: dict[str, Json] = mask_data(data)
    return masked


def _told_to_json(told: Told) -> dict[str, Json]:
    return {
        "pointer": _pointer(told.path),
        "name": write_pointer(told.path),
        "value": told.value,
        "layers": [_said_to_json(said) for said in told.story],
        "mergedBy": _identity_to_json(told.identity),
    }


def _said_to_json(said: Said) -> dict[str, Json]:
    return {
        "layer": said.origin.layer,
        **_place(said.origin.span),
        "value": said.value,
        "pointer": write_pointer(said.pointer) or None,
        "rule": said.rule,
        "fedBy": [
            {"setting": write_pointer(setting.path), "layers": [_said_to_json(each) for each in setting.history]}
            for setting in said.fed_by
        ],
    }


def _identity_to_json(identity: Identity | None) -> Json:
    return {"keys": [name_key(key) for key in identity.keys], **_place(identity.span)} if identity else None


def _guardrail_to_json(guardrail: Guardrail) -> dict[str, Json]:
    return {
        "name": guardrail.name,
        "path": ".".join(guardrail.path),
        "sealed": guardrail.is_sealed,
        "must": guardrail.must,
        "severity": guardrail.severity,
        "reason": guardrail.reason,
        **_place(guardrail.span),
    }


def _place(span: Span) -> dict[str, Json]:
    return {"file": span.path, "line": span.line, "column": span.column}


def _pointer(path: Path) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
