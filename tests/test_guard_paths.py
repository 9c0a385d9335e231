"""Guard, paths: what the path of a guardrail leads to, through wildcards, conditions and parameters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.model import Json, Path, Said, Stack
from tests.stacks_by_hand import GROUP, group, judge, must, places, said, sealed, stack_of

# Seals


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("Options", ("Options", "Deep", 0, "Tokens")),
        ("Options?.Deep?", ("Options", "Deep", 0, "Tokens")),
        ("**.Tokens", ("Options", "Deep", 0, "Tokens")),
        ("Options.**.Tokens", ("Options", "Tokens")),
        ("**.Deep.Tokens", ("Options", "Deep", 0, "Tokens")),
        ("**.Deep", ("Options", "Deep", 0, "Tokens")),
        ("*.Tokens", ("Options", "Tokens")),
    ],
)
def test_a_path_seals_all_that_is_below_it_and_a_wildcard_wherever_it_leads(pattern: str, place: Path) -> None:
    body = {"Options": {"Tokens": 1, "Deep": [{"Tokens": 1}]}}
    word: dict[Path, Said] = {("Logs", "Properties", *place): said("override", 12)}
    assert ["D601 override.yml:12"] == places(judge(stack_of(group(**body), word), sealed(pattern)))


@pytest.mark.parametrize("pattern", ["Options.Tokens", "**.Hops", "Options.*.Hops", "**.Tokens.Tokens", "Tokens"])
def test_a_path_seals_nothing_that_is_beside_it(pattern: str) -> None:
    word: dict[Path, Said] = {("Logs", "Properties", "Options", "Deep", 0, "Tokens"): said("override", 12)}
    assert () == judge(stack_of(group(Options={"Tokens": 1, "Deep": [{"Tokens": 1}]}), word), sealed(pattern))


def test_an_intrinsic_somewhere_else_is_no_way_to_what_is_sealed_anywhere() -> None:
    stack = stack_of(group(Other={"Ref": "Mine"}), {("Logs", "Properties", "Other"): said("override", 12)})
    assert () == judge(stack, sealed("**.Tokens"))


def test_what_is_sealed_anywhere_is_shown_where_it_was_touched() -> None:
    word: dict[Path, Said] = {("Logs", "Properties", "Deep", 0, "Tokens"): said("override", 12)}
    found = judge(stack_of(group(Deep=[{"Tokens": 1}]), word), sealed("**.Tokens"))
    assert ["`Resources.Logs.Properties.Deep.0.Tokens` is sealed"] == [d.message.partition(":")[0] for d in found]


def test_removing_a_map_that_holds_what_is_sealed_anywhere_breaks_the_seal() -> None:
    removal = (said("template", 7, {"Deep": [{"Tokens": 1}]}), said("override", 12, None, "$remove"))
    stack = stack_of(group(Name="x"), removed={("Logs", "Properties", "Options"): removal})
    assert ["D601 override.yml:12"] == places(judge(stack, sealed("**.Tokens")))
    assert () == judge(stack, sealed("**.Hops"))


# Values


@pytest.mark.parametrize(
    ("path", "body", "faults"),
    [
        ("Block?.Acls", {}, []),
        ("Block?.Acls", {"Block": {}}, ["Block.Acls"]),
        ("Block?.Acls", {"Block": {"Policy": True}}, ["Block.Acls"]),
        ("Block?.Acls", {"Block": {"Ref": "AWS::NoValue"}}, []),
        ("Block.Acls?", {}, ["Block"]),
        ("Block.Acls?", {"Block": {}}, []),
        ("Block.Acls?", {"Block": {"Acls": False}}, ["Block.Acls"]),
        ("Block?.Acls?", {"Block": {"Acls": {"Ref": "AWS::NoValue"}}}, []),
        ("**.Acls", {}, []),
        ("**.Acls", {"A": {"Acls": True}, "B": [{"C": {"Acls": False}}]}, ["B.0.C.Acls"]),
        ("**.Block.Acls", {"A": {"Block": {}}}, ["A.Block.Acls"]),
        ("**.Acls", {"Acls": False, "A": {"Acls": {"Acls": False}}}, ["Acls", "A.Acls", "A.Acls.Acls"]),
        ("A.*", {"A": {"B": True, "C": False}}, ["A.C"]),
        ("A.*.B", {"A": {"C": {}, "D": {"B": True}}}, ["A.C.B"]),
        ("List.Acls", {"List": [{"Acls": True}, {}]}, ["List.1.Acls"]),
        ("List.Acls", {"List": [{"Ref": "AWS::NoValue"}, {"Acls": True}]}, []),
        ("List?.Acls?", {"List": [{"Acls": True}, {}]}, []),
    ],
)
def test_a_path_says_what_may_be_missing(path: str, body: dict[str, Json], faults: list[str]) -> None:
    found = judge(stack_of(group(**body)), must(path, "equals", True))
    prefix = "`Resources.Logs.Properties."
    assert sorted(faults) == sorted(d.message.removeprefix(prefix).partition("`")[0] for d in found)


def test_a_resource_without_properties_has_none_of_them() -> None:
    stack = stack_of({"Logs": {"Type": GROUP}})
    assert 1 == len(judge(stack, must("Value", "present", True)))
    assert () == judge(stack, must("Block?.Acls", "equals", True))


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({"Fn::If": ["Large", 1, 1]}, []),
        ({"Fn::If": ["Large", 1, 2]}, ["Value.Fn::If.2"]),
        (
            {"Fn::If": ["Large", {"Fn::If": ["Small", 3, 1]}, {"Ref": "AWS::NoValue"}]},
            ["Value.Fn::If.1.Fn::If.1", "Value.Fn::If.2"],
        ),
        ({"Fn::If": ["Large", {"Ref": "Unknown"}, "{{resolve:ssm:/x}}"]}, []),
        ({"Fn::If": "broken"}, []),
    ],
)
def test_both_branches_of_a_condition_have_to_hold(value: Json, faults: list[str]) -> None:
    found = judge(stack_of(group(Value=value)), must("Value", "equals", 1))
    prefix = "`Resources.Logs.Properties."
    assert faults == [d.message.removeprefix(prefix).partition("`")[0] for d in found]


def test_a_condition_may_stand_anywhere_on_the_way() -> None:
    choice = {"Fn::If": ["Large", {"Acls": True}, {"Acls": False}]}
    for block in (choice, [choice], {"Fn::If": ["Small", [choice], {"Acls": True}]}):
        assert 1 == len(judge(stack_of(group(Block=block)), must("Block.Acls", "equals", True)))
        assert () == judge(stack_of(group(Block=block)), must("Block.Acls", "present", True))


@pytest.mark.parametrize(
    ("parameter", "faults"),
    [
        ({"Type": "String", "Default": "2"}, 1),
        ({"Type": "Number", "Default": 1}, 0),
        ({"Type": "String"}, 0),
        ({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a/path"}, 0),
        ({"Type": "AWS::EC2::Image::Id", "Default": "2"}, 1),
    ],
)
def test_a_parameter_is_worth_its_default_and_unknown_without_one(parameter: Json, faults: int) -> None:
    stack = stack_of(group(Value={"Ref": "Given"}))
    given = Stack({**stack.template, "Parameters": {"Given": parameter}}, stack.stories, {})
    assert faults == len(judge(given, must("Value", "equals", 1)))


@pytest.mark.parametrize("value", [{"Fn::Sub": "o${Rest}"}, {"Fn::Join": ["", ["of", {"Fn::Sub": "f"}]]}])
def test_what_a_function_can_only_give_counts_as_written_out(value: Json) -> None:
    parameters = {"Rest": {"Type": "String", "Default": "ff"}}
    stack = stack_of(group(Value=value))
    given = Stack({**stack.template, "Parameters": parameters}, stack.stories, {})
    found = judge(given, must("Value", "oneOf", ["on"]))
    assert ["`Resources.Logs.Properties.Value` is `off`, not `on`"] == [d.message.partition(":")[0] for d in found]
    assert () == judge(given, must("Value", "oneOf", ["off"]))


def test_each_item_of_a_list_is_what_it_can_be() -> None:
    value = [{"Fn::If": ["Large", "a", "b"]}, {"Ref": "AWS::NoValue"}, {"Fn::Sub": "c"}]
    found = judge(stack_of(group(Value=value)), must("Value", "oneOf", ["a"]))
    places = [d.message.removeprefix("`Resources.Logs.Properties.").partition("`")[0] for d in found]
    assert ["Value.0.Fn::If.2", "Value.2"] == places


@pytest.mark.parametrize(
    ("properties", "faults"),
    [
        ({}, 1),
        ({"Cluster": "a"}, 0),
        ({"Cluster": {"Ref": "Given"}}, 0),
        ({"Cluster": {"Ref": "AWS::NoValue"}}, 1),
        ({"Cluster": {"Fn::If": ["Large", "a", {"Ref": "AWS::NoValue"}]}}, 1),
        ({"Cluster": False}, 1),
        ({"Source": {"Name": "a"}}, 0),
        ({"Cluster": "a", "Value": False}, 1),
    ],
)
def test_what_is_missing_may_be_said_elsewhere(properties: dict[str, Json], faults: int) -> None:
    guardrail = replace(must("Value", "equals", True), unless=(("Properties", "Cluster"), ("Source", "Name")))
    assert faults == len(judge(stack_of(group(**properties)), guardrail))


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ("{{resolve:ssm:/platform/production/key}}", 0),
        ({"Fn::Sub": "{{resolve:ssm:/platform/${Given}/key}}"}, 0),
        ("{{resolve:ssm:/mine/production/key}}", 1),
        ({"Ref": "Given"}, 1),
        ("arn:aws:kms:eu-west-1:1:key/a", 1),
        ({"Ref": "AWS::NoValue"}, 0),
    ],
)
def test_what_is_looked_up_has_to_be_looked_up_where_it_is_asked_for(value: Json, faults: int) -> None:
    found = judge(stack_of(group(Value=value)), must("Value", "matches", "{{resolve:ssm:/platform/*/key}}"))
    assert faults == len(found)
