"""The command that compares: what it takes for a side, what it shows, and its exit code."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compiler.bucket import open_bucket
from compiler.channel import Actor, Channel, Wish, channel_key, move_channel, render_channel
from compiler.cli import cli
from compiler.diagnostics import CompileError
from compiler.library import load_library
from compiler.manifest import MANIFEST, open_manifest, seal_manifest
from compiler.model import Library
from compiler.output import write_bundle
from compiler.pipeline import compile_service
from compiler.publish import execute_publish, plan_publish
from compiler.review import review_sides
from compiler.sides import read_folder, read_place
from tests.locked_service import SERVICE, TOY


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(TOY)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Path:
    """A service in `repo`, what it compiles to in `compiled`, and `r1` in `bucket`, which production runs."""
    place = tmp_path_factory.mktemp("diff")
    script = place / "repo" / "src" / "bin" / "serve"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (place / "repo" / "service.yml").write_text(SERVICE)
    done = compile_service(place / "repo", library, release="r1", lint=False)
    write_bundle(done.bundle, place / "compiled")
    bucket = open_bucket(str(place / "bucket"))
    execute_publish(plan_publish(done.bundle, bucket), bucket)
    wish = Wish(Actor("somebody"), datetime(2026, 11, 21, tzinfo=UTC), "nonce")
    channel = move_channel(Channel("shop", "production", ()), "promote", "r1", wish)
    bucket.create(channel_key("shop", "production"), render_channel(channel), "application/json")
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all that, to be changed, as the current folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["diff", "--platform", str(TOY), *words])


def changed(place: Path) -> None:
    """Change a size, the mode of a file and the files of the source."""
    text = (place / "repo" / "service.yml").read_text().replace("max: 4", "max: 5")
    (place / "repo" / "service.yml").write_text(text)
    (place / "repo" / "src" / "bin" / "serve").chmod(0o644)
    (place / "repo" / "src" / "new").write_text("x")


@pytest.mark.parametrize(
    "words",
    [
        ["repo", "--against", "compiled"],
        ["repo", "--against", "r1", "--bucket", "bucket"],
        ["repo", "--env", "production", "--bucket", "bucket"],
        ["repo", "--against-platform", str(TOY)],
        ["--before", "shop/r1", "--after", "compiled", "--bucket", "bucket"],
        ["--before", "compiled", "--after", "repo"],
        ["--before", "compiled/production/template.json", "--after", "compiled", "--env", "production"],
    ],
    ids=" ".join,
)
def test_a_service_is_what_it_was_compiled_to(place: Path, words: list[str]) -> None:
    done = run(*words, "--fail-on", "change")
    assert (0, "Nothing changes") == (done.exit_code, done.stdout[: len("Nothing changes")]), done.output


def test_archives_are_compared_file_by_file(place: Path) -> None:
    changed(place)
    done = run("repo", "--against", "r1", "--bucket", "bucket", "--env", "production", "--format", "json")
    found = json.loads(done.stdout)
    assert ("r1", "repo") == (found["before"], found["after"])
    source = [each for each in found["changes"] if each["file"] == "source.tar.gz"]
    assert [("/src~1bin~1serve", "changed"), ("/src~1new", "added")] == [
        (each["pointer"], each["kind"]) for each in source
    ]
    assert (True, False) == (source[0]["before"]["executable"], source[0]["after"]["executable"])
    [size] = [each for each in found["changes"] if each["pointer"].endswith("/MaxSize")]
    assert ("repo/service.yml", 9) == (size["origin"]["file"], size["origin"]["line"])
    assert {
        *("environment", "file", "pointer", "logicalId", "type", "kind", "before", "after"),
        *("behavior", "dataLoss", "security", "reasons", "origin", "cause"),
    } == set(size)


def test_each_environment_is_compared_with_what_it_runs(place: Path) -> None:
    changed(place)
    found = json.loads(run("repo", "--bucket", "bucket", "--format", "json").stdout)
    whole = [each["environment"] for each in found["changes"] if each["pointer"] == ""]
    assert ["staging"] == whole
    assert {"production", "staging", ""} == {each["environment"] for each in found["changes"]}
    assert "r1, nothing in staging" == found["before"]


@pytest.mark.parametrize(
    ("level", "before", "after", "code"),
    [
        ("change", "{A: {Type: AWS::SNS::Topic}}", "{A: {Type: AWS::SNS::Topic}}", 0),
        ("change", "{A: {Type: AWS::SNS::Topic}}", "{A: {Type: AWS::SNS::Topic}, B: {Type: AWS::SNS::Topic}}", 1),
        ("interruption", "{}", "{B: {Type: AWS::SNS::Topic}}", 0),
        ("interruption", "{B: {Type: AWS::SNS::Topic}}", "{}", 1),
        ("replacement", "{B: {Type: AWS::SNS::Topic}}", "{}", 0),
        ("replacement", "{B: {Type: Custom::A}}", "{B: {Type: Custom::A, Properties: {P: 1}}}", 1),
        ("data-loss", "{B: {Type: AWS::S3::Bucket}}", "{}", 1),
        ("data-loss", "{B: {Type: AWS::S3::Bucket, DeletionPolicy: Retain}}", "{}", 0),
    ],
)
def test_the_exit_code_says_whether_a_person_must_look(
    tmp_path: Path, level: str, before: str, after: str, code: int
) -> None:
    for name, text in (("a.yml", before), ("b.yml", after)):
        (tmp_path / name).write_text(f"Resources: {text}\n")
    done = run("--before", str(tmp_path / "a.yml"), "--after", str(tmp_path / "b.yml"), "--fail-on", level)
    assert code == done.exit_code, done.output


@pytest.mark.parametrize("format", ["text", "json", "github", "sarif", "markdown"])
def test_a_report_goes_into_a_file(tmp_path: Path, format: str) -> None:
    for name, port in (("a.yml", 1), ("b.yml", 2)):
        group = f"{{Type: AWS::ElasticLoadBalancingV2::TargetGroup, Properties: {{Port: {port}}}}}"
        (tmp_path / name).write_text(f"Resources: {{A: {group}}}\n")
    out = tmp_path / "out" / "report"
    words = ["--before", str(tmp_path / "a.yml"), "--after", str(tmp_path / "b.yml"), "--format", format]
    done = run(*words, "--out", str(out))
    assert (0, "") == (done.exit_code, done.stdout)
    assert run(*words).stdout == out.read_text()
    assert "Port" in out.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what to compare with"),
        (["--before", "a"], "go together"),
        (["repo", "--before", "a", "--after", "b"], "give a repository, or"),
        (["--against", "a", "--against-platform", "."], "compare with one thing"),
        (["nowhere", "--against", "compiled"], "there is no folder"),
        (["--before", "r1", "--after", "r1", "--bucket", "bucket"], "write a release as SERVICE/r1"),
        (["repo", "--against-platform", "nowhere"], "Invalid value for '--against-platform'"),
        (["--before", "compiled/production/template.json", "--after", "repo"], "choose one with --env"),
    ],
)
def test_words_that_do_not_go_together_are_refused(place: Path, words: list[str], said: str) -> None:
    done = run(*words)
    assert 2 == done.exit_code
    assert said in done.stderr


# What is not what it says


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.yml", b"[]", "D901"),
        ("a.yml", b"Resources: [a]", "D901"),
        ("a.yml", b"Resources: {A: 1}", "D901"),
        ("a.yml", b"Resources: {A: {Properties: {}}}", "D901"),
        ("a.yml", b"Resources: {A: {Type: X, Properties: [1]}}", "D901"),
        ("a.yml", b"{Resources: {}, Parameters: [1]}", "D901"),
        ("a.json", b'{"Resources": {', "D101"),
        ("a.yml", b"\x00\x01\x02", "D104"),
        ("a.yml", b"\xff\xfe\xff", "D104"),
        ("a.yml", b"A: " + b"[" * 200, "D105"),
        ("a.yml", b"Resources: {A: " + b"x" * 2**21 + b"}", "D105"),
        ("a.yml", b"Resources: {A: {B: 1}}\nResources: {}", "D102"),
        (MANIFEST, b"{}", "D902"),
        (MANIFEST, b"[" * 100_000, "D902"),
    ],
)
def test_a_file_that_is_no_template_is_a_diagnostic(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(content)
    what = tmp_path if name == MANIFEST else tmp_path / name
    done = run("--before", str(what), "--after", str(what), "--format", "json")
    assert (1, code) == (done.exit_code, json.loads(done.stdout)["diagnostics"][0]["code"]), done.output[:500]


def test_nothing_at_all_is_a_diagnostic(tmp_path: Path) -> None:
    for what in (tmp_path, tmp_path / "nowhere"):
        done = run("--before", str(what), "--after", str(what), "--format", "json")
        assert (1, "D902") == (done.exit_code, json.loads(done.stdout)["diagnostics"][0]["code"])


@pytest.mark.parametrize(
    ("key", "content", "said"),
    [
        ("production/template.json", b"{}", "bytes, and the manifest lists"),
        ("production/template.json", None, "it is not there"),
    ],
)
def test_a_compiled_folder_that_was_changed_is_refused(place: Path, key: str, content: bytes | None, said: str) -> None:
    (place / "compiled" / key).unlink()
    if content is not None:
        (place / "compiled" / key).write_bytes(content)
    with pytest.raises(CompileError, match=said):
        read_folder(place / "compiled")


@pytest.mark.parametrize(
    ("key", "content", "said"),
    [
        ("production/template.json", b"[]", "it is no template"),
        ("production/template.json", b'{"Resources": {"A": ' + b"[" * 200 + b"]" * 200 + b"}}", "nested deeper"),
        ("production/template.json", b"\xff", "it is not JSON"),
        ("production/template.json", b"9" * 5_000, "it is not JSON"),
        ("production/parameters.json", b'[{"ParameterKey": 1}]', "no list of parameters"),
        ("production/origins.json", b"[]", "no map of pointers"),
        ("source.tar.gz", b"PK", "no whole gzip file"),
        ("../repo/service.yml", b"", "leads out of the folder"),
        ("production", None, "no regular file"),
    ],
)
def test_a_sealed_folder_of_something_else_is_refused(place: Path, key: str, content: bytes | None, said: str) -> None:
    manifest, _ = open_manifest((place / "compiled" / MANIFEST).read_bytes())
    if content is not None and ".." not in key:
        (place / "compiled" / key).write_bytes(content)
    manifest["files"][key] = {"sha256": hashlib.sha256(content or b"").hexdigest(), "size": len(content or b"")}
    (place / "compiled" / MANIFEST).write_bytes(seal_manifest(manifest))
    with pytest.raises(CompileError, match=said):
        read_folder(place / "compiled")


def test_origins_that_lead_nowhere_do_no_harm(place: Path, library: Library) -> None:
    key = "production/origins.json"
    manifest, _ = open_manifest((place / "compiled" / MANIFEST).read_bytes())
    content = b'{"/Resources/Nothing": [{"layer": "service", "file": "a", "line": -5, "column": 0}], "/a": 1, "x": []}'
    (place / "compiled" / key).write_bytes(content)
    manifest["files"][key] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    (place / "compiled" / MANIFEST).write_bytes(seal_manifest(manifest))
    one = read_place(place / "compiled", library)
    assert {} == one.stacks["production"].origins
    assert () == review_sides(one, read_place(place / "repo", library), library).changes


# Several reports, and where they go


PAIR = ("Resources: {A: {Type: AWS::SNS::Topic}}\n", "Resources: {A: {Type: AWS::SNS::Topic}, B: {Type: →::Y::Z}}\n")
WORDS = ["--before", "a.yml", "--after", "b.yml"]


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two templates in the current folder."""
    for name, text in zip(("a.yml", "b.yml"), PAIR, strict=True):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_several_reports_come_of_one_comparison(pair: Path) -> None:
    formats = ["json", "sarif", "markdown", "html", "github"]
    done = run(*WORDS, *(word for each in formats for word in ("--write", f"{each}=out/{each}")))
    assert (0, run(*WORDS).stdout) == (done.exit_code, done.stdout)
    assert [run(*WORDS, "--format", each).stdout for each in formats] == [
        (pair / "out" / each).read_text() for each in formats
    ]


