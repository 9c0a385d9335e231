"""Needs: how much of something each part of a service needs, where it is more than AWS takes.

In: a Stack, and what stands at some of its places.    Out: Diagnostics.
Faults: D602 a limit is exceeded.
Never: knows the limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from compiler.diagnostics import Diagnostic
from compiler.model import Path, Stack
from compiler.share import find_heaviest
from compiler.wording import write_path

_LONGEST_LIST = 8
ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


class Needed:
    """How much of something each part of a service needs, of what stands at some places of a stack."""

    def __init__(self, stack: Stack, costs: Mapping[Path, int], depth: int = 1) -> None:
        shares = {place: find_heaviest(stack, place, depth=depth) for place in costs}
        self.stack = stack
        self.spans = {share.section: share.span for share in reversed(shares.values()) if share}
        self.parts: Counter[Path] = Counter()
        for place, share in shares.items():
            if share:
                self.parts[share.section] += costs[place]

    def is_of_service(self, excess: int) -> bool:
        """Tell whether `service.yml` asks for most, and no file of overrides or additions for all that is too much."""
        files = [needs for part, needs in self.parts.items() if part == (self.spans[part].path,)]
        return len(files) < len(self.parts) and not (excess and sum(files) >= excess)

    def blame(self, message: str) -> Diagnostic:
        told = [f"{number:,} for `{write_path(part)}`" for part, number in self.parts.most_common(_LONGEST_LIST)]
        span = self.spans[self.parts.most_common(1)[0][0]]
        return Diagnostic("D602", message, span, f"{_make_room(self.stack)}; the platform needs {', '.join(told)}")


def _make_room(stack: Stack) -> str:
    """Say what makes a template smaller. Where alarms are much of it, they are what a service can do without first."""
    types = [body.get("Type") for body in (stack.template.get("Resources") or {}).values() if isinstance(body, dict)]
    alarms = sum(kind in ALARMS for kind in types)
    if alarms * 4 < len(types):
        return "split the service"
    example = "`alarms: {memory: {enabled: false}}`"
    return f"split the service, or switch some of its {alarms} alarms off, for all processes or for one: {example}"
