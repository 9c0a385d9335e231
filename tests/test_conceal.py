"""What is secret is in no diff, and that it changed still is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from compiler.changes import Change, Side, SideStack
from compiler.library import find_content, load_library
from compiler.model import Json
from compiler.review import review_sides

LIBRARY = load_library(find_content("platform"))
DATABASE = "AWS::RDS::DBInstance"


def review(before: Json, after: Json, values: tuple[dict[str, str], dict[str, str]] = ({}, {})) -> tuple[Change, ...]:
    sides = [
        Side("a", {"": SideStack("t.json", template, given, {})})
        for template, given in zip((before, after), values, strict=True)
    ]
    return review_sides(sides[0], sides[1], LIBRARY).changes


def resource(kind: str, properties: Json, **more: Json) -> dict[str, Any]:
    return {"Resources": {"A": {"Type": kind, "Properties": properties}}, **more}


def silent(default: str) -> Json:
    return {"Parameters": {"P": {"Type": "String", "NoEcho": True, "Default": default}}, "Resources": {}}


def variable(value: Json) -> Json:
    containers = [{"Name": "a", "Environment": [{"Name": "DB_PASSWORD", "Value": value}]}]
    return resource("AWS::ECS::TaskDefinition", {"ContainerDefinitions": containers})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (silent("hunter2"), silent("hunter3")),
        ({"Resources": {}}, silent("hunter2")),
        (
            resource(DATABASE, {"MasterUserPassword": "hunter2"}),
            resource(DATABASE, {"MasterUserPassword": "hunter3"}),
        ),
        (resource(DATABASE, {"MasterUserPassword": "hunter2"}), {"Resources": {}}),
        (
            resource(DATABASE, {"MasterUserPassword": {"Fn::Sub": "hunter2${AWS::Region}"}}),
            resource(DATABASE, {"MasterUserPassword": {"Ref": "P"}}),
        ),
        (
            resource("AWS::SecretsManager::Secret", {"SecretString": "hunter2"}),
            resource("AWS::SecretsManager::Secret", {"SecretString": "hunter3"}),
        ),
        (variable("hunter2"), variable("hunter3")),
        (variable("hunter2"), variable({"Ref": "P"})),
        (
            resource("AWS::Lambda::Function", {"Environment": {"Variables": {"X_PASSWORD": "hunter2", "Y": "a"}}}),
            resource("AWS::Lambda::Function", {"Environment": {"Variables": {"X_PASSWORD": "hunter3", "Y": "b"}}}),
        ),
        (
            resource("AWS::SNS::Topic", {"DisplayName": "https://user:hunter2@host/a"}),
            resource("AWS::SNS::Topic", {"DisplayName": "https://user:hunter2@host/b"}),
        ),
        # What a parameter without an echo stood for is as secret as the parameter.
        (
            resource("AWS::SNS::Topic", {"DisplayName": "hunter2"}, **silent("x") | {"Resources": {}}),
            resource("AWS::SNS::Topic", {"DisplayName": {"Ref": "P"}}),
        ),
    ],
)
def test_no_secret_is_shown_and_its_change_is(before: Json, after: Json) -> None:
    for one, other in ((before, after), (after, before)):
        found = review(one, other)
        assert found
        shown = json.dumps([asdict(change) for change in found], default=str)
        assert "hunter" not in shown
        assert all(change.before != change.after for change in found)


def test_a_value_that_is_given_to_a_parameter_without_echo_is_not_shown() -> None:
    template = {"Parameters": {"P": {"Type": "String", "NoEcho": "true"}}, "Resources": {}}
    [change] = review(template, template, ({"P": "hunter2"}, {"P": "hunter3"}))
    assert ("***", "*** (another)") == (change.before, change.after)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("MasterUserPassword", {"Ref": "One"}, {"Ref": "Other"}),
        ("MasterUserPassword", "{{resolve:ssm-secure:/a}}", "{{resolve:ssm-secure:/b}}"),
        ("MasterUserSecretArn", "arn:a", "arn:b"),
        ("DBName", "orders", "carts"),
        ("GenerateSecretString", {"PasswordLength": 20}, {"PasswordLength": 30}),
    ],
)
def test_what_is_no_secret_is_shown(name: str, before: Json, after: Json) -> None:
    found = review(resource("Custom::A", {name: before}), resource("Custom::A", {name: after}))
    text = repr([(each.before, each.after) for each in found])
    for value in (before, after):
        words = next(iter(value.values())) if isinstance(value, dict) else value
        assert str(words) in text
