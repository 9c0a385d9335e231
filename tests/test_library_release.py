"""A version of the library is published once, says what it offers, and comes back only as it was published."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from compiler.archive import pack_archive
from compiler.bucket import Bucket, DamagedObject, NotInBucket, open_bucket
from compiler.library import digest_library, load_library
from compiler.library_release import fetch_files, list_versions, read_library_release
from compiler.manifest import list_files, open_manifest, seal_manifest
from compiler.model import RepositoryFile
from tests.commits import commit_folder
from tests.locked_service import change, run, write
from tests.ministack import BucketAtHand
from tests.platform_bucket import make_release, publish

FOLDER = "platform/1.0.0/"
OBJECTS = ("library.tar.gz", "manifest.json", "service.v1.schema.json")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_release(tmp_path / "library")


@pytest.fixture
def bucket(library: Path, tmp_path: Path) -> Path:
    """A bucket with one version in it."""
    assert publish(library, tmp_path / "bucket").exit_code == 0
    return tmp_path / "bucket"


def codes(text: str) -> list[str]:
    return re.findall(r"error (D\d\d\d):", text)


def test_a_version_is_published_once_and_comes_back_as_it_was(library: Path, at_hand: BucketAtHand) -> None:
    done = publish(library, at_hand.url, "--format", "json")
    digest = load_library(library).digest
    expected = {"name": "toy", "version": "1.0.0", "digest": digest}
    written = [FOLDER + name for name in ("library.tar.gz", "service.v1.schema.json", "manifest.json")]
    result = json.loads(done.stdout)["result"]
    assert {**expected, "written": written} == {**result, "written": sorted(result["written"], key=written.index)}
    before = at_hand.take_snapshot()

    assert "already there" in publish(library, at_hand.url).stdout
    found = read_library_release(at_hand.open(), "1.0.0")
    assert (digest, None, "- What 1.0.0 brings.") == (found.digest, found.compiler, found.changelog)
    assert load_library(library).files == fetch_files(at_hand.open(), found)
    listed = json.loads(run("platform", "list", "--bucket", at_hand.url, "--format", "json").stdout)
    assert [{**expected, "compiler": None}] == listed["result"]["versions"]

    write(library / "templates/_own.py", "X = 1\n")
    done = publish(library, at_hand.url)
    assert 4 == done.exit_code and ["D801"] == codes(done.stderr)
    assert "give the library a new `version` in platform.yml" in done.stderr
    assert before == at_hand.take_snapshot()


def test_the_same_library_gives_the_same_bytes_from_any_folder(library: Path, bucket: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    publish(make_release(tmp_path / "copy"), other)
    assert [(bucket / FOLDER / name).read_bytes() for name in OBJECTS] == [
        (other / FOLDER / name).read_bytes() for name in OBJECTS
    ]


def test_versions_are_listed_the_newest_first(tmp_path: Path) -> None:
    for number, version in enumerate(("1.9.0", "1.10.0-rc.1", "1.10.0", "2.0.0")):
        publish(make_release(tmp_path / str(number), version), tmp_path / "bucket")
    assert ["2.0.0", "1.10.0", "1.10.0-rc.1", "1.9.0"] == list_versions(open_bucket(str(tmp_path / "bucket")))
    assert ["VERSION", "2.0.0", "1.10.0", "1.10.0-rc.1", "1.9.0"] == [
        line.split()[0] for line in run("platform", "list", "--bucket", tmp_path / "bucket").stdout.splitlines()
    ]


def test_a_version_says_what_it_offers(bucket: Path) -> None:
    shown = run("platform", "show", "1.0.0", "--bucket", bucket, "--format", "json")
    offers = json.loads(shown.stdout)["result"]["offers"]
    assert ["<Process>Group", "<Process>LaunchTemplate", "<Process>Role", "<Process>SecurityGroup"] == offers[
        "logicalIds"
    ]["service"]["ids"]["groups"]
    assert {"processes.*.scaling.min", "environments.*.processes.*.port", "messages.consume"} <= set(offers["options"])
    text = run("platform", "show", "1.0.0", "--bucket", bucket).stdout
    assert "groups: Groups of instances, as small as they can be.\n  <Process>Group\n" in text
    assert text.endswith("\nChanges\n  - What 1.0.0 brings.\n")
    for title, key in (
        ("Environments", "environments"),
        ("Bases", "bases"),
        ("Guardrails", "guardrails"),
        ("Options of service.yml", "options"),
    ):
        section = text.partition(f"\n{title}\n")[2].partition("\n\n")[0]
        assert [f"  {name}" for name in offers[key]] == section.splitlines(), title


def test_the_packaged_library_says_which_ids_it_does_not_know_of(tmp_path: Path) -> None:
    assert run("platform", "publish", "--bucket", tmp_path, "--no-lint", "--allow-dirty").exit_code == 0
    found = read_library_release(open_bucket(str(tmp_path)), "1.0.0").offers
    assert found["logicalIds"]["service"]["isComplete"] is False
    assert {"Vpc", "LogsKey"} <= set(found["logicalIds"]["environment"])
    assert "/platform/<environment>/network/vpc-id" in found["parameters"]


@pytest.mark.parametrize(
    ("version", "changelog", "expected"),
    [
        ("1.0.0", None, "platform/CHANGELOG.md:1:1: error D820: the change log has no section `## 1.0.0`"),
        ("1.0.0", "## 1.0.1\n\n- x\n", "platform/CHANGELOG.md:1:1: error D820: the change log has no section"),
        (
            "1.0.0",
            "\n## 1.0.0\n\n## 0.9.0\n- x\n",
            "CHANGELOG.md:2:1: error D820: the change log says nothing of 1.0.0",
        ),
        ("1.0.0", "## 1.0.0\n\n_Unreleased._\n", "error D820: the change log says of 1.0.0 nothing but that it is"),
        ("1.0.0", "## 1.0.0 (Unreleased)\n- x\n", "error D820: the change log says that 1.0.0 is unreleased"),
        ("1.0.0-7", "## 1.0.0-7\n- x\n", "platform/platform.yml:2:10: error D820: a library cannot be published as"),
        ("1.0.0-rc.1", "## [1.0.0-rc.1] - 2026-11-21\n- x\n", None),
    ],
)
def test_a_version_without_a_word_about_it_is_not_published(
    version: str, changelog: str | None, expected: str | None, library: Path, tmp_path: Path
) -> None:
    (library / "CHANGELOG.md").unlink()
    if changelog is not None:
        write(library / "CHANGELOG.md", changelog)
    change(library / "platform.yml", "version: 1.0.0", f"version: {version}")
    done = publish(library, tmp_path / "bucket")
    assert (1 if expected else 0) == done.exit_code and (expected or "") in done.stderr
    assert (expected is None) == (tmp_path / "bucket").exists()


def test_a_library_that_does_not_compile_is_not_published(tmp_path: Path) -> None:
    library = make_release(tmp_path / "library")
    body = 'SCOPE = "environment"\n\n\ndef build(environment):\n    raise ValueError("no")\n    yield\n'
    write(library / "templates/broken.py", body)
    assert 1 == publish(library, tmp_path / "bucket").exit_code
    assert not (tmp_path / "bucket").exists()


def test_a_library_with_names_that_are_one_on_some_machines_is_not_published(library: Path, tmp_path: Path) -> None:
    write(library / "files/A.j2", "")
    write(library / "files/a.j2", "")
    done = publish(library, tmp_path / "bucket")
    assert 1 == done.exit_code and "D820: the library holds `files/A.j2` and `files/a.j2`, which are" in done.stderr


def test_a_changed_working_tree_is_published_only_when_told_to(library: Path, tmp_path: Path) -> None:
    commit_folder(library, "2026-11-20")
    assert 0 == publish(library, tmp_path / "clean").exit_code
    write(library / "templates/_own.py", "X = 1\n")
    done = publish(library, tmp_path / "bucket")
    assert (1, ["D803"]) == (done.exit_code, codes(done.stderr)) and not (tmp_path / "bucket").exists()
    assert 0 == publish(library, tmp_path / "bucket", "--allow-dirty").exit_code


def test_what_is_not_there_is_not_in_the_bucket(bucket: Path) -> None:
    done = run("platform", "show", "1.0.1", "--bucket", bucket)
    assert 1 == done.exit_code and f"error D337: no library `1.0.1` in {bucket}" in done.stderr
    assert "hint: there are 1.0.0" in done.stderr
    assert 2 == run("platform", "show", "../1", "--bucket", bucket).exit_code
    with pytest.raises(NotInBucket):
        read_library_release(open_bucket(str(bucket)), "9.9.9")


def fetch(bucket: Path) -> tuple[RepositoryFile, ...]:
    opened: Bucket = open_bucket(str(bucket))
    return fetch_files(opened, read_library_release(opened, "1.0.0"))


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["library.tar.gz", "manifest.json"])
@pytest.mark.parametrize("place", [0.0, 0.3, 0.5, 0.99])
def test_one_flipped_byte_is_found(name: str, place: float, bucket: Path) -> None:
    content = bytearray((bucket / FOLDER / name).read_bytes())
    content[int(len(content) * place)] ^= 1
    replace(bucket / FOLDER / name, bytes(content))
    reason = "(its digest begins with|it is not JSON|its seal|it has no seal)"
    with pytest.raises(DamagedObject, match=f"`{FOLDER}{name}` in the bucket is damaged: {reason}"):
        fetch(bucket)


Said = dict[str, object]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (lambda said: {**said, "version": "1.0.1"}, "not the manifest of this version"),
        (lambda said: {**said, "digest": "../../x"}, "not the manifest of this version"),
        (lambda said: {**said, "files": {}}, "not the manifest of this version"),
        (lambda said: {**said, "offers": None}, "not the manifest of this version"),
        (lambda said: {**said, "digest": "0" * 64}, "the digest of its files begins with"),
    ],
)
def test_a_sealed_manifest_of_something_else_is_refused(
    said: Callable[[Said], Said], reason: str, bucket: Path
) -> None:
    path = bucket / FOLDER / "manifest.json"
    data, _ = open_manifest(path.read_bytes())
    replace(path, seal_manifest(said(data)))
    with pytest.raises(DamagedObject, match=reason):
        fetch(bucket)


def forge(bucket: Path, archive: bytes, digest: str) -> None:
    """Put an archive in the place of the published one, with a manifest that knows it."""
    path = bucket / FOLDER / "manifest.json"
    data, _ = open_manifest(path.read_bytes())
    files: Mapping[str, bytes] = {"library.tar.gz": archive}
    replace(path, seal_manifest({**data, "digest": digest, "files": list_files(files)}))
    replace(bucket / FOLDER / "library.tar.gz", archive)


def test_an_archive_that_its_manifest_knows_is_still_read_with_suspicion(bucket: Path) -> None:
    link = RepositoryFile("templates", b"", link="../../../home")
    forge(bucket, pack_archive([link]), digest_library([link]))
    with pytest.raises(DamagedObject, match="it holds the link `templates`, which leads out of the archive"):
        fetch(bucket)


def test_a_manifest_does_not_command_the_terminal(bucket: Path) -> None:
    path = bucket / FOLDER / "manifest.json"
    data, _ = open_manifest(path.read_bytes())
    offers = {
        "logicalIds": {"service": {"isComplete": True, "ids": {"\x1b[2J": ["\x1b[31m"], "a": 5}}},
        "templates": [],
    }
    replace(path, seal_manifest({**data, "name": "\x1b[1m", "changelog": "\x1b]0;x", "offers": offers}))
    for words in (("show", "1.0.0"), ("list",)):
        done = run("platform", *words, "--bucket", bucket)
        assert 0 == done.exit_code and "\x1b" not in done.stdout and "\\x1b[1m" in done.stdout
