"""Sweep: find what nothing in the bucket needs any more, and remove it.

In: a Bucket, the time, how long something is kept.    Out: a Sweep, which is data; then what was removed and what not.
Faults: DamagedObject for a channel that cannot be read, since nobody knows what it needs; Conflict where another `gc`
runs; what the bucket raises.
Never: removes what a channel runs or would roll back to, what ran within that time, what is younger, the library of a
release that stays, or what is no bucket's.

Others publish and promote meanwhile, and no bucket can lock two objects. These are the steps:

1. Take the lease, one object for the whole bucket that is replaced only by who has read it. So one `gc` at a time
   marks and deletes. A lease that is a day old is taken for one whose `gc` was broken off. Who was suspended so long
   finds that the lease is another's before it marks or deletes anything: it is read before every single object.
2. Mark every folder, and list it once more: what changed since it was planned stays.
3. Write to every channel that could move to a marked release, and read all of them.
4. Decide, releases first: what a channel needs by now stays. Then libraries: what any other release names stays. The
   marks of what stays are taken away; nothing of it was touched.
5. Remove the manifest, then the rest but the claim, until a listing shows nothing else; then the mark.

What others do, and why each of their steps may come between any two of these:

- `promote` and `rollback` read the channel, then the whole release, then replace the channel if it is the same still.
  Who read the channel before step 3 is refused by the bucket and begins anew; who wrote it before step 3 is seen
  there; who begins later finds the mark. So from step 4 on, no channel moves to what is removed.
- An upload refuses a marked folder, and once it has written the manifest it lists the folder. It finds the mark and
  says so; or it was done before step 2, which sees that the folder changed; or step 5 is over, and it writes again what
  is missing. As the claim stays, nobody else's bytes can have come there meanwhile, neither now nor in a year.
- `publish` looks at the library of a release before it writes the release and once more after it. Either the mark of
  step 2 was there to be found, or the release was there to be found by step 4.
- `platform publish` is an upload. A version that nothing names yet is young, and stays for that.

The request that a suspended `gc` sends after it has read the lease cannot be held back. It would have to wait for a
day. It marks one folder, which the next `gc` mends, or removes one object, which publishing the same bytes brings back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from compiler.bucket import Bucket, BucketFault, BucketUnreachable, Conflict, DamagedObject, NotInBucket
from compiler.bucket_contract import ListedObject
from compiler.channel import Channel, find_previous, mark_swept, render_channel
from compiler.manifest import CLAIM, MANIFEST, MARK, DamagedManifest, open_manifest, render_json
from compiler.model import Json
from compiler.promote import read_channel, read_channels
from compiler.publish import is_name
from compiler.versions import is_version, order_versions

LEASE = "environments/gc.json"  # where whoever collects may write, and nobody takes it for a channel
_FREE = render_json({"schema": 1, "sweep": None})
_STALE = timedelta(days=1)  # after which a lease is taken for one whose sweep was broken off
_SKEW = timedelta(minutes=15)  # S3 refuses requests of clocks that differ by more
_HOUR = timedelta(hours=1)
_TRIES = 20
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Folder:
    """A release, a version of the library (`service` is None then), or what an unfinished upload left of one."""

    service: str | None
    name: str
    objects: tuple[ListedObject, ...]

    @property
    def path(self) -> str:
        return f"services/{self.service}/{self.name}/" if self.service else f"platform/{self.name}/"

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(each.size for each in self.objects)

    def find(self, name: str) -> ListedObject | None:
        return next((each for each in self.objects if each.key == self.path + name), None)


@dataclass(frozen=True, slots=True)
class Removable:
    """A folder that nothing needs, and why that is so."""

    folder: Folder
    reason: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """What could be removed; what ran after `cutoff` (an aware time) or is younger stays.

    `stranded` is what stays and bears the mark of a sweep that was broken off.
    """

    cutoff: datetime
    removable: tuple[Removable, ...]
    stranded: tuple[Folder, ...] = ()

    @property
    def size(self) -> int:
        return sum(each.folder.size for each in self.removable)


@dataclass(frozen=True, slots=True)
class Spared:
    """A folder that stays after all, and why."""

    folder: Folder
    reason: str


@dataclass(frozen=True, slots=True)
class Swept:
    removed: tuple[Folder, ...]
    spared: tuple[Spared, ...]


def plan_sweep(bucket: Bucket, *, now: datetime, keep: timedelta) -> Sweep:
    """Find what nothing needs; changes nothing."""
    cutoff = now - keep
    is_alone = _find_lease(bucket, now) is None
    releases = [each for each in _list_folders(bucket, "services/") if is_alone or not each.find(MARK)]
    needed = list_needed(read_channels(bucket), cutoff)
    found = [each for folder in releases if (each := _judge_release(bucket, folder, needed, cutoff))]
    libraries = [each for each in _list_folders(bucket, "platform/") if is_alone or not each.find(MARK)]
    going = {each.folder.path for each in found}
    named = _list_libraries(bucket, releases, going) if libraries else frozenset()
    kept = _list_current(libraries, cutoff)
    found.extend(each for folder in libraries if (each := _judge_library(bucket, folder, named, kept, cutoff)))
    going = {each.folder.path for each in found}
    marked = (each for each in (*releases, *libraries) if each.find(MARK))
    return Sweep(cutoff, tuple(found), tuple(each for each in marked if each.path not in going))


def list_needed(channels: Iterable[Channel], cutoff: datetime) -> frozenset[tuple[str, str]]:
    """Name, as service and release, what runs, what a rollback would lead to, and what ran since the cutoff."""
    needed: set[tuple[str, str | None]] = set()
    for channel in channels:
        young = [move for move in channel.history if move.time >= cutoff]
        names = {channel.release, find_previous(channel)}
        names.update(name for move in young for name in (move.release, move.before))
        needed.update((channel.service, name) for name in names)
    return frozenset((service, name) for service, name in needed if name is not None)


def execute_sweep(bucket: Bucket, sweep: Sweep, *, now: datetime, nonce: str) -> Swept:
    """Remove what was planned and is not needed by now; `nonce` is a word of chance that tells two sweeps apart.

    Raises Conflict where another sweep runs, BucketUnreachable where the clock that `now` is from is ahead.
    """
    if not sweep.removable and not sweep.stranded:
        return Swept((), ())
    with _hold_lease(bucket, now, nonce) as lease:
        spared = [Spared(each, "it is needed, and a `gc` that was broken off had marked it") for each in sweep.stranded]
        for folder in sweep.stranded:
            lease.delete(folder.path + MARK)
        waiting: list[Folder] = []  # which bear a mark and were not touched otherwise
        removed = []
        try:
            for each in sweep.removable:
                waiting.append(each.folder)
                lease.mark(each.folder)
            for folder, reason in _find_needs(bucket, tuple(waiting), sweep.cutoff).items():
                lease.delete(folder.path + MARK)
                waiting.remove(folder)
                spared.append(Spared(folder, reason))
            for folder in tuple(waiting):
                waiting.remove(folder)
                _remove(lease, folder.path)
                removed.append(folder)
        except BaseException:
            with suppress(BucketFault):
                for folder in waiting:
                    if not folder.find(MARK):
                        lease.delete(folder.path + MARK)
            raise
    return Swept(tuple(removed), tuple(spared))


@dataclass(frozen=True, slots=True)
class _Lease:
    """The right to delete, while what was written under the key of the lease still stands there."""

    bucket: Bucket
    content: bytes

    def mark(self, folder: Folder) -> None:
        """Put a mark into a folder, unless a sweep that was broken off has left one. Raises as `delete` does."""
        self._check()
        with suppress(Conflict):
            self.bucket.create(folder.path + MARK, self.content, _JSON)

    def delete(self, key: str) -> None:
        """Delete an object. Raises Conflict where another sweep has taken the lease."""
        self._check()
        self.bucket.delete(key)

    def _check(self) -> None:
        if self.bucket.read(LEASE) != self.content:
            raise Conflict(LEASE, reason="of another `gc` by now: this one took more than a day")


@contextmanager
def _hold_lease(bucket: Bucket, now: datetime, nonce: str) -> Iterator[_Lease]:
    tag = _find_tag(bucket)
    if since := _find_lease(bucket, now):
        raise Conflict(LEASE, reason=f"of a `gc` that has been running since {since:%Y-%m-%dT%H:%M:%SZ}")
    content = render_json({"schema": 1, "sweep": {"at": f"{now:%Y-%m-%dT%H:%M:%SZ}", "nonce": nonce}})
    bucket.replace(LEASE, content, _JSON, tag=tag)
    try:
        [taken] = [each for each in bucket.list_objects(LEASE) if each.key == LEASE]
        if now - taken.modified > _SKEW:
            raise BucketUnreachable(
                f"the clock of this machine is ahead of the bucket's by {(now - taken.modified) / _HOUR:.0f} hours, and"
                " how old what is there is cannot be told: set the clock; nothing was removed"
            )
        yield _Lease(bucket, content)
    finally:
        with suppress(BucketFault):
            standing, tag = bucket.read_tagged(LEASE)
            if standing == content:
                bucket.replace(LEASE, _FREE, _JSON, tag=tag)


def _find_tag(bucket: Bucket) -> str | None:
    try:
        return bucket.read_tagged(LEASE)[1]
    except NotInBucket:
        return None


def _find_lease(bucket: Bucket, now: datetime) -> datetime | None:
    """Say since when another sweep has been running; None where none is."""
    try:
        if bucket.read(LEASE) == _FREE:
            return None
    except NotInBucket:
        return None
    times = (each.modified for each in bucket.list_objects(LEASE) if each.key == LEASE)
    since = next(times, None)
    return since if since and since >= now - _STALE else None


def _list_folders(bucket: Bucket, prefix: str) -> Iterator[Folder]:
    """Yield the folders that releases could have been published to."""
    depth = 3 if prefix == "services/" else 2  # of the folder of a release, below the bucket
    found: dict[tuple[str, ...], list[ListedObject]] = {}
    for each in bucket.list_objects(prefix):
        steps = each.key.split("/")
        if len(steps) > depth and all(is_name(step) for step in steps[1:depth]):
            found.setdefault(tuple(steps[1:depth]), []).append(each)
    for names, objects in found.items():
        yield Folder(names[0] if depth == 3 else None, names[-1], tuple(objects))


def _judge_release(
    bucket: Bucket, folder: Folder, needed: frozenset[tuple[str, str]], cutoff: datetime
) -> Removable | None:
    if (folder.service, folder.name) in needed:
        return None
    manifest = folder.find(MANIFEST)
    if manifest is None:
        return _judge_remains(folder, cutoff)
    if manifest.modified >= cutoff or not _is_published(bucket, folder):
        return None
    return Removable(folder, f"published on {manifest.modified:%Y-%m-%d}, and no channel needs it")


def _judge_library(
    bucket: Bucket, folder: Folder, named: frozenset[str] | None, kept: frozenset[str], cutoff: datetime
) -> Removable | None:
    if named is None or folder.name in named:
        return None
    manifest = folder.find(MANIFEST)
    if manifest is None:
        return _judge_remains(folder, cutoff)
    if folder.name in kept or not is_version(folder.name):
        return None
    if manifest.modified >= cutoff or not _is_published(bucket, folder):
        return None
    return Removable(
        folder, f"published on {manifest.modified:%Y-%m-%d}, not the newest of its line, and in no release"
    )


def _judge_remains(folder: Folder, cutoff: datetime) -> Removable | None:
    """Judge a folder without a manifest. What an upload did not claim is none of ours; a claim alone stays."""
    if folder.find(MARK):
        return Removable(folder, "its removal was begun and broken off")
    last = max(each.modified for each in folder.objects)
    if last >= cutoff or len(folder.objects) == 1 or not folder.find(CLAIM):
        return None
    return Removable(folder, f"left by a publish that was broken off on {last:%Y-%m-%d}")


def _is_published(bucket: Bucket, folder: Folder) -> bool:
    """Tell a release from a folder with a file of that name, which others may have put there."""
    return bool(folder.find(CLAIM) or folder.find(MARK) or _read_manifest(bucket, folder.path))


def _list_libraries(bucket: Bucket, releases: Iterable[Folder], going: Iterable[str]) -> frozenset[str] | None:
    """Name the versions of the library that the releases which stay were compiled with; None where one does not tell.

    `going` are the paths of those that do not stay.
    """
    found = set()
    for path in {folder.path for folder in releases if folder.find(MANIFEST)} - set(going):
        match _read_manifest(bucket, path):
            case {"platform": {"version": str(version)}}:
                found.add(version)
            case _:
                return None
    return frozenset(found)


def _list_current(libraries: Iterable[Folder], cutoff: datetime) -> frozenset[str]:
    """Name what a lock may be on: the versions that were the newest of their line at some time since the cutoff."""
    published = {each.name: manifest.modified for each in libraries if (manifest := each.find(MANIFEST))}
    followed: set[str] = set()
    current = set()
    for version in order_versions(each for each in published if is_version(each)):
        line = version.rpartition(".")[0] if "-" not in version else version
        if line not in followed:
            current.add(version)
        if published[version] < cutoff:
            followed.add(line)
    return frozenset(current)


def _read_manifest(bucket: Bucket, path: str) -> Mapping[str, Json]:
    try:
        return open_manifest(bucket.read(path + MANIFEST))[0]
    except (NotInBucket, DamagedManifest, DamagedObject):
        return {}


def _find_needs(bucket: Bucket, marked: Sequence[Folder], cutoff: datetime) -> dict[Folder, str]:
    """Say of what is marked now what has to stay, and why: releases first, as the libraries depend on them."""
    staying = {folder: "it was written to meanwhile" for folder in marked if _is_changed(bucket, folder)}
    needed = list_needed(_touch_channels(bucket, marked), cutoff)
    for folder in marked:
        if folder.service is not None and (folder.service, folder.name) in needed:
            staying[folder] = "a channel moved to it meanwhile"
    libraries = [folder for folder in marked if folder.service is None]
    if libraries:
        going = [folder.path for folder in marked if folder not in staying]
        named = _list_libraries(bucket, _list_folders(bucket, "services/"), going)
        for folder in libraries:
            if named is None or folder.name in named:
                staying[folder] = "a release that stays was compiled with it"
    return staying


def _is_changed(bucket: Bucket, folder: Folder) -> bool:
    found = [each for each in bucket.list_objects(folder.path) if each.key != folder.path + MARK]
    return found != [each for each in folder.objects if each.key != folder.path + MARK]


def _touch_channels(bucket: Bucket, folders: Sequence[Folder]) -> list[Channel]:
    """Write to every channel that could move to one of these releases, and return all channels as they are then."""
    named: dict[tuple[str, str], None] = {}
    channels = {(each.service, each.environment): each for each in read_channels(bucket)}
    for folder in folders:
        if folder.service is not None:
            compiled = _read_manifest(bucket, folder.path).get("environments")
            for environment in compiled if isinstance(compiled, list) else ():
                if isinstance(environment, str) and is_name(environment):  # no channel has another name
                    named[folder.service, environment] = None
    for service, environment in named:
        channels[service, environment] = _touch_channel(bucket, service, environment)
    return list(channels.values())


def _touch_channel(bucket: Bucket, service: str, environment: str) -> Channel:
    for _ in range(_TRIES):
        channel, tag = read_channel(bucket, service, environment)
        touched = mark_swept(channel)
        try:
            bucket.replace(touched.key, render_channel(touched), _JSON, tag=tag)
            return touched
        except Conflict:
            continue
    raise Conflict(channel.key, reason="moving all the time; nothing was removed")


def _remove(lease: _Lease, path: str) -> None:
    """Empty a folder: the manifest first, so that there is no release any more, and the mark last.

    The claim stays, so that no other bytes ever come under the same name.
    """
    lease.delete(path + MANIFEST)
    while rest := [key for key in lease.bucket.list_keys(path) if key not in (path + MARK, path + CLAIM)]:
        for key in rest:
            lease.delete(key)
    lease.delete(path + MARK)
