"""What a service says of alarms beside the metrics of its processes: it holds, and what is not said stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.build import build_fragments
from compiler.load import load_document
from compiler.model import Json, Library
from compiler.pipeline import open_library
from compiler.resolve import resolve_settings
from compiler.validate import validate_document
from tests.describing import SERVICE


@cache
def library() -> Library:
    return open_library(None)


def alarms_of(text: str, environment: str = "production") -> dict[str, dict[str, Any]]:
    """Return the properties of every alarm that the platform makes for a service, by logical id, and of its mute."""
    document, faults = load_document(text.encode(), "service.yml", dialect="plain")
    assert () == faults
    descriptor, faults = validate_document(document, library().schema)
    assert () == faults
    fragments, _ = build_fragments(resolve_settings(descriptor, library(), environment), library())
    made = [(entry.name, entry.body) for each in fragments for entry in each.entries]
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::AlarmMuteRule")
    return {name: body["Properties"] for name, body in made if isinstance(body, dict) and body.get("Type") in kinds}


def turned(alarm: dict[str, Any], inside: str = "") -> tuple[float, ...]:
    period = alarm["Metrics"][0]["MetricStat"]["Period"] if inside else alarm["Period"]
    return alarm["Threshold"], period, alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]


def test_what_is_said_of_an_alarm_on_messages_holds_and_the_rest_stays_as_it_is() -> None:
    text = """    alarms: {undeliverable: {red: 50}, inFlight: {enabled: false}}
messages:
  publish:
    made: {alarms: {delivery: {amber: 5, period: 300, for: 2 of 3}, loss: {enabled: false}}}
  consume:
    a.b:
      process: web
      maxSilence: 600
      alarms: {deadLetters: {red: 9, runbook: "https://a.b/c"}, silence: {red: 900}}
    a.c: {process: web, alarms: {silence: {red: 300, mute: {until: "2027-01-01", reason: nobody moves in winter}}}}
"""
    alarms = alarms_of(SERVICE + text)
    assert (5, 300, 2, 3) == turned(alarms["MadeDeliveryAmberAlarm"], "Metrics")
    assert (0, 60, 5, 5) == turned(alarms["MadeFilterAmberAlarm"], "Metrics")
    assert not [name for name in alarms if "Loss" in name or "InFlight" in name]
    assert (0, 60, 1, 1) == turned(alarms["WebUndeliverableAmberAlarm"], "Metrics")
    assert (50, 60, 1, 1) == turned(alarms["WebUndeliverableRedAlarm"], "Metrics")
    assert (0, 60, 1, 1) == turned(alarms["WebABDeadLetterAlarm"])
    assert (9, 60, 1, 1) == turned(alarms["WebABDeadLetterRedAlarm"])
    said = alarms["WebABDeadLetterRedAlarm"]["AlarmDescription"]
    assert "more than 9 messages a.b could not be handled for a minute." in said
    assert alarms["WebABDeadLetterAlarm"]["AlarmDescription"].endswith(" https://a.b/c")
    silences = {name: body["EvaluationPeriods"] for name, body in alarms.items() if re.search("Silence.*Alarm$", name)}
    assert {"WebABSilenceAmberAlarm": 2, "WebABSilenceRedAlarm": 3, "WebACSilenceRedAlarm": 1} == silences
    assert "Muted until 2027-01-01: nobody moves in winter." in alarms["WebACSilenceRedAlarm"]["AlarmDescription"]


def test_what_is_said_of_an_alarm_on_a_log_or_on_the_whole_service_holds() -> None:
    text = """    logs:
      app: {path: /a, filters: {errors: {alarm: {red: 50, period: 300, for: 1 of 2}}}}
      jobs: {path: /b, filters: {late: {pattern: late, threshold: 3, alarm: {enabled: false}}}}
      free: {path: /c}
alarms:
  bootFailures: {amber: 2, red: 9, for: 2 of 6}
  outOfMemory: {enabled: false}
  launchFailures: {enabled: false}
environments:
  production: {alarms: {bootFailures: {amber: 3}}}
