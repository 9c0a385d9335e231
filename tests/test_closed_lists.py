"""What no linter knows, held against closed lists in every stack of the library: keys of attributes, actions of
policies, days that logs are kept, places of rules, and the lengths of names when all they are made of is long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import cfnlint
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from compiler.service import Routing
from tests.environments_by_hand import ENVIRONMENTS, PRODUCTION, TEMPLATES, build_template
from tests.services_by_hand import BRANCH, CASES, LONG_NAMED, SHARED, WEB, build_stack, known_attributes

Stack = Mapping[str, Any]

# What AWS takes of a name that the library writes itself. All else is named by CloudFormation, which makes it fit.
LONGEST = {
    ("AWS::AccessAnalyzer::Analyzer", "AnalyzerName"): 255,
    ("AWS::Budgets::Budget", "BudgetName"): 100,
    ("AWS::CertificateManager::Certificate", "DomainName"): 253,
    ("AWS::CloudTrail::Trail", "TrailName"): 128,
    ("AWS::CloudWatch::Alarm", "AlarmName"): 255,
    ("AWS::CloudWatch::Alarm", "MetricName"): 255,
    ("AWS::CloudWatch::CompositeAlarm", "AlarmName"): 255,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::Config::ConfigurationRecorder", "Name"): 256,
    ("AWS::Config::DeliveryChannel", "Name"): 256,
    ("AWS::EC2::VPCEndpoint", "ServiceName"): 255,  # of AWS, not ours
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"): 128,
    ("AWS::IAM::Role", "RoleName"): 64,
    ("AWS::IAM::ServiceLinkedRole", "AWSServiceName"): 128,  # of AWS, not ours
    ("AWS::KMS::Alias", "AliasName"): 256,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
    ("AWS::Logs::MetricFilter", "FilterName"): 512,
    ("AWS::Logs::QueryDefinition", "Name"): 255,
    ("AWS::Logs::SubscriptionFilter", "FilterName"): 512,
    ("AWS::Route53::HostedZone", "Name"): 253,
    ("AWS::Route53::RecordSet", "Name"): 253,
    ("AWS::S3::Bucket", "BucketName"): 63,
    ("AWS::SNS::Topic", "DisplayName"): 100,
    ("AWS::SNS::Topic", "TopicName"): 256,
    ("AWS::SQS::Queue", "QueueName"): 80,
    ("AWS::SSM::Document", "Name"): 128,
    ("AWS::SSM::Parameter", "Name"): 1011,
    ("AWS::WAFv2::WebACL", "Name"): 128,
    ("AWS::XRay::ResourcePolicy", "PolicyName"): 128,
}
# As long as the schemas let what names are made of be; the processes of `LONG_NAMED` are longer than that.
LONG_ENVIRONMENT = replace(PRODUCTION, name="e" * 32, shared="e" * 32, owners=("platform", "o" * 48))
POLICIES = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text())
STACKS: dict[str, Stack] = {
    **{f"service {name}": build_stack(*case) for name, case in CASES.items()},
    "service long": build_stack(LONG_NAMED, replace(BRANCH, name=f"env-{'x' * 28}")),
    **{f"{name} of {each.name}": build_template(name, each) for each in ENVIRONMENTS for name in TEMPLATES},
    **{f"{name} of a long name": build_template(name, LONG_ENVIRONMENT) for name in TEMPLATES},
}
every_stack = pytest.mark.parametrize("name", STACKS)


@every_stack
def test_every_attribute_of_a_load_balancer_is_one(name: str) -> None:
    for title, _, properties in _resources(STACKS[name]):
        for key, known in known_attributes().items():
            assert {pair["Key"] for pair in properties.get(key, ())} <= known, title


@every_stack
def test_every_action_of_a_policy_is_one(name: str) -> None:
    for title, _, properties in _resources(STACKS[name]):
        unknown = [action for action in _actions(properties) if not _is_action(action)]
        assert [] == unknown, title


@every_stack
def test_logs_are_kept_for_days_that_cloudwatch_knows(name: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Logs::LogGroup").schema
    known = schema["properties"]["RetentionInDays"]["enum"]
    for title, kind, properties in _resources(STACKS[name]):
        assert kind != "AWS::Logs::LogGroup" or properties["RetentionInDays"] in known, title


@every_stack
def test_every_name_that_is_written_is_in_the_table_and_not_too_long(name: str) -> None:
    for title, kind, properties in _resources(STACKS[name]):
        for key, value in properties.items():
            if key.endswith("Name") and isinstance(value, str) and not value.startswith("{{resolve:"):
                assert (kind, key) in LONGEST, f"{title}: say in LONGEST how long {key} may be"
                assert len(value) <= LONGEST[kind, key], title


def test_no_two_rules_of_a_listener_have_one_place() -> None:
    several = [
        replace(WEB, name=f"w{place}", load_balancer="shared", routing=Routing(place)) for place in (1, 2, 50_000)
    ]
    stacks = {**STACKS, "several": build_stack(replace(SHARED, processes=tuple(several)))}
    seen = 0
    for name, stack in stacks.items():
        places = [
            (json.dumps(properties["ListenerArn"]), properties["Priority"])
            for _, kind, properties in _resources(stack)
            if kind == "AWS::ElasticLoadBalancingV2::ListenerRule"
        ]
        assert len(places) == len(set(places)), name
        assert all(1 <= place <= 50_000 for _, place in places)
        seen += len(places)
    assert seen > len(several)


def _resources(stack: Stack) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for title, body in stack["Resources"].items():
        yield title, body["Type"], json.loads(json.dumps(body.get("Properties", {})))


def _actions(data: Any) -> Iterator[str]:
    """Find the actions of every statement, whosever policy it is: an identity's, a key's, a bucket's, an endpoint's."""
    if isinstance(data, list):
        for item in data:
            yield from _actions(item)
    elif isinstance(data, dict):
        for key in ("Action", "NotAction") if data.get("Effect") in ("Allow", "Deny") else ():
            said = data.get(key, [])
            yield from [said] if isinstance(said, str) else said
        for item in data.values():
            yield from _actions(item)


def _is_action(action: str) -> bool:
    if action == "*":
        return True
    service, _, verb = action.partition(":")
    known = POLICIES.get(service, {}).get("Actions", {})
    assert re.fullmatch(r"[A-Za-z0-9*]+", verb), action
    return any(fnmatchcase(each, verb.lower()) for each in known)
