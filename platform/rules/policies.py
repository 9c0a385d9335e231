"""Who may do what: no policy gives everything, and none gives something to everyone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ._rule import Fault, Place, Rule, Template

_IDENTITIES = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
_TOO_MUCH = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
_EVERY_ACTION = re.compile(r"\*+|[^:]+:[*?]*\*[*?]*")
# What these name is not a thing but a question, and AWS knows no narrower resource for most of them.
_QUESTION = re.compile(r"[^:]+:(Describe|List)[^:]*")
# How a request comes, not who sends it: everyone can come this way.
_SAYS_NOT_WHO = {
    *("aws:securetransport", "s3:tlsversion", "aws:useragent", "aws:referer"),
    *("aws:currenttime", "aws:epochtime", "s3:x-amz-acl", "s3:x-amz-server-side-encryption"),
}


class NoPolicyGivesEverything(Rule):
    id = "E9004"
    shortdesc = "No wildcard actions on wildcard resources"
    description = (
        "A policy of a role, user or group gives no service as a whole on all resources, and no actions with a wildcard"
        " on all resources unless a condition narrows them or they only describe and list. AdministratorAccess,"
        " PowerUserAccess and IAMFullAccess are such policies too."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        for resource in template.resources():
            for place, statement in template.statements(resource):
                # Where a principal is named, the policy belongs to a resource, and `*` stands for that one.
                if statement.get("Effect") == "Allow" and not {"Principal", "NotPrincipal"} & statement.keys():
                    yield from _check_grant(template, place, statement)
        for resource in template.resources(*_IDENTITIES):
            arns = resource.properties.get("ManagedPolicyArns")
            for place, arn in template.texts(arns, resource.at("ManagedPolicyArns")):
                if arn.rpartition("/")[2] in _TOO_MUCH and ":policy/" in arn:
                    message = f"`{arn.rpartition('/')[2]}` allows nearly everything"
                    yield Fault(place, message, "write a policy with what is needed")


def _check_grant(template: Template, place: Place, statement: Mapping[str, Any]) -> Iterator[Fault]:
    if "NotResource" not in statement:
        resources = (text for _, text in template.texts(statement.get("Resource"), (*place, "Resource")))
        if not any(_is_everything(text) for text in resources):
            return
    if "NotAction" in statement:
        message = "'NotAction' allows all actions but a few, on all resources"
        yield Fault((*place, "NotAction"), message, "write `Action` with what is needed")
    for where, action in template.texts(statement.get("Action"), (*place, "Action")):
        if _EVERY_ACTION.fullmatch(action):
            yield Fault(where, f"`{action}` on all resources allows everything", "name the actions, and the resources")
        elif "*" in action and "Condition" not in statement and not _QUESTION.fullmatch(action):
            yield Fault(where, f"`{action}` on all resources is a wildcard on a wildcard", "name the resources")


def _is_everything(resource: str) -> bool:
    """Tell whether a resource is all there is, or all that a service has.

    >>> _is_everything("*"), _is_everything("arn:aws:s3:::*"), _is_everything("arn:aws:s3:::menus/*")
    (True, True, False)
    """
    parts = resource.split(":", 5)
    return not resource.strip("*") or (len(parts) == 6 and not parts[5].strip("*"))


class NoPolicyIsForEveryone(Rule):
    id = "E9005"
    shortdesc = "No access for everyone without a condition"
    description = (
        "A policy that allows something to the principal `*` has a condition that says who is meant, such as"
        " aws:PrincipalOrgID or aws:SourceArn; that a request is encrypted says nothing of who sends it. Policies of"
        " VPC endpoints are spared, because they give nothing."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        for resource in template.resources():
            if resource.type == "AWS::EC2::VPCEndpoint":
                continue
            for place, statement in template.statements(resource):
                if statement.get("Effect") == "Allow" and not _says_who(statement.get("Condition")):
                    yield from _check_principal(template, place, statement)
        for resource in template.resources("AWS::Lambda::Permission", "AWS::Events::EventBusPolicy"):
            principal = template.known(resource.properties.get("Principal"))
            if principal == "*" and not {"Condition", *_SOURCES} & resource.properties.keys():
                yield _everyone(resource.at("Principal"))


_SOURCES = ("SourceArn", "SourceAccount", "PrincipalOrgID")


def _check_principal(template: Template, place: Place, statement: Mapping[str, Any]) -> Iterator[Fault]:
    if "NotPrincipal" in statement:
        message = "'NotPrincipal' allows everyone but a few"
        yield Fault((*place, "NotPrincipal"), message, "write `Principal` with who is meant")
    for where, principal in template.each(statement.get("Principal"), (*place, "Principal")):
        if isinstance(principal, dict):
            for kind in ("AWS", "*"):
                for inner, name in template.texts(principal.get(kind), (*where, kind)):
                    if name == "*":
                        yield _everyone(inner)
        elif principal == "*":
            yield _everyone(where)


def _says_who(condition: Any) -> bool:
    """Tell whether a condition may narrow down who is meant; one that cannot be read may."""
    if not isinstance(condition, dict):
        return condition is not None
    for test, keys in condition.items():
        if not isinstance(keys, dict) or str(test).startswith("Fn::"):
            return True
        if any(str(key).lower() not in _SAYS_NOT_WHO for key in keys):
            return True
    return False


def _everyone(place: Place) -> Fault:
    hint = "name accounts or services, or add a condition such as aws:PrincipalOrgID"
    return Fault(place, "the principal `*` is everyone, and no condition says who is meant", hint)
