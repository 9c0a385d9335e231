"""Load balancers: hosts that no rule can be about, and drains that instances do not wait for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.diagnostics import Diagnostic
from compiler.guard import guard_stack
from compiler.model import Json, Stack
from tests.services_by_hand import load_template
from tests.stacks_by_hand import TOY, said, stack_of

ELB = "AWS::ElasticLoadBalancingV2::"
LONG = "a" * 60 + "."


def about(*hosts: Json, **condition: Json) -> Json:
    values = condition or {"HostHeaderConfig": {"Values": list(hosts)}}
    return {"Type": ELB + "ListenerRule", "Properties": {"Conditions": [{"Field": "host-header", **values}]}}


def drained(*pairs: tuple[str, Json]) -> Json:
    attributes = [{"Key": key, "Value": value} for key, value in pairs]
    return {"Type": ELB + "TargetGroup", "Properties": {"TargetGroupAttributes": attributes}}


def judged(stack: Stack) -> list[Diagnostic]:
    return [each for each in guard_stack(stack, TOY) if each.code in ("D397", "D602")]


@pytest.mark.parametrize(
    ("host", "fault"),
    [
        (f"{LONG}{LONG}example", "is 129 characters long, Elastic Load Balancing takes 128"),
        (f"{LONG}{LONG}exampl", None),
        ("shop.example2", "is no host that Elastic Load Balancing takes"),
        ("shop.xn--p1ai", "is no host that Elastic Load Balancing takes"),
        ("shop", "is no host that Elastic Load Balancing takes"),
        ("*.Shop.example", None),
        ("{{resolve:ssm:/host}}", None),
        ({"Fn::Sub": "shop.${Zone}"}, None),
        (7, None),
    ],
)
def test_a_host_is_one_that_a_rule_can_be_about(host: Json, fault: str | None) -> None:
    for body in (about("shop.example", host), about(Values=[host])):
        stack = stack_of({"Rule": body}, {("Rule", "Properties"): said("override", 3)})
        found = judged(stack)
        assert [("D602", 3)] * (fault is not None) == [(each.code, each.span.line) for each in found if each.span]
        assert all(f"`{host}` {fault}" in each.message for each in found)
    assert [] == judged(stack_of({"Rule": about(Field="path-pattern", Values=["/a"])}))


def test_what_no_rule_has_to_match_is_no_host() -> None:
    for conditions in (None, 7, [7], [{"Field": "host-header"}], [{"Field": "host-header", "HostHeaderConfig": 7}]):
        assert [] == judged(
            stack_of({"Rule": {"Type": ELB + "ListenerRule", "Properties": {"Conditions": conditions}}})
        )


@pytest.mark.parametrize(
    ("before", "after", "layer", "waits"),
    [
        ("60", "600", "override", 90),
        ("60", 91, "override", 90),
        ("60", "90", "override", None),
        ("300", "60", "override", None),
        ("60", "600", "template", None),
        ("60", {"Ref": "Seconds"}, "override", None),
        ({"Ref": "Seconds"}, "600", "override", None),
    ],
)
def test_instances_wait_for_what_their_process_says(before: str, after: Json, layer: str, waits: int | None) -> None:
    key, other = "deregistration_delay.timeout_seconds", ("stickiness.enabled", "false")
    place = ("Web", "Properties", "TargetGroupAttributes", 1, "Value")
    stack = stack_of({"Web": drained(other, (key, after))}, {place: said(layer, 3)})
    stack = replace(stack, platform={("Resources", "Web"): drained((key, before), other)})
    found = [(each.code, each.severity, each.span and each.span.line, each.message) for each in judged(stack)]
    message = f"`Web` lets requests take {after} seconds, and its instances end after {waits} all the same"
    assert ([("D397", "warning", 3, message)] if waits else []) == found
    assert waits is None or load_template("_patience").MARGIN == waits - int(before)
