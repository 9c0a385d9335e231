"""Waivers: what they let pass, until when, and what is told of one that does not do what it says."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compiler.cli import cli
from compiler.diagnostics import CompileError, Diagnostic, Source, Span
from compiler.model import Breach, Commit, Stack, Waiver
from compiler.pipeline import compile_service, open_library, plan_service
from compiler.waivers import check_use, waive
from tests.commits import commit_folder
from tests.describing import SHOP

CASES = Path(__file__).parent / "cases"
LIBRARY = Path(__file__).parent / "library"
SPAN = Span(Source("service.yml"), 4, 3, 4, 9)
WAIVER = Waiver("exception", "short-logs", "Logs", "for the auditors", "2027-03-31", "squad-toy", SPAN)
COMMIT = Commit("0" * 40, "20261120T235959", is_dirty=False)
BREACH = Breach("D601", "too long", rule="short-logs", resource="Logs")


# What passes


@pytest.mark.parametrize(
    ("found", "is_waived"),
    [
        (BREACH, True),
        (replace(BREACH, severity="warning", message="another"), True),
        (replace(BREACH, resource="Others"), False),
        (replace(BREACH, rule="keep-encryption"), False),
        (Diagnostic("D601", "too long"), False),
    ],
)
def test_exactly_what_the_waiver_names_passes(found: Diagnostic, is_waived: bool) -> None:
    expected = ((), frozenset({"exception"})) if is_waived else ((found,), frozenset())
    assert expected == waive([found], [WAIVER])


def test_each_waiver_that_has_something_to_waive_is_used_and_all_findings_of_the_pair_pass() -> None:
    again = replace(WAIVER, name="again")
    idle = replace(WAIVER, name="idle", resource="Others")
    assert ((), frozenset({"exception", "again"})) == waive(
        [BREACH, replace(BREACH, message="b")], [WAIVER, again, idle]
    )


# Whether it is of use


def judge(
    used: dict[str, set[str]], *environments: str, unasked: tuple[str, ...] = (), commit: Commit | None = COMMIT
) -> list[str]:
    stack = Stack({"Resources": {"Logs": {}}}, {}, {})
    stacks = dict.fromkeys(used, stack)
    waivers = dict.fromkeys(environments, (WAIVER,))
    return [each.code for each in check_use(waivers, used, stacks=stacks, unasked=unasked, commit=commit)]


def test_a_waiver_is_of_use_where_one_of_its_environments_needs_it() -> None:
    assert [] == judge({"a": set(), "b": {"exception"}}, "a", "b")
    assert ["D604"] == judge({"a": set(), "b": set()}, "a", "b")
    assert ["D604"] == judge({"a": set(), "b": {"exception"}}, "a")


def test_of_a_waiver_that_an_environment_which_was_not_built_may_need_nothing_is_said() -> None:
    assert [] == judge({"a": set()}, "a", "b")


def test_of_a_waiver_for_a_rule_that_was_not_run_nothing_is_said() -> None:
    assert [] == judge({"a": set()}, "a", unasked=("short-logs",))


def test_only_a_waiver_of_use_wants_a_commit() -> None:
    assert ["D606"] == judge({"a": {"exception"}}, "a", commit=None)
    assert ["D604"] == judge({"a": set()}, "a", commit=None)


# What no waiver may say


@pytest.mark.parametrize("key", ["guardrail", "resource", "reason", "until", "approvedBy"])
@pytest.mark.parametrize("value", ["5", "true", "1.5", "20261221", '""', "soon", "{}", "[]", "null", "2026-11-20"])
def test_a_value_of_another_kind_is_reported_once_and_nothing_fails(key: str, value: str, service: Path) -> None:
    text = (service / "service.yml").read_text()
    changed = re.sub(rf"(?m)^( +{key}: ).*$|({key}: )[^,}}]*", lambda m: f"{m[1] or m[2]}{value}", text)
    assert changed != text
    (service / "service.yml").write_text(changed)
    done = run("validate", service)
    assert done.exit_code in (0, 1) and "bug in flagstone" not in done.stderr


def test_of_two_waivers_for_the_same_the_second_waives_nothing(service: Path) -> None:
    text = (service / "service.yml").read_text()
    (name,) = re.findall(r"(?m)^  ([a-z-]+):\n    guardrail: ", text)[:1]
    body = re.search(rf"(?m)^  {name}:\n((?:    .*\n)+)", text)
    assert body
    again = text.replace(body.group(), f"{body.group()}  repeated:\n{body.group(1)}")
    (service / "service.yml").write_text(again)
    line = again.splitlines().index("  repeated:") + 1
    assert (
        f"service.yml:{line}:3: error D604: waiver `repeated` waives nothing: `{name}` waives"
        in run("validate", service).stderr
    )


# Until when


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A service with a waiver until 2026-11-20 in staging, until 2027-11-20 in production."""
    place = tmp_path / "service"
    shutil.copytree(CASES / "ok-waivers", place, ignore=shutil.ignore_patterns("expected", "*.txt"))
    text = (place / "service.yml").read_text()
    (place / "service.yml").write_text(text.replace('plain-orders: {until: "2027-01-31"}', "{}"))
    return place


