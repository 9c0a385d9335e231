"""What an instance refresh looks at: a hook that each new instance answers, and alarms that end it.

In: a service, an environment, a process.    Out: names.
"""

from __future__ import annotations

from compiler.authoring import Environment, Process, Service, camel, join

LAUNCH_HOOK = "launch"


def waits_for_hook(process: Process) -> bool:
    return process.deployment.style == "refresh"


def refresh_alarms(service: Service, environment: Environment, process: Process) -> dict[str, str]:
    """Map the logical ids of the alarms that take a refresh back to their names, which have to be known beforehand."""
    metrics = [] if process.port is None else [metric for metric in ("errors", "latency") if metric in process.alarms]
    if process.deployment.style != "refresh":
        return {}
    return {
        camel(process.name, metric, "red") + "Alarm": join(
            environment.name, "-", service.name, "-", process.name, f"-{metric}-red"
        )
        for metric in metrics
    }
