"""The platform's Ansible side, applied to scratch machines.

Runs take seconds each, so all of them are started at once, two at a time, and each test waits for its own.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.machine import (
    ACCOUNT,
    FACTS,
    IMAGE_TOOLS,
    NGINX,
    ROOT,
    SYSTEMCTL,
    VENV,
    Machine,
    Run,
    build_machine,
    free_port,
    install,
    run_lint,
    run_playbook,
)
from tests.proxy import ask, run_proxy, send, wait_for_line
from tests.services_by_hand import RECIPES, build_stack

SYSTEMD_ANALYZE = shutil.which("systemd-analyze")

SERVICE = {
    "playbook.yml": "- hosts: localhost\n  connection: local\n  gather_facts: false\n  roles: [recipes]\n",
    "roles/recipes/tasks/main.yml": """
- name: Settings of the service
  ansible.builtin.copy:
    content: "{{ instance.environment }} {{ instance.port }}\\n"
    dest: "{{ root_prefix }}/etc/recipes.conf"
    mode: "0644"
  notify: Restart recipes
""",
    "roles/recipes/handlers/main.yml": """
- name: Restart recipes
  ansible.builtin.command: echo restart by the service
  changed_when: true
""",
}
# What the example brings, linted together with the platform's own as one archive.
EXAMPLE = {
    str(path.relative_to(ROOT / "examples/service-repo/ansible")): path.read_text()
    for path in (ROOT / "examples/service-repo/ansible").rglob("*")
    if path.is_file()
}
OWN_COMMON = {
    "roles/common/tasks/main.yml": """
- name: Leave a mark instead of what the platform does
  ansible.builtin.copy:
    content: mine
    dest: "{{ root_prefix }}/etc/common"
    mode: "0644"
