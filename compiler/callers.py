"""Callers: which services of an environment need which endpoints of its network.

In: services in folders, a Bucket that says what runs, the Library.    Out: Callers, by environment; diagnostics.
Faults: D371 no service was found; D372 a release does not say; D374 what runs cannot be read, as CompileError; what
compiling and the bucket raise.
Never: builds an environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compiler.blame import map_at, span_of
from compiler.bucket import Bucket
from compiler.calls import Callers, find_calls
from compiler.contracts import Neighbor
from compiler.diagnostics import CompileError, Diagnostic, Source, Span, has_errors, order_diagnostics
from compiler.layers import find_member
from compiler.model import Library, Origin, Said, Setting, Stack
from compiler.pipeline import build_stack, plan_service
from compiler.promote import list_channels, read_neighbors
from compiler.reach import place_call
from compiler.resolve import resolve_environment
from compiler.trace import trace_value


@dataclass(frozen=True, slots=True)
class _Call:
    environment: str
    endpoint: str
    service: str
    span: Span


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of one service in an environment, or in one that shares its network."""

    environment: str
    calls: tuple[_Call, ...] = ()
    fault: Diagnostic | None = None


def find_callers(
    library: Library, environments: Sequence[str], services: Iterable[Path], bucket: Bucket | None
) -> tuple[Callers, tuple[Diagnostic, ...]]:
    """Find what the services in some folders call, and what those call that run in environments with derived endpoints.

    Raises CompileError where a service does not compile, or what runs cannot be read: without an endpoint that is
    there now, calls would fail.
    """
    derived = [name for name in environments if _is_derived(library, name)]
    folders = tuple(services)
    each_found: list[_Found] = []
    for folder in folders if derived else ():
        try:
            each_found += _compile_calls(folder, library, derived)
        except CompileError as error:
            raise CompileError(_place_in(folder, each) for each in error.diagnostics) from None
    is_empty = False
    if bucket is not None and derived:
        running = {name for _, name in list_channels(bucket)}
        is_empty = not running
        each_found += (found for name in derived for found in _read_running(bucket, library, name, running))
    found = [each.fault for each in each_found if each.fault]
    if has_errors(found):
        raise CompileError(order_diagnostics(found))
    calls = [call for each in each_found for call in each.calls]
    silent = [name for name in derived if name not in {each.environment for each in each_found}]
    # Nothing at all in a bucket is what a wrong url or prefix looks like.
    found.extend(_doubt(library, name) for name in silent if is_empty or _has_no_way_out(library, name))
    callers: dict[str, dict[str, dict[str, str]]] = {name: {} for name in derived}
    for call in calls:
        traced = trace_value(
            call.service, Setting(("services", call.service), (Said(Origin("service", call.span), call.service),))
        )
        callers[call.environment].setdefault(call.endpoint, {}).setdefault(call.service, traced)
    sorted_callers = {
        name: {endpoint: tuple(named[key] for key in sorted(named)) for endpoint, named in sorted(endpoints.items())}
        for name, endpoints in callers.items()
    }
    return sorted_callers, order_diagnostics(found)


def list_reasons(stack: Stack) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the logical id of each derived endpoint of a stack, and who needs it."""
    for name, body in stack.template["Resources"].items():
        reasons = body.get("Metadata", {}).get("NeededBy")
        if isinstance(reasons, list):
            yield name, tuple(str(reason) for reason in reasons)


def _is_derived(library: Library, environment: str) -> bool:
    return not isinstance(_network(library, environment).get("endpoints"), list)


def _has_no_way_out(library: Library, environment: str) -> bool:
    return bool(_network(library, environment).get("nat") == "none")


def _network(library: Library, environment: str) -> dict[str, Any]:
    return map_at(resolve_environment(library, environment).environment, "network")


def _doubt(library: Library, environment: str) -> Diagnostic:
    message = f"the endpoints of `{environment}` are derived, and no service was found that runs there"
    span = span_of(_network(library, environment)["nat"])
    hint = "name the services, or with --bucket where to read what runs: endpoints that only they need are left out"
    return Diagnostic("D371", message, span, hint, "warning")


def _compile_calls(folder: Path, library: Library, environments: Sequence[str]) -> Iterator[_Found]:
    plan = plan_service(folder, library, with_archives=False, follow_lock=False)
    for name in plan.settings:
        member = find_member(library.environments, name)
        if member is None or member.shared not in environments:
            continue
        stack, found = build_stack(plan, library, name, lint=False)
        if has_errors(found):
            raise CompileError(found)
        calls = []
        for endpoint, path in find_calls(stack).items():
            span, _ = place_call(stack, path)
            assert span is not None, path  # every leaf of a stack has a story
            source = Source(f"{plan.service}/{span.path}", span.source.lines)
            placed = Span(source, span.line, span.column, span.end_line, span.end_column)
            calls.append(_Call(member.shared, endpoint, plan.service, placed))
        yield _Found(member.shared, tuple(calls))


def _place_in(folder: Path, fault: Diagnostic) -> Diagnostic:
    """Put the folder of a service before the paths of its files, since there may be several; the library's stay."""

    def move(span: Span) -> Span:
        is_of_library = span.path.startswith("platform/")
        return span if is_of_library else replace(span, source=replace(span.source, path=f"{folder}/{span.path}"))

    related = tuple(replace(each, span=move(each.span)) for each in fault.related)
    return replace(fault, span=fault.span and move(fault.span), related=related)


def _read_running(bucket: Bucket, library: Library, environment: str, running: set[str]) -> Iterator[_Found]:
    """Read what runs in an environment, and in all of `running` that share its network."""
    members = (find_member(library.environments, name) for name in running)
    names = sorted(each.name for each in members if each and each.shared == environment)
    for name in names:
        for each in read_neighbors(bucket, "", name):
            if not isinstance(each, Neighbor):
                message = f"{each.message}, and which endpoints it needs is not known"
                hint = "promote a sound release of it, or name the folders of all services and no bucket"
                yield _Found(environment, fault=Diagnostic("D374", message, None, hint))
            elif each.calls is None:
                message = f"release `{each.release}` of `{each.service}` in `{name}` does not say what it calls"
                hint = "an older compiler made it: name the service as well, or promote a newer release"
                yield _Found(environment, fault=Diagnostic("D372", message, None, hint, "warning"))
            else:
                source = Source(f"{each.service}/releases/{each.release}/manifest.json", ())
                span = Span(source, 1, 1, 1, 1)
                calls = (_Call(environment, endpoint, each.service, span) for endpoint in sorted(each.calls))
                yield _Found(environment, tuple(calls))
