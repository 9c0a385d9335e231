"""Alarms of all processes at once: what is said of them reaches each process that says nothing else, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compiler.library import find_content
from compiler.pipeline import build_stack, list_unused, open_library, plan_service
from compiler.trace import plain, settings_of
from tests.describing import SERVICE, history, judge, resolve
from tests.spans import show

WORKER = "  worker: {runtime: instances, command: ./work}\n"
MUTE = "the nightly export fills the disk until it writes to the bucket"


def cpu(text: str, process: str = "web", environment: str = "production") -> dict[str, Any]:
    found: dict[str, Any] = resolve(text, environment).data["processes"][process]["alarms"]["cpu"]
    return found


def test_a_process_goes_before_all_processes_word_by_word() -> None:
    text = f"{SERVICE}    alarms: {{cpu: {{red: 95}}}}\n{WORKER}alarms: {{cpu: {{amber: 60, red: 80, period: 300}}}}\n"
    assert {"amber": 60, "red": 95, "period": 300} == plain(cpu(text))
    assert {"amber": 60, "red": 80, "period": 300} == plain(cpu(text, "worker"))
    assert [("platform", 15, 85), ("service", 11, 80), ("service", 9, 95)] == history(cpu(text)["red"])


def test_each_word_stands_where_it_was_written_and_belongs_to_each_process() -> None:
    (setting,) = settings_of(cpu(f"{SERVICE}{WORKER}alarms: {{cpu: {{amber: 60}}}}\n", "worker")["amber"])
    assert ("processes", "worker", "alarms", "cpu", "amber") == setting.path
    assert ("alarms", "cpu", "amber") == setting.history[-1].pointer


def test_of_two_environments_each_hears_its_own_and_a_process_keeps_its_word_in_both() -> None:
    text = (
        f"{SERVICE}    alarms: {{cpu: {{amber: 65}}}}\n{WORKER}alarms: {{cpu: {{amber: 60}}}}\n"
        "environments:\n  production: {alarms: {cpu: {amber: 75, red: 90}}}\n  env-default: {}\n"
    )
    assert (65, 90) == (cpu(text)["amber"], cpu(text)["red"])
    assert (75, 90) == (cpu(text, "worker")["amber"], cpu(text, "worker")["red"])
    assert (60, 85) == (cpu(text, "worker", "env-default")["amber"], cpu(text, "worker", "env-default")["red"])
    named = text.replace(
        "cpu: {amber: 75, red: 90}}", "cpu: {amber: 75}}, processes: {web: {alarms: {cpu: {amber: 80}}}}"
    )
    assert 80 == cpu(named)["amber"]


def test_a_process_of_one_environment_hears_it_too() -> None:
    text = (
        f"{SERVICE}alarms: {{cpu: {{amber: 60}}}}\nenvironments: {{production: {{processes: {{{WORKER.strip()}}}}}}}\n"
    )
    assert 60 == cpu(text, "worker")["amber"]


def test_a_base_is_heard_and_its_word_about_one_process_stays(tmp_path: Path) -> None:
    (tmp_path / "base.yml").write_text(
        "service: base\nowner: platform\nplatform: '1.0'\nalarms: {disk: {amber: 70}, cpu: {amber: 50}}\n"
        "processes:\n  web: {runtime: instances, command: ./bin/serve, alarms: {memory: {amber: 71}}}\n"
    )
    (tmp_path / "service.yml").write_text(
        "service: shop\nextends: ./base.yml\nalarms: {disk: {amber: 80}, memory: {amber: 81}}\n"
        "processes:\n  api: {runtime: instances, command: ./bin/serve}\n"
    )
    library = open_library(find_content("platform"))
    processes = plan_service(tmp_path, library, with_archives=False).settings["production"].data["processes"]
    said = {name: plain(process["alarms"]) for name, process in processes.items()}
    assert [80, 80] == [said[name]["disk"]["amber"] for name in ("api", "web")]
    assert [50, 50] == [said[name]["cpu"]["amber"] for name in ("api", "web")]
    assert [81, 71] == [said[name]["memory"]["amber"] for name in ("api", "web")]


# Faults


def test_a_metric_that_some_process_does_not_have_leaves_it_alone() -> None:
    queue = "messages: {consume: {customer.moved: {process: worker}}}\n"
    about = "alarms: {queueAge: {amber: 9}, latency: {amber: 1, red: 2}, rejectedConnections: {red: 1}}\n"
    assert [] == show(judge(SERVICE + WORKER + queue + about))


def test_a_metric_that_no_process_has_is_an_error_at_its_first_word() -> None:
    about = "alarms: {queueAge: {amber: 9, red: 10}, latency: {amber: 1}, rejectedConnections: {red: 1}}\n"
    assert ["D307 9 9"] == show(judge(SERVICE + about))
    alone = SERVICE.replace("    port: 8080\n", "")
    assert ["D307 8 9", "D307 8 1", "D307 8 1"] == show(judge(alone + about))
    shared = f"{SERVICE}    loadBalancer: shared\n    dns: shop\n    routing: {{priority: 1}}\n"
    (fault,) = judge(f"{shared}alarms: {{rejectedConnections: {{red: 1}}}}\n")
    assert fault.message == "`alarms.rejectedConnections` is about no process: none has a load balancer of its own"


def test_what_contradicts_itself_is_said_once_for_all_processes() -> None:
    many = "".join(WORKER.replace("worker", f"worker-{number}") for number in range(39))
    about = f"alarms: {{cpu: {{amber: 90, period: 61, for: 3 of 2}}, disk: {{amber: 1, mute: {{reason: {MUTE}}}}}}}\n"
    faults = judge(f"{SERVICE}{many}{about}")
    assert ["D304 48 90", "D354 48 61", "D353 48 3 of 2", "D202 48 mute"] == show(faults)
    assert "in `alarms.cpu` of `web`, `worker-0`, `worker-1` and 37 more" in faults[0].message
    assert "`until` is missing in `alarms.disk.mute`" == faults[3].message


def test_a_word_of_all_against_one_of_a_process_shows_both() -> None:
    (fault,) = judge(f"{SERVICE}    alarms: {{cpu: {{amber: 82}}}}\nalarms: {{cpu: {{red: 81}}}}\n")
    assert "processes.web.alarms.cpu" in fault.message and fault.span is not None
    assert [9, 10] == [fault.span.line, fault.related[0].span.line]


# What comes of it


def test_each_process_takes_its_threshold_from_one_line(tmp_path: Path) -> None:
    library = open_library(find_content("platform"))
    few = "".join(WORKER.replace("worker", f"worker-{number}") for number in range(3))
    text = f"{SERVICE}{few}alarms: {{cpu: {{amber: 61}}, memory: {{enabled: false}}, disk: {{amber: 77}}}}\n"
    quiet = "environments: {production: {processes: {web: {alarms: {disk: {amber: 78}}}}}}\n"
    (tmp_path / "service.yml").write_text(text.replace("squad-toy", "platform") + quiet)
    plan = plan_service(tmp_path, library, with_archives=False)
    stack, _ = build_stack(plan, library, "production", lint=False)
    resources = stack.template["Resources"]
    names = [name for name in resources if name.endswith("CpuAmberAlarm")]
    assert 4 == len(names) and not [name for name in resources if "MemoryAmber" in name]
    for name in names:
        (*_, said) = stack.stories["Resources", name, "Properties", "Threshold"]
        assert (61, ("alarms", "cpu", "amber"), 12) == (said.value, said.pointer, said.origin.span.line)
    assert [] == [each.pointer for each in list_unused(plan, library) if each.pointer[0] == "alarms"]
