"""Archive: pack files into a .tar.gz whose bytes depend on nothing but the files.

In: RepositoryFiles.    Out: bytes that every `tar -xzf` reads.
Never: compresses. zlib and zlib-ng write different bytes for the same content, so the deflate stream is stored blocks.
"""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator

from compiler.model import RepositoryFile

_RECORD = 20 * tarfile.BLOCKSIZE
_LARGEST_STORED_BLOCK = 65535  # RFC 1951, 3.2.4
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no flags, no time, unknown system: RFC 1952, 2.3


def pack_archive(files: Iterable[RepositoryFile]) -> bytes:
    """Pack files in the order of their paths' bytes; parents are not stored, links stay links."""
    return b"".join(_wrap_gzip(b"".join(_write_tar(files))))


def _write_tar(files: Iterable[RepositoryFile]) -> Iterator[bytes]:
    size = 0
    written: set[str] = set()
    for file in sorted(files, key=lambda file: file.path.encode()):
        _check_path(file.path, written)
        written.add(file.path)
        content = file.content if file.link is None else b""
        for part in (_write_header(file, len(content)), content, bytes(-len(content) % tarfile.BLOCKSIZE)):
            size += len(part)
            yield part
    end = 2 * tarfile.BLOCKSIZE
    yield bytes(end + -(size + end) % _RECORD)


def _check_path(path: str, written: set[str]) -> None:
    if path in written:
        raise ValueError(f"two files of one archive are named {path!r}")
    if not all(step not in ("", ".", "..") for step in path.split("/")):
        raise ValueError(f"{path!r} does not stay inside an archive")


def _write_header(file: RepositoryFile, size: int) -> bytes:
    entry = tarfile.TarInfo(file.path)
    entry.size, entry.mode = size, 0o755 if file.is_executable else 0o644
    if file.link is not None:
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, file.link, 0o777
    try:
        return entry.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
    except ValueError:  # too long, too large or not ASCII
        return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _wrap_gzip(data: bytes) -> Iterator[bytes | memoryview]:
    view = memoryview(data)
    yield _GZIP_HEADER
    for start in range(0, len(data), _LARGEST_STORED_BLOCK):
        block = view[start : start + _LARGEST_STORED_BLOCK]
        is_last = start + len(block) == len(data)
        yield struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF)
        yield block
    yield struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
