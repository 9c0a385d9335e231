"""Cause: each finding stands in the file, and on the line, of whoever wrote what it is due to."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.cause import find_circles
from compiler.diagnostics import Diagnostic, Source, Span
from compiler.model import Origin, Said
from compiler.pipeline import build_stack, plan_service
from tests.describing import toy_library

DESCRIPTOR = """\
service: shop
owner: squad-toy
description: A small shop
platform: "1.0"
processes:
  web: {runtime: instances, command: ./bin/serve, port: 8080, scaling: {min: 2, max: 4, target: {cpu: 60}}}
messages: {publish: [order-placed]}
environments: {production: {}}
"""
# What the toy library is warned about whoever uses it.
OWN_WARNINGS = ("W1020", "W3010")
# What has to be found is on the line that ends in `#!`.
OVERRIDES = {
    "min above the max of service.yml": """\
Resources:
  WebGroup:
    Properties:
      MinSize: "9"  #! E3706
""",
    "max below the min of service.yml": """\
Resources:
  WebGroup:
    Properties:
      MaxSize: "1"  #! E3706
""",
    "all properties removed": """\
Resources:
  WebRole:
    Properties: {$remove: true}  #! E3003
""",
    "required property removed": """\
Resources:
  WebLaunchTemplate:
    Properties:
      LaunchTemplateData: {$remove: true}  #! E3003
""",
    "resource removed that another depends on": """\
Resources:
  WebSecurityGroup: {$remove: true}  #! E3005
""",
    "resource removed that others refer to": """\
Resources:
  OrderPlacedTopic: {$remove: true}  #! E6101 D601
""",
    "depends on itself by way of another": """\
Resources:
  WebLaunchTemplate:
    DependsOn:
      - WebRole  #! E3004 E3004
""",
    "appended to what it depends on, which makes a circle": """\
Resources:
  WebGroup:
    Properties:
      Tags:
        - {Key: a, Value: b, PropagateAtLaunch: true}
    DependsOn: WebRole  #! E3004 E3004 E3004
  WebSecurityGroup:
    Properties:
      GroupDescription: !Sub "for ${WebGroup.AutoScalingGroupName}"
""",
    "misspelled deletion policy": """\
Resources:
  WebGroup:
    DeletionPolicy: Retian  #! E3035 W3011
""",
    "condition that does not exist": """\
Resources:
  WebGroup:
    Condition: IsLarge  #! E3015
""",
    "update policy": """\
Resources:
  WebGroup:
    UpdatePolicy:
      AutoScalingRollingUpdate:
        MaxBatchSize: many  #! E3016
""",
    "creation policy": """\
Resources:
  WebGroup:
    CreationPolicy:
      ResourceSignal:
        Count: many  #! E3055
""",
    "metadata": """\
Resources:
  WebGroup:
    Metadata: text  #! E0002
""",
    "reference deep in a list": """\
Resources:
  WebRole:
    Properties:
      ManagedPolicyArns:
        - arn:aws:iam::aws:policy/ReadOnlyAccess
        - !Ref Nothing  #! E1020
""",
    "text with a reference": """\
Resources:
  WebRole:
    Properties:
      Description: !Join
        - " "
        - - for
          - !Sub "${Nothing}"  #! E1022
""",
    "attribute of a list": """\
Resources:
  WebRole:
    Properties:
      Description:
        Fn::GetAtt:
          - WebSecurityGroup  #! W3005
          - Nothing  #! E1010
""",
    "output of nothing": """\
Outputs:
  OrderPlacedTopicArn:
    Value: !GetAtt OrderPlacedTopic.Nothing  #! E6101
""",
}
ADDITIONS = {
    "hooks": """\
Hooks:  #! E1001
  Moves:
    Type: AWS::CodeDeploy::BlueGreen
""",
    "rule": """\
Rules:
  Sizes: text  #! E1700
""",
    "mapping": """\
