"""Where `--out` may lead, and a current folder that is gone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.cli import cli
from tests.describing import LIBRARY, SHOP


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    for name in ("cloudFormation", "src", "ansible"):
        (folder / name).mkdir(parents=True)
    (folder / "service.yml").write_text(SHOP)
    (folder / "src" / "serve").write_text("")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("", "the name of the folder is empty"),
        ("/", "`/` is the root of the file system"),
        (".", "`.` is the repository"),
        ("..", "`..` holds the repository"),
        ("src", "`src` lies in `src/`"),
        ("src/out", "`src/out` lies in `src/`"),
        ("link/out", "`link/out` lies in `src/`"),
        ("cloudFormation", "`cloudFormation` lies in `cloudFormation/`"),
        ("ansible/x/y", "`ansible/x/y` lies in `ansible/`"),
        ("out/../src/out", "lies in `src/`"),
    ],
)
def test_an_output_that_a_compilation_would_read_is_refused(repository: Path, out: str, why: str) -> None:
    (repository / "link").symlink_to("src")
    before = sorted(repository.rglob("*"))

    done = CliRunner().invoke(cli, ["compile", "--out", out, "--platform", str(LIBRARY)])

    assert (2, True) == (done.exit_code, why in done.stderr), done.output
    assert before == sorted(repository.rglob("*"))


@pytest.mark.parametrize("out", ["out", "build/src", "../src", "srcs"])
def test_another_output_is_taken(repository: Path, out: str) -> None:
    done = CliRunner().invoke(cli, ["compile", "--out", out, "--platform", str(LIBRARY), "--no-lint"])

    assert 0 == done.exit_code, done.output
    assert (repository / out / "manifest.json").is_file()


@pytest.mark.parametrize("out", ["", "/"])
def test_the_platform_is_not_written_there_either(out: str) -> None:
    done = CliRunner().invoke(cli, ["platform", "compile", "--out", out, "--platform", str(LIBRARY)])

    assert 2 == done.exit_code, done.output


@pytest.mark.parametrize(
    "words",
    [
        ["validate"],
        ["compile"],
        ["compile", "--format", "json"],
        ["lock"],
        ["explain", ".", "Resources.WebGroup"],
        ["explain", "--unused"],
        ["publish", "--bucket", "bucket"],
        ["releases", "shop", "--bucket", "bucket"],
        ["platform", "compile"],
    ],
    ids=" ".join,
)
def test_a_current_folder_that_is_gone_is_told(tmp_path: Path, words: list[str]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"import os, shutil; shutil.rmtree({str(gone)!r}); from compiler.cli import main; main()"

    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *words], cwd=gone, capture_output=True, text=True, check=False
    )

    assert (2, True) == (done.returncode, "the current folder was removed" in done.stderr), done.stderr


def test_a_service_elsewhere_compiles_from_a_folder_that_is_gone(repository: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = ["compile", str(repository), "--out", str(tmp_path / "out"), "--no-lint", "--platform", str(LIBRARY)]
    code = f"import os, shutil; shutil.rmtree({str(gone)!r}); from compiler.cli import main; main()"

    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *words], cwd=gone, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stderr
    shutil.rmtree(tmp_path / "out")
