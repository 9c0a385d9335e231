"""Laws of the merge, on generated templates and overrides."""

from __future__ import annotations

import itertools
import random
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from compiler.diagnostics import has_errors
from compiler.model import Json, Path, Stack, walk_leaves
from compiler.node import find_directive, is_intrinsic, same
from tests.merging import merge

KEYS = st.sampled_from(["A", "B", "C", "Rules", "Tags"])
SCALARS = st.integers(-2, 9) | st.booleans() | st.sampled_from(["", "x", "y", "1", "true"]) | st.just(1.5)
INTRINSICS = st.one_of(
    st.sampled_from(["Topic", "Queue"]).map(lambda name: {"Ref": name}),
    st.sampled_from(["x", "${A}"]).map(lambda text: {"Fn::Sub": text}),
    st.lists(SCALARS, min_size=2, max_size=2).map(lambda pair: {"Fn::GetAtt": pair}),
)
TAGS = st.dictionaries(st.sampled_from(["k", "l", "m"]), SCALARS, max_size=3).map(
    lambda tags: [{"Key": key, "Value": value} for key, value in tags.items()]
)
VALUES = st.recursive(
    SCALARS | INTRINSICS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3) | TAGS,
    max_leaves=8,
)
PROPERTIES = st.fixed_dictionaries({"Tags": TAGS}, optional={"A": VALUES, "B": VALUES, "C": VALUES})
BASES = PROPERTIES.map(lambda properties: {"Resources": {"Topic": {"Type": "T", "Properties": properties}}})
AT = ("Resources", "Topic", "Properties")

# Anything that a file of overrides may look like, sense or not.
WILD = st.recursive(
    SCALARS | INTRINSICS | st.none(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS | st.sampled_from(["Key", "Value", "Condition", "Fn::If", "Ref"]), inner, max_size=3),
        st.dictionaries(st.sampled_from(["$append", "$prepend", "$remove"]), st.lists(inner, max_size=2), max_size=2),
        st.dictionaries(st.sampled_from(["$replace", "$value", "$expect", "$remove", "$odd", "A"]), inner, max_size=2),
        st.just({"$remove": True}),
        TAGS,
        st.tuples(st.sampled_from("klm"), inner).map(lambda pair: [{"Key": pair[0], "Value": pair[1]}]),
        st.sampled_from("klm").map(lambda key: [{"Key": key, "$remove": True}]),
    ),
    max_leaves=10,
)


def override(properties: Json) -> Json:
    return {"Resources": {"Topic": {"Properties": properties}}}


def run(base: Any, *changes: Json) -> tuple[Any, Stack, list[str]]:
    """Lay changes over a base, each in a stronger layer than the one before it."""
    folders = ("overrides/a.yml", "overrides/env-default/a.yml", "overrides/env-x/a.yml")
    stack, faults = merge(base, dict(zip(folders, map(override, changes), strict=False)), "env-x")
    resource = stack.template["Resources"]["Topic"]
    return resource.get("Properties"), stack, [fault.code for fault in faults if fault.severity == "error"]


def inner_maps(value: Any, path: Path = ()) -> list[Path]:
    """List the paths of the keys of maps that an override can reach."""
    if not isinstance(value, dict) or is_intrinsic(value):
        return []
    return [found for key in value for found in [(*path, key), *inner_maps(value[key], (*path, key))]]


def nested(path: Path, value: Json) -> Json:
    for step in reversed(path):
        value = {step: value}
    return value


