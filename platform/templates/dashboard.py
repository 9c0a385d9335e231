"""A dashboard for each service: what is wrong at the top, then each process from what users notice down to its
machines, then messages, then the last errors of its logs.

Environments that may be thrown away have none: each costs as much as thirty alarms, and nobody watches.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, Sub
from troposphere.cloudwatch import Dashboard

from compiler.authoring import Environment, Process, Service, camel, derive, join

from . import alarms, logs, message_alarms, messaging
from ._conventions import (
    counted_as,
    dead_letter_queue_id,
    event_name,
    filters_of,
    metric_namespace,
    own_topic_name,
    queue_id,
    subscriptions_of,
    tags,
    topic_log_name,
    undeliverable_queue_id,
)
from ._dashboards import dashboard_name, environment_dashboard_name
from ._log_groups import ACCESS, groups
from ._queries import LAST_DELIVERIES, LAST_ERRORS
from ._ways_in import full_name, is_shared
from ._widgets import Metric, Row, Widget, alarm_status, body, compute, graph, log_lines, measure, text

SCOPE = "service"


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    if environment.tier == "branch":
        return
    balancers = {
        _balancer_variable(process): full_name(environment, process)
        for process in service.processes_on("instances")
        if process.port is not None and is_shared(process)
    }
    rows = body(environment.region, [*_rows(service, environment)])
    yield Dashboard(
        "Dashboard",
        DashboardName=dashboard_name(service, environment),
        DashboardBody=Sub(rows, balancers) if balancers else Sub(rows),
        Tags=tags(service, environment, "dashboard"),
    )


def _rows(service: Service, environment: Environment) -> Iterator[Row]:
    above = environment_dashboard_name(environment)
    yield text(
        join(
            "# ", service.name, " in ", environment.name,
            "\nOf ", service.owner, ". Around it: [", above, "](#dashboards:name=", above, ")",
        )
    )  # fmt: skip
    yield from alarm_status("Alarms", [f"${{{title}.Arn}}" for title in alarm_ids(service, environment)])
    for process in service.processes_on("instances"):
        yield text(join("## ", process.name), height=1)
        if process.port is not None:
            yield Row((_availability(process), _latency(process), _traffic(process), _hosts(process)))
        yield Row((_group(process), _machines(process), *_counted(service, environment, process)))
        yield Row(tuple(_queues(service, process)))
    yield Row(tuple(_topics(service, environment)))
    asked = [group.name for group in groups(service, environment) if group.title != ACCESS]
    if asked:
        yield Row((log_lines("Last errors", asked, LAST_ERRORS),), height=8)
    deliveries = [
        topic_log_name(service, environment, event, outcome)
        for outcome in ("/Failure", "")
        for event in service.publishes
    ]
    if deliveries:
        title = "Last deliveries of events, those that failed first"
        yield Row((log_lines(title, deliveries, LAST_DELIVERIES),), height=8)


def alarm_ids(service: Service, environment: Environment) -> list[str]:
    """Name every alarm that the other templates make for the service."""
    return [
        thing.title
        for template in (alarms, logs, message_alarms, messaging)
        for thing in template.build(service, environment)
        if getattr(thing, "resource_type", "") in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    ]


# What users notice


def _availability(process: Process) -> Widget:
    """The percentage of requests that were answered by no 5xx; what a shared load balancer answers is nobody's."""
    failed = [_targets(process, "HTTPCode_Target_5XX_Count", id="failed", visible=False)]
    if not is_shared(process):
        failed.append(_balancer(process, "HTTPCode_ELB_5XX_Count", id="refused", visible=False))
    errors = "+".join(f"FILL({metric[-1]['id']},0)" for metric in failed)
    every = (_targets if is_shared(process) else _balancer)(process, "RequestCount", id="all", visible=False)
    shown = compute(f"IF(all>0,100-100*({errors})/all,100)", "Percent answered without 5xx")
    return graph("Availability", [*failed, every, shown], bounds=(None, 100))


def _latency(process: Process) -> Widget:
    stats = ("p50", "p90", "p99")
    metrics = [_targets(process, "TargetResponseTime", stat=stat, label=f"{stat}, seconds") for stat in stats]
    return graph("Latency", metrics)


def _traffic(process: Process) -> Widget:
    metrics = [_targets(process, f"HTTPCode_Target_{code}XX_Count", label=f"{code}xx") for code in (2, 3, 4, 5)]
    if not is_shared(process):
        metrics.append(_balancer(process, "HTTPCode_ELB_5XX_Count", label="5xx of the load balancer"))
    return graph("Requests a minute by answer", metrics, is_stacked=True)


