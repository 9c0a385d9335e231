"""gc removes what nothing needs and nothing else, whoever publishes or promotes at the same time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from compiler.bucket import Bucket, BucketUnreachable, Conflict, DamagedObject, open_bucket
from compiler.bucket_contract import ListedObject
from compiler.channel import Channel, move_channel, render_channel
from compiler.cli import cli
from compiler.diagnostics import CompileError
from compiler.manifest import MARK, list_files, seal_manifest
from compiler.promote import promote_release, read_channel, roll_back
from compiler.publish import list_release_ids
from compiler.release_check import check_release
from compiler.sweep import LEASE, Swept, execute_sweep, plan_sweep
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
            days = next((age for part, age in self.days.items() if part in each.key), 0 if each.key == LEASE else 100)
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
    publish_release(bucket.bucket, "r1", platform={"name": "toy", "version": "1.0.1", "digest": "0" * 64})
    publish_release(bucket.bucket, "r2", platform={"name": "toy", "version": "1.1.0", "digest": "0" * 64})
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
    assert ["services/recipes/half/claim.json", "services/stray.json"] == list(bucket.list_keys("services/"))
    assert [] == plan(bucket)


def test_what_was_never_a_buckets_stays(bucket: Aged) -> None:
    for key in ("services/api/handlers/z.py", "platform/templates/a.py", "services/web/public/manifest.json"):
        bucket.create(key, b"{}", "text/plain")
    assert [] == plan(bucket)
    assert ((), ()) == (sweep(bucket).removed, sweep(bucket).spared)
    assert 3 == len(list(bucket.list_keys("")))


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
    channels = ["environments/production/recipes.json", "environments/staging/recipes.json"]
    assert [("replace", LEASE), ("create", folder + MARK)] == bucket.log[:2] and ("replace", LEASE) == bucket.log[-1]
    assert channels == sorted(key for action, key in bucket.log[1:-1] if action == "replace")
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


def test_a_running_release_that_a_broken_off_gc_has_marked_loses_the_mark_and_keeps_its_library(bucket: Aged) -> None:
    for version in ("1.0.0", "1.0.1"):
        publish_library(bucket.bucket, version)
    publish_release(bucket.bucket, "r1")
    promote(bucket, "r1")
    bucket.create("services/recipes/r1/" + MARK, b"{}", "application/json")
    assert [] == plan(bucket)
    assert [("services/recipes/r1/", "it is needed, and a `gc` that was broken off had marked it")] == [
        (each.folder.path, each.reason) for each in sweep(bucket).spared
    ]
    assert check_release(bucket.bucket, "recipes", "r1").is_sound
    assert "platform/1.0.0/manifest.json" in bucket.list_keys("platform/")


class Killed(Aged):
    """A bucket whose user is killed at a moment."""

    is_dead = False

    def _step(self, action: str, key: str) -> None:
        super()._step(action, key)
        if self.is_dead:
            raise InterruptedError

    def kill(self) -> None:
        self.is_dead = True


def test_of_two_sweeps_one_removes(bucket: Aged) -> None:
    publish_release(bucket.bucket, "r1")
    planned = plan_sweep(cast(Bucket, bucket), now=NOW, keep=KEEP)
    told: list[str] = []

    def come_in() -> None:
        assert [] == plan(bucket.bucket)
        with pytest.raises(Conflict) as raised:
            execute_sweep(bucket.bucket, planned, now=NOW, nonce="n2")
        told.append(str(raised.value))

    bucket.before["replace", "environments/staging"] = come_in
    assert 1 == len(execute_sweep(cast(Bucket, bucket), planned, now=NOW, nonce="n1").removed)
    assert told[0].startswith(f"`{LEASE}` is of a `gc` that has been running since 20")


@pytest.mark.parametrize("moment", [("delete", "staging"), ("delete", "manifest.json"), ("replace", "environments/s")])
def test_a_sweep_that_was_killed_is_ended_a_day_later(moment: tuple[str, str], bucket: Aged) -> None:
    publish_release(bucket.bucket, "r1")
    killed = Killed(bucket.bucket)
    killed.before[moment] = killed.kill
    with pytest.raises(InterruptedError):
        sweep(killed)
    bucket.days = {LEASE: 0.5}
    assert [] == plan(bucket)
    bucket.days = {LEASE: 2}
    assert ["services/recipes/r1/"] == [path for path, _ in plan(bucket)]
    bucket.days = {}
    planned = plan_sweep(cast(Bucket, Aged(bucket.bucket, {LEASE: 2})), now=NOW, keep=KEEP)
    late = Aged(bucket.bucket, {LEASE: 2})
    late.before["replace", LEASE] = late.days.clear
    assert ["services/recipes/r1/"] == [
        each.path for each in execute_sweep(cast(Bucket, late), planned, now=NOW, nonce="n2").removed
    ]
    assert [] == list(bucket.list_keys("services/"))


def test_gc_whose_clock_is_ahead_removes_nothing(bucket: Aged) -> None:
    publish_release(bucket.bucket, "r1")
    later = datetime.now(UTC) + timedelta(days=91, minutes=1)
    planned = plan_sweep(bucket.bucket, now=later, keep=KEEP)
    assert 1 == len(planned.removable)
    with pytest.raises(BucketUnreachable, match="the clock of this machine is ahead of the bucket's by 2184 hours"):
        execute_sweep(bucket.bucket, planned, now=later, nonce="n1")
    assert check_release(bucket.bucket, "recipes", "r1").is_sound
    assert [] == plan(bucket.bucket)


def test_a_release_that_names_what_no_environment_is_called_holds_nothing_up(bucket: Aged) -> None:
    files = {"staging/template.json": b"{}"}
    said = {"schema": 1, "service": "recipes", "release": "r1", "files": list_files(files)}
    manifest = seal_manifest({**said, "environments": ["../x", "", 1, "a/b", "staging"]})
    for path, content in {**files, "manifest.json": manifest}.items():
        bucket.create(f"services/recipes/r1/{path}", content, "application/json")
    publish_release(bucket.bucket, "r2")
    assert 2 == len(sweep(bucket).removed)


def test_a_key_that_no_channel_can_have_is_named_as_damaged(bucket: Aged) -> None:
    bucket.create("environments/_x/orders.json", b"{}", "application/json")
    with pytest.raises(DamagedObject, match=r"`environments/_x/orders.json` .* no channel can have this name"):
        plan(bucket)


def test_what_fails_before_something_is_removed_takes_its_marks_back(bucket: Aged) -> None:
    publish_release(bucket.bucket, "r1")
    content = render_channel(Channel("orders", "staging"))
    planned = plan_sweep(cast(Bucket, bucket), now=NOW, keep=KEEP)
    bucket.bucket.replace("environments/staging/recipes.json", content, "application/json", tag=None)
    with pytest.raises(DamagedObject):
        execute_sweep(cast(Bucket, bucket), planned, now=NOW, nonce="n1")
    assert check_release(bucket.bucket, "recipes", "r1").is_sound


def test_a_version_stays_as_long_as_it_was_the_newest_of_its_line_lately(bucket: Aged) -> None:
    """Locks are in repositories: those of the newest version have as long to move as a release is kept."""
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        publish_library(bucket.bucket, version)
    bucket.days = {"1.0.0": 300, "1.0.1": 200, "1.0.2": 10}
    assert ["platform/1.0.0/"] == [path for path, _ in plan(bucket)]


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
