"""Routes: hold the rules that processes have on shared load balancers against each other and against the environment.

In: the Settings of one environment.    Out: Diagnostics.
Faults: D340 to D345.
Never: knows the rules of other services; those are compared when a release is published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.blame import fault_at, map_at, number_at, span_of
from compiler.diagnostics import Diagnostic, Related
from compiler.layers import BRANCH_ENVIRONMENT
from compiler.model import Settings
from compiler.trace import plain, settings_of


@dataclass(frozen=True, slots=True)
class _Route:
    """A rule of a process. `names` are first labels of hosts; without `paths` it is for all of them."""

    process: str
    exposure: str
    priority: int | None
    names: frozenset[str]
    paths: frozenset[str]


def check_routes(settings: Settings, processes: Mapping[str, dict[str, Any]]) -> Iterator[Diagnostic]:
    """Check `loadBalancer` and `routing` of every process with a `port`; what others may not have is said elsewhere."""
    routes: list[_Route] = []
    for name, process in processes.items():
        if "port" not in process:
            continue
        routing = map_at(process, "routing")
        if plain(process.get("loadBalancer")) != "shared":
            priority = number_at(routing, "priority")
            # What an environment turns off leaves its details behind.
            if priority is not None and not _was_shared(process.get("loadBalancer")):
                message = f"`priority` of `processes.{name}` is for a shared load balancer, and it has one of its own"
                yield fault_at("D340", message, priority, "add `loadBalancer: shared`, or remove it")
            continue
        yield from _check_alone(settings, name, process, routing)
        names = frozenset(plain(label) for label in (process.get("dns"), routing.get("host")) if isinstance(label, str))
        paths = frozenset(plain(path) for path in routing.get("paths") or ())
        routes.append(_Route(name, plain(process.get("exposure")), number_at(routing, "priority"), names, paths))
    for index, route in enumerate(routes):
        for other in routes[:index]:
            if route.exposure == other.exposure and route.priority is not None and other.priority is not None:
                yield from _check_pair(*sorted((other, route), key=lambda each: each.priority or 0))


def _check_alone(
    settings: Settings, name: str, process: Mapping[str, Any], routing: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    shared, exposure = process["loadBalancer"], plain(process.get("exposure"))
    if exposure not in (map_at(settings.environment, "ingress").get("shared") or ()):
        message = f"there is no shared load balancer in `{settings.environment_name}` for what is {exposure}"
        hint = "set `loadBalancer: own` there, or ask the platform team to add it to `ingress.shared`"
        yield fault_at("D345", message, shared, hint)
        return
    if settings.shared and settings.shared != settings.environment_name:
        whom = "branches" if settings.shared == BRANCH_ENVIRONMENT else "tenants"
        message = f"the load balancer in `{settings.environment_name}` is shared with {whom} that have the same rules"
        yield fault_at("D344", message, shared, f"set `loadBalancer: own` for `{settings.layers[0]}`")
    if "dns" not in process and "host" not in routing:
        message = f"`processes.{name}` would take requests for every name of the shared load balancer"
        yield fault_at("D341", message, shared, f"add `dns: {name}`, or name another process's `dns` as `routing.host`")
    if number_at(routing, "priority") is None:
        message = f"the rule of `processes.{name}` on the shared load balancer has no priority"
        yield fault_at("D342", message, shared, "run `flagstone lock`, or set `routing.priority`")


def _check_pair(first: _Route, second: _Route) -> Iterator[Diagnostic]:
    related = (Related(f"`priority` of `processes.{first.process}`", span_of(first.priority)),)
    if first.priority == second.priority:
        message = f"`processes.{second.process}` and `processes.{first.process}` have one priority, {second.priority}"
        yield Diagnostic("D343", message, span_of(second.priority), "change one of them", related=related)
    elif second.names and second.names <= first.names and (not first.paths or second.paths == first.paths):
        message = f"`processes.{second.process}` gets no request: the rule of `processes.{first.process}` takes all"
        hint = f"give it a `priority` below {first.priority}, or the other one `paths`"
        yield Diagnostic("D343", message, span_of(second.priority), hint, related=related)


def _was_shared(said: Any) -> bool:
    return any(word.value == "shared" for setting in settings_of(said) for word in setting.history)
