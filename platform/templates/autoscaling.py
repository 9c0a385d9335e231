"""Auto scaling for processes that run on instances: what may run, how it starts, how many, and how they are replaced.

Load balancing, for those that listen on a port, is `load_balancing`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from troposphere import AWSObject, GetAtt, Parameter, Ref
from troposphere.autoscaling import (
    AutoScalingGroup,
    AvailabilityZoneImpairmentPolicy,
    InstanceMaintenancePolicy,
    InstanceReusePolicy,
    InstancesDistribution,
    LaunchTemplateOverrides,
    LaunchTemplateSpecification,
    LifecycleHookSpecification,
    MetricsCollection,
    MixedInstancesPolicy,
    ScheduledAction,
    WarmPool,
)
from troposphere.autoscaling import LaunchTemplate as MixedLaunchTemplate
from troposphere.autoscaling import Tags as GroupTags
from troposphere.ec2 import (
    EBSBlockDevice,
    IamInstanceProfile,
    LaunchTemplate,
    LaunchTemplateBlockDeviceMapping,
    LaunchTemplateData,
    MetadataOptions,
    Monitoring,
    NetworkInterfaces,
    TagSpecifications,
)
from troposphere.policies import (
    AutoScalingCreationPolicy,
    AutoScalingReplacingUpdate,
    AutoScalingRollingUpdate,
    AutoScalingScheduledAction,
    CreationPolicy,
    ResourceSignal,
    UpdatePolicy,
)

from compiler.authoring import Environment, Process, Service, camel, derive

from . import _access
from ._conventions import (
    config_id,
    image_id,
    is_production,
    key_arn,
    queue_id,
    subnets,
    subscriptions_of,
    tag_values,
    tags,
    wired_values,
)
from ._lifecycle import END_HOOK, LAUNCH_HOOK, is_refreshed, refresh_alarms
from ._patience import minutes_to_replace, minutes_to_start, seconds_to_end
from ._scaling import scaling_policies
from ._user_data import user_data
from ._ways_in import way_in

SCOPE = "service"

TWO_WEEKS = 14 * 24 * 60 * 60


def build(service: Service, environment: Environment) -> Iterator[AWSObject | Parameter]:
    if service.processes_on("instances"):
        yield from release_parameters()
    for process in service.processes_on("instances"):
        yield from _access.security_group(service, environment, process)
        yield from _access.role(service, environment, process)
        yield from launch_template(service, environment, process)
        yield from group(service, environment, process)
        yield from scaling_policies(service, environment, process)
        if process.availability == "businessHours":
            yield from business_hours(environment, process)
        yield from schedule(environment, process)
        yield from warm_pool(process)


def release_parameters() -> Iterator[Parameter]:
    yield Parameter(
        "Release",
        Type="String",
        Description="The release that instances fetch from the deployment bucket when they start",
        AllowedPattern="[A-Za-z0-9][A-Za-z0-9._-]{0,127}",
    )
    yield Parameter(
        "AnsibleDigest",
        Type="String",
        Description="SHA-256 of the release's ansible.tar.gz, in hexadecimal",
        AllowedPattern="[0-9a-f]{64}",
    )
    yield Parameter(
        "SourceDigest",
        Type="String",
        Description="SHA-256 of the release's source.tar.gz, in hexadecimal",
        AllowedPattern="[0-9a-f]{64}",
    )


def launch_template(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    own_tags = tags(service, environment, process.name, process.name)
    yield LaunchTemplate(
        camel(process.name) + "LaunchTemplate",
        LaunchTemplateData=LaunchTemplateData(
            ImageId=image_id(environment, process.instance_type),
            InstanceType=process.instance_type,
            IamInstanceProfile=IamInstanceProfile(Arn=GetAtt(camel(process.name) + "InstanceProfile", "Arn")),
            UserData=user_data(service, environment, process),
            EbsOptimized=True,
            Monitoring=Monitoring(Enabled=True),
            InstanceInitiatedShutdownBehavior="terminate",
            MetadataOptions=MetadataOptions(
                HttpEndpoint="enabled", HttpTokens="required", HttpPutResponseHopLimit=1, InstanceMetadataTags="enabled"
            ),
            NetworkInterfaces=[
                NetworkInterfaces(
                    DeviceIndex=0,
                    AssociatePublicIpAddress=False,
                    DeleteOnTermination=True,
                    Groups=[Ref(camel(process.name) + "SecurityGroup"), *process.wiring.security_groups],
                )
            ],
            BlockDeviceMappings=[
                LaunchTemplateBlockDeviceMapping(
                    DeviceName="/dev/xvda",
                    Ebs=EBSBlockDevice(
                        VolumeType="gp3",
                        VolumeSize=process.root_volume_size,
                        Iops=3000,
                        Throughput=125,
                        Encrypted=True,
                        KmsKeyId=key_arn(environment, "data"),
                        DeleteOnTermination=True,
                    ),
                )
            ],
            TagSpecifications=[
                TagSpecifications(ResourceType="instance", Tags=own_tags),
                TagSpecifications(ResourceType="volume", Tags=own_tags),
            ],
        ),
        TagSpecifications=[TagSpecifications(ResourceType="launch-template", Tags=own_tags)],
    )


def group(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    yield AutoScalingGroup(
        camel(process.name) + "Group",
        MinSize=process.scaling.min,
        MaxSize=process.scaling.max,
        VPCZoneIdentifier=subnets(environment, "app"),
        **_started_from(process),
        TargetGroupARNs=[] if process.port is None else [Ref(camel(process.name) + "TargetGroup")],
        HealthCheckType=derive("EC2" if process.port is None else "ELB", process.port),
        HealthCheckGracePeriod=process.health_check.grace_period,
        DefaultInstanceWarmup=process.health_check.grace_period,
        MaxInstanceLifetime=TWO_WEEKS,
        TerminationPolicies=["OldestLaunchTemplate", "OldestInstance"],
        InstanceMaintenancePolicy=InstanceMaintenancePolicy(MinHealthyPercentage=100, MaxHealthyPercentage=150),
        AvailabilityZoneImpairmentPolicy=AvailabilityZoneImpairmentPolicy(
            ZonalShiftEnabled=True, ImpairedZoneHealthCheckBehavior="IgnoreUnhealthy"
        ),
        MetricsCollection=[MetricsCollection(Granularity="1Minute")],
        LifecycleHookSpecificationList=_lifecycle_hooks(service, process),
        DeletionProtection=derive("prevent-force-deletion" if is_production(environment) else "none", environment.tier),
        Tags=GroupTags(**tag_values(service, environment, process.name, process.name)),
        UpdatePolicy=update_policy(environment, service, process),
        DependsOn=_before_start(service, environment, process),
        **_creation_policy(process),
    )


def _started_from(process: Process) -> dict[str, object]:
    template = camel(process.name) + "LaunchTemplate"
    launched = LaunchTemplateSpecification(
        LaunchTemplateId=Ref(template), Version=GetAtt(template, "LatestVersionNumber")
    )
    mixed = process.mixed
    if mixed is None:
        return {"LaunchTemplate": launched}
    base = process.scaling.min if mixed.on_demand_base is None else mixed.on_demand_base
    return {
        # A spot instance that may soon be taken is replaced before it goes.
        "CapacityRebalance": True,
        "MixedInstancesPolicy": MixedInstancesPolicy(
            InstancesDistribution=InstancesDistribution(
                OnDemandAllocationStrategy="prioritized",
                OnDemandBaseCapacity=base,
                OnDemandPercentageAboveBaseCapacity=derive(100 - mixed.spot_percent, mixed.spot_percent),
                SpotAllocationStrategy="price-capacity-optimized",
            ),
            LaunchTemplate=MixedLaunchTemplate(
                LaunchTemplateSpecification=launched,
                Overrides=[
                    LaunchTemplateOverrides(InstanceType=kind)
                    for kind in dict.fromkeys((process.instance_type, *mixed.types))
                ],
            ),
        ),
    }


def _lifecycle_hooks(service: Service, process: Process) -> list[LifecycleHookSpecification]:
    """Let a process finish what it has; and a refresh wait for each instance, since it hears of no signal."""
    end = LifecycleHookSpecification(
        LifecycleHookName=END_HOOK,
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=seconds_to_end(service, process),
        DefaultResult="CONTINUE",
    )
    if not is_refreshed(process):
        return [end]
    begin = LifecycleHookSpecification(
        LifecycleHookName=LAUNCH_HOOK,
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
        HeartbeatTimeout=derive(60 * minutes_to_start(process), process.deployment.style),
        DefaultResult="ABANDON",
    )
    return [begin, end]


class RefreshPolicy(UpdatePolicy):  # type: ignore[misc]  # troposphere is untyped
    """CloudFormation's newest kind of update policy, which troposphere does not know yet."""

    props: ClassVar = {**UpdatePolicy.props, "AutoScalingInstanceRefresh": (dict, False)}


