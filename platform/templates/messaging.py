"""Messages between services: topics that the publisher owns, queues that the consumer owns.

A topic's name is known to everyone (`<environment>-<service>-<event>`, with `.fifo` behind it where the event is
ordered), so a consumer derives its ARN and no stack exports anything. Where a message goes that nobody could take is
the consumer's matter too, and there are two such places, each with a queue of its own: what the topic could not deliver
is undeliverable, what the process received too often is a dead letter. The one says that the way to the process is
broken, the other that the process is.

A queue is named by CloudFormation: production keeps a queue that leaves its stack, and one of a fixed name would be in
the way of the release that brings it back. So dead letters cannot say whose they are (`RedriveAllowPolicy` with the ARN
of the queue): each of two queues would need to know the other's name before it is made.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.logs import LogGroup
from troposphere.sns import LoggingConfig, SubscriptionResource, Topic, TopicPolicy
from troposphere.sqs import Queue, QueuePolicy, RedrivePolicy
from troposphere.ssm import Parameter

from compiler.authoring import Environment, Service, Subscription, camel, derive, join, queue_variable, topic_variable

from ._conventions import (
    Statement,
    arn,
    config_path,
    dead_letter_queue_id,
    deny_plain_transport,
    keep,
    key_arn,
    own_topic_name,
    policy,
    queue_id,
    subscription_topic,
    tag_values,
    tags,
    topic_log_name,
    topic_logs_role,
    undeliverable_queue_id,
)
from ._log_groups import subscriptions

SCOPE = "service"

DAY = 24 * 60 * 60

# A message is hidden for six times as long as its handler may take: AWS asks that of its own pollers, which retry.
VISIBILITY = 6

# Percent of deliveries that went well and are logged all the same, to see how long they took.
SAMPLED = 5


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for event in service.publishes:
        yield from delivery_logs(service, environment, event)
        yield from topic(service, environment, event)
    for subscription in service.consumes:
        yield from queues(service, environment, subscription)
        yield from subscribe(service, environment, subscription)


def delivery_logs(service: Service, environment: Environment, event: str) -> Iterator[AWSObject]:
    """Make the groups before the topic writes to them: those that SNS makes by itself are kept forever, unencrypted."""
    for title, outcome in (("DeliveryLogGroup", ""), ("FailureLogGroup", "/Failure")):
        yield LogGroup(
            camel(event) + title,
            LogGroupName=topic_log_name(service, environment, event, outcome),
            RetentionInDays=environment.logs.retention_days,
            KmsKeyId=key_arn(environment, "logs"),
            Tags=tags(service, environment, join(event, outcome.lower().replace("/", "-"), "-log")),
            **keep(environment),
        )
        yield from subscriptions(environment, camel(event) + title)


def topic(service: Service, environment: Environment, event: str) -> Iterator[AWSObject]:
    name = own_topic_name(service, environment, event)
    # No ArchivePolicy: only ordered topics take one, and one with an archive cannot be removed until that is given up.
    yield Topic(
        camel(event) + "Topic",
        TopicName=name,
        KmsMasterKeyId=key_arn(environment, "messaging"),
        SignatureVersion="2",
        TracingConfig="Active",
        DeliveryStatusLogging=[
            LoggingConfig(
                Protocol=protocol,
                FailureFeedbackRoleArn=topic_logs_role(environment),
                SuccessFeedbackRoleArn=topic_logs_role(environment),
                SuccessFeedbackSampleRate=str(SAMPLED),
            )
            for protocol in ("sqs", "lambda", "firehose")
        ],
        Tags=tags(service, environment, event),
        DependsOn=[camel(event) + "DeliveryLogGroup", camel(event) + "FailureLogGroup"],
        **_ordered_topic(service, event),
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
    undeliverable = undeliverable_queue_id(subscription)
    yield Queue(
        undeliverable,
        KmsMasterKeyId=key_arn(environment, "messaging"),
        KmsDataKeyReusePeriodSeconds=300,
        MessageRetentionPeriod=14 * DAY,
        # The topic sends here, which is no redrive; no queue may.
        RedriveAllowPolicy={"redrivePermission": "denyAll"},
        Tags=tags(service, environment, join(name, "-undeliverable"), subscription.process),
        **_ordered_queue(subscription),
        **keep(environment),
    )
    yield Queue(
        dead_letters,
        KmsMasterKeyId=key_arn(environment, "messaging"),
        KmsDataKeyReusePeriodSeconds=300,
        MessageRetentionPeriod=14 * DAY,
        Tags=tags(service, environment, join(name, "-dead-letters"), subscription.process),
        **_ordered_queue(subscription),
        **keep(environment),
    )
    yield Queue(
        queue,
        KmsMasterKeyId=key_arn(environment, "messaging"),
        KmsDataKeyReusePeriodSeconds=300,
        MessageRetentionPeriod=subscription.retention,
        ReceiveMessageWaitTimeSeconds=20,
        VisibilityTimeout=derive(VISIBILITY * subscription.timeout, subscription.timeout),
        RedrivePolicy=RedrivePolicy(
            deadLetterTargetArn=GetAtt(dead_letters, "Arn"), maxReceiveCount=subscription.max_receive_count
        ),
        Tags=tags(service, environment, name, subscription.process),
        **_ordered_queue(subscription),
        **keep(environment),
    )
    # One policy for the three: each statement says which of them it is about.
    yield QueuePolicy(
        queue + "Policy",
        Queues=[Ref(queue), Ref(undeliverable), Ref(dead_letters)],
        PolicyDocument=policy(
            _topic_may_send(environment, subscription, [GetAtt(queue, "Arn"), GetAtt(undeliverable, "Arn")]),
            deny_plain_transport(
                ["sqs:SendMessage", "sqs:ReceiveMessage"],
                [GetAtt(queue, "Arn"), GetAtt(undeliverable, "Arn"), GetAtt(dead_letters, "Arn")],
            ),
        ),
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
        TopicArn=Ref(camel(subscription.event) + "Topic") if own else subscription_topic(environment, subscription),
        Protocol="sqs",
        Endpoint=GetAtt(queue_id(subscription), "Arn"),
        RawMessageDelivery=True,
        RedrivePolicy={"deadLetterTargetArn": GetAtt(undeliverable_queue_id(subscription), "Arn")},
        # Before the policy stands, the first messages would all be undeliverable, or lost.
        DependsOn=[queue_id(subscription) + "Policy"],
        **_filter_policy(subscription),
    )


def _ordered_topic(service: Service, event: str) -> dict[str, object]:
    """Messages of one group keep their order, and groups do not wait for each other.

    Which message is a repeated one is said by the publisher: by their content, two that say the same would be one.
    """
    if event not in service.ordered:
        return {}
    return {"FifoTopic": True, "ContentBasedDeduplication": False, "FifoThroughputScope": "MessageGroup"}


def _ordered_queue(subscription: Subscription) -> dict[str, object]:
    if not subscription.ordered:
        return {}
    return {"FifoQueue": True, "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}


def _filter_policy(subscription: Subscription) -> dict[str, object]:
    if not subscription.filter:
        return {}
    is_of_body = subscription.filter_on == "body"
    wanted: dict[str, object] = {}
    for name, values in subscription.filter.items():
        *above, last = name.split(".") if is_of_body else [name]
        member = wanted
        for step in above:
            member = member.setdefault(step, {})  # type: ignore[assignment]
        member[derive(last, name)] = values if isinstance(values, (list, tuple)) else [values]
    scope = derive("MessageBody" if is_of_body else "MessageAttributes", subscription.filter_on)
    return {"FilterPolicyScope": scope, "FilterPolicy": wanted}


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


def _topic_may_send(environment: Environment, subscription: Subscription, queue_arns: list[GetAtt]) -> Statement:
    """Let the one topic send, and nobody else whose own policy does not say so."""
    return {
        "Sid": "TopicMaySend",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arns,
        "Condition": {
            "ArnEquals": {"aws:SourceArn": subscription_topic(environment, subscription)},
            "StringEquals": {"aws:SourceAccount": environment.account},
        },
    }