""",
}


# As long as a path may be, and with what means more than itself in a pattern.
HEALTH_PATH = "/ping.$(1)'{2}".ljust(1000, "+")

# What the agent collects of every instance, and the log groups that the stack makes for it.
PLATFORM_LOGS = (
    {"name": "start", "path": "/var/log/cloud-init-output.log", "group": FACTS["system_log"]},
    {"name": "journal", "path": "/var/log/platform/journal.log", "group": FACTS["system_log"]},
    {"name": "nginx", "path": "/var/log/nginx/error.log", "group": FACTS["system_log"]},
    {"name": "access", "path": "/var/log/nginx/access.json", "group": FACTS["access_log"]},
)


@dataclass(frozen=True, slots=True)
class Runs:
    lint: Future[Run]
    dry: Future[Run]
    web: Future[tuple[Run, Run]]
    limited: Future[Run]
    worker: Future[Run]
    without_agent: Future[Run]
    named_by_a_shell: Future[Run]
    named_like_another: Future[Run]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    if not (VENV / "bin" / "ansible-playbook").exists():
        pytest.fail(f"{VENV} holds no Ansible: run make test")

    def build(name: str, brings: Mapping[str, str], changes: Mapping[str, Any]) -> Machine:
        return build_machine(tmp_path_factory.mktemp(name), {**FACTS, **changes}, brings)

    def apply_twice() -> tuple[Run, Run]:
        machine = build("web", SERVICE, {"port": free_port(), "health_path": f"{HEALTH_PATH}?deep={{{{"})
        (machine.root / "asked").touch()
        install(machine.root / "usr/local/sbin/systemctl", SYSTEMCTL.format(root=machine.root))
        return run_playbook(machine, "-e", "manages_units=true"), run_playbook(machine, "-e", "manages_units=true")

    def try_out() -> Run:
        changes = {"port": 60000, "logs": [], "processes": ["web", "worker"]}
        return run_playbook(build("dry", SERVICE, changes), "--check", "--diff")

    def apply_with_limits() -> Run:
        requests = {"timeout": 1, "keepalive": 46, "body_size": 20, "per_second": 2}
        return run_playbook(build("limited", {}, {"port": free_port(), "requests": requests}))

    def apply_to_worker() -> Run:
        changes: dict[str, Any] = {"process": "worker", "port": None, "logs": [], "requests": None, "stop_timeout": 600}
        return run_playbook(build("worker", OWN_COMMON, changes))

    def apply_without_agent() -> Run:
        machine = build("without-agent", {}, {})
        (machine.root / IMAGE_TOOLS[0]).unlink()
        return run_playbook(machine)

    def apply_under(name: str) -> Run:
        return run_playbook(build("named", {}, {"service": name}))

    with ThreadPoolExecutor(2) as pool:
        yield Runs(
            web=pool.submit(apply_twice),
            dry=pool.submit(try_out),
            limited=pool.submit(apply_with_limits),
            worker=pool.submit(apply_to_worker),
            without_agent=pool.submit(apply_without_agent),
            named_by_a_shell=pool.submit(apply_under, "recipes;reboot"),
            named_like_another=pool.submit(apply_under, "audit"),
            lint=pool.submit(lambda: run_lint(build("lint", EXAMPLE, {}))),
        )


def test_the_linter_finds_nothing_at_its_strictest(runs: Runs) -> None:
    run = runs.lint.result()
    assert (0, True) == (run.code, "Passed: 0 failure(s), 0 warning(s)" in run.output), run.output


def test_a_dry_run_of_a_fresh_machine_succeeds_and_writes_nothing(runs: Runs) -> None:
    run = runs.dry.result()
    assert (0, True) == (run.code, run.changed > 10), run.output
    assert [] == [path for path in run.machine.root.rglob("*") if path.name in {"nginx.conf", "recipes-web.service"}]


def test_a_second_run_changes_nothing(runs: Runs) -> None:
    first, second = runs.web.result()
    assert (0, True) == (first.code, first.changed > 10), first.output
    assert (0, 0) == (second.code, second.changed), second.output


def test_the_archive_passes_the_syntax_check(runs: Runs) -> None:
    machine = runs.web.result()[0].machine
    checked = run_playbook(machine, "--syntax-check")
    assert 0 == checked.code, checked.output


def test_the_process_starts_after_what_the_service_adds_and_only_once(runs: Runs) -> None:
    first, _ = runs.web.result()
    names = [
        "PLAY [Start what the roles prepared]",
        "RUNNING HANDLER [recipes : Restart recipes]",
        "TASK [nginx : Configuration]",
    ]
    assert names == sorted(names, key=first.output.index, reverse=True)
    asked = first.machine.read("asked").splitlines()
    assert ["start recipes-web.service", "start nginx.service"] == [
        line for line in asked if re.fullmatch("(re)?start (recipes-web|nginx).service", line)
    ]
    assert ["enable recipes-web.service", "enable nginx.service"] == [
        line for line in asked if re.fullmatch("enable (recipes-web|nginx).service", line)
    ]


def test_the_service_reads_the_facts_by_name(runs: Runs) -> None:
    machine = runs.web.result()[0].machine
    port = json.loads(machine.read("etc/platform/instance.json"))["port"]
    assert f"env-soup {port}\n" == machine.read("etc/recipes.conf")


def test_the_agent_measures_the_group_and_collects_each_log(runs: Runs) -> None:
    machine = runs.web.result()[0].machine
    agent = json.loads(machine.read("etc/platform/cloudwatch-agent.json"))
    assert [["AutoScalingGroupName"]] == agent["metrics"]["aggregation_dimensions"]
    assert "${aws:AutoScalingGroupName}" == agent["metrics"]["append_dimensions"]["AutoScalingGroupName"]
    assert {
        "mem": {"measurement": ["mem_used_percent"]},
        "swap": {"measurement": ["swap_used_percent"]},
        "disk": {"measurement": ["used_percent"], "resources": ["/"], "drop_device": True},
    } == agent["metrics"]["metrics_collected"]
    assert [
        {
            "file_path": f"{machine.root}{log['path']}",
            "log_group_name": log["group"],
            "log_stream_name": f"{{instance_id}}/{log['name']}",
        }
        for log in (*FACTS["logs"], *PLATFORM_LOGS)
    ] == agent["logs"]["logs_collected"]["files"]["collect_list"]


def test_each_alarm_on_a_metric_of_the_agent_watches_a_series_that_the_agent_makes(runs: Runs) -> None:
    agent = json.loads(runs.web.result()[0].machine.read("etc/platform/cloudwatch-agent.json"))["metrics"]
    made = {
        (name if name.startswith(kind) else f"{kind}_{name}", tuple(dimensions))
        for kind, measured in agent["metrics_collected"].items()
        for name in measured["measurement"]
        for dimensions in agent["aggregation_dimensions"]
    }
    watched = set(_agent_metrics(build_stack(RECIPES)))
    assert set() == watched - made
    assert {("mem_used_percent", ("AutoScalingGroupName",)), ("disk_used_percent", ("AutoScalingGroupName",))} <= made


def _agent_metrics(value: object) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Find each metric of the agent that a template names, with the names of its dimensions."""
    if isinstance(value, dict):
        if value.get("Namespace") == "CWAgent":
            yield value["MetricName"], tuple(sorted(dimension["Name"] for dimension in value["Dimensions"]))
        for item in value.values():
            yield from _agent_metrics(item)
    elif isinstance(value, list):
        for item in value:
            yield from _agent_metrics(item)


