"""What alarms measure, held against closed lists: a metric that nobody writes never breaches, and nothing says so.

Each metric of each alarm, also inside of an expression, has to be one that AWS or the stack itself makes, with the
dimensions of a series, read from a thing of the right type, by a statistic that means something. Where AWS recommends
an alarm on it, ours is that one, but for departures that are named here with their reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.alarm_types import Watched
from compiler.service import Service
from tests.environments_by_hand import PRODUCTION, build_template
from tests.environments_by_hand import TEMPLATES as ENVIRONMENT_TEMPLATES
from tests.metrics_of_aws import METRICS, STATISTICS
from tests.services_by_hand import CASES, build_stack
from tests.test_closed_lists import STACKS

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT.parent / "shared" / "data" / "aws-recommended-alarms.json"
ALARM, LAUNCH_TEMPLATE = "AWS::CloudWatch::Alarm", "AWS::EC2::LaunchTemplate"
# Which attribute of which type of resource is the value of a dimension; None is what `Ref` gives.
DIMENSIONS = {
    "AutoScalingGroupName": ("AWS::AutoScaling::AutoScalingGroup", None),
    "CertificateArn": ("AWS::CertificateManager::Certificate", None),
    "LoadBalancer": ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName"),
    "NatGatewayId": ("AWS::EC2::NatGateway", None),
    "QueueName": ("AWS::SQS::Queue", "QueueName"),
    "TargetGroup": ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupFullName"),
    "TopicName": ("AWS::SNS::Topic", "TopicName"),
    "VPC Endpoint Id": ("AWS::EC2::VPCEndpoint", None),
    "VPC Id": ("AWS::EC2::VPC", None),
}
every_stack = pytest.mark.parametrize("name", STACKS)


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of the alarm `title`, whose properties are `alarm`; `statistic` with its `period` in seconds."""

    title: str
    alarm: Mapping[str, Any]
    namespace: str
    metric: str
    dimensions: Mapping[str, Any]
    statistic: str
    period: int

    @property
    def series(self) -> tuple[str, str]:
        return self.namespace, self.metric


def measured_by(stack: Mapping[str, Any]) -> Iterator[Measured]:
    for title, body in json.loads(json.dumps(stack))["Resources"].items():
        if body["Type"] != ALARM:
            continue
        alarm = body["Properties"]
        for query in alarm.get("Metrics", [alarm]):
            if "Expression" in query:
                continue
            stat = query.get("MetricStat", query)
            metric = stat.get("Metric", stat)
            statistic = stat.get("Stat") or stat.get("Statistic") or stat["ExtendedStatistic"]
            place = {each["Name"]: each["Value"] for each in metric.get("Dimensions", ())}
            yield Measured(
                title, alarm, metric["Namespace"], metric["MetricName"], place, statistic, stat["Period"]
            )  # fmt: skip


# What is there to be measured


@every_stack
def test_every_metric_of_an_alarm_is_made_by_aws_or_by_the_stack_with_these_dimensions(name: str) -> None:
    made = dict(counted_in(STACKS[name]))
    for each in measured_by(STACKS[name]):
        known = METRICS.get(each.series, made.get(each.series, frozenset()))
        assert frozenset(each.dimensions) in known, (each.title, each.series, sorted(each.dimensions))


@every_stack
def test_every_statistic_of_an_alarm_means_something_for_its_metric(name: str) -> None:
    made = dict(counted_in(STACKS[name]))
    for each in measured_by(STACKS[name]):
        meant = {"Sum"} if each.series in made else STATISTICS[each.series]
        assert each.statistic in meant, (each.title, each.series)


@every_stack
def test_every_dimension_of_an_alarm_is_of_a_thing_of_the_right_type(name: str) -> None:
    resources = json.loads(json.dumps(STACKS[name]))["Resources"]
    acls = {body["Properties"]["Name"] for body in resources.values() if body["Type"] == "AWS::WAFv2::WebACL"}
    for each in measured_by(STACKS[name]):
        for key, value in each.dimensions.items():
            if each.namespace == "AWS/WAFV2":
                # The web ACL is in a stack of its own; what is blocked by whichever rule.
                assert (key, value) in {("Region", "eu-west-1"), ("Rule", "ALL")} or key == "WebACL"
                assert key != "WebACL" or not acls or value in acls
            elif key in ("Endpoint Type", "Service Name"):
                endpoint = resources[each.dimensions["VPC Endpoint Id"]["Ref"]]["Properties"]
                assert value == endpoint["VpcEndpointType" if key == "Endpoint Type" else "ServiceName"], each.title
            elif each.namespace == "Platform":
                scripts = [json.dumps(body) for body in resources.values() if body["Type"] == LAUNCH_TEMPLATE]
                written = f"--namespace Platform --metric-name {each.metric} --value 1 "
                assert scripts and all(written in script and f"{key}={value}" in script for script in scripts)
            elif isinstance(value, str):
                # Of the load balancer that services share; the stack of the ingress publishes its name.
                assert key == "LoadBalancer" and value.endswith("-load-balancer-arn-suffix}}"), (each.title, value)
            else:
                title, attribute = value["Fn::GetAtt"] if "Fn::GetAtt" in value else (value["Ref"], None)
                assert (resources[title]["Type"], attribute) == DIMENSIONS[key], (each.title, value)


