"""What every alarm of a service has in common: who hears of it, what it says, when it speaks and what silence means.

In: what is measured, when it is too much, and what that means for people.    Out: an alarm.
Never: leaves what silence means to CloudWatch, or gives an alarm a name that nothing has to call it by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from troposphere import GetAtt
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat

from compiler.authoring import Environment, Service, join

from ._conventions import alarm_topics, tags

Measured = Mapping[str, object]


def alarm(
    title: str,
    service: Service,
    environment: Environment,
    *,
    process: str | None,
    tag: str,
    color: str,
    says: str,
    measured: Measured,
    threshold: float,
    within: tuple[int, int],
    missing: str,
    comparison: str = "GreaterThanThreshold",
    runbook: str | None = None,
    called: str | None = None,
) -> Alarm:
    """Tell the owner's "amber" or "red" topic, when it begins and when it is over.

    `says` is what happens and what that means for people, in sentences; the link to the runbook follows it.
    `within` (3, 5): at least 3 of the last 5 periods breach. `missing` is what a period without data counts as.
    `tag` tells the alarm from others of the service. `called`: the name, for what has to call the alarm by one.
    """
    topics = alarm_topics(service, environment, color)
    datapoints, periods = within
    return Alarm(
        title,
        **({} if called is None else {"AlarmName": called}),
        AlarmDescription=says if runbook is None else join(says, " ", runbook),
        **measured,
        EvaluationPeriods=periods,
        DatapointsToAlarm=datapoints,
        ComparisonOperator=comparison,
        Threshold=threshold,
        TreatMissingData=missing,
        AlarmActions=topics,
        OKActions=topics,
        Tags=tags(service, environment, tag, process),
    )


# What is measured


def metric(
    namespace: str, name: str, dimensions: Sequence[MetricDimension] = (), *, statistic: str, period: int = 60
) -> Measured:
    """One metric; a percentile such as "p99" waits until there is enough to take a percentile of."""
    place = {"Dimensions": list(dimensions)} if dimensions else {}
    reduced = (
        {"ExtendedStatistic": statistic, "EvaluateLowSampleCountPercentile": "ignore"}
        if statistic.startswith("p")
        else {"Statistic": statistic}
    )
    return {"Namespace": namespace, "MetricName": name, **place, **reduced, "Period": period}


def reckoned(inputs: Sequence[MetricDataQuery], query: str, label: str, expression: str) -> Measured:
    """What an expression makes of metrics, ten at most."""
    return {"Metrics": [*inputs, MetricDataQuery(Id=query, Label=label, Expression=expression, ReturnData=True)]}


def measure(
    query: str,
    namespace: str,
    name: str,
    dimensions: Sequence[MetricDimension],
    *,
    statistic: str,
    period: int = 60,
    label: str | None = None,
) -> MetricDataQuery:
    """A metric that an expression knows as `query`, and people as `label`."""
    return MetricDataQuery(
        Id=query,
        **({} if label is None else {"Label": label}),
        MetricStat=MetricStat(
            Metric=Metric(Namespace=namespace, MetricName=name, Dimensions=list(dimensions)),
            Period=period,
            Stat=statistic,
        ),
        ReturnData=False,
    )


def of_queue(queue: str) -> MetricDimension:
    """The dimension of a queue of the stack, by its logical id."""
    return MetricDimension(Name="QueueName", Value=GetAtt(queue, "QueueName"))
