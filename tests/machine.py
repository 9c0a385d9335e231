"""A scratch machine for the Ansible side: every path stands below a folder, no unit and no account is touched.

In: facts, and what a service brings in its `ansible/`.    Out: a folder like a machine image, and how a run went.
"""

from __future__ import annotations

import getpass
import json
import os
import random
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
VENV = Path(os.environ.get("FLAGSTONE_ANSIBLE_VENV", ROOT / ".venv-ansible"))
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
ACCOUNT = "daemon" if os.geteuid() == 0 else getpass.getuser()

# What a machine image brings, below the scratch folder.
IMAGE_FOLDERS = (
    "etc/logrotate.d",
    "etc/nginx/conf.d",
    "etc/platform",
    "etc/systemd/system",
    "run",
    "usr/local/sbin",
    "var/log/audit",
    "var/log/nginx",
)
IMAGE_TOOLS = (
    "opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl",
    "usr/bin/aws",
    "usr/bin/python3",
    "usr/sbin/logrotate",
    "usr/sbin/nginx",
)
# Writes down what it is asked; a unit is active and enabled once it was named in a start and an enable.
SYSTEMCTL = """#!/bin/sh
log={root}/asked
case "$1" in
  show) state=inactive; grep -q "^.*start $2$" "$log" && state=active
        printf 'Id=%s\\nLoadState=loaded\\nActiveState=%s\\n' "$2" "$state" ;;
  is-enabled) grep -q "^enable $2$" "$log" ;;
  *) echo "$*" >> "$log" ;;
esac
"""
FACTS: Mapping[str, Any] = {
    "service": "recipes",
    "process": "web",
    "environment": "env-soup",
    "region": "eu-west-1",
    "stack": "env-soup-recipes",
    "group": "WebGroup",
    "bucket": "releases",
    "release": "20260102T030405-0123456789ab",
    "command": "./bin/serve --motto \"100% 'fresh'\" --home $HOME --stars ${#HOME}{{ 7 * 7 }}{% x",
    "port": 8080,
    "health_path": "/ping",
    "network": "127.0.0.0/8",
    "requests": {"timeout": 30, "keepalive": 75, "body_size": 10, "per_second": 0},
    "stop_timeout": 30,
    "config_path": "/service/env-soup/recipes/config",
    "secrets": {"DATABASE_PASSWORD": "/recipes/database-password"},
    "access_log": "/service/env-soup/recipes/access",
    "system_log": "/service/env-soup/recipes/system",
    "logs": [
        {"name": "app", "path": "/var/log/recipes/app.log", "group": "/service/env-soup/recipes/web/app"},
        {"name": "audit", "path": "/var/log/audit/recipes.log", "group": "/service/env-soup/recipes/web/audit"},
    ],
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A scratch machine, and the archive as user data unpacks it."""

    root: Path
    archive: Path

    def read(self, path: str) -> str:
        return (self.root / path).read_text()


@dataclass(frozen=True, slots=True)
class Run:
    machine: Machine
    code: int
    output: str

    @property
    def changed(self) -> int:
        found = re.search(r"changed=(\d+)", self.output)
        return int(found[1]) if found else -1


def build_machine(folder: Path, facts: Mapping[str, Any], service: Mapping[str, str]) -> Machine:
    machine = Machine(root=folder / "machine", archive=folder / "archive")
    for path in (*IMAGE_FOLDERS, f"srv/{facts['service']}/src"):
        (machine.root / path).mkdir(parents=True, exist_ok=True)
    for tool in IMAGE_TOOLS:
        install(machine.root / tool, "#!/bin/sh\n")
    if NGINX:
        (machine.root / "usr/sbin/nginx").unlink()
        (machine.root / "usr/sbin/nginx").symlink_to(NGINX)
    (machine.root / "etc/platform/instance.json").write_text(json.dumps(facts))
    shutil.copytree(ROOT / "platform" / "ansible", machine.archive)
    for path, text in service.items():
        (machine.archive / "service" / path).parent.mkdir(parents=True, exist_ok=True)
        (machine.archive / "service" / path).write_text(text)
    return machine


def install(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run_playbook(machine: Machine, *arguments: str) -> Run:
    """Run the playbook as user data does, but below the machine's folder."""
    settings = {"root_prefix": machine.root, "service_user": ACCOUNT, "nginx_user": ACCOUNT}
    extra = [part for name, value in settings.items() for part in ("-e", f"{name}={value}")]
    return run_tool(
        machine,
        "ansible-playbook",
        "--inventory",
        "localhost,",
        "--connection",
        "local",
        "platform.yml",
        *extra,
        *arguments,
    )


def run_lint(machine: Machine) -> Run:
    return run_tool(machine, "ansible-lint", "--offline", "--nocolor", "--profile", "production", ".")


def run_tool(machine: Machine, *command: str) -> Run:
    home = machine.archive.parent / "home"
    environment = {
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": str(VENV / "bin" / "python"),
        "ANSIBLE_REMOTE_TMP": str(home / "tmp"),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": f"{machine.root}/usr/local/sbin:{VENV}/bin:{os.environ['PATH']}",
    }
    done = subprocess.run(
        command,
        cwd=machine.archive,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(machine=machine, code=done.returncode, output=done.stdout)


def free_port() -> int:
    """Find a port that is free together with the one 10000 above it.

    Two runs of tests look at the same time and listen later, so neither begins where the other does. The ports are
    not among those that the system gives out by itself.
    """
    for port in random.SystemRandom().sample(range(20000, 22700), 100):
        try:
            with socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 10000)):
                return port
        except OSError:
            continue
    raise AssertionError("no two free ports")
