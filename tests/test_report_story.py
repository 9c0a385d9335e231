"""Report, story: an explanation reads well in 80 columns, loses nothing in a pipe, and shows no credential."""

from __future__ import annotations

import json

import pytest

from compiler.explain import Explanation, explain_value
from compiler.model import Guardrail, Json, Origin, Path, Said, Setting, Stack
from compiler.report_story import report_story
from compiler.report_story_json import story_to_json
from tests.merging import IDENTITIES, NOWHERE, merge
from tests.test_explain import BASE, OVERRIDES

LONG = "x" * 300
KEY = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.fixture(scope="module")
def stack() -> Stack:
    files = {"overrides/web.yml": OVERRIDES, "additions/own.yml": "Resources: {Own: {Type: 'AWS::SQS::Queue'}}"}
    stack, faults = merge(BASE, files)
    assert () == faults
    return stack


def explain(stack: Stack, pointer: str, *guardrails: Guardrail) -> Explanation:
    return explain_value(stack, pointer, "production", identities=IDENTITIES, guardrails=guardrails)


def draw(stack: Stack, pointer: str, *, width: int | None = None, prefix: str = "") -> str:
    return report_story(explain(stack, pointer), width=width, prefix=prefix)


def value_of(value: Json, *words: Said) -> Stack:
    return Stack({"Description": value}, {("Description",): words}, {})


def said(layer: str, value: Json, *pointer: str, fed_by: tuple[Setting, ...] = ()) -> Said:
    return Said(Origin(layer, NOWHERE), value, pointer, fed_by)


# A value


def test_a_value_is_drawn_with_every_layer_the_winner_last_and_marked(stack: Stack) -> None:
    expected = """\
Resources.Topic.Properties.Name = "olds" in production

   "news"  platform/templates/made.py:1:1         template of the platform
=> "olds"  cloudFormation/overrides/web.yml:5:37  override, $value
"""
    assert expected == draw(stack, "Resources.Topic.Properties.Name")


def test_a_table_that_fits_is_aligned() -> None:
    words = (said("platform", 1, "defaults", "min"), said("service", 20, "web", "min"))
    expected = """\
Description = 20 in production

   1   platform/templates/made.py:1:1  defaults.min
=> 20  platform/templates/made.py:1:1  web.min
"""
    assert expected == draw(value_of(20, *words), "Description")


def test_what_does_not_fit_stands_below() -> None:
    words = (said("platform", 1, "defaults", "min"), said("service", 20, *"abcdefghijklmnopqrstuvwxyz"))
    expected = """\
Description = 20 in production

   1  platform/templates/made.py:1:1  defaults.min
=> 20  platform/templates/made.py:1:1
     a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z
"""
    assert expected == draw(value_of(20, *words), "Description")


def test_a_computed_value_is_followed_by_each_setting_with_its_own_history() -> None:
    name = Setting(("service",), (said("service", "shop", "service"),))
    least = Setting(("web", "min"), (said("platform", 1, "defaults", "min"), said("service", 2, "web", "min")))
    words = said("template", "shop 2", fed_by=(name, least))
    expected = """\
Description = "shop 2" in production

=> "shop 2"  platform/templates/made.py:1:1  template of the platform

computed from service
=> "shop"  platform/templates/made.py:1:1

computed from web.min
   1  platform/templates/made.py:1:1  defaults.min
=> 2  platform/templates/made.py:1:1
"""
    assert expected == draw(value_of("shop 2", words), "Description")


def test_an_item_says_by_which_rule_it_was_merged_and_where_that_stands(stack: Stack) -> None:
    expected = """\
Resources.Topic.Properties.Tags[Key=name].Value = "olds" in production

   "news"  platform/templates/made.py:1:1  template of the platform
=> "olds"  cloudFormation/overrides/web.yml:7:30
     override, item merged by `Key`, platform/templates/made.py:1:1
"""
    assert expected == draw(stack, "Resources.Topic.Properties.Tags[Key=name].Value")


def test_what_was_removed_is_drawn_with_who_removed_it(stack: Stack) -> None:
    expected = """\
Resources.Topic.DependsOn = removed in production

   ["Role"]  platform/templates/made.py:1:1         template of the platform
=> removed   cloudFormation/overrides/web.yml:3:16  override, $remove
"""
    assert expected == draw(stack, "Resources.Topic.DependsOn")


