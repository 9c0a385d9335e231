"""Review: the order in which two sides are compared and judged, and nothing else.

In: two Sides, the Library that names the items of lists.    Out: a Diff.
Never: reads a side, or draws a diff.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from compiler.attribution import attribute_changes
from compiler.behavior import is_ordered
from compiler.changes import Change, Diff, Side, order_changes
from compiler.compare import ListRules
from compiler.conceal import conceal_secrets
from compiler.consequence import judge_diff
from compiler.diff import diff_sides
from compiler.identity import IdentityTable
from compiler.model import Library
from compiler.security import mark_security


def review_sides(before: Side, after: Side, library: Library) -> Diff:
    """Find all that differs between two sides, and say what it means."""
    rules = ListRules(IdentityTable(library.identities), is_ordered)
    diff = attribute_changes(mark_security(judge_diff(diff_sides(before, after, rules))))
    return conceal_secrets(replace(diff, changes=order_changes(diff.changes)))


def review_running(running: Mapping[str, Side], after: Side, library: Library) -> Diff:
    """Review against what each environment runs, by environment; one that runs nothing gets its first stack."""
    groups: dict[str, list[str]] = {}
    for environment in after.stacks:
        groups.setdefault(running[environment].name if environment in running else "", []).append(environment)
    diffs = []
    for release, environments in groups.items():
        before = running[environments[0]] if release else Side("", {})
        aim = keep_environments(after, environments)
        # Where nothing runs, the archives and what the manifest says would all be new.
        diffs.append(
            review_sides(keep_environments(before, environments), aim if release else Side("", aim.stacks), library)
        )
    name = ", ".join(release or f"nothing in {', '.join(groups[release])}" for release in groups)
    stacks = {key: stack for diff in diffs for key, stack in diff.before.stacks.items()}
    shared = diffs[0].before if len(diffs) == 1 else Side("", {})
    changes: list[Change] = []
    for change in (change for diff in diffs for change in diff.changes):
        if change.environment or change not in changes:  # what is beside the stacks is the same for several releases
            changes.append(change)
    return Diff(Side(name, stacks, shared.files, shared.facts), after, order_changes(changes))


def keep_environments(side: Side, environments: Collection[str]) -> Side:
    """Leave out the stacks of other environments; that of a plain template, which has none, stays."""
    kept = {name: stack for name, stack in side.stacks.items() if name in environments or name == ""}
    return replace(side, stacks=kept)


def needs_environment(before: Side, after: Side) -> bool:
    """Tell whether a plain template is to be compared with several stacks, so that nobody knows with which."""
    plain, others = [side for side in (before, after) if "" in side.stacks], [before, after]
    return len(plain) == 1 and any("" not in side.stacks and len(side.stacks) > 1 for side in others)


def match_stacks(before: Side, after: Side) -> tuple[Side, Side]:
    """Let a plain template stand for the only environment of the other side, of which nothing else is compared then."""
    plain = ["" in side.stacks for side in (before, after)]
    if plain == [True, False] and len(after.stacks) == 1:
        [(name, stack)] = after.stacks.items()
        return Side(before.name, {name: before.stacks[""]}), Side(after.name, {name: stack})
    if plain == [False, True] and len(before.stacks) == 1:
        return match_stacks(after, before)[::-1]
    return before, after
