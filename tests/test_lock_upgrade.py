"""Lock, upgrade: what another library moves under the overrides is told before it is pinned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.locked_service import (
    change,
    compile_,
    findings,
    lock,
    make_library,
    make_repo,
    override,
    read_lock,
    release,
    write,
)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_library(tmp_path / "library")


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
    assert 240 == read_lock(repo)["overridden"]["staging"]["Resources.WebGroup.Properties.HealthCheckGracePeriod"]
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
        f"D504: {grace} is `240` in `production` and `staging`, not `300`",
        "D332: `WebSecurityGroup` of 1.0.0 is called `WebFirewall` since 1.0.1 (`production` and `staging`)",
        "D501: the platform defines no resource `WebSecurityGroup` in `production` and `staging`",
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
    gone = "D332: `WebSecurityGroup` was in 1.0.0 and is gone from 1.0.1 (`production` and `staging`)"
    assert gone in findings(lock(repo, library, "--upgrade"))


def test_what_moves_is_told_at_the_override_that_speaks_about_that_very_place(repo: Path, library: Path) -> None:
    override(repo, "        - {Key: added, Value: by-us}\n", "")
    override(repo, "Tags:\n        - {Key: owner, Value: squad-other}", "Tags: {$replace: [{Key: owner, Value: a}]}")
    tags = "Tags: [{Key: owner, Value: b}]"
    folder = repo / "cloudFormation" / "overrides" / "production"
    write(folder / "web.yml", f"Resources: {{WebSecurityGroup: {{Properties: {{{tags}}}}}}}")
    lock(repo, library)
    release(library)
    change(library / "templates" / "groups.py", '"owner": service.owner', '"owner": "us"')
    listed = lock(repo, library, "--upgrade").stdout
    moved = [line.partition("overrides/")[2] for line in listed.splitlines() if " D332: " in line]
    value = 'was `"squad-toy"` in 1.0.0 and is `"us"` in 1.0.1'
    tags = "warning D332: the platform's `Resources.WebSecurityGroup.Properties.Tags"
    assert [
        f"production/web.yml:1:72: {tags}[Key=owner].Value` {value} (`production`)",
        f"web.yml:10:24: {tags}.1.Value` {value} (`production` and `staging`)",
    ] == moved


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
    assert (3, before) == (done.exit_code, (repo / "flagstone.lock").read_bytes())
    assert "error D805: cannot write" in done.stderr and "Usage" not in done.stderr


@pytest.mark.parametrize("words", [("lock", "--upgrade"), ("compile",)])
def test_a_library_of_another_line_tells_what_it_would_move(words: tuple[str, ...], repo: Path, library: Path) -> None:
    override(repo, "{$expect: 300, $value: 600}", "600")
    lock(repo, library)
    release(library, "1.1.0")
    change(library / "platform.yml", "gracePeriod: 300", "gracePeriod: 240")
    before = (repo / "flagstone.lock").read_bytes()
    done = lock(repo, library, *words[1:]) if words[0] == "lock" else compile_(repo, library)
    assert 1 == done.exit_code
    said = findings(done)
    assert any("D308" in line for line in said) and any("D332" in line for line in said), said
    assert before == (repo / "flagstone.lock").read_bytes()
