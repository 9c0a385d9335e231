"""The ways into an environment: who certifies which names, what shared load balancers answer, who may write logs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from compiler.service import Environment, Ingress, Waf
from compiler.trace import RefusalError
from tests.environments_by_hand import AUTHORITY, PRODUCTION, STAGING, build_template, properties_of, statements_of

CERTIFICATE = "arn:aws:acm:eu-west-1:111122223333:certificate/0b8a4f0e-3f0b-4a55-9b0e-2f2ad8e1c6a1"
ALONE = replace(PRODUCTION, ingress=Ingress((), AUTHORITY))
BELOW = replace(PRODUCTION, private_zone="internal.recipes.example", ingress=Ingress(("private",)))
IMPORTED = replace(PRODUCTION, ingress=Ingress(("private",), AUTHORITY, CERTIFICATE))
PUBLIC_ZONE = "{{resolve:ssm:/platform/production/network/public-zone-id}}"


@pytest.mark.parametrize(
    ("environment", "zone", "authority", "proven_in"),
    [
        (PRODUCTION, "production.internal", AUTHORITY, None),
        (BELOW, "internal.recipes.example", None, PUBLIC_ZONE),
    ],
)
def test_a_certificate_covers_its_zone_and_is_signed_by_who_can_look_it_up(
    environment: Environment, zone: str, authority: str | None, proven_in: str | None
) -> None:
    made = properties_of(build_template("ingress", environment), "AWS::CertificateManager::Certificate")
    assert {
        "PublicCertificate": ("recipes.example", ["*.recipes.example"], None, PUBLIC_ZONE),
        "PrivateCertificate": (zone, [f"*.{zone}"], authority, proven_in),
    } == {
        name: (
            each["DomainName"],
            each["SubjectAlternativeNames"],
            each.get("CertificateAuthorityArn"),
            next((option["HostedZoneId"] for option in each.get("DomainValidationOptions", ())), None),
        )
        for name, each in made.items()
    }


def test_names_that_nobody_can_certify_are_refused() -> None:
    with pytest.raises(RefusalError, match="`production.internal`, which is not below `recipes.example`$"):
        build_template("ingress", replace(PRODUCTION, ingress=Ingress()))


def test_a_certificate_that_is_there_is_published_and_served_as_it_is() -> None:
    stack = build_template("ingress", IMPORTED)
    assert ["PublicCertificate"] == list(properties_of(stack, "AWS::CertificateManager::Certificate"))
    assert CERTIFICATE == properties_of(stack, "AWS::SSM::Parameter")["PrivateCertificateArnParameter"]["Value"]
    listener = properties_of(stack, "AWS::ElasticLoadBalancingV2::Listener")["PrivateListener"]
    assert [{"CertificateArn": CERTIFICATE}] == listener["Certificates"]


def test_an_environment_that_shares_nothing_pays_for_no_load_balancer() -> None:
    kinds = {resource["Type"] for resource in build_template("ingress", ALONE)["Resources"].values()}
    assert {
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SSM::Parameter",
        "AWS::CertificateManager::Certificate",
        "AWS::CloudWatch::Alarm",
    } == kinds


def test_who_reaches_a_shared_load_balancer_is_a_matter_of_its_exposure() -> None:
    stack = build_template("ingress")
    balancers = properties_of(stack, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    groups = properties_of(stack, "AWS::EC2::SecurityGroup")
    tiers = {"Private": ("internal", "app"), "Public": ("internet-facing", "public")}
    for exposure, (scheme, tier) in tiers.items():
        balancer = balancers[f"{exposure}LoadBalancer"]
        subnets = [f"{{{{resolve:ssm:/platform/production/network/{tier}-subnet-{zone}}}}}" for zone in "abc"]
        assert (scheme, subnets) == (balancer["Scheme"], balancer["Subnets"])
        assert [{"Ref": f"{exposure}SecurityGroup"}] == balancer["SecurityGroups"]
    assert {
        "PrivateSecurityGroup": [(443, "10.16.0.0/16")],
        "PublicSecurityGroup": [(443, "0.0.0.0/0"), (80, "0.0.0.0/0")],
    } == {
        name: [(rule["FromPort"], rule["CidrIp"]) for rule in group["SecurityGroupIngress"]]
        for name, group in groups.items()
    }
    assert {"10.16.0.0/16"} == {rule["CidrIp"] for group in groups.values() for rule in group["SecurityGroupEgress"]}


def test_a_shared_listener_answers_404_by_itself_and_plain_http_is_sent_to_https() -> None:
    listeners = properties_of(build_template("ingress"), "AWS::ElasticLoadBalancingV2::Listener")
    assert {
        "PrivateListener": ("HTTPS", 443, "fixed-response"),
        "PublicListener": ("HTTPS", 443, "fixed-response"),
        "PublicRedirectListener": ("HTTP", 80, "redirect"),
    } == {name: (each["Protocol"], each["Port"], each["DefaultActions"][0]["Type"]) for name, each in listeners.items()}
    for name in ("PrivateListener", "PublicListener"):
        assert "404" == listeners[name]["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"]
        assert "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09" == listeners[name]["SslPolicy"]
        certificate = {"Ref": name.replace("Listener", "Certificate")}
        assert [{"CertificateArn": certificate}] == listeners[name]["Certificates"]


def test_load_balancers_of_the_account_alone_may_write_logs_and_wait_until_they_may() -> None:
    stack = build_template("ingress")
    allowed = [item for item in dict(statements_of(stack))["LogBucketPolicy"] if item["Effect"] == "Allow"]
    (logs,) = allowed
    assert {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"} == logs["Principal"]
    source = {"aws:SourceArn": "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/*"}
    assert {"ArnLike": source} == logs["Condition"]
    below = {"Fn::Sub": "${LogBucket.Arn}/*/AWSLogs/111122223333/*"}
    assert ("s3:PutObject", below) == (logs["Action"], logs["Resource"])
    for name in ("PrivateLoadBalancer", "PublicLoadBalancer"):
        balancer = stack["Resources"][name]
        assert "LogBucketPolicy" == balancer["DependsOn"]
        assert {"Ref": "LogBucket"} == _attributes(balancer)["access_logs.s3.bucket"]


def test_what_a_rule_of_a_service_needs_is_written_down() -> None:
    values = properties_of(build_template("ingress"), "AWS::SSM::Parameter")
    for exposure in ("private", "public"):
        title, balancer = exposure.capitalize(), f"{exposure.capitalize()}LoadBalancer"
        assert {
            "listener-arn": {"Ref": f"{title}Listener"},
            "load-balancer-arn-suffix": {"Fn::GetAtt": [balancer, "LoadBalancerFullName"]},
            "dns-name": {"Fn::GetAtt": [balancer, "DNSName"]},
            "zone-id": {"Fn::GetAtt": [balancer, "CanonicalHostedZoneID"]},
            "security-group-id": {"Fn::GetAtt": [f"{title}SecurityGroup", "GroupId"]},
        }.items() <= {
            each["Name"].removeprefix(f"/platform/production/ingress/{exposure}-"): each["Value"]
            for each in values.values()
        }.items()


def test_alarms_watch_the_load_balancers_and_the_certificates_that_are_made_here() -> None:
    names = set(properties_of(build_template("ingress"), "AWS::CloudWatch::Alarm"))
    assert {
        *(f"{exposure}{what}RedAlarm" for exposure in ("Private", "Public") for what in ("Errors", "Rejected")),
        *("PrivateCertificateAmberAlarm", "PublicCertificateAmberAlarm", "BlockedRequestsAmberAlarm"),
    } == names
    imported = properties_of(build_template("ingress", IMPORTED), "AWS::CloudWatch::Alarm")
    assert "PrivateCertificateAmberAlarm" not in imported


def test_the_web_acl_stands_before_the_public_load_balancer_and_its_alarm_watches_it() -> None:
    stack = build_template("ingress")
    (association,) = properties_of(stack, "AWS::WAFv2::WebACLAssociation").values()
    acl = "{{resolve:ssm:/platform/production/security/public-web-acl-arn}}"
    assert {"ResourceArn": {"Ref": "PublicLoadBalancer"}, "WebACLArn": acl} == association
    metric = properties_of(stack, "AWS::CloudWatch::Alarm")["BlockedRequestsAmberAlarm"]["Metrics"][0]["MetricStat"][
        "Metric"
    ]
    watched = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
    made = properties_of(build_template("security"), "AWS::WAFv2::WebACL")["PublicWebAcl"]
    assert {"WebACL": made["VisibilityConfig"]["MetricName"], "Region": "eu-west-1", "Rule": "ALL"} == watched
    alone = build_template("ingress", replace(PRODUCTION, ingress=Ingress(("private",), AUTHORITY)))
    assert {} == properties_of(alone, "AWS::WAFv2::WebACLAssociation")
    # Services may have public load balancers of their own.
    assert "BlockedRequestsAmberAlarm" in properties_of(alone, "AWS::CloudWatch::Alarm")
    off = build_template("ingress", replace(PRODUCTION, waf=Waf("off")))
    assert "PublicWebAclAssociation" not in off["Resources"] and "BlockedRequestsAmberAlarm" not in off["Resources"]


def test_the_zone_of_public_names_is_found_or_made() -> None:
    found, made = build_template("network"), build_template("network", STAGING)
    assert "Z0423711P3XCA0LFK2QD" == _published(found, "PublicZoneIdParameter")
    assert ["PrivateZone"] == list(properties_of(found, "AWS::Route53::HostedZone"))
    assert {"Ref": "PublicZone"} == _published(made, "PublicZoneIdParameter")
    zone = properties_of(made, "AWS::Route53::HostedZone")["PublicZone"]
    assert "staging.recipes.example" == zone["Name"]
    assert "VPCs" not in zone
    assert "PublicZoneNameServers" in made["Outputs"]


def _published(stack: dict[str, Any], title: str) -> Any:
    return properties_of(stack, "AWS::SSM::Parameter")[title]["Value"]


def _attributes(balancer: dict[str, Any]) -> dict[str, Any]:
    return {item["Key"]: item["Value"] for item in balancer["Properties"]["LoadBalancerAttributes"]}
