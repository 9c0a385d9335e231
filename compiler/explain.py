"""Explain: tell who decided what in a stack.

In: a Stack, a pointer as a person writes it, the tables of the library.    Out: an Explanation.
Faults: D701 the pointer leads nowhere.
Never: draws anything; that is `report`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from compiler.diagnostics import CompileError
from compiler.follow import find_removed, follow_pointer, list_identity
from compiler.identity import IdentityTable, identify, path_matches
from compiler.model import Guardrail, Identity, Json, Origin, Path, Said, Setting, Stack, walk_leaves
from compiler.node import is_intrinsic
from compiler.pointer import label_index

Kind = Literal["value", "map", "list", "thing", "section", "template", "removed"]


@dataclass(frozen=True, slots=True)
class Told:
    """A value with its story; an intrinsic is one value. `identity` merged the item of a list that it stands in."""

    path: Path
    value: Json
    story: tuple[Said, ...]
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What stands at a path, and who decided it.

    A thing is what has a logical id. `told` holds the value itself, or every value below a map or list; `removed` what
    overrides took away below it. `things` has the origin of each thing by its path, `asked_by` the keys of
    `service.yml` that a thing is made for. `identity` is how overrides merge a list; guardrails are those that it is
    held against.
    """

    environment: str
    path: Path
    kind: Kind
    value: Json
    told: tuple[Told, ...]
    removed: tuple[Told, ...] = ()
    things: Mapping[Path, Origin] = field(default_factory=dict)
    asked_by: tuple[Said, ...] = ()
    identity: Identity | None = None
    guardrails: tuple[Guardrail, ...] = ()

    @property
    def is_removed(self) -> bool:
        return self.kind == "removed"

    @property
    def built(self) -> Origin | None:
        """Where the thing that the path leads into was built or added."""
        return self.things.get(self.path[:2])

    @property
    def story(self) -> tuple[Said, ...]:
        """The story of a single value, or of what was removed."""
        return self.told[0].story if self.kind in ("value", "removed") else ()


def explain_value(
    stack: Stack,
    pointer: str,
    environment: str,
    *,
    identities: Iterable[Identity] = (),
    guardrails: Iterable[Guardrail] = (),
) -> Explanation:
    """Explain what a pointer leads to: a value, or all that is below it; also what overrides removed."""
    table = IdentityTable(identities)
    try:
        path, value = follow_pointer(stack, pointer, table, environment)
    except CompileError:
        removed = find_removed(stack, pointer)
        if removed is None:
            raise
        gone = Told(removed, None, stack.removed[removed])
        return Explanation(environment, removed, "removed", None, (gone,), things=_things(stack, removed))
    kind = _kind(path, value)
    told = tuple(_tell(stack, path, value, table))
    return Explanation(
        environment,
        path,
        kind,
        value,
        told,
        tuple(Told(where, None, stack.removed[where]) for where in stack.removed if where[: len(path)] == path),
        _things(stack, path),
        tuple(_asked_by(stack, path)) if kind == "thing" else (),
        list_identity(stack, path, table) if kind == "list" else None,
        tuple(_guards(guardrails, stack, path, told)),
    )


def _kind(path: Path, value: Json) -> Kind:
    if not path:
        return "template"
    if is_intrinsic(value) or not isinstance(value, (dict, list)) or not value:
        return "value"
    if isinstance(value, list):
        return "list"
    return "section" if len(path) == 1 else "thing" if len(path) == 2 else "map"


def _things(stack: Stack, path: Path) -> dict[Path, Origin]:
    ends = {where: story[-1].origin for where, story in stack.stories.items() if len(where) == 2}
    return {where: origin for where, origin in ends.items() if where[: len(path)] == path[:2]}


# Every value below a place


