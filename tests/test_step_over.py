"""Step over: overrides, additions and waivers at fault hide nothing else, and nothing is said that is due to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.diagnostics import CompileError
from compiler.pipeline import compile_service, open_library, plan_service
from tests.locked_service import SERVICE, TOY, change, lock, make_library, write

CASE = Path(__file__).parent / "cases" / "D501-all-rules-broken-at-once"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    write(tmp_path / "service.yml", SERVICE)
    return tmp_path


def override(repo: Path, text: str, name: str = "web.yml") -> None:
    write(repo / "cloudFormation" / "overrides" / name, text)


def addition(repo: Path, text: str, name: str = "archive.yml") -> None:
    write(repo / "cloudFormation" / "additions" / name, text)


def codes(repo: Path, *, lint: bool = False) -> list[str]:
    with pytest.raises(CompileError) as refused:
        compile_service(repo, open_library(TOY), lint=lint)
    return [each.code for each in refused.value.diagnostics]


def test_every_rule_that_can_be_broken_beside_the_others_comes_up_in_one_run() -> None:
    screen = (CASE / "expected.txt").read_text()
    merged, guarded = range(501, 513), (601, 602, 603, 604, 605, 607)
    wanted = [f"D{number}" for number in (*range(210, 217), *merged, *guarded)]
    assert [] == [code for code in (*wanted, "E3002", "E9001", "W3010") if f" {code}: " not in screen]


def test_a_misspelled_directive_hides_no_other_override(repo: Path) -> None:
    override(repo, "Resources: {WebRole: {Properties: {Path: {$rmove: true}}}, WebGrup: {Properties: {A: b}}}\n")
    assert ["D212", "D501"] == codes(repo)


def test_no_later_room_meets_a_form_that_it_does_not_know(repo: Path) -> None:
    override(repo, "Resources: {WebGroup: {Properties: {AvailabilityZones: {$remove: false}}}, WebRole: none}\n")
    assert ["D213", "D213"] == codes(repo, lint=True)


def test_a_form_that_is_wrong_is_all_that_validate_tells(repo: Path) -> None:
    override(repo, "Resources: {WebRole: {Properties: {Path: {$rmove: true}}}, WebGrup: {Properties: {A: b}}}\n")
    with pytest.raises(CompileError) as refused:
        plan_service(repo, open_library(TOY), with_archives=False)
    assert ["D212"] == [each.code for each in refused.value.diagnostics]


def test_what_counts_on_an_override_that_is_left_out_is_left_out_too(repo: Path) -> None:
    override(repo, "Resources: {WebGroup: {Properties: {Cooldown: '60'}, DependOn: [WebRole]}}\n")
    later = "Resources: {WebGroup: {Properties: {Cooldown: {$expect: '60', $value: '90'}}}}\n"
    override(repo, later, "production/web.yml")
    assert ["D214"] == codes(repo)


def test_a_reference_to_what_is_left_out_is_no_fault(repo: Path) -> None:
    addition(repo, "Resources: {Archive: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: null}}}\n")
    using = "{Type: 'AWS::SNS::Topic', Properties: {KmsMasterKeyId: alias/a, DisplayName: !Ref Archive}}"
    addition(repo, f"Parameters: {{Days: {{Type: Number, Default: 1}}}}\nResources: {{User: {using}}}\n", "user.yml")
    found = codes(repo, lint=True)
    assert "D216" in found
    # The reference to `Archive`, and `Days`, which `Archive` might have used.
    assert set() == set(found) & {"E1012", "E1019", "E1020", "E1010", "W2001"}


def test_a_reference_to_what_is_nowhere_is_one_all_the_same(repo: Path) -> None:
    addition(repo, "Resources: {Archive: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: null}}}\n")
    using = "{Type: 'AWS::SNS::Topic', Properties: {KmsMasterKeyId: alias/a, DisplayName: !Ref Nowhere}}"
    addition(repo, f"Resources: {{User: {using}}}\n", "user.yml")
    assert {"D216", "E1020"} <= set(codes(repo, lint=True))


def test_a_waiver_for_what_is_left_out_is_not_called_unused(repo: Path) -> None:
    why = "reason: the auditors read them, until: '2099-01-01', approvedBy: ticket 12"
    said = f"{{guardrail: short-logs, resource: Logs, {why}}}"
    write(repo / "service.yml", f"{SERVICE}waivers: {{long: {said}}}\n")
    logs = "{Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: 731, LogGroupName: null}}"
    addition(repo, f"Resources: {{Logs: {logs}}}\n")
    assert ["D216"] == codes(repo)


@pytest.mark.parametrize(
    ("guardrail", "resource", "codes_found"),
    [
        ("short-log", "Logs", ["D605"]),
        ("short-log", "Other", ["D601", "D605"]),
        ("short-logs", "Lo*", ["D605"]),
        ("keep-encryption", "*", ["D601", "D605"]),
    ],
)
def test_what_a_waiver_at_fault_may_be_meant_for_is_not_told_beside_it(
    guardrail: str, resource: str, codes_found: list[str], repo: Path
) -> None:
    why = "reason: the auditors read them, until: '2099-01-01', approvedBy: ticket 12"
    said = f"{{guardrail: {guardrail}, resource: '{resource}', {why}}}"
    write(repo / "service.yml", f"{SERVICE}waivers: {{long: {said}}}\n")
    addition(repo, "Resources: {Logs: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: 731}}}\n")
    assert codes_found == sorted(codes(repo))


def test_a_lock_of_another_library_and_what_moves_come_up_beside_a_wrong_form(repo: Path) -> None:
    lock = (CASE.parent / "D332-value-changed-under-an-override" / "flagstone.lock").read_text()
    write(repo / "flagstone.lock", lock)
    override(repo, "Resources: {WebGroup: {Properties: {HealthCheckGracePeriod: 600}}, WebRole: {DependOn: []}}\n")
    assert ["D214", "D331", "D332"] == sorted(codes(repo))


def test_a_lock_is_not_called_behind_overrides_that_are_left_out(repo: Path) -> None:
    override(repo, "Resources: {WebGroup: {Properties: {HealthCheckGracePeriod: 600}}}\n")
    assert 0 == lock(repo, TOY).exit_code
    override(repo, "Resources: {WebGroup: {Properties: {HealthCheckGracePeriod: {$repace: 600}}}}\n")
    assert ["D212"] == codes(repo)


def test_a_template_that_fails_hides_no_wrong_form(repo: Path, tmp_path: Path) -> None:
    library = make_library(tmp_path / "library")
    change(library / "templates" / "topics.py", "    for event", "    raise ValueError('no')\n    for event")
    override(repo, "Resources: {WebRole: {DependOn: []}}\n")
    with pytest.raises(CompileError) as refused:
        compile_service(repo, open_library(library), lint=False)
    assert ["D214", "D401"] == [each.code for each in refused.value.diagnostics]


def test_a_credential_goes_no_further(repo: Path) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPL2"
    override(repo, f"Resources: {{WebGroup: {{Properties: {{AvailabilityZones: {{$remove: [{key}]}}}}}}}}\n")
    assert ["D208"] == codes(repo)


def test_a_fault_of_service_yml_stops_before_anything_is_built(repo: Path) -> None:
    write(repo / "service.yml", SERVICE.replace("min: 2", "min: 9"))
    override(repo, "Resources: {WebRole: {DependOn: []}, WebGrup: {Properties: {A: b}}}\n")
    assert ["D214", "D302"] == codes(repo)
