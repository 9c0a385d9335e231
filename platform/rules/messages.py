"""What is sent to the platform's topics and queues is encrypted on its way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ._rule import Fault, Rule, Template, refers_to

# What receives messages: its policy, the property of that which names whose it is, and how messages are sent.
_RECEIVERS = {
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics", "sns:publish"),
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues", "sqs:sendmessage"),
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
        for kind, (policy, key, action) in _RECEIVERS.items():
            refusing = {
                refers_to(each)
                for resource in template.resources(policy)
                if any(_refuses(template, statement, action) for _, statement in template.statements(resource))
                for _, each in template.each(resource.properties.get(key), resource.at(key))
            }
            for resource in template.resources(kind):
                if resource.name not in refusing:
                    message = f"'{resource.name}Policy' does not deny what is sent in plain text"
                    yield Fault(resource.place, message, "keep the statement `DenyPlainTransport` of its policy")


def _refuses(template: Template, statement: Mapping[str, Any], action: str) -> bool:
    """Tell whether a statement denies everyone an action over a connection that is not encrypted."""
    actions = {text.lower() for _, text in template.texts(statement.get("Action"), ())}
    effects, principals = (template.options(statement.get(key)) for key in ("Effect", "Principal"))
    if effects != ("Deny",) or principals != ("*",) or not actions & {action, action.partition(":")[0] + ":*", "*"}:
        return False
    return all(_is_of_plain_text(template, condition) for condition in template.options(statement.get("Condition")))


def _is_of_plain_text(template: Template, condition: Any) -> bool:
    keys = condition.get("Bool") if isinstance(condition, dict) and len(condition) == 1 else None
    if not isinstance(keys, dict) or [str(key).lower() for key in keys] != ["aws:securetransport"]:
        return False
    return all(str(value).lower() == "false" for each in keys.values() for value in template.options(each))
