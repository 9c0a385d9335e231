"""Sweep: find what nothing in the bucket needs any more, and remove it.

In: a Bucket, the time, how long something is kept.    Out: a Sweep, which is data; then what was removed and what not.
Faults: DamagedObject for a channel that cannot be read, since nobody knows what it needs; what the bucket raises.
Never: removes what a channel runs or would roll back to, what ran within that time, or what is younger.

Others publish and promote meanwhile, and no bucket can lock two objects. So before a folder is removed, a mark is put
into it, and what was planned is looked at again:

1. Mark. `check_release` finds the mark and `promote` refuses such a release; an upload refuses such a folder.
2. Write to every channel that could move to a marked release. `promote` reads the channel, then the release, then
   replaces the channel if it is the same still. If it read the channel before this step, its replacement fails and it
   begins anew; if after, it finds the mark. So from here on no channel can move to what is marked, but it may have
   moved before: what is written here is also what is looked at again. What is needed now loses its mark, and stays
   as it is, for nothing of it was touched.
3. Remove the manifest, then the rest, until the folder holds the mark alone; then the mark. An upload that had begun
   before looks into its folder once it has written the manifest: it finds the mark and says so, or the mark is gone
   and it finds what is missing, which it writes again.

A mark that is a day old belongs to a sweep that was broken off; the next one goes on with it, from step 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from compiler.bucket import Bucket, Conflict, DamagedObject, NotInBucket
from compiler.bucket_contract import ListedObject
from compiler.channel import Channel, find_previous, mark_swept, render_channel
from compiler.manifest import MANIFEST, MARK, DamagedManifest, open_manifest, render_json
from compiler.model import Json
from compiler.promote import read_channel, read_channels
from compiler.versions import is_version, order_versions

_TRIES = 20
_STALE = timedelta(days=1)  # after which a mark is taken for one whose sweep was broken off


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
    """What could be removed; what ran after `cutoff` (an aware time) or is younger stays."""

    cutoff: datetime
    removable: tuple[Removable, ...]

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
    releases = list(_list_folders(bucket, "services/"))
    needed = list_needed(read_channels(bucket), cutoff)
    found = [each for folder in releases if (each := _judge_release(folder, needed, cutoff, now))]
    going = {each.folder.path for each in found}
    staying = [folder for folder in releases if folder.path not in going and folder.find(MANIFEST)]
    libraries = list(_list_folders(bucket, "platform/"))
    named = _list_libraries(bucket, staying) if libraries else frozenset()
    kept = _newest_of_lines(folder.name for folder in libraries if folder.find(MANIFEST))
    found.extend(each for folder in libraries if (each := _judge_library(folder, named, kept, cutoff, now)))
    return Sweep(cutoff, tuple(found))


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
    """Remove what was planned and is not needed by now; `nonce` is a word of chance that tells two sweeps apart."""
    spared: list[Spared] = []
    marked: list[Folder] = []
    for each in sweep.removable:
        reason = _mark(bucket, each.folder, now, nonce)
        if reason:
            spared.append(Spared(each.folder, reason))
        else:
            marked.append(each.folder)
    channels = _touch_channels(bucket, marked)
    needed = list_needed(channels, sweep.cutoff)
    going: list[Folder] = []
    for folder in marked:
        reason = _find_need(bucket, folder, needed, marked)
        if reason:
            bucket.delete(folder.path + MARK)
            spared.append(Spared(folder, reason))
        else:
            going.append(folder)
    for folder in going:
        _remove(bucket, folder.path)
    return Swept(tuple(going), tuple(spared))


def _list_folders(bucket: Bucket, prefix: str) -> Iterator[Folder]:
    depth = 3 if prefix == "services/" else 2  # of the folder of a release, below the bucket
    found: dict[tuple[str, ...], list[ListedObject]] = {}
    for each in bucket.list_objects(prefix):
        steps = each.key.split("/")
        if len(steps) > depth:
            found.setdefault(tuple(steps[1:depth]), []).append(each)
    for names, objects in found.items():
        yield Folder(names[0] if depth == 3 else None, names[-1], tuple(objects))


def _judge_release(
    folder: Folder, needed: frozenset[tuple[str, str]], cutoff: datetime, now: datetime
) -> Removable | None:
    unfinished = _judge_unfinished(folder, cutoff, now)
    manifest = folder.find(MANIFEST)
    if unfinished or manifest is None or folder.find(MARK):
        return unfinished
    if (str(folder.service), folder.name) in needed or manifest.modified >= cutoff:
        return None
    return Removable(folder, f"published on {manifest.modified:%Y-%m-%d}, and no channel needs it")


def _judge_library(
    folder: Folder, named: frozenset[str] | None, kept: frozenset[str], cutoff: datetime, now: datetime
) -> Removable | None:
    unfinished = _judge_unfinished(folder, cutoff, now)
    manifest = folder.find(MANIFEST)
    if unfinished or manifest is None or folder.find(MARK) or named is None:
        return unfinished
    if folder.name in named or folder.name in kept or not is_version(folder.name) or manifest.modified >= cutoff:
        return None
    return Removable(
        folder, f"published on {manifest.modified:%Y-%m-%d}, not the newest of its line, and in no release"
    )


def _judge_unfinished(folder: Folder, cutoff: datetime, now: datetime) -> Removable | None:
    mark = folder.find(MARK)
    if mark:
        is_stale = mark.modified < now - _STALE
        return Removable(folder, "its removal was begun and broken off") if is_stale else None
    last = max(each.modified for each in folder.objects)
    if folder.find(MANIFEST) or last >= cutoff:
        return None
    return Removable(folder, f"left by a publish that was broken off on {last:%Y-%m-%d}")


def _list_libraries(bucket: Bucket, releases: Sequence[Folder]) -> frozenset[str] | None:
    """Name the versions of the library that releases were compiled with; None where one does not tell."""
    found = set()
    for folder in releases:
        manifest = _read_manifest(bucket, folder.path)
        match manifest:
            case {"platform": {"version": str(version)}}:
                found.add(version)
            case _:
                return None
    return frozenset(found)


def _newest_of_lines(versions: Iterable[str]) -> frozenset[str]:
    newest: dict[str, str] = {}
    for version in order_versions(each for each in versions if is_version(each)):
        newest.setdefault(version.rpartition(".")[0] if "-" not in version else version, version)
    return frozenset(newest.values())


def _read_manifest(bucket: Bucket, path: str) -> Mapping[str, Json]:
    try:
        return open_manifest(bucket.read(path + MANIFEST))[0]
    except (NotInBucket, DamagedManifest, DamagedObject):
        return {}


def _mark(bucket: Bucket, folder: Folder, now: datetime, nonce: str) -> str | None:
    """Put a mark into a folder; say why that cannot be."""
    if folder.find(MARK):
        return None  # a stale one, see _judge_unfinished
    content = render_json({"schema": 1, "removal": {"at": f"{now:%Y-%m-%dT%H:%M:%SZ}", "nonce": nonce}})
    try:
        bucket.create(folder.path + MARK, content, "application/json")
    except Conflict:
        return "another `gc` is removing it"
    if folder.find(MANIFEST) is None and bucket.digest(folder.path + MANIFEST) is not None:
        bucket.delete(folder.path + MARK)
        return "its publish came to its end meanwhile"
    return None


def _touch_channels(bucket: Bucket, folders: Sequence[Folder]) -> list[Channel]:
    """Write to every channel that could move to one of these releases, and return all channels as they are then."""
    named: dict[tuple[str, str], None] = {}
    channels = {(each.service, each.environment): each for each in read_channels(bucket)}
    for folder in folders:
        if folder.service is not None:
            compiled = _read_manifest(bucket, folder.path).get("environments")
            for environment in compiled if isinstance(compiled, list) else ():
                named[folder.service, str(environment)] = None
    for service, environment in named:
        channels[service, environment] = _touch_channel(bucket, service, environment)
    return list(channels.values())


def _touch_channel(bucket: Bucket, service: str, environment: str) -> Channel:
    for _ in range(_TRIES):
        channel, tag = read_channel(bucket, service, environment)
        touched = mark_swept(channel)
        try:
            bucket.replace(touched.key, render_channel(touched), "application/json", tag=tag)
            return touched
        except Conflict:
            continue
    raise Conflict(channel.key, reason="moving all the time; nothing was removed")


def _find_need(
    bucket: Bucket, folder: Folder, needed: frozenset[tuple[str, str]], marked: Sequence[Folder]
) -> str | None:
    if folder.service is not None:
        return "a channel moved to it meanwhile" if (folder.service, folder.name) in needed else None
    going = {each.path for each in marked}
    releases = [each for each in _list_folders(bucket, "services/") if each.find(MANIFEST) and each.path not in going]
    named = _list_libraries(bucket, releases)
    return "a release was published with it meanwhile" if named is None or folder.name in named else None


def _remove(bucket: Bucket, path: str) -> None:
    """Empty a folder: the manifest first, so that there is no release any more, and the mark last."""
    bucket.delete(path + MANIFEST)
    while rest := [key for key in bucket.list_keys(path) if key != path + MARK]:
        for key in rest:
            bucket.delete(key)
    bucket.delete(path + MARK)
