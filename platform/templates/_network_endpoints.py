"""Ways from the network to AWS that do not pass the internet: gateways for S3 and DynamoDB, interfaces for the rest.

Their policies let only principals of the environment's own account through, so stolen credentials of another account
cannot carry data out. What AWS keeps in buckets of its own and hands out to anyone is named one by one.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, Ref
from troposphere.ec2 import SecurityGroup, SecurityGroupRule, VPCEndpoint

from compiler.authoring import Environment, camel, derive, join

from ._conventions import Statement, policy
from ._environment_conventions import publish, tags

# What an instance calls from its start to its end, and what for; S3 has a gateway.
INSTANCES = {
    "autoscaling": "hooks of instances that start and end",
    "cloudformation": "signals of instances that are ready",
    "ec2": "the name of an instance's group",
    "elasticloadbalancing": "whether an instance is taken for healthy",
    "kms": "sessions",
    "logs": "logs",
    "monitoring": "metrics",
    "ssm": "config, secrets and sessions",
    "ssmmessages": "sessions",
}
# What processes call where nobody says which of them do.
MESSAGES = ("sns", "sqs")


def gateway_endpoints(environment: Environment, route_tables: list[Ref]) -> Iterator[AWSObject]:
    yield VPCEndpoint(
        "S3GatewayEndpoint",
        VpcId=Ref("Vpc"),
        VpcEndpointType="Gateway",
        ServiceName=service_name(environment, "s3"),
        RouteTableIds=route_tables,
        PolicyDocument=policy(_own_account(environment), *_buckets_of_aws(environment)),
        Tags=tags(environment, "s3"),
    )
    yield VPCEndpoint(
        "DynamoDbGatewayEndpoint",
        VpcId=Ref("Vpc"),
        VpcEndpointType="Gateway",
        ServiceName=service_name(environment, "dynamodb"),
        RouteTableIds=route_tables,
        PolicyDocument=policy(_own_account(environment)),
        Tags=tags(environment, "dynamodb"),
    )


def interface_endpoints(environment: Environment, subnets: list[Ref]) -> Iterator[AWSObject]:
    yield SecurityGroup(
        "EndpointSecurityGroup",
        GroupDescription=join("Interface endpoints in ", environment.name),
        VpcId=Ref("Vpc"),
        SecurityGroupIngress=[
            SecurityGroupRule(
                Description="HTTPS from the network",
                IpProtocol="tcp",
                FromPort=443,
                ToPort=443,
                CidrIp=environment.network.cidr,
            )
        ],
        # Endpoints only answer. An empty list would mean that they may call anyone.
        SecurityGroupEgress=[
            SecurityGroupRule(Description="Nowhere", IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="127.0.0.1/32")
        ],
        Tags=tags(environment, "endpoints"),
    )
    yield publish(
        environment,
        "network/endpoint-security-group-id",
        value=Ref("EndpointSecurityGroup"),
        description="Security group of the interface endpoints",
    )
    for name, reasons in interfaces(environment):
        yield VPCEndpoint(
            endpoint_id(name),
            VpcId=Ref("Vpc"),
            VpcEndpointType="Interface",
            ServiceName=service_name(environment, name),
            SubnetIds=subnets,
            SecurityGroupIds=[Ref("EndpointSecurityGroup")],
            PrivateDnsEnabled=True,
            PolicyDocument=policy(_own_account(environment)),
            Tags=tags(environment, name),
            **({"Metadata": {"NeededBy": reasons}} if reasons else {}),
        )


def interfaces(environment: Environment) -> Iterator[tuple[str, list[str]]]:
    """Name the services that have an endpoint, with who needs it where that is known.

    These are the ones that the environment lists, and all it takes where there is no way out; or what instances and
    the services need that run there.
    """
    network = environment.network
    if network.callers is not None:
        for name in sorted({*INSTANCES, *network.callers}):
            # It does not go with the last service, so it is not counted who else needs it.
            is_own = name in INSTANCES
            yield name, [f"every instance: {INSTANCES[name]}"] if is_own else list(network.callers[name])
        return
    yield from ((name, []) for name in network.endpoints)
    if network.nat == "none":
        yield from ((derive(name, network.nat), []) for name in sorted({*INSTANCES, *MESSAGES} - {*network.endpoints}))


def endpoint_id(name: str) -> str:
    return camel(name) + "Endpoint"


def service_name(environment: Environment, name: str) -> str:
    """What AWS calls a service by in the names of its endpoints and in their metrics."""
    return join("com.amazonaws.", environment.region, ".", name)


def _own_account(environment: Environment) -> Statement:
    return {
        "Sid": "OwnAccount",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": environment.account}},
    }


def _buckets_of_aws(environment: Environment) -> Iterator[Statement]:
    """Nobody signs requests to these, or AWS did: package repositories, image layers, CloudFormation's mailboxes."""
    region = environment.region
    yield {
        "Sid": "PackagesAndImageLayers",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": [
            join("arn:aws:s3:::al2023-repos-", region, "-de612dc2/*"),
            join("arn:aws:s3:::prod-", region, "-starport-layer-bucket/*"),
        ],
    }
    yield {
        "Sid": "AnswersToCloudFormation",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": [
            join("arn:aws:s3:::cloudformation-waitcondition-", region, "/*"),
            join("arn:aws:s3:::cloudformation-custom-resource-response-", *str(region).split("-"), "/*"),
        ],
    }
