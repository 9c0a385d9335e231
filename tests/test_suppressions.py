"""What judges of templates find and is meant: each suppression stands where it should, with the line that says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compiler.diagnostics import Source, Span
from compiler.library import load_library
from compiler.load import load_document
from compiler.model import Entry, Fragment, Origin
from compiler.pipeline import compile_platform
from compiler.suppressions import read_suppressions, suppress_findings

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "platform"
SAMPLE = ROOT / "docs/templates/sample/environment.yml"
TABLE = """
closed:
  judge: checkov
  rule: CKV_AWS_18
  type: AWS::S3::Bucket
  where: {Properties.Rules.Id: Old}
  reason: It is closed
"""
SPAN = Span(Source("platform/templates/buckets.py"), 3, 1, 3, 2)


@pytest.mark.parametrize(
    ("kind", "ids", "is_meant"),
    [
        ("AWS::S3::Bucket", ["New", "Old"], True),
        ("AWS::S3::Bucket", ["New"], False),
        ("AWS::S3::Bucket", [], False),
        ("AWS::S3::Other", ["Old"], False),
    ],
)
def test_a_resource_is_left_alone_by_its_type_and_by_what_stands_in_it(
    kind: str, ids: list[str], is_meant: bool
) -> None:
    document, _ = load_document(TABLE.encode(), "platform/suppressions.yml", dialect="plain")
    body = {"Type": kind, "Properties": {"Rules": [{"Id": each} for each in ids]}, "Metadata": {"own": 1}}
    entry = Entry("Resources", "A", body, Origin("template", SPAN), {})
    (after,) = suppress_findings(Fragment("buckets", (entry,)), document).entries
    skip = {"checkov": {"skip": [{"id": "CKV_AWS_18", "comment": "It is closed"}]}}
    assert {**body, "Metadata": {"own": 1, **(skip if is_meant else {})}} == after.body
    lines = {said.origin.span.line for story in after.stories.values() for said in story}
    assert ({2} if is_meant else set()) == lines


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1", "is not a map"),
        ("a: {judge: checkov, rule: R, type: T, reason: x, when: y}", "has an unknown key `when`"),
        ("a: {judge: checkov, type: T, reason: x}", "lacks `rule`, a text"),
        ("a: {judge: nobody, rule: R, type: T, reason: x}", "is for no judge that is known"),
        ("a: {judge: checkov, rule: R, type: T, reason: x, where: [y]}", "has a `where` that is not a map"),
    ],
)
def test_what_is_no_suppression_is_a_fault_at_its_line(text: str, fault: str) -> None:
    document, _ = load_document(text.encode(), "platform/suppressions.yml", dialect="plain")
    found, (diagnostic,) = read_suppressions(document)
    assert () == found
    assert "D403" == diagnostic.code and fault in diagnostic.message and diagnostic.span is not None


def test_every_suppression_of_the_library_is_about_something() -> None:
    bare = load_library(LIBRARY)
    sample, _ = load_document(SAMPLE.read_bytes(), SAMPLE.name, dialect="plain")
    library = replace(bare, environments={**bare.environments, "sample": sample})
    assert library.suppressions is not None
    suppressions, _ = read_suppressions(library.suppressions)
    judges = {each.judge for each in suppressions}
    told = {
        (judge, skip["id"], resource["Type"])
        for stack in compile_platform(library, environments=["staging", "sample"], lint=False).stacks.values()
        for resource in stack.template["Resources"].values()
        for judge, words in resource.get("Metadata", {}).items()
        if judge in judges
        for skip in words["skip"]
    }
    assert {(each.judge, each.rule, each.type) for each in suppressions} == told
