"""Permissions: what the policies of a resource allow, and whether one says more than another.

In: policy statements, what a template knows of its values.    Out: Grants; what is gained and what is lost.
Never: asks who could use a permission. Where it cannot tell whether one grant covers another it says that it does not,
so that a change is shown as a gain and a loss rather than as nothing.

A grant is what one statement says: each of its actions of each of its principals on each of its resources. These are
compared one by one, so that the order and the grouping of statements, actions and resources mean nothing. The rules are
those of the IAM user guide: names of actions ignore case, `*` and `?` are wildcards, the values of one condition are
alternatives, of several conditions all hold.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from compiler.containment import FITS, covers_text, meet
from compiler.known import NOTHING, Known
from compiler.model import Json, Path


@dataclass(frozen=True, slots=True)
class Match:
    """What one element of a statement fits: any of the patterns, or with `is_not` whatever fits none of them."""

    patterns: frozenset[str]
    is_not: bool = False

    def fold(self) -> Match:
        """Return the same in lower case."""
        return Match(frozenset(pattern.lower() for pattern in self.patterns), self.is_not)

    def covers(self, other: Match) -> bool:
        """Tell whether whatever fits the other fits this one, as far as can be told."""
        if self.is_not and other.is_not:
            return all(any(covers_text(theirs, ours) for theirs in other.patterns) for ours in self.patterns)
        if self.is_not:
            return not any(meet(ours, theirs) for ours in self.patterns for theirs in other.patterns)
        if other.is_not:
            return "*" in self.patterns
        return all(any(covers_text(ours, theirs) for ours in self.patterns) for theirs in other.patterns)


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key, both in lower case, with its values; or `if` and a condition of the template."""

    operator: str
    key: str
    values: frozenset[str]

    def is_implied_by(self, other: Condition) -> bool:
        """Tell whether whatever meets the other condition meets this one."""
        optional = self.operator.endswith("ifexists") and self.operator.removesuffix("ifexists")
        if self.key != other.key or other.operator not in (self.operator, optional):
            return False
        operator = self.operator.removesuffix("ifexists")
        if "not" in operator:  # none of the values may fit: more of them ask for more
            return self.values <= other.values
        fits = FITS.get(operator.split(":")[-1])
        rest = other.values - self.values
        return not rest or (fits is not None and all(fits(self.values, theirs) for theirs in rest))


@dataclass(frozen=True, slots=True)
class Grant:
    """Permissions, or with `is_denied` refusals: all that take one of each element."""

    is_denied: bool
    principal: Match
    action: Match
    resource: Match
    conditions: frozenset[Condition]

    def count(self) -> int:
        """Return how many permissions these are."""
        return math.prod(len(_atoms(match)) for match in (self.principal, self.action, self.resource))


_WILD = re.compile(r"[*?]")
_ACCOUNT = "${AWS::AccountId}"
Grants = dict[Grant, Path]  # each with the place of the statement that gives it


def read_grants(statements: Json, known: Known, place: Path = ()) -> Grants:
    """Read the grants of a policy's statements: one, a list, or what a condition of the template chooses between."""
    found: Grants = {}
    listed = statements if isinstance(statements, list) else [statements]
    for index, item in enumerate(listed):
        there = (*place, index) if isinstance(statements, list) else place
        for chosen, statement in _choices(item, known):
            if isinstance(statement, dict):
                for grant in _read_statement(statement, chosen, known):
                    found.setdefault(grant, there)
    return found


def compare_grants(before: Grants, after: Grants) -> tuple[Grants, Grants]:
    """Return what is gained and what is lost: permissions that nothing covered, refusals that nothing covers now."""
    return _uncovered(after, before, before, after), _uncovered(before, after, after, before)


def _uncovered(allowed: Grants, by: Grants, denied: Grants, now: Grants) -> Grants:
    found: Grants = {}
    for grants, others, is_denied in ((allowed, by, False), (denied, now, True)):
        cover = _Cover([each for each in others if each.is_denied == is_denied])
        for grant, place in grants.items():
            if grant.is_denied == is_denied and grant not in others:
                found.update(dict.fromkeys(cover.find_rest(grant), place))
    return found


