"""What every alarm of a service has in common: who hears of it, what it says, when it speaks and what silence means.

In: what is measured and when it is too much, or which other alarms are meant; what that means for people.
Out: an alarm.
Never: leaves what silence means to CloudWatch, or gives an alarm a name that nothing has to call it by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from troposphere import AWSObject, GetAtt, Ref, Sub
from troposphere.cloudwatch import (
    Alarm,
    AlarmMuteRule,
    CompositeAlarm,
    Metric,
    MetricDataQuery,
    MetricDimension,
    MetricStat,
    MuteTargets,
    Rule,
    Schedule,
)

from compiler.authoring import Environment, Mute, Process, Service, day_after, derive, join

from ._conventions import alarm_topics, runbook_page, tags

Measured = Mapping[str, object]

# Seconds: until CloudWatch has heard that a deployment began, and until what it did has settled.
PATIENCE = 120
LONGEST = 1024  # characters of a description


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
    mute: Mute | None = None,
    is_heard: bool = True,
    called: str | None = None,
) -> list[AWSObject]:
    """Tell the owner's "amber" or "red" topic, when it begins and when it is over; where it is muted, once that ended.

    `says` is what happens and what that means for people, in sentences; the link to the runbook follows it.
    `within` (3, 5): at least 3 of the last 5 periods breach. `missing` is what a period without data counts as.
    `tag` tells the alarm from others of the service. What is not heard is there for another alarm, which asks how it
    stands. `called`: the name, for what has to call the alarm by one.
    """
    datapoints, periods = within
    made = Alarm(
        title,
        **({} if called is None else {"AlarmName": called}),
        AlarmDescription=_description(says, mute, runbook),
        **measured,
        EvaluationPeriods=periods,
        DatapointsToAlarm=datapoints,
        ComparisonOperator=comparison,
        Threshold=threshold,
        TreatMissingData=missing,
        **_actions(service, environment, color, is_heard=is_heard),
        Tags=tags(service, environment, tag, process),
    )
    return [made, *(_silence(made, mute) if is_heard else ())]


def combined_alarm(
    title: str,
    service: Service,
    environment: Environment,
    *,
    process: str | None,
    tag: str,
    color: str,
    says: str,
    rule: str,
    waits_for: str | None = None,
    runbook: str | None = None,
    mute: Mute | None = None,
    is_heard: bool = True,
) -> list[AWSObject]:
    """Speak for other alarms. `rule` calls each by its title in a placeholder, as Fn::Sub has it.

    While the alarm `waits_for` is on, this one tells nobody; what is left when that is over, it tells then.
    """
    patience = (
        {}
        if waits_for is None
        else {
            "ActionsSuppressor": GetAtt(waits_for, "Arn"),
            "ActionsSuppressorWaitPeriod": PATIENCE,
            "ActionsSuppressorExtensionPeriod": PATIENCE,
        }
    )
    made = CompositeAlarm(
        title,
        AlarmDescription=_description(says, mute, runbook),
        AlarmRule=Sub(rule),
        **_actions(service, environment, color, is_heard=is_heard),
        **patience,
        Tags=tags(service, environment, tag, process),
    )
    return [made, *(_silence(made, mute) if is_heard else ())]


def runbook(
    service: Service, environment: Environment, name: str, *, process: Process | None = None, own: str | None = None
) -> str | None:
    """Return where to read what to do about an alarm: the page of its `own`, of the process or of the service."""
    pattern = own or (process and process.runbook) or service.runbook
    # What belongs to no one process is found under the service's own name.
    place = (service.name, service.name if process is None else process.name)
    return None if pattern is None else runbook_page(pattern, environment, *place, name)


def _description(says: str, mute: Mute | None, runbook: str | None) -> str:
    """CloudWatch takes LONGEST characters. What is said ends earlier, so that why it is silent and where to read on do
    not."""
    silence = () if mute is None else (" Muted until ", mute.until, ": ", mute.reason, ".")
    rest = join(*silence, *(() if runbook is None else (" ", runbook)))
    room = LONGEST - len(rest)
    return join(says if len(says) <= room else derive(says[: room - 4].rpartition(" ")[0] + " ...", says), rest)


def _actions(service: Service, environment: Environment, color: str, *, is_heard: bool) -> dict[str, object]:
    """Nobody is woken by a branch: what is red elsewhere is amber there."""
    if not is_heard:
        return {}
    heard_at = alarm_topics(service, environment, "amber" if environment.tier == "branch" else color)
    return {"AlarmActions": heard_at, "OKActions": heard_at}


def _silence(made: Alarm | CompositeAlarm, mute: Mute | None) -> list[AWSObject]:
    """Hold back what an alarm would tell, until the day is over: CloudWatch then tells it, and no deployment has to.

    A window begins each hour, and the next before it is over. So no window ends and lets the alarm speak, and it does
    not matter that a window takes 15 days at most, nor whether a rule counts that is made in the middle of one, which
    the documentation leaves open: the next is an hour away. A window from a day on would need a day to begin at, which
    nobody has said.
    """
    if mute is None:
        return []
    rule = AlarmMuteRule(
        f"{made.title}MuteRule",
        Description=mute.reason,
        MuteTargets=MuteTargets(AlarmNames=[Ref(made.title)]),
        Rule=Rule(Schedule=Schedule(Expression="cron(0 * * * *)", Duration="PT2H")),
        # In UTC, and without seconds, which CloudFormation refuses.
        ExpireDate=derive(f"{day_after(mute.until)}T00:00", mute.until),
        Tags=made.Tags,
    )
    return [rule]


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


def of_each(query: str, name: str, queues: Mapping[str, str], *, period: int = 60) -> list[MetricDataQuery]:
    """A metric of several queues, each at its highest: `query` with a number, for people by what `queues` calls the
    queue of a logical id."""
    return [
        measure(f"{query}{number}", "AWS/SQS", name, [of_queue(queue)], statistic="Maximum", period=period, label=label)
        for number, (queue, label) in enumerate(queues.items(), start=1)
    ]


def of_queue(queue: str) -> MetricDimension:
    """The dimension of a queue of the stack, by its logical id."""
    return MetricDimension(Name="QueueName", Value=GetAtt(queue, "QueueName"))
