"""Report, story: draw who decided a value.

In: an Explanation.    Out: text, or plain data.
Never: shows a credential.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from compiler.explain import Explanation
from compiler.model import Json, Origin, Path, Said
from compiler.report_safe import escape_text, mask_text

_LAYERS = {
    "platform": "default of the platform",
    "environment": "environment file of the platform",
    "base": "base descriptor",
    "service": "service.yml",
    "template": "template of the platform",
    "override": "override",
    "addition": "addition",
}


def report_story(told: Explanation) -> str:
    """Draw a story: the value, then every layer that spoke about it, the winner last and marked."""
    name = ".".join(str(step) for step in told.path) or "the template"
    if told.leaves:
        return f"{name} in {told.environment}, {len(told.leaves)} values\n\n" + _aligned(_leaf_rows(told))
    value = "removed" if told.is_removed else _shown(told.value)
    rows = list(_rows(told.story))
    text = f"{name} = {value} in {told.environment}\n\n" + _aligned(rows)
    if told.built is not None and told.built.span != told.story[-1].origin.span:
        text += f"\n{told.path[1]} is built at {_place(told.built)}\n"
    return text


def story_to_json(told: Explanation) -> dict[str, Json]:
    """Turn an explanation into plain data; the winner is the last of its layers."""
    return {
        "environment": told.environment,
        "pointer": "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in told.path),
        "value": told.value,
        "removed": told.is_removed,
        "layers": [_said_to_json(said) for said in told.story],
        "leaves": [
            {
                "pointer": "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path),
                "layers": [_said_to_json(said) for said in story],
            }
            for path, story in told.leaves
        ],
    }


def _said_to_json(said: Said) -> dict[str, Json]:
    span = said.origin.span
    return {
        "layer": said.origin.layer,
        "file": span.path,
        "line": span.line,
        "column": span.column,
        "value": said.value,
        "pointer": _dotted(said.pointer) or None,
        "rule": said.rule,
        "fedBy": [_said_to_json(setting.history[-1]) for setting in said.fed_by],
    }


def _rows(story: tuple[Said, ...]) -> Iterator[tuple[str, ...]]:
    for said in story:
        mark = "=>" if said is story[-1] else "  "
        value = "removed" if said.rule == "$remove" else _shown(said.value)
        yield (mark, value, _place(said.origin), _dotted(said.pointer) or _LAYERS[said.origin.layer], said.rule or "")
        for setting in said.fed_by:
            fed = setting.history[-1]
            yield ("  ", f"  from {_shown(fed.value)}", _place(fed.origin), _dotted(fed.pointer), "")


def _leaf_rows(told: Explanation) -> list[tuple[str, ...]]:
    return [
        (_dotted(path[len(told.path) :]), _shown(story[-1].value), _place(story[-1].origin), story[-1].rule or "")
        for path, story in told.leaves
    ]


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows)


def _place(origin: Origin) -> str:
    return f"{origin.span.path}:{origin.span.line}:{origin.span.column}"


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)


def _shown(value: Json) -> str:
    text = escape_text(mask_text(json.dumps(value, ensure_ascii=False)))
    return text if len(text) <= 48 else text[:45] + "..."
