"""Alarms that speak for themselves alone, whatever they are about: an event, a log, the service as a whole.

In: what is watched and how, in the words of the descriptor; what crossing a threshold means for people.
Out: an alarm for each color that has a threshold.
Never: knows what is measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject

from compiler.authoring import Environment, Process, Service, Watched, derive, join

from ._alarms import Measured, alarm, runbook

Color = tuple[str, float]


def colors(watched: Watched) -> Iterator[Color]:
    """Yield the colors in which there is an alarm, with their thresholds."""
    if watched.amber is not None:
        yield "amber", watched.amber
    if watched.red is not None:
        yield "red", watched.red


def lasting(watched: Watched) -> str:
    """Say how long a threshold has to be crossed."""
    (datapoints, periods), minutes = watched.within, watched.period // 60
    if datapoints == periods:
        whole = periods * minutes
        text = "for a minute" if whole == 1 else f"for {whole} minutes"
    elif minutes == 1:
        text = f"in {datapoints} of {periods} minutes"
    else:
        text = f"in {datapoints} of {periods} periods of {minutes} minutes"
    return derive(text, watched.period, *watched.within)


def single_alarms(
    service: Service,
    environment: Environment,
    name: str,
    watched: Watched,
    *,
    titles: tuple[str, str],
    tag: str,
    subject: str,
    what: tuple[str, str],
    meaning: str,
    measured: Measured,
    missing: str = "notBreaching",
    comparison: str = "GreaterThanThreshold",
    process: Process | None = None,
    amber: float | None = None,
) -> list[AWSObject]:
    """Make the alarms, amber and red, that `titles` has logical ids for. `what` happens is said around the threshold.

    `amber` is that threshold where it stands beside what is said of the alarm.
    A list and no generator, so that an alarm comes from the line that says what is measured.
    """
    made: list[AWSObject] = []
    first = () if amber is None else (("amber", amber),)
    for color, threshold in (*first, *colors(watched)):
        made.extend(
            alarm(
                titles[color == "red"], service, environment,
                process=None if process is None else process.name,
                tag=tag if color == "amber" else join(tag, "-red"),
                color=color,
                says=join(subject, ": ", what[0], threshold, what[1], " ", lasting(watched), ". ", meaning),
                measured=measured,
                threshold=threshold,
                within=watched.within,
                missing=missing,
                comparison=comparison,
                runbook=runbook(service, environment, name, process=process, own=watched.runbook),
                mute=watched.mute,
            )
        )  # fmt: skip
    return made
