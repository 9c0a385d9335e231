"""Guard: hold a stack against the guardrails of the platform team and the limits of CloudFormation.

In: a Stack, the Library.    Out: Diagnostics; those of guardrails are Breaches, which a waiver may let pass.
Faults: D208 the platform wrote out a credential, D601 a guardrail is broken, D602 a limit is exceeded; those
of `balancers` and `budget`.
Never: judges an intrinsic or a dynamic reference whose value is not known here.
"""

from __future__ import annotations

import fnmatch
import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from compiler.balancers import check_balancers
from compiler.budget import check_budget
from compiler.cause import existing_path, find_cause, place_cause
from compiler.diagnostics import Diagnostic, Related, Severity, Span, find_credential, order_diagnostics
from compiler.known import NOTHING_KNOWN, Known, is_open, known_text
from compiler.limits import check_limits
from compiler.model import Breach, Guardrail, Json, Library, Path, Said, Stack, value_at
from compiler.node import alike
from compiler.pattern import MISSING, find_values, keys_in, rests_of, searched_key
from compiler.wording import cut_text, write_path

_ATTRIBUTES = (
    *("Type", "Condition", "CreationPolicy", "DeletionPolicy", "DependsOn", "Metadata", "Properties"),
    *("UpdatePolicy", "UpdateReplacePolicy"),
)
_SHORTEST_CREDENTIAL = 14
_LONGEST_LIST = 8
# Files that were looked through for credentials when they were read.
_SEARCHED_LAYERS = ("service", "base", "override", "addition")


def guard_stack(stack: Stack, library: Library) -> tuple[Diagnostic, ...]:
    """Check every guardrail on every resource of its types, the limits, and that no credential is written out."""
    found: list[Diagnostic] = [*check_limits(stack), *check_balancers(stack), *check_budget(stack, library)]
    found.extend(_check_credentials(stack))
    acts = tuple(_acts(stack))
    known = Known.of(stack.template)
    resources = tuple(_resources(stack))
    for guardrail in library.guardrails:
        key = searched_key(guardrail.path)
        broken = [
            fault
            for each in (resources if guardrail.must else ())
            if _is_for(guardrail.type, each.type) and (key is None or key in each.keys)
            for fault in _check_must(guardrail, stack, each, known)
        ]
        told = {(fault.resource, fault.span) for fault in broken}
        seals = _check_seal(guardrail, acts) if guardrail.is_sealed else ()
        found.extend((*broken, *(fault for fault in seals if (fault.resource, fault.span) not in told)))
    return order_diagnostics(found)


@dataclass(frozen=True, slots=True)
class _Resource:
    name: str
    type: str
    body: Mapping[str, Json]
    keys: set[str]


def _resources(stack: Stack) -> Iterator[_Resource]:
    for name, body in (stack.template.get("Resources") or {}).items():
        if isinstance(body, dict):
            # One without any properties has all of them missing.
            yield _Resource(name, str(body.get("Type", "")), {"Properties": {}, **body}, keys_in(body))


@functools.lru_cache(maxsize=4096)
def _is_for(pattern: str, type_name: str) -> bool:
    return fnmatch.fnmatchcase(type_name, pattern)


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


def _check_seal(guardrail: Guardrail, acts: Iterable[_Act]) -> Iterator[Breach]:
    pattern = _anchor(guardrail.path)
    told: set[tuple[str, str]] = set()
    touching = [act for act in acts if _is_for(guardrail.type, act.type) and _touches(act, pattern)]
    # Who wrote at the sealed place itself is shown, rather than at another part of what was replaced with it.
    for act in sorted(touching, key=lambda act: () not in rests_of(pattern, act.path)):
        span = act.said.origin.span
        key = (act.name, span.path)
        if key in told:
            continue
        told.add(key)
        sealed = act.path if "**" in pattern else tuple(str(step).removesuffix("?") for step in pattern)
        what = f"`{write_path(('Resources', act.name, *sealed))}` is sealed"
        yield _fault(guardrail, act.name, what, span, "remove this override")


def _touches(act: _Act, pattern: Path) -> bool:
    """Tell whether an override wrote on or below a sealed path, or took away what stood there."""
    if () in rests_of(pattern, act.path):
        return True
    if not isinstance(act.before, (dict, list)):
        return False
    rests = (rest for end in range(len(act.path) + 1) for rest in rests_of(pattern, act.path[:end]))
    return any(
        value is not MISSING for rest in rests if rest for _, value in find_values(act.before, rest, (), NOTHING_KNOWN)
    )


# What a property must be, whoever wrote it


def _check_must(guardrail: Guardrail, stack: Stack, resource: _Resource, known: Known) -> Iterator[Breach]:
    assert guardrail.must is not None
    for path, value in find_values(resource.body, _anchor(guardrail.path), ("Resources", resource.name), known):
        for operator, operand in guardrail.must.items():
            for inner, item in _items(operator, path, value, known):
                if operator == "keeps" and not _was_one_of(operand, stack, inner):
                    continue
                if _holds(operator, operand, item) or (item is MISSING and _is_excused(guardrail, resource, known)):
                    continue
                shown = "is missing" if item is MISSING else f"is {_shown(item)}, not {_wanted(operator, operand)}"
                said = find_cause(stack, inner[:-1], [str(inner[-1])]) if item is MISSING else _who_gave(stack, inner)
                span, related = place_cause(said) if said else (None, ())
                hint = _advice(operator, operand)
                yield _fault(guardrail, resource.name, f"`{write_path(inner)}` {shown}", span, hint, related)


