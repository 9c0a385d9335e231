"""Lock: a service stays with the library that it was looked at with."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from compiler.pipeline import open_library, plan_service
from tests.locked_service import (
    TOY,
    change,
    compile_,
    findings,
    lock,
    make_library,
    make_repo,
    override,
    read_lock,
    release,
    run,
    write,
)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_library(tmp_path / "library")


# Writing it


def test_a_lock_holds_the_library_and_what_it_says_where_the_service_overrides(repo: Path, library: Path) -> None:
    done = lock(repo, library)
    assert (0, "flagstone.lock pins toy 1.0.0 for shop: 6 places overridden\n", "") == (
        done.exit_code,
        done.stdout,
        done.stderr,
    )
    expected = {
        "Resources.WebGroup.Properties.AvailabilityZones": ["eu-west-1a", "eu-west-1b"],
        "Resources.WebGroup.Properties.HealthCheckGracePeriod": 300,
        "Resources.WebGroup.UpdatePolicy": None,
        "Resources.WebSecurityGroup.Properties."
        "SecurityGroupIngress[IpProtocol=tcp,FromPort=443,ToPort=443,CidrIp=10.0.0.0/8]": None,
        "Resources.WebSecurityGroup.Properties.Tags[Key=added]": None,
        "Resources.WebSecurityGroup.Properties.Tags[Key=owner].Value": "squad-toy",
    }
    digest = open_library(library).digest
    assert {
        "schema": 1,
        "platform": {"name": "toy", "version": "1.0.0", "digest": digest},
        "overridden": {"production": expected, "staging": expected},
    } == read_lock(repo)
    text = (repo / "flagstone.lock").read_text()
    assert list(expected) == list(read_lock(repo)["overridden"]["staging"])
    assert text.startswith('{\n  "schema": 1,\n') and text.endswith("}\n") and not text.endswith("\n\n")


def test_what_an_override_of_an_override_hides_is_the_platforms_value(repo: Path, library: Path) -> None:
    tags = "{$replace: [{Key: Name, Value: ours}]}"
    write(
        repo / "cloudFormation" / "overrides" / "production" / "web.yml",
        f"Resources: {{WebSecurityGroup: {{Properties: {{Tags: {tags}}}}}}}",
    )
    assert 0 == lock(repo, library).exit_code
    recorded = read_lock(repo)["overridden"]["production"]
    assert [{"Key": "Name", "Value": "production-web"}, {"Key": "owner", "Value": "squad-toy"}] == recorded[
        "Resources.WebSecurityGroup.Properties.Tags"
    ]


def test_an_item_that_no_key_tells_apart_stands_for_its_list(repo: Path, library: Path) -> None:
    statement = "{Effect: Deny, Action: sts:TagSession, Principal: '*'}"
    policy = f"AssumeRolePolicyDocument: {{Statement: [{statement}]}}"
    write(repo / "cloudFormation" / "overrides" / "role.yml", f"Resources: {{WebRole: {{Properties: {{{policy}}}}}}}")
    lock(repo, library)
    recorded = read_lock(repo)["overridden"]["production"]
    pointers = [pointer for pointer in recorded if pointer.startswith("Resources.WebRole")]
    assert ["Resources.WebRole.Properties.AssumeRolePolicyDocument.Statement"] == pointers
    assert ["Allow", "Allow"] == [item["Effect"] for item in recorded[pointers[0]]]


def test_the_same_library_elsewhere_gives_the_same_bytes(repo: Path, library: Path) -> None:
    lock(repo, library)
    first = (repo / "flagstone.lock").read_bytes()
    (repo / "flagstone.lock").unlink()
    lock(repo, TOY)
    assert first == (repo / "flagstone.lock").read_bytes()


def test_a_service_that_does_not_compile_gets_no_lock(repo: Path, library: Path) -> None:
    override(repo, "WebGroup", "WebGrup")
    done = lock(repo, library)
    assert 1 == done.exit_code
    assert "D501: the platform defines no resource `WebGrup` in `production` and `staging`" in findings(done)
    assert not (repo / "flagstone.lock").exists()


def test_a_lock_that_fits_is_left_as_it_is_and_one_that_is_behind_is_written_anew(repo: Path, library: Path) -> None:
    lock(repo, library)
    before = os.stat(repo / "flagstone.lock").st_ino
    assert lock(repo, library).stdout.startswith("flagstone.lock already pins toy 1.0.0 for shop: 6 places")
    assert before == os.stat(repo / "flagstone.lock").st_ino
    override(repo, "        - {Key: added, Value: by-us}\n", "")
    assert "flagstone.lock pins toy 1.0.0 for shop: 5 places overridden\n" == lock(repo, library).stdout


# Compiling with it


def test_a_service_compiles_silently_with_the_library_of_its_lock(repo: Path, library: Path) -> None:
    lock(repo, library)
    done = compile_(repo, library)
    assert (0, "") == (done.exit_code, done.stderr)


def test_every_command_refuses_another_library_and_says_what_it_moves(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(library / "environments" / "production.yml", "production.internal", "prod.internal")
    change(library / "templates" / "groups.py", '["eu-west-1a", "eu-west-1b"]', '["eu-west-1a", "eu-west-1d"]')
    zones = 'D332: the platform\'s `Resources.WebGroup.Properties.AvailabilityZones.1` was `"eu-west-1b"` in 1.0.0'
    expected = [
        f'{zones} and is `"eu-west-1d"` in 1.0.1 (`production` and `staging`)',
        "D331: `flagstone.lock` pins toy 1.0.0, and the library in use is toy 1.0.1",
    ]
    pointer = "Resources.WebGroup.Properties.MinSize"
    commands: list[list[str | Path]] = [
        ["validate", repo],
        ["compile", repo, "--no-lint", "--out", repo.parent / "out"],
        ["explain", repo, pointer, "--env", "production"],
        ["publish", repo, "--bucket", repo.parent / "bucket", "--release", "one"],
        ["lock", repo],
    ]
    for command in commands:
        done = run(*command, "--platform", library)
        assert (1, expected) == (done.exit_code, findings(done)), command
        assert "run `flagstone lock --upgrade`" in done.stderr
    assert "1.0.0" == read_lock(repo)["platform"]["version"]
    assert not (repo.parent / "out").exists() and not list(repo.parent.glob("bucket/**/manifest.json"))


def test_a_library_of_the_same_version_and_other_bytes_is_another_one(repo: Path, library: Path) -> None:
    lock(repo, library)
    locked = read_lock(repo)["platform"]["digest"]
    change(library / "platform.yml", "gracePeriod: 300", "gracePeriod: 330")
    override(repo, "$expect: 300", "$expect: 330")
    done = compile_(repo, library)
    used = open_library(library).digest
    grace = "D332: the platform's `Resources.WebGroup.Properties.HealthCheckGracePeriod` was `300` in the locked 1.0.0"
    assert (1, 2) == (done.exit_code, len(findings(done)))
    assert f"{grace} and is `330` in this 1.0.0 (`production` and `staging`)" == findings(done)[0]
    assert findings(done)[1].endswith(f"its digest begins with `{used[:12]}`, not `{locked[:12]}`")
    assert "flagstone.lock:6:15: error D331: the toy 1.0.0 in use" in done.stderr
    upgraded = lock(repo, library, "--upgrade")
    assert upgraded.stdout.startswith(f"toy 1.0.0 ({locked[:12]}) -> toy 1.0.0 ({used[:12]})\n")
    assert used == read_lock(repo)["platform"]["digest"]


def test_a_tag_of_the_platform_before_ours_moves_nothing_under_ours(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(library / "templates" / "groups.py", 'Tags({"Name"', 'Tags({"Cost": "toy", "Name"')
    done = lock(repo, library, "--upgrade")
    assert (0, "") == (done.exit_code, done.stderr)
    assert "toy 1.0.0 -> toy 1.0.1\n\nnothing moved under an override\n\n" in done.stdout


def test_a_tag_that_the_platform_sets_itself_now_has_moved(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(library / "templates" / "groups.py", 'Tags({"Name"', 'Tags({"added": "by-them", "Name"')
    tag = '`{"Key": "added", "Value": "by-them"}`'
    assert f"sets {tag} in 1.0.1 (`production` and `staging`)" in lock(repo, library, "--upgrade").stdout


# A lock that does not fit


@pytest.mark.parametrize(
    ("old", "new"), [('"toy"', '"other"'), ('"1.0.0"', '"1.0.5"'), ('"digest": "', '"digest": "0123456789abcdef0')]
)
def test_a_pin_that_a_hand_has_changed_is_another_library(repo: Path, library: Path, old: str, new: str) -> None:
    lock(repo, library)
    text = (repo / "flagstone.lock").read_text()
    skipped = r"\w{17}" if "digest" in old else ""  # what is put in place of a digest's beginning is as long
    write(repo / "flagstone.lock", re.sub(old + skipped, new, text, count=1))
    assert ["D331"] == [finding[:4] for finding in findings(compile_(repo, library))]


def test_a_line_that_neither_library_is_on_is_told_once(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(repo / "service.yml", 'platform: "1.0"', 'platform: "0.9"')
    assert ["D331", "D308"] == [finding[:4] for finding in findings(compile_(repo, library))]


def test_a_lock_behind_the_overrides_is_a_warning(repo: Path, library: Path) -> None:
    override(repo, "    Properties:\n      Health", '    Properties:\n      MaxSize: "9"\n      Health')
    lock(repo, library)
    override(repo, '      MaxSize: "9"\n', '      MaxSize: "9"\n      Cooldown: "60"\n')
    change(repo / "service.yml", "staging: {}", "staging: {processes: {web: {scaling: {max: 6}}}}")
    done = compile_(repo, library)
    cooldown, size = (f"`Resources.WebGroup.Properties.{name}`" for name in ("Cooldown", "MaxSize"))
    assert [
        f"D333: `flagstone.lock` is behind the overrides of `production`: {cooldown}",
        f"D333: `flagstone.lock` is behind the overrides of `staging`: {cooldown}, {size}",
    ] == findings(done)
    assert 0 == done.exit_code and "flagstone.lock:21:5: warning" in done.stderr
    lock(repo, library)
    assert [] == findings(compile_(repo, library))
    override(repo, '      MaxSize: "9"\n', "")
    behind = "D333: `flagstone.lock` is behind the overrides of"
    assert [f"{behind} `production`: {size}", f"{behind} `staging`: {size}"] == findings(compile_(repo, library))


def test_a_branch_environment_needs_no_lock_of_its_own(repo: Path, library: Path) -> None:
    lock(repo, library)
    done = compile_(repo, library, "--env", "env-search")
    assert (0, "") == (done.exit_code, done.stderr)


@pytest.mark.parametrize("link", ["../outside", "nowhere", None], ids=["a link out", "a dangling link", "a folder"])
def test_what_is_no_file_is_not_taken_for_no_lock(repo: Path, library: Path, link: str | None) -> None:
    write(repo.parent / "outside", "{}")
    if link:
        (repo / "flagstone.lock").symlink_to(link)
    else:
        (repo / "flagstone.lock").mkdir()
    for done in (compile_(repo, library), lock(repo, library, "--upgrade")):
        assert 1 == done.exit_code
        assert findings(done)[0].startswith("D111: `flagstone.lock` ")
        assert "hint: restore it from git, or delete it and run `flagstone lock`" in done.stderr


def test_what_else_is_wrong_comes_with_the_wrong_library(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(repo / "service.yml", "min: 2, max: 4", "min: 5, max: 4")
    assert ["D331", "D302"] == [finding[:4] for finding in findings(compile_(repo, library))]


def test_a_library_whose_template_fails_is_still_named_as_another_one(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(library / "templates" / "groups.py", "name = camel(process.name)", "name = camel(process.nickname)")
    assert {"D331", "D401"} == {finding[:4] for finding in findings(compile_(repo, library))}


def test_a_service_without_a_lock_takes_the_library_at_hand(repo: Path, library: Path) -> None:
    release(library, "1.0.9")
    assert None is plan_service(repo, open_library(library), with_archives=False).lock
    assert (0, "") == (compile_(repo, library).exit_code, compile_(repo, library).stderr)
