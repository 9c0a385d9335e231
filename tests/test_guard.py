"""Guard: guardrails hold whoever wrote the value, and a stack within CloudFormation's limits passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.model import Breach, Json, Path, Said, Setting, Stack
from tests.stacks_by_hand import GROUP, RULE, group, judge, must, places, said, sealed, stack_of

# Sealed paths


def test_an_override_of_a_sealed_path_is_an_error_at_its_line_with_rule_and_reason() -> None:
    stack = stack_of(group(RetentionInDays=365), {("Logs", "Properties", "RetentionInDays"): said("override", 12, 365)})
    found = judge(stack, sealed("Properties.RetentionInDays"))
    message = "`Resources.Logs.Properties.RetentionInDays` is sealed: guardrail `keep`, audits need it"
    assert [("D601", message, "override.yml", 12, "error")] == [
        (d.code, d.message, d.span and d.span.path, d.span and d.span.line, d.severity) for d in found
    ]
    assert [("the guardrail", RULE)] == [(related.message, related.span) for related in found[0].related]


def test_a_path_may_leave_out_properties_and_a_warning_stays_one() -> None:
    stack = stack_of(group(RetentionInDays=365), {("Logs", "Properties", "RetentionInDays"): said("override", 12, 365)})
    assert ["warning"] == [d.severity for d in judge(stack, sealed("RetentionInDays", severity="warning"))]


@pytest.mark.parametrize("layer", ["template", "service", "environment", "addition"])
def test_only_overrides_break_a_seal(layer: str) -> None:
    stack = stack_of(group(RetentionInDays=365), {("Logs", "Properties", "RetentionInDays"): said(layer, 12, 365)})
    assert () == judge(stack, sealed("RetentionInDays"))


def test_a_seal_holds_for_its_type_and_path_only() -> None:
    stack = stack_of(
        group(RetentionInDays=365, LogGroupName="x"), {("Logs", "Properties", "LogGroupName"): said("override", 12)}
    )
    assert () == judge(stack, sealed("RetentionInDays"), sealed("LogGroupName", kind="AWS::SNS::Topic"))
    assert ["D601 override.yml:12"] == places(judge(stack, sealed("LogGroupName", kind="AWS::Logs::*")))


def test_an_override_that_a_later_one_corrects_still_breaks_the_seal() -> None:
    place: Path = ("Resources", "Logs", "Properties", "RetentionInDays")
    stack = stack_of(group(RetentionInDays=365))
    story = (*stack.stories[place], said("override", 12, 1), said("template", 13, 365))
    assert ["D601 override.yml:12"] == places(
        judge(Stack(stack.template, {**stack.stories, place: story}, {}), sealed("RetentionInDays"))
    )


def test_an_override_below_a_sealed_path_is_told_once_for_each_file() -> None:
    body = {"Statement": [{"Effect": "Allow", "Action": ["a", "b"]}]}
    statement: Path = ("Logs", "Properties", "Policy", "Statement", 0)
    words = {(*statement, "Action", 0): said("override", 12), (*statement, "Action", 1): said("override", 13)}
    assert ["D601 override.yml:12"] == places(
        judge(stack_of(group(Policy=body), words), sealed("Policy.Statement.Action"))
    )


@pytest.mark.parametrize("pattern", ["Mappings.Ebs.Encrypted", "Mappings.*.Ebs.Encrypted", "Mappings.*.*.Encrypted"])
def test_a_list_stands_for_its_items_and_a_star_for_any_step(pattern: str) -> None:
    items = [{"Ebs": {"Encrypted": True}}, {"Ebs": {"Encrypted": True, "VolumeSize": 8}}]
    place: Path = ("Logs", "Properties", "Mappings", 1, "Ebs")
    assert ["D601 override.yml:12"] == places(
        judge(stack_of(group(Mappings=items), {(*place, "Encrypted"): said("override", 12)}), sealed(pattern))
    )
    assert () == judge(stack_of(group(Mappings=items), {(*place, "VolumeSize"): said("override", 12)}), sealed(pattern))


@pytest.mark.parametrize(
    ("where", "before"),
    [
        (("Logs", "Properties", "Options", "Tokens"), "required"),
        (("Logs", "Properties", "Options"), {"Tokens": "required", "Hops": 1}),
        (("Logs",), {"Type": GROUP, "Properties": {"Options": {"Tokens": "required"}}}),
    ],
)
def test_removing_a_sealed_value_or_what_holds_it_breaks_the_seal(where: Path, before: Json) -> None:
    removal = (said("template", 7, before), said("override", 12, None, "$remove"))
    kept = {} if where == ("Logs",) else group(Name="x")
    assert ["D601 override.yml:12"] == places(judge(stack_of(kept, removed={where: removal}), sealed("Options.Tokens")))
    assert () == judge(stack_of(kept, removed={where: removal}), sealed("Options.Other"))


def test_replacing_what_holds_a_sealed_value_breaks_the_seal_even_where_it_is_gone() -> None:
    stack = stack_of(group(Options={"Hops": 2}))
    place: Path = ("Resources", "Logs", "Properties", "Options", "Hops")
    story = (said("template", 7, {"Tokens": "required", "Hops": 1}), said("override", 12, 2, "$replace"))
    replaced = Stack(stack.template, {**stack.stories, place: story}, {})
    assert ["D601 override.yml:12"] == places(judge(replaced, sealed("Options.Tokens")))
    assert () == judge(replaced, sealed("Options.Endpoint"))


def test_an_intrinsic_above_a_sealed_value_breaks_the_seal() -> None:
    stack = stack_of(group(Options={"Ref": "Mine"}), {("Logs", "Properties", "Options"): said("override", 12)})
    assert ["D601 override.yml:12"] == places(judge(stack, sealed("Options.Tokens")))


def test_a_seal_that_is_broken_with_a_wrong_value_is_told_once() -> None:
    both = replace(must("Value", "equals", 1), is_sealed=True)
    place: Path = ("Logs", "Properties", "Value")
    assert ["`Resources.Logs.Properties.Value` is `2`, not `1`"] == [
        d.message.partition(":")[0] for d in judge(stack_of(group(Value=2), {place: said("override", 12, 2)}), both)
    ]
    assert ["`Resources.Logs.Properties.Value` is sealed"] == [
        d.message.partition(":")[0] for d in judge(stack_of(group(Value=1), {place: said("override", 12, 1)}), both)
    ]


def test_a_finding_knows_its_guardrail_and_resource_and_since_when_that_holds() -> None:
    found = judge(stack_of(group(Value=2)), replace(must("Value", "equals", 1), since="1.2.0"))
    assert [("rule", "Logs", "the guardrail, since 1.2.0")] == [
        (d.rule, d.resource, d.related[-1].message) for d in found if isinstance(d, Breach)
    ]


# What a property must be


@pytest.mark.parametrize(
    ("operator", "operand", "good", "bad"),
    [
        ("equals", True, [True, "true"], [False, "True?", 1]),
        ("equals", 8080, [8080, "8080", 8080.0], [8081]),
        ("equals", ["a", {"b": 1}], [["a", {"b": "1"}]], [["a"], "a"]),
        ("oneOf", ["x", "y"], ["x", "y", ["x", "y"]], ["z"]),
        ("atLeast", 30, [30, 31, "365", [30, 40]], [29, "29", "soon", True, {"a": 1}]),
        ("atMost", 30, [30, 1.5, "-1"], [31, "30.5", None, True]),
        ("present", True, ["x", False, "", {"Ref": "X"}], [{"Ref": "AWS::NoValue"}]),
        ("present", False, [{"Ref": "AWS::NoValue"}], ["x", {"Ref": "X"}]),
    ],
)
def test_operators_compare_as_cloudformation_does(
    operator: str, operand: Json, good: list[Json], bad: list[Json]
) -> None:
    rule = must("Value", operator, operand)
    assert [[]] * len(good) == [places(judge(stack_of(group(Value=value)), rule)) for value in good]
    assert [["D601 template.yml:7"]] * len(bad) == [places(judge(stack_of(group(Value=value)), rule)) for value in bad]


def test_one_wrong_item_of_a_list_is_named() -> None:
    found = judge(stack_of(group(Value=["x", "z"])), must("Value", "oneOf", ["x", "y"]))
    message = "`Resources.Logs.Properties.Value.1` is `z`, not one of `x`, `y`: guardrail `rule`, audits need it"
    assert [(message, "make it `x` or `y`")] == [(d.message, d.hint) for d in found]


@pytest.mark.parametrize("value", [{"Ref": "X"}, {"Fn::Sub": "${X}"}, "{{resolve:ssm:/x}}", "a{{resolve:ssm:/x}}b"])
def test_what_only_cloudformation_knows_is_left_alone(value: Json) -> None:
    stack = stack_of(group(Value=value, Outer=value))
    for operator, operand in (("equals", 1), ("oneOf", [1]), ("atLeast", 1), ("atMost", 1)):
        assert () == judge(stack, must("Value", operator, operand), must("Outer.Inner", operator, operand))


@pytest.mark.parametrize(
    ("operator", "faults"), [("equals", 1), ("present", 1), ("oneOf", 0), ("atLeast", 0), ("atMost", 0)]
)
def test_a_missing_property_breaks_what_wants_it_to_be_there(operator: str, faults: int) -> None:
    operand: Json = ["x"] if operator == "oneOf" else 1
    assert faults == len(judge(stack_of(group(Other=1)), must("Value.Inner", operator, operand)))


def test_a_missing_property_is_reported_where_it_was_removed_or_else_where_its_resource_stands() -> None:
    rule = must("Value", "equals", 1)
    removal: dict[Path, tuple[Said, ...]]
    removal = {("Logs", "Properties", "Value"): (said("template", 7, 1), said("override", 12, None, "$remove"))}
    assert ["D601 override.yml:12"] == places(judge(stack_of(group(Other=1), removed=removal), rule))
    found = judge(stack_of(group(Other=1)), rule)
    assert ["`Resources.Logs.Properties.Value` is missing: guardrail `rule`, audits need it"] == [
        d.message for d in found
    ]
    assert ["D601 template.yml:7"] == places(found)


@pytest.mark.parametrize("layer", ["service", "override", "addition"])
def test_a_value_is_judged_whoever_wrote_it_and_reported_at_its_line(layer: str) -> None:
    stack = stack_of(group(Value=2), {("Logs", "Properties", "Value"): said(layer, 12, 2)})
    assert [f"D601 {layer}.yml:12"] == places(judge(stack, must("Value", "equals", 1)))


def test_a_value_that_the_platform_computed_is_reported_in_service_yml() -> None:
    setting = Setting(("processes", "web"), (said("service", 4, 2),))
    word = said("template", 9, 2)
    computed = Said(word.origin, 2, fed_by=(setting,))
    found = judge(stack_of(group(Value=2), {("Logs", "Properties", "Value"): computed}), must("Value", "equals", 1))
    assert ["D601 service.yml:4"] == places(found)
    assert ["the platform computes the value here", "the guardrail"] == [
        related.message for related in found[0].related
    ]


def test_an_attribute_of_the_resource_can_be_ruled() -> None:
    stack = stack_of({"Logs": {"Type": GROUP, "DeletionPolicy": "Delete"}})
    assert 1 == len(judge(stack, must("DeletionPolicy", "equals", "Retain")))
    assert () == judge(stack, must("DeletionPolicy", "equals", "Delete"))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [({"Value": 3}, []), ({"Value": 2}, ["at least `3`"]), ({"Value": 31}, ["at most `30`"]), ({}, ["set it"])],
)
def test_several_operators_hold_together(body: dict[str, Json], wanted: list[str]) -> None:
    bounds = replace(must("Value", "atLeast", 3), must={"present": True, "atLeast": 3, "atMost": 30})
    assert wanted == [str(d.hint).removeprefix("make it ") for d in judge(stack_of(group(**body)), bounds)]


@pytest.mark.parametrize("kind", ["*", "AWS::*", "AWS::Logs::*", "*::LogGroup", "AWS::*::LogGroup"])
def test_a_type_is_a_pattern(kind: str) -> None:
    assert 1 == len(judge(stack_of(group(Value=2)), must("Value", "equals", 1, kind)))
    assert () == judge(stack_of(group(Value=2)), must("Value", "equals", 1, f"{kind}s"))


def test_a_long_choice_is_counted_in_the_message_and_listed_in_the_hint() -> None:
    choices = [f"v{number}" for number in range(9)]
    found = judge(stack_of(group(Value="x")), must("Value", "oneOf", choices))
    assert [True] == [" is `x`, not one of 9 values: " in d.message for d in found]
    assert ["make it " + " or ".join(f"`{choice}`" for choice in choices)] == [d.hint for d in found]
    one = judge(stack_of(group(Value=True)), must("Value", "oneOf", [False]))
    assert [("make it `false`", True)] == [(d.hint, " is `true`, not `false`: " in d.message) for d in one]


# Credentials


def test_a_credential_that_the_platform_writes_is_an_error_at_its_line() -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    found = judge(stack_of(group(Value=f"id={key}")))
    assert ["D208 template.yml:7"] == places(found)
    assert [False] == [key in d.message for d in found]
    assert () == judge(stack_of(group(Value="{{resolve:secretsmanager:a}}")))


@pytest.mark.parametrize("layer", ["service", "base", "override", "addition"])
def test_a_credential_that_a_person_wrote_was_told_when_the_file_was_read(layer: str) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    assert () == judge(stack_of(group(Value=key), {("Logs", "Properties", "Value"): said(layer, 12, key)}))
