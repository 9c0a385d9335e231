"""Which alarms a process has, and which of them tell people themselves: a combined alarm speaks for its parts.

In: a service, an environment, a process, a metric as the descriptor calls it.    Out: titles, thresholds, alarms.
Never: knows what a metric measures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from troposphere import AWSObject, GetAtt, Ref
from troposphere.cloudwatch import Alarm, MetricDataQuery, MetricDimension

from compiler.authoring import (
    REQUEST_METRICS,
    Environment,
    Process,
    Scaling,
    Service,
    Subscription,
    Watched,
    camel,
    derive,
    join,
    look_back,
)

from ._alarms import Measured, alarm, measure, runbook
from ._conventions import in_batches, subscriptions_of
from ._lifecycle import refresh_alarms
from ._single_alarms import colors, lasting
from ._ways_in import full_name, is_shared

# What each combined alarm is made of, and the color in which it speaks.
COMBINED = {
    "down": ("red", ("errors", "healthyHosts", "unhealthyHosts", "missingInstances", "queueAge", "maxAge")),
    "degraded": ("amber", ("errors", "latency", "unhealthyHosts", "connectionErrors", "capacity", "queueAge")),
}
# What instances that start or end bring about by themselves. Missing instances and the oldest message of all queues are
# not: within the many minutes that these may last, instances start.
OF_CHANGE = ("healthyHosts", "unhealthyHosts", "maxAge")
# What is not asked of a group that may have no instance.
OF_REST = (*OF_CHANGE, "missingInstances", "queueAge")
# How many minutes longer than otherwise a page waits for instances that start or end.
HELD_MINUTES = 7
_NEED_FLOOR = ("healthyHosts", "missingInstances")


def thresholds(process: Process, metric: str) -> Iterator[tuple[str, float]]:
    """Yield the colors in which a metric has an alarm, with their thresholds."""
    watched = process.alarms.get(metric)
    if watched is None or not _applies(process, metric):
        return
    yield from colors(watched)
    if watched.red is not None:
        return
    if metric == "maxAge":
        yield "red", 100
    elif metric == "healthyHosts":
        floor = lowest_floor(process.scaling)
        yield "red", derive(math.ceil(floor / 2), floor)


def _applies(process: Process, metric: str) -> bool:
    scaling = process.scaling
    if metric in REQUEST_METRICS and process.port is None:
        return False
    if metric == "rejectedConnections" and is_shared(process):
        return False  # the load balancer is watched by whom it belongs to
    if metric == "capacity":
        return bool(scaling.targets) and scaling.min < scaling.max
    return metric not in _NEED_FLOOR or lowest_floor(scaling) > 0


def lowest_floor(scaling: Scaling) -> int:
    """Return how many instances there are at least at the quietest time at which there is one; 0 if there is none."""
    floors = [scaling.min, *(each.min for each in scaling.schedule if each.min is not None)]
    return min((floor for floor in floors if floor > 0), default=0)


def can_rest(process: Process) -> bool:
    """Tell whether there are times without an instance that nobody has to hear of."""
    scaling = process.scaling
    floors = [scaling.min, *(each.min for each in scaling.schedule if each.min is not None)]
    return process.availability == "businessHours" or min(floors) < 1


def has_rest(process: Process) -> bool:
    """Tell whether there are times at which the group may have no instance, whatever there is to do."""
    return process.availability == "businessHours" or any(each.max == 0 for each in process.scaling.schedule)


def title(process: Process, metric: str, color: str, batch: str = "") -> str:
    return camel(process.name, metric) + batch + camel(color) + "Alarm"


@dataclass(frozen=True, slots=True)
class Part:
    """An alarm that a combined one speaks for: the metric, and its title."""

    metric: str
    title: str

    @property
    def long_title(self) -> str:
        return self.title.removesuffix("Alarm") + "LongAlarm"


@dataclass(frozen=True, slots=True)
class Speaker:
    """A combined alarm, "down" or "degraded", and its parts. One alone has those of a single metric, which is muted."""

    name: str
    parts: list[Part]
    alone: str | None = None

    def title(self, process: Process) -> str:
        color, _ = COMBINED[self.name]
        part = () if self.alone is None else (self.alone, color)
        return camel(process.name, *part, self.name) + "Alarm"


def spoken_for(service: Service, environment: Environment, process: Process) -> list[Speaker]:
    """Return the combined alarms of a process: "down" and "degraded", and one for each part of theirs that is muted.

    What is muted waits for the same as before when its day is over, and the others do meanwhile.
    A part alone speaks for itself, unless the combined alarm is muted or it has to wait, which it could not by itself.
    Of a branch nobody wants a page or a second opinion.
    """
    if environment.tier == "branch":
        return []
    speakers = []
    for name, (color, metrics) in COMBINED.items():
        parts = [
            Part(metric, title(process, metric, color, batch))
            for metric in (metrics if name in process.alarms else ())
            if color in dict(thresholds(process, metric))
            for batch in _batches_of(service, process, metric)
        ]
        if len(parts) < 2 and not _cannot_do_alone(process, name, parts):
            continue
        muted = [metric for metric in metrics if metric in process.alarms and process.alarms[metric].mute is not None]
        if together := [each for each in parts if each.metric not in muted]:
            speakers.append(Speaker(name, together))
        by_metric = {metric: [each for each in parts if each.metric == metric] for metric in muted}
        speakers += [Speaker(name, found, alone=metric) for metric, found in by_metric.items() if found]
    return speakers


def _cannot_do_alone(process: Process, name: str, parts: Sequence[Part]) -> bool:
    has_to_wait = OF_REST if has_rest(process) else OF_CHANGE
    return bool(parts) and (process.alarms[name].mute is not None or any(each.metric in has_to_wait for each in parts))


def _batches_of(service: Service, process: Process, metric: str) -> list[str]:
    of_queues = {"queueAge": queue_batches, "maxAge": max_age_batches}
    return [batch for batch, _ in of_queues[metric](service, process)] if metric in of_queues else [""]


def queue_batches(service: Service, process: Process) -> list[tuple[str, Sequence[Subscription]]]:
    """Return the queues that have no time of their own, nine at a time."""
    return list(in_batches([each for each in subscriptions_of(service, process) if each.max_age is None]))


def max_age_batches(service: Service, process: Process) -> list[tuple[str, Sequence[Subscription]]]:
    """Return the queues that have a time of their own, `maxAge`, nine at a time."""
    return list(in_batches([each for each in subscriptions_of(service, process) if each.max_age is not None]))


def held_longer(watched: Watched) -> Watched:
    """Say for how long a threshold has to be crossed until a deployment is no reason any more.

    Half of the window, so that what is well for a minute now and then is not well.
    """
    (datapoints, _), period = watched.within, watched.period
    most = look_back(period) // period
    longer = min(datapoints + math.ceil(HELD_MINUTES * 60 / period), most)
    return replace(watched, within=derive((longer, min(2 * longer, most)), watched.within))


# Alarms


def watch(
    service: Service,
    environment: Environment,
    process: Process,
    name: str,
    *,
    what: tuple[str, str],
    meaning: str,
    measured: Measured,
    missing: str,
    comparison: str = "GreaterThanThreshold",
    batch: str = "",
    after: str | None = None,
) -> list[AWSObject]:
    """Make the alarms that a process has on the metric `name`. `what` happens is said around the threshold.

    `after` is the logical id of what has to be there for silence to mean something, and is not referred to.

    A list and no generator, so that an alarm comes from the line that says what is measured.
    """
    refreshed = refresh_alarms(service, environment, process)
    speaking = spoken_for(service, environment, process)
    others = {each.title for speaker in speaking for each in speaker.parts}
    paging = [each for speaker in speaking if speaker.name == "down" for each in speaker.parts]
    held = {each.title: each.long_title for each in paging if each.metric in OF_CHANGE}
    made: list[AWSObject] = []
    # A branch is changed in place and off at night, and nobody would hear of anything else.
    if environment.tier == "branch" and name in (*OF_REST, "requests"):
        return made
    for color, threshold in thresholds(process, name):
        watched, heading = process.alarms[name], title(process, name, color, batch)
        subject = join(service.name, "/", process.name, " in ", environment.name)
        says = join(subject, ": ", what[0], threshold, what[1], " ")
        facts: dict[str, Any] = {
            "process": process.name,
            "color": color,
            "measured": measured,
            "threshold": threshold,
            "missing": missing,
            "comparison": comparison,
        }
        tag = join(process.name, "-", derive(dashed(name), name), batch, "-", color)
        made.extend(
            alarm(
                heading, service, environment,
                **facts,
                tag=tag,
                says=join(says, lasting(watched), ". ", meaning),
                within=watched.within,
                runbook=runbook(service, environment, name, process=process, own=watched.runbook),
                mute=watched.mute,
                is_heard=heading not in others,
                called=refreshed.get(heading),
            )
        )  # fmt: skip
        if heading in held:
            longer = held_longer(watched)
            made.extend(
                alarm(
                    held[heading], service, environment,
                    **facts,
                    tag=join(tag, "-long"),
                    says=join(says, lasting(longer), ". The page waits no longer for instances that start or end."),
                    within=longer.within,
                    is_heard=False,
                )
            )  # fmt: skip
    for each in (each for each in made if after and isinstance(each, Alarm)):
        each.DependsOn = [after]
    return made


def period_of(process: Process, name: str) -> int:
    """Return the period of a metric in seconds."""
    return process.alarms.get(name, Watched()).period


def group_of(process: Process) -> MetricDimension:
    return MetricDimension(Name="AutoScalingGroupName", Value=Ref(camel(process.name) + "Group"))


def targets_of(environment: Environment, process: Process) -> list[MetricDimension]:
    """The dimensions of what the load balancer does with the targets of a process; the first is its own."""
    group = GetAtt(camel(process.name) + "TargetGroup", "TargetGroupFullName")
    return [
        MetricDimension(Name="LoadBalancer", Value=full_name(environment, process)),
        MetricDimension(Name="TargetGroup", Value=group),
    ]


def size_of(query: str, name: str, process: Process, period: int) -> MetricDataQuery:
    """A metric of the size of the group, which an expression knows as `query`; of several in a period the smallest."""
    return measure(query, "AWS/AutoScaling", name, [group_of(process)], statistic="Minimum", period=period)


def dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
