"""The script that reads a process's config and secrets when it starts, with a Parameter Store of shell."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "platform/ansible/roles/service/files/platform_environment.py"
FACTS = {
    "region": "eu-west-1",
    "config_path": "/service/staging/recipes/config",
    "secrets": {"DATABASE_PASSWORD": "/recipes/database-password", "PRIVATE_KEY": "/recipes/key:2"},
}
CONFIG = {
    "Parameters": [
        {"Name": "/service/staging/recipes/config/LOG_LEVEL", "Value": "info"},
        {"Name": "/service/staging/recipes/config/GREETING", "Value": 'it\'s "50 %" off: $HOME `id` \\n é #1 '},
    ]
}
SECRETS = {
    "Parameters": [
        {"Name": "/recipes/database-password", "Value": 'p"a$$\\word'},
        {"Name": "/recipes/key", "Selector": ":2", "Value": "-- begin\nline two\n-- end\n"},
    ]
}
# Writes down how it is called, and answers with a file named after the operation.
AWS = """#!/bin/sh
echo "$*" >> {folder}/calls
exec cat {folder}/$2.json
"""


@dataclass(frozen=True, slots=True)
class Instance:
    """A folder with a stand-in for `aws`, the facts, and the file that the script writes."""

    folder: Path

    @property
    def target(self) -> Path:
        return self.folder / "run" / "recipes-web.env"

    def answer(self, operation: str, answer: Mapping[str, Any]) -> None:
        (self.folder / f"{operation}.json").write_text(json.dumps(answer))

    def start(self, facts: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        (self.folder / "instance.json").write_text(json.dumps(facts))
        return subprocess.run(
            [sys.executable, "-I", str(SCRIPT), str(self.folder / "instance.json"), str(self.target)],
            env={"PATH": f"{self.folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    def values(self) -> dict[str, str]:
        """Read the file with a shell, whose double quotes mean what systemd's do."""
        shown = subprocess.run(
            ["/bin/sh", "-c", 'set -a; . "$1"; exec env -0', "sh", str(self.target)],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            check=True,
        )
        pairs = (item.split("=", 1) for item in shown.stdout.decode().split("\0") if item)
        return {name: value for name, value in pairs if name not in {"PATH", "PWD", "SHLVL", "_", "OLDPWD"}}


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    (tmp_path / "aws").write_text(AWS.format(folder=tmp_path))
    (tmp_path / "aws").chmod(0o755)
    made = Instance(tmp_path)
    made.answer("get-parameters-by-path", CONFIG)
    made.answer("get-parameters", SECRETS)
    return made


def test_every_value_arrives_as_it_is(instance: Instance) -> None:
    done = instance.start(FACTS)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    config = {parameter["Name"].split("/")[-1]: parameter["Value"] for parameter in CONFIG["Parameters"]}
    secrets = {"DATABASE_PASSWORD": 'p"a$$\\word', "PRIVATE_KEY": "-- begin\nline two\n-- end\n"}
    assert {**config, **secrets} == instance.values()


def test_only_root_can_read_the_file_and_no_value_is_on_a_command_line(instance: Instance) -> None:
    instance.start(FACTS)
    assert (0o600, 0o700) == (
        stat.S_IMODE(instance.target.stat().st_mode),
        stat.S_IMODE(instance.target.parent.stat().st_mode),
    )
    options = "--region eu-west-1 --with-decryption --output json"
    assert [
        f"ssm get-parameters-by-path {options} --path /service/staging/recipes/config",
        f"ssm get-parameters {options} --names /recipes/database-password /recipes/key:2",
    ] == (instance.folder / "calls").read_text().splitlines()


def test_a_secret_that_is_not_there_is_named_and_keeps_the_process_from_starting(instance: Instance) -> None:
    instance.start(FACTS)
    before = instance.target.read_bytes()
    instance.answer("get-parameters", {"Parameters": SECRETS["Parameters"][1:]})
    done = instance.start(FACTS)
    assert (1, "platform-environment: no such parameter for `DATABASE_PASSWORD` (/recipes/database-password)\n") == (
        done.returncode,
        done.stderr,
    )
    assert before == instance.target.read_bytes()


def test_a_failing_parameter_store_keeps_the_process_from_starting(instance: Instance) -> None:
    (instance.folder / "get-parameters.json").unlink()
    done = instance.start(FACTS)
    assert (1, "platform-environment: `aws ssm get-parameters` fails with 1") == (
        done.returncode,
        done.stderr.splitlines()[-1],
    )
    assert not instance.target.exists()


def test_eleven_secrets_take_two_calls(instance: Instance) -> None:
    paths = {f"SECRET_{number}": f"/recipes/{number}" for number in range(11)}
    instance.answer("get-parameters", {"Parameters": [{"Name": path, "Value": path} for path in paths.values()]})
    instance.answer("get-parameters-by-path", {"Parameters": []})
    assert 0 == instance.start({**FACTS, "secrets": paths}).returncode
    calls = [line for line in (instance.folder / "calls").read_text().splitlines() if " get-parameters " in line]
    assert [10, 1] == [line.count("/recipes/") for line in calls]
    assert paths == instance.values()


def test_a_name_that_no_variable_can_have_is_refused(instance: Instance) -> None:
    instance.answer("get-parameters-by-path", {"Parameters": [{"Name": "/c/LOG-LEVEL", "Value": "info"}]})
    done = instance.start(FACTS)
    assert (1, "platform-environment: `LOG-LEVEL` cannot be the name of an environment variable\n") == (
        done.returncode,
        done.stderr,
    )
