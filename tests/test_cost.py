"""What resources cost: by time, by the week, by the sizes of a group; and what nobody wrote a price down for."""

from __future__ import annotations

import json
import re
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from compiler.cli import cli
from compiler.cost import CostLine, Costs, estimate_costs, order_lines
from compiler.diagnostics import CompileError
from compiler.library import load_library
from compiler.load import load_document
from compiler.pipeline import open_library
from compiler.report_cost import costs_to_json, report_costs
from tests.environments_by_hand import TEMPLATES, build_template
from tests.services_by_hand import RECIPES, build_stack

ROOT = Path(__file__).parent.parent
PRICES = """
currency: USD
date: "2026-11-01"
hoursPerMonth: 100
free: [AWS::IAM::Role, AWS::EC2::LaunchTemplate, AWS::AutoScaling::ScheduledAction]
regions:
  eu-west-1:
    instances: {t4g.small: 0.02, m7g.large: 0.1}
    volumes: {gp3: 0.5}
    resources:
      AWS::EC2::NatGateway: {hour: 0.05, use: 0.05 per GB}
      AWS::KMS::Key: {month: 1}
      AWS::EC2::VPCEndpoint: {hour: 0.01, times: SubnetIds, only: {VpcEndpointType: Interface}}
      AWS::CloudWatch::Alarm: {month: 0.1, times: Metrics.MetricStat}
      AWS::SQS::Queue: {use: 0.40 per million requests}
"""


@pytest.mark.parametrize(
    ("kind", "properties", "amount", "what", "by_use"),
    [
        ("AWS::EC2::NatGateway", {}, "5", "", "0.05 per GB"),
        ("AWS::KMS::Key", {}, "1", "", ""),
        (
            "AWS::EC2::VPCEndpoint",
            {"VpcEndpointType": "Interface", "SubnetIds": ["a", "b", "c"]},
            "3",
            "3 of these",
            "",
        ),
        ("AWS::CloudWatch::Alarm", {"MetricName": "CPUUtilization"}, "0.1", "", ""),
        (
            "AWS::CloudWatch::Alarm",
            {"Metrics": [{"Id": "all", "Expression": "a+b"}, {"MetricStat": {}}, {"MetricStat": {}}]},
            "0.2",
            "2 of these",
            "",
        ),
        ("AWS::SQS::Queue", {}, "0", "", "0.40 per million requests"),
    ],
)
def test_a_resource_costs_what_the_prices_say(
    kind: str, properties: dict[str, Any], amount: str, what: str, by_use: str
) -> None:
    (line,) = _estimate({"It": {"Type": kind, "Properties": properties}}).lines
    assert (Decimal(amount), Decimal(amount), what, by_use) == (line.low, line.high, line.what, line.by_use)


def test_what_is_free_costs_nothing_and_is_not_listed() -> None:
    gateway = {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"VpcEndpointType": "Gateway"}}
    assert () == _estimate({"Role": {"Type": "AWS::IAM::Role"}, "Gateway": gateway}).lines


def test_what_has_no_price_is_listed_and_not_counted() -> None:
    costs = _estimate({"It": {"Type": "AWS::Nobody::Knows"}, "Key": {"Type": "AWS::KMS::Key"}})
    assert (Decimal(1), Decimal(1)) == (costs.low, costs.high)
    assert ["no price for AWS::Nobody::Knows"] == [line.what for line in costs.unknown]
    text = report_costs(costs, title="shop in staging")
    assert "shop in staging: 1.00 USD a month" in text
    assert "no price for 1 resource, which is not counted:\n  It  no price for AWS::Nobody::Knows\n" in text


def test_a_group_costs_its_instances_and_their_volumes_between_its_sizes() -> None:
    (line,) = _estimate(_group(1, 4)).lines
    each = Decimal("0.02") * 100 + Decimal("0.5") * 16
    assert (each, 4 * each, "1 to 4 of t4g.small") == (line.low, line.high, line.what)


