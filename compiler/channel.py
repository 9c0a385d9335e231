"""Channel: which release of a service an environment runs, and every move that led there.

In: a Channel and what is to happen, or the bytes of one.    Out: the Channel after it; its bytes.
Faults: DamagedObject for bytes that no Channel renders to; MoveTextError.
Never: changes or drops a move that was made, reads a clock, or touches a bucket; `promote` does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, get_args

from compiler.bucket_contract import DamagedObject
from compiler.diagnostics import find_credential
from compiler.manifest import render_json
from compiler.model import Json

Action = Literal["promote", "rollback"]

MAX_TEXT = 1_000  # characters of an actor, a reason, or the url of a run
_MAX_BYTES = 16 * 1024 * 1024  # some 40,000 moves
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_TIME = "%Y-%m-%dT%H:%M:%SZ"
# What people paste that no issuer gave a shape: the user of a url, and what is called a secret.
_SECRET = re.compile(
    r"://[^/\s@]+@|\bbearer\s+\S{8}|(password|passwd|pwd|secret|token|signature|(api|access|private)[_-]?key)\s*[=:]\s*\S",
    re.IGNORECASE,
)


class MoveTextError(ValueError):
    """A name or a reason that cannot be recorded."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who moves a channel, and the url of the run of CI that does so for them."""

    name: str
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants a channel to move, when (an aware time) and why; `nonce` is a word of chance, see Move."""

    actor: Actor
    at: datetime
    nonce: str
    reason: str | None = None
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One entry of a history. `before` is the release that ran until then, `at` is UTC, such as 2026-11-21T10:15:00Z.

    `nonce` is a word of chance: of two who write the same move, one could not tell otherwise that the other won.
    `skipped` names the environments that the release should have run in first and was forced past, `rivals` the
    services of which it was given names, or whose events it took away, all the same.
    """

    number: int
    nonce: str
    release: str
    before: str | None
    action: Action
    at: str
    actor: Actor
    reason: str | None = None
    skipped: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()

    @property
    def is_forced(self) -> bool:
        return bool(self.skipped or self.rivals)

    @property
    def time(self) -> datetime:
        return datetime.strptime(self.at, _TIME).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Channel:
    """All moves of one service in one environment, the oldest first; none where nothing was promoted yet.

    `sweeps` counts the times that `gc` looked at it before it removed something, see `sweep`.
    """

    service: str
    environment: str
    history: tuple[Move, ...] = ()
    sweeps: int = 0

    @property
    def key(self) -> str:
        return channel_key(self.service, self.environment)

    @property
    def release(self) -> str | None:
        return self.history[-1].release if self.history else None

    def has_run(self, release: str) -> bool:
        return any(move.release == release for move in self.history)


def channel_key(service: str, environment: str) -> str:
    return f"environments/{environment}/{service}.json"


def move_channel(
    channel: Channel,
    action: Action,
    release: str,
    wish: Wish,
    *,
    skipped: tuple[str, ...] = (),
    rivals: tuple[str, ...] = (),
) -> Channel:
    """Let another release run from now on; a clock that went back is not followed.

    The caller has seen that the release is not the one that runs.
    """
    assert release != channel.release
    at = wish.at.astimezone(UTC).strftime(_TIME)
    move = Move(
        number=len(channel.history) + 1,
        nonce=wish.nonce,
        release=release,
        before=channel.release,
        action=action,
        at=max(at, channel.history[-1].at) if channel.history else at,
        actor=wish.actor,
        reason=wish.reason,
        skipped=skipped,
        rivals=rivals,
    )
    return replace(channel, history=(*channel.history, move))


def mark_swept(channel: Channel) -> Channel:
    """Change the channel's bytes and nothing that it says, so that a move which was planned before is refused."""
    return replace(channel, sweeps=channel.sweeps + 1)


