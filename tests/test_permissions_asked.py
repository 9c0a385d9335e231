"""What a process asks to be allowed: exact actions on exact resources, with their keys, and nothing else changes."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from tests.describing import SERVICE, judge
from tests.environments_by_hand import build_template
from tests.services_by_hand import CASES, PERMITTED, WEB, build_resources, properties_of, ssm, with_process
from tests.spans import show

# What AWS says of each action and resource, as cfn-lint ships it.
AWS = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text())
VIA = "kms:ViaService"


def statements(resources: dict[str, Any], policy: str = "WebPermissionsPolicy") -> dict[str, Any]:
    return {item["Sid"]: item for item in resources[policy]["Properties"]["PolicyDocument"]["Statement"]}


@pytest.mark.parametrize(
    ("sid", "actions", "resources"),
    [
        ("InvoicesRead", ["s3:GetObject"], ["arn:aws:s3:::acme-invoices/2026/*"]),
        (
            "InvoicesWrite",
            ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"],
            ["arn:aws:s3:::acme-invoices/2026/*"],
        ),
        ("InvoicesList", ["s3:ListBucket"], ["arn:aws:s3:::acme-invoices"]),
        ("ArchiveRead", ["s3:GetObject"], ["arn:aws:s3:::acme-archive/*"]),
        (
            "TariffsRead",
            ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"],
            [f"arn:aws:ssm:eu-west-1:111122223333:parameter/tariffs{rest}" for rest in ("", "/*")],
        ),
        (
            "TariffsWrite",
            ["ssm:PutParameter"],
            [f"arn:aws:ssm:eu-west-1:111122223333:parameter/tariffs{rest}" for rest in ("", "/*")],
        ),
        (
            "TerminalRead",
            ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:payments/terminal-??????"],
        ),
        ("AuditPublish", ["sns:Publish"], ["arn:aws:sns:eu-west-1:111122223333:production-audit-entry-made"]),
        (
            "LegacyConsume",
            ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            ["arn:aws:sqs:eu-west-1:111122223333:legacy-orders.fifo"],
        ),
    ],
)
def test_each_permission_is_exactly_what_it_says(sid: str, actions: list[str], resources: list[str]) -> None:
    statement = statements(build_resources(PERMITTED))[sid]
    assert (actions, resources) == (statement["Action"], statement["Resource"])


def test_access_decides_between_reading_and_writing() -> None:
    verbs = {sid for sid in statements(build_resources(PERMITTED)) if sid.startswith(("Archive", "Exports"))}
    assert {"ArchiveRead", "ArchiveList", "ArchiveKey", "ExportsWrite", "ExportsKey"} == verbs


def test_a_list_shows_no_more_than_what_may_be_read() -> None:
    said = statements(build_resources(PERMITTED))
    assert {"StringLike": {"s3:prefix": ["2026/*"]}} == said["InvoicesList"]["Condition"]
    assert "Condition" not in said["ArchiveList"]


def test_the_key_behind_a_thing_is_used_through_its_service_only() -> None:
    keys = {
        sid.removesuffix("Key"): (statement["Resource"], statement["Condition"]["StringEquals"][VIA])
        for sid, statement in statements(build_resources(PERMITTED)).items()
        if sid.endswith("Key")
    }
    data, messaging = ssm("security/data-key-arn"), ssm("security/messaging-key-arn")
    assert {
        "Invoices": (data, ["s3.eu-west-1.amazonaws.com"]),
        "Exports": (data, ["s3.eu-west-1.amazonaws.com"]),
        "Archive": ("arn:aws:kms:eu-west-1:111122223333:key/11111111", ["s3.eu-west-1.amazonaws.com"]),
        "Tariffs": (data, ["ssm.eu-west-1.amazonaws.com"]),
        "Terminal": (data, ["secretsmanager.eu-west-1.amazonaws.com"]),
        "Audit": (messaging, ["sns.eu-west-1.amazonaws.com"]),
        "Legacy": (messaging, ["sqs.eu-west-1.amazonaws.com"]),
    } == keys


def test_who_only_reads_makes_no_key() -> None:
    said = statements(build_resources(PERMITTED))
    reading = {sid for sid, item in said.items() if sid.endswith("Key") and item["Action"] == ["kms:Decrypt"]}
    assert {"ArchiveKey", "TerminalKey", "LegacyKey"} == reading


def test_a_process_that_asks_for_nothing_has_what_it_had() -> None:
    plain, asked = build_resources(with_process(WEB)), build_resources(PERMITTED)
    assert {"WebPermissionsPolicy"} == asked.keys() - plain.keys()
    assert "WebPermissionsPolicy" in asked["WebGroup"]["DependsOn"]
    assert plain["WebPolicy"] == asked["WebPolicy"] and plain["WebMessagesPolicy"] == asked["WebMessagesPolicy"]


# Every action of a service


def actions_of(resources: dict[str, Any]) -> set[str]:
    policies = properties_of(resources, "AWS::IAM::ManagedPolicy").values()
    return {action for each in policies for item in each["PolicyDocument"]["Statement"] for action in item["Action"]}


@pytest.mark.parametrize("case", CASES)
def test_every_action_is_one_that_aws_knows_and_that_the_boundary_lets_through(case: str) -> None:
    boundary = build_template("security")["Resources"]["ServiceBoundary"]["Properties"]["PolicyDocument"]["Statement"]
    allowed = [pattern for statement in boundary if statement["Effect"] == "Allow" for pattern in statement["Action"]]
    for action in actions_of(build_resources(*CASES[case])):
        prefix, _, name = action.partition(":")
        assert name.lower() in AWS[prefix]["Actions"], action
        assert any(fnmatchcase(action, pattern) for pattern in allowed), action


def test_every_resource_has_the_shape_that_its_actions_are_for() -> None:
    for sid, statement in statements(build_resources(PERMITTED)).items():
        for action in () if sid.endswith("Key") else statement["Action"]:
            shapes = resource_shapes(action)
            for resource in statement["Resource"]:
                assert any(re.fullmatch(shape, resource) for shape in shapes), (action, resource)


def resource_shapes(action: str) -> list[str]:
    prefix, _, name = action.partition(":")
    kinds = {kind.lower() for kind in AWS[prefix]["Actions"][name.lower()]["Resources"]}
    resources = {kind.lower(): each["ARNFormats"] for kind, each in AWS[prefix]["Resources"].items()}
    formats = [text for kind in kinds for text in resources[kind]]
    return [re.sub(r"\$\{[A-Za-z]+\}", "[a-z0-9-]*", text) for text in formats]


# What is refused


@pytest.mark.parametrize(
    ("permission", "shown"),
    [
        ("{bucket: acme-a}", []),
        ("{}", ["D350 9 a"]),
        ("{access: read}", ["D350 9 a"]),
        ("{bucket: acme-a, secret: b}", ["D350 9 a"]),
        ("{secret: b, access: write}", ["D351 9 *****"]),  # beside a secret nothing is shown
        ("{parameters: /b, prefix: c/}", ["D351 9 c/"]),
        ("{parameters: /platform/production/network}", ["D352 9 /platform/production/network"]),
        ("{parameters: /platform}", ["D352 9 /platform"]),
        ("{parameters: /service/production/other/config}", ["D352 9 /service/production/other/config"]),
        ("{parameters: /service/production/orders/state}", []),
        (
            "{parameters: /service/production/orders/config, access: write}",
            ["D352 9 /service/production/orders/config"],
        ),
        ("{parameters: /services}", []),
        ("{bucket: toy-bucket}", ["D352 9 toy-bucket"]),
        ("{publish: orders.nothing}", ["D313 9 orders.nothing"]),
        ("{publish: audit.entry-made}", []),
        ("{bucket: acme-*}", ["D206 9 acme-*"]),
        ("{bucket: acme-a, prefix: '*/'}", ["D206 9 '*/'"]),
        ("{bucket: acme-a, prefix: a}", ["D206 9 a"]),
        ("{parameters: /a/*}", ["D206 9 /a/*"]),
        ("{consume: 'q?'}", ["D206 9 'q?'"]),
        ("{publish: 'a.*'}", ["D206 9 'a.*'"]),
    ],
)
def test_what_can_be_asked_for_is_one_thing_of_ones_own(permission: str, shown: list[str]) -> None:
    assert shown == show(judge(f"{SERVICE}    permissions: {{a: {permission}}}\n"))


@pytest.mark.parametrize(("letters", "shown"), [(43, []), (44, [f"D207 9 {'a' * 44}<environment>"])])
def test_the_name_of_a_bucket_is_held_to_its_length_with_the_environment_in_it(letters: int, shown: list[str]) -> None:
    bucket = "a" * letters + "<environment>"
    assert shown == show(judge(f"{SERVICE}    permissions: {{a: {{bucket: {bucket}}}}}\n", "env-twenty-letters-a"))
