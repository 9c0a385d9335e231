"""Folder bucket: a bucket in a folder of this machine, for one machine or a shared file system with hard links.

In: keys and bytes.    Out: the same bytes, from files named by their keys.
Faults: those of `bucket_contract`.
Never: follows a symbolic link inside the folder, leaves half an object under its key, or changes a file in place.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

from compiler.bucket_contract import (
    MOVED,
    BucketUnreachable,
    Conflict,
    ListedObject,
    NotInBucket,
    check_key,
    check_prefix,
    is_key,
)

_STAGING = ".tmp"
_LOCK = "lock"
_LOCK_SECONDS = 30.0
_LOCK_PAUSE = 0.005
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK a named pipe would be waited for.
_OBJECT = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_ANY = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderBucket:
    """Every step into the folder is taken from a descriptor of the step before, so that no link can lead out."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def check_root(self) -> None:
        """Raise BucketUnreachable where the folder is not there."""
        with self._asking(""), self._open_folder(()):
            pass

    def create(self, key: str, content: bytes, content_type: str, *, tags: Mapping[str, str] = {}) -> None:
        del content_type, tags  # a file has none
        check_key(key)
        if self._stands(key, content):
            return
        with self._asking(key), self._write_aside(key, content) as place:
            is_new = place.link()
        if not is_new and not self._stands(key, content):
            raise self._no_object(key)

    def replace(self, key: str, content: bytes, content_type: str, *, tag: str | None) -> None:
        del content_type
        check_key(key)
        with self._asking(key), self._write_aside(key, content) as place, self._lock():
            found = self.digest(key)
            if found == hashlib.sha256(content).hexdigest():
                return
            if found != tag:
                raise Conflict(key, reason=MOVED)
            if tag is not None:
                place.rename()
            elif not place.link():  # `create` takes no lock
                raise Conflict(key, reason=MOVED) if self.digest(key) else self._no_object(key)

    def delete(self, key: str) -> None:
        *folders, name = check_key(key).split("/")
        absent = suppress(FileNotFoundError, IsADirectoryError)
        with self._asking(key), absent, self._open_folder(folders) as folder:
            _open_file(name, folder).close()
            with self._lock():  # `replace` would go on where its version was removed
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)

    def read(self, key: str) -> bytes:
        with self._asking(key), self._open_object(key) as file:
            return file.read()

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        content = self.read(key)
        return content, hashlib.sha256(content).hexdigest()

    def digest(self, key: str) -> str | None:
        with suppress(NotInBucket), self._asking(key), self._open_object(key) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return None

    def list_keys(self, prefix: str) -> Iterator[str]:
        return (listed.key for listed in self.list_objects(prefix))

    def list_objects(self, prefix: str) -> Iterator[ListedObject]:
        folders = check_prefix(prefix).split("/")[:-1]
        return (listed for listed in self._walk_from(folders) if listed.key.startswith(prefix))

    def _stands(self, key: str, content: bytes) -> bool:
        found = self.digest(key)
        if found is None:
            return False
        if found != hashlib.sha256(content).hexdigest():
            raise Conflict(key)
        return True

    def _no_object(self, key: str) -> BucketUnreachable:
        return BucketUnreachable(f"something that is no object stands at `{key}` in the bucket folder `{self._root}`")

    @contextmanager
    def _write_aside(self, key: str, content: bytes) -> Iterator[_Place]:
        """Write a file that has no key yet; what was not named at the end is removed."""
        *folders, name = key.split("/")
        aside = secrets.token_hex(16)
        with self._open_folder((_STAGING,), make=True) as staging, self._open_folder(folders, make=True) as target:
            try:
                with os.fdopen(os.open(aside, _NEW, 0o444, dir_fd=staging), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                yield _Place(aside, staging, name, target)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(aside, dir_fd=staging)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Be the only one that replaces or deletes; the kernel lets go of what a dead process held."""
        with self._open_folder((_STAGING,), make=True) as staging:
            file = os.open(_LOCK, _ANY, 0o666, dir_fd=staging)
        try:
            deadline = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise OSError(errno.EAGAIN, f"another process holds `{_STAGING}/{_LOCK}`") from None
                    time.sleep(_LOCK_PAUSE)
            yield
        finally:
            os.close(file)

    @contextmanager
    def _open_object(self, key: str) -> Iterator[BufferedReader]:
        *folders, name = check_key(key).split("/")
        try:
            with self._open_folder(folders) as folder:
                file = _open_file(name, folder)
        except (FileNotFoundError, IsADirectoryError):
            raise NotInBucket(key) from None
        with file:
            yield file

    @contextmanager
    def _open_folder(self, folders: Sequence[str], *, make: bool = False) -> Iterator[int]:
        if make:
            _make_root(self._root)
        folder = os.open(self._root, _FOLDER)
        try:
            for name in folders:
                if make:
                    _make_folder(name, folder)
                inner = _open_inside(name, folder, _FOLDER)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def _walk_from(self, folders: Sequence[str]) -> Iterator[ListedObject]:
        where = "/".join(folders)
        with self._asking(where), ExitStack() as opened:
            try:
                folder = opened.enter_context(self._open_folder(folders))
            except FileNotFoundError:
                return
            found = list(_walk(folder, f"{where}/" if where else ""))
        yield from found

    @contextmanager
    def _asking(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            where = f" at `{key}`" if key else ""
            raise BucketUnreachable(f"the bucket folder `{self._root}` refuses{where}: {reason}") from error


@dataclass(frozen=True, slots=True)
class _Place:
    """A file that was written aside, and the name it is for; of each the descriptor of its folder."""

    aside: str
    staging: int
    name: str
    target: int

    def link(self) -> bool:
        """Give the file its name; of several writers the file system lets one do so. False where a name stands."""
        try:
            os.link(self.aside, self.name, src_dir_fd=self.staging, dst_dir_fd=self.target)
        except FileExistsError:
            return False
        os.fsync(self.target)
        return True

    def rename(self) -> None:
        """Give the file its name in the place of another; a reader sees one or the other."""
        os.rename(self.aside, self.name, src_dir_fd=self.staging, dst_dir_fd=self.target)
        os.fsync(self.target)


def _open_inside(name: str, folder: int, flags: int) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        is_link = error.errno in (errno.ELOOP, errno.ENOTDIR) and stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode)
        if is_link:
            raise OSError(errno.ELOOP, f"`{name}` is a symbolic link") from None
        raise


def _open_file(name: str, folder: int) -> BufferedReader:
    file = _open_inside(name, folder, _OBJECT)
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(file, "rb")
    os.close(file)
    raise IsADirectoryError if stat.S_ISDIR(mode) else OSError(errno.EINVAL, "not a regular file")


def _make_root(root: Path) -> None:
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir()
        _sync_folder(folder.parent)


def _make_folder(name: str, folder: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
        os.fsync(folder)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, _FOLDER)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _walk(folder: int, before: str) -> Iterator[ListedObject]:
    """Yield the objects under a folder. A folder sorts by its name with the slash, as it does in its keys."""
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
        )
    for name in names:
        key = before + name
        if not is_key(key.removesuffix("/")):
            continue  # put there by others, under a name that no object can have
        with suppress(FileNotFoundError):  # deleted since
            if name.endswith("/"):
                inner = os.open(name[:-1], _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
                try:
                    yield from _walk(inner, key)
                finally:
                    os.close(inner)
            else:
                found = os.lstat(name, dir_fd=folder)
                yield ListedObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
