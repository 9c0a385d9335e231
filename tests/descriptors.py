"""Descriptors drawn from the schema itself: whatever a service may write, without a word here about most of its keys.

What JSON Schema cannot say, such as that `min` is not above `max`, the compiler refuses. `mend_descriptor` takes out
what is refused, or puts in what is missing, until nothing is, so that most of what was drawn is left and fits together.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from compiler.diagnostics import Diagnostic
from compiler.load import load_document
from compiler.model import Json, Path

Schema = Mapping[str, Any]
# What no walk through the schema can know: names of what is elsewhere. By the last steps of a path, `*` for any name.
TYPES = ("t4g.micro", "t4g.small", "m7g.medium", "m7g.large", "c7g.xlarge", "m6g.large")
KNOWN: Mapping[tuple[str, ...], st.SearchStrategy[Any]] = {
    ("platform",): st.just("1.0"),
    ("owner",): st.sampled_from(["squad-orders", "squad-menu"]),
    ("instanceType",): st.sampled_from([*TYPES, "m7i.large"]),
    ("mixedInstances", "types"): st.lists(st.sampled_from(TYPES), min_size=2, max_size=5, unique=True),
    ("egress", "*", "cidr"): st.sampled_from(
        ["10.9.0.0/16", "10.16.0.0/16", "192.0.2.7/32", "0.0.0.0/0", "10.9.3.7/8"]
    ),
    ("add", "*", "statistic"): st.sampled_from(["Sum", "Average", "p99", "p99.95", "SampleCount"]),
    ("schedule", "*", "at"): st.sampled_from(["0 11 * * *", "*/15 8-18 1,15 1-6 1-5", "30 14 * * 0"]),
}
# Files and agreements that a descriptor alone does not have.
WITHOUT = ("extends", "uses", "additions", "waivers")
WRITABLE = st.characters(codec="utf-8", exclude_categories=["Cc"])
ENVIRONMENTS = ("production", "staging", "env-default", "env-menu")
MOST_TRIES = 250


def descriptors(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Draw descriptors that the schema admits."""
    return Drawn(schema).values(schema, ())


class Drawn:
    """Strategies for the values of a schema, by the path that they stand at."""

    def __init__(self, schema: Schema) -> None:
        self.root = schema

    def values(self, schema: Schema, path: tuple[str, ...]) -> st.SearchStrategy[Any]:
        for end, strategy in KNOWN.items():
            if len(path) >= len(end) and all(a in (b, "*") for a, b in zip(end, path[-len(end) :], strict=True)):
                return strategy
        while "$ref" in schema:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._find(schema["$ref"]), **beside}
        if "enum" in schema:
            return st.sampled_from([value for value in schema["enum"] if value is not None])
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        drawn = [self._of_type(kind, schema, path) for kind in kinds if kind != "null"]
        return st.one_of(drawn)

    def _find(self, reference: str) -> Schema:
        schema = self.root
        for step in reference.removeprefix("#/").split("/"):
            schema = schema[step]
        return schema

    def _of_type(self, kind: str, schema: Schema, path: tuple[str, ...]) -> st.SearchStrategy[Any]:
        low, high = schema.get("minimum"), schema.get("maximum")
        if kind == "object":
            return self._maps(schema, path)
        if kind == "array":
            items = self.values(schema["items"], (*path, "*"))
            bounds = {"min_size": schema.get("minItems", 0), "max_size": min(schema.get("maxItems", 4), 4)}
            return st.lists(items, unique=schema.get("uniqueItems", False), **bounds)
        if kind == "integer":
            return st.integers(low, low + 12 if high is None and low is not None else high)
        if kind == "number":
            return st.integers(low, high) | st.floats(low, high, allow_nan=False, allow_infinity=False)
        return st.booleans() if kind == "boolean" else texts(schema)

    def _maps(self, schema: Schema, path: tuple[str, ...]) -> st.SearchStrategy[Any]:
        properties = {key: each for key, each in schema.get("properties", {}).items() if key not in WITHOUT}
        if not path:
            properties = {**properties, "processes": {**schema["properties"]["processes"], "minProperties": 1}}
        needed = {*schema.get("required", ()), *schema.get("else", {}).get("required", ())}
        if path[:-1] == ("processes",):
            needed |= {"runtime", "command"}
        said = {key: self.values(each, (*path, key)) for key, each in properties.items()}
        fixed = st.fixed_dictionaries(
            {key: value for key, value in said.items() if key in needed},
            optional={key: value for key, value in said.items() if key not in needed},
        )
        others = schema.get("additionalProperties")
        if not isinstance(others, dict) or "propertyNames" not in schema or "disable" in said:
            return fixed
        names = st.sampled_from(ENVIRONMENTS) if path == ("environments",) else texts(schema["propertyNames"])
        most = min(schema.get("maxProperties", 3), 1 if path == ("environments",) else 3)
        drawn = st.dictionaries(
            names, self.values(others, (*path, "*")), min_size=schema.get("minProperties", 0), max_size=most
        )
        return st.tuples(drawn, fixed).map(lambda pair: {**pair[0], **pair[1]}) if said else drawn


