"""Alarms of a service: who is told, what speaks for what, and for how long a deployment keeps a page back."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace

import pytest

from compiler.service import Mute
from tests.services_by_hand import BRANCH, CASES, RECIPES, WEB, WORKER, build_resources, properties_of, with_process

COMPOSITE = "AWS::CloudWatch::CompositeAlarm"


@pytest.mark.parametrize("case", CASES)
def test_a_combined_alarm_names_alarms_of_its_stack_which_then_tell_nobody(case: str) -> None:
    resources = json.loads(json.dumps(build_resources(*CASES[case])))
    for name, body in resources.items():
        if body["Type"] == COMPOSITE:
            parts = re.findall(r'ALARM\("\$\{(\w+)\}"\)', body["Properties"]["AlarmRule"]["Fn::Sub"])
            assert parts and all("AlarmActions" not in resources[part]["Properties"] for part in parts), name
            assert len(body["Properties"]["AlarmRule"]["Fn::Sub"]) + 255 * len(parts) <= 10_240


def test_nobody_is_paged_for_a_branch() -> None:
    resources = build_resources(RECIPES, BRANCH)
    assert "-red" not in json.dumps([body["Properties"].get("AlarmActions") for body in resources.values()])
    assert not [name for name, body in resources.items() if body["Type"] == COMPOSITE]


def test_a_muted_alarm_stays_and_is_no_part_of_another() -> None:
    mute = Mute("2026-12-31", "the cache is rebuilt")
    alarms = {**WEB.alarms, "errors": replace(WEB.alarms["errors"], mute=mute)}
    resources = json.loads(json.dumps(build_resources(with_process(replace(WEB, alarms=alarms)))))
    muted = resources["WebErrorsRedAlarm"]["Properties"]
    assert not muted["ActionsEnabled"] and "Muted until 2026-12-31: the cache is rebuilt." in muted["AlarmDescription"]
    assert "WebErrors" not in json.dumps(resources["WebDownAlarm"])


def test_the_owner_hears_of_each_group_that_cannot_launch_an_instance() -> None:
    many = replace(
        RECIPES, processes=tuple(replace(WORKER, name=f"worker-{number}") for number in range(12)), consumes=()
    )
    resources = json.loads(json.dumps(build_resources(many)))
    told = []
    for rule in properties_of(resources, "AWS::Events::Rule").values():
        named = rule["EventPattern"]["detail"]["AutoScalingGroupName"]
        told += [each["Ref"] for each in named]
        longest = {**rule["EventPattern"], "detail": {"AutoScalingGroupName": ["x" * 150 for _ in named]}}
        assert len(json.dumps(longest)) <= 2048
        (target,) = rule["Targets"]
        assert target["Arn"] == "arn:aws:sns:eu-west-1:111122223333:platform-production-squad-menu-amber"
        transformed = target["InputTransformer"]
        used = re.findall(r"<(\w+)>", json.loads(transformed["InputTemplate"]))
        assert used == list(transformed["InputPathsMap"])
    assert sorted(told) == sorted(properties_of(resources, "AWS::AutoScaling::AutoScalingGroup"))


@pytest.mark.parametrize("case", CASES)
def test_every_alarm_that_is_heard_says_where_to_read_on(case: str) -> None:
    for name, body in json.loads(json.dumps(build_resources(*CASES[case]))).items():
        if "AlarmActions" in body["Properties"]:
            said = body["Properties"]["AlarmDescription"]
            assert re.search(r" https://runbooks\.recipes\.example/[a-z0-9-]+/[A-Za-z0-9-]+$", said), (name, said)
            assert len(said) <= 1024, name


@pytest.mark.parametrize("seed", range(20))
def test_no_page_is_kept_back_for_longer_than_the_second_window(seed: int) -> None:
    resources = build_resources(RECIPES)
    short, long = (resources[f"Web{name}Alarm"]["Properties"] for name in ("Changing", "ChangingLong"))
    window, most, whole = short["EvaluationPeriods"], long["DatapointsToAlarm"], long["EvaluationPeriods"]
    chance = random.Random(seed)
    changes = [chance.random() < chance.choice((0.05, 0.2, 0.9)) for _ in range(5000)]
    held = longest = 0
    for minute in range(whole, len(changes)):
        is_held = (
            any(changes[minute - window + 1 : minute + 1]) and sum(changes[minute - whole + 1 : minute + 1]) < most
        )
        held = held + 1 if is_held else 0
        longest = max(longest, held)
    assert longest <= whole
