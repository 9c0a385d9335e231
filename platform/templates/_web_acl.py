"""What stands before public load balancers: a web ACL with rules that AWS keeps, a limit by address, and its log."""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt
from troposphere.logs import LogGroup
from troposphere.wafv2 import (
    AllowAction,
    BlockAction,
    CountAction,
    DefaultAction,
    LoggingConfiguration,
    LoggingConfigurationFieldToMatch,
    ManagedRuleGroupStatement,
    OverrideAction,
    RateBasedStatement,
    RuleAction,
    RuleActionOverride,
    SingleHeader,
    Statement,
    VisibilityConfig,
    WebACL,
    WebACLRule,
)

from compiler.authoring import Environment, derive, join

from ._conventions import arn, is_production, keep
from ._environment_conventions import publish, tags

# In the order in which a request meets them.
GROUPS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)
# The common rules refuse bodies above 8 KB, which is what uploads are: services bound their own.
COUNTED_ONLY = {"AWSManagedRulesCommonRuleSet": ("SizeRestrictions_BODY",)}
# What nobody may read in a log.
REDACTED = ("authorization", "cookie")


def web_acl_name(environment: Environment) -> str:
    return join("platform-", environment.name, "-public")


def web_acl(environment: Environment) -> Iterator[AWSObject]:
    if environment.waf.mode == "off":
        return
    yield WebACL(
        "PublicWebAcl",
        Name=web_acl_name(environment),
        Description=join("Before the public load balancers of ", environment.name),
        Scope="REGIONAL",
        DefaultAction=DefaultAction(Allow=AllowAction()),
        Rules=[*_managed_rules(environment), _rate_rule(environment)],
        VisibilityConfig=_visible(web_acl_name(environment)),
        Tags=tags(environment, "public-web-acl"),
    )
    yield publish(
        environment,
        "security/public-web-acl-arn",
        value=GetAtt("PublicWebAcl", "Arn"),
        description="Web ACL that stands before public load balancers",
    )
    # WAF takes only groups with this beginning.
    group = join("aws-waf-logs-platform-", environment.name)
    yield LogGroup(
        "WebAclLogGroup",
        LogGroupName=group,
        RetentionInDays=derive(365 if is_production(environment) else 90, environment.tier),
        KmsKeyId=GetAtt("LogsKey", "Arn"),
        Tags=tags(environment, "public-web-acl"),
        **keep(environment),
    )
    yield LoggingConfiguration(
        "WebAclLogging",
        ResourceArn=GetAtt("PublicWebAcl", "Arn"),
        # The group's own attribute ends in `:*`, which WAF does not take.
        LogDestinationConfigs=[arn(environment, "logs", join("log-group:", group))],
        RedactedFields=[LoggingConfigurationFieldToMatch(SingleHeader=SingleHeader(Name=name)) for name in REDACTED],
        DependsOn="WebAclLogGroup",
    )


def _managed_rules(environment: Environment) -> Iterator[WebACLRule]:
    mode = environment.waf.mode
    for place, group in enumerate(GROUPS, 1):
        rules = ManagedRuleGroupStatement(VendorName="AWS", Name=group)
        if group in COUNTED_ONLY:
            rules.RuleActionOverrides = [
                RuleActionOverride(Name=rule, ActionToUse=RuleAction(Count=CountAction()))
                for rule in COUNTED_ONLY[group]
            ]
        yield WebACLRule(
            Name=group,
            Priority=place,
            Statement=Statement(ManagedRuleGroupStatement=rules),
            OverrideAction=OverrideAction(**derive({"Count" if mode == "count" else "None": {}}, mode)),
            VisibilityConfig=_visible(group),
        )


def _rate_rule(environment: Environment) -> WebACLRule:
    mode = environment.waf.mode
    return WebACLRule(
        Name="RequestsOfOneAddress",
        Priority=len(GROUPS) + 1,
        Statement=Statement(
            RateBasedStatement=RateBasedStatement(
                Limit=environment.waf.rate_limit, AggregateKeyType="IP", EvaluationWindowSec=300
            )
        ),
        Action=RuleAction(Count=CountAction()) if mode == "count" else RuleAction(Block=BlockAction()),
        VisibilityConfig=_visible("RequestsOfOneAddress"),
    )


def _visible(name: str) -> VisibilityConfig:
    return VisibilityConfig(CloudWatchMetricsEnabled=True, MetricName=name, SampledRequestsEnabled=True)