@cache
def _pattern(schema: str) -> st.SearchStrategy[str]:
    said = json.loads(schema)
    most, pattern = said.get("maxLength", 300), said.get("pattern", "(?s:.)+")
    whole = re.compile(pattern)

    def lengthen(pair: tuple[str, bool]) -> str:
        """Make a text as long as it may be, where the pattern lets it."""
        text, is_long = pair
        longer = (text * most)[:most]
        cut = next((longer[:end] for end in range(most, most - 3, -1) if whole.fullmatch(longer[:end])), text)
        return cut if is_long and text else text

    short = st.from_regex(whole, fullmatch=True, alphabet=WRITABLE).filter(lambda text: len(text) <= most)
    drawn = st.tuples(short, st.sampled_from([False] * 7 + [True])).map(lengthen)
    return drawn | st.sampled_from(said["examples"]) if said.get("examples") else drawn


def texts(schema: Schema) -> st.SearchStrategy[str]:
    """Draw texts of a pattern: any, one of its examples, and one as long as it may be."""
    kept = {key: schema[key] for key in ("pattern", "maxLength", "examples") if key in schema}
    return _pattern(json.dumps(kept))


# Mending


def write_descriptor(data: Json) -> str:
    """Write a descriptor with each value on a line of its own."""
    return json.dumps(data, indent=1)


def mend_descriptor(
    data: dict[str, Any], schema: Schema, refuse: Callable[[str], tuple[Diagnostic, ...]], draw: Callable[..., Any]
) -> tuple[dict[str, Any], list[Diagnostic]]:
    """Take out what is refused and put in what is missing, until `refuse` finds no error.

    Returns the descriptor, and every error on the way.
    """
    data = copy.deepcopy(data)
    seen: list[Diagnostic] = []
    names = sorted(data["processes"])
    for subscription in ((data.get("messages") or {}).get("consume") or {}).values():
        if isinstance(subscription, dict):
            subscription["process"] = draw(st.sampled_from(names))
    added: set[Path] = set()
    for _ in range(MOST_TRIES):
        text = write_descriptor(data)
        faults = [fault for fault in refuse(text) if fault.severity == "error"]
        if not faults:
            return data, seen
        seen.extend(faults)
        places = _places(text)
        first = faults[0]
        assert first.span is not None and (first.span.line, first.span.column) in places, (first, text)
        path = places[first.span.line, first.span.column]
        missing = re.match(r"`(\w+)` is missing in `", first.message)
        if missing and (*path, missing[1]) not in added:
            _at(data, path)[missing[1]] = draw(_one(schema, path, missing[1]))
            added.add((*path, missing[1]))
        else:
            _remove(data, path)
    raise AssertionError(f"never sound: {seen[-1]} {text}")


def _one(schema: Schema, path: Path, key: str) -> st.SearchStrategy[Any]:
    """Draw what stands at a key of a section, found by following the section's path through the schema."""
    drawn, at = Drawn(schema), schema
    for step in (*path, key):
        while "$ref" in at:
            at = drawn._find(at["$ref"])
        at = at["properties"][step] if step in at.get("properties", {}) else at["additionalProperties"]
    return drawn.values(at, (*map(str, path), key))


def _places(text: str) -> dict[tuple[int, int], Path]:
    """Map where each key and value begins to its path. A value that is also refused at its key goes with it."""
    document, _ = load_document(text.encode(), "service.yml", dialect="plain")
    found: dict[tuple[int, int], Path] = {}
    for path, span in (*document.keys.items(), *document.values.items()):
        found.setdefault((span.line, span.column), path)
    return found


def _at(data: Json, path: Path) -> Json:
    for step in path:
        data = data[step]
    return data


def _remove(data: Json, path: Path) -> None:
    """Remove a value; with it the list that would be too short, or what cannot be without it."""
    parent = _at(data, path[:-1])
    del parent[path[-1]]
    if isinstance(parent, list) and len(parent) < 2:
        _remove(data, path[:-1])
