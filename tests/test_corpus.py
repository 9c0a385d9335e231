"""Templates that this project did not write, as additions: what goes in comes out meaning the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.diagnostics import has_errors
from compiler.library import find_content
from compiler.load import load_document
from compiler.model import Document, Library, TemplatePart
from compiler.parts import check_addition
from compiler.pipeline import Plan, build_stack, open_library, plan_service

ROOT = Path(__file__).parent.parent
CORPUS = ROOT.parent / "shared" / "corpus" / "templates"
TEMPLATES = sorted(path for path in CORPUS.glob("*/*") if path.suffix in (".yml", ".yaml", ".json"))

pytestmark = pytest.mark.skipif(not TEMPLATES, reason=f"the corpus is not at {CORPUS}")


class ReadAsCloudFormation(yaml.SafeLoader):
    """An independent reading: PyYAML's own, with the short forms written out and dates left as text."""


def _short(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        value = value.split(".", 1) if tag == "GetAtt" else value
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


ReadAsCloudFormation.add_multi_constructor("!", _short)
ReadAsCloudFormation.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_independently(path: Path) -> Any:
    data = json.loads(path.read_text()) if path.suffix == ".json" else yaml.load(path.read_text(), ReadAsCloudFormation)
    return json.loads(json.dumps(data))


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


@pytest.fixture(scope="module")
def plan(library: Library) -> Plan:
    return plan_service(ROOT / "examples" / "service-repo", library, with_archives=False)


def as_addition(content: str, name: str) -> TemplatePart:
    document, faults = load_document(content.encode(), f"cloudFormation/additions/{name}", dialect="template")
    assert () == faults
    return TemplatePart(name.partition(".")[0], None, document)


def own_names(plan: Plan, library: Library) -> dict[str, set[str]]:
    stack, _ = build_stack(plan, library, "production", lint=False)
    return {section: set(entries) for section, entries in stack.template.items() if isinstance(entries, dict)}


def without_collisions(text: str, data: Any, taken: dict[str, set[str]]) -> str:
    """Rename what the addition and the stack both define, as a team would before committing the file."""
    clashes = {name for section in taken for name in data.get(section) or {} if name in taken[section]}
    for name in sorted(clashes - {"Additions"}):
        text = re.sub(rf"(?<![\w:.-]){re.escape(name)}(?![\w:-])", f"{name}Own", text)
    return text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_foreign_template_goes_in_as_an_addition_and_comes_out_meaning_the_same(
    path: Path, plan: Plan, library: Library, tmp_path: Path
) -> None:
    taken = own_names(plan, library)
    renamed = tmp_path / path.name
    renamed.write_text(without_collisions(path.read_text(), read_independently(path), taken))
    given = read_independently(renamed)
    part = as_addition(renamed.read_text(), path.name)
    assert [] == list(check_addition(part))

    bare, _ = build_stack(plan, library, "production", lint=False)
    wider = replace(plan.repository, additions=(*plan.repository.additions, part))
    widened = replace(plan, repository=wider)
    stack, faults = build_stack(widened, library, "production", lint=False)
    refused = [fault for fault in faults if fault.code not in ("D512", "D601")]
    assert not has_errors(refused), refused

    for section in ("Parameters", "Mappings", "Conditions", "Resources", "Outputs", "Rules"):
        mine = {name: stack.template.get(section, {})[name] for name in given.get(section) or {}}
        assert (given.get(section) or {}) == mine
        rest = {name: body for name, body in stack.template.get(section, {}).items() if name not in mine}
        assert bare.template.get(section, {}) == rest
    if "Description" in given:
        assert given["Description"] == stack.template["Metadata"]["Additions"][part.name]["Description"]
    for name, body in (given.get("Metadata") or {}).items():
        assert body == stack.template["Metadata"][name]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_leaf_of_a_foreign_template_points_to_its_own_line(path: Path) -> None:
    document: Document = as_addition(path.read_text(), path.name).document
    lines = path.read_text().splitlines()
    checked = 0
    for where, span in document.values.items():
        value = document.data
        for step in where:
            value = value[step]
        if isinstance(value, str) and value.isalnum() and span.line == span.end_line:
            assert value in lines[span.line - 1][span.column - 1 : span.end_column - 1]
            checked += 1
    assert checked > 2


def test_the_packaged_content_is_found() -> None:
    assert (find_content("platform") / "platform.yml").is_file()
