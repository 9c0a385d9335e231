"""Worlds: the ways in which the conditions of two templates can turn out, and what two resources are in each.

In: a stack on both sides.    Out: pairs of a resource before and after, without what does not hold.
Never: takes a condition for decided by the default of a parameter alone, which whoever deploys may overrule.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.changes import SideStack
from compiler.decision import Decided, decide_conditions, list_choices, settle
from compiler.known import Known
from compiler.model import Json
from compiler.stack_pair import know_stack, map_of

_MOST = 5  # conditions of one resource of which all combinations are looked at; of more, one turns at a time


@dataclass(frozen=True, slots=True)
class Worlds:
    """What is certain of the conditions of both sides, what their defaults make likely, and which differ in text."""

    certain: tuple[Decided, Decided]
    likely: tuple[Decided, Decided]
    changed: frozenset[str]

    @classmethod
    def of(cls, before: SideStack | None, after: SideStack | None) -> Worlds:
        """Read what both sides say of their conditions."""
        declared = [map_of(stack.template.get("Conditions")) if stack else {} for stack in (before, after)]
        changed = {name for name in (*declared[0], *declared[1]) if declared[0].get(name) != declared[1].get(name)}
        return cls(
            (_decide(before, is_certain=True), _decide(after, is_certain=True)),
            (_decide(before, is_certain=False), _decide(after, is_certain=False)),
            frozenset(changed),
        )

    def settle(self, before: Json, after: Json) -> Iterator[tuple[Json, Json]]:
        """Yield a resource before and after in each world: as the defaults have it, then as it may be."""
        names = tuple(dict.fromkeys((*list_choices(before), *list_choices(after))))
        yield settle(before, self.likely[0]), settle(after, self.likely[1])
        free = [name for name in names if not all(name in decided for decided in self.certain)]
        for answers in _combine(free) if free else ():
            yield settle(before, {**answers, **self.certain[0]}), settle(after, {**answers, **self.certain[1]})


def _combine(names: list[str]) -> Iterator[Mapping[str, bool]]:
    if len(names) <= _MOST:
        for answers in itertools.product((True, False), repeat=len(names)):
            yield dict(zip(names, answers, strict=True))
        return
    for usual in (True, False):
        yield dict.fromkeys(names, usual)
        for name in names:
            yield {**dict.fromkeys(names, usual), name: not usual}


def _decide(stack: SideStack | None, *, is_certain: bool) -> Decided:
    if stack is None:
        return {}
    known = know_stack(stack)
    if is_certain:
        known = Known(
            {name: value for name, value in known.defaults.items() if name in stack.parameters}, known.mappings
        )
    return decide_conditions(stack.template, known)
