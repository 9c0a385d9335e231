"""Alarms on what users and the owner would notice, each in amber (a ticket) or red (a page), or in both.

What silence means depends on what is counted: no request is no slow request (`notBreaching`), an instance that reports
no CPU tells nothing at all (`missing`), and where capacity cannot be counted it has to be taken for gone (`breaching`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from troposphere import AWSObject
from troposphere.cloudwatch import MetricDataQuery, MetricDimension

from compiler.authoring import Environment, Process, Service, camel

from ._alarms import Measured, measure, metric, reckoned
from ._combined_alarms import combined_alarms
from ._launches import launches
from ._own_alarms import own_alarms
from ._queue_ages import queue_ages
from ._watching import can_rest, group_of, period_of, size_of, targets_of, thresholds, watch
from ._ways_in import is_shared

SCOPE = "service"

# Below this many requests a minute, one failed request is not a rate.
ENOUGH_REQUESTS = 20


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for process in service.processes_on("instances"):
        yield from instances(service, environment, process)
        yield from capacity(service, environment, process)
        yield from requests(service, environment, process)
        yield from queue_ages(service, environment, process)
        yield from combined_alarms(service, environment, process)
        yield from own_alarms(service, environment, process)
    yield from own_alarms(service, environment)
    yield from launches(service, environment)


# Instances: what they report themselves, and what AWS sees of them


def instances(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    group = [group_of(process)]
    yield from watch(
        service, environment, process, "cpu",
        what=("CPU above ", " percent"),
        meaning="Responses slow down when the group cannot grow.",
        measured=metric("AWS/EC2", "CPUUtilization", group, statistic="Average", period=period_of(process, "cpu")),
        missing="missing",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "memory",
        what=("memory use above ", " percent"),
        meaning="What asks for more is killed, most often the process itself.",
        measured=metric("CWAgent", "mem_used_percent", group, statistic="Average", period=period_of(process, "memory")),
        missing="missing",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "disk",
        what=("a root volume is more than ", " percent full"),
        meaning="Once it is full, nothing can be written, logs included.",
        measured=metric("CWAgent", "disk_used_percent", group, statistic="Maximum", period=period_of(process, "disk")),
        missing="missing",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "agentReports",
        what=("CloudWatch agents report fewer than ", " times in a period"),
        meaning="Nobody knows how full memory and disks are. Look whether the agent runs.",
        measured=_agent_reports(process),
        missing="breaching",
        comparison="LessThanThreshold",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "statusChecks",
        what=("more than ", " status checks of an instance or its volumes fail"),
        meaning="The group replaces the instance. If it does not, or it comes back, look at the health of AWS.",
        measured=_status_checks(process),
        missing="missing",
    )  # fmt: skip


def _agent_reports(process: Process) -> Measured:
    """How often agents report. Nobody has to where there is no instance."""
    place, period = [group_of(process)], period_of(process, "agentReports")
    if not can_rest(process):
        return metric("CWAgent", "mem_used_percent", place, statistic="SampleCount", period=period)
    enough = dict(thresholds(process, "agentReports"))
    reports = measure("reports", "CWAgent", "mem_used_percent", place, statistic="SampleCount", period=period)
    return reckoned(
        [reports, size_of("instances", "GroupInServiceInstances", process, period)],
        "heard",
        "Reports of agents",
        f"IF(FILL(instances, 0) > 0, FILL(reports, 0), {max(enough.values(), default=0)})",
    )


def _status_checks(process: Process) -> Measured:
    place, period = [group_of(process)], period_of(process, "statusChecks")
    machines = measure("machines", "AWS/EC2", "StatusCheckFailed", place, statistic="Maximum", period=period)
    volumes = measure("volumes", "AWS/EC2", "StatusCheckFailed_AttachedEBS", place, statistic="Maximum", period=period)
    return reckoned([machines, volumes], "failed", "Failed status checks", "machines + FILL(volumes, 0)")


# Capacity: how many instances there are, and how many there should be


def capacity(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    yield from watch(
        service, environment, process, "capacity",
        what=("the group has ", " percent of the instances that it may have"),
        meaning="It cannot grow any further. Raise `max`, or find what takes so much.",
        measured=reckoned(
            [
                size_of("instances", "GroupInServiceInstances", process, period_of(process, "capacity")),
                size_of("most", "GroupMaxSize", process, period_of(process, "capacity")),
            ],
            "used", "Percent of max", "IF(most > 0, 100 * instances / most, 0)",
        ),
        missing="notBreaching",
        comparison="GreaterThanOrEqualToThreshold",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "missingInstances",
        what=("more than ", " instances are missing from those that there have to be"),
        meaning="New ones do not start, or do not last. The others carry their load.",
        measured=reckoned(
            [
                size_of("instances", "GroupInServiceInstances", process, period_of(process, "missingInstances")),
                size_of("least", "GroupMinSize", process, period_of(process, "missingInstances")),
            ],
            "lacking", "Instances missing from min", "least - FILL(instances, 0)",
        ),
        missing="breaching",
    )  # fmt: skip


# Requests: what users and the load balancer see


def requests(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    if process.port is None:
        return
    targets = targets_of(environment, process)
    balancer = targets[:1]
    yield from watch(
        service, environment, process, "latency",
        what=("one request in a hundred takes longer than ", " seconds"),
        meaning="Users wait.",
        measured=_of_balancer("TargetResponseTime", targets, "p99", period_of(process, "latency")),
        missing="notBreaching",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "errors",
        what=("more than ", " percent of requests answered 5xx"),
        meaning="Users see errors.",
        measured=_error_rate(environment, process),
        missing="notBreaching",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "requests",
        what=("fewer than ", " requests in a period"),
        meaning="Nobody asks any more, or requests are lost before they come: look at names, routes and callers.",
        measured=_request_count(environment, process),
        missing="breaching",
        comparison="LessThanThreshold",
        after=None if can_rest(process) else camel(process.name) + "Group",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "healthyHosts",
        what=("fewer than ", " instances pass the health check"),
        meaning="Those that do have more to carry than they can; with none of them, all requests fail.",
        measured=_healthy_hosts(environment, process),
        missing="breaching",
        comparison="LessThanThreshold",
        after=None if can_rest(process) else camel(process.name) + "Group",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "unhealthyHosts",
        what=("more than ", " instances fail the health check"),
        meaning="The others carry their load.",
        measured=_of_balancer("UnHealthyHostCount", targets, "Maximum", period_of(process, "unhealthyHosts")),
        missing="notBreaching",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "connectionErrors",
        what=("more than ", " connections to instances could not be opened in a period"),
        meaning="Requests are answered late or not at all. The process listens at times only, or has too much to do.",
        measured=_of_balancer("TargetConnectionErrorCount", targets, "Sum", period_of(process, "connectionErrors")),
        missing="notBreaching",
    )  # fmt: skip
    yield from watch(
        service, environment, process, "rejectedConnections",
        what=("the load balancer turned more than ", " connections away in a period"),
        meaning="It has as many as it can hold, and clients cannot connect. Look for who opens so many.",
        measured=_of_balancer("RejectedConnectionCount", balancer, "Sum", period_of(process, "rejectedConnections")),
        missing="notBreaching",
    )  # fmt: skip


def _healthy_hosts(environment: Environment, process: Process) -> Measured:
    """How many hosts are healthy. Where there may be none at times, enough are while there have to be none."""
    targets, period = targets_of(environment, process), period_of(process, "healthyHosts")
    if not can_rest(process):
        return _of_balancer("HealthyHostCount", targets, "Minimum", period)
    enough = max(dict(thresholds(process, "healthyHosts")).values(), default=0)
    healthy = measure("healthy", "AWS/ApplicationELB", "HealthyHostCount", targets, statistic="Minimum", period=period)
    return reckoned(
        [healthy, size_of("least", "GroupMinSize", process, period)],
        "enough",
        "Healthy hosts",
        f"IF(FILL(least, 1) > 0, FILL(healthy, 0), {enough})",
    )


def _request_count(environment: Environment, process: Process) -> Measured:
    """How many requests are sent to instances. None have to come while there need not be an instance."""
    targets, period = targets_of(environment, process), period_of(process, "requests")
    if not can_rest(process):
        return _of_balancer("RequestCount", targets, "Sum", period)
    enough = max(dict(thresholds(process, "requests")).values(), default=0)
    return reckoned(
        [_count("requests", "RequestCount", targets, period), size_of("least", "GroupMinSize", process, period)],
        "heard",
        "Requests",
        f"IF(FILL(least, 1) > 0, FILL(requests, 0), {enough})",
    )


def _of_balancer(name: str, dimensions: Sequence[MetricDimension], statistic: str, period: int) -> Measured:
    return metric("AWS/ApplicationELB", name, dimensions, statistic=statistic, period=period)


def _error_rate(environment: Environment, process: Process) -> Measured:
    """The percentage of requests that failed. What a shared load balancer answers by itself is counted for nobody."""
    targets, period = targets_of(environment, process), period_of(process, "errors")
    balancer = targets[:1]
    errors = [_count("targetErrors", "HTTPCode_Target_5XX_Count", targets, period)]
    if not is_shared(process):
        errors.append(_count("balancerErrors", "HTTPCode_ELB_5XX_Count", balancer, period))
    failed = " + ".join(f"FILL({query.Id}, 0)" for query in errors)
    return reckoned(
        [*errors, _count("requests", "RequestCount", targets if is_shared(process) else balancer, period)],
        "errorRate",
        "Percent of requests answered 5xx",
        f"IF(requests > {ENOUGH_REQUESTS * period // 60}, 100 * ({failed}) / requests, 0)",
    )


def _count(query: str, name: str, dimensions: Sequence[MetricDimension], period: int) -> MetricDataQuery:
    return measure(query, "AWS/ApplicationELB", name, dimensions, statistic="Sum", period=period)
