"""What a service's roles may do, what its alarms say, and what its processes are told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from compiler.service import DeploymentBucket, LogFile, LogFilter, Subscription
from tests.services_by_hand import (
    CASES,
    RECIPES,
    STAGING,
    STAGING_RECIPES,
    WEB,
    WORKER,
    build_resources,
    load_template,
    properties_of,
    ssm,
    with_process,
)

ACCOUNT = "arn:aws:{}:eu-west-1:111122223333:{}"
DAY = 24 * 60 * 60


# Access


@pytest.mark.parametrize("case", CASES)
def test_no_policy_of_a_service_allows_everything(case: str) -> None:
    for name, policy in properties_of(build_resources(*CASES[case]), "AWS::IAM::ManagedPolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            assert "*" not in _listed(statement["Resource"]), name
            assert not [action for action in statement["Action"] if "*" in action], name
            assert statement["Sid"], name


def test_roles_have_policies_only_by_attachment_and_the_boundary_always() -> None:
    roles = properties_of(build_resources(RECIPES), "AWS::IAM::Role")
    assert ["WebRole", "WorkerRole"] == sorted(roles)
    for role in roles.values():
        assert "Policies" not in role
        assert ssm("security/service-boundary-arn") == role["PermissionsBoundary"]
        assert [ssm("security/instance-base-policy-arn")] == role["ManagedPolicyArns"]


def test_a_release_in_the_bucket_of_another_environment_is_decrypted_with_its_key() -> None:
    service, environment = CASES["production"]
    sharing = replace(environment, deployment_bucket=DeploymentBucket(is_made_here=False))
    statement = _statements(build_resources(service, sharing), "WebPolicy")["DecryptReleases"]
    assert ["kms:Decrypt"] == statement["Action"]
    assert ACCOUNT.format("kms", "key/*") == statement["Resource"]
    assert {
        "kms:ViaService": ["s3.eu-west-1.amazonaws.com"],
        "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::platform-deployment-111122223333-eu-west-1",
    } == statement["Condition"]["StringEquals"]
    assert "DecryptReleases" not in _statements(build_resources(service, environment), "WebPolicy")


def test_a_role_reads_its_own_release_settings_and_secrets() -> None:
    statements = _statements(build_resources(RECIPES), "WebPolicy")
    bucket = "arn:aws:s3:::platform-deployment-111122223333-eu-west-1/services/recipes/*/"
    boot_log = ACCOUNT.format("logs", "log-group:/platform/production/boot")
    config = ACCOUNT.format("ssm", "parameter/service/production/recipes/config")
    group = "autoScalingGroup:*:autoScalingGroupName/${AWS::StackName}-WebGroup-*"
    assert {
        "FetchRelease": [f"{bucket}ansible.tar.gz", f"{bucket}source.tar.gz"],
        "ReadConfig": [config, f"{config}/*"],
        "ReadSecrets": [ACCOUNT.format("ssm", "parameter/recipes/database-password")],
        "WriteLogs": [
            ACCOUNT.format("logs", f"log-group:/service/production/recipes/{log}:*")
            for log in ("web/app", "access", "system")
        ],
        "LeaveWord": [boot_log, f"{boot_log}:log-stream:production/recipes/web/*"],
        "Decrypt": ssm("security/data-key-arn"),
        "SignalStack": {"Ref": "AWS::StackId"},
        "FindGroup": {"Ref": "AWS::StackId"},
        "AnswerGroup": {"Fn::Sub": f"arn:${{AWS::Partition}}:autoscaling:eu-west-1:111122223333:{group}"},
    } == {sid: statement["Resource"] for sid, statement in statements.items()}
    via = statements["Decrypt"]["Condition"]["StringEquals"]["kms:ViaService"]
    assert ["s3.eu-west-1.amazonaws.com", "ssm.eu-west-1.amazonaws.com"] == via


def test_every_process_publishes_and_each_consumes_from_its_own_queues() -> None:
    resources = build_resources(RECIPES)
    web, worker = (_statements(resources, f"{name}MessagesPolicy") for name in ("Web", "Worker"))
    topics = [ACCOUNT.format("sns", f"production-recipes-{event}") for event in RECIPES.publishes]
    assert topics == web["Publish"]["Resource"] == worker["Publish"]["Resource"]
    assert "Consume" not in web
    assert [{"Fn::GetAtt": ["WorkerCustomerAddressChangedQueue", "Arn"]}] == worker["Consume"]["Resource"]
    assert "WebMessagesPolicy" not in build_resources(replace(with_process(WEB), publishes=()))


@pytest.mark.parametrize(("queues", "topics"), [(1, 0), (30, 8), (31, 1), (60, 0), (60, 30), (1, 9), (0, 3)])
def test_policies_hold_all_queues_however_long_their_names_turn_out(queues: int, topics: int) -> None:
    consumed = tuple(Subscription("other", f"event-{number}", "worker", {}) for number in range(queues))
    events = tuple(f"e{number}".ljust(48, "x") for number in range(topics))
    service = replace(RECIPES, name="r" * 32, processes=(WORKER,), publishes=events, consumes=consumed)
    resources = build_resources(service)
    messages = [name for name in resources if name.startswith("WorkerMessagesPolicy")]
    allowed = 0
    for name in messages:
        longest = json.dumps(resources[name]["Properties"]["PolicyDocument"], separators=(",", ":"))
        text, count = re.subn(r'\{"Fn::GetAtt":\[[^\]]*\]\}', json.dumps("q" * 120), longest)
        assert len(text) <= 6_144, (name, len(text))
        allowed += count
    assert queues == allowed
    assert set(messages) <= set(resources["WorkerGroup"]["DependsOn"])


def test_config_is_a_parameter_for_each_key_and_a_secret_is_none() -> None:
    parameters = properties_of(build_resources(replace(RECIPES, publishes=(), consumes=())), "AWS::SSM::Parameter")
    assert {"/service/production/recipes/config/LOG_LEVEL": "info"} == {
        parameter["Name"]: parameter["Value"] for parameter in parameters.values()
    }


# Alarms


@pytest.mark.parametrize("case", CASES)
def test_every_alarm_says_what_is_wrong_and_tells_the_owner_both_ways(case: str) -> None:
    """Or another alarm speaks for it, and then it tells nobody itself."""
    service, environment = CASES[case]
    resources = build_resources(service, environment)
    combined = properties_of(resources, "AWS::CloudWatch::CompositeAlarm")
    spoken_for = {
        name for each in combined.values() for name in re.findall(r"\$\{(\w+)\}", json.dumps(each["AlarmRule"]))
    }
    alarms = properties_of(resources, "AWS::CloudWatch::Alarm")
    assert alarms
    for name, alarm in {**alarms, **combined}.items():
        assert 20 < len(alarm["AlarmDescription"]) <= 1024, name
        if name in alarms:
            assert alarm["DatapointsToAlarm"] <= alarm["EvaluationPeriods"], name
            assert "TreatMissingData" in alarm, name
        told = [alarm[way] for way in ("AlarmActions", "OKActions", "InsufficientDataActions") if way in alarm]
        if name in spoken_for or name.endswith("DeployingAlarm"):
            assert [] == told, name
            continue
        color = (
            "red" if name.endswith(("RedAlarm", "DownAlarm", "LossAlarm")) and environment.tier != "branch" else "amber"
        )
        place = f"arn:aws:sns:{environment.region}:{environment.account}"
        topic = f"{place}:platform-{environment.shared}-{service.owner}-{color}"
        assert [[topic], [topic]] == told, name


def test_thresholds_are_those_of_the_descriptor() -> None:
    alarms = properties_of(build_resources(RECIPES), "AWS::CloudWatch::Alarm")
    metrics = ("Cpu", "Latency", "Errors", "UnhealthyHosts")
    assert {"Cpu": (61, 80), "Latency": (0.8, 1.2), "Errors": (1, 5), "UnhealthyHosts": (0, 1)} == {
        metric: tuple(alarms[f"Web{metric}{color}Alarm"]["Threshold"] for color in ("Amber", "Red"))
        for metric in metrics
    }
    assert (300, 900) == tuple(alarms[f"WorkerQueueAge{color}Alarm"]["Threshold"] for color in ("Amber", "Red"))


def test_an_alarm_rings_after_the_minutes_that_its_description_names() -> None:
    alarms = properties_of(build_resources(RECIPES), "AWS::CloudWatch::Alarm")
    assert {
        "Cpu": (300, 3, 3, "for 15 minutes"),
        "Latency": (60, 4, 5, "in 4 of 5 minutes"),
        "Errors": (60, 3, 5, "in 3 of 5 minutes"),
        "UnhealthyHosts": (60, 5, 5, "for 5 minutes"),
    } == {metric: _when(alarms[f"Web{metric}RedAlarm"]) for metric in ("Cpu", "Latency", "Errors", "UnhealthyHosts")}
    assert (60, 5, 5, "for 5 minutes") == _when(alarms["WorkerQueueAgeRedAlarm"])


def test_silence_is_fine_for_traffic_and_unknown_for_machines() -> None:
    alarms = properties_of(build_resources(RECIPES), "AWS::CloudWatch::Alarm")
    missing = {name for name, alarm in alarms.items() if alarm["TreatMissingData"] == "missing"}
    machine = ("CpuAmber", "CpuRed", "DiskAmber", "MemoryAmber", "StatusChecksAmber")
    assert {f"{process}{metric}Alarm" for process in ("Web", "Worker") for metric in machine} == missing


def test_a_process_without_a_port_is_not_watched_for_requests() -> None:
    watched = {
        process.name: json.dumps(properties_of(build_resources(with_process(process)), "AWS::CloudWatch::Alarm"))
        for process in (WEB, WORKER)
    }
    assert "AWS/ApplicationELB" in watched["web"]
    assert "AWS/ApplicationELB" not in watched["worker"]


def test_a_queue_may_grow_old_outside_business_hours() -> None:
    night = build_resources(STAGING_RECIPES, STAGING)["WorkerQueueAgeRedAlarm"]["Properties"]["Metrics"]
    assert "IF(FILL(most, 1) > 0, MAX([age1]), 0)" == night[-1]["Expression"]
    assert "GroupMaxSize" in {query["MetricStat"]["Metric"]["MetricName"] for query in night[:-1]}
    always = build_resources(RECIPES)["WorkerQueueAgeRedAlarm"]["Properties"]["Metrics"]
    assert "MAX([age1])" == always[-1]["Expression"]


def test_a_log_filter_counts_and_says_when_it_is_too_much() -> None:
    pattern = '[ip, user = "a\\"b", ...]'
    log = LogFile("access", "/var/log/access.log", 7, (LogFilter("bad-users", pattern, 9),))
    resources = build_resources(with_process(replace(WEB, logs=(log,))))
    counted, alarm = (resources[f"WebAccessBadUsers{kind}"]["Properties"] for kind in ("MetricFilter", "Alarm"))
    (metric,) = counted["MetricTransformations"]
    assert (pattern, {"Ref": "WebAccessLogGroup"}) == (counted["FilterPattern"], counted["LogGroupName"])
    assert (metric["MetricNamespace"], metric["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])
    assert (0, 9) == (metric["DefaultValue"], alarm["Threshold"])


# Configuration


def test_processes_are_told_where_to_publish_and_where_to_receive() -> None:
    parameters = properties_of(build_resources(RECIPES), "AWS::SSM::Parameter")
    path = "/service/production/recipes/config"
    assert {
        f"{path}/LOG_LEVEL": "info",
        f"{path}/RECIPE_CREATED_TOPIC_ARN": {"Ref": "RecipeCreatedTopic"},
        f"{path}/RECIPE_WITHDRAWN_TOPIC_ARN": {"Ref": "RecipeWithdrawnTopic"},
        f"{path}/WORKER_CUSTOMER_ADDRESS_CHANGED_QUEUE_URL": {"Ref": "WorkerCustomerAddressChangedQueue"},
    } == {parameter["Name"]: parameter["Value"] for parameter in parameters.values()}


def test_names_of_config_parameters_read_like_other_logical_ids() -> None:
    config_id = load_template("_conventions").config_id
    assert ["LogLevelConfig", "AConfig", "S3BucketConfig"] == [
        config_id(key) for key in ("LOG_LEVEL", "A", "S3_BUCKET")
    ]


def _statements(resources: dict[str, Any], policy: str) -> dict[str, Any]:
    return {item["Sid"]: item for item in resources[policy]["Properties"]["PolicyDocument"]["Statement"]}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _when(alarm: dict[str, Any]) -> tuple[int, int, int, str]:
    """The period of an alarm in seconds, of how many periods how many, and how its description says it."""
    metrics = [query["MetricStat"] for query in alarm.get("Metrics", ()) if "MetricStat" in query]
    (period,) = {metric["Period"] for metric in metrics or [alarm]}
    said = re.search(r"(for|in [0-9]+ of) [0-9]+ minutes", alarm["AlarmDescription"])
    assert said
    return period, alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"], said[0]
