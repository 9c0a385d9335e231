"""Budget: for how many things a service may page someone.

In: a Stack, the Library.    Out: Diagnostics.
Faults: D358 more alarms can page than the platform team has set.
Never: counts what cannot page: an alarm that is muted, and one that only feeds others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, Span
from compiler.model import Json, Library, Path, Stack, value_at
from compiler.needs import ALARMS
from compiler.share import Share, find_heaviest
from compiler.wording import write_path

# The topics that the platform makes for each owner: `platform-<environment>-<owner>-<color>`.
_RED = re.compile(r":platform-[^:]*-red")


def check_budget(stack: Stack, library: Library) -> Iterator[Diagnostic]:
    """Warn where more alarms can page than `alarmBudget` of platform.yml, at the process that has most of them."""
    budget, pages = library.defaults.data.get("alarmBudget"), list_pages(stack)
    if not isinstance(budget, int) or len(pages) <= budget:
        return
    shares = [share for name in pages if (share := find_heaviest(stack, ("Resources", name), depth=2))]
    if not shares:
        return
    section, span, number = _most(shares)
    message = f"{len(pages)} alarms can page someone, and the platform team has set {budget} for a service"
    hint = f"leave `red` to what users notice, or divide the service; `{write_path(section)}` has {number} of them"
    yield Diagnostic("D358", message, span, hint, "warning")


def list_pages(stack: Stack) -> list[str]:
    """Name the alarms that can page someone, by their logical ids."""
    resources = stack.template.get("Resources") or {}
    muted = {target for body in resources.values() for target in _muted_until_a_day(body)}
    return [name for name, body in resources.items() if _can_page(body) and name not in muted]


def _muted_until_a_day(body: Json) -> Iterator[str]:
    """Name the alarms that a rule silences until it expires, by their logical ids."""
    if isinstance(body, dict) and body.get("Type") == "AWS::CloudWatch::AlarmMuteRule":
        names = value_at(body, ("Properties", "MuteTargets", "AlarmNames"))
        # A rule without an end is for hours that come again, such as those of the night.
        is_ending = value_at(body, ("Properties", "ExpireDate")) is not None
        for each in names if is_ending and isinstance(names, list) else ():
            if isinstance(name := value_at(each, ("Ref",)), str):
                yield name


def _can_page(body: Json) -> bool:
    if not isinstance(body, dict) or body.get("Type") not in ALARMS:
        return False
    actions = value_at(body, ("Properties", "AlarmActions"))
    is_on = value_at(body, ("Properties", "ActionsEnabled")) not in (False, "false")
    return is_on and any(_RED.search(str(action)) for action in (actions if isinstance(actions, list) else ()))


def _most(shares: list[Share]) -> tuple[Path, Span, int]:
    numbers: dict[Path, int] = {}
    for share in shares:
        numbers[share.section] = numbers.get(share.section, 0) + 1
    section = max(numbers, key=lambda each: numbers[each])
    return section, next(share.span for share in shares if share.section == section), numbers[section]
