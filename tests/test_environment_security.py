"""Keys, bounds and alarm topics of an environment: who may use what."""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compiler.service import Environment, Waf
from tests.environments_by_hand import BRANCHES, PRODUCTION, STAGING, build_template, properties_of, statements_of

FOLDER = Path(__file__).parent.parent / "platform" / "templates"
PURPOSES = ("Logs", "Data", "Messaging", "Alarms", "Sessions")
USE = ["kms:Decrypt", "kms:GenerateDataKey*"]
OWN_ACCOUNT = {"aws:SourceAccount": "111122223333"}
AUTO_SCALING = "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"


def test_every_key_rotates_and_waits_a_month_before_it_is_gone() -> None:
    keys = properties_of(build_template("security"), "AWS::KMS::Key")
    assert [f"{purpose}Key" for purpose in PURPOSES] == list(keys)
    assert [(True, 30)] * 5 == [(key["EnableKeyRotation"], key["PendingWindowInDays"]) for key in keys.values()]


def test_every_key_has_an_alias_by_its_purpose() -> None:
    aliases = properties_of(build_template("security"), "AWS::KMS::Alias").values()
    assert {f"alias/platform/production/{purpose.lower()}": {"Ref": f"{purpose}Key"} for purpose in PURPOSES} == {
        alias["AliasName"]: alias["TargetKeyId"] for alias in aliases
    }


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_account_administers_a_key_and_only_aws_gets_grants(purpose: str) -> None:
    administer, grants, *_ = _key_statements(purpose)
    assert ("Allow", "kms:*", {"AWS": "arn:aws:iam::111122223333:root"}) == (
        *(administer["Effect"], administer["Action"], administer["Principal"]),
    )
    assert ("Deny", "kms:CreateGrant") == (grants["Effect"], grants["Action"])
    assert {"kms:GrantIsForAWSResource": "false", "aws:PrincipalIsAWSService": "false"} == grants["Condition"]["Bool"]


def test_logs_may_use_their_key_for_log_groups_of_the_account() -> None:
    logs, _ = _users("Logs")
    assert {"Service": "logs.eu-west-1.amazonaws.com"} == logs["Principal"]
    groups = "arn:aws:logs:eu-west-1:111122223333:log-group:*"
    assert {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}} == logs["Condition"]


def test_topics_of_the_account_may_deliver_to_queues_with_the_messaging_key() -> None:
    (topics,) = _users("Messaging")
    assert ({"Service": "sns.amazonaws.com"}, USE) == (topics["Principal"], topics["Action"])
    source = {"aws:SourceArn": "arn:aws:sns:eu-west-1:111122223333:*"}
    assert {"StringEquals": OWN_ACCOUNT, "ArnLike": source} == topics["Condition"]


def test_alarms_of_the_account_may_publish_with_the_alarms_key() -> None:
    alarms, events = _users("Alarms")
    assert (["events.amazonaws.com", "budgets.amazonaws.com"], USE) == (
        events["Principal"]["Service"],
        events["Action"],
    )
    assert {"StringEquals": OWN_ACCOUNT} == events["Condition"]
    assert ({"Service": "cloudwatch.amazonaws.com"}, USE) == (alarms["Principal"], alarms["Action"])
    source = {"aws:SourceArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:*"}
    assert {"StringEquals": OWN_ACCOUNT, "ArnLike": source} == alarms["Condition"]


def test_auto_scaling_and_nobody_else_may_start_instances_with_the_data_key() -> None:
    use, grant = _users("Data")
    for statement in (use, grant):
        assert {"aws:PrincipalArn": AUTO_SCALING} == statement["Condition"]["ArnEquals"]
        assert {"kms:CallerAccount": "111122223333"} == statement["Condition"]["StringEquals"]
    assert "kms:CreateGrant" not in use["Action"]
    assert ("kms:CreateGrant", {"kms:GrantIsForAWSResource": "true"}) == (grant["Action"], grant["Condition"]["Bool"])


def test_only_the_data_key_lets_anyone_in() -> None:
    for purpose in PURPOSES:
        is_open = any(user["Principal"] == {"AWS": "*"} for user in _users(purpose))
        assert is_open == (purpose == "Data"), purpose


def test_whatever_the_library_grants_lies_within_the_boundary() -> None:
    allowed = _boundary()["Action"]
    granted = set(re.findall(r'"([a-z0-9-]+:[A-Z][A-Za-z]+)"', (FOLDER / "_access.py").read_text("utf-8")))
    granted -= {"sts:AssumeRole"}  # of the trust policy, which the boundary does not concern
    for stack in (build_template("security"), build_template("network")):
        policies = dict(statements_of(stack))
        for name in {"InstanceBase", "FlowLogPolicy"} & policies.keys():
            granted |= {action for statement in policies[name] for action in statement["Action"]}
    assert {"kms:Decrypt", "ssmmessages:OpenDataChannel", "logs:PutLogEvents"} <= granted
    assert [] == [action for action in sorted(granted) if not _matches(action, allowed)]


