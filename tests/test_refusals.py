"""Refusals: settings that agree with each other, and that AWS or an instance would refuse."""

from __future__ import annotations

import pytest

from compiler.hours import first_outside, first_together
from tests.describing import SERVICE, judge
from tests.spans import cut, show

# What is indented stands in `processes.web`, the last of SERVICE, from line 9.


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("'Hello {{name}}'", ["D323 9 'Hello {{name}}'"]),
        ("'{{a b}}'", ["D323 9 '{{a b}}'"]),
        ("'{{resolve:ssm:/a}} and {{b}}'", ["D323 9 '{{resolve:ssm:/a}} and {{b}}'"]),
        ("'{{resolve:ssm:/a}}'", []),
        ("'{{'", []),
        ("'}} {{'", []),
        ("'{a}'", []),
        ("4", []),
    ],
)
def test_ssm_takes_no_braces_in_pairs(value: str, shown: list[str]) -> None:
    assert shown == show(judge(f"{SERVICE}config: {{A: {value}}}\n"))


@pytest.mark.parametrize(
    ("scaling", "shown"),
    [
        ("{min: 0, max: 2, target: {cpu: 60}}", ["D324 9 0"]),
        ("{min: 0, max: 2, target: {requests: 60}}", ["D324 9 0"]),
        ("{min: 1, max: 2, target: {cpu: 60}}", []),
        ("{min: 0, max: 1}", ["D312 9 1"]),
    ],
)
def test_a_group_without_instances_has_no_metric(scaling: str, shown: list[str]) -> None:
    faults = judge(f"{SERVICE}    scaling: {scaling}\n    deployment: {{minInService: 0}}\n")
    assert shown == show(faults)
    assert {"warning"} >= {fault.severity for fault in faults}


def test_the_age_of_a_queue_is_known_without_instances() -> None:
    text = (
        "    scaling: {min: 0, max: 2, target: {cpu: 60, queueAge: 60}}\nmessages: {consume: {a.b: {process: web}}}\n"
    )
    assert [] == show(judge(SERVICE + text))


def test_the_second_of_two_logs_with_one_path_is_refused_in_the_order_of_the_file() -> None:
    text = "    logs:\n      b: {path: /var/log/x}\n      a: {path: /var/log/x}\n      c: {path: /var/log/y}\n"
    (fault,) = judge(SERVICE + text)
    assert ["D325 11 /var/log/x"] == show((fault,))
    assert [(10, "/var/log/x")] == [(each.span.line, cut(each.span)) for each in fault.related]


@pytest.mark.parametrize(
    ("paths", "shown"),
    [
        (["/tmp/x"], ["D329 10 /tmp/x"]),
        (["/dev/shm/x"], ["D329 10 /dev/shm/x"]),
        (["/var/run/shop/x"], ["D329 10 /var/run/shop/x"]),
        (["/var/log/orders"], ["D329 10 /var/log/orders"]),
        (["/var/log"], ["D329 10 /var/log"]),
        (["/var/log/orders/output.log"], ["D329 10 /var/log/orders/output.log"]),
        (["/var/log/a/b", "/var/log/a"], ["D325 11 /var/log/a"]),
        (["/var/log/a", "/var/log/ab", "/var/log/orders/app", "/tmpfs/x", "/run.log"], []),
    ],
)
def test_a_log_is_a_file_of_its_own_that_others_can_see_and_that_stays(paths: list[str], shown: list[str]) -> None:
    logs = "".join(f"      l{place}: {{path: {path}}}\n" for place, path in enumerate(paths))
    assert shown == show(judge(f"{SERVICE}    logs:\n{logs}"))


@pytest.mark.parametrize(
    ("availability", "said", "shown"),
    [
        ("businessHours", '{at: "0 12 * * *", min: 8}', ['D367 10 "0 12 * * *"']),
        ("businessHours", '{at: "0 12 * * 1-5", min: 8, max: 8}', []),
        ("businessHours", '{at: "0 19 * * fri", max: 8}', ['D367 10 "0 19 * * fri"', 'D381 10 "0 19 * * fri"']),
        ("businessHours", '{at: "0 12 1 * *", min: 2}', ['D367 10 "0 12 1 * *"']),
        ("businessHours", '{at: "0 12 * * *", min: 0, max: 0}', []),
        ("alwaysOn", '{at: "0 12 * * *", min: 2}', []),
    ],
)
def test_a_schedule_starts_nothing_while_its_process_is_off(availability: str, said: str, shown: list[str]) -> None:
    scaling = f"    scaling: {{max: 8, target: {{cpu: 50}}, schedule: {{x: {said}}}}}\n"
    assert shown == show(judge(f"{SERVICE}    availability: {availability}\n{scaling}"))


