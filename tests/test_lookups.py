"""Lookups: where references are too many the platform's become parameters, and everything else stays as it was."""

from __future__ import annotations

from compiler.changes import Side, SideStack
from compiler.compare import ListRules
from compiler.contracts import describe_contract
from compiler.diff import diff_sides
from compiler.identity import IdentityTable
from compiler.known import Known
from compiler.limits import check_limits
from compiler.lookups import MOST_REFERENCES, count_references, share_lookups, spread_lookups
from compiler.model import Json, Path, Settings, Stack, value_at, walk_leaves
from tests.stacks_by_hand import GROUP, said, stack_of

KEY = "{{resolve:ssm:/platform/production/security/logs-key-arn}}"
IMAGE = "{{resolve:ssm:/platform/production/images/arm64:3}}"


def groups(number: int, value: Json = KEY) -> dict[str, Json]:
    return {f"G{index}": {"Type": GROUP, "Properties": {"KmsKeyId": value}} for index in range(number)}


def key_at(stack: Stack, name: str) -> Json:
    return value_at(stack.template, ("Resources", name, "Properties", "KmsKeyId"))


def test_a_template_at_the_limit_stays_as_it_is() -> None:
    stack = stack_of(groups(MOST_REFERENCES))
    assert share_lookups(stack) is stack


def test_one_reference_more_makes_one_parameter_of_all() -> None:
    shared = share_lookups(stack_of(groups(MOST_REFERENCES + 1)))
    assert {"Ref": "PlatformSecurityLogsKeyArn"} == key_at(shared, "G0") == key_at(shared, "G60")
    assert ["PlatformSecurityLogsKeyArn"] == list(shared.template["Parameters"])
    parameter = shared.template["Parameters"]["PlatformSecurityLogsKeyArn"]
    assert ("AWS::SSM::Parameter::Value<String>", "/platform/production/security/logs-key-arn") == (
        parameter["Type"],
        parameter["Default"],
    )
    assert 0 == count_references(shared.template)
    assert ["Parameters", "Resources"] == list(shared.template)
    assert [] == list(check_limits(shared))


def test_what_a_value_is_known_to_be_does_not_change() -> None:
    stack = stack_of(groups(MOST_REFERENCES + 1))
    shared = share_lookups(stack)
    before, after = Known.of(stack.template), Known.of(shared.template)
    assert (KEY,) == before.possible(key_at(stack, "G7")) == after.possible(key_at(shared, "G7"))


def test_every_leaf_has_its_story_and_keeps_who_told_it() -> None:
    stack = stack_of(groups(MOST_REFERENCES + 1), {("G3",): said("template", 90)})
    shared = share_lookups(stack)
    leaves = dict(walk_leaves(shared.template))
    assert leaves.keys() <= shared.stories.keys()
    assert {"PlatformSecurityLogsKeyArn"} == {
        shared.stories[path][-1].value for path in leaves if path[:1] == ("Resources",) and path[-1] == "Ref"
    }
    told = shared.stories[("Resources", "G3", "Properties", "KmsKeyId", "Ref")]
    assert [7, 90] == [word.origin.span.line for word in told]


def test_what_a_service_wrote_and_what_has_a_version_stay_references() -> None:
    resources = groups(MOST_REFERENCES) | {
        "Image": {"Type": GROUP, "Properties": {"KmsKeyId": IMAGE}},
        "Part": {"Type": GROUP, "Properties": {"KmsKeyId": f"{KEY}/x"}},
        "Own": {"Type": GROUP, "Properties": {"KmsKeyId": KEY}},
        "Foreign": {"Type": GROUP, "Properties": {"KmsKeyId": "{{resolve:ssm:/team/key}}"}},
    }
    words: dict[Path, Json] = {("Own",): said("override", 4, KEY)}
    shared = share_lookups(stack_of(resources, words))
    kept = ("Image", "Part", "Own", "Foreign")
    assert [IMAGE, f"{KEY}/x", KEY, "{{resolve:ssm:/team/key}}"] == [key_at(shared, name) for name in kept]
    assert 4 == count_references(shared.template)


def test_a_parameter_of_an_addition_keeps_its_name() -> None:
    stack = stack_of(groups(MOST_REFERENCES + 1))
    taken = {"PlatformSecurityLogsKeyArn": {"Type": "String", "Default": "a"}}
    given = Stack({**stack.template, "Parameters": taken}, stack.stories, {})
    shared = share_lookups(given)
    assert taken == shared.template["Parameters"]
    assert KEY == key_at(shared, "G0")


def test_a_diff_has_nothing_to_say_of_the_step() -> None:
    few, many = stack_of(groups(MOST_REFERENCES)), share_lookups(stack_of(groups(MOST_REFERENCES + 1)))
    values = {name: body["Default"] for name, body in many.template["Parameters"].items()}
    before, after = (
        Side("a", {"production": SideStack("template.json", stack.template, given, {})})
        for stack, given in ((few, {}), (many, values))
    )
    changes = diff_sides(before, after, ListRules(IdentityTable([]), lambda *_: False)).changes
    assert [("added", ("Resources", "G60"))] == [(change.kind, change.path) for change in changes]


def test_a_listener_is_claimed_by_its_name_in_a_stack_of_any_size() -> None:
    listener = "{{resolve:ssm:/platform/production/ingress/private-listener-arn}}"
    rule = {"Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": {"ListenerArn": listener, "Priority": 7}}
    settings = Settings("production", {"service": "shop"}, {})
    few, many = ({**groups(number), "Rule": rule} for number in (1, MOST_REFERENCES))
    claims = [describe_contract(settings, share_lookups(stack_of(each)))["claims"] for each in (few, many)]
    assert [f"7 of {listener}"] == claims[0]["priorities"] == claims[1]["priorities"]


def test_it_can_be_taken_back() -> None:
    stack = stack_of(groups(MOST_REFERENCES + 1))
    own: Json = {"Own": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/platform/production/a"}}
    given = Stack({"Parameters": own, **stack.template}, stack.stories, {})
    for each in (stack, given):
        assert each.template == spread_lookups(share_lookups(each).template)[0]
