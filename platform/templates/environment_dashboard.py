"""A dashboard for the environment: what is wrong with what all services share, who is busiest, and why instances do not
start. It leads to the dashboards of services by their names.

The last stack of an environment, since it shows what the others make. Which services run here is nothing that it knows:
what it shows of them is found by CloudWatch when somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, Sub
from troposphere.cloudwatch import Dashboard

from compiler.authoring import Environment, join

from . import account, bastion, deployment_bucket, ingress, network, notifications, security
from ._conventions import boot_log_name, ssm
from ._dashboards import environment_dashboard_name
from ._environment_conventions import tags
from ._network_flow_logs import REJECTED, metric_namespace
from ._web_acl import web_acl_name
from ._widgets import Metric, Row, Widget, alarm_status, body, compute, graph, log_lines, measure, text

SCOPE = "environment"

LAST_WORDS = "fields @timestamp, @logStream, @message | sort @timestamp desc | limit 20"


def build(environment: Environment) -> Iterator[AWSObject]:
    live = {
        "Vpc": ssm(environment, "network", "vpc-id"),
        **{
            _variable(exposure): ssm(environment, "ingress", f"{exposure}-load-balancer-arn-suffix")
            for exposure in environment.ingress.shared
        },
    }
    yield Dashboard(
        "Dashboard",
        DashboardName=environment_dashboard_name(environment),
        DashboardBody=Sub(body(environment.region, _rows(environment)), live),
        Tags=tags(environment, "dashboard"),
    )


def _rows(environment: Environment) -> Iterator[Row]:
    yield text(
        join(
            "# ", environment.name, "\nA service's own dashboard is called `", environment.name,
            "_<service>`: look for it in the [list](#dashboards). Branches have none.",
        )
    )  # fmt: skip
    place = join("arn:${AWS::Partition}:cloudwatch:", environment.region, ":", environment.account, ":alarm:")
    yield from alarm_status("Alarms of the platform", [join(place, name) for name in alarm_names(environment)])
    yield text("## Services", height=1)
    yield Row(tuple(_busiest()))
    yield Row((log_lines("Last instances that failed to start", [boot_log_name(environment)], LAST_WORDS),))
    yield text("## Ways in", height=1)
    for exposure in environment.ingress.shared:
        yield Row(tuple(_load_balancer(exposure)))
    if environment.waf.mode != "off":
        yield Row((_web_acl(environment),))
    yield text("## Network", height=1)
    yield Row((*_nat(environment), *_network(environment)))


def alarm_names(environment: Environment) -> list[str]:
    """Name the alarms that the other stacks of the environment make."""
    stacks = (security, notifications, network, deployment_bucket, ingress, account, bastion)
    return [
        thing.properties["AlarmName"]
        for stack in stacks
        for thing in stack.build(environment)
        if getattr(thing, "resource_type", "") == "AWS::CloudWatch::Alarm"
    ]


def _busiest() -> Iterator[Widget]:
    """Queries of Metrics Insights find the ten that have most of something, whatever their names."""
    for title, metric, namespace, by, function in (
        ("Busiest groups, percent of CPU", "CPUUtilization", "AWS/EC2", "AutoScalingGroupName", "AVG"),
        ("Fullest memory, percent", "mem_used_percent", "CWAgent", "AutoScalingGroupName", "AVG"),
        ("Requests answered 5xx", "HTTPCode_Target_5XX_Count", "AWS/ApplicationELB", "LoadBalancer", "SUM"),
        ("Oldest messages, seconds", "ApproximateAgeOfOldestMessage", "AWS/SQS", "QueueName", "MAX"),
    ):
        found = ("SELECT", f"{function}({metric})", "FROM", f'SCHEMA("{namespace}", {by})')
        query = " ".join((*found, f"GROUP BY {by} ORDER BY {function}() DESC LIMIT 10"))
        yield graph(title, [compute(query, "", id="most")], period=300)


def _load_balancer(exposure: str) -> Iterator[Widget]:
    def metric(name: str, **rendering: object) -> Metric:
        return measure("AWS/ApplicationELB", name, {"LoadBalancer": f"${{{_variable(exposure)}}}"}, **rendering)

    subject = f"Shared load balancer, {exposure}"
    yield graph(f"{subject}: requests", [metric("RequestCount"), metric("RejectedConnectionCount")])
    yield graph(f"{subject}: 5xx", [metric("HTTPCode_ELB_5XX_Count"), metric("HTTPCode_Target_5XX_Count")])
    latency = [metric("TargetResponseTime", stat=stat, label=f"{stat}, seconds") for stat in ("p50", "p99")]
    yield graph(f"{subject}: latency", latency)


def _web_acl(environment: Environment) -> Widget:
    where = {"WebACL": web_acl_name(environment), "Region": environment.region, "Rule": "ALL"}
    names = ("AllowedRequests", "BlockedRequests", "CountedRequests")
    return graph("Web ACL", [measure("AWS/WAFV2", name, where) for name in names])


def _nat(environment: Environment) -> Iterator[Widget]:
    """NAT gateways are found by their metrics: their ids are nothing that their stack publishes."""
    if environment.network.nat == "none":
        return
    for title, names in (
        ("NAT gateways: bytes", ("BytesInFromSource", "BytesInFromDestination")),
        ("NAT gateways: trouble", ("ErrorPortAllocation", "PacketsDropCount")),
    ):
        searches = [
            compute(_search("AWS/NATGateway,NatGatewayId", f'MetricName="{name}"'), name, id=f"nat{number}")
            for number, name in enumerate(names)
        ]
        yield graph(title, searches)


def _network(environment: Environment) -> Iterator[Widget]:
    schema = 'AWS/PrivateLinkEndpoints,"Endpoint Type","Service Name","VPC Endpoint Id","VPC Id"'
    search = _search(schema, 'MetricName="PacketsDropped" "VPC Id"="${Vpc}"')
    yield graph("Endpoints: packets dropped", [compute(search, "", id="dropped")])
    yield graph("Connections refused", [measure(metric_namespace(environment), REJECTED, {})], period=300)


def _search(schema: str, words: str) -> str:
    return f"SEARCH('{{{schema}}} {words}', 'Sum')"


def _variable(exposure: str) -> str:
    return f"{exposure.capitalize()}Balancer"
