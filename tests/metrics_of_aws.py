"""Which metrics there are, with the dimensions that a series of each has: what no linter knows.

From the pages of AWS on each service, and of the CloudWatch agent from the configuration that instances are given.
"""

from __future__ import annotations

from collections.abc import Mapping

_BALANCER = frozenset({"LoadBalancer"})
_TARGETS = frozenset({"LoadBalancer", "TargetGroup"})
_GROUP = frozenset({"AutoScalingGroupName"})
_QUEUE = frozenset({"QueueName"})
_TOPIC = frozenset({"TopicName"})
_ACL = frozenset({"WebACL", "Region", "Rule"})
_NAT = frozenset({"NatGatewayId"})
_ENDPOINT = frozenset({"Endpoint Type", "Service Name", "VPC Endpoint Id", "VPC Id"})

METRICS: Mapping[tuple[str, str], frozenset[frozenset[str]]] = {
    **{
        ("AWS/ApplicationELB", name): frozenset({_BALANCER, _TARGETS})
        for name in (
            *(f"HTTPCode_Target_{code}XX_Count" for code in (2, 3, 4, 5)),
            "RequestCount",
            "TargetConnectionErrorCount",
            "TargetResponseTime",
        )
    },
    **{
        ("AWS/ApplicationELB", name): frozenset({_BALANCER})
        for name in ("HTTPCode_ELB_5XX_Count", "RejectedConnectionCount")
    },
    **{("AWS/ApplicationELB", name): frozenset({_TARGETS}) for name in ("HealthyHostCount", "UnHealthyHostCount")},
    **{
        ("AWS/AutoScaling", f"Group{name}"): frozenset({_GROUP})
        for name in (
            *("DesiredCapacity", "InServiceInstances", "MaxSize", "MinSize"),
            *("PendingInstances", "StandbyInstances", "TerminatingInstances", "TotalInstances"),
        )
    },
    ("AWS/EC2", "CPUUtilization"): frozenset({_GROUP, frozenset({"InstanceId"})}),
    ("CWAgent", "mem_used_percent"): frozenset({_GROUP}),
    ("CWAgent", "disk_used_percent"): frozenset({_GROUP}),
    **{
        ("AWS/SQS", name): frozenset({_QUEUE})
        for name in (
            *("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesNotVisible"),
            *("ApproximateNumberOfMessagesVisible", "NumberOfMessagesReceived", "NumberOfMessagesSent"),
        )
    },
    **{
        ("AWS/SNS", name): frozenset({_TOPIC})
        for name in (
            *("NumberOfMessagesPublished", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed"),
            "NumberOfNotificationsFilteredOut-InvalidAttributes",
        )
    },
    **{("AWS/WAFV2", f"{name}Requests"): frozenset({_ACL}) for name in ("Allowed", "Blocked", "Counted")},
    **{
        ("AWS/NATGateway", name): frozenset({_NAT})
        for name in ("BytesInFromDestination", "BytesInFromSource", "ErrorPortAllocation", "PacketsDropCount")
    },
    ("AWS/PrivateLinkEndpoints", "PacketsDropped"): frozenset({_ENDPOINT}),
}
