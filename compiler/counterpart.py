"""Counterpart: recognize a resource that stands under another logical id now.

In: the resources of two templates.    Out: which id became which.
Never: pairs resources of two types, or an id that both templates have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from compiler.alignment import Leaves, count_leaves, pair_alike, write_token
from compiler.model import Json

_LEAST = 0.6
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9]+)((?:\.[^}]*)?)\}")


def find_counterparts(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, str]:
    """Map the logical id of each resource that is gone to the one that it has now, the most alike first.

    References to resources that are gone and to those that are new count as equal where the types are.
    """
    gone, new = _only(before, after), _only(after, before)
    types = {name: str(_read(body, "Type")) for name, body in (*gone.items(), *new.items())}
    found: dict[str, str] = {}
    for kind in sorted({types[name] for name in gone} & {types[name] for name in new}):
        one, other = (
            {name: _describe(body, types) for name, body in sorted(each.items()) if types[name] == kind}
            for each in (gone, new)
        )
        found |= _pair(one, other)
    return found


def rename_references(value: Json, rename: Callable[[str], str]) -> Json:
    """Call what references lead to by other names.

    >>> rename_references({"Fn::Sub": "${A.Arn}/${B}"}, {"A": "C"}.get)
    {'Fn::Sub': '${C.Arn}/${B}'}
    """
    if isinstance(value, list):
        return [rename_references(item, rename) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _rename_operand(key, item, rename) for key, item in value.items()}


def _rename_operand(key: str, value: Json, rename: Callable[[str], Any]) -> Json:
    if key in ("Ref", "DependsOn") and isinstance(value, str):
        return rename(value) or value
    if key == "DependsOn" and isinstance(value, list):
        return [(rename(item) or item) if isinstance(item, str) else item for item in value]
    if key == "Fn::GetAtt" and isinstance(value, str):
        name, dot, attribute = value.partition(".")
        return f"{rename(name) or name}{dot}{attribute}"
    if key == "Fn::GetAtt" and isinstance(value, list) and value and isinstance(value[0], str):
        return [rename(value[0]) or value[0], *value[1:]]
    if key == "Fn::Sub" and isinstance(value, str):
        return _rename_variables(value, rename)
    if key == "Fn::Sub" and isinstance(value, list) and value and isinstance(value[0], str):
        return [_rename_variables(value[0], rename), *(rename_references(item, rename) for item in value[1:])]
    return rename_references(value, rename)


def _rename_variables(text: str, rename: Callable[[str], Any]) -> str:
    return _VARIABLE.sub(lambda found: f"${{{rename(found[1]) or found[1]}{found[2]}}}", text)


def _only(these: Mapping[str, Json], those: Mapping[str, Json]) -> dict[str, Json]:
    return {name: body for name, body in these.items() if name not in those and isinstance(body, dict)}


def _read(body: Json, key: str) -> Json:
    return body.get(key) if isinstance(body, dict) else None


def _describe(body: Json, types: Mapping[str, str]) -> tuple[Leaves, str]:
    properties = _read(body, "Properties") or {}
    shown = rename_references(properties, lambda name: f"<{types[name]}>" if name in types else name)
    return count_leaves(shown), write_token(shown)


def _pair(one: Mapping[str, tuple[Leaves, str]], other: Mapping[str, tuple[Leaves, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting: dict[str, list[str]] = {}
    for name, (_, token) in reversed(list(other.items())):
        waiting.setdefault(token, []).append(name)
    for name, (_, token) in one.items():
        if waiting.get(token):
            found[name] = waiting[token].pop()
    filled = set(found.values())
    names = [[name for name in one if name not in found], [name for name in other if name not in filled]]
    leaves = [
        [(at, each[name][0]) for at, name in enumerate(part)] for each, part in zip((one, other), names, strict=True)
    ]
    for _, (index, at) in pair_alike(leaves[0], leaves[1], least=_LEAST):
        found[names[0][index]] = names[1][at]
    return found
