"""Keys and bounds: a key for each purpose, the most that a service may do, what every instance needs, who may open
a session on one, and what stands before public load balancers.

The first stack of an environment: the others read the keys that it publishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.iam import ManagedPolicy
from troposphere.kms import Alias, Key
from troposphere.logs import LogGroup

from compiler.authoring import Environment, camel, derive, join

from ._conventions import Statement, allow, arn, boot_log_name, is_production, keep, policy
from ._environment_conventions import publish, tags
from ._key_policies import (
    account_administers,
    alarms_may_publish,
    auto_scaling_may_use,
    events_may_publish,
    grants_are_for_aws,
    logs_may_encrypt,
    topics_may_deliver,
    trail_may_encrypt,
)
from ._sessions import instance_statements, sessions
from ._web_acl import web_acl

SCOPE = "environment"


def build(environment: Environment) -> Iterator[AWSObject]:
    yield from key(environment, "logs", users=[logs_may_encrypt(environment), trail_may_encrypt(environment)])
    yield from key(environment, "data", users=auto_scaling_may_use(environment))
    yield from key(environment, "messaging", users=[topics_may_deliver(environment)])
    yield from key(environment, "alarms", users=[alarms_may_publish(environment), events_may_publish(environment)])
    yield from key(environment, "sessions", users=[])
    yield from service_boundary(environment)
    yield from instance_base(environment)
    yield from boot_log(environment)
    yield from sessions(environment)
    yield from web_acl(environment)


def key(
    environment: Environment,
    purpose: str,
    *,
    users: Iterable[Statement],
) -> Iterator[AWSObject]:
    """Make a key. It outlives its stack everywhere: whoever loses a key loses all that it encrypted.

    Only what a deployment made that fails goes again, because nothing is encrypted with it yet.
    """
    title = camel(purpose) + "Key"
    yield Key(
        title,
        Description=join(f"Encrypts {purpose} in ", environment.name),
        EnableKeyRotation=True,
        PendingWindowInDays=30,
        KeyPolicy=policy(account_administers(environment), grants_are_for_aws(), *users),
        Tags=tags(environment, purpose),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    yield Alias(
        title + "Alias",
        AliasName=join("alias/platform/", environment.name, "/", purpose),
        TargetKeyId=Ref(title),
    )
    yield publish(
        environment,
        f"security/{purpose}-key-arn",
        value=GetAtt(title, "Arn"),
        description=f"Key that encrypts {purpose}",
    )


def service_boundary(environment: Environment) -> Iterator[AWSObject]:
    """The most that any role of a service may ever do: use data of this account. It grants nothing by itself."""
    yield ManagedPolicy(
        "ServiceBoundary",
        ManagedPolicyName=join(environment.name, "-service-boundary"),
        Path="/platform/",
        Description=join("Permissions boundary of every service role in ", environment.name),
        PolicyDocument=policy(
            allow(
                "UseThisAccount",
                BOUNDARY_ACTIONS,
                "*",
                # Where an action has no resource there is no account to compare with.
                condition={"StringEqualsIfExists": {"aws:ResourceAccount": environment.account}},
            ),
            # What instances are told when they start, and what stacks are built on, is written by deployments alone.
            {
                "Sid": "LeaveThePlatformsParameters",
                "Effect": "Deny",
                "Action": ["ssm:PutParameter"],
                "Resource": [arn(environment, "ssm", f"parameter/{whose}/*") for whose in ("platform", "service")],
            },
        ),
    )
    yield publish(
        environment,
        "security/service-boundary-arn",
        value=Ref("ServiceBoundary"),
        description="Permissions boundary that every role of a service carries",
    )


def instance_base(environment: Environment) -> Iterator[AWSObject]:
    """What every instance needs. These actions know no resource, or only the instance itself."""
    yield ManagedPolicy(
        "InstanceBase",
        ManagedPolicyName=join(environment.name, "-instance-base"),
        Path="/platform/",
        Description=join("Session manager, metrics and health for every instance in ", environment.name),
        PolicyDocument=policy(
            allow(
                "OpenSessions",
                [
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                "*",
            ),
            allow("Register", ["ssm:UpdateInstanceInformation"], arn(environment, "ec2", "instance/*")),
            allow(
                "WriteMetrics",
                ["cloudwatch:PutMetricData"],
                "*",
                condition={"StringEquals": {"cloudwatch:namespace": ["CWAgent", "Platform"]}},
            ),
            # The agent finds the name of its auto scaling group there, to label metrics with.
            allow(
                "ReadTags",
                ["ec2:DescribeTags"],
                "*",
                condition={"StringEquals": {"aws:RequestedRegion": environment.region}},
            ),
            # Whether the load balancer takes it for healthy: only then may an instance say that it serves.
            allow(
                "ReadTargetHealth",
                ["elasticloadbalancing:DescribeTargetHealth"],
                "*",
                condition={"StringEquals": {"aws:RequestedRegion": environment.region}},
            ),
            *instance_statements(environment),
        ),
    )
    yield publish(
        environment,
        "security/instance-base-policy-arn",
        value=Ref("InstanceBase"),
        description="Managed policy of every instance: session manager and metrics",
    )


def boot_log(environment: Environment) -> Iterator[AWSObject]:
    """Where an instance that fails to start leaves word. Each may write to the streams of its own process only."""
    yield LogGroup(
        "BootLogGroup",
        LogGroupName=boot_log_name(environment),
        RetentionInDays=derive(365 if is_production(environment) else 90, environment.tier),
        KmsKeyId=GetAtt("LogsKey", "Arn"),
        Tags=tags(environment, "boot"),
        **keep(environment),
    )


# Actions on data, none on the things that hold it: no role of a service changes IAM, keys, networks or its own bounds.
BOUNDARY_ACTIONS = [
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:Describe*",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "cloudformation:DescribeStackResource",
    "cloudformation:DescribeStackResources",
    "cloudformation:DescribeStacks",
    "cloudformation:SignalResource",
    "cloudwatch:PutMetricData",
    "dynamodb:*Item*",
    "dynamodb:Describe*",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "dynamodb:PartiQL*",
    "dynamodb:Query",
    "dynamodb:Scan",
    "ec2:DescribeInstances",
    "ec2:DescribeTags",
    "elasticache:Connect",
    "elasticloadbalancing:DescribeTargetHealth",
    "events:PutEvents",
    "execute-api:Invoke",
    "firehose:PutRecord*",
    "kinesis:Describe*",
    "kinesis:Get*",
    "kinesis:ListShards",
    "kinesis:PutRecord*",
    "kinesis:SubscribeToShard",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey*",
    "kms:ReEncrypt*",
    "lambda:InvokeFunction",
    "logs:CreateLogStream",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
    "rds-db:connect",
    "s3:AbortMultipartUpload",
    "s3:DeleteObject*",
    "s3:GetBucketLocation",
    "s3:GetObject*",
    "s3:ListBucket*",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "sns:GetTopicAttributes",
    "sns:Publish",
    "sqs:ChangeMessageVisibility*",
    "sqs:DeleteMessage*",
    "sqs:GetQueue*",
    "sqs:ReceiveMessage",
    "sqs:SendMessage*",
    "ssm:GetParameter*",
    "ssm:PutParameter",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:*Channel",
    "states:DescribeExecution",
    "states:SendTask*",
    "states:StartExecution",
    "states:StartSyncExecution",
    "xray:GetSampling*",
    "xray:Put*",
]
