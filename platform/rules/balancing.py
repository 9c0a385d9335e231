"""How load balancers are turned: by attributes that exist, to values that they can have."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._balancer_attributes import (
    APPLICATION,
    BONDS,
    GATEWAY,
    KINDS,
    LISTENERS,
    LOAD_BALANCERS,
    NETWORK,
    TARGET_GROUPS,
    Attributes,
    Bond,
)
from ._rule import Fault, Place, Resource, Rule, Template, text_of

_ELB = "AWS::ElasticLoadBalancingV2::"
# Where the attributes of each type stand, and what can be there.
_LISTS: Mapping[str, tuple[str, Mapping[str, Attributes]]] = {
    _ELB + "Listener": ("ListenerAttributes", LISTENERS),
    _ELB + "LoadBalancer": ("LoadBalancerAttributes", LOAD_BALANCERS),
    _ELB + "TargetGroup": ("TargetGroupAttributes", TARGET_GROUPS),
}
_PROTOCOLS = {
    **dict.fromkeys(("HTTP", "HTTPS"), APPLICATION),
    **dict.fromkeys(("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"), NETWORK),
    "GENEVE": GATEWAY,
}


@dataclass(frozen=True, slots=True)
class _Pair:
    """An attribute as it stands in a template. `value` is None where only CloudFormation knows it."""

    key: str
    value: str | None
    key_place: Place
    place: Place


class AttributesOfLoadBalancersExist(Rule):
    id = "E9012"
    shortdesc = "Attributes of load balancers exist and agree with each other"
    description = (
        "Each attribute of a load balancer, a listener or a target group is one that Elastic Load Balancing knows for"
        " that kind of load balancer, stands there once and has a value that it takes; and those that exclude each"
        " other do not stand together, such as a slow start and least outstanding requests. CloudFormation and its"
        " linters take any pair of texts."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        for resource in template.resources(*_LISTS):
            name, tables = _LISTS[resource.type]
            known = [tables[kind] for kind in _kinds(template, resource)]
            pairs = list(_read_pairs(template, resource, name))
            for pair in pairs:
                yield from _check_pair(pair, known)
            # What stands in branches of a condition may never stand together.
            sure = [pair for pair in pairs if "Fn::If" not in pair.place]
            yield from _check_twice(sure)
            values = {pair.key: pair for pair in sure}
            for bond in BONDS:
                if bond.key in values and (bond.other in values or len(sure) == len(pairs)):
                    yield from _check_bond(bond, values[bond.key], values.get(bond.other))


def _kinds(template: Template, resource: Resource) -> tuple[str, ...]:
    """Name the kinds of load balancer that a resource can be of, or for."""
    if resource.type == _ELB + "LoadBalancer":
        said = template.options(resource.properties.get("Type"))
        found = {APPLICATION if each is None else str(each) for each in said}
    else:
        said = template.options(resource.properties.get("Protocol"))
        found = {_PROTOCOLS.get(str(each), "") for each in said}
    if template.options(resource.properties.get("TargetType")) == ("lambda",):
        found = {APPLICATION}
    return tuple(kind for kind in KINDS if kind in found) if found <= {*KINDS} else KINDS


def _read_pairs(template: Template, resource: Resource, name: str) -> Iterator[_Pair]:
    for place, pair in template.each(resource.properties.get(name), resource.at(name)):
        if not isinstance(pair, dict):
            continue
        for key_place, key in template.texts(pair.get("Key"), (*place, "Key")):
            for value_place, value in template.each(pair.get("Value"), (*place, "Value")):
                if "$" not in key and "{{" not in key:
                    yield _Pair(key, _text(value), key_place, value_place)


def _text(value: Any) -> str | None:
    """Write a value as CloudFormation sends it."""
    text = str(value).lower() if isinstance(value, (bool, int)) else text_of(value)
    return None if text is None or "$" in text or "{{" in text else text


def _check_pair(pair: _Pair, known: list[Attributes]) -> Iterator[Fault]:
    found = [table[pair.key] for table in known if pair.key in table]
    if not found:
        names = sorted({name for table in known for name in table})
        near = difflib.get_close_matches(pair.key, names, 1, 0.6)
        hint = (
            f"write `{near[0]}`" if near else "AWS lists them with the API's ModifyLoadBalancerAttributes and the like"
        )
        yield Fault(pair.key_place, f"there is no attribute `{pair.key}` here", hint)
    elif pair.value is not None and not any(values.admit(pair.value) for values in found):
        message = f"`{pair.key}` cannot be `{pair.value}`"
        yield Fault(pair.place, message, f"write {' or '.join(dict.fromkeys(map(str, found)))}")


def _check_twice(pairs: list[_Pair]) -> Iterator[Fault]:
    seen: set[str] = set()
    for pair in pairs:
        if pair.key in seen:
            yield Fault(pair.key_place, f"`{pair.key}` stands here twice", "remove one of the two")
        seen.add(pair.key)


def _check_bond(bond: Bond, pair: _Pair, other: _Pair | None) -> Iterator[Fault]:
    if pair.value is None or pair.value in bond.but:
        return
    if not bond.wanted:
        if other is None:
            message = f"`{bond.key}` is `{pair.value}`, and `{bond.other}` is missing"
            yield Fault(pair.place, message, f"add `{bond.other}`")
        return
    value = bond.unsaid if other is None else other.value
    if value is not None and value not in bond.wanted:
        words = " or ".join(f"`{word}`" for word in bond.wanted)
        message = f"`{bond.key}` is `{pair.value}` beside `{bond.other}` that is {f'`{value}`' if value else 'missing'}"
        yield Fault(pair.place, message, f"set `{bond.other}` to {words}, or leave this out")
