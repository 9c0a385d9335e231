"""What holds for everything that a service gets from the library: names, tags, references, encryption, origins."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics import Source, Span
from compiler.model import Origin, Said, Setting
from compiler.service import Scaling
from compiler.trace import settings_of, trace_value
from tests.linting import lint_text
from tests.services_by_hand import (
    CASES,
    PRODUCTION,
    RECIPES,
    STAGING,
    TEMPLATES,
    WEB,
    build_resources,
    build_stack,
    properties_of,
    render_json,
    ssm,
    stuck_on_rollback,
    with_process,
)

LIBRARY = Path(__file__).parent.parent / "platform"
SHARED_CODE = (
    "_access",
    "_alarms",
    "_conventions",
    "_dashboards",
    "_load_balancers",
    "_permissions",
    "_lifecycle",
    "_log_groups",
    "_patience",
    "_scaling",
    "_user_data",
    "_queries",
    "_ways_in",
    "_widgets",
)
OF_ALL = (
    "AccessLogGroup",
    "OutputLogGroup",
    "SystemLogGroup",
    "OutOfMemoryAlarm",
    "OutputErrorsAlarm",
    "PanicsAlarm",
    "LaunchFailuresRule",
    "BootFailuresAmberAlarm",
)  # of all processes together
UNTAGGED = {
    *("AWS::AutoScaling::ScalingPolicy", "AWS::AutoScaling::ScheduledAction", "AWS::IAM::InstanceProfile"),
    *("AWS::AutoScaling::WarmPool", "AWS::Logs::QueryDefinition", "AWS::Logs::SubscriptionFilter"),
    *("AWS::IAM::ManagedPolicy", "AWS::Logs::MetricFilter", "AWS::Route53::RecordSet", "AWS::SNS::Subscription"),
    *("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::WAFv2::WebACLAssociation"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_linter_has_nothing_to_say(case: str) -> None:
    assert [] == lint_text(render_json(build_stack(*CASES[case])))


def test_the_logical_ids_are_those_that_services_count_on() -> None:
    assert {
        *("WebGroup", "WebLaunchTemplate", "WebScaleOnCpu", "WorkerScaleOnQueueAge"),
        *("WebLoadBalancer", "WebListener", "WebTargetGroup", "WebDnsRecord"),
        *("WebSecurityGroup", "WebLoadBalancerSecurityGroup", "WebRole", "WebInstanceProfile", "WebPolicy"),
        *(f"Web{metric}AmberAlarm" for metric in ("Cpu", "Latency", "Errors", "UnhealthyHosts")),
        *(f"Web{metric}RedAlarm" for metric in ("Cpu", "Latency", "Errors", "UnhealthyHosts")),
        *("WorkerCpuAmberAlarm", "WorkerCpuRedAlarm", "WorkerQueueAgeAmberAlarm", "WorkerQueueAgeRedAlarm"),
        *("WebAppLogGroup", "WebAppErrorsMetricFilter", "WebAppErrorsAlarm"),
        *("RecipeCreatedTopic", "RecipeWithdrawnTopic", "LogLevelConfig"),
        *("WorkerCustomerAddressChangedQueue", "WorkerCustomerAddressChangedDeadLetterQueue"),
        "WorkerCustomerAddressChangedSubscription",
    } - build_resources(RECIPES).keys() == set()


def test_what_the_descriptor_says_arrives_with_the_word_of_the_line_that_said_it() -> None:
    said = {name: _setting(name) for name in ("min", "max", "grace", "days", "size", "type", "amber", "name")}
    web = replace(
        WEB,
        name=trace_value("web", said["name"]),
        instance_type=trace_value("m7g.large", said["type"]),
        root_volume_size=trace_value(16, said["size"]),
        health_check=replace(WEB.health_check, grace_period=trace_value(300, said["grace"])),
        scaling=Scaling(trace_value(3, said["min"]), trace_value(12, said["max"]), {}),
        alarms={"cpu": replace(WEB.alarms["cpu"], amber=trace_value(61, said["amber"]))},
        logs=(replace(WEB.logs[0], retention_days=trace_value(30, said["days"])),),
    )
    resources = build_resources(with_process(web))
    group, template = resources["WebGroup"]["Properties"], resources["WebLaunchTemplate"]["Properties"]
    data = template["LaunchTemplateData"]
    assert {
        "min": ("3", "min"),
        "max": ("12", "max"),
        "grace": (300, "grace"),
        "days": (30, "days"),
        "size": (16, "size"),
        "type": ("m7g.large", "type"),
        "amber": (61, "amber"),
        "image": ("{{resolve:ssm:/platform/production/images/arm64:1}}", "type"),
    } == {
        "min": _word(group["MinSize"]),
        "max": _word(group["MaxSize"]),
        "grace": _word(group["HealthCheckGracePeriod"]),
        "days": _word(resources["WebAppLogGroup"]["Properties"]["RetentionInDays"]),
        "size": _word(data["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"]),
        "type": _word(data["InstanceType"]),
        "amber": _word(resources["WebCpuAmberAlarm"]["Properties"]["Threshold"]),
        "image": _word(data["ImageId"]),
    }
    sub = data["UserData"]["Fn::Base64"]["Fn::Sub"]
    assert {"grace", "name"} <= {setting.path[0] for setting in settings_of(sub)}


OF_TOPICS = ("DeliveryLogGroup", "FailureLogGroup", "DeliveryAmberAlarm", "LossRedAlarm", "FilterAmberAlarm")


@pytest.mark.parametrize("case", CASES)
def test_every_resource_that_can_be_tagged_says_whose_it_is(case: str) -> None:
    service, environment = CASES[case]
    for name, resource in build_resources(service, environment).items():
        if resource["Type"] in UNTAGGED:
            continue
        found = _tags(resource["Properties"])
        whose = {"service": service.name, "owner": service.owner, "environment": environment.name}
        assert whose.items() <= found.items(), name
        assert found["Name"].startswith(f"{environment.name}-{service.name}-"), name
        is_of_all = name.endswith(("Config", "Dashboard", "Topic", "TopicParameter", *OF_TOPICS)) or name in OF_ALL
        assert ("process" in found) is not is_of_all, name


def test_the_example_stays_within_the_dynamic_references_that_a_template_may_have() -> None:
    # CloudFormation takes 60. Whether equal ones count once is not said, so each is counted.
    assert 60 >= render_json(build_stack(RECIPES)).count("{{resolve:")


def test_what_holds_data_is_kept_in_production_and_goes_elsewhere() -> None:
    for environment, fates in ((PRODUCTION, ("RetainExceptOnCreate", "Retain")), (STAGING, ("Delete", "Delete"))):
        stateful = {
            name: resource
            for name, resource in build_resources(RECIPES, environment).items()
            if resource["Type"] in ("AWS::Logs::LogGroup", "AWS::SQS::Queue")
        }
        assert 11 == len(stateful)  # of a process, three of all, of two topics two each, and three queues
        assert {fates} == {(each["DeletionPolicy"], each["UpdateReplacePolicy"]) for each in stateful.values()}


@pytest.mark.parametrize("case", CASES)
def test_a_deployment_that_fails_can_be_taken_back_and_repeated(case: str) -> None:
    assert [] == list(stuck_on_rollback(build_stack(*CASES[case])))


def test_everything_at_rest_is_encrypted_with_the_key_of_its_purpose() -> None:
    resources = build_resources(RECIPES)
    keys = {
        kind: {item[key] for item in properties_of(resources, kind).values()}
        for kind, key in (
            ("AWS::Logs::LogGroup", "KmsKeyId"),
            ("AWS::SNS::Topic", "KmsMasterKeyId"),
            ("AWS::SQS::Queue", "KmsMasterKeyId"),
        )
    }
    assert {
        "AWS::Logs::LogGroup": {ssm("security/logs-key-arn")},
        "AWS::SNS::Topic": {ssm("security/messaging-key-arn")},
        "AWS::SQS::Queue": {ssm("security/messaging-key-arn")},
    } == keys
    for template in properties_of(resources, "AWS::EC2::LaunchTemplate").values():
        volume = template["LaunchTemplateData"]["BlockDeviceMappings"][0]["Ebs"]
        assert ("gp3", True, ssm("security/data-key-arn")) == (
            volume["VolumeType"],
            volume["Encrypted"],
            volume["KmsKeyId"],
        )


def test_templates_import_nothing_but_what_they_are_given() -> None:
    allowed = {
        "__future__",
        "collections",
        "compiler",
        "jinja2",
        "json",
        "math",
        "pathlib",
        "re",
        "shlex",
        "troposphere",
    }
    for path in sorted((LIBRARY / "templates").glob("*.py")):
        if path.stem not in (
            *TEMPLATES,
            "_access",
            "_load_balancers",
            "_ways_in",
            "_conventions",
            "_scaling",
            "_user_data",
        ):
            continue
        imports = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, (ast.Import, ast.ImportFrom))
        ]
        roots = {name.partition(".")[0] for node in imports for name in _imported(node)}
        assert set() == roots - {*allowed, "typing"}, path.name
        compiled = {name for node in imports for name in _imported(node) if name.startswith("compiler")}
        assert compiled <= {"compiler.authoring"}, path.name


def test_the_library_is_no_package() -> None:
    assert [] == list(LIBRARY.rglob("__init__.py"))


def _setting(name: str) -> Setting:
    span = Span(Source("service.yml"), 1, 1, 1, 2)
    return Setting((name,), (Said(Origin("service", span), name),))


def _word(value: Any) -> tuple[Any, str]:
    (setting,) = settings_of(value)
    return value, str(setting.path[0])


def _tags(properties: dict[str, Any]) -> dict[str, str]:
    if "TagSpecifications" in properties:
        return {tag["Key"]: tag["Value"] for tag in properties["TagSpecifications"][0]["Tags"]}
    tags = properties["Tags"]
    return tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.level == 0 and node.module is not None:
        yield node.module
