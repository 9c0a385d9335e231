"""Every folder of cases/ is a service repository with what the compiler makes of it.

`ok-*` compiles, and `expected/` holds what comes out. The others are refused: the folder is named after the code, and
`expected.txt` holds the exit code and every word on the screen. `environments.txt` names the environments, production
if it is missing. `commit.txt` names the day of a commit that the case is compiled at, or says `none`; else that is the
commit of this project. `pytest --update` rewrites what is expected; read the difference before committing it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.catalog import CATALOG
from compiler.cli import cli
from tests.commits import place_case

HERE = Path(__file__).parent
CASES = sorted(path for path in (HERE / "cases").iterdir() if path.is_dir())
DIRECTIVES = ("$append", "$prepend", "$replace", "$remove", "$expect", "$value")
# What a case keeps of a bundle: the rest is tested with the room that makes it.
KEPT = ("template.json", "origins.json", "parameters.json")


def compile_case(case: Path, out: Path) -> tuple[int, str]:
    named = case / "environments.txt"
    environments = named.read_text().split() if named.exists() else ["production"]
    arguments = [word for name in environments for word in ("--env", name)]
    library = str(HERE / "library")
    lint = [] if (case / "lint").exists() else ["--no-lint"]
    done = CliRunner().invoke(cli, ["compile", ".", *arguments, *lint, "--platform", library, "--out", str(out)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.stderr


@pytest.mark.parametrize("case", [case for case in CASES if case.name.startswith("ok-")], ids=lambda case: case.name)
def test_a_good_repository_compiles_to_exactly_what_is_expected(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update_expectations: bool
) -> None:
    monkeypatch.chdir(place_case(case, tmp_path / "case"))
    out = tmp_path / "out"
    code, screen = compile_case(case, out)
    assert (0, "") == (code, screen)
    actual = {str(path.relative_to(out)): path.read_text() for path in sorted(out.rglob("*.json")) if path.name in KEPT}
    expected = case / "expected"
    if update_expectations:
        for name, text in actual.items():
            (expected / name).parent.mkdir(parents=True, exist_ok=True)
            (expected / name).write_text(text)
    assert {str(path.relative_to(expected)): path.read_text() for path in sorted(expected.rglob("*.json"))} == actual


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.name.startswith("ok-")], ids=lambda case: case.name
)
def test_a_case_says_exactly_what_is_expected(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, update_expectations: bool
) -> None:
    monkeypatch.chdir(place_case(case, tmp_path / "case"))
    code, screen = compile_case(case, tmp_path / "out")
    actual = f"exit {code}\n\n{screen}"
    expected = case / "expected.txt"
    if update_expectations:
        expected.write_text(actual)
    assert expected.read_text() == actual
    named = case.name.partition("-")[0]
    assert f" {named}: " in screen, f"the case is named after {named}, which does not come up"


def test_expected_templates_are_valid_json() -> None:
    for path in (HERE / "cases").glob("ok-*/expected/*/template.json"):
        assert json.loads(path.read_text())["Resources"]


def test_every_diagnostic_of_overrides_additions_upgrades_and_guardrails_has_a_case() -> None:
    of_parts = {f"D{number}" for number in (*range(210, 217), *range(315, 320), *range(330, 333))}
    wanted = {code for code in CATALOG if code in of_parts or code[:2] in ("D5", "D6")}
    assert set() == wanted - {case.name.partition("-")[0] for case in CASES}


@pytest.mark.parametrize("directive", DIRECTIVES)
def test_every_directive_has_a_case_that_compiles(directive: str) -> None:
    overrides = [*(HERE / "cases").glob("ok-override-*/cloudFormation/overrides/**/*.yml")]
    assert any(f"{directive}: " in path.read_text() for path in overrides)
