"""One page and one ticket for a process, instead of one for each alarm: whether it serves at all, and how well.

Both wait while a deployment changes instances, and not for long: instances that come and go without end are what a
process looks like that dies again and again.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject

from compiler.authoring import Environment, Process, Service, Watched, camel, derive, join

from ._alarms import Measured, alarm, combined_alarm, reckoned, runbook
from ._user_data import minutes_to_start
from ._watching import COMBINED, size_of, spoken_for

# As many minutes of change, and the page is not held back any longer.
MOST_MINUTES_OF_CHANGE = 10
MEANINGS = {
    "down": "it does not serve, or not enough. Users notice.",
    "degraded": "it serves badly. If it goes on, users notice.",
}


def combined_alarms(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    speaking = spoken_for(service, environment, process)
    if speaking:
        yield from deploying(service, environment, process)
    for name, titles in speaking.items():
        yield from combined(service, environment, process, name, titles)


def combined(
    service: Service, environment: Environment, process: Process, name: str, titles: list[str]
) -> Iterator[AWSObject]:
    watched, (color, _) = process.alarms.get(name, Watched()), COMBINED[name]
    yield combined_alarm(
        camel(process.name, name) + "Alarm", service, environment,
        process=process.name,
        tag=join(process.name, "-", name),
        color=color,
        says=join(
            service.name, "/", process.name, " in ", environment.name, ": ", MEANINGS[name],
            " Look at which of the alarms is on that this one is made of.",
        ),
        rule=_any_of(*titles),
        waits_for=_deploying(process),
        runbook=runbook(service, environment, name, process=process, own=watched.runbook),
        mute=watched.mute,
    )  # fmt: skip


def deploying(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    """Tell when the group is changing. It is while an instance starts or ends, and for as long after as one may take
    until it serves.

    The second alarm ends that. Of any `start` minutes one has to be a minute of change for the first to last, so ten
    times as many hold ten of them: nothing is held back for longer than that, and by a group that changes all the time
    for ten minutes.
    """
    start = minutes_to_start(process)
    subject = join(service.name, "/", process.name, " in ", environment.name)
    yield alarm(
        camel(process.name) + "ChangingAlarm", service, environment,
        process=process.name,
        tag=join(process.name, "-changing"),
        color="amber",
        says=join(subject, ": instances start or end. Other alarms wait for it, and nobody is told."),
        measured=_changes(process),
        threshold=0,
        within=(1, start),
        missing="notBreaching",
        is_heard=False,
    )  # fmt: skip
    yield alarm(
        camel(process.name) + "ChangingLongAlarm", service, environment,
        process=process.name,
        tag=join(process.name, "-changing-long"),
        color="amber",
        says=join(subject, ": instances start and end again and again. Other alarms wait no longer."),
        measured=_changes(process),
        threshold=0,
        within=(MOST_MINUTES_OF_CHANGE, derive(MOST_MINUTES_OF_CHANGE * start, start)),
        missing="notBreaching",
        is_heard=False,
    )  # fmt: skip
    yield combined_alarm(
        _deploying(process), service, environment,
        process=process.name,
        tag=join(process.name, "-deploying"),
        color="amber",
        says=join(subject, ": a deployment changes instances. Other alarms wait for it, and nobody is told."),
        rule=f"{_any_of(camel(process.name) + 'ChangingAlarm')} "
        f"AND NOT {_any_of(camel(process.name) + 'ChangingLongAlarm')}",
        is_heard=False,
    )  # fmt: skip


def _deploying(process: Process) -> str:
    return camel(process.name) + "DeployingAlarm"


def _any_of(*titles: str) -> str:
    return " OR ".join(f'ALARM("${{{each}}}")' for each in titles)


def _changes(process: Process) -> Measured:
    """How many instances start or end. Those of a warm pool come and go without anybody noticing."""
    return reckoned(
        [
            size_of("starting", "GroupPendingInstances", process, 60),
            size_of("ending", "GroupTerminatingInstances", process, 60),
        ],
        "changing",
        "Instances that start or end",
        "FILL(starting, 0) + FILL(ending, 0)",
    )
