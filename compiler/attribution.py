"""Attribution: find the line of service.yml that a change is due to, where a template of the platform wrote the value.

In: a Diff.    Out: the same Diff, its changes with their causes.
Never: blames the service for what it says as before, unless both sides have the same library, so that nobody else
can be the cause.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from compiler.changes import Change, Diff, Given, SideStack
from compiler.model import Origin, Path

_OWN = ("override", "addition")  # layers whose word stands in a file of the service already
_Key = tuple[str, str]


def attribute_changes(diff: Diff) -> Diff:
    """Give each change the setting that it is due to."""
    is_same_library = (
        "platform" in diff.after.facts and diff.before.facts.get("platform") == diff.after.facts["platform"]
    )
    stacks = {
        name: _Stack.of(stack, diff.after.stacks[name], is_same_library)
        for name, stack in diff.before.stacks.items()
        if name in diff.after.stacks
    }
    changes = (
        stacks[change.environment].attribute(change) if change.environment in stacks else change
        for change in diff.changes
    )
    return replace(diff, changes=tuple(changes))


@dataclass(frozen=True, slots=True)
class _Stack:
    """The settings behind each named thing of both sides, and which of them one side alone has."""

    before: Mapping[Path, Mapping[Path, tuple[Given, ...]]]
    after: Mapping[Path, Mapping[Path, tuple[Given, ...]]]
    moved: frozenset[_Key]
    is_same_library: bool

    @classmethod
    def of(cls, before: SideStack, after: SideStack, is_same_library: bool) -> _Stack:
        keys = [{_key(given) for fed in side.settings.values() for given in fed} for side in (before, after)]
        return cls(_by_thing(before), _by_thing(after), frozenset(keys[0] ^ keys[1]), is_same_library)

    def attribute(self, change: Change) -> Change:
        change = replace(change, within=tuple(map(self.attribute, change.within)))
        if len(change.path) < 2 or (change.origin is not None and change.origin.layer in _OWN):
            return change
        path = change.path
        if change.renamed_to is not None:
            path = (path[0], change.renamed_to)
        side = self.before if change.kind == "removed" else self.after
        return replace(change, cause=self._find(side.get(path[:2], {}), path))

    def _find(self, thing: Mapping[Path, tuple[Given, ...]], path: Path) -> Origin | None:
        here = [given for place, fed in thing.items() if place[: len(path)] == path for given in fed]
        whole = [given for fed in thing.values() for given in fed] if self.is_same_library else []
        for given in (here, whole):
            moved = [each for each in given if _key(each) in self.moved]
            if moved:
                return _most_specific(moved)
        known = (here or whole) if self.is_same_library else []
        return _most_specific(known) if known else None


def _by_thing(stack: SideStack) -> dict[Path, dict[Path, tuple[Given, ...]]]:
    found: dict[Path, dict[Path, tuple[Given, ...]]] = {}
    for path, given in stack.settings.items():
        found.setdefault(path[:2], {})[path] = given
    return found


def _key(given: Given) -> _Key:
    """Tell settings apart by place and value; the items of a list may have moved."""
    return ".".join(step for step in given.pointer.split(".") if not step.isdecimal()), json.dumps(given.value)


def _most_specific(given: Iterable[Given]) -> Origin:
    return max(given, key=lambda each: each.pointer.count(".")).origin
