"""Who reaches what: the internet comes in through public load balancers and by no other way."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ._rule import Fault, Place, Rule, Template, refers_to

_WEB = {80, 443}
# The longest prefix of what counts as the whole internet, by version.
_WIDE = {4: 7, 6: 15}


class TheInternetComesThroughLoadBalancers(Rule):
    id = "E9006"
    shortdesc = "No way in from the internet but to public load balancers"
    description = (
        "A security group lets the whole internet in on ports 80 and 443 only, and only if it is that of an"
        " internet-facing load balancer of the same stack. A large part of the internet, such as 128.0.0.0/1, counts as"
        " all of it."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        public = set(_public_groups(template))
        for resource in template.resources("AWS::EC2::SecurityGroup"):
            ingress = resource.properties.get("SecurityGroupIngress")
            for place, rule in template.each(ingress, resource.at("SecurityGroupIngress")):
                yield from _check_ingress(template, place, rule, is_public=resource.name in public)
        for resource in template.resources("AWS::EC2::SecurityGroupIngress"):
            group = resource.properties.get("GroupId", resource.properties.get("GroupName"))
            yield from _check_ingress(
                template, resource.at(), resource.properties, is_public=refers_to(group) in public
            )


def _public_groups(template: Template) -> Iterator[str]:
    """Name the security groups of load balancers that face the internet, as they do unless told otherwise."""
    kinds = ("AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancing::LoadBalancer")
    for resource in template.resources(*kinds):
        if template.known(resource.properties.get("Scheme", "internet-facing")) == "internet-facing":
            groups = resource.properties.get("SecurityGroups")
            for _, group in template.each(groups, resource.at("SecurityGroups")):
                name = refers_to(group)
                if name:
                    yield name


def _check_ingress(template: Template, place: Place, rule: Any, *, is_public: bool) -> Iterator[Fault]:
    if not isinstance(rule, dict) or (is_public and _ports(template, rule) <= _WEB):
        return
    for key in ("CidrIp", "CidrIpv6"):
        for where, cidr in template.texts(rule.get(key), (*place, key)):
            if _is_wide(cidr):
                message = f"`{cidr}` lets the whole internet in"
                hint = "name the group or the range that is meant"
                yield Fault(
                    where, message, hint if not is_public else "open ports 80 and 443 only, or name who is meant"
                )


def _ports(template: Template, rule: Mapping[str, Any]) -> set[int]:
    """Return the TCP ports that a rule opens; some that are none of the web's where that is not to be seen."""
    first, last = (str(template.known(rule.get(key))) for key in ("FromPort", "ToPort"))
    is_tcp = str(template.known(rule.get("IpProtocol"))).lower() in ("tcp", "6")
    if not is_tcp or not first.isdecimal() or not last.isdecimal() or int(last) - int(first) > len(_WEB):
        return {0}
    return set(range(int(first), int(last) + 1)) or {0}


def _is_wide(cidr: str) -> bool:
    """Tell whether a range is the internet or a large part of it.

    >>> _is_wide("0.0.0.0/0"), _is_wide("128.0.0.0/1"), _is_wide("10.0.0.0/8"), _is_wide("::/0")
    (True, True, False, True)
    """
    try:
        network = ipaddress.ip_network(cidr.strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen <= _WIDE[network.version]
