"""Contracts: what a service takes from the others of its environment, and the names that only one of them can have.

In: Settings, Stack, and what the others run.    Out: diagnostics; what a manifest says of all this.
Faults: D860 and D863 nobody publishes what is consumed, by this service or by others; D861 a name is taken; D347 one
side of an event keeps its order, the other does not.
Never: reads a bucket; or compares what only AWS knows, such as a name that is a reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from compiler.blame import map_at, span_of
from compiler.calls import find_calls
from compiler.cause import find_cause, place_cause
from compiler.diagnostics import Diagnostic, Severity, suggest
from compiler.events import consumed_events, is_ordered, published_events
from compiler.lookups import spread_lookups
from compiler.model import Json, Path, Settings, Stack
from compiler.trace import plain

_KINDS = {"dns": "DNS name", "topics": "topic name", "priorities": "listener priority"}
_SSM = re.compile(r"\{\{resolve:ssm:([^:}]+)[^}]*\}\}")


@dataclass(frozen=True, slots=True)
class Neighbor:
    """What another service runs in an environment: its events, and the names that it has, by their kind.

    What it `consumes` is written `service.event`; `ordered` are those events, of either, whose order it keeps. What it
    `calls` are endpoints, None where nobody wrote them down.
    """

    service: str
    release: str
    publishes: frozenset[str]
    consumes: frozenset[str]
    claims: Mapping[str, frozenset[str]]
    calls: frozenset[str] | None = None
    ordered: frozenset[str] = frozenset()


def describe_contract(settings: Settings, stack: Stack) -> dict[str, Json]:
    """Say for one environment what a service publishes, consumes and calls, and which names it has."""
    published, consumed = published_events(settings.data), consumed_events(settings.data)
    service = plain(settings.data["service"])
    ordered = {f"{service}.{plain(event)}" for event, keeps_order in published.items() if keeps_order}
    ordered.update(plain(event) for event, said in consumed.items() if is_ordered(said))
    claims: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for kind, name, _ in _list_claims(stack):
        claims[kind].add(name)
    return {
        "publishes": sorted(plain(event) for event in published),
        "consumes": sorted(plain(event) for event in consumed),
        "ordered": sorted(ordered),
        "calls": list(find_calls(stack)),
        "claims": {kind: sorted(names) for kind, names in claims.items()},
    }


def read_neighbor(service: str, release: str, environment: str, manifest: Mapping[str, Json]) -> Neighbor:
    """Read from a manifest, whatever shape it has, what a service does in an environment.

    An older one says of all environments together what the service publishes, and nothing of names.
    """
    contract = map_at(map_at(manifest, "contracts"), environment)
    claims = map_at(contract, "claims")
    publishes = _texts(contract.get("publishes", manifest.get("publishes")))
    consumes = _texts(contract.get("consumes"))
    calls = _texts(contract["calls"]) if "calls" in contract else None
    names = {kind: _texts(claims.get(kind)) for kind in _KINDS}
    return Neighbor(service, release, publishes, consumes, names, calls, _texts(contract.get("ordered")))


def find_rivals(mine: Neighbor, others: Iterable[Neighbor]) -> Iterator[tuple[str, Neighbor]]:
    """Yield each name that a release and another service have in one environment, with its kind, and who has it."""
    for each in others:
        for kind in _KINDS:
            for name in sorted(mine.claims[kind] & each.claims[kind]):
                yield _write_name(kind, name), each


def find_orphans(before: Neighbor, after: Neighbor, others: Iterable[Neighbor]) -> Iterator[tuple[str, Neighbor]]:
    """Yield each event that a service publishes and would not any more, with who consumes it there."""
    for event in sorted(before.publishes - after.publishes):
        for each in others:
            if f"{before.service}.{event}" in each.consumes:
                yield event, each


def check_contracts(
    settings: Settings, stack: Stack, neighbors: Iterable[Neighbor], *, is_strict: bool
) -> Iterator[Diagnostic]:
    """Compare what a service would be in an environment with what the others are there."""
    service = str(plain(settings.data["service"]))
    others = {each.service: each for each in neighbors if each.service != service}
    severity: Severity = "error" if is_strict else "warning"
    yield from _check_consumed(settings, service, others, severity)
    yield from _check_asked(settings, others, severity)
    yield from _check_published(settings, service, others.values(), severity)
    yield from _check_claims(settings.environment_name, stack, others.values())


def _check_consumed(
    settings: Settings, service: str, others: Mapping[str, Neighbor], severity: Severity
) -> Iterator[Diagnostic]:
    where = settings.environment_name
    for consumed, said in consumed_events(settings.data).items():
        publisher, _, event = str(plain(consumed)).partition(".")
        neighbor = others.get(publisher)
        if publisher == service:
            continue
        if neighbor and event in neighbor.publishes:
            yield from _check_order(where, consumed, said, neighbor, severity)
            continue
        if neighbor is None:
            message = f"nothing is promoted for `{publisher}` in `{where}`, which should publish `{event}`"
            hint = (
                suggest(publisher, others)
                or f"promote `{publisher}` there first, or its topic is missing and the deployment fails"
            )
        else:
            message = f"`{publisher}` does not publish `{event}` in `{where}`, where it runs `{neighbor.release}`"
            known = ", ".join(f"`{name}`" for name in sorted(neighbor.publishes))
            hint = suggest(event, neighbor.publishes) or (f"it publishes {known}" if known else "it publishes nothing")
        yield Diagnostic("D860", message, span_of(consumed), hint, severity)


def _check_asked(settings: Settings, others: Mapping[str, Neighbor], severity: Severity) -> Iterator[Diagnostic]:
    """Compare the events of others that processes ask to publish with what is published there."""
    for process in map_at(settings.data, "processes").values():
        for permission in map_at(process, "permissions").values():
            said = permission.get("publish") if isinstance(permission, dict) else None
            publisher, _, event = str(plain(said)).partition(".")
            neighbor = others.get(publisher)
            if said is not None and neighbor and event in neighbor.publishes:
                yield from _check_order(settings.environment_name, said, permission, neighbor, severity)


def _check_order(where: str, event: Json, said: Json, neighbor: Neighbor, severity: Severity) -> Iterator[Diagnostic]:
    """Compare what is said here of an event, and whose name stands there, with what its publisher says of it."""
    if (plain(event) in neighbor.ordered) != is_ordered(said):
        mine, theirs = _ordered(is_ordered(said)), _ordered(not is_ordered(said))
        message = f"`{event}` is {mine} here, and `{neighbor.service}` publishes it {theirs} in `{where}`"
        message += f", where it runs `{neighbor.release}`: there is no topic of this name"
        hint = "remove `ordered`" if is_ordered(said) else "add `ordered: true`"
        yield Diagnostic("D347", message, span_of(event), hint, severity)


def _check_published(
    settings: Settings, service: str, others: Iterable[Neighbor], severity: Severity
) -> Iterator[Diagnostic]:
    """Yield what others consume of a service that does not publish it, or not any more."""
    where = settings.environment_name
    events = published_events(settings.data)
    published = {str(plain(event)): event for event in events}
    span = span_of(next(iter(events), settings.data["service"]))
    for each in others:
        for consumed in sorted(each.consumes):
            publisher, _, event = consumed.partition(".")
            if publisher == service and event not in published:
                message = f"`{each.service}` consumes `{event}` in `{where}`, where it runs `{each.release}`"
                hint = suggest(event, published) or f"publish it, or promote a `{each.service}` that does without first"
                yield Diagnostic("D863", f"{message}, and this service does not publish it", span, hint, severity)
            elif publisher == service and (consumed in each.ordered) != events[published[event]]:
                mine, theirs = _ordered(events[published[event]]), _ordered(consumed in each.ordered)
                message = f"`{each.service}` consumes `{event}` {theirs} in `{where}`, where it runs `{each.release}`"
                message += f", and this service publishes it {mine}: its subscription would be to a topic that is gone"
                hint = "publish it under another name, and let consumers move to that"
                yield Diagnostic("D347", message, span_of(published[event]), hint, severity)


def _ordered(keeps_order: bool) -> str:
    return "in order" if keeps_order else "in no order"


def _check_claims(environment: str, stack: Stack, others: Iterable[Neighbor]) -> Iterator[Diagnostic]:
    holders = {(kind, name): each for each in others for kind in _KINDS for name in each.claims[kind]}
    for kind, name, path in _list_claims(stack):
        holder = holders.get((kind, name))
        if holder:
            cause = find_cause(stack, path)
            span, related = place_cause(cause) if cause else (None, ())
            taken = f"by `{holder.service}` in `{environment}`, where it runs `{holder.release}`"
            choice = "another `routing.priority`" if kind == "priorities" else "another"
            hint = f"choose {choice}, or ask who owns `{holder.service}` to promote a release that does without it"
            yield Diagnostic("D861", f"{_write_name(kind, name)} is taken {taken}", span, hint, related=related)


def _write_name(kind: str, name: str) -> str:
    """Write a name as people know it; a listener is known by the parameter that tells its ARN."""
    if kind != "priorities":
        return f"{_KINDS[kind]} `{name}`"
    priority, _, listener = name.partition(" of ")
    parameter = _SSM.sub(r"\1", listener)
    return f"{_KINDS[kind]} `{priority}` at `{parameter}`"


def _list_claims(stack: Stack) -> Iterator[tuple[str, str, Path]]:
    """Yield the kind, the name and the place of every name that no two services of an environment can have."""
    template, _ = spread_lookups(stack.template)  # in a large stack a listener is a parameter
    for logical_id, resource in (template.get("Resources") or {}).items():
        at: Path = ("Resources", logical_id, "Properties")
        properties = map_at(resource, "Properties")
        match resource.get("Type") if isinstance(resource, dict) else None:
            case "AWS::SNS::Topic":
                yield from _claim("topics", properties.get("TopicName"), (*at, "TopicName"))
            case "AWS::Route53::RecordSet":
                yield from _claim_record(properties, at)
            case "AWS::Route53::RecordSetGroup":
                records = properties.get("RecordSets")
                for index, record in enumerate(records if isinstance(records, list) else ()):
                    yield from _claim_record(record, (*at, "RecordSets", index))
            case "AWS::ElasticLoadBalancingV2::ListenerRule":
                # A listener of the stack's own is a reference, and shared with nobody.
                listener, priority = plain(properties.get("ListenerArn")), plain(properties.get("Priority"))
                if isinstance(listener, str) and isinstance(priority, int | str):
                    yield "priorities", f"{priority} of {listener}", (*at, "Priority")


def _claim_record(record: Json, at: Path) -> Iterator[tuple[str, str, Path]]:
    if isinstance(record, dict) and "SetIdentifier" not in record:  # several records may share a name by intent
        for _, name, path in _claim("dns", record.get("Name"), (*at, "Name")):
            yield "dns", name.rstrip(".").lower(), path


def _claim(kind: str, name: Json, path: Path) -> Iterator[tuple[str, str, Path]]:
    if isinstance(name, str):
        yield kind, str(plain(name)), path


def _texts(data: Json) -> frozenset[str]:
    return frozenset(each for each in data if isinstance(each, str)) if isinstance(data, list) else frozenset()
