"""What an account has once: who may write the record of calls, what somebody hears of, and that only one makes it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from compiler.service import AccountBaseline, Environment
from tests.environments_by_hand import PRODUCTION, build_template, properties_of, statements_of

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


def test_what_nobody_does_on_an_ordinary_day_pages_the_platform_team() -> None:
    rules = properties_of(build_template("account"), "AWS::Events::Rule")
    assert {"RootUserRule", "KeyDeletionRule", "TrailChangeRule", "ThreatRule"} == set(rules)
    assert [TOPIC % "red"] * 4 == [target["Arn"] for rule in rules.values() for target in rule["Targets"]]
    assert ["DisableKey", "ScheduleKeyDeletion"] == rules["KeyDeletionRule"]["EventPattern"]["detail"]["eventName"]


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
