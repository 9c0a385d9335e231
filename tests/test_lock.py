"""Lock: a service stays with the library that it was looked at with, and hears what another one moves."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from compiler.cli import cli
from compiler.pipeline import open_library, plan_service

TOY = Path(__file__).parent / "library"
SERVICE = """\
service: shop
owner: squad-toy
platform: "1.0"
processes:
  web:
    runtime: instances
    command: ./bin/serve
    port: 8080
    scaling: {min: 2, max: 4, target: {cpu: 60}}
environments: {production: {}, staging: {}}
"""
OVERRIDES = """\
Resources:
  WebGroup:
    Properties:
      HealthCheckGracePeriod: {$expect: 300, $value: 600}
      AvailabilityZones: {$append: [eu-west-1c]}
    UpdatePolicy:
      AutoScalingRollingUpdate: {PauseTime: PT5M}
  WebSecurityGroup:
    Properties:
      Tags:
        - {Key: owner, Value: squad-other}
        - {Key: added, Value: by-us}
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/8}
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    write(tmp_path / "repo" / "service.yml", SERVICE)
    write(tmp_path / "repo" / "cloudFormation" / "overrides" / "web.yml", OVERRIDES)
    return tmp_path / "repo"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the toy library, to be changed."""
    return Path(shutil.copytree(TOY, tmp_path / "library"))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def release(library: Path, version: str = "1.0.1") -> None:
    change(library / "platform.yml", "version: 1.0.0", f"version: {version}")


def override(repo: Path, old: str, new: str) -> None:
    change(repo / "cloudFormation" / "overrides" / "web.yml", old, new)


def run(*words: str | Path) -> Result:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def lock(repo: Path, library: Path, *words: str) -> Result:
    return run("lock", repo, "--platform", library, *words)


def compile_(repo: Path, library: Path, *words: str) -> Result:
    return run("compile", repo, "--platform", library, "--no-lint", "--out", repo.parent / "out", *words)


def read(repo: Path) -> Any:
    return json.loads((repo / "flagstone.lock").read_text())


def findings(done: Result) -> list[str]:
    """The code and message of each diagnostic, without where it stands."""
    lines = [line.partition(": error ")[2] or line.partition(": warning ")[2] for line in done.stderr.splitlines()]
    return [line for line in lines if line]


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
    } == read(repo)
    text = (repo / "flagstone.lock").read_text()
    assert list(expected) == list(read(repo)["overridden"]["staging"])
    assert text.startswith('{\n  "schema": 1,\n') and text.endswith("}\n") and not text.endswith("\n\n")


def test_what_an_override_of_an_override_hides_is_the_platforms_value(repo: Path, library: Path) -> None:
    tags = "{$replace: [{Key: Name, Value: ours}]}"
    write(
        repo / "cloudFormation" / "overrides" / "production" / "web.yml",
        f"Resources: {{WebSecurityGroup: {{Properties: {{Tags: {tags}}}}}}}",
    )
    assert 0 == lock(repo, library).exit_code
    recorded = read(repo)["overridden"]["production"]
    assert [{"Key": "Name", "Value": "production-web"}, {"Key": "owner", "Value": "squad-toy"}] == recorded[
        "Resources.WebSecurityGroup.Properties.Tags"
    ]


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
    assert "D501: the platform defines no resource `WebGrup` in `staging`" in findings(done)
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
        f'{zones} and is `"eu-west-1d"` in 1.0.1 (`production`, `staging`)',
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
    assert "1.0.0" == read(repo)["platform"]["version"]
    assert not (repo.parent / "out").exists() and not list(repo.parent.glob("bucket/**/manifest.json"))


def test_a_library_of_the_same_version_and_other_bytes_is_another_one(repo: Path, library: Path) -> None:
    lock(repo, library)
    locked = read(repo)["platform"]["digest"]
    change(library / "platform.yml", "gracePeriod: 300", "gracePeriod: 330")
    override(repo, "$expect: 300", "$expect: 330")
    done = compile_(repo, library)
    used = open_library(library).digest
    grace = "D332: the platform's `Resources.WebGroup.Properties.HealthCheckGracePeriod` was `300` in the locked 1.0.0"
    assert (1, 2) == (done.exit_code, len(findings(done)))
    assert f"{grace} and is `330` in this 1.0.0 (`production`, `staging`)" == findings(done)[0]
    assert findings(done)[1].endswith(f"its digest begins with `{used[:12]}`, not `{locked[:12]}`")
    assert "flagstone.lock:6:15: error D331: the toy 1.0.0 in use" in done.stderr
    upgraded = lock(repo, library, "--upgrade")
    assert upgraded.stdout.startswith(f"toy 1.0.0 ({locked[:12]}) -> toy 1.0.0 ({used[:12]})\n")
    assert used == read(repo)["platform"]["digest"]


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
    assert f"sets {tag} in 1.0.1 (`production`, `staging`)" in lock(repo, library, "--upgrade").stdout


# Upgrading it


def test_an_upgrade_lists_what_moves_and_then_pins_the_library(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(library / "platform.yml", "gracePeriod: 300", "gracePeriod: 240")
    override(repo, "{$expect: 300, $value: 600}", "600")
    done = lock(repo, library, "--upgrade")
    assert (0, "") == (done.exit_code, done.stderr)
    listed, _, rest = done.stdout.partition("1 warning\n\n")
    assert listed.startswith("toy 1.0.0 -> toy 1.0.1\n\n")
    assert "web.yml:4:31: warning D332: the platform's `Resources.WebGroup.Properties.HealthCheckGracePeriod`" in listed
    assert "flagstone.lock pins toy 1.0.1 for shop: 6 places overridden\n" == rest
    assert 240 == read(repo)["overridden"]["staging"]["Resources.WebGroup.Properties.HealthCheckGracePeriod"]
    assert (0, "") == (compile_(repo, library).exit_code, compile_(repo, library).stderr)


def test_an_upgrade_writes_nothing_while_an_override_does_not_fit(repo: Path, library: Path) -> None:
    lock(repo, library)
    before = (repo / "flagstone.lock").read_bytes()
    release(library)
    change(library / "platform.yml", "gracePeriod: 300", "gracePeriod: 240")
    change(library / "templates" / "groups.py", 'f"{name}SecurityGroup"', 'f"{name}Firewall"')
    with (library / "renames.yml").open("a") as table:
        table.write("<Process>SecurityGroup: {to: <Process>Firewall, since: 1.0.1}\n")
    done = lock(repo, library, "--upgrade")
    assert 1 == done.exit_code
    grace = "`Resources.WebGroup.Properties.HealthCheckGracePeriod`"
    assert [
        f"D504: {grace} is `240` in `production`, not `300`",
        f"D504: {grace} is `240` in `staging`, not `300`",
        "D332: `WebSecurityGroup` of 1.0.0 is called `WebFirewall` since 1.0.1 (`production`, `staging`)",
        "D501: the platform defines no resource `WebSecurityGroup` in `production`",
        "D501: the platform defines no resource `WebSecurityGroup` in `staging`",
    ] == findings(done)
    assert "hint: rename it to `WebFirewall`, as the platform did in 1.0.1" in done.stderr
    assert before == (repo / "flagstone.lock").read_bytes()

    # With the new name written and one value moved beside it, the history goes on under the new name.
    override(repo, "WebSecurityGroup", "WebFirewall")
    override(repo, "$expect: 300", "$expect: 240")
    change(library / "templates" / "groups.py", '"owner": service.owner', '"owner": "us"')
    done = lock(repo, library, "--upgrade")
    assert (0, "") == (done.exit_code, done.stderr)
    owner = '`Resources.WebFirewall.Properties.Tags[Key=owner].Value` was `"squad-toy"` in 1.0.0 and is `"us"` in 1.0.1'
    assert owner in done.stdout


def test_what_is_gone_is_told_with_the_version_that_had_it(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(library / "templates" / "groups.py", 'f"{name}SecurityGroup"', 'f"{name}Ports"')
    gone = "D332: `WebSecurityGroup` was in 1.0.0 and is gone from 1.0.1 (`production`, `staging`)"
    assert gone in findings(lock(repo, library, "--upgrade"))


def test_what_the_service_no_longer_overrides_does_not_move(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(library / "platform.yml", "gracePeriod: 300", "gracePeriod: 240")
    override(repo, "      HealthCheckGracePeriod: {$expect: 300, $value: 600}\n", "")
    assert "nothing moved under an override" in lock(repo, library, "--upgrade").stdout


def test_a_machine_reads_what_moves_in_one_document(repo: Path, library: Path) -> None:
    lock(repo, library)
    release(library)
    change(library / "templates" / "groups.py", '"owner": service.owner', '"owner": "us"')
    shown = json.loads(lock(repo, library, "--upgrade", "--format", "json").stdout)
    assert ["D332"] == [move["code"] for move in shown["result"]["moves"]]
    assert ["D332"] == [diagnostic["code"] for diagnostic in shown["diagnostics"]]
    assert {"production": 6, "staging": 6} == shown["result"]["overridden"]
    assert {"name": "toy", "version": "1.0.0"} == shown["result"]["before"]


def test_the_list_comes_before_the_writing_and_a_link_is_never_written_through(repo: Path, library: Path) -> None:
    lock(repo, library)
    (repo / "flagstone.lock").rename(repo / "elsewhere")
    (repo / "flagstone.lock").symlink_to("elsewhere")
    before = (repo / "elsewhere").read_bytes()
    release(library)
    done = lock(repo, library, "--upgrade")
    assert 2 == done.exit_code
    assert done.stdout.startswith("toy 1.0.0 -> toy 1.0.1\n\nnothing moved")
    assert "flagstone.lock` is a link; remove it" in done.stderr
    assert (repo / "flagstone.lock").is_symlink() and before == (repo / "elsewhere").read_bytes()


def test_a_lock_that_cannot_be_written_leaves_the_one_before(repo: Path, library: Path) -> None:
    lock(repo, library)
    before = (repo / "flagstone.lock").read_bytes()
    release(library)
    (repo / ".flagstone.lock.partial").mkdir()
    done = lock(repo, library, "--upgrade")
    assert (2, before) == (done.exit_code, (repo / "flagstone.lock").read_bytes())
    assert "cannot write" in done.stderr


# A lock that does not fit


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
