"""Output: put a bundle into a folder, nothing half-written, the manifest last.

In: a Bundle, a folder.    Out: the files; what an earlier bundle left there and this one lacks is gone.
Faults: OutputError when the folder cannot take them.
Never: follows a link below the folder, or removes what no manifest of an earlier bundle lists.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from compiler.model import Bundle

_MANIFEST = "manifest.json"
_DESCRIPTOR = "service.yml"
_READ = ("cloudFormation", "cloudformation", "src", "ansible")


class OutputError(Exception):
    """A folder cannot take a bundle; the message says which path, and why."""


class WriteError(OutputError):
    """The disk or its permissions refuse what is to be written; nothing of it is left."""


def check_output(folder: Path, repository: Path | None = None) -> None:
    """Refuse a folder that is no place for a bundle: a root, or one whose files a compilation reads.

    Raises OutputError.
    """
    place = Path(os.path.realpath(folder))
    if place == Path(place.anchor):
        raise OutputError(f"`{folder}` is the root of the file system; name a folder below it")
    if repository is None:
        return
    root = Path(os.path.realpath(repository))
    if root.is_relative_to(place):
        holds = "is" if root == place else "holds"
        raise OutputError(f"`{folder}` {holds} the repository; name a folder of its own, such as `out`")
    for name in _READ:
        if place.is_relative_to(Path(os.path.realpath(root / name))):
            raise OutputError(f"`{folder}` lies in `{name}/`, which the next compilation reads; name another folder")


def check_file(file: Path, compared: Path) -> None:
    """Refuse a file that is, or lies in, what is read while a comparison writes it: a file, a bundle, or a repository.

    Raises OutputError.
    """
    place, root = (Path(os.path.realpath(each)) for each in (file, compared))
    if place == root and root.is_file():
        raise OutputError(f"`{file}` is what is compared; name another file")
    if not root.is_dir():
        return
    is_bundle = (root / _MANIFEST).is_file() and not (root / _DESCRIPTOR).exists() and place.is_relative_to(root)
    read = [root / name for name in (*_READ, _DESCRIPTOR)]
    if is_bundle or any(place.is_relative_to(os.path.realpath(each)) for each in read):
        raise OutputError(f"`{file}` lies in what is compared; name another file")


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write every file under a temporary name and rename it. The folder is made when it is missing."""
    for path in bundle.files:
        if not _stays_inside(path):
            raise ValueError(f"{path!r} leads out of the folder of a bundle")
    staged = _Staging(folder)
    try:
        stale = set(_listed_before(folder)) - set(bundle.files)
        for path, content in bundle.files.items():
            staged.add(path, content)
        for path in bundle.files:
            if path != _MANIFEST:
                staged.place(path)
        for path in sorted(stale):
            _remove_file(folder, path)
        staged.place(_MANIFEST)
    except OSError as error:
        where = error.filename2 or error.filename or folder
        raise WriteError(f"cannot write `{where}`: {error.strerror or error}") from error
    finally:
        staged.clear()


def write_file(folder: Path, name: str, content: bytes) -> None:
    """Write one file of a folder under a temporary name and rename it.

    What is no file and no folder keeps its place: a pipe or a device takes the bytes itself, a link is refused.
    Raises OutputError.
    """
    target = folder / name
    with contextlib.suppress(OSError):  # of what is not there, or cannot be reached, the writing below tells
        kind = os.lstat(target).st_mode
        if stat.S_ISLNK(kind):
            raise OutputError(f"`{target}` is a link; remove it")
        if stat.S_ISSOCK(kind) or stat.S_ISBLK(kind):
            raise OutputError(f"`{target}` is a socket or a disk; name a file")
        if stat.S_ISFIFO(kind) or stat.S_ISCHR(kind):
            _write_through(target, content)
            return
    staged = _Staging(folder)
    try:
        staged.add(name, content)
        staged.place(name)
    except OSError as error:
        where = error.filename2 or error.filename or folder / name
        raise WriteError(f"cannot write `{where}`: {error.strerror or error}") from error
    finally:
        staged.clear()


def _write_through(target: Path, content: bytes) -> None:
    """Write into what another program reads, or what is a device."""
    try:
        with open(target, "wb", buffering=0) as stream:
            rest = memoryview(content)
            while rest:
                rest = rest[stream.write(rest) :]
    except OSError as error:
        raise WriteError(f"cannot write `{target}`: {error.strerror or error}") from error


def _stays_inside(path: str) -> bool:
    return all(step not in ("", ".", "..") and "\\" not in step and "\0" not in step for step in path.split("/"))


def _listed_before(folder: Path) -> Iterator[str]:
    """Yield the files of the bundle that lies in the folder. A manifest of something else is not overwritten."""
    manifest = folder / _MANIFEST
    if not os.path.lexists(manifest):
        return
    if manifest.is_symlink():
        raise OutputError(f"`{manifest}` is a link; remove it or choose another folder")
    try:
        data = json.loads(manifest.read_bytes())
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or "compiler" not in data or not isinstance(data.get("files"), dict):
        raise OutputError(f"`{manifest}` belongs to something else; choose another folder")
    yield from filter(_stays_inside, data["files"])


class _Staging:
    """Files under temporary names, all written before the first one gets its own; what is not placed is removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partial: dict[str, Path] = {}
        self._made: list[Path] = []

    def add(self, path: str, content: bytes) -> None:
        target = self._folder / path
        _refuse_links(self._folder, path)
        missing = [each for each in (target.parent, *target.parent.parents) if not os.path.lexists(each)]
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            self._made.append(each)
        target.parent.mkdir(parents=True, exist_ok=True)  # fails where a file stands in its place
        partial = target.with_name(f".{target.name}.partial")
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
        # Mode "x" creates the file or fails: it never opens what somebody else put there.
        with open(partial, "xb") as file:
            self._partial[path] = partial
            file.write(content)

    def place(self, path: str) -> None:
        os.replace(self._partial[path], self._folder / path)
        del self._partial[path]

    def clear(self) -> None:
        if not self._partial:
            return
        for partial in self._partial.values():
            with contextlib.suppress(OSError):
                partial.unlink()
        for each in reversed(self._made):
            with contextlib.suppress(OSError):  # not empty: something was placed there
                each.rmdir()


def _remove_file(folder: Path, path: str) -> None:
    _refuse_links(folder, path)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        (folder / path).unlink()
    parent = (folder / path).parent
    while parent != folder and parent.is_dir() and not any(parent.iterdir()):
        parent.rmdir()
        parent = parent.parent


def _refuse_links(folder: Path, path: str) -> None:
    place = folder
    for step in path.split("/")[:-1]:
        place = place / step
        if place.is_symlink():
            raise OutputError(f"`{place}` is a link; remove it or choose another folder")
