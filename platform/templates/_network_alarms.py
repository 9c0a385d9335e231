"""What the platform team wants to hear of its own network. None of it wakes anyone: tickets, hence amber."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from troposphere import AWSObject, Ref
from troposphere.cloudwatch import MetricDataQuery, MetricDimension

from compiler.authoring import Environment, camel, join

from ._environment_conventions import tags
from ._network_endpoints import endpoint_id, interfaces, service_name
from ._network_flow_logs import REJECTED, metric_namespace
from ._platform_alarms import compute, heard, measure, platform_alarm

# What a NAT gateway can carry at most, in Gbit/s.
NAT_BANDWIDTH = 100
# How many metrics the expression of an alarm takes.
MOST_METRICS = 10


def nat_alarms(environment: Environment, zone: str) -> Iterator[AWSObject]:
    gateway, subject = camel("nat-gateway", zone), _gateway_of(environment, zone)
    yield platform_alarm(
        environment,
        camel("nat", zone, "ports") + "AmberAlarm",
        runbook="natPorts",
        says=join(
            subject, " finds no port for new connections: too many to one address. Calls to it fail. ",
            "Let callers reuse connections, or give the gateway a second address.",
        ),
        Namespace="AWS/NATGateway",
        MetricName="ErrorPortAllocation",
        Dimensions=[MetricDimension(Name="NatGatewayId", Value=Ref(gateway))],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=15,
        DatapointsToAlarm=15,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        TreatMissingData="notBreaching",
        **heard(environment, "amber"),
        Tags=tags(environment, join("nat-", zone, "-ports")),
    )  # fmt: skip
    yield platform_alarm(
        environment,
        camel("nat", zone, "drops") + "AmberAlarm",
        runbook="natDrops",
        says=join(
            subject, " drops more than 0.01 percent of packets for 5 minutes. Calls to the internet are slow or fail. ",
            "Look at the health of AWS in the region, then at the gateway's load.",
        ),
        Metrics=[
            _nat_metric("drops", "PacketsDropCount", gateway),
            _nat_metric("outbound", "PacketsInFromSource", gateway),
            _nat_metric("inbound", "PacketsInFromDestination", gateway),
            compute(
                "dropRate",
                "Percent of packets dropped",
                "IF(outbound + inbound > 0, 100 * FILL(drops, 0) / (outbound + inbound), 0)",
            ),
        ],
        EvaluationPeriods=5,
        DatapointsToAlarm=5,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0.01,
        TreatMissingData="notBreaching",
        **heard(environment, "amber"),
        Tags=tags(environment, join("nat-", zone, "-drops")),
    )  # fmt: skip
    yield platform_alarm(
        environment,
        camel("nat", zone, "bandwidth") + "AmberAlarm",
        runbook="natBandwidth",
        says=join(
            subject, f" carries more than 80 percent of the {NAT_BANDWIDTH} Gbit/s that it can, for 5 minutes. ",
            "Beyond that it drops. Find who moves so much, and give it an endpoint or a gateway of its own.",
        ),
        Metrics=[
            _nat_metric("outbound", "BytesInFromSource", gateway),
            _nat_metric("inbound", "BytesInFromDestination", gateway),
            compute("bandwidth", "Gbit/s", "(outbound + inbound) * 8 / 60 / 1000000000"),
        ],
        EvaluationPeriods=5,
        DatapointsToAlarm=5,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=NAT_BANDWIDTH * 80 // 100,
        TreatMissingData="notBreaching",
        **heard(environment, "amber"),
        Tags=tags(environment, join("nat-", zone, "-bandwidth")),
    )  # fmt: skip


def _gateway_of(environment: Environment, zone: str) -> str:
    if environment.network.nat == "regional":
        return join("The regional NAT gateway of ", environment.name)
    return join("The NAT gateway of zone ", zone, " in ", environment.name)


def endpoint_alarms(environment: Environment) -> Iterator[AWSObject]:
    """Watch ten endpoints with one alarm: which of them drops packets, its graph tells by their names."""
    names = [name for name, _ in interfaces(environment)]
    for start in range(0, len(names), MOST_METRICS):
        batch = str(start // MOST_METRICS + 1) if start else ""
        dropped = list(_dropped_packets(environment, names[start : start + MOST_METRICS]))
        yield platform_alarm(
            environment,
            f"EndpointDrops{batch}AmberAlarm",
            runbook="endpointDrops",
            says=join(
                "Endpoints in the network of ", environment.name, " drop packets for 5 minutes. Calls to AWS are slow ",
                "or fail. Look at the graph for which, then at the health of that service and at how much goes there. ",
                "Packets of more than 8500 bytes are always dropped.",
            ),
            Metrics=[
                *dropped,
                compute("drops", "Packets dropped", f"SUM([{', '.join(f'FILL({each.Id}, 0)' for each in dropped)}])"),
            ],
            EvaluationPeriods=5,
            DatapointsToAlarm=5,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=0,
            TreatMissingData="notBreaching",
            **heard(environment, "amber"),
            Tags=tags(environment, f"endpoint-drops{batch}"),
        )  # fmt: skip


def _dropped_packets(environment: Environment, names: Sequence[str]) -> Iterator[MetricDataQuery]:
    for number, name in enumerate(names, start=1):
        place = {
            "Endpoint Type": "Interface",
            "Service Name": service_name(environment, name),
            "VPC Endpoint Id": Ref(endpoint_id(name)),
            "VPC Id": Ref("Vpc"),
        }
        dimensions = [MetricDimension(Name=key, Value=value) for key, value in place.items()]
        yield measure(f"drops{number}", "AWS/PrivateLinkEndpoints", "PacketsDropped", dimensions, label=name)


def flow_alarm(environment: Environment) -> Iterator[AWSObject]:
    """Some flows are always refused: the internet knocks on every door. Only a change of their number tells."""
    yield platform_alarm(
        environment,
        "RejectedFlowsAmberAlarm",
        runbook="rejectedFlows",
        says=join(
            "The network of ", environment.name, " refuses many more connections than usual for 15 minutes. ",
            "Someone looks for open doors, or a rule is missing. Query the flow logs for REJECT.",
        ),
        Metrics=[
            measure("rejected", metric_namespace(environment), REJECTED, period=300, is_shown=True),
            compute("usual", "Usual number", "ANOMALY_DETECTION_BAND(rejected, 3)"),
        ],
        ThresholdMetricId="usual",
        EvaluationPeriods=3,
        DatapointsToAlarm=3,
        ComparisonOperator="GreaterThanUpperThreshold",
        TreatMissingData="notBreaching",
        **heard(environment, "amber"),
        Tags=tags(environment, "rejected-flows"),
    )  # fmt: skip


def _nat_metric(query: str, metric: str, gateway: str) -> MetricDataQuery:
    return measure(query, "AWS/NATGateway", metric, [MetricDimension(Name="NatGatewayId", Value=Ref(gateway))])
