"""Which metrics there are, with the dimensions that a series of each has: what no linter knows.

From the pages of AWS on each service; of the CloudWatch agent and of instances from what these are given to run.
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
    ("AWS/CertificateManager", "DaysToExpiry"): frozenset({frozenset({"CertificateArn"})}),
    **{
        ("AWS/EC2", name): frozenset({_GROUP, frozenset({"InstanceId"})})
        for name in ("CPUUtilization", "StatusCheckFailed", "StatusCheckFailed_AttachedEBS")
    },
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
            *("NumberOfNotificationsFailedToRedriveToDlq", "NumberOfNotificationsRedrivenToDlq"),
            *(f"NumberOfNotificationsFilteredOut-Invalid{what}" for what in ("Attributes", "MessageBody")),
        )
    },
    **{("AWS/WAFV2", f"{name}Requests"): frozenset({_ACL}) for name in ("Allowed", "Blocked", "Counted")},
    **{
        ("AWS/NATGateway", name): frozenset({_NAT})
        for name in (
            *("BytesInFromDestination", "BytesInFromSource", "ErrorPortAllocation"),
            *("PacketsDropCount", "PacketsInFromDestination", "PacketsInFromSource"),
        )
    },
    ("AWS/PrivateLinkEndpoints", "PacketsDropped"): frozenset({_ENDPOINT}),
    ("Platform", "BootstrapFailed"): frozenset({frozenset({"environment", "service"})}),  # by user data
}

_SUM, _LEAST, _MOST = frozenset({"Sum"}), frozenset({"Minimum"}), frozenset({"Maximum"})
# By which statistics an alarm may read a metric. Others exist and mislead: the sum of an age, the average of a count.
STATISTICS: Mapping[tuple[str, str], frozenset[str]] = {
    **{
        ("AWS/ApplicationELB", name): _SUM
        for name in (
            *("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "RejectedConnectionCount", "RequestCount"),
            "TargetConnectionErrorCount",
        )
    },
    ("AWS/ApplicationELB", "HealthyHostCount"): _LEAST,  # as the node of the zone that sees fewest has it
    ("AWS/ApplicationELB", "UnHealthyHostCount"): _MOST,
    ("AWS/ApplicationELB", "TargetResponseTime"): frozenset({"p99"}),
    **{
        ("AWS/AutoScaling", f"Group{name}"): _LEAST
        for name in ("InServiceInstances", "MaxSize", "MinSize", "PendingInstances", "TerminatingInstances")
    },
    ("AWS/CertificateManager", "DaysToExpiry"): _LEAST,
    ("AWS/EC2", "CPUUtilization"): frozenset({"Average"}),
    ("AWS/EC2", "StatusCheckFailed"): _MOST,
    ("AWS/EC2", "StatusCheckFailed_AttachedEBS"): _MOST,
    ("CWAgent", "disk_used_percent"): _MOST,
    ("CWAgent", "mem_used_percent"): frozenset({"Average", "SampleCount"}),  # how full, and whether anyone reports
    **{
        ("AWS/NATGateway", name): _SUM
        for name in (
            *("BytesInFromDestination", "BytesInFromSource", "ErrorPortAllocation"),
            *("PacketsDropCount", "PacketsInFromDestination", "PacketsInFromSource"),
        )
    },
    ("AWS/PrivateLinkEndpoints", "PacketsDropped"): _SUM,
    **{
        ("AWS/SNS", f"NumberOfNotifications{name}"): _SUM
        for name in (
            *("Failed", "FailedToRedriveToDlq", "RedrivenToDlq"),
            *("FilteredOut-InvalidAttributes", "FilteredOut-InvalidMessageBody"),
        )
    },
    **{
        ("AWS/SQS", f"Approximate{name}"): _MOST
        for name in ("AgeOfOldestMessage", "NumberOfMessagesNotVisible", "NumberOfMessagesVisible")
    },
    ("AWS/SQS", "NumberOfMessagesSent"): _SUM,
    ("AWS/WAFV2", "BlockedRequests"): _SUM,
    ("Platform", "BootstrapFailed"): _SUM,
}
