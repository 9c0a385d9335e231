"""One suite for every kind of bucket, and for the urls that name them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from compiler.bucket import (
    Bucket,
    BucketKeyError,
    BucketUnreachable,
    BucketUrlError,
    Conflict,
    NotInBucket,
    open_bucket,
)
from tests.ministack import BucketAtHand

_ROOT = Path(__file__).parent.parent
_KEYS_THAT_ESCAPE = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../outside",
    "a/../../outside",
    "a/./b",
    "a//b",
    "a/",
    "a\\..\\b",
    "a\0b",
    "a\nb",
    "a\ud800b",
    ".tmp/b",
    "a/.probe",
    "a" * 256,
    "/".join(["abc"] * 257),
]


@pytest.mark.parametrize("content", [b"", b"{}\n", bytes(range(256)) * 4096])
def test_what_is_created_is_read_back(at_hand: BucketAtHand, content: bytes) -> None:
    at_hand.open().create("services/recipes/1/file with blank + ünïcode.bin", content, "application/octet-stream")

    assert content == at_hand.open().read("services/recipes/1/file with blank + ünïcode.bin")


def test_the_digest_is_the_sha256_of_the_bytes(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    bucket.create("a/b", b"some bytes", "text/plain")

    assert hashlib.sha256(b"some bytes").hexdigest() == bucket.digest("a/b")


def test_the_same_bytes_twice_are_fine_and_change_nothing(at_hand: BucketAtHand) -> None:
    at_hand.open().create("a/b", b"same", "text/plain")
    before = at_hand.take_snapshot()

    at_hand.open().create("a/b", b"same", "text/plain")

    assert before == at_hand.take_snapshot()
    assert 1 == len(before)


def test_other_bytes_conflict_and_change_nothing(at_hand: BucketAtHand) -> None:
    at_hand.open().create("a/b", b"first", "text/plain")
    before = at_hand.take_snapshot()

    with pytest.raises(Conflict) as raised:
        at_hand.open().create("a/b", b"second", "text/plain")

    assert ("a/b",) == raised.value.keys
    assert "`a/b` is in the bucket with other bytes" == str(raised.value)
    assert before == at_hand.take_snapshot()


def test_an_empty_bucket_has_nothing_and_is_not_touched_by_looking(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()

    with pytest.raises(NotInBucket, match="`a/b` is not in the bucket"):
        bucket.read("a/b")
    assert bucket.digest("a/b") is None
    assert [] == list(bucket.list_keys(""))
    assert {} == at_hand.take_snapshot()


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", ["a!", "a-b/x", "a/x", "a/x.y", "a/x/deep", "a/é", "ab/x", "b"]),
        ("a/", ["a/x", "a/x.y", "a/x/deep", "a/é"]),
        ("a/x", ["a/x", "a/x.y", "a/x/deep"]),
        ("a", ["a!", "a-b/x", "a/x", "a/x.y", "a/x/deep", "a/é", "ab/x"]),
        ("nowhere/", []),
    ],
)
def test_keys_are_listed_by_prefix_in_the_order_of_their_bytes(
    at_hand: BucketAtHand, prefix: str, expected: list[str]
) -> None:
    bucket = at_hand.open()
    keys = ["b", "ab/x", "a/é", "a/x.y", "a-b/x", "a!"]
    # A folder cannot hold an object and a folder of the same name; S3 can, and must list both.
    keys += ["a/x", "a/x/deep"] if at_hand.kind == "s3" else ["a/x/deep"]
    for key in keys:
        bucket.create(key, b"", "text/plain")

    assert [key for key in expected if key in keys] == list(bucket.list_keys(prefix))


def test_a_key_cannot_escape(at_hand: BucketAtHand, tmp_path: Path) -> None:
    bucket = at_hand.open()

    for key in _KEYS_THAT_ESCAPE:
        with pytest.raises(BucketKeyError):
            bucket.create(key, b"escaped", "text/plain")
        with pytest.raises(BucketKeyError):
            bucket.read(key)
        with pytest.raises(BucketKeyError):
            bucket.digest(key)
        with pytest.raises(BucketKeyError):
            bucket.replace(key, b"escaped", "text/plain", tag=None)
        with pytest.raises(BucketKeyError):
            bucket.delete(key)
    assert [] == list(tmp_path.iterdir())
    assert {} == at_hand.take_snapshot()


def test_a_prefix_cannot_escape(at_hand: BucketAtHand) -> None:
    for prefix in ("../", "/", "a/../../", "a//"):
        with pytest.raises(BucketKeyError):
            at_hand.open().list_keys(prefix)


def test_a_version_is_replaced_by_who_knows_its_tag(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    bucket.replace("a/b", b"first", "text/plain", tag=None)
    content, tag = bucket.read_tagged("a/b")
    assert b"first" == content

    bucket.replace("a/b", b"second", "text/plain", tag=tag)

    content, other = at_hand.open().read_tagged("a/b")
    assert b"second" == content and b"second" == bucket.read("a/b")
    assert tag != other


def test_a_version_that_was_moved_on_from_is_not_replaced(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    bucket.create("a/b", b"first", "text/plain")
    _, stale = bucket.read_tagged("a/b")
    bucket.replace("a/b", b"second", "text/plain", tag=stale)
    before = at_hand.take_snapshot()

    for tag in (stale, None, "0" * 64):
        with pytest.raises(Conflict) as raised:
            bucket.replace("a/b", b"third", "text/plain", tag=tag)
        assert "`a/b` is in the bucket in another version: somebody else was faster" == str(raised.value)
    assert before == at_hand.take_snapshot()


def test_a_version_that_is_gone_is_not_replaced(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    bucket.create("a/b", b"first", "text/plain")
    _, tag = bucket.read_tagged("a/b")
    bucket.delete("a/b")

    with pytest.raises(Conflict):
        bucket.replace("a/b", b"second", "text/plain", tag=tag)
    assert {} == at_hand.take_snapshot()
    with pytest.raises(NotInBucket):
        bucket.read_tagged("a/b")


def test_bytes_that_stand_there_are_taken_for_our_own(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    bucket.create("a/b", b"first", "text/plain")
    _, tag = bucket.read_tagged("a/b")
    bucket.replace("a/b", b"second", "text/plain", tag=tag)
    before = at_hand.take_snapshot()

    bucket.replace("a/b", b"second", "text/plain", tag=tag)
    assert before == at_hand.take_snapshot()


def test_what_is_deleted_is_gone_and_an_absent_object_may_be_deleted(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    for key in ("a/b", "a/c"):
        bucket.create(key, b"some", "text/plain")

    for key in ("a/b", "a/b", "a", "nowhere/b"):
        bucket.delete(key)

    assert ["a/c"] == list(bucket.list_keys(""))
    assert bucket.digest("a/b") is None
    bucket.create("a/b", b"other", "text/plain")
    assert b"other" == bucket.read("a/b")


def test_a_listing_tells_the_size_and_the_time_of_each_object(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    start = datetime.now(UTC)
    bucket.create("a/b", b"four", "text/plain")
    bucket.create("a/c", b"", "text/plain", tags={"service": "recipes & co", "commit": "0123"})

    listed = list(bucket.list_objects("a/"))
    assert [("a/b", 4), ("a/c", 0)] == [(each.key, each.size) for each in listed]
    for each in listed:
        assert timedelta(0) == each.modified.utcoffset()
        assert timedelta(seconds=-2) < each.modified - start < timedelta(seconds=30)


def test_of_sixteen_threads_at_one_version_exactly_one_wins(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    start = Barrier(16)

    def race(number: int, tag: str | None) -> bool:
        start.wait()
        try:
            bucket.replace("race/one", f"writer {number}, {tag}".encode(), "text/plain", tag=tag)
        except Conflict:
            return False
        return True

    tag = None
    for _ in range(3):
        with ThreadPoolExecutor(16) as pool:
            results = list(pool.map(race, range(16), [tag] * 16))
        assert Counter({False: 15, True: 1}) == Counter(results)
        content, new = bucket.read_tagged("race/one")
        assert f"writer {results.index(True)}, {tag}".encode() == content
        tag = new


def test_of_sixteen_threads_at_one_key_exactly_one_wins(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    start = Barrier(16)

    def race(number: int) -> bool:
        start.wait()
        return _wins(bucket, "race/one", f"writer {number}".encode())

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(race, range(16)))

    assert Counter({False: 15, True: 1}) == Counter(results)
    assert f"writer {results.index(True)}".encode() == bucket.read("race/one")


_COUNTER = """
import sys
from compiler.bucket import Conflict, open_bucket
bucket, me = open_bucket(sys.argv[1]), sys.argv[2]
for number in range(10):
    while True:
        content, tag = bucket.read_tagged("race/log")
        try:
            bucket.replace("race/log", content + f"{me}-{number}\\n".encode(), "text/plain", tag=tag)
            break
        except Conflict:
            pass
