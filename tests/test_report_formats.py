"""Report, formats: what scripts, GitHub and code scanners read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compiler import __version__
from compiler.diagnostics import Diagnostic, Related, Source, Span
from compiler.report import diagnostics_to_json, report_diagnostics


def at(line: int, column: int, end_line: int, end_column: int, path: str = "service.yml") -> Span:
    return Span(Source(path, ("a: 1", "b: 2", "c: 3")), line, column, end_line, end_column)


UNKNOWN = Diagnostic("D203", "unknown key `b`", at(2, 1, 2, 2), "did you mean `a`?")
TWICE = Diagnostic("D102", "twice", at(3, 1, 3, 2), related=(Related("first here", at(1, 1, 1, 2)),))
NO_PLACE = Diagnostic("D803", "the working tree has changes")
LINTED = Diagnostic("W3005", "obsolete `DependsOn`", at(1, 1, 2, 4), severity="warning")


# json


def test_json_holds_every_field_of_a_diagnostic() -> None:
    [fault] = diagnostics_to_json([TWICE], prefix="shop")
    place = {"path": "shop/service.yml", "line": 1, "column": 1, "endLine": 1, "endColumn": 2}
    assert {
        "code": "D102",
        "severity": "error",
        "message": "twice",
        "hint": None,
        "path": "shop/service.yml",
        "line": 3,
        "column": 1,
        "endLine": 3,
        "endColumn": 2,
        "related": [{"message": "first here", **place}],
    } == fault


def test_json_without_a_place_has_nulls() -> None:
    [fault] = diagnostics_to_json([NO_PLACE])
    assert [None] * 5 == [fault[key] for key in ("path", "line", "column", "endLine", "endColumn")]


def test_the_json_format_is_one_document_even_when_there_is_nothing_to_say() -> None:
    assert '{\n  "diagnostics": []\n}\n' == report_diagnostics([], format="json")
    document = json.loads(report_diagnostics([UNKNOWN, TWICE], format="json"))
    assert diagnostics_to_json([UNKNOWN, TWICE]) == document["diagnostics"]


def test_json_is_plain_ascii_and_keeps_every_character() -> None:
    text = report_diagnostics([Diagnostic("D205", "`日本` cannot be")], format="json")
    assert text.isascii()
    assert "`日本` cannot be" == json.loads(text)["diagnostics"][0]["message"]


def test_json_can_be_written_as_utf_8_whatever_a_message_holds() -> None:
    [fault] = diagnostics_to_json([Diagnostic("D104", "text holds \ud800")])
    assert b"text holds \\ud800" == fault["message"].encode()


# github


def commands(*diagnostics: Diagnostic, prefix: str = "") -> list[str]:
    return report_diagnostics(diagnostics, format="github", prefix=prefix).splitlines()


def test_a_diagnostic_is_one_workflow_command() -> None:
    place = "file=shop/service.yml,line=2,col=1,endLine=2,endColumn=2"
    assert [f"::error {place},title=D203::unknown key `b`%0Ahint: did you mean `a`?"] == commands(
        UNKNOWN, prefix="shop"
    )


def test_related_places_are_part_of_the_command() -> None:
    assert commands(TWICE, prefix="shop")[0].endswith("::twice%0Anote: shop/service.yml:1:1: first here")


def test_a_command_for_several_lines_names_no_columns() -> None:
    assert ["::warning file=service.yml,line=1,endLine=2,title=W3005::obsolete `DependsOn`"] == commands(LINTED)


def test_a_command_without_a_place_has_only_a_title() -> None:
    assert ["::error title=D803::the working tree has changes"] == commands(NO_PLACE)


def test_properties_and_messages_are_escaped_each_in_their_own_way() -> None:
    fault = Diagnostic("D205", "100%0A: a, b", at(1, 1, 1, 2, path="a,b:c%.yml"))
    assert ["::error file=a%2Cb%3Ac%25.yml,line=1,col=1,endLine=1,endColumn=2,title=D205::100%250A: a, b"] == commands(
        fault
    )


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u2028", "\x85"])
def test_a_line_break_in_a_message_gives_no_command_of_its_own(end: str) -> None:
    fault = Diagnostic("D205", f"a{end}::stop-commands::x", hint=f"b{end}::add-mask::c")
    assert 1 == len(commands(fault))


def test_github_is_told_of_more_than_the_ten_it_shows() -> None:
    faults = [Diagnostic("D203", f"unknown key `k{number}`") for number in range(25)]
    assert 25 == len(commands(*faults))


# sarif


def scan(*diagnostics: Diagnostic, prefix: str = "") -> Any:
    return json.loads(report_diagnostics(diagnostics, format="sarif", prefix=prefix))


def test_a_sarif_log_has_the_version_the_tool_and_one_run() -> None:
    log = scan()
    assert {"$schema", "version", "runs"} == set(log)
    assert ("2.1.0", 1) == (log["version"], len(log["runs"]))
    run = log["runs"][0]
    assert {"tool", "columnKind", "results"} == set(run)
    assert {"name": "flagstone", "version": __version__, "rules": []} == run["tool"]["driver"]
    assert ("unicodeCodePoints", []) == (run["columnKind"], run["results"])


def test_every_sarif_result_points_at_its_rule() -> None:
    run = scan(LINTED, UNKNOWN, TWICE, NO_PLACE)["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert ["D102", "D203", "D803", "W3005"] == [rule["id"] for rule in rules]
    assert [result["ruleId"] for result in run["results"]] == [
        rules[result["ruleIndex"]]["id"] for result in run["results"]
    ]


def test_a_sarif_rule_is_described_by_the_catalog() -> None:
    [rule] = scan(UNKNOWN)["runs"][0]["tool"]["driver"]["rules"]
    assert {"id", "shortDescription", "fullDescription", "defaultConfiguration", "help"} == set(rule)
    assert {"text": "Unknown key"} == rule["shortDescription"]
    assert rule["fullDescription"]["text"].startswith("No such key exists here.")
    assert "\n" not in rule["fullDescription"]["text"]
    assert "maximum: 2" in rule["help"]["text"]
    assert "```yaml\n# service.yml\n" in rule["help"]["markdown"]


def test_a_sarif_rule_of_the_linter_leads_to_its_description() -> None:
    [rule] = scan(LINTED)["runs"][0]["tool"]["driver"]["rules"]
    assert rule["help"]["text"].endswith("docs/rules.md#W3005\n")


def test_a_sarif_rule_that_nobody_describes_still_has_texts() -> None:
    [rule] = scan(Diagnostic("X1", "from elsewhere"))["runs"][0]["tool"]["driver"]["rules"]
    assert {"id": "X1", "shortDescription": {"text": "Rule X1"}} == rule


def test_a_sarif_result_has_level_message_and_region() -> None:
    [result] = scan(UNKNOWN)["runs"][0]["results"]
    assert ("error", {"text": "unknown key `b`\nhint: did you mean `a`?"}) == (result["level"], result["message"])
    assert [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "service.yml"},
                "region": {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 2},
            }
        }
    ] == result["locations"]


def test_sarif_columns_count_code_points() -> None:
    line = "名前: \U0001f600 wrong"
    column = line.index("wrong") + 1
    fault = Diagnostic("D205", "wrong", Span(Source("service.yml", (line,)), 1, column, 1, column + 5))
    region = scan(fault)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (7, 12) == (region["startColumn"], region["endColumn"])


def test_a_sarif_result_without_a_place_points_to_the_service_as_a_whole() -> None:
    expected = [{"physicalLocation": {"artifactLocation": {"uri": "service.yml"}}}]
    assert expected == scan(NO_PLACE)["runs"][0]["results"][0]["locations"]


def test_sarif_related_locations_have_ids_and_messages() -> None:
    [related] = scan(TWICE)["runs"][0]["results"][0]["relatedLocations"]
    assert (0, {"text": "first here"}, 1) == (
        related["id"],
        related["message"],
        related["physicalLocation"]["region"]["startLine"],
    )


@pytest.mark.parametrize(
    ("prefix", "path", "uri"),
    [
        ("", "service.yml", "service.yml"),
        ("../my shop", "cloudFormation/a#b?.yml", "../my%20shop/cloudFormation/a%23b%3F.yml"),
        ("", "c:d.yml", "c%3Ad.yml"),
        ("läden", "service.yml", "l%C3%A4den/service.yml"),
        ("shop", "platform/templates/alarms.py", "platform/templates/alarms.py"),
        ("/srv/shop", "service.yml", "file:///srv/shop/service.yml"),
    ],
)
def test_sarif_paths_are_percent_encoded_and_relative_unless_the_prefix_is_not(
    prefix: str, path: str, uri: str
) -> None:
    [result] = scan(Diagnostic("D203", "x", at(1, 1, 1, 2, path=path)), prefix=prefix)["runs"][0]["results"]
    assert uri == result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
