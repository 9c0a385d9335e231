"""Parameters: give the parameters of an addition the values that a descriptor has for them.

In: the parameters of an addition and traced values.    Out: the values as CloudFormation wants them; the faults.
Faults: D318 no such parameter, D319 a value that its parameter does not take.
Never: asks AWS; a type such as `AWS::EC2::VPC::Id` takes any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.diagnostics import Diagnostic, Related, suggest
from compiler.model import Json, TemplatePart
from compiler.trace import plain, settings_of


def check_values(part: TemplatePart, values: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Hold values against the type and the limits of their parameters."""
    data = part.document.data
    declared = data.get("Parameters") if isinstance(data, dict) else None
    declared = declared if isinstance(declared, dict) else {}
    for name, value in values.items():
        span = settings_of(name)[0].origin.span
        if name not in declared:
            hint = suggest(name, declared) or f"it has {', '.join(f'`{known}`' for known in declared) or 'none'}"
            yield Diagnostic("D318", f"addition `{part.name}` has no parameter `{name}`", span, hint)
            continue
        body = declared[name]
        fault = _find_fault(body if isinstance(body, dict) else {}, plain(value))
        if fault:
            place = part.document.key_span(("Parameters", name))
            own = settings_of(value)
            message = f"parameter `{name}` of addition `{part.name}` {fault}"
            related = (Related("the parameter", place),)
            yield Diagnostic("D319", message, own[0].origin.span if own else span, "change the value", related=related)


def write_value(value: Json) -> Json:
    """Write a value as a parameter takes it: a list as one text with commas, a boolean as its word."""
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else value


def _find_fault(body: Mapping[str, Json], value: Json) -> str | None:
    kind = str(body.get("Type", "String"))
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    if isinstance(value, list) and not is_list:
        return f"is a `{kind}`, not a list"
    for item in value if isinstance(value, list) else str(value).split(",") if is_list else [value]:
        fault = _find_item_fault(body, kind, item)
        if fault:
            return fault
    return None


def _find_item_fault(body: Mapping[str, Json], kind: str, value: Json) -> str | None:
    text = str(write_value(value))
    if kind in ("Number", "List<Number>"):
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+(\.\d+)?", text.strip()):
            return f"takes a number, not `{text}`"
        if "MinValue" in body and float(text) < float(body["MinValue"]):
            return f"takes {body['MinValue']} or more, not `{text}`"
        if "MaxValue" in body and float(text) > float(body["MaxValue"]):
            return f"takes {body['MaxValue']} or less, not `{text}`"
    elif kind == "String" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f'takes a text, write "{text}" in quotes'
    allowed = body.get("AllowedValues")
    if isinstance(allowed, list) and text not in [str(write_value(item)) for item in allowed]:
        return f"takes one of {', '.join(f'`{item}`' for item in allowed)}, not `{text}`"
    if "MinLength" in body and len(text) < int(body["MinLength"]):
        return f"takes {body['MinLength']} characters or more, not `{text}`"
    if "MaxLength" in body and len(text) > int(body["MaxLength"]):
        return f"takes {body['MaxLength']} characters or less, not `{text}`"
    pattern = body.get("AllowedPattern")
    if isinstance(pattern, str) and not _matches(pattern, text):
        return f"takes what matches `{pattern}`, not `{text}`"
    return None


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:  # a pattern in Java's own dialect is left to CloudFormation
        return True