@pytest.mark.parametrize(
    ("at", "start", "stop", "when"),
    [
        ("30 6 * * *", "0 7 * * 1-5", "0 19 * * 1-5", "on Tuesday at 06:30"),
        ("0 7 * * 1-5", "0 7 * * 1-5", "0 19 * * 1-5", None),
        ("*/15 7-18 * * mon-fri", "0 7 * * 1-5", "0 19 * * 1-5", None),
        ("*/15 7-19 * * mon-fri", "0 7 * * 1-5", "0 19 * * 1-5", "on Monday at 19:00"),
        ("0 23,2 * * 1", "0 22 * * *", "0 6 * * *", None),
        ("0 12 * * 7", "0 22 * * *", "0 6 * * *", "on Sunday at 12:00"),
        ("0 12 * * 0,7", "0 7 * * 0-6", "0 19 * * 0-6", None),
        ("0 12 29 feb *", "0 7 * * 1-5", "0 19 * * 1-5", "on 29 February at 12:00"),
        ("0 20 1,29 2 *", "0 7 * * 1-5", "0 19 * * 1-5", "on 1 February at 20:00"),
        ("0 12 1 6 1", "0 7 * 1-5 *", "0 19 * 1-5 *", "on 1 June at 12:00"),
    ],
)
def test_the_first_time_outside_of_others_is_found(at: str, start: str, stop: str, when: str | None) -> None:
    assert when == first_outside(at, start, stop)


@pytest.mark.parametrize(
    ("one", "other", "when"),
    [
        ("0 22 * * *", "0 22 * * *", "on Saturday at 22:00"),
        ("0 22 * * *", "*/15 22,23 * * sun", "on Sunday at 22:00"),
        ("0 22 * * *", "1 22 * * *", None),
        ("0 22 * * 1-4", "0 22 * * fri", None),
        ("0 22 31 * *", "0 22 * 4 *", None),
        ("0 22 29 2 *", "0 22 * 2 0", "on 29 February at 22:00"),
    ],
)
def test_the_first_time_at_which_two_meet_is_found(one: str, other: str, when: str | None) -> None:
    assert (when, when) == (first_together(one, other), first_together(other, one))


@pytest.mark.parametrize(
    ("availability", "said", "shown"),
    [
        ("alwaysOn", 'a: {at: "0 22 * * *", max: 3}, b: {at: "0 22 * * 5", max: 2}', ['D381 10 "0 22 * * 5"']),
        ("alwaysOn", 'a: {at: "0 22 * * *", max: 3}, b: {at: "1 22 * * 5", max: 2}', []),
        (
            "alwaysOn",
            'a: {at: "0 1 * * *", max: 2}, b: {at: "0 1 * * *", max: 3}, c: {at: "0 1 * * 0", max: 4}',
            ['D381 10 "0 1 * * *"', 'D381 10 "0 1 * * 0"'],
        ),
        ("alwaysOn", 'a: {at: "0 7 * * 1-5", max: 2}', []),
        ("businessHours", 'a: {at: "0 7 * * 1-5", max: 2}', ['D381 10 "0 7 * * 1-5"']),
        ("businessHours", 'a: {at: "0 12 * * 1-5", max: 2}', []),
    ],
)
def test_two_changes_of_a_group_do_not_come_at_one_time(availability: str, said: str, shown: list[str]) -> None:
    scaling = f"    scaling: {{max: 8, target: {{cpu: 50}}, schedule: {{{said}}}}}\n"
    assert shown == show(judge(f"{SERVICE}    availability: {availability}\n{scaling}"))


@pytest.mark.parametrize("name", ["platform", "nginx", "journal"])
def test_a_service_is_not_called_as_what_instances_have_already(name: str) -> None:
    assert [f"D329 1 {name}"] == show(judge(SERVICE.replace("service: orders", f"service: {name}")))


def test_two_processes_may_write_the_same_file_on_their_own_instances() -> None:
    logs = "logs: {app: {path: /var/log/x}}"
    text = f"    {logs}\n  worker: {{runtime: instances, command: ./work, {logs}}}\n"
    assert [] == show(judge(SERVICE + text))


@pytest.mark.parametrize(
    ("path", "is_refused"),
    [
        ("/orders/token", False),
        ("/service/production/orders/token", False),
        ("/services/token", False),
        ("/platformer/token", False),
        ("/service/production/shop/config/TOKEN", True),
        ("/service/production/orders-archive/token", True),
        ("/service/staging/orders/token", True),
        ("/service/token", True),
        ("/platform/production/security/data-key-arn", True),
    ],
)
def test_no_service_reads_what_is_somebody_elses(path: str, is_refused: bool) -> None:
    assert ([f"D326 9 {path}"] if is_refused else []) == show(judge(f"{SERVICE}secrets: {{A: {path}}}\n"))


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("0 11 * * *", []),
        ("*/15 8-18/2 1,15,31 jan-JUN MON-Fri", []),
        ("59 23 31 12 7", []),
        ("0 11 * * 1-5,0", []),
        ("60 11 * * *", ["`60` is no minute"]),
        ("0 24 * * *", ["`24` is no hour"]),
        ("0 11 0 13 8", ["`0` is no day of the month", "`13` is no month", "`8` is no day of the week"]),
        ("5-1 * * * funday", ["`5-1` is no minute", "`funday` is no day of the week"]),
        ("*/0 1/2 1-2-3 1, -", ["`*/0`", "`1/2`", "`1-2-3`", "`1,`", "`-`"]),
        ("mon * * * jan", ["`mon` is no minute", "`jan` is no day of the week"]),
    ],
)
def test_a_schedule_has_times_that_clocks_show(at: str, told: list[str]) -> None:
    faults = judge(f"{SERVICE}    scaling: {{schedule: {{lunch: {{at: '{at}', min: 1}}}}}}\n")
    assert ["D339"] * len(told) == [fault.code for fault in faults if fault.code != "D312"]
    assert all(any(words in fault.message for fault in faults) for words in told)
