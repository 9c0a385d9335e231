"""Guard: hold a stack against the rules of the platform team and the limits of CloudFormation.

In: a Stack, the Library.    Out: Diagnostics.
Faults: D601 a guardrail is broken, D602 a limit of CloudFormation is exceeded.
Never: judges an intrinsic or a dynamic reference, whose value is not known here.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator
from dataclasses import dataclass

from compiler.cause import find_cause, place_cause
from compiler.diagnostics import Diagnostic, Related, Severity, Span, mask_credentials, order_diagnostics
from compiler.limits import check_limits
from compiler.model import Guardrail, Json, Library, Path, Said, Stack

_ATTRIBUTES = (
    *("Condition", "CreationPolicy", "DeletionPolicy", "DependsOn", "Metadata", "Properties"),
    *("UpdatePolicy", "UpdateReplacePolicy"),
)
_MISSING = object()


def guard_stack(stack: Stack, library: Library) -> tuple[Diagnostic, ...]:
    """Check every guardrail on every resource of its type, and the limits."""
    found: list[Diagnostic] = list(check_limits(stack))
    acts = tuple(_acts(stack))
    for guardrail in library.guardrails:
        if guardrail.is_sealed:
            found.extend(_check_seal(guardrail, acts))
        if guardrail.must:
            found.extend(_check_must(guardrail, stack))
    return order_diagnostics(found)


# Sealed paths: no override may have a hand in them


@dataclass(frozen=True, slots=True)
class _Act:
    """What an override did at a path below a resource; `before` is what it replaced or removed as a whole."""

    name: str
    type: str
    path: Path
    said: Said
    before: Json


def _acts(stack: Stack) -> Iterator[_Act]:
    resources = stack.template.get("Resources") or {}
    for where, story in (*stack.stories.items(), *stack.removed.items()):
        if where[0] != "Resources" or len(where) < 2:
            continue
        name = str(where[1])
        for previous, said in zip((None, *story), story, strict=False):
            if said.origin.layer != "override":
                continue
            before = previous.value if previous else None
            kind = resources.get(name) or (before if len(where) == 2 else None)
            type_name = str(kind.get("Type", "")) if isinstance(kind, dict) else ""
            yield _Act(name, type_name, where[2:], said, before)


def _check_seal(guardrail: Guardrail, acts: tuple[_Act, ...]) -> Iterator[Diagnostic]:
    pattern = _anchor(guardrail)
    told: set[tuple[str, str]] = set()
    for act in acts:
        span = act.said.origin.span
        key = (act.name, span.path)
        if key in told or not fnmatch.fnmatchcase(act.type, guardrail.type) or not _touches(act, pattern):
            continue
        told.add(key)
        what = f"`{_dotted(('Resources', act.name, *pattern))}` is sealed"
        yield _fault(guardrail, what, span, "remove this override")


def _touches(act: _Act, pattern: Path) -> bool:
    """Tell whether an override wrote on or below a sealed path, or took away what stood there."""
    if _rest_of(pattern, act.path) == ():
        return True
    rests = (_rest_of(pattern, act.path[:end]) for end in range(len(act.path) + 1))
    return any(rest and any(value is not _MISSING for _, value in _find(act.before, rest, ())) for rest in rests)


def _rest_of(pattern: Path, steps: Path) -> Path | None:
    """Return what of a pattern remains below some steps: nothing when they reach it, None when they lead elsewhere."""
    for step in steps:
        if not pattern or step == "Ref" or str(step).startswith("Fn::"):
            return ()
        if isinstance(step, int):
            pattern = pattern[1:] if pattern[0] == "*" else pattern
        elif pattern[0] in ("*", step):
            pattern = pattern[1:]
        else:
            return None
    return pattern


# What a property must be, whoever wrote it


def _check_must(guardrail: Guardrail, stack: Stack) -> Iterator[Diagnostic]:
    assert guardrail.must is not None
    ((operator, operand),) = guardrail.must.items()
    for name, resource in (stack.template.get("Resources") or {}).items():
        if not isinstance(resource, dict) or not fnmatch.fnmatchcase(str(resource.get("Type", "")), guardrail.type):
            continue
        for path, value in _find(resource, _anchor(guardrail), ("Resources", name)):
            for inner, item in _items(operator, path, value):
                if _holds(operator, operand, item):
                    continue
                shown = "is missing" if item is _MISSING else f"is {_shown(item)}, not {_wanted(operator, operand)}"
                hint = f"make it {_wanted(operator, operand)}"
                said = find_cause(stack, inner[:-1], [str(inner[-1])]) if item is _MISSING else find_cause(stack, inner)
                span, related = place_cause(said) if said else (None, ())
                yield _fault(guardrail, f"`{_dotted(inner)}` {shown}", span, hint, related)


def _find(data: Json, pattern: Path, path: Path) -> Iterator[tuple[Path, Json]]:
    """Yield what a pattern leads to, below a place. "*" is any one step; a list stands for each of its items."""
    if data == {"Ref": "AWS::NoValue"}:
        yield path, _MISSING
    elif not pattern or _is_open(data):
        yield path, data
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _find(item, pattern[1:] if pattern[0] == "*" else pattern, (*path, index))
    elif isinstance(data, dict) and pattern[0] == "*":
        for key, item in data.items():
            yield from _find(item, pattern[1:], (*path, key))
    elif isinstance(data, dict) and pattern[0] in data:
        yield from _find(data[pattern[0]], pattern[1:], (*path, pattern[0]))
    else:
        yield (*path, pattern[0]), _MISSING


def _items(operator: str, path: Path, value: Json) -> Iterator[tuple[Path, Json]]:
    if isinstance(value, list) and operator in ("oneOf", "atLeast", "atMost"):
        yield from (((*path, index), item) for index, item in enumerate(value))
    else:
        yield path, value


def _is_open(value: Json) -> bool:
    """Tell whether only CloudFormation will know a value: an intrinsic function or a dynamic reference."""
    if isinstance(value, dict) and len(value) == 1:
        (name,) = value
        return name == "Ref" or str(name).startswith("Fn::")
    return isinstance(value, str) and "{{resolve:" in value


def _holds(operator: str, operand: Json, value: Json) -> bool:
    if operator == "present":
        return (value is not _MISSING) == bool(operand)
    if value is _MISSING:
        return operator != "equals"
    if _is_open(value):
        return True
    if operator == "equals":
        return bool(_as_text(value) == _as_text(operand))
    if operator == "oneOf":
        return any(_as_text(value) == _as_text(choice) for choice in operand)
    number = _as_number(value)
    return number is not None and (number >= operand if operator == "atLeast" else number <= operand)


def _as_text(value: Json) -> Json:
    """Compare as CloudFormation does, to which `8080` and `"8080"` are the same property value."""
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_number(value: Json) -> float | None:
    try:
        return None if isinstance(value, (bool, dict, list)) else float(value)
    except (TypeError, ValueError):
        return None


# Words


def _wanted(operator: str, operand: Json) -> str:
    if operator == "oneOf":
        return "one of " + ", ".join(_shown(choice) for choice in operand)
    if operator == "present":
        return "set" if operand else "absent"
    return {"equals": "", "atLeast": "at least ", "atMost": "at most "}[operator] + _shown(operand)


def _shown(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{mask_credentials(text if len(text) <= 60 else text[:57] + '...')}`"


def _anchor(guardrail: Guardrail) -> Path:
    """Let a path begin at the resource: what names none of its attributes is a property."""
    return guardrail.path if guardrail.path[0] in _ATTRIBUTES else ("Properties", *guardrail.path)


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)


def _fault(
    guardrail: Guardrail, what: str, span: Span | None, hint: str, related: tuple[Related, ...] = ()
) -> Diagnostic:
    message = f"{what}: guardrail `{guardrail.name}`, {' '.join(guardrail.reason.split()).rstrip('.')}"
    severity: Severity = "warning" if guardrail.severity == "warning" else "error"
    return Diagnostic("D601", message, span, hint, severity, (*related, Related("the guardrail", guardrail.span)))
