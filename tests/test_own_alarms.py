"""Alarms that a team adds: like any other of the service, and refused where CloudWatch could make nothing of them."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from compiler.alarm_types import SERVICE_ALARMS
from compiler.budget import list_pages
from compiler.diagnostics import Diagnostic
from compiler.library import find_content, load_schema
from compiler.own_alarms import METRICS, STATISTICS
from compiler.pipeline import build_stack, list_unused, open_library, plan_service
from tests.describing import SERVICE, judge, resolve
from tests.spans import show
from tests.test_alarm_words import alarms_of

PARCELS = "metric: {namespace: Shop/Parcels, name: Late, dimensions: {depot: north}}"
SAYS = "says: Parcels leave later than customers were told"
PLACE = "processes.web.alarms.add.late-parcels"
NAMES = [("errors", "errors"), ("queue-age", "queueAge"), ("healthyhosts", "healthyHosts")]
LOGS = "    logs: {app: {path: /var/log/app.log, filters: {refusals: {pattern: refused, threshold: 5}}}}\n"


def added(*words: str, name: str = "late-parcels") -> str:
    """Add an alarm to the process, from line 12 on where no logs stand above."""
    lines = "".join(f"          {word}\n" for word in (*words, SAYS))
    return f"    alarms:\n      add:\n        {name}:\n{lines}"


def in_service(*words: str, name: str = "late-parcels") -> str:
    lines = "".join(f"      {word}\n" for word in (*words, SAYS))
    return f"alarms:\n  add:\n    {name}:\n{lines}"


def find(text: str) -> list[Diagnostic]:
    return [each for each in judge(SERVICE + text) if each.severity == "error"]


# What is made


def test_an_alarm_is_on_the_metric_that_it_names_and_says_what_it_means() -> None:
    alarms = alarms_of(SERVICE + added(PARCELS, "statistic: p99.9", "amber: 10", "red: 50", "period: 300"))
    amber, red = (alarms[f"WebLateParcels{color}Alarm"] for color in ("Amber", "Red"))
    assert (10, 50) == (amber["Threshold"], red["Threshold"])
    assert "Statistic" not in amber and "p99.9" == amber["ExtendedStatistic"]
    assert ("Shop/Parcels", "Late", 300) == (amber["Namespace"], amber["MetricName"], amber["Period"])
    assert [{"Name": "depot", "Value": "north"}] == amber["Dimensions"]
    assert (3, 5, "notBreaching") == tuple(amber[f"{key}"] for key in WINDOW)
    assert "GreaterThanThreshold" == red["ComparisonOperator"] and "-red" in red["AlarmActions"][0]
    assert amber["AlarmDescription"] == (
        "orders/web in production: p99.9 of Shop/Parcels Late is above 10 in 3 of 5 periods of 5 minutes. "
        "Parcels leave later than customers were told. https://runbooks.recipes.example/orders/late-parcels"
    )


WINDOW = ("DatapointsToAlarm", "EvaluationPeriods", "TreatMissingData")


def test_what_has_to_come_and_does_not_counts_as_missed() -> None:
    words = (PARCELS, "statistic: Sum", "comparison: below", "amber: 9", "red: 1", "for: 1 of 1")
    alarm = alarms_of(SERVICE + in_service(*words))["LateParcelsRedAlarm"]
    assert (1, 1, "breaching") == tuple(alarm[key] for key in WINDOW)
    assert "LessThanThreshold" == alarm["ComparisonOperator"] and "process" not in str(alarm["Tags"])
    said = alarms_of(SERVICE + in_service(*words, "missing: ignore"))["LateParcelsAmberAlarm"]
    assert "ignore" == said["TreatMissingData"]


def test_a_filter_stands_for_what_it_counts() -> None:
    alarms = alarms_of(SERVICE + LOGS + added("filter: app.refusals", "red: 100", name="many-refusals"))
    added_one, usual = alarms["WebManyRefusalsRedAlarm"], alarms["WebAppRefusalsAlarm"]
    assert "Sum" == added_one["Statistic"]
    assert (usual["Namespace"], usual["MetricName"]) == (added_one["Namespace"], added_one["MetricName"])


def test_what_is_switched_off_is_not_made_and_needs_nothing() -> None:
    off = "alarms: {add: {late-parcels: {enabled: false}}}\n"
    assert [] == find(off)
    assert not [name for name in alarms_of(SERVICE + off) if "Parcels" in name]


def test_an_alarm_counts_as_a_page_and_stands_on_the_dashboard_unless_it_is_muted(tmp_path: Path) -> None:
    library = open_library(find_content("platform"))
    mute = 'mute: {until: "2027-01-01", reason: the depot in the north is closed for the winter}'
    words = (PARCELS, "statistic: Sum", "red: 50")
    pages = {}
    for number, more in enumerate(((), (mute,))):
        folder = tmp_path / str(number)
        folder.mkdir()
        text = SERVICE.replace("squad-toy", "platform") + in_service(*words, *more)
        (folder / "service.yml").write_text(f"{text}environments: {{production: {{}}}}\n")
        plan = plan_service(folder, library, with_archives=False)
        stack, _ = build_stack(plan, library, "production", lint=False)
        pages[number] = "LateParcelsRedAlarm" in list_pages(stack)
        assert "${LateParcelsRedAlarm.Arn}" in json.dumps(stack.template["Resources"]["Dashboard"])
    assert {0: True, 1: False} == pages
    assert [] == [each.pointer for each in list_unused(plan, library) if "mute" not in each.pointer]


def test_names_of_metrics_may_hold_the_environment_and_an_environment_may_say_another() -> None:
    text = SERVICE + in_service(
        "metric: {namespace: Shop/<environment>, name: Late, dimensions: {stage: <environment>}}", "statistic: Sum"
    )
    own = resolve(text).data["alarms"]["add"]["late-parcels"]["metric"]
    assert ("Shop/production", "production") == (own["namespace"], own["dimensions"]["stage"])
    other = "environments: {production: {alarms: {add: {late-parcels: {metric: {dimensions: {stage: live}}}}}}}\n"
    own = resolve(text + other).data["alarms"]["add"]["late-parcels"]["metric"]
    assert ("Shop/production", "live") == (own["namespace"], own["dimensions"]["stage"])


def test_a_default_about_a_filter_makes_an_alarm_for_those_who_have_it(tmp_path: Path) -> None:
    shutil.copytree(find_content("platform"), tmp_path / "platform")
    defaults = tmp_path / "platform" / "platform.yml"
    added_to_all = (
        "    alarms:\n      add: {refused: {filter: app.refusals, amber: 1, says: Customers are turned away}}\n"
    )
    defaults.write_text(defaults.read_text().replace("    alarms:\n", added_to_all, 1))
    (tmp_path / "service.yml").write_text(
        f"{SERVICE.replace('squad-toy', 'platform')}{LOGS}  worker: {{runtime: instances, command: ./work}}\n"
    )
    library = open_library(tmp_path / "platform")
    plan = plan_service(tmp_path, library, with_archives=False)
    stack, _ = build_stack(plan, library, "production", lint=False)
    assert ["WebRefusedAmberAlarm"] == [name for name in stack.template["Resources"] if "Refused" in name]


# What is refused


@pytest.mark.parametrize(
    ("words", "shown", "hint"),
    [
        ((PARCELS, "statistic: p999", "red: 1"), "D384 13 p999", "write `p99.9`"),
        ((PARCELS, "statistic: P99", "red: 1"), "D384 13 P99", "write `p99`"),
        ((PARCELS, "statistic: p100", "red: 1"), "D384 13 p100", "write `Maximum`"),
        ((PARCELS, "statistic: average", "red: 1"), "D384 13 average", "did you mean `Average`?"),
        ((PARCELS, "statistic: avg", "red: 1"), "D384 13 avg", "write `Average`"),
        ((PARCELS, "statistic: tm99", "red: 1"), "D384 13 tm99", None),
        ((PARCELS, "red: 1"), "D202 11 late-parcels", f"add `statistic: ...` in `{PLACE}`"),
        ((PARCELS, "statistic: Sum"), "D202 11 late-parcels", f"add `amber: ...` in `{PLACE}`"),
        (("red: 1",), "D386 11 late-parcels", None),
        ((PARCELS, "filter: app.refusals", "statistic: Sum", "red: 1"), "D386 13 app.refusals", None),
        (("filter: app.refusals", "red: 1"), "D387 12 app.refusals", None),
        (("metric: {namespace: AWS/SQS, name: A}", "statistic: Sum", "red: 1"), "D385 12 AWS/SQS", None),
        (("metric: {name: A}", "statistic: Sum", "red: 1"), "D202 12 metric", None),
        ((PARCELS, "statistic: Sum", "amber: 2", "red: 1"), "D304 14 2", None),
        ((PARCELS, "statistic: Sum", "comparison: below", "amber: 1", "red: 2"), "D304 15 1", None),
        ((PARCELS, "statistic: Sum", "red: 1", "period: 90"), "D354 15 90", "write 120"),
        ((PARCELS, "statistic: Sum", "red: 1", "period: 86400", "for: 8 of 8"), "D354 16 8 of 8", None),
        ((PARCELS, "statistic: Sum", "red: 1", "for: 3 of 2"), "D353 15 3 of 2", None),
    ],
)  # fmt: skip
def test_what_an_alarm_cannot_be_is_said_where_it_stands(words: tuple[str, ...], shown: str, hint: str | None) -> None:
    (fault,) = find(added(*words))
    assert [shown] == show([fault])
    assert hint in (None, fault.hint), fault.hint


def test_a_filter_is_one_of_the_process_and_the_nearest_is_named() -> None:
    (fault,) = find(LOGS + added("filter: app.refusal", "red: 1"))
    assert ("D387", "did you mean `app.refusals`?") == (fault.code, fault.hint)
    (fault,) = find(LOGS + in_service("filter: app.refusals", "red: 1"))
    assert ("D387", "write the alarm under `processes.<process>.alarms.add`") == (fault.code, fault.hint)
    (fault,) = find(LOGS + added("filter: app.refusals", "statistic: p99", "red: 1"))
    assert "D384" == fault.code


@pytest.mark.parametrize(("name", "metric"), NAMES)
def test_no_alarm_is_called_like_a_metric(name: str, metric: str) -> None:
    (fault,) = find(added(PARCELS, "statistic: Sum", "red: 1", name=name))
    assert "D388" == fault.code and f"`processes.web.alarms.{metric}`" in str(fault.hint)


def test_every_metric_that_has_alarms_is_known_by_its_name() -> None:
    definitions = load_schema("service.v1")["$defs"]
    of_process, of_service = ({*definitions[name]["properties"]} for name in ("alarms", "serviceAlarms"))
    assert of_service == {"add", *METRICS}
    assert of_service - of_process == {*SERVICE_ALARMS}


def test_the_same_alarm_twice_is_one_too_many() -> None:
    one, other = added(PARCELS, "statistic: Sum", "amber: 1"), in_service(PARCELS, "statistic: Sum", "red: 2")
    assert [] == find(one + other)  # the process has it, and the service
    second = one.partition("add:\n")[2].replace("late-parcels", "later").replace("amber", "red")
    (fault,) = find(one + second)
    assert ["D389 16 later"] == show([fault]) and 11 == fault.related[0].span.line
    assert [] == find(one + second.replace("red: 1", "red: 1\n          period: 300"))


def test_a_mute_of_it_is_looked_at_like_any_other() -> None:
    (fault,) = find(added(PARCELS, "statistic: Sum", "red: 1", 'mute: {until: "2027-01-01"}'))
    assert f"`reason` is missing in `{PLACE}.mute`" == fault.message


def test_each_statistic_is_one_that_cloudwatch_takes() -> None:
    provider: Any = importlib.import_module("cfnlint.schema").PROVIDER_SCHEMA_MANAGER
    properties = provider.get_resource_schema("eu-west-1", "AWS::CloudWatch::Alarm").schema["properties"]
    assert {*STATISTICS} == {*properties["Statistic"]["enum"]}
    assert not [each for each in STATISTICS if find(added(PARCELS, f"statistic: {each}", "red: 1"))]
