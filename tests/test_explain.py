"""Explain: any place of a stack can be named, and whoever had a word on it comes up."""

from __future__ import annotations

import pytest

from compiler.diagnostics import CompileError, Source, Span
from compiler.explain import Explanation, explain_value
from compiler.identity import IdentityTable, identify
from compiler.model import Guardrail, Json, Origin, Path, Said, Setting, Stack
from compiler.pointer import label_index, write_pointer
from tests.merging import IDENTITIES, NOWHERE, merge

RULE = {"Port": 80, "Cidr": {"Fn::GetAtt": ["Net", "Cidr"]}, "Note": "a.b"}
BASE: dict[str, dict[str, Json]] = {
    "Parameters": {"Size": {"Type": "Number", "Default": 3}},
    "Conditions": {"Big": {"Fn::Equals": [{"Ref": "Size"}, 9]}},
    "Resources": {
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "DependsOn": ["Role"],
            "Properties": {
                "Name": "news",
                "Owner": {"Ref": "Role"},
                "with.dots": {"and[brackets]": 1},
                "Zones": ["a", "b", "c"],
                "Tags": [{"Key": "name", "Value": "news"}, {"Key": "team.x", "Value": "red"}],
                "Rules": [RULE, {"Port": 443, "Cidr": "0.0.0.0/0"}],
                "Empty": [],
            },
        },
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"Path": "/"}},
    },
    "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Topic", "Arn"]}}},
}
OVERRIDES = """\
Resources:
  Topic:
    DependsOn: {$remove: true}
    Properties:
      Name: {$expect: news, $value: olds}
      Tags:
        - {Key: name, Value: olds}
        - {Key: team.x, $remove: true}
        - {Key: since, Value: "2026"}
      Zones: {$append: [d], $remove: [a]}
      Owner: {Fn::Sub: "${Role}"}
"""
TABLE = IdentityTable(IDENTITIES)


@pytest.fixture(scope="module")
def bare() -> Stack:
    stack, faults = merge(BASE, {})
    assert () == faults
    return stack


@pytest.fixture(scope="module")
def changed() -> Stack:
    stack, faults = merge(BASE, {"overrides/web.yml": OVERRIDES})
    assert () == faults
    return stack


def explain(stack: Stack, pointer: str) -> Explanation:
    return explain_value(stack, pointer, "production", identities=IDENTITIES)


def walk_places(value: Json, path: Path = ()) -> list[tuple[Path, Json]]:
    """Every place of a template, maps and lists too, its items with their labels where they have one."""
    below: list[tuple[Path, Json]] = [(path, value)]
    if isinstance(value, dict):
        for key, item in value.items():
            below += walk_places(item, (*path, key))
    elif isinstance(value, list):
        rule = TABLE.find("AWS::SNS::Topic", path[2:])
        for index, item in enumerate(value):
            has_label = rule and identify(item, rule.keys)
            below += walk_places(item, (*path, label_index(index, item, rule.keys) if rule and has_label else index))
    return below


# What a pointer leads to


def test_every_place_can_be_named_by_dots_by_labels_and_as_a_json_pointer(bare: Stack) -> None:
    places = walk_places(bare.template)
    assert len(places) > 40
    for path, value in places:
        for pointer in (
            write_pointer(path),
            ".".join(str(step) for step in path),
            "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path),
        ):
            found = explain(bare, pointer)
            assert (pointer, path, value) == (pointer, found.path, found.value)


def test_an_item_may_be_named_by_any_key_that_it_has(bare: Stack) -> None:
    assert 443 == explain(bare, "Resources.Topic.Properties.Rules[Cidr=0.0.0.0/0].Port").value
    assert 80 == explain(bare, "Resources.Topic.Properties.Rules[Note=a.b].Port").value
    assert 443 == explain(bare, "Resources.Topic.Properties.Rules[Port=443].Port").value


@pytest.mark.parametrize(
    ("pointer", "kind", "count"),
    [
        (".", "template", 26),
        ("Resources", "section", 20),
        ("Parameters", "section", 2),
        ("Resources.Topic", "thing", 18),
        ("Parameters.Size", "thing", 2),
        ("Resources.Topic.Properties", "map", 16),
        ("Resources.Topic.Properties.Tags", "list", 4),
        ("Resources.Topic.Properties.Tags[Key=name]", "map", 2),
        ("Resources.Topic.Properties.Empty", "value", 1),
        ("Resources.Topic.Properties.Owner", "value", 1),
        ("Conditions.Big", "value", 1),
        ("Outputs.Arn.Value", "value", 1),
        ("Description", "value", 1),
    ],
)
def test_what_is_larger_than_a_value_is_told_value_by_value(bare: Stack, pointer: str, kind: str, count: int) -> None:
    found = explain(bare, pointer)
    assert (kind, count) == (found.kind, len(found.told))
    assert all(told.story for told in found.told)