def test_a_group_of_several_types_costs_the_cheapest_at_least_and_the_dearest_at_most() -> None:
    group = _group(2, 2)
    properties = group["WebGroup"]["Properties"]
    launch = properties.pop("LaunchTemplate")
    overrides = [{"InstanceType": "m7g.large"}, {"InstanceType": "t4g.small"}]
    properties["MixedInstancesPolicy"] = {
        "LaunchTemplate": {"LaunchTemplateSpecification": launch, "Overrides": overrides}
    }
    (line,) = _estimate(group).lines
    assert (2 * Decimal(10), 2 * Decimal(18), "2 of m7g.large or t4g.small") == (line.low, line.high, line.what)


def test_a_group_that_follows_the_week_costs_its_hours_only() -> None:
    group = _group(1, 2) | _scheduled("Start", "0 8 * * 1-5", 1, 2) | _scheduled("Stop", "0 20 * * 1-5", 0, 0)
    (line,) = _estimate(group).lines
    share = Decimal(5 * 12) / Decimal(7 * 24)
    assert line.low is not None
    assert line.high is not None
    assert abs(line.low - 10 * share) < Decimal("0.0001")
    assert abs(line.high - 20 * share) < Decimal("0.0001")
    assert "1 to 2, 36 % of the week, of t4g.small" == line.what


def test_over_the_weekend_holds_what_friday_set() -> None:
    """Sunday to Tuesday: the week of the calendar begins in the middle of it."""
    group = _group(1, 1) | _scheduled("Start", "0 0 * * 0", 1, 1) | _scheduled("Stop", "0 0 * * 2", 0, 0)
    (line,) = _estimate(group).lines
    assert line.low is not None
    assert abs(line.low - 10 * Decimal(2) / Decimal(7)) < Decimal("0.0001")


@pytest.mark.parametrize("recurrence", ["0 8 1 * *", "not a schedule", ""])
def test_a_schedule_that_is_not_of_a_week_may_leave_nothing_running(recurrence: str) -> None:
    (line,) = _estimate(_group(1, 2) | _scheduled("Start", recurrence, 1, 2)).lines
    assert (Decimal(0), Decimal(20)) == (line.low, line.high)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"InstanceType": "x9.huge"}, "no price for x9.huge"),
        ({"InstanceType": {"Fn::ImportValue": "type"}}, "its size or its instance type is not known"),
        ({"BlockDeviceMappings": [{"Ebs": {"VolumeType": "io2", "VolumeSize": 8}}]}, "no price for io2"),
        ({"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]}, "no price for gp2"),
    ],
)
def test_a_group_with_something_unknown_has_no_price(change: dict[str, Any], what: str) -> None:
    group = _group(1, 2)
    group["WebLaunchTemplate"]["Properties"]["LaunchTemplateData"] |= change
    (line,) = _estimate(group).unknown
    assert what == line.what


def test_a_parameter_is_worth_its_default() -> None:
    group = _group(1, 2)
    group["WebLaunchTemplate"]["Properties"]["LaunchTemplateData"]["InstanceType"] = {"Ref": "Type"}
    parameters = {"Type": {"Type": "String", "Default": "m7g.large"}}
    (line,) = _estimate(group, parameters).lines
    assert "1 to 2 of m7g.large" == line.what


def test_there_are_no_prices_for_another_region_and_none_without_a_file() -> None:
    with pytest.raises(CompileError, match="D405 no prices for region `us-east-1`, only for `eu-west-1`"):
        estimate_costs({"": {"Resources": {}}}, _prices(), "us-east-1")
    with pytest.raises(CompileError, match="D405 the library has no `prices.yml`"):
        estimate_costs({"": {"Resources": {}}}, None, "us-east-1")


def test_the_library_has_a_price_for_all_that_it_makes() -> None:
    library = load_library(ROOT / "platform")
    stacks = {name: build_template(name) for name in TEMPLATES} | {"recipes": build_stack(RECIPES)}
    costs = estimate_costs(stacks, library.prices, "eu-west-1")
    assert [] == [line.what for line in costs.unknown]
    assert costs.low < costs.high


