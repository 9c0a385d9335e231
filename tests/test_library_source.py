"""Which library a service compiles with: that of its lock, fetched once, and no code of it before it is checked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result

from compiler.library import load_library
from compiler.library_cache import find_library, keep_library
from compiler.manifest import MARK as REMOVAL
from compiler.manifest import open_manifest, seal_manifest
from tests.locked_service import SERVICE, change, findings, make_repo, read_lock, run, write
from tests.ministack import BucketAtHand, MiniStack
from tests.platform_bucket import make_release, publish

MARK = '__import__("pathlib").Path({!r}).write_text("ran")\n'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("FLAGSTONE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo")


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """A bucket with the library toy 1.0.0, whose templates leave a mark where they run."""
    library = make_release(tmp_path / "library")
    path = library / "templates/groups.py"
    path.write_text(path.read_text() + MARK.format(str(tmp_path / "mark")))
    assert publish(library, tmp_path / "bucket").exit_code == 0
    (tmp_path / "mark").unlink(missing_ok=True)
    return tmp_path / "bucket"


def add(bucket: Path | str, folder: Path, version: str, desired: int | None = None) -> None:
    done = publish(make_release(folder / version, version, desired=desired), bucket)
    assert done.exit_code == 0, done.stderr


def compile_(repo: Path, *words: str | Path, out: str = "out") -> Result:
    return run("compile", repo, "--no-lint", "--out", repo.parent / out, *words)


def compiled(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


# Fetching


def test_a_locked_service_compiles_with_the_library_of_its_bucket(
    repo: Path, at_hand: BucketAtHand, cache: Path
) -> None:
    folder = repo.parent
    add(at_hand.url, folder, "1.0.0", desired=1)
    add(at_hand.url, folder, "1.0.1", desired=2)
    add(at_hand.url, folder, "1.0.2-rc.1", desired=3)
    add(at_hand.url, folder, "1.1.0", desired=4)
    done = run("lock", repo, "--bucket", at_hand.url)
    assert "flagstone.lock pins toy 1.0.1 for shop: 6 places overridden\n" == done.stdout, done.stderr
    digest = load_library(folder / "1.0.1").digest
    pinned = {"name": "toy", "version": "1.0.1", "digest": digest, "from": at_hand.url}
    found = read_lock(repo)["platform"]
    if at_hand.kind == "folder":
        pinned["from"] = Path(at_hand.url).as_uri()
    assert pinned == found
    done = compile_(repo)
    assert 0 == done.exit_code, done.stderr
    template = json.loads((folder / "out/production/template.json").read_text())
    assert "2" == template["Resources"]["WebGroup"]["Properties"]["DesiredCapacity"]
    assert digest in os.listdir(cache / "platform")


def test_a_library_is_fetched_once_and_then_needs_no_bucket(repo: Path, bucket: Path, cache: Path) -> None:
    assert 0 == run("lock", repo, "--platform", bucket).exit_code
    [entry] = (cache / "platform").iterdir()
    before = entry.stat().st_mtime_ns
    shutil.rmtree(bucket)
    for words in (
        ["validate", repo],
        ["explain", repo, "Resources.WebGroup", "--env", "staging"],
        ["publish", repo, "--bucket", repo.parent / "other", "--release", "r1", "--allow-dirty"],
    ):
        done = run(*map(str, words))
        assert 0 == done.exit_code, done.stderr
    # That of the lock: the packaged library has prices, and is not the one that is pinned.
    assert "error D405: the library has no `prices.yml`" in run("cost", repo).stderr
    assert 0 == compile_(repo).exit_code
    assert before == entry.stat().st_mtime_ns


def test_a_library_is_named_with_its_bucket_and_version(repo: Path, bucket: Path, tmp_path: Path) -> None:
    add(bucket, tmp_path, "1.0.1")
    named = f"{bucket}@1.0.0"
    assert 0 == run("lock", repo, "--platform", named).exit_code
    assert {"version": "1.0.0", "from": bucket.as_uri()}.items() <= read_lock(repo)["platform"].items()
    for form in (named, f"{bucket.as_uri()}@1.0.0", str(bucket), bucket.as_uri()):
        assert 0 == compile_(repo, "--platform", form).exit_code
    done = compile_(repo, "--platform", f"{bucket}@1.0.1")
    assert ["D331: `flagstone.lock` pins toy 1.0.0, and the library in use is toy 1.0.1"] == findings(done)[:1]
    assert 0 == run("platform", "compile", "--no-lint", "--platform", named, "--out", tmp_path / "p").exit_code


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("nowhere", "Directory 'nowhere' does not exist."),
        ("", "the name of the library is empty"),
        ("@1.0.0", "`@1.0.0` names no bucket"),
        ("s3://name/prefix@newest", "`newest` is no version"),
        ("s3://name/prefix@1.0", "`1.0` is no version"),
        ("https://name/x@1.0.0", "`https://name/x` is no bucket"),
        ("https://user:hunter2hunter2@name/x@1.0.0", "`https://name/x` is no bucket"),
        ("s3://user:hunter2hunter2@name/x@1.0.0", "a bucket's url holds credentials"),
    ],
)
def test_what_names_no_library_is_wrong_usage(form: str, expected: str, repo: Path) -> None:
    done = compile_(repo, "--platform", form)
    assert 2 == done.exit_code and expected in done.stderr and "hunter2" not in done.stderr


def test_without_a_service_a_bucket_needs_a_version(bucket: Path, tmp_path: Path) -> None:
    done = run("platform", "compile", "--platform", bucket, "--out", tmp_path / "p")
    assert 2 == done.exit_code and f"name a version of the library, as in `{bucket.as_uri()}@1.0.0`" in done.stderr


def test_a_mirror_stands_in_for_a_bucket_that_is_gone(
    repo: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("lock", repo, "--platform", bucket)
    shutil.rmtree(repo.parent / "cache")
    bucket.rename(repo.parent / "mirror")
    assert 3 == compile_(repo).exit_code
    monkeypatch.setenv("FLAGSTONE_BUCKET", str(repo.parent / "mirror"))
    assert 0 == compile_(repo).exit_code


def test_a_mirror_that_is_not_there_or_damaged_does_not_stand_in_the_way(
    repo: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("lock", repo, "--platform", bucket)
    mirror = repo.parent / "mirror"
    monkeypatch.setenv("FLAGSTONE_BUCKET", str(mirror))
    for damaged in ("", "manifest.json", "library.tar.gz"):
        shutil.rmtree(repo.parent / "cache")
        if damaged:
            shutil.rmtree(mirror, ignore_errors=True)
            shutil.copytree(bucket, mirror)
            path = mirror / "platform/1.0.0" / damaged
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-1])
        done = run("explain", repo, "Resources.WebGroup", "--env", "staging")
        assert 0 == done.exit_code, done.stderr


def test_nothing_is_published_with_a_library_that_gc_removed_or_is_removing(repo: Path, bucket: Path) -> None:
    """The library is in the cache, so that nothing else asks the bucket for it."""
    run("lock", repo, "--platform", bucket)
    words = ("publish", repo, "--bucket", bucket, "--release", "r1", "--allow-dirty")
    (bucket / "platform/1.0.0" / REMOVAL).write_text("{}")
    done = run(*words)
    assert 1 == done.exit_code and "error D335: library 1.0.0 is not in file://" in done.stderr
    assert not (bucket / "services").exists()
    (bucket / "platform/1.0.0" / REMOVAL).unlink()
    (bucket / "platform/1.0.0/manifest.json").rename(bucket / "aside")
    assert 1 == run(*words).exit_code and not (bucket / "services").exists()
    (bucket / "aside").rename(bucket / "platform/1.0.0/manifest.json")
    assert 0 == run(*words).exit_code


# What was changed on the way


@pytest.mark.parametrize("name", ["library.tar.gz", "manifest.json"])
def test_nothing_of_a_damaged_release_is_loaded_or_kept(name: str, repo: Path, bucket: Path, cache: Path) -> None:
    assert 0 == run("lock", repo, "--platform", bucket).exit_code
    mark = repo.parent / "mark"
    mark.unlink(missing_ok=True)
    shutil.rmtree(cache)
    flip(bucket / "platform/1.0.0" / name)
    for words in ((), ("--platform", str(bucket)), ("--platform", f"{bucket}@1.0.0")):
        done = compile_(repo, *words)
        assert 3 == done.exit_code
        assert f"error D802: `platform/1.0.0/{name}` in the bucket is damaged" in done.stderr
    assert not mark.exists() and not cache.exists() and not (repo.parent / "out").exists()


@pytest.mark.parametrize("name", ["library.tar.gz", "manifest.json"])
def test_nothing_of_a_release_that_was_damaged_in_s3_is_loaded(
    name: str, repo: Path, s3_url: str, ministack: MiniStack, cache: Path
) -> None:
    publish(make_release(repo.parent / "library"), s3_url)
    assert 0 == run("lock", repo, "--bucket", s3_url).exit_code
    shutil.rmtree(cache)
    place, key = s3_url.split("/")[2], f"team/a/platform/1.0.0/{name}"
    content = bytearray(ministack.s3.get_object(Bucket=place, Key=key)["Body"].read())
    content[len(content) // 2] ^= 1
    ministack.s3.put_object(Bucket=place, Key=key, Body=bytes(content))
    for words in ((), ("--platform", f"{s3_url}@1.0.0")):
        done = compile_(repo, *words)
        assert 3 == done.exit_code
        assert f"error D802: `platform/1.0.0/{name}` in the bucket is damaged" in done.stderr
    assert not cache.exists() and not (repo.parent / "out").exists()


def test_a_release_that_was_replaced_by_a_sound_one_is_refused(repo: Path, bucket: Path, cache: Path) -> None:
    run("lock", repo, "--platform", bucket)
    shutil.rmtree(cache)
    shutil.rmtree(bucket)
    library = make_release(repo.parent / "other")
    evil = repo.parent / "evil"
    write(
        library / "templates/late.py",
        f'SCOPE = "service"\n{MARK.format(str(evil))}\ndef build(s, e):\n    yield from ()\n',
    )
    publish(library, bucket)
    evil.unlink(missing_ok=True)
    for words in ((), ("--platform", str(bucket))):
        done = compile_(repo, *words)
        assert 1 == done.exit_code and "flagstone.lock:6:15: error D336: " in done.stderr
        assert "pins 1.0.0 with a digest that begins with" in done.stderr
    assert not evil.exists() and not cache.exists()


@pytest.mark.parametrize("damage", ["edited", "added", "removed", "emptied", "linked"])
def test_a_cache_that_somebody_changed_is_fetched_again(damage: str, repo: Path, bucket: Path, cache: Path) -> None:
    run("lock", repo, "--platform", bucket)
    [entry] = (cache / "platform").iterdir()
    sound = compiled(entry)
    evil = repo.parent / "evil"
    if damage == "edited":
        write(entry / "templates/groups.py", (entry / "templates/groups.py").read_text() + MARK.format(str(evil)))
    elif damage == "added":
        write(entry / "templates/late.py", MARK.format(str(evil)))
    elif damage == "removed":
        (entry / "renames.yml").unlink()
    elif damage == "emptied":
        shutil.rmtree(entry)
        entry.mkdir()
    else:
        entry.rename(entry.with_name("moved"))
        entry.symlink_to("moved")
    assert 0 == compile_(repo).exit_code
    assert sound == compiled(entry) and not entry.is_symlink() and not evil.exists()
    assert {entry.name, "moved"} >= set(os.listdir(entry.parent))


@pytest.mark.parametrize("is_empty", [True, False], ids=["fetch", "repair"])
def test_several_processes_may_fetch_and_repair_at_once(is_empty: bool, repo: Path, bucket: Path, cache: Path) -> None:
    run("lock", repo, "--platform", bucket)
    [entry] = (cache / "platform").iterdir()
    if is_empty:
        shutil.rmtree(cache)
    else:
        (entry / "renames.yml").unlink()
    program = "from compiler.cli import main; main()"
    words = [sys.executable, "-c", program, "validate", str(repo)]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(4)]
    said = [process.communicate()[0] for process in running]
    assert 4 * [0] == [process.returncode for process in running], said
    assert [entry.name] == os.listdir(entry.parent) and find_library(entry.name) == entry


def test_a_machine_without_a_place_for_a_cache_uses_a_temporary_folder(
    repo: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLAGSTONE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    assert 0 == run("lock", repo, "--platform", bucket).exit_code
    monkeypatch.setenv("FLAGSTONE_CACHE", "")  # as if it were not set
    assert 0 == compile_(repo).exit_code


def test_a_cache_that_was_asked_for_and_cannot_be_written_is_an_error(
    repo: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAGSTONE_CACHE", "/dev/null/cache")
    done = run("lock", repo, "--platform", bucket)
    assert 3 == done.exit_code
    assert "error D805: cannot write `/dev/null/cache/platform`, where FLAGSTONE_CACHE leads: Not a dir" in done.stderr


def test_a_library_in_the_cache_is_that_of_its_digest(tmp_path: Path, cache: Path) -> None:
    library = load_library(make_release(tmp_path / "library"))
    assert None is find_library(library.digest)
    place = keep_library(library.files, library.digest)
    assert place == keep_library(library.files, library.digest) == find_library(library.digest)
    assert library.files == load_library(place).files


# The lock


def test_a_library_of_a_bucket_needs_a_lock(repo: Path, bucket: Path) -> None:
    for form in (f"{bucket}@1.0.0", str(bucket)):
        done = compile_(repo, "--platform", form)
        assert 1 == done.exit_code and "error D334: there is no `flagstone.lock`" in done.stderr
        version = "@1.0.0" if "@" in form else ""
        assert f"hint: run `flagstone lock --platform {bucket.as_uri()}{version}`, and commit it" in done.stderr
    assert not (repo.parent / "mark").exists()


@pytest.mark.parametrize(
    ("old", "new", "place", "expected"),
    [
        ('"1.0.0"', '"1.0.7"', "5:16", "D336: `flagstone.lock` names toy 1.0.7, and its digest is that of toy 1.0.0"),
        ('"digest": "', '"digest": "0', None, "D330: `platform.digest` is not what `flagstone lock` writes there"),
        ('"from": "file', '"from": "ftp', None, "D330: `platform.from` is not what `flagstone lock` writes there"),
        (
            '"file://',
            '"file://host',
            None,
            "D330: `platform.from` is not what `flagstone lock` writes there: the url of",
        ),
        (
            '"file://',
            '"s3://KEY:SECRET@b',
            None,
            "D330: `platform.from` is not what `flagstone lock` writes there: a bucket",
        ),
        ('"from"', '"form"', None, "D330: `platform` has no key `form`"),
    ],
)
def test_a_lock_that_was_edited_is_refused_where_it_was(
    old: str, new: str, place: str | None, expected: str, repo: Path, bucket: Path
) -> None:
    run("lock", repo, "--platform", bucket)
    (repo.parent / "mark").unlink(missing_ok=True)
    change(repo / "flagstone.lock", old, new)
    done = compile_(repo)
    assert 1 == done.exit_code and any(each.startswith(expected) for each in findings(done))
    assert "SECRET" not in done.stderr
    assert f"flagstone.lock:{place or ''}" in done.stderr and "restore it from git" in done.stderr
    assert not (repo.parent / "mark").exists()


def test_a_version_and_digest_of_nothing_are_not_in_the_bucket(repo: Path, bucket: Path) -> None:
    run("lock", repo, "--platform", bucket)
    digest = read_lock(repo)["platform"]["digest"]
    change(repo / "flagstone.lock", digest, "0" * 64)
    assert "flagstone.lock:6:15: error D336: " in compile_(repo).stderr
    change(repo / "flagstone.lock", '"1.0.0"', '"1.0.7"')
    done = compile_(repo)
    assert (
        f"flagstone.lock:5:16: error D335: `flagstone.lock` pins library 1.0.7, which is not in {bucket.as_uri()}"
        in (done.stderr)
    )


def test_a_line_that_the_lock_is_not_on_stands_in_service_yml(repo: Path, bucket: Path, tmp_path: Path) -> None:
    run("lock", repo, "--platform", bucket)
    change(repo / "service.yml", 'platform: "1.0"', 'platform: "1.1"')
    done = compile_(repo)
    assert 1 == done.exit_code and "service.yml:3:11: error D308: platform line `1.1`" in done.stderr
    assert "`flagstone lock --upgrade`" in done.stderr
    done = run("lock", repo, "--upgrade")
    assert 1 == done.exit_code and "service.yml:3:11: error D337: no library `1.1` in file://" in done.stderr
    assert "hint: there are 1.0.0" in done.stderr
    add(bucket, tmp_path, "1.1.0")
    assert "toy 1.0.0 -> toy 1.1.0" in run("lock", repo, "--upgrade").stdout
    assert 0 == compile_(repo).exit_code


def test_an_upgrade_takes_the_newest_of_the_line_and_a_compile_takes_none(
    repo: Path, bucket: Path, tmp_path: Path
) -> None:
    run("lock", repo, "--bucket", str(bucket))
    for version in ("1.0.9", "1.0.10", "1.0.11-rc.1", "1.1.0"):
        add(bucket, tmp_path, version)
    assert "already pins toy 1.0.0" in run("lock", repo).stdout
    assert 0 == compile_(repo).exit_code and "1.0.0" == read_lock(repo)["platform"]["version"]
    assert "toy 1.0.0 -> toy 1.0.10" in run("lock", repo, "--upgrade").stdout
    for to in ("1.0.11-rc.1", "1.0.9", "1.0"):
        assert 0 == run("lock", repo, "--upgrade", "--to", to).exit_code
        assert (to if to != "1.0" else "1.0.10") == read_lock(repo)["platform"]["version"]
    done = run("lock", repo, "--upgrade", "--to", "1.1")
    said = "service.yml:3:11: error D308: version 1.1.0 of the library is not on the platform line `1.0`"
    assert 1 == done.exit_code and said in done.stderr
    assert 'hint: write platform: "1.1" here first, or leave out --to' in done.stderr
    assert 1 == run("lock", repo, "--upgrade", "--to", "1.0.12").exit_code
    done = run("lock", repo, "--to", "1.0.9")
    assert 2 == done.exit_code and "Invalid value for '--to': it says which version an upgrade takes" in done.stderr
    for words in (("--upgrade", "--to", ""), ("--bucket", ""), ("--bucket", " ")):
        done = run("lock", repo, *words)
        assert 2 == done.exit_code and f"'{words[-2]}': it is empty; is a variable not set?" in done.stderr
    assert "1.0.10" == read_lock(repo)["platform"]["version"]


def test_a_library_of_another_name_is_no_newer_version(repo: Path, bucket: Path, tmp_path: Path) -> None:
    other = make_release(tmp_path / "other", "1.0.3")
    change(other / "platform.yml", "name: toy", "name: other-lib")
    done = publish(other, bucket)
    said = "error D826: the bucket holds the library `toy`, and this is `other-lib`"
    assert 1 == done.exit_code and said in done.stderr
    assert not (bucket / "platform/1.0.3").exists()

    assert 0 == publish(other, tmp_path / "elsewhere").exit_code
    assert 0 == run("lock", repo, "--bucket", str(bucket)).exit_code
    before = (repo / "flagstone.lock").read_bytes()
    elsewhere = (tmp_path / "elsewhere").as_uri()
    for words in (("--bucket", elsewhere), ("--platform", f"{elsewhere}@1.0.3")):
        done = run("lock", repo, "--upgrade", *words)
        said = (
            f"flagstone.lock:4:13: error D338: `flagstone.lock` pins the library toy, and {elsewhere} holds other-lib"
        )
        assert 1 == done.exit_code and said in done.stderr
    assert before == (repo / "flagstone.lock").read_bytes()
    (repo / "flagstone.lock").unlink()
    assert 0 == run("lock", repo, "--bucket", elsewhere).exit_code


def test_a_lock_names_another_bucket_only_after_that_was_asked(
    repo: Path, bucket: Path, tmp_path: Path, cache: Path
) -> None:
    assert 0 == run("lock", repo, "--bucket", str(bucket)).exit_code
    before = read_lock(repo)
    (tmp_path / "empty").mkdir()
    other = make_release(tmp_path / "changed", desired=3)
    assert 0 == publish(other, tmp_path / "other").exit_code
    for place, code, expected in (
        ("empty", 1, "flagstone.lock:5:16: error D335: `flagstone.lock` pins library 1.0.0, which is not in file://"),
        ("other", 1, "flagstone.lock:6:15: error D336: `flagstone.lock` pins 1.0.0 with a digest"),
        ("nowhere", 3, "error D802: "),
    ):
        for option in ("--bucket", "--platform"):
            named = (tmp_path / place).as_uri()
            done = run("lock", repo, option, named)
            assert (code, before) == (done.exit_code, read_lock(repo)) and expected in done.stderr, done.stderr
    shutil.copytree(bucket, tmp_path / "copy")
    assert 0 == run("lock", repo, "--bucket", str(tmp_path / "copy")).exit_code
    assert (tmp_path / "copy").as_uri() == read_lock(repo)["platform"]["from"]
    shutil.rmtree(tmp_path / "copy")
    assert 0 == run("lock", repo).exit_code  # nobody named a bucket, and the cache has it


def test_the_line_of_a_base_counts(repo: Path, bucket: Path) -> None:
    write(repo / "base.yml", 'platform: "1.0"\n')
    text = SERVICE.replace('platform: "1.0"\n', "extends: ./base.yml\n")
    assert text != SERVICE
    write(repo / "service.yml", text)
    assert 0 == run("lock", repo, "--bucket", str(bucket)).exit_code
    assert "1.0.0" == read_lock(repo)["platform"]["version"]


def test_versions_to_choose_from_need_a_bucket(repo: Path, tmp_path: Path) -> None:
    done = run("lock", repo, "--to", "1.0.0")
    assert 2 == done.exit_code and "name it with --bucket" in done.stderr


def test_a_library_for_another_compiler_is_refused_before_its_code_runs(
    repo: Path, bucket: Path, tmp_path: Path
) -> None:
    library = make_release(tmp_path / "next", "1.0.1")
    publish(library, bucket)
    path = bucket / "platform/1.0.1"
    shutil.rmtree(path)
    write(library / "platform.yml", (library / "platform.yml").read_text() + 'compiler: ">=99"\n')
    assert "error D404: library toy 1.0.1 asks for flagstone `>=99`" in publish(library, bucket).stderr


# What was published before stays as it was


def test_a_service_on_1_0_0_compiles_to_the_same_bytes_after_1_1_0_and_2_0_0(
    repo: Path, tmp_path: Path, cache: Path, at_hand: BucketAtHand
) -> None:
    add(at_hand.url, tmp_path, "1.0.0", desired=1)
    assert 0 == run("lock", repo, "--bucket", at_hand.url).exit_code
    assert 0 == compile_(repo, out="before").exit_code
    before = compiled(tmp_path / "before")

    add(at_hand.url, tmp_path, "1.1.0", desired=2)
    add(at_hand.url, tmp_path, "2.0.0", desired=3)
    for out in ("cached", "fetched"):
        assert 0 == compile_(repo, out=out).exit_code
        assert before == compiled(tmp_path / out)
        shutil.rmtree(cache)

    change(repo / "service.yml", 'platform: "1.0"', 'platform: "2.0"')
    assert 0 == run("lock", repo, "--upgrade").exit_code
    assert 0 == compile_(repo, out="after").exit_code
    assert before["production/template.json"] != compiled(tmp_path / "after")["production/template.json"]


def test_a_sealed_manifest_with_the_digest_of_another_library_loads_nothing(
    repo: Path, bucket: Path, cache: Path
) -> None:
    path = bucket / "platform/1.0.0/manifest.json"
    data, _ = open_manifest(path.read_bytes())
    path.unlink()
    path.write_bytes(seal_manifest({**data, "digest": "0" * 64}))
    done = run("lock", repo, "--platform", bucket)
    assert 3 == done.exit_code and "the digest of its files begins with" in done.stderr
    assert not cache.exists() and not (repo.parent / "mark").exists()
