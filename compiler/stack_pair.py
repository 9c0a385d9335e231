"""Stack pair: one stack on both sides of a comparison, and what becomes of its resources one property at a time.

In: a stack before and after.    Out: what both know, what refers to what, what another value of a property does.
Never: looks at what else differs; `consequence` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from compiler.behavior import is_kept, judge_property, loses_data
from compiler.changes import BEHAVIORS, Behavior, SideStack
from compiler.decision import Decided, decide_conditions
from compiler.known import Known, is_open, known_text
from compiler.model import Json, Path
from compiler.node import alike
from compiler.reference import Reference, is_function, list_references

# What a change does, in which words, and whether data goes.
Judged = tuple[Behavior, tuple[str, ...], bool]
NOTHING_DONE: Judged = ("none", (), False)
# What stands for the values of a reference that nobody knows.
WAS: Json = {"Ref": "what it was"}
IS: Json = {"Ref": "what it is"}


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to one resource, by way of one of its properties; `name` is "" where it does it to none."""

    name: str
    judged: Judged
    touched: str = ""


@dataclass(frozen=True)
class StackPair:
    """One stack before and after. `references` are those of the resources that both sides have."""

    environment: str
    before: SideStack
    after: SideStack

    def bodies(self, name: str) -> tuple[Json, Json]:
        """Return a resource before and after, None where it is not."""
        old, new = (map_of(stack.template.get("Resources")).get(name) for stack in (self.before, self.after))
        return old, new

    def judge_property(self, name: str, place: Path, before: Json, after: Json) -> Judged:
        """Judge a change of what stands at a place below `Properties`."""
        if not place or is_function(place[0]):  # a macro writes the properties
            return "conditional", ("only CloudFormation knows which properties it changes",), False
        old, new = self.bodies(name)
        kind = type_of(new) or type_of(old)
        region = self.after.region
        behavior, reason = judge_property(kind, place, before, after, region=region, bodies=(old, new))
        if behavior == "replacement" and self._may_be_equal(before, after):
            behavior = "conditional"
            reason = f"{reason}, but it may come to the same value as before"
        return self.with_loss(name, behavior, (reason,))

    def judge_moved(self, name: str, path: Path, place: Path, before: Json, after: Json) -> Judged:
        """Judge a property of which the text stays and the value does not."""
        if not place or is_function(place[0]):
            return self.judge_property(name, place, before, after)
        old, new = self.bodies(name)
        bodies = _put(old, path, before), _put(new, path, after)
        behavior, reason = judge_property(type_of(new), place, before, after, region=self.after.region, bodies=bodies)
        return self.with_loss(name, behavior, (reason,))

    def with_loss(self, name: str, behavior: Behavior, reasons: tuple[str, ...]) -> Judged:
        """Add what a replacement does to the data of a resource."""
        is_lost = False
        if behavior == "replacement":
            old, new = self.bodies(name)
            is_lost, reason = loses_data(type_of(old) or type_of(new), old, new, "replaced", self.after.region)
            reasons = (*reasons, reason)
        return behavior, tuple(filter(None, reasons)), is_lost

    def _may_be_equal(self, before: Json, after: Json) -> bool:
        """Tell whether two values that differ may come to the same when CloudFormation works them out."""
        if before is None or after is None:
            return False
        old, new = self.known_before.possible(before), self.known_after.possible(after)
        if any(alike(one, other) for one in old for other in new):
            return True
        return any(_may_meet(one, other) for one in old for other in new)

    @cached_property
    def known_before(self) -> Known:
        return know_stack(self.before)

    @cached_property
    def known_after(self) -> Known:
        return know_stack(self.after)

    @cached_property
    def decided_before(self) -> Decided:
        return decide_conditions(self.before.template, self.known_before)

    @cached_property
    def decided_after(self) -> Decided:
        return decide_conditions(self.after.template, self.known_after)

    @cached_property
    def references(self) -> tuple[tuple[str, Reference], ...]:
        """Every reference of a resource that both sides have."""
        old = map_of(self.before.template.get("Resources"))
        found = []
        for name, body in map_of(self.after.template.get("Resources")).items():
            if name in old and isinstance(body, (dict, list)):
                found += [(name, each) for each in list_references(body)]
        return tuple(found)

    @cached_property
    def references_to(self) -> Mapping[str, list[tuple[str, Reference]]]:
        """The references to each parameter and resource, with the name of the resource that has it."""
        found: dict[str, list[tuple[str, Reference]]] = {}
        for name, reference in self.references:
            if not reference.section:
                found.setdefault(reference.name, []).append((name, reference))
        return found


def worst_of(found: Iterable[Judged]) -> Judged:
    """Return the gravest: what loses data, then by behavior; of equal ones, the first that says something."""
    return max(found, key=lambda each: (each[2], BEHAVIORS.index(each[0]), bool(each[1])), default=NOTHING_DONE)


def judge_removal(kind: str, body: Json, region: str | None) -> Judged:
    """Judge what becomes of a resource that leaves its stack."""
    is_lost, reason = loses_data(kind, body, None, "removed", region)
    if is_kept(map_of(body).get("DeletionPolicy")):
        return "none", (reason or "`DeletionPolicy` keeps it: it is no part of the stack any more",), False
    return "interruption", tuple(filter(None, ("CloudFormation deletes it", reason))), is_lost


def holds(body: Json, decided: Decided) -> bool | None:
    """Tell whether a resource exists; None where nobody knows."""
    condition = map_of(body).get("Condition")
    return True if condition is None else decided.get(condition) if isinstance(condition, str) else None


def _put(value: Json, path: Path, new: Json) -> Json:
    """Put another value at a place that a value has."""
    if not path:
        return new
    if isinstance(value, dict):
        return {**value, path[0]: _put(value.get(str(path[0])), path[1:], new)}
    if isinstance(value, list) and isinstance(path[0], int) and path[0] < len(value):
        return [*value[: path[0]], _put(value[path[0]], path[1:], new), *value[path[0] + 1 :]]
    return value


def _may_meet(one: Json, other: Json) -> bool:
    """Tell whether two values, of which CloudFormation alone knows at least one, may be equal."""
    if not is_open(one) and not is_open(other):
        return False
    if _is_plain_reference(one) and _is_plain_reference(other):
        return False  # of two resources, attributes or parameters nobody expects the same
    if _is_text(one) and _is_text(other):  # with the same variables, texts that differ stay different
        names = [sorted((each.name, each.attribute) for each in list_references(value)) for value in (one, other)]
        return names[0] != names[1]
    return True


def _is_plain_reference(value: Json) -> bool:
    return isinstance(value, dict) and next(iter(value), "") in ("Ref", "Fn::GetAtt")


def _is_text(value: Json) -> bool:
    return isinstance(value, str) or bool(known_text(value) if isinstance(value, dict) else "")


def know_stack(stack: SideStack | None) -> Known:
    """Read what a template knows, with the values that its parameters are given."""
    if stack is None:
        return Known({}, {})
    declared = map_of(stack.template.get("Parameters"))
    given = {
        name: {**body, "Default": stack.parameters[name]} if name in stack.parameters else body
        for name, body in declared.items()
        if isinstance(body, dict)
    }
    return Known.of({**stack.template, "Parameters": given})


def map_of(value: Json) -> Mapping[str, Json]:
    """Return a map as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def type_of(body: Json) -> str:
    """Return the type of a resource, "" where it has none."""
    return str(map_of(body).get("Type", ""))
