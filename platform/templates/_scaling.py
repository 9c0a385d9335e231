"""Scaling policies: the group follows a target, and each metric that a service may target is one policy."""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Join, Ref
from troposphere.autoscaling import (
    CustomizedMetricSpecification,
    Metric,
    MetricDimension,
    PredefinedMetricSpecification,
    ScalingPolicy,
    TargetTrackingConfiguration,
    TargetTrackingMetricDataQuery,
    TargetTrackingMetricStat,
)

from compiler.authoring import Environment, Process, Service, camel

from ._conventions import in_batches, queue_id, subscriptions_of
from ._ways_in import full_name


def scaling_policies(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    if process.scaling.min >= process.scaling.max:
        return  # nothing to follow; AWS refuses a policy that cannot move its group
    targets = process.scaling.targets
    if "cpu" in targets:
        yield from follow_cpu(process, targets["cpu"])
    if "requests" in targets and process.port is not None:
        yield from follow_requests(environment, process, targets["requests"])
    if "queueAge" in targets:
        yield from follow_queue_age(service, process, targets["queueAge"])


def follow_cpu(process: Process, percent: float) -> Iterator[AWSObject]:
    yield ScalingPolicy(
        camel(process.name) + "ScaleOnCpu",
        AutoScalingGroupName=Ref(camel(process.name) + "Group"),
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration=TargetTrackingConfiguration(
            PredefinedMetricSpecification=PredefinedMetricSpecification(
                PredefinedMetricType="ASGAverageCPUUtilization"
            ),
            TargetValue=percent,
        ),
    )


def follow_requests(environment: Environment, process: Process, per_target: float) -> Iterator[AWSObject]:
    target_group = camel(process.name) + "TargetGroup"
    yield ScalingPolicy(
        camel(process.name) + "ScaleOnRequests",
        AutoScalingGroupName=Ref(camel(process.name) + "Group"),
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration=TargetTrackingConfiguration(
            PredefinedMetricSpecification=PredefinedMetricSpecification(
                PredefinedMetricType="ALBRequestCountPerTarget",
                ResourceLabel=Join("/", [full_name(environment, process), GetAtt(target_group, "TargetGroupFullName")]),
            ),
            TargetValue=per_target,
        ),
    )


def follow_queue_age(service: Service, process: Process, seconds: float) -> Iterator[AWSObject]:
    """Follow the oldest message of all queues that the process reads. Of several policies the largest wish wins."""
    for batch, subscriptions in in_batches(subscriptions_of(service, process)):
        yield ScalingPolicy(
            camel(process.name) + "ScaleOnQueueAge" + batch,
            AutoScalingGroupName=Ref(camel(process.name) + "Group"),
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration=TargetTrackingConfiguration(
                CustomizedMetricSpecification=_oldest_message([queue_id(each) for each in subscriptions]),
                TargetValue=seconds,
            ),
        )


def _oldest_message(queues: list[str]) -> CustomizedMetricSpecification:
    namespace, metric = "AWS/SQS", "ApproximateAgeOfOldestMessage"
    names = [[MetricDimension(Name="QueueName", Value=GetAtt(queue, "QueueName"))] for queue in queues]
    if len(names) == 1:
        return CustomizedMetricSpecification(
            Namespace=namespace, MetricName=metric, Dimensions=names[0], Statistic="Maximum"
        )
    ages = [
        TargetTrackingMetricDataQuery(
            Id=f"age{number}",
            MetricStat=TargetTrackingMetricStat(
                Metric=Metric(Namespace=namespace, MetricName=metric, Dimensions=name), Stat="Maximum"
            ),
            ReturnData=False,
        )
        for number, name in enumerate(names, start=1)
    ]
    oldest = TargetTrackingMetricDataQuery(
        Id="oldest",
        Label="Age of the oldest message",
        Expression=f"MAX([{', '.join(query.Id for query in ages)}])",
        ReturnData=True,
    )
    return CustomizedMetricSpecification(Metrics=[*ages, oldest])
