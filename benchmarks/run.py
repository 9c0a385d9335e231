"""Measure what a user waits for, beside what it may cost: `make bench`.

Commands run as children and are measured by the operating system: CPU seconds (user and system, their own children
included) and the largest resident set. Merging, guarding and comparing run in this process, on stacks made by hand.
Each number is the median of several runs. The unit of the ratios is the same interpreter doing nothing, so that
machines can be compared. A `!` marks a budget that was missed. This is no test: it always exits with 0.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from compiler.diagnostics import Source, Span
from compiler.model import Entry, Fragment, Json, Origin, Said, TemplatePart, walk_leaves

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "service-repo"
FLAGSTONE = Path(sys.executable).with_name("flagstone")
RESOURCES, OVERRIDES = 400, 200
COMPARED = 500
ENVIRONMENTS = ("staging", "production", "env-default")


@dataclass(frozen=True, slots=True)
class Task:
    """Something to measure. Budgets are CPU seconds and MB, None where there is none."""

    name: str
    runs: int
    cpu_budget: float | None
    memory_budget: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of CPU seconds and of MB; None where memory was not or cannot be measured."""

    cpu: float
    memory: float | None


def main() -> None:
    with tempfile.TemporaryDirectory() as out:
        environments = [word for name in ENVIRONMENTS for word in ("--env", name)]
        compile_example = [str(FLAGSTONE), "compile", str(EXAMPLE), *environments, "--out", out]
        commands: list[tuple[Task, Sequence[str]]] = [
            (Task("python -c pass", 21, None, None), [sys.executable, "-c", "pass"]),
            (Task("flagstone --version", 21, 0.1, None), [str(FLAGSTONE), "--version"]),
            (Task("flagstone validate", 11, 0.35, None), [str(FLAGSTONE), "validate", str(EXAMPLE)]),
            (Task("flagstone compile --no-lint", 7, 0.7, None), [*compile_example, "--no-lint"]),
            (Task("flagstone compile", 3, None, 250), compile_example),
        ]
        measured = [(task, _measure_command(task, command)) for task, command in commands]
    merging = Task(f"merge and guard {RESOURCES} resources", 11, 0.25, None)
    measured.append((merging, _measure_call(merging, _prepare_merging())))
    comparing = Task(f"compare {COMPARED} resources", 11, 0.5, None)
    measured.append((comparing, _measure_call(comparing, _prepare_comparing())))
    for line in _draw(measured):
        print(line.rstrip())


def _measure_command(task: Task, command: Sequence[str]) -> Cost:
    costs = [_run_child(command) for _ in range(task.runs)]
    memory = statistics.median(memory for _, memory in costs)
    # A child begins with the memory of the process that starts it: Linux does not tell of less.
    floor = _megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return Cost(statistics.median(cpu for cpu, _ in costs), memory if memory > 1.1 * floor else None)


