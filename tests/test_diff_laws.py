"""Laws of the diff, over templates that this project did not write and over values made up."""

from __future__ import annotations

import copy
import functools
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from compiler.alignment import write_token
from compiler.behavior import is_ordered
from compiler.changes import Change, Diff, Side, SideStack
from compiler.compare import Difference, ListRules, compare_values
from compiler.diff import diff_sides
from compiler.identity import IdentityTable
from compiler.library import find_content, load_library
from compiler.model import Json, value_at, walk_leaves
from compiler.model import Path as Place
from compiler.report_diff import report_diff
from compiler.report_diff_json import diff_to_json
from compiler.review import review_sides
from compiler.sides import read_template
from tests.test_corpus import CORPUS, TEMPLATES

ROOT = Path(__file__).parent.parent
LIBRARY = load_library(find_content("platform"))
RULES = ListRules(IdentityTable(LIBRARY.identities), is_ordered)
UPGRADES = sorted((CORPUS.parent / "upgrades").glob("*/*.yml"))
on_corpus = pytest.mark.skipif(not TEMPLATES, reason=f"the corpus is not at {CORPUS}")

scalars = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "1", "true", "a", "b"])
names = st.sampled_from(["A", "B", "Key", "Statement", "Ref", "Fn::Sub", "Metadata"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=4), max_leaves=20
)
# Where lists have an order, have none, and have items with names.
INSIDE = {"ordered": ("Properties", "P"), "free": ("Properties", "Statement"), "named": ("Properties", "Tags")}
insides = st.sampled_from(sorted(INSIDE))


def compare(before: Json, after: Json, inside: str) -> list[Difference]:
    return list(compare_values(before, after, rules=RULES, resource_type="AWS::SQS::Queue", inside=INSIDE[inside]))


def apply(before: Json, differences: Sequence[Difference]) -> Json:
    """Make of what was before what is after. The deepest lists come first, so that places above them still hold."""
    made = [copy.deepcopy(before)]
    of_parent: dict[Place, list[Difference]] = {}
    for each in differences:
        if not each.path_before:
            return each.after
        of_parent.setdefault(each.path_before[:-1], []).append(each)
    for place in sorted(of_parent, key=len, reverse=True):
        parent = value_at(made[0], place)
        found = of_parent[place]
        for each in sorted(found, key=lambda each: str(each.path_before[-1]).zfill(9), reverse=True):
            if each.kind == "removed":
                del parent[each.path_before[-1]]
            elif each.kind == "changed":
                parent[each.path_before[-1]] = each.after
        for each in sorted(found, key=lambda each: str(each.path[-1]).zfill(9)):
            if each.kind == "added" and isinstance(parent, list):
                parent.insert(int(each.path[-1]), each.after)
            elif each.kind == "added":
                parent[each.path[-1]] = each.after
    return made[0]


