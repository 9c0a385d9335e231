"""Where alarms are heard: an amber topic (a ticket) and a red one (a page) for each owner. With it comes the role under
which the topics of services log how deliveries end.

The second stack of an environment: it encrypts with the alarms key of `security`. Who subscribes is up to the owner.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.cloudwatch import MetricDataQuery, MetricDimension
from troposphere.sns import Topic, TopicPolicy

from compiler.authoring import Environment, camel, join

from ._conventions import arn, deny_plain_transport, key_arn, policy
from ._deliveries import log_role
from ._environment_conventions import PLATFORM, account_root, publish, tags
from ._platform_alarms import heard, platform_alarm

SCOPE = "environment"


def build(environment: Environment) -> Iterator[AWSObject]:
    for owner in environment.owners:
        for color in ("amber", "red"):
            yield from topic(environment, owner, color)
            if PLATFORM in environment.owners:
                yield from delivery_alarm(environment, owner, color)
    yield from log_role(environment)
    if environment.logs.destination is not None or environment.logs.stream is not None:
        yield from log_delivery_alarms(environment)


def topic(environment: Environment, owner: str, color: str) -> Iterator[AWSObject]:
    title = camel(owner, color) + "Topic"
    yield Topic(
        title,
        TopicName=_name(environment, owner, color),
        DisplayName=join(environment.name, f" {color} alarms of ", owner),
        KmsMasterKeyId=key_arn(environment, "alarms"),
        SignatureVersion="2",
        Tags=tags(environment, f"alarms-{owner}-{color}", owner),
    )
    yield TopicPolicy(
        title + "Policy",
        Topics=[Ref(title)],
        PolicyDocument=policy(
            {
                "Sid": "AccountMayPublishAndSubscribe",
                "Effect": "Allow",
                "Principal": {"AWS": account_root(environment)},
                "Action": ["sns:GetTopicAttributes", "sns:Publish", "sns:Subscribe"],
                "Resource": Ref(title),
            },
            {
                "Sid": "AlarmsMayPublish",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": Ref(title),
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": environment.account},
                    "ArnLike": {"aws:SourceArn": arn(environment, "cloudwatch", "alarm:*")},
                },
            },
            {
                "Sid": "EventsAndBudgetsMayPublish",
                "Effect": "Allow",
                "Principal": {"Service": ["events.amazonaws.com", "budgets.amazonaws.com"]},
                "Action": "sns:Publish",
                "Resource": Ref(title),
                "Condition": {"StringEquals": {"aws:SourceAccount": environment.account}},
            },
            deny_plain_transport(["sns:Publish"], Ref(title)),
        ),
    )
    yield publish(
        environment,
        f"notifications/{owner}-{color}-topic-arn",
        value=Ref(title),
        description=f"Where {owner} hears of {color} alarms",
    )


def delivery_alarm(environment: Environment, owner: str, color: str) -> Iterator[AWSObject]:
    """Tell the platform team by another topic that one does not reach its subscribers."""
    heard_at = [Ref(camel(PLATFORM, "red" if (owner, color) == (PLATFORM, "amber") else "amber") + "Topic")]
    yield platform_alarm(
        environment,
        camel(owner, color) + "TopicDeliveryAlarm",
        runbook="topicDelivery",
        says=join(
            f"The {color} alarms of {owner} in ", environment.name, " do not reach all who subscribed to the topic ",
            _name(environment, owner, color), ". Look for endpoints that are gone and for queues that refuse.",
        ),
        Namespace="AWS/SNS",
        MetricName="NumberOfNotificationsFailed",
        Dimensions=[MetricDimension(Name="TopicName", Value=GetAtt(camel(owner, color) + "Topic", "TopicName"))],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        TreatMissingData="notBreaching",
        AlarmActions=heard_at,
        OKActions=heard_at,
        Tags=tags(environment, f"alarms-{owner}-{color}-delivery"),
    )  # fmt: skip


def log_delivery_alarms(environment: Environment) -> Iterator[AWSObject]:
    """Tell the platform team that logs do not arrive where they are sent; one query watches those of all services."""
    for metric, says in (
        ("DeliveryErrors", "are refused where they are sent. Look at what the destination allows, and at its role"),
        ("DeliveryThrottling", "come faster than they are taken where they are sent. Give the stream more capacity"),
    ):
        found = ("SELECT", f"SUM({metric})", "FROM", 'SCHEMA("AWS/Logs", DestinationType, FilterName, LogGroupName)')
        query = MetricDataQuery(Id="failed", Expression=" ".join(found), Period=60, ReturnData=True)
        yield platform_alarm(
            environment,
            f"Log{metric}AmberAlarm",
            runbook=f"log{metric}",
            says=join("Logs of services in ", environment.name, f" {says}; until then they are lost there."),
            Metrics=[query],
            EvaluationPeriods=5,
            DatapointsToAlarm=3,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=0,
            TreatMissingData="notBreaching",
            **heard(environment, "amber"),
            Tags=tags(environment, f"log-{metric}"),
        )


def _name(environment: Environment, owner: str, color: str) -> str:
    # Topics of events are `<environment>-<service>-<event>`; the word in front keeps the two kinds apart.
    return join("platform-", environment.name, f"-{owner}-{color}")