@every_stack
def test_a_target_group_is_measured_with_the_load_balancer_that_sends_it_requests(name: str) -> None:
    resources = json.loads(json.dumps(STACKS[name]))["Resources"]
    for each in measured_by(STACKS[name]):
        if "TargetGroup" in each.dimensions:
            group, balancer = each.dimensions["TargetGroup"]["Fn::GetAtt"][0], each.dimensions["LoadBalancer"]
            ways = [
                body["Properties"]
                for body in resources.values()
                if body["Type"].startswith("AWS::ElasticLoadBalancingV2::Listener") and f'"{group}"' in json.dumps(body)
            ]
            assert ways, each.title
            for way in ways:
                # A rule of a listener of the stack's own, that listener itself, or a rule of one that is shared.
                named = way.get("ListenerArn")
                listener = resources[named["Ref"]]["Properties"] if isinstance(named, dict) else way
                is_own = isinstance(balancer, dict)
                assert ("LoadBalancerArn" in listener) is is_own, each.title
                assert not is_own or listener["LoadBalancerArn"] == {"Ref": balancer["Fn::GetAtt"][0]}


def test_the_tables_of_metrics_agree_with_each_other() -> None:
    assert STATISTICS.keys() <= METRICS.keys()
    used = {each.series for stack in STACKS.values() for each in measured_by(stack)}
    assert STATISTICS.keys() <= used, STATISTICS.keys() - used


def counted_in(stack: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], frozenset[frozenset[str]]]]:
    """Yield what metric filters of the stack count, with the dimensions that each series has."""
    for body in json.loads(json.dumps(stack))["Resources"].values():
        for made in body.get("Properties", {}).get("MetricTransformations", ()):
            dimensions = frozenset(each["Key"] for each in made.get("Dimensions", ()))
            yield (made["MetricNamespace"], made["MetricName"]), frozenset({dimensions})


# What AWS recommends


_SILENT = "no traffic is no fault; AWS's own would stand in INSUFFICIENT_DATA all night"
_WHOLE = "a count: more than 0 is 1 or more"
_GROUP = "of all instances of the group: they come and go, and the group stays"
_FIRST = "one is an incident already, and it does not go away by itself"
# By metric, by field of a recommendation: what ours say instead, and why.
DEPARTURES: Mapping[tuple[str, str], Mapping[Any, str]] = {
    ("CPUUtilization", "dims"): {("AutoScalingGroupName",): _GROUP},
    ("CPUUtilization", "thr"): {70.0: "a ticket, before it hurts", 85.0: "a page, when it does"},
    ("StatusCheckFailed", "dims"): {("AutoScalingGroupName",): _GROUP},
    ("StatusCheckFailed", "period"): {60: "as the check of volumes that it is added up with; both take 10 minutes"},
    ("StatusCheckFailed", "window"): {"10 of 10": "the same 10 minutes in periods of one"},
    ("StatusCheckFailed", "op"): {"GreaterThanThreshold": _WHOLE},
    ("StatusCheckFailed", "thr"): {0.0: _WHOLE},
    ("StatusCheckFailed_AttachedEBS", "dims"): {("AutoScalingGroupName",): _GROUP},
    ("StatusCheckFailed_AttachedEBS", "op"): {"GreaterThanThreshold": _WHOLE},
    ("StatusCheckFailed_AttachedEBS", "thr"): {0.0: _WHOLE},
    ("ErrorPortAllocation", "miss"): {"notBreaching": _SILENT},
    ("PacketsDropCount", "miss"): {"notBreaching": _SILENT},
    ("PacketsDropped", "miss"): {"notBreaching": _SILENT},
    ("PacketsDropped", "dims"): {
        ("Endpoint Type", "Service Name", "VPC Endpoint Id", "VPC Id"): "of an endpoint in all of its zones"
    },
    ("NumberOfNotificationsFailed", "window"): {"1 of 1": _FIRST},
    ("NumberOfNotificationsRedrivenToDlq", "window"): {"1 of 1": _FIRST},
    ("NumberOfNotificationsFailedToRedriveToDlq", "window"): {"1 of 1": "the message is gone"},
    ("ApproximateAgeOfOldestMessage", "op"): {"GreaterThanThreshold": "as the descriptor says: older than"},
    ("ApproximateAgeOfOldestMessage", "window"): {"5 of 5": "the age itself is a time that has passed already"},
    ("ApproximateAgeOfOldestMessage", "miss"): {"notBreaching": "an empty queue has no oldest message"},
    ("ApproximateNumberOfMessagesVisible", "stat"): {"Maximum": "of dead letters each one counts, not their average"},
    ("ApproximateNumberOfMessagesVisible", "op"): {"GreaterThanThreshold": _WHOLE},
    ("ApproximateNumberOfMessagesVisible", "window"): {"1 of 1": _FIRST},
    ("ApproximateNumberOfMessagesVisible", "miss"): {"notBreaching": "a queue without letters falls silent"},
    ("ApproximateNumberOfMessagesNotVisible", "stat"): {"Maximum": "the limit refuses at once, not on average"},
    ("ApproximateNumberOfMessagesNotVisible", "op"): {"GreaterThanThreshold": "of a share in percent either will do"},
    ("ApproximateNumberOfMessagesNotVisible", "miss"): {"notBreaching": "a queue without messages falls silent"},
    ("NumberOfMessagesSent", "period"): {300: "as silence is said in hours, so that a day fits into the window"},
    ("NumberOfMessagesSent", "window"): {"12 of 12": "as long as the descriptor says: the sample's 3,500 seconds"},
    ("NumberOfMessagesSent", "miss"): {"breaching": "a queue falls silent when nobody sends, which is what is meant"},
}
# Recommended for things that we make, and watched by no alarm of ours.
NOT_WATCHED = {
    ("AWS/AutoScaling", "GroupInServiceCapacity"): "instances are counted, against `min`: groups have no weights",
    ("AWS/S3", "4xxErrors"): "a metric that is paid for; an instance that cannot fetch its release leaves word itself",
    ("AWS/S3", "5xxErrors"): "a metric that is paid for; who calls the bucket tries again, and fails aloud",
    ("AWS/S3", "OperationsFailedReplication"): "nothing is replicated",
    ("AWS/SNS", "NumberOfMessagesPublished"): "whether silence is a fault only who consumes knows: `maxSilence`",
    ("AWS/SNS", "NumberOfNotificationsDelivered"): "counted from the other side: what fails, and what queues receive",
    ("AWS/SNS", "SMSMonthToDateSpentUSD"): "no topic of ours sends to telephones",
    ("AWS/SNS", "SMSSuccessRate"): "no topic of ours sends to telephones",
}
with_reference = pytest.mark.skipif(not REFERENCE.is_file(), reason=f"the recommendations are not at {REFERENCE}")


