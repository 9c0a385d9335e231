"""Groups beyond the usual: refreshed instances, several types with spot among them, bounds that change by the clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.service import MixedInstances
from tests.describing import SERVICE, judge
from tests.services_by_hand import MIXED, REFRESH, WEB, WORKER, build_resources, properties_of, with_process
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
