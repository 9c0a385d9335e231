"""Consequence: what a change does when it is deployed, and what it takes along."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.changes import Change, Diff, Side, SideStack
from compiler.library import find_content, load_library
from compiler.load import load_document
from compiler.model import RepositoryFile
from compiler.review import review_sides

LIBRARY = load_library(find_content("platform"))

GROUP = "Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties"
BUCKET = "Type: AWS::S3::Bucket, Properties"


def side(text: str, values: dict[str, str] | None = None) -> Side:
    document, faults = load_document(text.encode(), "a.yml", dialect="template")
    assert () == faults
    return Side("a", {"": SideStack("a.yml", document.data, values or {}, {})})


def review(before: str, after: str) -> Diff:
    return review_sides(side(before), side(after), LIBRARY)


def told(changes: tuple[Change, ...]) -> list[tuple[str, str, str]]:
    return [(each.kind, ".".join(map(str, each.path[1:])), each.behavior) for each in changes]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # A literal that becomes a reference to what is the same, or may be.
        ("80", "!Ref Eighty", "conditional"),
        ("80", "!Ref Unknown", "conditional"),
        ("80", "!Ref Other", "replacement"),
        ("80", '"80"', "conditional"),
        ("80", "!FindInMap [Ports, web, port]", "conditional"),
        ("80", "!If [Never, 80, 81]", "conditional"),
        ("80", "!If [Never, 82, 81]", "replacement"),
        ("80", '!Join ["", ["8", "0"]]', "conditional"),
        ('!Sub "${Eighty}"', "!Ref Eighty", "conditional"),
        # Of two parameters of which nothing is known, nobody expects the same.
        ("!Ref Unknown", "!Ref Unsaid", "replacement"),
        ('!Sub "${Unknown}1"', '!Sub "${Unknown}2"', "replacement"),
        ('!Sub "${Unknown}1"', '!Sub "${Unsaid}2"', "conditional"),
    ],
)
def test_a_value_that_may_come_to_the_same_may_replace(before: str, after: str, expected: str) -> None:
    head = """
Parameters: {Eighty: {Type: Number, Default: 80}, Other: {Type: Number, Default: 81},
  Unknown: {Type: Number}, Unsaid: {Type: Number}}
Mappings: {Ports: {web: {port: 80}}}
Conditions: {Never: !Equals [a, b]}
"""
    resource = "Resources: {A: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Port: %s}}}"
    found = review(head + resource % before, head + resource % after)
    assert [expected] == [each.behavior for each in found.changes]


@pytest.mark.parametrize(
    ("before", "after", "behavior", "reasons"),
    [
        (
            "Parameters: {Port: {Type: Number, Default: 80}}",
            "Parameters: {Port: {Type: Number, Default: 81}}",
            "replacement",
            ("`Port` of `A` refers to it", "`Port` cannot be changed in place"),
        ),
        (
            "Parameters: {Port: {Type: Number, Default: 80}}",
            "Parameters: {Port: {Type: String, Default: 80}}",
            "none",
            (),
        ),
        (
            "Parameters: {Port: {Type: Number}}",
            "Parameters: {Port: {Type: Number, Default: 80}}",
            "conditional",
            ("`Port` of `A` refers to it", "`Port` cannot be changed in place"),
        ),
    ],
)
def test_a_parameter_does_what_is_done_to_the_worst_place_that_refers_to_it(
    before: str, after: str, behavior: str, reasons: tuple[str, ...]
) -> None:
    resource = (
        "\nResources: {A: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, "
        "Properties: {Port: !Ref Port, Tags: [{Key: port, Value: !Ref Port}]}}}"
    )
    [change] = review(before + resource, after + resource).changes
    assert (behavior, reasons) == (change.behavior, change.reasons)


def test_mappings_and_conditions_are_followed_to_where_they_decide() -> None:
    text = """
Mappings: {Ports: {web: {port: %s}}}
Conditions: {Big: !Equals [%s, b], Bigger: !Not [!Condition Big]}
Resources:
  A: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Port: !FindInMap [Ports, web, port]}}
  B: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Port: !If [Bigger, 1, 2]}}