"""


def test_processes_that_replace_in_turn_lose_nothing(at_hand: BucketAtHand) -> None:
    at_hand.open().create("race/log", b"", "text/plain")
    command = [sys.executable, "-c", _COUNTER, at_hand.url]
    counters = [subprocess.Popen([*command, str(number)], cwd=_ROOT) for number in range(4)]

    assert [0] * 4 == [counter.wait(timeout=60) for counter in counters]
    expected = {f"{me}-{number}" for me in range(4) for number in range(10)}
    lines = at_hand.open().read("race/log").decode().splitlines()
    assert (expected, len(expected)) == (set(lines), len(lines))


_RACER = """
import sys
from compiler.bucket import Conflict, open_bucket
bucket, me = open_bucket(sys.argv[1]), sys.argv[2]
list(bucket.list_keys(""))
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    try:
        bucket.create(f"race/{number:02}", me.encode(), "text/plain")
        print(number)
    except Conflict:
        pass
"""


def test_of_four_processes_at_each_key_exactly_one_wins(at_hand: BucketAtHand) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, at_hand.url, str(number)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for racer in racers:
        assert racer.stdout
        assert "ready\n" == racer.stdout.readline()
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    wins = [[int(line) for line in racer.communicate(timeout=30)[0].split()] for racer in racers]

    assert [0] * 4 == [racer.returncode for racer in racers]
    assert list(range(20)) == sorted(number for won in wins for number in won)
    bucket = at_hand.open()
    assert wins == [[n for n in range(20) if bucket.read(f"race/{n:02}") == str(me).encode()] for me in range(4)]


def test_a_folder_is_named_by_a_path_or_by_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "a bucket"
    open_bucket("a bucket").create("key", b"bytes", "text/plain")

    assert b"bytes" == (folder / "key").read_bytes()
    assert [b"bytes"] * 4 == [
        open_bucket(url).read("key")
        for url in (str(folder), folder.as_uri(), f"file://localhost{tmp_path}/a%20bucket", f"file:{tmp_path}/a bucket")
    ]


def test_a_relative_path_is_taken_from_where_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bucket = open_bucket("bucket")
    monkeypatch.chdir("/")
    bucket.create("key", b"bytes", "text/plain")

    assert b"bytes" == (tmp_path / "bucket/key").read_bytes()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "a bucket's url is empty"),
        ("a\nb", "a bucket's url holds an unprintable character"),
        ("https://name.s3.amazonaws.com/prefix", "or the path of a folder, not `https://`"),
        ("s3:/name", "or the path of a folder, not `s3:/`; begin with `./` if a folder has such a name"),
        ("s3:name", "or the path of a folder, not `s3:`"),
        ("s3//name", "or the path of a folder, not `s3//`"),
        ("S3//name", "or the path of a folder, not `S3//`"),
        ("file:b9", "or the path of a folder, not `file:`"),
        ("~/b9", "`~` is the home folder in a shell only"),
        ("s3://", "`` cannot be the name of an S3 bucket"),
        ("s3://Name/prefix", "`Name` cannot be the name of an S3 bucket"),
        ("s3://name/a/../b", "`a/../b` cannot be a prefix in an S3 bucket"),
        ("s3://name/a?versionId=1", "a bucket's url has `?` or `#` in it"),
        ("s3://[name/a", "a bucket's url has a bracket where none can be"),
        ("file://other-machine/path", "the url of a folder is `file:///` and its absolute path on this machine"),
        ("file:///a%00b", "the url of a folder is `file:///` and its absolute path on this machine"),
    ],
)
def test_what_names_no_bucket_is_refused(url: str, message: str) -> None:
    with pytest.raises(BucketUrlError) as raised:
        open_bucket(url)

    assert message in str(raised.value)


@pytest.mark.parametrize("path", ["out//bucket", "./s3:name", "s3", "a/b:c", "./~"])
def test_the_path_of_a_folder_is_no_url(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_bucket(path).create("a", b"", "text/plain")

    assert (tmp_path / path / "a").is_file()


def test_who_only_reads_needs_a_folder_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(BucketUnreachable, match=r"there is no folder `.*/nowhere`"):
        open_bucket(str(tmp_path / "nowhere"), makes=False)
    with pytest.raises(BucketUnreachable, match="there is no folder"):
        open_bucket(f"file://{tmp_path}/nowhere", makes=False)

    assert [] == list(open_bucket(str(tmp_path), makes=False).list_keys(""))


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(BucketUrlError) as raised:
        open_bucket("s3://AKIAIOSFODNN7EXAMPLE:hushhush@name/prefix")
    with pytest.raises(BucketUrlError) as other:
        open_bucket("https://AKIAIOSFODNN7EXAMPLE:hushhush@name/prefix")

    assert "hush" not in str(other.value)
    assert "a bucket's url holds credentials; AWS finds them by itself" == str(raised.value)


def _wins(bucket: Bucket, key: str, content: bytes) -> bool:
    try:
        bucket.create(key, content, "text/plain")
    except Conflict:
        return False
    return True
