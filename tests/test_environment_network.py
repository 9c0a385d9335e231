"""The network of an environment: where subnets lie, where traffic goes, what the platform team hears of it."""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.environments_by_hand import (
    PRODUCTION,
    STAGING,
    build_template,
    properties_of,
    statements_of,
    with_network,
)

PLATFORM = Path(__file__).parent.parent / "platform"


def test_the_subnets_of_a_tier_lie_at_fixed_offsets() -> None:
    assert {
        "PublicSubnetA": "10.16.0.0/22",
        "PublicSubnetB": "10.16.4.0/22",
        "PublicSubnetC": "10.16.8.0/22",
        "AppSubnetA": "10.16.16.0/22",
        "AppSubnetB": "10.16.20.0/22",
        "AppSubnetC": "10.16.24.0/22",
        "DataSubnetA": "10.16.64.0/22",
        "DataSubnetB": "10.16.68.0/22",
        "DataSubnetC": "10.16.72.0/22",
    } == _cidrs(PRODUCTION.network.cidr, "abc")


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_zone_that_is_added_moves_none_that_exists(count: int) -> None:
    before, after = _cidrs("10.16.0.0/16", "abcdef"[:count]), _cidrs("10.16.0.0/16", "abcdef"[: count + 1])
    assert before.items() < after.items()


@pytest.mark.parametrize("cidr", ["10.16.0.0/16", "172.16.32.0/20", "192.168.4.0/22"])
def test_no_two_subnets_overlap_and_all_lie_in_the_network(cidr: str) -> None:
    subnets = sorted(ipaddress.IPv4Network(subnet) for subnet in _cidrs(cidr, "abcdef").values())
    assert 18 == len(subnets)
    assert all(subnet.subnet_of(ipaddress.IPv4Network(cidr)) for subnet in subnets)
    assert not [pair for pair in itertools.pairwise(subnets) if pair[0].overlaps(pair[1])]


def test_a_network_without_room_for_the_smallest_subnets_is_refused() -> None:
    with pytest.raises(ValueError, match="10.16.0.0/23 is too small"):
        _network(cidr="10.16.0.0/23")


def test_each_zone_is_that_of_its_letter_whatever_its_place() -> None:
    subnets = properties_of(_network(zones=("c", "a")), "AWS::EC2::Subnet")
    assert {"Fn::Sub": "${AWS::Region}c"} == subnets["AppSubnetC"]["AvailabilityZone"]
    assert {"Fn::Sub": "${AWS::Region}a"} == subnets["AppSubnetA"]["AvailabilityZone"]


def test_no_subnet_gives_out_public_addresses() -> None:
    subnets = properties_of(_network(), "AWS::EC2::Subnet")
    assert [False] * 9 == [subnet["MapPublicIpOnLaunch"] for subnet in subnets.values()]


def test_with_a_gateway_per_zone_each_zone_leaves_by_its_own() -> None:
    assert {"A": "NatGatewayA", "B": "NatGatewayB", "C": "NatGatewayC"} == _ways_out(_network(nat="perZone"))


def test_with_a_single_gateway_all_zones_leave_by_that_of_the_first() -> None:
    network = _network(nat="single")
    assert {"A": "NatGatewayA", "B": "NatGatewayA", "C": "NatGatewayA"} == _ways_out(network)
    assert ["NatGatewayA"] == list(properties_of(network, "AWS::EC2::NatGateway"))


def test_with_a_regional_gateway_all_zones_leave_by_it_and_it_stands_in_no_subnet() -> None:
    network = _network(nat="regional")
    assert dict.fromkeys("ABC", "NatGatewayRegional") == _ways_out(network)
    (gateway,) = properties_of(network, "AWS::EC2::NatGateway").values()
    assert ("regional", {"Ref": "Vpc"}) == (gateway["AvailabilityMode"], gateway["VpcId"])
    assert {"SubnetId", "AllocationId"}.isdisjoint(gateway)
    assert {} == properties_of(network, "AWS::EC2::EIP")
    assert "NatRegionalPortsAmberAlarm" in properties_of(network, "AWS::CloudWatch::Alarm")


