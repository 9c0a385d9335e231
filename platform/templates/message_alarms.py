"""Alarms on queues and topics: what arrives nowhere, what nobody could handle, what waits too long.

A service may read sixty queues, and a stack holds 500 resources. So what can strike any queue and seldom does is
watched nine queues at a time; the line of each in the alarm's graph has the event's name, and the description lists
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from troposphere import AWSObject, GetAtt
from troposphere.cloudwatch import MetricDimension

from compiler.authoring import (
    PUBLISHED_ALARMS,
    Environment,
    Process,
    Service,
    Subscription,
    Watched,
    camel,
    derive,
    join,
)

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
from ._single_alarms import single_alarms
from ._watching import period_of, watch

SCOPE = "service"

# Messages that a queue hands out before the first of them is handled; then it hands out no more, and says nothing.
IN_FLIGHT = 120_000  # of a standard and of a FIFO queue
SILENCE_PERIOD = 300  # seconds


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for event in service.publishes:
        watched = service.event_alarms.get(event, PUBLISHED_ALARMS)
        for name, make in (("delivery", deliveries), ("loss", losses), ("filter", misfits)):
            if name in watched:
                yield from make(service, environment, event, watched[name])
    for process in service.processes:
        for batch, subscriptions in in_batches(subscriptions_of(service, process)):
            yield from undeliverable(service, environment, process, batch, subscriptions)
            yield from in_flight(service, environment, process, batch, subscriptions)
    for subscription in service.consumes:
        for name, make_of in (("deadLetters", dead_letters), ("silence", silence)):
            if name in subscription.alarms:
                yield from make_of(service, environment, subscription, subscription.alarms[name])


# Topics


def deliveries(service: Service, environment: Environment, event: str, watched: Watched) -> Iterator[AWSObject]:
    metrics = {"failed": "NumberOfNotificationsFailed", "redriven": "NumberOfNotificationsRedrivenToDlq"}
    yield from single_alarms(
        service, environment, "delivery", watched,
        titles=_titles(camel(event) + "Delivery"),
        tag=join(event, "-delivery"),
        subject=_topic(service, environment, event),
        what=("more than ", " messages do not reach all who subscribed"),
        meaning="The consumer's queue is gone or refuses; its undeliverable messages wait there. The log group that "
        "ends in /Failure says why.",
        measured=_topic_sum(event, metrics, "Failed deliveries", watched.period),
    )  # fmt: skip


def losses(service: Service, environment: Environment, event: str, watched: Watched) -> Iterator[AWSObject]:
    yield from single_alarms(
        service, environment, "loss", watched,
        titles=_titles(camel(event) + "Loss"),
        tag=join(event, "-loss"),
        subject=_topic(service, environment, event),
        what=("more than ", " messages are lost"),
        meaning="Neither a consumer's queue nor its queue for undeliverable ones takes them. Look at their policies "
        "and at the key of messages.",
        measured=metric(
            "AWS/SNS", "NumberOfNotificationsFailedToRedriveToDlq", [_of_topic(event)], statistic="Sum",
            period=watched.period,
        ),
    )  # fmt: skip


def misfits(service: Service, environment: Environment, event: str, watched: Watched) -> Iterator[AWSObject]:
    metrics = {
        "attributes": "NumberOfNotificationsFilteredOut-InvalidAttributes",
        "bodies": "NumberOfNotificationsFilteredOut-InvalidMessageBody",
    }
    yield from single_alarms(
        service, environment, "filter", watched,
        titles=_titles(camel(event) + "Filter"),
        tag=join(event, "-filter"),
        subject=_topic(service, environment, event),
        what=("a consumer's filter cannot read more than ", " messages, which it does not get,"),
        meaning="Attributes are of a wrong type, or a body is not JSON.",
        measured=_topic_sum(event, metrics, "Messages that no filter can read", watched.period),
    )  # fmt: skip


# The queues of a process, nine at a time


def undeliverable(
    service: Service, environment: Environment, process: Process, batch: str, subscriptions: Sequence[Subscription]
) -> Iterator[AWSObject]:
    queues = {undeliverable_queue_id(each): event_name(each) for each in subscriptions}
    waiting = of_each(
        "waiting", "ApproximateNumberOfMessagesVisible", queues, period=period_of(process, "undeliverable")
    )
    yield from watch(
        service, environment, process, "undeliverable",
        what=("more than ", " messages that could not be delivered to a queue wait"),
        meaning=join(
            "Find out what is wrong with its policy or its key, then send them again. It is one of: ",
            event_list(subscriptions),
        ),
        measured=reckoned(
            waiting, "undeliverable", "Undeliverable messages", f"MAX([{', '.join(each.Id for each in waiting)}])"
        ),
        missing="notBreaching",
        batch=batch,
    )  # fmt: skip


def in_flight(
    service: Service, environment: Environment, process: Process, batch: str, subscriptions: Sequence[Subscription]
) -> Iterator[AWSObject]:
    queues = {queue_id(each): event_name(each) for each in subscriptions}
    out = of_each("out", "ApproximateNumberOfMessagesNotVisible", queues, period=period_of(process, "inFlight"))
    most = ", ".join(f"FILL({each.Id}, 0)" for each in out)
    yield from watch(
        service, environment, process, "inFlight",
        what=("more than ", " percent of the messages that a queue hands out at a time are out"),
        meaning=join(
            "It soon hands out no more; the process takes messages and does not delete them. It is one of: ",
            event_list(subscriptions),
        ),
        measured=reckoned(
            out, "share", "Percent of what a queue hands out at a time", f"100 * MAX([{most}]) / {IN_FLIGHT}"
        ),
        missing="notBreaching",
        batch=batch,
    )  # fmt: skip


# One queue


def dead_letters(
    service: Service, environment: Environment, subscription: Subscription, watched: Watched
) -> Iterator[AWSObject]:
    stem = _stem(subscription) + "DeadLetter"
    yield from single_alarms(
        service, environment, "deadLetters", watched,
        titles=(stem + "Alarm", stem + "RedAlarm"),
        tag=join(_tag(subscription), "-dead-letters"),
        subject=join(service.name, "/", subscription.process, " in ", environment.name),
        what=("more than ", join(" messages ", event_name(subscription), " could not be handled")),
        meaning="Find out why, then move them back to their queue.",
        measured=metric(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            [of_queue(dead_letter_queue_id(subscription))],
            statistic="Maximum",
            period=watched.period,
        ),
        process=_process(service, subscription),
    )  # fmt: skip


def silence(
    service: Service, environment: Environment, subscription: Subscription, watched: Watched
) -> Iterator[AWSObject]:
    """Its thresholds are seconds without a message, which CloudWatch counts in periods."""
    for color, seconds in (("amber", subscription.max_silence), ("red", watched.red)):
        if seconds is None:
            continue
        periods = derive(-(-int(seconds) // SILENCE_PERIOD), seconds)
        yield from alarm(
            camel(_stem(subscription), "silence", color) + "Alarm", service, environment,
            process=subscription.process,
            tag=join(_tag(subscription), "-silence", *(() if color == "amber" else ("-red",))),
            color=color,
            says=join(
                service.name, "/", subscription.process, " in ", environment.name, ": messages ",
                event_name(subscription), " have stopped: none has arrived for ", seconds, " seconds. Ask whether ",
                subscription.service, " still publishes.",
            ),
            measured=metric(
                "AWS/SQS",
                "NumberOfMessagesSent",
                [of_queue(queue_id(subscription))],
                statistic="Sum",
                period=SILENCE_PERIOD,
            ),
            threshold=0,
            within=(periods, periods),
            missing="breaching",
            comparison="LessThanOrEqualToThreshold",
            runbook=runbook(
                service, environment, "maxSilence", process=_process(service, subscription), own=watched.runbook
            ),
            mute=watched.mute,
        )  # fmt: skip


def _topic(service: Service, environment: Environment, event: str) -> str:
    return join("The event ", event, " of ", service.name, " in ", environment.name)


def _topic_sum(event: str, metrics: dict[str, str], label: str, period: int) -> Measured:
    """What several metrics of a topic come to; the one that nothing is counted for is left out."""
    counted = [
        measure(query, "AWS/SNS", name, [_of_topic(event)], statistic="Sum", period=period)
        for query, name in metrics.items()
    ]
    return reckoned(counted, "all", label, " + ".join(f"FILL({query}, 0)" for query in metrics))


def _of_topic(event: str) -> MetricDimension:
    return MetricDimension(Name="TopicName", Value=GetAtt(camel(event) + "Topic", "TopicName"))


def _process(service: Service, subscription: Subscription) -> Process | None:
    return next((process for process in service.processes if process.name == subscription.process), None)


def _titles(stem: str) -> tuple[str, str]:
    return stem + "AmberAlarm", stem + "RedAlarm"


def _stem(subscription: Subscription) -> str:
    return camel(subscription.process, subscription.service, subscription.event)


def _tag(subscription: Subscription) -> str:
    return join(subscription.process, "-", subscription.service, "-", subscription.event)
