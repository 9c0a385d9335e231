"""Limits: what CloudFormation takes of one template.

In: a Stack.    Out: Diagnostics.
Faults: D602 a limit is exceeded.
Never: asks AWS. The numbers are those of the page "AWS CloudFormation quotas", which cannot be raised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from compiler.cause import find_cause, place_cause
from compiler.diagnostics import Diagnostic
from compiler.model import Path, Stack, walk_leaves

_MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
_MOST_REFERENCES = 60  # dynamic references, each occurrence counts
_NAME = re.compile(r"[A-Za-z0-9]+")
_LONGEST_NAME = 255
_LONGEST_DESCRIPTION = 1024  # bytes
_LARGEST_TEMPLATE = 1_000_000  # bytes, of the object in the bucket: indentation counts


def check_limits(stack: Stack) -> Iterator[Diagnostic]:
    """Yield each limit that a template exceeds, at whoever exceeds it."""
    yield from _check_numbers(stack)
    yield from _check_names(stack)
    size = len(str(stack.template.get("Description", "")).encode())
    if size > _LONGEST_DESCRIPTION:
        message = f"the description is {size:,} bytes long, CloudFormation takes {_LONGEST_DESCRIPTION:,}"
        yield _fault(stack, ("Description",), message, "shorten it")
    yield from _check_references(stack)
    yield from _check_size(stack)


def _check_references(stack: Stack) -> Iterator[Diagnostic]:
    places = [
        path
        for path, value in walk_leaves(stack.template)
        if isinstance(value, str)
        for _ in range(value.count("{{resolve:"))
    ]
    if len(places) > _MOST_REFERENCES:
        message = f"the template holds {len(places)} dynamic references, CloudFormation takes {_MOST_REFERENCES}"
        hint = "split the service, or use fewer {{resolve:...}} in additions and overrides"
        yield _fault(stack, places[_MOST_REFERENCES], message, hint)


def _check_numbers(stack: Stack) -> Iterator[Diagnostic]:
    for section, most in _MOST.items():
        names = list(stack.template.get(section) or {})
        if len(names) > most:
            message = (
                f"`{names[most]}` is one too many: CloudFormation takes {most} {section.lower()}, not {len(names)}"
            )
            yield _fault(stack, (section, names[most]), message, "move what can stand alone into a stack of its own")


def _check_names(stack: Stack) -> Iterator[Diagnostic]:
    for section in _MOST:
        for name in stack.template.get(section) or {}:
            if name.startswith("Fn::"):  # a loop of AWS::LanguageExtensions
                continue
            if not _NAME.fullmatch(name):
                message = f"`{name}` in `{section}` is no logical id, which has letters and digits only"
                yield _fault(stack, (section, name), message, "rename it")
            elif len(name) > _LONGEST_NAME:
                message = f"a name in `{section}` is {len(name)} characters long, CloudFormation takes {_LONGEST_NAME}"
                yield _fault(stack, (section, name), message, "shorten it")


def _check_size(stack: Stack) -> Iterator[Diagnostic]:
    size = _size_of(stack.template)
    if size <= _LARGEST_TEMPLATE:
        return
    entries = ((section, name) for section in _MOST for name in stack.template.get(section) or {})
    largest = max(entries, key=lambda entry: _size_of(stack.template[entry[0]][entry[1]]), default=None)
    message = f"the template is {size:,} bytes, CloudFormation takes {_LARGEST_TEMPLATE:,}"
    if largest:
        message += f"; `{largest[1]}` is the largest part of it"
    yield _fault(stack, largest or (), message, "move what can stand alone into a stack of its own")


def _size_of(data: object) -> int:
    """Count the bytes of `template.json` as it is rendered and sent."""
    return len(json.dumps(data, indent=2, ensure_ascii=False).encode()) + 1


def _fault(stack: Stack, path: Path, message: str, hint: str) -> Diagnostic:
    said = find_cause(stack, path)
    span, related = place_cause(said) if said else (None, ())
    return Diagnostic("D602", message, span, hint, related=related)
