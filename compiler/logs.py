"""Logs: how long they are kept, what is counted in them and where they go, held against what CloudWatch takes.

In: the Settings of one environment.    Out: Diagnostics.
Faults: D304, D362 to D364.
Never: matches a line; what a pattern finds is CloudWatch's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.blame import conflict_at, fault_at, map_at, number_at
from compiler.diagnostics import Diagnostic
from compiler.model import Settings
from compiler.service import STANDARD_FILTER
from compiler.trace import plain

_HINT = """write a pattern such as '{ $.level = "error" }', in single quotes"""
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_EXPRESSION = re.compile(r"%[^%]+%")
# CloudWatch takes so many expressions in a pattern, and so many patterns with any for one log group.
_EXPRESSIONS, _PATTERNS_WITH_EXPRESSIONS = 2, 5
# What cfn-lint takes for a parameter wherever it stands; other names are text.
_PARAMETER = re.compile(r"\$\{AWS::[A-Za-z]+\}")
_PAIRS = {"(": ")", "[": "]", "{": "}"}
# Where a selector, a comparison or an existence of a field begins.
_SELECTOR = re.compile(r"\$[.\[]")


def check_logs(settings: Settings, processes: Mapping[str, dict[str, Any]]) -> Iterator[Diagnostic]:
    """Check every log of every process, and where the environment sends them."""
    floor = number_at(map_at(settings.environment, "logs"), "fewestDays")
    for process, data in processes.items():
        for name, log in map_at(data, "logs").items():
            where = f"processes.{process}.logs.{name}"
            days = number_at(log, "retentionDays")
            if days is not None and floor is not None and days < floor:
                message = f"`{where}` is kept for {days} days, `{settings.environment_name}` asks for {floor}"
                hint = f"leave it out for `{settings.environment_name}`, or say {floor} or more there"
                yield fault_at("D363", message, days, hint)
            yield from _check_patterns(where, map_at(log, "filters"))
            yield from _check_thresholds(where, map_at(log, "filters"))
    yield from _check_destination(settings)


def _check_patterns(where: str, filters: Mapping[Any, Any]) -> Iterator[Diagnostic]:
    """Check the patterns of one log group, each by itself and then all together."""
    patterns = {key: each.get("pattern") for key, each in filters.items() if isinstance(each, dict)}
    costly: list[str] = []
    for key, pattern in patterns.items():
        wrong = fault_of_pattern(plain(pattern)) if isinstance(pattern, str) else None
        if wrong is not None:
            yield fault_at("D362", f"{wrong} in the pattern of `{where}.filters.{key}`", pattern, _HINT)
        elif isinstance(pattern, str) and _expressions(plain(pattern)):
            costly.append(pattern)
    for pattern in costly[_PATTERNS_WITH_EXPRESSIONS:]:
        message = (
            f"`{where}` has {len(costly)} patterns with expressions, and CloudWatch takes {_PATTERNS_WITH_EXPRESSIONS}"
        )
        yield fault_at("D362", message, pattern, "compare with words, or let one pattern find what two of them find")


def _check_thresholds(where: str, filters: Mapping[Any, Any]) -> Iterator[Diagnostic]:
    for key, each in filters.items():
        said, red = number_at(each, "threshold"), number_at(map_at(each, "alarm"), "red")
        amber = STANDARD_FILTER.threshold if said is None and plain(key) == STANDARD_FILTER.name else said
        if amber is None or red is None or amber < red:
            continue
        usual = ", as nobody says it," if said is None else ""
        message = f"`threshold` {amber}{usual} is not below `alarm.red` {red} in `{where}.filters.{key}`"
        if said is None:
            yield fault_at("D304", message, red, "change `red`, or say `threshold`, too")
        else:
            yield conflict_at("D304", message, (amber, "threshold"), (red, "red"))


def _expressions(pattern: str) -> list[str]:
    return _EXPRESSION.findall(_QUOTED.sub("q", pattern))


def fault_of_pattern(pattern: str) -> str | None:
    r"""Say what CloudWatch would refuse about a filter pattern, as the beginning of a sentence; None where it is fine.

    Rules of "Filter pattern syntax for metric filters": `{...}` for JSON, `[...]` for fields between spaces, or terms.

    >>> fault_of_pattern('{ $.level = "error" || $.count > 3 }')
    >>> fault_of_pattern('{ ($.level = "error" }')
    'a `(` is not closed'
    """
    if "{{resolve:" in pattern:
        return "CloudFormation would look up `{{resolve:`"
    if found := _PARAMETER.search(pattern):
        return f"CloudFormation would want a value for `{found[0]}`"
    if len(_expressions(pattern)) > _EXPRESSIONS:
        return f"there are more than {_EXPRESSIONS} expressions between `%`"
    bare = _QUOTED.sub("q", pattern.strip())
    if re.search(r'(?<!\\)"', bare):
        return "a quotation mark has no second one"
    if not bare.startswith(("{", "[")):
        return None
    bare = _EXPRESSION.sub("x", bare)
    open_brackets: list[str] = []
    for place, character in enumerate(bare):
        if character in _PAIRS:
            open_brackets.append(character)
        elif character in _PAIRS.values():
            if _PAIRS[opened := open_brackets.pop()] != character:
                return f"a `{opened}` is not closed"
            if not open_brackets and bare[place + 1 :].strip():
                return f"something follows the last `{character}`"
    if open_brackets:
        return f"a `{open_brackets[-1]}` is not closed"
    if bare.startswith("{") and not _SELECTOR.search(bare):
        return "no field such as `$.level` is named"
    return None


def _check_destination(settings: Settings) -> Iterator[Diagnostic]:
    """A subscription reaches what stands in its own region; a stream and its role are of its own account, too."""
    here = (plain(settings.environment.get("region")), plain(settings.environment.get("account")))
    logs = map_at(settings.environment, "logs")
    stream = map_at(logs, "stream")
    for arn, what in ((logs.get("destination"), ""), (stream.get("arn"), "stream"), (stream.get("role"), "role")):
        if not isinstance(arn, str):
            continue
        region, account = plain(arn).split(":")[3:5]
        if region not in ("", here[0]):
            message = f"`{arn}` is in {region}, and the logs of `{settings.environment_name}` are in {here[0]}"
            yield fault_at("D364", message, arn, "name one of the same region")
        elif what and account != here[1]:
            message = f"the {what} `{arn}` is of another account than `{settings.environment_name}`"
            yield fault_at("D364", message, arn, "use a `destination`, which may be of another account")
