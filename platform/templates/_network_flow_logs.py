"""Who spoke with whom: the network's flow logs, and who may write them."""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.ec2 import FlowLog
from troposphere.iam import ManagedPolicy, Role
from troposphere.logs import LogGroup, MetricFilter, MetricTransformation

from compiler.authoring import Environment, join

from ._conventions import allow, arn, keep, key_arn, may_assume, policy, ssm
from ._environment_conventions import tags

# The order of the fields is the order in which they are written, and in which the metric filter reads them.
FIELDS = (
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "flow-direction",
    "traffic-path",
    "tcp-flags",
)

REJECTED = "RejectedFlows"


def flow_logs(environment: Environment) -> Iterator[AWSObject]:
    name = join("/platform/", environment.name, "/network/flow-logs")
    yield LogGroup(
        "FlowLogGroup",
        LogGroupName=name,
        RetentionInDays=environment.network.flow_log_retention,
        KmsKeyId=key_arn(environment, "logs"),
        Tags=tags(environment, "flow-logs"),
        **keep(environment),
    )
    yield Role(
        "FlowLogRole",
        Description=join("Writes the flow logs of ", environment.name),
        AssumeRolePolicyDocument=may_assume(
            "FlowLogsMayAssume",
            "vpc-flow-logs.amazonaws.com",
            condition={
                "StringEquals": {"aws:SourceAccount": environment.account},
                "ArnLike": {"aws:SourceArn": arn(environment, "ec2", "vpc-flow-log/*")},
            },
        ),
        PermissionsBoundary=ssm(environment, "security", "service-boundary-arn"),
        Tags=tags(environment, "flow-logs"),
    )
    yield ManagedPolicy(
        "FlowLogPolicy",
        Description=join("Writes the flow logs of ", environment.name),
        Roles=[Ref("FlowLogRole")],
        PolicyDocument=policy(
            allow(
                "WriteFlows",
                ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                arn(environment, "logs", join("log-group:", name, ":*")),
            ),
            # Knows no resource.
            allow("FindGroup", ["logs:DescribeLogGroups"], "*"),
        ),
    )
    yield FlowLog(
        "FlowLog",
        ResourceType="VPC",
        ResourceId=Ref("Vpc"),
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogGroupName=Ref("FlowLogGroup"),
        DeliverLogsPermissionArn=GetAtt("FlowLogRole", "Arn"),
        LogFormat=" ".join(f"${{{field}}}" for field in FIELDS),
        MaxAggregationInterval=60,
        Tags=tags(environment, "flow-logs"),
        DependsOn="FlowLogPolicy",
    )
    yield MetricFilter(
        "RejectedFlowsMetricFilter",
        LogGroupName=Ref("FlowLogGroup"),
        FilterPattern=_pattern("action", "REJECT"),
        MetricTransformations=[
            MetricTransformation(
                MetricNamespace=metric_namespace(environment),
                MetricName=REJECTED,
                MetricValue="1",
                DefaultValue=0,
                Unit="Count",
            )
        ],
    )


def metric_namespace(environment: Environment) -> str:
    return join("Platform/", environment.name)


def _pattern(field: str, value: str) -> str:
    """Write the filter for lines in which a field has a value. Names of fields may have no dashes there."""
    names = [name.replace("-", "_") + (f'="{value}"' if name == field else "") for name in FIELDS]
    return f"[{', '.join(names)}]"
