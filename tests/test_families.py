"""Families: which environments a file with regions and tenants stands for, and that none reaches into another."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from compiler.cli import cli
from compiler.diagnostics import CompileError, Diagnostic, fold_names
from compiler.families import find_empty_regions
from compiler.hidden import hide_secrets
from compiler.layers import choose_members, list_own
from compiler.library import find_content
from compiler.model import Compilation, Library
from compiler.pipeline import compile_platform, compile_service, open_library, plan_service
from compiler.schema import complete_schema
from compiler.trace import plain, settings_of

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "environments.md").read_text("utf-8")
FILE, OVERLAYS, _ = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
SERVICE = """\
service: orders
owner: squad-orders
platform: "1.0"
processes:
  web: {runtime: instances, command: ./bin/web, port: 8080, dns: orders, logs: {app: {path: /var/log/app.log}}}
  worker:
    runtime: instances
    command: ./bin/work
    permissions:
      own: {publish: orders.order-placed}
      invoices: {bucket: shop-invoices, prefix: <environment>/, access: readWrite}
      rates: {parameters: /rates/<environment>}
      terminal: {secret: terminal/<environment>}
      legacy: {consume: <environment>-legacy}
messages: {publish: [order-placed], consume: {menu.dish-changed: {process: worker}}}
config: {CURRENCY: EUR, PLACE: <environment>}
secrets: {PAYMENTS_API_KEY: /service/<environment>/orders/payments-api-key}
"""


def write_library(folder: Path, production: str) -> Path:
    shutil.copytree(find_content("platform"), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "environments" / "production.yml").write_text(production, "utf-8")
    return folder


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return open_library(write_library(tmp_path_factory.mktemp("library") / "platform", FILE))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("orders")
    (folder / "service.yml").write_text(SERVICE + OVERLAYS, "utf-8")
    return folder


@pytest.fixture(scope="module")
def compiled(service: Path, library: Library) -> Compilation:
    return compile_service(service, library, lint=False)


# Names


def test_the_table_of_the_guide_is_what_the_example_stands_for(library: Library, compiled: Compilation) -> None:
    rows = re.findall(r"^\| `(production-\S+)` \| `(\S+)` \| (.*) \|$", DOCUMENT, re.MULTILINE)
    told = {name: (shared, tuple(re.findall(r"`([^`]+)`", layers))) for name, shared, layers in rows}
    members = choose_members(library.environments, "production")
    assert told == {each.name: (each.shared, each.layers) for each in members}
    assert sorted(told) == sorted(compiled.stacks)
    own = [each.name for each in list_own(library.environments) if each.file == "production"]
    assert ["production-eu-west-1", "production-initech-use1", "production-use1"] == own


def test_every_layer_speaks_in_turn_and_is_told_by_its_line(service: Path, library: Library) -> None:
    plan = plan_service(service, library, with_archives=False)
    here = plan.settings["production-acme-use1"]
    assert "m7g.large" == here.data["processes"]["web"]["instanceType"]
    assert "USD" == here.data["config"]["CURRENCY"]
    there = plan.settings["production-globex-eu-west-1"]
    assert "t4g.small" == there.data["processes"]["web"]["instanceType"]
    assert 4 == there.data["processes"]["worker"]["scaling"]["max"]
    assert 2 == here.data["processes"]["worker"]["scaling"]["max"]
    assert "us-east-1" == here.environment["region"]
    told = {key: settings_of(here.environment[key])[0] for key in ("region", "tier", "publicZone")}
    assert {"environment"} == {each.origin.layer for each in told.values()}
    lines = FILE.splitlines()
    assert {
        "region": "  us-east-1:",
        "tier": "tier: production",
        "publicZone": "    publicZone: us.shop.example",
    } == {key: lines[each.origin.span.line - 1] for key, each in told.items()}
    bounds = settings_of(here.environment["network"]["cidr"])[0].history
    assert ["10.16.0.0/16", "10.64.0.0/16"] == [said.value for said in bounds]
    scaling = settings_of(there.data["processes"]["worker"]["scaling"]["max"])[0]
    assert "defaults: {process" in lines[scaling.origin.span.line - 1]


def test_the_name_of_the_environment_stands_in_what_lies_outside_and_nowhere_else(
    service: Path, library: Library
) -> None:
    data = plan_service(service, library, with_archives=False).settings["production-acme-use1"].data
    asked = plain(data["processes"]["worker"]["permissions"])
    assert "production-acme-use1/" == asked["invoices"]["prefix"]
    assert ["/rates/production-acme-use1", "terminal/production-acme-use1", "production-acme-use1-legacy"] == [
        next(iter(asked[name].values())) for name in ("rates", "terminal", "legacy")
    ]
    path = data["secrets"]["PAYMENTS_API_KEY"]
    assert "/service/production-acme-use1/orders/payments-api-key" == path == settings_of(path)[0].value
    assert "<environment>" == data["config"]["PLACE"]


def test_a_path_with_the_name_of_the_environment_is_shown_and_others_with_brackets_are_not() -> None:
    lines = ["secrets:", "  A: /orders/<environment>/key", "  B: /orders/<customer>/key"]
    assert (*lines[:2], "  B: " + "*" * 22) == hide_secrets(lines)


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("production", ["acme-eu-west-1", "acme-use1", "globex-eu-west-1", "initech-use1"]),
        ("production-acme", ["acme-eu-west-1", "acme-use1"]),
        ("production-eu-west-1", ["acme-eu-west-1", "globex-eu-west-1"]),
        ("production-acme-use1", ["acme-use1"]),
        ("production-us-east-1", []),
        ("production-globex-use1", []),
        ("acme", []),
    ],
)
def test_a_name_means_one_or_all_of_a_family(name: str, members: list[str], library: Library) -> None:
    found = choose_members(library.environments, name)
    assert [f"production-{each}" for each in members] == [each.name for each in found]


# One tenant and another

# Where a name is given to a thing, by its type; other properties that end with `Name` tell of what others have made.
NAMES = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::Route53::RecordSet": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
    "AWS::SSM::Document": "Name",
    "AWS::AutoScaling::AutoScalingGroup": "AutoScalingGroupName",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::EC2::LaunchTemplate": "LaunchTemplateName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::CloudTrail::Trail": "TrailName",
    "AWS::AccessAnalyzer::Analyzer": "AnalyzerName",
    "AWS::Events::Rule": "Name",
    "AWS::WAFv2::WebACL": "Name",
    "AWS::Route53::HostedZone": "Name",
}
ARNS = {
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:log-stream:any",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::SSM::Parameter": "arn:aws:ssm:{region}:{account}:parameter{name}",
}
# What these do knows no resource, so that no statement can name one.
WITHOUT_RESOURCE = {"autoscaling:Describe*", "cloudwatch:PutMetricData", "ec2:Describe*", "ec2:DescribeTags"}


def list_names_given(template: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for resource in template["Resources"].values():
        kind, properties = resource["Type"], resource.get("Properties", {})
        name = properties.get(NAMES.get(kind, ""))
        if kind == "AWS::Budgets::Budget":
            name = properties["Budget"]["BudgetName"]
        if isinstance(name, str):
            yield kind, name


def list_statements(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("Effect") == "Allow" and "Resource" in value and "Principal" not in value:
            yield value
        for inner in value.values():
            yield from list_statements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from list_statements(inner)


def test_two_tenants_of_one_network_have_no_name_in_common(compiled: Compilation) -> None:
    acme, globex = (
        set(list_names_given(compiled.stacks[f"production-{tenant}-eu-west-1"].template))
        for tenant in ("acme", "globex")
    )
    kinds = {kind for kind, _ in acme}
    assert {"AWS::SNS::Topic", "AWS::SSM::Parameter", "AWS::Logs::LogGroup", "AWS::Route53::RecordSet"} <= kinds
    assert set() == acme & globex
    assert len(acme) == len(globex)
    assert ("AWS::Route53::RecordSet", "orders-acme.in.shop.example") in acme


def test_no_role_of_a_tenant_reaches_what_another_has(compiled: Compilation) -> None:
    acme, globex = (compiled.stacks[f"production-{tenant}-eu-west-1"].template for tenant in ("acme", "globex"))
    where = {"region": "eu-west-1", "account": "111122223333"}
    theirs = [ARNS[kind].format(name=name, **where) for kind, name in list_names_given(globex) if kind in ARNS]
    theirs.append("arn:aws:ssm:eu-west-1:111122223333:parameter/service/production-globex-eu-west-1/other/config/KEY")
    theirs.append("arn:aws:sns:eu-west-1:111122223333:production-globex-eu-west-1-other-event")
    theirs.append("arn:aws:s3:::shop-invoices/production-globex-eu-west-1/1.pdf")
    theirs.append("arn:aws:sqs:eu-west-1:111122223333:production-globex-eu-west-1-legacy")
    theirs.append("arn:aws:ssm:eu-west-1:111122223333:parameter/rates/production-globex-eu-west-1/usd")
    theirs.append(
        "arn:aws:ssm:eu-west-1:111122223333:parameter/service/production-globex-eu-west-1/orders/payments-api-key"
    )
    theirs.append("arn:aws:secretsmanager:eu-west-1:111122223333:secret:terminal/production-globex-eu-west-1-a1B2c3")
    reached = 0
    for statement in list_statements(acme["Resources"]):
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for resource in filter(lambda each: isinstance(each, str), resources):
            if resource == "*":
                assert set(statement["Action"]) <= WITHOUT_RESOURCE, statement
                continue
            reached += 1
            assert [] == fnmatch.filter(theirs, resource), statement
    assert reached > 8
    own = [ARNS[kind].format(name=name, **where) for kind, name in list_names_given(acme) if kind in ARNS]
    texts = json.dumps(acme)
    assert any(each in texts for each in own), "no statement names anything of its own, so nothing was looked at"
    assert "globex" not in texts


# One region and another


@pytest.fixture(scope="module")
def stacks(library: Library) -> Mapping[str, Any]:
    names = [each.name for each in list_own(library.environments) if each.file == "production"]
    done = compile_platform(library, environments=names, lint=False)
    return {key: stack.template for key, stack in done.stacks.items()}


def test_regions_of_one_account_make_nothing_twice_that_is_of_the_account_or_the_world(
    stacks: Mapping[str, Any],
) -> None:
    seen: dict[tuple[str, str], str] = {}
    for key, template in stacks.items():
        for kind, name in list_names_given(template):
            assert (kind, name) not in seen, f"{key} and {seen[kind, name]} both have {name}"
            seen[kind, name] = key
    kinds = {kind for kind, _ in seen}
    assert {"AWS::IAM::ManagedPolicy", "AWS::S3::Bucket", "AWS::Budgets::Budget", "AWS::CloudTrail::Trail"} <= kinds


def test_another_region_of_an_account_has_watchers_and_no_second_record_or_budget(stacks: Mapping[str, Any]) -> None:
    kinds = {
        key: {each["Type"] for each in template["Resources"].values()}
        for key, template in stacks.items()
        if key.endswith("/account")
    }
    first, second = kinds["production-eu-west-1/account"], kinds["production-use1/account"]
    assert {"AWS::CloudTrail::Trail", "AWS::Budgets::Budget", "AWS::GuardDuty::Detector"} <= first
    assert {"AWS::GuardDuty::Detector", "AWS::AccessAnalyzer::Analyzer", "AWS::Events::Rule"} <= second
    assert set() == second & {"AWS::CloudTrail::Trail", "AWS::Budgets::Budget"}


def test_sessions_are_opened_on_the_instances_of_all_who_share_and_of_nobody_else(stacks: Mapping[str, Any]) -> None:
    policy = stacks["production-eu-west-1/security"]["Resources"]["SessionOperatorPolicy"]["Properties"]
    start = next(each for each in policy["PolicyDocument"]["Statement"] if each["Sid"] == "StartOnOwnInstances")[
        "Condition"
    ]
    names = ["production-acme-eu-west-1", "production-globex-eu-west-1"]
    assert names == start["StringLike"]["ssm:resourceTag/environment"]


# What cannot be


def find_faults(folder: Path, production: str, **others: str) -> list[Diagnostic]:
    root = write_library(folder / "platform", production)
    for name, text in others.items():
        (root / "environments" / f"{name.replace('_', '-')}.yml").write_text(text, "utf-8")
    try:
        open_library(root)
    except CompileError as error:
        return list(error.diagnostics)
    return []


SIMPLE = (find_content("platform") / "environments" / "staging.yml").read_text("utf-8")
CERTIFICATE = "arn:aws:acm:eu-west-1:111122223333:certificate/11111111-2222-3333-4444-555555555555"
# The code, what is changed in the example, and what stands on the line that is blamed.
REFUSED = {
    "two regions in two words": ("D124", [("tier: production", "region: eu-west-1")], "region: eu-west-1"),
    "a region that the file has not": ("D125", [("regions: {eu-west-1: }", "regions: {eu-west-2: }")], "eu-west-2"),
    "a tenant that begins as another": ("D122", [("  globex:", "  acme-uk:")], "acme-uk"),
    "a tenant that ends as another": ("D122", [("  globex:", "  uk-acme:")], "uk-acme"),
    "a long name": ("D123", [("  globex:", "  international-business:")], "international-business"),
    "a tenant that is called as a region": ("D122", [("  globex:", "  use1:")], "use1"),
    "a part of the network": ("D126", [("defaults: {process: {scaling: {max: 4}}}", "waf: {mode: count}")], "waf"),
    "a bucket for two": ("D127", [("111122223333-us-east-1", "111122223333-eu-west-1")], "bucket"),
    "a bucket of another region": (
        "D127",
        [("111122223333-us-east-1\n", "111122223333-eu-west-1\n    deploymentBucket: {madeHere: false}\n")],
        "bucket: platform-deployment-111122223333-eu-west-1",
    ),
    "a bucket for logs of another": (
        "D127",
        [("111122223333-us-east-1\n", "111122223333-eu-west-1-logs\n")],
        "bucket: platform-deployment-111122223333",
    ),
    "a baseline for two": ("D127", [("accountBaseline: {regionOnly: true} ", "waf: {mode: count}")], "account:"),
    "a second watcher of a region": (
        "D127",
        [
            ('    account: "777766665555"             #', "    network: {cidr: 10.128.0.0/16} #"),
            ("regionOnly: false", "regionOnly: true"),
        ],
        "us-east-1:",
    ),
    "a zone for two": ("D127", [("publicZone: us.shop.example", "publicZone: shop.example")], "publicZone"),
    "an image in two regions": ("D127", [("ami-03f1e8b7a64c25d91", "ami-03f1e8b7a64c25d90")], "imageIds"),
    "no bucket": ("D202", [("    bucket: platform-deployment-111122223333-us-east-1\n", "")], "us-east-1:"),
    "no word about a way out": ("D202", [("  nat: perZone\n", "")], "eu-west-1:"),
    "another partition": (
        "D129",
        [("\n  us-east-1:", "\n  cn-north-1:"), ("      us-east-1:", "      cn-north-1:")],
        "cn-",
    ),
    "a certificate of one region": (
        "D128",
        [("tier: production\n", f"tier: production\ningress: {{privateCertificate: '{CERTIFICATE}'}}\n")],
        "ingress",
    ),
    "a name of nothing": ("D206", [("  globex:", "  Globex:")], "Globex"),
    "a key of nothing": ("D203", [("    name: use1 ", "    nome: use1 ")], "nome"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_file_cannot_stand_for_is_refused_where_it_is_said(case: str, tmp_path: Path) -> None:
    code, changes, where = REFUSED[case]
    text = FILE
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    found = find_faults(tmp_path, text)
    assert {code} == {each.code for each in found}, [each.message for each in found]
    span = found[0].span
    assert span is not None
    assert where in span.source.lines[span.line - 1]
    assert all(each.hint for each in found)


def test_what_stands_for_all_branches_is_no_other_family(tmp_path: Path) -> None:
    (fault,) = find_faults(tmp_path, FILE, env_default=SIMPLE + "tenants: {acme: {tier: branch}}\n")
    assert "D124" == fault.code


def test_two_environments_of_one_name_are_refused(tmp_path: Path) -> None:
    (fault,) = find_faults(tmp_path, FILE, production_acme_use1=SIMPLE)
    assert "D122" == fault.code
    assert "`production-acme-use1`" in fault.message
    assert {"platform/environments/production.yml", "platform/environments/production-acme-use1.yml"} == {
        each.path for each in (fault.span, fault.related[0].span) if each
    }


def test_a_name_means_one_thing_in_all_files(tmp_path: Path) -> None:
    (fault,) = find_faults(tmp_path, FILE, production_acme=SIMPLE)
    assert "D122" == fault.code
    told = "`production-acme` would mean both the file `production-acme.yml` and `tenants.acme` of `production.yml`"
    assert told == fault.message


@pytest.mark.parametrize(
    ("name", "extra", "code", "told"),
    [
        ("env", "tenants: {search: }\n", "D122", "`env-search` would be `tenants.search` of `env.yml`"),
        ("env_search", "", "D122", "`env-search` would be the file `env-search.yml`"),
        ("Testing", "tenants: {acme: , globex: }\n", "D123", "`Testing`"),
        ("Testing", "", "D123", "`Testing`"),
    ],
)
def test_names_that_mean_branches_or_nothing_are_refused(
    name: str, extra: str, code: str, told: str, tmp_path: Path
) -> None:
    (fault,) = find_faults(tmp_path, FILE, **{name: SIMPLE + extra})
    assert code == fault.code
    assert told in fault.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("regions: {eu-west-1: }\ntenants: {a-very-long-name-of-a-customer: }\n", "shorten `a-very-long"),
        ("regions: {ap-southeast-1: }\ntenants: {international: }\n", "a shorter `name`"),
    ],
)
def test_the_longest_word_of_a_name_is_what_to_shorten(text: str, hint: str, tmp_path: Path) -> None:
    found = find_faults(tmp_path, SIMPLE.replace("region: eu-west-1\n", text))
    assert ["D123"] == [each.code for each in found]
    assert hint in str(found[0].hint)


def test_what_a_space_spoils_keeps_its_capitals(tmp_path: Path) -> None:
    found = find_faults(tmp_path, SIMPLE + HOURS.replace("Europe/London", "'Europe/London '"))
    assert [("D206", "write `Europe/London`")] == [(each.code, each.hint) for each in found]


HOURS = "businessHours: {timeZone: Europe/London, start: 0 7 * * 1-5, stop: 0 19 * * 1-5}\n"
VPN = "bastion: {mode: clientVpn, clientCidr: 10.32.4.0/22, samlProvider: 'arn:aws:iam::111122223333:saml-provider/a'}"
# What is changed in the file of an environment, and the message.
WRONG = {
    "an address": ("10.32.0.0/16", "10.32.5.1/16", "`10.32.5.1/16` is an address within a range"),
    "a VPN alone": ("mode: host", "mode: clientVpn", "a client VPN needs `bastion.clientCidr`"),
    "a VPN in the network": ("bastion: {mode: host}", VPN, "for clients has addresses of the network"),
    "an address for a bucket": ("platform-deployment-444455556666-eu-west-1", "10.0.0.1", "no bucket can be called"),
    "an endpoint of nothing": ("endpoints: derived ", "endpoints: [ssmm] ", "has an endpoint `ssmm`"),
    "a time of nothing": ("tier: staging\n", "tier: staging\n" + HOURS.replace("0 7", "99 7"), "`99` is no minute of"),
    "a zone of nothing": (
        "tier: staging\n",
        "tier: staging\n" + HOURS.replace("Europe/London", "Europe/Londres"),
        "no time zone is called `Europe/Londres`",
    ),
    "a day that never comes": (
        "tier: staging\n",
        "tier: staging\n" + HOURS.replace("0 7 * * 1-5", "0 7 30 2 *"),
        "there is no day `30` in month `2` of `businessHours.start`",
    ),
    "no time at all": ("tier: staging\n", "tier: staging\n" + HOURS.replace("0 19", "0 7"), "end when they start"),
    "hours of a tenant": (
        "tier: staging\n",
        "tier: staging\ntenants: {acme: {" + HOURS.strip().replace("0 19", "0 7") + "}}\n",
        "end when",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_aws_would_refuse_of_an_environment_is_told_at_its_line(case: str, tmp_path: Path) -> None:
    old, new, told = WRONG[case]
    assert 1 == SIMPLE.count(old)
    found = find_faults(tmp_path, FILE, staging=SIMPLE.replace(old, new))
    assert {"D373"} == {each.code for each in found}
    assert told in found[0].message
    assert found[0].hint and found[0].span and found[0].span.path == "platform/environments/staging.yml"


@pytest.mark.parametrize(("zone", "code"), [("staging.internal2", "D206"), ("a." * 60 + "internal", "D207")])
def test_a_zone_is_one_of_which_a_load_balancer_takes_hosts(zone: str, code: str, tmp_path: Path) -> None:
    (fault,) = find_faults(tmp_path, FILE, staging=SIMPLE.replace("staging.internal", zone))
    assert (code, True) == (fault.code, "`privateZone`" in fault.message)


def test_what_a_template_cannot_build_from_is_told_where_it_was_said(tmp_path: Path) -> None:
    text = re.sub(r"  certificateAuthority: .*\n", "", SIMPLE)
    root = write_library(tmp_path / "platform", FILE)
    (root / "environments" / "staging.yml").write_text(text, "utf-8")
    with pytest.raises(CompileError) as refused:
        compile_platform(open_library(root), environments=["staging"], lint=False)
    (fault,) = refused.value.diagnostics
    assert "D406" == fault.code and fault.span is not None
    assert "privateZone: staging.internal" == text.splitlines()[fault.span.line - 1]
    assert "platform/environments/staging.yml" == fault.span.path
    assert fault.hint and "`ingress.certificateAuthority`" in fault.hint


def test_the_id_of_one_zone_is_not_taken_for_that_of_another(tmp_path: Path) -> None:
    text = FILE.replace("      us-east-1: {bucket", "      eu-west-1: {bucket").replace(
        "777766665555-us-east-1", "777766665555"
    )
    fault = next(each for each in find_faults(tmp_path, text) if each.code != "D127")
    assert "D373" == fault.code
    assert (
        "`Z0423711P3XCA0LFK2QD` is the id of `shop.example`, and the public zone is `initech.example`" == fault.message
    )


def test_an_account_of_its_own_does_not_inherit_half_a_baseline(tmp_path: Path) -> None:
    text = FILE.replace(", accountBaseline: {regionOnly: false}}", "}")
    (fault,) = find_faults(tmp_path / "one", text)
    assert ("D375", "`regions.us-east-1`" in str(fault.hint)) == (fault.code, True)
    assert [] == find_faults(tmp_path / "two", FILE.replace("regionOnly: false", "regionOnly: true"))


def test_a_tenant_has_no_regions_in_a_file_without(tmp_path: Path) -> None:
    (fault,) = find_faults(tmp_path, SIMPLE + "tenants: {acme: {regions: {eu-west-1: }}}\n")
    assert "D125" == fault.code
    assert fault.span is not None and "tenants" in fault.span.source.lines[fault.span.line - 1]


def test_a_region_in_which_no_tenant_is_does_not_vanish_without_a_word(library: Library, tmp_path: Path) -> None:
    assert [] == list(find_empty_regions(library))
    text = FILE[: FILE.index("tenants:")] + "tenants: {acme: {regions: {eu-west-1: }}}\n"
    (found,) = find_empty_regions(open_library(write_library(tmp_path / "platform", text)))
    assert ("D377", "warning", "no tenant of `production` is in `us-east-1`, so nothing is made there") == (
        found.code,
        found.severity,
        found.message,
    )


def test_what_is_missing_is_asked_of_the_places_that_there_are(tmp_path: Path) -> None:
    (fault,) = find_faults(tmp_path, SIMPLE.replace("region: eu-west-1\n", "regions: {}\n"))
    assert ("D202", "say it for the whole file") == (fault.code, fault.hint)


def test_an_unknown_tenant_is_told_with_those_that_are_near(library: Library, tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(SERVICE + "environments: {production-acne: , production-acme: }\n", "utf-8")
    with pytest.raises(CompileError) as caught:
        compile_service(tmp_path, library, lint=False)
    (fault,) = caught.value.diagnostics
    assert "D301" == fault.code
    assert "`production-acme`" in str(fault.hint)


# Commands

# One region, since the library's prices are of one.
FEW = SIMPLE + "tenants: {acme: , globex: {defaults: {process: {scaling: {max: 4}}}}}\n"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    write_library(folder / "platform", FEW)
    (folder / "orders").mkdir()
    (folder / "orders" / "service.yml").write_text(SERVICE + "environments: {production: , staging: }\n", "utf-8")
    return folder


def run(folder: Path, *words: str) -> Result:
    words = tuple(word.replace("ORDERS", str(folder / "orders")) for word in words)
    return CliRunner().invoke(cli, [*words, "--platform", str(folder / "platform")])


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["--env", "production"], ["production-acme", "production-globex"]),
        (["--env", "production-globex"], ["production-globex"]),
        (["--env", "production-globex", "--env", "production"], ["production-acme", "production-globex"]),
        ([], ["production-acme", "production-globex", "staging"]),
    ],
)
def test_a_service_is_compiled_for_what_env_means(
    words: list[str], written: list[str], few: Path, tmp_path: Path
) -> None:
    done = run(few, "compile", "ORDERS", "--no-lint", "--out", str(tmp_path / "out"), *words)
    assert 0 == done.exit_code, done.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert written == manifest["environments"] == sorted(each.name for each in (tmp_path / "out").glob("*/"))
    families = {name: ["production"] for name in written if name != "staging"}
    assert families == manifest["families"]


def test_the_stacks_of_a_family_are_those_that_its_tenants_share(few: Path, tmp_path: Path) -> None:
    for name in ("production", "production-acme"):
        out = tmp_path / name
        done = run(few, "platform", "compile", "--no-lint", "--out", str(out), "--env", name)
        assert 0 == done.exit_code, done.output
        assert ["production"] == sorted(each.name for each in out.glob("*/"))


def test_costs_of_a_family_are_summed_up(few: Path) -> None:
    done = run(few, "cost", "ORDERS", "--env", "production")
    assert 0 == done.exit_code, done.output
    each = re.findall(r"^orders in production-\w+: ([\d.]+) to ([\d.]+) USD", done.stdout, re.MULTILINE)
    last = re.search(r"\n\norders in production: ([\d.]+) to ([\d.]+) USD a month, in 2 environments\n\Z", done.stdout)
    assert last, done.stdout
    for end in (0, 1):
        assert abs(Decimal(last[end + 1]) - sum(Decimal(pair[end]) for pair in each)) <= Decimal("0.01")  # rounded once
    assert "in production:" not in run(few, "cost", "ORDERS", "--env", "production-acme").stdout


def test_an_unknown_name_is_refused_with_those_that_are_near(few: Path) -> None:
    done = run(few, "compile", "ORDERS", "--env", "production-acne")
    assert 2 == done.exit_code
    assert "did you mean `production-acme`" in done.stderr


@pytest.mark.parametrize(
    ("count", "told"), [(1, "`e0`"), (8, "`e6` and `e7` has no"), (9, "`e0`, `e1`, `e2` and 6 more has no")]
)
def test_what_is_true_of_a_large_family_is_told_with_a_few_of_it(count: int, told: str) -> None:
    found = {name: [Diagnostic("D345", f"`{name}` has no load balancer")] for name in (f"e{n}" for n in range(count))}
    (fault,) = fold_names(found)
    assert told in fault.message


def test_editors_know_a_family_and_each_of_it(library: Library) -> None:
    known = complete_schema(library.schema, library)["properties"]["environments"]["properties"]
    told = known["production-acme"]["description"]
    assert "region eu-west-1 or us-east-1" in told
    assert "of production-acme-eu-west-1, production-acme-use1" in told
    assert (
        "What is different there: tier staging, region eu-west-1, account 444455556666."
        == known["staging"]["description"]
    )
