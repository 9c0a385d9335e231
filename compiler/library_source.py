"""Library source: decide which library a command works with, and get it.

In: what `--platform` says, the repository and its lock.    Out: a Library, its files checked before any code is loaded.
Faults: D330, D334 to D337, LibraryChoiceError; those of the library and of the bucket.
Never: moves a service to another version than its lock names, unless that is what was asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compiler.bases import read_bases
from compiler.bucket import (
    Bucket,
    BucketUnreachable,
    BucketUrlError,
    DamagedObject,
    NotInBucket,
    check_url,
    open_bucket,
)
from compiler.diagnostics import CompileError, Diagnostic, Span
from compiler.library_cache import find_library, keep_library
from compiler.library_release import fetch_files, list_versions, read_library_release, release_folder
from compiler.lock import read_lock
from compiler.manifest import MANIFEST, MARK
from compiler.model import Document, Library, Lock
from compiler.pipeline import open_library
from compiler.repository import read_lock_file, read_repository
from compiler.versions import choose_version, is_version

_LOCK = "flagstone.lock"
_USER_INFO = re.compile(r"(?<=://)[^/]*@")
_URL = re.compile(r"(s3|file):", re.IGNORECASE)


class LibraryChoiceError(ValueError):
    """What an option says names no library; `option` is another one than the caller knows of."""

    def __init__(self, message: str, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True, slots=True)
class LibraryChoice:
    """A library that somebody named: a folder, or the url of a bucket and perhaps a version in it."""

    folder: Path | None
    bucket: str | None = None
    version: str | None = None


def read_choice(text: str) -> LibraryChoice:
    """Read what `--platform` says: a folder, or a bucket with or without `@version`. Raises LibraryChoiceError."""
    if not text:
        raise LibraryChoiceError("the name of the library is empty")
    if not _URL.match(text) and os.path.isfile(os.path.join(text, "platform.yml")):
        return LibraryChoice(Path(text))
    url, at, version = text.rpartition("@")
    if not at:
        url, version = text, ""
    elif not url:
        raise LibraryChoiceError(f"`{text}` names no bucket, as `s3://name/prefix@1.1.0` does")
    elif not is_version(version):
        raise LibraryChoiceError(
            f"`{version}` is no version; name a bucket and a version as in `s3://name/prefix@1.1.0`"
        )
    if _URL.match(url):
        return LibraryChoice(None, url, version or None)
    if "://" in url:
        shown = _USER_INFO.sub("", url)
        raise LibraryChoiceError(f"`{shown}` is no bucket: it is `s3://name/prefix`, `file:///path` or a folder")
    if at or _holds_versions(url):
        return LibraryChoice(None, url, version or None)
    if not os.path.isdir(url):
        raise LibraryChoiceError(f"Directory '{text}' does not exist.")
    return LibraryChoice(Path(url))


def _holds_versions(folder: str) -> bool:
    """Tell whether a folder is a bucket with a version of the library. One that cannot be read is none."""
    versions = os.path.join(folder, "platform")
    try:
        return any(os.path.isfile(os.path.join(versions, name, MANIFEST)) for name in os.listdir(versions))
    except OSError:
        return False


def choose_library(choice: LibraryChoice | None, folder: Path | None, *, mirror: str | None = None) -> Library:
    """Open the library that was chosen, or the one of the lock of a service's folder, or the packaged one.

    The bucket `mirror` is asked before the one of the lock. Raises CompileError, LibraryChoiceError, BucketFault.
    """
    if choice and choice.folder:
        return open_library(choice.folder)
    lock = _read_lock(folder, is_needed=choice is not None) if folder else None
    if choice is None:
        return _open_locked(lock, [mirror, lock.bucket]) if lock and lock.bucket else open_library(None)
    assert choice.bucket is not None
    url = _in_full(choice.bucket)
    check_url(url)
    if lock and choice.version in (None, lock.version):
        return _open_locked(lock, [url])
    if choice.version is None or (folder and not lock):
        if folder is None:
            raise LibraryChoiceError(f"name a version of the library, as in `{url}@1.0.0`")
        asked = f"{url}@{choice.version}" if choice.version else url
        message = f"there is no `{_LOCK}`, and the library of a bucket is used by its digest alone"
        raise CompileError(
            [Diagnostic("D334", message, hint=f"run `flagstone lock --platform {asked}`, and commit it")]
        )
    return _fetch(url, choice.version)


def choose_recorded_library(
    name: str, version: str, digest: str, *, choice: LibraryChoice | None, urls: Sequence[str]
) -> tuple[Library, str] | None:
    """Open the very library that something was compiled with, and say where it was found.

    That is a folder that was chosen, or else the cache, one of the buckets or the installation; None where none has it.
    """
    if choice and choice.folder:
        library = open_library(choice.folder)
        return (library, f"in {choice.folder}") if library.digest == digest else None
    place = find_library(digest)
    if place:
        return _open(place, digest), "of the cache"
    for url in dict.fromkeys([*([choice.bucket] if choice and choice.bucket else []), *urls]):
        bucket = open_bucket(url, makes=False)
        try:
            release = read_library_release(bucket, version)
        except NotInBucket:
            continue
        if (release.name, release.digest) == (name, digest):
            return _open(keep_library(fetch_files(bucket, release), digest), digest), f"in {url}"
    library = open_library(None)
    return (library, "that is installed") if library.digest == digest else None


def check_published(library: Library, bucket: Bucket) -> None:
    """Check that the bucket which a release goes to, or the one that its library is from, has that library still.

    Who publishes asks before the release is written and once more after it, see `sweep`. Nothing is known of a bucket
    that cannot be reached. Raises CompileError, DamagedObject.
    """
    if library.bucket is None or _holds(bucket, library):
        return
    try:
        if _holds(open_bucket(library.bucket, makes=False), library):
            return
    except DamagedObject:
        raise
    except BucketUnreachable:
        return
    message = f"library {library.version} is not in {library.bucket} any more, so nobody could verify the release"
    hint = "publish that version again with `flagstone platform publish`, or run `flagstone lock --upgrade`"
    raise CompileError([Diagnostic("D335", message, hint=hint)])


def _holds(bucket: Bucket, library: Library) -> bool:
    """Tell whether a bucket has this very library, and no `gc` is removing it."""
    folder = release_folder(library.version)
    try:
        is_there = read_library_release(bucket, library.version).digest == library.digest
    except NotInBucket:
        return False
    return is_there and folder + MARK not in bucket.list_keys(folder)


def choose_library_to_lock(
    choice: LibraryChoice | None, folder: Path, *, bucket: str | None, upgrade: bool, to: str | None
) -> Library:
    """Open the library that a service is to be pinned to.

    In a bucket that is the version of the lock, or with `upgrade` and without a lock the version `to`, the newest of
    the line `to`, or of the line that `service.yml` names.
    """
    if choice and choice.folder:
        if to:
            raise LibraryChoiceError("a folder holds one version: leave out --to, or name a bucket", "--to")
        return open_library(choice.folder)
    lock = _read_lock(folder, is_needed=not upgrade)
    if to and lock and not upgrade:
        raise LibraryChoiceError("it says which version an upgrade takes: add --upgrade", "--to")
    named = (choice and choice.bucket) or bucket
    url = named or (lock and lock.bucket)
    if not url:
        if to:
            raise LibraryChoiceError("it chooses a version of a bucket: name it with --bucket", "--to")
        return open_library(None)
    url = _in_full(url)
    if choice and choice.version:
        return _check_name(lock, _fetch(url, choice.version))
    if lock and not upgrade:
        return replace(_open_locked(lock, [url], is_asked=named is not None), bucket=url)
    wanted, span = (to, None) if to else read_line(folder, {})
    if wanted is None:
        return open_library(None)  # what is wrong with the descriptor is found on the way
    versions = list_versions(open_bucket(url, makes=False))
    version = choose_version(versions, wanted)
    if version is None:
        message = f"no library `{wanted}` in {url}"
        hint = f"there are {', '.join(versions[:5])}" if versions else "there is none"
        raise CompileError([Diagnostic("D337", message, span, hint)])
    if to:
        _check_line(folder, version)
    return _check_name(lock, _fetch(url, version))


def _check_line(folder: Path, version: str) -> None:
    """Refuse a version that was asked for by name and is not on the line of `service.yml`."""
    line, span = read_line(folder, {})
    if line is not None and not version.startswith(f"{line}."):
        message = f"version {version} of the library is not on the platform line `{line}`"
        hint = f'write platform: "{".".join(version.split(".")[:2])}" here first, or leave out --to'
        raise CompileError([Diagnostic("D308", message, span, hint)])


def _check_name(lock: Lock | None, library: Library) -> Library:
    """Return the library unless it is another one than that of the lock, whatever its version."""
    if lock is None or lock.name == library.name:
        return library
    message = f"`{_LOCK}` pins the library {lock.name}, and {library.bucket} holds {library.name} {library.version}"
    hint = f"name a bucket that holds {lock.name}; to move to the other one, delete `{_LOCK}` first"
    raise CompileError([Diagnostic("D338", message, lock.document.value_span(("platform", "name")), hint)])


def _in_full(url: str) -> str:
    """Name a bucket as a lock does, which is read in other folders than it was written in."""
    return url if _URL.match(url) else Path(os.path.realpath(url)).as_uri()


def _read_lock(folder: Path, *, is_needed: bool) -> Lock | None:
    """Read the lock of a service. A broken one is none, unless it is needed; the plan of the service tells of it."""
    document, faults = read_lock_file(folder)
    lock, more = read_lock(document)
    faults = (*faults, *more)
    says_where = document is not None and document.value_at(("platform", "from")) is not None
    if faults and (is_needed or says_where):
        raise CompileError(faults)
    return lock


def read_line(folder: Path, bases: Mapping[str, Document]) -> tuple[str | None, Span | None]:
    """Read the release line that a service asks for, or that a base in its repository or one of a library does."""
    descriptor = read_repository(folder, with_archives=False)[0].descriptor
    for document in (descriptor, *reversed(read_bases(descriptor, folder, bases)[0])):
        line = document.value_at(("platform",))
        if isinstance(line, str):
            return line, document.value_span(("platform",))
    return None, None


def _open_locked(lock: Lock, urls: Sequence[str | None], *, is_asked: bool = False) -> Library:
    """Open the very library that a lock names, from the cache or the first bucket that has it.

    With `is_asked` a bucket has to have it though the cache does: others, who have no cache yet, will be sent there.
    """

    def span(key: str) -> Span:
        return lock.document.value_span(("platform", key))

    try:
        if lock.bucket:
            check_url(lock.bucket)
    except BucketUrlError as fault:
        message = f"`platform.from` is not what `flagstone lock` writes there: {fault}"
        raise CompileError([Diagnostic("D330", message, span("from"), "restore it from git")]) from None
    place = find_library(lock.digest)
    if place is None or is_asked:
        place = _find_locked(lock, [url for url in urls if url], span, place)
    library = _open(place, lock.digest)
    if (library.name, library.version) != (lock.name, lock.version):
        message = (
            f"`{_LOCK}` names {lock.name} {lock.version}, and its digest is that of {library.name} {library.version}"
        )
        hint = f"restore it from git, or delete it and run `flagstone lock --platform {lock.bucket or urls[-1]}`"
        raise CompileError([Diagnostic("D336", message, span("version"), hint)])
    return replace(library, bucket=lock.bucket or urls[-1])


def _find_locked(lock: Lock, urls: Sequence[str], span: Callable[[str], Span], place: Path | None) -> Path:
    """Get the locked library from the first bucket that has it whole, unless it is in its place in the cache already.

    What is wrong with one bucket counts where none of the others has the library.
    """
    faults: list[Exception] = []
    for url in dict.fromkeys(urls):
        try:
            bucket = open_bucket(url, makes=False)
            release = read_library_release(bucket, lock.version)
            if release.digest == lock.digest:
                return place or keep_library(fetch_files(bucket, release), release.digest)
        except NotInBucket:
            continue
        except BucketUnreachable as fault:
            faults.append(fault)
            continue
        found, pinned = release.digest[:12], lock.digest[:12]
        message = f"`{_LOCK}` pins {lock.version} with a digest that begins with `{pinned}`; in {url} it is `{found}`"
        hint = "restore it from git; if the bucket is another one now, run `flagstone lock --upgrade`"
        faults.append(CompileError([Diagnostic("D336", message, span("digest"), hint)]))
    if faults:
        raise faults[-1]
    places = " or ".join(dict.fromkeys(urls))
    message = f"`{_LOCK}` pins library {lock.version}, which is not in {places}"
    hint = "restore the lock from git, run `flagstone lock --upgrade`, or name a bucket that has it in FLAGSTONE_BUCKET"
    raise CompileError([Diagnostic("D335", message, span("version"), hint)])


def _fetch(url: str, version: str) -> Library:
    bucket: Bucket = open_bucket(url, makes=False)
    release = read_library_release(bucket, version)
    place = find_library(release.digest) or keep_library(fetch_files(bucket, release), release.digest)
    return replace(_open(place, release.digest), bucket=url)


def _open(place: Path, digest: str) -> Library:
    """Open a library of the cache. What its folder holds is read once more here, and is what will run."""
    library = open_library(place)
    if library.digest != digest:
        message = f"`{place}` changed while it was read"
        raise CompileError([Diagnostic("D403", message, hint="run the command again")])
    return library
