"""The parameters below /platform/<environment>/: what a stack reads, a stack of its environment writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from compiler.service import Environment
from tests.environments_by_hand import ENVIRONMENTS, TEMPLATES, build_template, properties_of
from tests.services_by_hand import CASES, build_stack

# Read by no stack of the platform, each for a reason.
FOR_OTHERS = {
    "account/trail-bucket": "whoever looks for who did what",
    "bastion/": "people, and additions that let them in",
    "deployment-bucket/": "the roles of CI, and whoever looks for a release",
    "images/x86_64": "processes on another kind of instances than those of our cases",
    "ingress/public-dns-name": "processes with a public name of their own at the shared load balancer",
    "ingress/public-zone-id": "the same",
    "network/cache-subnet-group": "additions with caches",
    "network/db-subnet-group": "additions with databases",
    "network/data-subnet-": "additions with data stores",
    "network/endpoint-security-group-id": "additions that answer through an endpoint",
    "security/session-operator-policy-arn": "the role of who opens sessions",
    "security/sessions-key-arn": "instances that are made by additions",
    "notifications/": "additions with alarms; services call topics by their name, since a template takes 60 references",
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_service_reads_its_environment_writes(case: str) -> None:
    service, environment = CASES[case]
    assert set() == set(_read(build_stack(service, environment), environment)) - _written(_of(environment))


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.name)
def test_what_an_environment_reads_it_writes(environment: Environment) -> None:
    assert set() == _read_by_itself(environment) - _written(environment)


def test_what_nobody_reads_is_written_for_a_reason() -> None:
    read = {
        path
        for service, environment in CASES.values()
        for path in _read(build_stack(service, environment), environment)
    }
    read |= {path for environment in ENVIRONMENTS for path in _read_by_itself(environment)}
    idle = {path for environment in ENVIRONMENTS for path in _written(environment) - read}
    assert set() == {path for path in idle if not path.startswith(tuple(FOR_OTHERS))}
    assert [] == [reason for reason in FOR_OTHERS if not any(path.startswith(reason) for path in idle)]


def test_an_image_is_written_for_every_version_that_is_pinned() -> None:
    for environment in ENVIRONMENTS:
        written = properties_of(build_template("images", environment), "AWS::SSM::Parameter").values()
        assert {f"/platform/{environment.name}/images/{kind}" for kind in environment.images} == {
            parameter["Name"] for parameter in written
        }
        assert {"aws:ec2:image"} == {parameter["DataType"] for parameter in written}
        assert list(environment.image_ids.values()) == [parameter["Value"] for parameter in written]


def _of(environment: Environment) -> Environment:
    """The environment whose stacks a service of another uses, with the zones of the other."""
    (shared,) = (each for each in ENVIRONMENTS if each.name == environment.shared)
    return replace(shared, network=replace(shared.network, zones=environment.network.zones))


def _read(stack: dict[str, Any], environment: Environment) -> Iterator[str]:
    pattern = r"\{\{resolve:ssm:/platform/([^/]+)/([^}:]+)(?::\d+)?\}\}"
    for name, path in re.findall(pattern, json.dumps(stack)):
        assert environment.shared == name
        yield path


def _read_by_itself(environment: Environment) -> set[str]:
    return {path for name in TEMPLATES for path in _read(build_template(name, environment), environment)}


def _written(environment: Environment) -> set[str]:
    stacks = [properties_of(build_template(name, environment), "AWS::SSM::Parameter") for name in TEMPLATES]
    names = [parameter["Name"] for stack in stacks for parameter in stack.values()]
    return {name.removeprefix(f"/platform/{environment.name}/") for name in names}
