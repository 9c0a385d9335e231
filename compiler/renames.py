"""Renames: what a logical id of an older library is called now.

In: the rename table of the library, a logical id, the ids that there are.    Out: the new id, and since when.
Never: names an id that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

from compiler.model import Rename

_PLACEHOLDER = re.compile(r"<[A-Z][A-Za-z]*>")
_PATTERN = re.compile(r"(?P<head>[A-Za-z0-9]*)(?P<name><[A-Z][A-Za-z]*>)?(?P<tail>[A-Za-z0-9]*)")


def find_new_name(renames: Iterable[Rename], name: str, known: Container[str]) -> tuple[str, str] | None:
    """Follow a logical id through the table to one that exists; returns that and the version of the last step."""
    table = tuple(renames)
    waiting, seen = [(name, "")], {name}
    while waiting:
        current, since = waiting.pop(0)
        if since and current in known:
            return current, since
        for new, version in _renamed(table, current):
            if new not in seen:
                seen.add(new)
                waiting.append((new, version))
    return None


def explain_fault(old: str, new: str) -> str | None:
    """Say what is wrong with a pair of patterns; None where nothing is."""
    for pattern in (old, new):
        if not _PATTERN.fullmatch(pattern) or not _PLACEHOLDER.sub("", pattern):
            return f"speaks of `{pattern}`, which is no logical id with at most one placeholder in it"
    lacking = sorted(set(_PLACEHOLDER.findall(new)) - set(_PLACEHOLDER.findall(old)))
    if lacking:
        return f"leads to `{new}`, and nothing says what `{lacking[0]}` stands for"
    return "leads to itself" if old == new else None


def _renamed(table: tuple[Rename, ...], name: str) -> Iterator[tuple[str, str]]:
    for rename in table:
        parts = _PATTERN.fullmatch(rename.old)
        assert parts is not None, rename.old
        head, tail = parts["head"], parts["tail"]
        if not parts["name"]:
            stands_for = "" if name == rename.old else None
        elif name.startswith(head) and name.endswith(tail) and len(name) > len(head) + len(tail):
            stands_for = name[len(head) : len(name) - len(tail)]
        else:
            stands_for = None
        if stands_for is not None:
            yield _PLACEHOLDER.sub(stands_for, rename.new), rename.since