def find_previous(channel: Channel) -> str | None:
    """Find the release that a rollback leads to: what ran before the running one was promoted; None where nothing did.

    Moves are undone as an editor undoes changes: after a rollback, the next one goes further back and not forth again.
    Of promotions of 1, 2 and 3, two rollbacks lead to 2 and to 1; a promotion of 4 after them is undone to 1. What a
    rollback leads to that was undone before stands on what it stood on then: of 1, 2, back to 1, 3, back to 2, on 1.
    """
    standing: tuple[str, ...] = ()
    once: dict[str, tuple[str, ...]] = {}  # what stood when a release was promoted last, itself included
    for move in channel.history:
        if move.action == "rollback" and move.release in standing:
            while standing[-1] != move.release:
                standing = standing[:-1]
        elif move.action == "rollback":
            standing = once.get(move.release, (move.release,))
        else:
            standing = (*standing, move.release)
            once[move.release] = standing
    return standing[-2] if len(standing) > 1 else None


def check_text(text: str, what: str) -> str:
    """Return a text as it is recorded, on one line. Raises MoveTextError where it is empty, too long or unprintable."""
    line = _check_line(" ".join(text.split()), what)
    if _SECRET.search(line):
        raise MoveTextError(f"the {what} holds what looks like a credential, and everyone can read it")
    return line


def _check_line(line: str, what: str) -> str:
    if not line:
        raise MoveTextError(f"the {what} is empty")
    if not line.isprintable():
        raise MoveTextError(f"the {what} holds an unprintable character")
    if len(line) > MAX_TEXT:
        raise MoveTextError(f"the {what} has more than {MAX_TEXT:,} characters")
    if find_credential(line):
        raise MoveTextError(f"the {what} holds what looks like a credential, and everyone can read it")
    return line


def render_channel(channel: Channel) -> bytes:
    """Write a channel as canonical JSON."""
    return render_json(
        {
            "schema": 1,
            "service": channel.service,
            "environment": channel.environment,
            "release": channel.release,
            "sweeps": channel.sweeps,
            "history": [_render_move(move) for move in channel.history],
        }
    )


def parse_channel(content: bytes, service: str, environment: str) -> Channel:
    """Read what `render_channel` wrote for this service and environment, and nothing else.

    Raises DamagedObject. What is understood has to be written as the same bytes again: a key that was added by hand or
    by a later version of Flagstone would be lost with the next move, and nothing of a history may be.
    """
    key = channel_key(service, environment)
    if len(content) > _MAX_BYTES:
        raise DamagedObject(key, f"it has {len(content):,} bytes, more than a channel can have")
    try:
        data = json.loads(content)
        channel = Channel(service, environment, tuple(_parse_history(data["history"])), int(data["sweeps"]))
        if render_channel(channel) == content and channel.sweeps >= 0:
            return channel
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    reason = f"it is not the channel of `{service}` in `{environment}` as this version of Flagstone writes it"
    raise DamagedObject(key, reason)


def _render_move(move: Move) -> Json:
    return {
        "number": move.number,
        "nonce": move.nonce,
        "release": move.release,
        "from": move.before,
        "action": move.action,
        "at": move.at,
        "by": move.actor.name,
        "run": move.actor.run,
        "reason": move.reason,
        "forced": move.is_forced,
        "skipped": list(move.skipped),
        **({"rivals": list(move.rivals)} if move.rivals else {}),
    }


def _parse_history(entries: Json) -> Iterator[Move]:
    """Yield the moves as far as each follows from the one before. Raises ValueError and what a wrong shape raises."""
    last: Move | None = None
    for number, entry in enumerate(entries, start=1):
        move = Move(
            number=number,
            nonce=_parse_name(entry["nonce"]),
            release=_parse_name(entry["release"]),
            before=last.release if last else None,
            action=entry["action"],
            at=entry["at"],
            actor=Actor(_parse_text(entry["by"]), _parse_text(entry["run"]) if entry["run"] is not None else None),
            reason=_parse_text(entry["reason"]) if entry["reason"] is not None else None,
            skipped=tuple(_parse_name(name) for name in entry["skipped"]),
            rivals=tuple(_parse_name(name) for name in entry.get("rivals", ())),
        )
        if move.action not in get_args(Action) or move.time.strftime(_TIME) != move.at:
            raise ValueError
        if move.release == move.before or (last and move.at < last.at) or (move.is_forced and move.reason is None):
            raise ValueError
        yield move
        last = move


def _parse_name(name: Json) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError
    return str(name)


def _parse_text(text: Json) -> str:
    # Not all that `check_text` asks of a new text: what was recorded before stays readable.
    if _check_line(text, "text") != " ".join(text.split()):
        raise ValueError
    return str(text)
