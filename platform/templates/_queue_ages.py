"""Alarms on messages that wait: the oldest of all queues of a process, and those that have a time of their own.

In: a service, an environment, a process.    Out: alarms.
Never: counts the time in which the group may have no instance; what waits then was meant to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from troposphere import AWSObject
from troposphere.cloudwatch import MetricDataQuery

from compiler.authoring import Environment, Process, Service, Subscription, derive, join

from ._alarms import Measured, of_each, reckoned
from ._conventions import event_list, event_name, queue_id
from ._watching import has_rest, max_age_batches, period_of, queue_batches, size_of, watch


def queue_ages(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    for batch, subscriptions in queue_batches(service, process):
        yield from watch(
            service, environment, process, "queueAge",
            what=("the oldest message is older than ", " seconds"),
            meaning="The process does not keep up, or has stopped.",
            measured=_oldest_message(process, subscriptions),
            missing="notBreaching",
            batch=batch,
        )  # fmt: skip
    for batch, subscriptions in max_age_batches(service, process):
        yield from watch(
            service, environment, process, "maxAge",
            what=("the oldest message of a queue has waited longer than ", " percent of its `maxAge`"),
            meaning=join(
                "The process does not keep up, or has stopped. It is one of: ", event_list(subscriptions, ages=True)
            ),
            measured=_longest_wait(process, subscriptions),
            missing="notBreaching",
            batch=batch,
        )  # fmt: skip


def _oldest_message(process: Process, subscriptions: Sequence[Subscription]) -> Measured:
    period = period_of(process, "queueAge")
    ages = _ages(subscriptions, period)
    oldest = f"MAX([{', '.join(query.Id for query in ages)}])"
    return _while_it_may_run(process, ages, period, "oldest", "Age of the oldest message", oldest)


def _longest_wait(process: Process, subscriptions: Sequence[Subscription]) -> Measured:
    """The oldest message of each queue, in percent of what it may wait there."""
    period = period_of(process, "maxAge")
    ages = _ages(subscriptions, period)
    shares = [f"FILL({query.Id}, 0) / {each.max_age}" for query, each in zip(ages, subscriptions, strict=True)]
    longest = derive(f"100 * MAX([{', '.join(shares)}])", *(each.max_age for each in subscriptions))
    return _while_it_may_run(process, ages, period, "waited", "Percent of what a message may wait", longest)


def _ages(subscriptions: Sequence[Subscription], period: int) -> list[MetricDataQuery]:
    queues = {queue_id(each): event_name(each) for each in subscriptions}
    return of_each("age", "ApproximateAgeOfOldestMessage", queues, period=period)


def _while_it_may_run(
    process: Process, ages: list[MetricDataQuery], period: int, query: str, label: str, expression: str
) -> Measured:
    """Ask what the group may have, not what it has: where it may run and does not, nobody has woken it up."""
    if not has_rest(process):
        return reckoned(ages, query, label, expression)
    most = size_of("most", "GroupMaxSize", process, period)
    return reckoned([*ages, most], query, label, f"IF(FILL(most, 1) > 0, {expression}, 0)")
