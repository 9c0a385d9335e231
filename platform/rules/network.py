"""Who reaches what: the internet comes in through public load balancers and by no other way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from ._rule import Fault, Place, Rule, Template, is_wide, refers_to

_WEB = {80, 443}


class TheInternetComesThroughLoadBalancers(Rule):
    id = "E9006"
    shortdesc = "No way in from the internet but to public load balancers"
    description = (
        "A security group lets the whole internet in on ports 80 and 443 only, and only if it is that of an"
        " internet-facing load balancer of the same stack. A large part of the internet, such as 128.0.0.0/1, counts as"
        " all of it."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        public, lists = set(_public_groups(template)), dict(_wide_lists(template))
        for resource in template.resources("AWS::EC2::SecurityGroup"):
            ingress = resource.properties.get("SecurityGroupIngress")
            for place, rule in template.each(ingress, resource.at("SecurityGroupIngress")):
                yield from _check_ingress(template, place, rule, lists, is_public=resource.name in public)
        for resource in template.resources("AWS::EC2::SecurityGroupIngress"):
            group = resource.properties.get("GroupId", resource.properties.get("GroupName"))
            is_public = public.issuperset(refers_to(each) or "" for each in template.options(group))
            yield from _check_ingress(template, resource.at(), resource.properties, lists, is_public=is_public)


def _public_groups(template: Template) -> Iterator[str]:
    """Name the security groups of load balancers that face the internet, as they do unless told otherwise."""
    kinds = ("AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancing::LoadBalancer")
    for resource in template.resources(*kinds):
        if all(scheme in (None, "internet-facing") for scheme in template.options(resource.properties.get("Scheme"))):
            groups = resource.properties.get("SecurityGroups")
            for _, group in template.each(groups, resource.at("SecurityGroups")):
                name = refers_to(group)
                if name:
                    yield name


def _wide_lists(template: Template) -> Iterator[tuple[str, str]]:
    """Name the lists of prefixes that hold the whole internet, and what they hold of it."""
    for resource in template.resources("AWS::EC2::PrefixList"):
        for place, entry in template.each(resource.properties.get("Entries"), resource.at("Entries")):
            for _, cidr in template.texts(entry.get("Cidr") if isinstance(entry, dict) else None, place):
                if is_wide(cidr):
                    yield resource.name, cidr


def _check_ingress(
    template: Template, place: Place, rule: Any, lists: Mapping[str, str], *, is_public: bool
) -> Iterator[Fault]:
    if not isinstance(rule, dict) or (is_public and _ports(template, rule) <= _WEB):
        return
    hint = (
        "open ports 80 and 443 only, or name who is meant" if is_public else "name the group or the range that is meant"
    )
    for key in ("CidrIp", "CidrIpv6"):
        for where, cidr in template.texts(rule.get(key), (*place, key)):
            if is_wide(cidr):
                yield Fault(where, f"`{cidr}` lets the whole internet in", hint)
    for where, each in template.each(rule.get("SourcePrefixListId"), (*place, "SourcePrefixListId")):
        name = refers_to(each) or ""
        if name in lists:
            yield Fault(where, f"`{lists[name]}` of `{name}` lets the whole internet in", hint)


def _ports(template: Template, rule: Mapping[str, Any]) -> set[int]:
    """Return the TCP ports that a rule opens; some that are none of the web's where that is not to be seen."""
    ports: set[int] = set()
    keys = (rule.get(key) for key in ("IpProtocol", "FromPort", "ToPort"))
    for values in itertools.product(*map(template.options, keys)):
        protocol, first, last = (str(value).lower() for value in values)
        is_known = protocol in ("tcp", "6") and first.isdecimal() and last.isdecimal()
        if not is_known or not 0 <= int(last) - int(first) <= len(_WEB):
            return {0}
        ports |= set(range(int(first), int(last) + 1))
    return ports
