"""The identity table is complete: wherever a resource schema says that a list is a set, the table knows its items.

A schema says so by `uniqueItems` or by `insertionOrder: false`. What the table leaves out on purpose is named here with
the reason; such a list is replaced as a whole, and a warning names what is lost.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from compiler.identity import IdentityTable, path_matches
from compiler.library import load_library
from tests.environments_by_hand import TEMPLATES, build_template
from tests.services_by_hand import RECIPES, build_stack

IDENTITIES = load_library(Path(__file__).parent.parent / "platform").identities
TABLE = IdentityTable(IDENTITIES)
TOO_DEEP = 12

ONE = "one item by nature: a second beside it is never what is meant"
TOGETHER = "the items are one decision, in which order or bounds count"
NAMELESS = "an item is all that it says, and nothing of it is a name"
OLD = "AWS has withdrawn it"
LEFT_OUT = {
    ("*", "Properties.**.BaselinePerformanceFactors.Cpu.References"): ONE,
    ("*", "Properties.**.MetricSpecifications"): ONE,
    ("*", "Properties.**.PlacementConstraints"): NAMELESS,
    ("*", "Properties.**.PlacementStrategies"): TOGETHER,
    ("*", "Properties.**.PlacementStrategy"): TOGETHER,
    ("*", "Properties.**.StepAdjustments"): TOGETHER,
    ("AWS::AccessAnalyzer::Analyzer", "Properties.AnalyzerConfiguration.**.Inclusions"): NAMELESS,
    ("AWS::AccessAnalyzer::Analyzer", "Properties.AnalyzerConfiguration.**.Exclusions"): NAMELESS,
    ("AWS::AccessAnalyzer::Analyzer", "Properties.AnalyzerConfiguration.**.ResourceTags"): NAMELESS,
    ("AWS::CloudTrail::Trail", "Properties.AggregationConfigurations"): NAMELESS,
    ("AWS::CloudTrail::Trail", "Properties.EventSelectors"): NAMELESS,
    ("AWS::CloudWatch::MetricStream", "Properties.StatisticsConfigurations"): NAMELESS,
    ("AWS::Config::ConfigurationRecorder", "Properties.RecordingMode.RecordingModeOverrides"): NAMELESS,
    ("AWS::CodeDeploy::DeploymentGroup", "Properties.Ec2TagFilters"): NAMELESS,
    ("AWS::CodeDeploy::DeploymentGroup", "Properties.Ec2TagSet.Ec2TagSetList"): NAMELESS,
    ("AWS::CodeDeploy::DeploymentGroup", "Properties.Ec2TagSet.Ec2TagSetList.Ec2TagGroup"): NAMELESS,
    ("AWS::CodeDeploy::DeploymentGroup", "Properties.LoadBalancerInfo.TargetGroupPairInfoList"): ONE,
    ("AWS::CodeDeploy::DeploymentGroup", "Properties.LoadBalancerInfo.TargetGroupPairInfoList.TargetGroups"): TOGETHER,
    ("AWS::CodeDeploy::DeploymentGroup", "Properties.OnPremisesInstanceTagFilters"): NAMELESS,
    ("AWS::CodeDeploy::DeploymentGroup", "Properties.OnPremisesTagSet.OnPremisesTagSetList"): NAMELESS,
    (
        "AWS::CodeDeploy::DeploymentGroup",
        "Properties.OnPremisesTagSet.OnPremisesTagSetList.OnPremisesTagGroup",
    ): NAMELESS,
    ("AWS::DynamoDB::GlobalTable", "Properties.GlobalTableWitnesses"): ONE,
    ("AWS::EC2::Instance", "Properties.ElasticGpuSpecifications"): OLD,
    ("AWS::EC2::Instance", "Properties.ElasticInferenceAccelerators"): OLD,
    ("AWS::EFS::FileSystem", "Properties.LifecyclePolicies"): NAMELESS,
    ("AWS::EFS::FileSystem", "Properties.ReplicationConfiguration.Destinations"): ONE,
    ("AWS::ElasticLoadBalancingV2::Listener", "Properties.Certificates"): ONE,
    ("AWS::ElasticLoadBalancingV2::Listener", "Properties.DefaultActions"): TOGETHER,
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "Properties.Actions"): TOGETHER,
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "Properties.Conditions.QueryStringConfig.Values"): NAMELESS,
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "Properties.Transforms.*.Rewrites"): ONE,
    ("AWS::KinesisFirehose::DeliveryStream", "Properties.**.PartitionSpec.Identity"): TOGETHER,
    ("AWS::Lambda::EventSourceMapping", "Properties.FilterCriteria.Filters"): NAMELESS,
    ("AWS::Logs::LogGroup", "Properties.FieldIndexPolicies"): NAMELESS,
    ("AWS::Logs::MetricFilter", "Properties.MetricTransformations"): ONE,
    ("AWS::S3::Bucket", "Properties.BucketEncryption.ServerSideEncryptionConfiguration"): ONE,
    ("AWS::S3::Bucket", "Properties.OwnershipControls.Rules"): ONE,
    ("AWS::SSM::Document", "Properties.Attachments"): NAMELESS,
    ("AWS::WAFv2::LoggingConfiguration", "Properties.RedactedFields"): NAMELESS,
}


@functools.cache
def emitted_types() -> frozenset[str]:
    stacks = [build_stack(RECIPES), *(build_template(name) for name in TEMPLATES)]
    return frozenset(resource["Type"] for stack in stacks for resource in stack["Resources"].values())


TYPES = sorted({identity.type for identity in IDENTITIES} - {"*"} | emitted_types())


@functools.cache
def find_sets(resource_type: str) -> frozenset[tuple[str, ...]]:
    """Find the lists of maps of which a schema says that their items are a set: the steps to each."""
    root = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    return frozenset(_walk(root, {"properties": root["properties"]}, ("Properties",)))


def _walk(root: dict[str, Any], node: dict[str, Any], steps: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    node = _resolve(root, node)
    if len(steps) > TOO_DEEP:  # statements of WAF hold statements
        return
    for choice in ("oneOf", "anyOf", "allOf"):
        for option in node.get(choice, ()):
            if {"properties", "items", "$ref"} & option.keys():
                yield from _walk(root, option, steps)
    if isinstance(node.get("items"), dict):
        item = _resolve(root, node["items"])
        is_set = node.get("uniqueItems") is True or node.get("insertionOrder") is False
        if is_set and ("properties" in item or item.get("type") == "object"):
            yield steps
        yield from _walk(root, item, steps)
    for name, child in node.get("properties", {}).items():
        yield from _walk(root, child, (*steps, name))


def _resolve(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = functools.reduce(lambda at, step: at[step], node["$ref"].removeprefix("#/").split("/"), root)
    return node


def is_left_out(resource_type: str, steps: tuple[str, ...]) -> bool:
    return any(kind in ("*", resource_type) and path_matches(tuple(path.split(".")), steps) for kind, path in LEFT_OUT)


@pytest.mark.parametrize("resource_type", TYPES)
def test_the_table_knows_every_set_or_leaves_it_out_for_a_reason(resource_type: str) -> None:
    unknown = [steps for steps in find_sets(resource_type) if TABLE.find(resource_type, steps) is None]
    assert [] == sorted(".".join(steps) for steps in unknown if not is_left_out(resource_type, steps))


@pytest.mark.parametrize(("resource_type", "path"), LEFT_OUT, ids=lambda word: word)
def test_what_is_left_out_is_a_set_that_the_table_does_not_know(resource_type: str, path: str) -> None:
    kinds = TYPES if resource_type == "*" else [resource_type]
    found = {
        (kind, steps) for kind in kinds for steps in find_sets(kind) if path_matches(tuple(path.split(".")), steps)
    }
    assert found
    assert set() == {(kind, steps) for kind, steps in found if TABLE.find(kind, steps)}


def test_the_types_that_the_platform_emits_are_among_those_looked_at() -> None:
    assert len(emitted_types()) > 25
    assert "AWS::SQS::Queue" in emitted_types() <= set(TYPES)
