"""Findings: each change as a diagnostic at its line, an error where somebody asked to stop at it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from compiler.model import Json
from compiler.report import report_diagnostics
from compiler.report_findings import find_changes
from compiler.risk import LEVELS, Level
from tests.diffs_by_hand import changed, diff_of, origin

CHANGES: dict[str, dict[str, Json]] = {
    "D911": {"behavior": "replacement", "is_data_loss": True},
    "D912": {"behavior": "replacement"},
    "D913": {"behavior": "conditional"},
    "D914": {"behavior": "interruption"},
    "D915": {"security": ("exposure-widened",)},
    "D916": {},
}
DIFF = diff_of({}, {}, *(changed(code, "X", **told) for code, told in CHANGES.items()))
ERRORS: dict[Level | None, list[str]] = {
    None: [],
    "change": ["D911", "D912", "D913", "D914", "D915", "D916"],
    "interruption": ["D911", "D912", "D913", "D914"],
    "replacement": ["D911", "D912", "D913"],
    "data-loss": ["D911"],
    "security": ["D915"],
}


def test_every_level_is_in_the_table() -> None:
    assert [None, *LEVELS] == list(ERRORS)


@pytest.mark.parametrize("level", ERRORS)
def test_what_reaches_the_level_is_an_error_and_the_rest_a_warning_or_a_notice(level: Level | None) -> None:
    found = find_changes(DIFF, fail_on=level)
    assert sorted(CHANGES) == sorted(each.code for each in found)
    assert sorted(ERRORS[level]) == sorted(each.code for each in found if each.severity == "error")
    assert {"D916"} - set(ERRORS[level]) == {each.code for each in found if each.severity == "notice"}


def test_github_and_code_scanning_are_told_the_worst_first_and_of_the_rest_in_another_voice() -> None:
    calm = [changed(f"Topic{number:02}", "X", origin=origin("a.yml", number + 1)) for number in range(12)]
    lost = changed("Zulu", "X", behavior="replacement", is_data_loss=True, origin=origin("z.yml", 90))
    found = find_changes(diff_of({}, {}, *calm, lost))
    lines = report_diagnostics(found, format="github", is_ranked=True).splitlines()
    assert lines[0].startswith("::warning file=z.yml,line=90,") and "title=D911" in lines[0]
    assert 12 == sum(line.startswith("::notice ") and "title=D916" in line for line in lines)
    [run] = json.loads(report_diagnostics(found, format="sarif", is_ranked=True))["runs"]
    assert ["warning", *["note"] * 12] == [result["level"] for result in run["results"]]
    assert {"D911": "error", "D916": "note"} == {
        rule["id"]: rule["defaultConfiguration"]["level"] for rule in run["tool"]["driver"]["rules"]
    }


def test_what_a_change_does_and_what_it_means_for_security_are_two_findings() -> None:
    change = changed(
        "A",
        "X",
        behavior="replacement",
        security=("exposure-widened",),
        reasons=("`X` cannot change",),
        concerns=("anybody may read",),
        origin=origin(),
    )
    found = find_changes(diff_of({}, {}, change), fail_on="security")
    said = "`X` changes from 1 to 2"
    assert [
        ("D912", f"`A` in `production` is replaced: {said}; `X` cannot change", "warning", 12),
        (
            "D915",
            f"`A` in `production` changes what is allowed or protected: exposure widened; {said}; anybody may read",
            "error",
            12,
        ),
    ] == [(each.code, each.message, each.severity, each.span and each.span.line) for each in found]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"kind": "added"}, "`A` in `production`: it is added"),
        ({"kind": "removed", "is_data_loss": True}, "`A` in `production` loses its data: it is removed"),
        ({"renamed_to": "B", "behavior": "replacement"}, "`A -> B` in `production` is replaced: it is renamed"),
    ],
)
def test_a_whole_resource_is_named_without_its_value(told: dict[str, Json], expected: str) -> None:
    assert [expected] == [each.message for each in find_changes(diff_of({}, {}, changed("A", **told)))]


def test_values_that_come_and_go_are_shown() -> None:
    changes = [changed("A", "X", kind=kind, before="old", after="new") for kind in ("added", "removed")]
    assert ['`A` in `production`: `X` is added as "new"', '`A` in `production`: `X` is removed, it was "old"'] == [
        each.message for each in find_changes(diff_of({}, {}, *changes))
    ]


def test_the_same_in_several_environments_is_said_once() -> None:
    changes = [changed("A", "X", environment=name) for name in ("production", "staging")]
    [found] = find_changes(diff_of({}, {}, *changes))
    assert found.message.startswith("`A` in `production` and `staging`: ")


def test_a_plain_file_has_no_environment_and_an_origin_without_a_file_no_line() -> None:
    [found] = find_changes(diff_of({}, {}, changed("A", "X", environment="", origin=origin(""))))
    assert ("`A`: `X` changes from 1 to 2", None) == (found.message, found.span)


def test_github_and_code_scanning_are_told_at_the_line_that_caused_it() -> None:
    change = changed("A", "X", before="AKIAIOSFODNN7EXAMPLE", behavior="replacement", origin=origin("service.yml", 12))
    found = find_changes(diff_of({}, {}, change), fail_on="replacement")
    github = report_diagnostics(found, format="github", prefix="shop/")
    assert github.startswith("::error file=shop/service.yml,line=12,col=5,endLine=12,endColumn=9,title=D912::`A` in ")
    sarif = report_diagnostics(found, format="sarif")
    [run] = json.loads(sarif)["runs"]
    assert ["D912"] == [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert "service.yml" == run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert "AKIAIOSFODNN7EXAMPLE" not in github + sarif


def test_a_first_deployment_is_one_notice() -> None:
    came = changed("A", kind="added", before=None, after={"Resources": {"A": {"Type": "X"}}})
    [found] = find_changes(diff_of({}, {}, replace(came, path=(), logical_id=None, type=None)), fail_on="security")
    assert ("`production`: it is deployed for the first time, 1 resource", "notice") == (found.message, found.severity)


def test_code_scanning_knows_a_finding_again_when_its_line_has_moved() -> None:
    prints = []
    for change in (
        changed("A", "X", origin=origin(line=12)),
        changed("A", "X", origin=origin(line=40)),
        changed("A", "Y", origin=origin(line=12)),
    ):
        [run] = json.loads(report_diagnostics(find_changes(diff_of({}, {}, change)), format="sarif"))["runs"]
        prints += [result["partialFingerprints"]["flagstone/v1"] for result in run["results"]]
    assert prints[0] == prints[1] != prints[2]
