"""Folder bucket: a bucket in a folder of this machine, for one machine or a shared file system with hard links.

In: keys and bytes.    Out: the same bytes, from files named by their keys.
Faults: those of `bucket_contract`.
Never: follows a symbolic link inside the folder, leaves half an object under its key, or changes an object.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from compiler.bucket_contract import BucketUnreachable, Conflict, NotInBucket, check_key, check_prefix, is_key

_STAGING = ".tmp"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK a named pipe would be waited for.
_OBJECT = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class FolderBucket:
    """Every step into the folder is taken from a descriptor of the step before, so that no link can lead out."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def check_root(self) -> None:
        """Raise BucketUnreachable where the folder is not there."""
        with self._asking(""), self._open_folder(()):
            pass

    def create(self, key: str, content: bytes, content_type: str) -> None:
        del content_type  # a file has none
        check_key(key)
        if self._stands(key, content):
            return
        with self._asking(key):
            is_new = self._link(key, content)
        if not is_new and not self._stands(key, content):
            raise BucketUnreachable(
                f"something that is no object stands at `{key}` in the bucket folder `{self._root}`"
            )

    def read(self, key: str) -> bytes:
        with self._asking(key), self._open_object(key) as file:
            return file.read()

    def digest(self, key: str) -> str | None:
        with suppress(NotInBucket), self._asking(key), self._open_object(key) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return None

    def list_keys(self, prefix: str) -> Iterator[str]:
        folders = check_prefix(prefix).split("/")[:-1]
        return (key for key in self._walk_from(folders) if key.startswith(prefix))

    def _stands(self, key: str, content: bytes) -> bool:
        found = self.digest(key)
        if found is None:
            return False
        if found != hashlib.sha256(content).hexdigest():
            raise Conflict(key)
        return True

    def _link(self, key: str, content: bytes) -> bool:
        """Write aside, then give the file its name; of several writers the file system lets one do so."""
        *folders, name = key.split("/")
        aside = secrets.token_hex(16)
        with self._open_folder((_STAGING,), make=True) as staging, self._open_folder(folders, make=True) as target:
            try:
                with os.fdopen(os.open(aside, _NEW, 0o444, dir_fd=staging), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(aside, name, src_dir_fd=staging, dst_dir_fd=target)
                os.fsync(target)
            except FileExistsError:
                return False
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(aside, dir_fd=staging)
        return True

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

    def _walk_from(self, folders: Sequence[str]) -> Iterator[str]:
        where = "/".join(folders)
        with self._asking(where), ExitStack() as opened:
            try:
                folder = opened.enter_context(self._open_folder(folders))
            except FileNotFoundError:
                return
            keys = list(_walk(folder, f"{where}/" if where else ""))
        yield from keys

    @contextmanager
    def _asking(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            where = f" at `{key}`" if key else ""
            raise BucketUnreachable(f"the bucket folder `{self._root}` refuses{where}: {reason}") from error


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


def _walk(folder: int, before: str) -> Iterator[str]:
    """Yield the keys under a folder. A folder sorts by its name with the slash, as it does in its keys."""
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
        if name.endswith("/"):
            inner = os.open(name[:-1], _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            try:
                yield from _walk(inner, key)
            finally:
                os.close(inner)
        else:
            yield key
