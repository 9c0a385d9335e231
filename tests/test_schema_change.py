"""Two schemas: whatever the old one admits the new one admits, unless it is told that this need not be so."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from compiler.model import Json
from compiler.schema_change import Narrowing, find_narrowings

PUBLISHED = json.loads((Path(__file__).parent.parent / "service_schema" / "service.v1.schema.json").read_text())
ANY: dict[str, Json] = {}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**OPEN, "additionalProperties": False}
BOTH = {**CLOSED, "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
LEAF = {"$defs": {"leaf": {"type": "string", "maxLength": 3}}, "items": {"$ref": "#/$defs/leaf"}}
TREE: Any = {"$defs": {"t": {"type": "object", "properties": {"t": {"$ref": "#/$defs/t"}}}}, "$ref": "#/$defs/t"}
WHEN = {"if": {"required": ["a"]}, "then": {"required": ["b"]}}
ONLY_A: dict[str, Json] = {"patternProperties": {"^a": ANY}, "additionalProperties": False}


def _refer(target: str, name: str, kind: str) -> dict[str, Json]:
    """A schema that refers to a definition of a type, which has a name of its own."""
    reference = "$dynamicRef" if name == "$dynamicAnchor" else "$ref"
    return {"$defs": {"a b": {name: "leaf", "type": kind}}, "items": {reference: target}}


def _inner(kind: str) -> dict[str, Json]:
    """A schema with another inside of it that has an address, so that a reference there is not into the outer one."""
    inner = {"$id": "https://example.org/inner", "$defs": {"leaf": {"type": kind}}, "$ref": "#/$defs/leaf"}
    return {"$defs": {"leaf": {"type": "null"}}, "items": inner}


def _nest(depth: int, leaf: dict[str, Json]) -> dict[str, Json]:
    return leaf if depth == 0 else {"properties": {"a": _nest(depth - 1, leaf)}}


def _all_of(depth: int, leaf: dict[str, Json]) -> dict[str, Json]:
    return leaf if depth == 0 else {"allOf": [_all_of(depth - 1, leaf)]}


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (ANY, {"type": "string"}),
        (True, False),
        ({"type": ["string", "null"]}, {"type": "string"}),
        ({"type": "number"}, {"type": "integer"}),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}),
        ({"type": "string"}, {"enum": ["a"]}),
        ({"enum": [1, True]}, {"const": 1}),
        ({"type": "boolean"}, {"const": True}),
        ({"minimum": 1}, {"minimum": 2}),
        ({"minimum": 1}, {"exclusiveMinimum": 1}),
        ({"maximum": 9}, {"maximum": 8}),
        ({"exclusiveMaximum": 9}, {"maximum": 8}),
        ({"multipleOf": 2}, {"multipleOf": 4}),
        ({"maxLength": 9}, {"maxLength": 8}),
        ({"type": "string"}, {"type": "string", "minLength": 1}),
        ({"type": "string"}, {"type": "string", "pattern": "^a"}),
        ({"type": "string"}, {"type": "string", "format": "email"}),
        ({"type": "array"}, {"type": "array", "maxItems": 3}),
        ({"type": "array"}, {"type": "array", "uniqueItems": True}),
        ({"items": {"type": ["string", "integer"]}}, {"items": {"type": "string"}}),
        (OPEN, {**OPEN, "required": ["a"]}),
        (OPEN, CLOSED),
        (BOTH, CLOSED),
        (CLOSED, {**CLOSED, "properties": {"a": {"enum": ["x"]}}}),
        ({"additionalProperties": {"type": ["string", "null"]}}, {"additionalProperties": {"type": "string"}}),
        ({"patternProperties": {"^a": {}}}, {"patternProperties": {"^a": {"type": "string"}}}),
        ({"propertyNames": {"maxLength": 9}}, {"propertyNames": {"maxLength": 8}}),
        ({"type": "object"}, {"type": "object", "maxProperties": 3}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string"}, {"type": "array"}]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}),
        ({"allOf": [{"minimum": 1}]}, {"allOf": [{"minimum": 1}, {"maximum": 5}]}),
        (LEAF, {**LEAF, "$defs": {"leaf": {"type": "string", "maxLength": 2}}}),
        ({"not": {"const": "a"}}, {"not": {"enum": ["a", "b"]}}),
        (OPEN, {**OPEN, **WHEN}),
        ({**OPEN, **WHEN}, {**OPEN, **WHEN, "then": {"required": ["b", "c"]}}),
        (TREE, {**TREE, "$defs": {"t": {**TREE["$defs"]["t"], "additionalProperties": False}}}),
        # what is not understood is not taken for harmless
        (OPEN, {**OPEN, "unevaluatedProperties": False}),
        (
            {**BOTH, "unevaluatedProperties": False, "additionalProperties": ANY},
            {**OPEN, "unevaluatedProperties": False},
        ),
        ({"contains": {"const": 1}, "minContains": 0}, {"contains": {"const": 1}}),
        ({"enum": [[True]]}, {"enum": [[1]]}),
        (ANY, {"$ref": "https://example.org/other"}),
        (ANY, {"$ref": "#/$defs/missing"}),
        ({"type": "string", "pattern": "^a$"}, {"type": "string", "pattern": "^[a]$"}),
        ({"oneOf": [{"minimum": 5}]}, {"oneOf": [{"minimum": 5}, {"minimum": 7}]}),
        ({"dependentRequired": {"a": ["b"]}}, {"dependentRequired": {"a": ["b", "c"]}}),
        # a key may fit several patterns
        (ONLY_A, {**ONLY_A, "patternProperties": {"^a": ANY, "^ab": {"type": "string"}}}),
        (ONLY_A, {**ONLY_A, "patternProperties": {"^a": ANY, "b$": {"type": "string"}}}),
        # references
        (_refer("#leaf", "$anchor", "string"), _refer("#leaf", "$anchor", "integer")),
        (_refer("#leaf", "$dynamicAnchor", "string"), _refer("#leaf", "$dynamicAnchor", "integer")),
        (_refer("#/$defs/a%20b", "title", "string"), _refer("#/$defs/a%20b", "title", "integer")),
        (_inner("string"), _inner("integer")),
        (_nest(80, {"type": ["string", "null"]}), _nest(80, {"type": "string"})),
        (_all_of(80, {"type": ["string", "null"]}), _all_of(80, {"type": "string"})),
    ],
)
def test_a_narrower_schema_is_told(wide: Json, narrow: Json) -> None:
    assert find_narrowings(wide, narrow)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (PUBLISHED, PUBLISHED),
        ({"type": "string"}, {"type": ["string", "null"]}),
        ({"type": "integer"}, {"type": "number"}),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}),
        ({"enum": ["a", "b"]}, {"type": "string", "pattern": "^[ab]$", "maxLength": 1}),
        ({"const": 5}, {"type": "integer", "minimum": 5, "exclusiveMaximum": 6}),
        ({"type": "boolean"}, {"enum": [True, False]}),
        ({"exclusiveMinimum": 1}, {"minimum": 1}),
        ({"multipleOf": 4}, {"multipleOf": 2}),
        ({"type": "string"}, {"maximum": 5, "maxItems": 3, "required": ["a"]}),
        ({"type": "string", "description": "a"}, {"type": "string", "title": "b", "default": "c", "examples": ["d"]}),
        (CLOSED, BOTH),
        (CLOSED, OPEN),
        ({**CLOSED, "required": ["a"]}, CLOSED),
        (CLOSED, {**OPEN, "additionalProperties": {"type": "integer"}}),
        (CLOSED, {**CLOSED, "propertyNames": {"enum": ["a", "b"]}}),
        ({"allOf": [{"minimum": 3}, {"maximum": 4}]}, {"minimum": 1, "maximum": 9}),
        (LEAF, {"items": {"type": "string"}}),
        ({"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "string"}, {"oneOf": [{"type": "string"}, {"type": "null"}]}),
        ({"anyOf": [{"type": "null"}, {"const": "a"}]}, {"type": ["string", "null"]}),
        ({"anyOf": [{"type": "null"}, {"const": "a"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"not": {"enum": ["a", "b"]}}, {"not": {"const": "a"}}),
        ({**OPEN, **WHEN}, {**OPEN, **WHEN, "description": "x"}),
        ({**OPEN, **WHEN}, OPEN),
        ({**OPEN, "required": ["b"]}, {**OPEN, **WHEN}),
        (TREE, TREE),
        ({"patternProperties": {"^a": {"maximum": 3}}}, {"patternProperties": {"^a": {"maximum": 5}}}),
        (
            {"additionalProperties": False, "patternProperties": {"^a": {"maximum": 3}}},
            {"additionalProperties": {"maximum": 4}},
        ),
        (False, {"type": "string"}),
        (_refer("#/$defs/a%20b", "title", "string"), {**_refer("#/$defs/a%20b", "title", "string"), "title": "b"}),
        (ONLY_A, {"patternProperties": {"^a": ANY, "^ab": ANY}}),
    ],
)
def test_what_admits_as_much_or_more_is_no_narrowing(old: Json, new: Json) -> None:
    assert () == find_narrowings(old, new)


def test_a_narrowing_is_told_at_its_place() -> None:
    new = copy.deepcopy(PUBLISHED)
    new["required"] = [*new["required"], "owner2"]
    process = new["$defs"]["process"]["properties"]
    process["port"] = {**process["port"], "maximum": 1000}
    found = set(find_narrowings(PUBLISHED, new))
    assert Narrowing((), "`owner2` is required") in found
    assert Narrowing(("processes", "*", "port"), "has to be at most 1000") in found
    assert () == find_narrowings(new, PUBLISHED)


def test_names_of_properties_are_not_taken_for_annotations() -> None:
    old = {"anyOf": [{"properties": {"title": {"type": "string"}}}, {"minimum": 3}]}
    new = {"anyOf": [{"properties": {"title": {"type": "integer"}}}, {"minimum": 3}]}
    assert find_narrowings(old, new)


KEYS = st.sampled_from(["a", "b", "ab"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 4) | st.sampled_from(["", "a", "b", "ab", "abc"]) | st.just(1.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)


def _keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    count, bound = st.integers(0, 3), st.integers(-2, 4)
    names = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
    return st.fixed_dictionaries(
        {},
        optional={
            "type": names | st.lists(names, min_size=1, max_size=3, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), bound),
            **dict.fromkeys(
                ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), count
            ),
            "multipleOf": st.integers(1, 4),
            "pattern": st.sampled_from(["^a", "b$", "."]),
            "uniqueItems": st.booleans(),
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "contains": inner,
            "required": st.lists(KEYS, max_size=2, unique=True),
            "properties": st.dictionaries(KEYS, inner, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$", "^ab"]), inner, max_size=2),
            "additionalProperties": inner,
            "propertyNames": inner,
            **dict.fromkeys(("anyOf", "oneOf", "allOf"), st.lists(inner, min_size=1, max_size=2)),
            **dict.fromkeys(("not", "if", "then", "else"), inner),
            "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"]),
        },
    )


SMALL: st.SearchStrategy[Any] = st.recursive(st.booleans(), _keywords, max_leaves=4)
# References lead to schemas that hold none, so that none of them goes round in a circle.
NAMED = st.fixed_dictionaries(
    {"one": st.sampled_from([{"type": "string"}, {"minimum": 2}]), "two": st.just({"required": ["a"]})}
)
SCHEMAS = st.builds(
    lambda schema, named: {**schema, "$defs": named}, SMALL.filter(lambda each: isinstance(each, dict)), NAMED
)


@st.composite
def schema_pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two schemas, often alike: one is the other with some keywords gone or exchanged, anywhere."""
    old = draw(SCHEMAS)
    return old, draw(SCHEMAS) if draw(st.integers(0, 3)) == 0 else _alter(draw, old)


