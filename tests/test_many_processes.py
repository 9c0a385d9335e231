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
from tests.services_by_hand import BRANCH, RECIPES, WEB, build_stack, known_attributes

WORKER = {"runtime": "instances", "command": "./bin/work"}
HEAD = {"service": "many", "owner": "squad-menu", "platform": "1.0", "environments": {"production": {}}}


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


WEB_PROCESS = {**WORKER, "port": 80}
QUIET = {
    **WORKER,
    "alarms": {key: {"enabled": False} for key in ("cpu", "memory", "disk", "agentReports", "statusChecks")},
}
MANY: Mapping[str, tuple[Mapping[str, Any], str | None]] = {
    "forty workers": (
        {"processes": {f"w{number}": WORKER for number in range(40)}},
        "CloudFormation takes 500 resources",
    ),
    "forty workers with fewer alarms": ({"processes": {f"w{number}": QUIET for number in range(40)}}, None),
    "sixty queues": ({"messages": {"consume": {f"other.e{number}": {"process": "w"} for number in range(60)}}}, None),
    "fifty-nine topics": ({"messages": {"publish": [f"event-{number}" for number in range(59)]}}, None),
    "sixty topics": (
        {"messages": {"publish": [f"event-{number}" for number in range(60)]}},
        "CloudFormation takes 500 resources",
    ),
    "two hundred settings": ({"config": {f"KEY_{number}": "x" for number in range(200)}}, None),
    "ten that refresh": (
        {"processes": {f"web-{number}": {**WEB_PROCESS, "deployment": {"style": "refresh"}} for number in range(10)}},
        None,
    ),
    "forty workers and sixty queues": (
        {
            "processes": {f"w{number}": WORKER for number in range(40)},
            "messages": {"consume": {f"other.e{number}": {"process": f"w{number % 40}"} for number in range(60)}},
        },
        "CloudFormation takes 500 resources",
    ),
    "forty with load balancers": (
        {"processes": {f"w{number}": WEB_PROCESS for number in range(40)}},
        "CloudFormation takes 500 resources",
    ),
    "forty on a shared one": (
        {
            "processes": {
                f"w{number}": {**WEB_PROCESS, "loadBalancer": "shared", "dns": f"n{number}"} for number in range(40)
            }
        },
        "CloudFormation takes 500 resources",
    ),
    "five hundred settings": (
        {"config": {f"KEY_{number}": "x" for number in range(500)}},
        "CloudFormation takes 500 resources",
    ),
    "secrets": ({"secrets": {f"KEY_{number}": f"/many/{number}" for number in range(250)}}, "IAM takes 6,144"),
    "long topics": (
        {"service": "m" * 32, "messages": {"publish": [f"e{number}".ljust(48, "x") for number in range(60)]}},
        "IAM takes 6,144",
    ),
    "permissions": (
        {"processes": {"w": {**WORKER, "permissions": {f"p{number}": {"bucket": "acme-x"} for number in range(99)}}}},
        "IAM takes 6,144",
    ),
    "filters": (
        {
            "processes": {
                "w": {
                    **WORKER,
                    "logs": {
                        "app": {
                            "path": "/a",
                            "filters": {f"f{number}": {"pattern": "x", "threshold": 1} for number in range(101)},
                        }
                    },
                }
            }
        },
        "Logs takes 100 metric filters",
    ),
    "a schedule": (
        {
            "processes": {
                "w": {
                    **WORKER,
                    "scaling": {
                        "schedule": {f"s{at}": {"at": f"{at % 60} {at // 60} * * *", "min": 1} for at in range(126)}
                    },
                }
            }
        },
        "AutoScaling takes 125 scheduled actions",
    ),
    "wildcards": (
        {
            "processes": {
                "w": {
                    **WEB_PROCESS,
                    "dns": "w",
                    "loadBalancer": "shared",
                    "routing": {"paths": ["/a*b*", "/c?d*", "/e*f*"]},
                }
            }
        },
        "Elastic Load Balancing takes 5",
    ),
}


@pytest.mark.parametrize("name", MANY)
def test_much_of_something_compiles_or_is_refused_with_its_limit_at_a_line_of_the_service(
    name: str, tmp_path: Path, library: Library
) -> None:
    said, limit = MANY[name]
    (tmp_path / "service.yml").write_text(json.dumps({**HEAD, "processes": {"w": WORKER}, **said}, indent=1))
    plan = plan_service(tmp_path, library, with_archives=False, is_locking=True)
    # The linter has nothing to add to what is refused for its size, and takes a minute; the others are not linted here.
    found = build_whole(plan, library, "production", lint=limit is not None and "CloudFormation" in limit)[1]
    errors = [fault for fault in found if fault.severity == "error"]
    assert {"D602"} >= {fault.code for fault in errors}
    assert (limit is None) == (errors == [])
    assert limit is None or any(limit in fault.message for fault in errors)
    is_told_what_helps = [str(fault.hint) for fault in errors if "500 resources" in fault.message]
    assert all("alarms: {memory: {enabled: false}}" in hint for hint in is_told_what_helps if "processes" in said)
    # At something that the service said, not at the first line or in the platform's folder.
    assert all(fault.span and fault.span.path.endswith("service.yml") and fault.span.line > 4 for fault in errors)


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
    for key, known in known_attributes().items():
        assert {pair["Key"] for pair in properties.get(key, ())} <= known
    assert 1 <= properties.get("Priority", 1) <= 50_000
