"""A small service and a copy of the toy library, both to be changed, and the commands that meet on them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from compiler.cli import cli

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


def make_repo(folder: Path) -> Path:
    write(folder / "service.yml", SERVICE)
    write(folder / "cloudFormation" / "overrides" / "web.yml", OVERRIDES)
    return folder


def make_library(folder: Path) -> Path:
    return Path(shutil.copytree(TOY, folder))


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


def read_lock(repo: Path) -> Any:
    return json.loads((repo / "flagstone.lock").read_text())


def findings(done: Result) -> list[str]:
    """The code and message of each diagnostic, without where it stands."""
    lines = [line.partition(": error ")[2] or line.partition(": warning ")[2] for line in done.stderr.splitlines()]
    return [line for line in lines if line]
