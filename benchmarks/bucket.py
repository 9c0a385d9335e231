"""What a bucket costs, in seconds of the clock, against an S3 server on this machine.

A publish of the example is held against the bare `put_object` calls for the same bytes, in turn in one run, both with a
client that is made before; then many releases are listed.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from compiler.bucket import Bucket, open_bucket  # noqa: E402
from compiler.manifest import open_manifest, seal_manifest  # noqa: E402
from compiler.model import Bundle  # noqa: E402
from compiler.pipeline import compile_plan, open_library, plan_service  # noqa: E402
from compiler.publish import execute_publish, list_releases, plan_publish  # noqa: E402
from tests.ministack import MiniStack, run_ministack  # noqa: E402

EXAMPLE = ROOT / "examples/service-repo"
ENVIRONMENTS = ("staging", "production", "env-default")
ROUNDS = 15
RELEASES = 1000


def main() -> None:
    library = open_library(None)
    plan = plan_service(EXAMPLE, library, with_archives=True)
    bundle = compile_plan(plan, library, release="r", environments=ENVIRONMENTS, lint=False).bundle
    total = sum(len(content) for content in bundle.files.values())
    with tempfile.TemporaryDirectory() as folder, run_ministack(Path(folder)) as server:
        os.environ.update(server.environment())
        bare, published = _compare(bundle, server)
        ratio = statistics.median(published) / statistics.median(bare)
        size = f"{len(bundle.files)} files, {total / 1e3:.0f} kB"
        print(f"put_object, bare, one after another   {statistics.median(bare):7.3f} s   {size}")
        print(f"publish                               {statistics.median(published):7.3f} s   {size}")
        print(f"ratio                                 {ratio:7.2f}     budget 1.5{'!' if ratio > 1.5 else ''}")
        bucket = open_bucket(f"s3://{server.make_bucket()}")
        for number in range(RELEASES):
            _put_manifest(bucket, bundle, f"r{number:04}")
        seconds = _time(lambda: list_releases(bucket, bundle.service))
        print(f"{RELEASES} releases listed                  {seconds:7.2f} s   budget 2{'!' if seconds > 2 else ''}")


def _compare(bundle: Bundle, server: MiniStack) -> tuple[list[float], list[float]]:
    """Time the bare calls and a publish in turn, each to a place of its own."""
    name = server.make_bucket()
    bucket = open_bucket(f"s3://{name}")
    bucket.create("warm", b"", "text/plain")
    bare, published = [], []
    for number in range(ROUNDS):
        bare.append(_time(partial(_put_bare, server, name, number, bundle)))
        published.append(_time(partial(_publish, _rename(bundle, f"r{number}"), bucket)))
    return bare, published


def _put_bare(server: MiniStack, name: str, number: int, bundle: Bundle) -> None:
    for path, content in bundle.files.items():
        server.s3.put_object(Bucket=name, Key=f"bare/{number}/{path}", Body=content)


def _publish(bundle: Bundle, bucket: Bucket) -> None:
    execute_publish(plan_publish(bundle, bucket), bucket)


def _rename(bundle: Bundle, release: str) -> Bundle:
    said, _ = open_manifest(bundle.files["manifest.json"])
    manifest = seal_manifest({**said, "release": release})
    return replace(bundle, release=release, files={**bundle.files, "manifest.json": manifest})


def _put_manifest(bucket: Bucket, bundle: Bundle, release: str) -> None:
    content = _rename(bundle, release).files["manifest.json"]
    bucket.create(f"services/{bundle.service}/{release}/manifest.json", content, "application/json")


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