class _Cover:
    """Grants that may cover others, looked up pattern by pattern: a bit for each of them."""

    def __init__(self, grants: Sequence[Grant]) -> None:
        self.grants = grants
        self.elements = [
            _Index([grant.principal for grant in grants]),
            _Index([grant.action.fold() for grant in grants]),
            _Index([grant.resource for grant in grants]),
        ]

    def find_rest(self, grant: Grant) -> Iterator[Grant]:
        """Yield what of a grant no other covers, with the patterns together that the same others cover."""
        open_to = 0
        for at, each in enumerate(self.grants):
            if all(any(mine.is_implied_by(theirs) for theirs in grant.conditions) for mine in each.conditions):
                open_to |= 1 << at
        matches = grant.principal, grant.action, grant.resource
        groups = [
            _group(match, index, folds=at == 1)
            for at, (match, index) in enumerate(zip(matches, self.elements, strict=True))
        ]
        for (who, users), (what, actions), (where, resources) in itertools.product(*groups):
            if not open_to & who & what & where:
                yield replace(grant, principal=_join(users), action=_join(actions), resource=_join(resources))


class _Index:
    """One element of several grants: which of them cover a pattern."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self.plain: dict[str, int] = {}
        self.wild: dict[str, int] = {}
        self.starts: dict[str, str] = {}  # of a pattern, the text that all it fits begins with
        self.others: list[tuple[Match, int]] = []
        self.everything = (1 << len(matches)) - 1
        for at, match in enumerate(matches):
            if match.is_not:
                self.others.append((match, 1 << at))
            for pattern in () if match.is_not else match.patterns:
                table = self.wild if "*" in pattern or "?" in pattern else self.plain
                table[pattern] = table.get(pattern, 0) | 1 << at
                self.starts[pattern] = _WILD.split(pattern, maxsplit=1)[0]
            if not match.is_not and not match.patterns:
                self.others.append((match, 1 << at))

    def find(self, atom: Match) -> int:
        """Return a bit for each grant whose element covers an atom."""
        found = sum(bit for match, bit in self.others if match.covers(atom))
        if atom.is_not:
            return found | self.wild.get("*", 0)
        if not atom.patterns:
            return self.everything
        (text,) = atom.patterns
        found |= self.plain.get(text, 0)
        for pattern, bits in self.wild.items():
            if text.startswith(self.starts[pattern]) and covers_text(pattern, text):
                found |= bits
        return found


def _atoms(match: Match) -> list[Match]:
    """List what has to be covered by itself: each pattern, or a negation as a whole."""
    if match.is_not or not match.patterns:
        return [match]
    return [Match(frozenset({pattern})) for pattern in sorted(match.patterns)]


def _group(match: Match, index: _Index, *, folds: bool) -> list[tuple[int, list[Match]]]:
    found: dict[int, list[Match]] = {}
    for atom in _atoms(match):
        found.setdefault(index.find(atom.fold() if folds else atom), []).append(atom)
    return list(found.items())


def _join(atoms: Sequence[Match]) -> Match:
    return atoms[0] if len(atoms) == 1 else Match(frozenset().union(*(atom.patterns for atom in atoms)))


def describe_grant(grant: Grant) -> str:
    """Say in words what a grant is about: its first permission.

    >>> (grant,) = read_grants({"Effect": "Allow", "Action": "s3:*", "NotResource": "a"}, Known({}, {}))
    >>> describe_grant(grant)
    '`s3:*` on anything but `a`'
    """
    principal, action, resource = (_atoms(match)[0] for match in (grant.principal, grant.action, grant.resource))
    words = _words(action)
    if resource.patterns:
        words += f" on {_words(resource)}"
    if principal.patterns:
        words += f" to {_words(principal)}"
    number = len(grant.conditions)
    return f"{words} under {'a condition' if number == 1 else 'conditions'}" if number else words


def _words(match: Match) -> str:
    named = ", ".join(f"`{pattern}`" for pattern in sorted(match.patterns))
    return f"anything but {named}" if match.is_not else named


# Reading


def _choices(value: Json, known: Known) -> Iterator[tuple[frozenset[Condition], Json]]:
    """Yield what a value can be, each with the conditions of the template that choose it."""
    if isinstance(value, dict) and len(value) == 1:
        operand = value.get("Fn::If")
        if isinstance(operand, list) and len(operand) == 3:
            for index, answer in ((1, "true"), (2, "false")):
                chosen = Condition("if", str(operand[0]), frozenset({answer}))
                yield from ((deeper | {chosen}, found) for deeper, found in _choices(operand[index], known))
            return
    for found in known.possible(value):
        if found != NOTHING:
            yield frozenset(), found


def _items(value: Json, known: Known) -> list[tuple[frozenset[Condition], str]]:
    """List the texts that an element of a statement names, each with the conditions of the template that choose it."""
    found: list[tuple[frozenset[Condition], str]] = []
    for chosen, choice in _choices(value, known):
        if isinstance(choice, list):
            found.extend((chosen | deeper, text) for item in choice for deeper, text in _items(item, known))
        else:
            found.append((chosen, write_token(choice)))
    return found


def write_token(value: Json) -> str:
    """Write a value as a text with variables, one and the same for all ways to write it in a template.

    >>> write_token({"Ref": "Topic"}), write_token({"Fn::GetAtt": ["Role", "Arn"]})
    ('${Topic}', '${Role.Arn}')
    """
    if isinstance(value, dict) and len(value) == 1:
        ((name, operand),) = value.items()
        if name == "Ref" and isinstance(operand, str):
            return f"${{{operand}}}"
        if name == "Fn::Sub" and isinstance(operand, str):
            return operand
        if name == "Fn::GetAtt":
            return f"${{{'.'.join(str(step) for step in operand) if isinstance(operand, list) else operand}}}"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _read_statement(statement: dict[str, Json], chosen: frozenset[Condition], known: Known) -> Iterator[Grant]:
    conditions = chosen | frozenset(_read_conditions(statement.get("Condition"), known))
    elements = [
        _read_element(statement, "Principal", known, _principals),
        _read_element(statement, "Action", known, _items),
        _read_element(statement, "Resource", known, _items),
    ]
    effects = {(when, effect == "Deny") for when, effect in _choices(statement.get("Effect"), known)}
    for when, is_denied in sorted(effects, key=lambda each: each[1]):
        for (if_who, who), (if_what, what), (if_where, where) in itertools.product(*elements):
            yield Grant(is_denied, who, what, where, conditions | when | if_who | if_what | if_where)


_Read = Callable[[Json, Known], list[tuple[frozenset[Condition], str]]]


def _read_element(
    statement: dict[str, Json], name: str, known: Known, read: _Read
) -> list[tuple[frozenset[Condition], Match]]:
    """Read an element or its negation; what is not there, as the principal of a role's policy, fits nothing else."""
    if f"Not{name}" in statement:
        items = read(statement[f"Not{name}"], known)
        return [
            (frozenset().union(*(chosen for chosen, _ in items)), Match(frozenset(text for _, text in items), True))
        ]
    if name not in statement:
        return [(frozenset(), Match(frozenset()))]
    together: dict[frozenset[Condition], set[str]] = {}
    for chosen, text in read(statement[name], known):
        together.setdefault(chosen, set()).add(text)
    return [(chosen, Match(frozenset(texts))) for chosen, texts in together.items()]


