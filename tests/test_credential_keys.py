"""A credential that stands as a key is found wherever keys are, and no format shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.cli import cli
from tests.describing import LIBRARY, SHOP

# Made up here, so that no scanner finds one in this file.
KEY = "AKIA" + "ABCDEFGHIJKLMNOP"
TOKEN = ".".join(("eyJ" + "a" * 30, "eyJ" + "b" * 60, "c" * 40))
OVERRIDE = "Resources: {WebGroup: {Properties: {%s}}}\n"
ADDITION = "Resources: {Own: {Type: AWS::SNS::Topic, %s}}\n"


def write(folder: Path, service: str = "", override: str = "", addition: str = "") -> None:
    (folder / "service.yml").write_text(SHOP + service)
    for kind, text in (("overrides", override), ("additions", addition)):
        (folder / "cloudFormation" / kind).mkdir(parents=True)
        (folder / "cloudFormation" / kind / "own.yml").write_text(text or "Resources: {}\n")


def validate(folder: Path, format: str) -> str:
    words = ["validate", str(folder), "--platform", str(LIBRARY), "--format", format]
    done = CliRunner().invoke(cli, words)
    assert 1 == done.exit_code, done.output
    return done.output


@pytest.mark.parametrize("secret", [KEY, TOKEN], ids=["key", "token"])
@pytest.mark.parametrize("format", ["text", "json", "github", "sarif"])
def test_no_format_shows_a_credential_that_is_a_key(format: str, secret: str, tmp_path: Path) -> None:
    shape = f"{{? {secret} : {{a: [{{? {secret} : 1}}]}}}}"
    change = f"Tags: [{{$value: {shape}}}], ? {secret} : {{$append: 1}}"
    extra = f"Metadata: {shape}, Properties: {{? {secret} : null}}"
    service = f"config: {{? {secret} : '1'}}\n? {secret} : 1\nenvironments: {{? {secret} : {{}}}}\n"
    write(tmp_path, service, OVERRIDE % change, ADDITION % extra)
    shown = validate(tmp_path, format)
    assert "D208" in shown
    assert [] == [part for part in secret.split(".") if part[4:].lower() in shown.lower()]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"service": "config: {? %s : a}\n"}, "service.yml:6:12"),
        ({"service": "extra: [{? %s : a}]\n"}, "service.yml:6:12"),
        ({"override": OVERRIDE % "Tags: {$append: [{? %%s : a}]}"}, "cloudFormation/overrides/own.yml:1:57"),
        ({"addition": ADDITION % "Metadata: {? %%s : a}"}, "cloudFormation/additions/own.yml:1:55"),
        ({"addition": ADDITION % "Metadata: {a: {? %%s : {}}}"}, "cloudFormation/additions/own.yml:1:59"),
    ],
)
def test_a_credential_is_found_where_keys_are(files: dict[str, str], expected: str, tmp_path: Path) -> None:
    write(tmp_path, **{name: text.replace("%%s", KEY).replace("%s", KEY) for name, text in files.items()})
    lines = [line for line in validate(tmp_path, "text").splitlines() if "D208" in line]
    assert [f"{tmp_path.as_posix()}/{expected}:"] == [line.split(" ")[0] for line in lines]