@pytest.mark.parametrize(
    ("day", "codes"),
    [
        ("2026-11-18", ["D605"]),
        ("2026-11-19", ["D605"]),
        ("2026-11-20", []),
        ("2026-11-21", ["D603"]),
        ("2028-01-01", ["D603", "D603"]),
    ],
)
def test_a_waiver_holds_until_the_end_of_its_day_and_for_a_year_at_most(
    day: str, codes: list[str], service: Path
) -> None:
    commit_folder(service, day)
    try:
        found = compile_service(service, open_library(LIBRARY), lint=False).diagnostics
    except CompileError as error:
        found = error.diagnostics
    assert codes == [each.code for each in found]


def test_a_year_from_a_leap_day_ends_with_february(service: Path) -> None:
    text = (service / "service.yml").read_text()
    for until, codes in (("2029-02-28", []), ("2029-03-01", ["D605"])):
        (service / "service.yml").write_text(text.replace("2026-11-20", until).replace("2027-11-20", until))
        shutil.rmtree(service / ".git", ignore_errors=True)
        commit_folder(service, "2028-02-29")
        try:
            found = plan_service(service, open_library(LIBRARY), with_archives=False).diagnostics
        except CompileError as error:
            found = error.diagnostics
        assert sorted({each.code for each in found}) == codes


# Commands


def test_the_last_day_that_a_waiver_may_name_exists(service: Path) -> None:
    commit_folder(service, "2028-02-29")
    text = (service / "service.yml").read_text()
    (service / "service.yml").write_text(text.replace("2026-11-20", "2029-03-01").replace("2027-11-20", "2029-03-01"))
    assert "name a day until 2029-02-28" in run("validate", service).stderr


def run(command: str, service: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [command, str(service), *words, "--platform", str(LIBRARY)])


def test_validate_compares_the_day_of_a_waiver_with_the_commit(service: Path) -> None:
    commit_folder(service, "2026-11-21")
    refused = run("validate", service)
    assert (1, True) == (refused.exit_code, "error D603: waiver `plain-orders` expired on 2026-11-20" in refused.stderr)
    text = (service / "service.yml").read_text()
    (service / "service.yml").write_text(text.partition("waivers:")[0])
    assert (0, "") == (run("validate", service).exit_code, run("validate", service).stderr)


@pytest.mark.parametrize("above", ["alarms: {cpu: {", "processes: {web: {alarms: {cpu: {"])
@pytest.mark.parametrize("command", ["validate", "lock"])
def test_the_day_of_a_mute_is_compared_wherever_it_stands(command: str, above: str, tmp_path: Path) -> None:
    mute = above + "mute: {until: '2026-11-20', reason: the disks are exchanged}" + "}" * above.count("{")
    text = f"{SHOP}environments: {{production: {{{mute}}}}}\n"
    (tmp_path / "service.yml").write_text(text)
    commit_folder(tmp_path, "2026-11-21")
    refused = run(command, tmp_path)
    assert (1, True, False) == (
        refused.exit_code,
        "error D355: the mute of" in refused.stderr,
        "D357" in refused.stderr,
    )
    (tmp_path / "service.yml").write_text(text.replace("2026-11-20", "2026-11-21"))
    commit_folder(tmp_path, "2026-11-21")
    assert (0, False) == ((done := run(command, tmp_path)).exit_code, "D35" in done.stderr)


