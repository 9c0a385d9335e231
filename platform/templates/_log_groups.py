"""Which log groups a service has: one for each log of a process, and the platform's own for all its processes together.

What a process prints goes to its log `app`. Where it has none, it shares a group with the others that have none.

In: a service, an environment.    Out: groups by logical id, with the names that instances are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from troposphere import AWSObject, Ref
from troposphere.logs import SubscriptionFilter

from compiler.authoring import Environment, Process, Service, camel, derive, join

from ._conventions import log_group_name

ACCESS, OUTPUT, SYSTEM = "AccessLogGroup", "OutputLogGroup", "SystemLogGroup"
PRINTED = "app"  # the log of a process that receives what it prints


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
    if any(output_log(service, environment, process) is not None for process in on_instances):
        yield Group(OUTPUT, output_log_name(service, environment), days)
    if on_instances:
        yield Group(SYSTEM, system_log(service, environment), days)


def subscriptions(environment: Environment, title: str) -> Iterator[AWSObject]:
    """Send all of the log group of a logical id on. It may have two subscriptions, and these are the two."""
    logs, stem = environment.logs, title.removesuffix("LogGroup")
    if logs.destination is not None:
        yield SubscriptionFilter(
            stem + "DestinationSubscriptionFilter",
            LogGroupName=Ref(title),
            FilterPattern="",
            DestinationArn=logs.destination,
            Distribution="ByLogStream",
        )
    if logs.stream is not None:
        yield SubscriptionFilter(
            stem + "StreamSubscriptionFilter",
            LogGroupName=Ref(title),
            FilterPattern="",
            DestinationArn=logs.stream,
            RoleArn=logs.role,
            Distribution="ByLogStream",
        )


def access_log(service: Service, environment: Environment) -> str:
    """Name the group of requests, a line of JSON each."""
    return _platform_log(service, environment, "access")


def output_log(service: Service, environment: Environment, process: Process) -> str | None:
    """Name the group of what a process prints that has no log for it."""
    names = [log.name for log in process.logs]
    return None if PRINTED in names else derive(output_log_name(service, environment), process.name, *names)


def output_log_name(service: Service, environment: Environment) -> str:
    return _platform_log(service, environment, "output")


def output_path(service: Service) -> str:
    """Say where instances write what such a process prints."""
    return join("/var/log/", service.name, "/output.log")


def system_log(service: Service, environment: Environment) -> str:
    """Name the group of what machines say of themselves: how they started, warnings, errors of nginx."""
    return _platform_log(service, environment, "system")


def _platform_log(service: Service, environment: Environment, name: str) -> str:
    # A process has a name of a part more, so one that is called `access` is in nobody's way.
    return join("/service/", environment.name, "/", service.name, "/", name)
