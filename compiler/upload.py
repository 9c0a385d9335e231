"""Upload: put the files of one release into a folder of a bucket, whole or not at all.

An upload first claims the folder: it writes an object that names the digest of the manifest, and so of all that the
manifest lists. Of several uploads with different bytes one gets the claim, and the others write nothing, so that
objects can go up side by side. The claim stays: what was broken off is completed by the same bytes and by no others.

In: files by their paths, a Bucket.    Out: what is missing, as data; then the keys that were written.
Faults: Conflict, BucketUnreachable.
Never: overwrites or deletes, or writes a manifest before everything that it lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from compiler.bucket import Bucket, Conflict
from compiler.manifest import CLAIM, MANIFEST, MARK, render_claim

_CONTENT_TYPES = {".json": "application/json", ".tar.gz": "application/gzip"}
_THREADS = 8
_CLAIMED = "of an upload with other bytes, which is running or was broken off; only the same bytes can complete it"
_MARKED = "there because `flagstone gc` is removing this: publish again once it is gone"
_STRAY = "left by an unfinished upload of other files"


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """An object of a release. `digest` is the sha256 in hex."""

    key: str
    content: bytes = field(repr=False)
    content_type: str
    digest: str
    is_there: bool


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """What a release is made of, the manifest last, and which of it is in the bucket already.

    `claim` is None where the release is complete enough to need none. `tags` go to every object.
    """

    claim: PlannedObject | None
    objects: tuple[PlannedObject, ...]
    tags: Mapping[str, str]

    @property
    def missing(self) -> tuple[PlannedObject, ...]:
        return tuple(planned for planned in self.objects if not planned.is_there)


@dataclass(frozen=True, slots=True)
class Progress:
    """One object was written, the `done`-th of `total`."""

    done: int
    total: int
    key: str


def plan_upload(folder: str, files: Mapping[str, bytes], tags: Mapping[str, str], bucket: Bucket) -> UploadPlan:
    """Compare files, one of them the manifest, with what a folder of a bucket holds; changes nothing.

    The folder ends with a slash. Raises Conflict when an object is there with other bytes, or when an unfinished
    upload claimed the folder for others, or left one that is not among the files.
    """
    there = set(bucket.list_keys(folder))
    if folder + MARK in there:
        raise Conflict(folder + MARK, reason=_MARKED)
    is_released = folder + MANIFEST in there
    paths = [*sorted(path for path in files if path != MANIFEST), MANIFEST]
    objects = tuple(_plan_object(folder + path, files[path], there) for path in paths)
    claim = _plan_object(folder + CLAIM, render_claim(files[MANIFEST]), there)
    if not is_released and _find_clashes([claim], bucket):
        raise Conflict(claim.key, reason=_CLAIMED)
    if clashes := _find_clashes(objects, bucket):
        raise Conflict(*clashes)
    strays = there - {planned.key for planned in (claim, *objects)}
    if strays and not is_released:
        raise Conflict(*sorted(strays), reason=_STRAY)
    return UploadPlan(None if is_released or claim.is_there else claim, objects, tags)


def execute_upload(
    plan: UploadPlan, bucket: Bucket, *, report_progress: Callable[[Progress], object] | None = None
) -> tuple[str, ...]:
    """Claim the folder, write what is missing, several at a time, and last the manifest.

    Raises Conflict when another was faster with other bytes; the first fault of an object ends the upload, after the
    objects that are on their way.
    """
    if plan.claim:
        try:
            _write(plan.claim, plan.tags, bucket)
        except Conflict:
            raise Conflict(plan.claim.key, reason=_CLAIMED) from None
    missing = plan.missing
    *parts, manifest = plan.objects
    done = 0
    for batch in ([planned for planned in parts if not planned.is_there], [] if manifest.is_there else [manifest]):
        for key in _write_all(batch, plan.tags, bucket):
            done += 1
            if report_progress:
                report_progress(Progress(done, len(missing), key))
    if missing:
        _complete(manifest.key.removesuffix(MANIFEST), parts, plan.tags, bucket)
    return tuple(planned.key for planned in missing)


def _complete(folder: str, parts: Sequence[PlannedObject], tags: Mapping[str, str], bucket: Bucket) -> None:
    """Write again what `gc` removed of an old unfinished upload after this one had seen it, see `sweep`."""
    there = set(bucket.list_keys(folder))
    if folder + MARK in there:
        raise Conflict(folder + MARK, reason=_MARKED)
    for _ in _write_all([planned for planned in parts if planned.key not in there], tags, bucket):
        pass


def _plan_object(key: str, content: bytes, there: set[str]) -> PlannedObject:
    kinds = (kind for suffix, kind in _CONTENT_TYPES.items() if key.endswith(suffix))
    content_type = next(kinds, "application/octet-stream")
    return PlannedObject(key, content, content_type, hashlib.sha256(content).hexdigest(), is_there=key in there)


def _find_clashes(objects: Sequence[PlannedObject], bucket: Bucket) -> tuple[str, ...]:
    standing = [planned for planned in objects if planned.is_there]
    with ThreadPoolExecutor(_THREADS) as pool:
        digests = pool.map(lambda planned: bucket.digest(planned.key), standing)
        return tuple(planned.key for planned, found in zip(standing, digests, strict=True) if found != planned.digest)


def _write_all(objects: Sequence[PlannedObject], tags: Mapping[str, str], bucket: Bucket) -> Iterator[str]:
    """Write objects side by side, and yield the key of each that is written."""
    pool = ThreadPoolExecutor(_THREADS)
    try:
        for written in as_completed([pool.submit(_write, planned, tags, bucket) for planned in objects]):
            yield written.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _write(planned: PlannedObject, tags: Mapping[str, str], bucket: Bucket) -> str:
    bucket.create(planned.key, planned.content, planned.content_type, tags=tags)
    return planned.key
