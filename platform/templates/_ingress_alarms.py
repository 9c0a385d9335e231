"""What the platform team wants to hear of the ways in: of load balancers that many services stand behind a page, hence
red; of a certificate that nobody renewed a ticket."""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref
from troposphere.cloudwatch import MetricDataQuery, MetricDimension

from compiler.authoring import Environment, camel, join

from ._environment_conventions import tags
from ._platform_alarms import compute, heard, measure, platform_alarm
from ._web_acl import web_acl_name

# Days before the end of a certificate; AWS renews 60 days before it.
RENEWED = 44


def certificate_alarm(environment: Environment, exposure: str) -> AWSObject:
    return platform_alarm(
        environment,
        camel(exposure, "certificate") + "AmberAlarm",
        runbook="certificate",
        says=join(
            f"The certificate for names in the {exposure} zone of ", environment.name,
            f" ends within {RENEWED} days, and AWS should have renewed it by now. After it, no client connects. ",
            "Look in Certificate Manager for why it was not: most often the record that proves the name is gone.",
        ),
        Namespace="AWS/CertificateManager",
        MetricName="DaysToExpiry",
        Dimensions=[MetricDimension(Name="CertificateArn", Value=Ref(camel(exposure, "certificate")))],
        Statistic="Minimum",
        Period=86400,
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
        ComparisonOperator="LessThanOrEqualToThreshold",
        Threshold=RENEWED,
        TreatMissingData="breaching",
        **heard(environment, "amber"),
        Tags=tags(environment, f"{exposure}-certificate"),
    )  # fmt: skip


def load_balancer_alarms(environment: Environment, exposure: str) -> Iterator[AWSObject]:
    """Watch for what the load balancer does itself. What services behind it do is theirs to watch."""
    subject = join("The shared ", exposure, " load balancer of ", environment.name)
    yield platform_alarm(
        environment,
        camel(exposure, "errors") + "RedAlarm",
        runbook="loadBalancerErrors",
        says=join(
            subject, " itself answers more than 1 percent of requests with 5xx in 3 of 5 minutes: it finds no ",
            "instance that answers. Look at which target groups have no healthy instance, then at the health of AWS.",
        ),
        Metrics=[
            _metric("errors", "HTTPCode_ELB_5XX_Count", exposure),
            _metric("requests", "RequestCount", exposure),
            # A handful of requests makes no rate.
            compute("rate", "Percent of requests", "IF(requests > 20, 100 * FILL(errors, 0) / requests, 0)"),
        ],
        EvaluationPeriods=5,
        DatapointsToAlarm=3,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=1,
        TreatMissingData="notBreaching",
        **heard(environment, "red"),
        Tags=tags(environment, join("shared-", exposure, "-errors")),
    )  # fmt: skip
    yield platform_alarm(
        environment,
        camel(exposure, "rejected") + "RedAlarm",
        runbook="rejectedConnections",
        says=join(
            subject, " turns connections away: it has as many as it can hold. Clients cannot connect. ",
            "Look for who opens so many; AWS adds capacity within minutes.",
        ),
        Namespace="AWS/ApplicationELB",
        MetricName="RejectedConnectionCount",
        Dimensions=[_load_balancer(exposure)],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        DatapointsToAlarm=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        TreatMissingData="notBreaching",
        **heard(environment, "red"),
        Tags=tags(environment, join("shared-", exposure, "-rejected")),
    )  # fmt: skip


def blocked_requests_alarm(environment: Environment) -> AWSObject:
    """Some requests are always blocked: the internet tries every door. Only a change of their number tells."""
    names = {"WebACL": web_acl_name(environment), "Region": environment.region, "Rule": "ALL"}
    dimensions = [MetricDimension(Name=name, Value=value) for name, value in names.items()]
    return platform_alarm(
        environment,
        "BlockedRequestsAmberAlarm",
        runbook="blockedRequests",
        says=join(
            "The web ACL of ", environment.name, " blocks many more requests than usual for 15 minutes. ",
            "Someone attacks, or a release does what a rule takes for an attack. Look at which rule, in its log.",
        ),
        Metrics=[
            measure("blocked", "AWS/WAFV2", "BlockedRequests", dimensions, period=300, is_shown=True),
            compute("usual", "Usual number", "ANOMALY_DETECTION_BAND(blocked, 3)"),
        ],
        ThresholdMetricId="usual",
        EvaluationPeriods=3,
        DatapointsToAlarm=3,
        ComparisonOperator="GreaterThanUpperThreshold",
        TreatMissingData="notBreaching",
        **heard(environment, "amber"),
        Tags=tags(environment, "blocked-requests"),
    )  # fmt: skip


def _load_balancer(exposure: str) -> MetricDimension:
    return MetricDimension(Name="LoadBalancer", Value=GetAtt(camel(exposure, "load-balancer"), "LoadBalancerFullName"))


def _metric(query: str, metric: str, exposure: str) -> MetricDataQuery:
    return measure(query, "AWS/ApplicationELB", metric, [_load_balancer(exposure)])
