"""Every stack of an environment is created, updated and deleted, in the order that the change log tells, and read back.

The server is MiniStack. What it does not know stands in by name only: a test for each kind is skipped and says so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

import pytest
from botocore.exceptions import ClientError

from compiler.service import AccountBaseline, DeploymentBucket, Environment, Waf
from tests.deploying import STAND_INS, Cloud, open_cloud
from tests.environments_by_hand import BRANCHES, PRODUCTION, TEMPLATES, build_template, with_network
from tests.environments_by_hand import STAGING as STAGING_ELSEWHERE
from tests.ministack import MiniStack
from tests.services_by_hand import CASES, build_resources

# The account of the server: policies that compare accounts are enforced.
ACCOUNT = "000000000000"
STAGING = replace(STAGING_ELSEWHERE, account=ACCOUNT)
NEWER = "ami-0fedcba9876543210"
# An option that changes each stack, and what its change set says, in part.
CHANGES: dict[str, tuple[Environment, set[str]]] = {
    "security": (
        replace(STAGING, tier="production", waf=Waf("count")),
        {"Modify BootLogGroup", "Modify PublicWebAcl"},
    ),
    "notifications": (
        replace(STAGING, owners=("platform", "squad-menu", "squad-plan")),
        {"Add SquadPlanRedTopic", "Remove SquadOrdersRedTopic"},
    ),
    "network": (
        with_network(STAGING, flow_log_retention=180, callers={"sqs": ("orders",), "events": ("plans",)}),
        {"Modify FlowLogGroup", "Add EventsEndpoint", "Remove SnsEndpoint"},
    ),
    "deployment_bucket": (
        replace(STAGING, deployment_bucket=DeploymentBucket(lock_days=30)),
        {"Modify DeploymentBucket"},
    ),
    "ingress": (
        replace(STAGING, ingress=replace(STAGING.ingress, shared=("private",))),
        {"Remove PublicLoadBalancer", "Remove PublicListenerArnParameter"},
    ),
    "account": (
        replace(STAGING, account_baseline=AccountBaseline(guard_duty=False, config_role=False)),
        {"Remove ConfigRole", "Remove ThreatRule", "Remove Detector", "Remove MonthlyBudget"},
    ),
    "bastion": (
        replace(STAGING, business_hours=replace(STAGING.business_hours, stop="0 20 * * 1-5")),
        {"Modify GoHome"},
    ),
    "environment_dashboard": (replace(STAGING, waf=Waf("off")), {"Modify Dashboard"}),
    "images": (replace(STAGING, image_ids={**STAGING.image_ids, "arm64": NEWER}), {"Modify Arm64Parameter"}),
}


@dataclass(frozen=True, slots=True)
class Deployed:
    """The stacks of an environment as they run."""

    cloud: Cloud
    environment: Environment

    def parameters(self) -> dict[str, str]:
        return self.cloud.parameters(f"/platform/{self.environment.name}")


@pytest.fixture(scope="module")
def staging(cloud: Cloud) -> Deployed:
    for name in TEMPLATES:
        cloud.deploy(stack_name(STAGING, name), build_template(name, STAGING))
    return Deployed(cloud, STAGING)


@pytest.mark.parametrize("elsewhere", [PRODUCTION, BRANCHES], ids=lambda each: each.name)
def test_every_stack_is_created_in_order_and_deleted_in_the_reverse_order(cloud: Cloud, elsewhere: Environment) -> None:
    environment = replace(elsewhere, account=ACCOUNT)
    for name in TEMPLATES:
        template = build_template(name, environment)
        planned = cloud.deploy(stack_name(environment, name), template)
        assert {f"Add {logical_id}" for logical_id in template["Resources"]} == set(planned)
        made = {logical_id: kind for logical_id, (kind, _) in cloud.resources(stack_name(environment, name)).items()}
        assert {logical_id: each["Type"] for logical_id, each in template["Resources"].items()} == made
    for name in reversed(TEMPLATES):
        cloud.remove(stack_name(environment, name))
    assert {} == cloud.parameters(f"/platform/{environment.name}")


def test_a_value_arrives_where_another_stack_reads_it(staging: Deployed) -> None:
    values, client = staging.parameters(), staging.cloud.client
    (flows,) = client("logs").describe_log_groups(logGroupNamePrefix="/platform/staging/network")["logGroups"]
    assert (values["security/logs-key-arn"], 90) == (flows["kmsKeyId"], flows["retentionInDays"])
    alarm = staging.cloud.resources(stack_name(STAGING, "network"))["NatAPortsAmberAlarm"][1]
    (found,) = client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    assert [values["notifications/platform-amber-topic-arn"]] == found["AlarmActions"]
    assert values["notifications/platform-amber-topic-arn"].endswith(":platform-staging-platform-amber")


def test_the_network_is_as_the_services_tell(staging: Deployed) -> None:
    values, ec2 = staging.parameters(), staging.cloud.client("ec2")
    vpc = values["network/vpc-id"]
    within = [{"Name": "vpc-id", "Values": [vpc]}]
    assert "10.32.0.0/16" == ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"]
    subnets = {each["SubnetId"]: each for each in ec2.describe_subnets(Filters=within)["Subnets"]}
    names = [f"network/{tier}-subnet-{zone}" for tier in ("public", "app", "data") for zone in "ab"]
    assert {values[name] for name in names} == set(subnets)
    assert "10.32.20.0/22" == subnets[values["network/app-subnet-b"]]["CidrBlock"]
    endpoints = ec2.describe_vpc_endpoints(Filters=within)["VpcEndpoints"]
    named = {each["ServiceName"].removeprefix("com.amazonaws.eu-west-1.") for each in endpoints}
    assert {"s3", "dynamodb", "sns", "sqs", "ssm", "logs"} < named
    zones = {
        each["Id"].rpartition("/")[2]: each
        for each in staging.cloud.client("route53").list_hosted_zones()["HostedZones"]
    }
    assert "staging.recipes.example." == zones[values["network/public-zone-id"]]["Name"]
    assert "staging.internal." == zones[values["network/private-zone-id"]]["Name"]
    assert "ns-" in staging.cloud.outputs(stack_name(STAGING, "network"))["PublicZoneNameServers"]


def test_the_shared_load_balancers_are_as_the_service_tells(staging: Deployed) -> None:
    values, elb = staging.parameters(), staging.cloud.client("elbv2")
    for exposure, scheme in (("private", "internal"), ("public", "internet-facing")):
        (listener,) = elb.describe_listeners(ListenerArns=[values[f"ingress/{exposure}-listener-arn"]])["Listeners"]
        (balancer,) = elb.describe_load_balancers(LoadBalancerArns=[listener["LoadBalancerArn"]])["LoadBalancers"]
        assert (scheme, values[f"ingress/{exposure}-dns-name"]) == (balancer["Scheme"], balancer["DNSName"])
        assert [values[f"ingress/{exposure}-security-group-id"]] == balancer["SecurityGroups"]
        assert balancer["LoadBalancerArn"].endswith(values[f"ingress/{exposure}-load-balancer-arn-suffix"])
        assert [values[f"ingress/{exposure}-certificate-arn"]] == [
            each["CertificateArn"] for each in listener["Certificates"]
        ]
        assert "fixed-response" == listener["DefaultActions"][0]["Type"]
        attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])["Attributes"]
        told = {each["Key"]: each["Value"] for each in attributes}
        assert values["ingress/log-bucket"] == told["access_logs.s3.bucket"]


def test_the_policies_are_there_as_the_services_tell(staging: Deployed) -> None:
    values, client = staging.parameters(), staging.cloud.client
    policies = {name: value for name, value in values.items() if name.endswith(("-policy-arn", "-boundary-arn"))}
    assert 6 <= len(policies)
    for arn in policies.values():
        version = client("iam").get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = client("iam").get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        assert document["Statement"]
    for name in ("ingress/log-bucket", "deployment-bucket/name", "deployment-bucket/log-bucket-name"):
        policy = json.loads(client("s3").get_bucket_policy(Bucket=values[name])["Policy"])
        assert "DenyPlainTransport" == policy["Statement"][0]["Sid"]
        assert [f"arn:aws:s3:::{values[name]}", f"arn:aws:s3:::{values[name]}/*"] == policy["Statement"][0]["Resource"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_changed_option_updates_its_stack_and_changes_back(staging: Deployed, name: str) -> None:
    changed, expected = CHANGES[name]
    stack = stack_name(STAGING, name)
    before = staging.cloud.resources(stack)
    assert expected <= set(staging.cloud.deploy(stack, build_template(name, changed)))
    assert set(build_template(name, changed)["Resources"]) == set(staging.cloud.resources(stack))
    if name == "images":
        newest = staging.cloud.client("ssm").get_parameter(Name="/platform/staging/images/arm64")["Parameter"]
        assert (NEWER, 2) == (newest["Value"], newest["Version"])
    staging.cloud.deploy(stack, build_template(name, STAGING))
    assert set(before) == set(staging.cloud.resources(stack))


@pytest.mark.parametrize("kind", STAND_INS)
def test_what_stands_in_is_not_known_to_the_server_itself(ministack: MiniStack, kind: str) -> None:
    name, _, by = kind.partition(" with ")
    made = [each for template in TEMPLATES for each in build_template(template, PRODUCTION)["Resources"].values()]
    made += [each for case in ("warm-pool", "muted") for each in build_resources(*CASES[case]).values()]
    properties = next(
        each["Properties"] for each in made if each["Type"] == name and (not by or by in each["Properties"])
    )
    # What it refers to is not there.
    bare = {key: value for key, value in properties.items() if not re.search(r"resolve:|Ref|Fn::", json.dumps(value))}
    plain = open_cloud(ministack)
    stack = f"unknown-{sorted(STAND_INS).index(kind)}"
    with pytest.raises(
        (ClientError, AssertionError), match="Unrecognized resource types|MetricName and Namespace are required"
    ):
        plain.deploy(
            stack, {"Resources": {"Unknown": {"Type": name, "Properties": {**bare, **({by: []} if by else {})}}}}
        )
    pytest.skip(f"MiniStack does not make {kind}")


def stack_name(environment: Environment, template: str) -> str:
    return f"{environment.name}-{template.replace('_', '-')}"
