"""The gate of a library's version, as people and CI meet it: `platform check`, and `platform publish` that refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.library import load_schema
from tests.locked_service import run
from tests.platform_bucket import make_release, publish

SERVICE = """\
service: orders
owner: squad-toy
description: Takes orders
platform: "1.0"
processes:
  web: {runtime: instances, command: ./serve, logs: {app: {path: /var/log/app.log}}}
messages: {publish: [order-placed]}
environments: {production: {}}
"""


def rename_topics(library: Path) -> None:
    path = library / "templates/topics.py"
    path.write_text(path.read_text().replace("{camel(event)}Topic", "{camel(event)}Events"))


def write_example(library: Path) -> Path:
    folder = library.parent / "examples" / "orders"
    folder.mkdir(parents=True)
    (folder / "service.yml").write_text(SERVICE)
    return folder


@pytest.mark.parametrize(("version", "code"), [("1.0.1", 1), ("1.1.0", 1), ("2.0.0", 0), ("2.0.0-rc.1", 0)])
def test_a_renamed_logical_id_asks_for_a_major_version(version: str, code: int, tmp_path: Path) -> None:
    old, new = make_release(tmp_path / "old"), make_release(tmp_path / "new", version)
    write_example(new)
    rename_topics(new)
    done = run("platform", "check", "--against", old, "--platform", new)
    assert code == done.exit_code
    assert f"1.0.0 to {version}: at least a major version" in done.stdout
    assert "`OrderPlacedTopic` is called `OrderPlacedEvents` now" in done.stdout
    assert ("platform.yml:2:10: error D824" in done.stderr) == (code == 1)
    assert ("give the library the version 2.0.0" in done.stderr) == (code == 1)
    assert "1 service compiled with both" in done.stdout


def test_services_that_are_named_are_compiled_too(tmp_path: Path) -> None:
    old, new = make_release(tmp_path / "old"), make_release(tmp_path / "new", "1.0.1", desired=2)
    services = tmp_path / "services"
    write_example(services / "platform")
    done = run("platform", "check", services / "examples", "--against", old, "--platform", new, "--format", "json")
    assert 0 == done.exit_code
    result = json.loads(done.stdout)["result"]
    assert ("patch", {str(services / "examples/orders"): "both"}) == (result["least"], result["compiled"])
    assert {"orders, production"} <= {reason["where"] for reason in result["reasons"]}


def test_publish_refuses_a_smaller_step_than_the_newest_older_version_asks_for(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    assert 0 == publish(make_release(tmp_path / "old"), bucket).exit_code
    new = make_release(tmp_path / "new", "1.0.1")
    write_example(new)
    rename_topics(new)
    refused = publish(new, bucket)
    assert 1 == refused.exit_code and "error D824: 1.0.1 is too small a step from 1.0.0" in refused.stderr
    assert not (bucket / "platform/1.0.1").exists()
    checked = run("platform", "check", "--against", "1.0.0", "--bucket", bucket, "--platform", new)
    assert 1 == checked.exit_code and "at least a major version" in checked.stdout
    major = make_release(tmp_path / "major", "2.0.0")
    rename_topics(major)
    assert 0 == publish(major, bucket).exit_code
    # What is older than the newest is held against what is older still, and what is there already against nothing.
    assert 1 == publish(new, bucket).exit_code
    assert 0 == publish(major, bucket).exit_code


def test_what_is_published_already_is_held_against_nothing(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    patch = make_release(tmp_path / "patch", "1.0.1")
    write_example(patch)
    rename_topics(patch)
    assert 0 == publish(patch, bucket).exit_code
    assert 0 == publish(make_release(tmp_path / "old"), bucket).exit_code
    again = publish(patch, bucket)
    assert 0 == again.exit_code and "already there" in again.stdout


def test_a_version_without_a_section_in_the_change_log_is_refused(tmp_path: Path) -> None:
    old, new = make_release(tmp_path / "old"), make_release(tmp_path / "new", "1.0.1", desired=2)
    for text, code in (("## 1.0.1 (unreleased)\n\n- Two.\n", 0), ("## 1.0.0\n\n- One.\n", 1)):
        (new / "CHANGELOG.md").write_text(text)
        done = run("platform", "check", "--against", old, "--platform", new)
        assert code == done.exit_code
        assert ("D820: the change log has no section `## 1.0.1`" in done.stderr) == (code == 1)


def test_a_pre_release_in_between_hides_nothing(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    assert 0 == publish(make_release(tmp_path / "old"), bucket).exit_code
    assert 0 == publish(make_release(tmp_path / "candidate", "1.0.1-rc.1"), bucket).exit_code
    write_example(tmp_path / "library")
    for version, code in (("1.0.1", 1), ("2.0.0", 0)):
        library = make_release(tmp_path / version, version)
        rename_topics(library)
        assert code == publish(library, bucket).exit_code


@pytest.mark.parametrize("command", ["check", "publish"])
def test_a_folder_without_a_service_is_wrong_usage(command: str, tmp_path: Path) -> None:
    library = make_release(tmp_path / "library")
    (tmp_path / "empty").mkdir()
    words: list[str | Path] = ["--against", library] if command == "check" else ["--bucket", tmp_path / "bucket"]
    done = run("platform", command, tmp_path / "empty", "--platform", library, *words)
    assert 2 == done.exit_code and "there is no service.yml in" in done.stderr


def test_publish_needs_a_service_that_compiles(tmp_path: Path) -> None:
    library, bucket = make_release(tmp_path / "library"), tmp_path / "bucket"
    words = ("platform", "publish", "--bucket", bucket, "--platform", library, "--no-lint")
    done = run(*words)
    assert 1 == done.exit_code and "error D820: there is no service to compile with" in done.stderr
    example = write_example(library)
    templates = library / "templates/topics.py"
    text = templates.read_text()
    for fault in ("    raise RuntimeError(event)\n", "    yield (\n"):
        templates.write_text(text + fault)
        done = run(*words)
        assert 1 == done.exit_code and f"error D825: service `{example}` does not compile" in done.stderr
    assert not (bucket / "platform/1.0.0").exists()


def test_no_step_is_told_from_a_version_that_nobody_publishes(tmp_path: Path) -> None:
    old, new = make_release(tmp_path / "old", "1.0.1-dev.1"), make_release(tmp_path / "new", "1.0.1", desired=2)
    done = run("platform", "check", "--against", old, "--platform", new)
    assert 1 == done.exit_code and "error D824: no step can be told from `1.0.1-dev.1`" in done.stderr


def test_a_library_against_itself_asks_for_nothing(tmp_path: Path) -> None:
    library = make_release(tmp_path / "library")
    done = run("platform", "check", "--against", library, "--platform", library)
    assert (0, "nothing differs from 1.0.0\n0 services compiled with both\n") == (done.exit_code, done.stdout)


def test_the_schema_beside_a_library_is_compared(tmp_path: Path) -> None:
    old, new = make_release(tmp_path / "old" / "platform"), make_release(tmp_path / "new" / "platform", "1.1.0")
    schema = dict(load_schema("service.v1"))
    beside = tmp_path / "old" / "service_schema" / "service.v1.schema.json"
    beside.parent.mkdir()
    beside.write_text(json.dumps({**schema, "properties": {**schema["properties"], "motto": {"type": "string"}}}))
    done = run("platform", "check", "--against", old, "--platform", new)
    assert 1 == done.exit_code and "`motto` is no longer allowed" in done.stdout


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"$id": "a", "title": "b", "properties": []}'])
def test_what_is_no_schema_is_told(text: str, tmp_path: Path) -> None:
    old = make_release(tmp_path / "old" / "platform")
    beside = tmp_path / "old" / "service_schema" / "service.v1.schema.json"
    beside.parent.mkdir()
    beside.write_text(text)
    done = run("platform", "check", "--against", old, "--platform", make_release(tmp_path / "new"))
    assert 1 == done.exit_code and "error D403" in done.stderr


def test_what_is_no_library_is_wrong_usage(tmp_path: Path) -> None:
    done = run("platform", "check", "--against", tmp_path / "nowhere", "--platform", make_release(tmp_path / "library"))
    assert 2 == done.exit_code and "--against" in done.stderr


def test_a_release_without_a_bucket_is_wrong_usage(tmp_path: Path) -> None:
    done = run("platform", "check", "--against", "1.0.0", "--platform", make_release(tmp_path / "library"))
    assert 2 == done.exit_code and "--bucket" in done.stderr
