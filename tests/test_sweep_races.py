"""Whoever comes in between any two steps of gc, an upload or a promotion: what runs is whole, and no bytes mix.

Of two who work at once, one is stopped before each of its steps in turn, and all that the other does happens there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, cast

import pytest

from compiler.bucket import Bucket, Conflict, open_bucket
from compiler.diagnostics import CompileError
from compiler.manifest import MARK, list_files, seal_manifest
from compiler.model import Bundle
from compiler.promote import promote_release, read_channel, roll_back
from compiler.publish import execute_publish, plan_publish
from compiler.release_check import check_release
from compiler.sweep import LEASE, Swept, execute_sweep, plan_sweep
from tests.promotions import make_wish

_DAY = 86_400  # seconds


class Stepping:
    """A bucket in which `come_in` is called right before the step of this number, counted from 0."""

    def __init__(self, bucket: Bucket, moment: int, come_in: Callable[[], object]) -> None:
        self.bucket, self.moment, self.come_in = bucket, moment, come_in
        self.steps = 0
        self.lock = Lock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.bucket, name)

        def step(*words: Any, **said: Any) -> Any:
            with self.lock:
                self.steps += 1
                if self.steps - 1 == self.moment:
                    self.come_in()
            return method(*words, **said)

        return step


class Scene:
    """A bucket in a folder, and who is stopped in it before one of its steps."""

    def __init__(self, folder: Path, moment: int) -> None:
        self.folder, self.moment = folder, moment
        self.bucket = open_bucket(str(folder))
        self.stepping: Stepping | None = None

    def stop(self, come_in: Callable[[], object]) -> Bucket:
        self.stepping = Stepping(self.bucket, self.moment, come_in)
        return cast(Bucket, self.stepping)

    @property
    def is_over(self) -> bool:
        """Tell whether who should be stopped has fewer steps."""
        assert self.stepping
        return self.stepping.steps <= self.moment

    def age(self, days: int, name: str = "*") -> None:
        then = time.time() - days * _DAY
        for path in self.folder.rglob(name):
            if path.is_file():
                os.utime(path, (then, then))


@pytest.fixture(autouse=True)
def _fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def play(tmp_path: Path, run: Callable[[Scene], None]) -> int:
    """Run once for each moment, and once without being stopped; return how many moments there are."""
    for moment in range(1_000):
        scene = Scene(tmp_path / str(moment), moment)
        run(scene)
        if scene.is_over:
            return moment
    raise AssertionError("it does not end")


def make_bundle(release: str = "r1", content: bytes = b"{}") -> Bundle:
    files = {"staging/template.json": content, "staging/b.json": content}
    said = {
        "schema": 1,
        "service": "recipes",
        "release": release,
        "commit": None,
        "platform": {"name": "toy", "version": "1.0.0", "digest": "0" * 64},
        "compiler": {"version": "0.1.0"},
    }
    manifest = seal_manifest({**said, "environments": ["staging"], "promotion": [], "files": list_files(files)})
    return Bundle("recipes", release, {**files, "manifest.json": manifest})


OURS, OTHERS = make_bundle(), make_bundle(content=b"[]")


def sweep(bucket: Bucket, nonce: str = "n1") -> Swept:
    now = datetime.now(UTC)
    planned = plan_sweep(bucket, now=now, keep=timedelta(days=90))
    return execute_sweep(bucket, planned, now=now, nonce=nonce)


def publish(bucket: Bucket, bundle: Bundle = OURS) -> bool:
    try:
        execute_publish(plan_publish(bundle, bucket), bucket)
    except Conflict:
        return False
    return True


def break_off(bucket: Bucket, done: int) -> None:
    """Leave what an upload leaves that was broken off after the claim and so many objects."""
    planned = plan_publish(OURS, bucket).upload
    for each in (planned.claim, *planned.objects[:done]):
        bucket.create(each.key, each.content, each.content_type)


def promote(bucket: Bucket, release: str = "r1", days: int = 0) -> bool:
    wish = make_wish(days=-days, nonce=f"{release}-{days}")
    try:
        promote_release(bucket, "recipes", release, "staging", wish)
    except CompileError as error:
        assert {fault.code for fault in error.diagnostics} <= {"D840", "D842"}  # noqa: PT017, as it need not be raised
        return False
    return True


def is_whole(bucket: Bucket) -> bool:
    """Tell whether our release is there, with our very bytes."""
    keys = {f"services/recipes/r1/{path}": content for path, content in OURS.files.items()}
    return set(keys) <= set(bucket.list_keys("")) and (
        check_release(bucket, "recipes", "r1").is_sound
        and all(bucket.read(key) == content for key, content in keys.items())
    )


def find_runs(bucket: Bucket) -> str | None:
    return read_channel(bucket, "recipes", "staging")[0].release


@pytest.mark.parametrize("done", [1, 2, 3])
@pytest.mark.parametrize("is_planned", [False, True])
def test_an_upload_ends_whole_or_is_told_when_gc_and_other_bytes_come(
    done: int, is_planned: bool, tmp_path: Path
) -> None:
    """It goes on with what was broken off after `done` objects, or says that all is there."""

    def run(scene: Scene) -> None:
        break_off(scene.bucket, done)
        scene.age(200)
        planned = plan_publish(OURS, scene.bucket)
        come: list[str] = []

        def come_in() -> None:
            if sweep(scene.bucket).removed:
                come.append("removed")
            assert not publish(scene.bucket, OTHERS)

        stopped = scene.stop(come_in)
        try:
            execute_publish(planned if is_planned else plan_publish(OURS, stopped), stopped)
        except Conflict:
            assert come, "nothing was in the way"
        else:
            assert is_whole(scene.bucket)
        assert publish(scene.bucket) and is_whole(scene.bucket)

    assert play(tmp_path, run) >= 1


@pytest.mark.parametrize("done", [1, 2, 3])
def test_an_upload_at_any_moment_of_gc_ends_whole_or_is_told(done: int, tmp_path: Path) -> None:
    def run(scene: Scene) -> None:
        break_off(scene.bucket, done)
        scene.age(200)
        planned = plan_publish(OURS, scene.bucket)
        written: list[tuple[str, ...]] = []

        def come_in() -> None:
            assert not publish(scene.bucket, OTHERS)
            with suppress(Conflict):
                written.append(execute_publish(planned, scene.bucket).written)

        sweep(scene.stop(come_in))
        # What was there already, and is old, was there to be removed.
        assert is_whole(scene.bucket) or not any(written)
        assert publish(scene.bucket) and is_whole(scene.bucket)

    assert play(tmp_path, run) > 15


def test_a_promotion_at_any_moment_of_gc_leads_to_a_whole_release_with_its_library(tmp_path: Path) -> None:
    def run(scene: Scene) -> None:
        for version in ("1.0.0", "1.0.1"):
            manifest = seal_manifest({"schema": 1, "version": version, "files": {}})
            scene.bucket.create(f"platform/{version}/manifest.json", manifest, "application/json")
        assert publish(scene.bucket)
        scene.age(200)
        ran: list[bool] = []
        sweep(scene.stop(lambda: ran.append(promote(scene.bucket))))
        is_promoted = ran == [True]
        assert is_promoted == (find_runs(scene.bucket) == "r1")
        assert is_promoted == ("platform/1.0.0/manifest.json" in scene.bucket.list_keys("platform/"))
        assert not is_promoted or is_whole(scene.bucket)
        assert not any(key.endswith(MARK) for key in scene.bucket.list_keys(""))

    assert play(tmp_path, run) > 20


def test_gc_at_any_moment_of_a_promotion_leaves_what_runs(tmp_path: Path) -> None:
    def run(scene: Scene) -> None:
        assert publish(scene.bucket)
        scene.age(200)
        is_promoted = promote(scene.stop(lambda: sweep(scene.bucket)))
        assert is_promoted == (find_runs(scene.bucket) == "r1")
        assert not is_promoted or is_whole(scene.bucket)

    assert play(tmp_path, run) > 5


def test_gc_at_any_moment_of_a_rollback_leaves_what_runs(tmp_path: Path) -> None:
    def run(scene: Scene) -> None:
        for release in ("r1", "r2", "r3"):
            assert publish(scene.bucket, make_bundle(release)) and promote(scene.bucket, release, 300)
        scene.age(200)
        swept: list[Swept] = []
        with suppress(CompileError):
            stopped = scene.stop(lambda: swept.append(sweep(scene.bucket)))
            roll_back(stopped, "recipes", "staging", "r1", make_wish())
        assert find_runs(scene.bucket) == ("r3" if swept and swept[0].removed else "r1")
        assert find_runs(scene.bucket) == "r3" or is_whole(scene.bucket)

    assert play(tmp_path, run) > 5


def test_a_gc_that_slept_for_a_day_deletes_nothing_of_what_came_meanwhile(tmp_path: Path) -> None:
    """Another takes over and ends what was begun; the release is published again, and runs."""

    def run(scene: Scene) -> None:
        assert publish(scene.bucket)
        scene.age(200)
        slept_before: list[str] = []

        def come_in() -> None:
            scene.age(2, Path(LEASE).name)
            sweep(scene.bucket, "n2")
            assert publish(scene.bucket) and promote(scene.bucket)

        stopped = scene.stop(come_in)
        last = _log(stopped, slept_before)
        with suppress(Conflict):
            sweep(last)
        if scene.is_over:
            return
        assert "r1" == find_runs(scene.bucket)
        # A request that was on its way cannot be held back. What it did is mended by the next gc, and by publishing.
        assert is_whole(scene.bucket) or slept_before[scene.moment] in ("create", "delete")
        sweep(scene.bucket)
        assert publish(scene.bucket) and is_whole(scene.bucket)

    assert play(tmp_path, run) > 20


def _log(bucket: Bucket, names: list[str]) -> Bucket:
    class Logged:
        def __getattr__(self, name: str) -> Any:
            names.append(name)
            return getattr(bucket, name)

    return cast(Bucket, Logged())
