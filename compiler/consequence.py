"""Consequence: what each change does when it is deployed, and what else it takes along.

In: a Diff whose changes are not judged.    Out: a Diff with behavior, data loss and reasons, and with the resources
that are replaced although nothing of their own changed.
Never: knows what a property does; `behavior` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from compiler.aftermath import MOVING, follow_effects
from compiler.behavior import is_kept, judge_attribute, loses_data
from compiler.changes import Change, Diff
from compiler.decision import Decided, list_choices, settle
from compiler.known import is_open
from compiler.model import Json, Path, value_at
from compiler.node import alike
from compiler.reference import Reference, find_property, is_function, list_references
from compiler.stack_pair import (
    IS,
    NOTHING_DONE,
    WAS,
    Effect,
    Judged,
    StackPair,
    holds,
    judge_removal,
    map_of,
    type_of,
    worst_of,
)
from compiler.wording import count_things, write_path

_DIGESTS = {"ansible.tar.gz": "AnsibleDigest", "source.tar.gz": "SourceDigest"}


def judge_diff(diff: Diff) -> Diff:
    """Say of each change what it does, and add what it takes along."""
    stacks = {
        name: _StackJudge(StackPair(name, stack, diff.after.stacks[name]))
        for name, stack in diff.before.stacks.items()
        if name in diff.after.stacks
    }
    moved: dict[str, list[Effect]] = {name: [] for name in stacks}
    judged = []
    for change in diff.changes:
        if change.environment not in stacks and change.file not in _DIGESTS:
            judged.append(_judge_stack(change))
            continue
        own = stacks if change.file in _DIGESTS else {change.environment: stacks[change.environment]}
        effects = {name: tuple(stack.find_effects(change)) for name, stack in own.items()}
        for name, found in effects.items():
            moved[name] += found
        worst = worst_of(effect.judged for found in effects.values() for effect in found)
        within = tuple(stacks[change.environment].judge(each) for each in change.within)
        judged.append(replace(_apply(change, worst), within=within))
    for name, stack in stacks.items():
        judged.extend(follow_effects(stack.pair, moved[name]))
    return replace(diff, changes=tuple(judged))


def _judge_stack(change: Change) -> Change:
    """Judge a stack that only one side has: all that it holds comes or goes."""
    if change.path or change.kind != "removed":
        return change
    bodies = [(name, body) for name, body in map_of(map_of(change.before).get("Resources")).items()]
    found = [(name, judge_removal(type_of(body), body, None)) for name, body in bodies]
    lost = [f"`{name}`: {judged[1][-1]}" for name, judged in found if judged[2]]
    words = f"CloudFormation deletes the stack and its {count_things(len(found), 'resource')}"
    return _apply(change, (worst_of(judged for _, judged in found)[0], (words, *lost), bool(lost)))


@dataclass(frozen=True, slots=True)
class _StackJudge:
    pair: StackPair

    def judge(self, change: Change) -> Change:
        return _apply(change, worst_of(effect.judged for effect in self.find_effects(change)))

    def find_effects(self, change: Change) -> Iterator[Effect]:
        """Yield what a change does to each resource that it is about or has a say in."""
        if change.file in _DIGESTS:
            yield from self._judge_places([_DIGESTS[change.file]], section="")
        elif change.logical_id is None:
            yield from self._judge_named(change)
        elif change.renamed_to is not None:
            yield Effect("", self._judge_renamed(change))  # what refers to it has changed itself
        else:
            touched = str(change.path[3]) if change.path[2:3] == ("Properties",) and len(change.path) > 3 else ""
            yield Effect(change.logical_id, self._judge_resource(change), touched)

    # Resources

    def _judge_resource(self, change: Change) -> Judged:
        attribute = change.path[2] if len(change.path) > 2 else None
        if is_function(str(change.logical_id)):
            return self._judge_loop(change)
        if attribute is None:
            is_gone = change.kind == "removed"
            return judge_removal(change.type or "", change.before, self.pair.after.region) if is_gone else NOTHING_DONE
        old, new = self.pair.bodies(str(change.logical_id))
        if attribute != "Properties":
            return self._judge_attribute(change, str(attribute), old, new)
        if len(change.path) == 3:
            names = {name: None for value in (change.before, change.after) for name in map_of(value)}
            values = [(name, map_of(change.before).get(name), map_of(change.after).get(name)) for name in names]
            return worst_of(
                self.pair.judge_property(str(change.logical_id), (name,), one, two) for name, one, two in values
            )
        place, whole = find_property(change.path[3:])
        if len(whole) == len(change.path) - 3:
            return self.pair.judge_property(str(change.logical_id), place, change.before, change.after)
        # Items may have moved, so what was there is found by taking the change back.
        after = value_at(new, ("Properties", *whole))
        before = _undo(after, change, len(whole) + 3)
        return self.pair.judge_property(str(change.logical_id), place, None if before == after else before, after)

    def _judge_loop(self, change: Change) -> Judged:
        """Judge a change of a loop or macro that makes resources: what goes from a loop's collection goes with them."""
        made = value_at(self.pair.before.template, (*change.path[:2], 2))
        if change.kind == "removed" and change.path[2:3] in ((), (1,)) and isinstance(made, dict):
            return worst_of(judge_removal(type_of(body), body, self.pair.after.region) for body in made.values())
        if change.kind == "added" and change.path[2:3] in ((), (1,)):
            return NOTHING_DONE
        return "conditional", ("only CloudFormation knows which resources it makes",), False

    def _judge_renamed(self, change: Change) -> Judged:
        is_lost, reason = loses_data(change.type or "", change.before, None, "removed", self.pair.after.region)
        words = f"to CloudFormation another logical id is another resource: it makes `{change.renamed_to}`"
        kept = is_kept(map_of(change.before).get("DeletionPolicy"))
        words += f" and {'leaves' if kept else 'deletes'} `{change.logical_id}`"
        return "replacement", tuple(filter(None, (words, reason))), is_lost

    def _judge_attribute(self, change: Change, attribute: str, old: Json, new: Json) -> Judged:
        if attribute == "Condition":
            return self._judge_existence(str(change.logical_id))
        behavior, reason = judge_attribute(attribute, map_of(old).get(attribute), map_of(new).get(attribute))
        return self.pair.with_loss(str(change.logical_id), behavior, (reason,))

    # Parameters, mappings, conditions

    def _judge_named(self, change: Change) -> Iterator[Effect]:
        if change.file.rpartition("/")[2] == "parameters.json":
            yield from self._judge_places([str(change.path[0])], section="")
        match change.path:
            case "Parameters", str(name), "Default":
                yield from self._judge_places([name], section="")
            case "Mappings" | "Conditions" as section, str(name), *_:
                yield from self._judge_places([name], section=section)

    def _judge_places(self, names: Iterable[str], *, section: str) -> Iterator[Effect]:
        """Judge every property of a resource on both sides that something named in a section has a say in."""
        wanted = {(section, name) for name in names}
        conditions = self._conditions_of(wanted)
        for name, reference in self.pair.references:
            refers = (reference.section, reference.name) in wanted
            decides = reference.section == "Conditions" and reference.name in conditions
            if refers or decides:
                yield from self._judge_place(name, reference)

    def _judge_place(self, name: str, reference: Reference) -> Iterator[Effect]:
        """Judge what a reference does when what it refers to has another value."""
        path, bodies = reference.path, self.pair.bodies(name)
        if is_function(name):
            yield Effect(name, ("conditional", ("only CloudFormation knows which resources it makes",), False))
        if path == ():
            yield Effect(name, self._judge_existence(name))
        if path[:1] != ("Properties",) or is_function(name):
            return
        if all(_is_dead(body, path, decided) for body, decided in zip(bodies, self._decided, strict=True)):
            return
        is_switch = reference.section == "Conditions"
        place, whole = find_property(path[1:])
        where: Path = path if is_switch else ("Properties", *whole)
        settled = [settle(value_at(bodies[1], where), decided) for decided in self._decided]
        old, new = self.pair.known_before.possible(settled[0]), self.pair.known_after.possible(settled[1])
        is_decided = not (is_switch and any(True for each in settled for _ in list_choices(each)))
        is_known = is_decided and len(old) == len(new) == 1 and not is_open(old[0]) and not is_open(new[0])
        if not place or (is_known and alike(old[0], new[0])) or (is_switch and is_decided and settled[0] == settled[1]):
            return
        judged = self.pair.judge_moved(name, where, place, *((old[0], new[0]) if is_known else (WAS, IS)))
        if not is_known and judged[0] == "replacement":
            judged = "conditional", judged[1][:1], False  # the other branch, or what is not known, may be the same
        words = f"`{write_path(place)}` of `{name}` refers to it"
        yield Effect(name, (judged[0], (words, *judged[1]), judged[2]) if judged[0] != "none" else NOTHING_DONE)
        for other, moving in self.pair.references_to.get(name, ()):
            if MOVING.get((type_of(bodies[1]), moving.attribute)) == place[0]:
                where, _ = find_property(moving.path[1:])
                behavior, reasons, is_lost = self.pair.judge_moved(other, moving.path, where, WAS, IS)
                words = f"`{write_path(where)}` of `{other}` follows `{name}`, which refers to it"
                yield Effect(other, (behavior, (words, *reasons), is_lost) if behavior != "none" else NOTHING_DONE)

    @property
    def _decided(self) -> tuple[Decided, Decided]:
        return self.pair.decided_before, self.pair.decided_after

    def _judge_existence(self, name: str) -> Judged:
        """Judge a resource whose condition may have turned."""
        old, new = self.pair.bodies(name)
        was, will = holds(old, self.pair.decided_before), holds(new, self.pair.decided_after)
        if was is None or will is None:
            return "conditional", (f"it decides whether `{name}` exists",), False
        if was == will:
            return NOTHING_DONE
        if will:
            return "none", (f"`{name}` is made, since its condition holds now",), False
        behavior, reasons, is_lost = judge_removal(type_of(old), old, self.pair.after.region)
        return behavior, (f"the condition of `{name}` does not hold any longer", *reasons), is_lost

    def _conditions_of(self, wanted: set[tuple[str, str]]) -> set[str]:
        """Name the conditions that something has a say in, also through another condition."""
        declared = map_of(self.pair.after.template.get("Conditions"))
        uses = {name: {(each.section, each.name) for each in list_references(body)} for name, body in declared.items()}
        found: set[str] = set()
        while True:
            known = wanted | {("Conditions", name) for name in found}
            more = {name for name, used in uses.items() if name not in found and used & known}
            if not more:
                return found
            found |= more

    # What a replaced resource takes along

    # What the templates say


def _apply(change: Change, judged: Judged) -> Change:
    behavior, reasons, is_lost = judged
    return replace(change, behavior=behavior, reasons=(*change.reasons, *reasons), is_data_loss=is_lost)


def _is_dead(body: Json, path: Path, decided: Decided) -> bool:
    """Tell whether a path leads through a branch of an Fn::If that does not hold."""
    for at, step in enumerate(path[:-1]):
        if step == "Fn::If" and path[at + 1] in (1, 2):
            holds_now = decided.get(str(value_at(body, (*path[: at + 1], 0))))
            if holds_now is not None and holds_now != (path[at + 1] == 1):
                return True
    return False


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