"""
    alarms = alarms_of(SERVICE + text)
    assert (5, 300, 1, 2) == turned(alarms["WebAppErrorsAlarm"])
    assert (50, 300, 1, 2) == turned(alarms["WebAppErrorsRedAlarm"])
    assert (5, 60, 3, 5) == turned(alarms["WebFreeErrorsAlarm"])
    assert not [name for name in alarms if "JobsLate" in name or "OutOfMemory" in name]
    assert (3, 300, 2, 6) == turned(alarms["BootFailuresAmberAlarm"])
    assert (9, 300, 2, 6) == turned(alarms["BootFailuresRedAlarm"])
    assert "matches more than 5 times in 5 minutes in 1 of 2 periods" in alarms["WebAppErrorsAlarm"]["AlarmDescription"]


@pytest.mark.parametrize("until", ["2026-13-01", "2026-02-30", "0000-00-00", "9999-12-31"])
def test_a_day_that_does_not_exist_is_for_others_to_report(until: str) -> None:
    alarms = alarms_of(f'{SERVICE}alarms:\n  down: {{mute: {{until: "{until}", reason: nobody moves in winter}}}}\n')
    assert f"{until}T00:00" == alarms["WebDownAlarmMuteRule"]["ExpireDate"]


# Every alarm has a place where it is muted

SAMPLE = (Path(__file__).parent.parent / "docs" / "templates" / "sample" / "service.yml").read_text()
MUTE = {"until": "2027-01-01", "reason": "nobody needs to hear of it"}


def test_every_alarm_that_is_heard_is_muted_at_some_place_of_the_descriptor() -> None:
    schema = library().schema
    assert isinstance(schema, dict)
    everywhere = alarms_of(yaml.safe_dump(mute_all(schema, yaml.safe_load(SAMPLE))))
    assert {"StorefrontErrorsRedDownAlarm", "PackerQueueAgeAmberDegradedAlarm"} <= set(everywhere)
    assert heard_of(everywhere) == muted_of(everywhere)
    # A combined alarm has no part left where all are muted, and is muted itself where they are not.
    combined = yaml.safe_load(SAMPLE) | {"alarms": {name: {"mute": MUTE} for name in ("down", "degraded")}}
    muted = muted_of(everywhere) | muted_of(alarms_of(yaml.safe_dump(combined)))
    heard = heard_of(alarms_of(SAMPLE))
    assert len(heard) > 40 and "StorefrontDownAlarm" in heard
    assert set() == heard - muted


def test_messages_of_the_night_page_nobody_in_the_morning_after_a_mute() -> None:
    text = """service: shop
owner: squad-toy
platform: "1.0"
processes:
  work:
    runtime: instances
    command: ./bin/work
    availability: businessHours
    scaling: {min: 1, max: 4, target: {queueAge: 120}}
    alarms: {queueAge: {mute: {until: "2027-01-01", reason: the depot is counted}}}
messages:
  publish: [parcel-packed]
  consume: {shop.parcel-packed: {process: work}}
"""
    alarms = alarms_of(text)
    page = alarms["WorkQueueAgeRedDownAlarm"]
    assert 'ALARM("${WorkQueueAgeRedAlarm}")) AND NOT ALARM("${WorkRestingAlarm}")' in page["AlarmRule"]["Fn::Sub"]
    assert "WorkDeployingAlarm" == alarms["WorkQueueAgeAmberDegradedAlarm"]["ActionsSuppressor"]["Fn::GetAtt"][0]
    of_queues = {name for name in heard_of(alarms) if "QueueAge" in name}
    assert {"WorkQueueAgeRedDownAlarm", "WorkQueueAgeAmberDegradedAlarm"} == of_queues <= muted_of(alarms)


def heard_of(alarms: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {name for name, body in alarms.items() if "AlarmActions" in body}


def muted_of(alarms: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {target["Ref"] for body in alarms.values() for target in body.get("MuteTargets", {}).get("AlarmNames", ())}


def mute_all(schema: Mapping[str, Any], data: Json) -> Json:
    """Say a mute wherever the schema has one, of all that is there and of every alarm that may be."""
    schema = found(schema)
    if not isinstance(data, dict):
        return data
    said: dict[str, Json] = dict(data)
    for name, each in schema.get("properties", {}).items():
        if name == "mute":
            said[name] = MUTE
        elif name in said or name in ("alarms", "alarm") or "mute" in found(each).get("properties", {}):
            said[name] = mute_all(each, said.get(name, {}))
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        for name in said.keys() - schema.get("properties", {}).keys():
            said[name] = mute_all(others, said[name])
    return said


def found(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = (library().schema or {})["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema
