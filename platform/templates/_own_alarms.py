"""Alarms that a team has added, on metrics that the platform knows nothing of.

In: what the descriptor says of each.    Out: the same alarms as any others: told to the owner's topics, with a runbook.
Never: knows whether anybody sends the metric.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject
from troposphere.cloudwatch import MetricDimension

from compiler.authoring import Environment, OwnAlarm, Process, Service, camel, derive, join

from ._alarms import Measured, metric
from ._conventions import counted_as, filters_of, metric_namespace
from ._single_alarms import single_alarms

_COMPARISONS = {"above": "GreaterThanThreshold", "below": "LessThanThreshold"}


def own_alarms(service: Service, environment: Environment, process: Process | None = None) -> Iterator[AWSObject]:
    """Make what was added to a process, or to the service as a whole."""
    prefix = () if process is None else (process.name,)
    whose = service.name if process is None else join(service.name, "/", process.name)
    for own in service.own_alarms if process is None else process.own_alarms:
        measured = _measured(service, environment, process, own)
        if measured is None:
            continue
        stem = camel(*prefix, own.name)
        yield from single_alarms(
            service, environment, own.name, own.watched,
            titles=(stem + "AmberAlarm", stem + "RedAlarm"),
            tag=own.name if process is None else join(process.name, "-", own.name),
            subject=join(whose, " in ", environment.name),
            what=(join(own.statistic, " of ", _called(own), " is ", own.comparison, " "), ""),
            meaning=own.says if own.says.endswith((".", "!", "?")) else join(own.says, "."),
            measured=measured,
            missing=own.missing,
            comparison=derive(_COMPARISONS[own.comparison], own.comparison),
            process=process,
        )  # fmt: skip


def _called(own: OwnAlarm) -> str:
    if own.log_filter is None:
        return join(own.namespace, " ", own.metric)
    log, log_filter = own.log_filter
    return join("lines of ", log, " that match ", log_filter)


def _measured(service: Service, environment: Environment, process: Process | None, own: OwnAlarm) -> Measured | None:
    """None where a default of the platform is about a filter that this process does not have."""
    statistic, period = own.statistic, own.watched.period
    if own.log_filter is None:
        dimensions = [MetricDimension(Name=name, Value=value) for name, value in own.dimensions.items()]
        return metric(own.namespace, own.metric, dimensions, statistic=statistic, period=period)
    for log in process.logs if process else ():
        for each in filters_of(log):
            if process and (log.name, each.name) == own.log_filter:
                counted = derive(counted_as(process, log, each), *own.log_filter)
                return metric(metric_namespace(service, environment), counted, statistic=statistic, period=period)
    return None
