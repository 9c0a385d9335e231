"""Routes: hold the rules that processes have on shared load balancers against each other and against the environment.

In: the Settings of one environment.    Out: Diagnostics.
Faults: D340 to D345, D369, D395.
Never: knows the rules of other services; those are compared when a release is published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.blame import fault_at, is_from_service, map_at, number_at, span_of
from compiler.diagnostics import Diagnostic, Related
from compiler.layers import BRANCH_ENVIRONMENT
from compiler.listening import Rule, read_rule
from compiler.model import Settings
from compiler.service import Ingress
from compiler.trace import plain, settings_of


@dataclass(frozen=True, slots=True)
class _Route:
    """The rule of a process, and its place among the others, None as long as there is none."""

    process: str
    priority: int | None
    rule: Rule


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
            yield from _check_own(name, process, routing)
            continue
        yield from _check_alone(settings, name, process, routing)
        if rule := read_rule(process):
            routes.append(_Route(name, number_at(routing, "priority"), rule))
    placed = sorted((each for each in routes if each.priority is not None), key=lambda each: each.priority or 0)
    for index, route in enumerate(placed):
        yield from _check_place(route, [each for each in placed[:index] if each.rule.exposure == route.rule.exposure])


def _check_own(name: str, process: Mapping[str, Any], routing: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Say of a load balancer of its own that it waits for a name which leads to another one."""
    host = routing.get("host")
    if isinstance(host, str) and "dns" not in process:
        message = (
            f"`processes.{name}` answers requests for `{host}` alone, a name that leads to no load balancer of its"
        )
        hint = "add a `dns` of its own, set `loadBalancer: shared`, or make the record in an addition"
        yield fault_at("D369", message, host, hint, "warning")


def _check_alone(
    settings: Settings, name: str, process: Mapping[str, Any], routing: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    shared, exposure = process["loadBalancer"], plain(process.get("exposure"))
    if exposure not in (map_at(settings.environment, "ingress").get("shared") or ()):
        message = f"there is no shared load balancer in `{settings.environment_name}` for what is {exposure}"
        hint = "set `loadBalancer: own` there, or ask the platform team to add it to `ingress.shared`"
        yield fault_at("D345", message, shared, hint)
        return
    timeout = number_at(map_at(process, "requests"), "timeout")
    idle = number_at(map_at(settings.environment, "ingress"), "idleTimeout") or Ingress().idle_timeout
    if timeout is not None and timeout >= idle:
        message = f"`{name}` takes {timeout} seconds, and the shared load balancer drops a request after {idle}"
        hint = f"set `timeout` below {idle}, set `loadBalancer: own`, or ask the platform team to raise `idleTimeout`"
        yield fault_at("D395", message, timeout if is_from_service(timeout) else shared, hint)
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


def _check_place(route: _Route, earlier: Sequence[_Route]) -> Iterator[Diagnostic]:
    """Check a rule against those that are asked before it."""
    rivals = [each for each in earlier if each.priority == route.priority]
    for rival in rivals:
        message = f"`processes.{route.process}` and `processes.{rival.process}` have one priority, {route.priority}"
        yield Diagnostic("D343", message, span_of(route.priority), "change one of them", related=_related([rival]))
    if rivals:
        return
    takers = {cell: [each for each in earlier if each.rule.takes(*cell)] for cell in route.rule.cells()}
    if not takers:  # a rule for no name, which was reported
        return
    if all(takers.values()):
        some = _fewest(takers)
        message = f"`processes.{route.process}` gets no request: {_take(some, 'all')}"
        yield Diagnostic("D343", message, span_of(route.priority), _way_out(route, some), related=_related(some))
        return
    for index, words in enumerate((route.rule.names, route.rule.paths)):
        for word in words:
            mine = {cell: found for cell, found in takers.items() if cell[index] == word}
            if all(mine.values()):
                some = _fewest(mine)
                message = f"`processes.{route.process}` gets no request for `{word}`: {_take(some, 'those')}"
                hint = f"remove `{word}`, or {_way_out(route, some)}"
                yield Diagnostic("D343", message, span_of(word), hint, "warning", _related(some))


def _fewest(takers: Mapping[tuple[str, str], Sequence[_Route]]) -> list[_Route]:
    """Choose rules that take everything together, one alone where there is one."""
    for each in next(iter(takers.values())):
        if all(each in found for found in takers.values()):
            return [each]
    chosen = {found[0].process: found[0] for found in takers.values()}
    return sorted(chosen.values(), key=lambda each: each.priority or 0)


def _take(routes: Sequence[_Route], what: str) -> str:
    names = " and ".join(f"`processes.{each.process}`" for each in routes)
    return f"the rule of {names} takes {what}" if len(routes) == 1 else f"the rules of {names} take {what} between them"


def _way_out(route: _Route, takers: Sequence[_Route]) -> str:
    first = min(each.priority or 0 for each in takers)
    if any(route.rule.covers(each.rule) for each in takers):
        return "give one of them other `paths` or another name, since they ask for the same"
    if settings_of(route.priority)[0].origin.layer == "lock":
        return (
            f"remove `{route.process}` from `priorities` there and run `flagstone lock`, which finds one below {first}"
        )
    narrower = "`paths`" if not any(each.rule.paths for each in takers) else "narrower `paths`"
    return f"give it a `priority` below {first}, or {'the other one' if len(takers) == 1 else 'the others'} {narrower}"


def _related(routes: Sequence[_Route]) -> tuple[Related, ...]:
    return tuple(Related(f"`priority` of `processes.{each.process}`", span_of(each.priority)) for each in routes)


def _was_shared(said: Any) -> bool:
    return any(word.value == "shared" for setting in settings_of(said) for word in setting.history)
