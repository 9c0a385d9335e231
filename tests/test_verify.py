"""A release is proved by its own inputs: every byte is held against the manifest, and compiled again."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from compiler.archive import pack_archive
from compiler.bucket import open_bucket
from compiler.manifest import list_files, open_manifest, seal_manifest
from compiler.model import RepositoryFile
from compiler.unpack import MEBIBYTE, read_archive
from tests.commits import commit_folder
from tests.locked_service import OVERRIDES, SERVICE, run, write
from tests.ministack import BucketAtHand, MiniStack
from tests.platform_bucket import make_release, publish
from tests.promotions import publish_release

OBJECTS = (
    "ansible.tar.gz",
    "claim.json",
    "inputs.tar.gz",
    "manifest.json",
    "production/origins.json",
    "production/parameters.json",
    "production/template.json",
    "source.tar.gz",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("FLAGSTONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_service(repository: Path) -> Path:
    """Make a repository of two services that share a base, and return the folder of one, all of whose inputs count."""
    service = repository / "services/shop"
    text = SERVICE.replace("owner: squad-toy\n", "extends: ../../team/base.yml\n")
    assert text != SERVICE
    write(service / "service.yml", "\ufeff" + text)
    write(repository / "team/base.yml", "owner: squad-toy\nextends: deeper/base.yml\n")
    write(repository / "team/deeper/base.yml", "description: Größe\r\n")
    write(service / "cloudFormation/overrides/web.yml", OVERRIDES)
    write(
        service / "cloudFormation/overrides/production/web.yml", "Resources: {WebGroup: {Properties: {MinSize: 3}}}\n"
    )
    write(
        service / "cloudFormation/additions/archive.json", json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    )
    write(service / "cloudFormation/additions/README.md", "not read")
    write(service / "ansible/playbook.yml", "[]\n")
    write(service / "src/bin/serve", "#!/bin/sh\n")
    (service / "src/bin/serve").chmod(0o755)
    (service / "src/run").symlink_to("bin/serve")
    write(repository / "services/other/service.yml", "{}")
    return service


@pytest.fixture
def service(tmp_path: Path) -> Path:
    found = make_service(tmp_path / "repository")
    commit_folder(tmp_path / "repository", "2026-11-19")
    return found


def release(service: Path, bucket: str | Path) -> str:
    """Lock a service to a library of a bucket, publish it there, and return the id of the release."""
    publish(make_release(service.parents[2] / "library", desired=1), bucket)
    done = run("lock", service, "--bucket", bucket)
    assert done.exit_code == 0, done.stderr
    commit_folder(service.parents[1], "2026-11-20")
    done = run("publish", service, "--bucket", bucket, "--format", "json")
    assert done.exit_code == 0, done.stdout
    return str(json.loads(done.stdout)["result"]["release"])


@pytest.fixture
def bucket(service: Path, tmp_path: Path) -> Path:
    """A bucket with the release `r1` of a service whose library is installed nowhere."""
    publish(make_release(tmp_path / "library"), tmp_path / "bucket")
    run("lock", service, "--bucket", tmp_path / "bucket")
    commit_folder(tmp_path / "repository", "2026-11-20")
    done = run("publish", service, "--bucket", tmp_path / "bucket", "--release", "r1")
    assert done.exit_code == 0, done.stderr
    return tmp_path / "bucket"


def verify(bucket: str | Path, *words: str | Path, release: str = "r1") -> Result:
    return run("verify", "shop", release, "--bucket", bucket, *words)


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def forge(bucket: Path, path: str | None, content: bytes = b"", **said: Any) -> None:
    """Change a file of the release and what its manifest says, as somebody would who may write to the bucket."""
    folder = bucket / "services/shop/r1"
    data, _ = open_manifest((folder / "manifest.json").read_bytes())
    if path:
        replace(folder / path, content)
        data["files"] |= list_files({path: content})
    replace(folder / "manifest.json", seal_manifest({**data, **said}))
    (folder / "claim.json").unlink(missing_ok=True)


def test_a_release_is_proved_without_its_repository(
    service: Path, at_hand: BucketAtHand, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = release(service, at_hand.url)
    shutil.rmtree(service.parents[1])
    shutil.rmtree(cache)
    # Nothing that lies around the scratch folder is taken for the repository of the service.
    commit_folder(cache.parent, "2025-01-01")
    monkeypatch.setenv("TMPDIR", str(cache.parent))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = at_hand.take_snapshot()
    done = verify(at_hand.url, release=name)
    assert 0 == done.exit_code, done.stderr
    expected = f"compiled again with flagstone 0.1.0 and library toy 1.0.0 in {at_hand.url}: the same bytes\n"
    assert f"shop {name}: 10 objects, 0 not as published\n{expected}" == done.stdout
    assert before == at_hand.take_snapshot() and not list(cache.parent.glob("flagstone-*"))
    assert "library toy 1.0.0 of the cache" in verify(at_hand.url, release=name).stdout


def test_the_inputs_of_a_release_are_the_texts_that_were_read(service: Path, bucket: Path) -> None:
    content = (bucket / "services/shop/r1/inputs.tar.gz").read_bytes()
    found = {file.path: file.content for file in read_archive(content, max_bytes=MEBIBYTE)}
    repository = service.parents[1]
    moved = {
        path.relative_to(repository).as_posix().replace("services/shop/", "_/_/"): path.read_bytes()
        for path in (repository / "team", service)
        for path in path.rglob("*")
        if path.is_file() and path.suffix != ".md" and not {"src", "ansible"} & set(path.parts)
    }
    assert {f"repository/{path}": text for path, text in moved.items()} == found
    assert "repository/_/_/flagstone.lock" in found


@pytest.mark.parametrize("path", OBJECTS)
def test_one_flipped_byte_is_named_and_nothing_is_compiled(path: str, bucket: Path, cache: Path) -> None:
    shutil.rmtree(cache)
    object_ = bucket / "services/shop/r1" / path
    content = bytearray(object_.read_bytes())
    content[len(content) // 3] ^= 1
    replace(object_, bytes(content))
    done = verify(bucket)
    assert 1 == done.exit_code and not cache.exists()
    assert f"error D821: `services/shop/r1/{path}` is changed: " in done.stderr


def test_one_flipped_byte_is_named_in_s3(service: Path, s3_url: str, ministack: MiniStack) -> None:
    name = release(service, s3_url)
    place, folder = s3_url.split("/")[2], f"services/shop/{name}/"
    for path in OBJECTS:
        key = f"team/a/{folder}{path}"
        sound = ministack.s3.get_object(Bucket=place, Key=key)["Body"].read()
        ministack.s3.put_object(Bucket=place, Key=key, Body=sound[:-1] + bytes([sound[-1] ^ 1]))
        done = verify(s3_url, release=name)
        assert 1 == done.exit_code and f"error D821: `{folder}{path}` is changed: " in done.stderr
        ministack.s3.put_object(Bucket=place, Key=key, Body=sound)
    assert 0 == verify(s3_url, release=name).exit_code


def test_each_object_that_is_not_as_published_is_named(bucket: Path) -> None:
    folder = bucket / "services/shop/r1"
    (folder / "source.tar.gz").unlink()
    write(folder / "staging/notes.txt", "by hand")
    done = verify(bucket, "--format", "json")
    assert 1 == done.exit_code
    result = json.loads(done.stdout)["result"]
    assert [("source.tar.gz", "missing"), ("staging/notes.txt", "extra")] == [
        (fault["key"].removeprefix("services/shop/r1/"), fault["kind"]) for fault in result["faults"]
    ]
    assert None is result["recompiled"]


def test_a_template_that_its_manifest_knows_but_its_sources_do_not_is_found(bucket: Path) -> None:
    path = "production/template.json"
    text = (bucket / "services/shop/r1" / path).read_bytes()
    forge(bucket, path, text.replace(b'"MaxSize": 4', b'"MaxSize": 9').replace(b'"MaxSize": "4"', b'"MaxSize": "9"'))
    done = verify(bucket)
    assert 1 == done.exit_code
    assert "error D823: `production/template.json` comes out with other bytes from flagstone 0.1.0\n" in done.stderr
    assert 0 == verify(bucket, "--no-recompile").exit_code


@pytest.mark.parametrize(
    "said", [{"environments": ["production"]}, {"waivers": [{"name": "x"}]}, {"consumes": ["a.b"]}], ids=json.dumps
)
def test_a_manifest_that_says_something_else_than_its_sources_is_found(said: dict[str, Any], bucket: Path) -> None:
    forge(bucket, None, **said)
    assert 1 == verify(bucket).exit_code


@pytest.mark.parametrize(
    "said",
    [
        {"platform": {"name": "toy", "version": "1.0.0", "digest": "x"}},
        {"platform": {"name": "toy", "version": "1.0.0", "digest": None}},
        {"platform": {"name": "\x1b[2Jtoy", "version": "1.0.0", "digest": "0" * 64}},
        {"platform": {"name": "toy", "version": "1.0.0\n", "digest": "0" * 64}},
        {"platform": []},
        {"compiler": None},
        {"compiler": {"version": "0.1.0\x1b[2J"}},
        {"commit": {"a": 1}},
        {"environments": None},
        {"environments": "x"},
        {"environments": [1]},
    ],
    ids=json.dumps,
)
def test_a_manifest_of_another_shape_is_damaged_though_it_is_sealed(said: dict[str, Any], tmp_path: Path) -> None:
    bucket = open_bucket(str(tmp_path))
    publish_release(bucket, "r1", service="shop")
    forge(tmp_path, None, **said)
    for words in ([], ["--no-recompile"]):
        done = verify(tmp_path, *words)
        assert 1 == done.exit_code and "\x1b" not in done.stdout + done.stderr
        assert "error D821: `services/shop/r1/manifest.json` is changed: it is not a manifest" in done.stderr


def test_an_environment_that_the_library_does_not_run_is_named(bucket: Path) -> None:
    forge(bucket, None, environments=["nowhere"])
    done = verify(bucket)
    assert 3 == done.exit_code and "it names `nowhere`, and library 1.0.0 runs no such environment" in done.stderr


def test_another_compiler_is_named_and_hides_no_difference(bucket: Path) -> None:
    forge(bucket, None, compiler={"version": "0.0.9"})
    done = verify(bucket)
    assert 0 == done.exit_code and "with flagstone 0.1.0; it was compiled with 0.0.9 and library toy" in done.stdout
    forge(bucket, "production/origins.json", b"{}\n")
    done = verify(bucket, "--format", "json")
    assert 1 == done.exit_code
    found = json.loads(done.stdout)
    assert ["production/origins.json"] == found["result"]["recompiled"]["differing"]
    assert "verify with flagstone 0.0.9, which it was compiled with" == found["diagnostics"][0]["hint"]


def test_a_library_that_is_nowhere_leaves_the_proof_open(bucket: Path, cache: Path, tmp_path: Path) -> None:
    shutil.rmtree(cache)
    shutil.rmtree(bucket / "platform")
    done = verify(bucket)
    assert 1 == done.exit_code and "error D822: library toy 1.0.0 with the digest" in done.stderr
    assert done.stdout.endswith("not compiled again\n")
    assert 0 == verify(bucket, "--no-recompile").exit_code
    done = verify(bucket, "--platform", tmp_path / "library")
    assert 0 == done.exit_code and f"library toy 1.0.0 in {tmp_path / 'library'}: the same bytes" in done.stdout
    write(tmp_path / "library/renames.yml", "{}\n")
    assert 1 == verify(bucket, "--platform", tmp_path / "library").exit_code


def test_the_library_of_a_release_is_the_one_of_its_digest_though_others_came(bucket: Path, tmp_path: Path) -> None:
    for version in ("1.0.1", "1.1.0", "2.0.0"):
        publish(make_release(tmp_path / version, version, desired=7), bucket)
    shutil.rmtree(tmp_path / "cache")
    assert 0 == verify(bucket).exit_code


@pytest.mark.parametrize("name", ["library.tar.gz", "manifest.json"])
def test_nothing_of_a_damaged_library_is_loaded(name: str, bucket: Path, cache: Path) -> None:
    shutil.rmtree(cache)
    path = bucket / "platform/1.0.0" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    replace(path, bytes(content))
    done = verify(bucket)
    assert 3 == done.exit_code and f"`platform/1.0.0/{name}` in the bucket is damaged" in done.stderr
    assert not cache.exists()


def test_a_release_that_is_not_there_is_not_in_the_bucket(bucket: Path) -> None:
    assert 1 == verify(bucket, release="r2").exit_code
    assert 2 == verify(bucket, release="../r1").exit_code


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pack_archive([RepositoryFile("repository/_/_/service.yml", b"a: [")]), {}),
        (pack_archive([RepositoryFile("elsewhere", b"")]), {}),
        (None, {"inputs": {"service": "../../.."}}),
        (None, {"inputs": None}),
        (gzip.compress(b"x" * 600), {}),
    ],
    ids=["broken", "empty", "leads out", "silent", "no archive"],
)
def test_inputs_that_are_none_are_refused(content: bytes | None, said: dict[str, Any], bucket: Path) -> None:
    forge(bucket, "inputs.tar.gz" if content else None, content or b"", **said)
    done = verify(bucket)
    assert done.exit_code in (1, 3) and done.stderr.startswith("error D8")
