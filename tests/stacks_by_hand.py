"""Stacks and guardrails made by hand: who said which value is told by the layer alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path as FilePath

from compiler.diagnostics import Diagnostic, Source, Span
from compiler.guard import guard_stack
from compiler.library import load_library
from compiler.model import Guardrail, Json, Library, Origin, Path, Said, Stack, walk_leaves

GROUP = "AWS::Logs::LogGroup"
TOY = load_library(FilePath(__file__).parent / "library")
TEMPLATE_LINE, RULE = 7, Span(Source("guardrails.yml"), 3, 1, 3, 5)


def said(layer: str, line: int, value: Json = None, rule: str | None = None) -> Said:
    span = Span(Source(f"{layer}.yml"), line, 5, line, 9)
    return Said(Origin(layer, span), value, rule=rule)


def stack_of(
    resources: Json,
    overridden: Mapping[Path, Said] | None = None,
    removed: Mapping[Path, tuple[Said, ...]] | None = None,
) -> Stack:
    """Make a stack that the platform wrote, except for the leaves below the given paths of resources."""
    template = {"Resources": resources}
    stories: dict[Path, tuple[Said, ...]]
    stories = {path: (said("template", TEMPLATE_LINE, value),) for path, value in walk_leaves(template)}
    stories |= {("Resources", name): (said("template", TEMPLATE_LINE),) for name in resources}
    for place, word in (overridden or {}).items():
        for path, story in stories.items():
            if path[1 : len(place) + 1] == place:
                stories[path] = (*story, word)
    return Stack(template, stories, {("Resources", *path): story for path, story in (removed or {}).items()})


def library(*guardrails: Guardrail) -> Library:
    return replace(TOY, guardrails=guardrails)


def sealed(path: str, kind: str = GROUP, severity: str = "error") -> Guardrail:
    return Guardrail("keep", kind, tuple(path.split(".")), True, None, "audits need it.", severity, RULE)


def must(path: str, operator: str, operand: Json, kind: str = GROUP) -> Guardrail:
    return Guardrail("rule", kind, tuple(path.split(".")), False, {operator: operand}, "audits need it", "error", RULE)


def group(**properties: Json) -> dict[str, Json]:
    return {"Logs": {"Type": GROUP, "Properties": properties}}


def judge(stack: Stack, *guardrails: Guardrail) -> tuple[Diagnostic, ...]:
    return guard_stack(stack, library(*guardrails))


def places(found: Iterable[Diagnostic]) -> list[str]:
    return [f"{d.code} {d.span.path}:{d.span.line}" if d.span else d.code for d in found]
