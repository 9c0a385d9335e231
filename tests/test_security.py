"""What a change does to access and protection: tables of pairs by meaning, and laws: a reversal is the opposite."""

from __future__ import annotations

import copy
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.changes import Change, Diff, Kind, Side, SideStack
from compiler.containment import covers_text
from compiler.ingress import find_opened
from compiler.known import Known
from compiler.library import load_library
from compiler.model import Json
from compiler.permissions import Grant, compare_grants, read_grants
from compiler.review import review_sides
from compiler.security import mark_security

LIBRARY = load_library(Path(__file__).parent / "library")
OPPOSITE = {"widened": "narrowed", "weakened": "strengthened", "added": "removed", "changed": "changed"}
OPPOSITE |= {after: before for before, after in OPPOSITE.items()}


def side(resources: Json, facts: Any = None, parameters: Any = None, **sections: Json) -> Side:
    stack = SideStack("t.json", {**sections, "Resources": resources}, parameters or {}, {})
    return Side("", {"": stack}, {}, facts or {})


def review(before: Side, after: Side) -> Diff:
    return mark_security(replace(diff := review_sides(before, after, LIBRARY), changes=tuple(map(bare, diff.changes))))


def bare(change: Change) -> Change:
    return replace(change, security=(), reasons=())


def labels(before: Side, after: Side) -> set[str]:
    return {label for change in review(before, after).changes for label in change.security}


def policy(*statements: Json) -> Json:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": document, "Roles": ["web"]}}


def allow(action: Json, resource: Json = "*", **more: Json) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Json, resource: Json = "*", **more: Json) -> Json:
    return {**allow(action, resource, **more), "Effect": "Deny"}


FROM_HOME = {"IpAddress": {"aws:SourceIp": "10.0.0.0/16"}}
FROM_ROOM = {"IpAddress": {"aws:SourceIp": "10.0.1.0/24"}}
WITH_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ([allow("s3:GetObject")], [allow("s3:*")]),
        ([allow("s3:Get*")], [allow(["s3:Get*", "s3:PutObject"])]),
        ([allow("s3:GetObject", "arn:aws:s3:::a/*")], [allow("s3:GetObject", "arn:aws:s3:::*")]),
        ([allow("s3:GetObject", {"Fn::Sub": "${Bucket}/in/*"})], [allow("s3:GetObject", {"Fn::Sub": "${Bucket}/*"})]),
        ([allow("s3:GetObject")], [allow("s3:GetObject"), allow("sqs:SendMessage")]),
        ([allow("s3:GetObject", Condition=WITH_MFA)], [allow("s3:GetObject")]),
        ([allow("s3:GetObject", Condition={**WITH_MFA, **FROM_HOME})], [allow("s3:GetObject", Condition=FROM_HOME)]),
        ([allow("s3:GetObject", Condition=FROM_ROOM)], [allow("s3:GetObject", Condition=FROM_HOME)]),
        (
            [allow("s3:*", Condition={"StringEquals": {"aws:x": "a"}})],
            [allow("s3:*", Condition={"StringEquals": {"aws:x": ["a", "b"]}})],
        ),
        (
            [allow("s3:*", Condition={"StringNotEquals": {"aws:x": ["a", "b"]}})],
            [allow("s3:*", Condition={"StringNotEquals": {"aws:x": "a"}})],
        ),
        (
            [allow("s3:*", Condition={"StringEquals": {"aws:x": "a"}})],
            [allow("s3:*", Condition={"StringEqualsIfExists": {"aws:x": "a"}})],
        ),
        ([allow("s3:Get*"), deny("s3:*", "arn:x")], [allow("s3:Get*")]),
        ([allow("s3:*"), deny("s3:*", "arn:*")], [allow("s3:*"), deny("s3:*", "arn:x")]),
        ([allow("s3:*"), deny("s3:*")], [allow("s3:*"), deny("s3:*", Condition=WITH_MFA)]),
        (
            [{"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "Resource": "*"}],
            [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
        ),
        ([allow("s3:GetObject")], [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], [allow("*")]),
        (
            [{"Effect": "Allow", "Action": "*", "NotResource": "arn:a*"}],
            [{"Effect": "Allow", "Action": "*", "NotResource": "arn:ab*"}],
        ),
        ([{"Fn::If": ["IsProduction", allow("s3:*"), {"Ref": "AWS::NoValue"}]}], [allow("s3:*")]),
        ([allow("s3:*", {"Ref": "Small"})], [allow("s3:*", [{"Ref": "Small"}, {"Ref": "Large"}])]),
    ],
)
def test_a_policy_that_allows_more_is_wider_and_the_other_way_narrower(narrow: list[Json], wide: list[Json]) -> None:
    assert {"iam-widened"} == labels(side({"P": policy(*narrow)}), side({"P": policy(*wide)}))
    assert {"iam-narrowed"} == labels(side({"P": policy(*wide)}), side({"P": policy(*narrow)}))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([allow(["s3:Get*", "s3:Put*"])], [allow("s3:put*"), allow("S3:GET*")]),
        ([allow("s3:*"), allow("s3:GetObject")], [allow("s3:*")]),
        ([allow("s3:*", {"Ref": "Topic"})], [allow("s3:*", {"Fn::Sub": "${Topic}"})]),
        ([allow("s3:*", {"Fn::GetAtt": ["A", "Arn"]})], [allow("s3:*", {"Fn::Join": ["", [{"Fn::Sub": "${A.Arn}"}]]})]),
        ([allow("s3:*", Sid="One")], [allow("s3:*", Sid="Two")]),
        (
            [allow("s3:*", Condition={"StringEquals": {"aws:X": ["a"]}})],
            [allow("s3:*", Condition={"stringEquals": {"AWS:x": "a"}})],
        ),
    ],
)
def test_the_same_permissions_in_other_words_have_no_label(before: list[Json], after: list[Json]) -> None:
    assert set() == labels(side({"P": policy(*before)}), side({"P": policy(*after)}))


