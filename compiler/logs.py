"""Logs: how long they are kept, what is counted in them and where they go, held against what CloudWatch takes.

In: the Settings of one environment.    Out: Diagnostics.
Faults: D362 to D364.
Never: matches a line; what a pattern finds is CloudWatch's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.blame import fault_at, map_at, number_at
from compiler.diagnostics import Diagnostic
from compiler.model import Settings
from compiler.trace import plain

_HINT = """write a pattern such as '{ $.level = "error" }', in single quotes"""
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_EXPRESSION = re.compile(r"%[^%]+%")
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
            for key, each in map_at(log, "filters").items():
                pattern = each.get("pattern") if isinstance(each, dict) else None
                wrong = fault_of_pattern(plain(pattern)) if isinstance(pattern, str) else None
                if wrong is not None:
                    message = f"{wrong} in the pattern of `{where}.filters.{key}`"
                    yield fault_at("D362", message, pattern, _HINT)
    yield from _check_destination(settings)


def fault_of_pattern(pattern: str) -> str | None:
    r"""Say what CloudWatch would refuse about a filter pattern, as the beginning of a sentence; None where it is fine.

    Rules of "Filter pattern syntax for metric filters": `{...}` for JSON, `[...]` for fields between spaces, or terms.

    >>> fault_of_pattern('{ $.level = "error" || $.count > 3 }')
    >>> fault_of_pattern('{ ($.level = "error" }')
    'a `(` is not closed'
    """
    if "{{resolve:" in pattern:
        return "CloudFormation would look up `{{resolve:`"
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
            if not open_brackets or _PAIRS[open_brackets.pop()] != character:
                return f"a `{character}` closes nothing"
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
