"""What other templates have to know of the load balancer in front of a process, whether it is its own or shared.

In: a process with a port, an environment.    Out: references to what is its own, or to what the environment publishes.
"""

from __future__ import annotations

from troposphere import GetAtt, Ref

from compiler.authoring import Environment, Process, camel, derive, join

from ._conventions import ssm


def is_shared(process: Process) -> bool:
    return process.load_balancer == "shared"


def full_name(environment: Environment, process: Process) -> object:
    """Refer to the name by which metrics know the load balancer."""
    if is_shared(process):
        return ingress(environment, process, "load-balancer-arn-suffix")
    return GetAtt(camel(process.name) + "LoadBalancer", "LoadBalancerFullName")


def security_group_id(environment: Environment, process: Process) -> object:
    """Refer to the security group that requests come from."""
    if is_shared(process):
        return ingress(environment, process, "security-group-id")
    return Ref(camel(process.name) + "LoadBalancerSecurityGroup")


def alias(environment: Environment, process: Process) -> tuple[object, object]:
    """Refer to AWS's own name of the load balancer, and to the hosted zone of that name."""
    if is_shared(process):
        return ingress(environment, process, "dns-name"), ingress(environment, process, "zone-id")
    balancer = camel(process.name) + "LoadBalancer"
    return GetAtt(balancer, "DNSName"), GetAtt(balancer, "CanonicalHostedZoneID")


def has_rule(process: Process) -> bool:
    """Tell whether a rule says which requests are meant; a load balancer without one forwards whatever comes.

    That is one of the process's own, where the process has neither a name nor paths: AWS's own name of it is the only
    one that clients can use, CloudFormation does not know it beforehand, and a rule for everything would say no more.
    """
    routing = process.routing
    return is_shared(process) or process.dns is not None or routing.host is not None or bool(routing.paths)


def way_in(process: Process) -> str:
    """Name the resource that connects the load balancer with the process's targets."""
    return camel(process.name) + ("ListenerRule" if has_rule(process) else "Listener")


def ingress(environment: Environment, process: Process, name: str) -> str:
    """Refer to what the environment has of ways in, once for public names and once for private ones."""
    return facing(environment, process, "ingress", name)


def facing(environment: Environment, process: Process, area: str, name: str) -> str:
    path = ssm(environment, area, join("public-" if is_public(process) else "private-", name))
    return derive(path, path, process.exposure)


def is_public(process: Process) -> bool:
    return process.exposure == "public"


def zone(environment: Environment, process: Process) -> str:
    """Name the zone that clients of the process look it up in."""
    name = environment.public_zone if is_public(process) else environment.private_zone
    return derive(name, name, process.exposure)


def domain_name(environment: Environment, process: Process, label: str) -> str:
    """Branches and tenants share a zone, so each says its name, in the one label that the certificate covers."""
    whose = () if environment.name == environment.shared else ("-", environment.label or environment.name)
    return join(label, *whose, ".", zone(environment, process))
