"""Aftermath: what a replaced resource takes along, since others refer to it through what cannot be changed in place.

In: a StackPair, the Effects of its changes.    Out: Changes of resources that say the same as before.
Never: judges a change that somebody made; `consequence` did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from compiler.changes import Behavior, Change, find_origin
from compiler.decision import settle
from compiler.model import Path, value_at
from compiler.reference import Reference, find_property, list_references
from compiler.stack_pair import IS, WAS, Effect, StackPair, type_of
from compiler.wording import write_path

_ENDS: tuple[Behavior, ...] = ("replacement", "conditional")  # after which a reference leads elsewhere
# Attributes that change although the resource stays: by type and attribute, the property that they follow.
MOVING = {
    ("AWS::EC2::LaunchTemplate", "LatestVersionNumber"): "LaunchTemplateData",
    ("AWS::EC2::LaunchTemplate", "DefaultVersionNumber"): "LaunchTemplateData",
}


@dataclass(frozen=True, slots=True)
class _Moved:
    """A resource whose references have another value now: it is replaced, may be, or had one property touched."""

    name: str
    behavior: Behavior
    causes: tuple[str, ...] = ()
    touched: str = ""


def follow_effects(pair: StackPair, effects: Iterable[Effect]) -> Iterator[Change]:
    """Yield what is replaced or interrupted because something that it refers to is another resource now.

    What may be replaced is followed after what is, so that each reference is told of at its worst.
    """
    listed = list(effects)
    moved = {kind: {each.name: _Moved(each.name, kind) for each in listed if each.judged[0] == kind} for kind in _ENDS}
    done = {name: kind for kind in reversed(_ENDS) for name in moved[kind]}
    near = _reach(pair, done)
    reached: set[tuple[str, Path]] = set()
    for kind in _ENDS:
        waiting = [each for name, each in sorted(moved[kind].items()) if done[name] == kind]
        if kind == "replacement":
            waiting += [_Moved(each.name, "none", (), each.touched) for each in listed if each.name not in done]
        for cause in waiting:  # which grows
            for name, reference in pair.references_to.get(cause.name, ()):
                if (name, reference.path) in reached or not _moves(pair, cause, reference, near):
                    continue
                reached.add((name, reference.path))
                taken = _take_along(pair, cause, name, reference)
                if taken is None or (name in done and taken.behavior in ("conditional", done[name])):
                    continue
                if taken.behavior in _ENDS:
                    done[name] = taken.behavior
                    along = _Moved(name, taken.behavior, (*cause.causes, cause.name))
                    if taken.behavior == kind:
                        waiting.append(along)
                    else:
                        moved[taken.behavior][name] = along
                yield taken


def _reach(pair: StackPair, names: Iterable[str]) -> frozenset[str]:
    """Name all resources that refer to some, directly or through others, and those themselves."""
    found, waiting = set(names), list(names)
    while waiting:
        for name, _ in pair.references_to.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return frozenset(found)


def _moves(pair: StackPair, cause: _Moved, reference: Reference, near: frozenset[str]) -> bool:
    """Tell whether a reference to something that moved has another value now.

    An attribute that gives back a property is as it was where the property is.
    """
    old, new = pair.bodies(cause.name)
    if cause.behavior not in _ENDS:
        return bool(cause.touched) and MOVING.get((type_of(new), reference.attribute)) == cause.touched
    place = ("Properties", *reference.attribute.split("."))
    stated = [value_at(body, place) for body in (old, new)]
    if not reference.attribute or stated[0] is None or stated[0] != stated[1]:
        return True
    was = pair.known_before.possible(settle(stated[0], pair.decided_before))
    return was != pair.known_after.possible(settle(stated[1], pair.decided_after)) or any(
        each.name in near for each in list_references(stated[1]) if not each.section
    )


def _take_along(pair: StackPair, cause: _Moved, name: str, reference: Reference) -> Change | None:
    old, new = pair.bodies(name)
    value = value_at(new, reference.path)
    if reference.path[:1] != ("Properties",) or value_at(old, reference.path) != value:
        return None  # which is a change of its own
    place, _ = find_property(reference.path[1:])
    behavior, reasons, is_lost = pair.judge_moved(name, reference.path, place, WAS, IS)
    if behavior == "none":
        return None
    if cause.behavior == "conditional" and behavior == "replacement":
        behavior, reasons, is_lost = "conditional", reasons[:1], False
    state = {"replacement": "is replaced", "conditional": "may be replaced"}.get(cause.behavior, "is changed")
    verb = "may be" if cause.behavior == "conditional" else "is"
    words = f"`{write_path(place)}` refers to `{cause.name}`, which {state}"
    words += "".join(f", because `{each}` {verb}" for each in reversed(cause.causes))
    path = ("Resources", name, *reference.path)
    origin = find_origin(pair.after.origins, path)
    found = Change(pair.environment, pair.after.file, path, "changed", value, value, name, type_of(new), origin=origin)
    return replace(found, behavior=behavior, reasons=(words, *reasons), is_data_loss=is_lost)
