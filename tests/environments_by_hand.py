"""The environments of platform/environments/ made by hand, and the stacks that the library makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from compiler.service import AccountBaseline, Bastion, BusinessHours, Environment, Ingress, LogDelivery, Network
from tests.services_by_hand import load_template

TEMPLATES = (
    "security",
    "notifications",
    "network",
    "deployment_bucket",
    "ingress",
    "images",
    "account",
    "bastion",
    "environment_dashboard",
)  # in the order of their deployment
# Who runs there and needs an endpoint that not every instance needs anyway.
CALLERS = {"sns": ("orders",), "sqs": ("orders",)}
AUTHORITY = "arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/6ad3c2b0-55d7-4f0e-8d8c-2f5c8a2b9e71"

PRODUCTION = Environment(
    name="production",
    shared="production",
    account="111122223333",
    region="eu-west-1",
    tier="production",
    private_zone="production.internal",
    public_zone="recipes.example",
    network=Network("10.16.0.0/16", ("a", "b", "c"), "perZone", (), 365, CALLERS),
    images={"arm64": 1, "x86_64": 1},
    bucket="platform-deployment-111122223333-eu-west-1",
    business_hours=BusinessHours("Europe/London", "0 7 * * 1-5", "0 19 * * 1-5"),
    owners=("platform", "squad-menu", "squad-orders"),
    ingress=Ingress(("private", "public"), AUTHORITY),
    public_zone_id="Z0423711P3XCA0LFK2QD",
    image_ids={"arm64": "ami-0c7d19a41d2f3b6e5", "x86_64": "ami-03f1e8b7a64c25d90"},
    account_baseline=AccountBaseline(monthly_budget=4000),
    bastion=Bastion("host"),
    logs=LogDelivery(365),
    runbook="https://runbooks.recipes.example/{service}/{alarm}",
)
STAGING = replace(
    PRODUCTION,
    name="staging",
    shared="staging",
    account="444455556666",
    tier="staging",
    logs=LogDelivery(),
    account_baseline=AccountBaseline(monthly_budget=1500),
    private_zone="staging.internal",
    public_zone="staging.recipes.example",
    public_zone_id=None,
    network=Network("10.32.0.0/16", ("a", "b"), "single", (), 90, CALLERS),
    bucket="platform-deployment-444455556666-eu-west-1",
)
BRANCHES = replace(
    PRODUCTION,
    name="env-default",
    shared="env-default",
    account="777788889999",
    tier="branch",
    logs=LogDelivery(),
    account_baseline=AccountBaseline(monthly_budget=800),
    private_zone="env-default.internal",
    public_zone="branches.recipes.example",
    public_zone_id=None,
    network=Network("10.48.0.0/16", ("a", "b"), "single", (), 90, CALLERS),
    bucket="platform-deployment-777788889999-eu-west-1",
)
ENVIRONMENTS = (PRODUCTION, STAGING, BRANCHES)


def with_network(environment: Environment, **changes: Any) -> Environment:
    """Change some of a network; endpoints that are listed are not derived."""
    if "endpoints" in changes:
        changes["callers"] = None
    return replace(environment, network=replace(environment.network, **changes))


def build_template(name: str, environment: Environment = PRODUCTION) -> dict[str, Any]:
    """Run one environment template, and put what it yields into a CloudFormation template, as plain JSON."""
    stack: dict[str, Any] = {"AWSTemplateFormatVersion": "2010-09-09"}
    for thing in load_template(name).build(environment):
        section = stack.setdefault("Outputs" if type(thing).__name__ == "Output" else "Resources", {})
        assert thing.title not in section, thing.title
        section[thing.title] = json.loads(json.dumps(thing.to_dict()))
    return stack


def properties_of(stack: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: item["Properties"] for name, item in stack["Resources"].items() if item["Type"] == kind}


def statements_of(stack: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield every policy document's statements with the logical id of the resource that holds it."""
    for name, resource in stack["Resources"].items():
        for value in resource["Properties"].values():
            if isinstance(value, dict) and "Statement" in value:
                yield name, value["Statement"]
