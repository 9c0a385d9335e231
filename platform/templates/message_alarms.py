"""Alarms on queues and topics: what arrives nowhere, what nobody could handle, what waits too long.

A service may read sixty queues, and a stack holds 500 resources. So what can strike any queue and seldom does is
watched nine queues at a time; the line of each in the alarm's graph has the event's name, and the description lists
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from troposphere import AWSObject, GetAtt
from troposphere.cloudwatch import MetricDimension

from compiler.authoring import Environment, Process, Service, Subscription, camel, derive, join

from ._alarms import Measured, alarm, measure, metric, of_each, of_queue, reckoned, runbook
from ._conventions import (
    dead_letter_queue_id,
    event_list,
    event_name,
    in_batches,
    queue_id,
    subscriptions_of,
    undeliverable_queue_id,
)

SCOPE = "service"

# Messages that a queue hands out before the first of them is handled; then it hands out no more, and says nothing.
IN_FLIGHT = 120_000  # of a standard and of a FIFO queue
FULL = 75  # percent of these


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for event in service.publishes:
        yield from deliveries(service, environment, event)
        yield from losses(service, environment, event)
        yield from misfits(service, environment, event)
    for process in service.processes:
        for batch, subscriptions in in_batches(subscriptions_of(service, process)):
            yield from undeliverable(service, environment, process, batch, subscriptions)
            yield from in_flight(service, environment, process, batch, subscriptions)
    for subscription in service.consumes:
        yield from dead_letters(service, environment, subscription)
        yield from silence(service, environment, subscription)


# Topics


def deliveries(service: Service, environment: Environment, event: str) -> Iterator[AWSObject]:
    metrics = {"failed": "NumberOfNotificationsFailed", "redriven": "NumberOfNotificationsRedrivenToDlq"}
    yield alarm(
        camel(event) + "DeliveryAmberAlarm", service, environment,
        process=None,
        tag=join(event, "-delivery"),
        color="amber",
        says=join(
            _topic(service, environment, event), " does not reach all who subscribed. The consumer's queue is gone or "
            "refuses; its undeliverable messages wait there. The log group that ends in /Failure says why.",
        ),
        measured=_topic_sum(event, metrics, "Failed deliveries"),
        threshold=0,
        within=(1, 1),
        missing="notBreaching",
        runbook=runbook(service, environment, "delivery"),
    )  # fmt: skip


def losses(service: Service, environment: Environment, event: str) -> Iterator[AWSObject]:
    yield alarm(
        camel(event) + "LossRedAlarm", service, environment,
        process=None,
        tag=join(event, "-loss"),
        color="red",
        says=join(
            _topic(service, environment, event), " loses messages: neither a consumer's queue nor its queue for "
            "undeliverable ones takes them. Look at their policies and at the key of messages.",
        ),
        measured=metric(
            "AWS/SNS", "NumberOfNotificationsFailedToRedriveToDlq", [_of_topic(event)], statistic="Sum"
        ),
        threshold=0,
        within=(1, 1),
        missing="notBreaching",
        runbook=runbook(service, environment, "loss"),
    )  # fmt: skip


def misfits(service: Service, environment: Environment, event: str) -> Iterator[AWSObject]:
    metrics = {
        "attributes": "NumberOfNotificationsFilteredOut-InvalidAttributes",
        "bodies": "NumberOfNotificationsFilteredOut-InvalidMessageBody",
    }
    yield alarm(
        camel(event) + "FilterAmberAlarm", service, environment,
        process=None,
        tag=join(event, "-filter"),
        color="amber",
        says=join(
            _topic(service, environment, event), " has sent messages for 5 minutes that a consumer's filter cannot "
            "read, and that it did not get: attributes of a wrong type, or a body that is not JSON.",
        ),
        measured=_topic_sum(event, metrics, "Messages that no filter can read"),
        threshold=0,
        within=(5, 5),
        missing="notBreaching",
        runbook=runbook(service, environment, "filter"),
    )  # fmt: skip


# The queues of a process, nine at a time


def undeliverable(
    service: Service, environment: Environment, process: Process, batch: str, subscriptions: Sequence[Subscription]
) -> Iterator[AWSObject]:
    queues = {undeliverable_queue_id(each): event_name(each) for each in subscriptions}
    waiting = of_each("waiting", "ApproximateNumberOfMessagesVisible", queues)
    yield alarm(
        camel(process.name) + "Undeliverable" + batch + "AmberAlarm", service, environment,
        process=process.name,
        tag=join(process.name, "-undeliverable", batch),
        color="amber",
        says=join(
            service.name, "/", process.name, " in ", environment.name, ": messages could not be delivered to a queue. "
            "Find out what is wrong with its policy or its key, then send them again. It is one of: ",
            event_list(subscriptions),
        ),
        measured=reckoned(
            waiting, "undeliverable", "Undeliverable messages", f"MAX([{', '.join(each.Id for each in waiting)}])"
        ),
        threshold=0,
        within=(1, 1),
        missing="notBreaching",
        runbook=runbook(service, environment, "undeliverable", process=process),
    )  # fmt: skip


def in_flight(
    service: Service, environment: Environment, process: Process, batch: str, subscriptions: Sequence[Subscription]
) -> Iterator[AWSObject]:
    queues = {queue_id(each): event_name(each) for each in subscriptions}
    out = of_each("out", "ApproximateNumberOfMessagesNotVisible", queues)
    most = ", ".join(f"FILL({each.Id}, 0)" for each in out)
    yield alarm(
        camel(process.name) + "InFlight" + batch + "AmberAlarm", service, environment,
        process=process.name,
        tag=join(process.name, "-in-flight", batch),
        color="amber",
        says=join(
            service.name, "/", process.name, " in ", environment.name, f": {FULL} percent of the messages that a queue "
            "hands out at a time are out, for 15 minutes. It soon hands out no more; the process takes messages and "
            "does not delete them. It is one of: ", event_list(subscriptions),
        ),
        measured=reckoned(
            out, "share", "Percent of what a queue hands out at a time", f"100 * MAX([{most}]) / {IN_FLIGHT}"
        ),
        threshold=FULL,
        within=(15, 15),
        missing="notBreaching",
        runbook=runbook(service, environment, "inFlight", process=process),
    )  # fmt: skip


# One queue


def dead_letters(service: Service, environment: Environment, subscription: Subscription) -> Iterator[AWSObject]:
    yield alarm(
        _title(subscription) + "DeadLetterAlarm", service, environment,
        process=subscription.process,
        tag=join(_tag(subscription), "-dead-letters"),
        color="amber",
        says=join(
            _subject(service, environment, subscription), " could not be handled. "
            "Find out why, then move them back to their queue.",
        ),
        measured=metric(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            [of_queue(dead_letter_queue_id(subscription))],
            statistic="Maximum",
        ),
        threshold=0,
        within=(1, 1),
        missing="notBreaching",
        runbook=runbook(service, environment, "deadLetters", process=_process(service, subscription)),
    )  # fmt: skip


def silence(service: Service, environment: Environment, subscription: Subscription) -> Iterator[AWSObject]:
    if subscription.max_silence is None:
        return
    periods = derive(-(-subscription.max_silence // 300), subscription.max_silence)
    yield alarm(
        _title(subscription) + "SilenceAmberAlarm", service, environment,
        process=subscription.process,
        tag=join(_tag(subscription), "-silence"),
        color="amber",
        says=join(
            _subject(service, environment, subscription), " have stopped: none has arrived for ",
            subscription.max_silence, " seconds. Ask whether ", subscription.service, " still publishes.",
        ),
        measured=metric(
            "AWS/SQS", "NumberOfMessagesSent", [of_queue(queue_id(subscription))], statistic="Sum", period=300
        ),
        threshold=0,
        within=(periods, periods),
        missing="breaching",
        comparison="LessThanOrEqualToThreshold",
        runbook=runbook(service, environment, "maxSilence", process=_process(service, subscription)),
    )  # fmt: skip


def _topic(service: Service, environment: Environment, event: str) -> str:
    return join("The event ", event, " of ", service.name, " in ", environment.name)


def _topic_sum(event: str, metrics: dict[str, str], label: str) -> Measured:
    """What several metrics of a topic come to; the one that nothing is counted for is left out."""
    counted = [measure(query, "AWS/SNS", name, [_of_topic(event)], statistic="Sum") for query, name in metrics.items()]
    return reckoned(counted, "all", label, " + ".join(f"FILL({query}, 0)" for query in metrics))


def _of_topic(event: str) -> MetricDimension:
    return MetricDimension(Name="TopicName", Value=GetAtt(camel(event) + "Topic", "TopicName"))


def _subject(service: Service, environment: Environment, subscription: Subscription) -> str:
    return join(
        service.name, "/", subscription.process, " in ", environment.name, ": messages ", event_name(subscription)
    )


def _process(service: Service, subscription: Subscription) -> Process | None:
    return next((process for process in service.processes if process.name == subscription.process), None)


def _title(subscription: Subscription) -> str:
    return camel(subscription.process, subscription.service, subscription.event)


def _tag(subscription: Subscription) -> str:
    return join(subscription.process, "-", subscription.service, "-", subscription.event)
