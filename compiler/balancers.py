"""Balancers: what Elastic Load Balancing refuses of a rule's hosts, and what an override lets it wait for in vain.

In: a Stack.    Out: Diagnostics.
Faults: D397 instances do not wait for a longer drain, D602 a host that is too long or no name.
Never: judges a host that is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from compiler.cause import find_cause, place_cause
from compiler.diagnostics import Diagnostic
from compiler.model import Json, Path, Stack, value_at, walk_leaves

_ELB = "AWS::ElasticLoadBalancingV2::"
# As the API's reference has it of HostHeaderConditionConfig.
_LONGEST_HOST = 128
_HOST = re.compile(r".*\.[A-Za-z]+")
_DRAIN = "deregistration_delay.timeout_seconds"
_MARGIN = 30  # seconds that instances wait for beyond what the platform has the load balancer wait


def check_balancers(stack: Stack) -> Iterator[Diagnostic]:
    """Yield each host that no rule can be about, and each longer drain of which only the load balancer knows."""
    for name, body in (stack.template.get("Resources") or {}).items():
        kind = body.get("Type") if isinstance(body, dict) else None
        at: Path = ("Resources", name, "Properties")
        if kind == _ELB + "ListenerRule":
            yield from _check_hosts(stack, (*at, "Conditions"))
        elif kind == _ELB + "TargetGroup" and at[:2] in stack.platform:
            yield from _check_drain(stack, (*at, "TargetGroupAttributes"))


def _check_hosts(stack: Stack, conditions: Path) -> Iterator[Diagnostic]:
    found = value_at(stack.template, conditions)
    for index, condition in enumerate(found if isinstance(found, list) else ()):
        if not isinstance(condition, dict) or condition.get("Field") != "host-header":
            continue
        for steps in (("HostHeaderConfig", "Values"), ("Values",)):
            path = (*conditions, index, *steps)
            for place, host in walk_leaves(value_at(stack.template, path), path):
                if len(place) == len(path) + 1 and isinstance(host, str) and "{{" not in host:
                    yield from _check_host(stack, place, host)


def _check_host(stack: Stack, path: Path, host: str) -> Iterator[Diagnostic]:
    said = find_cause(stack, path)
    span, related = place_cause(said) if said else (None, ())
    if len(host) > _LONGEST_HOST:
        message = f"the host `{host}` is {len(host)} characters long, Elastic Load Balancing takes {_LONGEST_HOST}"
        yield Diagnostic(
            "D602", message, span, "shorten `dns`, or the name or the zone of the environment", "error", related
        )
    elif not _HOST.fullmatch(host):
        message = f"`{host}` is no host that Elastic Load Balancing takes, which wants a dot and then letters only"
        yield Diagnostic("D602", message, span, "name a host below a domain, such as `shop.example`", "error", related)


def _check_drain(stack: Stack, attributes: Path) -> Iterator[Diagnostic]:
    before = [seconds for _, seconds in _drains(stack.platform[attributes[:2]], attributes[2:])]
    for path, seconds in _drains(stack.template, attributes):
        said = find_cause(stack, path)
        if said is None or said.origin.layer != "override" or not before or seconds <= before[0] + _MARGIN:
            continue
        message = (
            f"`{attributes[1]}` lets requests take {seconds} seconds, "
            f"and its instances end after {before[0] + _MARGIN} all the same"
        )
        hint = "set `requests.timeout` of the process instead, which all that waits follows"
        yield Diagnostic("D397", message, said.origin.span, hint, "warning")


def _drains(data: Json, attributes: Path) -> Iterator[tuple[Path, int]]:
    """Yield each number of seconds that is given to the requests of an instance that leaves, with its place."""
    found = value_at(data, attributes)
    for index, pair in enumerate(found if isinstance(found, list) else ()):
        seconds = str(pair.get("Value")) if isinstance(pair, dict) and pair.get("Key") == _DRAIN else ""
        if seconds.isascii() and seconds.isdecimal():
            yield (*attributes, index, "Value"), int(seconds)