def test_log_files_are_the_processes_and_folders_of_others_stay_theirs(runs: Runs) -> None:
    machine = runs.web.result()[0].machine
    files = [machine.root / log["path"].lstrip("/") for log in FACTS["logs"]]
    assert [(ACCOUNT, 0o640)] * 2 == [(file.owner(), file.stat().st_mode & 0o777) for file in files]
    assert [ACCOUNT, getpass.getuser()] == [file.parent.owner() for file in files]


def test_the_unit_runs_the_command_as_the_descriptor_has_it(runs: Runs) -> None:
    unit = runs.web.result()[0].machine.read("etc/systemd/system/recipes-web.service")
    command = r"""./bin/serve --motto \"100%% 'fresh'\" --home $$HOME --stars $${#HOME}{{ 7 * 7 }}{%% x"""
    assert f'ExecStart=/bin/sh -c "{command}"' in unit.splitlines()


def test_the_unit_gives_the_process_no_more_than_it_needs(runs: Runs) -> None:
    machine = runs.web.result()[0].machine
    lines = machine.read("etc/systemd/system/recipes-web.service").splitlines()
    expected = {
        f"User={ACCOUNT}",
        "NoNewPrivileges=true",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=true",
        "PrivateTmp=true",
        "PrivateDevices=true",
        "Restart=always",
        f"EnvironmentFile=-{machine.root}/run/platform/recipes-web.env",
        f"StandardOutput=append:{machine.root}/var/log/recipes/app.log",
        f"ReadWritePaths=-{machine.root}/var/log/audit/recipes.log",
    }
    assert set() == expected - set(lines)
    assert [] == [line for line in lines if "database-password" in line or "DATABASE_PASSWORD" in line]


@pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="no systemd on this machine")
def test_systemd_accepts_every_unit(runs: Runs) -> None:
    for run in (runs.web.result()[0], runs.worker.result()):
        units = sorted((run.machine.root / "etc/systemd/system").glob("*.service"))
        assert units != []
        checked = subprocess.run(
            [str(SYSTEMD_ANALYZE), "verify", "--man=no", *map(str, units)], capture_output=True, text=True, check=False
        )
        assert (0, "") == (checked.returncode, checked.stderr)


def test_a_process_without_port_and_logs_gets_no_proxy_and_writes_to_the_journal(runs: Runs) -> None:
    run = runs.worker.result()
    assert 0 == run.code, run.output
    assert not (run.machine.root / "etc/nginx/nginx.conf").exists()
    unit = run.machine.read("etc/systemd/system/recipes-worker.service").splitlines()
    assert {"StandardOutput=journal", "TimeoutStopSec=600"} < set(unit)
    assert "PORT" not in run.machine.read("etc/platform/recipes-worker.env")


def test_a_role_of_the_service_takes_the_place_of_the_platforms(runs: Runs) -> None:
    run = runs.worker.result()
    assert "mine" == run.machine.read("etc/common")
    assert not (run.machine.root / "etc/platform/cloudwatch-agent.json").exists()


def test_with_a_prefix_no_unit_of_the_machine_is_touched(runs: Runs) -> None:
    output = runs.worker.result().output
    assert "skipping: [localhost] => (item=recipes-worker.service)" in output[output.index("TASK [Start each unit") :]


def test_process_and_proxy_agree_on_a_port_that_cannot_go_up(runs: Runs) -> None:
    shown = {line.lstrip("+ ") for line in runs.dry.result().output.splitlines() if line.startswith("+")}
    assert set() == {"PORT=50000", "server 127.0.0.1:50000;", "listen 60000 default_server;"} - shown


def test_restarting_a_process_that_runs_elsewhere_does_nothing(runs: Runs) -> None:
    shown = runs.dry.result().output
    assert "+Description=recipes worker runs on other instances\n" in shown
    assert "+ConditionPathExists=!/\n" in shown


def test_a_tool_that_the_image_lacks_is_named(runs: Runs) -> None:
    run = runs.without_agent.result()
    assert (2, True) == (
        run.code,
        "amazon-cloudwatch-agent-ctl is not there: it belongs into the machine image" in run.output,
    )


def test_a_fact_that_could_break_out_of_its_place_is_refused(runs: Runs) -> None:
    run = runs.named_by_a_shell.result()
    assert (2, True) == (run.code, "`service` does not look like one" in run.output)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes folders of two owners")
