"""Diff: whatever differs is named, at its place, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.behavior import is_ordered
from compiler.changes import Change, Side, SideStack
from compiler.compare import Difference, ListRules, compare_values
from compiler.diff import diff_sides
from compiler.identity import IdentityTable
from compiler.library import find_content, load_library
from compiler.load import load_document
from compiler.model import Json

RULES = ListRules(IdentityTable(load_library(find_content("platform")).identities), is_ordered)
ASG = "AWS::AutoScaling::AutoScalingGroup"


def read(text: str) -> Json:
    document, faults = load_document(text.encode(), "a.yml", dialect="template")
    assert () == faults
    return document.data


def side(template: Json) -> Side:
    return Side("a", {"": SideStack("a.yml", template, {}, {})})


def changes(before: Json, after: Json) -> tuple[Change, ...]:
    return diff_sides(side(before), side(after), RULES).changes


def told(before: str, after: str) -> list[tuple[str, str, Json, Json]]:
    """Compare the properties of a resource that are written as YAML; paths begin below `Properties`."""
    one, other = ({"Resources": {"A": {"Type": ASG, "Properties": read(text)}}} for text in (before, after))
    return [(each.kind, "/".join(map(str, each.path[3:])), each.before, each.after) for each in changes(one, other)]


def differences(before: Json, after: Json, *, kind: str = "", inside: tuple[str, ...] = ()) -> list[Difference]:
    return list(compare_values(before, after, rules=RULES, resource_type=kind, inside=inside))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # What the diffs of others do not see.
        ("P: !Ref X", "P: !Sub X", [("changed", "P", {"Ref": "X"}, {"Fn::Sub": "X"})]),
        ("P: !Ref X", "P: X", [("changed", "P", {"Ref": "X"}, "X")]),
        ("P: 8080", 'P: "8080"', [("changed", "P", 8080, "8080")]),
        ("P: true", 'P: "true"', [("changed", "P", True, "true")]),
        ("P: 1", "P: true", [("changed", "P", 1, True)]),
        ("{Metadata: 1, Manifest: prod}", "{Metadata: 1, Manifest: other}", [("changed", "Manifest", "prod", "other")]),
        ("Metadata: {Manifest: {a: 1}}", "Metadata: {Manifest: {a: 2}}", [("changed", "Metadata/Manifest/a", 1, 2)]),
        # Forms that mean the same.
        ("P: !GetAtt A.B", "P: {Fn::GetAtt: [A, B]}", []),
        ("P: {Fn::GetAtt: A.B.C}", "P: !GetAtt A.B.C", []),
        ("P: !Sub '${A}'", "P: {Fn::Sub: '${A}'}", []),
        ("{A: 1, B: 2}", "{B: 2, A: 1}", []),
        # Inside of the same function.
        ("P: !GetAtt A.B", "P: !GetAtt A.C", [("changed", "P/Fn::GetAtt/1", "B", "C")]),
        ("P: !Join ['', [a, b]]", "P: !Join ['', [b, a]]", [
            ("changed", "P/Fn::Join/1/0", "a", "b"), ("changed", "P/Fn::Join/1/1", "b", "a"),
        ]),
        ("P: !If [C, {a: 1}, {a: 2}]", "P: !If [C, {a: 1}, {a: 3}]", [("changed", "P/Fn::If/2/a", 2, 3)]),
        ("P: {a: 1}", "P: {}", [("removed", "P/a", 1, None)]),
        ("P: {}", "P: []", [("changed", "P", {}, [])]),
        ("P: x", "P: null", [("changed", "P", "x", None)]),
    ],
)  # fmt: skip
def test_values_are_compared_by_value_and_type(before: str, after: str, expected: list[Any]) -> None:
    assert expected == told(before, after)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # Items that have a name: tags by their key.
        ("Tags: [{Key: a, Value: 1}, {Key: b, Value: 2}]", "Tags: [{Key: b, Value: 2}, {Key: a, Value: 1}]", []),
        (
            "Tags: [{Key: a, Value: 1}, {Key: b, Value: 2}]",
            "Tags: [{Key: c, Value: 9}, {Key: b, Value: 3}, {Key: a, Value: 1}]",
            [("added", "Tags/0", None, {"Key": "c", "Value": 9}), ("changed", "Tags/1/Value", 2, 3)],
        ),
        # The same inside of a condition.
        (
            "Tags: !If [C, [{Key: a, Value: 1}, {Key: b, Value: 2}], []]",
            "Tags: !If [C, [{Key: b, Value: 2}, {Key: a, Value: 1}], []]",
            [],
        ),
        # Items that have a name, and an order that decides.
        (
            "MixedInstancesPolicy: {LaunchTemplate: {Overrides: [{InstanceType: a}, {InstanceType: b}]}}",
            "MixedInstancesPolicy: {LaunchTemplate: {Overrides: [{InstanceType: b}, {InstanceType: a}]}}",
            [
                ("removed", "MixedInstancesPolicy/LaunchTemplate/Overrides/0", {"InstanceType": "a"}, None),
                ("added", "MixedInstancesPolicy/LaunchTemplate/Overrides/1", None, {"InstanceType": "a"}),
            ],
        ),
        # Policies.
        (
            "PolicyDocument: {Statement: [{Action: [a, b], Resource: x}, {Action: c, Resource: y}]}",
            "PolicyDocument: {Statement: [{Action: c, Resource: y}, {Action: [b, a], Resource: x}]}",
            [],
        ),
        ("P: {Statement: [{Action: [a, b, c]}]}", "P: {Statement: [{Action: [c, a]}]}", [
            ("removed", "P/Statement/0/Action/1", "b", None),
        ]),
        # Order has a meaning where nothing says otherwise, and one new item is one change.
        ("P: [a, b, c]", "P: [a, x, b, c]", [("added", "P/1", None, "x")]),
        ("P: [a, b]", "P: [b, a]", [("removed", "P/0", "a", None), ("added", "P/1", None, "a")]),
        ("P: [{a: 1, b: 1}, {a: 2, b: 2}]", "P: [{a: 1, b: 1}, {c: 5}, {a: 2, b: 3}]", [
            ("added", "P/1", None, {"c": 5}), ("changed", "P/2/b", 2, 3),
        ]),
    ],
)  # fmt: skip
def test_lists_are_compared_by_what_their_items_are(before: str, after: str, expected: list[Any]) -> None:
    assert expected == told(before, after)


def test_one_name_and_a_list_of_one_name_are_the_same_dependency() -> None:
    bodies = [{"Type": ASG, "DependsOn": each} for each in ("B", ["B"], ["B", "C"], ["C", "B"])]
    one, listed, two, turned = ({"Resources": {"A": body}} for body in bodies)
    assert () == changes(one, listed) == changes(two, turned)
    [added] = changes(one, two)
    assert ("added", ("Resources", "A", "DependsOn", 1), "C") == (added.kind, added.path, added.after)


def test_every_section_is_compared() -> None:
    before = read("{Description: a, Parameters: {P: {Type: String}}, Mappings: {M: {k: {v: 1}}}, Resources: {}}")
    after = read("{Description: b, Outputs: {O: {Value: 1}}, Mappings: {M: {k: {v: 2}}}, Transform: T, Resources: {}}")
    found = [(each.kind, each.path) for each in changes(before, after)]
    assert [
        ("changed", ("Description",)),
        ("changed", ("Mappings", "M", "k", "v")),
        ("added", ("Outputs", "O")),
        ("removed", ("Parameters", "P")),
        ("added", ("Transform",)),
    ] == found


def test_long_lists_take_no_longer_than_they_are_long() -> None:
    before = [{"n": number, "v": "x"} for number in range(20_000)]
    after = [{"n": number, "v": "y"} for number in reversed(range(20_000))]
    same = ["a"] * 20_000
    assert 40_000 >= len(differences(before, after)) > 0
    assert 40_000 >= len(differences(before, after, kind=ASG, inside=("Properties", "Statement"))) > 0
    assert 1 == len(differences(same, [*same, "a"])) == len(differences(["b", *same], same))
    assert 1 == len(differences(same[1:], same, inside=("DependsOn",)))
