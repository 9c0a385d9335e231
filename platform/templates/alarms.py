"""Alarms on what users and the owner would notice, each in amber (a ticket) and red (a page).

What silence means depends on what is counted: no request is no slow request (`notBreaching`), while an instance that
reports no CPU tells nothing at all (`missing`).
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat

from compiler.authoring import Environment, Process, Service, Subscription, camel, join

from ._conventions import alarm_topics, dead_letter_queue_id, queue_batches, tags
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
    for subscription in service.consumes:
        yield from dead_letters(service, environment, subscription)


def cpu(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for color, threshold in _thresholds(process, "cpu"):
        yield Alarm(
            camel(process.name, "cpu", color) + "Alarm",
            AlarmDescription=join(
                _subject(service, environment, process), ": CPU above ", threshold, " percent for 15 minutes. "
                "Responses slow down when the group cannot grow.",
            ),
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Dimensions=[MetricDimension(Name="AutoScalingGroupName", Value=Ref(camel(process.name) + "Group"))],
            Statistic="Average",
            Period=300,
            EvaluationPeriods=3,
            DatapointsToAlarm=3,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=threshold,
            TreatMissingData="missing",
            AlarmActions=alarm_topics(service, environment, color),
            OKActions=alarm_topics(service, environment, color),
            Tags=tags(service, environment, join(process.name, "-cpu-", color), process.name),
        )  # fmt: skip


def latency(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for color, threshold in _thresholds(process, "latency"):
        yield Alarm(
            camel(process.name, "latency", color) + "Alarm",
            **_name(service, environment, process, camel(process.name, "latency", color) + "Alarm"),
            AlarmDescription=join(
                _subject(service, environment, process), ": one request in a hundred takes longer than ", threshold,
                " seconds, in 4 of 5 minutes. Users wait.",
            ),
            Namespace="AWS/ApplicationELB",
            MetricName="TargetResponseTime",
            Dimensions=[_load_balancer(environment, process), _target_group(process)],
            ExtendedStatistic="p99",
            EvaluateLowSampleCountPercentile="ignore",
            Period=60,
            EvaluationPeriods=5,
            DatapointsToAlarm=4,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=threshold,
            TreatMissingData="notBreaching",
            AlarmActions=alarm_topics(service, environment, color),
            OKActions=alarm_topics(service, environment, color),
            Tags=tags(service, environment, join(process.name, "-latency-", color), process.name),
        )  # fmt: skip


def errors(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for color, threshold in _thresholds(process, "errors"):
        yield Alarm(
            camel(process.name, "errors", color) + "Alarm",
            **_name(service, environment, process, camel(process.name, "errors", color) + "Alarm"),
            AlarmDescription=join(
                _subject(service, environment, process), ": more than ", threshold,
                " percent of requests answered 5xx, in 3 of 5 minutes. Users see errors.",
            ),
            Metrics=_error_rate(environment, process),
            EvaluationPeriods=5,
            DatapointsToAlarm=3,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=threshold,
            TreatMissingData="notBreaching",
            AlarmActions=alarm_topics(service, environment, color),
            OKActions=alarm_topics(service, environment, color),
            Tags=tags(service, environment, join(process.name, "-errors-", color), process.name),
        )  # fmt: skip


def unhealthy_hosts(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for color, threshold in _thresholds(process, "unhealthyHosts"):
        yield Alarm(
            camel(process.name, "unhealthyHosts", color) + "Alarm",
            AlarmDescription=join(
                _subject(service, environment, process), ": more than ", threshold,
                " instances fail the health check for 5 minutes. The others carry their load.",
            ),
            Namespace="AWS/ApplicationELB",
            MetricName="UnHealthyHostCount",
            Dimensions=[_load_balancer(environment, process), _target_group(process)],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=5,
            DatapointsToAlarm=5,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=threshold,
            TreatMissingData="notBreaching",
            AlarmActions=alarm_topics(service, environment, color),
            OKActions=alarm_topics(service, environment, color),
            Tags=tags(service, environment, join(process.name, "-unhealthy-hosts-", color), process.name),
        )  # fmt: skip


def queue_age(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for batch, queues in queue_batches(service, process):
        for color, threshold in _thresholds(process, "queueAge"):
            yield Alarm(
                camel(process.name, "queueAge") + batch + camel(color) + "Alarm",
                AlarmDescription=join(
                    _subject(service, environment, process), ": the oldest message is older than ", threshold,
                    " seconds for 5 minutes. The process does not keep up, or has stopped.",
                ),
                Metrics=_oldest_message(process, queues),
                EvaluationPeriods=5,
                DatapointsToAlarm=5,
                ComparisonOperator="GreaterThanThreshold",
                Threshold=threshold,
                TreatMissingData="notBreaching",
                AlarmActions=alarm_topics(service, environment, color),
                OKActions=alarm_topics(service, environment, color),
                Tags=tags(service, environment, join(process.name, "-queue-age", batch, "-", color), process.name),
            )  # fmt: skip


def dead_letters(service: Service, environment: Environment, subscription: Subscription) -> Iterator[AWSObject]:
    name = join(subscription.process, "-", subscription.service, "-", subscription.event)
    yield Alarm(
        camel(subscription.process, subscription.service, subscription.event) + "DeadLetterAlarm",
        AlarmDescription=join(
            service.name, "/", subscription.process, " in ", environment.name, ": messages ", subscription.service, ".",
            subscription.event, " could not be handled. Find out why, then move them back to their queue.",
        ),
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[MetricDimension(Name="QueueName", Value=GetAtt(dead_letter_queue_id(subscription), "QueueName"))],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        TreatMissingData="notBreaching",
        AlarmActions=alarm_topics(service, environment, "amber"),
        OKActions=alarm_topics(service, environment, "amber"),
        Tags=tags(service, environment, join(name, "-dead-letters"), subscription.process),
    )  # fmt: skip


def _name(service: Service, environment: Environment, process: Process, title: str) -> dict[str, str]:
    """Give a name of its own only to what a refresh has to call by name: nothing else can take its place meanwhile."""
    names = refresh_alarms(service, environment, process)
    return {"AlarmName": names[title]} if title in names else {}


def _thresholds(process: Process, metric: str) -> Iterator[tuple[str, float]]:
    if metric in process.alarms:
        yield "amber", process.alarms[metric].amber
        yield "red", process.alarms[metric].red


def _subject(service: Service, environment: Environment, process: Process) -> str:
    return join(service.name, "/", process.name, " in ", environment.name)


def _error_rate(environment: Environment, process: Process) -> list[MetricDataQuery]:
    """The percentage of requests that failed. What a shared load balancer answers by itself is counted for nobody."""
    balancer = [_load_balancer(environment, process)]
    targets = [*balancer, _target_group(process)]
    errors = [_count("targetErrors", "HTTPCode_Target_5XX_Count", targets)]
    if not is_shared(process):
        errors.append(_count("balancerErrors", "HTTPCode_ELB_5XX_Count", balancer))
    failed = " + ".join(f"FILL({query.Id}, 0)" for query in errors)
    return [
        *errors,
        _count("requests", "RequestCount", targets if is_shared(process) else balancer),
        _compute(
            "errorRate",
            "Percent of requests answered 5xx",
            f"IF(requests > {ENOUGH_REQUESTS}, 100 * ({failed}) / requests, 0)",
        ),
    ]


def _load_balancer(environment: Environment, process: Process) -> MetricDimension:
    return MetricDimension(Name="LoadBalancer", Value=full_name(environment, process))


def _target_group(process: Process) -> MetricDimension:
    return MetricDimension(Name="TargetGroup", Value=GetAtt(camel(process.name) + "TargetGroup", "TargetGroupFullName"))


def _count(query: str, metric: str, dimensions: list[MetricDimension]) -> MetricDataQuery:
    return _measure(query, "AWS/ApplicationELB", metric, dimensions, statistic="Sum")


def _oldest_message(process: Process, queues: list[str]) -> list[MetricDataQuery]:
    """The age of the oldest message of all queues; nothing ages while the process has its evening off."""
    ages = [
        _measure(
            f"age{number}",
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            [MetricDimension(Name="QueueName", Value=GetAtt(queue, "QueueName"))],
            statistic="Maximum",
        )
        for number, queue in enumerate(queues, start=1)
    ]
    oldest = f"MAX([{', '.join(query.Id for query in ages)}])"
    if process.availability != "businessHours":
        return [*ages, _compute("oldest", "Age of the oldest message", oldest)]
    instances = _measure(
        "instances",
        "AWS/AutoScaling",
        "GroupInServiceInstances",
        [MetricDimension(Name="AutoScalingGroupName", Value=Ref(camel(process.name) + "Group"))],
        statistic="Minimum",
    )
    expression = f"IF(FILL(instances, 0) > 0, {oldest}, 0)"
    return [*ages, instances, _compute("oldest", "Age of the oldest message", expression)]


def _measure(
    query: str, namespace: str, metric: str, dimensions: list[MetricDimension], *, statistic: str
) -> MetricDataQuery:
    return MetricDataQuery(
        Id=query,
        MetricStat=MetricStat(
            Metric=Metric(Namespace=namespace, MetricName=metric, Dimensions=dimensions), Period=60, Stat=statistic
        ),
        ReturnData=False,
    )


def _compute(query: str, label: str, expression: str) -> MetricDataQuery:
    return MetricDataQuery(Id=query, Label=label, Expression=expression, ReturnData=True)
