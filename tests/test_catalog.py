"""Catalog: every code is explained, and docs/diagnostics.md says the same. A test of the compiler runs the examples."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from compiler.catalog import BASE_FILES, CATALOG, Entry, explain_code, render_catalog
from compiler.diagnostics import find_credential

ROOT = Path(__file__).parent.parent
ENTRIES = list(CATALOG.values())
PATH = r"([a-z]+|ansible/[a-z/]+|cloud[Ff]ormation/[a-z]+/([a-z]+/)?[a-z]+)\.yml|flagstone\.lock"


def named(entry: Entry) -> str:
    return entry.code


def test_the_document_is_what_the_catalog_renders() -> None:
    document = (ROOT / "docs" / "diagnostics.md").read_text("utf-8")
    assert render_catalog() == document, "run `python -m compiler.catalog > docs/diagnostics.md`"


def test_the_module_writes_the_document() -> None:
    done = subprocess.run([sys.executable, "-m", "compiler.catalog"], cwd=ROOT, capture_output=True, check=True)
    assert render_catalog() == done.stdout.decode()


def test_codes_are_unique_and_in_order() -> None:
    from compiler.catalog import _ENTRIES

    codes = [entry.code for entry in _ENTRIES]
    assert sorted(set(codes)) == codes


def test_every_code_that_the_compiler_gives_is_in_the_catalog() -> None:
    given = {
        code
        for path in (ROOT / "compiler").glob("*.py")
        for code in re.findall(r'"(D[1-9][0-9]{2})"', path.read_text("utf-8"))
    }
    assert len(given) > 30
    assert [] == sorted(given - set(CATALOG))


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_an_entry_has_a_title_and_two_to_five_sentences(entry: Entry) -> None:
    assert re.fullmatch(r"D[1-9][0-9]{2}", entry.code)
    assert not entry.title.endswith(".")
    assert entry.explanation.endswith(".")
    # A full stop within back-quotes, as in `service.yml`, ends no sentence.
    sentences = re.findall(r"\.(?:\s|$)", re.sub(r"`[^`]*`", "x", entry.explanation))
    assert 2 <= len(sentences) <= 5


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_an_entry_has_both_examples_or_says_that_it_has_none(entry: Entry) -> None:
    assert [entry.is_shown_by_files] * 2 == [bool(entry.wrong), bool(entry.right)]
    if entry.is_shown_by_files:
        assert entry.wrong != entry.right


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.is_shown_by_files], ids=named)
def test_example_files_stay_in_the_repository_and_the_right_ones_are_yaml(entry: Entry) -> None:
    for files in (entry.wrong, entry.right):
        for path, text in files.items():
            assert re.fullmatch(PATH, path)
            assert text.endswith("\n") and not text.endswith("\n\n")
    for text in entry.right.values():
        assert yaml.compose(text) is not None


def test_the_base_repository_is_ten_lines_of_plain_yaml() -> None:
    assert ["service.yml"] == list(BASE_FILES)
    assert 10 == len(BASE_FILES["service.yml"].splitlines())
    assert {
        "service": "shop",
        "owner": "platform",
        "platform": "1.0",
        "processes": {"web": {"runtime": "instances", "command": "./bin/serve", "port": 8080}},
        "environments": {"production": {}},
    } == yaml.safe_load(BASE_FILES["service.yml"])


def test_a_code_is_explained_in_plain_text() -> None:
    text = explain_code("D302")
    assert text.startswith("D302: Minimum above maximum\n\n`min` is larger than `max`")
    assert "Wrong, service.yml:\n\n    service: shop\n" in text
    assert "        scaling: {min: 5, max: 2, target: {cpu: 60}}\n" in text
    assert text.index("Wrong, ") < text.index("Right, ")
    assert text.endswith("production: {}\n")


def test_a_code_may_be_asked_for_in_lower_case() -> None:
    assert explain_code("D203") == explain_code("d203")


def test_a_warning_is_explained_as_one() -> None:
    assert "A warning: the service compiles all the same." in explain_code("D312")
    assert "A warning" not in explain_code("D302")


def test_what_files_cannot_show_is_explained_without_examples() -> None:
    assert explain_code("D802").endswith("\n\nNo file of a service repository can show this one.\n")
    assert "Wrong" not in explain_code("D802")


def test_a_rule_of_the_linter_is_explained_by_where_it_is_described() -> None:
    assert explain_code("E3012").endswith("/docs/rules.md#E3012\n")
    assert "E9001 is a rule of the platform library" in explain_code("E9001")


def test_an_unknown_code_is_refused_with_the_nearest() -> None:
    with pytest.raises(LookupError, match="no diagnostic has the code `D203X`; did you mean `D203`"):
        explain_code("D203x")
    with pytest.raises(LookupError, match="codes look like `D203`"):
        explain_code("nonsense")


def test_no_explanation_shows_what_looks_like_a_credential() -> None:
    assert find_credential(CATALOG["D208"].wrong["service.yml"])
    assert None is find_credential(render_catalog() + explain_code("D208"))


def test_every_link_of_the_document_leads_to_an_entry() -> None:
    document = render_catalog()
    assert re.findall(r"\(#(d\d+)\)", document) == re.findall(r'<a id="(d\d+)">', document)
    assert [code.lower() for code in CATALOG] == re.findall(r'<a id="(d\d+)">', document)