def without_order(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: without_order(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(map(without_order, value), key=write_token)
    return value


@given(values, insides)
def test_nothing_differs_from_itself(value: Json, inside: str) -> None:
    assert [] == compare(value, copy.deepcopy(value), inside)


@given(values, values, insides)
def test_what_was_with_the_differences_is_what_is(before: Json, after: Json, inside: str) -> None:
    made = apply(before, compare(before, after, inside))
    if inside == "ordered":
        assert write_token(after) == write_token(made)
    assert write_token(without_order(after)) == write_token(without_order(made))


@given(values, values, insides)
def test_the_way_back_is_the_mirror(before: Json, after: Json, inside: str) -> None:
    mirror = {"added": "removed", "removed": "added", "changed": "changed"}
    there = [(each.kind, each.path_before, each.before, each.after) for each in compare(before, after, inside)]
    back = [(mirror[each.kind], each.before, each.after) for each in compare(after, before, inside)]
    key = functools.partial(json.dumps, sort_keys=True)
    assert sorted(key((kind, old, new)) for kind, _, old, new in there) == sorted(
        key((kind, new, old)) for kind, old, new in back
    )


@given(st.lists(st.sampled_from("abcd"), max_size=6), st.lists(st.sampled_from("abcd"), max_size=6))
def test_no_diff_of_a_list_is_longer_than_that_of_a_longest_common_subsequence(
    one: list[str], other: list[str]
) -> None:
    found = compare(one, other, "ordered")
    kept = len(one) - sum(each.kind != "added" for each in found)
    assert common(tuple(one), tuple(other)) == kept


@functools.cache
def common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    if not one or not other:
        return 0
    if one[0] == other[0]:
        return 1 + common(one[1:], other[1:])
    return max(common(one[1:], other), common(one, other[1:]))


# Whole templates

keys = st.sampled_from(
    "Ref Fn::Sub Fn::If Fn::GetAtt Fn::Join Fn::FindInMap Condition Statement Action Principal Tags Key Value Effect"
    " PolicyDocument BucketName A B Default".split()
)
anything = st.recursive(
    scalars | st.sampled_from(["A.B", "${A}", "${A.B}", "${", "Retain", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=10,
)
types = st.sampled_from(
    "AWS::S3::Bucket AWS::IAM::Role AWS::EC2::SecurityGroup AWS::EC2::LaunchTemplate AWS::ECS::TaskDefinition"
    " AWS::AutoScaling::AutoScalingGroup AWS::RDS::DBInstance AWS::SQS::QueuePolicy Custom::X No::Such::Type".split()
)
ids = st.sampled_from("ABC")
resources = st.fixed_dictionaries(
    {"Type": types},
    optional={
        "Properties": st.dictionaries(keys, anything, max_size=3),
        **dict.fromkeys(["DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy"], anything),
    },
)
templates = st.fixed_dictionaries(
    {"Resources": st.dictionaries(ids, resources, max_size=3)},
    optional=dict.fromkeys(
        ["Parameters", "Mappings", "Conditions", "Outputs"], st.dictionaries(ids, anything, max_size=2)
    ),
)


@given(templates, templates)
def test_whatever_two_templates_say_is_compared_and_shown(before: Json, after: Json) -> None:
    found = review(before, after)
    assert report_diff(found, width=40, color=True)
    assert json.dumps(diff_to_json(found))


def side(template: Json) -> Side:
    return Side("a", {"": SideStack("a.yml", template, {}, {})})


def review(before: Json, after: Json) -> Diff:
    return review_sides(side(before), side(after), LIBRARY)


@functools.cache
def read(path: Path) -> Json:
    return read_template(path).stacks[""].template


@on_corpus
@pytest.mark.parametrize("path", [*TEMPLATES, *UPGRADES], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_template_does_not_differ_from_itself(path: Path) -> None:
    assert () == review(read(path), copy.deepcopy(read(path))).changes


@on_corpus
@given(st.data())
def test_a_leaf_that_is_changed_is_what_the_diff_names(data: st.DataObject) -> None:
    template = read(data.draw(st.sampled_from([*TEMPLATES, *UPGRADES])))
    place, leaf = data.draw(st.sampled_from(leaves_of(template)))
    another: Json = data.draw(
        st.sampled_from(["changed", 9_999, 0.5, True, None, str(leaf), [], {}]).filter(
            lambda each: write_token(each) != write_token(leaf)
        )
    )
    # There a name and a list of one name are the same, so a list is compared with it name by name.
    assume(place[-1] not in ("DependsOn", "Fn::GetAtt") or not isinstance(another, list))
    mutated = replaced(template, place, another)
    [change] = diff_sides(side(template), side(mutated), RULES).changes
    assert ("changed", place, write_token(leaf), write_token(another)) == (
        change.kind,
        change.path,
        write_token(change.before),
        write_token(change.after),
    )


@functools.cache
def _leaves(text: str) -> tuple[tuple[Place, Json], ...]:
    return tuple(walk_leaves(json.loads(text)))


def leaves_of(template: Json) -> tuple[tuple[Place, Json], ...]:
    return _leaves(json.dumps(template))


def replaced(value: Json, place: Place, leaf: Json) -> Json:
    if not place:
        return leaf
    if isinstance(value, dict):
        return {**value, place[0]: replaced(value[place[0]], place[1:], leaf)}
    return [replaced(item, place[1:], leaf) if at == place[0] else item for at, item in enumerate(value)]


@on_corpus
@pytest.mark.parametrize("folder", ["load-balanced-service", "environment"])
def test_an_upgrade_back_is_the_mirror(folder: str) -> None:
    paths = sorted((CORPUS.parent / "upgrades" / folder).glob("*.yml"))
    for before, after in itertools.pairwise(paths):
        there = diff_sides(side(read(before)), side(read(after)), RULES).changes
        back = diff_sides(side(read(after)), side(read(before)), RULES).changes
        assert sorted(map(written, there)) == sorted(map(mirrored, back))


def written(change: Change) -> str:
    return json.dumps([change.kind, change.before, change.after, change.renamed_to is not None], sort_keys=True)


def mirrored(change: Change) -> str:
    mirror: dict[str, Any] = {"added": "removed", "removed": "added", "changed": "changed"}
    words = [mirror[change.kind], change.after, change.before, change.renamed_to is not None]
    return json.dumps(words, sort_keys=True)
