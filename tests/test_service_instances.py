"""Instances and load balancing: who reaches them, how many run, how a release takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from compiler.service import Deployment, Scaling, Scheduled, Waf
from tests.services_by_hand import (
    BRANCH,
    BRANCH_RECIPES,
    BRANCHES,
    GREEDY,
    PRODUCTION,
    PUBLIC,
    RECIPES,
    SHARED_PATHS,
    STAGING,
    STAGING_RECIPES,
    WEB,
    WORKER,
    build_resources,
    known_attributes,
    load_template,
    properties_of,
    ssm,
    with_process,
)


def test_instances_are_closed_to_all_but_their_load_balancer() -> None:
    resources = build_resources(RECIPES)
    ingress = {
        name: resources[f"{name}SecurityGroup"]["Properties"]["SecurityGroupIngress"] for name in ("Web", "Worker")
    }
    assert {"Web": [{"Ref": "WebLoadBalancerSecurityGroup"}], "Worker": []} == {
        name: [rule["SourceSecurityGroupId"] for rule in rules] for name, rules in ingress.items()
    }
    data = resources["WebLaunchTemplate"]["Properties"]["LaunchTemplateData"]
    assert [False] == [interface["AssociatePublicIpAddress"] for interface in data["NetworkInterfaces"]]
    assert "required" == data["MetadataOptions"]["HttpTokens"]
    assert "KeyName" not in data


def test_every_security_group_rule_is_described_and_egress_is_said() -> None:
    for name, group in properties_of(build_resources(PUBLIC), "AWS::EC2::SecurityGroup").items():
        assert group["SecurityGroupEgress"], name
        assert all(rule["Description"] for rule in group["SecurityGroupIngress"] + group["SecurityGroupEgress"]), name


def test_the_image_fits_the_processor() -> None:
    architecture = load_template("_conventions").architecture
    types = {"t4g.small": 1, "m7gd.large": 1, "im4gn.large": 1, "is4gen.large": 1, "a1.medium": 1, "c8g.metal-24xl": 1}
    types |= {"t3.micro": 0, "g5.xlarge": 0, "gr6.4xlarge": 0, "m7i-flex.large": 0, "g4dn.xlarge": 0, "p5.48xlarge": 0}
    assert types == {name: int(architecture(name) == "arm64") for name in types}
    data = build_resources(with_process(replace(WEB, instance_type="m7i.large")))["WebLaunchTemplate"]["Properties"]
    assert "{{resolve:ssm:/platform/production/images/x86_64:4}}" == data["LaunchTemplateData"]["ImageId"]


def test_a_process_without_a_port_is_judged_by_ec2_and_has_no_load_balancer() -> None:
    resources = build_resources(with_process(WORKER))
    assert "EC2" == resources["WorkerGroup"]["Properties"]["HealthCheckType"]
    assert [] == resources["WorkerGroup"]["Properties"]["TargetGroupARNs"]
    assert [] == [kind for kind in sorted(_types(resources)) if "LoadBalancing" in kind or "Route53" in kind]
    assert "ELB" == build_resources(RECIPES)["WebGroup"]["Properties"]["HealthCheckType"]


@pytest.mark.parametrize(
    ("scaling", "kept", "batch"),
    [
        (Scaling(3, 9, {}), 3, 3),
        (Scaling(2, 2, {}), 1, 1),
        (Scaling(1, 1, {}), 0, 1),
        (Scaling(0, 4, {}), 0, 2),
        (Scaling(40, 400, {}), 40, 100),
        (Scaling(6, 12, {}, (Scheduled("night", "0 20 * * *", 2, 4), Scheduled("off", "0 1 * * *", 0, 0))), 3, 4),
    ],
)
def test_a_rolling_deployment_keeps_what_the_group_has_at_least(scaling: Scaling, kept: int, batch: int) -> None:
    """CloudFormation refuses to keep as many as the group may have."""
    web = replace(WEB, scaling=scaling, deployment=Deployment("rolling"))
    rolling = build_resources(with_process(web))["WebGroup"]["UpdatePolicy"]["AutoScalingRollingUpdate"]
    assert (kept, batch) == (rolling["MinInstancesInService"], rolling["MaxBatchSize"])


@pytest.mark.parametrize("style", ["rolling", "immutable", "inPlace"])
def test_a_new_release_takes_over_as_the_style_says(style: str) -> None:
    group = build_resources(with_process(replace(WEB, deployment=Deployment(style, 2, 3))))["WebGroup"]
    update = group["UpdatePolicy"]
    assert {"AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": True}}.items() <= update.items()
    assert {"Count": 3, "Timeout": "PT17M"} == group["CreationPolicy"]["ResourceSignal"]
    if style == "immutable":
        assert {"WillReplace": True} == update["AutoScalingReplacingUpdate"]
        assert "AutoScalingRollingUpdate" not in update
        return
    rolling = update["AutoScalingRollingUpdate"]
    assert {"rolling": 2, "inPlace": 0}[style] == rolling["MinInstancesInService"]
    assert (3, True, "PT17M") == (rolling["MaxBatchSize"], rolling["WaitOnResourceSignals"], rolling["PauseTime"])
    assert "AutoScalingReplacingUpdate" not in update


@pytest.mark.parametrize(("grace", "timeout"), [(0, "PT12M"), (300, "PT17M"), (601, "PT22M"), (2910, "PT60M")])
def test_a_slow_start_is_waited_for(grace: int, timeout: str) -> None:
    slow = replace(WEB, health_check=replace(WEB.health_check, grace_period=grace))
    group = build_resources(with_process(slow))["WebGroup"]
    assert timeout == group["UpdatePolicy"]["AutoScalingRollingUpdate"]["PauseTime"]


def test_instances_wait_for_what_they_need() -> None:
    assert {
        *("WorkerPolicy", "WorkerMessagesPolicy", "LogLevelConfig", "WorkerCustomerAddressChangedQueueParameter"),
        *("RecipeCreatedTopicParameter", "RecipeWithdrawnTopicParameter"),
    } == set(build_resources(RECIPES)["WorkerGroup"]["DependsOn"])
    assert "WebListenerRule" in build_resources(RECIPES)["WebGroup"]["DependsOn"]


def test_business_hours_end_in_no_instance_at_all() -> None:
    web = build_resources(STAGING_RECIPES, STAGING)
    start, stop = web["WebBusinessHoursStart"]["Properties"], web["WebBusinessHoursStop"]["Properties"]
    sizes = ("MinSize", "MaxSize", "DesiredCapacity")
    assert [1, 2, 1] == [start[size] for size in sizes]
    assert [0, 0, 0] == [stop[size] for size in sizes]
    assert [("0 7 * * 1-5", "Europe/London"), ("0 19 * * 1-5", "Europe/London")] == [
        (action["Recurrence"], action["TimeZone"]) for action in (start, stop)
    ]
    assert "WebBusinessHoursStop" not in build_resources(RECIPES)


def test_scaling_follows_each_target() -> None:
    resources = build_resources(PUBLIC)
    policies = [resources[f"WebScaleOn{name}"]["Properties"] for name in ("Cpu", "Requests")]
    targets = [policy["TargetTrackingConfiguration"] for policy in policies]
    assert [(50, "ASGAverageCPUUtilization"), (1000, "ALBRequestCountPerTarget")] == [
        (target["TargetValue"], target["PredefinedMetricSpecification"]["PredefinedMetricType"]) for target in targets
    ]
    label = targets[1]["PredefinedMetricSpecification"]["ResourceLabel"]
    names = [["WebLoadBalancer", "LoadBalancerFullName"], ["WebTargetGroup", "TargetGroupFullName"]]
    assert {"Fn::Join": ["/", [{"Fn::GetAtt": name} for name in names]]} == label
    queue = build_resources(RECIPES)["WorkerScaleOnQueueAge"]["Properties"]["TargetTrackingConfiguration"]
    metric = queue["CustomizedMetricSpecification"]
    assert (120, "ApproximateAgeOfOldestMessage", "Maximum") == (
        queue["TargetValue"],
        metric["MetricName"],
        metric["Statistic"],
    )
    assert [{"Fn::GetAtt": ["WorkerCustomerAddressChangedQueue", "QueueName"]}] == [
        dimension["Value"] for dimension in metric["Dimensions"]
    ]


def test_a_group_that_cannot_move_follows_nothing() -> None:
    still = with_process(replace(WEB, scaling=Scaling(2, 2, {"cpu": 60})))
    assert "AWS::AutoScaling::ScalingPolicy" not in _types(build_resources(still))


def test_of_many_queues_the_oldest_message_counts_and_no_alarm_has_too_many_metrics() -> None:
    resources = build_resources(GREEDY)
    first, second = (resources[f"WorkerScaleOnQueueAge{batch}"]["Properties"] for batch in ("", "2"))
    metrics = first["TargetTrackingConfiguration"]["CustomizedMetricSpecification"]["Metrics"]
    assert "MAX([age1, age2, age3, age4, age5, age6, age7, age8, age9])" == metrics[-1]["Expression"]
    assert {"Maximum"} == {query["MetricStat"]["Stat"] for query in metrics[:-1]}
    assert 3 == len(second["TargetTrackingConfiguration"]["CustomizedMetricSpecification"]["Metrics"]) - 1
    watched = [
        query["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for batch in ("", "2")
        for query in resources[f"WorkerQueueAge{batch}RedAlarm"]["Properties"]["Metrics"]
        if "MetricStat" in query
    ]
    assert [f"WorkerCustomerEvent{number}Queue" for number in range(12)] == watched


# Load balancing


def test_private_means_inside_the_network() -> None:
    resources = build_resources(RECIPES)
    balancer = resources["WebLoadBalancer"]["Properties"]
    assert "internal" == balancer["Scheme"]
    assert [ssm(f"network/app-subnet-{zone}") for zone in "abc"] == balancer["Subnets"]
    rules = resources["WebLoadBalancerSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert [(443, "10.16.0.0/16")] == [(rule["FromPort"], rule["CidrIp"]) for rule in rules]
    record = resources["WebDnsRecord"]["Properties"]
    assert ("recipes.production.internal", ssm("network/private-zone-id")) == (record["Name"], record["HostedZoneId"])
    assert "WebRedirectListener" not in resources


def test_public_means_a_load_balancer_in_public_and_instances_as_before() -> None:
    resources = build_resources(PUBLIC)
    balancer = resources["WebLoadBalancer"]["Properties"]
    assert "internet-facing" == balancer["Scheme"]
    assert [ssm(f"network/public-subnet-{zone}") for zone in "abc"] == balancer["Subnets"]
    assert [ssm(f"network/app-subnet-{zone}") for zone in "abc"] == (
        resources["WebGroup"]["Properties"]["VPCZoneIdentifier"]
    )
    rules = resources["WebLoadBalancerSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    assert [(443, "0.0.0.0/0"), (80, "0.0.0.0/0")] == [(rule["FromPort"], rule["CidrIp"]) for rule in rules]
    record = resources["WebDnsRecord"]["Properties"]
    assert ("recipes.recipes.example", ssm("network/public-zone-id")) == (record["Name"], record["HostedZoneId"])
    (redirect,) = resources["WebRedirectListener"]["Properties"]["DefaultActions"]
    assert {
        "Type": "redirect",
        "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
    } == redirect


def test_the_web_acl_stands_before_a_public_load_balancer_of_ones_own() -> None:
    association = {
        "ResourceArn": {"Ref": "WebLoadBalancer"},
        "WebACLArn": ssm("security/public-web-acl-arn"),
    }
    kind, off = "AWS::WAFv2::WebACLAssociation", replace(PRODUCTION, waf=Waf("off"))
    assert {"WebWebAclAssociation": association} == properties_of(build_resources(PUBLIC), kind)
    assert [] == [
        case
        for case in ((RECIPES, PRODUCTION), (SHARED_PATHS, PRODUCTION), (PUBLIC, off))
        if properties_of(build_resources(*case), kind)
    ]


def test_branches_that_share_a_zone_do_not_share_names() -> None:
    names = {
        environment.name: build_resources(BRANCH_RECIPES, environment)["WebDnsRecord"]["Properties"]["Name"]
        for environment in (BRANCHES, BRANCH)
    }
    assert {
        "env-default": "recipes.env-default.internal",
        "env-new-menu": "recipes-env-new-menu.env-default.internal",
    } == names


def test_the_listener_speaks_tls_only() -> None:
    listener = build_resources(RECIPES)["WebListener"]["Properties"]
    assert ("HTTPS", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09") == (listener["Protocol"], listener["SslPolicy"])


def test_the_certificate_is_one_for_the_zone_that_the_name_lies_in() -> None:
    facing = {}
    for service in (RECIPES, PUBLIC):
        resources = build_resources(service)
        (certificate,) = resources["WebListener"]["Properties"]["Certificates"]
        facing[resources["WebDnsRecord"]["Properties"]["HostedZoneId"]] = certificate["CertificateArn"]
    assert {
        ssm("network/private-zone-id"): ssm("ingress/private-certificate-arn"),
        ssm("network/public-zone-id"): ssm("ingress/public-certificate-arn"),
    } == facing


def test_attributes_are_ones_that_load_balancers_know() -> None:
    resources = build_resources(RECIPES)
    balancer = _attributes(resources["WebLoadBalancer"]["Properties"]["LoadBalancerAttributes"])
    target_group = _attributes(resources["WebTargetGroup"]["Properties"]["TargetGroupAttributes"])
    assert balancer.keys() - known_attributes()["LoadBalancerAttributes"] == set()
    assert target_group.keys() - known_attributes()["TargetGroupAttributes"] == set()
    assert "30" == target_group["deregistration_delay.timeout_seconds"]


def _types(resources: dict[str, Any]) -> set[str]:
    return {resource["Type"] for resource in resources.values()}


def _attributes(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in pairs}
