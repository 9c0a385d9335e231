"""Upload: put the files of one release into a folder of a bucket, whole or not at all.

An upload first claims the folder: it writes an object that names the digest of the manifest, and so of all that the
manifest lists. Of several uploads with different bytes one gets the claim, and the others write nothing, so that
objects can go up side by side. The claim stays for ever, `gc` leaves it too: what was broken off or removed comes back
with the same bytes and with no others. So two uploads that work in one folder write the same, whoever was slow.

`gc` may remove an old folder while an upload goes on in it. What is there is therefore looked at once more at the end.

In: files by their paths, a Bucket.    Out: what is missing, as data; then the keys that were written.
Faults: Conflict, BucketUnreachable.
Never: overwrites or deletes, writes a manifest before everything that it lists, or reports what it has not seen whole.
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
_ROUNDS = 3
_CLAIMED = (
    "of an upload with other bytes, which is running, was broken off or was removed by `flagstone gc`;"
    " only the same bytes can complete it"
)
_MARKED = "there because `flagstone gc` is removing this: publish again once it is gone"
_VANISHING = "going while it is written; publish again"
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

    `claim` goes first where something is missing. `tags` go to every object.
    """

    folder: str
    claim: PlannedObject
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
    found = _read_digests([planned for planned in (claim, *objects) if planned.is_there], bucket)
    if not is_released and _find_clashes([claim], found):
        raise Conflict(claim.key, reason=_CLAIMED)
    if clashes := _find_clashes(objects, found):
        raise Conflict(*clashes)
    strays = there - {planned.key for planned in (claim, *objects)}
    if strays and not is_released:
        raise Conflict(*sorted(strays), reason=_STRAY)
    return UploadPlan(folder, claim, objects, tags)


def execute_upload(
    plan: UploadPlan, bucket: Bucket, *, report_progress: Callable[[Progress], object] | None = None
) -> tuple[str, ...]:
    """Claim the folder, write what is missing, several at a time, and last the manifest; then see that all is there.

    Raises Conflict when another was faster with other bytes, or when `gc` is removing the folder; the first fault of an
    object ends the upload, after the objects that are on their way.
    """
    missing, written = list(plan.missing), dict[str, None]()
    for _ in range(_ROUNDS):
        for key in _write_missing(plan, missing, bucket):
            written[key] = None
            if report_progress and len(written) <= len(plan.missing):
                report_progress(Progress(len(written), len(plan.missing), key))
        there = set(bucket.list_keys(plan.folder))
        if plan.folder + MARK in there:
            raise Conflict(plan.folder + MARK, reason=_MARKED)
        missing = [planned for planned in plan.objects if planned.key not in there]
        if not missing:
            return tuple(planned.key for planned in plan.objects if planned.key in written)
    raise Conflict(*(planned.key for planned in missing), reason=_VANISHING)


def _write_missing(plan: UploadPlan, missing: Sequence[PlannedObject], bucket: Bucket) -> Iterator[str]:
    """Write objects and yield the key of each; before the manifest, look again at what this upload did not write."""
    if not missing:
        return
    try:
        _write(plan.claim, plan.tags, bucket)
    except Conflict:
        raise Conflict(plan.claim.key, reason=_CLAIMED) from None
    *parts, manifest = plan.objects
    keys = {planned.key for planned in missing}
    yield from _write_all([planned for planned in parts if planned.key in keys], plan.tags, bucket)
    found = _read_digests([plan.claim, *(planned for planned in parts if planned.key not in keys)], bucket)
    if found.pop(plan.claim.key) not in (None, plan.claim.digest):
        raise Conflict(plan.claim.key, reason=_CLAIMED)
    if clashes := _find_clashes(parts, found):
        raise Conflict(*clashes)
    yield from _write_all([planned for planned in parts if found.get(planned.key, "") is None], plan.tags, bucket)
    if manifest.key in keys:
        yield _write(manifest, plan.tags, bucket)


def _plan_object(key: str, content: bytes, there: set[str]) -> PlannedObject:
    kinds = (kind for suffix, kind in _CONTENT_TYPES.items() if key.endswith(suffix))
    content_type = next(kinds, "application/octet-stream")
    return PlannedObject(key, content, content_type, hashlib.sha256(content).hexdigest(), is_there=key in there)


def _read_digests(objects: Sequence[PlannedObject], bucket: Bucket) -> dict[str, str | None]:
    """Read what stands under the keys of objects; None where nothing does."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(pool.map(lambda planned: (planned.key, bucket.digest(planned.key)), objects))


def _find_clashes(objects: Sequence[PlannedObject], found: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(planned.key for planned in objects if found.get(planned.key) not in (None, planned.digest))


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
