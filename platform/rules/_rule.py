"""What the rules share: a way to look at a template, and a way to say what is wrong.

In: a template as cfn-lint has it.    Out: places in it, through both branches of an Fn::If and defaults of parameters.
Never: trusts the form of what it reads; a template comes from anyone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch

Place = tuple[str | int, ...]
_VARIABLE = re.compile(r"\$\{[^}]*\}")


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
        self._defaults = {
            name: parameter["Default"]
            for name, parameter in _map(self.data.get("Parameters")).items()
            if isinstance(parameter, dict) and parameter.get("Type") in ("String", "Number") and "Default" in parameter
        }

    def resources(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of some types, of all types where none is named."""
        for name, body in _map(self.data.get("Resources")).items():
            if isinstance(body, dict) and isinstance(body.get("Type"), str) and (not types or body["Type"] in types):
                yield Resource(str(name), body["Type"], body)

    def each(self, value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
        """Yield what a value can be, or the items of a list can be: through Fn::If and parameters, without NoValue."""
        value = self.known(value)
        choice = value.get("Fn::If") if isinstance(value, dict) and len(value) == 1 else None
        if isinstance(choice, list) and len(choice) == 3:
            for index in (1, 2):
                yield from self.each(choice[index], (*place, "Fn::If", index))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self.each(item, (*place, index))
        elif value is not None and value != {"Ref": "AWS::NoValue"}:
            yield place, value

    def known(self, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("Ref"), str):
            return self._defaults.get(value["Ref"], value)
        return value

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
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._statements(item, (*place, index))
        elif isinstance(value, dict) and not (len(value) == 1 and "Fn::Sub" in value):
            for where, statement in self.each(value.get("Statement"), (*place, "Statement")):
                if isinstance(statement, dict) and "Effect" in statement:
                    yield where, statement
            for key, item in value.items():
                yield from self._statements(item, (*place, key))
        else:
            for statement in _statements_in_text(text_of(value)):
                yield place, statement


def text_of(value: Any) -> str | None:
    """Return a text, or that of a Fn::Sub with a `$` for each variable, whose names have colons that mean nothing."""
    if isinstance(value, dict) and len(value) == 1:
        value = value.get("Fn::Sub")
        value = value[0] if isinstance(value, list) and value else value
        return _VARIABLE.sub("$", value) if isinstance(value, str) else None
    return str(value) if isinstance(value, str) else None


def is_written_out(value: Any) -> bool:
    """Tell whether a value stands in the template itself, and is not looked up when the stack is deployed."""
    return isinstance(value, str) and bool(value) and "{{resolve:" not in value


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
