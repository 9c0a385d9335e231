"""Twenty-four upgrades that really happened: what the diff says of each, beside a plain comparison of the files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from compiler.changes import Change, Diff
from compiler.library import find_content, load_library
from compiler.review import review_sides
from compiler.risk import find_risks
from compiler.sides import read_template
from tests.test_corpus import read_independently

ROOT = Path(__file__).parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"
EXPECTED = Path(__file__).parent / "upgrades.txt"
PAIRS = [
    (pair["before"], pair["after"])
    for pair in (json.loads((CORPUS / "upgrades" / "pairs.json").read_text()) if CORPUS.is_dir() else [])
]

pytestmark = pytest.mark.skipif(not PAIRS, reason=f"the corpus is not at {CORPUS}")


@cache
def diff(pair: tuple[str, str]) -> Diff:
    before, after = (read_template(CORPUS / path) for path in pair)
    return review_sides(before, after, load_library(find_content("platform")))


def named(pair: tuple[str, str]) -> str:
    folder, _, before = pair[0].removeprefix("upgrades/").removesuffix(".yml").rpartition("/")
    return f"{folder} {before} -> {pair[1].rpartition('/')[2].removesuffix('.yml')}"


def tell(pair: tuple[str, str]) -> Iterator[str]:
    """Write the verdict, and each change that does something to a resource."""
    found = diff(pair)
    yield f"{named(pair)}: {found.verdict}, {len(found.changes)} change{'s' if len(found.changes) > 1 else ''}"
    for change in found.changes:
        risks = find_risks(change)
        if risks:
            place = ".".join(map(str, change.path[1:])) + (f" -> {change.renamed_to}" if change.renamed_to else "")
            yield f"  {', '.join(risks)}: {change.kind} {place}"


def test_the_verdicts_of_all_upgrades_are_as_expected(update_expectations: bool) -> None:
    text = "".join(f"{line}\n" for pair in PAIRS for line in tell(pair))
    if update_expectations:
        EXPECTED.write_text(text)
    assert EXPECTED.read_text() == text


@pytest.mark.parametrize("pair", PAIRS, ids=named)
def test_what_differs_by_plain_comparison_is_in_the_diff_and_nothing_else(pair: tuple[str, str]) -> None:
    before, after = (dict(things(read_independently(CORPUS / path))) for path in pair)
    plain = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    found = diff(pair).changes
    own = [each for each in found if each.renamed_to or each.before != each.after]  # the others are taken along
    told = {key for change in own for key in about(change)}
    assert plain == told


def things(template: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every named thing of a template as text that tells types apart; the order of keys has no meaning."""
    for section, body in template.items():
        for name, thing in body.items() if isinstance(body, dict) else [("", body)]:
            yield (section, name) if name else (section,), json.dumps(thing, sort_keys=True)


def about(change: Change) -> Iterator[tuple[Any, ...]]:
    yield change.path[:2]
    if change.renamed_to:
        yield ("Resources", change.renamed_to)


def find(pair: str, place: str) -> Change:
    [wanted] = [each for each in PAIRS if named(each) == pair]
    [change] = [each for each in diff(wanted).changes if ".".join(map(str, each.path[1:])) == place]
    return change


def test_a_patch_release_that_changed_a_port_replaces_a_target_group() -> None:
    assert "replacement" == find("load-balanced-service v1.22.0 -> v1.22.1", "TargetGroup.Properties.Port.Ref").behavior


def test_a_release_that_renamed_a_load_balancer_replaces_it() -> None:
    pair = "load-balanced-service v1.32.1 -> v1.33.0"
    for old, new in (
        ("PublicNetworkLoadBalancer", "PublicNetworkLoadBalancerV2"),
        ("NLBTargetGroup", "NetworkLoadBalancerTargetGroup"),
        ("NLBTargetGroup1", "NetworkLoadBalancerTargetGroup1"),
    ):
        change = find(pair, old)
        assert (new, "replacement") == (change.renamed_to, change.behavior)
    assert "replacement" == find(pair, "NLBListener.Properties.LoadBalancerArn.Ref").behavior
