"""Alarms of a service: who is told, what speaks for what, and for how long a deployment keeps a page back."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import Any

import pytest

from compiler.alarm_types import Mute, Watched
from compiler.budget import list_pages
from compiler.model import Stack
from compiler.service import HealthCheck, Scaling, Scheduled, Subscription
from tests.services_by_hand import (
    BRANCH,
    CASES,
    MUTE,
    MUTED,
    PRODUCTION,
    RECIPES,
    STAGING,
    WEB,
    WORKER,
    build_resources,
    properties_of,
    with_process,
)

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


def test_a_muted_part_leaves_the_page_for_one_of_its_own_which_is_muted() -> None:
    mute = Mute("2026-12-31", "the cache is rebuilt")
    alarms = {**WEB.alarms, "errors": replace(WEB.alarms["errors"], mute=mute)}
    resources = json.loads(json.dumps(build_resources(with_process(replace(WEB, alarms=alarms)))))
    for color, name in (("Red", "Down"), ("Amber", "Degraded")):
        part, own = f"WebErrors{color}Alarm", f"WebErrors{color}{name}Alarm"
        assert "AlarmActions" not in resources[part]["Properties"] and f"{part}MuteRule" not in resources
        muted = resources[own]["Properties"]
        assert f'ALARM("${{{part}}}")' == muted["AlarmRule"]["Fn::Sub"]
        assert muted["AlarmActions"] == resources[f"Web{name}Alarm"]["Properties"]["AlarmActions"]
        assert [{"Ref": own}] == silenced(resources, f"{own}MuteRule")
        assert "Muted until 2026-12-31: the cache is rebuilt." in muted["AlarmDescription"]
        assert "WebErrors" not in json.dumps(resources[f"Web{name}Alarm"])
    assert "WebDeployingAlarm" == muted["ActionsSuppressor"]["Fn::GetAtt"][0]


def test_the_page_that_is_muted_for_longer_than_a_part_holds_that_back_too() -> None:
    short, long = Mute("2026-12-01", "the cache is rebuilt"), Mute("2026-12-31", "nobody uses it before the new year")
    said = {"down": long, "errors": short}
    alarms = {**WEB.alarms, **{name: replace(WEB.alarms[name], mute=mute) for name, mute in said.items()}}
    resources = build_resources(with_process(replace(WEB, alarms=alarms)))
    assert "2027-01-01T00:00" == resources["WebErrorsRedDownAlarmMuteRule"]["Properties"]["ExpireDate"]
    assert "2026-12-02T00:00" == resources["WebErrorsAmberDegradedAlarmMuteRule"]["Properties"]["ExpireDate"]


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
def test_no_ticket_is_kept_back_for_longer_than_the_second_window(seed: int) -> None:
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


# When a page comes


class Days:
    """The alarms of a process minute by minute, as CloudWatch would have them: what is bad when, by title."""

    def __init__(self, resources: dict[str, Any], bad: dict[str, list[bool]]) -> None:
        self.resources, self.bad = resources, bad

    def is_on(self, name: str, minute: int) -> bool:
        body = self.resources[name]
        if body["Type"] == COMPOSITE:
            rule = re.sub(
                r'ALARM\("\$\{(\w+)\}"\)',
                lambda found: str(self.is_on(found[1], minute)),
                body["Properties"]["AlarmRule"]["Fn::Sub"],
            )
            return eval(rule.lower().replace("true", "True").replace("false", "False")) is True
        window, bad = body["Properties"]["EvaluationPeriods"], self.bad.get(name.replace("LongAlarm", "Alarm"), [])
        return sum(bad[max(0, minute - window + 1) : minute + 1]) >= int(body["Properties"]["DatapointsToAlarm"])

    def first_page(self, name: str, minutes: int) -> int | None:
        return next((minute for minute in range(minutes) if self.is_on(name, minute)), None)


@pytest.mark.parametrize("grace", [300, 2900])
@pytest.mark.parametrize("cycle", [1, 2, 5, 7, 30])
def test_an_outage_pages_within_ten_minutes_however_often_instances_are_replaced(grace: int, cycle: int) -> None:
    web = replace(WEB, health_check=HealthCheck("/ping", 10, 4, 2, 5, grace))
    resources = json.loads(json.dumps(build_resources(with_process(web))))
    changes = [minute % cycle == 0 for minute in range(200)]
    days = Days(resources, {"WebChangingAlarm": changes, "WebHealthyHostsRedAlarm": [True] * 200})
    assert days.first_page("WebDownAlarm", 200) in range(3, 10)
    now_and_then = [minute % 7 < 5 for minute in range(200)]
    days = Days(resources, {"WebChangingAlarm": changes, "WebHealthyHostsRedAlarm": now_and_then})
    assert (days.first_page("WebDownAlarm", 200) or 200) < 20


@pytest.mark.parametrize("seed", range(10))
def test_a_page_never_waits_seven_minutes_longer_than_without_a_deployment(seed: int) -> None:
    chance = random.Random(seed)
    resources = json.loads(json.dumps(build_resources(RECIPES)))
    bad = [False] * 60 + [True] * 60
    for metric in ("HealthyHosts", "UnhealthyHosts"):
        name = f"Web{metric}RedAlarm"
        quiet = Days(resources, {name: bad}).first_page("WebDownAlarm", 120)
        changes = [chance.random() < chance.choice((0.05, 0.3, 1)) for _ in bad]
        late = Days(resources, {name: bad, "WebChangingAlarm": changes}).first_page("WebDownAlarm", 120)
        assert quiet is not None and late is not None and quiet <= late <= quiet + 7


def test_errors_page_whatever_changes_and_a_short_dip_of_a_deployment_does_not() -> None:
    resources = json.loads(json.dumps(build_resources(RECIPES)))
    on = [True] * 60
    assert 2 == Days(resources, {"WebErrorsRedAlarm": on, "WebChangingAlarm": on}).first_page("WebDownAlarm", 60)
    dip = [10 <= minute < 16 for minute in range(60)]
    days = Days(resources, {"WebHealthyHostsRedAlarm": dip, "WebChangingAlarm": [m in (9, 10) for m in range(60)]})
    assert days.first_page("WebDownAlarm", 60) is None
    assert 12 == Days(resources, {"WebHealthyHostsRedAlarm": dip}).first_page("WebDownAlarm", 60)


WAITING = (Subscription("a", "b", "worker", {}), Subscription("a", "c", "worker", {}, max_age=60))


@pytest.mark.parametrize(
    ("scaling", "availability"),
    [
        (Scaling(1, 4, {}), "businessHours"),
        (Scaling(1, 4, {}, (Scheduled("night", "0 22 * * *", 0, 0), Scheduled("day", "0 7 * * *", 1, 4))), "alwaysOn"),
    ],
)
def test_what_waits_while_a_process_is_off_neither_pages_nor_speaks_in_the_morning(
    scaling: Scaling, availability: str
) -> None:
    worker = replace(WORKER, scaling=scaling, availability=availability)
    service = replace(RECIPES, processes=(worker,), consumes=WAITING)
    resources = json.loads(json.dumps(build_resources(service, STAGING)))
    for name in ("WorkerQueueAgeRedAlarm", "WorkerMaxAgeRedAlarm"):
        *_, most, asked = resources[name]["Properties"]["Metrics"]
        assert ("GroupMaxSize", "most") == (most["MetricStat"]["Metric"]["MetricName"], most["Id"])
        assert asked["Expression"].startswith("IF(FILL(most, 1) > 0, ")
    off, backlog = [minute < 600 for minute in range(900)], [600 <= minute < 620 for minute in range(900)]
    for part in ("WorkerQueueAgeRedAlarm", "WorkerMaxAgeRedAlarm"):
        caught_up = Days(resources, {"WorkerRestingAlarm": off, part: backlog})
        assert caught_up.first_page("WorkerDownAlarm", 900) is None
        stuck = Days(resources, {"WorkerRestingAlarm": off, part: [not each for each in off]})
        assert 629 == stuck.first_page("WorkerDownAlarm", 900)
    waits_for = resources["WorkerDegradedAlarm"]["Properties"]["ActionsSuppressor"]["Fn::GetAtt"][0]
    assert Days(resources, {"WorkerRestingAlarm": off}).is_on(waits_for, 620)


@pytest.mark.parametrize("metric", ["queueAge", "maxAge", "missingInstances"])
def test_what_was_muted_waits_for_the_rest_when_its_day_is_over(metric: str) -> None:
    alarms = {**WORKER.alarms, metric: replace(WORKER.alarms[metric], mute=MUTE)}
    worker = replace(WORKER, scaling=Scaling(1, 4, {}), availability="businessHours", alarms=alarms)
    resources = json.loads(
        json.dumps(build_resources(replace(RECIPES, processes=(worker,), consumes=WAITING), STAGING))
    )
    part = f"Worker{metric[0].upper()}{metric[1:]}Red"
    page = f"{part}DownAlarm"
    assert [{"Ref": page}] == silenced(resources, f"{page}MuteRule")
    assert "AlarmActions" not in resources[f"{part}Alarm"]["Properties"]
    assert "AlarmActions" in resources["WorkerDownAlarm"]["Properties"]
    off, backlog = [minute < 600 for minute in range(900)], [600 <= minute < 620 for minute in range(900)]
    for bad, first in ((backlog, None), ([not each for each in off], 629)):
        days = Days(resources, {"WorkerRestingAlarm": off, f"{part}Alarm": bad})
        assert first == days.first_page(page, 900)
        assert days.first_page("WorkerDownAlarm", 900) is None


@pytest.mark.parametrize("metric", ["healthyHosts", "unhealthyHosts"])
def test_what_was_muted_waits_for_instances_that_change_when_its_day_is_over(metric: str) -> None:
    alarms = {**WEB.alarms, metric: replace(WEB.alarms[metric], mute=MUTE)}
    resources = json.loads(json.dumps(build_resources(with_process(replace(WEB, alarms=alarms)))))
    part = f"Web{metric[0].upper()}{metric[1:]}Red"
    dip, changes = [10 <= minute < 16 for minute in range(90)], [minute in (9, 10) for minute in range(90)]
    page = f"{part}DownAlarm"
    assert Days(resources, {f"{part}Alarm": dip, "WebChangingAlarm": changes}).first_page(page, 90) is None
    assert Days(resources, {f"{part}Alarm": dip}).first_page(page, 90) in (12, 14)
    lasts = Days(resources, {f"{part}Alarm": [True] * 90, "WebChangingAlarm": [True] * 90})
    assert (lasts.first_page(page, 90) or 90) < 15


def test_a_group_that_may_start_and_does_not_still_pages() -> None:
    worker = replace(WORKER, scaling=Scaling(0, 4, {"queueAge": 120}))
    resources = json.loads(json.dumps(build_resources(replace(RECIPES, processes=(worker,), consumes=WAITING))))
    assert "GroupMaxSize" not in json.dumps(resources["WorkerQueueAgeRedAlarm"])
    assert "WorkerRestingAlarm" not in resources
    days = Days(resources, {"WorkerMaxAgeRedAlarm": [True] * 20})
    assert 4 == days.first_page("WorkerDownAlarm", 20)


def test_a_branch_does_not_speak_of_what_starting_and_ending_brings() -> None:
    speaking = build_resources(replace(RECIPES, consumes=WAITING), BRANCH)
    of_change = re.compile("HealthyHosts|MissingInstances|QueueAge|MaxAge")
    assert not [name for name in speaking if name.endswith("Alarm") and of_change.search(name)]


def test_requests_that_do_not_come_are_told_where_a_team_asks_for_it_and_the_process_is_on() -> None:
    assert not any("WebRequests" in name for name in build_resources(with_process(WEB)))
    asking = {**WEB.alarms, "requests": Watched(300, 50, 300, (3, 3))}
    always = build_resources(with_process(replace(WEB, alarms=asking)))["WebRequestsRedAlarm"]
    told = always["Properties"]
    assert ("RequestCount", "Sum", 300, 50) == tuple(
        told[key] for key in ("MetricName", "Statistic", "Period", "Threshold")
    )
    assert ("LessThanThreshold", "breaching", ["WebGroup"]) == (
        told["ComparisonOperator"],
        told["TreatMissingData"],
        always["DependsOn"],
    )
    assert told["AlarmActions"]
    at_times = with_process(replace(WEB, alarms=asking, availability="businessHours"))
    told = build_resources(at_times, STAGING)["WebRequestsAmberAlarm"]["Properties"]
    # Where there need not be an instance, as many have come as the milder threshold asks for.
    assert "IF(FILL(least, 1) > 0, FILL(requests, 0), 300)" == told["Metrics"][-1]["Expression"]
    assert not any("WebRequests" in name for name in build_resources(at_times, BRANCH))


def test_silence_that_counts_as_bad_begins_once_there_is_a_group() -> None:
    alone = replace(WEB, alarms={name: said for name, said in WEB.alarms.items() if name != "down"})
    alarm = build_resources(with_process(alone))["WebHealthyHostsRedAlarm"]
    assert "breaching" == alarm["Properties"]["TreatMissingData"] and ["WebGroup"] == alarm["DependsOn"]


def test_red_of_healthy_hosts_stays_where_something_is_said_of_amber() -> None:
    alarms = {**WEB.alarms, "healthyHosts": replace(WEB.alarms["healthyHosts"], amber=3)}
    resources = build_resources(with_process(replace(WEB, alarms=alarms)))
    assert (3, 2) == tuple(
        resources[f"WebHealthyHosts{color}Alarm"]["Properties"]["Threshold"] for color in ("Amber", "Red")
    )


def test_a_long_reason_and_runbook_shorten_what_is_said_and_stay_whole() -> None:
    mute, page = Mute("2026-12-31", "r" * 200), "https://" + "p" * 400
    events = tuple(Subscription("s" * 32, "e" * 40 + f"-{number}", "worker", {}, max_age=60) for number in range(9))
    alarms = {**WORKER.alarms, "maxAge": Watched(runbook=page, mute=mute)}
    service = replace(RECIPES, processes=(replace(WORKER, alarms=alarms),), consumes=events)
    said = build_resources(service)["WorkerMaxAgeRedAlarm"]["Properties"]["AlarmDescription"]
    assert len(said) <= 1024 and said.endswith(f" ... Muted until 2026-12-31: {mute.reason}. {page}")


def test_a_window_of_a_day_is_not_made_longer_than_cloudwatch_looks_back() -> None:
    watched = replace(WEB.alarms["healthyHosts"], within=(1440, 1440))
    web = replace(WEB, alarms={**WEB.alarms, "healthyHosts": watched})
    alarm = build_resources(with_process(web), PRODUCTION)["WebHealthyHostsRedLongAlarm"]["Properties"]
    assert (1440, 1440) == (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"])


def test_one_alarm_that_neither_waits_nor_is_muted_speaks_for_itself() -> None:
    alone = {name: said for name, said in WORKER.alarms.items() if name in ("missingInstances", "down")}
    resources = build_resources(with_process(replace(WORKER, alarms=alone)))
    assert "WorkerDownAlarm" not in resources
    assert "AlarmActions" in resources["WorkerMissingInstancesRedAlarm"]["Properties"]


def test_a_mute_of_the_page_holds_where_it_speaks_for_one_alarm() -> None:
    mute = Mute("2026-12-31", "the cache is rebuilt")
    alarms = {"missingInstances": WORKER.alarms["missingInstances"], "down": replace(WORKER.alarms["down"], mute=mute)}
    resources = json.loads(json.dumps(build_resources(with_process(replace(WORKER, alarms=alarms)))))
    assert "AlarmActions" not in resources["WorkerMissingInstancesRedAlarm"]["Properties"]
    assert [{"Ref": "WorkerDownAlarm"}] == silenced(resources, "WorkerDownAlarmMuteRule")


def test_a_mute_holds_at_every_minute_until_the_day_is_over_and_no_longer() -> None:
    resources = json.loads(json.dumps(build_resources(MUTED)))
    rules = properties_of(resources, "AWS::CloudWatch::AlarmMuteRule")
    muted = ("LatencyAmberDegraded", "LatencyRed", "CpuAmber", "CpuRed", "Down")
    assert {f"Web{name}AlarmMuteRule": [{"Ref": f"Web{name}Alarm"}] for name in muted} == {
        name: said["MuteTargets"]["AlarmNames"] for name, said in rules.items()
    }
    said = rules["WebLatencyRedAlarmMuteRule"]
    assert ("2027-01-01T00:00", MUTE.reason) == (said["ExpireDate"], said["Description"])
    # Minutes, hours and so on, each any or one: the windows that are open at a minute of a day, whatever the day.
    fields = re.fullmatch(r"cron\((\d+|\*) (\d+|\*) \* \* \*\)", said["Rule"]["Schedule"]["Expression"])
    duration = re.fullmatch(r"PT(\d+)H", said["Rule"]["Schedule"]["Duration"])
    assert fields and duration and "Timezone" not in said["Rule"]["Schedule"]
    length = 60 * int(duration[1])
    begins = [
        minute
        for minute in range(24 * 60)
        if all(
            field in ("*", str(now)) for field, now in zip(fields.groups(), (minute % 60, minute // 60), strict=True)
        )
    ]
    for minute in range(24 * 60):
        open_now = [start for start in begins if (minute - start) % (24 * 60) < length]
        just_begun = [start for start in open_now if start == minute]
        assert set(open_now) - set(just_begun), "a window that ends while none is open lets the alarm speak"
        assert min((start - minute) % (24 * 60) for start in begins) < 60, "the next one is not far"


def test_what_is_muted_until_a_day_counts_as_no_page_and_what_is_silent_at_night_does() -> None:
    alarms = {"cpu": WEB.alarms["cpu"], "missingInstances": WEB.alarms["missingInstances"]}
    resources = json.loads(json.dumps(build_resources(with_process(replace(WEB, alarms=alarms)))))
    assert {"WebCpuRedAlarm", "WebMissingInstancesRedAlarm"} <= set(list_pages(Stack({"Resources": resources}, {}, {})))
    alarms = {**alarms, "cpu": replace(WEB.alarms["cpu"], mute=MUTE)}
    muted = json.loads(json.dumps(build_resources(with_process(replace(WEB, alarms=alarms)))))
    pages = set(list_pages(Stack({"Resources": muted}, {}, {})))
    assert "WebMissingInstancesRedAlarm" in pages and "WebCpuRedAlarm" not in pages
    del muted["WebCpuRedAlarmMuteRule"]["Properties"]["ExpireDate"]
    assert "WebCpuRedAlarm" in list_pages(Stack({"Resources": muted}, {}, {}))


def silenced(resources: dict[str, Any], rule: str) -> Any:
    return resources[rule]["Properties"]["MuteTargets"]["AlarmNames"]
