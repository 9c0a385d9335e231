"""What is sent to the platform's topics and queues is encrypted on its way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ._rule import Fault, Place, Resource, Rule, Template, refers_to, text_of

_DENIAL = "DenyPlainTransport"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What receives messages: the property that names it, how messages come and go, and what its policies are.

    `policies` has for each type of policy the property that says whose it is.
    """

    name: str
    actions: tuple[str, ...]
    policies: Mapping[str, str]


_KINDS = {
    "AWS::SNS::Topic": _Kind(
        "TopicName", ("sns:publish",), {"AWS::SNS::TopicPolicy": "Topics", "AWS::SNS::TopicInlinePolicy": "TopicArn"}
    ),
    "AWS::SQS::Queue": _Kind(
        "QueueName",
        ("sqs:sendmessage", "sqs:receivemessage"),
        {"AWS::SQS::QueuePolicy": "Queues", "AWS::SQS::QueueInlinePolicy": "Queue"},
    ),
}


class MessagesAreNotSentInPlainText(Rule):
    id = "E9009"
    scope = "service"
    spares_additions = True
    shortdesc = "What the platform makes for messages refuses plain text"
    description = (
        "Every topic and every queue that the platform makes for a service has a policy that denies all to a request"
        " that is not encrypted. Additions are spared."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        for receiver in template.resources(*_KINDS):
            kind = _KINDS[receiver.type]
            policies = [each for each in template.resources(*kind.policies) if _holds_for(template, each, receiver)]
            statements = [statement for policy in policies for _, statement in _unconditional(template, policy)]
            if all(any(_weaknesses(template, receiver, each)) for each in statements):
                own = (each for each in template.resources(*kind.policies) if each.name == _policy_of(receiver))
                yield from _blame(template, receiver, next(own, None))


def _holds_for(template: Template, policy: Resource, receiver: Resource) -> bool:
    """Tell whether a policy is there for what receives messages, whatever the conditions of the template say."""
    whose = policy.properties.get(_KINDS[receiver.type].policies[policy.type])
    return policy.body.get("Condition") in (None, receiver.body.get("Condition")) and _always(
        template, whose, lambda each: _is_of(template, each, receiver)
    )


def _policy_of(receiver: Resource) -> str:
    """Name the policy that the platform makes; that of a queue is for what could not be handled or delivered, too."""
    return re.sub("(DeadLetter|Undeliverable)Queue$", "Queue", receiver.name) + "Policy"


def _unconditional(template: Template, policy: Resource) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    return (each for each in template.statements(policy) if "Fn::If" not in each[0])


def _policies_of(template: Template, receiver: Resource) -> Iterator[tuple[Resource, Place]]:
    """Yield the policies of what receives messages, each with the place that says whose it is."""
    policies = _KINDS[receiver.type].policies
    for policy in template.resources(*policies):
        key = policies[policy.type]
        for place, whose in template.each(policy.properties.get(key), policy.at(key)):
            if _is_of(template, whose, receiver):
                yield policy, place
                break


def _is_of(template: Template, value: Any, receiver: Resource) -> bool:
    """Tell whether a value is the id, the ARN or the address of what receives messages."""
    text = text_of(value)
    if text is None:
        return refers_to(value) == receiver.name
    name = re.split("[:/]", text)[-1]
    own = template.options(receiver.properties.get(_KINDS[receiver.type].name))
    return bool(name) and name in {text_of(each) for each in own}


def _weaknesses(template: Template, receiver: Resource, statement: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys for which a statement does not deny everyone to use a connection that is not encrypted."""
    kind = _KINDS[receiver.type]
    if template.options(statement.get("Effect")) != ("Deny",):
        yield "Effect"
    if not all(each in ("*", {"AWS": "*"}) for each in template.options(statement.get("Principal"))):
        yield "Principal"
    if not all(_always(template, statement.get("Action"), partial(_is_covered, action)) for action in kind.actions):
        yield "Action"
    if not _always(template, statement.get("Resource"), lambda each: each == "*" or _is_of(template, each, receiver)):
        yield "Resource"
    if not all(_is_of_plain_text(template, each) for each in template.options(statement.get("Condition"))):
        yield "Condition"
    for key in ("NotPrincipal", "NotAction", "NotResource"):
        if template.options(statement.get(key)) != (None,):
            yield key


def _is_covered(action: str, said: Any) -> bool:
    return str(said).lower() in {action, action.partition(":")[0] + ":*", "*"}


def _always(template: Template, value: Any, test: Callable[[Any], bool]) -> bool:
    """Tell whether a value passes a test, or one of a list does, whatever the value turns out to be."""
    return all(
        any(
            all(test(each) for each in template.options(item))
            for item in (whole if isinstance(whole, list) else [whole])
        )
        for whole in template.options(value)
    )


def _is_of_plain_text(template: Template, condition: Any) -> bool:
    keys = condition.get("Bool") if isinstance(condition, dict) and len(condition) == 1 else None
    if not isinstance(keys, dict) or [str(key).lower() for key in keys] != ["aws:securetransport"]:
        return False
    return all(str(value).lower() == "false" for each in keys.values() for value in template.options(each))


def _blame(template: Template, receiver: Resource, policy: Resource | None) -> Iterator[Fault]:
    """Yield what of the platform's policy lets plain text through, where that stands."""
    hint = f"keep the statement `{_DENIAL}` of its policy"
    lost = f"'{_policy_of(receiver)}' does not deny what is sent in plain text"
    if policy is None:
        yield Fault(receiver.place, lost, hint)
        return
    key = _KINDS[receiver.type].policies[policy.type]
    if not _holds_for(template, policy, receiver):
        if policy.body.get("Condition") not in (None, receiver.body.get("Condition")):
            message = "'Condition' can leave the policy out, and then nothing denies what is sent in plain text"
            yield Fault((*policy.place, "Condition"), message, "leave it out")
            return
        message = f"'{key}' leaves out `{receiver.name}`, and so nothing denies what is sent in plain text"
        yield Fault(policy.at(key), message, f"keep `{receiver.name}` in it")
        return
    denials = [each for each in _unconditional(template, policy) if _DENIAL in template.options(each[1].get("Sid"))]
    for place, statement in denials:
        for key in _weaknesses(template, receiver, statement):
            message = f"'{key}' keeps `{_DENIAL}` from denying what is sent in plain text"
            yield Fault((*place, key), message, "leave this statement as it is, and write another one")
    if not denials:
        yield Fault(policy.at("PolicyDocument", "Statement"), f"no '{_DENIAL}' denies what is sent in plain text", hint)


class OneReceiverHasOnePolicy(Rule):
    id = "E9010"
    shortdesc = "A topic or a queue has one policy"
    description = (
        "No two policies are for the same topic or queue: AWS keeps the one that was written last, and what the other"
        " denies is allowed."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        for receiver in template.resources(*_KINDS):
            found = list(_policies_of(template, receiver))
            for _, place in found[1:]:
                first = found[0][0].name
                message = f"`{receiver.name}` has the policy `{first}`, and a second one would take its place"
                yield Fault(place, message, f"say it in `{first}`; an override adds to what the platform made")
