"""A diff as text: the verdict first, grouped, within the terminal, and without a credential."""

from __future__ import annotations

import re
from dataclasses import replace

from compiler.changes import Change, Diff, Side
from compiler.diagnostics import Source, Span
from compiler.model import Origin
from compiler.report_diff import report_diff
from compiler.report_safe import measure_text

ORIGIN = Origin("service", Span(Source("service.yml"), 11, 9, 11, 13))
PORT = Change(
    "production",
    "production/template.json",
    ("Resources", "WebTargetGroup", "Properties", "Port"),
    "changed",
    8080,
    8081,
    "WebTargetGroup",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    behavior="replacement",
    security=("exposure-widened", "egress-changed"),
    reasons=("`Port` cannot be changed in place",),
    origin=ORIGIN,
)
TEXT = """\
Resources are replaced by 1 change; also 1 security finding (r1 -> .)

production
  WebTargetGroup  AWS::ElasticLoadBalancingV2::TargetGroup
    ~ Properties.Port  (replaces)
        8080 -> 8081
        security: exposure-widened, egress-changed
        `Port` cannot be changed in place
        orders/service.yml:11:9
"""


def diff(*changes: Change) -> Diff:
    return Diff(Side("r1", {}), Side(".", {}), changes)


def test_the_verdict_is_the_first_line_and_changes_are_grouped() -> None:
    assert TEXT == report_diff(diff(PORT), prefix="orders")
    assert "Nothing changes (r1 -> .)\n" == report_diff(diff())


def test_color_adds_nothing_but_color() -> None:
    colored = report_diff(diff(PORT), prefix="orders", color=True)
    assert "\x1b[31m~ Properties.Port\x1b[0m" in colored
    assert TEXT == re.sub(r"\x1b\[[0-9;]*m", "", colored)


def test_values_fit_into_a_narrow_terminal() -> None:
    long = replace(PORT, before="a" * 500 + "b", after="a" * 500 + "c", reasons=("word " * 40,))
    lines = report_diff(diff(long), width=50).splitlines()
    values = [line for line in lines if "aaa" in line or "word" in line]
    assert 4 < len(values)
    assert all(measure_text(line) <= 50 for line in values), values
    assert any("b" in line for line in values)


def test_neither_a_credential_nor_a_command_for_the_terminal_is_shown() -> None:
    hostile = replace(
        PORT, logical_id="A\x1b[2J", type=None, before="AKIAIOSFODNN7EXAMPLE", after="\x1b]0;title\x07", origin=None
    )
    text = report_diff(diff(hostile), width=60)
    assert "IOSFODNN7" not in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_security_is_in_the_verdict_and_the_worst_of_an_environment_stands_first() -> None:
    calm = replace(PORT, logical_id="Apple", path=("Resources", "Apple", "X"), behavior="none", security=())
    open_ = replace(PORT, behavior="none")
    lines = report_diff(diff(calm, open_)).splitlines()
    assert lines[0].startswith(
        "Nothing is interrupted, but access or protection changes by 1 change; also 1 other change ("
    )
    assert ["WebTargetGroup", "Apple"] == [line.split()[0] for line in lines if re.match(r"  \w", line)]


def test_a_stack_that_comes_whole_is_a_first_deployment() -> None:
    resources = {name: {"Type": kind} for name, kind in (("A", "AWS::SNS::Topic"), ("B", "X::Y::Z"), ("C", "X::Y::Z"))}
    came = Change("production", "production/template.json", (), "added", None, {"Resources": resources})
    assert """\
First deployment of production: 3 resources to create (r1 -> .)

production
  + first deployment
      2 X::Y::Z, 1 AWS::SNS::Topic
""" == report_diff(diff(came))
    assert report_diff(diff(came, replace(PORT, environment="staging"))).startswith(
        "Resources are replaced by 1 change; also 1 security finding. First deployment of production: 3 resources"
    )
