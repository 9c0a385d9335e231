"""Unpack: what `archive` packs comes back, and nothing comes out of an archive that somebody else made up."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.archive import pack_archive
from compiler.model import RepositoryFile
from compiler.unpack import MEBIBYTE, ArchiveRefused, read_archive, write_files

ROOT = Path(__file__).parent.parent
FILES = (
    RepositoryFile("a b", b"\0" * 600),
    RepositoryFile("src/Größe/日本.txt", b"deep"),
    RepositoryFile("src/current", b"", link="./Größe/../run"),
    RepositoryFile("src/empty", b""),
    RepositoryFile("src/run", b"#!/bin/sh\n", is_executable=True),
    RepositoryFile("src/" + "d" * 200 + "/" + "n" * 200, b"long"),
)
Change = Callable[[tarfile.TarInfo], object]


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


def archive_of(*entries: tarfile.TarInfo | str, format: Literal[0, 1, 2] = tarfile.PAX_FORMAT) -> bytes:
    """Pack entries as they are, each with zeros for its content; a text stands for a file of that name."""
    packed = bytearray()
    for each in entries:
        made = entry(each) if isinstance(each, str) else each
        packed += made.tobuf(format, "utf-8", "surrogateescape")
        packed += bytes(min(made.size, 4096) + -min(made.size, 4096) % 512)
    return gzip.compress(bytes(packed) + bytes(1024))


def refusal(content: bytes, max_bytes: int = MEBIBYTE) -> str:
    with pytest.raises(ArchiveRefused) as caught:
        read_archive(content, max_bytes=max_bytes)
    return str(caught.value)


def test_what_was_packed_comes_back_in_memory_and_on_the_disk(tmp_path: Path) -> None:
    files = read_archive(pack_archive(FILES), max_bytes=MEBIBYTE)
    assert tuple(sorted(FILES, key=lambda file: file.path.encode())) == files
    assert pack_archive(FILES) == pack_archive(files)
    write_files(files, tmp_path)
    assert b"#!/bin/sh\n" == (tmp_path / "src/current").read_bytes() and os.access(tmp_path / "src/run", os.X_OK)
    assert not os.access(tmp_path / "src/empty", os.X_OK)
    assert len(FILES) == sum(1 for path in tmp_path.rglob("*") if not path.is_dir() or path.is_symlink())


def test_an_archive_of_gnu_tar_is_read_too(tmp_path: Path) -> None:
    write_files(FILES, tmp_path)
    tar = ["tar", "-czf", "-", "-C", str(tmp_path), *(file.path for file in FILES)]
    packed = subprocess.run(tar, capture_output=True, check=True).stdout
    assert set(FILES) == set(read_archive(packed, max_bytes=MEBIBYTE))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["/etc/passwd"], "holds `/etc/passwd`, which is absolute"),
        (["../x"], "holds `../x`, which leads out with `..`"),
        (["a/../../x"], "holds `a/../../x`, which leads out with `..`"),
        (["a//b"], "holds `a//b`, which is no plain path"),
        (["./a"], "holds `./a`, which is no plain path"),
        ([""], "holds ``, which is no plain path"),
        (["a\\..\\b"], r"holds `a\\..\\b`, which has a character that no file should have in its name"),
        (["a\x1b[2J"], r"holds `a\x1b[2J`, which has a character that no file should have in its name"),
        (["a\udcff"], r"holds `a\udcff`, which is not UTF-8"),
        (["a" * 256], f"holds `{'a' * 256}`, which is too long"),
        (["/".join(["a" * 200] * 6)], f"holds `{'/'.join(['a' * 200] * 6)}`, which is too long"),
        ([entry("a", tarfile.SYMTYPE, "/etc")], "holds the link `a`, whose target is absolute"),
        ([entry("a", tarfile.SYMTYPE, "")], "holds the link `a`, whose target is no plain path"),
        ([entry("a", tarfile.SYMTYPE, "..")], "holds the link `a`, which leads out of the archive"),
        ([entry("a/b", tarfile.SYMTYPE, "../../c")], "holds the link `a/b`, which leads out of the archive"),
        (
            [entry("a/b/c", tarfile.SYMTYPE, "../../d"), "d/e", entry("f", tarfile.SYMTYPE, "a/b/c/../..")],
            "holds the link `f`, which leads out of the archive",
        ),
        ([entry("a", tarfile.SYMTYPE, "b"), entry("b", tarfile.SYMTYPE, "a")], "holds the link `a`, which leads out"),
        ([entry("a", tarfile.SYMTYPE, "."), "a/b"], "holds `a` both as a file and as a folder"),
        (["a/b", entry("a", tarfile.SYMTYPE, "c")], "holds `a` both as a file and as a folder"),
        (["a", entry("b", tarfile.LNKTYPE, "a")], "holds `b`, which is a hard link"),
        ([entry("b", tarfile.LNKTYPE, "/etc/passwd")], "holds `b`, which is a hard link"),
        ([entry("a", tarfile.CHRTYPE)], "holds `a`, which is a device"),
        ([entry("a", tarfile.BLKTYPE)], "holds `a`, which is a device"),
        ([entry("a", tarfile.FIFOTYPE)], "holds `a`, which is a named pipe"),
        ([entry("a", tarfile.DIRTYPE)], "holds `a`, which is a folder, which archives of Flagstone do not list"),
        (["a", "b", "a"], "holds `a` twice"),
        (["a/B", "a/b"], "holds `a/B` and `a/b`, which are one name on some machines"),
        (["A/b", "a/c"], "holds `A` and `a`, which are one name on some machines"),
        (["é", "e\u0301"], r"holds `\xe9` and `e\u0301`, which are one name on some machines"),
        ([entry("a", size=10 * 1024**3)], "is no whole tar archive"),
    ],
    ids=lambda value: "" if isinstance(value, list) else value[:60].encode("unicode_escape").decode(),
)
def test_what_would_do_more_than_bring_a_file_is_refused(entries: list[tarfile.TarInfo | str], expected: str) -> None:
    assert refusal(archive_of(*entries)).startswith(expected)


def header(kind: bytes, body: bytes) -> bytes:
    """Write what goes ahead of a file."""
    made = entry("ahead", kind, size=len(body))
    return made.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512)


def pax(key: str, value: str) -> bytes:
    record = f" {key}={value}\n"
    length = next(size for size in range(10_000) if len(f"{size}{record}") == size)
    return header(tarfile.XHDTYPE, f"{length}{record}".encode())


WRONG = "is no whole tar archive: a header says what cannot be"
TOO_MUCH = "holds more about a file than its name and kind"


@pytest.mark.parametrize(
    ("ahead", "content", "expected"),
    [
        (header(tarfile.GNUTYPE_LONGLINK, b"a\0") * 3000, b"", TOO_MUCH),
        (header(tarfile.GNUTYPE_LONGNAME, b"a\0") * 3000, b"", TOO_MUCH),
        (pax("path", "x") * 3000, b"", TOO_MUCH),
        (header(tarfile.XGLTYPE, b"12 comment=x\n") * 3000, b"", TOO_MUCH),
        (header(tarfile.XHDTYPE, b"6 a=b\n" * 100_000), b"", TOO_MUCH),
        (b"".join(pax("comment", "x" * 7000) + entry(f"f{n}").tobuf() for n in range(2500)), b"", TOO_MUCH),
        (pax("GNU.sparse.size", "abc"), b"x", WRONG),
        (pax("GNU.sparse.realsize", "abc"), b"x", WRONG),
        (pax("GNU.sparse.map", "0,x"), b"x", WRONG),
        (header(tarfile.XHDTYPE, b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"), b"zz\nzz\n" + bytes(506), WRONG),
        (header(tarfile.XHDTYPE, b"9" * 5000 + b" path=x\n"), b"x", WRONG),
    ],
)
def test_what_is_said_ahead_of_a_file_is_bounded_and_read_with_care(
    ahead: bytes, content: bytes, expected: str
) -> None:
    file = entry("a", size=len(content)).tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)
    assert expected == refusal(gzip.compress(ahead + file + bytes(1024), 1), 64 * MEBIBYTE)


def test_a_sparse_file_is_refused_in_both_ways_to_write_one() -> None:
    new = entry("a", size=512)
    new.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(10 * 1024**3)}
    assert "holds `a`, which is a sparse file" == refusal(archive_of(new))
    assert "sparse" in refusal(archive_of(entry("a", tarfile.GNUTYPE_SPARSE), format=tarfile.GNU_FORMAT))


def test_a_bomb_is_refused_within_little_memory(tmp_path: Path) -> None:
    bombs = {
        "zeros": iter_zeros(),
        "one-file": iter_zeros(entry("a", size=10 * 1024**3).tobuf(tarfile.GNU_FORMAT)),
        "headers": iter_zeros(entry("a", tarfile.XHDTYPE, size=8 * 1024**3).tobuf(tarfile.GNU_FORMAT)),
    }
    for name, content in bombs.items():
        with (tmp_path / name).open("wb") as file:
            file.writelines(content)
    program = """
