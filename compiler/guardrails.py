"""Guardrails: read what the platform team asks of every stack.

In: the Document of `guardrails.yml`, the version of its library.    Out: Guardrails, and what is wrong with the rest.
Faults: D403.
Never: knows the resource types of CloudFormation, which `lint` asks for.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping

from compiler.diagnostics import Diagnostic, Span, suggest
from compiler.model import Document, Guardrail, Json

_KEYS = ("type", "path", "sealed", "must", "unless", "reason", "severity", "since")
_NEEDED = ("type", "path", "reason", "since")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TYPE = re.compile(r"\*|[A-Za-z0-9*]+(::[A-Za-z0-9*]+)+")
_STEP = re.compile(r"\*\*?|[A-Za-z0-9_:-]+\??")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def read_guardrails(document: Document, version: str) -> tuple[tuple[Guardrail, ...], tuple[Diagnostic, ...]]:
    """Read every guardrail that is in order; the others come back as faults, each at its line."""
    found, faults = [], []
    for name, rule in document.data.items():
        wrong = list(_check_rule(document, str(name), rule, version))
        faults.extend(wrong)
        if not wrong:
            found.append(_make(document, name, rule))
    return tuple(found), tuple(faults)


def _make(document: Document, name: str, rule: Mapping[str, Json]) -> Guardrail:
    return Guardrail(
        name,
        rule["type"],
        tuple(rule["path"].split(".")),
        rule.get("sealed") is True,
        rule.get("must"),
        rule["reason"],
        rule.get("severity", "error"),
        document.key_span((name,)),
        rule["since"],
        tuple(tuple(path.split(".")) for path in rule.get("unless", ())),
    )


def _check_rule(document: Document, name: str, rule: Json, version: str) -> Iterator[Diagnostic]:
    span = document.key_span((name,))
    if not _NAME.fullmatch(name):
        yield _fault(name, "has a name that is not lower-case words joined by dashes", span, "rename it")
    if not isinstance(rule, dict):
        yield _fault(name, "is not a map", document.value_span((name,)), "write `type:`, `path:` and what must hold")
        return
    for key in rule:
        if key not in _KEYS:
            hint = suggest(key, _KEYS) or "known here: " + ", ".join(f"`{known}`" for known in _KEYS)
            yield _fault(name, f"has an unknown key `{key}`", document.key_span((name, key)), hint)
    missing = [key for key in _NEEDED if key not in rule]
    if missing:
        yield _fault(name, f"lacks `{'` and `'.join(missing)}`", span, f"add `{missing[0]}: ...`")
    if rule.get("sealed") is not True and "must" not in rule:
        yield _fault(name, "asks for nothing", span, "add `sealed: true`, or `must: {...}`")
    for key, (holds, what) in _VALUES.items():
        if key in rule and not holds(rule[key]):
            yield _fault(name, f"has a `{key}` that is not {what}", document.value_span((name, key)))
    if isinstance(rule.get("must"), dict):
        yield from _check_must(document, name, rule["must"])
    if _is_version(rule.get("since")) and _is_version(version) and _order(rule["since"]) > _order(version):
        message = f"holds since {rule['since']}, and this is {version}"
        yield _fault(name, message, document.value_span((name, "since")), "name a version that there is")


def _check_must(document: Document, name: str, must: Mapping[str, Json]) -> Iterator[Diagnostic]:
    for operator, operand in must.items():
        place = (name, "must", operator)
        if operator not in _OPERATORS:
            hint = suggest(operator, _OPERATORS) or "known here: " + ", ".join(f"`{known}`" for known in _OPERATORS)
            yield _fault(name, f"has an unknown operator `{operator}`", document.key_span(place), hint)
        elif not _OPERATORS[operator][0](operand):
            message = f"has an operand of `{operator}` that is not {_OPERATORS[operator][1]}"
            yield _fault(name, message, document.value_span(place))


def _fault(name: str, what: str, span: Span, hint: str | None = None) -> Diagnostic:
    return Diagnostic("D403", f"guardrail `{name}` {what}", span, hint)


# What a value may be


def _is_path(value: Json) -> bool:
    steps = value.split(".") if isinstance(value, str) else []
    # "**" says nothing of its own: a name has to follow.
    lacks_name = any(step == "**" and after in ("*", "**") for step, after in itertools.pairwise([*steps, "*"]))
    return bool(steps) and not lacks_name and all(_STEP.fullmatch(step) for step in steps)


def _is_version(value: Json) -> bool:
    return isinstance(value, str) and bool(_VERSION.fullmatch(value))


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_choice(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and not any(isinstance(item, (dict, list)) for item in value)


_VALUES: Mapping[str, tuple[Callable[[Json], bool], str]] = {
    "type": (
        lambda value: isinstance(value, str) and bool(_TYPE.fullmatch(value)),
        "a resource type such as `AWS::S3::Bucket`, in which `*` stands for any text",
    ),
    "path": (_is_path, "steps joined by dots, such as `Properties.Tags.*.Key`; a name follows `**`"),
    "sealed": (lambda value: isinstance(value, bool), "`true` or `false`"),
    "must": (lambda value: isinstance(value, dict) and bool(value), "a map of operators"),
    "unless": (
        lambda value: isinstance(value, list) and bool(value) and all(_is_path(path) for path in value),
        "a list of paths, such as `[Properties.DBClusterIdentifier]`",
    ),
    "reason": (lambda value: isinstance(value, str) and len(value.split()) > 2, "a sentence"),
    "severity": (lambda value: value in ("error", "warning"), "`error` or `warning`"),
    "since": (_is_version, "a version such as 1.0.0"),
}
_OPERATORS: Mapping[str, tuple[Callable[[Json], bool], str]] = {
    "equals": (lambda value: value is not None, "a value"),
    "oneOf": (_is_choice, "a list of values"),
    "matches": (lambda value: isinstance(value, str) and bool(value), "a text in which `*` stands for any"),
    "atLeast": (_is_number, "a number"),
    "atMost": (_is_number, "a number"),
    "present": (lambda value: isinstance(value, bool), "`true` or `false`"),
    "keeps": (_is_choice, "a list of values"),
}
