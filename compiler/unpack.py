"""Unpack: read the files of a .tar.gz that anybody may have made.

In: the bytes of an archive, bounds.    Out: RepositoryFiles, as `archive` packs them; a folder of them.
Faults: ArchiveRefused.
Never: writes before the whole archive was read and found sound, or reads more of it than the bounds allow.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Self

from compiler.model import RepositoryFile

MEBIBYTE = 1024 * 1024
_MAX_MEMBERS = 20_000
# What is written ahead of a file about it, such as a long name: how many in a row, bytes of one, bytes of all.
_MAX_EXTENSIONS, _MAX_EXTENSION_BYTES, _MAX_EXTENSIONS_BYTES = 4, 8 * 1024, 16 * MEBIBYTE
_EXTENSIONS = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}
_MAX_PATH_BYTES, _MAX_SEGMENT_BYTES = 1024, 255
_MAX_LINKS = 40  # as Linux follows them
_CHUNK = 64 * 1024
_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.DIRTYPE: "a folder, which archives of Flagstone do not list",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


class ArchiveRefused(Exception):
    """An archive that is damaged, or that would do more than bring files. The text is half a sentence about it."""


def read_archive(content: bytes, *, max_bytes: int) -> tuple[RepositoryFile, ...]:
    """Read every file of an archive into memory, in the order of the archive.

    `max_bytes` bounds the archive once it is inflated, which holds headers beside the files. Raises ArchiveRefused.
    """
    stream: Any = _Inflated(content, max_bytes)  # tarfile asks for less than its type says
    reader = _Reader()
    try:
        bufsize = tarfile.BLOCKSIZE * 20
        with tarfile.open(fileobj=stream, mode="r|", bufsize=bufsize, tarinfo=_bound_headers()) as tar:
            for member in tar:
                reader.take(member, tar)
        stream.finish()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArchiveRefused(f"is no whole gzip file: {error}") from None
    except tarfile.TarError as error:
        raise ArchiveRefused(f"is no whole tar archive: {error}") from None
    except (ValueError, LookupError, OverflowError):  # of tarfile, for a number that is none
        raise ArchiveRefused("is no whole tar archive: a header says what cannot be") from None
    reader.check_links()
    return tuple(reader.files.values())


def write_files(files: Iterable[RepositoryFile], folder: Path) -> None:
    """Write files that were read from an archive into a new, empty folder. Raises OSError."""
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.link is not None:
            path.symlink_to(file.link)
            continue
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb") as target:
            target.write(file.content)
        if file.is_executable:
            path.chmod(0o755)


class _Inflated:
    """The inflated stream of a gzip file, which ends in an error after so many bytes."""

    def __init__(self, content: bytes, max_bytes: int) -> None:
        self._file = gzip.GzipFile(fileobj=BytesIO(content))
        self._max_bytes = max_bytes
        self._left = max_bytes

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveRefused(f"holds more than {self._max_bytes // MEBIBYTE} MiB")
        return data

    def finish(self) -> None:
        """Read what follows the end of the tar archive, which is padding, and with it the checksum of the gzip file."""
        while data := self.read(_CHUNK):
            if data.strip(b"\0"):
                raise ArchiveRefused("holds data after its end")


def _bound_headers() -> type[tarfile.TarInfo]:
    """Make a kind of header that refuses an archive before tarfile reads too much of what is ahead of one file.

    It calls itself for each such header, and keeps what a header says as long as it reads.
    """
    in_a_row = total = 0

    class Header(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf: Any, encoding: str, errors: str) -> Self:
            nonlocal in_a_row, total
            header = super().frombuf(buf, encoding, errors)
            if header.type not in _EXTENSIONS:
                in_a_row = 0
                return header
            in_a_row += 1
            total += header.size
            if in_a_row > _MAX_EXTENSIONS or header.size > _MAX_EXTENSION_BYTES or total > _MAX_EXTENSIONS_BYTES:
                raise ArchiveRefused("holds more about a file than its name and kind")
            return header

    return Header


class _Reader:
    def __init__(self) -> None:
        self.files: dict[str, RepositoryFile] = {}
        self.folders: set[str] = set()
        self.spelled: dict[str, str] = {}  # by what a file system that folds names takes for the same

    def take(self, member: tarfile.TarInfo, tar: tarfile.TarFile) -> None:
        name = member.name
        shown = ascii(name)[1:-1]
        if len(self.files) == _MAX_MEMBERS:
            raise ArchiveRefused(f"holds more than {_MAX_MEMBERS} files")
        if fault := _find_fault(name):
            raise ArchiveRefused(f"holds `{shown}`, which {fault}")
        if member.issparse() or member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.SYMTYPE):
            kind = "a sparse file" if member.issparse() else _KINDS.get(member.type, "of a kind that is not known here")
            raise ArchiveRefused(f"holds `{shown}`, which is {kind}")
        self._take_place(name, shown)
        if member.issym():
            if fault := _find_fault(member.linkname, is_link=True):
                raise ArchiveRefused(f"holds the link `{shown}`, whose target {fault}")
            self.files[name] = RepositoryFile(name, b"", link=member.linkname)
            return
        source = tar.extractfile(member)
        assert source is not None
        content = source.read()
        if len(content) != member.size:
            raise ArchiveRefused(f"ends within `{shown}`")
        self.files[name] = RepositoryFile(name, content, bool(member.mode & stat.S_IXUSR))

    def _take_place(self, name: str, shown: str) -> None:
        """Refuse a file in the place of another one, on any file system."""
        if name in self.files:
            raise ArchiveRefused(f"holds `{shown}` twice")
        steps = name.split("/")
        above = ["/".join(steps[:end]) for end in range(1, len(steps))]
        inside = next((folder for folder in above if folder in self.files), None)
        if inside is not None or name in self.folders:
            both = inside or name
            raise ArchiveRefused(f"holds `{ascii(both)[1:-1]}` both as a file and as a folder")
        for path in (*above, name):
            known = self.spelled.setdefault(unicodedata.normalize("NFC", path).casefold(), path)
            if known != path:
                pair = f"`{ascii(known)[1:-1]}` and `{ascii(path)[1:-1]}`"
                raise ArchiveRefused(f"holds {pair}, which are one name on some machines")
        self.folders.update(above)

    def check_links(self) -> None:
        links = {path: file.link for path, file in self.files.items() if file.link is not None}
        for path in links:
            if not _stays_inside(path, links):
                raise ArchiveRefused(f"holds the link `{ascii(path)[1:-1]}`, which leads out of the archive")


def _find_fault(name: str, *, is_link: bool = False) -> str | None:
    """Say what is wrong with a name; None where nothing is."""
    steps = name.split("/")
    try:
        sizes = [len(step.encode()) for step in steps]
    except UnicodeEncodeError:
        return "is not UTF-8"
    if name.startswith("/"):
        return "is absolute"
    if ".." in steps and not is_link:
        return "leads out with `..`"
    if not name or (not is_link and {"", "."} & set(steps)):
        return "is no plain path"
    if "\\" in name or any(unicodedata.category(each) == "Cc" for each in name):
        return "has a character that no file should have in its name"
    if max(sizes) > _MAX_SEGMENT_BYTES or sum(sizes) + len(steps) - 1 > _MAX_PATH_BYTES:
        return "is too long"
    return None


def _stays_inside(path: str, links: Mapping[str, str]) -> bool:
    """Follow a link step by step, through others on its way, which `..` does not undo."""
    place: list[str] = []
    ahead = path.split("/")[::-1]
    followed = 0
    while ahead:
        step = ahead.pop()
        if step in ("", "."):
            continue
        if step == "..":
            if not place:
                return False
            place.pop()
            continue
        place.append(step)
        target = links.get("/".join(place))
        if target is not None:
            followed += 1
            if followed > _MAX_LINKS:
                return False
            place.pop()
            ahead.extend(target.split("/")[::-1])
    return True
