"""Reach: whether the network of an environment leads to the AWS services that a service may call there.

In: Settings, Stack, the Library.    Out: Diagnostics.
Faults: D370, D376, D373 as a warning.
Never: asks anything of a network with a way out; nor, of one whose endpoints are derived, for those that follow the
services.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.blame import span_of
from compiler.calls import ENDPOINTS, find_calls, find_unknown
from compiler.cause import find_cause, place_cause
from compiler.diagnostics import Diagnostic, Related, Span
from compiler.model import Library, Path, Settings, Stack, value_at, walk_leaves
from compiler.resolve import resolve_environment
from compiler.trace import plain

_ENDPOINT = "AWS::EC2::VPCEndpoint"


def check_reach(settings: Settings, stack: Stack, library: Library) -> Iterator[Diagnostic]:
    """Yield each AWS service that the roles of a stack may call and the environment has no endpoint for."""
    network = plain(settings.environment["network"])
    if network["nat"] != "none":
        return
    for name, path in find_unknown(stack).items():
        span, related = place_call(stack, path)
        message = (
            f"no endpoint is known that leads to `{name}` from `{settings.environment_name}`, which has no way out"
        )
        hint = "ask the platform team for a list of `network.endpoints` with it, or for a way out; calls fail otherwise"
        yield Diagnostic("D376", message, span, hint, "notice", related=related)
    if not isinstance(network.get("endpoints"), list):
        return
    calls = find_calls(stack)
    missing = [name for name in calls if name not in network["endpoints"]]
    known = _list_endpoints(settings, library) if missing else set()
    for name in missing:
        if name not in known:
            span, related = place_call(stack, calls[name])
            where = settings.environment_name
            message = f"`{name}` cannot be reached in `{where}`, whose network has no way out and no endpoint for it"
            hint = f"ask the platform team to add `{name}` to `network.endpoints`, or to let them be derived"
            yield Diagnostic("D370", message, span, hint, "warning", related=related)


def check_endpoints(settings: Settings) -> Iterator[Diagnostic]:
    """Doubt each endpoint of an environment that is on no list of ours; AWS may have come to have it since."""
    region, listed = settings.environment["region"], settings.environment["network"].get("endpoints")
    for name in listed if isinstance(listed, list) else ():
        if name not in ENDPOINTS:
            message = f"no endpoint `{plain(name)}` is known, and the network's stack fails where AWS has none either"
            hint = f"see whether AWS lists `com.amazonaws.{region}.{plain(name)}`, and remove it otherwise"
            yield Diagnostic("D373", message, span_of(name), hint, "warning")


def place_call(stack: Stack, path: Path) -> tuple[Span | None, tuple[Related, ...]]:
    """Return where to show an action that is allowed: where the team's word stands that made the statement.

    Actions are mostly the platform's own words; what they are allowed on is what the service asks for.
    """
    cause = find_cause(stack, path)
    if cause is not None and not cause.fed_by and cause.origin.layer == "template":
        at = (*path[: len(path) - 1 - path[::-1].index("Action")], "Resource")
        words = [stack.stories[leaf][-1] for leaf, _ in walk_leaves(value_at(stack.template, at), at)]
        asked = (word for word in words if any(each.origin.layer == "service" for each in word.fed_by))
        cause = next(asked, cause)
    return place_cause(cause) if cause else (None, ())


def _list_endpoints(settings: Settings, library: Library) -> set[str]:
    """Name the services that the environment's own templates make an endpoint for."""
    from compiler.build import build_environment, read_environment

    shared = read_environment(settings, library).shared
    prefix = f"com.amazonaws.{plain(settings.environment['region'])}."
    return {
        str(entry.body["Properties"].get("ServiceName")).removeprefix(prefix)
        for fragment in build_environment(resolve_environment(library, shared), library)
        for entry in fragment.entries
        if entry.section == "Resources" and entry.body["Type"] == _ENDPOINT
    }
