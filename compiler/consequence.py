"""Consequence: what each change does when it is deployed, and what else it takes along.

In: a Diff whose changes are not judged.    Out: a Diff with behavior, data loss and reasons, and with the resources
that are replaced although nothing of their own changed.
Never: knows what a property does; `behavior` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from compiler.behavior import judge_attribute, judge_property, loses_data
from compiler.changes import BEHAVIORS, Behavior, Change, Diff, SideStack, find_origin
from compiler.known import Known, is_open, known_text
from compiler.model import Json, Path, value_at
from compiler.node import alike
from compiler.reference import Reference, find_property, is_function, list_references
from compiler.wording import write_path

# Attributes that change although the resource stays: by type and attribute, the property that they follow.
_MOVING = {
    ("AWS::EC2::LaunchTemplate", "LatestVersionNumber"): "LaunchTemplateData",
    ("AWS::EC2::LaunchTemplate", "DefaultVersionNumber"): "LaunchTemplateData",
}
_DIGESTS = {"ansible.tar.gz": "AnsibleDigest", "source.tar.gz": "SourceDigest"}
_Judged = tuple[Behavior, tuple[str, ...], bool]
_NOTHING: _Judged = ("none", (), False)


def judge_diff(diff: Diff) -> Diff:
    """Say of each change what it does, and add what it takes along."""
    stacks = {
        name: _StackJudge(name, stack, diff.after.stacks[name])
        for name, stack in diff.before.stacks.items()
        if name in diff.after.stacks
    }
    judged = []
    for change in diff.changes:
        if change.file in _DIGESTS:
            found = [stack.judge_parameter(_DIGESTS[change.file]) for stack in stacks.values()]
            judged.append(_apply(change, _worst(found)))
        else:
            stack = stacks.get(change.environment)
            judged.append(stack.judge(change) if stack else change)
    for name, stack in stacks.items():
        judged.extend(stack.follow([change for change in judged if change.environment == name]))
    return replace(diff, changes=tuple(judged))


@dataclass(frozen=True, slots=True)
class _Moved:
    """A resource whose references have another value now: it is replaced, or one of its properties was touched."""

    name: str
    is_replaced: bool
    causes: tuple[str, ...]
    touched: str = ""


@dataclass(frozen=True)
class _StackJudge:
    environment: str
    before: SideStack
    after: SideStack

    def judge(self, change: Change) -> Change:
        if change.logical_id is None:
            return _apply(change, self._judge_named(change))
        if change.renamed_to is not None:
            within = tuple(self.judge(each) for each in change.within)
            return replace(_apply(change, self._judge_renamed(change)), within=within)
        return _apply(change, self._judge_resource(change))

    def judge_parameter(self, name: str) -> _Judged:
        """Judge what another value of a parameter does at all places that refer to it."""
        return _worst(self._judge_places([name], section=""))

    # Resources

    def _judge_resource(self, change: Change) -> _Judged:
        attribute = change.path[2] if len(change.path) > 2 else None
        if attribute is None:
            return self._judge_removal(change) if change.kind == "removed" else _NOTHING
        old, new = self._bodies(str(change.logical_id))
        if attribute != "Properties":
            return self._judge_attribute(change, str(attribute), old, new)
        if len(change.path) == 3:
            names = {name: None for value in (change.before, change.after) for name in _map(value)}
            values = [(name, _map(change.before).get(name), _map(change.after).get(name)) for name in names]
            return _worst(self._judge_property(str(change.logical_id), (name,), one, two) for name, one, two in values)
        place, whole = find_property(change.path[3:])
        if len(whole) == len(change.path) - 3:
            return self._judge_property(str(change.logical_id), place, change.before, change.after)
        # Items may have moved, so what was there is found by taking the change back.
        after = value_at(new, ("Properties", *whole))
        before = _undo(after, change, len(whole) + 3)
        return self._judge_property(str(change.logical_id), place, None if before == after else before, after)

    def _judge_removal(self, change: Change) -> _Judged:
        kind, body = change.type or "", change.before
        is_lost, reason = loses_data(kind, body, None, "removed", self.after.region)
        if isinstance(body, dict) and body.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate"):
            return "none", (reason or "`DeletionPolicy` keeps it: it is no part of the stack any more",), False
        return "interruption", tuple(filter(None, ("CloudFormation deletes it", reason))), is_lost

    def _judge_renamed(self, change: Change) -> _Judged:
        is_lost, reason = loses_data(change.type or "", change.before, None, "removed", self.after.region)
        words = f"to CloudFormation another logical id is another resource: it makes `{change.renamed_to}`"
        kept = _map(change.before).get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
        words += f" and {'leaves' if kept else 'deletes'} `{change.logical_id}`"
        return "replacement", tuple(filter(None, (words, reason))), is_lost

    def _judge_attribute(self, change: Change, attribute: str, old: Json, new: Json) -> _Judged:
        behavior, reason = judge_attribute(attribute, _map(old).get(attribute), _map(new).get(attribute))
        return self._with_loss(str(change.logical_id), behavior, (reason,))

    def _judge_property(self, name: str, place: Path, before: Json, after: Json) -> _Judged:
        if not place or is_function(place[0]):  # a macro writes the properties
            return "conditional", ("only CloudFormation knows which properties it changes",), False
        old, new = self._bodies(name)
        kind = _type(new) or _type(old)
        region = self.after.region
        behavior, reason = judge_property(kind, place, before, after, region=region, bodies=(old, new))
        if behavior == "replacement" and self._may_be_equal(before, after):
            behavior = "conditional"
            reason = f"{reason}, but it may come to the same value as before"
        return self._with_loss(name, behavior, (reason,))

    def _with_loss(self, name: str, behavior: Behavior, reasons: tuple[str, ...]) -> _Judged:
        is_lost = False
        if behavior == "replacement":
            old, new = self._bodies(name)
            is_lost, reason = loses_data(_type(old) or _type(new), old, new, "replaced", self.after.region)
            reasons = (*reasons, reason)
        return behavior, tuple(filter(None, reasons)), is_lost

    def _may_be_equal(self, before: Json, after: Json) -> bool:
        """Tell whether two values that differ may come to the same when CloudFormation works them out."""
        if before is None or after is None:
            return False
        old, new = self._known_before.possible(before), self._known_after.possible(after)
        if any(alike(one, other) for one in old for other in new):
            return True
        return any(_may_meet(one, other) for one in old for other in new)

    # Parameters, mappings, conditions

    def _judge_named(self, change: Change) -> _Judged:
        if change.file.rpartition("/")[2] == "parameters.json":
            return self.judge_parameter(str(change.path[0]))
        match change.path:
            case "Parameters", str(name), "Default":
                return self.judge_parameter(name)
            case "Mappings" | "Conditions" as section, str(name), *_:
                return _worst(self._judge_places([name], section=section))
        return _NOTHING

    def _judge_places(self, names: Iterable[str], *, section: str) -> Iterator[_Judged]:
        """Judge every property of a resource on both sides that something named in a section has a say in."""
        wanted = {(section, name) for name in names}
        conditions = self._conditions_of(wanted)
        for name, reference in self._references:
            refers = (reference.section, reference.name) in wanted
            decides = reference.section == "Conditions" and reference.name in conditions
            if refers or decides:
                yield self._judge_place(name, reference)

    def _judge_place(self, name: str, reference: Reference) -> _Judged:
        """Judge what a reference does when what it refers to has another value."""
        path = reference.path
        if path[:1] != ("Properties",):
            return ("conditional", (f"it decides whether `{name}` exists",), False) if path == () else _NOTHING
        place, whole = find_property(path[1:])
        value = value_at(self._bodies(name)[1], ("Properties", *whole))
        old, new = self._known_before.possible(value), self._known_after.possible(value)
        is_known = len(old) == len(new) == 1 and not is_open(old[0]) and not is_open(new[0])
        is_switch = reference.section == "Conditions"
        if not place or (old == new and not is_switch and is_known):
            return _NOTHING
        judged = self._judge_property(name, place, "before", "after")
        if (is_switch or not is_known) and judged[0] == "replacement":
            judged = "conditional", judged[1][:1], False  # the other branch, or what is not known, may be the same
        words = f"`{write_path(place)}` of `{name}` refers to it"
        found = [(judged[0], (words, *judged[1]), judged[2])]
        for other, moving in self._references_to.get(name, ()):
            if _MOVING.get((_type(self._bodies(name)[1]), moving.attribute)) == place[0]:
                where, _ = find_property(moving.path[1:])
                behavior, reasons, is_lost = self._judge_property(other, where, "before", "after")
                words = f"`{write_path(where)}` of `{other}` follows `{name}`, which refers to it"
                found.append((behavior, (words, *reasons), is_lost))
        return _worst(each for each in found if each[0] != "none")

    def _conditions_of(self, wanted: set[tuple[str, str]]) -> set[str]:
        """Name the conditions that something has a say in, also through another condition."""
        declared = _map(self.after.template.get("Conditions"))
        uses = {name: {(each.section, each.name) for each in list_references(body)} for name, body in declared.items()}
        found: set[str] = set()
        while True:
            known = wanted | {("Conditions", name) for name in found}
            more = {name for name, used in uses.items() if name not in found and used & known}
            if not more:
                return found
            found |= more

    # What a replaced resource takes along

    def follow(self, changes: Iterable[Change]) -> Iterator[Change]:
        """Yield what is replaced or interrupted because something that it refers to is another resource now."""
        judged = [change for change in changes if change.logical_id is not None and change.renamed_to is None]
        done = {str(change.logical_id) for change in judged if change.behavior == "replacement"}
        moved = [_Moved(name, True, ()) for name in sorted(done)]
        for change in judged:
            if change.logical_id not in done and change.path[2:3] == ("Properties",):
                moved.append(_Moved(str(change.logical_id), False, (), str(next(iter(change.path[3:]), ""))))
        reached: set[tuple[str, Path]] = set()
        while moved:
            cause = moved.pop(0)
            for name, reference in self._references_to.get(cause.name, ()):
                if (name, reference.path) in reached or not self._moves(cause, reference):
                    continue
                reached.add((name, reference.path))
                taken = self._take_along(cause, name, reference)
                if taken is None or (name in done and taken.behavior == "replacement"):
                    continue
                if taken.behavior == "replacement":
                    done.add(name)
                    moved.append(_Moved(name, True, (*cause.causes, cause.name)))
                yield taken

    def _moves(self, cause: _Moved, reference: Reference) -> bool:
        """Tell whether a reference to something that moved has another value now."""
        kind = _type(self._bodies(cause.name)[1])
        return cause.is_replaced or _MOVING.get((kind, reference.attribute)) == cause.touched

    def _take_along(self, cause: _Moved, name: str, reference: Reference) -> Change | None:
        old, new = self._bodies(name)
        value = value_at(new, reference.path)
        if reference.path[:1] != ("Properties",) or value_at(old, reference.path) != value:
            return None  # which is a change of its own
        place, _ = find_property(reference.path[1:])
        behavior, reasons, is_lost = self._judge_property(name, place, "before", "after")
        if behavior == "none":
            return None
        state = "replaced" if cause.is_replaced else "changed"
        words = f"`{write_path(place)}` refers to `{cause.name}`, which is {state}"
        words += "".join(f", because `{each}` is" for each in reversed(cause.causes))
        path = ("Resources", name, *reference.path)
        origin = find_origin(self.after.origins, path)
        found = Change(
            self.environment, self.after.file, path, "changed", value, value, name, _type(new), origin=origin
        )
        return _apply(found, (behavior, (words, *reasons), is_lost))

    # What the templates say

    @cached_property
    def _known_before(self) -> Known:
        return _know(self.before)

    @cached_property
    def _known_after(self) -> Known:
        return _know(self.after)

    @cached_property
    def _references(self) -> tuple[tuple[str, Reference], ...]:
        """Every reference of a resource that both sides have."""
        old = _map(self.before.template.get("Resources"))
        found = []
        for name, body in _map(self.after.template.get("Resources")).items():
            if name in old and isinstance(body, dict):
                found += [(name, each) for each in list_references(body)]
        return tuple(found)

    @cached_property
    def _references_to(self) -> Mapping[str, list[tuple[str, Reference]]]:
        found: dict[str, list[tuple[str, Reference]]] = {}
        for name, reference in self._references:
            if not reference.section:
                found.setdefault(reference.name, []).append((name, reference))
        return found

    def _bodies(self, name: str) -> tuple[Json, Json]:
        old, new = (_map(stack.template.get("Resources")).get(name) for stack in (self.before, self.after))
        return old, new


def _apply(change: Change, judged: _Judged) -> Change:
    behavior, reasons, is_lost = judged
    return replace(change, behavior=behavior, reasons=(*change.reasons, *reasons), is_data_loss=is_lost)


def _worst(found: Iterable[_Judged]) -> _Judged:
    return max(found, key=lambda each: (each[2], BEHAVIORS.index(each[0]), bool(each[1])), default=_NOTHING)


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


def _know(stack: SideStack) -> Known:
    known = Known.of(stack.template)
    return Known({**known.defaults, **stack.parameters}, known.mappings)


def _undo(value: Json, change: Change, depth: int) -> Json:
    """Put what was there before a change into the value around it."""
    steps = change.path[depth:]
    if not steps:
        return change.before
    if isinstance(value, dict):
        return {**value, steps[0]: _undo(value.get(steps[0]), change, depth + 1)}
    if isinstance(value, list) and isinstance(steps[0], int):
        kept = list(value)
        if steps[0] < len(kept):
            kept[steps[0]] = _undo(kept[steps[0]], change, depth + 1)
        return kept
    return change.before


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _type(body: Json) -> str:
    return str(_map(body).get("Type", ""))
