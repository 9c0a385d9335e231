"""Conventions that the service templates share: names, references to the live environment, tags and policies.

In: a service, a process, an environment.    Out: names and ARNs, each with the settings it was made of.
Never: reads anything; a name that two templates need is spelled here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from troposphere import Tags

from compiler.authoring import (
    STANDARD_FILTER,
    Environment,
    LogFile,
    LogFilter,
    Process,
    Service,
    Subscription,
    architecture,
    camel,
    derive,
    join,
)

Statement = dict[str, object]

TAG_VALUE_LENGTH = 256
# Where an instance that fails to start is counted; its policy lets it write to this namespace.
BOOT_NAMESPACE, BOOT_FAILED = "Platform", "BootstrapFailed"
LONGEST_LIST = 600  # characters of an alarm's description for the names of what it watches

# The live environment


def ssm(environment: Environment, area: str, name: str) -> str:
    """Refer to a value that the environment's own stacks publish."""
    return join("{{resolve:ssm:/platform/", environment.shared, "/", area, "/", name, "}}")


def image_id(environment: Environment, instance_type: str) -> str:
    """Refer to the image for an instance type's processor, at the version that the environment pins."""
    kind = architecture(instance_type)
    name = join("{{resolve:ssm:/platform/", environment.shared, "/images/", kind, ":", environment.images[kind], "}}")
    return derive(name, name, instance_type)


def subnets(environment: Environment, tier: str) -> list[str]:
    """Refer to the subnet of a tier ("public" or "app") in each zone."""
    return [ssm(environment, "network", join(tier, "-subnet-", zone)) for zone in environment.network.zones]


def key_arn(environment: Environment, purpose: str) -> str:
    """Refer to the platform's key for "logs", "data" or "messaging"."""
    return ssm(environment, "security", f"{purpose}-key-arn")


def alarm_topics(service: Service, environment: Environment, color: str) -> list[str]:
    """Name the topic where the owner wants to hear of "amber" (ticket) or "red" (page).

    By its derived name, not by a reference: every alarm needs it, and a template takes 60 references.
    """
    return [arn(environment, "sns", join("platform-", environment.shared, "-", service.owner, f"-{color}"))]


def runbook_page(pattern: str, environment: Environment, service: str, process: str, alarm: str) -> str:
    """Fill in the address of the page that says what to do about an alarm."""
    names = {"service": service, "process": process, "environment": environment.name, "alarm": alarm}
    text = str(pattern)
    for key, value in names.items():
        text = text.replace("{" + key + "}", value)
    return derive(text, pattern, *(value for key, value in names.items() if "{" + key + "}" in pattern))


# Names and ARNs


def arn(environment: Environment, aws_service: str, resource: str) -> str:
    return join("arn:aws:", aws_service, ":", environment.region, ":", environment.account, ":", resource)


def topic_name(environment: Environment, publisher: str, event: str, *, is_ordered: bool) -> str:
    return join(environment.name, "-", publisher, "-", event, ".fifo" if is_ordered else "")


def own_topic_name(service: Service, environment: Environment, event: str) -> str:
    return topic_name(environment, service.name, event, is_ordered=event in service.ordered)


def own_topics(service: Service, environment: Environment) -> list[str]:
    """The ARNs of the topics that a service publishes to."""
    return [arn(environment, "sns", own_topic_name(service, environment, event)) for event in service.publishes]


def subscription_topic(environment: Environment, subscription: Subscription) -> str:
    """The ARN of the topic that a subscription is to, of whichever service."""
    name = topic_name(environment, subscription.service, subscription.event, is_ordered=subscription.ordered)
    return arn(environment, "sns", name)


def topic_log_name(service: Service, environment: Environment, event: str, outcome: str) -> str:
    """Name the log group where SNS writes how deliveries ended: "" those that it takes for a sample, "/Failure" those
    that failed. SNS makes the name."""
    name = own_topic_name(service, environment, event)
    return join("sns/", environment.region, "/", environment.account, "/", name, outcome)


def topic_logs_role(environment: Environment) -> str:
    """The ARN of the role under which SNS writes these logs. By its name: a template takes 60 references."""
    return join("arn:aws:iam::", environment.account, ":role/platform/", topic_logs_role_name(environment))


def topic_logs_role_name(environment: Environment) -> str:
    return join(environment.shared, "-topic-logs")


def config_path(service: Service, environment: Environment) -> str:
    return join("/service/", environment.name, "/", service.name, "/config")


def log_group_name(service: Service, environment: Environment, process: Process, log: LogFile) -> str:
    return join("/service/", environment.name, "/", service.name, "/", process.name, "/", log.name)


def metric_namespace(service: Service, environment: Environment) -> str:
    """Name the namespace of what is counted in logs. Branch environments share an account, so each has its own."""
    return join("Service/", environment.name, "/", service.name)


def filters_of(log: LogFile) -> tuple[LogFilter, ...]:
    """What is counted in a log: where it has no filters, errors."""
    return log.filters or (STANDARD_FILTER,)


def counted_as(process: Process, log: LogFile, log_filter: LogFilter) -> str:
    """Name the metric of what a filter counts in a log."""
    return join(process.name, "-", log.name, "-", log_filter.name)


