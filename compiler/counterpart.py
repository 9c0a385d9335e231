"""Counterpart: recognize a resource that stands under another logical id now.

In: the resources of two templates.    Out: which id became which.
Never: pairs resources of two types, or an id that both templates have.
"""

from __future__ import annotations

from collections.abc import Mapping

from compiler.alignment import Leaves, count_leaves, pair_alike, write_token
from compiler.model import Json
from compiler.reference import rename_references

_LEAST = 0.6
_MOST = 40_000  # two stacks of 200 resources of one type, all under other ids


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
    for _, (index, at) in pair_alike(leaves[0], leaves[1], least=_LEAST, most=_MOST):
        found[names[0][index]] = names[1][at]
    return found