def update_policy(environment: Environment, service: Service, process: Process) -> UpdatePolicy:
    """How instances of one release give way to those of the next: CloudFormation waits for their signals."""
    # Without this, each deploy would undo what the schedule did to the group's size.
    schedule = AutoScalingScheduledAction(IgnoreUnmodifiedGroupSizeProperties=True)
    if process.deployment.style == "immutable":
        return UpdatePolicy(
            AutoScalingReplacingUpdate=AutoScalingReplacingUpdate(WillReplace=True), AutoScalingScheduledAction=schedule
        )
    if process.deployment.style == "refresh":
        return RefreshPolicy(
            AutoScalingInstanceRefresh=_instance_refresh(environment, service, process),
            AutoScalingScheduledAction=schedule,
        )
    return UpdatePolicy(
        AutoScalingRollingUpdate=AutoScalingRollingUpdate(
            MinInstancesInService=_kept_in_service(process),
            MaxBatchSize=_batch(process),
            MinSuccessfulInstancesPercent=100,
            PauseTime=_minutes(minutes_to_replace(service, process)),
            WaitOnResourceSignals=True,
            SuspendProcesses=[
                "AZRebalance",
                "AlarmNotification",
                "HealthCheck",
                "InstanceRefresh",
                "ReplaceUnhealthy",
                "ScheduledActions",
            ],
        ),
        AutoScalingScheduledAction=schedule,
    )


