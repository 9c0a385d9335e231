"""Shared load balancers: a rule in the place of a load balancer, and nothing of what belongs to others is touched."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from tests.spans import show

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
        ("dns: a, routing: {priority: 1}", "dns: b, routing: {priority: 2, host: a}", ["D343"]),
        ("dns: a, routing: {priority: 2}", "dns: b, routing: {priority: 1, host: a}", ["D343"]),
        ("dns: a, routing: {priority: 1}", "routing: {priority: 2}", ["D341"]),
        ("dns: a, routing: {priority: 1}", "routing: {priority: 2, paths: [/x]}", ["D341"]),
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


@pytest.mark.parametrize(
    ("said", "shown"),
    [("routing: {host: a}", ["D369 6 a"]), ("dns: b, routing: {host: a}", []), ("routing: {paths: [/x]}", [])],
)
def test_a_name_that_leads_elsewhere_is_told(said: str, shown: list[str]) -> None:
    own = f"  two: {{runtime: instances, command: ./x, port: 80, {said}}}\n"
    assert shown == show(judge(HEAD + PROCESS.format("one", "dns: a, routing: {priority: 1}") + own))


def one_name(*rules: str) -> str:
    """Write a service whose processes have rules for one name, in this order."""
    return HEAD + "".join(
        PROCESS.format(f"p{at}", f"routing: {{priority: {at * 10}, host: a{paths and f', paths: [{paths}]'}}}")
        for at, paths in enumerate(rules, 1)
    )


TAKES_ALL = "`processes.p2` gets no request: the rule of `processes.p1` takes all"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (["/api/*", "/api"], []),
        (["/api/v1/*", "/api/*"], []),
        (["/api/*", "/api/v1/*"], [TAKES_ALL]),
        (["'/*'", "/api/v1/*"], [TAKES_ALL]),
        (["'/*'", ""], [TAKES_ALL]),
        (["/v?/x", "/v1/x"], [TAKES_ALL]),
        (["/v1/x", "/v?/x"], []),
        (["/a*?", "/a?*"], [TAKES_ALL]),
        (["/api, /x", "/x"], [TAKES_ALL]),
        (["/x", "/x, /y"], ["`processes.p2` gets no request for `/x`: the rule of `processes.p1` takes those"]),
        (
            ["/a/*", "/b/*", "/a/1, /b/1"],
            ["`processes.p3` gets no request: the rules of `processes.p1` and `processes.p2` take all between them"],
        ),
        (
            ["/a/*", "/b/*", "/a/1, /b/1, /c"],
            [
                "`processes.p3` gets no request for `/a/1`: the rule of `processes.p1` takes those",
                "`processes.p3` gets no request for `/b/1`: the rule of `processes.p2` takes those",
            ],
        ),
        # Behind both, it is enough to name the one that takes everything alone.
        (["/a/*", "'/*'", "/a/1, /b/1"], [TAKES_ALL.replace("p2", "p3").replace("p1", "p2")]),
    ],
)
def test_a_rule_behind_a_wider_one_gets_nothing(rules: list[str], said: list[str]) -> None:
    found = judge(one_name(*rules))
    assert said == [each.message for each in found]
    assert ["error" if "no request:" in text else "warning" for text in said] == [each.severity for each in found]


# What each fits, among paths that tell them apart: each has one that only patterns which cover it fit.
FITTING = {
    "/a": {"/a"},
    "/a/*": {"/a/", "/a/b", "/a/c", "/a/b/c"},
    "/a/b*": {"/a/b", "/a/b/c"},
    "/a/?": {"/a/b", "/a/c"},
    "/*": {"/", "/a", "/a/", "/a/b", "/a/c", "/a/b/c"},
}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from(sorted(FITTING)), max_size=3), min_size=2, max_size=5))
def test_a_rule_is_refused_exactly_where_nothing_is_left_to_it(rules: list[set[str]]) -> None:
    expected, left = set(), FITTING["/*"]
    for at, paths in enumerate(rules, 1):
        wanted = set().union(*(FITTING[path] for path in paths or {"/*"}))
        if not wanted & left:
            expected.add(f"`processes.p{at}`")
        left = left - wanted
    text = one_name(*(", ".join(f"'{path}'" for path in sorted(paths)) for paths in rules))
    assert expected == {each.message.partition(" gets")[0] for each in judge(text) if each.severity == "error"}


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
