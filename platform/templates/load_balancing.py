"""Load balancing and a name for processes that listen on a port: one load balancer each, or a rule of the one that the
environment shares; HTTPS only.

A load balancer answers 404 to whatever no rule is for: one of the process's own has a rule too, for its name.

Private means reachable from within the environment's network. Public means an internet-facing load balancer in the
public subnets; the instances behind it stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Output, Ref, Sub
from troposphere.ec2 import SecurityGroup, SecurityGroupRule
from troposphere.elasticloadbalancingv2 import (
    Action,
    Certificate,
    Condition,
    HostHeaderConfig,
    Listener,
    ListenerRule,
    ListenerRuleAction,
    LoadBalancer,
    Matcher,
    PathPatternConfig,
    TargetGroup,
    TargetGroupAttribute,
)
from troposphere.route53 import AliasTarget, RecordSetType
from troposphere.wafv2 import WebACLAssociation

from compiler.authoring import Environment, Process, Service, camel, derive, join

from ._conventions import ssm, subnets, tags
from ._load_balancers import TLS_POLICY, attributes, nobody, redirect_to_https
from ._patience import idle_timeout
from ._ways_in import alias, domain_name, facing, has_rule, ingress, is_public, is_shared

SCOPE = "service"

# The last place there is: a rule that an addition makes for a load balancer of the process's own comes before.
LAST_PLACE = 50_000


def build(service: Service, environment: Environment) -> Iterator[AWSObject | Output]:
    for process in service.processes_on("instances"):
        if process.port is not None:
            if not is_shared(process):
                yield from security_group(service, environment, process)
                yield from load_balancer(service, environment, process)
                yield from guard(environment, process)
            yield from target_group(service, environment, process)
            if not is_shared(process):
                yield from listeners(service, environment, process)
            if has_rule(process):
                yield from listener_rule(service, environment, process)
            yield from dns_record(environment, process)


def security_group(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    clients = "0.0.0.0/0" if is_public(process) else environment.network.cidr
    yield SecurityGroup(
        camel(process.name) + "LoadBalancerSecurityGroup",
        GroupDescription=join("Load balancer of ", service.name, "/", process.name, " in ", environment.name),
        VpcId=ssm(environment, "network", "vpc-id"),
        SecurityGroupIngress=[
            SecurityGroupRule(
                Description=f"{protocol.upper()} from clients",
                IpProtocol="tcp",
                FromPort=port,
                ToPort=port,
                CidrIp=derive(clients, clients, process.exposure),
            )
            for protocol, port in ((("https", 443), ("http", 80)) if is_public(process) else (("https", 443),))
        ],
        # The instances' group already names this one; naming each other inline would be a circle.
        SecurityGroupEgress=[
            SecurityGroupRule(
                Description="Requests and health checks to instances",
                IpProtocol="tcp",
                FromPort=process.port,
                ToPort=process.port,
                CidrIp=environment.network.cidr,
            )
        ],
        Tags=tags(service, environment, join(process.name, "-load-balancer"), process.name),
    )


def load_balancer(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    public = is_public(process)
    yield LoadBalancer(
        camel(process.name) + "LoadBalancer",
        Type="application",
        IpAddressType="ipv4",
        Scheme=derive("internet-facing" if public else "internal", process.exposure),
        Subnets=subnets(environment, derive("public" if public else "app", process.exposure)),
        SecurityGroups=[Ref(camel(process.name) + "LoadBalancerSecurityGroup")],
        LoadBalancerAttributes=attributes(
            ssm(environment, "ingress", "log-bucket"),
            join(environment.name, "/", service.name, "/", process.name),
            idle_timeout(environment, process),
        ),
        Tags=tags(service, environment, process.name, process.name),
    )


def guard(environment: Environment, process: Process) -> Iterator[AWSObject]:
    """Put the environment's web ACL before a load balancer that the internet reaches."""
    if is_public(process) and environment.waf.mode != "off":
        acl = ssm(environment, "security", "public-web-acl-arn")
        yield WebACLAssociation(
            camel(process.name) + "WebAclAssociation",
            ResourceArn=Ref(camel(process.name) + "LoadBalancer"),
            WebACLArn=derive(acl, acl, process.exposure),
        )


