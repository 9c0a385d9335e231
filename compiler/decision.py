"""Decision: which conditions of a template hold, as far as that can be told, and what a value comes to then.

In: a template, what it knows of its parameters.    Out: conditions with whether they hold; values without their Fn::If.
Never: takes a condition for decided that asks for anything but parameters, mappings and plain values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.known import Known, is_open
from compiler.model import Json

Decided = Mapping[str, bool]


def decide_conditions(template: Json, known: Known) -> Decided:
    """Map each condition that can be worked out to whether it holds.

    >>> decide_conditions({"Conditions": {"A": {"Fn::Equals": ["x", "y"]}, "B": {"Fn::Not": [{"Condition": "A"}]}}},
    ...     Known({}, {}))
    {'A': False, 'B': True}
    """
    declared = template.get("Conditions") if isinstance(template, dict) else None
    deciding = _Deciding(declared if isinstance(declared, dict) else {}, known, {})
    found = {name: deciding.decide_named(name) for name in deciding.declared}
    return {name: holds for name, holds in found.items() if holds is not None}


@dataclass(frozen=True, slots=True)
class _Deciding:
    declared: Mapping[str, Json]
    known: Known
    done: dict[str, bool | None]

    def decide_named(self, name: str) -> bool | None:
        if name not in self.done:
            self.done[name] = None  # which is what one that asks for itself comes to
            self.done[name] = self.decide(self.declared.get(name))
        return self.done[name]

    def decide(self, body: Json) -> bool | None:
        if not isinstance(body, dict) or len(body) != 1:
            return None
        ((name, operand),) = body.items()
        if name == "Condition":
            return self.decide_named(operand) if isinstance(operand, str) else None
        if not isinstance(operand, list):
            return None
        if name == "Fn::Equals":
            return _equal(operand[0], operand[1], self.known) if len(operand) == 2 else None
        parts = [self.decide(part) for part in operand]
        if name == "Fn::Not":
            return not parts[0] if len(parts) == 1 and parts[0] is not None else None
        if name in ("Fn::And", "Fn::Or"):
            decisive = name == "Fn::Or"
            return decisive if decisive in parts else None if None in parts else not decisive
        return None


def _equal(one: Json, other: Json, known: Known) -> bool | None:
    sides = known.possible(one), known.possible(other)
    if any(isinstance(each, (dict, list)) or is_open(each) for side in sides for each in side):
        return None
    answers = {_text(mine) == _text(theirs) for mine in sides[0] for theirs in sides[1]}
    return answers.pop() if len(answers) == 1 else None


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def settle(value: Json, decided: Decided) -> Json:
    """Put in place of each Fn::If whose condition is decided the branch that holds.

    >>> settle({"A": {"Fn::If": ["C", 1, 2]}}, {"C": False})
    {'A': 2}
    """
    if isinstance(value, list):
        return [settle(item, decided) for item in value]
    if not isinstance(value, dict):
        return value
    branches = _branches(value)
    if branches is not None and branches[0] in decided:
        return settle(branches[1 if decided[branches[0]] else 2], decided)
    return {key: settle(item, decided) for key, item in value.items()}


def list_choices(value: Json) -> Iterator[str]:
    """Yield the conditions that decide about a part of a value."""
    if isinstance(value, list):
        for item in value:
            yield from list_choices(item)
    elif isinstance(value, dict):
        branches = _branches(value)
        if branches is not None:
            yield branches[0]
        for item in value.values():
            yield from list_choices(item)


def _branches(value: Mapping[str, Json]) -> list[Json] | None:
    operand = value.get("Fn::If") if len(value) == 1 else None
    is_whole = isinstance(operand, list) and len(operand) == 3 and isinstance(operand[0], str)
    return operand if is_whole else None
