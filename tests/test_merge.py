"""Merge: what an override does to each kind of value, and what it may not do."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.explain import explain_value
from compiler.model import Json, Stack
from tests.merging import merge
from tests.spans import cut

TOPIC = {
    "Type": "AWS::SNS::Topic",
    "Properties": {
        "Size": 1,
        "Map": {"A": {"B": "deep"}, "Ref": "both", "Fn::Sub": "both"},
        "Empty": {},
        "None": [],
        "List": ["a", "b", "a"],
        "Role": {"Ref": "Role"},
        "Tags": [{"Key": "name", "Value": "web"}, {"Key": "owner", "Value": "squad"}],
        "Rules": [{"Port": 80, "Cidr": "10.0.0.0/8"}, {"Port": 80}, {"Port": 80}, {"Fn::If": ["A", {"Port": 1}, "b"]}],
    },
    "DependsOn": ["Role", "Key"],
}
BASE: dict[str, dict[str, Json]] = {
    "Parameters": {"Release": {"Type": "String"}},
    "Mappings": {"Sizes": {"Type": {"small": "1"}}},
    "Conditions": {"Big": {"Fn::Equals": ["a", "b"]}},
    "Resources": {"Topic": TOPIC, "Role": {"Type": "AWS::IAM::Role"}},
    "Outputs": {"Arn": {"Value": {"Ref": "Topic"}}},
}


def change(properties: Json | str) -> str:
    return f"Resources: {{Topic: {{Properties: {properties}}}}}"


def merged(properties: str, *more: str) -> Any:
    """Merge one change, and others of stronger layers; nothing may be wrong with them."""
    names = ["overrides/a.yml", "overrides/env-default/a.yml", "overrides/env-x/a.yml"]
    texts = dict(zip(names, map(change, (properties, *more)), strict=False))
    stack, faults = merge(BASE, texts, "env-x")
    assert () == faults
    return stack.template["Resources"]["Topic"]["Properties"]


def codes(files: dict[str, Json | str]) -> list[str]:
    return [fault.code for fault in merge(BASE, files)[1]]


def refused(properties: str) -> list[str]:
    return codes({"overrides/a.yml": change(properties)})


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("{Size: 2}", "Size", 2),
        ("{Size: {A: 1}}", "Size", {"A": 1}),
        ("{Map: {A: {C: new}}}", "Map", {"A": {"B": "deep", "C": "new"}, "Ref": "both", "Fn::Sub": "both"}),
        ("{Map: {A: {B: {$remove: true}}}}", "Map", {"A": {}, "Ref": "both", "Fn::Sub": "both"}),
        ("{Map: {$replace: {B: 1}}}", "Map", {"B": 1}),
        ("{Map: {$expect: {Ref: both, Fn::Sub: both, A: {B: deep}}, $value: 1}}", "Map", 1),
        ("{Map: {A: !Ref Topic}}", "Map", {"A": {"Ref": "Topic"}, "Ref": "both", "Fn::Sub": "both"}),
        ("{Empty: {A: {B: 1}}}", "Empty", {"A": {"B": 1}}),
        ("{None: [1]}", "None", [1]),
        ("{None: {$append: [1], $prepend: [0]}}", "None", [0, 1]),
        ("{New: {}}", "New", {}),
        ("{New: {A: {$append: [x]}, B: []}}", "New", {"A": ["x"], "B": []}),
        ("{Role: {Ref: Topic}}", "Role", {"Ref": "Topic"}),
        ("{Role: {Other: Topic}}", "Role", {"Other": "Topic"}),
        ("{Role: {Fn::GetAtt: [A, B], Ref: C}}", "Role", {"Fn::GetAtt": ["A", "B"], "Ref": "C"}),
        ("{Role: {$expect: !Ref Role, $value: x}}", "Role", "x"),
        ("{Size: {$expect: '1', $value: 3}}", "Size", 3),
        ("{Size: {$replace: {$odd: 1}}}", "Size", {"$odd": 1}),
        ("{List: {$remove: [a]}}", "List", ["b", "a"]),
        ("{List: {$remove: [a, a], $append: [c], $prepend: [d]}}", "List", ["d", "b", "c"]),
        ("{List: {$remove: [a, b, a]}}", "List", []),
        ("{List: {$expect: [a, b, a], $append: [c]}}", "List", ["a", "b", "a", "c"]),
        ("{List: {$replace: []}}", "List", []),
        ("{Tags: [{Key: owner, Value: me}]}", "Tags", tags(name="web", owner="me")),
        ("{Tags: [{Key: new, Value: x}, {Key: name, $remove: true}]}", "Tags", tags(owner="squad", new="x")),
        ("{Tags: {$remove: [{Key: name}, {Key: owner}]}}", "Tags", []),
        ("{Tags: {$remove: [{Key: owner}], $append: [{Key: owner, Value: me}]}}", "Tags", tags(name="web", owner="me")),
        ("{Tags: [{Key: name, Value: {$expect: web, $value: api}}]}", "Tags", tags(name="api", owner="squad")),
        ("{Tags: [!If [Big, {Key: x}, !Ref AWS::NoValue]]}", "Tags", [*tags(name="web", owner="squad"), "If"]),
    ],
)
def test_a_change_does_what_it_says(text: str, key: str, value: object) -> None:
    properties = merged(text)
    if isinstance(value, list) and value[-1:] == ["If"]:
        value[-1] = {"Fn::If": ["Big", {"Key": "x"}, {"Ref": "AWS::NoValue"}]}
    assert value == properties[key]
    others = {name: item for name, item in TOPIC["Properties"].items() if name != key}  # type: ignore[attr-defined]
    assert others == {name: item for name, item in properties.items() if name != key}


@pytest.mark.parametrize(
    ("texts", "key", "value"),
    [
        (("{Size: {$remove: true}}", "{Size: 2}"), "Size", 2),
        (("{Size: 2}", "{Size: {$expect: 2, $value: 3}}", "{Size: 4}"), "Size", 4),
        (("{Map: {$remove: true}}", "{Map: {A: 1}}"), "Map", {"A": 1}),
        (("{Map: {$replace: {A: 1}}}", "{Map: {B: 2}}"), "Map", {"A": 1, "B": 2}),
        (("{Role: {A: 1}}", "{Role: {B: 2}}"), "Role", {"A": 1, "B": 2}),
        (("{Size: !Ref A}", "{Size: {B: 2}}"), "Size", {"B": 2}),
        (("{List: {$replace: []}}", "{List: {$append: [z]}}"), "List", ["z"]),
        (("{List: {$remove: [a]}}", "{List: {$remove: [a]}}", "{List: {$append: [a]}}"), "List", ["b", "a"]),
        (
            ("{Tags: [{Key: owner, $remove: true}]}", "{Tags: [{Key: owner, Value: x}]}"),
            "Tags",
            tags(name="web", owner="x"),
        ),
        (("{Tags: {$replace: []}}", "{Tags: [{Key: a, Value: x}]}"), "Tags", tags(a="x")),
        (("{Tags: [{Key: a, Value: x}]}", "{Tags: {$remove: [{Key: a}]}}"), "Tags", tags(name="web", owner="squad")),
    ],
)
def test_a_stronger_layer_sees_what_a_weaker_one_left(texts: tuple[str, ...], key: str, value: object) -> None:
    assert value == merged(*texts)[key]


def test_layers_go_before_the_names_of_files() -> None:
    files: dict[str, Json | str] = {
        "overrides/z.yml": change("{Size: 2}"),
        "overrides/env-default/y.yml": change("{Size: {$expect: 2, $value: 3}}"),
        "overrides/env-default-x/a.yml": change("{Size: 9}"),
        "overrides/env-a/x.yml": change("{Size: {$expect: 3, $value: 4}}"),
    }
    stack, faults = merge(BASE, files, "env-a")
    assert ((), 4) == (faults, stack.template["Resources"]["Topic"]["Properties"]["Size"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{}", ["D503"]),
        ("{Map: {}}", ["D503"]),
        ("{Empty: {}}", ["D503"]),
        ("{None: []}", ["D503"]),
        ("{Tags: []}", ["D503"]),
        ("{Tags: [{Key: owner}]}", ["D503"]),
        ("{Tags: [{Key: owner, Value: squad}, {Key: name, Value: web}]}", ["D503", "D503"]),
        ("{Map: {A: {B: deep}}}", ["D503"]),
        ("{Size: {$expect: 1, $value: 1}}", ["D503"]),
        ("{Role: {Ref: Role}}", ["D503"]),
        ("{List: {$append: [b]}}", ["D503"]),
        ("{List: {$remove: [a], $prepend: [a]}}", ["D503"]),
        ("{Size: {$expect: 2, $value: 3}}", ["D504"]),
        ("{List: {$expect: [b, a, a], $append: [c]}}", ["D504"]),
        ("{Map: {$expect: {A: {B: deep}}, $remove: true}}", ["D504"]),
        ("{New: {$expect: 1, $value: 2}}", ["D504"]),
        ("{New: {$remove: true}}", ["D505"]),
        ("{New: {A: {B: {$remove: true}}}}", ["D505"]),
        ("{New: {$remove: [a]}}", ["D505"]),
        ("{None: {$remove: [a]}}", ["D505"]),
        ("{List: {$remove: [b, b]}}", ["D505"]),
        ("{Tags: [{Key: x, $remove: true}]}", ["D505"]),
        ("{Tags: {$remove: [{Key: owner, Value: other}]}}", ["D505"]),
        ("{Tags: {$remove: [{Value: squad}]}}", ["D505"]),
        ("{Size: {$append: [1]}}", ["D506"]),
        ("{Empty: {$append: [1]}}", ["D506"]),
        ("{Role: {$remove: [a]}}", ["D506"]),
        ("{Role: {A: {$append: [1]}}}", ["D506"]),
        ("{Size: {A: {$append: [1]}}}", ["D506"]),
        ("{Size: !If [Big, {$append: [1]}, b]}", ["D506"]),
        ("{Empty: {A: [{$remove: true}]}}", ["D506"]),
        ("{New: [{A: {$append: [1]}}]}", ["D506"]),
        ("{None: [{Key: x, $remove: true}]}", ["D506"]),
        ("{Tags: [{$remove: true}]}", ["D506"]),
        ("{Tags: [{$replace: {Key: owner, Value: x}}]}", ["D506"]),
        ("{List: [b]}", ["D507"]),
        ("{List: a}", ["D507"]),
        ("{List: !Ref Names}", ["D507"]),
        ("{Tags: {Key: owner, Value: x}}", ["D507"]),
        ("{List: [{A: {$append: [1]}}]}", ["D507", "D506"]),
        ("{Tags: [{Key: x, Value: 1}, {Key: x, Value: 2}]}", ["D511"]),
        ("{Tags: [{Key: owner, $remove: true}, {Key: owner, Value: x}]}", ["D511"]),
        ("{Tags: {$append: [{Key: owner, Value: x}]}}", ["D511"]),
        ("{Tags: {$append: [{Key: x, Value: 1}, {Key: x, Value: 2}]}}", ["D511"]),
        ("{Tags: {$prepend: [{Key: x, Value: 1}], $append: [{Key: x, Value: 2}]}}", ["D511"]),
        ("{Rules: [{Port: '80', Extra: 1}]}", ["D511"]),
        ("{Size: null}", ["D211"]),
        ("{Size: {$replace: {A: null}}}", ["D211"]),
        ("{Size: !If [Big, null, b]}", ["D211"]),
        ("{List: {$append: [null]}}", ["D211"]),
        ("{List: {$append: [{$remove: true}]}}", ["D213"]),
        ("{List: {$remove: [{A: {$append: [1]}}]}}", ["D213"]),
        ("{Tags: {$append: [{Key: x, $remove: true}]}}", ["D213"]),
    ],
)
def test_what_would_be_lost_or_means_nothing_is_reported(text: str, found: list[str]) -> None:
    assert found == refused(text)


def test_an_attribute_condition_is_no_intrinsic() -> None:
    text = "Resources: {Topic: {Condition: Big}}\nOutputs: {Arn: {Condition: Big}}\nConditions: {Big: !Condition Other}"
    stack, faults = merge(BASE, {"overrides/a.yml": text})
    assert () == faults
    assert {**TOPIC, "Condition": "Big"} == stack.template["Resources"]["Topic"]
    assert {"Value": {"Ref": "Topic"}, "Condition": "Big"} == stack.template["Outputs"]["Arn"]
    assert {"Big": {"Condition": "Other"}} == stack.template["Conditions"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Resources: {Topic: {}}", ["D503"]),
        ("Resources: {Topic: {Type: 'AWS::SNS::Topic'}}", ["D503"]),
        ("Resources: {Topic: {Properties: {Size: {$remove: true}}, Type: 'AWS::SNS::Topic'}}", []),
        ("Outputs: {Arn: {}}", ["D503"]),
        ("Conditions: {Big: {}}", []),
        ("Resources: {Topic: {Type: 'AWS::SQS::Queue'}}", ["D502"]),
        ("Resources: {Topic: {Type: {$remove: true}}}", ["D502"]),
        ("Resources: {Topic: {$replace: {Type: 'AWS::SQS::Queue'}}}", ["D502"]),
        ("Resources: {Topic: {$replace: {Properties: {}}}}", ["D502"]),
        ("Resources: {Topic: {$replace: text}}", ["D502"]),
        ("Resources: {Role: {$expect: {Type: 'AWS::IAM::Role'}, $value: {Type: 'AWS::SQS::Queue'}}}", ["D502"]),
        ("Resources: {Topic: {$replace: {Type: 'AWS::SNS::Topic'}}}", []),
        ("Resources: {Topic: text}", ["D213"]),
        ("Outputs: {Arn: text}", ["D213"]),
        ("Parameters: {Release: [a]}", ["D213"]),
        ("Resources: {Topic: {DependsOn: Key}}", ["D507"]),
        ("Resources: {Topic: {DependsOn: {$append: [Role]}}}", ["D503"]),
    ],
)
def test_a_named_thing_keeps_its_kind(text: str, found: list[str]) -> None:
    assert found == codes({"overrides/a.yml": text})


def test_type_is_an_ordinary_key_outside_of_resources() -> None:
    text = "Parameters: {Release: {Type: Number}}\nMappings: {Sizes: {Type: {small: '2'}}}"
    stack, faults = merge(BASE, {"overrides/a.yml": text})
    assert () == faults
    assert {"Type": "Number"} == stack.template["Parameters"]["Release"]
    assert {"Type": {"small": "2"}} == stack.template["Mappings"]["Sizes"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{Size: 2}", "{Size: 3}"),
        ("{Size: 2}", "{Size: {$remove: true}}"),
        ("{Map: {A: {B: 1}}}", "{Map: {$replace: {C: 1}}}"),
        ("{Map: {D: 1}}", "{Map: {$replace: {C: 1}}}"),
        ("{Map: {D: 1}}", "{Map: {$remove: true}}"),
        ("{Empty: {A: 1}}", "{Empty: 1}"),
        ("{List: [x]}", "{List: [y]}"),
        ("{List: {$replace: [x]}}", "{List: {$replace: [y]}}"),
        ("{List: {$replace: [x]}}", "{List: {$append: [y]}}"),
        ("{List: {$append: [x]}}", "{List: !Ref Names}"),
        ("{Tags: [{Key: x, Value: 1}]}", "{Tags: [{Key: x, Value: 2}]}"),
        ("{Tags: [{Key: owner, Value: 1}]}", "{Tags: [{Key: owner, $remove: true}]}"),
        ("{Tags: [{Key: owner, Value: 1}]}", "{Tags: {$remove: [{Key: owner}]}}"),
        ("{Tags: [{Key: x, Value: 1}]}", "{Tags: {$replace: []}}"),
    ],
)
def test_two_files_of_one_layer_may_not_disagree_whatever_their_names(one: str, other: str) -> None:
    for first, second in ((one, other), (other, one)):
        found = codes({"overrides/a.yml": change(first), "overrides/b.yml": change(second)})
        assert {"D505", "D506", "D510"} & set(found), (first, second, found)
        layered = codes({"overrides/a.yml": change(first), "overrides/production/a.yml": change(second)})
        assert "D510" not in layered


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{Size: 2}", "{Map: {A: {B: 1}}}"),
        ("{Map: {A: {C: {$replace: 1}}}}", "{Map: {D: 1}}"),
        ("{Tags: [{Key: owner, $remove: true}]}", "{Tags: [{Key: x, Value: 1}]}"),
        ("{Tags: {$append: [{Key: x, Value: 1}]}}", "{Tags: [{Key: owner, Value: 1}]}"),
        ("{List: {$append: [x]}}", "{List: {$remove: [b]}}"),
    ],
)
def test_two_files_of_one_layer_may_speak_about_different_things(one: str, other: str) -> None:
    results = []
    for first, second in ((one, other), (other, one)):
        stack, faults = merge(BASE, {"overrides/a.yml": change(first), "overrides/b.yml": change(second)})
        assert () == faults
        results.append(stack.template)
    assert results[0] == results[1]


# What is known of it afterwards


def tell(stack: Stack, pointer: str) -> list[tuple[str, Json]]:
    explanation = explain_value(stack, f"Resources.Topic.Properties.{pointer}", "production")
    return [(said.origin.span.path.rpartition("/")[2], said.value) for said in explanation.story]


def test_a_story_names_everybody_who_spoke_the_winner_last() -> None:
    files: dict[str, Json | str] = {
        "overrides/a.yml": change(
            "{Size: {$remove: true}, List: {$remove: [b], $append: [c]}, Map: {$replace: {A: 1}}}"
        ),
        "overrides/production/b.yml": change("{Size: 2, Map: {A: 2}}"),
    }
    stack, faults = merge(BASE, files)
    assert () == faults
    assert [("made.py", 1), ("a.yml", None), ("b.yml", 2)] == tell(stack, "Size")
    assert [("a.yml", "c")] == tell(stack, "List.2")
    assert [("made.py", "a")] == tell(stack, "List[0]")
    assert [("made.py", TOPIC["Properties"]["Map"]), ("a.yml", 1), ("b.yml", 2)] == tell(stack, "Map.A")  # type: ignore[index]


def test_what_was_removed_can_be_asked_about_until_something_stands_there_again() -> None:
    text = change("{List: {$remove: [a, b, a]}, Tags: [{Key: name, $remove: true}], Map: {$remove: true}}")
    stack, _ = merge(BASE, {"overrides/a.yml": text})
    removed = {path[3:]: [said.value for said in story] for path, story in stack.removed.items()}
    assert {
        ("List", 0): ["a", None],
        ("List", 1): ["b", None],
        ("List", 2): ["a", None],
        ("Map",): [TOPIC["Properties"]["Map"], None],  # type: ignore[index]
        ("Tags", 0): [{"Key": "name", "Value": "web"}, None],
    } == removed
    assert explain_value(stack, "Resources.Topic.Properties.List[2]", "production").is_removed
    there = explain_value(stack, "Resources.Topic.Properties.Tags[0].Value", "production")
    assert (False, "squad") == (there.is_removed, there.value)


def test_two_layers_that_remove_from_one_list_lose_no_story() -> None:
    files: dict[str, Json | str] = {
        "overrides/a.yml": change("{List: {$remove: [a]}}"),
        "overrides/production/b.yml": change("{List: {$remove: [b]}}"),
    }
    stack, _ = merge(BASE, files)
    story = stack.removed["Resources", "Topic", "Properties", "List", 0]
    assert ["a", None, "b", None] == [said.value for said in story]


def test_an_addition_may_take_the_name_of_what_an_override_removed() -> None:
    files: dict[str, Json | str] = {
        "overrides/a.yml": "Resources: {Role: {$remove: true}}",
        "additions/b.yml": "Resources: {Role: {Type: 'AWS::SQS::Queue'}}",
    }
    stack, faults = merge(BASE, files)
    assert () == faults
    explanation = explain_value(stack, "Resources.Role.Type", "production")
    assert ("AWS::SQS::Queue", False) == (explanation.value, explanation.is_removed)
    assert explanation.built is not None and "addition" == explanation.built.layer


def test_a_fault_stands_under_what_is_at_fault() -> None:
    text = change("{Size: {A: {$append: [1]}}, Tags: [{$remove: true}], Map: {}, List: {$append: [b]}}")
    _, faults = merge(BASE, {"overrides/a.yml": text})
    places = [(fault.code, cut(fault.span)) for fault in faults if fault.span]
    assert [("D503", "b"), ("D503", "{}"), ("D506", "$append"), ("D506", "{$remove: true}")] == sorted(places)
    assert "`Resources.Topic.Properties.List` changes nothing" in "".join(fault.message for fault in faults)


# Additions


def test_no_description_of_an_addition_is_lost() -> None:
    files: dict[str, Json | str] = {
        "additions/a.yml": "Description: one",
        "additions/a.json": '{"Description": "two"}',
        "additions/production/a.yml": "Description: three\nMetadata: {Additions: {b: {Owner: me}}}",
    }
    stack, faults = merge(BASE, files)
    kept = stack.template["Metadata"]["Additions"]
    assert () == faults
    assert {"one", "two", "three"} == {body["Description"] for body in kept.values() if "Description" in body}
    assert {"Owner": "me"} == kept["b"]
    _, (fault,) = merge(BASE, {"additions/a.yml": "Description: one\nMetadata: {Additions: text}"})
    assert "D509" == fault.code


# A policy of a single statement

GRANT = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "a"}
OTHER = "{Effect: Allow, Action: 's3:Put*', Resource: b}"


def stated(change: str, statement: Json = None) -> tuple[Any, list[str]]:
    body = {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Statement": statement or GRANT}}}
    text = f"Resources: {{P: {{Properties: {{PolicyDocument: {{Statement: {change}}}}}}}}}"
    stack, faults = merge({"Resources": {"P": body}}, {"overrides/a.yml": text})
    return stack.template["Resources"]["P"]["Properties"]["PolicyDocument"]["Statement"], [each.code for each in faults]


def test_a_directive_in_an_item_without_its_key_has_no_item_to_work_on() -> None:
    for item in ("{$remove: true}", "{Value: {$replace: us}}", "{Value: {A: [{$append: [x]}]}}"):
        assert ["D506"] == refused(f"{{Tags: [{item}]}}"), item


@pytest.mark.parametrize("change", [OTHER, f"[{OTHER}]", f"{{$append: [{OTHER}]}}"])
def test_both_statements_stand_whichever_of_them_is_in_no_list(change: str) -> None:
    other = {"Effect": "Allow", "Action": "s3:Put*", "Resource": "b"}
    assert ([GRANT, other], []) == stated(change)
    if not change.startswith("{$"):
        assert ([GRANT, other], []) == stated(change, [GRANT])


def test_a_single_statement_is_merged_by_its_sid_and_replaced_on_request() -> None:
    named = {"Sid": "Read", **GRANT}
    assert ([{**named, "Resource": "b"}], []) == stated("{Sid: Read, Resource: b}", named)
    assert ([{**named, "Resource": "b"}], []) == stated("{Sid: Read, Resource: b}", [named])
    assert ("none", []) == stated("{$replace: none}")
    whole = "{Resource: a, Action: 's3:Get*', Effect: Allow}"
    assert ("none", []) == stated(f"{{$expect: {whole}, $value: none}}")
    assert ([GRANT, {"Sid": "B"}], []) == stated(f"{{$expect: {whole}, $append: [{{Sid: B}}]}}")


def test_a_part_of_a_statement_is_merged_into_the_only_one_and_into_no_other() -> None:
    assert ({**GRANT, "Resource": "b"}, []) == stated("{Resource: b}")
    assert ({**GRANT, "Resource": "b"}, []) == stated("{Resource: {$expect: a, $value: b}}")
    assert ([GRANT], ["D506"]) == stated("{Resource: b}", [GRANT])


def test_a_statement_that_is_no_policys_is_a_map_like_any_other() -> None:
    rule = {"ManagedRuleGroupStatement": {"Name": "C", "VendorName": "AWS"}}
    merged = {"ManagedRuleGroupStatement": {"Name": "D", "VendorName": "AWS"}}
    assert (merged, []) == stated("{ManagedRuleGroupStatement: {Name: D}}", rule)


def test_a_property_that_gets_its_value_in_another_type_does_not_change() -> None:
    for text in ("{Size: '1'}", "{Size: 1}", "{Size: {$replace: '1'}}"):
        assert ["D503"] == refused(text), text
    # Further down there may be JSON in which types count.
    assert {"A": {"B": "deep", "C": 1}} == merged("{Map: {$replace: {A: {B: deep, C: 1}}}}")["Map"]
    assert {"A": {"C": "1"}} == merged("{Map: {$replace: {A: {C: 1}}}}", "{Map: {A: {C: '1'}}}")["Map"]


def test_new_keys_of_an_item_come_in_one_order_whatever_order_they_are_written_in() -> None:
    one, other = "{Tags: [{Key: owner, B: 1, A: 2}]}", "{Tags: [{A: 2, B: 1, Key: owner}]}"
    assert [list(item) for item in merged(one)["Tags"]] == [list(item) for item in merged(other)["Tags"]]
    assert ["Key", "Value", "A", "B"] == list(merged(one)["Tags"][1])


def test_a_new_item_in_the_place_of_another_has_a_story_of_its_own() -> None:
    files = {
        "overrides/a.yml": change("{Tags: [{Key: owner, Value: {$remove: true}}]}"),
        "overrides/env-default/a.yml": change("{Tags: [{Key: name, $remove: true}]}"),
        "overrides/env-x/a.yml": change("{Tags: [{Key: team, Value: x}]}"),
    }
    stack, faults = merge(BASE, files, "env-x")
    assert () == faults
    assert [{"Key": "owner"}, *tags(team="x")] == stack.template["Resources"]["Topic"]["Properties"]["Tags"]
    new = ("Resources", "Topic", "Properties", "Tags", 1, "Value")
    assert ["x"] == [said.value for said in stack.stories[new]]
    assert ["squad", None] == [said.value for said in stack.removed[new]]