def target_group(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    check = process.health_check
    yield TargetGroup(
        camel(process.name) + "TargetGroup",
        VpcId=GetAtt(camel(process.name) + "SecurityGroup", "VpcId"),
        TargetType="instance",
        Protocol="HTTP",
        Port=process.port,
        HealthCheckEnabled=True,
        HealthCheckProtocol="HTTP",
        # Always nginx: health on a port of its own would say nothing of the way that requests take.
        HealthCheckPort="traffic-port",
        HealthCheckPath=check.path,
        HealthCheckIntervalSeconds=check.interval,
        HealthCheckTimeoutSeconds=check.timeout,
        HealthyThresholdCount=check.healthy_threshold,
        UnhealthyThresholdCount=check.unhealthy_threshold,
        Matcher=Matcher(HttpCode="200"),
        TargetGroupAttributes=[
            TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value=str(process.requests.timeout)),
            # The slow start of round robin is not to be had together with this.
            TargetGroupAttribute(Key="load_balancing.algorithm.type", Value="least_outstanding_requests"),
            TargetGroupAttribute(Key="stickiness.enabled", Value="false"),
        ],
        Tags=tags(service, environment, process.name, process.name),
    )


def listeners(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    whatever_comes = Action(Type="forward", TargetGroupArn=Ref(camel(process.name) + "TargetGroup"))
    yield Listener(
        camel(process.name) + "Listener",
        LoadBalancerArn=Ref(camel(process.name) + "LoadBalancer"),
        Port=443,
        Protocol="HTTPS",
        SslPolicy=TLS_POLICY,
        Certificates=[Certificate(CertificateArn=ingress(environment, process, "certificate-arn"))],
        DefaultActions=[nobody() if has_rule(process) else whatever_comes],
        Tags=tags(service, environment, process.name, process.name),
    )
    # People type addresses without https; services do not.
    if is_public(process):
        yield Listener(
            camel(process.name) + "RedirectListener",
            LoadBalancerArn=Ref(camel(process.name) + "LoadBalancer"),
            Port=80,
            Protocol="HTTP",
            DefaultActions=[redirect_to_https()],
            Tags=tags(service, environment, join(process.name, "-redirect"), process.name),
        )


def listener_rule(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    routing = process.routing
    if is_shared(process):
        listener, place = ingress(environment, process, "listener-arn"), routing.priority
    else:
        listener, place = Ref(camel(process.name) + "Listener"), LAST_PLACE
    names = [domain_name(environment, process, label) for label in (process.dns, routing.host) if label is not None]
    conditions = []
    if names:
        conditions.append(Condition(Field="host-header", HostHeaderConfig=HostHeaderConfig(Values=names)))
    if routing.paths:
        conditions.append(
            Condition(Field="path-pattern", PathPatternConfig=PathPatternConfig(Values=list(routing.paths)))
        )
    yield ListenerRule(
        camel(process.name) + "ListenerRule",
        ListenerArn=listener,
        Priority=place,
        Conditions=conditions,
        Actions=[ListenerRuleAction(Type="forward", TargetGroupArn=Ref(camel(process.name) + "TargetGroup"))],
        Tags=tags(service, environment, process.name, process.name),
    )


def dns_record(environment: Environment, process: Process) -> Iterator[AWSObject | Output]:
    if process.dns is None:
        if not is_shared(process):
            yield Output(
                camel(process.name) + "Url",
                Description=join("AWS's own name for the process ", process.name, ", which no certificate is for"),
                Value=Sub(join("https://${", camel(process.name), "LoadBalancer.DNSName}")),
            )
        return
    name = domain_name(environment, process, process.dns)
    balancer, zone = alias(environment, process)
    yield RecordSetType(
        camel(process.name) + "DnsRecord",
        Name=name,
        Type="A",  # and no AAAA: the environment's subnets have no IPv6, so the load balancer has no such address
        HostedZoneId=facing(environment, process, "network", "zone-id"),
        AliasTarget=AliasTarget(
            DNSName=balancer,
            HostedZoneId=zone,
            # That of a shared one is not this process's: its rule may be without targets while others serve.
            EvaluateTargetHealth=derive(not is_shared(process), process.load_balancer),
        ),
    )
    yield Output(
        camel(process.name) + "Url",
        Description=join("Where clients reach the process ", process.name),
        Value=join("https://", name),
    )