@with_reference
def test_every_alarm_is_as_aws_recommends_it_but_for_the_departures_that_are_named() -> None:
    departed: dict[tuple[str, str], dict[Any, str]] = {}
    for each, advice in advised():
        for field, (ours, theirs) in compared(each, advice).items():
            if ours != theirs:
                departed.setdefault((each.metric, field), {})[ours] = each.title
    named = {(*key, ours) for key, reasons in DEPARTURES.items() for ours in reasons}
    found = {(*key, ours): title for key, titles in departed.items() for ours, title in titles.items()}
    assert {} == {key: title for key, title in found.items() if key not in named}, "name the departure, or mend it"
    assert set() == named - found.keys(), "no departure any longer"


@with_reference
def test_what_aws_recommends_for_things_that_are_made_here_is_watched_or_named() -> None:
    ours = {each.series for stack in as_shipped() for each in measured_by(stack)}
    spaces = {namespace for namespace, _ in ours} | {namespace for namespace, _ in NOT_WATCHED}
    missed = {series for series in recommendations() if series[0] in spaces and series not in ours}
    assert NOT_WATCHED.keys() == missed


def advised() -> Iterator[tuple[Measured, Mapping[str, Any]]]:
    known = recommendations()
    for stack in as_shipped():
        for each in measured_by(stack):
            if each.series in known:
                yield each, known[each.series]


def compared(each: Measured, advice: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Pair what an alarm says with what AWS recommends, by field. There may be no threshold that fits everybody."""
    alarm, threshold = each.alarm, advice["thr"]
    fields = {
        "stat": (each.statistic, advice["stat"]),
        "period": (each.period, advice["period"]),
        "window": (f"{alarm['DatapointsToAlarm']} of {alarm['EvaluationPeriods']}", f"{advice['m']} of {advice['n']}"),
        "op": (alarm["ComparisonOperator"], advice["op"]),
        "miss": (alarm["TreatMissingData"], advice["miss"]),
        "dims": (tuple(sorted(each.dimensions)), tuple(sorted(advice["dims"]))),
    }
    return fields if threshold is None else {**fields, "thr": (float(alarm["Threshold"]), threshold)}


def recommendations() -> dict[tuple[str, str], Mapping[str, Any]]:
    data = json.loads(REFERENCE.read_text())
    return {(each["ns"], each["metric"]): each for each in data}


def as_shipped() -> Iterator[Mapping[str, Any]]:
    """Yield stacks whose alarms nobody turned: as `platform.yml` has them."""
    for case in ("production", "ordered"):
        service, environment = CASES[case]
        yield build_stack(_untouched(service), environment)
    for template in ENVIRONMENT_TEMPLATES:
        yield build_template(template, PRODUCTION)


def _untouched(service: Service) -> Service:
    said = yaml.safe_load((ROOT / "platform" / "platform.yml").read_text())["defaults"]["process"]["alarms"]
    alarms = {name: _watched(each) for name, each in said.items()}
    return replace(service, processes=tuple(replace(each, alarms=alarms) for each in service.processes))


def _watched(said: Mapping[str, Any]) -> Watched:
    datapoints, periods = said["for"].split(" of ")
    return Watched(said.get("amber"), said.get("red"), said["period"], (int(datapoints), int(periods)))