@pytest.mark.parametrize(
    ("pointer", "message", "hint"),
    [
        ("Resources.Topik", "no `Topik` in `Resources`", "did you mean `Topic`?"),
        ("Topic.Type", "no `Topic` in the template", "did you mean `Resources.Topic`?"),
        ("Resources.Topic.Properties.Zones.7", "no `7` in `Resources.Topic.Properties.Zones`", "list of 3"),
        ("Resources.Topic.Properties.Tags[Key=x].Value", "no `[Key=x]` in", "or by a key: [Key=...]"),
        ("Resources.Topic.Type.x", "no `x` in `Resources.Topic.Type`", "a single value"),
        ("Resources.Role.zzz", "no `zzz` in `Resources.Role`", "it holds `Type`, `Properties`"),
    ],
)
def test_a_pointer_that_leads_nowhere_is_told_where_it_ends(bare: Stack, pointer: str, message: str, hint: str) -> None:
    with pytest.raises(CompileError) as raised:
        explain(bare, pointer)
    [fault] = raised.value.diagnostics
    assert ("D701", True) == (fault.code, message in fault.message)
    assert fault.hint and hint in fault.hint


# Who said so


def test_a_replaced_value_names_the_platform_and_the_line_of_the_override(changed: Stack) -> None:
    story = explain(changed, "Resources.Topic.Properties.Name").story
    assert [("template", "news", 1), ("override", "olds", 5)] == [
        (said.origin.layer, said.value, said.origin.span.line) for said in story
    ]
    assert "$value" == story[-1].rule


def test_an_intrinsic_is_told_as_one_value(changed: Stack) -> None:
    found = explain(changed, "Resources.Topic.Properties.Owner")
    assert {"Fn::Sub": "${Role}"} == found.value
    assert [{"Ref": "Role"}, {"Fn::Sub": "${Role}"}] == [said.value for said in found.story]


def test_what_stands_in_an_intrinsic_feeds_it() -> None:
    stack, _ = merge(BASE, {})
    text, part = ("Resources", "Role", "Text", "Fn::Sub", 0), ("Resources", "Role", "Text", "Fn::Sub", 1, "x")
    word = Said(Origin("service", NOWHERE), "shop", ("service",))
    stories = {**stack.stories, text: (Said(Origin("template", NOWHERE), "${x}"),), part: (word,)}
    resources = {"Role": {"Type": "T", "Text": {"Fn::Sub": ["${x}", {"x": "shop"}]}}}
    found = explain(Stack({"Resources": resources}, stories, {}), "Resources.Role.Text")
    (said,) = found.story
    assert ("template", {"Fn::Sub": ["${x}", {"x": "shop"}]}) == (said.origin.layer, said.value)
    assert [(word,)] == [setting.history for setting in said.fed_by]


def test_a_value_computed_from_settings_names_them_with_their_own_histories() -> None:
    weak = Said(Origin("platform", NOWHERE), 1, ("defaults", "process", "scaling", "min"))
    strong = Said(Origin("service", NOWHERE), 2, ("processes", "web", "scaling", "min"))
    setting = Setting(("processes", "web", "scaling", "min"), (weak, strong))
    story = (Said(Origin("template", NOWHERE), "2 x", fed_by=(setting,)),)
    stack = Stack({"Description": "2 x"}, {("Description",): story}, {})
    assert [(weak, strong)] == [fed.history for fed in explain(stack, "Description").story[-1].fed_by]


def test_a_list_names_the_rule_that_merges_it_and_an_item_the_rule_that_merged_it(changed: Stack) -> None:
    assert IDENTITIES[0] == explain(changed, "Resources.Topic.Properties.Tags").identity
    assert None is explain(changed, "Resources.Topic.Properties.Zones").identity
    for key, rule in (("name", "item merged by `Key`"), ("since", "item added, new `Key`")):
        (told,) = explain(changed, f"Resources.Topic.Properties.Tags[Key={key}].Value").told
        assert (rule, IDENTITIES[0]) == (told.story[-1].rule, told.identity)
    (untouched,) = explain(changed, "Resources.Topic.Properties.Rules[Port=443,Cidr=0.0.0.0/0].Port").told
    assert None is untouched.identity


