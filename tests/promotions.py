"""Releases without a compile, and who wants them to run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from compiler.bucket import Bucket
from compiler.channel import Actor, Wish
from compiler.manifest import list_files, seal_manifest

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORDER = ("staging", "production")


def publish_release(
    bucket: Bucket,
    release: str,
    *,
    service: str = "recipes",
    environments: Iterable[str] = ORDER,
    promotion: Iterable[str] = ORDER,
    resources: Mapping[str, Any] | None = None,
    **said: Any,
) -> None:
    """Put a release of one template an environment into a bucket; `said` are more keys of its manifest."""
    template = json.dumps({"Resources": dict(resources or {}), "Of": release}).encode()
    files = {f"{name}/template.json": template for name in environments}
    manifest = {
        "schema": 1,
        "service": service,
        "release": release,
        "commit": {"id": "0123456789abcdef", "time": "20261120T101500", "dirty": False},
        "platform": {"name": "toy", "version": "1.0.0", "digest": "0" * 64},
        "compiler": {"version": "0.1.0"},
        "environments": sorted(environments),
        "promotion": list(promotion),
        "files": list_files(files),
        "publishes": [],
        "consumes": [],
        **said,
    }
    for path, content in {**files, "manifest.json": seal_manifest(manifest)}.items():
        bucket.create(f"services/{service}/{release}/{path}", content, "application/json")


def make_wish(
    name: str = "anna", *, reason: str | None = None, nonce: str = "m1", is_forced: bool = False, **later: float
) -> Wish:
    """Someone's wish, `later` after noon."""
    return Wish(Actor(name), NOON + timedelta(**later), nonce, reason, is_forced)


class Interposed:
    """A bucket where somebody else comes in right before the first replacement of one object."""

    def __init__(self, bucket: Bucket, come_in: Callable[[], object]) -> None:
        self._bucket = bucket
        self._come_in: Callable[[], object] | None = come_in

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def replace(self, key: str, content: bytes, content_type: str, *, tag: str | None) -> None:
        come_in, self._come_in = self._come_in, None
        if come_in:
            come_in()
        self._bucket.replace(key, content, content_type, tag=tag)