def _tell(stack: Stack, path: Path, value: Json, table: IdentityTable) -> Iterator[Told]:
    if isinstance(value, dict) and value and not is_intrinsic(value):
        for key, item in value.items():
            yield from _tell(stack, (*path, key), item, table)
    elif isinstance(value, list) and value:
        rule = list_identity(stack, path, table)
        for index, item in enumerate(value):
            step = label_index(index, item, rule.keys) if rule and identify(item, rule.keys) else index
            yield from _tell(stack, (*path, step), item, table)
    else:
        story = _atom_story(stack, path, value)
        merged = any(said.rule and said.rule.startswith("item ") for said in story)
        yield Told(path, value, story, _merged_by(stack, path, table) if merged else None)


def _atom_story(stack: Stack, path: Path, value: Json) -> tuple[Said, ...]:
    """Tell the story of one value. That of an intrinsic is who wrote it, fed by whoever gave what stands in it."""
    stories = [stack.stories[inner] for inner, _ in walk_leaves(value, path)]
    if not isinstance(value, dict) or not value:
        return stories[0]
    first = next((story for story in stories if story[-1].origin.layer in ("template", "override", "addition")), None)
    first = first or stories[0]
    fed_by = [setting for story in stories for setting in story[-1].fed_by]
    for story in stories:
        if story[-1].origin.layer != first[-1].origin.layer:
            fed_by.append(Setting(story[-1].pointer, story))
    return (*first[:-1], replace(first[-1], value=value, fed_by=tuple(dict.fromkeys(fed_by))))


def _merged_by(stack: Stack, path: Path, table: IdentityTable) -> Identity | None:
    lists = (path[:at] for at in reversed(range(len(path))) if isinstance(path[at], int))
    return next(filter(None, (list_identity(stack, where, table) for where in lists)), None)


# What a thing is made for


def _asked_by(stack: Stack, path: Path) -> Iterator[Said]:
    """Yield the names in `service.yml` that a logical id is made of, the most specific of those that go together."""
    name = _squeeze(str(path[1]))
    own = [said for said in _names(stack, path) if _squeeze(str(said.value)) in name]
    if not own:  # such as an instance profile, which holds nothing but a reference
        every = [said for said in _names(stack, ()) if name.startswith(_squeeze(str(said.value)))]
        own = sorted(every, key=lambda said: len(str(said.value)))[-1:]
    for said in own:
        if not any(other.pointer != said.pointer and _is_in(other.pointer, said.pointer) for other in own):
            yield said


def _names(stack: Stack, path: Path) -> list[Said]:
    """List the keys, and the names of events, that what is below a path is made with."""
    found: dict[Path, Said] = {}
    for where, story in stack.stories.items():
        if where[: len(path)] == path and len(where) > 2:
            fed_by = (setting.history[-1] for said in story for setting in said.fed_by)
            for said in (*story, *fed_by):
                is_name = len(said.pointer) > 1 and (said.value == said.pointer[-1] or "publish" in said.pointer)
                if said.origin.layer in ("service", "base") and is_name:
                    found.setdefault(said.pointer, said)
    return list(found.values())


def _is_in(inner: Path, outer: Path) -> bool:
    return inner[: len(outer)] == outer


def _squeeze(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


# Guardrails


def _guards(guardrails: Iterable[Guardrail], stack: Stack, path: Path, told: tuple[Told, ...]) -> Iterator[Guardrail]:
    """Yield the guardrails for a resource, or for what stands at or below a path in it."""
    if len(path) < 2 or path[0] != "Resources":
        return
    kind = str(stack.template["Resources"][path[1]].get("Type", ""))
    for guardrail in guardrails:
        pattern = tuple(step.removesuffix("?") for step in guardrail.path)
        is_here = len(path) == 2 or any(_is_guarded(pattern, each.path[2:]) for each in told)
        if is_here and fnmatch.fnmatchcase(kind, guardrail.type):
            yield guardrail


def _is_guarded(pattern: tuple[str, ...], path: Path) -> bool:
    steps = tuple(step for step in path if isinstance(step, str))
    return any(path_matches(pattern, steps[:end]) for end in range(1, len(steps) + 1))
