"""Rules: what values of several places say together, and which of them is blamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.diagnostics import CompileError
from compiler.pipeline import plan_service
from compiler.variables import FIXED_VARIABLES
from tests.describing import SERVICE, judge, toy_library
from tests.spans import cut, show

# What is indented stands in `processes.web`, the last of SERVICE, from line 9.
WORKER = "  worker: {runtime: instances, command: ./work}\n"


def found(text: str, environment: str = "production") -> list[str]:
    return show(judge(SERVICE + text, environment))


NIGHT = "scaling: {min: 4, max: 4, schedule: {night: {at: 0 22 * * *, min: 2}, rest: {at: 0 1 * * 6, min: 0}}}"


@pytest.mark.parametrize(
    ("text", "shown", "related"),
    [
        ("    scaling: {min: 5, max: 3}", "D302 9 5", "3"),
        ("    scaling: {min: 5}", "D302 9 5", "2"),  # of two that clash, the one that the team wrote is blamed
        ("    scaling: {max: 1}\n    deployment: {minInService: 0, batch: 2}", "D309 10 2", "1"),
        ("    scaling: {max: 1}", "D309 9 1", "1"),
        ("    scaling: {max: 3, target: {cpu: 1}}\n    deployment: {minInService: 3}", "D309 9 3", "3"),
        (
            """\
    scaling: {max: 4, target: {cpu: 1}, schedule: {a: {at: "0 1 * * *", max: 2}}}
    deployment: {minInService: 2}""",
            "D309 9 2",
            "2",
        ),
        ("    healthCheck: {timeout: 10}", "D303 9 10", "10"),
        ("    healthCheck: {interval: 5}", "D303 9 5", "5"),
        ("    alarms: {cpu: {amber: 85}}", "D304 9 85", "85"),
        ("    alarms: {cpu: {red: 70}}", "D304 9 70", "70"),
        ("    alarms: {latency: {amber: 2, red: 1.5}}", "D304 9 2", "1.5"),
        ("    logs: {a: {path: /a, filters: {errors: {threshold: 9, alarm: {red: 9}}}}}", "D304 9 9", "9"),
        (
            f"    alarms: {{healthyHosts: {{red: 3}}}}\n    {NIGHT}",
            "D359 9 3",
            "2",
        ),
        ("    alarms: {healthyHosts: {amber: 2}}", "D359 9 2", "1"),
        ("messages: {publish: {a: {alarms: {loss: {amber: 9, red: 8}}}}}", "D304 9 9", "8"),
        ("messages: {consume: {a.b: {process: web, alarms: {deadLetters: {amber: 9, red: 9}}}}}", "D304 9 9", "9"),
        (
            "messages: {consume: {a.b: {process: web, maxSilence: 600, alarms: {silence: {red: 600}}}}}",
            "D304 9 600",
            "600",
        ),
        (
            "messages: {publish: {a: {alarms: {filter: {period: 300, for: 300 of 300}}}}}",
            "D354 9 300 of 300",
            "300",
        ),
        ("config: {A: x}\nsecrets: {A: /a}", "D310 10 A", "A"),
    ],
)
def test_two_values_that_contradict_each_other_are_both_shown(text: str, shown: str, related: str) -> None:
    faults = judge(f"{SERVICE}{text}\n")
    assert [shown] == show(faults)
    assert related == cut(faults[0].related[0].span)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("logs: {a: {path: /a, filters: {errors: {alarm: {red: 1}}}}}", ["D304 9 1"]),
        ("logs: {a: {path: /a, filters: {errors: {alarm: {red: 5}}}}}", ["D304 9 5"]),
        ("logs: {a: {path: /a, filters: {errors: {alarm: {red: 6}}}}}", []),
        ("logs: {a: {path: /a, filters: {errors: {threshold: 1, alarm: {red: 2}}}}}", []),
        ("scaling: {min: 9, max: 9}\n    alarms: {healthyHosts: {amber: 5}}", ["D304 10 5"]),
        ("scaling: {min: 9, max: 9}\n    alarms: {healthyHosts: {amber: 6}}", []),
        ("scaling: {min: 9, max: 9}\n    alarms: {healthyHosts: {amber: 3, red: 2}}", []),
        (
            "scaling: {min: 9, max: 9, schedule: {x: {at: 0 1 * * *, min: 4}}}\n    alarms: {healthyHosts: {amber: 3}}",
            [],
        ),
        ("alarms: {healthyHosts: {enabled: false, red: 3}}", []),
    ],
)
def test_what_is_said_is_held_against_what_nobody_says(text: str, shown: list[str]) -> None:
    assert shown == found(f"    {text}\n")


@pytest.mark.parametrize(
    ("text", "shown", "message"),
    [
        (
            "    scaling: {min: 1, max: 3, target: {queueAge: 5}}",
            "D307 9 5",
            "`queueAge` in `processes.web.scaling` has no queue: `web` consumes nothing",
        ),
        (
            "    alarms: {queueAge: {amber: 1, red: 2}}",
            "D307 9 1",
            "`processes.web.alarms.queueAge` has no queue: `web` consumes nothing",
        ),
        (
            "    alarms: {inFlight: {amber: 5}}",
            "D307 9 5",
            "`processes.web.alarms.inFlight` has no queue: `web` consumes nothing",
        ),
        (
            "messages: {publish: {a: {alarms: {loss: {amber: 7}}}}}",
            "D304 9 7",
            "`amber` 7 is not below `red` 0 in `messages.publish.a.alarms.loss`",
        ),
        (
            "messages: {publish: {a: {alarms: {filter: {for: 1500 of 1500}}}}}",
            "D354 9 1500 of 1500",
            (
                "`messages.publish.a.alarms.filter` looks at 1500 periods of 60 seconds, and CloudWatch looks back "
                "a day, or 7 where a period is an hour or more"
            ),
        ),
        (
            "messages: {consume: {a.b: {process: web, alarms: {deadLetters: {for: 2 of 1}}}}}",
            "D353 9 2 of 1",
            "`messages.consume.a.b.alarms.deadLetters` waits for 2 of 1 periods, which never come",
        ),
        (
            "messages: {consume: {a.b: {process: web, alarms: {deadLetters: {mute: {until: '2027-01-01'}}}}}}",
            "D202 9 mute",
            "`reason` is missing in `messages.consume.a.b.alarms.deadLetters.mute`",
        ),
        (
            "  alarms: {runtime: instances, command: x, alarms: {cpu: {mute: {until: '2027-01-01'}}}}",
            "D202 9 mute",
            "`reason` is missing in `processes.alarms.alarms.cpu.mute`",
        ),
        (
            "    logs: {alarm: {path: /a, filters: {errors: {alarm: {mute: {until: '2027-01-01'}}}}}}",
            "D202 9 mute",
            "`reason` is missing in `processes.web.logs.alarm.filters.errors.alarm.mute`",
        ),
        (
            "messages: {consume: {a.b: {process: wrk}}}",
            "D305 9 wrk",
            "`a.b` is consumed by the process `wrk`, which does not exist",
        ),
        (
            "messages: {publish: [made], consume: {orders.mad: {process: web}}}",
            "D313 9 orders.mad",
            "`orders.mad` is consumed here and published by nobody",
        ),
        ("messages: {consume: {a.b: {filter: {}}}}", "D202 9 a.b", "`process` is missing in `messages.consume.a.b`"),
        ("    logs: {app: {}}", "D202 9 app", "`path` is missing in `processes.web.logs.app`"),
        (
            "    logs: {app: {path: /a, filters: {e: {pattern: x}}}}",
            "D202 9 e",
            "`threshold` is missing in `processes.web.logs.app.filters.e`",
        ),
        (
            "    alarms: {latency: {period: 60}}",
            "D202 9 latency",
            "`amber` is missing in `processes.web.alarms.latency`",
        ),
        (
            "config: {A: '{{resolve:ssm-secure:/a}}'}",
            "D208 9 '{{resolve:ssm-secure:/a}}'",
            "`A` in `config` would be written in plain text",
        ),
        ("environments: {prodution: {}}", "D301 9 prodution", "unknown environment `prodution`"),
        (
            "environments: {production: {processes: {wbe: {scaling: {min: 1}}}}}",
            "D306 9 wbe",
            "process `wbe` is not defined in `processes`",
        ),
        (
            "    scaling: {min: 1, max: 4}",
            "D312 9 4",
            "nothing moves the group between `min` 1 and `max` 4 in `processes.web.scaling`",
        ),
    ],
)
def test_a_fault_stands_under_its_words(text: str, shown: str, message: str) -> None:
    faults = judge(f"{SERVICE}{text}\n")
    assert [(shown, message)] == [(words, fault.message) for words, fault in zip(show(faults), faults, strict=True)]


def test_what_the_first_lines_say_is_held_against_the_library() -> None:
    faults = judge(SERVICE.replace("squad-toy", "squad-toi").replace('"1.0"', '"1.1"'))
    assert ["D311 2 squad-toi", 'D308 3 "1.1"'] == show(faults)
    assert ["warning", "error"] == [fault.severity for fault in faults]
    assert "did you mean `squad-toy`?" == faults[0].hint
    other = "or pin a library of that line with `flagstone lock --bucket`, or name its folder with --platform"
    assert f'write platform: "1.0", {other}' == faults[1].hint
    for line in ("1", "1.", "1.0.0", "10.0"):
        assert judge(SERVICE.replace('"1.0"', f'"{line}"')) != (), line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dns: work", "D307 9 work"),
        ("healthCheck: {path: /up}", "D307 9 /up"),
        ("alarms: {latency: {amber: 1, red: 2}}", "D307 9 1"),
        ("alarms: {errors: {amber: 1, red: 2}}", "D307 9 1"),
        ("alarms: {unhealthyHosts: {amber: 1, red: 2}}", "D307 9 1"),
        ("scaling: {min: 1, max: 2, target: {requests: 7}}", "D307 9 7"),
        ("exposure: private", None),
        ("alarms: {cpu: {amber: 1, red: 2}}", None),
    ],
)
def test_what_needs_a_load_balancer_needs_a_port(text: str, shown: str | None) -> None:
    assert [shown] * (shown is not None) == found(f"  worker: {{runtime: instances, command: ./work, {text}}}\n")
    assert [] == found(f"  worker: {{runtime: instances, command: ./work, port: 80, {text}}}\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("    alarms: {errors: {enabled: false}, latency: {enabled: false}}\n", ["D368 9 refresh"]),
        ("    alarms: {errors: {enabled: false}, latency: {amber: 1, red: 2}}\n", []),
    ],
)
def test_a_refresh_that_no_alarm_can_end_is_named(text: str, shown: list[str]) -> None:
    assert shown == found(f"    deployment: {{style: refresh}}\n{text}")
    assert [] == found(f"    deployment: {{style: refresh, bakeTime: 0}}\n{text}")


def test_who_speaks_of_requests_says_how_many_there_have_to_be() -> None:
    assert ["D202 9 300"] == found("    alarms: {requests: {period: 300}}\n")
    assert ["D304 9 2"] == found("    alarms: {requests: {amber: 2, red: 5}}\n")
    assert [] == found("    alarms: {requests: {red: 5}}\n")


def test_a_refresh_of_a_worker_has_no_alarm_either() -> None:
    assert ["D368 9 refresh"] == found(WORKER.replace("}", ", deployment: {style: refresh}}"))


def test_a_name_in_a_zone_belongs_to_one_process() -> None:
    api = "  api: {runtime: instances, command: a, port: 80, dns: shop}\n"
    faults = judge(f"{SERVICE}    dns: shop\n{api}")
    assert ["D314 9 shop"] == show(faults)  # processes are ordered by name, so `api` has it
    assert 10 == faults[0].related[0].span.line
    assert [] == found(f"    dns: shop\n    exposure: public\n{api}")


@pytest.mark.parametrize(
    "text",
    [
        "    scaling: {min: 3, max: 3}",
        (
            "    scaling: {min: 0, max: 1, target: {queueAge: 5}}\n    deployment: {minInService: 0}\n"
            "messages: {consume: {a.b: {process: web}}}"
        ),
        "    scaling: {min: 1, max: 1}\n    deployment: {style: inPlace}",
        "    scaling: {min: 1, max: 1}\n    deployment: {style: immutable, batch: 9}",
        "    healthCheck: {timeout: 9}",
        "    scaling: {min: 1, max: 3, target: {requests: 5, queueAge: 9}}\nmessages: {consume: {a.b: {process: web}}}",
        "messages: {publish: [made], consume: {orders.made: {process: web}}}",
        "config: {A: '{{resolve:ssm:/a}}'}",
        "environments: {env-default: {}, env-x: {}, staging: {}}",
        "environments: {env-x: {processes: {job: {runtime: instances, command: a}}}}",
    ],
)
def test_what_fits_together_is_left_in_peace(text: str) -> None:
    for environment in ("production", "env-x"):
        assert [] == found(f"{text}\n", environment)


def test_a_fault_of_one_environment_is_found_there_and_blames_its_line() -> None:
    text = "    scaling: {min: 2, max: 2}\nenvironments:\n  production: {processes: {web: {scaling: {min: 3}}}}\n"
    assert ["D302 11 3"] == found(text)
    assert [] == found(text, "staging")


def test_of_what_is_missing_an_environment_may_say_the_rest() -> None:
    text = """    logs: {app: {retentionDays: 7}}
