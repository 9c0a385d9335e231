"""Who may do what: no policy gives everything, and none gives something to everyone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.authoring import is_open

from ._rule import Fault, Place, Resource, Rule, Template, is_wide

_IDENTITIES = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
_TOO_MUCH = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
_EVERY_ACTION = re.compile(r"[*?]+|[^:]+:[*?]+")
_WILDCARD = re.compile(r"[*?]")
# What these name is not a thing but a question, and AWS knows no narrower resource for most of them.
_QUESTION = re.compile(r"[^:]+:(Describe|List)[^:]*")
# Services whose resources are called by a name alone, with no word before it for what they are.
_PLAIN_NAMES = ("s3", "sns", "sqs", "execute-api")
_LOOKED_UP = re.compile(r"\{\{resolve:[^}]*\}\}")
# Tests that hold for everyone but a few, or for a request that says nothing.
_HOLDS_FOR_NOBODY = re.compile(r"ForAllValues:.*|.*Not.*|.*IfExists|Null", re.IGNORECASE)
_HOLDS_FOR_ANYTHING = re.compile(r"Null", re.IGNORECASE)
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
                if _may_allow(template, statement) and not _names_someone(template, statement):
                    yield from _check_grant(template, place, statement)
        for resource in template.resources(*_IDENTITIES):
            arns = resource.properties.get("ManagedPolicyArns")
            for place, arn in template.texts(arns, resource.at("ManagedPolicyArns")):
                if arn.rpartition("/")[2] in _TOO_MUCH and ":policy/" in arn:
                    message = f"`{arn.rpartition('/')[2]}` allows nearly everything"
                    yield Fault(place, message, "write a policy with what is needed")


def _may_allow(template: Template, statement: Mapping[str, Any]) -> bool:
    return any(effect != "Deny" for effect in template.options(statement.get("Effect")))


def _names_someone(template: Template, statement: Mapping[str, Any]) -> bool:
    return any(None not in template.options(statement.get(key)) for key in ("Principal", "NotPrincipal"))


def _check_grant(template: Template, place: Place, statement: Mapping[str, Any]) -> Iterator[Fault]:
    if template.options(statement.get("NotResource")) == (None,):
        resources = (text for _, text in template.texts(statement.get("Resource"), (*place, "Resource")))
        if not any(_is_everything(text) for text in resources):
            return
    if template.options(statement.get("NotAction")) != (None,):
        message = "'NotAction' allows all actions but a few, on all resources"
        yield Fault((*place, "NotAction"), message, "write `Action` with what is needed")
    is_narrow = _narrows(template, statement, _HOLDS_FOR_ANYTHING)
    for where, action in template.texts(statement.get("Action"), (*place, "Action")):
        if _EVERY_ACTION.fullmatch(action):
            yield Fault(where, f"`{action}` on all resources allows everything", "name the actions, and the resources")
        elif _WILDCARD.search(action) and not _QUESTION.fullmatch(action) and not is_narrow:
            yield Fault(where, f"`{action}` on all resources is a wildcard on a wildcard", "name the resources")


def _is_everything(resource: str) -> bool:
    """Tell whether a resource is all there is, or all that a service has, or all of a kind.

    >>> [_is_everything(name) for name in ("*", "arn:aws:s3:::*/*", "arn:aws:dynamodb:*:*:table/*")]
    [True, True, True]
    >>> [_is_everything(name) for name in ("arn:aws:s3:::menus/*", "arn:aws:dynamodb:*:*:table/menus")]
    [False, False]

    What is not known is a `$`. One in front is a whole name, unless too much of an ARN follows it.

    >>> [_is_everything(name) for name in ("$/*", "$:log-stream:*", "{{resolve:ssm:/bucket}}/*", "$:s3:::*")]
    [False, False, False, True]
    """
    if not _WILDCARD.search(resource):
        return False
    fields = _LOOKED_UP.sub("$", resource).split(":", 5)
    missing = [""] * (6 - len(fields))
    if fields[0].startswith("$"):
        if len(missing) > 2:
            return False
        fields, missing = [*missing, *fields], []
    _, _, service, *_, name = *fields, *missing
    steps = re.split("[:/]", name)
    kind = 1 if len(steps) > 1 and service.lstrip("$") not in ("", *_PLAIN_NAMES) else 0
    return not any(step.strip("*?") for step in steps[kind:])


class NoPolicyIsForEveryone(Rule):
    id = "E9005"
    shortdesc = "No access for everyone without a condition"
    description = (
        "A policy that allows something to the principal `*` has a condition that says who is meant, such as"
        " aws:PrincipalOrgID or aws:SourceArn; that a request is encrypted says nothing of who sends it, and neither"
        " does a test that everyone passes. Policies of VPC endpoints are spared, because they give nothing. Who may"
        " have an endpoint of a service is named one by one."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        for resource in template.resources():
            if resource.type == "AWS::EC2::VPCEndpoint":
                continue
            for place, statement in template.statements(resource):
                if _may_allow(template, statement) and not _narrows(template, statement, _HOLDS_FOR_NOBODY):
                    yield from _check_principal(template, place, statement)
        for resource in template.resources("AWS::EC2::VPCEndpointServicePermissions"):
            allowed = resource.properties.get("AllowedPrincipals")
            for place, principal in template.texts(allowed, resource.at("AllowedPrincipals")):
                if principal == "*":
                    yield Fault(place, "the principal `*` is everyone", "name accounts or roles")
        for resource in template.resources(*_PERMISSIONS):
            if _narrows(template, {"Condition": {"StringLike": _sources(template, resource)}}, _HOLDS_FOR_NOBODY):
                continue
            for place, principal in template.texts(resource.properties.get("Principal"), resource.at("Principal")):
                if principal == "*":
                    yield _everyone(place)


_PERMISSIONS = ("AWS::Events::EventBusPolicy", "AWS::Lambda::LayerVersionPermission", "AWS::Lambda::Permission")
_SOURCES = ("SourceArn", "SourceAccount", "PrincipalOrgID", "OrganizationId", "Condition")


def _sources(template: Template, resource: Resource) -> Mapping[str, Any]:
    """Return what narrows down a permission, as a condition would say it."""
    said = {key: resource.properties.get(key) for key in _SOURCES}
    return {key: value for key, value in said.items() if None not in template.options(value)}


def _check_principal(template: Template, place: Place, statement: Mapping[str, Any]) -> Iterator[Fault]:
    if "NotPrincipal" in statement:
        message = "'NotPrincipal' allows everyone but a few"
        yield Fault((*place, "NotPrincipal"), message, "write `Principal` with who is meant")
    for where, principal in template.each(statement.get("Principal"), (*place, "Principal")):
        if isinstance(principal, dict):
            for kind in ("AWS", "Federated", "*"):
                for inner, name in template.texts(principal.get(kind), (*where, kind)):
                    if name == "*":
                        yield _everyone(inner)
        elif principal == "*":
            yield _everyone(where)


def _narrows(template: Template, statement: Mapping[str, Any], vacuous: re.Pattern[str]) -> bool:
    """Tell whether a condition may narrow down who or what is meant; one that cannot be read may.

    `vacuous` names the tests that narrow nothing down.
    """
    return all(_is_narrow(template, condition, vacuous) for condition in template.options(statement.get("Condition")))


def _is_narrow(template: Template, condition: Any, vacuous: re.Pattern[str]) -> bool:
    if not isinstance(condition, dict) or is_open(condition):
        return condition is not None
    for test, keys in condition.items():
        if vacuous.fullmatch(str(test)):
            continue
        for each in template.options(keys):
            if not isinstance(each, dict) or is_open(each):
                return each is not None
            if any(str(key).lower() not in _SAYS_NOT_WHO and _is_some(template, each[key]) for key in each):
                return True
    return False


def _is_some(template: Template, value: Any) -> bool:
    """Tell whether a value of a condition fits less than everything; of several each has to."""
    texts = [text for _, text in template.texts(value, ())]
    return None not in template.options(value) and not any(_is_everyone(text) for text in texts)


def _is_everyone(text: str) -> bool:
    """Tell whether everyone's name, account or address fits a text.

    >>> [_is_everyone(text) for text in ("*", "arn:aws:iam::*:role/*", "0.0.0.0/0", "arn:aws:iam::111122223333:role/*")]
    [True, True, True, False]
    """
    account = (*text.split(":", 5), "", "", "", "", "")[4]
    is_any_arn = text.startswith("arn:") and _is_everything(text) and not account.strip("*?")
    return not text.strip("*?") or is_any_arn or is_wide(text)


def _everyone(place: Place) -> Fault:
    hint = "name accounts or services, or add a condition such as aws:PrincipalOrgID"
    return Fault(place, "the principal `*` is everyone, and no condition says who is meant", hint)
