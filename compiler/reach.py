"""Reach: whether the network of an environment leads to the AWS services that a service may call there.

In: Settings, Stack, the Library.    Out: Diagnostics.
Faults: D370, D376, D398, D373 as a warning.
Never: asks anything of what reaches the internet; nor, of a network whose endpoints are derived, for those that follow
the services.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from compiler.blame import map_at, span_of
from compiler.calls import ENDPOINTS, find_calls, find_unknown, list_endpoints, list_names, read_actions
from compiler.cause import find_cause, place_cause
from compiler.confined import find_confined
from compiler.destinations import INTERNET
from compiler.diagnostics import Diagnostic, Related, Span
from compiler.lookups import spread_lookups
from compiler.model import Entry, Json, Library, Path, Said, Settings, Stack, value_at, walk_leaves
from compiler.resolve import resolve_environment
from compiler.trace import plain

_ENDPOINT, _POLICY = "AWS::EC2::VPCEndpoint", "AWS::IAM::ManagedPolicy"
_PUBLISHED = "{{resolve:ssm:"


def check_reach(settings: Settings, stack: Stack, library: Library) -> Iterator[Diagnostic]:
    """Yield each AWS service that the roles of a stack may call and the environment has no endpoint for."""
    network = plain(settings.environment["network"])
    if network["nat"] != "none":
        yield from _check_confined(settings, stack, library, network.get("endpoints"))
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


def _check_confined(settings: Settings, stack: Stack, library: Library, endpoints: Json) -> Iterator[Diagnostic]:
    """Check what instances may call that reach no internet, although their network does."""
    roles, where = find_confined(stack), settings.environment_name
    for name, path in find_unknown(stack, roles).items():
        span, related = _place_confined(settings, stack, path)
        message = f"no endpoint is known that leads to `{name}` from `{where}` without the internet"
        hint = "set `egress.internet: true` for this process, unless nothing calls it"
        yield Diagnostic("D376", message, span, hint, "notice", related=related)
    if not isinstance(endpoints, list):
        return
    for name, path in {**_find_shared(settings, stack, library, roles), **find_calls(stack, roles)}.items():
        if name not in endpoints:
            span, related = _place_confined(settings, stack, path)
            message = f"`{name}` cannot be reached without the internet in `{where}`, which has no endpoint for it"
            hint = f"set `egress.internet: true`, or ask the platform team to add `{name}` to `network.endpoints`"
            yield Diagnostic("D398", message, span, hint, related=related)


def _place_confined(settings: Settings, stack: Stack, path: Path) -> tuple[Span | None, tuple[Related, ...]]:
    """Return where to show a call: what the platform alone asks for fails because a process reaches no internet."""
    cause = _find_asker(stack, path) if "Action" in path else None
    word = _find_word(settings)
    fed = cause is not None and any(each.origin.layer == "service" for each in cause.fed_by)
    if cause is not None and (fed or word is None or cause.origin.layer != "template"):
        return place_cause(cause)
    return word, (Related("the platform asks for it here", cause.origin.span),) if cause else ()


def _find_word(settings: Settings) -> Span | None:
    """Return where a process says first that it reaches no internet."""
    words = (
        span_of(word)
        for process in map_at(settings.data, "processes").values()
        for word, wanted in map_at(process, "egress").items()
        if word == INTERNET and wanted is False
    )
    return next(words, None)


def _find_shared(settings: Settings, stack: Stack, library: Library, roles: Collection[str]) -> dict[str, Path]:
    """Name the endpoints that policies of the environment need, each with the place where a role names the policy."""
    found: dict[str, Path] = {}
    actions: dict[str, list[str]] | None = None
    template, _ = spread_lookups(stack.template)  # in a large stack the policy is a parameter
    for role in sorted(roles):
        at: Path = ("Resources", role, "Properties", "ManagedPolicyArns")
        for path, arn in walk_leaves(value_at(template, at), at):
            if not isinstance(arn, str) or not arn.startswith(_PUBLISHED):
                continue
            actions = _read_published(settings, library) if actions is None else actions
            for action in actions.get(arn.removeprefix(_PUBLISHED).removesuffix("}}"), ()):
                for endpoint in list_endpoints(action):
                    found.setdefault(endpoint, path)
    return dict(sorted(found.items()))


def _read_published(settings: Settings, library: Library) -> dict[str, list[str]]:
    """List what the environment's own managed policies allow, by the SSM path that their ARN is published under."""
    entries = [entry for entry in _build_own(settings, library) if entry.section == "Resources"]
    policies = {entry.name: entry.body["Properties"] for entry in entries if entry.body["Type"] == _POLICY}
    return {
        str(properties["Name"]): [action for _, action in read_actions(policies[name]["PolicyDocument"], ())]
        for entry in entries
        if entry.body["Type"] == "AWS::SSM::Parameter"
        for properties in [entry.body["Properties"]]
        for name in list_names(properties.get("Value"))
        if name in policies
    }


def place_call(stack: Stack, path: Path) -> tuple[Span | None, tuple[Related, ...]]:
    """Return where to show an action that is allowed: where the team's word stands that made the statement."""
    cause = _find_asker(stack, path)
    return place_cause(cause) if cause else (None, ())


def _find_asker(stack: Stack, path: Path) -> Said | None:
    """Return the word that an action is allowed for.

    Actions are mostly the platform's own words; what they are allowed on is what the service asks for.
    """
    cause = find_cause(stack, path)
    if cause is not None and not cause.fed_by and cause.origin.layer == "template":
        at = (*path[: len(path) - 1 - path[::-1].index("Action")], "Resource")
        words = [stack.stories[leaf][-1] for leaf, _ in walk_leaves(value_at(stack.template, at), at)]
        asked = (word for word in words if any(each.origin.layer == "service" for each in word.fed_by))
        cause = next(asked, cause)
    return cause


def _list_endpoints(settings: Settings, library: Library) -> set[str]:
    """Name the services that the environment's own templates make an endpoint for."""
    prefix = f"com.amazonaws.{plain(settings.environment['region'])}."
    return {
        str(entry.body["Properties"].get("ServiceName")).removeprefix(prefix)
        for entry in _build_own(settings, library)
        if entry.section == "Resources" and entry.body["Type"] == _ENDPOINT
    }


def _build_own(settings: Settings, library: Library) -> Iterator[Entry]:
    """Yield what the templates of the environment itself make."""
    from compiler.build import build_environment, read_environment

    shared = read_environment(settings, library).shared
    for fragment in build_environment(resolve_environment(library, shared), library):
        yield from fragment.entries
