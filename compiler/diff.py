"""Diff: find all that differs between two sides, and leave what it means to others.

In: two Sides, what orders and names the items of lists.    Out: a Diff whose changes are not judged yet.
Never: takes the name of a release for a change, or reads a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.alignment import write_token
from compiler.changes import Change, Diff, Kind, Side, SideStack, find_origin, order_changes
from compiler.compare import Difference, ListRules, compare_values
from compiler.counterpart import find_counterparts
from compiler.lookups import spread_lookups
from compiler.model import Json, RepositoryFile
from compiler.reference import rename_references

MANIFEST, PARAMETERS = "manifest.json", "parameters.json"
# What names a release and its archives: the archives themselves are compared, file by file.
IDENTITY = ("Release", "AnsibleDigest", "SourceDigest")


def diff_sides(before: Side, after: Side, rules: ListRules) -> Diff:
    """Compare everything that two sides hold: stacks, values of parameters, archives, what the manifest says."""
    before, after = _spread(before), _spread(after)
    found: list[Change] = []
    for environment in dict.fromkeys((*before.stacks, *after.stacks)):
        old, new = before.stacks.get(environment), after.stacks.get(environment)
        found.extend(_diff_stacks(environment, old, new, rules))
    for archive in dict.fromkeys((*before.files, *after.files)):
        found.extend(_diff_files(archive, before.files.get(archive, {}), after.files.get(archive, {})))
    found.extend(_diff_facts(before.facts, after.facts, rules))
    return Diff(before, after, order_changes(found))


def _spread(side: Side) -> Side:
    """Say references as such on both sides, since many become parameters where one more makes them too many."""
    return replace(side, stacks={name: _spread_stack(stack) for name, stack in side.stacks.items()})


def _spread_stack(stack: SideStack) -> SideStack:
    template, gone = spread_lookups(stack.template)
    given = {name: value for name, value in stack.parameters.items() if name not in gone}
    return replace(stack, template=template, parameters=given) if gone else stack


def _diff_stacks(
    environment: str, before: SideStack | None, after: SideStack | None, rules: ListRules
) -> Iterator[Change]:
    if before is None or after is None:
        there = before or after
        assert there is not None
        kind: Kind = "added" if before is None else "removed"
        yield Change(
            environment, there.file, (), kind, before.template if before else None, after.template if after else None
        )
        return
    comparison = _StackDiff(environment, before, after, rules)
    yield from comparison.diff_template()
    yield from comparison.diff_parameters()


@dataclass(frozen=True, slots=True)
class _StackDiff:
    environment: str
    before: SideStack
    after: SideStack
    rules: ListRules

    def diff_template(self) -> Iterator[Change]:
        before, after = self.before.template, self.after.template
        for section in dict.fromkeys((*before, *after)):
            old, new = before.get(section, {}), after.get(section, {})  # an empty section says what none says
            if section == "Resources" and isinstance(old, dict) and isinstance(new, dict):
                yield from self._diff_resources(old, new)
            else:
                is_named = isinstance(old, dict) and isinstance(new, dict)
                parts = [
                    {section: each} if is_named or section in side else {}
                    for side, each in ((before, old), (after, new))
                ]
                for found in compare_values(parts[0], parts[1], rules=self.rules):
                    yield self._change(found)

    def diff_parameters(self) -> Iterator[Change]:
        """Compare the values that are given; one that follows the default of its parameter is a change there."""
        folder = self.after.file.rpartition("/")[0]
        given = [
            {name: value for name, value in stack.parameters.items() if name not in (*IDENTITY, *_followed(stack))}
            for stack in (self.before, self.after)
        ]
        for found in compare_values(given[0], given[1], rules=self.rules):
            file = f"{folder}/{PARAMETERS}".removeprefix("/")
            yield Change(self.environment, file, found.path, found.kind, found.before, found.after)

    def _diff_resources(self, before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Change]:
        renamed = find_counterparts(before, after)
        new = {name: old for old, name in renamed.items()}
        for name in dict.fromkeys((*before, *after)):
            path = ("Resources", name)
            if name in renamed:
                yield self._diff_renamed(name, renamed[name], before[name], after[renamed[name]], renamed)
            elif name in before and name in after:
                kind = _type_of(after[name]) or ""
                for found in compare_values(before[name], after[name], rules=self.rules, resource_type=kind, path=path):
                    yield self._change(found)
            elif name in before:
                yield self._change(Difference("removed", path, path, before[name], None))
            elif name not in new:
                yield self._change(Difference("added", path, path, None, after[name]))

    def _diff_renamed(self, old: str, new: str, before: Json, after: Json, renamed: Mapping[str, str]) -> Change:
        path, path_after = ("Resources", old), ("Resources", new)
        followed = rename_references(before, lambda name: renamed.get(name, name))
        kind = _type_of(after) or ""
        within = []
        for found in compare_values(followed, after, rules=self.rules, resource_type=kind, path=path_after):
            is_gone = found.kind == "removed"
            within.append(self._change(replace(found, path=(*path, *found.path[2:])) if is_gone else found))
        whole = self._change(Difference("changed", path, path, before, after))
        origin = find_origin(self.after.origins, path_after)
        return replace(whole, renamed_to=new, within=tuple(within), origin=origin)

    def _change(self, found: Difference) -> Change:
        stack = self.before if found.kind == "removed" else self.after
        path = found.path
        is_resource = path[:1] == ("Resources",) and len(path) > 1
        name = str(path[1]) if is_resource else None
        kind = next(
            (kind for each in (self.after, self.before) if (kind := _type_of(_resource(each.template, name)))), None
        )
        origin = find_origin(stack.origins, path)
        return Change(
            self.environment, stack.file, path, found.kind, found.before, found.after, name, kind, origin=origin
        )


def _resource(template: Json, name: str | None) -> Json:
    resources = template.get("Resources")
    return resources.get(name) if isinstance(resources, dict) else None


def _type_of(body: Json) -> str | None:
    kind = body.get("Type") if isinstance(body, dict) else None
    return kind if isinstance(kind, str) else None


def _followed(stack: SideStack) -> list[str]:
    """Name the parameters whose value is their default."""
    declared = stack.template.get("Parameters")
    found = []
    for name, body in declared.items() if isinstance(declared, dict) else ():
        if isinstance(body, dict) and "Default" in body:
            default = body["Default"]
            text = str(default).lower() if isinstance(default, bool) else str(default)
            if stack.parameters.get(name) == text:
                found.append(name)
    return found


def _diff_files(
    archive: str, before: Mapping[str, RepositoryFile], after: Mapping[str, RepositoryFile]
) -> Iterator[Change]:
    for path in dict.fromkeys((*before, *after)):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        kind: Kind = "added" if old is None else "removed" if new is None else "changed"
        yield Change("", archive, (path,), kind, _describe_file(old), _describe_file(new))


def _describe_file(file: RepositoryFile | None) -> Json:
    """Tell of a file what a person can compare: its digest and size, or where a link leads."""
    if file is None:
        return None
    if file.link is not None:
        return {"link": file.link}
    digest = hashlib.sha256(file.content).hexdigest()
    return {"sha256": digest, "size": len(file.content), "executable": file.is_executable}


def _diff_facts(before: Mapping[str, Json], after: Mapping[str, Json], rules: ListRules) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if isinstance(old, list) and isinstance(new, list):
            yield from _diff_list_of_facts(name, old, new)
        else:
            parts = [{name: side[name]} if name in side else {} for side in (before, after)]
            for found in compare_values(parts[0], parts[1], rules=rules):
                yield Change("", MANIFEST, found.path, found.kind, found.before, found.after)


def _diff_list_of_facts(name: str, before: Iterable[Json], after: Iterable[Json]) -> Iterator[Change]:
    """Compare lists without an order, whose items are named as a whole."""
    sides = [{write_token(item): (at, item) for at, item in enumerate(items)} for items in (before, after)]
    for token, (at, item) in sides[0].items():
        if token not in sides[1]:
            yield Change("", MANIFEST, (name, at), "removed", item, None)
    for token, (at, item) in sides[1].items():
        if token not in sides[0]:
            yield Change("", MANIFEST, (name, at), "added", None, item)
