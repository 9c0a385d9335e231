"""The environment's network: three tiers of subnets over its zones, ways in and out, zones for names.

public holds load balancers and NAT gateways, app holds instances, data holds what app alone reaches and has no way out.
The third stack of an environment: it encrypts with a key of `security` and reports to a topic of `notifications`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Join, Output, Ref, Sub
from troposphere.ec2 import (
    EIP,
    VPC,
    InternetGateway,
    NatGateway,
    Route,
    RouteTable,
    Subnet,
    SubnetRouteTableAssociation,
    VPCGatewayAttachment,
)
from troposphere.route53 import HostedZone, HostedZoneConfiguration, HostedZoneVPCs

from compiler.authoring import Environment, camel, derive, join

from ._conventions import keep
from ._environment_conventions import publish, tags
from ._network_alarms import endpoint_alarms, flow_alarm, nat_alarms
from ._network_data import subnet_groups
from ._network_endpoints import gateway_endpoints, interface_endpoints
from ._network_flow_logs import flow_logs

SCOPE = "environment"

REGIONAL = "regional"

# Where the subnets of a tier lie: in which 64th of the network, by the zone's place in the environment's list. In a /16
# these are /22s, the third octet four times the number. A place is never given anew, so adding a zone moves nothing.
PLACES = {
    "public": (0, 1, 2, 3, 10, 11),
    "app": (4, 5, 6, 7, 8, 9),
    "data": (16, 17, 18, 19, 20, 21),
}


def build(environment: Environment) -> Iterator[AWSObject | Output]:
    yield from vpc(environment)
    for tier in PLACES:
        yield from subnets(environment, tier)
    yield from nat_gateways(environment)
    yield from routes(environment)
    yield from gateway_endpoints(environment, route_table_ids(environment))
    yield from interface_endpoints(environment, [Ref(camel("app-subnet", zone)) for zone in environment.network.zones])
    yield from subnet_groups(environment, [Ref(camel("data-subnet", zone)) for zone in environment.network.zones])
    yield from flow_logs(environment)
    yield from private_zone(environment)
    yield from public_zone(environment)
    for zone in nat_zones(environment):
        yield from nat_alarms(environment, zone)
    yield from endpoint_alarms(environment)
    yield from flow_alarm(environment)


def vpc(environment: Environment) -> Iterator[AWSObject]:
    yield VPC(
        "Vpc",
        CidrBlock=environment.network.cidr,
        EnableDnsSupport=True,
        EnableDnsHostnames=True,
        Tags=tags(environment, "network"),
    )
    yield publish(environment, "network/vpc-id", value=Ref("Vpc"), description="The environment's VPC")
    yield InternetGateway("InternetGateway", Tags=tags(environment, "internet"))
    yield VPCGatewayAttachment("InternetGatewayAttachment", VpcId=Ref("Vpc"), InternetGatewayId=Ref("InternetGateway"))


def subnets(environment: Environment, tier: str) -> Iterator[AWSObject]:
    for place, zone in enumerate(environment.network.zones):
        title = camel(tier, "subnet", zone)
        yield Subnet(
            title,
            VpcId=Ref("Vpc"),
            CidrBlock=subnet_cidr(environment, tier, place),
            AvailabilityZone=Sub(join("${AWS::Region}", zone)),
            MapPublicIpOnLaunch=False,
            Tags=tags(environment, join(tier, "-", zone)),
        )
        yield publish(
            environment,
            join(f"network/{tier}-subnet-", zone),
            value=Ref(title),
            description=join(f"Subnet of tier {tier} in zone ", zone),
        )


def subnet_cidr(environment: Environment, tier: str, place: int) -> str:
    """Choose the addresses of a tier's subnet in the zone at a place of the environment's list."""
    network = ipaddress.IPv4Network(str(environment.network.cidr))
    if network.prefixlen > 22:
        raise ValueError(f"{network} is too small: 22 bits at most, so that a subnet keeps the 28 that AWS asks for")
    first = int(network.network_address) + PLACES[tier][place] * (network.num_addresses // 64)
    return derive(str(ipaddress.IPv4Network((first, network.prefixlen + 6))), environment.network.cidr)


def nat_zones(environment: Environment) -> tuple[str, ...]:
    """Name the zones that have a NAT gateway; a regional one, which is in all zones, is named as if it were a zone."""
    zones, nat = environment.network.zones, environment.network.nat
    if nat not in ("perZone", "single", "regional", "none"):
        raise ValueError(f"`nat` is {nat!r}, not perZone, single, regional or none")
    return {"perZone": zones, "single": zones[:1], "regional": (REGIONAL,), "none": ()}[nat]


def nat_gateways(environment: Environment) -> Iterator[AWSObject | Output]:
    if environment.network.nat == "regional":
        # It takes addresses for each zone by itself, and needs no subnet.
        yield NatGateway(
            camel("nat-gateway", REGIONAL),
            AvailabilityMode="regional",
            ConnectivityType="public",
            VpcId=Ref("Vpc"),
            Tags=tags(environment, join("nat-", REGIONAL)),
            DependsOn="InternetGatewayAttachment",
        )
        return
    for zone in nat_zones(environment):
        yield EIP(
            camel("nat-address", zone),
            Domain="vpc",
            Tags=tags(environment, join("nat-", zone)),
            DependsOn="InternetGatewayAttachment",
            # Others let this address through their walls, so production does not lose it.
            **keep(environment),
        )
        yield NatGateway(
            camel("nat-gateway", zone),
            AllocationId=GetAtt(camel("nat-address", zone), "AllocationId"),
            ConnectivityType="public",
            SubnetId=Ref(camel("public-subnet", zone)),
            Tags=tags(environment, join("nat-", zone)),
        )
        yield Output(
            camel("nat-address", zone),
            Description=join("Address that the internet sees when zone ", zone, " calls it"),
            Value=Ref(camel("nat-address", zone)),
        )


def routes(environment: Environment) -> Iterator[AWSObject]:
    yield RouteTable("PublicRouteTable", VpcId=Ref("Vpc"), Tags=tags(environment, "public"))
    yield Route(
        "PublicRoute",
        RouteTableId=Ref("PublicRouteTable"),
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=Ref("InternetGateway"),
        DependsOn="InternetGatewayAttachment",
    )
    yield RouteTable("DataRouteTable", VpcId=Ref("Vpc"), Tags=tags(environment, "data"))
    gateways = nat_zones(environment)
    for zone in environment.network.zones:
        app = camel("app-route-table", zone)
        yield RouteTable(app, VpcId=Ref("Vpc"), Tags=tags(environment, join("app-", zone)))
        if gateways:
            yield Route(
                camel("app-route", zone),
                RouteTableId=Ref(app),
                DestinationCidrBlock="0.0.0.0/0",
                NatGatewayId=Ref(camel("nat-gateway", zone if zone in gateways else gateways[0])),
            )
        for tier, table in {"public": "PublicRouteTable", "app": app, "data": "DataRouteTable"}.items():
            yield SubnetRouteTableAssociation(
                camel(tier, "route-table-association", zone),
                SubnetId=Ref(camel(tier, "subnet", zone)),
                RouteTableId=Ref(table),
            )


def route_table_ids(environment: Environment) -> list[Ref]:
    app = [camel("app-route-table", zone) for zone in environment.network.zones]
    return [Ref(table) for table in ("PublicRouteTable", *app, "DataRouteTable")]


def private_zone(environment: Environment) -> Iterator[AWSObject]:
    yield HostedZone(
        "PrivateZone",
        Name=environment.private_zone,
        HostedZoneConfig=HostedZoneConfiguration(Comment=join("Names of private services in ", environment.name)),
        VPCs=[HostedZoneVPCs(VPCId=Ref("Vpc"), VPCRegion=environment.region)],
        HostedZoneTags=tags(environment, "private-zone"),
    )
    yield publish(
        environment, "network/private-zone-id", value=Ref("PrivateZone"), description="Hosted zone of private names"
    )


def public_zone(environment: Environment) -> Iterator[AWSObject | Output]:
    """Make the zone of public names, or say which one it is. Names are found once the zone above points at it."""
    if environment.public_zone_id is None:
        yield HostedZone(
            "PublicZone",
            Name=environment.public_zone,
            HostedZoneConfig=HostedZoneConfiguration(Comment=join("Names of public services in ", environment.name)),
            HostedZoneTags=tags(environment, "public-zone"),
            # A new one would get other name servers than those that its parent points at.
            **keep(environment),
        )
        yield Output(
            "PublicZoneNameServers",
            Description=join("Name servers to be entered for ", environment.public_zone, " in the zone above it"),
            Value=Join(" ", GetAtt("PublicZone", "NameServers")),
        )
    yield publish(
        environment,
        "network/public-zone-id",
        value=Ref("PublicZone") if environment.public_zone_id is None else environment.public_zone_id,
        description="Hosted zone of public names",
    )