def _who_gave(stack: Stack, path: Path) -> Said | None:
    """Find who decided a value: where it is a parameter of an addition, the descriptor that gave that one."""
    # What functions make of what is known may stand nowhere itself.
    value = value_at(stack.template, existing_path(stack.template, path))
    name = value.get("Ref") if isinstance(value, dict) else None
    given = stack.stories.get(("Parameters", name, "Default")) if isinstance(name, str) else None
    return given[-1] if given and given[-1].origin.layer in ("service", "base") else find_cause(stack, path)


def _is_excused(guardrail: Guardrail, resource: _Resource, known: Known) -> bool:
    """Tell whether something else is set, and in any case, that lets the property be missing."""
    found = ([value for _, value in find_values(resource.body, _anchor(path), (), known)] for path in guardrail.unless)
    return any(values and not any(value is MISSING or alike(value, "false") for value in values) for values in found)


def _was_one_of(choices: Iterable[Json], stack: Stack, path: Path) -> bool:
    """Tell whether the platform gave one of these values to what an override has changed since."""
    value: Json = stack.platform.get(path[:2])
    for step in path[2:]:
        value = value.get(step) if isinstance(value, dict) else None
    return any(alike(value, choice) for choice in choices)


def _items(operator: str, path: Path, value: Json, known: Known) -> Iterator[tuple[Path, Json]]:
    if isinstance(value, list) and operator in ("oneOf", "atLeast", "atMost"):
        for index, item in enumerate(value):
            yield from find_values(item, (), (*path, index), known, may_lack=True)
    else:
        yield path, value


def _holds(operator: str, operand: Json, value: Json) -> bool:
    if operator == "present":
        return (value is not MISSING) == bool(operand)
    if value is MISSING:
        return operator not in ("equals", "keeps")
    if operator == "matches":  # alone asks even of what is looked up that it is looked up in the right place
        return fnmatch.fnmatchcase(known_text(value), operand)
    if is_open(value):
        return True
    if operator == "equals":
        return alike(value, operand)
    if operator in ("oneOf", "keeps"):
        return any(alike(value, choice) for choice in operand)
    number = _as_number(value)
    return number is not None and (number >= operand if operator == "atLeast" else number <= operand)


def _as_number(value: Json) -> float | None:
    try:
        return None if isinstance(value, (bool, dict, list)) else float(value)
    except (TypeError, ValueError):
        return None


# Credentials: what people of the service write is searched when it is read, what the platform makes of it is not


def _check_credentials(stack: Stack) -> Iterator[Diagnostic]:
    seen: set[str] = set()
    for path, story in stack.stories.items():
        text, origin = story[-1].value, story[-1].origin
        if not isinstance(text, str) or len(text) < _SHORTEST_CREDENTIAL or text in seen:
            continue
        seen.add(text)
        if origin.layer not in _SEARCHED_LAYERS and find_credential(text):
            hint = "refer to it as {{resolve:ssm-secure:/path}} or {{resolve:secretsmanager:name}}, and revoke this one"
            yield Diagnostic("D208", f"`{write_path(path)}` looks like a credential", origin.span, hint)


# Words


def _advice(operator: str, operand: Json) -> str:
    if operator in ("oneOf", "keeps"):
        return "make it " + " or ".join(_shown(choice) for choice in operand)
    if operator == "present":
        return "set it" if operand else "remove it"
    return f"make it {_wanted(operator, operand)}"


def _wanted(operator: str, operand: Json) -> str:
    if operator == "oneOf" and len(operand) > _LONGEST_LIST:
        return f"one of {len(operand)} values"
    if operator in ("oneOf", "keeps"):
        return ("one of " if len(operand) > 1 else "") + ", ".join(_shown(choice) for choice in operand)
    if operator == "present":
        return "set" if operand else "absent"
    return {"equals": "", "matches": "", "atLeast": "at least ", "atMost": "at most "}[operator] + _shown(operand)


def _shown(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{cut_text(text, 60)}`"


def _anchor(path: Path) -> Path:
    """Let a path begin at the resource: what names none of its attributes is a property."""
    first = str(path[0]).removesuffix("?")
    return path if first in _ATTRIBUTES else ("Properties", *path)


def _fault(
    guardrail: Guardrail, resource: str, what: str, span: Span | None, hint: str, related: tuple[Related, ...] = ()
) -> Breach:
    message = f"{what}: guardrail `{guardrail.name}`, {' '.join(guardrail.reason.split()).rstrip('.')}"
    severity: Severity = "warning" if guardrail.severity == "warning" else "error"
    note = f"the guardrail, since {guardrail.since}" if guardrail.since else "the guardrail"
    notes = (*related, Related(note, guardrail.span))
    return Breach("D601", message, span, hint, severity, notes, rule=guardrail.name, resource=resource)
