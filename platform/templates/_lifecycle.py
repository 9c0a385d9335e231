"""Hooks that instances answer, when they begin and when they end, and the alarms that end a refresh.

In: a service, an environment, a process.    Out: names.
"""

from __future__ import annotations

from compiler.authoring import Environment, Process, Service, camel, join

LAUNCH_HOOK, END_HOOK = "launch", "end"


def is_refreshed(process: Process) -> bool:
    return process.deployment.style == "refresh"


def refresh_alarms(service: Service, environment: Environment, process: Process) -> dict[str, str]:
    """Map the logical ids of the alarms that take a refresh back to their names, which have to be known beforehand."""
    metrics = [] if process.port is None else [metric for metric in ("errors", "latency") if metric in process.alarms]
    if not is_refreshed(process):
        return {}
    return {
        camel(process.name, metric, "red") + "Alarm": join(
            environment.name, "-", service.name, "-", process.name, f"-{metric}-red"
        )
        for metric in metrics
    }
