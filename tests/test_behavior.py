"""What a change does when it is deployed, and whether data goes with it: tables of facts."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.behavior import (
    is_ordered,
    is_stateful,
    judge_attribute,
    judge_property,
    loses_data,
)
from compiler.changes import Behavior
from compiler.model import Json, Path

KEY = [{"AttributeName": "id", "KeyType": "HASH"}]
ROLLING = {"AutoScalingRollingUpdate": {"MaxBatchSize": 1}}
REFRESHING = {"AutoScalingInstanceRefresh": {"Strategy": "Rolling"}}
REPLACING = {"AutoScalingReplacingUpdate": {"WillReplace": "true"}}


@pytest.mark.parametrize(
    ("type_name", "path", "before", "after", "expected"),
    [
        # what the schemas say
        ("AWS::ElasticLoadBalancingV2::TargetGroup", ("Port",), 80, 81, "replacement"),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", ("Scheme",), "internal", "internet-facing", "replacement"),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", ("HealthCheckPath",), "/", "/health", "none"),
        ("AWS::S3::Bucket", ("BucketName",), None, "named", "replacement"),
        ("AWS::S3::Bucket", ("BucketName",), "named", None, "replacement"),
        ("AWS::S3::Bucket", ("Tags", 0, "Value"), "a", "b", "none"),
        ("AWS::ECS::TaskDefinition", ("ContainerDefinitions", 0, "Image"), "a:1", "a:2", "replacement"),
        # a pattern that leads deeper than the change
        ("AWS::ECR::Repository", ("EncryptionConfiguration", "KmsKey"), "a", "b", "replacement"),
        (
            "AWS::OpenSearchService::Domain",
            ("EncryptionAtRestOptions",),
            {"Enabled": False},
            {"Enabled": True},
            "conditional",
        ),
        ("AWS::OpenSearchService::Domain", ("EncryptionAtRestOptions",), None, {}, "none"),
        ("AWS::ElastiCache::CacheCluster", ("PreferredAvailabilityZones",), ["a"], ["b"], "interruption"),
        # a function above what cannot be changed
        (
            "AWS::EC2::VPCEndpoint",
            ("DnsOptions",),
            {"Fn::If": ["A", {}, {}]},
            {"DnsRecordIpType": "ipv4"},
            "conditional",
        ),
        ("AWS::EC2::VPC", ("CidrBlock", "Fn::If", 1), "10.0.0.0/16", "10.1.0.0/16", "conditional"),
        # all properties at once
        ("AWS::EC2::VPC", (), None, {"CidrBlock": "10.0.0.0/16"}, "replacement"),
        ("AWS::RDS::DBInstance", (), {}, {"DBInstanceClass": "db.t4g.micro"}, "interruption"),
        ("AWS::SQS::Queue", (), None, {"VisibilityTimeout": 5}, "none"),
        ("Custom::Thing", (), None, {"Size": 1}, "conditional"),
        # facts beside the schemas
        ("AWS::Route53::RecordSet", ("Name",), "a.example.org", "b.example.org", "replacement"),
        ("AWS::Route53::RecordSet", ("TTL",), 60, 300, "none"),
        ("AWS::DynamoDB::Table", ("KeySchema", 0, "AttributeName"), "id", "key", "replacement"),
        ("AWS::RDS::DBInstance", ("DBInstanceClass",), "db.t4g.micro", "db.t4g.small", "interruption"),
        ("AWS::RDS::DBInstance", ("AllocatedStorage",), 20, 40, "none"),
        ("AWS::RDS::DBInstance", ("MultiAZ",), False, True, "none"),
        ("AWS::RDS::DBInstance", ("BackupRetentionPeriod",), 7, 14, "none"),
        ("AWS::RDS::DBInstance", ("BackupRetentionPeriod",), 7, 0, "interruption"),
        ("AWS::RDS::DBInstance", ("Engine",), "mysql", "postgres", "replacement"),
        ("AWS::RDS::DBInstance", ("Engine",), "oracle-se1", "oracle-se2", "conditional"),
        ("AWS::EC2::Instance", ("InstanceType",), "t3.micro", "t3.small", "conditional"),
        ("AWS::EC2::Instance", ("ImageId",), "ami-1", "ami-2", "replacement"),
        # what nobody knows
        ("Custom::Thing", ("Size",), 1, 2, "conditional"),
        ("Custom::Thing", ("ServiceToken",), "arn:a", "arn:b", "replacement"),
        ("Vendor::Thing::Else", ("Size",), 1, 2, "conditional"),
        ("AWS::S3::Bucket", ("Invented",), 1, 2, "conditional"),
        ("AWS::CloudFormation::Stack", ("Parameters", "Size"), "1", "2", "conditional"),
    ],
)
def test_a_change_of_a_property_does(type_name: str, path: Path, before: Json, after: Json, expected: Behavior) -> None:
    bodies = ({"Properties": nest(path, before)}, {"Properties": nest(path, after)})
    behavior, reason = judge_property(type_name, path, before, after, bodies=bodies)
    assert expected == behavior
    assert behavior == "none" or reason


def nest(path: Path, value: Json) -> Json:
    for step in reversed(path):
        value = [value] if isinstance(step, int) else {step: value}
    return value


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, "none"),
        (ROLLING, "interruption"),
        (REFRESHING, "interruption"),
        (REPLACING, "replacement"),
        ({**ROLLING, **REPLACING}, "replacement"),
    ],
)
def test_the_update_policy_decides_what_happens_to_a_group(policy: Json, expected: Behavior) -> None:
    path: Path = ("LaunchTemplate", "Version")
    bodies: Any = (
        {"Properties": {"LaunchTemplate": {"Version": "1"}}},
        {"Properties": {"LaunchTemplate": {"Version": "2"}}, "UpdatePolicy": policy},
    )
    assert expected == judge_property("AWS::AutoScaling::AutoScalingGroup", path, "1", "2", bodies=bodies)[0]
    assert "conditional" == judge_property("AWS::AutoScaling::AutoScalingGroup", path, "1", "2")[0]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"A": "S"}, {"A": "S", "B": "N"}, "none"),
        ({"A": "S"}, {"A": "N"}, "replacement"),
    ],
)
def test_an_attribute_of_a_table_may_come_but_not_change(
    before: dict[str, str], after: dict[str, str], expected: Behavior
) -> None:
    old, new = (
        [{"AttributeName": name, "AttributeType": kind} for name, kind in each.items()] for each in (before, after)
    )
    bodies = tuple({"Properties": {"AttributeDefinitions": each}} for each in (old, new))
    behavior, _ = judge_property(
        "AWS::DynamoDB::Table", ("AttributeDefinitions",), old, new, bodies=(bodies[0], bodies[1])
    )
    assert expected == behavior


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("Type", "AWS::SQS::Queue", "AWS::SNS::Topic", "replacement"),
        ("DependsOn", "A", "B", "none"),
        ("Metadata", {}, {"a": 1}, "none"),
        ("UpdatePolicy", None, ROLLING, "none"),
        ("UpdateReplacePolicy", "Retain", "Delete", "none"),
        ("Condition", None, "IsProduction", "conditional"),
    ],
)
def test_a_change_of_an_attribute_does(name: str, before: Json, after: Json, expected: Behavior) -> None:
    behavior, reason = judge_attribute(name, before, after)
    assert expected == behavior
    assert bool(reason) == (name in ("Type", "UpdateReplacePolicy", "Condition"))


BUCKET, DATABASE, TABLE = "AWS::S3::Bucket", "AWS::RDS::DBInstance", "AWS::DynamoDB::Table"
NAMED = {"Properties": {"BucketName": "orders"}}


@pytest.mark.parametrize(
    ("type_name", "before", "after", "is_lost"),
    [
        (BUCKET, {}, None, True),
        (BUCKET, {"DeletionPolicy": "Delete"}, None, True),
        (BUCKET, {"DeletionPolicy": "Retain"}, None, False),
        (BUCKET, {"DeletionPolicy": "RetainExceptOnCreate"}, None, False),
        (BUCKET, {"UpdateReplacePolicy": "Retain"}, None, True),  # not the policy for what is removed
        (BUCKET, {"DeletionPolicy": "Retain"}, {"DeletionPolicy": "Retain"}, True),  # nor this for what is replaced
        (BUCKET, {}, {"UpdateReplacePolicy": "Retain"}, False),
        (BUCKET, {"UpdateReplacePolicy": "Retain"}, {}, True),
        (BUCKET, {"DeletionPolicy": "Snapshot"}, None, True),  # there is no snapshot of a bucket
        (BUCKET, {"DeletionPolicy": {"Ref": "Policy"}}, None, True),
        (DATABASE, {}, None, False),  # a snapshot by default
        (DATABASE, {"Properties": {"DBClusterIdentifier": "c"}}, None, True),
        (DATABASE, {"DeletionPolicy": "Delete"}, None, True),
        (DATABASE, {}, {}, True),  # not by default when replaced
        (DATABASE, {}, {"UpdateReplacePolicy": "Snapshot"}, False),
        (TABLE, {}, {}, True),
        ("AWS::IAM::Role", {}, None, False),
    ],
)
def test_data_is_lost(type_name: str, before: Json, after: Json, is_lost: bool) -> None:
    found, reason = loses_data(type_name, before, after, "removed" if after is None else "replaced")
    assert is_lost == found
    assert bool(reason) == is_stateful(type_name)


def test_a_retained_bucket_is_in_the_way_of_another_of_its_name() -> None:
    kept = {"UpdateReplacePolicy": "Retain"}
    assert "the update fails" in loses_data(BUCKET, NAMED, {**NAMED, **kept}, "replaced")[1]
    assert "the update fails" not in loses_data(BUCKET, {}, kept, "replaced")[1]
    assert (
        "the update fails" not in loses_data(BUCKET, NAMED, {"Properties": {"BucketName": "b"}, **kept}, "replaced")[1]
    )


@pytest.mark.parametrize(
    ("type_name", "path", "expected"),
    [
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", ("Subnets",), False),
        ("AWS::EC2::SecurityGroup", ("SecurityGroupIngress",), False),
        ("AWS::RDS::DBInstance", ("VPCSecurityGroups",), False),
        ("AWS::CloudFront::Distribution", ("Tags",), False),
        ("AWS::ECS::TaskDefinition", ("ContainerDefinitions", 0, "Environment"), False),
        ("AWS::ECS::TaskDefinition", ("ContainerDefinitions", 0, "Command"), True),
        ("AWS::ECS::TaskDefinition", ("ContainerDefinitions", 0, "DnsServers"), True),
        ("AWS::AutoScaling::AutoScalingGroup", ("TerminationPolicies",), True),
        ("AWS::CloudFront::Distribution", ("DistributionConfig", "CacheBehaviors"), True),
        ("AWS::Lambda::Function", ("Layers",), True),
        ("AWS::IAM::Role", ("AssumeRolePolicyDocument", "Statement"), False),
        ("AWS::IAM::Role", ("Policies", 0, "PolicyDocument", "Statement", 0, "Action"), False),
        ("AWS::S3::BucketPolicy", ("PolicyDocument", "Statement", 0, "Condition", "StringEquals", "aws:x"), False),
        ("AWS::StepFunctions::StateMachine", ("Definition", "States", "A", "Choices"), True),
        ("Vendor::Thing::Else", ("List",), True),
    ],
)
def test_the_order_of_a_list_means_something(type_name: str, path: Path, expected: bool) -> None:
    assert expected == is_ordered(type_name, path)


@pytest.mark.parametrize(
    ("kind", "name", "before", "after", "expected"),
    [
        ("AWS::OpenSearchService::Domain", "VPCOptions", {"SubnetIds": ["a"]}, None, "replacement"),
        ("AWS::OpenSearchService::Domain", "VPCOptions", None, {"SubnetIds": ["a"]}, "replacement"),
        ("AWS::OpenSearchService::Domain", "VPCOptions", {"SubnetIds": ["a"]}, {"SubnetIds": ["b"]}, "none"),
        ("AWS::Elasticsearch::Domain", "VPCOptions", {"SubnetIds": ["a"]}, None, "replacement"),
        ("AWS::ElastiCache::CacheCluster", "NumCacheNodes", 1, 2, "replacement"),
    ],
)
def test_what_the_rest_of_a_resource_decides(kind: str, name: str, before: Json, after: Json, expected: str) -> None:
    bodies = [{"Type": kind, "Properties": {} if value is None else {name: value}} for value in (before, after)]
    assert expected == judge_property(kind, (name,), before, after, bodies=(bodies[0], bodies[1]))[0]


def test_a_cache_with_a_zone_takes_more_nodes_in_place() -> None:
    kind = "AWS::ElastiCache::CacheCluster"
    old, new = (
        {"Type": kind, "Properties": {"NumCacheNodes": number, "PreferredAvailabilityZone": "a"}} for number in (1, 2)
    )
    assert "interruption" == judge_property(kind, ("NumCacheNodes",), 1, 2, bodies=(old, new))[0]


def test_a_policy_that_keeps_in_both_branches_keeps() -> None:
    body = {"Type": "AWS::S3::Bucket", "DeletionPolicy": {"Fn::If": ["C", "Retain", "RetainExceptOnCreate"]}}
    assert not loses_data("AWS::S3::Bucket", body, None, "removed")[0]
    body["DeletionPolicy"] = {"Fn::If": ["C", "Retain", "Delete"]}
    assert loses_data("AWS::S3::Bucket", body, None, "removed")[0]
