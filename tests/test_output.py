"""Output: a folder holds the old bundle, the new one, or an incomplete one under the old manifest; nothing else."""

from __future__ import annotations

import json
import os
import resource
import socket
import threading
from pathlib import Path

import pytest

from compiler.model import Bundle
from compiler.output import OutputError, WriteError, write_bundle, write_file


def bundle(*paths: str, text: str = "x") -> Bundle:
    files = {path: f"{path} {text}".encode() for path in paths}
    manifest = {"schema": 1, "release": text, "compiler": {"version": "1"}, "files": {path: {} for path in paths}}
    return Bundle("recipes", text, {**files, "manifest.json": json.dumps(manifest).encode()})


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_made_and_holds_exactly_the_bundle(tmp_path: Path) -> None:
    made = bundle("source.tar.gz", "production/template.json")
    write_bundle(made, tmp_path / "out" / "deep")
    assert made.files == files_in(tmp_path / "out" / "deep")


def test_what_the_bundle_before_had_is_gone_and_what_others_put_there_stays(tmp_path: Path) -> None:
    write_bundle(bundle("source.tar.gz", "staging/template.json", "production/template.json"), tmp_path)
    (tmp_path / "production" / "notes.txt").write_text("mine")
    made = bundle("source.tar.gz", text="y")
    write_bundle(made, tmp_path)
    assert {**made.files, "production/notes.txt": b"mine"} == files_in(tmp_path)
    assert not (tmp_path / "staging").exists()


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    write_bundle(bundle("a", "b"), tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    (tmp_path / "c").mkdir()
    with pytest.raises(OutputError):
        write_bundle(bundle("a", "c", text="new"), tmp_path)
    assert before == (tmp_path / "manifest.json").read_bytes()
    assert b"b x" == (tmp_path / "b").read_bytes()
    (tmp_path / "c").rmdir()
    write_bundle(bundle("a", "c", text="new"), tmp_path)
    assert bundle("a", "c", text="new").files == files_in(tmp_path)


def test_a_folder_that_cannot_be_cleaned_keeps_its_old_manifest(tmp_path: Path) -> None:
    write_bundle(bundle("a", "b"), tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    (tmp_path / "b").unlink()
    (tmp_path / "b" / "c").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"cannot write `.*b`"):
        write_bundle(bundle("a", text="new"), tmp_path)
    assert before == (tmp_path / "manifest.json").read_bytes()


def test_folders_that_become_empty_go_all_the_way_up(tmp_path: Path) -> None:
    write_bundle(bundle("a", "production/network/template.json"), tmp_path)
    made = bundle("a", text="new")
    write_bundle(made, tmp_path)
    assert ["a", "manifest.json"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_failed_write_names_the_path_and_leaves_no_partial_file(tmp_path: Path) -> None:
    (tmp_path / "production").write_text("a file where a folder must be")
    with pytest.raises(OutputError, match=r"cannot write `.*production"):
        write_bundle(bundle("production/template.json"), tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match=r"cannot write `.*/a`: "):
        write_bundle(bundle("a"), tmp_path)
    assert {"production": b"a file where a folder must be"} == files_in(tmp_path)


def test_what_an_interrupted_run_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".a.partial").write_text("half")
    made = bundle("a")
    write_bundle(made, tmp_path)
    assert made.files == files_in(tmp_path)


def test_a_link_in_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (out / "production").symlink_to(outside)
    with pytest.raises(OutputError, match="production` is a link"):
        write_bundle(bundle("production/template.json"), out)
    assert {} == files_in(outside)


def test_a_link_in_place_of_a_file_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.write_text("precious")
    out.mkdir()
    (out / "a").symlink_to(victim)
    (out / ".b.partial").symlink_to(victim)
    made = bundle("a", "b")
    write_bundle(made, out)
    assert "precious" == victim.read_text()
    assert made.files == files_in(out)


def test_nothing_is_removed_through_a_link_or_out_of_the_folder(tmp_path: Path) -> None:
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    (outside / "template.json").write_text("precious")
    write_bundle(bundle("a"), out)
    listed: dict[str, object] = {"../outside/template.json": {}, str(outside / "template.json"): {}}
    (out / "manifest.json").write_text(json.dumps({"compiler": {}, "files": listed}))
    write_bundle(bundle("a"), out)
    (out / "manifest.json").write_text(json.dumps({"compiler": {}, "files": {"staging/template.json": {}}}))
    (out / "staging").symlink_to(outside)
    with pytest.raises(OutputError, match="staging` is a link"):
        write_bundle(bundle("a"), out)
    assert {"template.json": b"precious"} == files_in(outside)


@pytest.mark.parametrize("text", ['{"name": "a web app"}', "not json", "[]", '{"compiler": {}, "files": []}'])
def test_a_manifest_of_something_else_is_not_overwritten(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(OutputError, match="belongs to something else"):
        write_bundle(bundle("a"), tmp_path)
    assert {"manifest.json": text.encode()} == files_in(tmp_path)


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", "a\\..\\b"])
def test_a_bundle_that_leads_out_of_the_folder_is_a_bug(path: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leads out of the folder"):
        write_bundle(bundle(path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    made = bundle("a", "production/big", text="x" * 100_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limit[1]))
    try:
        with pytest.raises(WriteError, match="cannot write"):
            write_bundle(made, tmp_path / "out" / "deep")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    assert [] == list(tmp_path.iterdir())


def test_a_disk_that_fills_up_leaves_the_bundle_before(tmp_path: Path) -> None:
    before = bundle("a", "b")
    write_bundle(before, tmp_path)
    made = bundle("a", "z/big", text="new" * 30_000)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limit[1]))
    try:
        with pytest.raises(WriteError):
            write_bundle(made, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    assert before.files == files_in(tmp_path)
    assert not (tmp_path / "z").exists()


def test_a_pipe_takes_the_bytes_itself_and_stays_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_file(tmp_path, "pipe", b"x" * 200_000)
    reader.join(10)
    assert ([b"x" * 200_000], ["pipe"]) == (heard, os.listdir(tmp_path))
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_or_a_socket_is_no_file_to_write(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(OutputError, match="is a link"):
        write_file(tmp_path, "link", b"x")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        with pytest.raises(OutputError, match="is a socket or a disk"):
            write_file(tmp_path, "socket", b"x")
        assert (tmp_path / "socket").is_socket()
    assert ["link", "socket"] == sorted(os.listdir(tmp_path))
