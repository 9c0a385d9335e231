"""Alarms on what users and the owner would notice, each in amber (a ticket) and red (a page).

What silence means depends on what is counted: no request is no slow request (`notBreaching`), while an instance that
reports no CPU tells nothing at all (`missing`).
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.cloudwatch import MetricDataQuery, MetricDimension

from compiler.authoring import Environment, Process, Service, camel, join

from ._alarms import Measured, alarm, measure, metric, of_queue, reckoned
from ._conventions import in_batches, queue_id, subscriptions_of
from ._lifecycle import refresh_alarms
from ._ways_in import full_name, is_shared

SCOPE = "service"

# Below this many requests a minute, one failed request is not a rate.
ENOUGH_REQUESTS = 20


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for process in service.processes_on("instances"):
        yield from cpu(service, environment, process)
        if process.port is not None:
            yield from latency(service, environment, process)
            yield from errors(service, environment, process)
            yield from unhealthy_hosts(service, environment, process)
        yield from queue_age(service, environment, process)


def cpu(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for color, threshold in _thresholds(process, "cpu"):
        yield alarm(
            camel(process.name, "cpu", color) + "Alarm", service, environment,
            process=process.name,
            tag=join(process.name, "-cpu-", color),
            color=color,
            says=join(
                _subject(service, environment, process), ": CPU above ", threshold, " percent for 15 minutes. "
                "Responses slow down when the group cannot grow.",
            ),
            measured=metric("AWS/EC2", "CPUUtilization", [_group(process)], statistic="Average", period=300),
            threshold=threshold,
            within=(3, 3),
            missing="missing",
        )  # fmt: skip


def latency(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for color, threshold in _thresholds(process, "latency"):
        title = camel(process.name, "latency", color) + "Alarm"
        yield alarm(
            title, service, environment,
            process=process.name,
            tag=join(process.name, "-latency-", color),
            color=color,
            says=join(
                _subject(service, environment, process), ": one request in a hundred takes longer than ", threshold,
                " seconds, in 4 of 5 minutes. Users wait.",
            ),
            measured=metric(
                "AWS/ApplicationELB", "TargetResponseTime", _targets(environment, process), statistic="p99"
            ),
            threshold=threshold,
            within=(4, 5),
            missing="notBreaching",
            called=_name(service, environment, process, title),
        )  # fmt: skip


def errors(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for color, threshold in _thresholds(process, "errors"):
        title = camel(process.name, "errors", color) + "Alarm"
        yield alarm(
            title, service, environment,
            process=process.name,
            tag=join(process.name, "-errors-", color),
            color=color,
            says=join(
                _subject(service, environment, process), ": more than ", threshold,
                " percent of requests answered 5xx, in 3 of 5 minutes. Users see errors.",
            ),
            measured=_error_rate(environment, process),
            threshold=threshold,
            within=(3, 5),
            missing="notBreaching",
            called=_name(service, environment, process, title),
        )  # fmt: skip


def unhealthy_hosts(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for color, threshold in _thresholds(process, "unhealthyHosts"):
        yield alarm(
            camel(process.name, "unhealthyHosts", color) + "Alarm", service, environment,
            process=process.name,
            tag=join(process.name, "-unhealthy-hosts-", color),
            color=color,
            says=join(
                _subject(service, environment, process), ": more than ", threshold,
                " instances fail the health check for 5 minutes. The others carry their load.",
            ),
            measured=metric(
                "AWS/ApplicationELB", "UnHealthyHostCount", _targets(environment, process), statistic="Maximum"
            ),
            threshold=threshold,
            within=(5, 5),
            missing="notBreaching",
        )  # fmt: skip


def queue_age(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    """Watch the queues that have no time of their own, `maxAge`; `message_alarms` watches each that has."""
    watched = [each for each in subscriptions_of(service, process) if each.max_age is None]
    for batch, subscriptions in in_batches(watched):
        for color, threshold in _thresholds(process, "queueAge"):
            yield alarm(
                camel(process.name, "queueAge") + batch + camel(color) + "Alarm", service, environment,
                process=process.name,
                tag=join(process.name, "-queue-age", batch, "-", color),
                color=color,
                says=join(
                    _subject(service, environment, process), ": the oldest message is older than ", threshold,
                    " seconds for 5 minutes. The process does not keep up, or has stopped.",
                ),
                measured=_oldest_message(process, [queue_id(each) for each in subscriptions]),
                threshold=threshold,
                within=(5, 5),
                missing="notBreaching",
            )  # fmt: skip


def _name(service: Service, environment: Environment, process: Process, title: str) -> str | None:
    """Give a name of its own only to what a refresh has to call by name: nothing else can take its place meanwhile."""
    return refresh_alarms(service, environment, process).get(title)


def _thresholds(process: Process, metric: str) -> Iterator[tuple[str, float]]:
    if metric in process.alarms:
        yield "amber", process.alarms[metric].amber
        yield "red", process.alarms[metric].red


def _subject(service: Service, environment: Environment, process: Process) -> str:
    return join(service.name, "/", process.name, " in ", environment.name)


def _error_rate(environment: Environment, process: Process) -> Measured:
    """The percentage of requests that failed. What a shared load balancer answers by itself is counted for nobody."""
    targets = _targets(environment, process)
    balancer = targets[:1]
    errors = [_count("targetErrors", "HTTPCode_Target_5XX_Count", targets)]
    if not is_shared(process):
        errors.append(_count("balancerErrors", "HTTPCode_ELB_5XX_Count", balancer))
    failed = " + ".join(f"FILL({query.Id}, 0)" for query in errors)
    return reckoned(
        [*errors, _count("requests", "RequestCount", targets if is_shared(process) else balancer)],
        "errorRate",
        "Percent of requests answered 5xx",
        f"IF(requests > {ENOUGH_REQUESTS}, 100 * ({failed}) / requests, 0)",
    )


def _targets(environment: Environment, process: Process) -> list[MetricDimension]:
    """The dimensions of what the load balancer does with the targets of a process; the first is its own."""
    group = GetAtt(camel(process.name) + "TargetGroup", "TargetGroupFullName")
    return [
        MetricDimension(Name="LoadBalancer", Value=full_name(environment, process)),
        MetricDimension(Name="TargetGroup", Value=group),
    ]


def _group(process: Process) -> MetricDimension:
    return MetricDimension(Name="AutoScalingGroupName", Value=Ref(camel(process.name) + "Group"))


def _count(query: str, metric: str, dimensions: list[MetricDimension]) -> MetricDataQuery:
    return measure(query, "AWS/ApplicationELB", metric, dimensions, statistic="Sum")


def _oldest_message(process: Process, queues: list[str]) -> Measured:
    """The age of the oldest message of all queues; nothing ages while the process has its evening off."""
    ages = [
        measure(f"age{number}", "AWS/SQS", "ApproximateAgeOfOldestMessage", [of_queue(queue)], statistic="Maximum")
        for number, queue in enumerate(queues, start=1)
    ]
    oldest = f"MAX([{', '.join(query.Id for query in ages)}])"
    if process.availability != "businessHours":
        return reckoned(ages, "oldest", "Age of the oldest message", oldest)
    instances = measure(
        "instances", "AWS/AutoScaling", "GroupInServiceInstances", [_group(process)], statistic="Minimum"
    )
    expression = f"IF(FILL(instances, 0) > 0, {oldest}, 0)"
    return reckoned([*ages, instances], "oldest", "Age of the oldest message", expression)
