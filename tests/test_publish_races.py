"""Sixteen processes publish one release with different bytes: one wins, and the others say so and change nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from compiler.bucket import open_bucket
from compiler.publish import ReleaseRow, list_releases
from compiler.release_check import check_release
from tests.ministack import BucketAtHand

_ROOT = Path(__file__).parent.parent
_RACERS, _RELEASES = 16, 2

# One process imports what all need and opens the bucket, and the others are forked from it. All plan before one writes.
_RACE = f"""
import json, multiprocessing, os, sys
import click
import compiler.output, compiler.report
from compiler.bucket import open_bucket
from compiler.manifest import list_files, seal_manifest
from compiler.model import Bundle
from compiler.publish import execute_publish, plan_publish
from compiler.screen import Reporting, make_screen

def make_bundle(release, me):
    files = {{"source.tar.gz": b"the same", "a.json": b"1", "production/template.json": b"3"}}
    # What differs: a file, which files there are, or only what the manifest says.
    mine = b"%d" % me
    files |= [{{"a.json": mine}}, {{f"{{me}}.json": b""}}, {{"production/template.json": mine}}, {{}}][me % 4]
    said = {{"schema": 1, "service": "recipes", "release": release,
            "commit": {{"id": str(me), "time": "now", "dirty": False}},
            "platform": {{"name": "toy", "version": "1.0.0", "digest": "0" * 64}}, "compiler": {{"version": "1"}},
            "environments": ["production"], "files": list_files(files)}}
    return Bundle("recipes", release, {{**files, "manifest.json": seal_manifest(said)}})

@click.command()
def publish():
    with Reporting(make_screen("json")) as screen:
        plan = plan_publish(make_bundle(release, me), bucket)
        planned.wait(30)
        execute_publish(plan, bucket)

bucket = open_bucket(sys.argv[1])
for release in [f"r{{number}}" for number in range(1, {_RELEASES} + 1)]:
    planned = multiprocessing.get_context("fork").Barrier({_RACERS})
    children = []
    for me in range({_RACERS}):
        if (child := os.fork()) == 0:
            sys.stdout = open(f"{{sys.argv[2]}}/{{release}}-{{me}}.json", "w")
            publish(args=[])
        children.append(child)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
"""


def test_of_sixteen_processes_that_publish_one_release_exactly_one_wins(at_hand: BucketAtHand, tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _RACE, at_hand.url, str(said)],
        cwd=_ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )

    bucket = open_bucket(at_hand.url)
    rows = {row.release: row for row in list_releases(bucket, "recipes") if isinstance(row, ReleaseRow)}
    for number, line in enumerate(done.stdout.splitlines(), start=1):
        codes, release = json.loads(line), f"r{number}"
        assert Counter({4: _RACERS - 1, 0: 1}) == Counter(codes)
        assert str(codes.index(0)) == rows[release].commit
        assert () == check_release(bucket, "recipes", release).faults
        for me, code in enumerate(codes):
            if code == 4:
                [told] = json.loads((said / f"{release}-{me}.json").read_text())["diagnostics"]
                assert ("D801", f"`services/recipes/{release}/claim.json` is of an upload with other bytes") == (
                    told["code"],
                    told["message"].partition(",")[0],
                )
    assert [f"r{number}" for number in range(_RELEASES, 0, -1)] == list(rows)