@pytest.mark.parametrize(
    "action",
    [
        *("iam:CreateRole", "iam:PassRole", "iam:DeleteRolePermissionsBoundary", "sts:AssumeRole"),
        *("kms:CreateGrant", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "organizations:LeaveOrganization"),
        *("ec2:RunInstances", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateRoute", "s3:PutBucketPolicy"),
        *("s3:PutObjectAcl", "s3:DeleteBucket", "dynamodb:DeleteTable", "sqs:SetQueueAttributes", "sns:AddPermission"),
        *("ssm:DeleteParameter", "ssm:SendCommand", "ssm:StartSession", "logs:DeleteLogGroup", "lambda:AddPermission"),
        *("cloudformation:UpdateStack", "cloudformation:ExecuteChangeSet", "secretsmanager:PutSecretValue"),
    ],
)
def test_the_boundary_keeps_services_from_changing_what_holds_them(action: str) -> None:
    assert not _matches(action, _boundary()["Action"])


def test_no_role_of_a_service_writes_what_instances_and_stacks_are_told() -> None:
    denied = {item["Sid"]: item for item in dict(statements_of(build_template("security")))["ServiceBoundary"]}
    statement = denied["LeaveThePlatformsParameters"]
    assert ("Deny", ["ssm:PutParameter"]) == (statement["Effect"], statement["Action"])
    place = "arn:aws:ssm:eu-west-1:111122223333:parameter"
    assert [f"{place}/platform/*", f"{place}/service/*"] == statement["Resource"]


def test_the_boundary_ends_at_the_account_and_fits_into_a_policy() -> None:
    assert {"StringEqualsIfExists": {"aws:ResourceAccount": "111122223333"}} == _boundary()["Condition"]
    document = properties_of(build_template("security"), "AWS::IAM::ManagedPolicy")["ServiceBoundary"]["PolicyDocument"]
    assert len(json.dumps(document, separators=(",", ":"))) < 6144


def test_an_instance_reads_no_parameter_and_writes_metrics_of_the_platform_only() -> None:
    statements = {item["Sid"]: item for item in dict(statements_of(build_template("security")))["InstanceBase"]}
    actions = {action for statement in statements.values() for action in statement["Action"]}
    assert {
        *(f"ssmmessages:{verb}{what}Channel" for verb in ("Create", "Open") for what in ("Control", "Data")),
        *("ssm:UpdateInstanceInformation", "cloudwatch:PutMetricData", "ec2:DescribeTags"),
        "elasticloadbalancing:DescribeTargetHealth",
        *(
            "kms:Decrypt",
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ),
    } == actions
    namespaces = {"StringEquals": {"cloudwatch:namespace": ["CWAgent", "Platform"]}}
    assert namespaces == statements["WriteMetrics"]["Condition"]
    assert "arn:aws:ec2:eu-west-1:111122223333:instance/*" == statements["Register"]["Resource"]


def test_sessions_are_encrypted_logged_and_end() -> None:
    stack = build_template("security")
    (document,) = properties_of(stack, "AWS::SSM::Document").values()
    inputs = document["Content"]["inputs"]
    assert ({"Ref": "SessionsKey"}, {"Ref": "SessionLogGroup"}) == (
        inputs["kmsKeyId"],
        inputs["cloudWatchLogGroupName"],
    )
    assert inputs["cloudWatchEncryptionEnabled"] is inputs["cloudWatchStreamingEnabled"] is True
    assert ("20", "120") == (inputs["idleSessionTimeout"], inputs["maxSessionDuration"])
    statements = {item["Sid"]: item for item in dict(statements_of(stack))["InstanceBase"]}
    group = "arn:aws:logs:eu-west-1:111122223333:log-group:/platform/production/sessions:*"
    assert group == statements["LogSessions"]["Resource"]
    assert {"Fn::GetAtt": ["SessionsKey", "Arn"]} == statements["DecryptSessions"]["Resource"]


@pytest.mark.parametrize(
    ("environment", "instances"), [(PRODUCTION, "production"), (STAGING, "staging"), (BRANCHES, "env-*")]
)
def test_an_operator_opens_sessions_of_its_environment_and_by_its_document(
    environment: Environment, instances: str
) -> None:
    statements = {
        item["Sid"]: item
        for item in dict(statements_of(build_template("security", environment)))["SessionOperatorPolicy"]
    }
    condition = statements["StartOnOwnInstances"]["Condition"]
    assert {"ssm:resourceTag/environment": instances} == condition["StringLike"]
    assert {"ssm:SessionDocumentAccessCheck": "true"} == condition["BoolIfExists"]
    assert statements["UseOwnDocument"]["Resource"].endswith(f":document/platform-{environment.name}-session")
    assert statements["EndOwnSessions"]["Resource"].endswith(":session/${aws:userid}-*")


@pytest.mark.parametrize(("mode", "override", "action"), [("block", "None", "Block"), ("count", "Count", "Count")])
def test_the_web_acl_blocks_or_counts_and_its_log_holds_no_secret(mode: str, override: str, action: str) -> None:
    stack = build_template("security", replace(PRODUCTION, waf=Waf(mode, 500)))
    acl = properties_of(stack, "AWS::WAFv2::WebACL")["PublicWebAcl"]
    *groups, rate = acl["Rules"]
    assert [1, 2, 3, 4] == [rule["Priority"] for rule in acl["Rules"]]
    assert [{override: {}}] * 3 == [rule["OverrideAction"] for rule in groups]
    assert ({action: {}}, 500) == (rate["Action"], rate["Statement"]["RateBasedStatement"]["Limit"])
    log = properties_of(stack, "AWS::WAFv2::LoggingConfiguration")["WebAclLogging"]
    name = properties_of(stack, "AWS::Logs::LogGroup")["WebAclLogGroup"]["LogGroupName"]
    assert name.startswith("aws-waf-logs-")
    assert [f"arn:aws:logs:eu-west-1:111122223333:log-group:{name}"] == log["LogDestinationConfigs"]
    assert ["authorization", "cookie"] == [field["SingleHeader"]["Name"] for field in log["RedactedFields"]]


def test_without_a_web_acl_nothing_refers_to_one() -> None:
    off = replace(PRODUCTION, waf=Waf("off"))
    text = json.dumps([build_template(name, off) for name in ("security", "ingress")])
    assert [] == re.findall(r"WAFv2|web-acl|WAFV2", text)


def test_what_failed_starts_leave_is_encrypted_and_kept() -> None:
    kept = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    for environment, days, lifetime in ((PRODUCTION, 365, kept), (STAGING, 90, dict.fromkeys(kept, "Delete"))):
        group = build_template("security", environment)["Resources"]["BootLogGroup"]
        properties = group["Properties"]
        assert f"/platform/{environment.name}/boot" == properties["LogGroupName"]
        assert ({"Fn::GetAtt": ["LogsKey", "Arn"]}, days) == (properties["KmsKeyId"], properties["RetentionInDays"])
        assert lifetime.items() <= group.items()


def test_the_policies_have_names_that_other_policies_can_speak_of() -> None:
    policies = properties_of(build_template("security"), "AWS::IAM::ManagedPolicy").values()
    assert [
        "/platform/production-service-boundary",
        "/platform/production-instance-base",
        "/platform/production-session-operator",
    ] == [policy["Path"] + policy["ManagedPolicyName"] for policy in policies]


def test_each_owner_has_an_amber_and_a_red_topic_encrypted_with_the_alarms_key() -> None:
    topics = properties_of(build_template("notifications"), "AWS::SNS::Topic")
    assert {
        f"{owner}{color}Topic" for owner in ("Platform", "SquadMenu", "SquadOrders") for color in ("Amber", "Red")
    } == set(topics)
    key = "{{resolve:ssm:/platform/production/security/alarms-key-arn}}"
    assert {key} == {topic["KmsMasterKeyId"] for topic in topics.values()}
    assert "platform-production-squad-menu-red" == topics["SquadMenuRedTopic"]["TopicName"]


def test_alarms_of_the_account_may_publish_to_a_topic_and_nothing_in_plain_text() -> None:
    policies = properties_of(build_template("notifications"), "AWS::SNS::TopicPolicy")
    assert 6 == len(policies)
    for name, policy in policies.items():
        topic = {"Ref": name.removesuffix("Policy")}
        account, alarms, events, plain = policy["PolicyDocument"]["Statement"]
        assert [topic] == policy["Topics"]
        assert [topic] * 4 == [statement["Resource"] for statement in (account, alarms, events, plain)]
        assert {"StringEquals": OWN_ACCOUNT} == events["Condition"]
        assert ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish") == (alarms["Principal"], alarms["Action"])
        assert OWN_ACCOUNT == alarms["Condition"]["StringEquals"]
        assert ("Deny", {"Bool": {"aws:SecureTransport": "false"}}) == (plain["Effect"], plain["Condition"])


def test_no_topic_is_to_report_its_own_silence() -> None:
    alarms = properties_of(build_template("notifications"), "AWS::CloudWatch::Alarm")
    assert 6 == len(alarms)
    red = [name for name, alarm in alarms.items() if alarm["AlarmActions"] == [{"Ref": "PlatformRedTopic"}]]
    assert ["PlatformAmberTopicDeliveryAlarm"] == red


def test_without_a_platform_team_nobody_watches_the_topics() -> None:
    stack = build_template("notifications", replace(PRODUCTION, owners=("squad-menu",)))
    assert {"SquadMenuAmberTopic", "SquadMenuRedTopic"} == set(properties_of(stack, "AWS::SNS::Topic"))
    assert {} == properties_of(stack, "AWS::CloudWatch::Alarm")


def _key_statements(purpose: str) -> list[dict[str, Any]]:
    return dict(statements_of(build_template("security")))[f"{purpose}Key"]


def _users(purpose: str) -> list[dict[str, Any]]:
    """The statements of a key's policy beyond those that every key has."""
    return _key_statements(purpose)[2:]


def _boundary() -> dict[str, Any]:
    """The statement that allows; what another one denies is a part of it."""
    statement, denied = dict(statements_of(build_template("security")))["ServiceBoundary"]
    assert "Deny" == denied["Effect"]
    return statement


def _matches(action: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in patterns)