"""
    found = review(text % ("80", "a"), text % ("81", "b"))
    assert [
        ("changed", "Big.Fn::Equals.0", "conditional"),
        ("changed", "Ports.web.port", "replacement"),
    ] == told(found.changes)


def test_what_refers_to_a_replaced_resource_through_a_fixed_property_is_replaced_too() -> None:
    text = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: %s}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Volume: {Type: AWS::EFS::MountTarget, Properties:
    {SubnetId: !Sub "${Subnet}", FileSystemId: fs-1, SecurityGroups: [sg-1]}}
  Free: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Vpc}}
  Waits: {Type: AWS::EC2::Subnet, DependsOn: Vpc, Properties: {VpcId: vpc-1, CidrBlock: 10.0.0.0/24}}
"""
    found = review(text % "10.0.0.0/16", text % "10.0.0.0/8")
    assert [
        ("changed", "Subnet.Properties.VpcId", "replacement"),
        ("changed", "Volume.Properties.SubnetId", "replacement"),
        ("changed", "Vpc.Properties.CidrBlock", "replacement"),
    ] == told(found.changes)
    assert (
        "`SubnetId` refers to `Subnet`, which is replaced, because `Vpc` is",
        "`SubnetId` cannot be changed in place",
    ) == found.changes[1].reasons


def test_a_group_follows_the_version_of_its_launch_template() -> None:
    text = """
Resources:
  Template: {Type: AWS::EC2::LaunchTemplate, Properties: {LaunchTemplateData: {ImageId: %s}}}
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    UpdatePolicy: {AutoScalingRollingUpdate: {MinInstancesInService: 1}}
    Properties: {MinSize: 1, MaxSize: 2, LaunchTemplate:
      {LaunchTemplateId: !Ref Template, Version: !GetAtt Template.LatestVersionNumber}}
"""
    found = review(text % "ami-1", text % "ami-2")
    assert [
        ("changed", "Group.Properties.LaunchTemplate.Version", "interruption"),
        ("changed", "Template.Properties.LaunchTemplateData.ImageId", "none"),
    ] == told(found.changes)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("Type: AWS::S3::Bucket", None, "data-loss"),
        ("Type: AWS::S3::Bucket, DeletionPolicy: Retain", None, "changed"),
        ("Type: AWS::SNS::Topic", None, "interruption"),
        (None, "Type: AWS::S3::Bucket", "changed"),
        (f"{BUCKET}: {{BucketName: a}}", f"{BUCKET}: {{BucketName: b}}", "data-loss"),
        (
            f"UpdateReplacePolicy: Retain, {BUCKET}: {{BucketName: a}}",
            f"UpdateReplacePolicy: Retain, {BUCKET}: {{BucketName: b}}",
            "replacement",
        ),
        ("Type: AWS::S3::Bucket", "Type: AWS::SNS::Topic", "data-loss"),
        (f"{GROUP}: {{Port: 1}}", f"{GROUP}: {{Port: 2}}", "replacement"),
        (f"{GROUP}: {{HealthCheckPath: /a}}", f"{GROUP}: {{HealthCheckPath: /b}}", "changed"),
    ],
)
def test_the_verdict_is_the_worst_that_happens(before: str | None, after: str | None, verdict: str) -> None:
    texts = [f"{{Resources: {{{'' if body is None else f'A: {{{body}}}'}}}}}" for body in (before, after)]
    assert verdict == review(*texts).verdict


def test_a_resource_under_another_logical_id_is_one_change_and_a_replacement() -> None:
    tags = "Tags: [{Key: a, Value: 1}, {Key: b, Value: 2}]"
    text = """
Resources:
  %(bucket)s: {Type: AWS::S3::Bucket, Properties: {BucketName: %(name)s, AccessControl: Private, %(tags)s}}
  %(policy)s: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Ref %(bucket)s, PolicyDocument: {Statement: []}}}
"""
    old = {"bucket": "Old", "policy": "OldPolicy", "name": "x", "tags": tags}
    new = {"bucket": "New", "policy": "NewPolicy", "name": "y", "tags": tags}
    bucket, policy = review(text % old, text % new).changes
    assert ("changed", ("Resources", "Old"), "New", "replacement", True) == _named(bucket)
    assert [("changed", "New.Properties.BucketName", "replacement")] == told(bucket.within)
    assert ("changed", ("Resources", "OldPolicy"), "NewPolicy", "replacement", False) == _named(policy)
    assert () == policy.within


def _named(change: Change) -> tuple[Any, ...]:
    return change.kind, change.path, change.renamed_to, change.behavior, change.is_data_loss


def test_another_digest_of_an_archive_does_what_its_parameter_does() -> None:
    text = """
Parameters: {AnsibleDigest: {Type: String}, Release: {Type: String}}
Resources: {A: {Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {Name: !Ref AnsibleDigest}}}
"""
    sides = []
    for digest, release in (("one", "r1"), ("two", "r2")):
        stacks = side(text, {"AnsibleDigest": digest, "Release": release}).stacks
        files = {"ansible.tar.gz": {"site.yml": RepositoryFile("site.yml", digest.encode())}}
        sides.append(Side(digest, stacks, files))
    [change] = review_sides(sides[0], sides[1], LIBRARY).changes
    assert ("ansible.tar.gz", ("site.yml",), "replacement") == (change.file, change.path, change.behavior)