def _alter(draw: st.DrawFn, schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema if draw(st.booleans()) else draw(SMALL)
    altered: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$defs" or draw(st.integers(0, 4)):
            is_map = key in ("properties", "patternProperties", "$defs")
            if is_map:
                altered[key] = {name: _alter(draw, item) for name, item in value.items()}
            elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
                altered[key] = [_alter(draw, item) for item in value]
            elif isinstance(value, dict) and key not in ("const", "enum"):
                altered[key] = _alter(draw, value)
            elif isinstance(value, int) and not isinstance(value, bool) and key not in ("const", "multipleOf"):
                altered[key] = max(0, value + draw(st.integers(-1, 1)))
            else:
                altered[key] = value
    return altered


@settings(max_examples=400)
@given(schema_pairs(), st.lists(VALUES, min_size=5, max_size=20))
def test_what_was_valid_is_valid_unless_a_narrowing_is_told(pair: tuple[Any, Any], values: list[Any]) -> None:
    old, new = pair
    if not find_narrowings(old, new):
        was, now = Draft202012Validator(old), Draft202012Validator(new)
        for value in values:
            assert now.is_valid(value) or not was.is_valid(value)


@given(SCHEMAS)
def test_a_schema_is_no_narrowing_of_itself_but_for_what_overlaps(schema: Any) -> None:
    assert () == find_narrowings(schema, {**copy.deepcopy(schema), "description": "the same"})
