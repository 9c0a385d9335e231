"""One page and one ticket for a process, instead of one for each alarm: whether it serves at all, and how well.

Both wait while instances start or end, and not for long: instances that come and go without end are what a process
looks like that dies again and again. Errors that users see wait for nothing; what else pages, for HELD_MINUTES.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject

from compiler.authoring import Environment, Process, Service, camel, derive, join

from ._alarms import Measured, alarm, combined_alarm, reckoned, runbook
from ._patience import minutes_to_start
from ._watching import COMBINED, OF_CHANGE, OF_REST, Part, Speaker, dashed, has_rest, size_of, spoken_for

# As many minutes of change, and the ticket is not held back any longer.
MOST_MINUTES_OF_CHANGE = 10
# Minutes that a process has to catch up with what waited while it had none.
MINUTES_TO_CATCH_UP = 30
MEANINGS = {
    "down": "it does not serve, or not enough. Users notice.",
    "degraded": "it serves badly. If it goes on, users notice.",
}


def combined_alarms(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    speaking = spoken_for(service, environment, process)
    if speaking:
        yield from changing(service, environment, process)
    if speaking and has_rest(process):
        yield from resting(service, environment, process)
    if any(each.name == "degraded" for each in speaking):
        yield from deploying(service, environment, process)
    for each in speaking:
        yield from combined(service, environment, process, each)


def combined(service: Service, environment: Environment, process: Process, speaker: Speaker) -> Iterator[AWSObject]:
    name, about = speaker.name, speaker.alone or speaker.name
    (color, _), watched = COMBINED[name], process.alarms[about]
    # Who mutes the whole does not want to hear of what is left when a part's own mute ends.
    mutes = [mute for each in (about, name) if (mute := process.alarms[each].mute) is not None]
    yield from combined_alarm(
        speaker.title(process), service, environment,
        process=process.name,
        tag=join(process.name, "-", *(() if speaker.alone is None else (dashed(about), "-", color, "-")), name),
        color=color,
        says=join(
            service.name, "/", process.name, " in ", environment.name, ": ", MEANINGS[name],
            " Look at which of the alarms is on that this one is made of.",
        ),
        rule=(
            _rule_of_down(process, speaker.parts)
            if name == "down"
            else _any_of(*(each.title for each in speaker.parts))
        ),
        waits_for=None if name == "down" else _deploying(process),
        runbook=runbook(service, environment, about, process=process, own=watched.runbook),
        mute=max(mutes, key=lambda each: each.until, default=None),
    )  # fmt: skip


def _rule_of_down(process: Process, parts: list[Part]) -> str:
    """Page for errors at once; for what instances that start or end bring about by themselves, when none does, or once
    it has lasted longer than they may take. Nothing but errors while the group has its rest, and just after."""
    at_once = [each.title for each in parts if each.metric not in OF_REST]
    lasting = [each.title for each in parts if each.metric in OF_REST and each.metric not in OF_CHANGE]
    of_change = [each for each in parts if each.metric in OF_CHANGE]
    awake = [_any_of(*lasting)] if lasting else []
    if of_change:
        soon = f"({_any_of(*(each.title for each in of_change))})"
        late = _any_of(*(each.long_title for each in of_change))
        awake.append(f"({soon} AND (NOT {_any_of(_title(process, 'Changing'))} OR {late}))")
    if awake and has_rest(process):
        awake = [f"(({' OR '.join(awake)}) AND NOT {_any_of(_title(process, 'Resting'))})"]
    rule = [*([_any_of(*at_once)] if at_once else []), *awake]
    return " OR ".join(rule)


def resting(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    """Tell when the group may have no instance, or could have none until a moment ago: what waited is then worked off,
    and instances start."""
    start = minutes_to_start(process)
    settled = derive(max(start, MINUTES_TO_CATCH_UP), start)
    most = size_of("most", "GroupMaxSize", process, 60)
    yield from alarm(
        _title(process, "Resting"), service, environment,
        process=process.name,
        tag=join(process.name, "-resting"),
        color="amber",
        says=join(
            service.name, "/", process.name, " in ", environment.name, ": off by its schedule, or on again for less "
            "than ", settled, " minutes. Other alarms wait for it, and nobody is told.",
        ),
        measured=reckoned([most], "off", "Whether there may be no instance", "IF(FILL(most, 1) < 1, 1, 0)"),
        threshold=0,
        within=(1, settled),
        missing="notBreaching",
        is_heard=False,
    )  # fmt: skip


def changing(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    """Tell when the group is changing. It is while an instance starts or ends, and for as long after as one may take
    until it serves."""
    yield from alarm(
        _title(process, "Changing"), service, environment,
        process=process.name,
        tag=join(process.name, "-changing"),
        color="amber",
        says=join(_subject(service, environment, process), ": instances start or end. Other alarms wait for it, and "
                  "nobody is told."),
        measured=_changes(process),
        threshold=0,
        within=(1, minutes_to_start(process)),
        missing="notBreaching",
        is_heard=False,
    )  # fmt: skip


def deploying(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    """Tell while a ticket waits for the change.

    The first of these alarms ends that. Of any `start` minutes one has to be a minute of change for `changing` to last,
    so ten times as many hold ten of them: nothing is held back for longer than that, and by a group that changes all
    the time for ten minutes.
    """
    start, subject = minutes_to_start(process), _subject(service, environment, process)
    yield from alarm(
        _title(process, "ChangingLong"), service, environment,
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
    rest = f" OR {_any_of(_title(process, 'Resting'))}" if has_rest(process) else ""
    changes = f"{_any_of(_title(process, 'Changing'))} AND NOT {_any_of(_title(process, 'ChangingLong'))}"
    yield from combined_alarm(
        _deploying(process), service, environment,
        process=process.name,
        tag=join(process.name, "-deploying"),
        color="amber",
        says=join(subject, ": a deployment changes instances. Other alarms wait for it, and nobody is told."),
        rule=f"({changes}){rest}" if rest else changes,
        is_heard=False,
    )  # fmt: skip


def _title(process: Process, name: str) -> str:
    return camel(process.name) + name + "Alarm"


def _subject(service: Service, environment: Environment, process: Process) -> str:
    return join(service.name, "/", process.name, " in ", environment.name)


def _deploying(process: Process) -> str:
    return _title(process, "Deploying")


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
