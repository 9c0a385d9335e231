"""A channel moves forward only: its history grows by whole entries, and no other bytes are a channel."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from compiler.bucket_contract import DamagedObject
from compiler.channel import (
    Action,
    Actor,
    Channel,
    MoveTextError,
    Wish,
    check_text,
    find_previous,
    mark_swept,
    move_channel,
    parse_channel,
    render_channel,
)

SECRETS = (
    "key AKIAIOSFODNN7EXAMPLE",
    "see https://user:secret@host/x",
    "https://0123456789@host/x",
    "log in with password=hunter2",
    "DB_PASSWORD: hunter2",
    "Authorization: Bearer abcdefghijkl",
    "https://host/x?X-Amz-Signature=0123",
)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANNA = Actor("anna", "https://ci.example/run/7")


def wish(actor: Actor = ANNA, reason: str | None = None, **later: int) -> Wish:
    return Wish(actor, NOON + timedelta(**later), "m1", reason)


def walk(words: str) -> Channel:
    """Promote each word in turn; `-` rolls back to the previous release, `-x` to x."""
    channel = Channel("recipes", "production")
    for minutes, word in enumerate(words.split()):
        release = (word[1:] or find_previous(channel)) if word.startswith("-") else word
        assert release
        action: Action = "rollback" if word.startswith("-") else "promote"
        channel = move_channel(channel, action, release, wish(minutes=minutes))
    return channel


@pytest.mark.parametrize(
    ("moves", "previous"),
    [
        ("", None),
        ("1", None),
        ("1 2", "1"),
        ("1 2 3 -", "1"),  # not 3, which was rolled back from
        ("1 2 3 - -", None),
        ("1 2 3 - - 4", "1"),
        ("1 2 3 - 4", "2"),
        ("1 2 1", "2"),
        ("1 2 1 -", "1"),
        ("1 2 3 4 -2", "1"),
        ("1 2 3 - -3", "2"),  # to what was rolled back from is forth again
        ("1 2 - 3 -2", "1"),  # not 3, which was just rolled back from
        ("1 2 - 3 4 -2", "1"),
        ("1 2 - 3 -2 3", "2"),
        ("1 2 1 3 -2", "1"),
    ],
)
def test_a_rollback_undoes_the_last_move_that_stands(moves: str, previous: str | None) -> None:
    assert previous == find_previous(walk(moves))


@given(some.lists(some.sampled_from(["1", "2", "3", "4", "-", "-1", "-2", "-3", "-4"]), max_size=14))
def test_rollbacks_come_to_an_end_and_none_leads_to_what_ran_since_the_promotion(words: list[str]) -> None:
    channel = Channel("recipes", "production")
    for word in words:
        release = (word[1:] or find_previous(channel)) if word.startswith("-") else word
        if release and release != channel.release and (word == release or channel.has_run(release)):
            channel = move_channel(channel, "rollback" if word.startswith("-") else "promote", release, wish())
    for _ in range(len(channel.history) + 1):
        previous = find_previous(channel)
        if previous is None:
            break
        promoted = [move.before for move in channel.history if move.action == "promote"]
        assert previous != channel.release and previous in promoted
        channel = move_channel(channel, "rollback", previous, wish())
    assert None is find_previous(channel)


@given(
    some.lists(
        some.tuples(some.sampled_from("123"), some.booleans(), some.integers(-9, 9), some.none() | some.text()),
        max_size=12,
    )
)
def test_a_history_only_grows_and_its_bytes_are_read_back(
    steps: list[tuple[str, bool, int, str | None]],
) -> None:
    channel = Channel("recipes", "production")
    for release, is_forced, hours, text in steps:
        if release == channel.release:
            continue
        try:
            reason = check_text(text, "reason") if text is not None else "none"
        except MoveTextError:
            continue
        moved = move_channel(
            channel,
            "promote",
            release,
            wish(hours=hours, reason=reason),
            skipped=("staging",) if is_forced else (),
        )
        assert channel.history == moved.history[:-1]
        assert channel.release == moved.history[-1].before and release == moved.release
        channel = mark_swept(moved) if is_forced else moved
        content = render_channel(channel)
        assert channel == parse_channel(content, "recipes", "production")
        assert content == render_channel(parse_channel(content, "recipes", "production"))
    assert list(range(1, len(channel.history) + 1)) == [move.number for move in channel.history]
    times = [move.at for move in channel.history]
    assert sorted(times) == times


def test_the_bytes_say_who_moved_what_when_and_why() -> None:
    first = move_channel(Channel("recipes", "production"), "promote", "r1", wish(Actor("anna")))
    second = move_channel(first, "promote", "r2", wish(ANNA, days=-1, reason="outage"), skipped=("staging",))
    assert {
        "schema": 1,
        "service": "recipes",
        "environment": "production",
        "release": "r2",
        "sweeps": 0,
        "history": [
            {
                "number": 1,
                "nonce": "m1",
                "release": "r1",
                "from": None,
                "action": "promote",
                "at": "2026-11-21T12:00:00Z",
                "by": "anna",
                "run": None,
                "reason": None,
                "forced": False,
                "skipped": [],
            },
            {
                "number": 2,
                "nonce": "m1",
                "release": "r2",
                "from": "r1",
                "action": "promote",
                "at": "2026-11-21T12:00:00Z",
                "by": "anna",
                "run": "https://ci.example/run/7",
                "reason": "outage",
                "forced": True,
                "skipped": ["staging"],
            },
        ],
    } == json.loads(render_channel(second))
    third = move_channel(second, "promote", "r3", wish(reason="outage"), rivals=("menu",))
    last = json.loads(render_channel(third))["history"][-1]
    assert (True, [], ["menu"]) == (last["forced"], last["skipped"], last["rivals"])
    assert third == parse_channel(render_channel(third), "recipes", "production")


def _set(*path: Any) -> Callable[[Any], None]:
    *steps, last, value = path

    def change(data: Any) -> None:
        for step in steps:
            data = data[step]
        data[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("schema", 2),
        _set("schema", True),
        _set("service", "orders"),
        _set("environment", "staging"),
        _set("release", "r1"),
        _set("release", None),
        _set("sweeps", -1),
        _set("sweeps", 0.0),
        _set("sweeps", "0"),
        _set("note", "by hand"),
        _set("history", {}),
        _set("history", None),
        _set("history", []),
        _set("history", 0, "number", 2),
        _set("history", 1, "number", 3),
        _set("history", 1, "number", 2.0),
        _set("history", 1, "nonce", ""),
        _set("history", 1, "from", None),
        _set("history", 1, "from", "r7"),
        _set("history", 0, "from", "r0"),
        _set("history", 1, "release", "../r2"),
        _set("history", 1, "release", ["r2"]),
        _set("history", 1, "action", "deploy"),
        _set("history", 1, "action", ["promote"]),
        _set("history", 1, "at", "2026-11-20T12:00:00Z"),
        _set("history", 1, "at", "2026-11-31T12:00:00Z"),
        _set("history", 1, "at", "2026-11-21T13:00:00+00:00"),
        _set("history", 1, "at", 7),
        _set("history", 1, "by", ""),
        _set("history", 1, "by", "anna\x1b[31m"),
        _set("history", 1, "by", "a" * 1001),
        _set("history", 1, "by", "AKIAIOSFODNN7EXAMPLE"),
        _set("history", 1, "run", "a\nb"),
        _set("history", 1, "reason", ""),
        _set("history", 1, "forced", True),
        _set("history", 1, "skipped", ["staging"]),
        _set("history", 1, "skipped", "staging"),
        _set("history", 1, "rivals", []),
        _set("history", 1, "rivals", ["menu"]),
        _set("history", 1, "also", 1),
    ],
)
def test_what_no_channel_is_written_as_is_damaged(change: Callable[[Any], None]) -> None:
    data = json.loads(render_channel(walk("r1 r2")))
    changed = copy.deepcopy(data)
    change(changed)
    assert changed != data or repr(changed) != repr(data)
    with pytest.raises(DamagedObject, match="`environments/production/recipes.json` in the bucket is damaged: it is"):
        parse_channel((json.dumps(changed, indent=2) + "\n").encode(), "recipes", "production")
    parse_channel((json.dumps(data, indent=2) + "\n").encode(), "recipes", "production")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"sweeps": ' + b"9" * 10_000 + b', "history": []}',
        b'{"sweeps": NaN, "history": []}',
        b" " * 20_000_000,
        render_channel(walk("r1 r2")).rstrip(),
        render_channel(walk("r1 r2")).replace(b'"schema": 1,', b'"schema": 1,\n  "schema": 1,'),
        render_channel(walk("r1 r2")).replace(b"anna", b"\\u0061nna"),
    ],
)
def test_other_bytes_are_no_channel(content: bytes) -> None:
    with pytest.raises(DamagedObject):
        parse_channel(content, "recipes", "production")


def test_a_text_is_recorded_on_one_line() -> None:
    assert "the outage of last night" == check_text("  the outage\n of last night\n", "reason")
    for text, message in (
        (" \n", "the reason is empty"),
        ("a\x1b[2J", "the reason holds an unprintable character"),
        ("a\u202eb", "the reason holds an unprintable character"),
        ("a\ud800", "the reason holds an unprintable character"),
        ("a" * 1001, "the reason has more than 1,000 characters"),
        *((text, "the reason holds what looks like a credential, and everyone can read it") for text in SECRETS),
    ):
        with pytest.raises(MoveTextError) as raised:
            check_text(text, "reason")
        assert message == str(raised.value)


def test_a_text_that_was_recorded_before_more_was_refused_is_read() -> None:
    channel = move_channel(walk("r1"), "promote", "r2", wish(reason="see https://anna:x@wiki.example/"))
    assert channel == parse_channel(render_channel(channel), "recipes", "production")
