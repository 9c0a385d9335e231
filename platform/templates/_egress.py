"""Where the instances of a process may open connections to.

All of them need S3, where their releases are, DynamoDB where they use it, and whatever answers HTTPS in the network:
AWS's interface endpoints and the load balancers of other services. Names, time and credentials are asked for by ways
that security groups do not look at.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere.ec2 import SecurityGroupRule

from compiler.authoring import Destination, Environment, Process, derive, join


def egress(environment: Environment, process: Process) -> list[SecurityGroupRule]:
    """List the rules of the process's security group; none says what another one says already."""
    return [*_common(environment, process), *map(_to_destination, process.egress.destinations)]


def _common(environment: Environment, process: Process) -> Iterator[SecurityGroupRule]:
    network, asked = environment.network, process.egress.internet
    if asked == "open" and network.nat != "none":
        anywhere = derive("0.0.0.0/0", asked, network.nat)
        yield _https("HTTPS to AWS, to other services and to the internet", CidrIp=anywhere)
        return
    inside = derive(network.cidr, network.cidr, asked)
    yield _https("HTTPS to AWS and to other services in the network", CidrIp=inside)
    # A gateway endpoint has no address of its own: packets still go to public ones, which AWS lists.
    for name, called in (("s3", "S3"), ("dynamodb", "DynamoDB")):
        addresses = network.prefix_lists[name]
        yield _https(f"HTTPS to {called}", DestinationPrefixListId=derive(addresses, addresses, asked))


def _https(description: str, **whom: str) -> SecurityGroupRule:
    return SecurityGroupRule(Description=description, IpProtocol="tcp", FromPort=443, ToPort=443, **whom)


def _to_destination(destination: Destination) -> SecurityGroupRule:
    return SecurityGroupRule(
        Description=join("To ", destination.name),
        IpProtocol="tcp",
        FromPort=destination.port,
        ToPort=destination.port,
        CidrIp=destination.cidr,
    )
