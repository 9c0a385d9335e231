"""Permissions: what the policies of a resource allow, and whether one says more than another.

In: policy statements, what a template knows of its values.    Out: Grants; what is gained and what is lost.
Never: asks who could use a permission. Where it cannot tell whether one grant covers another it says that it does not,
so that a change is shown as a gain and a loss rather than as nothing.

A grant is one action of one principal on one resource. A statement is as many as it names, so that the order and the
grouping of statements, actions and resources mean nothing. The rules are those of the IAM user guide: names of actions
ignore case, `*` and `?` are wildcards, the values of one condition are alternatives, of several conditions all hold.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from compiler.known import NOTHING, Known
from compiler.model import Json, Path

# More pairs than a policy can have that AWS takes; what is larger is not compared grant by grant.
_MOST = 200_000


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
            return not any(_meet(ours, theirs) for ours in self.patterns for theirs in other.patterns)
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
        fits = _FITS.get(operator.split(":")[-1], str.__eq__)
        return all(any(fits(ours, theirs) for ours in self.values) for theirs in other.values)


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission, or with `is_denied` one refusal."""

    is_denied: bool
    principal: Match
    action: Match
    resource: Match
    conditions: frozenset[Condition]

    def covers(self, other: Grant) -> bool:
        """Tell whether all that the other grants is granted here too."""
        return (
            self.is_denied == other.is_denied
            and self.action.fold().covers(other.action.fold())
            and self.resource.covers(other.resource)
            and self.principal.covers(other.principal)
            and all(any(mine.is_implied_by(theirs) for theirs in other.conditions) for mine in self.conditions)
        )


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
    found = {
        grant: place
        for grant, place in allowed.items()
        if not grant.is_denied and grant not in by and not _is_covered(grant, by)
    }
    gone = {
        grant: place
        for grant, place in denied.items()
        if grant.is_denied and grant not in now and not _is_covered(grant, now)
    }
    return {**found, **gone}


def _is_covered(grant: Grant, by: Grants) -> bool:
    return len(by) < _MOST and any(each.covers(grant) for each in by)


def describe_grant(grant: Grant) -> str:
    """Say in words what a grant is about.

    >>> (grant,) = read_grants({"Effect": "Allow", "Action": "s3:*", "NotResource": "a"}, Known({}, {}))
    >>> describe_grant(grant)
    '`s3:*` on anything but `a`'
    """
    words = _words(grant.action)
    if grant.resource.patterns:
        words += f" on {_words(grant.resource)}"
    if grant.principal.patterns:
        words += f" to {_words(grant.principal)}"
    return (
        f"{words} under {'a condition' if len(grant.conditions) == 1 else 'conditions'}" if grant.conditions else words
    )


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
    for (if_who, who), (if_what, what), (if_where, where) in itertools.product(*elements):
        yield Grant(statement.get("Effect") == "Deny", who, what, where, conditions | if_who | if_what | if_where)


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
    return [(chosen, Match(frozenset({text}))) for chosen, text in read(statement[name], known)]


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
    if len(name) == 12 and name.isdecimal():
        return f"arn:aws:iam::{name}:*"
    return f"{name.removesuffix(':root')}:*" if name.startswith("arn:") and name.endswith(":root") else name


def _read_conditions(conditions: Json, known: Known) -> Iterator[Condition]:
    for chosen, choice in _choices(conditions, known) if conditions is not None else ():
        yield from chosen
        for operator, keys in choice.items() if isinstance(choice, dict) else ():
            for key, values in keys.items() if isinstance(keys, dict) else ():
                yield Condition(operator.lower(), key.lower(), frozenset(text for _, text in _items(values, known)))


# Containment


@lru_cache(maxsize=65536)
def covers_text(pattern: str, other: str) -> bool:
    """Tell whether whatever fits the other pattern fits this one.

    >>> covers_text("s3:*", "s3:Get*"), covers_text("s3:Get?", "s3:Get*"), covers_text("*a*", "b*a")
    (True, False, True)
    """
    if "*" not in pattern and "?" not in pattern:
        return pattern == other
    # The states of matching the other, symbol by symbol: how much of the pattern may be used up.
    states = _skip({0}, pattern)
    for symbol in other:
        following = set()
        for at in states:
            if at < len(pattern):
                if pattern[at] == "*":
                    following.add(at)
                elif pattern[at] == symbol or (pattern[at] == "?" and symbol != "*"):
                    following.add(at + 1)
        states = _skip(following, pattern)
    return len(pattern) in states


def _skip(states: Iterable[int], pattern: str) -> set[int]:
    """Add what is reached where a `*` stands for nothing."""
    found = set(states)
    for at in sorted(found):
        end = at
        while end < len(pattern) and pattern[end] == "*":
            end += 1
            found.add(end)
    return found


@lru_cache(maxsize=65536)
def _meet(first: str, second: str) -> bool:
    """Tell whether some text fits both patterns.

    >>> _meet("a*c", "ab*"), _meet("a*", "b*")
    (True, False)
    """
    reached = [[False] * (len(second) + 1) for _ in range(len(first) + 1)]
    reached[0][0] = True
    for at, to in itertools.product(range(len(first) + 1), range(len(second) + 1)):
        if not reached[at][to]:
            continue
        ours, theirs = first[at : at + 1], second[to : to + 1]
        if ours == "*" or theirs == "*":
            if ours:
                reached[at + 1][to] = True
            if theirs:
                reached[at][to + 1] = True
        elif ours and theirs and (ours == theirs or "?" in (ours, theirs)):
            reached[at + 1][to + 1] = True
    return reached[len(first)][len(second)]


def _covers_address(ours: str, theirs: str) -> bool:
    try:
        mine, other = ipaddress.ip_network(ours, strict=False), ipaddress.ip_network(theirs, strict=False)
    except ValueError:
        return ours == theirs
    return is_within(other, [mine])


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_within(network: Network, others: Sequence[Network]) -> bool:
    """Tell whether a range of addresses is within others taken together.

    >>> halves = [ipaddress.ip_network("10.0.0.0/25"), ipaddress.ip_network("10.0.0.128/25")]
    >>> is_within(ipaddress.ip_network("10.0.0.0/24"), halves), is_within(ipaddress.ip_network("10.0.0.0/23"), halves)
    (True, False)
    """
    alike = [other for other in others if other.version == network.version]
    return any(network.subnet_of(other) for other in ipaddress.collapse_addresses(alike))  # type: ignore[arg-type, type-var]


_FITS: dict[str, Callable[[str, str], bool]] = {
    "stringlike": covers_text,
    "arnlike": covers_text,
    "arnequals": covers_text,  # which takes wildcards as ArnLike does
    "ipaddress": _covers_address,
}
