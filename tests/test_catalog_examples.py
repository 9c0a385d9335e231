"""Catalog, examples: the wrong files of every entry yield its code, and the right ones yield nothing at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compiler.catalog import BASE_FILES, CATALOG, Entry, Files
from compiler.diagnostics import CompileError, Diagnostic
from compiler.library import find_content
from compiler.model import Library
from compiler.pipeline import compile_service, open_library
from tests.commits import commit_folder

SHOWN = [entry for entry in CATALOG.values() if entry.is_shown_by_files]
# What an example shows lies in these files of the library; without them there is nothing to break.
NEEDED = {"D511": "identities.yml", "D601": "guardrails.yml"}


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


def compile_files(folder: Path, files: Files, library: Library) -> tuple[Diagnostic, ...]:
    for path, text in {**BASE_FILES, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    for program in ("serve", "work", "admin"):
        (folder / "src/bin").mkdir(parents=True, exist_ok=True)
        (folder / "src/bin" / program).touch(0o755)
    if re.search("waivers:|mute:", files.get("service.yml", "")):
        commit_folder(folder, "2026-11-20")
    try:
        return compile_service(folder, library, lint=False).diagnostics
    except CompileError as error:
        return error.diagnostics


def require_content(entry: Entry) -> None:
    if entry.code in NEEDED and not (find_content("platform") / NEEDED[entry.code]).exists():
        pytest.skip(f"the library has no {NEEDED[entry.code]}")


@pytest.mark.parametrize("entry", SHOWN, ids=lambda entry: entry.code)
def test_the_wrong_files_yield_the_code_and_nothing_else(entry: Entry, tmp_path: Path, library: Library) -> None:
    require_content(entry)
    found = compile_files(tmp_path, entry.wrong, library)
    assert {(entry.code, entry.severity)} == {(diagnostic.code, diagnostic.severity) for diagnostic in found}
    places = [diagnostic.span.path for diagnostic in found if diagnostic.span]
    # A folder may be at fault, so a place may be the beginning of a file's path.
    assert any(path.startswith(place) for place in places for path in {**BASE_FILES, **entry.wrong})


@pytest.mark.parametrize("entry", SHOWN, ids=lambda entry: entry.code)
def test_the_right_files_yield_nothing(entry: Entry, tmp_path: Path, library: Library) -> None:
    require_content(entry)
    assert () == compile_files(tmp_path, entry.right, library)