@pytest.mark.parametrize("format", ["text", "json", "github", "sarif", "markdown", "html"])
def test_faults_take_the_place_of_every_report(pair: Path, format: str) -> None:
    for name in ("one", "two"):
        (pair / name).write_text("stale")
    (pair / "b.yml").write_text("Resources: [a]\n")
    done = run(*WORDS, "--format", format, "--out", "one", "--write", f"{format}=two")
    assert (1, "") == (done.exit_code, done.stdout)
    assert "D901" in done.stderr
    for name in ("one", "two"):
        assert "D901" in (pair / name).read_text() and "stale" not in (pair / name).read_text()


def test_a_document_on_standard_output_tells_of_faults_too(pair: Path) -> None:
    (pair / "b.yml").write_text("Resources: [a]\n")
    for format, begin in (("markdown", "<!-- flagstone diff b.yml -->"), ("html", "<!doctype html>")):
        done = run(*WORDS, "--format", format)
        assert (1, begin) == (done.exit_code, done.stdout.splitlines()[0])
        assert "D901" in done.stdout and "D901" in done.stderr


def test_what_stopped_a_pipeline_is_said_beside_the_report(pair: Path) -> None:
    assert "stopped by --fail-on change: 1 change of `B`\n" == run(*WORDS, "--fail-on", "change").stderr
    assert "" == run(*WORDS, "--fail-on", "replacement").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", ""], "the name of the file is empty"),
        (["--out", "b.yml"], "`b.yml` is what is compared"),
        (["--write", "html=./a.yml"], "`a.yml` is what is compared"),
        (["--write", "html"], "`html` is not FORMAT=FILE"),
        (["--write", "pdf=a"], "`pdf=a` is not FORMAT=FILE"),
        (["--write", "html="], "`html=` is not FORMAT=FILE"),
    ],
)
def test_a_file_that_is_none_or_an_input_is_refused(pair: Path, words: list[str], said: str) -> None:
    done = run(*WORDS, *words)
    assert (2, True) == (done.exit_code, said in done.stderr), done.stderr
    assert PAIR == tuple((pair / name).read_text() for name in ("a.yml", "b.yml"))


