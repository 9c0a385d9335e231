"""What the rules share: a way to look at a template, and a way to say what is wrong.

In: a template as cfn-lint has it.    Out: places in it, and what can stand there as far as the template says.
Never: trusts the form of what it reads; a template comes from anyone.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch

from compiler.authoring import NOTHING, Known, is_open

Place = tuple[str | int, ...]
_VARIABLE = re.compile(r"\$\{[^}]*\}")
# The longest prefix of what counts as the whole internet, by version.
_WIDE = {4: 7, 6: 15}
# A pseudo parameter keeps no secret; a `${!Name}` stands for itself.
_SAME_FOR_ALL = re.compile(r"\$\{(AWS::|!).*")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a place. A key that the message is about stands in single quotes: its writer is looked for."""

    place: Place
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    type: str
    body: Mapping[str, Any]

    @property
    def place(self) -> Place:
        return ("Resources", self.name)

    @property
    def properties(self) -> Mapping[str, Any]:
        properties = self.body.get("Properties")
        return properties if isinstance(properties, dict) else {}

    def at(self, *steps: str | int) -> Place:
        return (*self.place, "Properties", *steps)


class Template:
    def __init__(self, data: Any, region: str) -> None:
        self.data = data if isinstance(data, dict) else {}
        self.region = region
        self._known = Known.of(self.data)

    def resources(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of some types, of all types where none is named."""
        for name, body in _map(self.data.get("Resources")).items():
            if isinstance(body, dict) and isinstance(body.get("Type"), str) and (not types or body["Type"] in types):
                yield Resource(str(name), body["Type"], body)

    def each(self, value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
        """Yield what a value can be, or the items of a list can be, without what is left out."""
        for where, each in self._known.values(value, place):
            if isinstance(each, list):
                for index, item in enumerate(each):
                    yield from self.each(item, (*where, index))
            elif each is not None and each != NOTHING:
                yield where, each

    def options(self, value: Any) -> tuple[Any, ...]:
        """List what a value can be as a whole; None where it can be left out."""
        return tuple(None if each == NOTHING else each for each in self._known.possible(value))

    def texts(self, value: Any, place: Place) -> Iterator[tuple[Place, str]]:
        """Yield the texts that a value can be, or its items can be."""
        for where, item in self.each(value, place):
            text = text_of(item)
            if text is not None:
                yield where, text

    def statements(self, resource: Resource) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        """Yield every statement of every policy in a resource, also of policies that are written as text."""
        yield from self._statements(resource.properties, resource.at())

    def _statements(self, value: Any, place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        for where, each in self._known.values(value, place):
            if isinstance(each, list):
                for index, item in enumerate(each):
                    yield from self._statements(item, (*where, index))
            elif isinstance(each, dict) and not is_open(each):
                for inner, statement in self.each(each.get("Statement"), (*where, "Statement")):
                    if isinstance(statement, dict) and "Effect" in statement:
                        yield inner, statement
                for key, item in each.items():
                    yield from self._statements(item, (*where, key))
            else:
                for statement in _statements_in_text(text_of(each)):
                    yield where, statement


def text_of(value: Any) -> str | None:
    """Return a text, or that of a Fn::Sub with a `$` for each variable, whose names have colons that mean nothing."""
    if isinstance(value, dict):
        text = _text_of_sub(value)
        return None if text is None else _VARIABLE.sub("$", text)
    return str(value) if isinstance(value, str) else None


def _text_of_sub(value: Mapping[str, Any]) -> str | None:
    text = value.get("Fn::Sub") if len(value) == 1 else None
    text = text[0] if isinstance(text, list) and text else text
    return text if isinstance(text, str) else None


def is_written_out(value: Any) -> bool:
    """Tell whether a value stands in the template itself, and is not looked up when the stack is deployed.

    >>> is_written_out({"Fn::Sub": "hunter2-${AWS::Region}"}), is_written_out({"Fn::Sub": "hunter2-${Given}"})
    (True, False)
    """
    text = _text_of_sub(value) if isinstance(value, dict) else None if isinstance(value, list) else str(value)
    variables = _VARIABLE.findall(text or "")
    return bool(text) and "{{resolve:" not in str(text) and all(_SAME_FOR_ALL.fullmatch(name) for name in variables)


def is_wide(cidr: str) -> bool:
    """Tell whether a range is the internet or a large part of it.

    >>> is_wide("0.0.0.0/0"), is_wide("128.0.0.0/1"), is_wide("10.0.0.0/8"), is_wide("::/0")
    (True, True, False, True)
    """
    try:
        network = ipaddress.ip_network(cidr.strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen <= _WIDE[network.version]


def refers_to(value: Any) -> str | None:
    """Name the resource whose id or attribute a value is."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    name = value.get("Ref") or value.get("Fn::GetAtt")
    name = name[0] if isinstance(name, list) and name else name
    return name.partition(".")[0] if isinstance(name, str) else None


def _statements_in_text(text: str | None) -> Iterator[Mapping[str, Any]]:
    if text is None or "Statement" not in text:
        return
    try:
        statements = json.loads(text)["Statement"]
    except (ValueError, TypeError, KeyError):
        return
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, dict) and "Effect" in statement:
            yield statement


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


class Rule(CloudFormationLintRule):  # type: ignore[misc]  # cfn-lint comes without types
    """A rule of this library. `scope` is "service" or "environment" where it is for one kind of stack only."""

    scope: str | None = None
    spares_additions: bool = False

    def match(self, cfn: Any) -> list[RuleMatch]:
        template = Template(cfn.template, cfn.regions[0])
        return [RuleMatch(list(fault.place), fault.message, hint=fault.hint) for fault in self.find(template)]

    def find(self, template: Template) -> Iterator[Fault]:
        raise NotImplementedError
