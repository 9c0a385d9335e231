"""Attribution: a change stands at the line of service.yml that it is due to, else at that of the library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from compiler.attribution import attribute_changes
from compiler.changes import Change, Diff, Given, Side, SideStack
from compiler.model import Json, Origin, Path
from compiler.report_changes import write_line
from compiler.report_findings import find_changes
from tests.diffs_by_hand import changed, origin

TEMPLATE = origin("platform/templates/dns.py", 173, "template")
NAME: Path = ("Resources", "Record", "Properties", "Name")
OTHER: Path = ("Resources", "Record", "Properties", "TTL")
SAME, NEWER = {"platform": {"version": "1"}}, {"platform": {"version": "2"}}


def given(pointer: str, value: Json, line: int) -> Given:
    return Given(pointer, value, origin(line=line))


def side(settings: Mapping[Path, tuple[Given, ...]], facts: Mapping[str, Json] = SAME) -> Side:
    stack = SideStack("production/template.json", {}, {}, {}, settings=settings)
    return Side("a", {"production": stack}, facts=facts)


def cause(before: Side, after: Side, change: Change) -> int | None:
    [found] = attribute_changes(Diff(before, after, (change,))).changes
    return found.cause.span.line if found.cause else None


OLD = {NAME: (given("service", "shop", 2), given("processes.web", "web", 8), given("processes.web.dns", "a", 13))}
NEW = {NAME: (given("service", "shop", 2), given("processes.web", "web", 8), given("processes.web.dns", "b", 14))}
CHANGE = changed("Record", "Properties", "Name", origin=TEMPLATE)


@pytest.mark.parametrize(
    ("before", "after", "change", "line"),
    [
        (side(OLD), side(NEW), CHANGE, 14),
        (side(OLD), side(NEW, NEWER), CHANGE, 14),
        (side({}), side(NEW), changed("Record", kind="added", origin=TEMPLATE), 14),
        (side(NEW), side({}), changed("Record", kind="removed", origin=TEMPLATE), 14),
        (side(OLD), side(NEW), replace(CHANGE, path=OTHER), 14),
        (side(OLD), side(OLD), CHANGE, 13),
        (side(OLD), side(OLD, NEWER), CHANGE, None),
        (side(OLD), side(NEW, NEWER), replace(CHANGE, path=OTHER), None),
        (side(OLD), side(NEW), replace(CHANGE, origin=origin("cloudFormation/a.yml", 3, "override")), None),
        (side(OLD), side(NEW), changed("Former", renamed_to="Record", origin=TEMPLATE), 14),
    ],
    ids=["said", "library", "added", "removed", "beside", "same", "newer", "newer-beside", "override", "renamed"],
)
def test_the_setting_that_a_change_is_due_to_is_found(
    before: Side, after: Side, change: Change, line: int | None
) -> None:
    assert line == cause(before, after, change)


def test_a_finding_stands_at_the_setting_and_names_the_template_beside_it() -> None:
    [change] = attribute_changes(Diff(side(OLD), side(NEW), (CHANGE,))).changes
    [found] = find_changes(Diff(side(OLD), side(NEW), (change,)))
    assert found.span is not None and ("service.yml", 14) == (found.span.path, found.span.line)
    assert ["platform/templates/dns.py"] == [each.span.path for each in found.related]
    assert "shop/service.yml:14" == write_line(change, "shop")


def test_what_was_removed_stands_at_no_line_of_the_files_as_they_are_now() -> None:
    change = changed("Record", "Properties", "Name", kind="removed", origin=origin(line=40))
    [found] = find_changes(Diff(side(OLD), side({}), (change,)))
    assert found.span is not None and ("service.yml", 1) == (found.span.path, found.span.line)
    assert found.message.endswith("; in the old version it stands at `service.yml:40`")
    around: dict[Path, Origin] = {("Resources", "Record"): origin("b.yml", 7)}
    plain = Side("b.yml", {"production": SideStack("b.yml", {}, {}, around)})
    [found] = find_changes(Diff(side(OLD), plain, (replace(change, origin=origin("a.yml", 40)),)))
    assert found.span is not None and ("b.yml", 7) == (found.span.path, found.span.line)
