"""The command `publish`: which commit a release may claim to be, as its user sees it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from compiler.cli import cli
from tests.commits import commit_folder

LIBRARY = Path(__file__).parent / "library"
SERVICE = (
    'service: orders\nowner: squad-toy\nplatform: "1.0"\nprocesses: {web: {runtime: instances, command: x, port: 80}}\n'
)
RELEASE = "20261120T120000-"


@pytest.fixture
def service(tmp_path: Path) -> Path:
    (tmp_path / "orders/src").mkdir(parents=True)
    (tmp_path / "orders/service.yml").write_text(SERVICE)
    (tmp_path / "orders/src/main").write_text("x")
    return tmp_path / "orders"


def publish(service: Path, *words: str) -> Result:
    bucket = service.parent / "bucket"
    return CliRunner().invoke(
        cli, ["publish", str(service), "--bucket", str(bucket), "--platform", str(LIBRARY), *words]
    )


def published(service: Path) -> dict[str, Any]:
    """Return the commits of all releases, by their ids."""
    manifests = [
        json.loads(path.read_text()) for path in (service.parent / "bucket").glob("services/*/*/manifest.json")
    ]
    return {each["release"].replace(each["commit"]["id"][:12], "ID"): each["commit"]["dirty"] for each in manifests}


@pytest.mark.parametrize("words", [(), ("--release", "r1")])
def test_a_dirty_tree_is_refused_whatever_the_release_is_called(words: tuple[str, ...], service: Path) -> None:
    commit_folder(service, "2026-11-20")
    (service / "src/main").write_text("y")
    done = publish(service, *words)
    assert done.exit_code == 1 and "error D803: the working tree differs from its commit" in done.stderr
    assert {} == published(service)


def test_an_empty_id_names_no_release(service: Path) -> None:
    commit_folder(service, "2026-11-20")
    done = publish(service, "--release", "")
    assert done.exit_code == 2 and "it is empty; is a variable not set?" in done.stderr


def test_what_was_published_dirty_says_so(service: Path) -> None:
    commit_folder(service, "2026-11-20")
    assert publish(service).exit_code == 0
    (service / "src/main").write_text("y")
    assert publish(service, "--allow-dirty").exit_code == 0
    assert publish(service, "--allow-dirty", "--release", "r1").exit_code == 0
    assert {f"{RELEASE}ID": False, f"{RELEASE}ID-dirty": True, "r1": True} == published(service)


def test_without_a_commit_a_release_needs_a_name(service: Path) -> None:
    assert "error D804: no git commit" in publish(service).stderr
    assert publish(service, "--release", "r1").exit_code == 0
    (manifest,) = (service.parent / "bucket").glob("services/*/*/manifest.json")
    assert json.loads(manifest.read_text())["commit"] is None


def test_faults_of_form_and_of_merge_come_up_in_one_run_and_nothing_is_published(service: Path) -> None:
    overrides = service / "cloudFormation/overrides"
    overrides.mkdir(parents=True)
    (overrides / "web.yml").write_text("Resources: {WebRole: {DependOn: []}, WebGrup: {Properties: {A: b}}}\n")
    commit_folder(service, "2026-11-20")
    done = publish(service)
    assert (1, ["D214", "D501"]) == (done.exit_code, re.findall("error (D...):", done.stderr))
    (service / "src/main").write_text("y")
    assert ["D803", "D214"] == re.findall("error (D...):", publish(service).stderr)
    assert [] == list((service.parent / "bucket").rglob("*"))


@pytest.mark.parametrize("words", [(), ("--release", "r1")])
def test_nothing_is_published_that_git_may_ignore(
    words: tuple[str, ...], service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_folder(service, "2026-11-20")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    done = publish(service, *words)
    assert done.exit_code == 1 and "error D120: git does not say what belongs to the service" in done.stderr
    assert not (service.parent / "bucket").exists()
    done = publish(service, "--allow-dirty", *words)
    assert (0 if words else 1) == done.exit_code and "warning D120" in done.stderr
    compiled = CliRunner().invoke(
        cli, ["compile", str(service), "--platform", str(LIBRARY), "--out", str(service.parent / "out")]
    )
    assert compiled.exit_code == 0 and "warning D120" in compiled.stderr