def test_groups_of_data_stores_are_of_the_data_tier() -> None:
    network = _network()
    for kind in ("AWS::RDS::DBSubnetGroup", "AWS::ElastiCache::SubnetGroup"):
        (group,) = properties_of(network, kind).values()
        assert [{"Ref": f"DataSubnet{zone}"} for zone in "ABC"] == group["SubnetIds"]


def test_with_no_gateway_there_is_no_way_out_and_nothing_to_pay_for() -> None:
    network = _network(nat="none")
    assert {} == _ways_out(network)
    assert {} == properties_of(network, "AWS::EC2::NatGateway") | properties_of(network, "AWS::EC2::EIP")
    assert "Outputs" not in network


def test_an_unknown_way_out_is_refused() -> None:
    with pytest.raises(ValueError, match="'perzone'"):
        _network(nat="perzone")


def test_a_gateway_stands_in_the_public_subnet_of_its_zone() -> None:
    gateways = properties_of(_network(), "AWS::EC2::NatGateway")
    assert {f"NatGateway{zone}": {"Ref": f"PublicSubnet{zone}"} for zone in "ABC"} == {
        name: gateway["SubnetId"] for name, gateway in gateways.items()
    }


def test_the_data_tier_has_no_route_but_to_the_network_itself() -> None:
    routes = properties_of(_network(), "AWS::EC2::Route").values()
    assert {"Ref": "DataRouteTable"} not in [route["RouteTableId"] for route in routes]
    assert {"Ref": "PublicRouteTable"} in [route["RouteTableId"] for route in routes]


def test_every_subnet_has_the_route_table_of_its_tier() -> None:
    tables = properties_of(_network(zones=("a", "b")), "AWS::EC2::SubnetRouteTableAssociation").values()
    assert {
        "PublicSubnetA": "PublicRouteTable",
        "PublicSubnetB": "PublicRouteTable",
        "AppSubnetA": "AppRouteTableA",
        "AppSubnetB": "AppRouteTableB",
        "DataSubnetA": "DataRouteTable",
        "DataSubnetB": "DataRouteTable",
    } == {table["SubnetId"]["Ref"]: table["RouteTableId"]["Ref"] for table in tables}


def test_storage_is_reached_from_every_route_table_without_the_internet() -> None:
    network = _network(zones=("a", "b"))
    tables = [{"Ref": name} for name in ("PublicRouteTable", "AppRouteTableA", "AppRouteTableB", "DataRouteTable")]
    assert set(properties_of(network, "AWS::EC2::RouteTable")) == {table["Ref"] for table in tables}
    for name, service in (("S3GatewayEndpoint", "s3"), ("DynamoDbGatewayEndpoint", "dynamodb")):
        endpoint = properties_of(network, "AWS::EC2::VPCEndpoint")[name]
        assert (f"com.amazonaws.eu-west-1.{service}", tables) == (endpoint["ServiceName"], endpoint["RouteTableIds"])


def test_interface_endpoints_stand_in_the_app_subnets_under_private_names() -> None:
    endpoints = properties_of(_network(endpoints=("ssm", "sts")), "AWS::EC2::VPCEndpoint").values()
    interfaces = [endpoint for endpoint in endpoints if endpoint["VpcEndpointType"] == "Interface"]
    assert [f"com.amazonaws.eu-west-1.{name}" for name in ("ssm", "sts")] == [
        item["ServiceName"] for item in interfaces
    ]
    for endpoint in interfaces:
        assert [{"Ref": f"AppSubnet{zone}"} for zone in "ABC"] == endpoint["SubnetIds"]
        assert [{"Ref": "EndpointSecurityGroup"}] == endpoint["SecurityGroupIds"]
        assert endpoint["PrivateDnsEnabled"] is True


