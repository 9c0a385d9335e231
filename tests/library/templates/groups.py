"""Groups of instances, as small as they can be."""

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref, Sub, Tags
from troposphere.autoscaling import AutoScalingGroup, LaunchTemplateSpecification
from troposphere.ec2 import LaunchTemplate, LaunchTemplateData, SecurityGroup, SecurityGroupRule
from troposphere.iam import Role

from compiler.authoring import Environment, Process, Service, camel, join

SCOPE = "service"


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for process in service.processes_on("instances"):
        yield from _group(service, process, environment)


def _group(service: Service, process: Process, environment: Environment) -> Iterator[AWSObject]:
    name = camel(process.name)
    yield LaunchTemplate(
        f"{name}LaunchTemplate",
        LaunchTemplateData=LaunchTemplateData(InstanceType=process.instance_type),
    )
    yield AutoScalingGroup(
        f"{name}Group",
        MinSize=process.scaling.min,
        MaxSize=process.scaling.max,
        HealthCheckGracePeriod=process.health_check.grace_period,
        DesiredCapacityType=Sub("units"),
        LaunchTemplate=LaunchTemplateSpecification(
            LaunchTemplateId=Ref(f"{name}LaunchTemplate"),
            Version=GetAtt(f"{name}LaunchTemplate", "LatestVersionNumber"),
        ),
        AvailabilityZones=["eu-west-1a", "eu-west-1b"],
    )
    yield SecurityGroup(
        f"{name}SecurityGroup",
        GroupDescription=join("Traffic of ", service.name, " ", process.name),
        SecurityGroupIngress=[SecurityGroupRule(IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.0.0.0/8")],
        Tags=Tags({"Name": join(environment.name, "-", process.name), "owner": service.owner}),
    )
    ec2 = {"Service": "ec2.amazonaws.com"}
    yield Role(
        f"{name}Role",
        AssumeRolePolicyDocument={
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": ec2},
                {"Sid": "Tags", "Effect": "Allow", "Action": "sts:TagSession", "Principal": ec2},
            ],
        },
        DependsOn=[f"{name}SecurityGroup", f"{name}LaunchTemplate"],
        ManagedPolicyArns=list(process.wiring.policies),
    )
