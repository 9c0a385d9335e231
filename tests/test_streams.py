"""Streams: a standard stream that is closed, full or broken changes no outcome, and never ends in a traceback."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.locked_service import lock, make_library, make_repo, release

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples/service-repo"
FLAGSTONE = f"{shlex.quote(sys.executable)} -m compiler.cli"


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    (tmp_path / "service.yml").write_text("service: orders\nreplica: 2\n")
    return tmp_path


def run(command: str, streams: str, folder: Path = EXAMPLE) -> subprocess.CompletedProcess[str]:
    script = f"set -o pipefail; {FLAGSTONE} {command} {streams}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


NOWHERE = [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full"]
every_way = pytest.mark.parametrize("streams", NOWHERE)


@every_way
def test_what_was_done_is_done_though_nobody_hears_of_it(streams: str) -> None:
    done = run("validate", streams)
    assert (0, "") == (done.returncode, done.stderr)


@every_way
@pytest.mark.parametrize("format", ["text", "json"])
def test_a_fault_stays_one_though_nobody_hears_of_it(format: str, streams: str, faulty: Path) -> None:
    done = run(f"validate --format {format}", streams, faulty)
    assert (1, False) == (done.returncode, "Traceback" in done.stderr)


@every_way
def test_wrong_usage_stays_one_though_nobody_hears_of_it(streams: str) -> None:
    assert 2 == run("validate nowhere", streams).returncode


@pytest.mark.parametrize("command", ["explain D203", "schema", "--help", "validate --format json"])
@pytest.mark.parametrize("streams", [">&-", ">/dev/full"])
def test_an_answer_that_cannot_be_written_is_no_success(streams: str, command: str) -> None:
    done = run(command, streams)
    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    assert done.stderr.startswith("Error: cannot write the outcome: ")


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full"])
def test_an_answer_is_whole_without_a_second_stream(streams: str) -> None:
    assert run("explain D203", "").stdout == run("explain D203", streams).stdout != ""


@pytest.mark.parametrize("command", ["schema", "validate", "explain Resources --env production"])
def test_a_reader_who_has_seen_enough_is_no_fault(command: str) -> None:
    done = run(command, "| head -c 1")
    assert (0, "") == (done.returncode, done.stderr)


def test_a_closed_stream_is_not_written_into_another_file(tmp_path: Path) -> None:
    whole, closed = tmp_path / "whole", tmp_path / "closed"
    assert 0 == run(f"compile --no-lint --out {shlex.quote(str(whole))}", "").returncode
    assert 0 == run(f"compile --no-lint --out {shlex.quote(str(closed))}", "<&- >&- 2>&-").returncode
    files = {path.relative_to(whole): path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    assert files == {path.relative_to(closed): path.read_bytes() for path in closed.rglob("*") if path.is_file()}


@pytest.mark.parametrize("streams", [">&-", ">/dev/full", "| true"])
def test_no_lock_is_written_while_nobody_hears_what_it_moves(streams: str, tmp_path: Path) -> None:
    repo, library = make_repo(tmp_path / "repo"), make_library(tmp_path / "library")
    lock(repo, library)
    before = (repo / "flagstone.lock").read_bytes()
    release(library)
    command = f"lock --upgrade --platform {shlex.quote(str(library))}"
    done = run(command, streams, repo)
    assert (2, before) == (done.returncode, (repo / "flagstone.lock").read_bytes())
    assert "Error: cannot list what moved, and nothing was written: " in done.stderr
    assert (0, False) == (run(command, "", repo).returncode, before == (repo / "flagstone.lock").read_bytes())


@pytest.mark.parametrize("usage", ["validate nowhere", "compile --evn staging", "compile --env stagin", "publish"])
@pytest.mark.parametrize("format", ["--format json", "--format=json", "--format sarif"])
def test_a_machine_reads_wrong_usage_in_the_document_that_it_asked_for(format: str, usage: str) -> None:
    done = run(f"{usage} {format}", "")
    document = json.loads(done.stdout)
    said = done.stderr.rpartition("Error: ")[2].strip().rstrip(".")
    if "sarif" in format:
        [result] = document["runs"][0]["results"]
        assert ("usage", said) == (result["ruleId"], result["message"]["text"])
    else:
        [fault] = document["diagnostics"]
        assert ("usage", "error", said, None) == (fault["code"], fault["severity"], fault["message"], fault["path"])
        assert document["result"] is None
    assert 2 == done.returncode


def test_wrong_usage_stands_in_the_log_of_a_workflow() -> None:
    done = run("validate nowhere --format github", "")
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.splitlines()[-1].startswith("::error title=usage::Invalid value for '[REPO]'")


@pytest.mark.parametrize("words", ["", "platform"])
def test_a_person_who_names_no_command_reads_the_help_and_a_machine_what_is_missing(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(words, "")
    assert (2, "") == (done.returncode, done.stdout)
    usage, *_, last = done.stderr.splitlines()
    assert usage.startswith("Usage: flagstone ") and last.startswith("  "), done.stderr
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    told = run(words, "")
    assert (2, f"{done.stderr}::error title=usage::a command is missing\n") == (told.returncode, told.stderr)


@pytest.mark.parametrize("words", ["--format text", "--format xml", "--format", ""])
def test_a_person_reads_wrong_usage_once(words: str) -> None:
    done = run(f"validate nowhere {words}", "")
    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("Error: "))


@pytest.mark.parametrize("streams", [">&-", ">/dev/full"])
def test_wrong_usage_stays_one_though_no_machine_hears_of_it(streams: str) -> None:
    assert 2 == run("validate nowhere --format json", streams).returncode
