"""What holds for every stack of an environment: nothing to lint, the paths that services read, order, origins."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics import Source, Span
from compiler.library import load_library
from compiler.model import Origin, Said, Setting
from compiler.service import AccountBaseline, Bastion, DeploymentBucket, Environment, Ingress, LogDelivery, Waf
from compiler.trace import settings_of, trace_value
from tests.environments_by_hand import (
    BRANCHES,
    ENVIRONMENTS,
    PRODUCTION,
    STAGING,
    TEMPLATES,
    build_template,
    properties_of,
    statements_of,
    with_network,
)
from tests.linting import lint_text
from tests.services_by_hand import load_template, stuck_on_rollback

CERTIFICATE = "arn:aws:acm:eu-west-1:444455556666:certificate/0b8a4f0e-3f0b-4a55-9b0e-2f2ad8e1c6a1"
STREAM = "arn:aws:firehose:eu-west-1:111122223333:deliverystream/logs"
ROLE = "arn:aws:iam::111122223333:role/logs"
SAML = "arn:aws:iam::444455556666:saml-provider/staff"
LIBRARY = Path(__file__).parent.parent / "platform"
SHARED = ("listener-arn", "load-balancer-arn-suffix", "dns-name", "zone-id", "security-group-id")
# Each with the stacks that it changes.
VARIANTS: dict[str, tuple[Environment, tuple[str, ...]]] = {
    **{environment.name: (environment, TEMPLATES) for environment in ENVIRONMENTS},
    "no-way-out": (with_network(STAGING, nat="none"), ("network",)),
    "six-small-zones": (
        with_network(STAGING, zones=tuple("abcdef"), cidr="10.0.0.0/22", nat="perZone"),
        ("network", "ingress"),
    ),
    "waf-counts": (replace(STAGING, waf=Waf("count")), ("security",)),
    "no-waf": (replace(STAGING, waf=Waf("off")), ("security", "ingress")),
    "bare-account": (replace(STAGING, account_baseline=AccountBaseline(guard_duty=False, config=False)), ("account",)),
    "client-vpn": (replace(STAGING, bastion=Bastion("clientVpn", SAML, "10.250.0.0/22")), ("bastion",)),
    "regional": (with_network(STAGING, nat="regional"), ("network",)),
    "nothing-shared": (replace(STAGING, ingress=replace(STAGING.ingress, shared=())), ("ingress",)),
    "locked-releases": (
        replace(STAGING, deployment_bucket=DeploymentBucket(lock_days=90)),
        ("deployment_bucket",),
    ),
    "no-platform": (replace(STAGING, owners=("squad-menu",)), ("notifications", "network", "ingress", "account")),
    "certified-by-amazon": (
        replace(STAGING, private_zone="internal.staging.recipes.example", ingress=Ingress(("public", "private"))),
        ("network", "ingress"),
    ),
    "certified-elsewhere": (
        replace(STAGING, ingress=Ingress(("private",), private_certificate=CERTIFICATE)),
        ("ingress",),
    ),
    "containers-too": (
        with_network(STAGING, endpoints=("ecr.api", "ecr.dkr", "s3", "execute-api")),
        ("network",),
    ),
}
STACKS = [(variant, name) for variant, (_, names) in VARIANTS.items() for name in names]


@pytest.mark.parametrize(("variant", "name"), STACKS)
def test_the_linter_has_nothing_to_say(variant: str, name: str) -> None:
    text = json.dumps(build_template(name, VARIANTS[variant][0]))
    assert [] == lint_text(text)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.name)
def test_the_environments_made_by_hand_are_those_of_the_library(environment: Environment) -> None:
    library = load_library(LIBRARY)
    said = library.environments[environment.name].data
    network = said["network"]
    assert tuple(library.defaults.data["owners"]) == environment.owners
    assert library.defaults.data["runbook"] == environment.runbook
    assert (said["account"], said["region"], said["tier"]) == (
        environment.account,
        environment.region,
        environment.tier,
    )
    assert (said["privateZone"], said["publicZone"]) == (environment.private_zone, environment.public_zone)
    assert (network["cidr"], tuple(network["zones"])) == (environment.network.cidr, environment.network.zones)
    assert (network["nat"], network["endpoints"]) == (environment.network.nat, "derived")
    assert environment.network.callers is not None
    assert network["flowLogRetention"] == environment.network.flow_log_retention
    ingress = said["ingress"]
    assert (tuple(ingress.get("shared", ())), ingress["certificateAuthority"]) == (
        environment.ingress.shared,
        environment.ingress.certificate_authority,
    )
    assert said.get("logs", {}).get("retentionDays", 30) == environment.logs.retention_days
    assert said.get("publicZoneId") == environment.public_zone_id
    assert said["imageIds"] == environment.image_ids
    assert said["bastion"] == {"mode": environment.bastion.mode}
    assert said["accountBaseline"] == {"monthlyBudget": environment.account_baseline.monthly_budget}


def test_the_paths_that_the_stacks_write_are_those_of_the_change_log() -> None:
    assert {
        *(f"security/{purpose}-key-arn" for purpose in ("logs", "data", "messaging", "alarms", "sessions")),
        *(f"security/{name}-arn" for name in ("service-boundary", "instance-base-policy", "session-operator-policy")),
        "security/public-web-acl-arn",
        *(f"notifications/{owner}-{color}-topic-arn" for owner in PRODUCTION.owners for color in ("amber", "red")),
        *(f"network/{tier}-subnet-{zone}" for tier in ("public", "app", "data") for zone in "abc"),
        *(f"deployment-bucket/{name}" for name in ("name", "log-bucket-name")),
        *(
            f"deployment-bucket/{role}-policy-arn"
            for role in ("service-publisher", "platform-publisher", "deployer", "release-collector")
        ),
        *("network/db-subnet-group", "network/cache-subnet-group"),
        *("network/vpc-id", "network/private-zone-id", "network/public-zone-id", "network/endpoint-security-group-id"),
        *("ingress/log-bucket", "ingress/public-certificate-arn", "ingress/private-certificate-arn"),
        *(f"ingress/{exposure}-{name}" for exposure in ("private", "public") for name in SHARED),
        *("images/arm64", "images/x86_64", "account/trail-bucket"),
        *("bastion/group-name", "bastion/security-group-id"),
    } == {path for name in TEMPLATES for path in _written(build_template(name))}


def test_each_path_has_one_writer_of_the_area_it_is_called_after() -> None:
    written = [(name, path) for name in TEMPLATES for path in _written(build_template(name))]
    assert len(written) == len({path for _, path in written})
    assert [name.replace("_", "-") for name, _ in written] == [path.partition("/")[0] for _, path in written]


def test_a_stack_reads_only_what_those_before_it_write() -> None:
    known: set[str] = set()
    for name in TEMPLATES:
        stack = build_template(name)
        read = set(re.findall(r"\{\{resolve:ssm:/platform/production/([^}:]+)(?::\d+)?\}\}", json.dumps(stack)))
        assert set() == read - known, name
        known |= set(_written(stack))


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_stack_exports_or_imports(name: str) -> None:
    text = json.dumps(build_template(name))
    assert [] == re.findall(r"Fn::ImportValue|\"Export\"", text)


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_holds_something_says_what_becomes_of_it(name: str) -> None:
    stateful = {"AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::EC2::EIP", "AWS::S3::Bucket"}
    if name == "network":
        zones = build_template(name, replace(PRODUCTION, public_zone_id=None))["Resources"]
        assert "RetainExceptOnCreate" == zones["PublicZone"]["DeletionPolicy"]
    resources = build_template(name)["Resources"].values()
    assert {("RetainExceptOnCreate", "Retain")} >= {
        (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        for resource in resources
        if resource["Type"] in stateful
    }


@pytest.mark.parametrize(("variant", "name"), STACKS)
def test_a_deployment_that_fails_can_be_taken_back_and_repeated(variant: str, name: str) -> None:
    assert [] == list(stuck_on_rollback(build_template(name, VARIANTS[variant][0])))


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_statement_of_a_policy_has_a_name_of_its_own(name: str) -> None:
    for resource, statements in statements_of(build_template(name)):
        names = [statement["Sid"] for statement in statements]
        assert sorted(set(names)) == sorted(names), resource


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_alarm_reaches_the_platform_team(name: str) -> None:
    alarms = properties_of(build_template(name), "AWS::CloudWatch::Alarm")
    topics = [{"Ref": f"Platform{color}Topic"} for color in ("Amber", "Red")] + [
        f"{{{{resolve:ssm:/platform/production/notifications/platform-{color}-topic-arn}}}}"
        for color in ("amber", "red")
    ]
    for title, alarm in alarms.items():
        (topic,) = alarm["AlarmActions"]
        assert topic in topics, title
        assert alarm["AlarmActions"] == alarm["OKActions"], title
        # A certificate that nobody measures is gone; of everything else there may be nothing to count.
        kind = "breaching" if alarm.get("MetricName") == "DaysToExpiry" else "notBreaching"
        assert kind == alarm["TreatMissingData"], title


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_only_branches_stand_on_wakes_nobody(name: str) -> None:
    if name != "notifications":  # whose alarms are heard at the topic that still works
        alarms = properties_of(build_template(name, BRANCHES), "AWS::CloudWatch::Alarm")
        assert [] == [title for title, alarm in alarms.items() if "-red-" in json.dumps(alarm["AlarmActions"])]


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_alarm_says_where_to_read_on_if_the_platform_has_runbooks(name: str) -> None:
    alarms = properties_of(build_template(name), "AWS::CloudWatch::Alarm")
    bare = properties_of(build_template(name, replace(PRODUCTION, runbook=None)), "AWS::CloudWatch::Alarm")
    for title, alarm in alarms.items():
        says, page = alarm["AlarmDescription"].rsplit(" ", 1)
        assert re.fullmatch(r"https://runbooks\.recipes\.example/platform/[a-z]+([A-Z][a-z]+)*", page), title
        assert says.endswith(".") and says == bare[title]["AlarmDescription"], title


def test_the_guide_lists_the_runbooks_of_the_platform_by_stack() -> None:
    environment = replace(PRODUCTION, logs=LogDelivery(stream=STREAM, role=ROLE))
    found: dict[str, set[str]] = {}
    for name in TEMPLATES:
        text = json.dumps(build_template(name, environment))
        for page in re.findall(r"https://runbooks\.recipes\.example/platform/(\w+)", text):
            found.setdefault(name, set()).add(page)
    guide = (LIBRARY.parent / "docs" / "alarms.md").read_text()
    rows = re.findall(r"^\| \[(\w+)\]\(templates/\1\.md\).* \| (.*) \|$", guide, re.MULTILINE)
    assert found == {name: set(re.findall(r"`(\w+)`", pages)) for name, pages in rows}


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_same_environment_gives_the_same_stack(name: str) -> None:
    assert json.dumps(build_template(name)) == json.dumps(build_template(name))


def test_what_the_environment_says_arrives_with_the_word_of_the_line_that_said_it() -> None:
    cidr, days, zone = (_setting(name, value) for name, value in (("cidr", "10.16.0.0/16"), ("days", 365), ("b", "b")))
    environment = with_network(
        PRODUCTION,
        cidr=trace_value("10.16.0.0/16", cidr),
        flow_log_retention=trace_value(365, days),
        zones=("a", trace_value("b", zone)),
    )
    things = {thing.title: thing.to_dict()["Properties"] for thing in _resources("network", environment)}
    assert (cidr,) == settings_of(things["Vpc"]["CidrBlock"])
    assert (cidr,) == settings_of(things["DataSubnetB"]["CidrBlock"])
    assert (days,) == settings_of(things["FlowLogGroup"]["RetentionInDays"])
    assert (zone,) == settings_of(things["AppSubnetBParameter"]["Name"])
    assert (zone,) == settings_of(things["AppSubnetB"]["AvailabilityZone"])


def _resources(name: str, environment: Environment) -> list[Any]:
    return [thing for thing in load_template(name).build(environment) if type(thing).__name__ != "Output"]


def _written(stack: dict[str, Any]) -> list[str]:
    names = [parameter["Name"] for parameter in properties_of(stack, "AWS::SSM::Parameter").values()]
    assert all(name.startswith("/platform/production/") for name in names)
    return [name.removeprefix("/platform/production/") for name in names]


def _setting(name: str, value: object) -> Setting:
    span = Span(Source("platform/environments/production.yml"), 1, 1, 1, 2)
    return Setting((name,), (Said(Origin("environment", span), value),))
