"""The guide to reviews says what is: its tables name what the command takes, and its job runs, command by command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Choice

from compiler.commands_diff import diff
from tests.locked_service import SERVICE, TOY

GUIDE = (Path(__file__).parent.parent / "docs" / "review.md").read_text()
[WORKFLOW] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
STEPS: dict[str, dict[str, Any]] = {
    step["name"]: step for step in WORKFLOW["jobs"]["review"]["steps"] if "name" in step
}
# Answers as the program of GitHub does, and keeps what it was asked.
GH = """\
#!{python}
import json, os, sys
with open("asked", "a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
if "--paginate" in sys.argv and os.environ["FOUND"]:
    assert os.environ["MARKER"].startswith("<!-- flagstone diff"), os.environ["MARKER"]
    print(os.environ["FOUND"])
"""


def named(heading: str) -> list[str]:
    """Names in back-quotes in the first cells of the table below a heading."""
    [section] = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)


def choices(name: str) -> list[str]:
    [kind] = [option.type for option in diff.params if option.name == name]
    assert isinstance(kind, Choice)
    return list(kind.choices)


def test_the_tables_name_every_format_and_every_level() -> None:
    assert choices("format") == named("Reports")
    assert choices("fail_on") == named("Stop a pipeline")


def test_every_option_that_the_guide_names_is_one() -> None:
    known = {word for option in diff.params for word in option.opts}
    prose = re.sub(r"```.*?```", "", GUIDE, flags=re.DOTALL)
    assert set() == set(re.findall(r"--[a-z-]+[a-z]", prose)) - known


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service and its base beside each other, and the programs that the job runs."""
    for name in ("base", "repo"):
        script = tmp_path / name / "src" / "bin" / "serve"
        script.parent.mkdir(parents=True)
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        (tmp_path / name / "service.yml").write_text(SERVICE)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "gh").write_text(GH.format(python=sys.executable))
    command = f'exec {sys.executable} -m compiler.cli diff --platform {TOY} "${{@:2}}"'
    (programs / "flagstone").write_text(f"#!/bin/bash\n{command}\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.chdir(tmp_path / "repo")
    return tmp_path / "repo"


def run(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-e", "-o", "pipefail", "-c", STEPS[name]["run"]]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_the_job_writes_its_reports_and_replaces_its_comment(place: Path) -> None:
    text = SERVICE.replace("max: 4", "max: 5")
    assert text != SERVICE
    (place / "service.yml").write_text(text)
    done = run("compare")
    assert (0, True) == (done.returncode, "::notice file=service.yml,line=" in done.stdout), done
    assert ["changes.sarif", "comment.md", "index.html"] == sorted(path.name for path in (place / "review").iterdir())
    marker = (place / "review" / "comment.md").read_text().splitlines()[0]
    for found, method in (("", "POST"), ("71\n72", "PATCH")):
        said = run("comment", FOUND=found, COMMENTS="repos/o/r/issues/7/comments", COMMENT="repos/o/r/issues/comments")
        assert 0 == said.returncode, said.stderr
        asked = json.loads((place / "asked").read_text().splitlines()[-1])
        where = "repos/o/r/issues/comments/71" if found else "repos/o/r/issues/7/comments"
        assert ["api", "--method", method, where, "-F", "body=@review/comment.md"] == asked
    (place / "service.yml").write_text("service: [\n")
    assert 1 == run("compare").returncode
    text = (place / "review" / "comment.md").read_text()
    assert marker == text.splitlines()[0] and "Nothing was compared" in text
