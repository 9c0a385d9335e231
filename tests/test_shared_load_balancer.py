"""Shared load balancers: a rule in the place of a load balancer, and nothing of what belongs to others is touched."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from compiler.service import Service
from tests.describing import judge
from tests.services_by_hand import (
    SHARED,
    SHARED_PATHS,
    WEB,
    build_resources,
    ssm,
    with_process,
)

NARROW = with_process(replace(SHARED.processes[0], exposure="public", routing=SHARED_PATHS.processes[0].routing))


def rule_of(resources: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = resources["WebListenerRule"]["Properties"]
    return properties


def test_the_process_has_a_rule_and_no_load_balancer() -> None:
    resources = build_resources(SHARED)
    own = build_resources(with_process(replace(WEB, scaling=SHARED.processes[0].scaling)))
    mine = {"WebLoadBalancer", "WebLoadBalancerSecurityGroup", "WebListener", "WebRejectedConnectionsRedAlarm"}
    assert mine == own.keys() - resources.keys()
    assert set() == resources.keys() - own.keys()
    assert 'WebLoadBalancer"' not in json.dumps(resources)
    assert (ssm("ingress/private-listener-arn"), 120) == (
        rule_of(resources)["ListenerArn"],
        rule_of(resources)["Priority"],
    )
    assert "WebListenerRule" in resources["WebGroup"]["DependsOn"]


def test_a_rule_is_for_the_names_and_the_paths_of_its_process() -> None:
    (host,) = rule_of(build_resources(SHARED))["Conditions"]
    assert ["recipes.production.internal"] == host["HostHeaderConfig"]["Values"]
    host, path = rule_of(build_resources(NARROW))["Conditions"]
    assert ["recipes.recipes.example", "shop.recipes.example"] == host["HostHeaderConfig"]["Values"]
    assert ["/recipes", "/recipes/*"] == path["PathPatternConfig"]["Values"]
    (host, _) = rule_of(build_resources(SHARED_PATHS))["Conditions"]
    assert ["shop.recipes.example"] == host["HostHeaderConfig"]["Values"]


@pytest.mark.parametrize(("service", "exposure"), [(SHARED, "private"), (NARROW, "public")])
def test_requests_names_and_metrics_are_those_of_the_shared_one(service: Service, exposure: str) -> None:
    resources = build_resources(service)
    (ingress,) = resources["WebSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert ssm(f"ingress/{exposure}-security-group-id") == ingress["SourceSecurityGroupId"]
    record = resources["WebDnsRecord"]["Properties"]
    assert {
        "DNSName": ssm(f"ingress/{exposure}-dns-name"),
        "HostedZoneId": ssm(f"ingress/{exposure}-zone-id"),
        "EvaluateTargetHealth": False,
    } == record["AliasTarget"]
    suffix = ssm(f"ingress/{exposure}-load-balancer-arn-suffix")
    label = resources["WebScaleOnRequests"]["Properties"]["TargetTrackingConfiguration"][
        "PredefinedMetricSpecification"
    ]
    assert suffix == label["ResourceLabel"]["Fn::Join"][1][0]
    dimensions = resources["WebLatencyRedAlarm"]["Properties"]["Dimensions"]
    assert [suffix] == [each["Value"] for each in dimensions if each["Name"] == "LoadBalancer"]


def test_what_others_do_rings_no_alarm_of_this_process() -> None:
    metrics = build_resources(SHARED)["WebErrorsRedAlarm"]["Properties"]["Metrics"]
    counted = [query["MetricStat"]["Metric"] for query in metrics if "MetricStat" in query]
    assert ["HTTPCode_Target_5XX_Count", "RequestCount"] == [metric["MetricName"] for metric in counted]
    assert [["LoadBalancer", "TargetGroup"]] * 2 == [[each["Name"] for each in item["Dimensions"]] for item in counted]


# Rules of several processes

HEAD = 'service: shop\nowner: squad-toy\nplatform: "1.0"\nprocesses:\n'
PROCESS = "  {0}: {{runtime: instances, command: ./x, port: 80, loadBalancer: shared, {1}}}\n"


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ("dns: a, routing: {priority: 1}", "dns: b, routing: {priority: 2}", []),
        ("dns: a, routing: {priority: 2}", "dns: b, routing: {priority: 2}", ["D343"]),
        ("dns: a, routing: {priority: 2}", "dns: b, exposure: public, routing: {priority: 2}", []),
        ("dns: a, routing: {priority: 1}", "routing: {priority: 2, host: a, paths: [/x]}", ["D343"]),
        ("dns: a, routing: {priority: 3}", "routing: {priority: 2, host: a, paths: [/x]}", []),
        ("dns: a, routing: {priority: 1, paths: [/x]}", "routing: {priority: 2, host: a, paths: [/x]}", ["D343"]),
        ("dns: a, routing: {priority: 1, paths: [/x]}", "routing: {priority: 2, host: a, paths: [/y]}", []),
        ("dns: a, routing: {priority: 1}", "dns: b, routing: {priority: 2, host: a}", []),
        ("dns: a, routing: {priority: 1}", "routing: {priority: 2}", ["D341"]),
        ("dns: a, routing: {priority: 1}", "dns: b", ["D342"]),
        ("dns: a, routing: {priority: 1}", "dns: b, loadBalancer: own, routing: {priority: 1}", ["D340"]),
    ],
)
def test_rules_of_one_load_balancer_do_not_hide_each_other(first: str, second: str, codes: list[str]) -> None:
    text = (
        HEAD
        + PROCESS.format("one", first)
        + PROCESS.format("two", second).replace(
            "loadBalancer: shared, dns: b, loadBalancer: own", "dns: b, loadBalancer: own"
        )
    )
    assert codes == [found.code for found in judge(text)]


def test_a_branch_has_a_load_balancer_of_its_own() -> None:
    text = HEAD + PROCESS.format("one", "dns: a, routing: {priority: 1}")
    assert ["D344"] == [found.code for found in judge(text, "env-search")]
    assert [] == [found.code for found in judge(text, "env-default")]


def test_an_environment_may_turn_it_off_and_leave_the_details() -> None:
    text = HEAD + PROCESS.format("one", "dns: a, routing: {priority: 1}")
    off = "environments: {env-default: {processes: {one: {loadBalancer: own}}}}\n"
    assert [] == [found.code for found in judge(text + off, "env-search")]


def test_a_name_of_another_process_is_a_name() -> None:
    text = HEAD + PROCESS.format("one", "exposure: public, routing: {priority: 1, host: a, paths: [/x]}")
    assert [] == [found.code for found in judge(text)]


def test_an_environment_without_one_is_told_apart() -> None:
    text = HEAD + PROCESS.format("one", "dns: a, routing: {priority: 1}")
    assert ["D345"] == [found.code for found in judge(text, "staging")]


def test_a_process_without_a_port_is_behind_no_load_balancer() -> None:
    text = HEAD + "  one: {runtime: instances, command: ./x, loadBalancer: shared}\n"
    assert ["D307"] == [found.code for found in judge(text)]
