"""Compare: find what differs between two pieces of a template, by value and by type.

In: two values with short forms made long, their place, what orders and names the items of lists.    Out: Differences.
Never: takes `8080` for `"8080"`, one intrinsic function for another, or a key for anything but a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from compiler.alignment import align_ordered, align_unordered, write_token
from compiler.changes import Kind
from compiler.identity import IdentityTable, identify, path_matches
from compiler.model import Json, Path
from compiler.node import is_intrinsic

# Lists whose items have names and that are still read from the first to the last.
_ORDERED = (
    ("AWS::AutoScaling::AutoScalingGroup", ("Properties", "MixedInstancesPolicy", "LaunchTemplate", "Overrides")),
    ("AWS::CloudFront::Distribution", ("Properties", "DistributionConfig", "CacheBehaviors")),
    ("AWS::KinesisFirehose::DeliveryStream", ("Properties", "**", "Processors")),
)
# Policies are open objects to the schemas of resources; IAM gives the order of their lists no meaning.
_POLICY_LISTS = (
    ("**", "Statement"),
    *(("**", "Statement", key) for key in ("Action", "NotAction", "Resource", "NotResource")),
    *(("**", "Statement", key, "*") for key in ("Principal", "NotPrincipal")),
    ("**", "Statement", "Condition", "*", "*"),
    ("Properties", "ManagedPolicyArns"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `path` leads to it in what is after, of what was removed in what was before.

    `path_before` is where it stands, or would stand, in what was before: items of lists may have moved.
    """

    kind: Kind
    path: Path
    path_before: Path
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class ListRules:
    """What the items of lists are known by, and where their order has a meaning.

    `is_ordered` takes a resource type and a path below `Properties`, an index for any item of a list.
    """

    identities: IdentityTable
    is_ordered: Callable[[str, Path], bool]


def compare_values(
    before: Json,
    after: Json,
    *,
    rules: ListRules,
    resource_type: str = "",
    path: Path = (),
    inside: Path = (),
) -> Iterator[Difference]:
    """Yield what differs between two values at a path; `inside` is the path below the resource."""
    return _Comparison(rules, resource_type).compare(before, after, path, path, inside)


class _Comparison:
    def __init__(self, rules: ListRules, resource_type: str) -> None:
        self.rules = rules
        self.resource_type = resource_type

    # `inside` is None below an intrinsic function, whose lists are arguments.
    def compare(
        self, before: Json, after: Json, path: Path, path_before: Path, inside: Path | None
    ) -> Iterator[Difference]:
        if write_token(before) == write_token(after):
            return
        if inside == ("DependsOn",) and isinstance(before, str) != isinstance(after, str):
            yield from self._compare_dependencies(before, after, path, path_before)
        elif isinstance(before, dict) and isinstance(after, dict):
            yield from self._compare_maps(before, after, path, path_before, inside)
        elif isinstance(before, list) and isinstance(after, list):
            yield from self._compare_lists(before, after, path, path_before, inside)
        else:
            yield Difference("changed", path, path_before, before, after)

    def _compare_maps(
        self, before: Json, after: Json, path: Path, path_before: Path, inside: Path | None
    ) -> Iterator[Difference]:
        function = _name_function(before) or _name_function(after)
        if function and set(before) != set(after):
            yield Difference("changed", path, path_before, before, after)
            return
        if function == "Fn::GetAtt":
            before, after = _split_attribute(before, after)
        for key in (*before, *(key for key in after if key not in before)):
            there, was_there = (*path, key), (*path_before, key)
            if key not in after:
                yield Difference("removed", was_there, was_there, before[key], None)
            elif key not in before:
                yield Difference("added", there, was_there, None, after[key])
            elif function == "Fn::If":
                yield from self._compare_branches(before[key], after[key], there, was_there, inside)
            else:
                below = None if function or inside is None else (*inside, key)
                yield from self.compare(before[key], after[key], there, was_there, below)

    def _compare_branches(
        self, before: Json, after: Json, path: Path, path_before: Path, inside: Path | None
    ) -> Iterator[Difference]:
        """Compare the arguments of an Fn::If, whose branches stand for the value itself."""
        if not (isinstance(before, list) and isinstance(after, list) and len(before) == len(after) == 3):
            yield from self.compare(before, after, path, path_before, None)
            return
        for at in range(3):
            yield from self.compare(before[at], after[at], (*path, at), (*path_before, at), inside if at else None)

    def _compare_lists(
        self, before: Json, after: Json, path: Path, path_before: Path, inside: Path | None
    ) -> Iterator[Difference]:
        rule = None if inside is None else self.rules.identities.find(self.resource_type, inside)
        names = [[identify(item, rule.keys) if rule else None for item in items] for items in (before, after)]
        is_free = inside is not None and self._is_free(inside, is_named=rule is not None)
        if inside is None and len(before) == len(after):
            pairs = [(at, at) for at in range(len(before))]
        else:
            pairs = sorted((align_unordered if is_free else align_ordered)(before, after, names))
        taken, filled = {index for index, _ in pairs}, {at for _, at in pairs}
        for index, at in pairs:
            yield from self.compare(
                before[index], after[at], (*path, at), (*path_before, index), None if inside is None else (*inside, at)
            )
        for index, item in enumerate(before):
            if index not in taken:
                yield Difference("removed", (*path_before, index), (*path_before, index), item, None)
        for at, item in enumerate(after):
            if at not in filled:
                yield Difference("added", (*path, at), (*path_before, at), None, item)

    def _is_free(self, inside: Path, *, is_named: bool) -> bool:
        steps = tuple(step for step in inside if isinstance(step, str))
        if any(kind == self.resource_type and path_matches(pattern, steps) for kind, pattern in _ORDERED):
            return False
        if is_named or steps == ("DependsOn",) or any(path_matches(pattern, steps) for pattern in _POLICY_LISTS):
            return True
        return inside[:1] == ("Properties",) and not self.rules.is_ordered(self.resource_type, inside[1:])

    def _compare_dependencies(self, before: Json, after: Json, path: Path, path_before: Path) -> Iterator[Difference]:
        """Compare a name with a list of names: `x` and `[x]` are the same."""
        names = [[value] if isinstance(value, str) else value for value in (before, after)]
        if not all(isinstance(each, list) for each in names):
            yield Difference("changed", path, path_before, before, after)
            return
        for found in self._compare_lists(names[0], names[1], path, path_before, ("DependsOn",)):
            there = path if isinstance(after, str) and found.kind != "removed" else found.path
            was_there = path_before if isinstance(before, str) and found.kind != "added" else found.path_before
            yield Difference(
                found.kind, there if found.kind != "removed" else was_there, was_there, found.before, found.after
            )


def _name_function(value: Json) -> str:
    return str(next(iter(value))) if is_intrinsic(value) else ""


def _split_attribute(before: Json, after: Json) -> tuple[Json, Json]:
    """Write both `A.B` and `[A, B]` as a list, where only one of them is."""
    name = "Fn::GetAtt"
    if isinstance(before[name], str) == isinstance(after[name], str):
        return before, after
    split = [each[name].split(".", 1) if isinstance(each[name], str) else each[name] for each in (before, after)]
    return {name: split[0]}, {name: split[1]}
