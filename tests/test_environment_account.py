"""What an account has once: who may write the record of calls, what somebody hears of, and that only one makes it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from compiler.service import AccountBaseline, Environment
from tests.environments_by_hand import PRODUCTION, STAGING, build_template, properties_of, statements_of

TRAIL = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/platform-production"
TOPIC = "{{resolve:ssm:/platform/production/notifications/platform-%s-topic-arn}}"


def test_an_account_has_it_once() -> None:
    assert "Resources" not in build_template("account", _with(is_made_here=False))


def test_calls_of_every_region_are_recorded_encrypted_and_the_record_cannot_be_changed_unseen() -> None:
    stack = build_template("account")
    (trail,) = properties_of(stack, "AWS::CloudTrail::Trail").values()
    assert "platform-production" == trail["TrailName"]
    assert trail["IsLogging"] is trail["IsMultiRegionTrail"] is trail["EnableLogFileValidation"] is True
    assert "{{resolve:ssm:/platform/production/security/logs-key-arn}}" == trail["KMSKeyId"]
    assert "TrailBucketPolicy" == stack["Resources"]["Trail"]["DependsOn"]


def test_only_this_trail_writes_to_its_bucket_and_encrypts() -> None:
    statements = {item["Sid"]: item for item in dict(statements_of(build_template("account")))["TrailBucketPolicy"]}
    allowed = [item for item in statements.values() if item["Effect"] == "Allow"]
    assert {"s3:GetBucketAcl", "s3:PutObject"} == {item["Action"] for item in allowed}
    assert {TRAIL} == {item["Condition"]["StringEquals"]["aws:SourceArn"] for item in allowed}
    assert {"Fn::Sub": "${TrailBucket.Arn}/AWSLogs/111122223333/*"} == statements["TrailMayWrite"]["Resource"]
    key = {item["Sid"]: item for item in dict(statements_of(build_template("security")))["LogsKey"]}["TrailMayEncrypt"]
    assert {"aws:SourceArn": TRAIL} == key["Condition"]["StringEquals"]


def test_what_resources_are_like_is_recorded_under_the_role_that_aws_asks_for() -> None:
    stack = build_template("account")
    (recorder,) = properties_of(stack, "AWS::Config::ConfigurationRecorder").values()
    role = "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    assert f"arn:aws:iam::111122223333:{role}" == recorder["RoleARN"]
    assert {"AllSupported": True, "IncludeGlobalResourceTypes": True} == recorder["RecordingGroup"]
    assert "ConfigRole" == stack["Resources"]["ConfigRecorder"]["DependsOn"]
    (channel,) = properties_of(stack, "AWS::Config::DeliveryChannel").values()
    assert {"Ref": "ConfigBucket"} == channel["S3BucketName"]
    allowed = [item for item in dict(statements_of(stack))["ConfigBucketPolicy"] if item["Effect"] == "Allow"]
    assert ["config.amazonaws.com"] * 2 == [item["Principal"]["Service"] for item in allowed]
    assert ["111122223333"] * 2 == [item["Condition"]["StringEquals"]["aws:SourceAccount"] for item in allowed]
    assert {"Fn::Sub": "${ConfigBucket.Arn}/AWSLogs/111122223333/Config/*"} == allowed[-1]["Resource"]


@pytest.mark.parametrize(("environment", "frequency"), [(PRODUCTION, "CONTINUOUS"), (STAGING, "DAILY")])
def test_each_change_is_recorded_in_production_only(environment: Environment, frequency: str) -> None:
    (recorder,) = properties_of(build_template("account", environment), "AWS::Config::ConfigurationRecorder").values()
    assert {"RecordingFrequency": frequency} == recorder["RecordingMode"]


def test_where_the_organization_records_nothing_of_it_is_made() -> None:
    resources = build_template("account", _with(config=False))["Resources"]
    assert [] == [name for name in resources if name.startswith("Config")]
    assert "config.amazonaws.com" not in json.dumps(resources)
    there = build_template("account", _with(config_role=False))["Resources"]
    assert "ConfigRole" not in there and "DependsOn" not in there["ConfigRecorder"]
    elsewhere = build_template("account", _with(is_region_only=True))["Resources"]
    assert "ConfigRole" not in elsewhere
    assert elsewhere["ConfigRecorder"]["Properties"]["RecordingGroup"]["IncludeGlobalResourceTypes"] is False


def test_what_nobody_does_on_an_ordinary_day_pages_the_platform_team() -> None:
    rules = properties_of(build_template("account"), "AWS::Events::Rule")
    change = rules.pop("SecurityGroupChangeRule")
    assert {"RootUserRule", "KeyDeletionRule", "TrailChangeRule", "ConfigChangeRule", "ThreatRule"} == set(rules)
    assert [TOPIC % "red"] * 5 == [target["Arn"] for rule in rules.values() for target in rule["Targets"]]
    # It has happened already, and stacks that are deployed do nothing else.
    assert [TOPIC % "amber"] == [target["Arn"] for target in change["Targets"]]
    assert {"invokedBy": [{"exists": False}]} == change["EventPattern"]["detail"]["userIdentity"]
    assert ["DisableKey", "ScheduleKeyDeletion"] == rules["KeyDeletionRule"]["EventPattern"]["detail"]["eventName"]


def test_a_page_says_who_did_what_and_where_to_read_on() -> None:
    for name, rule in properties_of(build_template("account"), "AWS::Events::Rule").items():
        (target,) = rule["Targets"]
        transformed = target["InputTransformer"]
        said = json.loads(transformed["InputTemplate"])
        assert re.findall(r"<(\w+)>", said) == list(transformed["InputPathsMap"]), name
        assert all(path.startswith("$.detail.") for path in transformed["InputPathsMap"].values()), name
        page = name.removesuffix("Rule")
        assert said.endswith(f" https://runbooks.recipes.example/platform/{page[0].lower()}{page[1:]}")


def test_a_budget_tells_before_the_money_is_gone_and_is_there_where_one_is_set() -> None:
    (budget,) = properties_of(build_template("account", _with(monthly_budget=900)), "AWS::Budgets::Budget").values()
    assert {"Amount": 900, "Unit": "USD"} == budget["Budget"]["BudgetLimit"]
    told = budget["NotificationsWithSubscribers"]
    assert [("ACTUAL", 80), ("FORECASTED", 100)] == [
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"]) for each in told
    ]
    assert [TOPIC % "amber"] * 2 == [who["Address"] for each in told for who in each["Subscribers"]]
    assert {} == properties_of(build_template("account", _with(monthly_budget=None)), "AWS::Budgets::Budget")


def test_without_guard_duty_nothing_waits_for_what_it_finds() -> None:
    stack = build_template("account", _with(guard_duty=False))
    assert {} == properties_of(stack, "AWS::GuardDuty::Detector")
    assert "guardduty" not in json.dumps(stack)


def test_without_a_platform_team_the_record_is_kept_and_nobody_is_told() -> None:
    stack = build_template("account", replace(PRODUCTION, owners=("squad-menu",)))
    kinds = {resource["Type"] for resource in stack["Resources"].values()}
    assert {"AWS::Events::Rule", "AWS::Budgets::Budget"}.isdisjoint(kinds)
    assert "AWS::CloudTrail::Trail" in kinds


def _with(**changes: Any) -> Environment:
    return replace(PRODUCTION, account_baseline=AccountBaseline(**changes))
