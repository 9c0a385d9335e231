"""gc removes what nothing needs and nothing else, whoever publishes or promotes at the same time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from compiler.bucket import Bucket, Conflict, DamagedObject, open_bucket
from compiler.bucket_contract import ListedObject
from compiler.channel import Channel, move_channel, render_channel
from compiler.cli import cli
from compiler.diagnostics import CompileError
from compiler.manifest import MARK, list_files, seal_manifest
from compiler.model import Bundle
from compiler.promote import promote_release, read_channel, roll_back
from compiler.publish import execute_publish, list_release_ids, plan_publish
from compiler.release_check import check_release
from compiler.sweep import Swept, execute_sweep, plan_sweep
from tests.ministack import BucketAtHand
from tests.promotions import make_wish, publish_release

NOW = datetime.now(UTC)
KEEP = timedelta(days=90)


class Aged:
    """A bucket whose objects are as old as their folder should be, in days; and which calls what comes in before."""

    def __init__(self, bucket: Bucket, days: dict[str, float] | None = None) -> None:
        self.bucket = bucket
        self.days = days or {}
        self.before: dict[tuple[str, str], Callable[[], object]] = {}
        self.log: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bucket, name)

    def _step(self, action: str, key: str) -> None:
        self.log.append((action, key))
        for (wanted, part), come_in in list(self.before.items()):
            if wanted == action and part in key:
                del self.before[wanted, part]
                come_in()

    def create(self, key: str, content: bytes, content_type: str, **said: Any) -> None:
        self._step("create", key)
        self.bucket.create(key, content, content_type, **said)

    def replace(self, key: str, content: bytes, content_type: str, *, tag: str | None) -> None:
        self._step("replace", key)
        self.bucket.replace(key, content, content_type, tag=tag)

    def delete(self, key: str) -> None:
        self._step("delete", key)
        self.bucket.delete(key)

    def list_objects(self, prefix: str) -> Iterable[ListedObject]:
        for each in self.bucket.list_objects(prefix):
            days = next((age for part, age in self.days.items() if part in each.key), 100)
            yield replace(each, modified=NOW - timedelta(days=days))


def plan(bucket: Any) -> list[tuple[str, str]]:
    found = plan_sweep(cast(Bucket, bucket), now=NOW, keep=KEEP)
    return [(each.folder.path, each.reason) for each in found.removable]


def sweep(bucket: Any) -> Swept:
    planned = plan_sweep(cast(Bucket, bucket), now=NOW, keep=KEEP)
    return execute_sweep(cast(Bucket, bucket), planned, now=NOW, nonce="n1")


def promote(bucket: Any, release: str, environment: str = "staging", *, days: float = 0) -> None:
    wish = replace(make_wish(), at=NOW - timedelta(days=days))
    promote_release(cast(Bucket, bucket), "recipes", release, environment, wish)


def publish_library(bucket: Any, version: str) -> None:
    files = {"library.tar.gz": version.encode()}
    manifest = seal_manifest({"schema": 1, "version": version, "files": list_files(files)})
    for path, content in {**files, "manifest.json": manifest}.items():
        bucket.create(f"platform/{version}/{path}", content, "application/json")


def bundle_of(release: str, content: bytes = b"{}") -> Bundle:
    files = {"staging/a.json": content, "staging/b.json": content}
    said = {"schema": 1, "service": "recipes", "release": release, "commit": None, "environments": ["staging"]}
    return Bundle("recipes", release, {**files, "manifest.json": seal_manifest({**said, "files": list_files(files)})})


@pytest.fixture
def bucket(tmp_path: Path) -> Aged:
    return Aged(open_bucket(str(tmp_path / "bucket")))


def test_what_runs_ran_lately_or_would_be_rolled_back_to_stays(at_hand: BucketAtHand) -> None:
    bucket = Aged(at_hand.open(), {"r9": 10})
    for number in range(10):
        publish_release(bucket.bucket, f"r{number}")
    for release, days in (("r0", 400), ("r1", 300), ("r2", 200), ("r3", 100), ("r4", 80)):
        promote(bucket, release, days=days)
    roll_back(cast(Bucket, bucket), "recipes", "staging", None, replace(make_wish(), at=NOW))
    gone = [path for path, _ in plan(bucket)]
    # r3 runs again, a rollback would lead to r2, r4 ran within the 90 days, and r9 is young.
    assert [f"services/recipes/r{number}/" for number in (0, 1, 5, 6, 7, 8)] == gone
    reason = f"published on {NOW - timedelta(days=100):%Y-%m-%d}, and no channel needs it"
    assert {reason} == {why for _, why in plan(bucket)}
    before = at_hand.take_snapshot()
    plan(bucket)
    assert before == at_hand.take_snapshot()

    swept = sweep(bucket)

    assert gone == [folder.path for folder in swept.removed] and () == swept.spared
    stay = list_release_ids(at_hand.open(), "recipes")
    assert ("r9", "r4", "r3", "r2") == stay
    assert all(check_release(at_hand.open(), "recipes", name).is_sound for name in stay)
    assert [] == [key for key in at_hand.open().list_keys("services/") if key.startswith(tuple(gone))]
    assert [] == plan(bucket)


def test_old_needs_are_those_of_every_environment(bucket: Aged) -> None:
    for release in ("r1", "r2", "r3", "r4"):
        publish_release(bucket.bucket, release)
        promote(bucket, release, days=500)
    promote(bucket, "r1", "production", days=400)
    assert ["services/recipes/r2/"] == [path for path, _ in plan(bucket)]


def test_a_version_of_the_library_stays_while_a_release_or_its_line_needs_it(bucket: Aged) -> None:
    for version in ("1.0.0", "1.0.1", "1.0.2", "1.1.0", "1.1.1", "1.2.0-rc.1", "2.0.0"):
        publish_library(bucket.bucket, version)
    publish_release(bucket.bucket, "r1", platform={"version": "1.0.1"})
    publish_release(bucket.bucket, "r2", platform={"version": "1.1.0"})
    promote(bucket, "r1")
    assert ["services/recipes/r2/", "platform/1.0.0/", "platform/1.1.0/"] == [path for path, _ in plan(bucket)]
    bucket.days = {"platform/1.0.0": 1, "r2": 1}
    assert [] == plan(bucket)
    bucket.days = {}
    bucket.create("services/recipes/r3/manifest.json", b"?", "application/json")
    bucket.days = {"r3": 1}
    assert ["services/recipes/r2/"] == [path for path, _ in plan(bucket)]  # nobody knows what r3 needs


def test_a_publish_that_was_broken_off_goes_when_its_last_object_is_old(bucket: Aged) -> None:
    bucket.create("services/recipes/half/claim.json", b"{}", "application/json")
    bucket.create("services/recipes/half/staging/template.json", b"{}", "application/json")
    bucket.create("services/stray.json", b"{}", "application/json")
    bucket.days = {"half/staging": 1}
    assert [] == plan(bucket)
    bucket.days = {}
    [(path, reason)] = plan(bucket)
    assert "services/recipes/half/" == path and reason.startswith("left by a publish that was broken off on 20")
    sweep(bucket)
    assert ["services/stray.json"] == list(bucket.list_keys("services/"))


def test_nothing_is_removed_while_a_channel_cannot_be_read(bucket: Aged) -> None:
    publish_release(bucket.bucket, "r1")
    content = render_channel(Channel("orders", "staging"))
    bucket.replace("environments/staging/recipes.json", content, "application/json", tag=None)
    with pytest.raises(DamagedObject):
        plan(bucket)


def test_the_manifest_goes_first_and_the_mark_last(bucket: Aged) -> None:
    publish_release(bucket.bucket, "r1")
    bucket.log.clear()
    sweep(bucket)
    folder = "services/recipes/r1/"
    assert ("create", folder + MARK) == bucket.log[0]
    assert {"environments/production/recipes.json", "environments/staging/recipes.json"} == {
        key for action, key in bucket.log if action == "replace"
    }
    removed = [key.removeprefix(folder) for action, key in bucket.log if action == "delete"]
    assert "manifest.json" == removed[0] and MARK == removed[-1] and 4 == len(removed)


@pytest.mark.parametrize(
    "moment",
    [
        ("create", MARK),
        ("replace", "environments/production"),
        ("replace", "environments/staging"),
        ("delete", "manifest.json"),
        ("delete", "template.json"),
        ("delete", MARK),
    ],
)
@pytest.mark.parametrize("has_run", [False, True])
def test_a_promotion_at_any_moment_leads_to_a_whole_release_or_is_refused(
    moment: tuple[str, str], has_run: bool, bucket: Aged
) -> None:
    publish_release(bucket.bucket, "r1")
    if has_run:
        publish_release(bucket.bucket, "r0")
        promote(bucket, "r0", days=200)
    refused: list[str] = []

    def come_in() -> None:
        try:
            promote(bucket.bucket, "r1")
        except CompileError as error:
            refused.extend(fault.code for fault in error.diagnostics)

    bucket.before[moment] = come_in
    sweep(bucket)
    assert not bucket.before, "the moment never came"
    runs = read_channel(bucket.bucket, "recipes", "staging")[0].release
    if refused:
        assert ("r0" if has_run else None) == runs and refused[0] in ("D840", "D842")
        assert ["r0"] * has_run == list(list_release_ids(bucket.bucket, "recipes"))
    else:
        assert "r1" == runs and check_release(bucket.bucket, "recipes", "r1").is_sound
    assert (moment == ("create", MARK)) == (not refused)


def test_a_promotion_that_checked_the_release_before_gc_came_is_refused_by_its_channel(bucket: Aged) -> None:
    """The promotion has read channel and release, and all that gc does comes before it writes."""
    publish_release(bucket.bucket, "r1")
    slow = Aged(bucket.bucket)
    slow.before["replace", "environments/staging"] = lambda: sweep(bucket)
    with pytest.raises(CompileError) as raised:
        promote(slow, "r1")
    assert ["D840"] == [fault.code for fault in raised.value.diagnostics]
    assert None is read_channel(bucket.bucket, "recipes", "staging")[0].release


def test_a_promotion_that_checked_the_release_before_its_mark_and_wrote_before_gc_looks_again_saves_it(
    bucket: Aged,
) -> None:
    publish_release(bucket.bucket, "r1")

    def write() -> None:
        channel, tag = read_channel(bucket.bucket, "recipes", "staging")
        moved = move_channel(channel, "promote", "r1", make_wish())
        bucket.bucket.replace(moved.key, render_channel(moved), "application/json", tag=tag)

    for environment in ("production", "staging"):
        bucket.before["replace", f"environments/{environment}"] = write
        swept = sweep(bucket)
        assert () == swept.removed and ["a channel moved to it meanwhile"] == [each.reason for each in swept.spared]
        assert check_release(bucket.bucket, "recipes", "r1").is_sound
        assert "r1" == read_channel(bucket.bucket, "recipes", "staging")[0].release
        bucket.bucket.delete("environments/staging/recipes.json")


@pytest.mark.parametrize(
    "moment",
    [("create", MARK), ("delete", "manifest.json"), ("delete", "a.json"), ("delete", "claim.json"), ("delete", MARK)],
)
@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_an_upload_that_goes_on_at_any_moment_ends_whole_or_is_told(
    moment: tuple[str, str], done: int, bucket: Aged
) -> None:
    """The upload was broken off after `done` objects and the claim; it goes on as planned before gc came."""
    bundle = bundle_of("r1")
    planned = plan_publish(bundle, bucket.bucket)
    first = Aged(bucket.bucket)

    def stop() -> None:
        raise InterruptedError

    first.before["create", ("a.json", "b.json", "manifest.json", "nothing")[done]] = stop
    with suppress(InterruptedError):
        execute_publish(planned, cast(Bucket, first))
    late = plan_publish(bundle, bucket.bucket)
    told: list[Conflict] = []
    written: list[str] = []

    def come_in() -> None:
        try:
            written.extend(execute_publish(late, bucket.bucket).written)
        except Conflict as conflict:
            told.append(conflict)

    bucket.before[moment] = come_in
    sweep(bucket)
    assert not bucket.before or ("delete", "a.json") == moment
    if written:
        assert check_release(bucket.bucket, "recipes", "r1").is_sound
    if told:
        assert "`flagstone gc` is removing this" in str(told[0])
    execute_publish(plan_publish(bundle, bucket.bucket), bucket.bucket)
    assert check_release(bucket.bucket, "recipes", "r1").is_sound


def test_an_upload_planned_before_writes_again_what_gc_removed(bucket: Aged) -> None:
    bundle = bundle_of("r1")
    bucket.create("services/recipes/r1/staging/a.json", b"{}", "application/json")
    late = plan_publish(bundle, bucket.bucket)
    assert ["services/recipes/r1/"] == [folder.path for folder in sweep(bucket).removed]
    execute_publish(late, bucket.bucket)
    assert check_release(bucket.bucket, "recipes", "r1").is_sound


def test_of_two_sweeps_one_removes(bucket: Aged) -> None:
    publish_release(bucket.bucket, "r1")
    planned = plan_sweep(cast(Bucket, bucket), now=NOW, keep=KEEP)
    bucket.before["replace", "environments"] = lambda: told.append(
        execute_sweep(bucket.bucket, planned, now=NOW, nonce="n2")
    )
    told: list[Swept] = []
    assert 1 == len(execute_sweep(cast(Bucket, bucket), planned, now=NOW, nonce="n1").removed)
    assert ["another `gc` is removing it"] == [each.reason for each in told[0].spared]


def test_a_sweep_that_was_broken_off_is_ended_a_day_later(bucket: Aged) -> None:
    publish_release(bucket.bucket, "r1")

    def stop() -> None:
        raise InterruptedError

    for moment in (("delete", "staging"), ("delete", "manifest.json"), ("replace", "environments")):
        bucket.days = {}
        bucket.before = {moment: stop}
        with suppress(InterruptedError):
            sweep(bucket)
        bucket.days = {MARK: 0.5}
        assert [] == plan(bucket)
        bucket.days = {MARK: 2}
        assert [("services/recipes/r1/", "its removal was begun and broken off")] == plan(bucket)
        sweep(bucket)
        assert [] == list(bucket.list_keys("services/"))
        publish_release(bucket.bucket, "r1")


def test_gc_tells_what_it_would_remove_and_removes_it_when_told_to(tmp_path: Path) -> None:
    bucket = open_bucket(str(tmp_path))
    for release in ("r1", "r2"):
        publish_release(bucket, release)
    aged = (NOW - timedelta(days=50)).timestamp()
    for path in (tmp_path / "services/recipes/r1").rglob("*.json"):
        os.utime(path, (aged, aged))

    def run(*words: str) -> Any:
        return CliRunner().invoke(cli, ["gc", "--bucket", str(tmp_path), *words])

    assert "0 to remove, 0 bytes\n" == run().stdout
    told = run("--keep-days", "30")
    assert "services/recipes/r1/" in told.stdout and "1 to remove, " in told.stdout
    assert told.stdout.endswith("nothing was changed; --delete removes them\n")
    result = json.loads(run("--keep-days", "30", "--delete", "--format", "json").stdout)["result"]
    assert [("services/recipes/r1/", True, [])] == [
        (each["folder"], result["deleted"], result["spared"]) for each in result["folders"]
    ]
    assert ("r2",) == list_release_ids(bucket, "recipes")
    assert 2 == run("--keep-days", "0").exit_code