def test_a_folder_of_another_program_is_not_taken_over(runs: Runs) -> None:
    run = runs.named_like_another.result()
    assert (2, True) == (run.code, "/var/log/audit belongs to another program" in run.output)
    assert "root" == (run.machine.root / "var/log/audit").owner()


# The proxy, running


@pytest.fixture(scope="module")
def proxy(runs: Runs) -> Iterator[Machine]:
    if NGINX is None:
        pytest.skip("no nginx on this machine")
    with run_proxy(runs.web.result()[0].machine, NGINX) as machine:
        yield machine


TRACE = "1-67891233-abcdef012345678912345678"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Request-Id": "order-7.a:b"}, "order-7[.]a:b"),
        ({"X-Request-Id": "order-7", "X-Amzn-Trace-Id": f"Root={TRACE}"}, "order-7"),
        ({"X-Amzn-Trace-Id": f"Self=1-2-3;Root={TRACE};Sampled=1"}, TRACE),
        ({"X-Request-Id": "no id at all", "X-Amzn-Trace-Id": f"Root={TRACE}"}, TRACE),
        ({"X-Request-Id": "x" * 129}, "[0-9a-f]{32}"),
        ({}, "[0-9a-f]{32}"),
    ],
)
def test_a_request_keeps_one_id_from_the_client_to_the_process(
    proxy: Machine, headers: dict[str, str], expected: str
) -> None:
    answer = ask(proxy, "/recipes", headers)
    assert re.fullmatch(expected, answer.seen["X-Request-Id"])
    assert answer.seen["X-Request-Id"] == answer.headers["X-Request-Id"]
    assert "nginx" == answer.headers["Server"]


def test_the_access_log_tells_each_request_as_json_without_its_query(proxy: Machine) -> None:
    ask(
        proxy,
        '/r%22%0a"?token=hidden',
        {"X-Request-Id": "seen", "X-Amzn-Trace-Id": f"Root={TRACE}", "User-Agent": 'a"b\\c'},
    )
    checker = {"User-Agent": "ELB-HealthChecker/2.0"}
    ask(proxy, HEALTH_PATH, {"X-Request-Id": "probe", **checker})
    ask(proxy, HEALTH_PATH.replace(".", "-"), {"X-Request-Id": "another", **checker})
    ask(proxy, HEALTH_PATH, {"X-Request-Id": "seen-last"})
    lines = [json.loads(line) for line in wait_for_line(proxy, '"request_id":"seen-last"').splitlines()]
    (line,) = [line for line in lines if line["request_id"] == "seen"]
    expected = {
        "service": "recipes",
        "process": "web",
        "environment": "env-soup",
        "release": FACTS["release"],
        "trace_id": TRACE,
        "client": "127.0.0.1",
        "path": '/r%22%0a"',
        "status": 200,
        "upstream_status": "200",
        "user_agent": 'a"b\\c',
    }
    assert expected == {key: line[key] for key in expected}
    assert (float, float) == (type(line["request_time"]), type(line["upstream_response_time"]))
    assert ["another"] == [line["request_id"] for line in lines if line["request_id"] in {"probe", "another"}]


@pytest.fixture(scope="module")
def limited(runs: Runs) -> Iterator[Machine]:
    if NGINX is None:
        pytest.skip("no nginx on this machine")
    with run_proxy(runs.limited.result().machine, NGINX) as machine:
        yield machine


def test_a_body_may_be_as_large_as_the_service_says(proxy: Machine, limited: Machine) -> None:
    body = bytes(11 * 1024 * 1024)
    assert [413, 200] == [send(machine, "/", body, {}) for machine in (proxy, limited)]


def test_an_answer_may_take_as_long_as_the_service_says(proxy: Machine, limited: Machine) -> None:
    assert [200, 504] == [send(machine, "/slow/1.5", b"", {}) for machine in (proxy, limited)]


def test_who_sends_too_many_requests_is_told_so_and_others_are_served(proxy: Machine, limited: Machine) -> None:
    """A client is the last address that the load balancer says, whatever the client itself says before it."""
    clients = [{"X-Forwarded-For": f"192.0.2.{number}, 198.51.100.7"} for number in range(20)]
    assert {200} == {send(proxy, "/", b"", headers) for headers in clients}
    statuses = [send(limited, "/", b"", headers) for headers in clients]
    assert [200] * 11 == statuses[:11]
    assert 429 == statuses[-1]
    assert 200 == send(limited, "/", b"", {"X-Forwarded-For": "198.51.100.7, 198.51.100.8"})
    log = wait_for_line(limited, '"client":"198.51.100.8"')
    assert 429 in {json.loads(line)["status"] for line in log.splitlines()}
