"""The start script, run for real in a folder that stands in for the machine, with stand-ins for what AWS brings."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from compiler.service import Deployment, LogFile, Process, Requests
from tests.services_by_hand import LONG_NAMED, RECIPES, WEB, WORKER, build_resources, with_process

LIMIT = 16384
GUIDE = Path(__file__).parent.parent / "docs" / "image.md"
REFRESHED = replace(WEB, deployment=Deployment("refresh", 1, 1))
POOLED = replace(REFRESHED, warm_pool=1)
TARGET_GROUP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/recip-WebTa-1ABC/0123456789abcdef"
HOSTILE = './serve --name "it\'s ${HOME} ${!HOME}" $(touch pwned) `touch pwned` | cat; {{ name }} {% raw %}'
# Each stand-in writes down how it was called.
STAND_INS = {
    "aws": 'case "$1" in s3) cp "$STORE/$(basename "$4")" "$5" ;; elbv2) "$BALANCER" ;; '
    'logs | cloudwatch) "$LOGS" "$@" ;; '
    "cloudformation) echo recipes-production-WebGroup-1ABC ;; esac",
    "the-target-is-healthy": "echo healthy",
    "the-target-is-initial": "echo initial",
    "the-target-is-unused": "echo unused",
    "third-time-unused": 'test 3 -gt "$(grep --count third-time-unused "$CALLS")" && echo draining || echo unused',
    "no-access": "exit 254",
    "third-time-healthy": 'test 3 -gt "$(grep --count third-time-healthy "$CALLS")" && echo unhealthy || echo healthy',
    "ansible-playbook": 'test -f platform.yml && exit "$PLAYBOOK_STATUS"',
    # Keeps what it was given; the other one cannot be reached.
    "the-log-takes-it": 'test "$2" != put-log-events || cp "${8#file://}" "$STORE/events.json"',
    "the-log-is-away": "exit 255",
    "cfn-signal": "true",
    "curl": 'case "$*" in *target-lifecycle-state) echo "$LIFECYCLE" ;; esac; exit "$HEALTH_STATUS"',
    # Whatever is asked, `show` names the run that `RUNS` has now; a crash loop has another one each time.
    "systemctl": 'test "$1" != show || "$RUNS"; exit "$HEALTH_STATUS"',
    "the-same-run": "echo InvocationID=5eb1; echo NRestarts=0",
    "a-crash-loop": 'echo InvocationID=5eb1; echo NRestarts="$(grep --count a-crash-loop "$CALLS")"',
    "shutdown": "true",
    "sleep": "true",
}
# What it takes from the image beside them, which docs/image.md lists, and what stand-ins need.
LOOKED_FOR = (
    *("ansible-playbook", "aws", "cfn-signal", "curl", "grep"),
    *("gzip", "python3", "sha256sum", "systemctl", "tar"),
)
COREUTILS = ("cat", "chmod", "install", "mktemp", "rm", "tail", "timeout", "basename", "cp")


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    calls: tuple[str, ...]
    machine: Path
    printed: str

    @property
    def signal(self) -> str:
        """What CloudFormation was told, in one line."""
        (call,) = (call for call in self.calls if call.startswith("cfn-signal"))
        return call

    @property
    def last_words(self) -> list[str]:
        """The lines that the instance left in the log."""
        (event,) = json.loads((self.machine / "store/events.json").read_text())
        assert abs(event["timestamp"] / 1000 - time.time()) < 600
        return str(event["message"]).splitlines()


def test_an_instance_fetches_proves_applies_and_says_that_it_serves(tmp_path: Path) -> None:
    outcome = _start(tmp_path, WEB)
    assert 0 == outcome.status
    programs = [call.split()[0] for call in outcome.calls]
    start, end = ["aws", "aws", "aws", "ansible-playbook", "curl"], ["aws", "the-target-is-healthy", "cfn-signal"]
    assert [*start, "systemctl", *end] == programs
    bucket = "s3://platform-deployment-111122223333-eu-west-1/services/recipes/20261120T101500-abc"
    assert [f"{bucket}/ansible.tar.gz", f"{bucket}/source.tar.gz"] == [call.split()[4] for call in outcome.calls[1:3]]
    assert "--max-time 4 http://127.0.0.1:8080/ping" in outcome.calls[4]
    assert "--exit-code 0 " in outcome.signal
    assert "--role recipes-production-WebRole-1ABC " in outcome.signal
    assert "--stack recipes-production --resource WebGroup --region eu-west-1" in outcome.signal
    assert "body" == (outcome.machine / "srv/recipes/src/file").read_text()


def test_an_instance_serves_when_its_load_balancer_says_so(tmp_path: Path) -> None:
    outcome = _start(tmp_path, WEB, balancer="third-time-healthy")
    asked = [call for call in outcome.calls if call.startswith("aws elbv2 describe-target-health")]
    assert 3 == len(asked)
    assert {f"--target-group-arn {TARGET_GROUP} --targets Id=i-0a1b2c3d"} == {
        found[0] for call in asked if (found := re.search(r"--target-group-arn \S+ --targets \S+", call))
    }
    assert outcome.signal == outcome.calls[-1]
    assert "--exit-code 0 " in outcome.signal


@pytest.mark.parametrize("balancer", ["the-target-is-initial", "no-access"])
def test_an_instance_whose_load_balancer_never_takes_it_has_failed(tmp_path: Path, balancer: str) -> None:
    outcome = _start(tmp_path, WEB, balancer=balancer, hurry=True)
    assert 1 == outcome.status
    assert "--exit-code 1 " in outcome.signal
    assert "failed: waiting for the load balancer, exit code 1" == outcome.last_words[0]


def test_an_instance_waits_until_all_checks_of_the_load_balancer_can_have_passed() -> None:
    slow = replace(WEB, health_check=replace(WEB.health_check, interval=30, healthy_threshold=10))
    resources = build_resources(with_process(slow))
    assert "wait_for 390 is_healthy\n" in _script(resources["WebLaunchTemplate"])
    # and CloudFormation for ten minutes more, which are for fetching and applying
    assert "PT22M" == resources["WebGroup"]["CreationPolicy"]["ResourceSignal"]["Timeout"]
    assert "elbv2" not in _script(build_resources(with_process(WORKER))["WorkerLaunchTemplate"])


@pytest.mark.parametrize("program", LOOKED_FOR)
def test_what_the_image_lacks_is_named_before_anything_is_done(tmp_path: Path, program: str) -> None:
    outcome = _start(tmp_path, WEB, without={program, "grep"})
    assert 1 == outcome.status
    (said,) = (line for line in outcome.printed.splitlines() if line.startswith("the image lacks "))
    assert {program, "grep"} == {word.rpartition("/")[2] for word in said.removeprefix("the image lacks ").split()}
    asked = {" ".join(call.split()[:2]) for call in outcome.calls if not call.startswith("the-log")}
    # As far as they can, the log, the alarm and CloudFormation hear of it.
    words = {"aws": {"aws logs", "aws cloudwatch"}, "cfn-signal": {"cfn-signal --exit-code"}}
    heard = {word for needed, those in words.items() if needed != program for word in those}
    assert {*heard, "shutdown --poweroff"} == asked
    if program not in ("aws", "python3"):
        assert "failed: looking for what the image has to bring, exit code 1" == outcome.last_words[0]


def test_the_guide_to_the_image_names_all_that_is_looked_for() -> None:
    (check,) = re.findall(r"(?ms)^for tool in (.*?); do$", GUIDE.read_text())
    assert set(LOOKED_FOR) <= {word.rpartition("/")[2] for word in check.split()}


def test_an_instance_knows_what_it_is(tmp_path: Path) -> None:
    _start(tmp_path, WEB)
    assert {
        "service": "recipes",
        "process": "web",
        "environment": "production",
        "region": "eu-west-1",
        "stack": "recipes-production",
        "group": "WebGroup",
        "bucket": "platform-deployment-111122223333-eu-west-1",
        "release": "20261120T101500-abc",
        "command": "./bin/serve",
        "port": 8080,
        "health_path": "/ping",
        "network": "10.16.0.0/16",
        "requests": {"timeout": 30, "keepalive": 75, "body_size": 10, "per_second": 0},
        "stop_timeout": 30,
        "config_path": "/service/production/recipes/config",
        "secrets": {"DATABASE_PASSWORD": "/recipes/database-password"},
        "processes": ["web"],
        "logs": [{"name": "app", "path": "/var/log/recipes/app.log", "group": "/service/production/recipes/web/app"}],
        "access_log": "/service/production/recipes/access",
        "system_log": "/service/production/recipes/system",
    } == json.loads((tmp_path / "etc/platform/instance.json").read_text())


def test_a_process_without_a_port_is_asked_for_by_its_unit(tmp_path: Path) -> None:
    outcome = _start(tmp_path, WORKER)
    assert 0 == outcome.status
    assert "systemctl is-active --quiet recipes-worker" in outcome.calls
    assert "sleep 15" in outcome.calls
    facts = json.loads((tmp_path / "etc/platform/instance.json").read_text())
    assert (None, None) == (facts["port"], facts["health_path"])


def test_a_process_that_dies_again_and_again_is_not_healthy_though_it_is_up_whenever_asked(tmp_path: Path) -> None:
    impatient = replace(WORKER, health_check=replace(WORKER.health_check, grace_period=0))
    outcome = _start(tmp_path, impatient, runs="a-crash-loop")
    assert "systemctl is-active --quiet recipes-worker" in outcome.calls
    assert 1 == outcome.status
    assert "--exit-code 1 " in outcome.signal


def test_what_a_descriptor_says_is_never_run_by_the_start_script(tmp_path: Path) -> None:
    hostile = replace(
        WEB, command=HOSTILE, health_check=replace(WEB.health_check, path="/ping?a=$(touch pwned)&b='${c}'")
    )
    outcome = _start(tmp_path, hostile)
    assert 0 == outcome.status
    assert [] == list(tmp_path.rglob("pwned"))
    assert HOSTILE == json.loads((tmp_path / "etc/platform/instance.json").read_text())["command"]
    assert "http://127.0.0.1:8080/ping?a=$(touch pwned)&b='${c}'" in outcome.calls[4]


@pytest.mark.parametrize("archive", ["ansible.tar.gz", "source.tar.gz"])
def test_an_archive_of_another_digest_is_not_unpacked(tmp_path: Path, archive: str) -> None:
    outcome = _start(tmp_path, WEB, swapped=archive)
    assert 0 != outcome.status
    assert f"--exit-code {outcome.status} " in outcome.signal
    folder = {"ansible.tar.gz": "opt/platform/ansible", "source.tar.gz": "srv/recipes"}[archive]
    assert not (tmp_path / folder).exists()
    assert not [call for call in outcome.calls if call.startswith("ansible-playbook")]


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "src/../../escaped", ".."])
def test_an_archive_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    outcome = _start(tmp_path, WEB, source=_archive({name: "x"}))
    assert 0 != outcome.status
    assert not (tmp_path / "srv/recipes").exists()
    assert [] == list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(
    ("playbook", "health", "step"), [(3, 0, "applying the roles"), (0, 7, "waiting for the process")]
)
def test_cloudformation_hears_what_failed_and_the_instance_goes(
    tmp_path: Path, playbook: int, health: int, step: str
) -> None:
    impatient = replace(WEB, health_check=replace(WEB.health_check, grace_period=0))
    outcome = _start(tmp_path, impatient, playbook=playbook, health=health)
    assert (playbook or 1) == outcome.status
    assert f"--exit-code {outcome.status} " in outcome.signal
    assert f"failed: {step}, exit code {outcome.status}" == outcome.last_words[0]
    assert "shutdown --poweroff +5" in outcome.calls


def test_what_failed_outlives_the_instance_in_a_stream_of_its_own(tmp_path: Path) -> None:
    outcome = _start(tmp_path, WEB, playbook=3, written="line\n" * 500 + "fatal: no 'x'  \xff\n")
    assert ("failed: applying the roles, exit code 3", "line", "fatal: no 'x'  \xff") == (
        *outcome.last_words[:2],
        outcome.last_words[-1],
    )
    assert 1 + 100 == len(outcome.last_words)
    place = "--log-group-name /platform/production/boot --log-stream-name production/recipes/web/i-0a1b2c3d"
    create, put = (call for call in outcome.calls if call.startswith("aws logs"))
    assert f"aws logs create-log-stream {place}" == create
    assert put.startswith(f"aws logs put-log-events {place} ")
    (count,) = (call for call in outcome.calls if call.startswith("aws cloudwatch"))
    metric = "--namespace Platform --metric-name BootstrapFailed --value 1 --unit Count"
    assert f"aws cloudwatch put-metric-data {metric} --dimensions environment=production,service=recipes" == count
    assert outcome.calls.index(put) < outcome.calls.index(count) < outcome.calls.index(outcome.signal)


def test_the_signal_does_not_depend_on_last_words(tmp_path: Path) -> None:
    outcome = _start(tmp_path, WEB, playbook=3, logs="the-log-is-away", written=None)
    assert 3 == outcome.status
    assert "--exit-code 3 " in outcome.signal
    assert "shutdown --poweroff +5" in outcome.calls


def test_an_instance_that_serves_leaves_no_word(tmp_path: Path) -> None:
    assert [] == [call for call in _start(tmp_path, WEB).calls if call.startswith(("aws logs", "aws cloudwatch"))]


def test_an_instance_answers_once_it_is_up_and_before_the_load_balancer_can_know_it(tmp_path: Path) -> None:
    outcome = _start(tmp_path, REFRESHED)
    assert 0 == outcome.status
    order = [" ".join(call.split()[:3]) for call in outcome.calls]
    answer = order.index("aws autoscaling complete-lifecycle-action")
    assert order.index("curl --fail --silent") < answer < order.index("aws elbv2 describe-target-health")
    assert outcome.calls[answer].endswith(
        "--lifecycle-hook-name launch --instance-id i-0a1b2c3d --lifecycle-action-result CONTINUE"
    )


def test_an_instance_that_fails_says_so_to_its_group(tmp_path: Path) -> None:
    outcome = _start(tmp_path, REFRESHED, playbook=1)
    assert 1 == outcome.status
    answers = [call for call in outcome.calls if "complete-lifecycle-action" in call]
    assert ["ABANDON"] == [call.split()[-1] for call in answers]
    assert outcome.signal


@pytest.mark.parametrize("sign", ["autoscaling/target-lifecycle-state", "spot/instance-action"])
def test_a_process_finishes_before_its_instance_ends_and_the_group_waits_for_that(tmp_path: Path, sign: str) -> None:
    outcome = _start(tmp_path, WORKER)
    assert 0 == outcome.status
    assert "systemctl enable --now platform-drain.service" in outcome.calls
    unit = (tmp_path / "etc/systemd/system/platform-drain.service").read_text().splitlines()
    assert {"Environment=AWS_DEFAULT_REGION=eu-west-1", "WantedBy=multi-user.target"} < set(unit)
    tools, calls = tmp_path / "tools", tmp_path / "calls"
    # The third question is answered: the group lets go, or Amazon takes back the instance.
    body = (
        f'case "$*" in *{sign}) test 2 -lt "$(grep --count {sign} "{calls}")" && echo Terminated ;; '
        "*api/token) echo token ;; *target-lifecycle-state) echo InService ;; *) exit 22 ;; esac"
    )
    (tools / "curl").write_text(f'#!/bin/bash\necho "curl $*" >> "{calls}"\n{body}\n')
    calls.unlink()
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "HEALTH_STATUS": "0"}
    subprocess.run(
        [tmp_path / "opt/platform/drain"], env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL
    )
    after = [call for call in calls.read_text().splitlines() if not call.startswith("curl")]
    assert ["sleep 5", "sleep 5", "systemctl stop recipes-worker", "sleep 10"] == after[:4]
    group = "--auto-scaling-group-name recipes-production-WebGroup-1ABC --lifecycle-hook-name end"
    done = (
        f"aws autoscaling complete-lifecycle-action {group} --instance-id i-0a1b2c3d --lifecycle-action-result CONTINUE"
    )
    assert [done] == after[4:]


def test_a_process_is_stopped_once_its_load_balancer_sends_no_more_requests(tmp_path: Path) -> None:
    _start(tmp_path, WEB)
    calls = tmp_path / "calls"
    calls.unlink()
    environment = {
        "PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}",
        "HEALTH_STATUS": "0",
        "LIFECYCLE": "Terminated",
        "BALANCER": "third-time-unused",
        "CALLS": str(calls),
    }
    subprocess.run([tmp_path / "opt/platform/drain"], env=environment, check=True, timeout=60)
    asked = [" ".join(call.split()[:3]) for call in calls.read_text().splitlines() if call.split()[0] != "curl"]
    waiting = ["aws elbv2 describe-target-health", "third-time-unused"]
    assert [*waiting, "sleep 2", *waiting, "sleep 2", *waiting, "systemctl stop recipes-web"] == asked[:9]


def test_requests_are_waited_for_as_long_as_they_take_but_no_longer_than_amazon_does(tmp_path: Path) -> None:
    _start(tmp_path, replace(WEB, requests=Requests(timeout=600)))
    drain, calls = tmp_path / "opt/platform/drain", tmp_path / "calls"
    text = drain.read_text()
    assert "deadline=$((SECONDS + 630))\n" in text
    drain.write_text(text.replace("SECONDS + 60))", "SECONDS))"))
    calls.unlink()
    (tmp_path / "tools/curl").write_text(
        '#!/bin/bash\ncase "$*" in *spot/instance-action) exit 0 ;; *) exit 22 ;; esac\n'
    )
    environment = {
        "PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}",
        "BALANCER": "the-target-is-healthy",
        "HEALTH_STATUS": "0",
        "CALLS": str(calls),
    }
    subprocess.run([drain], env=environment, check=True, timeout=60)
    assert "systemctl stop recipes-web" in calls.read_text().splitlines()


def test_an_instance_that_stands_by_is_stopped_before_anyone_asks_for_it(tmp_path: Path) -> None:
    outcome = _start(tmp_path, POOLED, lifecycle="Warmed:Stopped")
    assert 0 == outcome.status
    assert "systemctl enable platform-drain.service" in outcome.calls
    answer = [" ".join(call.split()[:3]) for call in outcome.calls].index("aws autoscaling complete-lifecycle-action")
    assert ["cfn-signal"] == [call.split()[0] for call in outcome.calls[answer + 1 :]]


def test_an_instance_that_is_needed_at_once_serves_at_once(tmp_path: Path) -> None:
    outcome = _start(tmp_path, POOLED)
    assert 0 == outcome.status
    assert "systemctl start platform-drain.service" in outcome.calls
    assert "the-target-is-healthy" in [call.split()[0] for call in outcome.calls]


def test_an_instance_that_stood_by_answers_when_it_is_started_and_goes_back(tmp_path: Path) -> None:
    _start(tmp_path, POOLED, lifecycle="Warmed:Stopped")
    unit = (tmp_path / "etc/systemd/system/platform-drain.service").read_text()
    assert f"ExecStart={tmp_path}/opt/platform/drain" in unit or "ExecStart=/opt/platform/drain" in unit
    (tmp_path / "calls").unlink()
    environment = {
        "PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}",
        "HEALTH_STATUS": "0",
        "LIFECYCLE": "Warmed:Stopped",  # the load is gone again
        "BALANCER": "the-target-is-unused",
    }
    subprocess.run([tmp_path / "opt/platform/drain"], env=environment, check=True, timeout=60)
    calls = [call for call in (tmp_path / "calls").read_text().splitlines() if not call.startswith("curl")]
    answers = [call.split("--lifecycle-hook-name ")[1].split()[0] for call in calls if "complete-lifecycle" in call]
    assert ["launch", "end"] == answers
    assert "systemctl stop recipes-web" in calls


def test_the_script_is_small_enough_for_ec2() -> None:
    logs = tuple(LogFile(f"log-{number}", f"/var/log/recipes/{number}.log", 30, ()) for number in range(40))
    secrets = {f"SECRET_{number}": f"/recipes/production/secret-{number}" for number in range(40)}
    crowded = replace(with_process(replace(WEB, logs=logs, command="./serve " + "--option " * 100)), secrets=secrets)
    for service, group in ((RECIPES, "Web"), (crowded, "Web"), (LONG_NAMED, "ANameThatGoesOn")):
        resources = build_resources(service)
        (template,) = (name for name in resources if name.startswith(group) and name.endswith("LaunchTemplate"))
        assert LIMIT > len(_script(resources[template]).encode())


def _script(template: dict[str, dict[str, dict[str, dict[str, dict[str, str]]]]]) -> str:
    return template["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]


def _start(
    machine: Path,
    process: Process,
    *,
    source: bytes | None = None,
    swapped: str | None = None,
    playbook: int = 0,
    health: int = 0,
    runs: str = "the-same-run",
    balancer: str = "the-target-is-healthy",
    hurry: bool = False,
    logs: str = "the-log-takes-it",
    written: str | None = "",
    lifecycle: str = "InService",
    without: Collection[str] = (),
) -> Outcome:
    """Run the script of a process with every absolute path of the machine moved into a folder.

    Who is in a `hurry` asks once and does not wait. `written` is what the machine has in its log by then. The image
    brings what the script needs and no more, `without` some of that.
    """
    archives = {
        "ansible.tar.gz": _archive({"platform.yml": "- hosts: localhost"}),
        "source.tar.gz": source or _archive({"src/file": "body"}),
    }
    store, tools = machine / "store", machine / "tools"
    store.mkdir()
    tools.mkdir()
    for name, content in archives.items():
        (store / name).write_bytes(_archive({"src/file": "other"}) if name == swapped else content)
    calls = machine / "calls"
    for name, body in STAND_INS.items():
        script = tools / name
        script.write_text(f'#!/bin/bash\necho "{name} $*" >> "{calls}"\n{body}\n')
        script.chmod(0o755)
    for name in {*LOOKED_FOR, *COREUTILS, "bash"} - STAND_INS.keys():
        (tools / name).symlink_to(sys.executable if name == "python3" else shutil.which(name) or name)
    for name in without:
        (tools / name).unlink()
    (template,) = (
        resource for name, resource in build_resources(with_process(process)).items() if name.endswith("LaunchTemplate")
    )
    values = {
        "AWS::StackName": "recipes-production",
        "WebTargetGroup": TARGET_GROUP,
        "WebRole": "recipes-production-WebRole-1ABC",
        "WorkerRole": "recipes-production-WorkerRole-1ABC",
        "Release": "20261120T101500-abc",
        "AnsibleDigest": hashlib.sha256(archives["ansible.tar.gz"]).hexdigest(),
        "SourceDigest": hashlib.sha256(archives["source.tar.gz"]).hexdigest(),
    }
    text = _substitute(_script(template), values)
    (machine / "var/log").mkdir(parents=True)
    if written is not None:
        (machine / "var/log/cloud-init-output.log").write_text(written)
    (machine / "var/lib/cloud/data").mkdir(parents=True)
    (machine / "var/lib/cloud/data/instance-id").write_text("i-0a1b2c3d\n")
    (machine / "etc/systemd/system").mkdir(parents=True)
    for folder in ("/etc/platform", "/etc/systemd/", "/opt/platform", "/srv/", "/var/lib/cloud/", "/var/log/"):
        text = re.sub(rf"(?<=\s){folder}", f"{machine}{folder}", text)
    text = text.replace("/opt/aws/bin/", f"{tools}/")
    if hurry:
        text = re.sub(r"(?m)^wait_for \d+ ", "wait_for 0 ", text)
    environment = {
        "PATH": str(tools),
        "STORE": str(store),
        "TMPDIR": str(machine),
        "LIFECYCLE": lifecycle,
        "PLAYBOOK_STATUS": str(playbook),
        "HEALTH_STATUS": str(health),
        "CALLS": str(calls),
        "RUNS": runs,
        "BALANCER": balancer,
        "LOGS": logs,
    }
    done = subprocess.run(
        [tools / "bash", "-c", text],
        env=environment,
        cwd=machine,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, tuple(calls.read_text().splitlines()), machine, done.stderr)


def _substitute(text: str, values: dict[str, str]) -> str:
    """Do as Fn::Sub does: `${Name}` is a value that has to be there, `${!x}` is `${x}`."""
    return re.sub(r"\$\{(!?)([^}]*)\}", lambda found: f"${{{found[2]}}}" if found[1] else values[found[2]], text)


def _archive(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(content.getvalue(), mtime=0)
