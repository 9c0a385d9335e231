"""Limits: what AWS takes passes, what is one more stands where the excess came from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.guard import guard_stack
from compiler.manifest import render_json
from compiler.model import Json, Path, Said, Setting, Stack
from tests.stacks_by_hand import GROUP, group, judge, library, places, said, stack_of


def topics(number: int) -> dict[str, Json]:
    return {f"T{index}": {"Type": "AWS::SNS::Topic"} for index in range(number)}


def test_a_stack_at_its_limits_passes() -> None:
    template = {
        "Description": "é" * 512,
        "Resources": topics(499) | {"A" * 255: {"Type": "AWS::SNS::Topic"}},
        **{
            section: {f"N{index}": {"a": 1} for index in range(200)}
            for section in ("Parameters", "Outputs", "Mappings")
        },
    }
    assert () == guard_stack(Stack(template, {}, {}), library())


def test_the_first_resource_beyond_the_limit_is_named_at_its_line() -> None:
    resources = topics(502)
    stack = stack_of(resources, {("T500",): said("addition", 90)})
    message = "`T500` is one too many: CloudFormation takes 500 resources, not 502"
    assert [message] == [d.message for d in judge(stack)]
    assert ["D602 addition.yml:90"] == places(judge(stack))


def test_resources_of_a_service_beyond_the_limit_stand_at_what_needs_most_of_them() -> None:
    words: dict[Path, Said] = {("T3",): from_service(("processes", "web"), 4)}
    words |= {(f"T{index}",): from_service(("messages", "consume", f"a.b-{index}"), 9) for index in range(4, 502)}
    found = judge(stack_of(topics(502), words))
    assert [("D602 service.yml:9", "CloudFormation takes 500 resources, not 502")] == [
        (place, each.message) for place, each in zip(places(found), found, strict=True)
    ]
    assert "split the service; the platform needs 498 for `messages.consume`, 1 for `processes`" == found[0].hint
    own = {**words, ("T500",): said("addition", 90), ("T501",): said("addition", 91)}
    assert ["D602 addition.yml:90"] == places(judge(stack_of(topics(502), own)))


@pytest.mark.parametrize("section", ["Parameters", "Outputs", "Mappings"])
def test_other_sections_take_two_hundred(section: str) -> None:
    template = {section: {f"N{index}": {"a": 1} for index in range(201)}}
    assert [f"`N200` is one too many: CloudFormation takes 200 {section.lower()}, not 201"] == [
        d.message for d in guard_stack(Stack(template, {}, {}), library())
    ]


@pytest.mark.parametrize("name", ["web-group", "A" * 256, "Größe", "a.b"])
def test_a_name_that_is_no_logical_id_is_an_error(name: str) -> None:
    assert ["D602 template.yml:7"] == places(judge(stack_of({name: {"Type": "AWS::SNS::Topic"}})))


def test_a_description_counts_bytes() -> None:
    word: dict[Path, tuple[Said, ...]] = {("Description",): (said("service", 3),)}
    found = guard_stack(Stack({"Description": "é" * 513, "Resources": {}}, word, {}), library())
    assert ["the description is 1,026 bytes long, CloudFormation takes 1,024"] == [d.message for d in found]
    assert ["D602 service.yml:3"] == places(found)


def test_the_size_is_that_of_the_rendered_template_and_its_largest_part_is_named() -> None:
    resources = group(A="x" * 400_000) | {"Big": {"Type": GROUP, "Properties": {"A": ""}}}
    spare = 1_000_000 - len(render_json(stack_of(resources).template))
    resources["Big"]["Properties"]["A"] = "é" * (spare // 2)
    assert 1_000_000 - spare % 2 == len(render_json(stack_of(resources).template))
    assert () == judge(stack_of(resources))
    resources["Big"]["Properties"]["A"] += "é"
    found = judge(stack_of(resources, {("Big",): said("override", 12)}))
    assert ["D602 override.yml:12"] == places(found)
    assert found[0].message.endswith("bytes, CloudFormation takes 1,000,000; `Big` is the largest part of it")


def dynamic(number: int) -> list[Json]:
    return ["{{resolve:ssm:/a}}"] * number


def from_service(path: Path, line: int) -> Said:
    """What the platform computes from one value of a descriptor."""
    return replace(said("template", 7), fed_by=(Setting(path, (said("service", line, "x"),)),))


def test_references_beyond_the_limit_stand_at_the_process_that_needs_most() -> None:
    def grouped(number: int) -> Json:
        return {"Type": GROUP, "Properties": {"A": dynamic(number)}}

    words: dict[Path, Said] = {("X",): from_service(("processes", "x"), 5), ("Y",): from_service(("processes", "y"), 9)}
    assert () == judge(stack_of({"X": grouped(26), "Y": grouped(34)}, words))
    found = judge(stack_of({"X": grouped(27), "Y": grouped(34)}, words))
    assert [("D602 service.yml:9", "the template holds 61 dynamic references, CloudFormation takes 60")] == list(
        zip(places(found), (each.message for each in found), strict=True)
    )
    assert "split the service; the platform needs 34 for `processes.y`, 27 for `processes.x`" == found[0].hint


def test_references_that_additions_bring_beyond_the_limit_stand_there() -> None:
    resources: Json = {
        "X": {"Type": GROUP, "Properties": {"A": dynamic(59)}},
        "Own": {"Type": GROUP, "Properties": {"A": "{{resolve:ssm:/a}}", "B": "{{resolve:ssm:/a}}"}},
    }
    words: dict[Path, Said] = {
        ("X",): from_service(("processes", "x"), 5),
        ("Own", "Properties", "A"): said("addition", 3),
        ("Own", "Properties", "B"): said("addition", 4),
    }
    assert ["D602 addition.yml:4"] == places(judge(stack_of(resources, words)))
    resources["X"]["Properties"]["A"] = dynamic(60)
    assert ["D602 addition.yml:3"] == places(judge(stack_of(resources, words)))


def test_references_of_the_platform_alone_stand_in_the_platform() -> None:
    assert ["D602 template.yml:7"] == places(judge(stack_of(group(A=dynamic(61)))))


def sized(kind: str, *path: str, text: Json) -> dict[str, Json]:
    for step in reversed(path):
        text = {step: text}
    return {"It": {"Type": kind, "Properties": text}}


@pytest.mark.parametrize(
    ("kind", "path", "most", "unit"),
    [
        ("AWS::IAM::ManagedPolicy", ("PolicyDocument",), 6_144, "characters"),
        ("AWS::EC2::LaunchTemplate", ("LaunchTemplateData", "UserData"), 16_384, "bytes"),
        ("AWS::EC2::Instance", ("UserData",), 16_384, "bytes"),
        ("AWS::AutoScaling::LaunchConfiguration", ("UserData",), 16_384, "bytes"),
        ("AWS::SSM::Parameter", ("Value",), 8_192, "bytes"),
        ("AWS::SNS::TopicPolicy", ("PolicyDocument",), 30_720, "bytes"),
        ("AWS::SQS::QueuePolicy", ("PolicyDocument",), 8_192, "bytes"),
        ("AWS::S3::BucketPolicy", ("PolicyDocument",), 20_480, "bytes"),
        ("AWS::KMS::Key", ("KeyPolicy",), 32_768, "bytes"),
    ],
)
def test_a_text_that_a_service_does_not_take_stands_at_what_it_is_made_of(
    kind: str, path: tuple[str, ...], most: int, unit: str
) -> None:
    words: dict[Path, Said] = {("It",): from_service(("secrets", "A"), 4)}
    assert () == judge(stack_of(sized(kind, *path, text="x" * most), words))
    found = judge(stack_of(sized(kind, *path, text="x" * (most + 1)), words))
    assert ["D602 service.yml:4"] == places(found)
    assert f"{most + 1:,} {unit} long, {kind.split('::')[1]} takes {most:,}; most of it is from `secrets`" in (
        found[0].message
    )


def test_a_size_counts_what_is_known() -> None:
    def size(value: Json) -> int:
        found = judge(stack_of(sized("AWS::SSM::Parameter", "Value", text=["x" * 9_000, value])))
        return int(found[0].message.split(" bytes")[0].rpartition(" ")[2].replace(",", "")) - 9_005

    assert [2, 4, 3, 2] == [size(value) for value in ("", "ab", "a", {"Ref": "A"})]
    assert 2 + len("a{}b${c}") == size({"Fn::Sub": "a{}b${!c}${D}"})
    assert 2 + len("ab") == size({"Fn::Sub": ["a${C}b", {"C": "ccc"}]})
    assert 2 + len("a-b-") == size({"Fn::Join": ["-", ["a", "b", {"Ref": "C"}]]})
    assert 2 + len("ab") == size({"Fn::Base64": {"Fn::Sub": "a{{resolve:ssm:/b}}b"}})
    assert len('{"a":1}') == size({"a": 1})
    assert 4 == size("é")
    odd: list[Json] = [{"Fn::Sub": []}, {"Fn::Sub": [1]}, {"Fn::Join": 1}, {"Fn::If": ["A", "b"]}, {"Fn::Join": [1, 2]}]
    assert [2] * 5 == [size(value) for value in odd]


def test_white_space_of_a_policy_is_not_counted() -> None:
    text = sized("AWS::IAM::ManagedPolicy", "PolicyDocument", text="x " * 6_144)
    assert () == judge(stack_of(text))


def test_a_trust_policy_that_an_account_may_take_is_a_warning() -> None:
    found = judge(stack_of(sized("AWS::IAM::Role", "AssumeRolePolicyDocument", text="x" * 2_049)))
    assert ["warning"] == [each.severity for each in found]


def test_the_inline_policies_of_a_role_are_counted_together() -> None:
    def stack(*, first: int, own: int, of: str = "R") -> Stack:
        return stack_of(
            {
                "R": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {"Policies": [{"PolicyName": "a", "PolicyDocument": "x" * first}]},
                },
                "P": {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [{"Ref": of}], "PolicyDocument": "x" * own}},
            },
            {("P",): said("addition", 8)},
        )

    quotes = len('["",""]')
    assert () == judge(stack(first=10_000, own=240 - quotes))
    found = judge(stack(first=10_000, own=241 - quotes))
    assert ["all that is inline in `R` is 10,241 characters long, IAM takes 10,240"] == [d.message for d in found]
    assert ["D602 addition.yml:8"] == places(judge(stack(first=100, own=10_200)))
    assert () == judge(stack(first=10_000, own=241, of="elsewhere"))


def test_a_filter_makes_every_combination_of_its_values() -> None:
    def stack(policy: Json) -> Stack:
        resources = sized("AWS::SNS::Subscription", "FilterPolicy", text=policy)
        return stack_of(
            resources, {("It", "Properties", "FilterPolicy"): from_service(("messages", "consume", "a.b"), 6)}
        )

    assert () == judge(stack({"a": [1] * 15, "b": [1] * 10, "c": [1]}))
    assert () == judge(stack({"a": {"Ref": "P"}, "b": "x"}))
    for policy in ({"a": [1] * 151}, {"a": [1] * 16, "b": [1] * 10}, {"a": {"b": [1] * 16}, "c": {"d": [1] * 10}}):
        assert ["D602 service.yml:6"] == places(judge(stack(policy)))


def test_a_domain_name_and_its_labels_are_as_long_as_dns_takes() -> None:
    def stack(name: Json) -> Stack:
        words: dict[Path, Said] = {("It",): from_service(("processes", "web", "dns"), 6)}
        return stack_of(sized("AWS::Route53::RecordSet", "Name", text=name), words)

    longest = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert [(), (), ()] == [judge(stack(name)) for name in (longest, longest + ".", {"Ref": "Name"})]
    for name in ("a" * 64 + ".example", longest + "a"):
        assert ["D602 service.yml:6"] == places(judge(stack(name)))


@pytest.mark.parametrize(
    ("kind", "about", "most"),
    [
        ("AWS::Logs::MetricFilter", "LogGroupName", 100),
        ("AWS::AutoScaling::ScheduledAction", "AutoScalingGroupName", 125),
        ("AWS::AutoScaling::ScalingPolicy", "AutoScalingGroupName", 50),
    ],
)
def test_one_thing_has_as_many_of_a_kind_as_its_service_takes(kind: str, about: str, most: int) -> None:
    def stack(number: int) -> Stack:
        many = {f"M{index}": {"Type": kind, "Properties": {about: {"Ref": "It"}}} for index in range(number)}
        words: dict[Path, Said] = {(name,): from_service(("processes", "web", "logs", name), 6) for name in many}
        return stack_of({**many, "Other": {"Type": kind, "Properties": {about: {"Ref": "Else"}}}}, words)

    assert () == judge(stack(most))
    (found,) = judge(stack(most + 1))
    assert ["D602 service.yml:6"] == places([found])
    assert found.message.startswith(f"`M{most}` is one too many:") and f"not {most + 1}" in found.message


def test_a_role_has_ten_managed_policies_and_no_more_than_twenty_whatever_the_account() -> None:
    def severities(named: int, naming: int) -> list[str]:
        policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"Roles": [{"Ref": "R"}, {"Ref": "Other"}]}}
        role = {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [{"Ref": "P"}] * named}}
        found = judge(stack_of({"R": role, **{f"P{index}": policy for index in range(naming)}}))
        return [each.severity for each in found if "`R`" in each.message]

    assert [[], ["warning"], ["warning"], ["error"]] == [
        severities(*pair) for pair in ((4, 6), (5, 6), (20, 0), (1, 20))
    ]


def _nested(value: Json, *steps: str) -> Json:
    for step in reversed(steps):
        value = [value] if step == "*" else {step: value}
    return value


@pytest.mark.parametrize(
    "place",
    [
        "AWS::EC2::LaunchTemplate LaunchTemplateData NetworkInterfaces * Groups",
        "AWS::EC2::LaunchTemplate LaunchTemplateData SecurityGroupIds",
        "AWS::EC2::Instance NetworkInterfaces * GroupSet",
        "AWS::ECS::Service NetworkConfiguration AwsvpcConfiguration SecurityGroups",
        "AWS::ElasticLoadBalancingV2::LoadBalancer SecurityGroups",
        "AWS::Lambda::Function VpcConfig SecurityGroupIds",
    ],
)
def test_an_interface_has_five_security_groups_and_no_more_than_sixteen_whatever_the_account(place: str) -> None:
    kind, *steps = place.split()

    def judge_groups(number: int) -> list[tuple[str, str]]:
        groups = [{"Ref": f"G{index}"} for index in range(number)]
        path: Path = ("R", "Properties", *(0 if step == "*" else step for step in steps), number - 1, "Ref")
        stack = stack_of({"R": {"Type": kind, "Properties": _nested(groups, *steps)}}, {path: said("addition", 8)})
        found = judge(stack)
        assert {"D602 addition.yml:8"} >= set(places(found))
        return [(each.severity, each.message.partition(", ")[2]) for each in found]

    assert [] == judge_groups(5)
    assert [("warning", "EC2 takes 5 unless the account has more")] == judge_groups(6) == judge_groups(16)
    assert [("error", "EC2 takes 16")] == judge_groups(17)


def test_a_rule_of_a_listener_has_five_values_and_five_wildcards() -> None:
    def stack(*paths: str) -> Stack:
        conditions = [
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example"]}},
            {"Field": "path-pattern", "Values": list(paths)},
        ]
        words: dict[Path, Said] = {("It",): from_service(("processes", "web", "routing", "paths"), 6)}
        return stack_of(sized("AWS::ElasticLoadBalancingV2::ListenerRule", "Conditions", text=conditions), words)

    assert () == judge(stack("/a*", "/b*", "/c?", "/d**"))
    for paths, told in ((("/a", "/b", "/c", "/d", "/e"), "6 values"), (("/a*b*", "/c?*", "/d**"), "6 wildcards")):
        (found,) = judge(stack(*paths))
        assert told in found.message and ["D602 service.yml:6"] == places([found])
