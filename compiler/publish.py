"""Publish: put a release into a bucket, once, and list the releases that are there.

In: a Bundle and a Bucket.    Out: what is missing, as data; then what was done; the rows of releases.
Faults: Conflict, BucketUnreachable, ReleaseNameError.
Never: overwrites or deletes, or writes a manifest before everything that it names.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from compiler.bucket import Bucket, Conflict, DamagedObject
from compiler.model import Bundle

_MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_CONTENT_TYPES = {".json": "application/json", ".tar.gz": "application/gzip"}
_READERS = 8


class ReleaseNameError(ValueError):
    """A service or a release has a name that cannot be part of a key."""


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """An object of a release. `digest` is the sha256 in hex."""

    key: str
    content: bytes = field(repr=False)
    content_type: str
    digest: str
    is_there: bool


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """What a release is made of, the manifest last, and which of it is in the bucket already."""

    service: str
    release: str
    objects: tuple[PlannedObject, ...]

    @property
    def missing(self) -> tuple[PlannedObject, ...]:
        return tuple(planned for planned in self.objects if not planned.is_there)


@dataclass(frozen=True, slots=True)
class Progress:
    """One object was written, the `done`-th of `total`."""

    done: int
    total: int
    key: str


@dataclass(frozen=True, slots=True)
class Published:
    """A release that is in the bucket, and the keys that this run wrote; none if it was there before."""

    service: str
    release: str
    written: tuple[str, ...]

    @property
    def was_there(self) -> bool:
        return not self.written


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release as its manifest tells it: commit id, platform version, names of environments, number of files."""

    release: str
    commit: str | None
    platform: str
    environments: tuple[str, ...]
    files: int


def plan_publish(bundle: Bundle, bucket: Bucket) -> PublishPlan:
    """Compare a bundle with what the bucket holds of its release; changes nothing.

    Raises Conflict when an object is there with other bytes, or when an unfinished publish left one that the bundle
    does not have.
    """
    folder = release_folder(bundle.service, bundle.release)
    there = set(bucket.list_keys(folder))
    # Every publisher writes in this one order, so of two that race with different bytes the one that is first at the
    # first difference goes on to the end, and the other stops there.
    paths = [*sorted(path for path in bundle.files if path != _MANIFEST), _MANIFEST]
    objects = tuple(_plan_object(folder + path, bundle.files[path], there) for path in paths)
    clashes = [planned.key for planned in objects if planned.is_there and bucket.digest(planned.key) != planned.digest]
    if clashes:
        raise Conflict(*clashes)
    strays = there - {planned.key for planned in objects}
    if strays and folder + _MANIFEST not in there:
        raise Conflict(*sorted(strays), reason="left by an unfinished publish of other files under this release")
    return PublishPlan(bundle.service, bundle.release, objects)


def execute_publish(
    plan: PublishPlan, bucket: Bucket, *, report_progress: Callable[[Progress], object] | None = None
) -> Published:
    """Write what is missing, in order; with the manifest, which is last, the release exists.

    Raises Conflict when another publisher was faster with other bytes.
    """
    missing = plan.missing
    for done, planned in enumerate(missing, start=1):
        bucket.create(planned.key, planned.content, planned.content_type)
        if report_progress:
            report_progress(Progress(done, len(missing), planned.key))
    return Published(plan.service, plan.release, tuple(planned.key for planned in missing))


def list_releases(bucket: Bucket, service: str) -> tuple[ReleaseRow, ...]:
    """Read the manifests of a service's releases, the newest first. Raises DamagedObject for one that is none."""
    folder = f"services/{_check_name(service, 'service')}/"
    names = (key.removeprefix(folder).split("/") for key in bucket.list_keys(folder))
    releases = sorted((name[0] for name in names if name[1:] == [_MANIFEST] and _NAME.fullmatch(name[0])), reverse=True)
    with ThreadPoolExecutor(_READERS) as pool:
        return tuple(pool.map(lambda release: _read_row(bucket, service, release), releases))


def check_release_id(release: str) -> str:
    """Return the id when a release may have it, else raise ReleaseNameError."""
    return _check_name(release, "release")


def _plan_object(key: str, content: bytes, there: set[str]) -> PlannedObject:
    kinds = (kind for suffix, kind in _CONTENT_TYPES.items() if key.endswith(suffix))
    content_type = next(kinds, "application/octet-stream")
    return PlannedObject(key, content, content_type, hashlib.sha256(content).hexdigest(), is_there=key in there)


def _read_row(bucket: Bucket, service: str, release: str) -> ReleaseRow:
    key = release_folder(service, release) + _MANIFEST
    try:
        manifest = json.loads(bucket.read(key))
    except (ValueError, RecursionError):
        raise DamagedObject(key, "it is not JSON") from None
    match manifest:
        case {
            "schema": 1,
            "service": str(named_service),
            "release": str(named_release),
            "commit": None | {"id": str()} as commit,
            "platform": {"version": str(platform)},
            "environments": list(environments),
            "files": dict(files),
        } if (named_service, named_release) == (service, release):
            total = len(files) + 1  # the manifest does not name itself
            row = ReleaseRow(release, commit["id"] if commit else None, platform, tuple(environments), total)
            # A terminal obeys what is unprintable.
            if all(
                isinstance(text, str) and text.isprintable() for text in (platform, row.commit or "", *environments)
            ):
                return row
    raise DamagedObject(key, "it is not a manifest of this release that this version of Flagstone can read")


def release_folder(service: str, release: str) -> str:
    """Name the folder of a release in a bucket, with a slash at its end. Raises ReleaseNameError."""
    return f"services/{_check_name(service, 'service')}/{check_release_id(release)}/"


def _check_name(name: str, what: str) -> str:
    if not _NAME.fullmatch(name):
        allowed = "up to 128 letters, digits, `.`, `_` and `-`, of which the first is a letter or a digit"
        raise ReleaseNameError(f"{what} `{ascii(name)[1:-1]}` is not named by {allowed}")
    return name
