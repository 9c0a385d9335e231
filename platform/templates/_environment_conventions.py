"""Conventions that the environment templates share: what they publish, whose it is, who hears of it.

In: an environment.    Out: parameters, tags and topic references, each with the settings it was made of.
Never: imports an environment template; they find each other's values by path, as a service does.
"""

from __future__ import annotations

from troposphere import Tags
from troposphere.ssm import Parameter

from compiler.authoring import Environment, camel, derive, join

from ._conventions import runbook_page, ssm

PLATFORM = "platform"  # the owner of what belongs to no service


def publish(environment: Environment, path: str, *, value: object, description: str) -> Parameter:
    """Write down a value under a path such as "network/vpc-id". The paths are the library's public contract."""
    return Parameter(
        camel(path.partition("/")[2]) + "Parameter",
        Name=join("/platform/", environment.name, "/", path),
        Description=description,
        Type="String",
        Tier="Standard",
        Value=value,
        Tags=tag_values(environment, derive(path.replace("/", "-"), path)),
    )


def tag_values(environment: Environment, name: str, owner: str = PLATFORM) -> dict[str, str]:
    return {"Name": join(environment.name, "-", name), "environment": environment.name, "owner": owner}


def tags(environment: Environment, name: str, owner: str = PLATFORM) -> Tags:
    return Tags(tag_values(environment, name, owner))


def platform_topics(environment: Environment, color: str) -> list[str]:
    """Refer to the platform team's own topic for "amber" or "red"; to none where the platform is no owner."""
    if PLATFORM not in environment.owners:
        return []
    return [ssm(environment, "notifications", f"{PLATFORM}-{color}-topic-arn")]


def what_to_do(environment: Environment, name: str) -> tuple[str, ...]:
    """What a message about `name` ends in: the address of its runbook where the platform has runbooks."""
    if environment.runbook is None:
        return ()
    return (" ", runbook_page(environment.runbook, environment, PLATFORM, PLATFORM, name))


def account_root(environment: Environment) -> str:
    """The account itself as a principal: what it allows is then up to its own IAM policies."""
    return join("arn:aws:iam::", environment.account, ":root")
