"""A release is what its manifest says, to the last byte, or each object that is not is named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from compiler.bucket import BucketUnreachable, NotInBucket, open_bucket
from compiler.manifest import DamagedManifest, list_files, open_manifest, seal_manifest
from compiler.model import Bundle
from compiler.publish import ReleaseNameError, execute_publish, plan_publish
from compiler.release_check import ObjectFault, check_release
from tests.ministack import BucketAtHand

RELEASE = "20261120T101500-0123456789ab"
FOLDER = f"services/recipes/{RELEASE}/"
FILES = {
    "ansible.tar.gz": b"\x1f\x8bansible",
    "production/template.json": b'{"Resources": {"A": {}}}\n',
    "source.tar.gz": bytes(range(256)) * 300,
}
SAID = {
    "schema": 1,
    "service": "recipes",
    "release": RELEASE,
    "commit": None,
    "platform": {"name": "toy", "version": "1.0.0", "digest": "0" * 64},
    "compiler": {"version": "0.1.0"},
    "environments": ["production"],
}


def bundle_of(files: dict[str, bytes], said: Mapping[str, object] | None = None) -> Bundle:
    manifest = seal_manifest({**SAID, "files": list_files(files), **(said or {})})
    return Bundle("recipes", RELEASE, {**files, "manifest.json": manifest})


def publish(at_hand: BucketAtHand, bundle: Bundle) -> None:
    bucket = at_hand.open()
    execute_publish(plan_publish(bundle, bucket), bucket)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a release in a bucket that is a folder, where anybody can change a file."""
    bucket = open_bucket(str(tmp_path))
    execute_publish(plan_publish(bundle_of(FILES), bucket), bucket)
    return tmp_path / FOLDER


def faults_in(folder: Path) -> list[tuple[str, str]]:
    found = check_release(open_bucket(str(folder.parents[2])), "recipes", RELEASE).faults
    return [(fault.key.removeprefix(FOLDER), fault.kind) for fault in found]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def flips(content: bytes) -> Iterator[bytes]:
    for index in range(len(content)):
        yield content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]


def test_a_release_as_it_was_published_is_sound(at_hand: BucketAtHand) -> None:
    publish(at_hand, bundle_of(FILES))
    checked = check_release(at_hand.open(), "recipes", RELEASE)
    assert checked.is_sound and (4, "recipes") == (checked.objects, checked.manifest["service"])
    assert {**SAID, "files": list_files(FILES)} == checked.manifest


def test_what_is_missing_changed_and_extra_is_named_in_the_order_of_keys(at_hand: BucketAtHand) -> None:
    bundle = bundle_of(FILES)
    changed = {**bundle.files, "ansible.tar.gz": b"\x1f\x8bAnsible", "notes.txt": b"by hand"}
    del changed["source.tar.gz"]
    bucket = at_hand.open()
    for path, content in changed.items():
        bucket.create(FOLDER + path, content, "text/plain")
    assert (
        ObjectFault(
            FOLDER + "ansible.tar.gz",
            "changed",
            "its digest begins with 99bd7627f1aa, and the manifest lists 8a2da6ffc085",
        ),
        ObjectFault(FOLDER + "notes.txt", "extra", "the manifest does not list it"),
        ObjectFault(FOLDER + "source.tar.gz", "missing", "it is not in the bucket, and the manifest lists it"),
    ) == check_release(bucket, "recipes", RELEASE).faults


@pytest.mark.parametrize("path", [*FILES, "claim.json"])
def test_one_flipped_byte_is_found_in_each_kind_of_object(path: str, folder: Path) -> None:
    content = (folder / path).read_bytes()
    for index in {0, len(content) // 2, len(content) - 1}:
        write(folder / path, content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :])
        assert [(path, "changed")] == faults_in(folder)


def test_any_flipped_byte_of_the_manifest_is_found(folder: Path) -> None:
    sound = (folder / "manifest.json").read_bytes()
    for changed in flips(sound):
        write(folder / "manifest.json", changed)
        assert [("manifest.json", "changed")] == faults_in(folder)
    write(folder / "manifest.json", sound)
    assert [] == faults_in(folder)


def test_a_file_that_lost_its_end_is_named_by_its_size(folder: Path) -> None:
    write(folder / "ansible.tar.gz", b"")
    bucket = open_bucket(str(folder.parents[2]))
    [fault] = check_release(bucket, "recipes", RELEASE).faults
    assert "it has 0 bytes, and the manifest lists 9" == fault.reason


@pytest.mark.parametrize(
    "said",
    [
        {"release": "r2"},
        {"service": "orders"},
        {"schema": 2},
        {"files": []},
        {"files": {"a": {"sha256": "A" * 64, "size": 1}}},
        {"files": {"a": {"size": 1}}},
    ],
    ids=json.dumps,
)
def test_a_sealed_manifest_that_is_not_the_one_of_this_release_is_a_fault(
    said: dict[str, object], tmp_path: Path
) -> None:
    content = bundle_of({}, said).files["manifest.json"]
    open_bucket(str(tmp_path)).create(FOLDER + "manifest.json", content, "application/json")
    assert [("manifest.json", "changed")] == faults_in(tmp_path / FOLDER)


@pytest.mark.parametrize("path", ["../../../../secret", "/etc/passwd", "a//b", "", ".tmp/../x", "a\0"])
def test_a_manifest_that_lists_what_no_object_can_be_leads_nowhere(path: str, tmp_path: Path) -> None:
    write(tmp_path / "secret", b"s")
    bucket = open_bucket(str(tmp_path / "bucket"))
    listed = list_files({path: b"s"})
    bucket.create(FOLDER + "manifest.json", seal_manifest({**SAID, "files": listed}), "application/json")
    [fault] = check_release(bucket, "recipes", RELEASE).faults
    assert ("changed", "no object can have this name") == (fault.kind, fault.reason)


def test_a_release_that_is_not_there_is_not_in_the_bucket(at_hand: BucketAtHand) -> None:
    at_hand.open().create(FOLDER + "source.tar.gz", b"", "application/gzip")
    with pytest.raises(NotInBucket):
        check_release(at_hand.open(), "recipes", RELEASE)
    with pytest.raises(ReleaseNameError):
        check_release(at_hand.open(), "recipes", "../orders")


def test_a_bucket_that_refuses_is_no_damage(folder: Path) -> None:
    (folder / "ansible.tar.gz").unlink()
    (folder / "ansible.tar.gz").symlink_to("/etc/hostname")
    with pytest.raises(BucketUnreachable, match="symbolic link"):
        faults_in(folder)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]\n", "it has no seal"),
        (b"{}\n", "it has no seal"),
        (b'{"a": NaN, "seal": ""}', "its seal is not that of its content"),
        (b'{"a": "\\ud800", "seal": ""}', "its seal is not that of its content"),
    ],
)
def test_what_is_no_manifest_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DamagedManifest, match=reason):
        open_manifest(content)


def test_a_manifest_comes_back_as_it_was_sealed_and_no_other_writing_of_it() -> None:
    said = {"schema": 1, "files": list_files({"a": b"1"}), "owner": "Größe"}
    content = seal_manifest(said)
    data, listed = open_manifest(content)
    assert said == data and ["a"] == list(listed)
    for other in (content + b"\n", content.replace(b"  ", b" "), content.replace("ß".encode(), b"\\u00df")):
        with pytest.raises(DamagedManifest):
            open_manifest(other)
