"""What alarms of the platform team's own stacks have in common: names, who hears of them, metrics they reckon with."""

from __future__ import annotations

from collections.abc import Sequence

from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat

from compiler.authoring import Environment, join

from ._environment_conventions import platform_topics, what_to_do


def platform_alarm(environment: Environment, title: str, *, says: str, runbook: str, **properties: object) -> Alarm:
    """Make an alarm of the platform's own, by a name that the environment's dashboard can derive in another stack.

    `says` is what happens and what to look at, in sentences; the link to the page `runbook` follows it.
    """
    return Alarm(
        title,
        AlarmName=join("platform-", environment.name, f"-{title}"),
        AlarmDescription=join(says, *what_to_do(environment, runbook)),
        **properties,
    )


def heard(environment: Environment, color: str) -> dict[str, list[str]]:
    """Tell the platform team when an alarm goes off and when it is over, at its topic for "amber" or "red".

    Nobody is woken by what only branches stand on: what is red elsewhere is amber there.
    """
    topics = platform_topics(environment, "amber" if environment.tier == "branch" else color)
    return dict.fromkeys(("AlarmActions", "OKActions"), topics)


def measure(
    query: str,
    namespace: str,
    metric: str,
    dimensions: Sequence[MetricDimension] = (),
    *,
    period: int = 60,
    label: str | None = None,
    is_shown: bool = False,
) -> MetricDataQuery:
    """Add up a metric over each period, in seconds. What is not shown is for expressions; `label` is for people."""
    place = {"Dimensions": list(dimensions)} if dimensions else {}
    return MetricDataQuery(
        Id=query,
        **({} if label is None else {"Label": label}),
        MetricStat=MetricStat(
            Metric=Metric(Namespace=namespace, MetricName=metric, **place), Period=period, Stat="Sum"
        ),
        ReturnData=is_shown,
    )


def compute(query: str, label: str, expression: str) -> MetricDataQuery:
    return MetricDataQuery(Id=query, Label=label, Expression=expression, ReturnData=True)