def test_what_is_neither_wider_nor_narrower_is_both() -> None:
    pair = (side({"P": policy(allow("s3:GetObject"))}), side({"P": policy(allow("sqs:SendMessage"))}))
    assert {"iam-widened", "iam-narrowed"} == labels(*pair) == labels(*reversed(pair))


def trust(principal: Json, **more: Json) -> Json:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": [statement]}}}


def role(**properties: Json) -> Json:
    body = trust({"Service": "ec2.amazonaws.com"})
    return {**body, "Properties": {**body["Properties"], **properties}}


def group(*rules: Json, egress: Json = None) -> Json:
    properties = {"GroupDescription": "x", "SecurityGroupIngress": list(rules)}
    return {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {**properties, **({"SecurityGroupEgress": egress} if egress else {})},
    }


def rule(cidr: Json, first: Json = 443, last: Json = 443, protocol: str = "tcp") -> Json:
    name = "CidrIpv6" if ":" in str(cidr) else "CidrIp"
    return {"IpProtocol": protocol, "FromPort": first, "ToPort": last, name: cidr}


def made(kind: str, **properties: Json) -> Json:
    return {"Type": kind, "Properties": properties}


def key(*statements: Json) -> Json:
    return made("AWS::KMS::Key", KeyPolicy={"Statement": list(statements)})


ACCOUNT = {"AWS": "arn:aws:iam::123456789012:root"}
USER = {"AWS": "arn:aws:iam::123456789012:user/a"}
BUCKET, BALANCER = "AWS::S3::Bucket", "AWS::ElasticLoadBalancingV2::LoadBalancer"
LISTENER, DATABASE = "AWS::ElasticLoadBalancingV2::Listener", "AWS::RDS::DBInstance"
BLOCKED = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
WIDER_BLOCK = {**BLOCKED, "BlockPublicPolicy": False}
INVOKE = {"Action": "lambda:InvokeFunction", "FunctionName": "f", "Principal": "s3.amazonaws.com"}


EXPOSED, SEARCH, TABLE = "exposure-widened", "AWS::OpenSearchService::Domain", "AWS::DynamoDB::Table"
SERVERLESS, ADDITION = "AWS::Serverless::Function", "AWS::IAM::UserToGroupAddition"
QUEUES, ACL, METHOD = "AWS::SQS::QueuePolicy", "AWS::EC2::NetworkAclEntry", "AWS::ApiGateway::Method"
SUBNETS, OPEN = {"SubnetIds": ["subnet-1"]}, {"AuthorizationType": "NONE"}
ENTRY: dict[str, Json] = {"RuleAction": "allow", "Protocol": 6, "PortRange": {"From": 22, "To": 22}}
DENIED: dict[str, Json] = {**ENTRY, "RuleAction": "deny"}


def devices(*encrypted: bool) -> Json:
    listed = [{"DeviceName": f"/dev/sd{at}", "Ebs": {"Encrypted": each}} for at, each in enumerate(encrypted)]
    return made("AWS::EC2::Instance", BlockDeviceMappings=listed)


