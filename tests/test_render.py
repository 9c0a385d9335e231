"""Render: the files of a bundle, byte for byte the same on every machine."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics import Source, Span
from compiler.library import load_library
from compiler.manifest import render_json, seal_manifest
from compiler.model import (
    Bundle,
    Commit,
    Document,
    Json,
    Library,
    Origin,
    Path,
    Repository,
    RepositoryFile,
    Said,
    Setting,
    Stack,
    Waiver,
    walk_leaves,
)
from compiler.render import format_pointer, render_bundle, render_platform

ROOT = FilePath(__file__).parent.parent
TOY = load_library(ROOT / "tests" / "library")
COMMIT = Commit("0123456789abcdef0123456789abcdef01234567", "20261120T101500", is_dirty=False)
TEMPLATE = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": "Größe",
    "Parameters": {"SourceDigest": {"Type": "String"}, "Release": {"Type": "String"}, "Days": {"Type": "Number"}},
    "Resources": {"Web/Topic~": {"Type": "AWS::SNS::Topic", "Properties": {"Tags": [{"Key": "a", "Value": 1.5}, []]}}},
}


def origin(layer: str, line: int, column: int = 1, file: str = "x.py") -> Origin:
    return Origin(layer, Span(Source(file), line, column, line, column + 1))


def stack_of(template: Json, stories: Mapping[Path, tuple[Said, ...]] | None = None) -> Stack:
    told = {path: (Said(origin("template", 7), value),) for path, value in walk_leaves(template)}
    return Stack(template, {**told, **(stories or {})}, {})


def document() -> Document:
    source = Source("service.yml")
    return Document(source, {}, {(): Span(source, 1, 1, 1, 1)}, {})


def library() -> Library:
    ansible = (RepositoryFile("platform.yml", b"- hosts\n"), RepositoryFile("roles/nginx/tasks/main.yml", b"[]\n"))
    defaults = replace(TOY.defaults, data={**TOY.defaults.data, "promotion": ["staging", "production"]})
    return replace(TOY, name="flagstone-platform", digest="d" * 64, defaults=defaults, ansible=ansible)


def repository(commit: Commit | None = COMMIT) -> Repository:
    ansible = (RepositoryFile("playbook.yml", b"[]\n"),)
    src = (RepositoryFile("bin/serve", b"#!/bin/sh\n", is_executable=True),)
    return Repository(document(), (), (), ansible, src, commit)


def render(
    stacks: Mapping[str, Stack] | None = None,
    release: str = "r1",
    commit: Commit | None = COMMIT,
    waivers: Mapping[str, list[Waiver]] | None = None,
) -> Bundle:
    return render_bundle(
        stacks or {"staging": stack_of(TEMPLATE), "production": stack_of(TEMPLATE)},
        repository=repository(commit),
        library=library(),
        service="recipes",
        release=release,
        publishes=["recipe-created", "recipe-added"],
        consumes={"customer.address-changed": {}},
        waivers=waivers or {},
    )


def members(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=BytesIO(gzip.decompress(archive))) as tar:
        return tar.getnames()


def test_a_bundle_has_the_files_of_the_design_and_its_manifest_is_last() -> None:
    kinds = ("origins.json", "parameters.json", "template.json")
    assert [
        "ansible.tar.gz",
        "inputs.tar.gz",
        *(f"production/{kind}" for kind in kinds),
        "source.tar.gz",
        *(f"staging/{kind}" for kind in kinds),
        "manifest.json",
    ] == list(render().files)


def test_the_manifest_describes_every_other_file() -> None:
    bundle = render()
    manifest = json.loads(bundle.files["manifest.json"])
    assert bundle.files["manifest.json"] == seal_manifest(
        {key: said for key, said in manifest.items() if key != "seal"}
    )
    assert "seal" == list(manifest)[-1] and 64 == len(manifest.pop("seal"))
    described = manifest.pop("files")
    others = {path: content for path, content in bundle.files.items() if path != "manifest.json"}
    assert {
        path: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)} for path, content in others.items()
    } == described
    assert {
        "schema": 1,
        "service": "recipes",
        "release": "r1",
        "commit": {"id": COMMIT.id, "time": COMMIT.time, "dirty": COMMIT.is_dirty},
        "platform": {"name": "flagstone-platform", "version": "1.0.0", "digest": "d" * 64},
        "compiler": {"version": manifest["compiler"]["version"]},
        "environments": ["production", "staging"],
        "inputs": {"service": "repository"},
        "promotion": ["staging", "production"],
        "publishes": ["recipe-added", "recipe-created"],
        "consumes": ["customer.address-changed"],
        "contracts": {},
        "waivers": [],
    } == manifest


def test_the_manifest_lists_each_waiver_once_with_the_environments_that_it_is_for() -> None:
    span = Span(Source("service.yml"), 3, 1, 3, 5)
    both = Waiver("old-client", "imdsv2", "WebLaunchTemplate", "the reason", "2027-03-31", "platform", span)
    later = replace(both, until="2027-06-30")
    waivers = {"staging": [both], "production": [replace(both, name="a-new-one"), both], "canary": [later]}
    said = {
        "guardrail": "imdsv2",
        "resource": "WebLaunchTemplate",
        "reason": "the reason",
        "until": "2027-03-31",
        "approvedBy": "platform",
    }
    assert [
        {"name": "a-new-one", **said, "environments": ["production"]},
        {"name": "old-client", **said, "environments": ["production", "staging"]},
        {"name": "old-client", **said, "until": "2027-06-30", "environments": ["canary"]},
    ] == json.loads(render(waivers=waivers).files["manifest.json"])["waivers"]


def test_a_repository_without_commit_says_so() -> None:
    assert json.loads(render(commit=None).files["manifest.json"])["commit"] is None


def test_the_template_keeps_the_order_of_the_stack_and_is_utf_8() -> None:
    text = render().files["production/template.json"].decode()
    assert TEMPLATE == json.loads(text)
    assert list(TEMPLATE) == list(json.loads(text))
    assert text.startswith('{\n  "AWSTemplateFormatVersion": "2010-09-09",\n  "Description": "Größe",\n')
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")


def test_what_json_cannot_hold_is_not_written() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        render_json({"a": float("nan")})


def test_release_and_commit_change_the_manifest_and_the_parameters_and_nothing_else() -> None:
    one, other = render(), render(release="r2", commit=replace(COMMIT, id="f" * 40))
    changed = {path for path in one.files if one.files[path] != other.files[path]}
    assert {"manifest.json", "production/parameters.json", "staging/parameters.json"} == changed


def test_parameters_are_those_that_the_template_declares_and_the_compiler_knows() -> None:
    files = render().files
    assert [
        {"ParameterKey": "Release", "ParameterValue": "r1"},
        {"ParameterKey": "SourceDigest", "ParameterValue": hashlib.sha256(files["source.tar.gz"]).hexdigest()},
    ] == json.loads(files["production/parameters.json"])
    assert b"[]\n" == render({"a": stack_of({"Resources": {}})}).files["a/parameters.json"]


def test_the_default_of_a_parameter_is_sent_as_the_text_that_cloudformation_makes_of_it() -> None:
    defaults: dict[str, Json] = {"A": True, "B": False, "C": 3, "D": "X"}
    declared = {name: {"Type": "String", "Default": value} for name, value in defaults.items()}
    files = render({"a": stack_of({"Parameters": declared, "Resources": {}})}).files
    sent = {each["ParameterKey"]: each["ParameterValue"] for each in json.loads(files["a/parameters.json"])}
    assert {"A": "true", "B": "false", "C": "3", "D": "X"} == sent


def test_the_archives_hold_what_instances_look_for() -> None:
    files = render().files
    assert ["platform.yml", "roles/nginx/tasks/main.yml", "service/playbook.yml"] == members(files["ansible.tar.gz"])
    assert ["src/bin/serve"] == members(files["source.tar.gz"])


def test_an_origin_names_layer_place_value_rule_and_what_fed_it() -> None:
    service = Said(origin("service", 3, 12, "service.yml"), 2, ("processes", "web", "scaling", "min"))
    override = Said(origin("override", 5, 9, "o.yml"), "x", ("Resources", "A", 0), rule="$append")
    computed = Said(origin("template", 9), "n", fed_by=(Setting(("scaling", "min"), (service,)),))
    stories = {
        ("Resources", "A"): (Said(origin("template", 9), None),),
        ("Resources", "A", "Type"): (computed,),
        ("Resources", "A", "b/c~", 0): (service, override),
    }
    template = {"Resources": {"A": {"Type": "n", "b/c~": ["x"]}}}
    lines = render({"a": stack_of(template, stories)}).files["a/origins.json"].decode().splitlines()
    template_py = '{"layer": "template", "file": "x.py", "line": 9, "column": 1'
    fed = (
        '{"layer": "service", "file": "service.yml", "line": 3, "column": 12, "value": 2,'
        ' "pointer": "processes.web.scaling.min"}'
    )
    appended = (
        '{"layer": "override", "file": "o.yml", "line": 5, "column": 9, "value": "x", "pointer": "Resources.A.0",'
        ' "rule": "$append"}'
    )
    assert [
        "{",
        f'  "/Resources/A": [{template_py}, "value": null}}],',
        f'  "/Resources/A/Type": [{template_py}, "value": "n", "fedBy": [{fed}]}}],',
        f'  "/Resources/A/b~1c~0/0": [{fed}, {appended}]',
        "}",
    ] == lines


def test_a_leaf_without_a_story_has_that_of_what_it_belongs_to() -> None:
    stack = Stack({"Resources": {"A": {"Type": "T"}}}, {("Resources", "A"): (Said(origin("template", 4), None),)}, {})
    origins = json.loads(render({"a": stack}).files["a/origins.json"])
    assert origins["/Resources/A"] == origins["/Resources/A/Type"]


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(NAMES, st.dictionaries(NAMES, BODIES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_every_leaf_of_the_template_has_an_origin_on_a_line_of_its_own(template: dict[str, Any]) -> None:
    files = render({"a": stack_of(template)}).files
    text = files["a/origins.json"].decode()
    origins = json.loads(text)
    pointers = [format_pointer(path) for path, _ in walk_leaves(json.loads(files["a/template.json"]))]
    assert pointers == list(origins)
    assert all(told and told[-1]["layer"] == "template" for told in origins.values())
    assert len(pointers) + 2 == text.count("\n")


def test_the_platform_bundle_has_a_folder_for_each_stack_and_no_archives() -> None:
    bundle = render_platform({"production/network": stack_of(TEMPLATE)}, library=library())
    kinds = ("origins.json", "parameters.json", "template.json")
    assert [*(f"production/network/{kind}" for kind in kinds), "manifest.json"] == list(bundle.files)
    manifest = json.loads(bundle.files["manifest.json"])
    assert (["production"], ["production/network"]) == (manifest["environments"], manifest["stacks"])


PROGRAM = """
import hashlib, importlib.util, sys
spec = importlib.util.spec_from_file_location("rendered", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for path, content in module.render().files.items():
    print(path, hashlib.sha256(content).hexdigest())
"""


@pytest.mark.parametrize(("seed", "zone"), [("0", "UTC"), ("7", "Asia/Tokyo")])
def test_hash_seed_time_zone_and_folder_change_no_byte(seed: str, zone: str, tmp_path: FilePath) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, __file__],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [f"{path} {hashlib.sha256(content).hexdigest()}" for path, content in render().files.items()]
    assert expected == done.stdout.splitlines()
