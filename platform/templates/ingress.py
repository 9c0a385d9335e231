"""Ways in: certificates for names, load balancers that services share, and the bucket that every one of them logs to.

A load balancer answers 404 by itself: services add rules to its listener. Which exposures have one is up to the
environment; a process may have a load balancer of its own in any case.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.certificatemanager import Certificate, DomainValidationOption
from troposphere.ec2 import SecurityGroup, SecurityGroupRule
from troposphere.elasticloadbalancingv2 import Certificate as ServedCertificate
from troposphere.elasticloadbalancingv2 import Listener, LoadBalancer
from troposphere.wafv2 import WebACLAssociation

from compiler.authoring import Environment, RefusalError, camel, derive, join

from ._buckets import log_bucket, objects_of
from ._conventions import arn, ssm, subnets
from ._environment_conventions import publish, tags
from ._ingress_alarms import blocked_requests_alarm, certificate_alarm, load_balancer_alarms
from ._load_balancers import TLS_POLICY, attributes, nobody, redirect_to_https

SCOPE = "environment"


def build(environment: Environment) -> Iterator[AWSObject]:
    yield from logs_of_load_balancers(environment)
    yield from public_certificate(environment)
    yield from private_certificate(environment)
    for exposure in environment.ingress.shared:
        yield from security_group(environment, exposure)
        yield from load_balancer(environment, exposure)
        yield from listeners(environment, exposure)
        yield from load_balancer_alarms(environment, exposure)
    if environment.waf.mode != "off":
        if "public" in environment.ingress.shared:
            yield from guard(environment)
        # Services have public load balancers of their own, too.
        yield blocked_requests_alarm(environment)


def logs_of_load_balancers(environment: Environment) -> Iterator[AWSObject]:
    """Load balancers write below a prefix each, always in a folder that is called after the account."""
    yield from log_bucket(
        environment,
        "LogBucket",
        {
            "Sid": "LoadBalancersMayLog",
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": objects_of("LogBucket", join("/*/AWSLogs/", environment.account, "/*")),
            "Condition": {"ArnLike": {"aws:SourceArn": arn(environment, "elasticloadbalancing", "loadbalancer/*")}},
        },
        purpose="load-balancer-logs",
    )
    yield publish(
        environment,
        "ingress/log-bucket",
        value=Ref("LogBucket"),
        description="Name of the bucket where load balancers write down each request",
    )


# Certificates


def public_certificate(environment: Environment) -> Iterator[AWSObject]:
    yield from issued_by_amazon(environment, "public", environment.public_zone)


def private_certificate(environment: Environment) -> Iterator[AWSObject]:
    """Amazon signs only names that it can look up, those below the public zone; others need another authority."""
    ingress, zone = environment.ingress, environment.private_zone
    if ingress.private_certificate is not None:
        yield publish_certificate(environment, "private", ingress.private_certificate)
    elif zone.endswith(f".{environment.public_zone}"):
        yield from issued_by_amazon(environment, "private", zone)
    elif ingress.certificate_authority is not None:
        yield Certificate(
            "PrivateCertificate",
            DomainName=zone,
            SubjectAlternativeNames=[join("*.", zone)],
            CertificateAuthorityArn=ingress.certificate_authority,
            Tags=tags(environment, "private"),
        )
        yield from published(environment, "private")
    else:
        raise RefusalError(
            f"nobody can certify names in `{zone}`, which is not below `{environment.public_zone}`",
            zone,
            "set `ingress.certificateAuthority` or `ingress.privateCertificate`",
        )


def issued_by_amazon(environment: Environment, exposure: str, zone: str) -> Iterator[AWSObject]:
    """Amazon asks for records in the public zone, which CloudFormation writes; it waits until they are seen."""
    public_zone_id = ssm(environment, "network", "public-zone-id")
    yield Certificate(
        camel(exposure, "certificate"),
        DomainName=zone,
        SubjectAlternativeNames=[join("*.", zone)],
        ValidationMethod="DNS",
        # The name and everything below it are proven by one and the same record.
        DomainValidationOptions=[DomainValidationOption(DomainName=zone, HostedZoneId=public_zone_id)],
        CertificateTransparencyLoggingPreference="ENABLED",
        Tags=tags(environment, exposure),
    )
    yield from published(environment, exposure)


def published(environment: Environment, exposure: str) -> Iterator[AWSObject]:
    yield publish_certificate(environment, exposure, Ref(camel(exposure, "certificate")))
    yield certificate_alarm(environment, exposure)


def publish_certificate(environment: Environment, exposure: str, value: object) -> AWSObject:
    return publish(
        environment,
        f"ingress/{exposure}-certificate-arn",
        value=value,
        description=f"Certificate for names in the {exposure} zone",
    )


# Load balancers that services share


def security_group(environment: Environment, exposure: str) -> Iterator[AWSObject]:
    title = camel(exposure, "security-group")
    clients = derive("0.0.0.0/0" if exposure == "public" else environment.network.cidr, environment.network.cidr)
    ports = {"https": 443, "http": 80} if exposure == "public" else {"https": 443}
    yield SecurityGroup(
        title,
        GroupDescription=join("Shared ", exposure, " load balancer in ", environment.name),
        VpcId=ssm(environment, "network", "vpc-id"),
        SecurityGroupIngress=[
            SecurityGroupRule(
                Description=f"{protocol.upper()} from clients",
                IpProtocol="tcp",
                FromPort=port,
                ToPort=port,
                CidrIp=clients,
            )
            for protocol, port in ports.items()
        ],
        # To whichever ports services choose: a rule for each would reach the 60 that a group may have.
        SecurityGroupEgress=[
            SecurityGroupRule(
                Description="Requests and health checks to instances",
                IpProtocol="tcp",
                FromPort=1,
                ToPort=65535,
                CidrIp=environment.network.cidr,
            )
        ],
        Tags=tags(environment, join("shared-", exposure)),
    )
    yield publish(
        environment,
        join("ingress/", exposure, "-security-group-id"),
        value=GetAtt(title, "GroupId"),
        description=join("Security group of the shared ", exposure, " load balancer"),
    )


def load_balancer(environment: Environment, exposure: str) -> Iterator[AWSObject]:
    title, is_public = camel(exposure, "load-balancer"), exposure == "public"
    yield LoadBalancer(
        title,
        Type="application",
        IpAddressType="ipv4",
        Scheme=derive("internet-facing" if is_public else "internal", exposure),
        Subnets=subnets(environment, derive("public" if is_public else "app", exposure)),
        SecurityGroups=[Ref(camel(exposure, "security-group"))],
        LoadBalancerAttributes=attributes(
            Ref("LogBucket"), join(environment.name, "/shared/", exposure), environment.ingress.idle_timeout
        ),
        Tags=tags(environment, join("shared-", exposure)),
        # It tries to write to the bucket as soon as it is told of it.
        DependsOn="LogBucketPolicy",
    )
    for name, attribute, what in (
        ("load-balancer-arn-suffix", "LoadBalancerFullName", "What metrics call"),
        ("dns-name", "DNSName", "AWS's own name of"),
        ("zone-id", "CanonicalHostedZoneID", "Hosted zone of AWS's own name of"),
    ):
        yield publish(
            environment,
            join("ingress/", exposure, f"-{name}"),
            value=GetAtt(title, attribute),
            description=join(f"{what} the shared ", exposure, " load balancer"),
        )


def listeners(environment: Environment, exposure: str) -> Iterator[AWSObject]:
    title = camel(exposure, "listener")
    yield Listener(
        title,
        LoadBalancerArn=Ref(camel(exposure, "load-balancer")),
        Port=443,
        Protocol="HTTPS",
        SslPolicy=TLS_POLICY,
        Certificates=[ServedCertificate(CertificateArn=_certificate(environment, exposure))],
        DefaultActions=[nobody()],
        Tags=tags(environment, join("shared-", exposure)),
    )
    yield publish(
        environment,
        join("ingress/", exposure, "-listener-arn"),
        value=Ref(title),
        description=join("HTTPS listener of the shared ", exposure, " load balancer, where services add their rules"),
    )
    # People type addresses without https; services do not.
    if exposure == "public":
        yield Listener(
            camel(exposure, "redirect-listener"),
            LoadBalancerArn=Ref(camel(exposure, "load-balancer")),
            Port=80,
            Protocol="HTTP",
            DefaultActions=[redirect_to_https()],
            Tags=tags(environment, join("shared-", exposure, "-redirect")),
        )


def guard(environment: Environment) -> Iterator[AWSObject]:
    """Put the web ACL before the shared load balancer that the internet reaches."""
    yield WebACLAssociation(
        "PublicWebAclAssociation",
        ResourceArn=Ref(camel("public", "load-balancer")),
        WebACLArn=ssm(environment, "security", "public-web-acl-arn"),
    )


def _certificate(environment: Environment, exposure: str) -> object:
    if exposure == "private" and environment.ingress.private_certificate is not None:
        return environment.ingress.private_certificate
    return Ref(camel(exposure, "certificate"))