def test_prices_are_held_against_their_schema(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "platform", tmp_path / "platform")
    prices = tmp_path / "platform" / "prices.yml"
    prices.write_text(prices.read_text("utf-8").replace("gp3: 0.088", "gp3: cheap"), "utf-8")
    with pytest.raises(CompileError) as caught:
        open_library(tmp_path / "platform")
    (fault,) = caught.value.diagnostics
    assert fault.span is not None
    assert ("D204", "platform/prices.yml") == (fault.code, fault.span.path)


def test_amounts_are_texts_with_two_decimals_and_the_dearest_come_first() -> None:
    lines = [
        CostLine("", "A", "T", "", None, None),
        CostLine("", "B", "T", "", Decimal("0.005"), Decimal("0.005")),
        CostLine("net", "C", "T", "", Decimal(3), Decimal("1234.5")),
    ]
    assert ["C", "B", "A"] == [line.logical_id for line in order_lines(lines)]
    shown = costs_to_json(Costs("USD", "2026-11-01", tuple(lines)))
    assert [("3.00", "1234.50"), ("0.01", "0.01"), (None, None)] == [
        (line["low"], line["high"]) for line in shown["resources"]
    ]
    assert ("3.01", "1234.51") == (shown["low"], shown["high"])


def test_the_commands_answer_for_each_environment() -> None:
    told = CliRunner().invoke(cli, ["cost", str(ROOT / "examples" / "service-repo"), "--format", "json"])
    assert 0 == told.exit_code, told.output
    result = json.loads(told.stdout)["result"]
    assert {"env-default", "production", "staging"} == set(result)
    assert {"WebGroup", "WorkerGroup"} <= {line["logicalId"] for line in result["production"]["resources"]}
    told = CliRunner().invoke(cli, ["platform", "cost", "--env", "staging"])
    assert 0 == told.exit_code, told.output
    assert told.stdout.startswith("flagstone-platform in staging: ")


def _estimate(resources: dict[str, Any], parameters: dict[str, Any] | None = None) -> Costs:
    return estimate_costs({"": {"Parameters": parameters or {}, "Resources": resources}}, _prices(), "eu-west-1")


def _prices() -> Any:
    return load_document(PRICES.encode(), "platform/prices.yml", dialect="plain")[0]


def _group(low: int, high: int) -> dict[str, Any]:
    volume = {"Ebs": {"VolumeType": "gp3", "VolumeSize": 16}}
    data = {"InstanceType": "t4g.small", "BlockDeviceMappings": [volume]}
    launch = {"LaunchTemplateId": {"Ref": "WebLaunchTemplate"}, "Version": "1"}
    return {
        "WebLaunchTemplate": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}},
        "WebGroup": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {"MinSize": str(low), "MaxSize": str(high), "LaunchTemplate": launch},
        },
    }


def _scheduled(name: str, recurrence: str, low: int, high: int) -> dict[str, Any]:
    properties = {"AutoScalingGroupName": {"Ref": "WebGroup"}, "Recurrence": recurrence}
    return {
        name: {
            "Type": "AWS::AutoScaling::ScheduledAction",
            "Properties": {**properties, "MinSize": low, "MaxSize": high},
        }
    }


def test_every_type_of_instance_that_the_library_and_its_examples_name_has_a_price() -> None:
    files = [*ROOT.glob("examples/*/service.yml"), *ROOT.glob("examples/*/cloudFormation/**/*.yml")]
    files += [*ROOT.glob("platform/*.yml"), *ROOT.glob("platform/environments/*.yml"), *ROOT.glob("docs/processes.md")]
    files += [*ROOT.glob("platform/templates/*.py"), *ROOT.glob("service_schema/*.json")]
    sizes = r"\b[a-z][0-9][a-z]*\.(?:nano|micro|small|medium|large|[0-9]*xlarge)\b"
    named = {found for path in files for found in re.findall(sizes, path.read_text("utf-8"))}
    prices = load_library(ROOT / "platform").prices
    assert prices is not None
    assert {"m6g.medium", "t4g.nano", "t4g.small"} <= named
    assert set() == named - prices.data["regions"]["eu-west-1"]["instances"].keys()
