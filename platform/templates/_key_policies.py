"""Who may use the environment's keys: statements of key policies, one for each kind of user.

IAM policies of the account decide for its own roles. Named here are those whom they cannot reach: AWS's own services.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.authoring import Environment, join

from ._conventions import Statement, arn
from ._environment_conventions import account_root


def account_administers(environment: Environment) -> Statement:
    return {
        "Sid": "AccountAdministers",
        "Effect": "Allow",
        "Principal": {"AWS": account_root(environment)},
        "Action": "kms:*",
        "Resource": "*",
    }


def grants_are_for_aws() -> Statement:
    """A grant outlives the policies that allowed it, so only what AWS itself needs one for may have one."""
    return {
        "Sid": "GrantsAreForAws",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "kms:CreateGrant",
        "Resource": "*",
        "Condition": {"Bool": {"kms:GrantIsForAWSResource": "false", "aws:PrincipalIsAWSService": "false"}},
    }


def logs_may_encrypt(environment: Environment) -> Statement:
    return {
        "Sid": "LogsMayEncrypt",
        "Effect": "Allow",
        "Principal": {"Service": join("logs.", environment.region, ".amazonaws.com")},
        "Action": ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn(environment, "logs", "log-group:*")}},
    }


def trail_name(environment: Environment) -> str:
    return join("platform-", environment.name)


def trail_arn(environment: Environment) -> str:
    return arn(environment, "cloudtrail", join("trail/", trail_name(environment)))


def trail_may_encrypt(environment: Environment) -> Statement:
    """The record of calls of the account, whichever environment makes it."""
    context = {"kms:EncryptionContext:aws:cloudtrail:arn": trail_arn(environment)}
    return {
        "Sid": "TrailMayEncrypt",
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": ["kms:DescribeKey", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceArn": trail_arn(environment)}, "StringLikeIfExists": context},
    }


def events_may_publish(environment: Environment) -> Statement:
    """Rules on events and budgets tell the topics of owners; both encrypt with the key of alarms."""
    return {
        "Sid": "EventsAndBudgetsMayPublish",
        "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "budgets.amazonaws.com"]},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": environment.account}},
    }


def topics_may_deliver(environment: Environment) -> Statement:
    """A topic that sends to an encrypted queue encrypts for it, which no identity but the service's own can allow."""
    return {
        "Sid": "TopicsMayDeliver",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": environment.account},
            "ArnLike": {"aws:SourceArn": arn(environment, "sns", "*")},
        },
    }


def alarms_may_publish(environment: Environment) -> Statement:
    """Without this an alarm changes its state and nobody hears of it."""
    return {
        "Sid": "AlarmsMayPublish",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": environment.account},
            "ArnLike": {"aws:SourceArn": arn(environment, "cloudwatch", "alarm:*")},
        },
    }


def auto_scaling_may_use(environment: Environment) -> Iterator[Statement]:
    """Auto scaling starts instances with encrypted volumes under its own role, to which no IAM policy can add.

    The role is named by a condition, because a key policy may not name a principal that an account does not have yet.
    """
    role = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    is_auto_scaling: dict[str, object] = {
        "StringEquals": {"kms:CallerAccount": environment.account},
        "ArnEquals": {"aws:PrincipalArn": join("arn:aws:iam::", environment.account, ":", role)},
    }
    yield {
        "Sid": "AutoScalingMayUse",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": is_auto_scaling,
    }
    yield {
        "Sid": "AutoScalingMayGrant",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "kms:CreateGrant",
        "Resource": "*",
        "Condition": {**is_auto_scaling, "Bool": {"kms:GrantIsForAWSResource": "true"}},
    }