@pytest.mark.parametrize("out", ["compiled/new", "repo/service.yml", "repo/src/review.html"])
def test_a_report_does_not_go_into_what_is_compared(place: Path, out: str) -> None:
    done = run("repo", "--against", "compiled", "--out", out)
    assert (2, True) == (done.exit_code, "lies in what is compared" in done.stderr), done.output


def test_a_terminal_without_the_characters_gets_escapes_and_documents_are_utf_8(pair: Path) -> None:
    for format in ("text", "markdown"):
        command = [sys.executable, "-m", "compiler.cli", "diff", *WORDS, "--format", format]
        environment = {**os.environ, "PYTHONIOENCODING": "latin1", "PYTHONPATH": str(Path(__file__).parent.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        assert (b"\\u2192::Y::Z" if format == "text" else "→::Y::Z".encode()) in done.stdout


@pytest.mark.parametrize("sides", [("old.yml", "repo"), ("repo", "old.yml"), ("old.yml", "old.yml")])
def test_each_side_is_told_of_by_its_own_path(sides: tuple[str, str], place: Path) -> None:
    words = ["--before", sides[0], "--after", sides[1], "--env", "production"]
    (place / "old.yml").write_text("Resources: {Odd: {Type: AWS::SNS::Topic}}\n")
    found = json.loads(run(*words, "--format", "json").stdout)["changes"]
    places = {each[key]["file"] for each in found for key in ("origin", "cause") if each[key]}
    own = {path for path in places if not path.startswith("platform/")}
    assert own == ({"old.yml", "repo/service.yml"} if "repo" in sides else set())
    (place / "old.yml").write_text("Resources: {\n")
    assert "\nold.yml:2:1: error D101" in "\n" + run(*words).stderr
    (place / "old.yml").write_text("Resources: {}\n")
    (place / "repo" / "service.yml").write_text("a: [\n")
    assert "repo" not in sides or "\nrepo/service.yml:2:1: error D101" in "\n" + run(*words).stderr


@pytest.mark.parametrize("before", ["compiled", "repo"])
def test_a_compiled_folder_holds_none_of_the_files_that_it_tells_of(before: str, place: Path, library: Library) -> None:
    shutil.copytree(place / "repo", place / "other")
    text = (place / "other" / "service.yml").read_text().replace("max: 4", "max: 5")
    (place / "other" / "service.yml").write_text(text)
    write_bundle(compile_service(place / "other", library, lint=False).bundle, place / "after")
    found = json.loads(run("--before", before, "--after", "after", "--format", "json").stdout)["changes"]
    places = {each[key]["file"] for each in found for key in ("origin", "cause") if each[key]}
    assert {"service.yml"} == {path for path in places if not path.startswith("platform/")}
