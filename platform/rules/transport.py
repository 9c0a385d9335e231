"""What travels is encrypted: load balancers speak HTTPS, and HTTP only to say where HTTPS is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._rule import Fault, Place, Rule, Template, refers_to, text_of

_LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"


class ListenersSpeakHttps(Rule):
    id = "E9007"
    shortdesc = "Load balancers answer in plain text only to redirect"
    description = (
        "A listener for HTTP redirects to HTTPS or gives a fixed answer, and so do its rules. A listener for HTTPS or"
        " TLS names its SslPolicy: the default accepts TLS 1.0."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        plain = set()
        for listener in template.resources(_LISTENER):
            for place, protocol in template.texts(listener.properties.get("Protocol"), listener.at("Protocol")):
                if protocol in ("HTTPS", "TLS") and None in template.options(listener.properties.get("SslPolicy")):
                    message = "'SslPolicy' is missing: the default accepts TLS 1.0"
                    yield Fault(place, message, "add `SslPolicy: ELBSecurityPolicy-TLS13-1-2-Res-2021-06`")
                elif protocol == "HTTP":
                    plain.add(listener.name)
                    actions = listener.properties.get("DefaultActions")
                    yield from _check_actions(template, listener.at("DefaultActions"), actions)
        for rule in template.resources(_RULE):
            if plain & {refers_to(each) for each in template.options(rule.properties.get("ListenerArn"))}:
                yield from _check_actions(template, rule.at("Actions"), rule.properties.get("Actions"))


def _check_actions(template: Template, place: Place, actions: Any) -> Iterator[Fault]:
    for where, action in template.each(actions, place):
        if isinstance(action, dict) and not _is_harmless(template, action):
            message = "requests over HTTP are served: what they hold can be read on the way"
            yield Fault(where, message, "redirect to HTTPS, and serve there")


def _is_harmless(template: Template, action: dict[str, Any]) -> bool:
    for redirect in template.options(action.get("RedirectConfig")):
        protocols = template.options(redirect.get("Protocol")) if isinstance(redirect, dict) else (None,)
        for kind in template.options(action.get("Type")):
            if kind != "fixed-response" and (kind != "redirect" or set(map(text_of, protocols)) != {"HTTPS"}):
                return False
    return True
