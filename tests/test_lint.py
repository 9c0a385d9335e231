"""Lint: cfn-lint's findings, each at the line that caused it, whatever the user's machine says about cfn-lint."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

import pytest

from compiler.diagnostics import Diagnostic, Source, Span
from compiler.lint import lint_stack
from compiler.model import Json, Origin, Path, Said, Setting, Stack, walk_leaves

ROOT = FilePath(__file__).parent.parent
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5, "VisibilityTimeout": 30}}
ROLLING: dict[str, Any] = {
    "Type": "AWS::AutoScaling::AutoScalingGroup",
    "Properties": {
        "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"},
        "AvailabilityZones": {"Fn::GetAZs": ""},
        "MinSize": "1",
        "MaxSize": "2",
    },
}
OVERRIDE = """\
Resources:
  Queue:
    Properties:
      DelaySecond: 5
      "VisibilityTimeouts" :
        Seconds: {DelaySecond: 1}
"""


def said(layer: str, line: int, value: Json = None, column: int = 5, text: str = "") -> Said:
    source = Source(f"{layer}.yml", tuple(text.splitlines()))
    return Said(Origin(layer, Span(source, line, column, line, column + 1)), value)


def stack_of(
    resources: Mapping[str, Json],
    words: Mapping[Path, Said] | None = None,
    removed: Mapping[Path, Said] | None = None,
    **sections: Json,
) -> Stack:
    """Make a stack whose resources the platform wrote on line 7, except for the leaves below the given paths."""
    template = {"AWSTemplateFormatVersion": "2010-09-09", **sections, "Resources": dict(resources)}
    stories: dict[Path, tuple[Said, ...]]
    stories = {path: (said("template", 7, value),) for path, value in walk_leaves(template)}
    for place, word in (words or {}).items():
        for path, story in stories.items():
            if path[1 : len(place) + 1] == place:
                stories[path] = (*story, word)
    stories |= {("Resources", name): (said("template", 6),) for name in resources}
    return Stack(template, stories, {("Resources", *path): (word,) for path, word in (removed or {}).items()})


def changed(resource: Mapping[str, Any], **properties: Json) -> dict[str, Any]:
    return {**resource, "Properties": {**resource["Properties"], **properties}}


def lint(stack: Stack) -> tuple[Diagnostic, ...]:
    return lint_stack(stack, region="eu-west-1", environment="production")


def places(found: Iterable[Diagnostic]) -> list[str]:
    return [f"{d.code} {d.span.path}:{d.span.line}:{d.span.column}" if d.span else d.code for d in found]


def test_a_sound_stack_has_no_finding() -> None:
    assert () == lint(stack_of({"Queue": QUEUE, "Rolling": ROLLING}))


# Where a finding stands


@pytest.mark.parametrize("layer", ["service", "override", "addition", "environment"])
def test_a_wrong_value_is_reported_at_the_line_of_whoever_wrote_it_last(layer: str) -> None:
    stack = stack_of(
        {"Queue": changed(QUEUE, DelaySeconds=901)}, {("Queue", "Properties", "DelaySeconds"): said(layer, 12)}
    )
    found = lint(stack)
    assert [f"E3034 {layer}.yml:12:5"] == places(found)
    assert ["`Resources.Queue.Properties.DelaySeconds`: 901 is greater than the maximum of 900"] == [
        d.message for d in found
    ]
    hint = "run `flagstone explain Resources.Queue.Properties.DelaySeconds --env production` to see who said so"
    assert [(hint, "error")] == [(d.hint, d.severity) for d in found]


def test_what_the_platform_computes_from_service_yml_is_reported_there() -> None:
    name = Setting(("service",), (said("service", 1, "recipes"),))
    event = Setting(("messages", "publish", 0), (said("service", 30, "recipe-created"),))
    word = said("template", 7)
    computed = Said(word.origin, 901, fed_by=(name, event))
    found = lint(
        stack_of({"Queue": changed(QUEUE, DelaySeconds=901)}, {("Queue", "Properties", "DelaySeconds"): computed})
    )
    assert ["E3034 service.yml:30:5"] == places(found)
    assert ["the platform computes the value here"] == [related.message for related in found[0].related]


def test_what_the_platform_alone_got_wrong_points_into_the_platform_and_at_an_override_of_the_resource() -> None:
    place: Path = ("Queue", "Properties", "VisibilityTimeout")
    stack = stack_of({"Queue": changed(QUEUE, DelaySeconds=901)}, {place: said("override", 12)})
    found = lint(stack)
    assert ["E3034 template.yml:7:5"] == places(found)
    assert [("an override changes this resource", 12)] == [(r.message, r.span.line) for r in found[0].related]
    assert ((),) == tuple(d.related for d in lint(stack_of({"Queue": changed(QUEUE, DelaySeconds=901)})))


def test_a_missing_property_is_reported_where_an_override_removed_it() -> None:
    body = copy.deepcopy(ROLLING)
    del body["Properties"]["MaxSize"]
    removed: dict[Path, Said] = {("Rolling", "Properties", "MaxSize"): said("override", 12)}
    assert ["E3003 override.yml:12:5"] == places(lint(stack_of({"Rolling": body}, removed=removed)))
    whole: dict[Path, Said] = {("Rolling", "Properties", "Other"): said("override", 13)}
    assert ["E3003 template.yml:6:5"] == places(lint(stack_of({"Rolling": body}, removed=whole)))


def test_a_fault_of_a_whole_is_reported_at_what_an_override_wrote_in_it() -> None:
    tags = [{"Key": "a", "Value": "b", "PropagateAtLaunch": True}, {"Key": "c", "Value": "d"}]
    body = changed(ROLLING, Tags=tags)
    stack = stack_of({"Rolling": body}, {("Rolling", "Properties", "Tags", 1): said("override", 12)})
    assert ["E3003 override.yml:12:5"] == places(lint(stack))
    assert ["E3003 template.yml:6:5"] == places(lint(stack_of({"Rolling": body})))


def test_a_fault_of_a_whole_that_the_service_wrote_is_reported_in_service_yml() -> None:
    body = changed(ROLLING, Tags=[{"Key": "c", "Value": "d"}])
    stack = stack_of({"Rolling": body}, {("Rolling", "Properties", "Tags"): said("service", 9)})
    assert ["E3003 service.yml:9:5"] == places(lint(stack))


def test_properties_that_exclude_each_other_are_reported_at_the_one_that_an_override_added() -> None:
    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "MetricName": "a",
            "Metrics": [{"Id": "a", "Expression": "1"}],
        },
    }
    stack = stack_of({"Alarm": alarm}, {("Alarm", "Properties", "Metrics"): said("override", 12)})
    assert {"E3014 override.yml:12:5", "E3020 override.yml:12:5"} == set(places(lint(stack)))


def test_a_reference_to_what_an_override_removed_is_reported_at_the_removal() -> None:
    queue = changed(QUEUE, QueueName={"Ref": "Topic"})
    assert ["E1020 template.yml:7:5"] == places(lint(stack_of({"Queue": queue})))
    stack = stack_of({"Queue": queue}, removed={("Topic",): said("override", 12)})
    assert ["E1020 override.yml:12:5"] == places(lint(stack))


@pytest.mark.parametrize(("key", "line", "column"), [("DelaySecond", 4, 20), ("VisibilityTimeouts", 6, 19)])
def test_an_unknown_property_is_reported_at_its_key_with_the_nearest_names(key: str, line: int, column: int) -> None:
    value: Json = 5 if line == 4 else {"Seconds": {"DelaySecond": 1}}
    word = said("override", line, column=column, text=OVERRIDE)
    found = lint(stack_of({"Queue": changed(QUEUE, **{key: value})}, {("Queue", "Properties", key): word}))
    expected = {"DelaySecond": (4, 7, 18), "VisibilityTimeouts": (5, 8, 26)}[key]
    assert [
        (
            f"unknown key `{key}` in `Resources.Queue.Properties`",
            f"did you mean `{key[:-1] if line == 6 else 'DelaySeconds'}`?",
        )
    ] == [(d.message, d.hint) for d in found]
    assert [("E3002", *expected)] == [(d.code, d.span.line, d.span.column, d.span.end_column) for d in found if d.span]


def test_an_unknown_property_deep_in_a_resource_gets_names_from_the_schema_of_that_place() -> None:
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"Encryption": True}}
    data = {"ImageId": "ami-12345678", "MetadataOptions": {"Tokens": "required"}, "BlockDeviceMappings": [mapping]}
    stack = stack_of({"Start": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}}})
    where = "Resources.Start.Properties.LaunchTemplateData"
    assert [
        (f"unknown key `Encryption` in `{where}.BlockDeviceMappings.0.Ebs`", "did you mean `Encrypted`?"),
        (f"unknown key `Tokens` in `{where}.MetadataOptions`", "did you mean `HttpTokens`?"),
    ] == [(d.message, d.hint) for d in lint(stack)]


def test_a_property_that_only_aws_can_set_is_not_hinted() -> None:
    found = lint(stack_of({"Queue": changed(QUEUE, QueueUr="x")}))
    assert ["did you mean `QueueName` or `FifoQueue`?"] == [d.hint for d in found]


def test_where_no_schema_lists_the_names_the_hint_is_that_of_cfn_lint() -> None:
    statement = {"Effect": "Allow", "Actions": "s3:GetObject", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}
    place = "`Resources.Policy.Properties.PolicyDocument.Statement.0`"
    found = [(d.message, d.hint) for d in lint(stack_of({"Policy": policy}))]
    assert (f"unknown key `Actions` in {place}", "did you mean `Action`?") in found


def test_a_property_that_the_type_knows_and_this_use_forbids_is_not_called_unknown() -> None:
    properties = {"Protocol": "TCP", "Port": 80, "VpcId": "vpc-12345678", "HealthCheckProtocol": "TCP"}
    matcher = {"HttpCode": "200"}
    target = {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {**properties, "Matcher": matcher}}
    assert ["`Matcher` is not allowed here in `Resources.Target.Properties`"] == [
        d.message for d in lint(stack_of({"Target": target}))
    ]


def test_two_equal_faults_are_two_findings() -> None:
    wrong = changed(QUEUE, DelaySeconds=901)
    assert ["Resources.One", "Resources.Two"] == [d.message[1:14] for d in lint(stack_of({"One": wrong, "Two": wrong}))]


# What a finding says


def test_a_choice_of_hundreds_is_counted_and_the_nearest_hinted() -> None:
    data = {"ImageId": "ami-12345678", "InstanceType": "t4g.smalll"}
    found = lint(stack_of({"Start": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}}}))
    assert [True] == ["`t4g.smalll` is not one of the " in d.message for d in found]
    assert [True] == [str(d.hint).startswith("did you mean `t4g.small`") for d in found]


def test_a_value_that_fits_no_form_says_why_each_does_not() -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "x", "PolicyDocument": document}}
    needs = "; ".join(f"`{name}` is a required property" for name in ("Users", "Groups", "Roles"))
    assert [f"`Resources.Policy.Properties`: the value fits none of the accepted forms: {needs}"] == [
        d.message for d in lint(stack_of({"Policy": policy}))
    ]


def test_messages_are_one_line_without_a_final_period() -> None:
    queue = changed(QUEUE, DelaySeconds="x\ny", QueueName={"Ref": "No"}, Tags=[{"Key": "a" * 400}])
    found = lint(stack_of({"Queue": queue}, Parameters={"Unused": {"Type": "String"}}))
    assert "`Parameters.Unused`: Parameter Unused not used" in [d.message for d in found]
    assert [] == [d.message for d in found if "\n" in d.message or d.message.endswith(".") or len(d.message) > 400]


def test_credentials_are_masked() -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    found = lint(stack_of({"Queue": changed(QUEUE, DelaySeconds=key)}))
    assert [False] == [key in d.message for d in found]


# cfn-lint's own behavior


def test_a_config_value_may_hold_what_looks_like_a_substitution() -> None:
    resources = {"Own": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "${AWS::Region}"}}}
    place = ("Own", "Properties", "Value")
    assert [] == places(lint(stack_of(resources, {place: said("service", 12)})))
    # Who writes CloudFormation has forgotten the Fn::Sub.
    for layer in ("override", "addition"):
        assert [f"E1029 {layer}.yml:12:5"] == places(lint(stack_of(resources, {place: said(layer, 12)})))
    resources["Own"] = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "${AWS::Region}"}}
    assert ["E1029 service.yml:12:5"] == places(lint(stack_of(resources, {("Own", "Properties"): said("service", 12)})))


def test_warnings_stay_warnings_and_information_is_dropped() -> None:
    queue = {**changed(QUEUE, QueueName={"Fn::Join": ["", ["a", {"Ref": "AWS::Region"}]]}), "DeletionPolicy": "Retain"}
    asked = {"include_checks": ["I1022"], "ignore_checks": ["W4005"]}
    stack = stack_of({"Queue": queue}, Metadata={"cfn-lint": {"config": asked}})
    assert [("W3011", "warning")] == [(d.code, d.severity) for d in lint(stack)]


def test_the_metadata_of_the_stack_may_silence_a_rule_there_and_nowhere_after() -> None:
    wrong = changed(QUEUE, DelaySeconds=901)
    silenced = {**wrong, "Metadata": {"cfn-lint": {"config": {"ignore_checks": ["E3034"]}}}}
    assert () == lint(stack_of({"Queue": wrong}, Metadata={"cfn-lint": {"config": {"ignore_checks": ["E3034"]}}}))
    assert ["`Resources.Loud.Properties.DelaySeconds`"] == [
        d.message.partition(":")[0] for d in lint(stack_of({"Quiet": silenced, "Loud": wrong}))
    ]
    assert ["E3034"] == [d.code for d in lint(stack_of({"Queue": wrong}))]


def test_where_cfn_lint_trips_over_what_it_also_reports_only_the_report_counts() -> None:
    stack = Stack({"Resources": {"A": None}}, {("Resources", "A"): (said("addition", 12),)}, {})
    assert ["`Resources.A`: None is not of type `object`"] == [d.message for d in lint(stack)]


@pytest.mark.parametrize("metadata", ["text", {"cfn-lint": "text"}, {"cfn-lint": {"config": {"ignore_checks": 3}}}])
def test_metadata_that_cfn_lint_cannot_read_is_a_finding_at_its_line(metadata: Json) -> None:
    stack = stack_of({"Queue": {**QUEUE, "Metadata": metadata}}, {("Queue", "Metadata"): said("addition", 12)})
    assert ["E0002 addition.yml:12:5"] == places(lint(stack))


def test_a_region_that_cfn_lint_does_not_know_is_a_finding() -> None:
    found = lint_stack(stack_of({"Queue": QUEUE}), region="eu-west-11", environment="production")
    assert [("E0003", "cfn-lint knows no region `eu-west-11`")] == [(d.code, d.message) for d in found]
    assert str(found[0].hint).startswith("did you mean `eu-west-1`")


def test_types_of_other_regions_are_not_taken_for_ours() -> None:
    cluster = {"Type": "AWS::RoboMaker::Fleet", "Properties": {}}
    region = "cn-north-1"
    found = lint_stack(stack_of({"Fleet": cluster}), region=region, environment="china")
    assert [f"`Resources.Fleet.Type`: Resource type `AWS::RoboMaker::Fleet` does not exist in `{region}`"] == [
        d.message for d in found
    ]


def test_linting_changes_no_stack_and_no_later_finding() -> None:
    stack = stack_of({"Queue": changed(QUEUE, DelaySeconds=901)}, Transform="AWS::LanguageExtensions")
    before = copy.deepcopy(stack.template)
    first = lint(stack)
    lint(stack_of({"Queue": changed(QUEUE, VisibilityTimeout="x")}))
    assert (first, before) == (lint(stack), stack.template)


def test_findings_are_those_of_the_command_line(tmp_path: FilePath) -> None:
    resources = {
        "Queue": changed(QUEUE, DelaySeconds=901, DelaySecond=1),
        "Rolling": {**ROLLING, "DeletionPolicy": "Retain", "DependsOn": "Nothing"},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Statement": [{"Effect": "x"}]}},
        },
    }
    stack = stack_of(resources, Outputs={"A": {"Value": {"Fn::GetAtt": ["Queue", "Nothing"]}}})
    (tmp_path / "t.json").write_text(json.dumps(stack.template))
    program = "from cfnlint.runner import main; main()"
    command = [sys.executable, "-c", program, "--format", "json", "--regions", "eu-west-1", "--", "t.json"]
    done = subprocess.run(command, cwd=tmp_path, env=bare_environment(tmp_path), capture_output=True, check=False)
    theirs = [match["Rule"]["Id"] for match in json.loads(done.stdout) if match["ParentId"] is None]
    assert 7 < len(theirs)
    assert sorted(theirs) == sorted(d.code for d in lint(stack))


PROGRAM = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("linted", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
queue = module.changed(module.QUEUE, DelaySeconds=901, DelaySecond=1, QueueName={"Ref": "No"})
for d in module.lint(module.stack_of({"Queue": queue, "B": module.ROLLING})):
    print(d.code, d.message, d.hint)
"""