def _run_child(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its CPU seconds and its peak in MB."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            print(f"{' '.join(command)}\nexit {child.returncode}\n{said.read().decode()}", file=sys.stderr)
    return usage.ru_utime + usage.ru_stime, _megabytes(usage.ru_maxrss)


def _megabytes(resident: int) -> float:
    return resident / 1e6 if sys.platform == "darwin" else resident * 1024 / 1e6  # macOS counts bytes, Linux KiB


def _measure_call(task: Task, call: Callable[[], object]) -> Cost:
    call()  # what happens only once is not the matter here
    seconds = []
    for _ in range(task.runs):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return Cost(statistics.median(seconds), None)


def _draw(measured: Sequence[tuple[Task, Cost]]) -> Iterator[str]:
    unit = measured[0][1].cpu
    yield f"{'':<32}{'CPU s':>9}{'ratio':>8}{'budget':>9}{'peak MB':>10}{'budget':>9}"
    for task, cost in measured:
        memory = "" if cost.memory is None else f"{cost.memory:.0f}"
        yield (
            f"{task.name:<32}{cost.cpu:>9.3f}{cost.cpu / unit:>8.1f}{_budget(task.cpu_budget, cost.cpu):>9}"
            f"{memory:>10}{_budget(task.memory_budget, cost.memory):>9}"
        )


def _budget(budget: float | None, measured: float | None) -> str:
    if budget is None or measured is None:
        return ""
    return f"{budget:g}{'!' if measured > budget else ''}"


# A stack by hand: auto scaling groups, queues, roles and alarms, and an override for every second of them


def _prepare_merging() -> Callable[[], object]:
    # Imported late, so that this process is small while it measures others.
    from compiler.guard import guard_stack
    from compiler.library import find_content, load_library
    from compiler.load import load_document
    from compiler.merge import merge_fragments
    from compiler.model import Setting
    from compiler.trace import trace_value

    library = load_library(find_content("platform"))
    document, _ = load_document(_write_overrides().encode(), "cloudFormation/overrides/many.yml", dialect="template")
    part = TemplatePart("many", None, document)
    fragment = Fragment("many", tuple(_make_entry(number) for number in range(RESOURCES)))
    origin = fragment.entries[0].origin
    description = trace_value("Many resources", Setting(("description",), (Said(origin, "Many resources"),)))

    def merge_and_guard() -> None:
        stack, faults = merge_fragments(
            [fragment],
            description=description,
            overrides=[part],
            identities=library.identities,
            environment="production",
        )
        assert faults == (), faults[0]
        guard_stack(stack, library)

    return merge_and_guard


def _prepare_comparing() -> Callable[[], object]:
    """Compare two stacks: every second resource has another value, every tenth another logical id."""
    from compiler.changes import Side, SideStack
    from compiler.library import find_content, load_library
    from compiler.review import review_sides

    library = load_library(find_content("platform"))
    before = {f"Thing{number}": _make_body(number) for number in range(COMPARED)}
    after = {f"Thing{number}{'Renamed' if number % 10 == 0 else ''}": _make_body(number) for number in range(COMPARED)}
    for body in list(after.values())[::2]:
        body["Properties"]["Tags"][3]["Value"] = "changed"
    sides = [
        Side(name, {"production": SideStack("production/template.json", {"Resources": each}, {}, {})})
        for name, each in (("before", before), ("after", after))
    ]

    def compare() -> object:
        return review_sides(sides[0], sides[1], library)

    return compare


def _make_entry(number: int) -> Entry:
    source = Source("platform/templates/many.py")
    origin = Origin("template", Span(source, number + 1, 1, number + 1, 80))
    body = _make_body(number)
    stories = {path: (Said(origin, leaf),) for path, leaf in walk_leaves(body)}
    return Entry("Resources", f"Thing{number}", body, origin, stories)


def _make_body(number: int) -> dict[str, Json]:
    tags = [{"Key": f"tag{index}", "Value": f"{number}-{index}"} for index in range(5)]
    kind = number // 2 % 4  # so that each kind is overridden, and each is not
    if kind == 0:
        for tag in tags:
            tag["PropagateAtLaunch"] = "true"
        subnets = [f"{{{{resolve:ssm:/platform/production/network/app-subnet-{zone}}}}}" for zone in "abc"]
        return {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {"MinSize": "1", "MaxSize": "4", "VPCZoneIdentifier": subnets, "Tags": tags},
            "UpdatePolicy": {"AutoScalingRollingUpdate": {"MinInstancesInService": 1, "PauseTime": "PT12M"}},
        }
    if kind == 1:
        key = "{{resolve:ssm:/platform/production/security/messaging-key-arn}}"
        return {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "KmsMasterKeyId": key,
                "VisibilityTimeout": 60,
                "MessageRetentionPeriod": 1209600,
                "Tags": tags,
            },
        }
    if kind == 2:
        statements = [
            {
                "Sid": f"Read{index}",
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": f"arn:aws:s3:::b{index}/*",
            }
            for index in range(4)
        ]
        policies = [{"PolicyName": "read", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}]
        boundary = "{{resolve:ssm:/platform/production/security/service-boundary-arn}}"
        properties = {"PermissionsBoundary": boundary, "Policies": policies, "Tags": tags}
        return {"Type": "AWS::IAM::Role", "Properties": properties}
    dimensions = [{"Name": "QueueName", "Value": {"Fn::GetAtt": [f"Thing{number - 4}", "QueueName"]}}]
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateAgeOfOldestMessage",
            "Dimensions": dimensions,
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 3,
            "Threshold": 300,
            "ComparisonOperator": "GreaterThanThreshold",
            "Tags": tags,
        },
    }


def _write_overrides() -> str:
    """Override every second resource: one scalar, an existing tag, a new tag."""
    step = RESOURCES // OVERRIDES
    scalars = ("MaxSize: '8'", "VisibilityTimeout: 90", "MaxSessionDuration: 7200", "Threshold: 600")
    lines = ["Resources:"]
    for number in range(0, RESOURCES, step):
        lines += [f"  Thing{number}:", "    Properties:", f"      {scalars[number // 2 % 4]}", "      Tags:"]
        lines += ["        - {Key: tag3, Value: changed}", "        - {Key: data-class, Value: personal}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
