"""What SNS needs to tell how deliveries of messages end, for the topics of all services: a role to write logs with, and
leave to send traces."""

from __future__ import annotations

import json
from collections.abc import Iterator

from troposphere import AWSObject, Ref
from troposphere.iam import ManagedPolicy, Role
from troposphere.xray import ResourcePolicy

from compiler.authoring import Environment, derive, join

from ._conventions import allow, arn, may_assume, policy, ssm, topic_logs_role_name
from ._environment_conventions import tags


def log_role(environment: Environment) -> Iterator[AWSObject]:
    """The role is named: services refer to it by its derived ARN. Who hands it to SNS is of this account (PassRole)."""
    yield Role(
        "TopicLogRole",
        RoleName=topic_logs_role_name(environment),
        Path="/platform/",
        Description=join("Writes how deliveries of messages end in ", environment.name),
        AssumeRolePolicyDocument=may_assume("TopicsMayAssume", "sns.amazonaws.com"),
        PermissionsBoundary=ssm(environment, "security", "service-boundary-arn"),
        Tags=tags(environment, "topic-logs"),
    )
    yield ManagedPolicy(
        "TopicLogPolicy",
        Description=join("Writes how deliveries of messages end in ", environment.name),
        Roles=[Ref("TopicLogRole")],
        PolicyDocument=policy(
            # Groups are the services' own. SNS makes their names, of the region, the account and the topic.
            allow(
                "WriteDeliveries",
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                arn(
                    environment,
                    "logs",
                    join("log-group:sns/", environment.region, "/", environment.account, "/*"),
                ),
            )
        ),
    )


def traces(environment: Environment) -> Iterator[AWSObject]:
    """Topics trace actively, and X-Ray takes what they send only where a policy of the account says so.

    An account takes five such policies in a region, whatever number of environments it has.
    """
    document = policy(
        {
            "Sid": "TopicsMayTrace",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTraceSegments"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": environment.account},
                "ArnLike": {"aws:SourceArn": arn(environment, "sns", "*")},
            },
        }
    )
    yield ResourcePolicy(
        "TopicTracePolicy",
        PolicyName="platform-topics",
        PolicyDocument=derive(json.dumps(document), environment.account, environment.region),
    )
