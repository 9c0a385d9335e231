"""Publish: put a release into a bucket, once, and list the releases that are there.

In: a Bundle and a Bucket.    Out: what is missing, as data; then what was done; the rows of releases.
Faults: Conflict, BucketUnreachable, ReleaseNameError.
Never: overwrites or deletes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from compiler.bucket import Bucket, DamagedObject
from compiler.manifest import MANIFEST, DamagedManifest, read_release
from compiler.model import Bundle
from compiler.upload import PlannedObject, Progress, UploadPlan, execute_upload, plan_upload

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_READERS = 8


class ReleaseNameError(ValueError):
    """A service or a release has a name that cannot be part of a key."""


@dataclass(frozen=True, slots=True)
class PublishPlan:
    """A release, and what its upload will do."""

    service: str
    release: str
    upload: UploadPlan

    @property
    def missing(self) -> tuple[PlannedObject, ...]:
        return self.upload.missing


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

    Raises Conflict when objects are there with other bytes, or when another publish has claimed the release.
    """
    commit = json.loads(bundle.files[MANIFEST])["commit"]
    tags = {"service": bundle.service, "commit": commit["id"] if commit else "none"}
    folder = release_folder(bundle.service, bundle.release)
    return PublishPlan(bundle.service, bundle.release, plan_upload(folder, bundle.files, tags, bucket))


def execute_publish(
    plan: PublishPlan, bucket: Bucket, *, report_progress: Callable[[Progress], object] | None = None
) -> Published:
    """Write what is missing; with the manifest, which is last, the release exists.

    Raises Conflict when another publisher was faster with other bytes.
    """
    written = execute_upload(plan.upload, bucket, report_progress=report_progress)
    return Published(plan.service, plan.release, written)


def list_releases(bucket: Bucket, service: str) -> tuple[ReleaseRow | DamagedObject, ...]:
    """Read the manifests of a service's releases, the newest first. A fault stands for one that is none."""

    def read(release: str) -> ReleaseRow | DamagedObject:
        try:
            return _read_row(bucket, service, release)
        except DamagedObject as damage:
            return damage

    releases = list_release_ids(bucket, service)
    with ThreadPoolExecutor(_READERS) as pool:
        return tuple(pool.map(read, releases))


def list_release_ids(bucket: Bucket, service: str) -> tuple[str, ...]:
    """Name the releases of a service, the newest first, without reading one.

    A release is as old as its manifest, which comes last: a name may be anything. A store that tells whole seconds
    leaves those of one second to their names.
    """
    folder = f"services/{check_name(service, 'service')}/"
    found = []
    for each in bucket.list_objects(folder):
        name, _, path = each.key.removeprefix(folder).partition("/")
        if path == MANIFEST and _NAME.fullmatch(name):
            found.append((each.modified, name))
    return tuple(name for _, name in sorted(found, reverse=True))


def is_name(name: str) -> bool:
    """Tell whether a service, a release or an environment can have this name."""
    return bool(_NAME.fullmatch(name))


def check_name(name: str, what: str) -> str:
    """Return a name when it can be part of a key, else raise ReleaseNameError, which says `what` it names."""
    if not is_name(name):
        allowed = "up to 128 letters, digits, `.`, `_` and `-`, of which the first is a letter or a digit"
        raise ReleaseNameError(f"{what} `{ascii(name)[1:-1]}` is not named by {allowed}")
    return name


def check_release_id(release: str) -> str:
    """Return the id when a release may have it, else raise ReleaseNameError."""
    return check_name(release, "release")


def _read_row(bucket: Bucket, service: str, release: str) -> ReleaseRow:
    key = release_folder(service, release) + MANIFEST
    try:
        manifest = json.loads(bucket.read(key))
    except (ValueError, RecursionError):
        raise DamagedObject(key, "it is not JSON") from None
    try:
        if not isinstance(manifest, dict) or manifest.get("schema") != 1 or not isinstance(manifest.get("files"), dict):
            raise DamagedManifest("it is not a manifest of this release that this version of Flagstone can read")
        facts = read_release(manifest)
        if (facts.service, facts.release) != (service, release):
            raise DamagedManifest("it is the manifest of another release")
    except DamagedManifest as damage:
        raise DamagedObject(key, str(damage)) from None
    total = len(manifest["files"]) + 1  # the manifest does not name itself
    return ReleaseRow(release, facts.commit.id if facts.commit else None, facts.version, facts.environments, total)


def release_folder(service: str, release: str) -> str:
    """Name the folder of a release in a bucket, with a slash at its end. Raises ReleaseNameError."""
    return f"services/{check_name(service, 'service')}/{check_release_id(release)}/"
