"""The guide to overrides shows cases: docs/overrides.md has their files, what they change, and what a screen says.

A comment asks for what stands below it, as far as the comment `end`; `pytest --update` writes it anew:

    case NAME [POINTER [ENVIRONMENT]]   the files of a case, and what they change there or what they are refused with
    change NAME POINTER ENVIRONMENT     what they change there, without the files
    file NAME PATH                      one file
    run NAME COMMAND                    what a command prints in a copy of the case
    identities, diagnostics             tables made of the platform library and of the catalog
"""

from __future__ import annotations

import difflib
import functools
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from compiler.catalog import CATALOG
from compiler.cli import cli
from compiler.library import load_library
from compiler.model import Json
from compiler.pipeline import compile_service, open_library
from tests.commits import place_case

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "overrides.md"
CASES, TOY = ROOT / "tests" / "cases", ROOT / "tests" / "library"
SHOWN = re.compile(r"^<!-- (?P<asked>(?!end)[^\n]+) -->\n(?P<text>.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
# What the guide is about; the other cases are about service.yml itself.
ABOUT = re.compile(r"ok-(override|addition|two-additions|waivers)|D21|D31[5-9]|D33|D5|D6|E9")
asked_in_guide = pytest.mark.parametrize("asked", [match["asked"] for match in SHOWN.finditer(GUIDE.read_text())])


@asked_in_guide
def test_what_the_guide_shows_is_so(
    asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update_expectations: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = render_shown(asked, tmp_path)
    if update_expectations:
        GUIDE.write_text(write_shown(GUIDE.read_text(), {asked: shown}))
    assert {shown} == {match["text"] for match in SHOWN.finditer(GUIDE.read_text()) if match["asked"] == asked}


def test_the_guide_leads_to_every_case_of_what_it_is_about() -> None:
    cases = {case.name for case in CASES.iterdir() if ABOUT.match(case.name)}
    assert len(cases) > 60
    assert set() == cases - set(re.findall(r"tests/cases/([\w-]+)", GUIDE.read_text()))


def write_shown(text: str, shown: Mapping[str, str]) -> str:
    """Replace what stands below each comment; `shown` by what the comment asks for."""
    return SHOWN.sub(
        lambda match: f"<!-- {match['asked']} -->\n{shown.get(match['asked'], match['text'])}<!-- end -->", text
    )


def render_shown(asked: str, place: Path) -> str:
    """Render what a comment of the guide asks for, as markdown; a copy of a case is made below `place`."""
    kind, *words = asked.split()
    match kind:
        case "case":
            return _case(*words, place=place)
        case "change":
            return _change(*words, place=place)
        case "file":
            return _file(CASES / words[0], words[1])
        case "run":
            return _run(words[0], asked.partition(words[0])[2].strip(), place)
        case "identities":
            return _identities()
        case "diagnostics":
            return _diagnostics()
    raise ValueError(f"the guide asks for `{asked}`, and nobody knows what that is")


# Cases


def _case(name: str, pointer: str = "", environment: str = "production", *, place: Path) -> str:
    case = CASES / name
    paths = sorted(path for path in (case / "cloudFormation").rglob("*.*") if path.is_file())
    files = "\n".join(_file(case, str(path.relative_to(case))) for path in paths)
    what = f"{_change(name, pointer, environment, place=place)}" if pointer else ""
    if not name.startswith("ok-"):
        what = _block("text", (case / "expected.txt").read_text().partition("\n\n")[2])
    parts = [part for part in (f"[{name}](../tests/cases/{name})\n", files, what) if part]
    return "\n" + "\n".join(parts) + "\n"


def _file(case: Path, path: str) -> str:
    return _block("yaml", f"# {path}\n{(case / path).read_text()}")


def _change(name: str, pointer: str, environment: str, *, place: Path) -> str:
    """Show what stands at a pointer without and with the overrides, as a difference with all of its context."""
    with_all, without = _template(name, environment, place), _template(name, environment, place, leave_out="overrides")
    before, after = (_shown_at(template, pointer.split(".")) for template in (without, with_all))
    assert before != after, f"{name} changes nothing at {pointer}"
    lines = difflib.unified_diff(before, after, lineterm="", n=10**6)
    return _block("diff", "".join(f"{line}\n" for line in list(lines)[3:]))


@functools.cache
def _template(name: str, environment: str, place: Path, leave_out: str = "") -> Json:
    copy = place / f"{name}-{leave_out}"
    if not copy.exists():
        shutil.copytree(place_case(CASES / name, place / f"{name}-placed"), copy)
        shutil.rmtree(copy / "cloudFormation" / leave_out, ignore_errors=True) if leave_out else None
    done = compile_service(copy, open_library(TOY), environments=[environment], lint=False)
    return done.stacks[environment].template


def _shown_at(template: Json, steps: list[str]) -> list[str]:
    value = template
    for step in steps:
        if step not in value:
            return []
        value = value[step]
    text = yaml.safe_dump({".".join(steps): value}, default_flow_style=None, sort_keys=False, width=100)
    return list(text.splitlines())


def _run(name: str, command: str, place: Path) -> str:
    copy = place / "copy"
    shutil.copytree(place_case(CASES / name, place / "placed"), copy)
    program, *arguments = shlex.split(command)
    assert "flagstone" == program
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        done = CliRunner().invoke(cli, [*arguments, "--platform", str(TOY)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return _block("text", f"$ {command}\n{done.output}")


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text.strip(chr(10))}\n```\n"


# Tables


def _identities() -> str:
    rows: dict[str, list[str]] = {}
    for each in load_library(ROOT / "platform").identities:
        path = ".".join(each.path).removeprefix("Properties.")
        rows.setdefault(each.type, []).append(f"`{path}` by {', '.join(f'`{key}`' for key in each.keys)}")
    any_type = "; ".join(rows.pop("*"))
    lines = [f"any | {any_type}", *(f"`{kind}` | {'; '.join(lists)}" for kind, lists in sorted(rows.items()))]
    return _table(("resource type", "list, and what its items are merged by"), lines)


def _diagnostics() -> str:
    named: dict[str, list[str]] = {}
    for case in sorted(CASES.iterdir()):
        code, _, rest = case.name.partition("-")
        if ABOUT.match(case.name) and code != "ok":
            named.setdefault(code, []).append(f"[{rest.replace('-', ' ')}](../tests/cases/{case.name})")
    rows = []
    for code, entry in CATALOG.items():
        if code in named or code == "D333":
            kind = "warning" if entry.severity == "warning" else "error"
            rows.append(
                f"[{code}](diagnostics.md#{code.lower()}) | {kind} | {entry.title} | {', '.join(named.get(code, ()))}"
            )
    return _table(("code", "", "what", "cases"), rows)


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"| {' | '.join('---' for _ in names)} |", *(f"| {row} |" for row in rows)]
    return "\n" + "\n".join(lines) + "\n\n"


# The reader above can fail


def test_only_what_stands_between_a_comment_and_its_end_is_replaced() -> None:
    text = "a\n<!-- case x y -->\nold\n<!-- end -->\nb\n<!-- file x -->\nkept\n<!-- end -->\n"
    written = write_shown(text, {"case x y": "new\n"})
    assert "a\n<!-- case x y -->\nnew\n<!-- end -->\nb\n<!-- file x -->\nkept\n<!-- end -->\n" == written


def test_what_nobody_knows_is_no_part_of_a_guide(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="asks for `cases x`"):
        render_shown("cases x", tmp_path)
