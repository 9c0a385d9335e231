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
        ("changed", "Big.Fn::Equals.0", "replacement"),
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


@pytest.mark.parametrize(
    ("head", "name", "before", "after"),
    [
        ("Parameters: {N: {Type: String, Default: %s}}", "!Ref N", "a", "b"),
        ("Mappings: {M: {m: {n: %s}}}", "!FindInMap [M, m, n]", "a", "b"),
        (
            "Parameters: {N: {Type: String, Default: %s}}\nConditions: {C: !Equals [!Ref N, a]}",
            "!If [C, d, e]",
            "a",
            "b",
        ),
    ],
)
def test_what_a_parameter_replaces_takes_along_what_refers_to_it(head: str, name: str, before: str, after: str) -> None:
    resources = f"""
Resources:
  T: {{Type: AWS::SNS::Topic, Properties: {{TopicName: {name}}}}}
  Q: {{Type: AWS::SQS::Queue, Properties: {{QueueName: !Sub '${{T.TopicName}}-q'}}}}
"""
    found = review(head % before + resources, head % after + resources)
    assert "data-loss" == found.verdict
    [queue] = [change for change in found.changes if change.logical_id == "Q"]
    assert ("replacement", True) == (queue.behavior, queue.is_data_loss)


def test_an_archive_that_replaces_takes_along_what_refers_to_it() -> None:
    text = """
Parameters: {AnsibleDigest: {Type: String}}
Resources:
  T: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref AnsibleDigest}}
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${T.TopicName}-q'}}
"""
    sides = [
        Side(
            digest,
            side(text, {"AnsibleDigest": digest}).stacks,
            {"ansible.tar.gz": {"a": RepositoryFile("a", digest.encode())}},
        )
        for digest in ("one", "two")
    ]
    assert "data-loss" == review_sides(sides[0], sides[1], LIBRARY).verdict


def test_what_may_be_replaced_is_followed_as_what_may() -> None:
    text = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16, InstanceTenancy: %s}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Routes: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref Subnet, RouteTableId: rtb-1}}
"""
    found = review(text % "default", text % "dedicated")
    assert {("Vpc", "conditional"), ("Subnet", "conditional"), ("Routes", "conditional")} == {
        (change.logical_id, change.behavior) for change in found.changes
    }
    assert not any(change.is_data_loss for change in found.changes)


@pytest.mark.parametrize(("vpc", "names"), [("vpc-1", {"Group"}), ("!Ref Vpc", {"Group", "Vpc", "Targets"})])
def test_an_attribute_that_gives_back_a_property_moves_only_with_it(vpc: str, names: set[str]) -> None:
    text = f"""
Resources:
  Vpc: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: %s}}}}
  Group: {{Type: AWS::EC2::SecurityGroup, Properties: {{GroupDescription: %s, VpcId: {vpc}}}}}
  Targets: {{Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {{VpcId: !GetAtt Group.VpcId}}}}
"""
    after = ("10.1.0.0/16" if "Vpc" in names else "10.0.0.0/16", "b")
    found = review(text % ("10.0.0.0/16", "a"), text % after)
    assert names == {change.logical_id for change in found.changes}


def test_a_parameter_makes_of_a_database_another_as_a_literal_does() -> None:
    text = "Resources: {D: {Type: AWS::RDS::DBInstance, Properties: {Engine: %s, DBInstanceClass: db.t4g.micro}}}"
    head = "Parameters: {E: {Type: String, Default: %s}}\n"
    assert "data-loss" == review(text % "mysql", text % "postgres").verdict
    given = review(head % "mysql" + text % "!Ref E", head % "postgres" + text % "!Ref E")
    assert "data-loss" == given.verdict


LOOP = """
Resources:
  Fn::ForEach::Buckets:
    - Name
    - %s
    - Bucket${Name}: {Type: AWS::S3::Bucket, Properties: {BucketName: %s}}
"""


@pytest.mark.parametrize(
    ("before", "after", "behavior", "is_lost"),
    [
        (("[a, b]", "x"), ("[a]", "x"), "interruption", True),
        (("[a]", "x"), ("[a, b]", "x"), "none", False),
        (("[a]", "x"), ("[a]", "y"), "conditional", False),
        (("!Ref Names", "x"), ("[a]", "x"), "conditional", False),
    ],
)
def test_a_loop_is_never_without_consequence(
    before: tuple[str, str], after: tuple[str, str], behavior: str, is_lost: bool
) -> None:
    found = review(LOOP % before, LOOP % after)
    assert [(behavior, is_lost)] == [(each.behavior, each.is_data_loss) for each in found.changes]


def test_a_parameter_that_a_loop_goes_through_may_replace() -> None:
    head = "Parameters: {Names: {Type: CommaDelimitedList, Default: '%s'}}"
    loop = LOOP % ("!Ref Names", "x")
    assert "conditional" == review(head % "a,b" + loop, head % "a" + loop).verdict


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("production", "test", "data-loss"),
        ("test", "production", "changed"),
        ("test", "staging", "changed"),
        ("!Ref AWS::Region", "production", "conditional"),
    ],
)
def test_a_condition_that_certainly_turns_removes_or_adds(before: str, after: str, verdict: str) -> None:
    text = """
Conditions:
  Large: !Equals [%s, production]
  Kept: !Or [!Equals [a, b], !Condition Large]
Resources: {B: {Type: AWS::S3::Bucket, Condition: Kept}}
"""
    assert verdict == review(text % before, text % after).verdict


def test_a_stack_that_goes_loses_what_it_holds() -> None:
    text = "Resources: {B: {Type: AWS::S3::Bucket}, K: {Type: AWS::S3::Bucket, DeletionPolicy: Retain}}"
    stack = side(text).stacks[""]
    before = Side("a", {"production": stack, "test": stack})
    [change] = review_sides(before, Side("b", {"production": stack}), LIBRARY).changes
    assert ((), "interruption", True) == (change.path, change.behavior, change.is_data_loss)
    assert (
        "CloudFormation deletes the stack and its 2 resources",
        "`B`: no `DeletionPolicy` keeps what it holds",
    ) == change.reasons
