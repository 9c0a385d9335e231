"""Actor: who runs a command, as CI or the machine knows them.

In: the environment's variables, a name that was asked for.    Out: an Actor.
Faults: MoveTextError where nothing names anybody, or a name cannot be recorded.
Never: takes a url with a password in it, or reads the environment by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from compiler.channel import Actor, MoveTextError, check_text


@dataclass(frozen=True, slots=True)
class _System:
    """A CI system: the variables that hold a name, the best first, and how the url of a run is made of others."""

    names: tuple[str, ...]
    run: str


_SYSTEMS = (
    # Who ran a workflow again is not who ran it first.
    _System(
        ("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"),
        "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
    ),
    _System(("GITLAB_USER_LOGIN",), "{CI_JOB_URL}"),
    _System(("BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_CREATOR_EMAIL"), "{BUILDKITE_BUILD_URL}"),
    _System(("CODEBUILD_INITIATOR",), "{CODEBUILD_PUBLIC_BUILD_URL}"),
    _System(("CIRCLE_USERNAME",), "{CIRCLE_BUILD_URL}"),
    _System(
        ("BUILD_REQUESTEDFOR",),
        "{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
    ),
    _System(("BUILD_USER_ID",), "{BUILD_URL}"),  # Jenkins
)


def find_actor(variables: Mapping[str, str], *, asked: str | None, login: Callable[[], str]) -> Actor:
    """Name who was asked for, else who started the run of CI, else who is logged in; with the run's url, if any."""
    run = next(filter(None, (_find_run(system, variables) for system in _SYSTEMS)), None)
    if asked is not None:
        return Actor(check_text(asked, "actor"), run)
    named = (variables.get(name, "").strip() for system in _SYSTEMS for name in system.names)
    try:
        name = next(filter(None, named), "") or login()
    except (OSError, KeyError):  # as in a container, whose user has a number and no name
        raise MoveTextError("nothing tells who you are: name yourself with --actor") from None
    return Actor(check_text("".join(_escape(name)), "actor"), run)


def _find_run(system: _System, variables: Mapping[str, str]) -> str | None:
    try:
        url = system.run.format_map(variables)
        parts = urlsplit(url)
        is_safe = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        return check_text(url, "url") if is_safe and " " not in url else None
    except (KeyError, ValueError):
        return None


def _escape(name: str) -> Iterator[str]:
    for character in name:
        yield character if character.isprintable() else character.encode("unicode_escape").decode()
