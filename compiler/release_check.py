"""Release check: hold every object of a release against its manifest.

In: a Bucket, a service, a release.    Out: what the manifest says, and which objects are missing, changed or extra.
Faults: NotInBucket where there is no such release, BucketUnreachable, ReleaseNameError.
Never: trusts a digest that the bucket keeps, changes anything, or runs what it reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from compiler.bucket import Bucket, BucketKeyError, DamagedObject, NotInBucket
from compiler.manifest import (
    CLAIM,
    MANIFEST,
    DamagedManifest,
    Listed,
    ReleaseFacts,
    open_manifest,
    read_release,
    render_claim,
)
from compiler.model import Json
from compiler.publish import release_folder

_READERS = 8


@dataclass(frozen=True, slots=True)
class ObjectFault:
    """What is wrong with one object of a release. `reason` is half a sentence about it."""

    key: str
    kind: Literal["missing", "changed", "extra"]
    reason: str


@dataclass(frozen=True, slots=True)
class CheckedRelease:
    """A release that was read to the last byte. `manifest` is empty, and `facts` None, where it is damaged itself."""

    service: str
    release: str
    manifest: Mapping[str, Json]
    facts: ReleaseFacts | None
    faults: tuple[ObjectFault, ...]
    objects: int

    @property
    def is_sound(self) -> bool:
        return not self.faults


def check_release(bucket: Bucket, service: str, release: str) -> CheckedRelease:
    """Read every object of a release and compare it with the manifest. Faults are in the order of their keys."""
    folder = release_folder(service, release)
    content = _read(bucket, folder + MANIFEST)
    if content is None:
        raise NotInBucket(folder + MANIFEST)
    if isinstance(content, ObjectFault):
        return CheckedRelease(service, release, {}, None, (content,), 1)
    try:
        manifest, listed = open_manifest(content)
        if (manifest.get("service"), manifest.get("release")) != (service, release):
            raise DamagedManifest("it is the manifest of another release")
        facts = read_release(manifest)
    except DamagedManifest as damage:
        fault = ObjectFault(folder + MANIFEST, "changed", str(damage))
        return CheckedRelease(service, release, {}, None, (fault,), 1)
    faults = check_files(bucket, folder, listed, content)
    return CheckedRelease(service, release, manifest, facts, faults, 1 + len(listed))


def check_files(bucket: Bucket, folder: str, listed: Mapping[str, Listed], manifest: bytes) -> tuple[ObjectFault, ...]:
    """Compare what lies in a folder, which ends with a slash, with what its manifest lists."""
    keys = list(bucket.list_keys(folder))
    if folder + CLAIM in keys:  # a complete release needs none
        claim = render_claim(manifest)
        listed = {**listed, CLAIM: Listed(hashlib.sha256(claim).hexdigest(), len(claim))}
    with ThreadPoolExecutor(_READERS) as pool:
        found = list(pool.map(lambda path: _check_object(bucket, folder + path, listed[path]), sorted(listed)))
    found.extend(_find_extra(keys, {folder + path for path in (*listed, MANIFEST)}))
    return tuple(sorted((fault for fault in found if fault), key=lambda fault: fault.key))


def _check_object(bucket: Bucket, key: str, listed: Listed) -> ObjectFault | None:
    content = _read(bucket, key)
    if content is None:
        return ObjectFault(key, "missing", "it is not in the bucket, and the manifest lists it")
    if isinstance(content, ObjectFault):
        return content
    reason = listed.find_fault(content)
    return ObjectFault(key, "changed", reason) if reason else None


def _read(bucket: Bucket, key: str) -> bytes | ObjectFault | None:
    try:
        return bucket.read(key)
    except NotInBucket:
        return None
    except BucketKeyError:
        return ObjectFault(key, "changed", "no object can have this name")
    except DamagedObject as damage:
        return ObjectFault(key, "changed", damage.reason)


def _find_extra(keys: Iterable[str], known: set[str]) -> Iterator[ObjectFault]:
    for key in keys:
        if key not in known:
            yield ObjectFault(key, "extra", "the manifest does not list it")
