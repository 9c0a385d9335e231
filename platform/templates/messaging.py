"""Messages between services: topics that the publisher owns, queues that the consumer owns.

A topic's name is known to everyone (`<environment>-<service>-<event>`), so a consumer derives its ARN and no stack
exports anything. Where a message goes that nobody could take is the consumer's matter too: each queue has dead letters,
and they serve both the queue (a message that was received too often) and the subscription (one that never arrived).
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.sns import SubscriptionResource, Topic, TopicPolicy
from troposphere.sqs import Queue, QueuePolicy, RedrivePolicy
from troposphere.ssm import Parameter

from compiler.authoring import Environment, Service, Subscription, camel, join, queue_variable, topic_variable

from ._conventions import (
    Statement,
    arn,
    config_path,
    dead_letter_queue_id,
    deny_plain_transport,
    keep,
    key_arn,
    policy,
    queue_id,
    tag_values,
    tags,
    topic_name,
)

SCOPE = "service"

DAY = 24 * 60 * 60


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for event in service.publishes:
        yield from topic(service, environment, event)
    for subscription in service.consumes:
        yield from queues(service, environment, subscription)
        yield from subscribe(service, environment, subscription)


def topic(service: Service, environment: Environment, event: str) -> Iterator[AWSObject]:
    name = topic_name(environment, service.name, event)
    yield Topic(
        camel(event) + "Topic",
        TopicName=name,
        KmsMasterKeyId=key_arn(environment, "messaging"),
        SignatureVersion="2",
        TracingConfig="Active",
        Tags=tags(service, environment, event),
    )
    yield TopicPolicy(
        camel(event) + "TopicPolicy",
        Topics=[Ref(camel(event) + "Topic")],
        PolicyDocument=policy(
            _account_may_publish_and_subscribe(environment, arn(environment, "sns", name)),
            _subscribers_are_machines(arn(environment, "sns", name)),
            deny_plain_transport(["sns:Publish"], arn(environment, "sns", name)),
        ),
    )
    yield Parameter(
        camel(event) + "TopicParameter",
        Name=join(config_path(service, environment), "/", topic_variable(event)),
        Description=join("Where the service ", service.name, " publishes ", event),
        Type="String",
        Value=Ref(camel(event) + "Topic"),
        Tags=tag_values(service, environment, join("topic-", event)),
    )


def queues(service: Service, environment: Environment, subscription: Subscription) -> Iterator[AWSObject]:
    name = join(subscription.process, "-", subscription.service, "-", subscription.event)
    queue, dead_letters = queue_id(subscription), dead_letter_queue_id(subscription)
    yield Queue(
        dead_letters,
        KmsMasterKeyId=key_arn(environment, "messaging"),
        KmsDataKeyReusePeriodSeconds=300,
        MessageRetentionPeriod=14 * DAY,
        Tags=tags(service, environment, join(name, "-dead-letters"), subscription.process),
        **keep(environment),
    )
    yield QueuePolicy(
        dead_letters + "Policy",
        Queues=[Ref(dead_letters)],
        PolicyDocument=_queue_policy(environment, subscription, GetAtt(dead_letters, "Arn")),
    )
    yield Queue(
        queue,
        KmsMasterKeyId=key_arn(environment, "messaging"),
        KmsDataKeyReusePeriodSeconds=300,
        MessageRetentionPeriod=4 * DAY,
        ReceiveMessageWaitTimeSeconds=20,
        VisibilityTimeout=180,
        RedrivePolicy=RedrivePolicy(deadLetterTargetArn=GetAtt(dead_letters, "Arn"), maxReceiveCount=5),
        Tags=tags(service, environment, name, subscription.process),
        **keep(environment),
    )
    yield QueuePolicy(
        queue + "Policy",
        Queues=[Ref(queue)],
        PolicyDocument=_queue_policy(environment, subscription, GetAtt(queue, "Arn")),
    )
    yield Parameter(
        queue + "Parameter",
        Name=join(
            config_path(service, environment), "/",
            queue_variable(subscription.process, subscription.service, subscription.event),
        ),
        Description=join(
            "Where ", service.name, "/", subscription.process, " receives ", subscription.service, ".",
            subscription.event,
        ),
        Type="String",
        Value=Ref(queue),
        Tags=tag_values(service, environment, join("queue-", name), subscription.process),
    )  # fmt: skip


def subscribe(service: Service, environment: Environment, subscription: Subscription) -> Iterator[AWSObject]:
    own = subscription.service == service.name and subscription.event in service.publishes
    yield SubscriptionResource(
        camel(subscription.process, subscription.service, subscription.event) + "Subscription",
        TopicArn=Ref(camel(subscription.event) + "Topic") if own else _topic_arn(environment, subscription),
        Protocol="sqs",
        Endpoint=GetAtt(queue_id(subscription), "Arn"),
        RawMessageDelivery=True,
        RedrivePolicy={"deadLetterTargetArn": GetAtt(dead_letter_queue_id(subscription), "Arn")},
        # Before the policies stand, the first messages would all be dead letters, or lost.
        DependsOn=[queue_id(subscription) + "Policy", dead_letter_queue_id(subscription) + "Policy"],
        **_filter_policy(subscription),
    )


def _filter_policy(subscription: Subscription) -> dict[str, object]:
    if not subscription.filter:
        return {}
    wanted = {
        attribute: values if isinstance(values, (list, tuple)) else [values]
        for attribute, values in subscription.filter.items()
    }
    return {"FilterPolicyScope": "MessageAttributes", "FilterPolicy": wanted}


def _account_may_publish_and_subscribe(environment: Environment, topic_arn: str) -> Statement:
    return {
        "Sid": "AccountMayPublishAndSubscribe",
        "Effect": "Allow",
        "Principal": {"AWS": join("arn:aws:iam::", environment.account, ":root")},
        "Action": ["sns:GetTopicAttributes", "sns:Publish", "sns:Subscribe"],
        "Resource": topic_arn,
    }


def _subscribers_are_machines(topic_arn: str) -> Statement:
    return {
        "Sid": "SubscribersAreMachines",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Subscribe",
        "Resource": topic_arn,
        "Condition": {"StringNotEquals": {"sns:Protocol": ["sqs", "lambda", "firehose"]}},
    }


def _queue_policy(environment: Environment, subscription: Subscription, queue_arn: GetAtt) -> dict[str, object]:
    """Let the one topic send, and nobody else whose own policy does not say so."""
    return policy(
        {
            "Sid": "TopicMaySend",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": {
                "ArnEquals": {"aws:SourceArn": _topic_arn(environment, subscription)},
                "StringEquals": {"aws:SourceAccount": environment.account},
            },
        },
        deny_plain_transport(["sqs:SendMessage", "sqs:ReceiveMessage"], queue_arn),
    )


def _topic_arn(environment: Environment, subscription: Subscription) -> str:
    return arn(environment, "sns", topic_name(environment, subscription.service, subscription.event))
