"""Unreadable: what the permissions of a file system keep from Flagstone is a fault with a place, never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.describing import LIBRARY

# Root reads everything by these two.
_POWERS = "-dac_override,-dac_read_search"
_IS_ROOT = os.geteuid() == 0
pytestmark = pytest.mark.skipif(_IS_ROOT and not shutil.which("setpriv"), reason="root cannot give its powers away")

SERVICE = """\
service: orders
owner: squad-toy
platform: "1.0"
processes: {web: {runtime: instances, command: serve, port: 80}}
"""


@contextmanager
def closed(path: Path, mode: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    files = {"service.yml": SERVICE, "src/bin/serve": "#!/bin/sh\n", "ansible/tasks/main.yml": "[]"}
    for path, text in {**files, "cloudFormation/overrides/a.yml": "{}"}.items():
        (tmp_path / "service" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "service" / path).write_text(text)
    return tmp_path / "service"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(LIBRARY, tmp_path / "library", ignore=ignored))


def run(folder: Path, *words: str) -> str:
    """Run a command without the powers of root, and tell its exit code and the first line of what it says."""
    powers = ["setpriv", f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}"] if _IS_ROOT else []
    command = [*powers, sys.executable, "-m", "compiler.cli", *words, "--format", "text"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return f"{done.returncode} {(done.stderr.splitlines() or [''])[0]}"


@pytest.mark.parametrize(
    ("path", "mode", "at_fault"),
    [
        ("src", 0o000, "src"),
        ("src", 0o600, "src/bin"),
        ("src/bin", 0o000, "src/bin"),
        ("src/bin", 0o600, "src/bin/serve"),
        ("src/bin/serve", 0o000, "src/bin/serve"),
        ("ansible", 0o600, "ansible/tasks"),
        ("service.yml", 0o000, "service.yml"),
        ("cloudFormation", 0o000, "cloudFormation"),
        ("cloudFormation", 0o600, "cloudFormation"),
        ("cloudFormation/overrides", 0o000, "cloudFormation/overrides"),
        ("cloudFormation/overrides", 0o600, "cloudFormation/overrides"),
        ("cloudFormation/overrides/a.yml", 0o000, "cloudFormation/overrides/a.yml"),
    ],
)
def test_a_part_of_a_service_that_cannot_be_read_is_named(
    path: str, mode: int, at_fault: str, service: Path, library: Path
) -> None:
    with closed(service / path, mode):
        said = run(service, "compile", "--no-lint", "--platform", str(library))
    assert f"1 {at_fault}:1:1: error D111: `{at_fault}` cannot be read: Permission denied" == said


@pytest.mark.parametrize(
    ("path", "mode", "at_fault"),
    [
        ("platform.yml", 0o000, "platform.yml"),
        ("environments", 0o000, "environments"),
        ("environments/production.yml", 0o000, "environments/production.yml"),
        ("templates/topics.py", 0o000, "templates/topics.py"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "platform compile"])
def test_a_part_of_a_library_that_cannot_be_read_is_named(
    command: str, path: str, mode: int, at_fault: str, service: Path, library: Path
) -> None:
    with closed(library / path, mode):
        said = run(service, *command.split(), "--platform", str(library))
    assert f"1 platform/{at_fault}:1:1: error D111: `platform/{at_fault}` cannot be read: Permission denied" == said


def test_a_library_that_can_be_listed_but_not_entered_cannot_be_read(service: Path, library: Path) -> None:
    with closed(library, 0o600):
        said = run(service, "validate", "--platform", str(library))
    assert f"1 error D403: `{library}` cannot be read: Permission denied" == said