def _instance_refresh(environment: Environment, service: Service, process: Process) -> dict[str, object]:
    preferences: dict[str, object] = {
        # New instances come before old ones go.
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": 150,
        "InstanceWarmup": process.health_check.grace_period,
        "SkipMatching": True,
        "CheckpointPercentages": [34, 100],
        "CheckpointDelay": 300,
        "BakeTime": process.deployment.bake_time,
    }
    if alarms := refresh_alarms(service, environment, process):
        preferences["AlarmSpecification"] = {"Alarms": list(alarms.values())}
    return {"Strategy": "Rolling", "Preferences": preferences}


def schedule(environment: Environment, process: Process) -> Iterator[AWSObject]:
    for each in process.scaling.schedule:
        low = process.scaling.min if each.min is None else each.min
        yield ScheduledAction(
            camel(process.name, each.name) + "Schedule",
            AutoScalingGroupName=Ref(camel(process.name) + "Group"),
            TimeZone=environment.business_hours.time_zone,
            Recurrence=each.at,
            MinSize=low,
            MaxSize=process.scaling.max if each.max is None else each.max,
            **({} if each.min is None else {"DesiredCapacity": low}),
        )


def warm_pool(process: Process) -> Iterator[AWSObject]:
    if process.warm_pool is not None:
        yield WarmPool(
            camel(process.name) + "WarmPool",
            AutoScalingGroupName=Ref(camel(process.name) + "Group"),
            MinSize=process.warm_pool,
            # Not hibernated: that takes a volume sized for the memory, and instance types that can.
            PoolState="Stopped",
            InstanceReusePolicy=InstanceReusePolicy(ReuseOnScaleIn=True),
        )


def business_hours(environment: Environment, process: Process) -> Iterator[AWSObject]:
    hours = environment.business_hours
    yield ScheduledAction(
        camel(process.name) + "BusinessHoursStart",
        AutoScalingGroupName=Ref(camel(process.name) + "Group"),
        TimeZone=hours.time_zone,
        Recurrence=hours.start,
        MinSize=process.scaling.min,
        MaxSize=process.scaling.max,
        DesiredCapacity=process.scaling.min,
    )
    # Nothing at most, too, or a growing queue would wake the group at night.
    yield ScheduledAction(
        camel(process.name) + "BusinessHoursStop",
        AutoScalingGroupName=Ref(camel(process.name) + "Group"),
        TimeZone=hours.time_zone,
        Recurrence=hours.stop,
        MinSize=derive(0, process.availability),
        MaxSize=derive(0, process.availability),
        DesiredCapacity=derive(0, process.availability),
    )


def _creation_policy(process: Process) -> dict[str, CreationPolicy]:
    """Wait for the first instances, where there are any."""
    if process.scaling.min < 1:
        return {}
    return {
        "CreationPolicy": CreationPolicy(
            AutoScalingCreationPolicy=AutoScalingCreationPolicy(MinSuccessfulInstancesPercent=100),
            ResourceSignal=ResourceSignal(Count=process.scaling.min, Timeout=_minutes(minutes_to_start(process))),
        )
    }


def _kept_in_service(process: Process) -> int:
    """As many as there are at least, and one fewer than the group may have, or nothing could be taken out.

    The schedule may have made the group smaller when it is deployed; where it is off, there is nothing to keep.
    """
    style, kept, scaling = process.deployment.style, process.deployment.min_in_service, process.scaling
    if style == "inPlace":
        return derive(0, style)
    if kept is not None:
        return kept
    bounds = [scaling.max, *(each.max for each in scaling.schedule if each.max)]
    return derive(max(min(scaling.min, min(bounds) - 1), 0), scaling.min, *bounds)


def _batch(process: Process) -> int:
    """A third of the group. CloudFormation takes a hundred at most."""
    batch, most = process.deployment.batch, process.scaling.max
    return derive(min(math.ceil(most / 3), 100), most) if batch is None else batch


def _minutes(minutes: int) -> str:
    return derive(f"PT{minutes}M", minutes)


def _before_start(service: Service, environment: Environment, process: Process) -> list[str]:
    """What has to stand before the first instance starts and is not referred to by the group."""
    listener = [] if process.port is None else [way_in(process)]
    config = [derive(config_id(key), key) for key in (*service.config, *wired_values(service))]
    topics = [derive(camel(event) + "TopicParameter", event) for event in service.publishes]
    queues = [queue_id(subscription) + "Parameter" for subscription in subscriptions_of(service, process)]
    watched = [] if process.deployment.style != "refresh" else list(refresh_alarms(service, environment, process))
    return [*_access.policy_ids(service, process), *listener, *config, *topics, *queues, *watched]
