"""The rules of the platform, up to their edges: what each finds in one resource, and where.

`guarded/` shows them through the whole compiler; here each runs alone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import get_session
from cfnlint.template import Template

from compiler.library import load_library
from compiler.lint_rules import load_rules
from tests.services_by_hand import known_attributes

LIBRARY = load_library(Path(__file__).parent.parent / "platform")
OWN = {rule for module in LIBRARY.rules for rule in module.ids}
EVERYONE = "the principal `*` is everyone, and no condition says who is meant"


def run(rule: str, template: dict[str, Any]) -> list[tuple[str, str]]:
    """Run one rule; return where below `Resources` it finds something, and what."""
    matches = load_rules(LIBRARY)[rule].match(Template(None, template, ["eu-west-1"]))
    return [(".".join(str(step) for step in match.path[1:]), match.message) for match in matches]


def check(rule: str, text: str, **parameters: object) -> list[tuple[str, str]]:
    """Run one rule on resources that are written as YAML."""
    return run(rule, {"Resources": yaml.safe_load(text), "Parameters": parameters})


def test_every_rule_says_what_it_is_for() -> None:
    rules = load_rules(LIBRARY)
    assert {f"E90{number:02}" for number in range(1, 13)} == OWN
    for rule in OWN:
        assert 20 < len(rules[rule].shortdesc) < 80 and not rules[rule].shortdesc.endswith(".")
        assert rules[rule].description.endswith(".")
        assert rules[rule].match is not None


ANYTHING: list[Any] = [None, 1, "text", [], {}, [None], {"Fn::If": []}, {"Fn::If": ["A", 1]}, {"Ref": ["x"]}]


@pytest.mark.parametrize("rule", sorted(OWN))
def test_no_rule_trips_over_a_template_of_any_form(rule: str) -> None:
    keys = [
        *("Tags", "Policies", "PolicyDocument", "ManagedPolicyArns", "SecurityGroupIngress", "SecurityGroups"),
        *("Scheme", "Protocol", "DefaultActions", "Actions", "ListenerArn", "Principal", "Password", "Environment"),
        *(
            "CidrIp",
            "FromPort",
            "GroupId",
            "Variables",
            "Topics",
            "TopicArn",
            "TopicName",
            "SourcePrefixListId",
            "Entries",
            "LoadBalancerAttributes",
            "TargetGroupAttributes",
            "ListenerAttributes",
            "Key",
            "Value",
            "TargetType",
        ),
    ]
    types = [
        *("AWS::IAM::Role", "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::S3::Bucket"),
        *("AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::Listener"),
        *("AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::Lambda::Permission", "Custom::Thing", 3),
        *("AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::ElasticLoadBalancing::LoadBalancer"),
        *("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy", "AWS::EC2::PrefixList"),
    ]
    for value in ANYTHING:
        statement = {"Effect": "Allow", "Action": value, "Resource": value, "Principal": value, "Condition": value}
        grant = {"Effect": "Allow", "Action": "*", "Resource": value, "NotAction": value}
        inner = dict.fromkeys(keys, value)
        bodies = [
            *(value, {"Properties": value}, {"Properties": inner}),
            {"Properties": {key: [inner, {"Statement": [statement, grant, value]}] for key in keys}},
        ]
        for body in bodies:
            resources = {f"R{number}": {**_map(body), "Type": kind} for number, kind in enumerate(types)}
            run(rule, {"Resources": {**resources, "Odd": body}, "Parameters": {"P": value}})
        run(rule, {"Resources": value, "Parameters": value})


def _map(body: Any) -> dict[str, Any]:
    return body if isinstance(body, dict) else {}


# E9001 is about data


@pytest.mark.parametrize(
    ("attributes", "missing"),
    [
        ("DeletionPolicy: Retain, UpdateReplacePolicy: Snapshot", []),
        ("DeletionPolicy: RetainExceptOnCreate, UpdateReplacePolicy: Retain", []),
        ("DeletionPolicy: Delete", ["UpdateReplacePolicy"]),
        ("UpdateReplacePolicy: Delete", ["DeletionPolicy"]),
        ("DependsOn: B", ["DeletionPolicy", "UpdateReplacePolicy"]),
    ],
)
def test_what_holds_data_has_both_policies(attributes: str, missing: list[str]) -> None:
    found = check("E9001", f"A: {{Type: 'AWS::DynamoDB::Table', {attributes}}}")
    assert missing == [message.split("'")[1] for _, message in found]
    assert [] == check("E9001", f"A: {{Type: 'AWS::SNS::Topic', {attributes}}}")


# E9002 and E9003 are about tags


@pytest.mark.parametrize(
    ("resource", "missing"),
    [
        ("Type: AWS::SQS::Queue", ["owner", "environment", "service"]),
        ("Type: AWS::SQS::Queue, Properties: {Tags: [{Key: owner, Value: a}]}", ["environment", "service"]),
        ("Type: AWS::SSM::Parameter, Properties: {Tags: {owner: a, environment: b, service: c}}", []),
        ("Type: AWS::Route53::HostedZone, Properties: {HostedZoneTags: [{Key: service}]}", ["owner", "environment"]),
        (
            "Type: AWS::SQS::Queue, Properties: {Tags: {'Fn::If': [A, [{Key: owner}], [{Key: service}]]}}",
            ["environment"],
        ),
        ("Type: AWS::IAM::ManagedPolicy", []),
        ("Type: AWS::EC2::LaunchTemplate", []),
        ("Type: Custom::Thing", []),
    ],
)
def test_what_can_have_tags_has_those_of_its_owner(resource: str, missing: list[str]) -> None:
    found = [*check("E9002", f"A: {{{resource}}}"), *check("E9003", f"A: {{{resource}}}")]
    assert missing == [message.split("`")[1] for _, message in found]


# E9004 is about wildcards


def policy(statement: str) -> str:
    return f"A: {{Type: 'AWS::IAM::Policy', Properties: {{PolicyDocument: {{Statement: {statement}}}}}}}"


@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        ("{Effect: Allow, Action: '*', Resource: '*'}", ["Action"]),
        ("{Effect: Allow, Action: ['s3:*', 'sqs:SendMessage'], Resource: ['*']}", ["Action.0"]),
        ("{Effect: Allow, Action: 's3:**', Resource: 'arn:aws:s3:::*'}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': 'arn:${AWS::Partition}:s3:::*'}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: '*', Condition: {StringEquals: {a: b}}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:Get*', Resource: '*'}", ["Action"]),
        ("{Effect: Allow, Action: 's3:Get*', Resource: '*', Condition: {StringEquals: {a: b}}}", []),
        ("{Effect: Allow, Action: 's3:Get*', Resource: 'arn:aws:s3:::menus/*'}", []),
        ("{Effect: Allow, Action: 's3:*', Resource: 'arn:aws:s3:::menus/*'}", []),
        ("{Effect: Allow, Action: ['ec2:Describe*', 's3:ListBuckets*', 'sqs:ListQueues'], Resource: '*'}", []),
        ("{Effect: Allow, NotAction: 'iam:*', Resource: '*'}", ["NotAction"]),
        ("{Effect: Allow, NotAction: 'iam:*', Resource: 'arn:aws:s3:::menus/*'}", []),
        ("{Effect: Allow, Action: 's3:*', NotResource: 'arn:aws:s3:::menus/*'}", ["Action"]),
        ("{Effect: Deny, Action: '*', Resource: '*'}", []),
        ("{Effect: Allow, Action: '*', Resource: '*', Principal: {AWS: '111122223333'}}", []),
        ("{Effect: Allow, Action: '*', Resource: {'Ref': B}}", []),
        ("{Effect: Allow, Action: {'Fn::If': [A, '*', 's3:GetObject']}, Resource: '*'}", ["Action.Fn::If.1"]),
        ("{'Fn::If': [A, {Effect: Allow, Action: '*', Resource: '*'}, {Ref: 'AWS::NoValue'}]}", ["Fn::If.1.Action"]),
        ("{Effect: Allow, Action: {Ref: Given}, Resource: '*'}", ["Action"]),
        ("{Effect: {Ref: Effect}, Action: '*', Resource: '*'}", ["Action"]),
        ("{Effect: {'Fn::Sub': Allow}, Action: '*', Resource: '*'}", ["Action"]),
        ("{Effect: {Ref: Unknown}, Action: '*', Resource: '*'}", ["Action"]),
        ("{Effect: {'Fn::Sub': Deny}, Action: '*', Resource: '*'}", []),
        ("{Effect: Allow, Action: {'Fn::Join': [':', [s3, '*']]}, Resource: {'Fn::Sub': '*'}}", ["Action"]),
        ("{Effect: Allow, Action: '*', Resource: '*', Principal: {Ref: 'AWS::NoValue'}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: 'arn:aws:s3:::*/*'}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: 'arn:aws:s3:::?*'}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: 'arn:aws:s3*'}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: 'arn:aws:s3:::orders-*/*'}", []),
        ("{Effect: Allow, Action: 'dynamodb:*', Resource: 'arn:aws:dynamodb:*:*:table/*'}", ["Action"]),
        ("{Effect: Allow, Action: 'dynamodb:*', Resource: 'arn:aws:dynamodb:*:*:table/orders/*'}", []),
        ("{Effect: Allow, Action: 'sns:*', Resource: 'arn:aws:sns:*:*:orders:*'}", []),
        ("{Effect: Allow, Action: 'iam:??????????', Resource: '*'}", ["Action"]),
        ("{Effect: Allow, Action: 'iam:Create????', Resource: '*'}", ["Action"]),
        ("{Effect: Allow, Action: 's3:Get*', Resource: '*', Condition: {Ref: 'AWS::NoValue'}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:Get*', Resource: '*', Condition: {StringLike: {a: '*'}}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:Get*', Resource: '*', Condition: {'Null': {a: true}}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:Get*', Resource: '*', Condition: {StringEqualsIfExists: {a: b}}}", []),
        ("{Effect: Allow, Action: 's3:Get*', Resource: '*', Condition: {StringNotEquals: {a: b}}}", []),
        ("{Effect: Allow, Action: 's3:Get*', Resource: {'Fn::Sub': '${B.Arn}/*'}}", []),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': '${BucketArn}/*'}}", []),
        ("{Effect: Allow, Action: 's3:Get*', Resource: {'Fn::Join': ['', [{'Fn::GetAtt': B.Arn}, '/*']]}}", []),
        ("{Effect: Allow, Action: 's3:Get*', Resource: {'Fn::Sub': ['${A}/*', {A: {'Fn::ImportValue': a}}]}}", []),
        ("{Effect: Allow, Action: 's3:Get*', Resource: {'Fn::Sub': '${LookedUp}/*'}}", []),
        ("{Effect: Allow, Action: 's3:Get*', Resource: '{{resolve:ssm:/bucket:3}}/*'}", []),
        (
            "{Effect: Allow, Action: 'dynamodb:*', Resource: [{'Fn::GetAtt': T.Arn}, {'Fn::Sub': '${T.Arn}/index/*'}]}",
            [],
        ),
        ("{Effect: Allow, Action: 'logs:Put*', Resource: {'Fn::Sub': '${LogGroup.Arn}:*'}}", []),
        ("{Effect: Allow, Action: 'logs:Put*', Resource: {'Fn::Sub': '${LogGroup.Arn}:log-stream:*'}}", []),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': '${Unknown}:s3:::menus/*'}}", []),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': '${Unknown}:::${Menus}/*'}}", []),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': '${Unknown}:s3:::*'}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': '${Unknown}s3:::*/*'}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': 'arn:${Unknown}:s3:::*'}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': '${Star}/*'}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': ['${A}/*', {A: 'arn:aws:s3:::*'}]}}", ["Action"]),
        ("{Effect: Allow, Action: 's3:*', Resource: {'Fn::Sub': '${AWS::NoValue}*'}}", ["Action"]),
        (
            "{Effect: Allow, Action: 'sqs:*', Resource: 'arn:aws:sqs:{{resolve:ssm:/region}}:*:*'}",
            ["Action"],
        ),
    ],
)
def test_no_policy_gives_everything(statement: str, faults: list[str]) -> None:
    effect = {"Type": "String", "Default": "Allow", "AllowedValues": ["Allow", "Deny"]}
    found = check(
        *("E9004", policy(statement)),
        Given={"Type": "String", "Default": "sqs:*"},
        Star={"Type": "String", "Default": "*"},
        LookedUp={"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/bucket"},
        Effect=effect,
    )
    assert [f"A.Properties.PolicyDocument.Statement.{fault}" for fault in faults] == [place for place, _ in found]


def test_policies_are_found_wherever_they_stand_also_as_text() -> None:
    document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    properties = {
        "Deep": [{"Policy": document}],
        "Text": json.dumps(document),
        "Sub": {"Fn::Sub": json.dumps(document)},
    }
    found = run("E9004", {"Resources": {"A": {"Type": "Custom::Thing", "Properties": properties}}})
    assert ["Deep.0.Policy.Statement.0.Action", "Text.Action", "Sub.Action"] == [
        place.removeprefix("A.Properties.") for place, _ in found
    ]


@pytest.mark.parametrize(
    ("arn", "faults"),
    [
        ("'arn:aws:iam::aws:policy/AdministratorAccess'", 1),
        ("{'Fn::Sub': 'arn:${AWS::Partition}:iam::aws:policy/PowerUserAccess'}", 1),
        ("{'Fn::If': [A, 'arn:aws:iam::aws:policy/IAMFullAccess', {Ref: B}]}", 1),
        ("'arn:aws:iam::aws:policy/ReadOnlyAccess'", 0),
        ("'arn:aws:iam::111122223333:policy/AdministratorAccessReview'", 0),
    ],
)
def test_no_role_user_or_group_has_a_policy_of_aws_that_gives_everything(arn: str, faults: int) -> None:
    for kind in ("Role", "User", "Group"):
        body = f"A: {{Type: 'AWS::IAM::{kind}', Properties: {{ManagedPolicyArns: [{arn}]}}}}"
        assert faults == len(check("E9004", body))


# E9005 is about everyone


@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        ("Principal: '*'", ["Principal"]),
        ("Principal: {AWS: '*'}", ["Principal.AWS"]),
        ("Principal: {AWS: ['111122223333', '*']}", ["Principal.AWS.1"]),
        ("Principal: {'*': '*'}", ["Principal.*"]),
        ("Principal: {Federated: '*'}", ["Principal.Federated"]),
        ("Principal: {Federated: 'arn:aws:iam::111122223333:oidc-provider/example.org'}", []),
        ("Principal: {Service: '*'}", []),
        ("Principal: {AWS: '111122223333'}", []),
        ("NotPrincipal: {AWS: '111122223333'}", ["NotPrincipal"]),
        ("Principal: '*', Condition: {StringEquals: {'aws:PrincipalOrgID': o-1}}", []),
        ("Principal: '*', Condition: {ArnLike: {'AWS:SourceArn': 'arn:aws:s3:::menus'}}", []),
        ("Principal: '*', Condition: {Bool: {'aws:SecureTransport': 'true'}}", ["Principal"]),
        (
            "Principal: '*', Condition: {Bool: {'AWS:securetransport': 'true'}, StringLike: {'aws:Referer': x}}",
            ["Principal"],
        ),
        (
            "Principal: '*', Condition: {Bool: {'aws:SecureTransport': 'true'}, IpAddress: {'aws:SourceIp': 1.2.3.4}}",
            [],
        ),
        ("Principal: '*', Condition: {}", ["Principal"]),
        ("Principal: '*', Condition: {Ref: 'AWS::NoValue'}", ["Principal"]),
        ("Principal: '*', Condition: {'Fn::If': [A, {StringEquals: {'aws:PrincipalOrgID': o-1}}, {}]}", ["Principal"]),
        ("Principal: {'Fn::If': [A, {'Fn::Sub': '*'}, b]}", ["Principal.Fn::If.1"]),
        ("Principal: '*', Condition: {DateLessThan: {'aws:CurrentTime': 2026-01-01T00:00:00Z}}", ["Principal"]),
        ("Principal: '*', Condition: {NumericLessThan: {'aws:EpochTime': '1'}}", ["Principal"]),
        ("Principal: '*', Condition: {StringEquals: {'s3:x-amz-acl': private}}", ["Principal"]),
        ("Principal: '*', Condition: {StringEquals: {'s3:x-amz-server-side-encryption': AES256}}", ["Principal"]),
        ("Principal: '*', Condition: {IpAddress: {'aws:SourceIp': 0.0.0.0/0}}", ["Principal"]),
        ("Principal: '*', Condition: {IpAddress: {'aws:SourceIp': [203.0.113.7, '::/0']}}", ["Principal"]),
        ("Principal: '*', Condition: {StringLike: {'aws:PrincipalArn': '*'}}", ["Principal"]),
        ("Principal: '*', Condition: {ArnLike: {'aws:SourceArn': {'Fn::Sub': '*'}}}", ["Principal"]),
        ("Principal: '*', Condition: {ArnLike: {'aws:PrincipalArn': 'arn:aws:iam::*:role/*'}}", ["Principal"]),
        ("Principal: '*', Condition: {ArnLike: {'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/*'}}", []),
        ("Principal: '*', Condition: {StringEquals: {'aws:SourceVpce': {Ref: Unknown}}}", []),
        ("Principal: '*', Condition: {StringNotEquals: {'aws:SourceVpce': vpce-1}}", ["Principal"]),
        ("Principal: '*', Condition: {StringEqualsIfExists: {'aws:PrincipalOrgID': o-1}}", ["Principal"]),
        ("Principal: '*', Condition: {'ForAllValues:StringEquals': {'aws:PrincipalOrgPaths': a}}", ["Principal"]),
        ("Principal: '*', Condition: {'Null': {'aws:PrincipalOrgID': 'false'}}", ["Principal"]),
        ("Principal: '*', Condition: {Ref: Given}", []),
    ],
)
def test_nothing_is_for_everyone(statement: str, faults: list[str]) -> None:
    document = f"{{Statement: [{{Effect: Allow, {statement}}}]}}"
    body = f"Type: 'AWS::SQS::QueuePolicy', Properties: {{PolicyDocument: {document}}}"
    prefix = "A.Properties.PolicyDocument.Statement.0."
    assert [prefix + fault for fault in faults] == [place for place, _ in check("E9005", f"A: {{{body}}}")]
    assert [] == check("E9005", f"A: {{{body.replace('Allow', 'Deny')}}}")
    assert [] == check("E9005", f"A: {{{body.replace('SQS::QueuePolicy', 'EC2::VPCEndpoint')}}}")


@pytest.mark.parametrize(
    "kind", ["AWS::Lambda::Permission", "AWS::Lambda::LayerVersionPermission", "AWS::Events::EventBusPolicy"]
)
def test_a_permission_is_not_for_everyone(kind: str) -> None:
    assert [("A.Properties.Principal", EVERYONE)] == check(
        "E9005", f"A: {{Type: '{kind}', Properties: {{Principal: '*'}}}}"
    )
    for everyone in ("{'Fn::Sub': '*'}", "'*', SourceArn: '*'", "'*', SourceAccount: {Ref: 'AWS::NoValue'}"):
        assert 1 == len(check("E9005", f"A: {{Type: '{kind}', Properties: {{Principal: {everyone}}}}}"))
    both = check("E9005", f"A: {{Type: '{kind}', Properties: {{Principal: {{'Fn::If': [A, '*', '*']}}}}}}")
    assert ["A.Properties.Principal.Fn::If.1", "A.Properties.Principal.Fn::If.2"] == [place for place, _ in both]
    for more in ("SourceArn: a", "SourceAccount: b", "PrincipalOrgID: c", "OrganizationId: o", "Condition: {Key: d}"):
        assert [] == check("E9005", f"A: {{Type: '{kind}', Properties: {{Principal: '*', {more}}}}}")
    assert [] == check("E9005", f"A: {{Type: '{kind}', Properties: {{Principal: s3.amazonaws.com}}}}")


def test_a_service_for_endpoints_is_not_for_everyone() -> None:
    text = "A: {Type: 'AWS::EC2::VPCEndpointServicePermissions', Properties: {AllowedPrincipals: PRINCIPALS}}"
    for principals, faults in (
        ("['*']", ["AllowedPrincipals.0"]),
        ("['arn:aws:iam::111122223333:root', {'Fn::Sub': '*'}]", ["AllowedPrincipals.1"]),
        ("['arn:aws:iam::111122223333:root']", []),
        ("{Ref: Unknown}", []),
    ):
        found = check("E9005", text.replace("PRINCIPALS", principals))
        assert [f"A.Properties.{fault}" for fault in faults] == [place for place, _ in found]


# E9006 is about the internet

GROUP = "G: {{Type: 'AWS::EC2::SecurityGroup', Properties: {{SecurityGroupIngress: [{{{}}}]}}}}"
BALANCER = "\nL: {{Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', Properties: {{{}}}}}"


@pytest.mark.parametrize(
    ("cidr", "is_wide"),
    [
        ("CidrIp: 0.0.0.0/0", True),
        ("CidrIp: 128.0.0.0/1", True),
        ("CidrIp: 52.0.0.0/7", True),
        ("CidrIp: 10.0.0.0/8", False),
        ("CidrIp: 10.16.0.5/16", False),
        ("CidrIpv6: '::/0'", True),
        ("CidrIpv6: '2000::/3'", True),
        ("CidrIpv6: '2001:db8::/32'", False),
        ("CidrIp: {'Fn::If': [A, 0.0.0.0/0, 10.0.0.0/8]}", True),
        ("CidrIp: {Ref: Given}", True),
        ("CidrIp: {Ref: Unknown}", False),
        ("CidrIp: {'Fn::Join': ['/', [0.0.0.0, 0]]}", True),
        ("CidrIp: {'Fn::Select': [0, [{'Fn::Sub': 0.0.0.0/0}]]}", True),
        ("CidrIp: {'Fn::FindInMap': [Ranges, {Ref: 'AWS::Region'}, all]}", False),
        ("CidrIp: nonsense", False),
        ("SourceSecurityGroupId: sg-12345678", False),
    ],
)
def test_the_internet_is_what_is_wide(cidr: str, is_wide: bool) -> None:
    text = GROUP.format(f"IpProtocol: tcp, FromPort: 22, ToPort: 22, {cidr}")
    assert is_wide == bool(check("E9006", text, Given={"Type": "String", "Default": "0.0.0.0/0"}))
    alone = text.replace("SecurityGroup'", "SecurityGroupIngress'").replace("SecurityGroupIngress: [{", "A: b, ")
    alone = alone.replace("}]}}", "}}")
    assert is_wide == bool(check("E9006", alone, Given={"Type": "String", "Default": "0.0.0.0/0"}))


@pytest.mark.parametrize(
    ("ports", "balancer", "faults"),
    [
        ("IpProtocol: tcp, FromPort: 443, ToPort: 443", "SecurityGroups: [{Ref: G}]", 0),
        ("IpProtocol: 6, FromPort: '80', ToPort: '80'", "SecurityGroups: [{'Fn::GetAtt': [G, GroupId]}]", 0),
        ("IpProtocol: tcp, FromPort: 443, ToPort: 443", "SecurityGroups: ['sg-1', {'Fn::If': [A, {Ref: G}, x]}]", 0),
        ("IpProtocol: tcp, FromPort: 443, ToPort: 443", "Scheme: internet-facing, SecurityGroups: [{Ref: G}]", 0),
        ("IpProtocol: tcp, FromPort: 443, ToPort: 443", "Scheme: internal, SecurityGroups: [{Ref: G}]", 1),
        ("IpProtocol: tcp, FromPort: 443, ToPort: 443", "SecurityGroups: [{Ref: Other}]", 1),
        ("IpProtocol: tcp, FromPort: 80, ToPort: 443", "SecurityGroups: [{Ref: G}]", 1),
        ("IpProtocol: tcp, FromPort: 22, ToPort: 22", "SecurityGroups: [{Ref: G}]", 1),
        ("IpProtocol: udp, FromPort: 443, ToPort: 443", "SecurityGroups: [{Ref: G}]", 1),
        ("IpProtocol: '-1'", "SecurityGroups: [{Ref: G}]", 1),
        ("IpProtocol: tcp, FromPort: {Ref: Unknown}, ToPort: 443", "SecurityGroups: [{Ref: G}]", 1),
        ("IpProtocol: tcp, FromPort: 443, ToPort: 80", "SecurityGroups: [{Ref: G}]", 1),
        ("IpProtocol: tcp, FromPort: {'Fn::If': [A, 443, 22]}, ToPort: 443", "SecurityGroups: [{Ref: G}]", 1),
        (
            "IpProtocol: {'Fn::Sub': tcp}, FromPort: {'Fn::If': [A, 443, 80]}, ToPort: 443",
            "SecurityGroups: [{Ref: G}]",
            1,
        ),
        ("IpProtocol: tcp, FromPort: {'Fn::Sub': '443'}, ToPort: 443", "SecurityGroups: [{'Fn::Sub': '${G}'}]", 0),
        (
            "IpProtocol: tcp, FromPort: 443, ToPort: 443",
            "Scheme: {'Fn::If': [A, internal, internet-facing]}, SecurityGroups: [{Ref: G}]",
            1,
        ),
    ],
)
def test_the_internet_comes_through_public_load_balancers(ports: str, balancer: str, faults: int) -> None:
    text = GROUP.format(f"{ports}, CidrIp: 0.0.0.0/0") + BALANCER.format(balancer)
    assert faults == len(check("E9006", text))


def test_a_list_of_prefixes_that_holds_the_internet_is_the_internet() -> None:
    text = GROUP.format("IpProtocol: tcp, FromPort: 22, ToPort: 22, SourcePrefixListId: {Ref: P}")
    entries = "\nP: {{Type: 'AWS::EC2::PrefixList', Properties: {{Entries: [{{Cidr: 10.0.0.0/8}}, {}]}}}}"
    place = "G.Properties.SecurityGroupIngress.0.SourcePrefixListId"
    found = check("E9006", text + entries.format("{Cidr: 0.0.0.0/0}"))
    assert [(place, "`0.0.0.0/0` of `P` lets the whole internet in")] == found
    assert [] == check("E9006", text + entries.format("{Cidr: 10.1.0.0/16}, text"))


def test_a_rule_of_its_own_counts_for_the_group_that_it_is_for() -> None:
    rule = "Properties: {GroupId: {Ref: G}, IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}"
    text = f"I: {{Type: 'AWS::EC2::SecurityGroupIngress', {rule}}}" + BALANCER.format("SecurityGroups: [{Ref: G}]")
    assert [] == check("E9006", text)
    assert ["I.Properties.CidrIp"] == [
        place for place, _ in check("E9006", text.replace("{Ref: G}, Ip", "{Ref: H}, Ip"))
    ]


# E9007 is about what travels

LISTENER = "A: {{Type: 'AWS::ElasticLoadBalancingV2::Listener', Properties: {{{}}}}}"


@pytest.mark.parametrize(
    ("listener", "faults"),
    [
        ("Protocol: HTTPS, SslPolicy: x", []),
        ("Protocol: HTTPS", ["Protocol"]),
        ("Protocol: TLS", ["Protocol"]),
        ("Protocol: HTTPS, SslPolicy: {Ref: 'AWS::NoValue'}", ["Protocol"]),
        ("Protocol: {'Fn::Sub': HTTPS}", ["Protocol"]),
        ("Protocol: HTTP, DefaultActions: [{Type: {'Fn::Sub': forward}}]", ["DefaultActions.0"]),
        ("Protocol: HTTP, DefaultActions: [{Type: {'Fn::If': [A, forward, fixed-response]}}]", ["DefaultActions.0"]),
        ("Protocol: TCP", []),
        ("Protocol: HTTP, DefaultActions: [{Type: forward}]", ["DefaultActions.0"]),
        ("Protocol: HTTP, DefaultActions: [{Type: redirect, RedirectConfig: {Protocol: HTTPS}}]", []),
        ("Protocol: HTTP, DefaultActions: [{Type: redirect, RedirectConfig: {Path: /x}}]", ["DefaultActions.0"]),
        ("Protocol: HTTP, DefaultActions: [{Type: fixed-response}]", []),
        ("Protocol: HTTP, DefaultActions: {'Fn::If': [A, [{Type: forward}], []]}", ["DefaultActions.Fn::If.1.0"]),
    ],
)
def test_load_balancers_speak_https(listener: str, faults: list[str]) -> None:
    assert [f"A.Properties.{fault}" for fault in faults] == [
        place for place, _ in check("E9007", LISTENER.format(listener))
    ]


def test_a_rule_of_a_plain_listener_does_not_serve_either() -> None:
    plain = LISTENER.format("Protocol: HTTP, DefaultActions: [{Type: fixed-response}]")
    properties = "{ListenerArn: {Ref: A}, Actions: [{Type: forward}]}"
    rule = f"\nB: {{Type: 'AWS::ElasticLoadBalancingV2::ListenerRule', Properties: {properties}}}"
    assert ["B.Properties.Actions.0"] == [place for place, _ in check("E9007", plain + rule)]
    assert 1 == len(check("E9007", plain + rule.replace("{Ref: A}", "{'Fn::Sub': '${A}'}")))
    assert [] == check("E9007", plain.replace("HTTP", "HTTPS, SslPolicy: x") + rule)


# E9008 is about passwords


@pytest.mark.parametrize(
    ("properties", "faults"),
    [
        ("MasterUserPassword: hunter2", ["MasterUserPassword"]),
        ("MasterUserPassword: '{{resolve:secretsmanager:a}}'", []),
        ("MasterUserPassword: ''", []),
        ("MasterUserPassword: {Ref: Unknown}", []),
        ("MasterUserPassword: {Ref: Given}", ["MasterUserPassword"]),
        ("LoginProfile: {Password: hunter2}", ["LoginProfile.Password"]),
        ("Users: [{Username: a, Password: hunter2}]", ["Users.0.Password"]),
        ('SecretString: \'{"password": "hunter2"}\'', ["SecretString"]),
        ("Password: {'Fn::If': [A, hunter2, {Ref: B}]}", ["Password.Fn::If.1"]),
        ("Environment: {Variables: {DB_PASSWORD: hunter2, PORT: '80'}}", ["Environment.Variables.DB_PASSWORD"]),
        ("Environment: {Variables: {DB_SECRET: 'arn:aws:secretsmanager:eu-west-1:1:secret:a', TOKEN: /a/b}}", []),
        ("Environment: {Variables: {DB_SECRET: orders/db, SECRET: eu-west-1/orders/db_v2}}", []),
        ("Environment: {Variables: {DB_SECRET: {'Fn::Sub': '${AWS::StackName}/db'}, SECRET_NAME: orders}}", []),
        *(
            (f"Environment: {{Variables: {{{key}: {value}}}}}", [f"Environment.Variables.{key}"])
            for key, value in (
                *(("DB_SECRET", value) for value in ("orders", "hunter2/db", "kX/Pq", "orders/db!", "orders/", "a//b")),
                *(("DB_SECRET", value) for value in ("wJalrXUtnFEMI/bPxRfiCY", "a1b2c3/d4e5f6", "orders/123456")),
                *((key, "orders/db") for key in ("DB_PASSWORD", "API_TOKEN", "SECRET_KEY")),
            )
        ),
        ("ClientSecret: orders/db", ["ClientSecret"]),
        ("MasterUserPassword: 12345678", ["MasterUserPassword"]),
        ("MasterUserPassword: {'Fn::Join': ['', [hunter, '2']]}", ["MasterUserPassword"]),
        ("MasterUserPassword: {'Fn::Sub': 'hunter2-${AWS::Region}'}", ["MasterUserPassword"]),
        ("MasterUserPassword: {'Fn::Sub': '${Unknown}-${AWS::Region}'}", []),
        ("MasterUserPassword: {'Fn::Base64': hunter2}", ["MasterUserPassword"]),
        (
            "Environment: {Variables: {DB_PASS: hunter2, DbPassword: hunter2}}",
            ["Environment.Variables.DB_PASS", "Environment.Variables.DbPassword"],
        ),
        ("Environment: {Variables: {DB_SECRET: 'postgres://admin:hunter2@db'}}", ["Environment.Variables.DB_SECRET"]),
        ("Environment: {Variables: {DB_URL: 'postgres://admin:hunter2@db/shop'}}", ["Environment.Variables.DB_URL"]),
        ("Environment: {Variables: {DB_URL: 'postgres://admin@db:5432/shop?at=a@b', PWD: /app}}", []),
        (
            "Environment: {Variables: {PASSWORD: /hunter2, DB_SECRET: 'https://vault/db'}}",
            ["Environment.Variables.PASSWORD"],
        ),
        ("Environment: {Variables: {COMPASS: north, BYPASS: 'on', SECRET_NAME: shop}}", []),
        (
            "Containers: [{Environment: [{Name: {'Fn::Sub': API_KEY}, Value: a1b2}]}]",
            ["Containers.0.Environment.0.Value"],
        ),
        ("Containers: [{Environment: [{Name: API_KEY, Value: a1b2}]}]", ["Containers.0.Environment.0.Value"]),
        ("Containers: [{Environment: [{Name: HOST, Value: a1b2}]}]", []),
        ("Tags: [{Key: PASSWORD, Value: none}]", []),
        ("PasswordPolicy: {MinimumLength: 12}", []),
    ],
)
def test_no_password_is_written_out(properties: str, faults: list[str]) -> None:
    found = check(
        "E9008", f"A: {{Type: 'Custom::Thing', Properties: {{{properties}}}}}", Given={"Type": "String", "Default": "x"}
    )
    assert [f"A.Properties.{fault}" for fault in faults] == [place for place, _ in found]
    assert [] == [message for _, message in found if "hunter2" in message]


# E9009 and E9010 are about what is sent

TOPIC = "A: {Type: 'AWS::SNS::Topic', Properties: {TopicName: placed}}\n"
POLICY = "APolicy: {Type: 'AWS::SNS::TopicPolicy', Properties: {Topics: [{Ref: A}], PolicyDocument: DOCUMENT}}"
DOCUMENT = "{Statement: [{Effect: Allow, Action: 'sns:Publish'}, {Sid: DenyPlainTransport, DENIAL}]}"
DENIAL = "Effect: Deny, Principal: '*', Action: ['sns:Publish'], Resource: {Ref: A}, Condition: CONDITION"
PLAIN = "{Bool: {'aws:SecureTransport': 'false'}}"


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        ("", "", []),
        ("[{Ref: A}]", "[{'Fn::Sub': '${A}'}]", []),
        ("[{Ref: A}]", "['arn:aws:sns:eu-west-1:111122223333:placed']", []),
        ("[{Ref: A}]", "[{Ref: B}]", ["Topics"]),
        ("[{Ref: A}]", "[]", ["Topics"]),
        ("[{Ref: A}]", "[{'Fn::If': [X, {Ref: A}, {Ref: 'AWS::NoValue'}]}]", ["Topics"]),
        ("Properties:", "Condition: X, Properties:", ["Condition"]),
        ("DOCUMENT", "{'Fn::If': [X, DOCUMENT, {}]}", ["Statement"]),
        ("[{Ref: A}]", "['arn:aws:sns:eu-west-1:111122223333:paid']", ["Topics"]),
        ("Deny,", "Allow,", ["Effect"]),
        ("Deny,", "{'Fn::If': [X, Deny, Allow]},", ["Effect"]),
        ("'*'", "{AWS: '*'}", []),
        ("'*'", "{AWS: '111122223333'}", ["Principal"]),
        ("'*'", "{'Fn::If': [X, '*', {AWS: '111122223333'}]}", ["Principal"]),
        ("['sns:Publish']", "'sns:Subscribe'", ["Action"]),
        ("['sns:Publish']", "'sns:*'", []),
        ("['sns:Publish']", "{'Fn::If': [X, 'sns:Publish', 'sns:Subscribe']}", ["Action"]),
        ("['sns:Publish']", "[{'Fn::If': [X, 'sns:Publish', {Ref: 'AWS::NoValue'}]}]", ["Action"]),
        ("Resource: {Ref: A}", "Resource: '*'", []),
        ("Resource: {Ref: A}", "Resource: ['arn:aws:sns:eu-west-1:111122223333:placed']", []),
        ("Resource: {Ref: A}", "Resource: 'arn:aws:sns:eu-west-1:111122223333:nothing'", ["Resource"]),
        ("Resource: {Ref: A}", "Resource: {Ref: B}", ["Resource"]),
        ("Resource: {Ref: A}", "Resource: {'Fn::If': [X, {Ref: A}, {Ref: B}]}", ["Resource"]),
        ("Resource: {Ref: A}", "NotResource: {Ref: B}", ["Resource", "NotResource"]),
        (
            "Resource: {Ref: A}",
            "Resource: {Ref: A}, NotPrincipal: '*', NotAction: 'sns:*'",
            ["NotPrincipal", "NotAction"],
        ),
        ("'false'", "false", []),
        ("'false'", "'true'", ["Condition"]),
        (PLAIN, "{Bool: {'aws:SecureTransport': 'false'}, StringLike: {'aws:Referer': x}}", ["Condition"]),
        (PLAIN, "{Bool: {'aws:SecureTransport': 'false', 'aws:ViaAWSService': 'true'}}", ["Condition"]),
        (PLAIN, "{Bool: text}", ["Condition"]),
        (PLAIN, "{Ref: 'AWS::NoValue'}", ["Condition"]),
        ("DenyPlainTransport", "Denial", []),
    ],
)
def test_what_the_platform_makes_for_messages_refuses_plain_text(old: str, new: str, faults: list[str]) -> None:
    text = POLICY.replace(old, new, 1) if old in POLICY else POLICY
    text = text.replace("DOCUMENT", DOCUMENT).replace("DENIAL", DENIAL).replace("CONDITION", PLAIN)
    text = TOPIC + (text if old in POLICY else text.replace(old, new, 1))
    found = check("E9009", text)
    assert faults == [place.rpartition(".")[2] for place, _ in found]
    assert {"APolicy"} >= {place.partition(".")[0] for place, _ in found}
    queue = text.replace("SNS::TopicPolicy", "SQS::QueuePolicy").replace("SNS::Topic", "SQS::Queue")
    queue = queue.replace("Topic", "Queue").replace("'sns:Publish'", "'sqs:SendMessage', 'sqs:ReceiveMessage'")
    queue = queue.replace("'sns:Subscribe'", "'sqs:ReceiveMessage'").replace("sns:", "sqs:")
    if "Fn::If" not in text:
        swapped = [(place.replace("Topics", "Queues"), message.replace("Topics", "Queues")) for place, message in found]
        assert swapped == check("E9009", queue)


def test_a_policy_that_denies_nothing_or_is_gone_lets_plain_text_through() -> None:
    assert ["A"] == [place for place, _ in check("E9009", TOPIC)]
    text = TOPIC + POLICY.replace("DOCUMENT", "{Statement: [{Effect: Allow, Action: 'sns:Publish'}]}")
    assert ["APolicy.Properties.PolicyDocument.Statement"] == [place for place, _ in check("E9009", text)]
    assert ["A"] == [place for place, _ in check("E9009", text.replace("APolicy", "Other"))]


@pytest.mark.parametrize(
    ("policy", "faults"),
    [
        ("TopicPolicy', Properties: {Topics: [{Ref: B}, {Ref: A}]}", ["Topics.1"]),
        ("TopicPolicy', Properties: {Topics: [{Ref: B}]}", []),
        ("TopicPolicy', Properties: {Topics: {'Fn::If': [X, [{Ref: A}], []]}}", ["Topics.Fn::If.1.0"]),
        ("TopicPolicy', Properties: {Topics: [{'Fn::Sub': 'arn:aws:sns:${AWS::Region}:1:placed'}]}", ["Topics.0"]),
        ("TopicInlinePolicy', Properties: {TopicArn: {Ref: A}}", ["TopicArn"]),
        ("TopicInlinePolicy', Properties: {TopicArn: {'Fn::GetAtt': A.TopicArn}}", ["TopicArn"]),
        ("TopicInlinePolicy', Properties: {TopicArn: {Ref: B}}", []),
        ("Subscription', Properties: {TopicArn: {Ref: A}}", []),
    ],
)
def test_a_topic_has_one_policy(policy: str, faults: list[str]) -> None:
    text = f"{TOPIC}{POLICY.replace('DOCUMENT', '{}')}\nP: {{Type: 'AWS::SNS::{policy}}}"
    assert [f"P.Properties.{fault}" for fault in faults] == [place for place, _ in check("E9010", text)]


@pytest.mark.parametrize("policy", ["QueuePolicy', Properties: {Queues: ", "QueueInlinePolicy', Properties: {Queue: "])
def test_a_queue_has_one_policy(policy: str) -> None:
    text = f"A: {{Type: 'AWS::SQS::Queue'}}\nP: {{Type: 'AWS::SQS::{policy}{{Ref: A}}}}}}"
    assert [] == check("E9010", text)
    second = text + "\n" + text.splitlines()[1].replace("P:", "Q:", 1)
    assert ["Q"] == [place.partition(".")[0] for place, _ in check("E9010", second)]


# E9011 is about instance types


def test_an_unknown_instance_type_is_found_wherever_a_group_may_take_it() -> None:
    types = "[{InstanceType: t3.puny}, {InstanceType: {'Fn::If': [Small, t3.nano, t3.tiny]}}, {InstanceType: t3.small}]"
    found = check(
        "E9011",
        f"""
        Group:
          Type: AWS::AutoScaling::AutoScalingGroup
          Properties: {{MixedInstancesPolicy: {{LaunchTemplate: {{Overrides: {types}}}}}}}
        Old: {{Type: AWS::AutoScaling::LaunchConfiguration, Properties: {{InstanceType: a9.big}}}}
        Given: {{Type: AWS::AutoScaling::LaunchConfiguration, Properties: {{InstanceType: {{Ref: Kind}}}}}}
        Live: {{Type: AWS::AutoScaling::LaunchConfiguration, Properties: {{InstanceType: '{{{{resolve:ssm:/kind}}}}'}}}}
        """,
        Kind={"Type": "String"},
    )
    overrides = "Group.Properties.MixedInstancesPolicy.LaunchTemplate.Overrides"
    assert [
        (f"{overrides}.0.InstanceType", "there is no instance type `t3.puny` in eu-west-1"),
        (f"{overrides}.1.InstanceType.Fn::If.2", "there is no instance type `t3.tiny` in eu-west-1"),
        ("Old.Properties.InstanceType", "there is no instance type `a9.big` in eu-west-1"),
    ] == found


# E9012 is about attributes of load balancers

ATTRIBUTED = "A: {{Type: AWS::ElasticLoadBalancingV2::{}, Properties: {{{}{}Attributes: [{}]}}}}"


def attribute_faults(kind: str, more: str, *pairs: tuple[str, str]) -> list[str]:
    """Say what is found of some attributes: the last step of the place, and the message."""
    written = ", ".join(f"{{Key: {key}, Value: {value}}}" for key, value in pairs)
    found = check("E9012", ATTRIBUTED.format(kind, more, kind, written))
    return [f"{place.rpartition('.')[2]} {message}" for place, message in found]


@pytest.mark.parametrize(
    ("kind", "more", "key", "right", "wrong"),
    [
        ("LoadBalancer", "", "idle_timeout.timeout_seconds", ["'1'", "4000"], ["0", "'4001'", "1m", "-1", "'²'", "''"]),
        ("LoadBalancer", "", "routing.http.desync_mitigation_mode", ["strictest"], ["'off'"]),
        ("LoadBalancer", "", "load_balancing.cross_zone.enabled", ["true", "'true'"], ["false"]),
        ("LoadBalancer", "Type: network, ", "load_balancing.cross_zone.enabled", ["false"], ["maybe"]),
        ("LoadBalancer", "Type: {Ref: Kind}, ", "secondary_ips.auto_assigned.per_subnet", ["7"], ["8"]),
        ("LoadBalancer", "", "access_logs.s3.prefix", ["anything at all", "{Ref: Prefix}"], []),
        ("TargetGroup", "Protocol: HTTP, ", "slow_start.duration_seconds", ["0", "30", "900"], ["29", "901"]),
        ("TargetGroup", "Protocol: HTTP, ", "deregistration_delay.timeout_seconds", ["0", "3600"], ["3601"]),
        ("TargetGroup", "Protocol: TCP, ", "stickiness.type", ["source_ip"], ["lb_cookie"]),
        ("TargetGroup", "TargetType: lambda, ", "lambda.multi_value_headers.enabled", ["true"], ["'on'"]),
        ("Listener", "Protocol: TLS, ", "tcp.idle_timeout.seconds", ["6000"], ["59"]),
        ("Listener", "Protocol: HTTPS, ", "routing.http.response.server.enabled", ["false"], ["0"]),
    ],
)
def test_an_attribute_has_a_value_that_it_takes(
    kind: str, more: str, key: str, right: list[str], wrong: list[str]
) -> None:
    assert [[]] * len(right) == [attribute_faults(kind, more, (key, value)) for value in right]
    for value in wrong:
        assert [f"Value `{key}` cannot be `{value.strip(chr(39))}`"] == attribute_faults(kind, more, (key, value))


def test_an_attribute_is_one_of_its_kind_of_load_balancer_and_stands_once() -> None:
    unknown = "Key there is no attribute `{}` here"
    for kind, more, key in (
        ("LoadBalancer", "", "made.up.key"),
        ("LoadBalancer", "", "dns_record.client_routing_policy"),
        ("LoadBalancer", "Type: network, ", "idle_timeout.timeout_seconds"),
        ("TargetGroup", "Protocol: HTTP, ", "proxy_protocol_v2.enabled"),
        ("Listener", "Protocol: HTTP, ", "tcp.idle_timeout.seconds"),
    ):
        assert [unknown.format(key)] == attribute_faults(kind, more, (key, "1"))
    once = ("idle_timeout.timeout_seconds", "60")
    assert ["Key `idle_timeout.timeout_seconds` stands here twice"] == attribute_faults("LoadBalancer", "", once, once)
    either = "{'Fn::If': [C, {Key: waf.fail_open.enabled, Value: true}, {Key: waf.fail_open.enabled, Value: false}]}"
    assert [] == check("E9012", ATTRIBUTED.format("LoadBalancer", "", "LoadBalancer", either))


@pytest.mark.parametrize(
    ("kind", "pairs", "fault"),
    [
        ("TargetGroup", "slow_start.duration_seconds 30", None),
        ("TargetGroup", "slow_start.duration_seconds 30, load_balancing.algorithm.type round_robin", None),
        ("TargetGroup", "load_balancing.algorithm.type weighted_random, slow_start.duration_seconds 0", None),
        (
            "TargetGroup",
            "load_balancing.algorithm.type least_outstanding_requests, slow_start.duration_seconds 30",
            "`slow_start.duration_seconds` is `30` beside `{}` that is `least_outstanding_requests`",
        ),
        (
            "TargetGroup",
            "load_balancing.algorithm.anomaly_mitigation 'on'",
            "`load_balancing.algorithm.anomaly_mitigation` is `on` beside `{}` that is `round_robin`",
        ),
        (
            "LoadBalancer",
            "access_logs.s3.enabled true",
            "`access_logs.s3.enabled` is `true`, and `access_logs.s3.bucket` is missing",
        ),
        ("LoadBalancer", "access_logs.s3.enabled true, access_logs.s3.bucket {Ref: Logs}", None),
        ("LoadBalancer", "access_logs.s3.enabled false", None),
    ],
)
def test_attributes_that_exclude_each_other_do_not_stand_together(kind: str, pairs: str, fault: str | None) -> None:
    said = [(key, value) for key, _, value in (pair.partition(" ") for pair in pairs.split(", "))]
    more = "Protocol: HTTP, " if kind == "TargetGroup" else ""
    assert ([] if fault is None else [f"Value {fault}".format("load_balancing.algorithm.type")]) == attribute_faults(
        kind, more, *said
    )


def test_the_attributes_are_those_that_the_sdk_tells_of() -> None:
    model = get_session().get_service_model("elbv2")
    for shape, listed in (
        ("LoadBalancerAttribute", "LoadBalancerAttributes"),
        ("TargetGroupAttribute", "TargetGroupAttributes"),
        ("ListenerAttribute", "ListenerAttributes"),
    ):
        told = model.shape_for(shape).members["Key"].documentation
        names = set(re.findall(r"<li> *<p> *<code>([a-z0-9_]+(?:\.[a-z0-9_]+)+)</code>", told))
        assert names == known_attributes("application", "network", "gateway")[listed]