environments:
  production: {processes: {web: {logs: {app: {path: /a}}}}}
"""
    assert [] == found(text)
    assert ["D202 9 app"] == found(text, "staging")


@pytest.mark.parametrize(
    "text",
    [
        "    scaling: {min: x, max: 3}",
        "    scaling: {target: {queueAge: true, requests: x}}",
        "    scaling: [1]",
        "    alarms: {cpu: {amber: x}, latency: [1]}",
        "    exposure: publik\n    dns: 5",
        "    logs: {app: {path: [a]}, b: x}",
        "    uses: [1, true, ~]",
        "messages: {publish: [1, ~, a], consume: {orders.a: {process: [a]}, a.b: x}}",
        "config: [A]\nsecrets: {A: 1}",
        "environments: {production: [1], staging: {processes: x}}",
        "environments: [production]",
    ],
)
def test_what_the_schema_has_refused_is_not_refused_again(text: str, tmp_path: Path) -> None:
    """No rule fails on a value of another type, or says of what stands there that it is missing."""
    (tmp_path / "service.yml").write_text(f"{SERVICE}{text}\n{WORKER}" if text[0] == " " else f"{SERVICE}{text}\n")
    with pytest.raises(CompileError) as caught:
        plan_service(tmp_path, toy_library(), with_archives=False)
    assert {"D204", "D205"} >= {fault.code for fault in caught.value.diagnostics}


def test_what_load_has_refused_is_not_refused_again(tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(f"{SERVICE}    exposure: on\n    dns: 2020-01-01\n    command: c\n")
    with pytest.raises(CompileError) as caught:
        plan_service(tmp_path, toy_library(), with_archives=False)
    assert ["D103 9 on", "D103 10 2020-01-01", "D102 11 command"] == show(caught.value.diagnostics)


def test_the_same_fault_in_several_environments_is_said_once(tmp_path: Path) -> None:
    text = (
        f"{SERVICE}    scaling: {{min: 5, max: 3}}\nenvironments: {{production: , staging: , env-default: , env-x: }}\n"
    )
    (tmp_path / "service.yml").write_text(text)
    with pytest.raises(CompileError) as caught:
        plan_service(tmp_path, toy_library(), with_archives=False)
    assert ["D302 9 5"] == show(caught.value.diagnostics)


def test_an_environment_is_named_also_where_nothing_stands_below_its_name(tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(f"{SERVICE}environments:\n  production:\n  staging: {{config: {{A: x}}}}\n")
    plan = plan_service(tmp_path, toy_library(), with_archives=False)
    assert ["production", "staging"] == list(plan.settings)
    (tmp_path / "service.yml").write_text(f"{SERVICE}environments:\n  prodution:\n  Staging: {{}}\n")
    with pytest.raises(CompileError) as caught:
        plan_service(tmp_path, toy_library(), with_archives=False)
    assert ["D301 10 prodution", "D206 11 Staging"] == show(caught.value.diagnostics)


@pytest.mark.parametrize("name", ["prod", "env-A", "nowhere"])
def test_a_folder_of_an_unknown_environment_is_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(SERVICE)
    folder = tmp_path / "cloudFormation" / "overrides" / name
    folder.mkdir(parents=True)
    (folder / "a.yml").write_text("Resources: {}\n")
    with pytest.raises(CompileError) as caught:
        plan_service(tmp_path, toy_library(), with_archives=False)
    assert ["D301 1 Resources: {}"] == show(caught.value.diagnostics)


def test_the_fixed_variables_are_those_that_the_roles_write() -> None:
    template = Path(__file__).parent.parent / "platform/ansible/roles/service/templates/platform.env.j2"
    written = [line.partition("=")[0] for line in template.read_text().splitlines() if not line.startswith("{%")]
    assert list(FIXED_VARIABLES) == written


def test_a_port_is_a_variable_of_the_platform_where_a_process_has_one() -> None:
    config = "config: {PORT: '1', AWS_REGION: x}\n"
    assert ["D320 9 PORT", "D320 9 AWS_REGION"] == show(judge(SERVICE + config))
    assert "    port: 8080\n" in SERVICE
    assert ["D320 8 AWS_REGION"] == show(judge(SERVICE.replace("    port: 8080\n", "") + config))
    staging = "environments: {staging: {processes: {web: {port: 8080}}}}\n"
    there = SERVICE.replace("    port: 8080\n", "") + config + staging
    assert ["D320 8 PORT", "D320 8 AWS_REGION"] == show(judge(there, "staging"))


@pytest.mark.parametrize(
    ("process", "shown"),
    [
        ("    healthCheck: {gracePeriod: 2910}", []),  # 60 + 3 * 10 of the 3000 are for the load balancer
        ("    healthCheck: {gracePeriod: 2911}", ["D321 9 2911"]),
        ("    healthCheck: {interval: 240, healthyThreshold: 10}", []),
        ("    healthCheck: {interval: 241, healthyThreshold: 10}", ["D321 9 241"]),
        ("  job: {runtime: instances, command: ./work, healthCheck: {gracePeriod: 3000}}", ["D307 9 3000"]),
        (
            "  job: {runtime: instances, command: ./work, healthCheck: {gracePeriod: 3001}}",
            ["D307 9 3001", "D321 9 3001"],
        ),
    ],
)
def test_a_start_ends_before_cloudformation_gives_up(process: str, shown: list[str]) -> None:
    assert shown == found(f"{process}\n")


def test_a_public_process_has_a_port_and_a_name_that_its_certificate_can_be_for() -> None:
    worker = "  worker: {runtime: instances, command: ./work, exposure: public"
    assert ["D307 9 public"] == found(f"{worker}}}\n")
    assert [] == found(f"{worker}, port: 80, dns: work}}\n")
    assert ["D322 9 public"] == found("    exposure: public\n")
    assert [] == found("    exposure: public\n    dns: shop\n")
    assert [] == found("    exposure: private\n")
