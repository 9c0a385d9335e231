"""Forty processes and long names: they compile, or are refused with the limit that they break."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.model import Library
from compiler.pipeline import build_stack as build_whole
from compiler.pipeline import open_library, plan_service
from compiler.service import Deployment, LogFile, LogFilter, Routing, Subscription
from tests.services_by_hand import BRANCH, RECIPES, WEB, build_stack
from tests.test_service_instances import LOAD_BALANCER_ATTRIBUTES, TARGET_GROUP_ATTRIBUTES

WORKER = {"runtime": "instances", "command": "./bin/work"}
HEAD = {"service": "many", "owner": "squad-menu", "platform": "1.0", "environments": {"production": {}}}


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


def build(
    folder: Path, library: Library, processes: Mapping[str, Any], events: int = 0, *, lint: bool = False
) -> tuple[Any, list[str]]:
    """Build a stack; returns its template and what is wrong with it."""
    consume = {f"other.event-{number}": {"process": next(iter(processes))} for number in range(events)}
    text = json.dumps({**HEAD, "processes": processes, "messages": {"consume": consume}})
    (folder / "service.yml").write_text(text)
    plan = plan_service(folder, library, with_archives=False)
    stack, found = build_whole(plan, library, "production", lint=lint)
    return stack.template, [fault.message for fault in found if fault.severity == "error"]


def test_forty_processes_compile(tmp_path: Path, library: Library) -> None:
    template, faults = build(tmp_path, library, {f"worker-{number}": WORKER for number in range(40)})
    assert [] == faults
    assert 40 == sum(body["Type"] == "AWS::AutoScaling::AutoScalingGroup" for body in template["Resources"].values())


def test_forty_behind_load_balancers_and_sixty_queues_are_refused_with_their_limit(
    tmp_path: Path, library: Library
) -> None:
    web = {**WORKER, "port": 80}
    template, faults = build(tmp_path, library, {f"web-{number}": web for number in range(40)}, events=60, lint=True)
    assert len(template["Resources"]) > 500
    assert any("CloudFormation takes 500 resources" in fault for fault in faults)
    assert not any("dynamic references" in fault for fault in faults)
    # The linter would say the same once more, after a minute.
    assert all("CloudFormation takes" in fault for fault in faults)


# Names

# What AWS takes of a name or text that the library writes itself; everything else is named by CloudFormation.
MOST = {
    ("AWS::CloudWatch::Alarm", "AlarmName"): 255,
    ("AWS::CloudWatch::Alarm", "AlarmDescription"): 1024,
    ("AWS::CloudWatch::Alarm", "Namespace"): 255,
    ("AWS::CloudWatch::Alarm", "MetricName"): 255,
    ("AWS::EC2::SecurityGroup", "GroupDescription"): 255,
    ("AWS::IAM::ManagedPolicy", "Description"): 1000,
    ("AWS::IAM::Role", "Description"): 1000,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
    ("AWS::SNS::Topic", "TopicName"): 256,
    ("AWS::SSM::Parameter", "Description"): 1024,
    ("AWS::SSM::Parameter", "Name"): 1011,
}
# Names that would be too short for ours, or that a replacement could not have twice.
NEVER_NAMED = {
    "AWS::AutoScaling::AutoScalingGroup": "AutoScalingGroupName",
    "AWS::EC2::LaunchTemplate": "LaunchTemplateName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::SQS::Queue": "QueueName",
}


def names(longest: int) -> st.SearchStrategy[str]:
    """As the schema has them, with the longest among them."""
    return st.from_regex("[a-z][a-z0-9]*(-[a-z0-9]+)*", fullmatch=True).map(
        lambda name: (name * longest)[:longest].rstrip("-")
    )


@settings(max_examples=20)
@given(names(32), names(24), names(24), names(48), names(24), st.sampled_from(["rolling", "refresh"]), st.booleans())
def test_no_name_is_longer_than_aws_takes(
    service: str, process: str, log: str, event: str, word: str, style: str, is_shared: bool
) -> None:
    environment = replace(BRANCH, name=f"env-{'x' * 28}")
    web = replace(
        WEB,
        name=process,
        dns=process,
        deployment=Deployment(style, 1, 1),
        load_balancer="shared" if is_shared else "own",
        routing=Routing(50_000) if is_shared else Routing(),
        logs=(LogFile(log, "/a", 30, (LogFilter(word, "x", 1),)),),
    )
    consumed = (Subscription(service, event, process, {}),)
    made = replace(RECIPES, name=service, processes=(web,), publishes=(event,), consumes=consumed)
    for name, body in build_stack(made, environment)["Resources"].items():
        assert len(name) <= 255 and re.fullmatch("[A-Za-z0-9]+", name)
        assert NEVER_NAMED.get(body["Type"], "") not in body["Properties"], name
        for (kind, key), most in MOST.items():
            if body["Type"] == kind and isinstance(value := body["Properties"].get(key), str):
                assert len(value) <= most, (name, key)
        tags = body["Properties"].get("Tags", ())
        for tag in tags if isinstance(tags, list) else ():
            assert len(tag["Key"]) <= 128 and len(tag["Value"]) <= 256, name
        check_load_balancing(body)


def check_load_balancing(body: Mapping[str, Any]) -> None:
    """Hold what no linter knows against closed lists: keys of attributes, and the range of priorities."""
    properties = body["Properties"]
    for key, known in (
        ("LoadBalancerAttributes", LOAD_BALANCER_ATTRIBUTES),
        ("TargetGroupAttributes", TARGET_GROUP_ATTRIBUTES),
    ):
        assert {pair["Key"] for pair in properties.get(key, ())} <= known
    assert 1 <= properties.get("Priority", 1) <= 50_000
