"""The schema for editors: the published one, with the names that the library knows."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from compiler.cli import cli
from compiler.library import load_library, load_schema
from compiler.schema import complete_schema

ROOT = Path(__file__).parent.parent
RECIPES = ROOT.parent / "shared" / "examples" / "recipes" / "service.yml"
ORDERS = ROOT / "examples" / "service-repo" / "service.yml"
TOYS = ROOT / "tests" / "library"
PUBLISHED = load_schema("service.v1")
SMALLEST = {
    "service": "orders",
    "owner": "squad-toy",
    "platform": "1.0",
    "processes": {"web": {"runtime": "instances", "command": "./bin/web"}},
}


def run(*words: str) -> Any:
    done = CliRunner().invoke(cli, ["schema", *words])
    assert (0, "") == (done.exit_code, done.stderr)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def toys() -> Draft202012Validator:
    return Draft202012Validator(run("--platform", str(TOYS)))


def test_what_is_printed_is_a_schema_and_the_same_each_time() -> None:
    first, second = run(), run("service")
    Draft202012Validator.check_schema(first)
    assert first == second
    assert ["urn:flagstone:service:v1:flagstone-platform:1.0.0", "service.yml for flagstone-platform 1.0.0"] == [
        first["$id"],
        first["title"],
    ]


@pytest.mark.parametrize("path", [ORDERS, RECIPES], ids=lambda path: path.parent.name)
def test_the_examples_are_as_it_says(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"the example is not at {path}")
    assert [] == list(Draft202012Validator(run()).iter_errors(yaml.safe_load(path.read_text())))


@pytest.mark.parametrize(
    ("change", "is_known"),
    [
        ({}, True),
        ({"owner": "squad-menu"}, False),
        ({"environments": {"production": {}, "staging": None}}, True),
        ({"environments": {"env-default": {}, "env-new-search": {"config": {"A": "b"}}}}, True),
        ({"environments": {"prod": {}}}, False),
        ({"environments": {"env-": {}}}, False),
        ({"environments": {"production": {"procesess": {}}}}, False),
        ({"environments": {"env-x": {"procesess": {}}}}, False),
        ({"extends": "toy-web"}, True),
        ({"extends": "../team/base.yml"}, True),
        ({"extends": "base.yml"}, True),
        ({"extends": None}, True),
        ({"extends": "toy-wbe"}, False),
        ({"waivers": {"a": {"guardrail": "keep-encryption"}}}, True),
        ({"waivers": {"a": {"guardrail": "keep-encrypted"}}}, False),
    ],
)
def test_it_knows_the_names_of_the_library(toys: Draft202012Validator, change: dict[str, Any], is_known: bool) -> None:
    assert is_known == toys.is_valid({**SMALLEST, **change})


def test_an_editor_finds_owners_environments_bases_and_guardrails_to_complete() -> None:
    schema = run("--platform", str(TOYS))
    properties = schema["properties"]
    assert ["squad-toy"] == properties["owner"]["enum"]
    assert "1.0" == properties["platform"]["default"]
    assert ["toy-web"] == properties["extends"]["anyOf"][0]["enum"]
    assert ["env-default", "production", "staging"] == list(properties["environments"]["properties"])
    staging = properties["environments"]["properties"]["staging"]
    assert {"description", "$ref"} == staging.keys() and "region eu-west-1" in staging["description"]
    assert {"keep-encryption", None} < set(schema["$defs"]["waiver"]["properties"]["guardrail"]["enum"])


def test_a_library_without_branch_environments_or_bases_has_none_to_offer() -> None:
    library = load_library(TOYS)
    environments = {"production": library.environments["production"]}
    schema = complete_schema(PUBLISHED, replace(library, environments=environments, bases={}))
    validator = Draft202012Validator(schema)
    assert validator.is_valid({**SMALLEST, "environments": {"production": {}}})
    assert not validator.is_valid({**SMALLEST, "environments": {"env-x": {}}})
    assert PUBLISHED["properties"]["extends"] == schema["properties"]["extends"]


def test_the_published_schema_stays_as_it_is() -> None:
    before = copy.deepcopy(PUBLISHED)
    complete_schema(PUBLISHED, load_library(TOYS))
    assert before == PUBLISHED


@pytest.mark.parametrize("name", ["environment", "platform"])
def test_the_schemas_of_the_library_s_files_are_printed_as_published(name: str) -> None:
    assert load_schema(f"{name}.v1") == run(name)


def test_a_document_that_has_no_schema_is_wrong_usage() -> None:
    assert 2 == CliRunner().invoke(cli, ["schema", "lock"]).exit_code
