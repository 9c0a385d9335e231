"""Which log groups a service has: one for each log of a process, and the platform's own for all its processes together.

In: a service, an environment.    Out: groups by logical id, with the names that instances are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.authoring import Environment, Service, camel, join

from ._conventions import log_group_name

ACCESS, SYSTEM = "AccessLogGroup", "SystemLogGroup"


@dataclass(frozen=True, slots=True)
class Group:
    """`process` is None where all processes of the service write to it; `days` are those that it is kept for."""

    title: str
    name: str
    days: int
    process: str | None = None
    log: str = ""


def groups(service: Service, environment: Environment) -> Iterator[Group]:
    for process in service.processes:
        for log in process.logs:
            name = log_group_name(service, environment, process, log)
            yield Group(camel(process.name, log.name) + "LogGroup", name, log.retention_days, process.name, log.name)
    days = environment.logs.retention_days
    on_instances = service.processes_on("instances")
    if any(process.port is not None for process in on_instances):
        yield Group(ACCESS, access_log(service, environment), days)
    if on_instances:
        yield Group(SYSTEM, system_log(service, environment), days)


def access_log(service: Service, environment: Environment) -> str:
    """Name the group of requests, a line of JSON each."""
    return _platform_log(service, environment, "access")


def system_log(service: Service, environment: Environment) -> str:
    """Name the group of what machines say of themselves: how they started, warnings, errors of nginx."""
    return _platform_log(service, environment, "system")


def _platform_log(service: Service, environment: Environment, name: str) -> str:
    # A process has a name of a part more, so one that is called `access` is in nobody's way.
    return join("/service/", environment.name, "/", service.name, "/", name)