def test_what_is_waived_can_be_explained_locked_and_published(service: Path, tmp_path: Path) -> None:
    commit_folder(service, "2026-11-20")
    pointer = "Resources.WebAppLogGroup.Properties.RetentionInDays"
    explained = CliRunner().invoke(
        cli, ["explain", str(service), pointer, "--env", "production", "--platform", str(LIBRARY)]
    )
    assert (0, True) == (explained.exit_code, "731" in explained.stdout), explained.stderr
    assert 0 == run("lock", service).exit_code
    commit_folder(service, "2026-11-20")
    published = run("publish", service, "--bucket", str(tmp_path / "bucket"))
    assert 0 == published.exit_code, published.stderr
    [manifest] = (tmp_path / "bucket").rglob("manifest.json")
    waivers = json.loads(manifest.read_text())["waivers"]
    assert [("long-logs", ["production"]), ("plain-orders", ["production", "staging"])] == [
        (each["name"], each["environments"]) for each in waivers
    ]
    assert "squad-toy, ticket 13" == waivers[0]["approvedBy"]


def test_a_waiver_for_a_rule_is_judged_where_rules_run(tmp_path: Path) -> None:
    place = tmp_path / "service"
    shutil.copytree(CASES / "E9001-rule-of-the-platform", place, ignore=shutil.ignore_patterns("*.txt", "lint"))
    text = (place / "service.yml").read_text()
    (place / "service.yml").write_text(text.replace("max: 12", "max: 10").replace("max: 20", "max: 10"))
    (place / "cloudFormation" / "overrides" / "worker.yml").unlink()
    (place / "cloudFormation" / "additions" / "fleet.yml").unlink()
    commit_folder(place, "2026-11-20")
    assert () == compile_service(place, open_library(LIBRARY), lint=False).diagnostics
    with pytest.raises(CompileError) as refused:
        compile_service(place, open_library(LIBRARY))
    assert ["D604"] == [each.code for each in refused.value.diagnostics if each.severity == "error"]


def test_the_manifest_lists_the_waivers_of_what_was_compiled(service: Path) -> None:
    commit_folder(service, "2026-11-20")
    done = compile_service(service, open_library(LIBRARY), environments=["staging"], lint=False)
    waivers = json.loads(done.bundle.files["manifest.json"])["waivers"]
    assert [("plain-orders", ["staging"])] == [(each["name"], each["environments"]) for each in waivers]


def test_what_is_waived_in_production_is_not_waived_elsewhere(service: Path) -> None:
    logs = service / "cloudFormation" / "overrides" / "production" / "logs.yml"
    logs.rename(service / "cloudFormation" / "overrides" / "logs.yml")
    commit_folder(service, "2026-11-20")
    with pytest.raises(CompileError) as refused:
        compile_service(service, open_library(LIBRARY), lint=False)
    assert ["D601"] == [each.code for each in refused.value.diagnostics]
    done = compile_service(service, open_library(LIBRARY), environments=["production"], lint=False)
    assert () == done.diagnostics


def test_a_base_may_bring_a_waiver(service: Path) -> None:
    text = (service / "service.yml").read_text()
    head, _, rest = text.partition("waivers:")
    waivers, _, environments = rest.partition("environments:")
    (service / "base.yml").write_text(f"service: base\nwaivers:{waivers}")
    (service / "service.yml").write_text(f"{head}extends: ./base.yml\nenvironments:{environments}")
    commit_folder(service, "2026-11-20")
    assert () == compile_service(service, open_library(LIBRARY), lint=False).diagnostics