def _hosts(process: Process) -> Widget:
    return graph(
        "Instances by health",
        [
            _targets(process, "HealthyHostCount", stat="Minimum"),
            _targets(process, "UnHealthyHostCount", stat="Maximum"),
        ],
    )


# Instances


def _group(process: Process) -> Widget:
    """How many there are. Instances that come and go while their number stays are a deployment."""
    names = ("InServiceInstances", "DesiredCapacity", "MaxSize", "PendingInstances", "TerminatingInstances")
    metrics = [_of_group(process, "AWS/AutoScaling", f"Group{name}") for name in names]
    return graph("Group and deployments", metrics, stat="Maximum")


def _machines(process: Process) -> Widget:
    metrics = [
        _of_group(process, "AWS/EC2", "CPUUtilization", label="CPU"),
        _of_group(process, "AWS/EC2", "CPUUtilization", label="CPU, the busiest", stat="Maximum"),
        _of_group(process, "CWAgent", "mem_used_percent", label="memory"),
        _of_group(process, "CWAgent", "disk_used_percent", label="disk, the fullest", stat="Maximum"),
    ]
    return graph("CPU, memory and disk, percent", metrics, stat="Average", period=300, bounds=(0, 100))


def _counted(service: Service, environment: Environment, process: Process) -> Iterator[Widget]:
    """What the log filters of a process count."""
    namespace = metric_namespace(service, environment)
    metrics = [
        measure(namespace, counted_as(process, log, each), {}, label=join(log.name, ": ", each.name))
        for log in process.logs
        for each in filters_of(log)
    ]
    if process.port is not None:
        metrics += [measure(namespace, name, {"process": process.name}, label=name) for name in logs.REQUESTS]
    if metrics:
        yield graph("Lines of logs that filters match", metrics)


# Messages


def _queues(service: Service, process: Process) -> Iterator[Widget]:
    queues = {event_name(subscription): subscription for subscription in subscriptions_of(service, process)}
    if not queues:
        return
    for title, metric, stat, find in (
        ("Age of the oldest message, seconds", "ApproximateAgeOfOldestMessage", "Maximum", queue_id),
        ("Messages that wait", "ApproximateNumberOfMessagesVisible", "Maximum", queue_id),
        ("Dead letters", "ApproximateNumberOfMessagesVisible", "Maximum", dead_letter_queue_id),
        ("Undeliverable messages", "ApproximateNumberOfMessagesVisible", "Maximum", undeliverable_queue_id),
    ):
        metrics = [
            measure("AWS/SQS", metric, {"QueueName": f"${{{find(subscription)}.QueueName}}"}, label=label)
            for label, subscription in queues.items()
        ]
        yield graph(title, metrics, stat=stat)


def _topics(service: Service, environment: Environment) -> Iterator[Widget]:
    if not service.publishes:
        return
    for title, metric in (
        ("Events published", "NumberOfMessagesPublished"),
        ("Events that did not reach a queue", "NumberOfNotificationsFailed"),
    ):
        metrics = [
            measure("AWS/SNS", metric, {"TopicName": own_topic_name(service, environment, event)}, label=event)
            for event in service.publishes
        ]
        yield graph(title, metrics)


# Dimensions


def _of_group(process: Process, namespace: str, metric: str, **rendering: object) -> Metric:
    group = derive(f"${{{camel(process.name)}Group}}", process.name)
    return measure(namespace, metric, {"AutoScalingGroupName": group}, **rendering)


def _targets(process: Process, metric: str, **rendering: object) -> Metric:
    group = derive(f"${{{camel(process.name)}TargetGroup.TargetGroupFullName}}", process.name)
    return measure(
        "AWS/ApplicationELB", metric, {"TargetGroup": group, "LoadBalancer": _balancer_name(process)}, **rendering
    )


def _balancer(process: Process, metric: str, **rendering: object) -> Metric:
    return measure("AWS/ApplicationELB", metric, {"LoadBalancer": _balancer_name(process)}, **rendering)


def _balancer_name(process: Process) -> str:
    if is_shared(process):
        return "${" + _balancer_variable(process) + "}"
    return derive(f"${{{camel(process.name)}LoadBalancer.LoadBalancerFullName}}", process.name)


def _balancer_variable(process: Process) -> str:
    """One for all processes behind a shared load balancer: a template takes 60 references to the live environment."""
    return derive(camel(process.exposure, "balancer"), process.exposure)
