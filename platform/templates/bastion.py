"""A way into the network for people, for as long as they need it: a host for tunnels, or a client VPN. None by default.

The host has no open port: tunnels come through Session Manager. It is not there until somebody asks for one.
At the end of business hours it goes by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.autoscaling import AutoScalingGroup, LaunchTemplateSpecification, ScheduledAction
from troposphere.autoscaling import Tag as GroupTag
from troposphere.ec2 import (
    ClientAuthenticationRequest,
    ClientVpnAuthorizationRule,
    ClientVpnEndpoint,
    ClientVpnTargetNetworkAssociation,
    ConnectionLogOptions,
    EBSBlockDevice,
    FederatedAuthenticationRequest,
    IamInstanceProfile,
    LaunchTemplate,
    LaunchTemplateBlockDeviceMapping,
    LaunchTemplateData,
    MetadataOptions,
    NetworkInterfaces,
    SecurityGroup,
    SecurityGroupRule,
    TagSpecifications,
)
from troposphere.iam import InstanceProfile, Role
from troposphere.logs import LogGroup

from compiler.authoring import Environment, camel, derive, join

from ._conventions import image_id, is_production, keep, key_arn, may_assume, ssm, subnets
from ._environment_conventions import publish, tag_values, tags

SCOPE = "environment"

INSTANCE_TYPE = "t4g.nano"


def build(environment: Environment) -> Iterator[AWSObject]:
    if environment.bastion.mode == "none":
        return
    yield from security_group(environment)
    yield from (host(environment) if environment.bastion.mode == "host" else client_vpn(environment))


def security_group(environment: Environment) -> Iterator[AWSObject]:
    yield SecurityGroup(
        "SecurityGroup",
        GroupDescription=join("People in the network of ", environment.name),
        VpcId=ssm(environment, "network", "vpc-id"),
        SecurityGroupEgress=[
            SecurityGroupRule(
                Description="Whatever answers in the network",
                IpProtocol="tcp",
                FromPort=1,
                ToPort=65535,
                CidrIp=environment.network.cidr,
            )
        ],
        Tags=tags(environment, "bastion"),
    )
    yield publish(
        environment,
        "bastion/security-group-id",
        value=GetAtt("SecurityGroup", "GroupId"),
        description="Security group of people, for what is to let them in",
    )


def host(environment: Environment) -> Iterator[AWSObject]:
    yield Role(
        "Role",
        Description=join("Bastion of ", environment.name),
        AssumeRolePolicyDocument=may_assume("InstancesMayAssume", "ec2.amazonaws.com"),
        ManagedPolicyArns=[ssm(environment, "security", "instance-base-policy-arn")],
        PermissionsBoundary=ssm(environment, "security", "service-boundary-arn"),
        Tags=tags(environment, "bastion"),
    )
    yield InstanceProfile("InstanceProfile", Roles=[Ref("Role")])
    yield LaunchTemplate(
        "LaunchTemplate",
        LaunchTemplateData=LaunchTemplateData(
            ImageId=image_id(environment, INSTANCE_TYPE),
            InstanceType=INSTANCE_TYPE,
            IamInstanceProfile=IamInstanceProfile(Arn=GetAtt("InstanceProfile", "Arn")),
            InstanceInitiatedShutdownBehavior="terminate",
            MetadataOptions=MetadataOptions(HttpEndpoint="enabled", HttpTokens="required", HttpPutResponseHopLimit=1),
            NetworkInterfaces=[
                NetworkInterfaces(
                    DeviceIndex=0,
                    AssociatePublicIpAddress=False,
                    DeleteOnTermination=True,
                    Groups=[Ref("SecurityGroup")],
                )
            ],
            BlockDeviceMappings=[
                LaunchTemplateBlockDeviceMapping(
                    DeviceName="/dev/xvda",
                    Ebs=EBSBlockDevice(
                        VolumeType="gp3",
                        VolumeSize=8,
                        Encrypted=True,
                        KmsKeyId=key_arn(environment, "data"),
                        DeleteOnTermination=True,
                    ),
                )
            ],
            TagSpecifications=[
                TagSpecifications(ResourceType=kind, Tags=tags(environment, "bastion"))
                for kind in ("instance", "volume")
            ],
        ),
        TagSpecifications=[TagSpecifications(ResourceType="launch-template", Tags=tags(environment, "bastion"))],
    )
    yield AutoScalingGroup(
        "Group",
        # How many there are is up to who asks for one: `aws autoscaling set-desired-capacity`.
        MinSize=0,
        MaxSize=1,
        LaunchTemplate=LaunchTemplateSpecification(
            LaunchTemplateId=Ref("LaunchTemplate"), Version=GetAtt("LaunchTemplate", "LatestVersionNumber")
        ),
        VPCZoneIdentifier=subnets(environment, "app"),
        HealthCheckType="EC2",
        Tags=[GroupTag(key, value, False) for key, value in tag_values(environment, "bastion").items()],
    )
    yield ScheduledAction(
        "GoHome",
        AutoScalingGroupName=Ref("Group"),
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=0,
        Recurrence=environment.business_hours.stop,
        TimeZone=environment.business_hours.time_zone,
    )
    yield publish(
        environment, "bastion/group-name", value=Ref("Group"), description="Auto scaling group of the bastion"
    )


def client_vpn(environment: Environment) -> Iterator[AWSObject]:
    """People sign in with the organization's identity provider; what is for the network goes through the tunnel."""
    bastion = environment.bastion
    if bastion.saml_provider is None or bastion.client_cidr is None:
        raise ValueError("a client VPN asks for `bastion.samlProvider` and `bastion.clientCidr`")
    yield LogGroup(
        "LogGroup",
        LogGroupName=join("/platform/", environment.name, "/client-vpn"),
        RetentionInDays=derive(365 if is_production(environment) else 90, environment.tier),
        KmsKeyId=key_arn(environment, "logs"),
        Tags=tags(environment, "client-vpn"),
        **keep(environment),
    )
    yield ClientVpnEndpoint(
        "ClientVpnEndpoint",
        Description=join("Client VPN of ", environment.name),
        ClientCidrBlock=bastion.client_cidr,
        ServerCertificateArn=ssm(environment, "ingress", "public-certificate-arn"),
        AuthenticationOptions=[
            ClientAuthenticationRequest(
                Type="federated-authentication",
                FederatedAuthentication=FederatedAuthenticationRequest(SAMLProviderArn=bastion.saml_provider),
            )
        ],
        ConnectionLogOptions=ConnectionLogOptions(Enabled=True, CloudwatchLogGroup=Ref("LogGroup")),
        SecurityGroupIds=[Ref("SecurityGroup")],
        VpcId=ssm(environment, "network", "vpc-id"),
        SplitTunnel=True,
        TransportProtocol="udp",
        VpnPort=443,
        SessionTimeoutHours=8,
        TagSpecifications=[TagSpecifications(ResourceType="client-vpn-endpoint", Tags=tags(environment, "client-vpn"))],
    )
    for zone in environment.network.zones:
        yield ClientVpnTargetNetworkAssociation(
            camel("association", zone),
            ClientVpnEndpointId=Ref("ClientVpnEndpoint"),
            SubnetId=ssm(environment, "network", join("app-subnet-", zone)),
        )
    yield ClientVpnAuthorizationRule(
        "AuthorizationRule",
        ClientVpnEndpointId=Ref("ClientVpnEndpoint"),
        Description="Everyone who may sign in reaches the network",
        TargetNetworkCidr=environment.network.cidr,
        AuthorizeAllGroups=True,
    )
    yield publish(
        environment,
        "bastion/client-vpn-endpoint-id",
        value=Ref("ClientVpnEndpoint"),
        description="Client VPN that people connect to",
    )
