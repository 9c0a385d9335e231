"""Many processes move one channel at once: each move that was confirmed is in the history, once, and no other is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from compiler.promote import read_channel
from tests.ministack import BucketAtHand
from tests.promotions import publish_release

_ROOT = Path(__file__).parent.parent
# Promotes its two releases in turn and prints the word of each move that it made. Where it has to make many, a lost
# race is run again, and the release is not read each time, which takes longer than the race.
_PROMOTER = """
import random, sys, time
from datetime import UTC, datetime
from compiler.bucket import open_bucket
from compiler.channel import Actor, Wish, move_channel
from compiler.promote import ChannelMoved, promote_release, read_channel, swap_channel
url, me, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
bucket = open_bucket(url)
read_channel(bucket, "recipes", "staging")
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    for tries in range(100):
        release, wish = f"{me}-{number % 2}", Wish(Actor(me), datetime.now(UTC), f"{me}-{number}")
        try:
            if count == 1:
                promote_release(bucket, "recipes", release, "staging", wish)
            else:
                swap_channel(bucket, "recipes", "staging", lambda then: move_channel(then, "promote", release, wish))
            print(wish.nonce)
            break
        except ChannelMoved:
            if count == 1:
                break
            time.sleep(random.random() * min(0.1 * 2**tries, 1.6))
"""


def race(at_hand: BucketAtHand, *, processes: int, count: int) -> list[list[str]]:
    """Let processes promote `count` times each, and return the words of the moves that each of them made."""
    bucket = at_hand.open()
    for me in range(processes):
        for turn in range(min(count, 2)):
            publish_release(bucket, f"p{me}-{turn}", environments=["staging"])
    promoters = [
        subprocess.Popen(
            [sys.executable, "-c", _PROMOTER, at_hand.url, f"p{me}", str(count)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in range(processes)
    ]
    for promoter in promoters:
        assert promoter.stdout
        assert "ready\n" == promoter.stdout.readline()
    for promoter in promoters:
        assert promoter.stdin
        promoter.stdin.write("go\n")
        promoter.stdin.flush()
    made = [promoter.communicate(timeout=120)[0].split() for promoter in promoters]
    assert [0] * processes == [promoter.returncode for promoter in promoters]
    return made


def test_of_sixteen_processes_one_wins_each_state(at_hand: BucketAtHand) -> None:
    made = race(at_hand, processes=16, count=1)
    history = read_channel(at_hand.open(), "recipes", "staging")[0].history

    assert sorted(word for words in made for word in words) == sorted(move.nonce for move in history)
    assert list(range(1, len(history) + 1)) == [move.number for move in history]
    assert [None, *(move.release for move in history)][:-1] == [move.before for move in history]


def test_eight_processes_with_fifty_promotions_each_lose_none(at_hand: BucketAtHand) -> None:
    made = race(at_hand, processes=8, count=50)
    history = read_channel(at_hand.open(), "recipes", "staging")[0].history

    assert list(range(1, 401)) == [move.number for move in history]
    assert made == [[move.nonce for move in history if move.actor.name == f"p{me}"] for me in range(8)]
    assert [50] * 8 == [len(words) for words in made]