def bare_environment(home: FilePath) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(home / "cache"),
    }


def run_elsewhere(folder: FilePath, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, __file__],
        cwd=folder,
        env={**bare_environment(folder), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "" == done.stderr
    return done.stdout


def test_neither_configuration_nor_cached_schemas_nor_variables_of_the_user_change_a_finding(
    tmp_path: FilePath,
) -> None:
    plain, crowded = tmp_path / "plain", tmp_path / "crowded"
    plain.mkdir()
    schemas = crowded / "cache" / "aws" / "cfn-lint" / "schemas"
    (schemas / "providers").mkdir(parents=True)
    (schemas / "resources").mkdir()
    (schemas / "version.json").write_text('{"schema_date": "2999-01-01"}')
    for name in ("us-east-1", "eu-west-1", "sam"):
        (schemas / "providers" / f"{name}.json").write_text("{}")
    (crowded / ".cfnlintrc").write_text("ignore_checks: [E3034, E3002]\n")
    quiet = run_elsewhere(plain, PYTHONHASHSEED="1")
    assert "E3034 `Resources.Queue.Properties.DelaySeconds`" in quiet
    assert quiet == run_elsewhere(crowded, PYTHONHASHSEED="7", AWS_REGION="us-east-1", TZ="Asia/Tokyo")