def test_without_a_way_out_there_is_an_endpoint_for_all_that_an_instance_calls() -> None:
    """Each is asked for by something that runs there: if this fails, `INSTANCES` has to follow."""
    asked = (PLATFORM / "files" / "user-data.sh.j2").read_text() + (PLATFORM / "templates" / "_access.py").read_text()
    asked += json.dumps(build_template("security")["Resources"]["InstanceBase"])
    calls = {
        "autoscaling": "aws autoscaling",
        "cloudformation": "cfn-signal",
        "ec2": "ec2:DescribeTags",
        "elasticloadbalancing": "aws elbv2",
        "kms": "kms:Decrypt",
        "logs": "logs:PutLogEvents",
        "monitoring": "cloudwatch:PutMetricData",
        "sns": "sns:Publish",
        "sqs": "sqs:ReceiveMessage",
        "ssm": "ssm:GetParameters",
        "ssmmessages": "ssmmessages:OpenDataChannel",
    }
    assert [] == [call for call in calls.values() if call not in asked]
    services = _interfaces(_network(nat="none", endpoints=("kms", "logs")))
    assert ["kms", "logs", *sorted(calls.keys() - {"kms", "logs"})] == services
    assert ["kms", "logs"] == _interfaces(_network(nat="single", endpoints=("kms", "logs")))
    assert sorted(calls.keys() - {"sns", "sqs"}) == _interfaces(_network(callers={}))


def test_a_derived_endpoint_says_who_needs_it() -> None:
    network = _network(callers={"sqs": ("menu", "orders"), "ssm": ("orders",), "execute-api": ("menu",)})
    told = {name: each["Metadata"]["NeededBy"] for name, each in network["Resources"].items() if "Metadata" in each}
    assert (["menu", "orders"], ["menu"]) == (told["SqsEndpoint"], told["ExecuteApiEndpoint"])
    assert ["every instance: config, secrets and sessions"] == told["SsmEndpoint"]


def test_only_the_own_account_passes_an_endpoint_but_for_named_buckets_of_aws() -> None:
    for name, statements in statements_of(_network()):
        if not name.endswith("Endpoint"):
            continue
        own, *others = statements
        assert {"StringEquals": {"aws:PrincipalAccount": "111122223333"}} == own["Condition"], name
        assert ([] if name != "S3GatewayEndpoint" else [
            ("s3:GetObject", "arn:aws:s3:::al2023-repos-eu-west-1-de612dc2/*"),
            ("s3:GetObject", "arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*"),
            ("s3:PutObject", "arn:aws:s3:::cloudformation-waitcondition-eu-west-1/*"),
            ("s3:PutObject", "arn:aws:s3:::cloudformation-custom-resource-response-euwest1/*"),
        ]) == [(other["Action"], resource) for other in others for resource in other["Resource"]]  # fmt: skip


def test_endpoints_answer_the_network_over_https_and_call_nobody() -> None:
    group = properties_of(_network(), "AWS::EC2::SecurityGroup")["EndpointSecurityGroup"]
    (enter,), (leave,) = group["SecurityGroupIngress"], group["SecurityGroupEgress"]
    assert (443, 443, "10.16.0.0/16") == (enter["FromPort"], enter["ToPort"], enter["CidrIp"])
    assert "127.0.0.1/32" == leave["CidrIp"]


def test_flow_logs_are_kept_encrypted_for_as_long_as_the_environment_says() -> None:
    group = properties_of(_network(), "AWS::Logs::LogGroup")["FlowLogGroup"]
    assert "{{resolve:ssm:/platform/production/security/logs-key-arn}}" == group["KmsKeyId"]
    assert 365 == group["RetentionInDays"]
    staging = properties_of(build_template("network", STAGING), "AWS::Logs::LogGroup")["FlowLogGroup"]
    assert 90 == staging["RetentionInDays"]


def test_the_role_of_flow_logs_may_write_there_and_is_bound() -> None:
    network = _network()
    role = properties_of(network, "AWS::IAM::Role")["FlowLogRole"]
    assert "{{resolve:ssm:/platform/production/security/service-boundary-arn}}" == role["PermissionsBoundary"]
    write, find = dict(statements_of(network))["FlowLogPolicy"]
    group = "arn:aws:logs:eu-west-1:111122223333:log-group:/platform/production/network/flow-logs:*"
    assert group == write["Resource"]
    assert ["logs:DescribeLogGroups"] == find["Action"]
    assert "FlowLogPolicy" == network["Resources"]["FlowLog"]["DependsOn"]


def test_the_filter_for_rejected_flows_reads_the_fields_in_the_order_they_are_written() -> None:
    network = _network()
    written = properties_of(network, "AWS::EC2::FlowLog")["FlowLog"]["LogFormat"]
    read = properties_of(network, "AWS::Logs::MetricFilter")["RejectedFlowsMetricFilter"]["FilterPattern"]
    fields = [field.strip("${}").replace("-", "_") for field in written.split()]
    assert [f'{field}="REJECT"' if field == "action" else field for field in fields] == read.strip("[]").split(", ")


