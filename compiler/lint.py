"""Lint: let cfn-lint examine a stack, and place each finding where its cause stands.

In: a Stack, the region and the name of its environment, the Library with its own rules.
Out: Diagnostics under cfn-lint's own codes; those of the library's rules are Breaches, which a waiver may let pass.
Faults: those of cfn-lint, also its E0003 for a region that it does not know and E0002 for a stack that it trips over.
Never: reads a configuration or a schema of the user's machine. What the stack's own `Metadata` asks for holds, except
that it cannot silence a rule of the library.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compiler.cause import existing_path, find_cause, find_circles, find_references, place_cause, told_of
from compiler.diagnostics import CompileError, Diagnostic, Related, Severity, Span, order_diagnostics, suggest
from compiler.lint_rules import load_rules
from compiler.lint_words import mentioned_names, unexpected_key, word_finding
from compiler.model import Breach, Json, Library, Path, Said, Stack, value_at
from compiler.share import is_of_template

if TYPE_CHECKING:
    from cfnlint.rules import Match

_TRIPPED = ("Unknown exception while processing rule ", "Exception ")
_OWN_RULE = re.compile(r"[EW]9\d{3}")
# With a template that cannot be transformed no rule runs, and one that trips has not looked: nobody may hide that.
_NEVER_SILENT = ("E0001", "E0002")
_CIRCLE = "E3004"
# A config value may hold `${...}`, for the process to read: without Fn::Sub, CloudFormation leaves it alone.
_VERBATIM = {("E1029", "AWS::SSM::Parameter", ("Properties", "Value"))}


@dataclass(frozen=True, slots=True)
class _Finding:
    """One match of cfn-lint. `details` are the messages of the branches of which none fits."""

    code: str
    severity: Severity
    path: Path
    message: str
    details: tuple[str, ...]
    hint: str | None

    @property
    def is_ours(self) -> bool:
        return bool(_OWN_RULE.fullmatch(self.code))


def lint_stack(
    stack: Stack, *, region: str, environment: str, library: Library | None = None, scope: str = "service"
) -> tuple[Diagnostic, ...]:
    """Run every rule for errors and warnings that cfn-lint ships, and those of the library.

    `scope` is "service" or "environment", whose stack it is: a rule of the library may be for one of the two.
    """
    from cfnlint.helpers import REGIONS

    if region not in REGIONS:
        return (Diagnostic("E0003", f"cfn-lint knows no region `{region}`", hint=suggest(region, REGIONS)),)
    try:
        findings = tuple(_examine(stack, region, library, scope))
    except CompileError:
        raise
    except Exception as error:  # its rules catch their own; what is left is a `Metadata` that is no map
        return (_report_failure(stack, error),)
    # When cfn-lint trips over a fault that it also reports, the tripping is of no use to anyone.
    telling = tuple(finding for finding in findings if not _is_stumble(finding)) or findings
    has_circles = any(finding.code == _CIRCLE for finding in telling)
    circles = find_circles(find_references(stack)) if has_circles else {}
    return order_diagnostics(_diagnose(stack, finding, circles, region, environment, library) for finding in telling)


def _is_stumble(finding: _Finding) -> bool:
    return finding.message.startswith(_TRIPPED) and not _OWN_RULE.search(finding.message)


def _report_failure(stack: Stack, error: Exception) -> Diagnostic:
    said = next((story[-1] for path, story in stack.stories.items() if "Metadata" in path[:3]), None)
    message = f"cfn-lint cannot examine the stack: {type(error).__name__}: {' '.join(str(error).split())}"
    hint = "write `Metadata` as a map, and `cfn-lint` in it as its documentation says"
    return Diagnostic("E0002", message, said.origin.span if said else None, hint)


# Running cfn-lint


def _examine(stack: Stack, region: str, library: Library | None, scope: str) -> Iterator[_Finding]:
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import run_template_by_data

    rules = load_rules(library)
    own = [rule for rule in rules if _OWN_RULE.fullmatch(rule)]
    # Naming a configuration file keeps ~/.cfnlintrc and ./.cfnlintrc out; the null device is an empty one.
    config = ConfigMixIn(
        ["--config-file", os.devnull], regions=[region], mandatory_checks=[*own, *_NEVER_SILENT] if own else []
    )
    matches: list[Match] = list(run_template_by_data(_mark(stack.template), config, rules))
    details: dict[str, list[str]] = {}
    for match in matches:
        if match.parent_id is not None:
            details.setdefault(match.parent_id, []).append(match.message)
    for match in matches:
        severity = match.rule.severity
        if match.parent_id is None and severity in ("error", "warning"):
            path = existing_path(stack.template, tuple(getattr(match, "path", None) or ()))
            more = tuple(details.get(match.id, ()))
            if _concerns(match.rule, stack, path, scope) and not _is_mistaken(match.rule.id, stack, path):
                hint = getattr(match, "hint", None)
                yield _Finding(match.rule.id, severity, path, match.message, more, hint)


def _concerns(rule: Any, stack: Stack, path: Path, scope: str) -> bool:
    """Tell whether a rule of the library is for this kind of stack, and for whoever made the resource.

    What an addition puts where an override took the platform's away counts as the platform's.
    """
    if getattr(rule, "scope", None) not in (None, scope):
        return False
    story = stack.stories.get(path[:2]) if path[:2] not in stack.removed else None
    return not (getattr(rule, "spares_additions", False) and story and story[0].origin.layer == "addition")


def _is_mistaken(code: str, stack: Stack, path: Path) -> bool:
    """Tell whether a rule misreads what a service says, where the platform hands it on as it is."""
    kind, story = value_at(stack.template, (*path[:2], "Type")), stack.stories.get(path)
    return (code, kind, path[2:]) in _VERBATIM and story is not None and not is_of_template(story[-1])


def _mark(template: Mapping[str, Json]) -> Any:
    """Copy a template into cfn-lint's own nodes, each with a line of its own.

    cfn-lint drops what it says twice of one line. Parsing text for the lines would take longer than all its rules.
    """
    from cfnlint.decode.mark import Mark
    from cfnlint.decode.node import dict_node, list_node, str_node

    line = 0

    def copy(value: Json) -> Any:
        nonlocal line
        line += 1
        mark = Mark(line, 0)
        if isinstance(value, dict):
            return dict_node({copy(key): copy(item) for key, item in value.items()}, mark, mark)
        if isinstance(value, list):
            return list_node([copy(item) for item in value], mark, mark)
        return str_node(value, mark, mark) if isinstance(value, str) else value

    return copy(template)


# Placing a finding


def _diagnose(
    stack: Stack,
    finding: _Finding,
    circles: Mapping[str, Said],
    region: str,
    environment: str,
    library: Library | None,
) -> Diagnostic:
    key = unexpected_key(finding.message)
    place = finding.path if key is None else finding.path[:-1]
    message, hint = word_finding(finding.message, finding.details, _known_properties(stack, place, region))
    hint = finding.hint or hint
    where = ".".join(str(step) for step in place)
    if where:
        message = f"{message} in `{where}`" if key else f"`{where}`: {message}"
        hint = hint or f"run `flagstone explain {where} --env {environment}` to see who said so"
    names = (key, *mentioned_names(finding.message)) if key else mentioned_names(finding.message)
    said = circles.get(str(finding.path[1])) if finding.code == _CIRCLE and len(finding.path) > 1 else None
    said = said or find_cause(stack, finding.path, names, finding.message)
    span, related = place_cause(said) if said else (None, ())
    if finding.is_ours:
        resource = str(finding.path[1]) if finding.path[:1] == ("Resources",) and len(finding.path) > 1 else ""
        notes = (*related, *_rule_of(finding, library))
        return Breach(finding.code, message, span, hint, finding.severity, notes, rule=finding.code, resource=resource)
    if said is None or span is None:
        return Diagnostic(finding.code, message, None, hint, finding.severity)
    if key is not None and said.origin.layer in ("override", "addition"):
        span = _key_span(span, key)
    return Diagnostic(finding.code, message, span, hint, finding.severity, (*related, *_others(stack, finding, said)))


def _rule_of(finding: _Finding, library: Library | None) -> Iterator[Related]:
    for module in library.rules if library else ():
        if finding.code in module.ids:
            yield Related("the rule", module.ids[finding.code])


def _key_span(span: Span, key: str) -> Span:
    """Return the span of the key that leads to a value, looking back from the value."""
    pattern = re.compile(rf"""(?<!\w)["']?(?P<key>{re.escape(key)})["']?\s*:""")
    for line in range(span.line, 0, -1):
        text = span.source.lines[line - 1] if line <= len(span.source.lines) else ""
        found = [match for match in pattern.finditer(text) if line < span.line or match.start() < span.column]
        if found:
            start = found[-1].start("key") + 1
            return Span(span.source, line, start, line, start + len(key))
    return span


def _others(stack: Stack, finding: _Finding, said: Said) -> Iterator[Related]:
    """Point out who else takes part: the word on the value itself, or an override of the same resource."""
    here = told_of(stack, finding.path)
    if here and here.origin.span != said.origin.span:
        yield Related(f"`{finding.path[-1]}` is said here", place_cause(here)[0])
    if said.origin.layer in ("platform", "environment", "template"):
        # Where the platform's own word is at fault, an override may still be why it no longer fits.
        other = find_cause(stack, finding.path[:2])
        if other and other.origin.layer == "override":
            yield Related("an override changes this resource", other.origin.span)


# Properties that a resource type knows


def _known_properties(stack: Stack, path: Path, region: str) -> tuple[str, ...]:
    """Name the properties that could stand at a path below `Properties`."""
    if len(path) < 3 or path[0] != "Resources" or path[2] != "Properties":
        return ()
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(
            region, stack.template["Resources"][path[1]]["Type"]
        ).schema
    except ResourceNotFoundError:
        return ()
    place = schema
    for step in path[3:]:
        if not str(step).startswith("Fn::"):
            place = _resolve(schema, place)
            inner = place.get("items") if isinstance(step, int) else place.get("properties", {}).get(step)
            place = inner if isinstance(inner, dict) else place
    read_only = {pointer.removeprefix("/properties/") for pointer in schema.get("readOnlyProperties", ())}
    names = set(_resolve(schema, place).get("properties", ()))
    return tuple(sorted(names - read_only if len(path) == 3 else names))


def _resolve(schema: Json, place: Json) -> Json:
    name = str(place.get("$ref", "")).removeprefix("#/definitions/")
    return schema.get("definitions", {}).get(name, place)
