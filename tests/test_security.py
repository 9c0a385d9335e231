"""What a change does to access and protection: tables of pairs by meaning, and laws: a reversal is the opposite."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.changes import Change, Diff, Side, SideStack
from compiler.known import Known
from compiler.library import load_library
from compiler.model import Json
from compiler.permissions import compare_grants, covers_text, read_grants
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


def rule(cidr: str, first: Json = 443, last: Json = 443, protocol: str = "tcp") -> Json:
    name = "CidrIpv6" if ":" in cidr else "CidrIp"
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
    found = {change.path[-1]: (change.security, change.reasons) for change in review(before, after).changes}
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
        reason for change in found.changes for reason in change.reasons
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
        (change.security, change.reasons) for change in found
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
