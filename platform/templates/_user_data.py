"""The script that an instance runs when it starts, as CloudFormation has to be given it.

In: a service, an environment, a process.    Out: Fn::Base64 of Fn::Sub, where `${Release}` and its like are parameters.
Never: leaves a `${` of the descriptor in the text, or a word of it unquoted for the shell.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import jinja2
from troposphere import Base64, Sub

from compiler.authoring import Environment, Process, Service, camel, derive, join

from ._conventions import (
    BOOT_FAILED,
    BOOT_NAMESPACE,
    boot_dimensions,
    boot_log_name,
    boot_stream,
    config_path,
    log_group_name,
)
from ._lifecycle import END_HOOK, LAUNCH_HOOK, is_refreshed
from ._log_groups import PRINTED, access_log, output_log, output_path, system_log
from ._patience import (
    SPOT_LET_GO_SECONDS,
    balancer_patience,
    keepalive_timeout,
    let_go_patience,
    stop_patience,
)


def user_data(service: Service, environment: Environment, process: Process) -> Base64:
    """Render the start script. EC2 takes at most 16,384 bytes."""
    health = process.health_check
    facts = _instance_facts(service, environment, process)
    words = {
        "service": service.name,
        "unit": join(service.name, "-", process.name),
        "region": environment.region,
        "group": camel(process.name) + "Group",
        "releases": join("s3://", environment.bucket, "/services/", service.name),
        "health_url": None if process.port is None else join("http://127.0.0.1:", process.port, health.path),
        "health_timeout": health.timeout,
        "patience": health.grace_period,
        "boot_log": boot_log_name(environment),
        "boot_stream": boot_stream(service, environment, process),
        "boot_metric": f"--namespace {BOOT_NAMESPACE} --metric-name {BOOT_FAILED}",
        "boot_dimensions": boot_dimensions(service, environment),
        "role": "${" + camel(process.name) + "Role}",
        "target_group": "${" + camel(process.name) + "TargetGroup}",
        "balancer_patience": balancer_patience(process),
        "launch_hook": LAUNCH_HOOK if is_refreshed(process) else None,
        "end_hook": END_HOOK,
        "let_go_patience": let_go_patience(process),
        "spot_patience": SPOT_LET_GO_SECONDS,
        "stands_by": process.warm_pool is not None,
    }
    text = _TEXTS.get_template("user-data.sh.j2").render(instance=json.dumps(facts, indent=2), **words)
    return Base64(Sub(derive(text, facts, words)))


def _instance_facts(service: Service, environment: Environment, process: Process) -> dict[str, Any]:
    """What /etc/platform/instance.json tells the instance about itself."""
    logs = [
        {"name": log.name, "path": log.path, "group": log_group_name(service, environment, process, log)}
        for log in process.logs
    ]
    output = output_log(service, environment, process)
    if output is not None:
        logs.append({"name": PRINTED, "path": output_path(service), "group": output})
    facts = {
        "service": service.name,
        "process": process.name,
        "environment": environment.name,
        "region": environment.region,
        "stack": None,
        "group": camel(process.name) + "Group",
        "bucket": environment.bucket,
        "release": None,
        "command": process.command,
        "port": process.port,
        "health_path": None if process.port is None else process.health_check.path,
        "network": environment.network.cidr,
        "requests": None if process.port is None else _request_facts(environment, process),
        "stop_timeout": stop_patience(service, process),
        "config_path": config_path(service, environment),
        "secrets": dict(service.secrets),
        "processes": [other.name for other in service.processes_on("instances")],
        "logs": logs,
        "access_log": None if process.port is None else access_log(service, environment),
        "system_log": system_log(service, environment),
    }
    return {**_literal(facts), "stack": "${AWS::StackName}", "release": "${Release}"}


def _request_facts(environment: Environment, process: Process) -> dict[str, int]:
    """What nginx is told of requests: seconds, MiB, and how many of one client in a second."""
    return {
        "timeout": process.requests.timeout,
        "keepalive": keepalive_timeout(environment, process),
        "body_size": process.requests.body_size,
        "per_second": process.requests.per_second,
    }


def _literal(value: Any) -> Any:
    """Write `${x}` as `${!x}` throughout, which is how Fn::Sub is told to leave it alone."""
    if isinstance(value, str):
        return derive(value.replace("${", "${!"), value)
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return value


def _quote(word: object) -> str:
    """Make one word of the shell of a text or number, in a text that goes through Fn::Sub."""
    return str(_literal(shlex.quote(str(word))))


_TEXTS = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "files"),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # a shell script: the filter `quote` escapes
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEXTS.filters["quote"] = _quote
