"""Known: what a value can be, as far as a template says."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.known import Known, is_open

TEMPLATE = {
    "Parameters": {
        "Size": {"Type": "String", "Default": "small"},
        "Count": {"Type": "Number", "Default": 2},
        "Flag": {"Type": "String", "Default": True},
        "Names": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Ports": {"Type": "List<Number>", "Default": "80,443"},
        "Image": {"Type": "AWS::EC2::Image::Id", "Default": "ami-1"},
        "Given": {"Type": "String"},
        "Kept": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a"},
        "KeptNames": {"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": "/a"},
        "Odd": None,
    },
    "Mappings": {"Sizes": {"small": {"cpu": "1", "ram": "2"}, "large": {"cpu": "4", "ram": "8"}}, "Odd": "text"},
}
NOTHING = {"Ref": "AWS::NoValue"}
REGION = {"Ref": "AWS::Region"}


def ref(name: str) -> dict[str, Any]:
    return {"Ref": name}


def either(one: Any, other: Any) -> dict[str, Any]:
    return {"Fn::If": ["A", one, other]}


def join(delimiter: str, *items: Any) -> dict[str, Any]:
    return {"Fn::Join": [delimiter, list(items)]}


@pytest.mark.parametrize(
    ("value", "possible"),
    [
        ("text", ["text"]),
        ({"A": ref("Size")}, [{"A": ref("Size")}]),
        (ref("Size"), ["small"]),
        (ref("Count"), [2]),
        (ref("Names"), [["a", "b"]]),
        (ref("Ports"), [["80", "443"]]),
        (ref("Image"), ["ami-1"]),
        (either("a", either(NOTHING, "b")), ["a", NOTHING, "b"]),
        ({"Fn::Sub": "text"}, ["text"]),
        ({"Fn::Sub": "${Size}-${Count}-${Flag}-${!Size}"}, ["small-2-true-${Size}"]),
        ({"Fn::Sub": ["${One}${Size}", {"One": either("x", "y")}]}, ["xsmall", "ysmall"]),
        ({"Fn::Sub": ["${Size}", {"Size": "x"}]}, ["x"]),
        (join("", "0.0.0.0", "/0"), ["0.0.0.0/0"]),
        (join("", "*"), ["*"]),
        (join(",", "a", NOTHING, either("b", "c")), ["a,b", "a,c"]),
        ({"Fn::Join": ["-", ref("Names")]}, ["a-b"]),
        ({"Fn::Join": ["-", {"Fn::Split": [",", "x,y"]}]}, ["x-y"]),
        ({"Fn::Select": [1, ["a", either("b", "c")]]}, ["b", "c"]),
        ({"Fn::Select": ["0", ref("Names")]}, ["a"]),
        ({"Fn::Select": [0, {"Fn::Split": ["/", "a/b"]}]}, ["a"]),
        ({"Fn::FindInMap": ["Sizes", ref("Size"), "cpu"]}, ["1"]),
        ({"Fn::FindInMap": ["Sizes", ref("Given"), "cpu"]}, ["1", "4"]),
        ({"Fn::FindInMap": ["Sizes", REGION, ref("Given")]}, ["1", "2", "4", "8"]),
        ({"Fn::Base64": "a"}, ["YQ=="]),
        ({"Fn::Select": [1, {"Fn::Cidr": ["0.0.0.0/0", 2, 31]}]}, ["128.0.0.0/1"]),
        (either("same", "same"), ["same", "same"]),
        (join("", either("a", "a")), ["a"]),
    ],
)
def test_what_a_template_says_is_known(value: Any, possible: list[Any]) -> None:
    known = Known.of(TEMPLATE)
    assert possible == list(known.possible(value))


@pytest.mark.parametrize(
    ("value", "possible"),
    [
        (ref("Given"), ref("Given")),
        (ref("Kept"), "{{resolve:ssm:/a}}"),
        (ref("KeptNames"), ref("KeptNames")),
        ({"Fn::Sub": "arn:${AWS::Partition}:${Size}"}, {"Fn::Sub": "arn:${AWS::Partition}:small"}),
        ({"Fn::Sub": "${Given}"}, ref("Given")),
        ({"Fn::Sub": "${Group.GroupId}"}, {"Fn::GetAtt": ["Group", "GroupId"]}),
        (join("/", "a", {"Fn::GetAtt": ["B", "Arn"]}), {"Fn::Sub": "a/${B.Arn}"}),
        (join("", "${a}", {"Fn::Sub": "b${Given}"}, {"Fn::GetAZs": ""}), {"Fn::Sub": "${!a}b${Given}${}"}),
        (join(",", ref("Given"), ""), {"Fn::Sub": "${Given},"}),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, {"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
        ({"Fn::FindInMap": ["Sizes", "huge", "cpu"]}, {"Fn::FindInMap": ["Sizes", "huge", "cpu"]}),
        ({"Fn::ImportValue": "a"}, {"Fn::ImportValue": "a"}),
        ({"Fn::Base64": {"Fn::Sub": "${Given}"}}, {"Fn::Base64": {"Fn::Sub": "${Given}"}}),
        ("{{resolve:ssm:/a}}", "{{resolve:ssm:/a}}"),
        (join("", "{{resolve:ssm:", "/a}}"), "{{resolve:ssm:/a}}"),
    ],
)
def test_what_only_cloudformation_knows_is_open(value: Any, possible: Any) -> None:
    assert [possible] == list(Known.of(TEMPLATE).possible(value))
    assert is_open(possible)


def test_the_place_is_that_of_the_branch() -> None:
    value = either("a", either(join("", "b"), "c"))
    places = [place for place, _ in Known.of(TEMPLATE).values(value, ("V",))]
    assert [("V", "Fn::If", 1), ("V", "Fn::If", 2, "Fn::If", 1), ("V", "Fn::If", 2, "Fn::If", 2)] == places


def test_what_can_be_too_many_things_is_not_known() -> None:
    value = join("", *(either(str(number), "") for number in range(9)))
    assert [value] == list(Known.of(TEMPLATE).possible(value))


@pytest.mark.parametrize(
    "operand", [None, "text", 1, [], [1], [None, None], {}, [{}, {}], ["", ["", {}]], ["a", [[1]]]]
)
@pytest.mark.parametrize(
    "name",
    ["Ref", "Fn::If", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::FindInMap", "Fn::Base64", "Fn::Cidr"],
)
def test_no_form_of_a_function_trips_it(name: str, operand: Any) -> None:
    templates: list[Any] = [TEMPLATE, None, [], {"Parameters": [], "Mappings": 1}]
    for template in templates:
        assert Known.of(template).possible({name: operand})