def test_the_alarm_on_rejected_flows_watches_what_the_filter_counts() -> None:
    network = _network()
    (counted,) = properties_of(network, "AWS::Logs::MetricFilter")["RejectedFlowsMetricFilter"]["MetricTransformations"]
    watched = properties_of(network, "AWS::CloudWatch::Alarm")["RejectedFlowsAmberAlarm"]["Metrics"][0]
    assert {"Namespace": counted["MetricNamespace"], "MetricName": counted["MetricName"]} == watched["MetricStat"][
        "Metric"
    ]


def test_each_gateway_has_its_own_alarms() -> None:
    alarms = properties_of(_network(zones=("a", "b")), "AWS::CloudWatch::Alarm")
    kinds = ("Ports", "Drops", "Bandwidth")
    others = {"EndpointDropsAmberAlarm", "EndpointDrops2AmberAlarm", "RejectedFlowsAmberAlarm"}
    assert {f"Nat{zone}{kind}AmberAlarm" for zone in "AB" for kind in kinds} | others == set(alarms)
    dimensions = [{"Name": "NatGatewayId", "Value": {"Ref": "NatGatewayB"}}]
    assert dimensions == alarms["NatBPortsAmberAlarm"]["Dimensions"]
    for alarm in (alarms["NatBDropsAmberAlarm"], alarms["NatBBandwidthAmberAlarm"]):
        *measured, computed = alarm["Metrics"]
        assert [dimensions] * len(measured) == [query["MetricStat"]["Metric"]["Dimensions"] for query in measured]
        assert all(query["Id"] in computed["Expression"] for query in measured)


@pytest.mark.parametrize("count", [0, 1, 10, 11, 23])
def test_every_endpoint_is_watched_by_one_alarm_and_no_alarm_takes_more_metrics_than_it_may(count: int) -> None:
    network = _network(nat="single", endpoints=tuple(f"service{number}" for number in range(count)))
    watched = []
    for name, alarm in properties_of(network, "AWS::CloudWatch::Alarm").items():
        if name.startswith("EndpointDrops"):
            *measured, computed = alarm["Metrics"]
            assert 1 <= len(measured) <= 10, name
            assert [query["Id"] for query in measured] == re.findall(r"FILL\((\w+), 0\)", computed["Expression"])
            places = [query["MetricStat"]["Metric"]["Dimensions"] for query in measured]
            watched += [each["Value"]["Ref"] for place in places for each in place if each["Name"] == "VPC Endpoint Id"]
    assert [f"Service{number}Endpoint" for number in range(count)] == watched


def test_private_names_live_in_the_zone_of_the_environment() -> None:
    zone = properties_of(_network(), "AWS::Route53::HostedZone")["PrivateZone"]
    assert "production.internal" == zone["Name"]
    assert [{"VPCId": {"Ref": "Vpc"}, "VPCRegion": "eu-west-1"}] == zone["VPCs"]


def _interfaces(network: dict[str, Any]) -> list[str]:
    endpoints = properties_of(network, "AWS::EC2::VPCEndpoint").values()
    names = [each["ServiceName"] for each in endpoints if each["VpcEndpointType"] == "Interface"]
    return [name.removeprefix("com.amazonaws.eu-west-1.") for name in names]


def _network(**changes: Any) -> dict[str, Any]:
    return build_template("network", with_network(PRODUCTION, **changes))


def _cidrs(cidr: str, zones: str) -> dict[str, str]:
    subnets = properties_of(_network(cidr=cidr, zones=tuple(zones)), "AWS::EC2::Subnet")
    return {name: subnet["CidrBlock"] for name, subnet in subnets.items()}


def _ways_out(network: dict[str, Any]) -> dict[str, str]:
    routes = properties_of(network, "AWS::EC2::Route").values()
    return {
        route["RouteTableId"]["Ref"].removeprefix("AppRouteTable"): route["NatGatewayId"]["Ref"]
        for route in routes
        if "NatGatewayId" in route
    }
