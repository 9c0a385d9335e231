"""What an account has once, whatever environments are in it: records of who did what and of what there was, watchers,
a budget, and leave for topics to send traces.

One environment of an account makes it; the others say so in their files. In another region, one makes what watches that
region, and leaves out the record of calls and the budget, which are of all regions. Not here, because CloudFormation
has no such resource: encryption of volumes by default, the public access block of S3 for the account, the password
policy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from troposphere import AWSObject, Ref
from troposphere.accessanalyzer import Analyzer
from troposphere.budgets import (
    Budget,
    BudgetData,
    Notification,
    NotificationWithSubscribers,
    ResourceTag,
    Spend,
    Subscriber,
)
from troposphere.cloudtrail import EventSelector, Trail
from troposphere.config import (
    ConfigSnapshotDeliveryProperties,
    ConfigurationRecorder,
    DeliveryChannel,
    RecordingGroup,
    RecordingMode,
)
from troposphere.ec2 import SnapshotBlockPublicAccess
from troposphere.events import InputTransformer, Rule, Target
from troposphere.guardduty import Detector, TagItem
from troposphere.iam import ServiceLinkedRole

from compiler.authoring import Environment, camel, derive, join

from ._buckets import log_bucket, objects_of
from ._conventions import Statement, key_arn
from ._deliveries import traces
from ._environment_conventions import platform_topics, publish, tag_values, tags, what_to_do
from ._key_policies import trail_arn, trail_name

SCOPE = "environment"

# What a message says of a call, and of what GuardDuty found: text with names of values of the event.
OF_CALL = (
    "<call> by <who> from <address>",
    {"call": "eventName", "who": "userIdentity.arn", "address": "sourceIPAddress"},
)
OF_THREAT = ("<type>, finding <id>", {"type": "type", "id": "id"})
# What nobody does on an ordinary day, as the record of calls tells it.
ALERTS: Mapping[str, tuple[str, str, dict[str, object]]] = {
    "root-user": (
        "red",
        "Somebody acts as the root user of the account",
        {"detail": {"userIdentity": {"type": ["Root"], "invokedBy": [{"exists": False}]}}},
    ),
    "key-deletion": (
        "red",
        "Somebody disables a key or schedules its deletion: whatever it encrypts cannot be read then",
        {
            "source": ["aws.kms"],
            "detail": {"eventSource": ["kms.amazonaws.com"], "eventName": ["DisableKey", "ScheduleKeyDeletion"]},
        },
    ),
    "trail-change": (
        "red",
        "Somebody stops or changes the record of who did what",
        {
            "source": ["aws.cloudtrail"],
            "detail": {
                "eventSource": ["cloudtrail.amazonaws.com"],
                "eventName": ["DeleteTrail", "PutEventSelectors", "StopLogging", "UpdateTrail"],
            },
        },
    ),
    "security-group-change": (
        "amber",
        "Somebody changes a security group by hand: stacks do not know of it, and the next deployment may undo it",
        {
            "source": ["aws.ec2"],
            "detail": {
                "eventSource": ["ec2.amazonaws.com"],
                "eventName": [
                    "AuthorizeSecurityGroupEgress",
                    "AuthorizeSecurityGroupIngress",
                    "ModifySecurityGroupRules",
                    "RevokeSecurityGroupEgress",
                    "RevokeSecurityGroupIngress",
                ],
                # What CloudFormation calls for somebody, it says so of.
                "userIdentity": {"invokedBy": [{"exists": False}]},
            },
        },
    ),
}


def build(environment: Environment) -> Iterator[AWSObject]:
    if not environment.account_baseline.is_made_here:
        return
    baseline = environment.account_baseline
    if not baseline.is_region_only:
        yield from record_of_calls(environment)
    if baseline.config:
        yield from record_of_resources(environment)
    yield from watchers(environment)
    yield from alerts(environment)
    yield from traces(environment)
    if not baseline.is_region_only:
        yield from budget(environment)


def record_of_calls(environment: Environment) -> Iterator[AWSObject]:
    """CloudTrail, of every region. It is encrypted with the logs key by CloudTrail itself, not by the bucket."""
    yield from log_bucket(environment, "TrailBucket", *_trail_may_write(environment), purpose="trail")
    yield Trail(
        "Trail",
        TrailName=trail_name(environment),
        S3BucketName=Ref("TrailBucket"),
        KMSKeyId=key_arn(environment, "logs"),
        IsLogging=True,
        IsMultiRegionTrail=True,
        IncludeGlobalServiceEvents=True,
        EnableLogFileValidation=True,
        EventSelectors=[EventSelector(IncludeManagementEvents=True, ReadWriteType="All")],
        Tags=tags(environment, "trail"),
        DependsOn="TrailBucketPolicy",
    )
    yield publish(
        environment,
        "account/trail-bucket",
        value=Ref("TrailBucket"),
        description="Name of the bucket that holds the record of calls",
    )


def _trail_may_write(environment: Environment) -> Iterator[Statement]:
    is_ours = {"StringEquals": {"aws:SourceArn": trail_arn(environment)}}
    trail = {"Service": "cloudtrail.amazonaws.com"}
    yield {
        "Sid": "TrailMayLook",
        "Effect": "Allow",
        "Principal": trail,
        "Action": "s3:GetBucketAcl",
        "Resource": objects_of("TrailBucket", ""),
        "Condition": is_ours,
    }
    yield {
        "Sid": "TrailMayWrite",
        "Effect": "Allow",
        "Principal": trail,
        "Action": "s3:PutObject",
        "Resource": objects_of("TrailBucket", join("/AWSLogs/", environment.account, "/*")),
        "Condition": {
            "StringEquals": {
                "aws:SourceArn": trail_arn(environment),
                "s3:x-amz-acl": "bucket-owner-full-control",
            }
        },
    }


def record_of_resources(environment: Environment) -> Iterator[AWSObject]:
    """AWS Config, of this region, and once of what belongs to no region: what each resource was like, and when.

    Recorder and channel wait for each other, which CloudFormation knows: the recorder starts once there is a channel.
    """
    yield from log_bucket(environment, "ConfigBucket", *_config_may_write(environment), purpose="config")
    baseline = environment.account_baseline
    is_made_here = baseline.config_role and not baseline.is_region_only
    if is_made_here:
        yield ServiceLinkedRole(
            "ConfigRole",
            AWSServiceName="config.amazonaws.com",
            Description="AWS Config looks at all that is in the account",
        )
    role = "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    # Each change in production, since somebody may have to know what was so when; elsewhere the last one of a day.
    frequency = "CONTINUOUS" if environment.tier == "production" else "DAILY"
    yield ConfigurationRecorder(
        "ConfigRecorder",
        Name=join("platform-", environment.name),
        RoleARN=join("arn:aws:iam::", environment.account, ":", role),
        RecordingGroup=RecordingGroup(AllSupported=True, IncludeGlobalResourceTypes=not baseline.is_region_only),
        RecordingMode=RecordingMode(RecordingFrequency=derive(frequency, environment.tier)),
        **({"DependsOn": "ConfigRole"} if is_made_here else {}),
    )
    yield DeliveryChannel(
        "ConfigDeliveryChannel",
        Name=join("platform-", environment.name),
        S3BucketName=Ref("ConfigBucket"),
        ConfigSnapshotDeliveryProperties=ConfigSnapshotDeliveryProperties(DeliveryFrequency="TwentyFour_Hours"),
        DependsOn="ConfigBucketPolicy",
    )


def _config_may_write(environment: Environment) -> Iterator[Statement]:
    config = {"Service": "config.amazonaws.com"}
    is_ours = {"aws:SourceAccount": environment.account}
    yield {
        "Sid": "ConfigMayLook",
        "Effect": "Allow",
        "Principal": config,
        "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
        "Resource": objects_of("ConfigBucket", ""),
        "Condition": {"StringEquals": is_ours},
    }
    yield {
        "Sid": "ConfigMayWrite",
        "Effect": "Allow",
        "Principal": config,
        "Action": "s3:PutObject",
        "Resource": objects_of("ConfigBucket", join("/AWSLogs/", environment.account, "/Config/*")),
        "Condition": {"StringEquals": {**is_ours, "s3:x-amz-acl": "bucket-owner-full-control"}},
    }


def watchers(environment: Environment) -> Iterator[AWSObject]:
    yield Analyzer(
        "Analyzer",
        AnalyzerName=join("platform-", environment.name),
        Type="ACCOUNT",
        Tags=tags(environment, "access-analyzer"),
    )
    yield SnapshotBlockPublicAccess("SnapshotsStayPrivate", State="block-all-sharing")
    if environment.account_baseline.guard_duty:
        yield Detector(
            "Detector",
            Enable=True,
            FindingPublishingFrequency="FIFTEEN_MINUTES",
            Tags=[TagItem(Key=key, Value=value) for key, value in tag_values(environment, "guard-duty").items()],
        )


def alerts(environment: Environment) -> Iterator[AWSObject]:
    """Tell the platform team of what happens, not of how often: there is no number to compare with."""
    for name, (color, what, pattern) in ALERTS.items():
        yield from rule(environment, name, color, what, pattern)
    if environment.account_baseline.config:
        names = ["DeleteConfigurationRecorder", "DeleteDeliveryChannel", "StopConfigurationRecorder"]
        stopped = {"source": ["aws.config"], "detail": {"eventSource": ["config.amazonaws.com"], "eventName": names}}
        what = "Somebody stops the record of what resources are like"
        yield from rule(environment, "config-change", "red", what, stopped)
    if environment.account_baseline.guard_duty:
        severe = {"source": ["aws.guardduty"], "detail": {"severity": [{"numeric": [">=", 7]}]}}
        yield from rule(environment, "threat", "red", "GuardDuty takes something for an attack", severe, OF_THREAT)


def rule(
    environment: Environment,
    name: str,
    color: str,
    what: str,
    pattern: Mapping[str, object],
    told: tuple[str, Mapping[str, str]] = OF_CALL,
) -> Iterator[AWSObject]:
    """Send on what matters of an event, as a text that fits on a telephone."""
    if topics := platform_topics(environment, color):
        details, values = told
        says = join(
            what, ", in the account of ", environment.name, f": {details}.", *what_to_do(environment, _word(name))
        )
        transformer = InputTransformer(
            InputPathsMap={key: f"$.detail.{path}" for key, path in values.items()},
            InputTemplate=join('"', says, '"'),  # a text, which EventBridge wants in quotes
        )
        yield Rule(
            camel(name) + "Rule",
            Description=join(what, ", in the account of ", environment.name),
            EventPattern=json.loads(json.dumps(pattern)),
            State="ENABLED",
            Targets=[Target(Id="topic", Arn=topic, InputTransformer=transformer) for topic in topics],
            Tags=tags(environment, name),
        )


def _word(name: str) -> str:
    """
    >>> _word("root-user")
    'rootUser'
    """
    whole = camel(name)
    return whole[0].lower() + whole[1:]


def budget(environment: Environment) -> Iterator[AWSObject]:
    """Say that the month will cost more than planned while there is time to do something about it."""
    limit, topics = environment.account_baseline.monthly_budget, platform_topics(environment, "amber")
    if limit is None or not topics:
        return
    yield Budget(
        "MonthlyBudget",
        Budget=BudgetData(
            BudgetName=join("platform-", environment.name),
            BudgetType="COST",
            TimeUnit="MONTHLY",
            BudgetLimit=Spend(Amount=limit, Unit="USD"),
        ),
        NotificationsWithSubscribers=[
            NotificationWithSubscribers(
                Notification=Notification(
                    NotificationType=kind,
                    ComparisonOperator="GREATER_THAN",
                    Threshold=percent,
                    ThresholdType="PERCENTAGE",
                ),
                Subscribers=[Subscriber(SubscriptionType="SNS", Address=topic) for topic in topics],
            )
            for kind, percent in (("ACTUAL", 80), ("FORECASTED", 100))
        ],
        ResourceTags=[ResourceTag(Key=key, Value=value) for key, value in tag_values(environment, "budget").items()],
    )