def test_a_value_that_the_template_did_not_write_names_the_line_that_built_its_resource() -> None:
    built = Said(Origin("template", NOWHERE), None)
    word = Said(Origin("service", stack_span()), "AWS::SNS::Topic", ("type",))
    stories: dict[Path, tuple[Said, ...]] = {("Resources", "Topic"): (built,), ("Resources", "Topic", "Type"): (word,)}
    drawn = draw(Stack({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}, stories, {}), "Resources.Topic.Type")
    assert drawn.endswith("\nTopic is built at platform/templates/made.py:1:1\n")


def stack_span() -> Json:
    stack, _ = merge(BASE, {"overrides/web.yml": OVERRIDES})
    return stack.stories["Resources", "Topic", "Properties", "Name"][-1].origin.span


# More than a value


def test_the_whole_story_of_a_resource(stack: Stack) -> None:
    guardrail = Guardrail("no-news", "*", ("Properties", "Name"), True, {"oneOf": ["a"]}, "why", "error", NOWHERE)
    expected = """\
Resources.Topic in production, 17 values
  AWS::SNS::Topic
  built at platform/templates/made.py:1:1, except where noted

Type: "AWS::SNS::Topic"
Properties:
  Name: "olds"  # cloudFormation/overrides/web.yml:5:37
  Owner: {"Fn::Sub": "${Role}"}  # cloudFormation/overrides/web.yml:11:24
  with.dots:
    "and[brackets]": 1
  Zones:
    - "b"
    - "c"
    - "d"  # cloudFormation/overrides/web.yml:10:25
  Tags:
    - Key: "name"
      Value: "olds"  # cloudFormation/overrides/web.yml:7:30
    - Key: "since"  # cloudFormation/overrides/web.yml:9:17
      Value: "2026"  # cloudFormation/overrides/web.yml:9:31
  Rules:
    - Port: 80
      Cidr: {"Fn::GetAtt": ["Net", "Cidr"]}
      Note: "a.b"
    - Port: 443
      Cidr: "0.0.0.0/0"
  Empty: []

What overrides did
  Properties.Name
    "news" -> "olds"
    override, $value
    cloudFormation/overrides/web.yml:5:37
  Properties.Owner
    {"Ref": "Role"} -> {"Fn::Sub": "${Role}"}
    override
    cloudFormation/overrides/web.yml:11:24
  Properties.Zones.2
    new "d"
    override, $append
    cloudFormation/overrides/web.yml:10:25
  Properties.Tags[Key=name].Value
    "news" -> "olds"
    override, item merged by `Key`, platform/templates/made.py:1:1
    cloudFormation/overrides/web.yml:7:30
  Properties.Tags[Key=since]
    new {"Key": "since", "Value": "2026"}
    override, item added, new `Key`, platform/templates/made.py:1:1
    cloudFormation/overrides/web.yml:9:17
  DependsOn
    ["Role"] -> removed
    override, $remove
    cloudFormation/overrides/web.yml:3:16
  Properties.Tags[Key=team.x]
    {"Key": "team.x", "Value": "red"} -> removed
    override, $remove
    cloudFormation/overrides/web.yml:8:11
  Properties.Zones.0
    "a" -> removed
    override, $remove
    cloudFormation/overrides/web.yml:10:39

Guardrails
  no-news  platform/templates/made.py:1:1
    Properties.Name: sealed, must be one of ["a"]; why
"""
    assert expected == report_story(explain(stack, "Resources.Topic", guardrail))


def test_a_list_says_how_overrides_merge_it(stack: Stack) -> None:
    drawn = draw(stack, "Resources.Topic.Properties.Tags")
    assert "\n  overrides merge its items by `Key`, platform/templates/made.py:1:1\n" in drawn
    assert "an override replaces it as a whole" in draw(stack, "Resources.Topic.Properties.Zones")


def test_a_list_that_an_override_put_in_place_is_one_change() -> None:
    text = "Resources: {Topic: {Properties: {Tags: {$replace: [{Key: a, Value: b}]}}}}"
    stack, _ = merge(BASE, {"overrides/web.yml": text})
    before = '[{"Key": "name", "Value": "news"}, {"Key": "team.x", "Value": "red"}]'
    assert f"""
What overrides did
  Resources.Topic.Properties.Tags
    {before}
    -> [{{"Key": "a", "Value": "b"}}]
    override, $replace
""" in draw(stack, "Resources.Topic.Properties.Tags")