def boot_log_name(environment: Environment) -> str:
    """Name the log group where instances that fail to start leave word. It is the environment's, not the stack's: the
    stack may be rolled back with all that is in it."""
    return join("/platform/", environment.shared, "/boot")


def boot_stream(service: Service, environment: Environment, process: Process) -> str:
    """Name the beginning of the log streams there that the instances of a process write, one each."""
    return join(environment.name, "/", service.name, "/", process.name)


def boot_dimensions(service: Service, environment: Environment) -> dict[str, str]:
    """Say for whom it is counted that an instance failed to start; the streams of that log tell processes apart."""
    return {"environment": environment.name, "service": service.name}


def wired_values(service: Service) -> dict[str, Any]:
    """What the outputs of additions give to processes; every process of the service finds it with its configuration."""
    return {name: value for process in service.processes for name, value in process.wiring.environment.items()}


def config_id(key: str) -> str:
    """Name the parameter of a config key.

    >>> config_id("LOG_LEVEL")
    'LogLevelConfig'
    """
    return camel(key.lower()) + "Config"


def queue_id(subscription: Subscription) -> str:
    return camel(subscription.process, subscription.service, subscription.event) + "Queue"


def dead_letter_queue_id(subscription: Subscription) -> str:
    return camel(subscription.process, subscription.service, subscription.event) + "DeadLetterQueue"


def undeliverable_queue_id(subscription: Subscription) -> str:
    return camel(subscription.process, subscription.service, subscription.event) + "UndeliverableQueue"


def subscriptions_of(service: Service, process: Process) -> tuple[Subscription, ...]:
    return tuple(subscription for subscription in service.consumes if subscription.process == process.name)


def in_batches(subscriptions: Sequence[Subscription]) -> Iterator[tuple[str, Sequence[Subscription]]]:
    """Yield nine subscriptions at a time, with what to tell a batch by: nothing, "2", "3".

    An alarm on metric math takes ten metrics, and one of them may be the group's size.
    """
    for start in range(0, len(subscriptions), 9):
        yield (str(start // 9 + 1) if start else ""), subscriptions[start : start + 9]


def event_name(subscription: Subscription) -> str:
    """Name an event as descriptors do, with the service that publishes it."""
    return join(subscription.service, ".", subscription.event)


def event_list(subscriptions: Sequence[Subscription], *, ages: bool = False) -> str:
    """List events for a description, perhaps with the seconds that each may wait, as many as one takes: with the
    longest names it leaves some to the graph."""
    names = [f"{each.service}.{each.event}" + (f" ({each.max_age} seconds)" if ages else "") for each in subscriptions]
    whole = ", ".join(names)
    if len(whole) > LONGEST_LIST:
        whole = whole[:LONGEST_LIST].rpartition(", ")[0] + " and others"
    return derive(whole, *(each.event for each in subscriptions))


# Tags, retention, policies


def tag_values(service: Service, environment: Environment, name: str, process: str | None = None) -> dict[str, str]:
    """Say whose a resource is. `name` is unique in the service; what belongs to no one process has no such tag."""
    whole = join(environment.name, "-", service.name, "-", name)
    values = {
        "Name": derive(whole[:TAG_VALUE_LENGTH], whole),
        "environment": environment.name,
        "owner": service.owner,
        "service": service.name,
    }
    return values if process is None else {**values, "process": process}


def tags(service: Service, environment: Environment, name: str, process: str | None = None) -> Tags:
    return Tags(tag_values(service, environment, name, process))


def is_production(environment: Environment) -> bool:
    return environment.tier == "production"


def keep(environment: Environment) -> dict[str, str]:
    """What becomes of a stateful resource that leaves the stack or is replaced: production keeps it, elsewhere it goes.

    What a deployment made that fails is taken back in production too: it holds nothing yet, and where its name is fixed
    it would be in the way of the next one.
    """
    tier = environment.tier
    return {
        "DeletionPolicy": derive("RetainExceptOnCreate" if is_production(environment) else "Delete", tier),
        "UpdateReplacePolicy": derive("Retain" if is_production(environment) else "Delete", tier),
    }


def policy(*statements: Statement) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def may_assume(sid: str, aws_service: str, *, condition: Mapping[str, object] | None = None) -> dict[str, object]:
    """Let an AWS service take on the role that this policy is of."""
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": aws_service},
        "Action": "sts:AssumeRole",
    }
    return policy(statement if condition is None else {**statement, "Condition": dict(condition)})


def allow(
    sid: str, actions: Sequence[str], resources: object, *, condition: Mapping[str, object] | None = None
) -> Statement:
    """Allow actions to the role that the policy is attached to."""
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resources}
    return statement if condition is None else {**statement, "Condition": dict(condition)}


def deny_plain_transport(actions: Sequence[str], resource: object) -> Statement:
    return {
        "Sid": "DenyPlainTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def via(environment: Environment, *aws_services: str) -> dict[str, dict[str, object]]:
    """The condition that a key is used only through these AWS services of the environment's region."""
    names = [join(name, ".", environment.region, ".amazonaws.com") for name in aws_services]
    return {"StringEquals": {"kms:ViaService": names}}
