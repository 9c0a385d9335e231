#!/usr/bin/python3 -I
"""Read a process's config and secrets from Parameter Store into a file that systemd gives to the process.

In: the facts of the instance (a path), the file to write (a path in memory).    Out: NAME="value" lines, for root only.
Faults: exit 1 with one line on standard error that names the parameter and never holds a value.
Never: takes a value from, or puts one on, a command line.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NAMES_A_CALL = 10  # the most that GetParameters takes


class UnreadableEnvironment(Exception):
    """Config or secrets cannot be had as the facts ask for them."""


def main(facts_path: str, target: str) -> None:
    try:
        facts = json.loads(Path(facts_path).read_text())
        values = {**read_config(facts), **read_secrets(facts)}
        write_for_root(Path(target), "".join(render_line(name, values[name]) for name in sorted(values)))
    except UnreadableEnvironment as fault:
        sys.exit(f"platform-environment: {fault}")


def read_config(facts: Mapping[str, Any]) -> dict[str, str]:
    """Read every parameter below `config_path`; its last part is the name of the variable."""
    path = facts["config_path"]
    if not path:
        return {}
    answer = _ask_ssm(facts, "get-parameters-by-path", ["--path", path.rstrip("/")])
    return {parameter["Name"].rpartition("/")[2]: parameter["Value"] for parameter in answer["Parameters"]}


def read_secrets(facts: Mapping[str, Any]) -> dict[str, str]:
    """Read the parameters that `secrets` refers to."""
    references: dict[str, str] = facts["secrets"] or {}
    paths = sorted(set(references.values()))
    values: dict[str, str] = {}
    for start in range(0, len(paths), NAMES_A_CALL):
        answer = _ask_ssm(facts, "get-parameters", ["--names", *paths[start : start + NAMES_A_CALL]])
        values.update((found["Name"] + found.get("Selector", ""), found["Value"]) for found in answer["Parameters"])
    missing = sorted(f"`{name}` ({path})" for name, path in references.items() if path not in values)
    if missing:
        raise UnreadableEnvironment(f"no such parameter for {', '.join(missing)}")
    return {name: values[path] for name, path in references.items()}


def render_line(name: str, value: str) -> str:
    """Write one variable as systemd reads it (systemd.exec, EnvironmentFile).

    >>> render_line("GREETING", 'say "hi" for $5')
    'GREETING="say \\\\"hi\\\\" for \\\\$5"\\n'
    """
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
        raise UnreadableEnvironment(f"`{name}` cannot be the name of an environment variable")
    if "\0" in value:
        raise UnreadableEnvironment(f"the value of `{name}` holds a null byte")
    quoted = re.sub(r'([\\"$`])', r"\\\1", value)
    return f'{name}="{quoted}"\n'


def write_for_root(target: Path, text: str) -> None:
    """Put the whole text in place at once, readable by root alone from its first byte."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.parent.chmod(0o700)
    unfinished = target.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    unfinished.replace(target)


def _ask_ssm(facts: Mapping[str, Any], operation: str, arguments: Iterable[str]) -> dict[str, Any]:
    command = [
        "aws",
        "ssm",
        operation,
        "--region",
        facts["region"],
        "--with-decryption",
        "--output",
        "json",
        *arguments,
    ]
    # HOME is the process's own folder here: a configuration that it leaves there could have root run anything.
    # The AWS CLI asks the instance for its role once, and for a second: too short for one that is busy starting.
    patience = {"AWS_METADATA_SERVICE_TIMEOUT": "5", "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "5"}
    environment = {**os.environ, **patience, "AWS_PAGER": "", "HOME": "/root"}
    asked = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
    if asked.returncode != 0:
        raise UnreadableEnvironment(f"`aws ssm {operation}` fails with {asked.returncode}")
    answer: dict[str, Any] = json.loads(asked.stdout)
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
