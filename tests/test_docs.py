"""The documents say what is: README shows real output, ARCHITECTURE.md names every file, links lead somewhere.

A block of README marked `console` holds commands after `$ ` and what they print. All are run from the first to the
last, in a copy of the example that no git repository surrounds; `pytest --update` writes what they print below them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from compiler import __version__
from compiler.cli import cli
from compiler.screen import CONFLICT, FAULTS, OUR_BUG, UNREACHABLE, WRONG_USAGE
from tests.test_architecture import CORRIDOR

ROOT = Path(__file__).parent.parent
README, ARCHITECTURE = ROOT / "README.md", ROOT / "ARCHITECTURE.md"
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
DOCUMENTS = sorted(
    {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/templates/*.md"),
        *ADRS,
        *ROOT.glob("examples/*/README.md"),
    }
)
MODULES = sorted({path.stem for path in (ROOT / "compiler").glob("[!_]*.py")} | {"catalog"})
INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C stopped
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@dataclass(frozen=True, slots=True)
class Shown:
    """A command of README, what stands below it, and the line that it stands on, from 1."""

    command: str
    output: str
    line: int


def read_shown(text: str) -> list[Shown]:
    """Find every command of the blocks marked `console`."""
    found: list[Shown] = []
    is_console = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("```"):
            is_console = line == "```console"
        elif is_console and line.startswith("$ "):
            found.append(Shown(line.removeprefix("$ "), "", number))
        elif is_console:
            last = found.pop()
            found.append(Shown(last.command, last.output + line + "\n", last.line))
    return found


def write_shown(text: str, outputs: Mapping[int, str]) -> str:
    """Replace what stands below each command; `outputs` by the line of the command."""
    lines = text.splitlines()
    for shown in reversed(read_shown(text)):
        end = shown.line + len(shown.output.splitlines())
        lines[shown.line : end] = outputs[shown.line].splitlines()
    return "\n".join(lines) + "\n"


SHOWN = read_shown(README.read_text())


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, update_expectations: bool) -> dict[int, str]:
    """What the commands of README print, by their line. Both streams together, as a terminal shows them."""
    place = tmp_path_factory.mktemp("tour")
    shutil.copytree(ROOT / "examples" / "service-repo", place / "orders")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "GIT_CEILING_DIRECTORIES": str(place),
    }
    found = {
        shown.line: subprocess.run(
            shown.command,
            shell=True,
            cwd=place / "orders",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ).stdout
        for shown in SHOWN
    }
    if update_expectations:
        README.write_text(write_shown(README.read_text(), found))
    return found


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.command)
def test_readme_shows_what_a_command_prints(shown: Shown, outputs: dict[int, str], update_expectations: bool) -> None:
    assert "Traceback" not in outputs[shown.line]
    assert update_expectations or shown.output == outputs[shown.line]


def test_readme_shows_the_help_of_every_command_once() -> None:
    expected = sorted(f"{name} --help" for name in walk_commands(cli, "flagstone"))
    assert expected == sorted(shown.command for shown in SHOWN if shown.command.endswith(" --help"))


def walk_commands(command: click.Command, name: str) -> Iterator[str]:
    yield name
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from walk_commands(inner, f"{name} {word}")


def test_readme_lists_every_exit_code() -> None:
    codes = re.findall(r"^\| (\d+) \|", README.read_text(), re.MULTILINE)
    assert [0, FAULTS, WRONG_USAGE, UNREACHABLE, CONFLICT, OUR_BUG, INTERRUPTED] == [int(code) for code in codes]


def test_the_change_log_begins_with_the_version_of_the_compiler() -> None:
    [latest, *_] = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert __version__ == latest.split()[0]


# ARCHITECTURE.md


def test_the_tables_of_the_architecture_name_every_file_of_the_compiler_once() -> None:
    assert MODULES == sorted(read_named(ARCHITECTURE.read_text()))


def read_named(text: str) -> list[str]:
    """Names in back-quotes in the first cell of each row of a table about the compiler."""
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def test_the_architecture_shows_the_import_order_that_is_tested(update_expectations: bool) -> None:
    text = ARCHITECTURE.read_text()
    rows = [" ".join(name for name in row if name in MODULES) for row in CORRIDOR]
    expected = "".join(f"{row}\n" for row in rows if row)
    [block] = re.findall(r"```text\n(diagnostics\n.*?)```", text, re.DOTALL)
    if update_expectations:
        ARCHITECTURE.write_text(text.replace(block, expected))
    assert update_expectations or expected == block


# Decisions


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [f"{number:04}" for number in range(1, len(ADRS) + 1)] == [path.name[:4] for path in ADRS]
    assert len(ADRS) >= 5


@pytest.mark.parametrize("decision", ADRS, ids=lambda path: path.stem)
def test_a_decision_has_its_number_a_month_and_three_parts(decision: Path) -> None:
    text = decision.read_text()
    assert re.match(rf"# {int(decision.name[:4])}\. \S.+\n\n20\d\d-\d\d\n", text)
    assert ["Context", "Decision", "Consequences"] == re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert f"docs/adr/{decision.name}" in ARCHITECTURE.read_text(), "the architecture does not lead to it"


# Every document


@every_document
def test_links_lead_to_what_is_there(document: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if not link.startswith(("https:", "mailto:"))]
    assert [] == [link for link in links if not is_there(document, link)]


def is_there(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not anchor or target.suffix != ".md":
        return target.exists()
    text = target.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return anchor in slugs | set(re.findall(r'<a id="([^"]+)">', text))


@every_document
def test_make_has_the_targets_that_a_document_names(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set() == set(re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), re.MULTILINE)) - targets


# The readers above can fail


def test_commands_are_found_in_console_blocks_alone_and_rewritten_in_place() -> None:
    text = "```sh\n$ a\n```\n```console\n$ b\nold\nlines\n$ c\n```\n$ d\n"
    assert [Shown("b", "old\nlines\n", 5), Shown("c", "", 8)] == read_shown(text)
    rewritten = write_shown(text, {5: "new\n", 8: "more\n"})
    assert "```sh\n$ a\n```\n```console\n$ b\nnew\n$ c\nmore\n```\n$ d\n" == rewritten


def test_names_are_read_from_first_cells_alone_and_counted() -> None:
    text = "| `a`, `b` | `c` | d |\n| --- | --- | --- |\n| `b` | | |\n`e`\n| words | `f` | |\n"
    assert Counter({"a": 1, "b": 2}) == Counter(read_named(text))


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text('# One: `two`\n<a id="d1"></a>\n')
    assert is_there(document, "#one-two") and is_there(document, "a.md#d1") and is_there(document, "a.md")
    assert not is_there(document, "#three") and not is_there(document, "b.md")