def _principals(value: Json, known: Known) -> list[tuple[frozenset[Condition], str]]:
    found: list[tuple[frozenset[Condition], str]] = []
    for chosen, choice in _choices(value, known):
        if isinstance(choice, dict) and not any(key == "Ref" or key.startswith("Fn::") for key in choice):
            for kind, names in choice.items():
                found.extend((chosen | deeper, _principal(kind, name)) for deeper, name in _items(names, known))
        else:
            found.append((chosen, _principal("AWS", write_token(choice))))
    return found


def _principal(kind: str, name: str) -> str:
    """Write a principal as a pattern: an account stands for whoever is in it.

    >>> _principal("AWS", "*"), _principal("AWS", "123456789012"), _principal("Service", "sqs.amazonaws.com")
    ('*', 'arn:aws:iam::123456789012:*', 'Service sqs.amazonaws.com')
    """
    if kind != "AWS":
        return f"{kind} {name}"
    if (len(name) == 12 and name.isdecimal()) or name == _ACCOUNT:
        return f"arn:aws:iam::{name}:*"
    if name.startswith("arn:") and name.endswith(":root"):
        return f"{name.removesuffix(':root').replace('${AWS::Partition}', 'aws')}:*"
    return name


def _read_conditions(conditions: Json, known: Known) -> Iterator[Condition]:
    for chosen, choice in _choices(conditions, known) if conditions is not None else ():
        yield from chosen
        for operator, keys in choice.items() if isinstance(choice, dict) else ():
            for key, values in keys.items() if isinstance(keys, dict) else ():
                yield Condition(operator.lower(), key.lower(), frozenset(text for _, text in _items(values, known)))
