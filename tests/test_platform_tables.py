"""The tables of the library, identities and guardrails, held against CloudFormation's own resource schemas."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from compiler.identity import IdentityTable, identify, name_key, path_matches
from compiler.library import load_library
from compiler.model import Guardrail, Identity, Json
from tests.environments_by_hand import TEMPLATES, build_template
from tests.services_by_hand import RECIPES, build_stack

LIBRARY = load_library(Path(__file__).parent.parent / "platform")
TYPED = [identity for identity in LIBRARY.identities if identity.type != "*"]
BY_NAME = {guardrail.name: guardrail for guardrail in LIBRARY.guardrails}
# Lists of one item by nature, or of items without a name: adding one beside the first is never what an override means.
WITHOUT_IDENTITY = {
    ("AWS::CloudTrail::Trail", "EventSelectors"),
    ("AWS::ElasticLoadBalancingV2::Listener", "Certificates"),
    ("AWS::ElasticLoadBalancingV2::Listener", "DefaultActions"),
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "Actions"),
    ("AWS::Logs::MetricFilter", "MetricTransformations"),
    ("AWS::S3::Bucket", "Rules"),  # of ownership; those of the lifecycle have one
    ("AWS::S3::Bucket", "ServerSideEncryptionConfiguration"),
    ("AWS::WAFv2::LoggingConfiguration", "RedactedFields"),
}
TOO_DEEP = 12
BOUNDARY = "{{resolve:ssm:/platform/*/security/service-boundary-arn}}"


@dataclass(frozen=True)
class Place:
    """A place in a resource schema: the steps that lead there, without indices, and what may stand there."""

    steps: tuple[str, ...]
    schema: dict[str, Any]
    is_item: bool


@pytest.mark.parametrize("identity", TYPED, ids=lambda item: f"{item.type} {'.'.join(item.path)}")
def test_an_identity_names_a_list_of_maps_that_have_its_keys(identity: Identity) -> None:
    places = _places(identity.type)
    items = [place for place in places if place.is_item and _is_at(identity, place)]
    known = {place.steps: place.schema for place in places}
    assert items
    for item in items:
        for key in identity.keys:
            steps = (*item.steps, *name_key(key).split("."))
            assert steps in known or steps[-1] in item.schema.get("properties", {}), key
            default = key.partition("=")[2]
            assert not default or default in known[steps].get("enum", [default])


@pytest.mark.parametrize("identity", TYPED, ids=lambda item: f"{item.type} {'.'.join(item.path)}")
def test_a_rule_is_never_hidden_by_one_before_it(identity: Identity) -> None:
    table = IdentityTable(LIBRARY.identities)
    lists = {place.steps for place in _places(identity.type) if place.is_item and _is_at(identity, place)}
    assert identity in [table.find(identity.type, steps) for steps in lists]


@pytest.mark.parametrize(
    "identity", [item for item in LIBRARY.identities if item not in TYPED], ids=lambda i: i.path[-1]
)
def test_a_rule_for_every_type_fits_each_type_that_the_table_names(identity: Identity) -> None:
    types = {item.type for item in TYPED} | {"AWS::KMS::Key", "AWS::SQS::Queue"}
    places = [place for name in sorted(types) for place in _places(name) if place.is_item and _is_at(identity, place)]
    known = [place.schema["properties"] for place in places if "properties" in place.schema]
    assert all(identity.keys[0] in properties for properties in known)
    assert known or identity.path[-1] == "Statement"  # schemas do not look into policies; the next test does


@pytest.mark.parametrize("name", [*(name for name in TEMPLATES if name != "images"), "service"])  # which has no list
def test_every_list_of_maps_that_the_platform_makes_has_items_with_an_identity(name: str) -> None:
    table = IdentityTable(LIBRARY.identities)
    resources = (build_stack(RECIPES) if name == "service" else build_template(name))["Resources"]
    seen = 0
    for title, resource in resources.items():
        for steps, items in _lists_of_maps(resource["Properties"], ("Properties",)):
            if (resource["Type"], steps[-1]) in WITHOUT_IDENTITY or "EventPattern" in steps:  # alternatives, unnamed
                continue
            rule = table.find(resource["Type"], steps)
            assert rule is not None, (title, steps)
            found = [identify(item, rule.keys) for item in items]
            assert len(items) == len(set(found) - {None}), (title, steps)
            seen += 1
    assert seen > 0


def test_a_rule_of_a_security_group_is_the_whole_of_what_it_lets_through() -> None:
    for direction in ("SecurityGroupIngress", "SecurityGroupEgress"):
        rule = IdentityTable(LIBRARY.identities).find("AWS::EC2::SecurityGroup", ("Properties", direction))
        (item,) = [
            place.schema["properties"]
            for place in _places("AWS::EC2::SecurityGroup")
            if place.is_item and place.steps == ("Properties", direction)
        ]
        assert rule is not None
        assert item.keys() - {"Description"} == set(rule.keys)


@pytest.mark.parametrize("guardrail", LIBRARY.guardrails, ids=lambda item: item.name)
def test_a_guardrail_guards_a_property_that_its_types_have(guardrail: Guardrail) -> None:
    if guardrail.type == "*":
        assert len(guardrail.path) == 1  # an attribute, which every resource may have
    elif guardrail.path == ("Type",):  # the type itself is what is not wanted
        assert {"present": False} == guardrail.must
    else:
        assert _guarded(guardrail)


@pytest.mark.parametrize("guardrail", LIBRARY.guardrails, ids=lambda item: item.name)
def test_a_guardrail_does_something_and_says_why(guardrail: Guardrail) -> None:
    assert guardrail.is_sealed or guardrail.must
    assert len(guardrail.reason) > 25
    assert guardrail.severity in ("error", "warning")


@pytest.mark.parametrize("guardrail", [item for item in LIBRARY.guardrails if item.must], ids=lambda g: g.name)
def test_a_guardrail_asks_for_what_the_property_can_be(guardrail: Guardrail) -> None:
    must = {operator: operand for operator, operand in (guardrail.must or {}).items() if operator != "present"}
    for operand in must.values():
        for wanted in operand if isinstance(operand, list) else [operand]:
            for schema in _guarded(guardrail):
                assert schema["type"] == {bool: "boolean", int: "integer", str: "string"}[type(wanted)]
                assert wanted in schema.get("enum", [wanted])


@pytest.mark.parametrize(
    ("name", "must"),
    [
        ("imdsv2", {"equals": "required"}),
        ("encrypted-volumes", {"equals": True}),
        ("no-public-instances", {"oneOf": [False]}),
        ("role-boundary", {"present": True, "matches": BOUNDARY}),
        ("user-boundary", {"present": True, "matches": BOUNDARY}),
        ("s3-block-public-acls", {"equals": True}),
        ("s3-block-public-policy", {"equals": True}),
        ("s3-ignore-public-acls", {"equals": True}),
        ("s3-restrict-public-buckets", {"equals": True}),
        ("cluster-encryption", {"equals": True}),
        ("rds-instance-encryption", {"equals": True}),
        ("no-public-databases", {"oneOf": [False]}),
        ("cache-tls", {"equals": True}),
        ("log-retention", {"present": True, "atLeast": 3, "atMost": 3653}),
    ],
)
def test_what_must_hold_holds_as_an_error(name: str, must: Json) -> None:
    assert (must, "error") == (BY_NAME[name].must, BY_NAME[name].severity)


def test_the_sealed_paths_are_those_that_a_service_has_no_reason_to_touch() -> None:
    assert {
        *("imdsv2", "encrypted-volumes", "volume-key", "no-public-instances"),
        *("role-boundary", "role-trust", "sqs-encryption", "sns-encryption", "log-key"),
    } == {guardrail.name for guardrail in LIBRARY.guardrails if guardrail.is_sealed}


def test_no_tls_policy_that_is_let_through_accepts_what_is_older_than_1_2() -> None:
    must = BY_NAME["tls-policy"].must
    assert must is not None
    assert all("TLS13-1-" in policy or "FS-1-2-Res" in policy for policy in must["oneOf"])
    assert "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09" in must["oneOf"]


def _guarded(guardrail: Guardrail) -> list[dict[str, Any]]:
    """The schemas of the properties that a guardrail leads to, in every type that it is for and that has them."""
    path = tuple(step.removesuffix("?") for step in guardrail.path)
    name = json.dumps(path[-1])
    types = [kind for kind, text in _schema_texts().items() if fnmatchcase(kind, guardrail.type) and name in text]
    return [place.schema for kind in types for place in _places(kind) if path_matches(path, place.steps)]


@functools.cache
def _schema_texts() -> dict[str, str]:
    manager, region = PROVIDER_SCHEMA_MANAGER, "us-east-1"
    types = manager.get_resource_types(region)
    return {kind: json.dumps(manager.get_resource_schema(region, kind).schema) for kind in types}


def _is_at(identity: Identity, place: Place) -> bool:
    return path_matches(identity.path, place.steps)


@functools.cache
def _places(resource_type: str) -> tuple[Place, ...]:
    root = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    return tuple(_walk(root, {"properties": root["properties"]}, ("Properties",), is_item=False))


def _walk(root: dict[str, Any], node: dict[str, Any], steps: tuple[str, ...], *, is_item: bool) -> Iterator[Place]:
    """Walk a schema from a node down. WAF statements hold statements, hence the end at some depth."""
    while "$ref" in node:
        node = functools.reduce(lambda at, step: at[step], node["$ref"].removeprefix("#/").split("/"), root)
    if len(steps) > TOO_DEEP:
        return
    if "items" not in node:
        yield Place(steps, node, is_item)
    for choice in ("oneOf", "anyOf", "allOf"):
        for option in node.get(choice, ()):
            if {"properties", "items", "$ref"} & option.keys():
                yield from _walk(root, option, steps, is_item=is_item)
    if isinstance(node.get("items"), dict):
        yield from _walk(root, node["items"], steps, is_item=True)
    for name, child in node.get("properties", {}).items():
        yield from _walk(root, child, (*steps, name), is_item=False)


def _lists_of_maps(data: Json, steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    if isinstance(data, list):
        if data and all(isinstance(item, dict) and not _is_intrinsic(item) for item in data):
            yield steps, data
        for item in data:
            yield from _lists_of_maps(item, steps)
    elif isinstance(data, dict) and not _is_intrinsic(data):
        for key, value in data.items():
            yield from _lists_of_maps(value, (*steps, key))


def _is_intrinsic(data: dict[str, Any]) -> bool:
    return len(data) == 1 and (next(iter(data)) == "Ref" or next(iter(data)).startswith("Fn::"))
