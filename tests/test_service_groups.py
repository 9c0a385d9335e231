"""Groups beyond the usual: refreshed instances, several types with spot among them, bounds that change by the clock."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from compiler.service import Deployment, Ingress, MixedInstances, Requests, Routing
from tests.describing import SERVICE, judge
from tests.services_by_hand import (
    MIXED,
    PRODUCTION,
    RECIPES,
    REFRESH,
    WEB,
    WORKER,
    build_resources,
    properties_of,
    with_process,
)
from tests.spans import show


def test_a_refresh_brings_new_instances_first_and_listens_to_alarms() -> None:
    resources = build_resources(REFRESH)
    group = resources["WebGroup"]
    assert {"AutoScalingInstanceRefresh", "AutoScalingScheduledAction"} == group["UpdatePolicy"].keys()
    refresh = group["UpdatePolicy"]["AutoScalingInstanceRefresh"]
    assert "Rolling" == refresh["Strategy"]
    assert {
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": 150,
        "InstanceWarmup": 300,
        "SkipMatching": True,
        "CheckpointPercentages": [34, 100],
        "CheckpointDelay": 300,
        "BakeTime": 900,
        "AlarmSpecification": {"Alarms": ["production-recipes-web-errors-red", "production-recipes-web-latency-red"]},
    } == refresh["Preferences"]


def test_the_alarms_of_a_refresh_have_the_names_it_calls_and_stand_before_it() -> None:
    resources = build_resources(REFRESH)
    named = {
        name: item["Properties"]["AlarmName"] for name, item in resources.items() if "AlarmName" in item["Properties"]
    }
    called = resources["WebGroup"]["UpdatePolicy"]["AutoScalingInstanceRefresh"]["Preferences"]["AlarmSpecification"]
    assert sorted(named.values()) == sorted(called["Alarms"])
    assert named.keys() <= set(resources["WebGroup"]["DependsOn"])
    assert not [item for item in build_resources(with_process(WEB)).values() if "AlarmName" in item["Properties"]]


def test_a_worker_is_refreshed_by_its_hook_alone() -> None:
    worker = with_process(replace(WORKER, deployment=REFRESH.processes[0].deployment))
    group = build_resources(worker)["WorkerGroup"]
    assert "AlarmSpecification" not in group["UpdatePolicy"]["AutoScalingInstanceRefresh"]["Preferences"]
    hook, _ = group["Properties"]["LifecycleHookSpecificationList"]
    assert ("launch", "autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON") == (
        hook["LifecycleHookName"],
        hook["LifecycleTransition"],
        hook["DefaultResult"],
    )
    assert 15 * 60 == hook["HeartbeatTimeout"]


def test_every_group_gives_its_instances_time_to_finish() -> None:
    for process in (WEB, WORKER, MIXED.processes[0]):
        (group,) = properties_of(build_resources(with_process(process)), "AWS::AutoScaling::AutoScalingGroup").values()
        (hook,) = group["LifecycleHookSpecificationList"]
        assert ("end", "autoscaling:EC2_INSTANCE_TERMINATING", 120, "CONTINUE") == tuple(hook.values())


@pytest.mark.parametrize(
    ("timeout", "delay", "idle", "patience", "hook", "pause"),
    [
        (1, "1", "31", 31, 120, "PT17M"),
        (30, "30", "60", 60, 120, "PT17M"),
        (100, "100", "130", 130, 190, "PT18M"),
        (2610, "2610", "2640", 2640, 2700, "PT60M"),
    ],
)
def test_whoever_is_nearer_to_the_client_waits_longer_for_the_slowest_request(
    timeout: int, delay: str, idle: str, patience: int, hook: int, pause: str
) -> None:
    resources = build_resources(with_process(replace(WEB, requests=Requests(timeout=timeout))))
    properties = {name: resource["Properties"] for name, resource in resources.items()}
    attributes = {
        pair["Key"]: pair["Value"]
        for pair in (
            *properties["WebTargetGroup"]["TargetGroupAttributes"],
            *properties["WebLoadBalancer"]["LoadBalancerAttributes"],
        )
    }
    assert (delay, idle) == (
        attributes["deregistration_delay.timeout_seconds"],
        attributes["idle_timeout.timeout_seconds"],
    )
    script = _script(properties, "Web")
    assert f"deadline=$((SECONDS + {patience}))\n" in script
    assert {"timeout": timeout, "keepalive": int(idle) + 15, "body_size": 10, "per_second": 0} == _facts(script)[
        "requests"
    ]
    assert [hook] == [each["HeartbeatTimeout"] for each in properties["WebGroup"]["LifecycleHookSpecificationList"]]
    group = resources["WebGroup"]
    assert pause == group["UpdatePolicy"]["AutoScalingRollingUpdate"]["PauseTime"]
    assert "PT17M" == group["CreationPolicy"]["ResourceSignal"]["Timeout"]


def test_behind_a_shared_load_balancer_nginx_is_as_patient_as_that() -> None:
    shared = replace(WEB, load_balancer="shared", routing=Routing(10), requests=Requests(timeout=90))
    patient = replace(PRODUCTION, ingress=Ingress(("private",), idle_timeout=120))
    resources = build_resources(with_process(shared), patient)
    script = _script({name: resource["Properties"] for name, resource in resources.items()}, "Web")
    assert (90, 135) == (_facts(script)["requests"]["timeout"], _facts(script)["requests"]["keepalive"])


@pytest.mark.parametrize(
    ("style", "timeout", "stop", "hook", "pause"),
    [
        ("rolling", 20, 30, 120, "PT15M"),
        ("rolling", 600, 600, 630, "PT24M"),
        ("rolling", 7200, 2790, 2820, "PT60M"),
        ("immutable", 7200, 7170, 7200, None),
    ],
)
def test_a_process_may_finish_its_slowest_message_if_a_hook_waits_as_long(
    style: str, timeout: int, stop: int, hook: int, pause: str | None
) -> None:
    slow = replace(RECIPES.consumes[0], timeout=timeout)
    worker = replace(WORKER, deployment=Deployment(style, 1, 1))
    resources = build_resources(replace(with_process(worker), consumes=(slow,)))
    properties = {name: resource["Properties"] for name, resource in resources.items()}
    assert stop == _facts(_script(properties, "Worker"))["stop_timeout"]
    assert [hook] == [each["HeartbeatTimeout"] for each in properties["WorkerGroup"]["LifecycleHookSpecificationList"]]
    update = resources["WorkerGroup"]["UpdatePolicy"].get("AutoScalingRollingUpdate", {})
    assert pause == update.get("PauseTime")


def _script(properties: dict[str, Any], name: str) -> str:
    data = properties[f"{name}LaunchTemplate"]["LaunchTemplateData"]
    return str(data["UserData"]["Fn::Base64"]["Fn::Sub"])


def _facts(script: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(script.partition("'END_OF_INSTANCE'\n")[2].partition("END_OF_INSTANCE")[0])
    return facts


def test_several_types_are_started_and_spot_ones_only_above_the_base() -> None:
    group = build_resources(MIXED)["WebGroup"]["Properties"]
    assert "LaunchTemplate" not in group and group["CapacityRebalance"] is True
    policy = group["MixedInstancesPolicy"]
    assert ["m7g.large", "m6g.large", "c7g.xlarge"] == [
        each["InstanceType"] for each in policy["LaunchTemplate"]["Overrides"]
    ]
    assert {
        "OnDemandAllocationStrategy": "prioritized",
        "OnDemandBaseCapacity": 3,
        "OnDemandPercentageAboveBaseCapacity": 30,
        "SpotAllocationStrategy": "price-capacity-optimized",
    } == policy["InstancesDistribution"]
    base = replace(MIXED.processes[0], mixed=MixedInstances(("m6g.large", "c7g.xlarge"), 1))
    distribution = build_resources(with_process(base))["WebGroup"]["Properties"]["MixedInstancesPolicy"]
    assert (1, 0) == tuple(
        distribution["InstancesDistribution"][key]
        for key in ("OnDemandBaseCapacity", "OnDemandPercentageAboveBaseCapacity")
    )


def test_what_is_missing_to_the_most_stands_by() -> None:
    resources = build_resources(with_process(replace(REFRESH.processes[0], warm_pool=2)))
    assert {
        "AutoScalingGroupName": {"Ref": "WebGroup"},
        "MinSize": 2,
        "PoolState": "Stopped",
        "InstanceReusePolicy": {"ReuseOnScaleIn": True},
    } == resources["WebWarmPool"]["Properties"]


def test_bounds_change_at_the_hours_of_the_schedule() -> None:
    resources = build_resources(MIXED)
    lunch, night = (resources[f"Web{name}Schedule"]["Properties"] for name in ("Lunch", "Night"))
    assert ("0 11 * * *", "Europe/London", 6, 12, 6) == tuple(
        lunch[key] for key in ("Recurrence", "TimeZone", "MinSize", "MaxSize", "DesiredCapacity")
    )
    assert (0, 2, 0) == tuple(night[key] for key in ("MinSize", "MaxSize", "DesiredCapacity"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("scaling: {min: 1, max: 4, target: {cpu: 50}, schedule: {noon: {at: 0 11 * * *, min: 3}}}", []),
        ("scaling: {min: 1, max: 4, target: {cpu: 50}, schedule: {noon: {at: 0 11 * * *, min: 5}}}", ["D302 9 5"]),
        ("scaling: {min: 2, max: 4, target: {cpu: 50}, schedule: {noon: {at: 0 11 * * *, max: 1}}}", ["D302 9 1"]),
        ("scaling: {min: 2, max: 4, target: {cpu: 50}, schedule: {noon: {min: 3}}}", ["D202 9 noon"]),
        ("mixedInstances: {types: [t4g.medium, m7g.large]}", []),
        ("mixedInstances: {spotPercent: 50}", ["D202 9 mixedInstances"]),
        ("mixedInstances: {types: [t4g.medium, t3.medium]}", ["D360 9 t3.medium"]),
        ("instanceType: m7i.large\n    mixedInstances: {types: [m6i.large, m6g.large]}", ["D360 10 m6g.large"]),
        ("deployment: {style: refresh}", []),
        ("deployment: {style: refresh}\n    warmPool: {min: 2}", []),
        ("warmPool: {min: 2}", ["D361 9 2"]),
        ("deployment: {style: refresh}\n    warmPool: {}", ["D202 10 warmPool"]),
    ],
)
def test_what_does_not_fit_is_told(text: str, shown: list[str]) -> None:
    assert shown == show(judge(f"{SERVICE}    {text}\n"))