def behaviors(*policies: str) -> Json:
    listed = [{"PathPattern": f"/{at}", "ViewerProtocolPolicy": each} for at, each in enumerate(policies)]
    return made("AWS::CloudFront::Distribution", DistributionConfig={"CacheBehaviors": listed})


def log_policy(*statements: Json) -> Json:
    return made("AWS::Logs::ResourcePolicy", PolicyDocument=json.dumps({"Statement": list(statements)}))


def eks(*ranges: str) -> Json:
    access = {"EndpointPublicAccess": True, "PublicAccessCidrs": list(ranges)}
    return made("AWS::EKS::Cluster", ResourcesVpcConfig=access)


def owned(ownership: str) -> Json:
    return made(BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": ownership}]})


@pytest.mark.parametrize(
    ("strong", "weak", "label"),
    [
        # who may do what
        (trust(USER), trust(ACCOUNT), "iam-widened"),
        (trust(ACCOUNT), trust({"AWS": "*"}), "iam-widened"),
        (trust({"AWS": "123456789012"}), trust("*"), "iam-widened"),
        (
            trust({"Service": "ec2.amazonaws.com"}),
            trust({"Service": ["ec2.amazonaws.com", "x.amazonaws.com"]}),
            "iam-widened",
        ),
        (trust(ACCOUNT, Condition={"StringEquals": {"sts:ExternalId": "a"}}), trust(ACCOUNT), "iam-widened"),
        (role(), role(ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"]), "iam-widened"),
        (role(PermissionsBoundary="arn:b"), role(), "iam-widened"),
        (
            role(Policies=[{"PolicyName": "a", "PolicyDocument": {"Statement": [allow("s3:Get*")]}}]),
            role(Policies=[{"PolicyName": "b", "PolicyDocument": {"Statement": [allow("s3:*")]}}]),
            "iam-widened",
        ),
        (key(allow("kms:*", Principal=USER)), key(allow("kms:*", Principal=ACCOUNT)), "iam-widened"),
        (
            made("AWS::Lambda::Permission", **INVOKE, SourceArn="arn:b"),
            made("AWS::Lambda::Permission", **INVOKE),
            "iam-widened",
        ),
        (None, policy(allow("s3:*")), "iam-widened"),
        (policy(deny("s3:*")), None, "iam-widened"),
        # who can reach what
        (made(BALANCER, Scheme="internal"), made(BALANCER, Scheme="internet-facing"), "exposure-widened"),
        (made(BALANCER, Scheme="internal"), made(BALANCER), "exposure-widened"),
        (None, made(BALANCER), "exposure-widened"),
        (made(DATABASE), made(DATABASE, PubliclyAccessible="true"), "exposure-widened"),
        (made(BUCKET, PublicAccessBlockConfiguration=BLOCKED), made(BUCKET), "exposure-widened"),
        (
            made(BUCKET, PublicAccessBlockConfiguration=BLOCKED),
            made(BUCKET, PublicAccessBlockConfiguration=WIDER_BLOCK),
            "exposure-widened",
        ),
        (made(BUCKET), made(BUCKET, AccessControl="PublicRead"), "exposure-widened"),
        (group(), group(rule("10.0.0.0/8")), "exposure-widened"),
        (group(rule("10.0.0.0/16")), group(rule("10.0.0.0/8")), "exposure-widened"),
        (group(rule("10.0.0.0/8")), group(rule("0.0.0.0/0")), "exposure-widened"),
        (group(rule("::/64")), group(rule("::/0")), "exposure-widened"),
        (group(rule("10.0.0.0/8")), group(rule("10.0.0.0/8", 400, 500)), "exposure-widened"),
        (group(rule("10.0.0.0/8")), group(rule("10.0.0.0/8", protocol="-1")), "exposure-widened"),
        (group(egress=[rule("10.0.0.0/8")]), group(), "egress-widened"),
        (None, made("AWS::EC2::SecurityGroupIngress", GroupId="g", **rule("0.0.0.0/0")), "exposure-widened"),
        # what is protected
        (made(LISTENER, Protocol="HTTPS"), made(LISTENER, Protocol="HTTP"), "encryption-weakened"),
        (
            made(LISTENER, SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06"),
            made(LISTENER, SslPolicy="ELBSecurityPolicy-TLS-1-1-2017-01"),
            "encryption-weakened",
        ),
        (made(DATABASE, StorageEncrypted=True), made(DATABASE), "encryption-weakened"),
        (made("AWS::SQS::Queue", KmsMasterKeyId="a"), made("AWS::SQS::Queue"), "encryption-weakened"),
        (made("AWS::Logs::LogGroup"), made("AWS::Logs::LogGroup", RetentionInDays=7), "logging-weakened"),
        (
            made("AWS::CloudTrail::Trail", IsLogging=True),
            made("AWS::CloudTrail::Trail", IsLogging=False),
            "logging-weakened",
        ),
        (made("AWS::EC2::FlowLog"), None, "logging-weakened"),
        (made(DATABASE, DeletionProtection=True), made(DATABASE, DeletionProtection=False), "protection-weakened"),
        (
            made(
                BALANCER,
                Scheme="internal",
                LoadBalancerAttributes=[{"Key": "deletion_protection.enabled", "Value": "true"}],
            ),
            made(
                BALANCER,
                Scheme="internal",
                LoadBalancerAttributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
            ),
            "protection-weakened",
        ),
        (
            made("AWS::EC2::LaunchTemplate", LaunchTemplateData={"MetadataOptions": {"HttpTokens": "required"}}),
            made("AWS::EC2::LaunchTemplate", LaunchTemplateData={"MetadataOptions": {"HttpTokens": "optional"}}),
            "metadata-weakened",
        ),
        # one branch of a condition
        (group(rule({"Fn::If": ["P", "10.0.0.0/8", "0.0.0.0/0"]})), group(rule("0.0.0.0/0")), "exposure-widened"),
        (
            made(DATABASE, PubliclyAccessible={"Fn::If": ["P", False, True]}),
            made(DATABASE, PubliclyAccessible=True),
            "exposure-widened",
        ),
        (
            policy({**allow("s3:*"), "Effect": {"Fn::If": ["P", "Deny", "Deny"]}}),
            policy({**allow("s3:*"), "Effect": {"Fn::If": ["P", "Allow", "Deny"]}}),
            "iam-widened",
        ),
        # one item of a list
        (devices(True, False), devices(False, False), "encryption-weakened"),
        (behaviors("https-only", "allow-all"), behaviors("allow-all", "allow-all"), "encryption-weakened"),
        # rules taken together
        (group(rule("10.0.0.0/8", 80, 81)), group(rule("10.0.0.0/8", 80, 80), rule("10.0.0.0/8", 81, 82)), EXPOSED),
        # policies in other places
        (
            made("AWS::EC2::VPCEndpoint", PolicyDocument={"Statement": [allow("s3:*", Principal="*")]}),
            made("AWS::EC2::VPCEndpoint"),
            "iam-widened",
        ),
        (log_policy(allow("logs:PutLogEvents")), log_policy(allow("logs:*")), "iam-widened"),
        (made(SERVERLESS, Policies=["A"]), made(SERVERLESS, Policies=["A", "B"]), "iam-widened"),
        (made(ADDITION, GroupName="g", Users=["a"]), made(ADDITION, GroupName="g", Users=["a", "b"]), "iam-widened"),
        (made(QUEUES, Queues=["a"]), made(QUEUES, Queues=["a", "b"]), "iam-widened"),
        # what encrypts
        (made(TABLE, SSESpecification={"SSEEnabled": True}), made(TABLE), "encryption-weakened"),
        *(
            (
                made(kind, VPCOptions=SUBNETS, **{name: {"Enabled": True}}),
                made(kind, VPCOptions=SUBNETS, **{name: {"Enabled": False}}),
                "encryption-weakened",
            )
            for kind in (SEARCH, "AWS::Elasticsearch::Domain")
            for name in ("EncryptionAtRestOptions", "NodeToNodeEncryptionOptions")
        ),
        (
            made("AWS::MSK::Cluster", EncryptionInfo={"EncryptionInTransit": {"ClientBroker": "TLS"}}),
            made("AWS::MSK::Cluster", EncryptionInfo={"EncryptionInTransit": {"ClientBroker": "PLAINTEXT"}}),
            "encryption-weakened",
        ),
        # who reaches what
        (made(SEARCH, VPCOptions=SUBNETS), made(SEARCH), EXPOSED),
        (eks("10.0.0.0/8"), eks("10.0.0.0/8", "0.0.0.0/0"), EXPOSED),
        (eks("10.0.0.0/8"), made("AWS::EKS::Cluster", ResourcesVpcConfig={"EndpointPublicAccess": True}), EXPOSED),
        (
            made("AWS::EC2::PrefixList", Entries=[{"Cidr": "10.0.0.0/8"}]),
            made("AWS::EC2::PrefixList", Entries=[{"Cidr": "0.0.0.0/0"}]),
            EXPOSED,
        ),
        (made(ACL, CidrBlock="10.0.0.0/8", **ENTRY), made(ACL, CidrBlock="0.0.0.0/0", **ENTRY), EXPOSED),
        (made(ACL, CidrBlock="0.0.0.0/0", **DENIED), made(ACL, CidrBlock="10.0.0.0/8", **DENIED), EXPOSED),
        (
            made("AWS::RDS::DBSecurityGroup", DBSecurityGroupIngress=[{"CIDRIP": "10.0.0.0/8"}]),
            made("AWS::RDS::DBSecurityGroup", DBSecurityGroupIngress=[{"CIDRIP": "0.0.0.0/0"}]),
            EXPOSED,
        ),
        (
            made("AWS::EC2::Route", DestinationCidrBlock="0.0.0.0/0", NatGatewayId="nat"),
            made("AWS::EC2::Route", DestinationCidrBlock="0.0.0.0/0", GatewayId="igw"),
            EXPOSED,
        ),
        (
            made("AWS::ApiGateway::Method", ApiKeyRequired=True, **OPEN),
            made("AWS::ApiGateway::Method", **OPEN),
            EXPOSED,
        ),
        (owned("BucketOwnerEnforced"), owned("ObjectWriter"), EXPOSED),
        # what stands before it
        (
            made("AWS::WAFv2::WebACL", DefaultAction={"Block": {}}),
            made("AWS::WAFv2::WebACL", DefaultAction={"Allow": {}}),
            "protection-weakened",
        ),
        (
            made("AWS::CloudFront::Distribution", DistributionConfig={"WebACLId": "a"}),
            made("AWS::CloudFront::Distribution", DistributionConfig={}),
            "protection-weakened",
        ),
        (
            made(LISTENER, DefaultActions=[{"Type": "authenticate-oidc"}, {"Type": "forward"}]),
            made(LISTENER, DefaultActions=[{"Type": "forward"}]),
            "protection-weakened",
        ),
        (
            made("AWS::ECS::TaskDefinition", ContainerDefinitions=[{"Name": "a"}]),
            made("AWS::ECS::TaskDefinition", ContainerDefinitions=[{"Name": "a", "Privileged": True}]),
            "protection-weakened",
        ),
    ],
)
def test_what_weakens_is_labelled_and_its_reversal_the_other_way(strong: Json, weak: Json, label: str) -> None:
    before, after = (side({"R": body} if body is not None else {}) for body in (strong, weak))
    what, _, how = label.rpartition("-")
    assert {label} == labels(before, after)
    assert {f"{what}-{OPPOSITE[how]}"} == labels(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (group(rule("10.0.0.0/25"), rule("10.0.0.128/25")), group(rule("10.0.0.0/24"))),
        (group(rule("10.0.0.0/8", "443", "443", "6")), group(rule("10.0.0.0/8"))),
        (group(rule("10.0.0.0/8", 80, 81)), group(rule("10.0.0.0/8", 80, 80), rule("10.0.0.0/8", 81, 81))),
        (
            key(allow("kms:*", Principal={"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}})),
            key(allow("kms:*", Principal={"AWS": {"Ref": "AWS::AccountId"}})),
        ),
        (
            made(DATABASE, PubliclyAccessible={"Fn::If": ["P", True, False]}, Tags=[]),
            made(DATABASE, PubliclyAccessible={"Fn::If": ["P", "true", "false"]}),
        ),
        (made(DATABASE, PubliclyAccessible=False), made(DATABASE)),
        (made(DATABASE, StorageEncrypted="true"), made(DATABASE, StorageEncrypted=True)),
        (role(Tags=[]), role(Tags=[{"Key": "a", "Value": "b"}])),
        (None, made(BUCKET, PublicAccessBlockConfiguration=BLOCKED)),
        (None, made(DATABASE)),
        (None, made(LISTENER, Protocol="TLS")),
        (None, made("AWS::ApiGatewayV2::Api", ProtocolType="HTTP")),
        (None, made("AWS::EKS::Cluster", ResourcesVpcConfig={"EndpointPublicAccess": False})),
        (group(), None),
    ],
)
def test_what_means_the_same_has_no_label(before: Json, after: Json) -> None:
    sides = [side({"R": body} if body is not None else {}) for body in (before, after)]
    assert set() == labels(*sides) == labels(*reversed(sides))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # both branches were open before, and still one of them is opened
        (
            group(rule({"Fn::If": ["P", "10.0.0.0/8", "0.0.0.0/0"]})),
            group(rule({"Fn::If": ["P", "0.0.0.0/0", "10.0.0.0/8"]})),
            {"exposure-widened", "exposure-narrowed"},
        ),
        # what is said of another resource goes from one and comes to the other
        (
            made("AWS::EC2::SecurityGroupIngress", GroupId="a", **rule("0.0.0.0/0")),
            made("AWS::EC2::SecurityGroupIngress", GroupId="b", **rule("0.0.0.0/0")),
            {"exposure-widened", "exposure-narrowed"},
        ),
        (
            made("AWS::S3::BucketPolicy", Bucket="a", PolicyDocument={"Statement": [allow("s3:*", Principal="*")]}),
            made("AWS::S3::BucketPolicy", Bucket="b", PolicyDocument={"Statement": [allow("s3:*", Principal="*")]}),
            {"iam-widened", "iam-narrowed"},
        ),
        (made("AWS::Lambda::Function", Role="a"), made("AWS::Lambda::Function", Role="b"), {"iam-changed"}),
        (made("AWS::EC2::Instance", IamInstanceProfile="a"), made("AWS::EC2::Instance"), {"iam-narrowed"}),
    ],
)
def test_what_goes_here_and_comes_there_is_told_both_ways(before: Json, after: Json, expected: set[str]) -> None:
    assert expected == labels(side({"R": before}), side({"R": after}))


def test_a_parameter_that_turns_a_refusal_into_a_permission_is_labelled() -> None:
    body = {"P": policy({**allow("s3:*"), "Effect": {"Ref": "E"}})}
    values = [{"E": {"Type": "String", "Default": effect}} for effect in ("Deny", "Allow")]
    assert {"iam-widened"} == labels(side(body, Parameters=values[0]), side(body, Parameters=values[1]))


def test_a_default_that_turns_a_condition_is_labelled() -> None:
    body = {"D": made(DATABASE, PubliclyAccessible={"Fn::If": ["P", False, True]})}
    conditions = {"P": {"Fn::Equals": [{"Ref": "E"}, "a"]}}
    values = [{"E": {"Type": "String", "Default": value}} for value in "ab"]
    sides = [side(body, Parameters=each, Conditions=conditions) for each in values]
    assert {"exposure-widened"} == labels(*sides)
    assert {"exposure-narrowed"} == labels(*reversed(sides))


def test_a_label_due_to_a_parameter_does_not_land_on_another_property() -> None:
    body = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": {"Ref": "From"}}
    sides = []
    for tag, cidr in (("a", "10.0.0.0/8"), ("b", "0.0.0.0/0")):
        resource = group(body)
        resource["Properties"]["Tags"] = [{"Key": "x", "Value": tag}]
        sides.append(side({"G": resource}, Parameters={"From": {"Type": "String", "Default": cidr}}))
    assert {("Parameters", "From", "Default")} == {each.path for each in review(*sides).changes if each.security}


def test_a_sentence_about_a_function_names_no_null() -> None:
    body = made("AWS::Serverless::Api")
    told = made("AWS::Lambda::Permission", Principal="s3.amazonaws.com")
    found = review(side({"A": body}), side({"A": body, "P": told})).changes
    assert not any("null" in reason for change in found for reason in change.concerns)


def test_large_policies_and_groups_are_compared_quickly() -> None:
    """Some 150,000 permissions on each side, and a thousand rules: counted in work, not in time, they take seconds."""
    known = Known({}, {})
    sides = [
        read_grants(allow([f"s3:{side}{n}*" for n in range(400)], [f"arn:{side}{n}*" for n in range(400)]), known)
        for side in "ab"
    ]
    start = time.process_time()
    gained, lost = compare_grants(sides[0], sides[1])
    assert 160_000 == sum(map(Grant.count, gained)) == sum(map(Grant.count, lost))
    rules = [[rule(f"10.{n % 250}.{n // 250 + 100 * at}.0/24", n, n) for n in range(1000)] for at in range(2)]
    list(find_opened("AWS::EC2::SecurityGroup", group(*rules[0]), group(*rules[1]), (known, known)))
    assert time.process_time() - start < 1


def test_twice_as_many_changed_rules_are_twice_the_work() -> None:
    """Each of them is found a change to stand at. Counted in calls, since a machine may be busy."""

    def count_calls(number: int) -> int:
        before, after = (
            side({"G": group(*[rule(cidr, port, port) for port in range(number)])})
            for cidr in ("10.0.0.0/8", "0.0.0.0/0")
        )
        diff = review_sides(before, after, LIBRARY)
        calls = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            mark_security(diff)
        finally:
            sys.setprofile(None)
        return calls

    assert count_calls(400) < 2.2 * count_calls(200)


def test_another_key_and_another_boundary_are_neither_stronger_nor_weaker() -> None:
    queue = "AWS::SQS::Queue"
    assert {"encryption-changed"} == labels(
        side({"Q": made(queue, KmsMasterKeyId="a")}), side({"Q": made(queue, KmsMasterKeyId="b")})
    )
    assert {"iam-changed"} == labels(
        side({"R": role(PermissionsBoundary="a")}), side({"R": role(PermissionsBoundary="b")})
    )


def test_the_label_stands_at_the_change_that_carries_it() -> None:
    before = side({"P": policy(allow("s3:Get*")), "B": made(BALANCER, Scheme="internal", Name="a")})
    after = side({"P": policy(allow("s3:*")), "B": made(BALANCER, Scheme="internet-facing", Name="b")})
    found = {change.path[-1]: (change.security, change.concerns) for change in review(before, after).changes}
    assert found["Name"] == ((), ())
    assert found["Scheme"] == (
        ("exposure-widened",),
        ("B: `Scheme` goes from `internal` to `internet-facing`",),
    )
    assert (("iam-widened",), ("P: allows `s3:*` on `*`",)) in found.values()


def test_a_parameter_that_turns_a_safeguard_off_carries_the_label() -> None:
    body = {"D": made(DATABASE, StorageEncrypted={"Ref": "IsEncrypted"}, DBName={"Ref": "Name"})}
    parameters = {"Name": {"Type": "String", "Default": "a"}, "IsEncrypted": {"Type": "String", "Default": "true"}}
    changed = {"Name": {"Type": "String", "Default": "b"}, "IsEncrypted": {"Type": "String", "Default": "false"}}
    found = review(side(body, Parameters=parameters), side(body, Parameters=changed)).changes
    assert {("Parameters", "IsEncrypted", "Default"): ("encryption-weakened",)} == {
        change.path: change.security for change in found if change.security
    }
    given = review(
        side(body, parameters={"IsEncrypted": "true"}, Parameters=parameters),
        side(body, parameters={"IsEncrypted": "false"}, Parameters=parameters),
    )
    assert [("encryption-weakened",)] == [change.security for change in given.changes]
    asked = {name: {"Type": "String"} for name in parameters}
    given = review(
        side(body, parameters={"IsEncrypted": "true"}, Parameters=asked),
        side(body, parameters={"IsEncrypted": "false"}, Parameters=asked),
    )
    assert [("encryption-weakened",)] == [change.security for change in given.changes]


def test_a_trust_is_told_in_the_words_of_its_policy() -> None:
    found = review(
        side({"R": trust({"Service": "a.amazonaws.com"})}), side({"R": trust({"Service": "b.amazonaws.com"})})
    )
    assert {"R: allows `sts:AssumeRole` to `Service b.amazonaws.com`"} <= {
        reason for change in found.changes for reason in change.concerns
    }


def test_a_renamed_resource_is_no_new_permission() -> None:
    topic = made("AWS::SNS::Topic", DisplayName="Orders that were placed", Tags=[{"Key": "a", "Value": "b"}])
    before = side({"Old": topic, "P": policy(allow("sns:Publish", {"Ref": "Old"}))})
    after = side({"New": topic, "P": policy(allow("sns:Publish", {"Ref": "New"}))})
    assert any(change.renamed_to == "New" for change in review(before, after).changes)
    assert set() == labels(before, after)


def test_waivers_are_labelled() -> None:
    waiver = {"code": "E9010", "reason": "x", "environments": ["production"]}
    found = review(side({}, {"waivers": []}), side({}, {"waivers": [waiver]})).changes
    assert [(("waiver-added",), ("a waiver of `E9010` sets a rule aside",))] == [
        (change.security, change.concerns) for change in found
    ]
    assert {"waiver-removed"} == labels(side({}, {"waivers": [waiver]}), side({}, {"waivers": []}))


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 5, "x", [], {}, [None], {"Ref": "A"}, {"Statement": 5}, {"Fn::If": ["C", "a", 5]}, {"Fn::If": []}]
)
PLACES = [
    (("Properties",), role()),
    (("Properties", "AssumeRolePolicyDocument"), role()),
    (("Properties", "AssumeRolePolicyDocument", "Statement"), role()),
    (("Properties", "AssumeRolePolicyDocument", "Statement", 0), role()),
    (("Properties", "AssumeRolePolicyDocument", "Statement", 0, "Principal"), role()),
    (("Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition"), trust(ACCOUNT, Condition=WITH_MFA)),
    (("Properties", "ManagedPolicyArns"), role(ManagedPolicyArns=["a"])),
    (("Properties", "SecurityGroupIngress"), group(rule("10.0.0.0/8"))),
    (("Properties", "SecurityGroupIngress", 0), group(rule("10.0.0.0/8"))),
    (("Properties", "SecurityGroupIngress", 0, "FromPort"), group(rule("10.0.0.0/8"))),
    (("Properties", "SecurityGroupIngress", 0, "CidrIp"), group(rule("10.0.0.0/8"))),
    (("Properties", "RetentionInDays"), made("AWS::Logs::LogGroup", RetentionInDays=5)),
    (("Type",), role()),
]


@given(st.sampled_from(PLACES), ODD)
def test_whatever_stands_in_a_template_is_compared(place: tuple[Any, Json], odd: Json) -> None:
    """A template that CloudFormation would refuse is no reason for a traceback."""
    path, body = place
    changed = copy.deepcopy(body)
    around = changed
    for step in path[:-1]:
        around = around[step]
    around[path[-1]] = odd
    labels(side({"R": body}), side({"R": changed}))
    labels(side({"R": changed}), side({"R": body}))


# Laws

TEXTS = st.text("ab*?", max_size=5)
PLAIN = st.text("ab", max_size=5)
ELEMENTS = st.sampled_from(["*", "a*", "ab", "b?", "b*"])
STATEMENTS = st.lists(
    st.builds(
        lambda effect, action, negated, resource, condition: {
            "Effect": effect,
            ("NotAction" if negated else "Action"): action,
            "Resource": resource,
            **({"Condition": {"StringEquals": {"k": condition}}} if condition else {}),
        },
        st.sampled_from(["Allow", "Deny"]),
        st.lists(ELEMENTS, min_size=1, max_size=2),
        st.booleans(),
        ELEMENTS,
        st.lists(st.sampled_from(["x", "y"]), max_size=2),
    ),
    max_size=3,
)


def fits(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])


@given(TEXTS, TEXTS, PLAIN)
def test_what_a_covered_pattern_fits_the_covering_one_fits(wide: str, narrow: str, text: str) -> None:
    if covers_text(wide, narrow) and fits(narrow, text):
        assert fits(wide, text)


def is_allowed(statements: list[Json], action: str, resource: str, value: str) -> bool:
    """What IAM says: a refusal counts more than a permission."""
    said = set()
    for statement in statements:
        named = any(fits(pattern, action) for pattern in statement.get("Action", statement.get("NotAction")))
        condition = statement.get("Condition")
        meets = condition is None or value in condition["StringEquals"]["k"]
        if named != ("NotAction" in statement) and fits(statement["Resource"], resource) and meets:
            said.add(statement["Effect"])
    return said == {"Allow"}


@given(STATEMENTS, STATEMENTS, PLAIN, PLAIN, st.sampled_from(["x", "y", "z"]))
def test_nothing_is_allowed_anew_without_a_gain(
    before: list[Json], after: list[Json], action: str, resource: str, value: str
) -> None:
    known = Known({}, {})
    gained, lost = compare_grants(read_grants(before, known), read_grants(after, known))
    was, now = (is_allowed(each, action, resource, value) for each in (before, after))
    assert gained or was or not now
    assert lost or now or not was


@given(STATEMENTS, STATEMENTS)
def test_a_gain_reversed_is_a_loss(before: list[Json], after: list[Json]) -> None:
    known = Known({}, {})
    grants = [read_grants(each, known) for each in (before, after)]
    assert compare_grants(grants[0], grants[1]) == tuple(reversed(compare_grants(grants[1], grants[0])))
    assert ({}, {}) == compare_grants(grants[0], grants[0])


@pytest.mark.parametrize(
    ("kind", "before", "after", "labels"),
    [
        ("AWS::S3::Bucket", "Retain", None, ("protection-weakened",)),
        ("AWS::S3::Bucket", None, "Retain", ("protection-strengthened",)),
        ("AWS::RDS::DBInstance", "Snapshot", "Delete", ("protection-weakened",)),
        ("AWS::S3::Bucket", "Retain", "RetainExceptOnCreate", ()),
        ("AWS::SNS::Topic", "Retain", None, ()),
    ],
)
@pytest.mark.parametrize("name", ["DeletionPolicy", "UpdateReplacePolicy"])
def test_data_that_is_kept_no_longer_is_less_protected(
    name: str, kind: str, before: str | None, after: str | None, labels: tuple[str, ...]
) -> None:
    change_kind: Kind = "added" if before is None else "removed" if after is None else "changed"
    change = Change("", "t.yml", ("Resources", "A", name), change_kind, before, after, "A", kind)
    [found] = mark_security(Diff(Side("a", {}), Side("b", {}), (change,))).changes
    assert labels == found.security
