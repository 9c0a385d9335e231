"""What stands where a secret is named is shown by no format, whatever its form."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.cli import cli
from compiler.hidden import hide_secrets
from tests.describing import LIBRARY

FORMATS = ("text", "json", "github", "sarif")
HEAD = """\
service: shop
owner: squad-toy
platform: "1.0"
processes:
  web: {runtime: instances, command: ./bin/serve, port: 8080}
"""
PASSWORDS = (
    "hunter2-S3cr3tPassw0rd",
    "hunter2/MDENG/bPxRfiCYKEY",
    "/hunter2!",
    '"hunter2, pass: word"',
    "&hunter2 x",
    "*hunter2",
    "!hunter2 x",
    "!hunter2 /x",
    "@hunter2",
    '"hunter2',
    "[hunter2]",
    "{a: {b: [hunter2]}}",
    "hunter2 # hunter2",
    "|\n      hunter2: first\n      hunter2",
)
SECTIONS = (
    "secrets:\n  DATABASE_PASSWORD: {}\n",
    "secrets: {{DATABASE_PASSWORD: {}}}\n",
    "secrets: {}\n",
    "secrets:\n- {}\n",
    "secret: {{DATABASE_PASSWORD: {}}}\n",
    "secrts:\n  DATABASE_PASSWORD: {}\n",
    "environments:\n  staging:\n    secrets:\n      DATABASE_PASSWORD: {}\n",
    "environments: {{staging: {{secrets: {{DATABASE_PASSWORD: {}}}}}}}\n",
    "environments:\n  staging: {{password: {}}}\n",
)


def validate(folder: Path, format: str) -> tuple[int, str]:
    words = ["validate", str(folder), "--platform", str(LIBRARY), "--format", format]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    return done.exit_code, done.output


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("password", PASSWORDS)
def test_no_format_shows_what_stands_in_place_of_a_reference(section: str, password: str, tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(HEAD + section.format(password))

    for format in FORMATS:
        code, output = validate(tmp_path, format)
        assert (1, False) == (code, "hunter2" in output), output


@pytest.mark.parametrize("password", ["hunter2", "/hunter2", "[hunter2]", "{a: hunter2}"])
@pytest.mark.parametrize("section", ["variables: {{PASSWORD: {}}}\n", "environments:\n  staging: {{env: {}}}\n"])
def test_what_follows_an_unknown_section_is_not_shown(section: str, password: str, tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(HEAD + section.format(password))

    for format in FORMATS:
        code, output = validate(tmp_path, format)
        assert (1, False) == (code, "hunter2" in output), output


@pytest.mark.parametrize("number", ["20261121", "0777", "1_000_777", "1e777777", "true", "2026-11-21", "-20261121"])
def test_no_format_shows_a_secret_of_digits(number: str, tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(f"{HEAD}secrets:\n  PIN: {number}\n")

    for format in ("text", "json"):
        code, output = validate(tmp_path, format)
        assert (1, False) == (code, number in output.replace("true or false", "").replace("isError", "")), output


def test_a_base_hides_its_secrets_too(tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(f"extends: ./base.yml\n{HEAD}")
    (tmp_path / "base.yml").write_text("secrets: {DATABASE_PASSWORD: hunter2}\n")

    for format in FORMATS:
        code, output = validate(tmp_path, format)
        assert (1, False) == (code, "hunter2" in output), output


def test_an_alias_does_not_lead_to_what_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(f"{HEAD}description: &it hunter2\nsecrets: {{DATABASE_PASSWORD: *it}}\n")

    _, output = validate(tmp_path, "text")

    assert "hunter2" not in output, output


def test_a_person_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "service.yml").write_text(f"{HEAD}secrets: {{DATABASE_PASSWORD: hunter2}}\n")

    _, output = validate(tmp_path, "text")

    assert output.splitlines() == [
        f"{tmp_path}/service.yml:6:30: error D206: `DATABASE_PASSWORD` in `secrets` is not the path of a parameter",
        "    6 | secrets: {DATABASE_PASSWORD: *******}",
        "      |                              ^^^^^^^",
        "  hint: store it as a SecureString parameter, name its path under `secrets`, and revoke this one",
        "",
        "1 error",
    ]


def test_names_and_sound_references_stay_readable() -> None:
    lines = (
        "secrets:",
        "  DATABASE_PASSWORD: /recipes/database-password",
        '  "OTHER": "/recipes/other"',
        "config: {LOG_LEVEL: info}",
        "secrets: {A: /recipes/a, B: hunter2}",
        "config: {TOKEN_LIFE: 30}",
        "secrets: {A: {hunter2: x}}",
        "secrets:",
        "  A: /hunter2, hunter2: /x",
    )

    hidden = ("secrets: {A: /recipes/a, B: *******}", lines[5], "secrets: {A: ********* *}}", lines[7])
    assert (*lines[:4], *hidden, "  A: ********* ******** **") == hide_secrets(lines)


def test_brackets_hold_a_section_together_without_indentation() -> None:
    lines = ('{"secrets": {', '"A": "hunter2",', '"B": ["hunter2"', "]},", '"owner": "me"}')

    assert lines[0] == hide_secrets(lines)[0]
    assert "hunter2" not in "".join(hide_secrets(lines))
    assert lines[-1] == hide_secrets(lines)[-1]


def test_a_hostile_line_takes_no_time() -> None:
    started = time.perf_counter()

    hide_secrets(
        ["secrets: {" + "}" * 200_000 + "x", "secrets: {" + "/a" * 200_000 + "!", "secrets: " + "{, " * 200_000]
    )

    assert time.perf_counter() - started < 10