def test_what_an_override_removed_is_told_where_it_stood(changed: Stack) -> None:
    for pointer in ("Resources.Topic.Properties.Tags[Key=team.x]", "/Resources/Topic/DependsOn"):
        found = explain(changed, pointer)
        assert ("removed", "$remove") == (found.kind, found.story[-1].rule)
    assert {"Key": "team.x", "Value": "red"} == explain(changed, "Resources.Topic.Properties.Tags[Key=team.x]").story[
        0
    ].value
    below = explain(changed, "Resources.Topic.Properties.Tags[Key=team.x].Value")
    assert (True, "Resources.Topic.Properties.Tags[Key=team.x]") == (below.is_removed, write_pointer(below.path))


def test_a_thing_lists_what_overrides_removed_below_it(changed: Stack) -> None:
    found = explain(changed, "Resources.Topic")
    assert {
        "Resources.Topic.DependsOn",
        "Resources.Topic.Properties.Zones.0",
        "Resources.Topic.Properties.Tags[Key=team.x]",
    } == {write_pointer(told.path) for told in found.removed}
    assert () == explain(changed, "Resources.Role").removed


# What it belongs to


def made_for(*words: tuple[str, Path]) -> Stack:
    """A stack with one resource, WebAppLogGroup, that `words` of service.yml went into."""
    stories: dict[Path, tuple[Said, ...]] = {}
    properties = {}
    for number, (value, pointer) in enumerate(words):
        properties[f"P{number}"] = value
        place = ("Resources", "WebAppLogGroup", "Properties", f"P{number}")
        stories[place] = (Said(Origin("service", NOWHERE), value, pointer),)
    stories["Resources", "WebAppLogGroup", "Type"] = (Said(Origin("template", NOWHERE), "T"),)
    return Stack({"Resources": {"WebAppLogGroup": {"Type": "T", "Properties": properties}}}, stories, {})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([("web", ("processes", "web"))], ["processes.web"]),
        ([("web", ("processes", "web")), ("app", ("processes", "web", "logs", "app"))], ["processes.web.logs.app"]),
        ([("web", ("processes", "web")), ("worker", ("processes", "worker"))], ["processes.web"]),
        ([("web-app", ("messages", "publish", 0))], ["messages.publish.0"]),
        ([("web", ("service",)), ("t4g.small", ("processes", "web", "instanceType"))], []),
    ],
)
def test_a_thing_names_what_in_service_yml_it_is_made_for(words: list[tuple[str, Path]], expected: list[str]) -> None:
    asked_by = explain(made_for(*words), "Resources.WebAppLogGroup").asked_by
    assert expected == [".".join(str(step) for step in said.pointer) for said in asked_by]


def test_a_thing_that_holds_no_name_belongs_to_the_process_that_its_id_begins_with() -> None:
    stack = made_for(("web", ("processes", "web")), ("we", ("processes", "we")))
    resources = {**stack.template["Resources"], "WebProfile": {"Type": "T"}}
    stories = {**stack.stories, ("Resources", "WebProfile", "Type"): (Said(Origin("template", NOWHERE), "T"),)}
    found = explain(Stack({"Resources": resources}, stories, {}), "Resources.WebProfile")
    assert [("processes", "web")] == [said.pointer for said in found.asked_by]


# Guardrails


def guard(name: str, kind: str, path: str) -> Guardrail:
    span = Span(Source("platform/guardrails.yml"), 1, 1, 1, 2)
    return Guardrail(name, kind, tuple(path.split(".")), True, None, "a reason", "error", span)


GUARDRAILS = (
    guard("exact", "AWS::SNS::Topic", "Properties.Name"),
    guard("above", "AWS::SNS::*", "Properties.Rules"),
    guard("any", "*", "Properties.**.Value"),
    guard("other", "AWS::SQS::Queue", "Properties.Name"),
)


@pytest.mark.parametrize(
    ("pointer", "names"),
    [
        ("Resources.Topic", ["exact", "above", "any"]),
        ("Resources.Topic.Properties.Name", ["exact"]),
        ("Resources.Topic.Properties.Rules[Port=443,Cidr=0.0.0.0/0].Port", ["above"]),
        ("Resources.Topic.Properties.Rules", ["above"]),
        ("Resources.Topic.Properties.Tags", ["any"]),
        ("Resources.Topic.Properties.Tags.0.Key", []),
        ("Outputs.Arn.Value", []),
        ("Resources", []),
    ],
)
def test_a_value_names_the_guardrails_that_watch_it(bare: Stack, pointer: str, names: list[str]) -> None:
    found = explain_value(bare, pointer, "production", identities=IDENTITIES, guardrails=GUARDRAILS)
    assert names == [guardrail.name for guardrail in found.guardrails]