def test_two_equal_values_that_are_replaced_are_two_changes() -> None:
    base: dict[str, dict[str, Json]] = {"Resources": {"A": {"Type": "T", "Properties": {"M": {"X": 1, "Y": 1}}}}}
    stack, _ = merge(base, {"overrides/web.yml": "Resources: {A: {Properties: {M: {X: 2, Y: 3}}}}"})
    drawn = draw(stack, "Resources.A.Properties.M")
    assert "  X\n    1 -> 2\n" in drawn and "  Y\n    1 -> 3\n" in drawn


def test_sections_and_the_template_are_listed_not_spelled_out(stack: Stack) -> None:
    resources = draw(stack, "Resources")
    assert "Topic\n  AWS::SNS::Topic, 17 values, 6 by overrides\n  platform/templates/made.py:1:1\n" in resources
    assert "Own\n  AWS::SQS::Queue, 1 value\n  cloudFormation/additions/own.yml:1:25\n" in resources
    assert "\nResources\n  3 names, 20 values\n  13 template, 6 override, 1 addition\n" in draw(stack, ".")
    assert "Arn:  # platform/templates/made.py:1:1\n  Value: {" in draw(stack, "Outputs")


# How wide


@pytest.mark.parametrize("pointer", ["Description", "."])
def test_a_value_is_whole_in_a_pipe_and_cut_on_a_terminal(pointer: str) -> None:
    stack = value_of(LONG, said("service", LONG, "description"))
    if pointer == "Description":
        assert draw(stack, pointer).count(f'"{LONG}"') == 2
    for width in (60, 80, 100):
        assert max(map(len, draw(stack, pointer, width=width).splitlines())) <= width


def test_a_long_value_is_cut_in_an_outline_too() -> None:
    base: dict[str, dict[str, Json]] = {"Resources": {"A": {"Type": "T", "Properties": {"M": [{"X": LONG}]}}}}
    stack, _ = merge(base, {})
    assert f'    - X: "{LONG}"\n' in draw(stack, "Resources.A")
    drawn = draw(stack, "Resources.A", width=70)
    assert f'    - X: "{"x" * 57}...\n' in drawn and max(map(len, drawn.splitlines())) == 70


def test_places_are_named_as_seen_from_where_the_user_stands(stack: Stack) -> None:
    drawn = draw(stack, "Resources.Topic.Properties.Name", prefix="shop/")
    assert "shop/cloudFormation/overrides/web.yml:5:37" in drawn and " platform/templates/made.py" in drawn


def test_what_commands_a_terminal_is_written_out_and_a_credential_is_not() -> None:
    stories: dict[Path, tuple[Said, ...]] = {("Description", f"\x1b[31m {KEY}"): (said("service", f"\n{KEY}"),)}
    stack = Stack({"Description": {f"\x1b[31m {KEY}": f"\n{KEY}"}}, stories, {})
    drawn = draw(stack, "Description")
    assert "\x1b" not in drawn and KEY not in drawn and drawn.count("AKIA****") == 2
    assert KEY not in json.dumps(story_to_json(explain(stack, "Description")))


# Plain data


def test_as_json_a_value_has_layers_and_everything_else_has_leaves(stack: Stack) -> None:
    value = story_to_json(explain(stack, "Resources.Topic.Properties.Tags[Key=name].Value"))
    assert ["template", "override"] == [layer["layer"] for layer in value["layers"]]
    assert ("/Resources/Topic/Properties/Tags/0/Value", "value", []) == (
        value["pointer"],
        value["kind"],
        value["leaves"],
    )
    assert {"keys": ["Key"], "file": "platform/templates/made.py", "line": 1, "column": 1} == value["mergedBy"]
    thing = story_to_json(explain(stack, "Resources.Topic"))
    assert ("thing", [], 17, 3) == (thing["kind"], thing["layers"], len(thing["leaves"]), len(thing["removedBelow"]))
    assert "Resources.Topic.Properties.Tags[Key=since].Key" in [leaf["name"] for leaf in thing["leaves"]]
    removed = story_to_json(explain(stack, "Resources.Topic.DependsOn"))
    assert (True, None, [["Role"], None]) == (
        removed["removed"],
        removed["value"],
        [layer["value"] for layer in removed["layers"]],
    )


def test_as_json_a_computed_value_names_its_settings_with_their_layers() -> None:
    least = Setting(("web", "min"), (said("platform", 1, "defaults", "min"), said("service", 2, "web", "min")))
    [layer] = story_to_json(explain(value_of("2 x", said("template", "2 x", fed_by=(least,))), "Description"))["layers"]
    [fed] = layer["fedBy"]
    assert ("web.min", [1, 2]) == (fed["setting"], [each["value"] for each in fed["layers"]])
