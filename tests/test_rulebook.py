"""Rulebook: docs/guardrails.md says what the library asks, and nothing that it does not ask."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compiler.cli import cli
from compiler.diagnostics import Source, Span
from compiler.library import load_library
from compiler.model import Guardrail, Json, Library
from compiler.rulebook import render_rulebook

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "guardrails.md"
SPAN = Span(Source("platform/guardrails.yml"), 1, 1, 1, 2)


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(ROOT / "platform")


def test_the_document_is_what_the_library_renders(library: Library, update_expectations: bool) -> None:
    if update_expectations:
        DOCUMENT.write_text(render_rulebook(library))
    assert render_rulebook(library) == DOCUMENT.read_text(), "run `python -m compiler.rulebook > docs/guardrails.md`"


def test_the_module_writes_the_document() -> None:
    done = subprocess.run([sys.executable, "-m", "compiler.rulebook"], cwd=ROOT, capture_output=True, check=True)
    assert DOCUMENT.read_text() == done.stdout.decode()


def test_every_guardrail_and_rule_is_named(library: Library) -> None:
    text = render_rulebook(library)
    rules = [rule for module in library.rules for rule in module.ids]
    assert [] == [each.name for each in library.guardrails if text.count(f"| `{each.name}` |") != 1]
    assert [] == [rule for rule in rules if text.count(f"### {rule}: ") != 1]


@pytest.mark.parametrize(
    ("must", "shown"),
    [
        ({"equals": True}, "`true`"),
        ({"oneOf": [False]}, "`false` if set"),
        ({"oneOf": ["a", "b"]}, "`a` or `b` if set"),
        ({"oneOf": [1, 2, 3, 4]}, "one of 4 values"),
        ({"present": True, "atLeast": 3, "atMost": 5}, "set; at least `3`; at most `5`"),
        ({"present": False}, "absent"),
    ],
)
def test_what_is_asked_is_said_in_words(must: Json, shown: str, library: Library) -> None:
    rule = Guardrail("a", "AWS::*", ("Properties", "**", "B?"), True, must, "it\nhas to", "warning", SPAN, "1.0.0")
    text = render_rulebook(replace(library, guardrails=(rule,)))
    assert f"| `a` | `AWS::*` | `**.B?` | sealed; {shown}; warns | it has to |" in text


def test_what_came_later_is_named_with_its_version(library: Library) -> None:
    first, second, *_ = library.guardrails
    text = render_rulebook(replace(library, guardrails=(first, replace(second, since="1.2.0"))))
    assert f"All hold since 1.0.0, but for `{second.name}` since 1.2.0." in text


def explain(code: str) -> Result:
    return CliRunner().invoke(cli, ["explain", code])


def test_a_rule_is_explained_in_its_own_words() -> None:
    done = explain("e9004")

    assert done.stdout.startswith("E9004: No wildcard actions on wildcard resources\n\nA policy of a role"), done.output


def test_a_rule_of_the_linter_is_explained_by_where_it_is_described() -> None:
    assert explain("E3012").stdout.endswith("/docs/rules.md#E3012\n")


def test_a_rule_that_the_library_lacks_is_told_with_those_it_has() -> None:
    done = explain("E9999")

    assert 2 == done.exit_code
    assert "has no rule `E9999`: it has E9001, E9002" in done.stderr