Mappings:
  Sizes: {small: text}  #! E7001 W7001
""",
    "condition": """\
Conditions:
  IsLarge: !Equals [!Ref Nothing, large]  #! E1020 W8001
""",
    "export": """\
Outputs:
  Name:
    Value: a
    Export: {Nam: b}  #! E6001 E6002
""",
    "circle": """\
Resources:
  One:
    Type: AWS::CloudFormation::WaitConditionHandle
    DependsOn: Two  #! E3004 E3004
  Two:
    Type: AWS::CloudFormation::WaitConditionHandle
    DependsOn: One
""",
    "properties that are none": """\
Resources:
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties: [a]  #! E3012
""",
    "attribute deep in a policy": """\
Resources:
  Access:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: sns:Publish
            Resource:
              - arn:aws:sns:eu-west-1:123456789012:a
              - Fn::GetAtt:
                  - OrderPlacedTopic
                  - Nothing  #! E1010
              - !Sub "${Nothing}"  #! E1019
              - !Ref Nothing  #! E1020
""",
}


def find(folder: Path, descriptor: str, **parts: str) -> tuple[Diagnostic, ...]:
    """Compile a service with one file of `overrides` or `additions`."""
    (folder / "service.yml").write_text(descriptor)
    for kind, text in parts.items():
        (folder / "cloudFormation" / kind).mkdir(parents=True)
        (folder / "cloudFormation" / kind / "part.yml").write_text(text)
    plan = plan_service(folder, toy_library(), with_archives=False)
    found = build_stack(plan, toy_library(), "production", lint=True)[1]
    return tuple(d for d in found if not (d.span and d.code in OWN_WARNINGS and d.span.path.startswith("platform/")))


def wanted(kind: str, text: str) -> list[tuple[str, str, int]]:
    marked = ((number, line.partition("#!")[2]) for number, line in enumerate(text.splitlines(), 1))
    path = f"cloudFormation/{kind}/part.yml"
    return [(code, path, number) for number, codes in marked for code in codes.split()]


def places(found: tuple[Diagnostic, ...]) -> list[tuple[str, str, int]]:
    return [(d.code, d.span.path, d.span.line) if d.span else (d.code, "", 0) for d in found]


@pytest.mark.parametrize("text", OVERRIDES.values(), ids=OVERRIDES.keys())
def test_what_an_override_breaks_is_reported_in_it(text: str, tmp_path: Path) -> None:
    assert sorted(wanted("overrides", text)) == sorted(places(find(tmp_path, DESCRIPTOR, overrides=text)))


@pytest.mark.parametrize("text", ADDITIONS.values(), ids=ADDITIONS.keys())
def test_what_an_addition_breaks_is_reported_in_it(text: str, tmp_path: Path) -> None:
    assert sorted(wanted("additions", text)) == sorted(places(find(tmp_path, DESCRIPTOR, additions=text)))


def test_the_other_half_of_a_contradiction_is_noted(tmp_path: Path) -> None:
    (found,) = find(tmp_path, DESCRIPTOR, overrides=OVERRIDES["min above the max of service.yml"])
    assert [("`MaxSize` is said here", "service.yml", 6)] == [
        (note.message, note.span.path, note.span.line) for note in found.related
    ]


def test_a_circle_is_the_work_of_the_strongest_who_closed_it() -> None:
    span = Span(Source("a.yml"), 1, 1, 1, 2)
    words = {layer: Said(Origin(layer, span), None) for layer in ("template", "addition", "override")}
    circle = {"A": [("B", words["override"])], "B": [("C", words["addition"])], "C": [("A", words["template"])]}
    assert dict.fromkeys("ABC", words["override"]) == find_circles(circle)
    del circle["A"]
    assert {} == find_circles({**circle, "A": []})
    within = {"A": [("B", words["addition"])], "B": [("A", words["template"])], "D": [("A", words["override"])]}
    assert dict.fromkeys("AB", words["addition"]) == find_circles(within)
