"""What can happen to a bucket in a folder, and to nothing else."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.bucket import BucketUnreachable, NotInBucket, open_bucket
from compiler.folder_bucket import FolderBucket


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def bucket(folder: Path) -> FolderBucket:
    return FolderBucket(folder)


def test_an_object_is_a_file_that_nobody_may_write(bucket: FolderBucket, folder: Path) -> None:
    bucket.create("a/b/c.json", b"{}", "application/json")

    assert b"{}" == (folder / "a/b/c.json").read_bytes()
    assert 0 == (folder / "a/b/c.json").stat().st_mode & 0o222
    assert [] == list((folder / ".tmp").iterdir())


def test_what_a_killed_writer_left_aside_is_not_an_object(bucket: FolderBucket, folder: Path) -> None:
    bucket.create("a", b"1", "text/plain")
    (folder / ".tmp/half").write_bytes(b"half of an obj")

    assert ["a"] == list(bucket.list_keys(""))


@pytest.mark.parametrize("key", ["linked", "linked/file", "inside", "a/up/file"])
def test_a_symbolic_link_is_not_followed(bucket: FolderBucket, folder: Path, tmp_path: Path, key: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"secret")
    bucket.create("a/real", b"1", "text/plain")
    (folder / "linked").symlink_to(outside)
    (folder / "inside").symlink_to("a/real")
    (folder / "a/up").symlink_to("../../outside")
    name = key.removesuffix("/file").rsplit("/", 1)[-1]

    for act in (bucket.read, bucket.digest, lambda key: bucket.create(key, b"2", "text/plain")):
        with pytest.raises(BucketUnreachable, match=f"refuses at `{key}`: `{name}` is a symbolic link"):
            act(key)
    assert ["a/real"] == list(bucket.list_keys(""))
    assert {"file": b"secret"} == {file.name: file.read_bytes() for file in outside.iterdir()}


def test_a_link_to_the_bucket_folder_itself_is_followed(bucket: FolderBucket, folder: Path, tmp_path: Path) -> None:
    bucket.create("a", b"1", "text/plain")
    (tmp_path / "link").symlink_to(folder)

    assert b"1" == open_bucket(str(tmp_path / "link")).read("a")


def test_a_file_where_the_bucket_folder_should_be_refuses_everything(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    for place in (tmp_path / "file", tmp_path / "file/below"):
        bucket = FolderBucket(place)
        reason = f"the bucket folder `{place}` refuses at `a/b`: Not a directory"
        with pytest.raises(BucketUnreachable, match=reason):
            bucket.create("a/b", b"1", "text/plain")
        with pytest.raises(BucketUnreachable, match=reason):
            bucket.read("a/b")
        with pytest.raises(BucketUnreachable, match="Not a directory"):
            list(bucket.list_keys(""))
    assert b"kept" == (tmp_path / "file").read_bytes()


def test_a_file_where_a_folder_of_the_key_should_be_refuses(bucket: FolderBucket) -> None:
    bucket.create("a", b"1", "text/plain")

    with pytest.raises(BucketUnreachable, match="refuses at `a/b`: Not a directory"):
        bucket.create("a/b", b"2", "text/plain")


def test_a_folder_where_an_object_should_be_is_no_object(bucket: FolderBucket) -> None:
    bucket.create("a/b", b"1", "text/plain")

    with pytest.raises(NotInBucket):
        bucket.read("a")
    assert bucket.digest("a") is None
    with pytest.raises(BucketUnreachable, match="something that is no object stands at `a`"):
        bucket.create("a", b"2", "text/plain")


def test_a_named_pipe_is_refused_and_not_waited_for(
    bucket: FolderBucket, folder: Path, request: pytest.FixtureRequest
) -> None:
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("the pipe is waited for"))
    signal.alarm(5)
    request.addfinalizer(lambda: signal.alarm(0))

    with pytest.raises(BucketUnreachable, match="refuses at `pipe`: not a regular file"):
        bucket.read("pipe")
    assert [] == list(bucket.list_keys(""))


@pytest.fixture
def files_of_at_most_64_kib() -> Iterator[None]:
    """The kernel refuses to write more, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("files_of_at_most_64_kib")
def test_a_write_that_fails_half_way_leaves_nothing(bucket: FolderBucket, folder: Path) -> None:
    with pytest.raises(BucketUnreachable, match="refuses at `a/b`: File too large"):
        bucket.create("a/b", bytes(1024 * 1024), "application/octet-stream")

    assert [] == [path for path in folder.rglob("*") if path.is_file()]
    bucket.create("a/b", b"less", "application/octet-stream")
    assert b"less" == bucket.read("a/b")


def test_a_name_that_no_key_can_have_is_passed_over(bucket: FolderBucket, folder: Path) -> None:
    bucket.create("a", b"1", "text/plain")
    (folder / "line\nbreak").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_bytes(b"")

    assert ["a"] == list(bucket.list_keys(""))
