"""A release is published whole or not at all, and never changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import pytest
from click.testing import CliRunner

from compiler.bucket import Bucket, Conflict, DamagedObject, ListedObject, open_bucket
from compiler.cli import cli
from compiler.model import Bundle
from compiler.publish import (
    Published,
    ReleaseNameError,
    ReleaseRow,
    check_release_id,
    execute_publish,
    list_releases,
    plan_publish,
)
from compiler.upload import Progress
from tests.ministack import BucketAtHand, MiniStack

_ROOT = Path(__file__).parent.parent
_RELEASE = "20261120T101500-0123456789ab"
_FOLDER = f"services/recipes/{_RELEASE}/"
_CLAIM = _FOLDER + "claim.json"
_CLAIMED = (
    "is of an upload with other bytes, which is running, was broken off or was removed by `flagstone gc`; only the same"
    " bytes can complete it"
)
_FILES: Mapping[str, bytes] = {
    "source.tar.gz": bytes(range(256)) * 1000,
    "ansible.tar.gz": b"\x1f\x8bansible",
    "staging/template.json": b'{"Resources": {}}\n',
    "staging/parameters.json": b"[]\n",
    "production/template.json": b'{"Resources": {"A": {}}}\n',
}
_NAMES_THAT_ESCAPE = ["", ".", "..", "../x", "a/b", "-a", ".a", "a b", "a\n", "ä", "a" * 129, "a\0", "a\ud800"]


def _make_bundle(
    files: Mapping[str, bytes] = _FILES, *, service: str = "recipes", release: str = _RELEASE, commit: bool = True
) -> Bundle:
    manifest = {
        "schema": 1,
        "service": service,
        "release": release,
        "commit": {"id": "0123456789abcdef", "time": "20261120T101500", "dirty": False} if commit else None,
        "platform": {"name": "platform", "version": "1.0.0", "digest": "0" * 64},
        "compiler": {"version": "0.1.0"},
        "environments": sorted({path.split("/")[0] for path in files if "/" in path}),
        "files": {
            path: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for path, content in files.items()
        },
        "publishes": [],
        "consumes": [],
    }
    return Bundle(service, release, {**files, "manifest.json": json.dumps(manifest).encode()})


def _publish(bundle: Bundle, bucket: Bucket) -> Published:
    return execute_publish(plan_publish(bundle, bucket), bucket)


def _read_release(bucket: Bucket) -> dict[str, bytes]:
    keys = [key for key in bucket.list_keys(_FOLDER) if key != _CLAIM]
    return {key.removeprefix(_FOLDER): bucket.read(key) for key in keys}


def test_a_release_is_published_file_by_file_and_its_manifest_last(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    bundle = _make_bundle()
    steps: list[Progress] = []

    published = execute_publish(plan_publish(bundle, bucket), bucket, report_progress=steps.append)

    paths = [*sorted(_FILES), "manifest.json"]
    assert tuple(_FOLDER + path for path in paths) == published.written
    assert not published.was_there
    assert sorted(published.written) == sorted(step.key for step in steps)
    assert [Progress(number, 6, step.key) for number, step in enumerate(steps, 1)] == steps
    assert _FOLDER + "manifest.json" == steps[-1].key
    assert bundle.files == _read_release(bucket)
    digest = hashlib.sha256(bundle.files["manifest.json"]).hexdigest()
    assert {"manifest": digest} == json.loads(bucket.read(_CLAIM))


def test_planning_changes_nothing(at_hand: BucketAtHand) -> None:
    plan = plan_publish(_make_bundle(), at_hand.open())

    assert 6 == len(plan.missing)
    assert {} == at_hand.take_snapshot()


def test_publishing_twice_is_fine_and_changes_nothing(at_hand: BucketAtHand) -> None:
    _publish(_make_bundle(), at_hand.open())
    before = at_hand.take_snapshot()

    published = _publish(_make_bundle(), at_hand.open())

    assert published.was_there
    assert before == at_hand.take_snapshot()


def test_what_lies_beside_a_release_does_not_disturb_it(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    _publish(_make_bundle(), bucket)
    bucket.create(_FOLDER + "notes.txt", b"by hand", "text/plain")

    assert _publish(_make_bundle(), bucket).was_there


@pytest.mark.parametrize(
    ("files", "clashing"),
    [
        ({**_FILES, "staging/template.json": b"{}\n"}, ["staging/template.json", "manifest.json"]),
        ({**_FILES, "staging/parameters.json": b"[]", "ansible.tar.gz": b""}, None),
        ({**_FILES, "another/template.json": b"{}\n"}, ["manifest.json"]),
        ({"source.tar.gz": _FILES["source.tar.gz"]}, ["manifest.json"]),
    ],
    ids=["changed", "two changed", "added", "removed"],
)
def test_other_bytes_under_the_same_release_conflict_and_change_nothing(
    at_hand: BucketAtHand, files: Mapping[str, bytes], clashing: list[str] | None
) -> None:
    _publish(_make_bundle(), at_hand.open())
    before = at_hand.take_snapshot()

    with pytest.raises(Conflict, match="in the bucket with other bytes") as raised:
        _publish(_make_bundle(files), at_hand.open())

    expected = clashing or ["ansible.tar.gz", "staging/parameters.json", "manifest.json"]
    assert tuple(_FOLDER + path for path in expected) == raised.value.keys
    assert before == at_hand.take_snapshot()


def test_other_bytes_after_an_unfinished_publish_conflict_and_change_nothing(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    bucket.create(_FOLDER + "source.tar.gz", b"of somebody else", "application/gzip")
    before = at_hand.take_snapshot()

    with pytest.raises(Conflict):
        _publish(_make_bundle(), bucket)
    assert before == at_hand.take_snapshot()


def test_other_files_after_an_unfinished_publish_conflict_and_change_nothing(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    bucket.create(_FOLDER + "elsewhere/template.json", b"{}", "application/json")
    before = at_hand.take_snapshot()

    with pytest.raises(Conflict) as raised:
        _publish(_make_bundle(), bucket)
    reason = "is left by an unfinished upload of other files"
    assert f"`{_FOLDER}elsewhere/template.json` {reason}" == str(raised.value)
    assert before == at_hand.take_snapshot()


def test_what_was_broken_off_is_completed_by_the_same_bytes_and_by_no_others(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    first = _make_bundle()
    with pytest.raises(RuntimeError):
        execute_publish(plan_publish(first, bucket), bucket, report_progress=_break_off)
    before = at_hand.take_snapshot()
    assert _CLAIM in bucket.list_keys(_FOLDER) and _FOLDER + "manifest.json" not in bucket.list_keys(_FOLDER)

    # It has the same bytes under each key that is there, the manifest's being absent.
    with pytest.raises(Conflict) as raised:
        _publish(_make_bundle(commit=False), bucket)
    assert f"`{_CLAIM}` {_CLAIMED}" == str(raised.value)
    assert before == at_hand.take_snapshot()

    written = _publish(first, bucket).written
    assert 0 < len(written) < 6
    assert first.files == _read_release(bucket)
    assert before == {key: kept for key, kept in at_hand.take_snapshot().items() if key in before}


def _break_off(progress: Progress) -> None:
    if progress.done == 2:
        raise RuntimeError


@dataclass
class _Meanwhile:
    """A bucket in which something else happens just before the first write."""

    bucket: Bucket
    act: Callable[[], object] | None

    def create(self, key: str, content: bytes, content_type: str, *, tags: Mapping[str, str] = {}) -> None:
        self._let_it_happen()
        self.bucket.create(key, content, content_type, tags=tags)

    def replace(self, key: str, content: bytes, content_type: str, *, tag: str | None) -> None:
        self._let_it_happen()
        self.bucket.replace(key, content, content_type, tag=tag)

    def delete(self, key: str) -> None:
        self._let_it_happen()
        self.bucket.delete(key)

    def read(self, key: str) -> bytes:
        return self.bucket.read(key)

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        return self.bucket.read_tagged(key)

    def digest(self, key: str) -> str | None:
        return self.bucket.digest(key)

    def list_keys(self, prefix: str) -> Iterator[str]:
        return self.bucket.list_keys(prefix)

    def list_objects(self, prefix: str) -> Iterator[ListedObject]:
        return self.bucket.list_objects(prefix)

    def _let_it_happen(self) -> None:
        if self.act:
            act, self.act = self.act, None
            act()


def test_a_publisher_that_was_overtaken_is_told_and_the_other_release_stands(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    fast = _make_bundle({**_FILES, "staging/template.json": b"{}\n"})

    with pytest.raises(Conflict) as raised:
        _publish(_make_bundle(), _Meanwhile(bucket, lambda: _publish(fast, bucket)))
    assert f"`{_CLAIM}` {_CLAIMED}" == str(raised.value)
    assert fast.files == _read_release(bucket)


def test_a_publisher_that_was_overtaken_by_the_same_bytes_is_content(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    bundle = _make_bundle()

    _publish(bundle, _Meanwhile(bucket, lambda: _publish(bundle, bucket)))
    assert bundle.files == _read_release(bucket)


def test_of_publishers_that_race_with_other_bytes_exactly_one_wins(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    # The first differs at the start of the release, the second at its end, the third in which files it has.
    changes: list[dict[str, bytes]] = [{"ansible.tar.gz": b"1"}, {"staging/template.json": b"2"}, {"a.json": b"3"}]
    bundles = [_make_bundle({**_FILES, **change}) for change in changes]
    plans = [plan_publish(bundle, bucket) for bundle in bundles]
    start = Barrier(len(plans))

    def race(number: int) -> bool:
        start.wait()
        try:
            execute_publish(plans[number], bucket)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(plans)) as pool:
        results = list(pool.map(race, range(len(plans))))

    assert 1 == sum(results)
    winner = bundles[results.index(True)].files
    assert winner == {path: content for path, content in _read_release(bucket).items() if path in winner}


def test_objects_in_s3_have_the_type_of_their_content_and_tags(ministack: MiniStack, s3_url: str) -> None:
    at_hand = BucketAtHand("s3", s3_url, dict)
    _publish(_make_bundle(), at_hand.open())

    name, prefix = s3_url.removeprefix("s3://").split("/", 1)
    types = {
        path: ministack.s3.head_object(Bucket=name, Key=f"{prefix}/{_FOLDER}{path}")["ContentType"]
        for path in ("source.tar.gz", "staging/template.json", "manifest.json")
    }
    assert ["application/gzip", "application/json", "application/json"] == list(types.values())
    tagging = ministack.s3.get_object_tagging(Bucket=name, Key=f"{prefix}/{_FOLDER}manifest.json")["TagSet"]
    tags = {"service": "recipes", "commit": "0123456789abcdef"}
    assert tags == {each["Key"]: each["Value"] for each in tagging}


@pytest.mark.parametrize("name", _NAMES_THAT_ESCAPE, ids=lambda name: ascii(name[:20]))
def test_a_name_that_would_escape_is_refused(tmp_path: Path, name: str) -> None:
    bucket = open_bucket(str(tmp_path / "bucket"))

    with pytest.raises(ReleaseNameError, match=r"^service `.*` is not named by up to 128 letters"):
        plan_publish(_make_bundle(service=name), bucket)
    with pytest.raises(ReleaseNameError, match=r"^release `.*` is not named by up to 128 letters"):
        plan_publish(_make_bundle(release=name), bucket)
    with pytest.raises(ReleaseNameError):
        list_releases(bucket, name)
    with pytest.raises(ReleaseNameError):
        check_release_id(name)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["1", "v1.2.3", _RELEASE, "a" * 128, "A_b-c.d"])
def test_a_usual_release_id_is_taken(name: str) -> None:
    assert name == check_release_id(name)


def test_releases_are_listed_newest_first(at_hand: BucketAtHand) -> None:
    bucket = at_hand.open()
    for release, commit in (("20251231T235959-c", True), ("20260102T000000-b", True), ("20261120T000000-a", False)):
        _publish(_make_bundle(release=release, commit=commit), bucket)
    _publish(_make_bundle(service="recipes-web"), bucket)
    bucket.create("services/recipes/20270101T000000-unfinished/source.tar.gz", b"", "application/gzip")
    bucket.create("services/recipes/20270101T000000-unfinished/staging/manifest.json", b"", "application/json")
    bucket.create("services/recipes/-by hand/manifest.json", b"", "application/json")

    environments = ("production", "staging")
    expected = (
        ReleaseRow("20261120T000000-a", None, "1.0.0", environments, 6),
        ReleaseRow("20260102T000000-b", "0123456789abcdef", "1.0.0", environments, 6),
        ReleaseRow("20251231T235959-c", "0123456789abcdef", "1.0.0", environments, 6),
    )
    assert expected == list_releases(bucket, "recipes")
    assert () == list_releases(bucket, "nobody")


_GOOD = json.loads(_make_bundle().files["manifest.json"])


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is not a manifest of this release"),
        (json.dumps({**_GOOD, "schema": 2}).encode(), "it is not a manifest of this release"),
        (json.dumps({**_GOOD, "release": "other"}).encode(), "it is the manifest of another release"),
        (json.dumps({**_GOOD, "environments": [1]}).encode(), "it is not a manifest of this release"),
        (json.dumps({**_GOOD, "environments": ["\x1b[2J"]}).encode(), "it is not a manifest of this release"),
        (json.dumps({**_GOOD, "commit": {"id": "\ud800"}}).encode(), "it is not a manifest of this release"),
    ],
)
def test_a_manifest_that_is_none_is_named(tmp_path: Path, manifest: bytes, message: str) -> None:
    bucket = open_bucket(str(tmp_path))
    bucket.create(_FOLDER + "manifest.json", manifest, "application/json")

    [damaged] = list_releases(bucket, "recipes")
    assert isinstance(damaged, DamagedObject)
    assert f"`{_FOLDER}manifest.json` in the bucket is damaged: {message}" in str(damaged)


def test_a_damaged_release_does_not_hide_the_others(tmp_path: Path) -> None:
    bucket = open_bucket(str(tmp_path))
    _publish(_make_bundle(release="r1"), bucket)
    bucket.create("services/recipes/r2/manifest.json", b"?", "application/json")
    bucket.create("platform/1.0.0/manifest.json", b"?", "application/json")

    done = CliRunner().invoke(cli, ["releases", "recipes", "--bucket", str(tmp_path)])
    assert 3 == done.exit_code and "r1 " in done.stdout and "r2" not in done.stdout
    assert "error D802: `services/recipes/r2/manifest.json` in the bucket is damaged: it is not JSON" in done.stderr
    done = CliRunner().invoke(cli, ["platform", "list", "--bucket", str(tmp_path)])
    assert 3 == done.exit_code and "error D802: `platform/1.0.0/manifest.json` in the bucket is damaged" in done.stderr
