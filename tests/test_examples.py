"""The examples are services like any other: they compile without a word, their programs run, their roles apply."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.model import Compilation, Library
from compiler.pipeline import compile_service, open_library
from tests.examples import EXAMPLES, LOCK, place_example
from tests.machine import FACTS, NGINX, build_machine, free_port, run_playbook
from tests.proxy import ask, run_proxy, wait_for_line

EVERY_ENVIRONMENT = {"env-default", "production", "staging"}
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
LOCKED = [example for example in EXAMPLES if (example / LOCK).exists()]


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


@every_example
def test_an_example_compiles_in_every_environment_without_a_warning(
    example: Path, library: Library, tmp_path: Path
) -> None:
    made: Compilation = compile_service(place_example(example, tmp_path / "example", library), library)
    # That a role takes the place of the platform's is what one of them shows.
    assert {"D328"} >= {found.code for found in made.diagnostics}
    assert EVERY_ENVIRONMENT == set(made.stacks)


@pytest.mark.parametrize("example", LOCKED, ids=lambda path: path.name)
def test_an_example_is_locked_with_this_library_and_compiles_as_it_is_cloned(
    example: Path, library: Library, tmp_path: Path, update_expectations: bool
) -> None:
    fresh = (place_example(example, tmp_path / "example", library) / LOCK).read_bytes()
    if update_expectations:
        (example / LOCK).write_bytes(fresh)
    assert fresh == (example / LOCK).read_bytes(), "`pytest --update tests/test_examples.py` writes it"


# Programs


def describe_processes(example: Path) -> Mapping[str, Any]:
    processes: Mapping[str, Any] = yaml.safe_load((example / "service.yml").read_text())["processes"]
    return processes


PROCESSES = [(example, name) for example in EXAMPLES for name in describe_processes(example)]


@pytest.mark.parametrize(("example", "name"), PROCESSES, ids=lambda value: getattr(value, "name", value))
def test_a_process_starts_is_healthy_and_ends_when_it_is_told_to(example: Path, name: str) -> None:
    said = describe_processes(example)[name]
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1", "LOG_LEVEL": "debug"}
    command = f"exec {said['command']}"
    running = subprocess.Popen(
        command, shell=True, cwd=example / "src", env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        assert json.loads(running.stdout.readline())["level"] in ("info", "warning")
        if "port" in said:
            assert 200 == _ask(port, said.get("healthCheck", {}).get("path", "/ping"))
    finally:
        running.send_signal(signal.SIGTERM)
        said_at_the_end, _ = running.communicate(timeout=20)
    assert 0 == running.returncode
    assert all(json.loads(line)["message"] for line in said_at_the_end.splitlines())


def _ask(port: int, path: str) -> int:
    for _ in range(100):
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", path)
                return connection.getresponse().status
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


# Roles


@pytest.mark.skipif(NGINX is None, reason="no nginx here")
def test_a_role_of_the_service_takes_the_place_of_the_platforms(tmp_path: Path) -> None:
    (example,) = [path for path in EXAMPLES if (path / "ansible/roles/nginx").exists()]
    brings = {
        path.relative_to(example / "ansible").as_posix(): path.read_text()
        for path in sorted((example / "ansible").rglob("*"))
        if path.is_file()
    }
    facts = {**FACTS, "service": "settlement", "port": free_port()}
    run = run_playbook(build_machine(tmp_path, facts, brings))
    assert 0 == run.code, run.output
    rotated = run.machine.read("etc/logrotate.d/nginx")
    assert all(f"{run.machine.root}/var/log/nginx/*.{name}" in rotated for name in ("json", "log"))
    trace = "1-67891233-abcdef012345678912345678"
    with run_proxy(run.machine, str(NGINX)) as machine:
        ask(machine, "/ping", {"User-Agent": "ELB-HealthChecker/2.0"})
        answer = ask(machine, "/paid", {"X-Amzn-Trace-Id": f"Self=1-2-3;Root={trace}"})
        (line,) = map(json.loads, wait_for_line(machine, trace).splitlines())
    assert {trace} == {answer.seen["X-Request-Id"], answer.headers["X-Request-Id"], line["request_id"]}
    # What the platform counts in an access log.
    assert ("info", 200, "web", float) == (
        line["level"],
        line["status"],
        line["process"],
        type(line["upstream_response_time"]),
    )
