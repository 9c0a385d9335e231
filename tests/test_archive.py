"""Archive: what real tools read back, and bytes that depend on the content alone."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import tarfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.archive import pack_archive
from compiler.model import RepositoryFile

ROOT = Path(__file__).parent.parent
LONG_DIRECTORIES = "/".join(["directory-of-thirty-characters"] * 4) + "/file"  # 128: fits in two fields of USTAR
LONG_NAME = "d" * 150 + "/" + "n" * 150  # fits in none
FILES = (
    RepositoryFile("src/run", b"#!/bin/sh\n", is_executable=True),
    RepositoryFile("src/empty", b""),
    RepositoryFile("src/Größe/日本.txt", "naïve\n".encode()),
    RepositoryFile("src/current", b"", link="run"),
    RepositoryFile("src/far", b"", link="x" * 150),
    RepositoryFile(LONG_DIRECTORIES, b"deep\n"),
    RepositoryFile(LONG_NAME, b"long\n"),
    RepositoryFile("a b", b"\x00" * 512),
)
PROGRAM = """
import hashlib, os, sys
os.umask(int(sys.argv[1], 8))
from compiler.archive import pack_archive
from compiler.model import RepositoryFile
names = {"b/x", "a", "b-c", "Z", "é"}
print(hashlib.sha256(pack_archive(RepositoryFile(n, n.encode(), n == "a") for n in names)).hexdigest())
"""


def unpack(archive: bytes, folder: Path) -> None:
    """Unpack with the real `gunzip` and `tar`, as an instance does."""
    plain = subprocess.run(["gunzip", "-c"], input=archive, capture_output=True, check=True)
    assert b"" == plain.stderr
    done = subprocess.run(["tar", "-xf", "-", "-C", str(folder)], input=plain.stdout, capture_output=True, check=True)
    assert b"" == done.stderr


def test_tar_reads_back_every_path_content_mode_and_link(tmp_path: Path) -> None:
    unpack(pack_archive(FILES), tmp_path)
    found = {
        path.relative_to(tmp_path).as_posix(): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_symlink() or path.is_file()
    }
    assert {file.path: file.link or file.content for file in FILES} == found
    assert os.access(tmp_path / "src/run", os.X_OK)
    assert not os.access(tmp_path / "src/empty", os.X_OK)


def test_tar_lists_files_by_the_bytes_of_their_paths_without_owner_or_time() -> None:
    listed = subprocess.run(
        ["tar", "-tvzf", "-", "--numeric-owner", "--utc", "--full-time"],
        input=pack_archive(FILES[:3]),
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert [
        "-rw-r--r-- 0/0 7 1970-01-01 00:00:00 src/Größe/日本.txt",
        "-rw-r--r-- 0/0 0 1970-01-01 00:00:00 src/empty",
        "-rwxr-xr-x 0/0 10 1970-01-01 00:00:00 src/run",
    ] == [" ".join(line.split()) for line in listed.stdout.decode().splitlines()]


def test_only_what_does_not_fit_gets_an_extended_header() -> None:
    data = gzip.decompress(pack_archive(FILES))
    kinds = [
        data[start + 156 : start + 157] for start in range(0, len(data), 512) if data[start + 257 :][:5] == b"ustar"
    ]
    # The name that is not ASCII, the link of 150 and the name of 301 characters; not the path of two fields.
    assert 3 == kinds.count(b"x")
    assert len(FILES) == len(kinds) - 3


def test_a_size_that_octal_digits_cannot_hold_is_kept() -> None:
    from compiler.archive import _write_header

    for size in (5 * 1024**3, 9 * 1024**3):
        header = _write_header(RepositoryFile("big", b""), size)
        with tarfile.open(fileobj=BytesIO(header + bytes(10240))) as tar:
            assert size == tar.next().size  # type: ignore[union-attr]


def test_the_bytes_are_these_on_every_python_and_zlib() -> None:
    digest = hashlib.sha256(pack_archive(FILES)).hexdigest()
    assert "7dc48db545fde9d5655b597014b7d85f12f0e8a9b83698c6e5e60f7188bf3713" == digest


@pytest.mark.parametrize(
    ("seed", "zone", "umask"), [("0", "UTC", "022"), ("7", "Asia/Tokyo", "077"), ("99", "America/Lima", "000")]
)
def test_hash_seed_time_zone_and_umask_change_nothing(seed: str, zone: str, umask: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, umask],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    names = ("a", "b/x", "b-c", "Z", "é")
    expected = pack_archive(RepositoryFile(name, name.encode(), name == "a") for name in names)
    assert hashlib.sha256(expected).hexdigest() == done.stdout.strip()


@pytest.mark.parametrize("size", [0, 1, 65534, 65535, 65536, 200_000])
def test_gzip_reads_back_content_of_any_number_of_blocks(size: int) -> None:
    content = bytes(index % 251 for index in range(size))
    archive = pack_archive([RepositoryFile("file", content)])
    with tarfile.open(fileobj=BytesIO(gzip.decompress(archive))) as tar:
        assert content == tar.extractfile("file").read()  # type: ignore[union-attr]


def test_the_stream_ends_in_checksum_and_size_and_names_no_time_or_system() -> None:
    archive = pack_archive(FILES)
    data = gzip.decompress(archive)
    assert b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff" == archive[:10]
    assert zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little") == archive[-8:]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", ""])
def test_a_path_that_could_leave_the_folder_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="does not stay inside an archive"):
        pack_archive([RepositoryFile(path, b"")])


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two files of one archive are named 'a'"):
        pack_archive([RepositoryFile("a", b"1"), RepositoryFile("a", b"2")])


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(
            st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1, max_size=140
        ).filter(lambda name: name not in (".", "..")),
        st.binary(max_size=700),
        max_size=5,
    )
)
def test_whatever_goes_in_comes_out_in_one_order(content: dict[str, bytes]) -> None:
    files = [RepositoryFile(name, data) for name, data in content.items()]
    archive = pack_archive(files)
    assert pack_archive(reversed(files)) == archive
    with tarfile.open(fileobj=BytesIO(gzip.decompress(archive))) as tar:
        read = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    assert content == read
