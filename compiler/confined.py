"""Confined: which roles of a stack are those of instances that reach no internet.

In: a Stack.    Out: names of roles.
Never: takes for confined what it cannot see through: a group of another stack, a rule that only CloudFormation knows.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from compiler.calls import list_names
from compiler.model import Json, Stack, value_at
from compiler.outlets import WHOLE_INTERNET

_GROUP, _RULE = "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress"
_LAUNCHES = "AWS::EC2::LaunchTemplate"


def find_confined(stack: Stack) -> frozenset[str]:
    """Name the roles that only launch templates have whose security groups let nothing out to the internet on 443."""
    resources = stack.template.get("Resources") or {}
    confined: set[str] = set()
    others: set[str] = set()
    for body in _bodies(resources, _LAUNCHES):
        data = value_at(body, ("Properties", "LaunchTemplateData"))
        profiles = list(list_names(value_at(data, ("IamInstanceProfile",))))
        roles = {role for name in profiles for role in list_names(value_at(resources, (name, "Properties", "Roles")))}
        (confined if _is_confined(resources, data) else others).update(roles)
    return frozenset(confined - others)


def _is_confined(resources: Mapping[str, Json], launch: Json) -> bool:
    groups = list(_groups(launch))
    names = [list(list_names(group)) for group in groups]
    return bool(groups) and all(len(each) == 1 and not _is_open(resources, each[0]) for each in names)


def _groups(launch: Json) -> Iterator[Json]:
    interfaces = value_at(launch, ("NetworkInterfaces",))
    for interface in interfaces if isinstance(interfaces, list) else [launch]:
        found = value_at(interface, ("Groups",)) or value_at(interface, ("SecurityGroupIds",))
        yield from found if isinstance(found, list) else [found]


def _is_open(resources: Mapping[str, Json], name: str) -> bool:
    """Tell whether a group lets out what is meant for the internet; without a rule it lets out everything."""
    if value_at(resources, (name, "Type")) != _GROUP:
        return True
    rules = value_at(resources, (name, "Properties", "SecurityGroupEgress"))
    apart = [value_at(body, ("Properties",)) for body in _bodies(resources, _RULE)]
    apart = [each for each in apart if name in list_names(value_at(each, ("GroupId",)))]
    return not isinstance(rules, list) or not rules or any(map(_lets_out, [*rules, *apart]))


def _lets_out(rule: Json) -> bool:
    if not isinstance(rule, dict):
        return True
    ranges = [rule[key] for key in ("CidrIp", "CidrIpv6") if key in rule]
    return any(map(_is_wide, ranges)) and _is_for_https(rule)


def _is_for_https(rule: Mapping[str, Json]) -> bool:
    first, last = rule.get("FromPort"), rule.get("ToPort")
    if str(rule.get("IpProtocol")) in ("udp", "17", "icmp", "1", "icmpv6", "58"):
        return False
    return not (isinstance(first, int) and isinstance(last, int)) or first <= 443 <= last or first == -1


def _is_wide(cidr: Json) -> bool:
    try:
        return not isinstance(cidr, str) or ipaddress.ip_network(cidr, strict=False).prefixlen <= WHOLE_INTERNET
    except ValueError:
        return True


def _bodies(resources: Mapping[str, Json], kind: str) -> Iterator[Mapping[str, Json]]:
    return (body for body in resources.values() if isinstance(body, dict) and body.get("Type") == kind)
