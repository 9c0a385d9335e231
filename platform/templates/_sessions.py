"""Sessions on instances instead of a way in: how they are encrypted and logged, and who may open one."""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.iam import ManagedPolicy
from troposphere.logs import LogGroup
from troposphere.ssm import Document

from compiler.authoring import Environment, derive, join

from ._conventions import Statement, allow, arn, is_production, keep, policy
from ._environment_conventions import publish, tags

IDLE_MINUTES, MOST_MINUTES = "20", "120"


def sessions(environment: Environment) -> Iterator[AWSObject]:
    yield LogGroup(
        "SessionLogGroup",
        LogGroupName=_log_group(environment),
        RetentionInDays=derive(365 if is_production(environment) else 90, environment.tier),
        KmsKeyId=GetAtt("LogsKey", "Arn"),
        Tags=tags(environment, "sessions"),
        **keep(environment),
    )
    # A document of the environment's own: the account's preferences are one for all environments in it.
    yield Document(
        "SessionDocument",
        Name=_document(environment),
        DocumentType="Session",
        DocumentFormat="JSON",
        UpdateMethod="NewVersion",
        Content={
            "schemaVersion": "1.0",
            "description": join("Encrypted and logged sessions on instances of ", environment.name),
            "sessionType": "Standard_Stream",
            "inputs": {
                "kmsKeyId": Ref("SessionsKey"),
                "cloudWatchLogGroupName": Ref("SessionLogGroup"),
                "cloudWatchEncryptionEnabled": True,
                "cloudWatchStreamingEnabled": True,
                "s3BucketName": "",
                "s3EncryptionEnabled": True,
                "idleSessionTimeout": IDLE_MINUTES,
                "maxSessionDuration": MOST_MINUTES,
            },
        },
        Tags=tags(environment, "sessions"),
    )
    yield ManagedPolicy(
        "SessionOperatorPolicy",
        ManagedPolicyName=join(environment.name, "-session-operator"),
        Path="/platform/",
        Description=join("Opens sessions on instances of ", environment.name),
        PolicyDocument=policy(*_operator_statements(environment)),
    )
    yield publish(
        environment,
        "security/session-operator-policy-arn",
        value=Ref("SessionOperatorPolicy"),
        description="Managed policy for the role that opens sessions on instances",
    )


def instance_statements(environment: Environment) -> Iterator[Statement]:
    """What the agent of an instance needs to keep to the document."""
    group = arn(environment, "logs", join("log-group:", _log_group(environment), ":*"))
    yield allow("DecryptSessions", ["kms:Decrypt"], GetAtt("SessionsKey", "Arn"))
    yield allow("LogSessions", ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], group)
    yield allow("FindSessionLog", ["logs:DescribeLogGroups"], "*", condition=_in_region(environment))


def _operator_statements(environment: Environment) -> Iterator[Statement]:
    branches = derive("env-*" if environment.tier == "branch" else environment.name, environment.name, environment.tier)
    owners = list(environment.tenants) or branches
    yield allow(
        "StartOnOwnInstances",
        ["ssm:StartSession"],
        arn(environment, "ec2", "instance/*"),
        condition={
            "StringLike": {"ssm:resourceTag/environment": owners},
            # Without this a caller who names no document gets the account's preferences, which nobody logs.
            "BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"},
        },
    )
    yield allow(
        "UseOwnDocument", ["ssm:StartSession"], arn(environment, "ssm", join("document/", _document(environment)))
    )
    yield allow(
        "EndOwnSessions",
        ["ssm:ResumeSession", "ssm:TerminateSession"],
        arn(environment, "ssm", "session/${aws:userid}-*"),
    )
    yield allow("EncryptSessions", ["kms:GenerateDataKey"], GetAtt("SessionsKey", "Arn"))
    yield allow(
        "FindInstances",
        ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:DescribeSessions"],
        "*",
        condition=_in_region(environment),
    )


def _in_region(environment: Environment) -> dict[str, object]:
    return {"StringEquals": {"aws:RequestedRegion": environment.region}}


def _document(environment: Environment) -> str:
    return join("platform-", environment.name, "-session")


def _log_group(environment: Environment) -> str:
    return join("/platform/", environment.name, "/sessions")