import resource, sys
from compiler.unpack import ArchiveRefused, read_archive
resource.setrlimit(resource.RLIMIT_AS, (600 * 1024**2, 600 * 1024**2))
for path in sys.argv[1:]:
    try:
        read_archive(open(path, "rb").read(), max_bytes=64 * 1024**2)
    except ArchiveRefused as refused:
        print(refused)
"""
    words = [sys.executable, "-c", program, *(str(tmp_path / name) for name in bombs)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [*2 * ["holds more than 64 MiB"], TOO_MUCH] == done.stdout.splitlines()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10


def iter_zeros(head: bytes = b"") -> Iterator[bytes]:
    """A gzip file of 10 GiB of zeros, written by repeating one compressed block."""
    squeeze = zlib.compressobj(9, wbits=31)
    yield squeeze.compress(head) + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(16 * MEBIBYTE)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    for _ in range(640):
        yield block


def test_too_many_files_are_refused() -> None:
    many = archive_of(*(str(number) for number in range(20_001)), format=tarfile.USTAR_FORMAT)
    assert "holds more than 20000 files" == refusal(many, max_bytes=64 * MEBIBYTE)


def test_an_archive_cut_anywhere_is_refused() -> None:
    whole = pack_archive(FILES)
    for end in {*range(100), *range(100, len(whole), 211), *range(len(whole) - 20, len(whole))}:
        with pytest.raises(ArchiveRefused):
            read_archive(whole[:end], max_bytes=MEBIBYTE)


def test_what_follows_the_end_is_refused() -> None:
    inner = gzip.decompress(pack_archive(FILES))
    assert "holds data after its end" == refusal(gzip.compress(inner + b"x"))
    assert refusal(pack_archive(FILES) + b"x").startswith("is no whole gzip file")
    assert "holds data after its end" == refusal(pack_archive(FILES) + pack_archive(FILES))


@given(st.binary(max_size=200))
def test_noise_is_refused_without_another_error(noise: bytes) -> None:
    for content in (noise, gzip.compress(noise), gzip.compress(noise.ljust(2048, b"\0"))):
        try:
            files = read_archive(content, max_bytes=MEBIBYTE)
        except ArchiveRefused:
            continue
        assert () == files  # zeros alone are an archive of nothing


@given(st.data())
def test_a_flipped_byte_of_the_inner_archive_leads_nowhere(data: st.DataObject) -> None:
    inner = bytearray(gzip.decompress(pack_archive(FILES)))
    index = data.draw(st.integers(0, len(inner) - 1))
    inner[index] ^= data.draw(st.integers(1, 255))
    try:
        files = read_archive(gzip.compress(bytes(inner)), max_bytes=MEBIBYTE)
    except ArchiveRefused:
        return
    assert not any(file.path.startswith("/") or ".." in file.path.split("/") for file in files)