def get(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def without(value: Any, path: Path) -> Any:
    if len(path) == 1:
        return {key: item for key, item in value.items() if key != path[0]}
    return {**value, path[0]: without(value[path[0]], path[1:])}


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


def keep_every_story(stack: Stack) -> None:
    leaves = dict(walk_leaves(stack.template))
    for path, value in leaves.items():
        story = stack.stories[path]
        assert same(value, story[-1].value), (path, value, story[-1].value)
        assert {said.origin.layer for said in story} <= {"template", "service", "override", "addition"}
    names = {path for path in stack.stories if path not in leaves}
    assert {path[:2] for path in leaves if len(path) > 1} >= names


@settings(max_examples=60)
@given(BASES)
def test_an_override_that_says_nothing_changes_nothing(base: Any) -> None:
    bare, _ = merge(base, {})
    for text in ("{}", "Resources: {}"):
        stack, faults = merge(base, {"overrides/a.yml": text})
        assert ((), bare.template, bare.stories) == (faults, stack.template, stack.stories)
    keep_every_story(bare)


@settings(max_examples=150)
@given(BASES, WILD, WILD)
def test_whatever_an_override_says_it_is_merged_or_refused_and_every_leaf_keeps_its_story(
    base: Any, one: Json, other: Json
) -> None:
    properties, stack, found = run(base, one, other)
    if not found:
        keep_every_story(stack)
        verbatim = {path for path, story in stack.stories.items() if "$replace" in story[-1].pointer}
        for path, _ in walk_leaves(stack.template):
            assert path in verbatim or not any(str(step).startswith("$") for step in path)
    assert properties is None or isinstance(stack.removed, dict)


@settings(max_examples=80)
@given(BASES, WILD, st.randoms(use_true_random=False))
def test_the_order_of_keys_has_no_meaning(base: Any, change: Json, chance: random.Random) -> None:
    _, stack, found = run(base, change)
    _, again, found_again = run(base, shuffled(change, chance))
    assert sorted(found) == sorted(found_again)
    if not found:
        assert same(stack.template, again.template)


@settings(max_examples=100)
@given(BASES, VALUES, st.data())
def test_replace_yields_exactly_what_it_says(base: Any, value: Json, data: st.DataObject) -> None:
    before = get(base, AT)
    path = data.draw(st.sampled_from(inner_maps(before)))
    assume(not same(get(before, path), value))
    properties, stack, found = run(base, nested(path, {"$replace": value}))
    assert [] == found
    assert same(value, get(properties, path))
    assert without(before, path) == without(properties, path)
    keep_every_story(stack)


@settings(max_examples=80)
@given(BASES, st.data())
def test_what_is_removed_is_gone_and_nothing_else(base: Any, data: st.DataObject) -> None:
    before = get(base, AT)
    path = data.draw(st.sampled_from(inner_maps(before)))
    properties, stack, found = run(base, nested(path, {"$remove": True}))
    assert ([], without(before, path)) == (found, properties)
    assert same(get(before, path), stack.removed[(*AT, *path)][-2].value)
    keep_every_story(stack)


@settings(max_examples=80)
@given(BASES, VALUES, VALUES, st.data())
def test_changes_of_different_places_commute(base: Any, one: Json, other: Json, data: st.DataObject) -> None:
    before = get(base, AT)
    apart = [
        pair
        for pair in itertools.combinations(inner_maps(before), 2)
        if pair[0] != pair[1][: len(pair[0])] and pair[1] != pair[0][: len(pair[1])]
    ]
    assume(apart)
    here, there = data.draw(st.sampled_from(apart))
    assume(not same(get(before, here), one) and not same(get(before, there), other))
    first, second = (override(nested(path, {"$replace": value})) for path, value in ((here, one), (there, other)))
    forth, faults = merge(base, {"overrides/a.yml": first, "overrides/b.yml": second})
    back, more = merge(base, {"overrides/a.yml": second, "overrides/b.yml": first})
    assert ((), ()) == (faults, more)
    assert forth.template == back.template
    layered, _, found = run(base, nested(here, {"$replace": one}), nested(there, {"$replace": other}))
    assert ([], get(forth.template, AT)) == (found, layered)


@settings(max_examples=60)
@given(BASES, INTRINSICS, st.dictionaries(KEYS, SCALARS, min_size=1, max_size=2))
def test_nothing_is_merged_into_an_intrinsic(base: Any, intrinsic: Json, change: Json) -> None:
    base["Resources"]["Topic"]["Properties"]["A"] = intrinsic
    properties, _, found = run(base, {"A": change})
    assert ([], change) == (found, properties["A"])
    back, _, found = run(base, {"A": change}, {"A": intrinsic})
    assert ([], intrinsic) == (found, back["A"])


@settings(max_examples=60)
@given(BASES, st.dictionaries(st.sampled_from("klmn"), SCALARS, max_size=4))
def test_items_with_an_identity_are_merged_one_by_one(base: Any, wanted: dict[str, Json]) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in get(base, AT)["Tags"]}
    news = {key: value for key, value in wanted.items() if key not in tags or not same(tags[key], value)}
    assume(news)
    properties, stack, found = run(base, {"Tags": [{"Key": key, "Value": value} for key, value in news.items()]})
    assert [] == found
    assert {**tags, **news} == {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
    assert list(tags) == [tag["Key"] for tag in properties["Tags"]][: len(tags)]
    keep_every_story(stack)


@settings(max_examples=60)
@given(BASES, VALUES)
def test_an_addition_comes_out_as_it_went_in(base: Any, body: Json) -> None:
    added = {"Type": "Own", "Properties": {"Body": body}}
    stack, faults = merge(base, {"additions/own.yml": {"Resources": {"Own": added}}})
    assert () == faults
    assert {**base["Resources"], "Own": added} == stack.template["Resources"]
    keep_every_story(stack)


def test_the_generated_overrides_hold_directives_and_some_of_them_go_through() -> None:
    """Without this, the laws above might hold because nothing is ever merged."""
    seen = {"directives": 0, "merged": 0, "refused": 0}

    @settings(max_examples=200, derandomize=True, database=None)
    @given(BASES, WILD)
    def count(base: Any, change: Json) -> None:
        _, _, found = run(base, change)
        seen["directives"] += find_directive(change) is not None
        seen["refused" if found else "merged"] += 1

    count()
    assert min(seen.values()) > 20, seen


def test_errors_and_warnings_are_told_apart() -> None:
    base = {"Resources": {"Topic": {"Type": "T", "Properties": {"A": [1, 2]}}}}
    _, faults = merge(base, {"overrides/a.yml": override({"A": [1]})})
    assert ["D507"] == [fault.code for fault in faults] and not has_errors(faults)
