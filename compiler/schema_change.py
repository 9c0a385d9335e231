"""Schema change: tell whether whatever one JSON Schema admits another one admits too.

In: two schemas, draft 2020-12.    Out: Narrowings, none where nothing that was valid can become invalid.
Never: reads text for a schema, or follows a reference out of it.

What it cannot prove is a narrowing: a keyword it does not know, a pattern in other words, alternatives that overlap. So
it may call a harmless change a narrowing, and never the other way round. What widens is what narrows the other way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.model import Json
from compiler.schema_parts import (
    ANNOTATIONS,
    DEEPEST,
    UNFOLLOWED,
    allowed_types,
    expand_schema,
    flatten_schema,
    has_inner_id,
    is_listed,
    is_unfollowed,
    listed_values,
    spread_types,
    types_of,
    write_value,
)

_ABOUT: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), frozenset({"string"})),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), frozenset({"number", "integer"})
    ),
    **dict.fromkeys(("minItems", "maxItems", "uniqueItems", "items"), frozenset({"array"})),
    **dict.fromkeys(
        (
            *("minProperties", "maxProperties", "required", "dependentRequired"),
            *("properties", "patternProperties", "additionalProperties", "propertyNames"),
        ),
        frozenset({"object"}),
    ),
}
# Keywords that mean the same whatever stands beside them, but for those of `_around`.
_ALONE = frozenset({*_ABOUT, "type", "enum", "const", "anyOf", "oneOf", "not", "if", "then", "else"})
_LOWER = {"minLength", "minItems", "minProperties", "minimum"}
_UPPER = {"maxLength", "maxItems", "maxProperties", "maximum"}
_NAMES = {"properties", "patternProperties", "additionalProperties"}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """One thing that was valid and need not be any longer: where in a document, "*" for any key or item, and why."""

    path: tuple[str, ...]
    reason: str


def find_narrowings(old: Json, new: Json) -> tuple[Narrowing, ...]:
    """List what the new schema may refuse although the old one admits it.

    >>> find_narrowings({"maximum": 5}, {"maximum": 9})
    ()
    >>> find_narrowings({"properties": {"a": {}}}, {"properties": {"a": {}}, "required": ["a"]})
    (Narrowing(path=(), reason='`a` is required'),)
    """
    if write_value(old) == write_value(new):
        return ()
    if has_inner_id(old) or has_inner_id(new):  # which gives references below it another meaning
        return (Narrowing((), "a schema inside of it has an `$id`, so nothing can be proved"),)
    return tuple(dict.fromkeys(_Comparison(old, new).compare([old], new, ())))


Parts = Sequence[Json]  # schemas that all hold


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self.old = old
        self.new = new
        self.open: set[str] = set()

    def compare(self, old: Parts, new: Json, path: tuple[str, ...]) -> Iterator[Narrowing]:
        """Yield what of the new schema does not follow from the old ones."""
        was = [part for each in old for part in flatten_schema(each, self.old)]
        key = json.dumps([was, new], sort_keys=True, default=str)
        if key in self.open:
            return  # a schema that contains itself: proved where the question was asked first
        if len(path) > DEEPEST:
            yield Narrowing(path[:DEEPEST], "it is nested too deep to be compared")
            return
        self.open.add(key)
        try:
            yield from self._compare_parts(was, new, path)
        finally:
            self.open.discard(key)

    def _compare_parts(self, was: Parts, new: Json, path: tuple[str, ...]) -> Iterator[Narrowing]:
        if any(part is False for part in was):
            return
        parts = [part for part in was if isinstance(part, dict)]
        for asked in flatten_schema(new, self.new):
            if asked is False:
                yield Narrowing(path, "nothing is allowed here")
            for keyword in asked if isinstance(asked, dict) else ():
                if keyword not in ANNOTATIONS:
                    yield from self._by_cases(keyword, asked, parts, path)

    def _by_cases(
        self, keyword: str, asked: Mapping[str, Json], was: Sequence[dict[str, Json]], path: tuple[str, ...]
    ) -> Iterator[Narrowing]:
        """Compare one keyword with all that was asked; where that fails, with each alternative of it in turn."""
        found = list(self._compare_keyword(keyword, asked, was, path))
        for at, part in enumerate(was) if found and keyword in _ALONE else ():
            for word in ("anyOf", "oneOf"):
                if word not in part:
                    continue
                # What they refer to is among them already, with the alternatives in it.
                plain = [{key: each[key] for key in each if key not in ("$ref", "allOf")} for each in was]
                rest = [
                    {key: each[key] for key in each if key != word} if index == at else each
                    for index, each in enumerate(plain)
                ]
                cases = [[*rest, branch] for branch in part[word]]
                if all(
                    not list(self.compare(case, {keyword: asked[keyword], **_around(keyword, asked)}, path))
                    for case in cases
                ):
                    return
        yield from found

    def _compare_keyword(
        self, keyword: str, asked: Mapping[str, Json], was: Sequence[dict[str, Json]], path: tuple[str, ...]
    ) -> Iterator[Narrowing]:
        value = asked[keyword]
        types = allowed_types(was)
        if keyword in _ABOUT and not types & _ABOUT[keyword]:
            return
        listed = listed_values(was)
        if keyword == "type":
            wanted = spread_types(value)
            if not types <= wanted and (listed is None or any(not types_of(each) & wanted for each in listed)):
                yield Narrowing(path, f"{_join(sorted(types - wanted))} is no longer allowed")
        elif keyword in ("enum", "const"):
            wanted_values = value if keyword == "enum" else [value]
            gone = None if listed is None else [each for each in listed if not is_listed(each, wanted_values)]
            if gone is None:
                yield Narrowing(path, f"only {_join(wanted_values)} is allowed")
            elif gone:
                yield Narrowing(path, f"{_join(gone)} is no longer allowed")
        elif (
            keyword in _LOWER | _UPPER
            or keyword.startswith("exclusive")
            or keyword in ("multipleOf", "pattern", "format")
        ):
            if not any(_implies(part, keyword, value) for part in was) and not _all_fit(listed, keyword, value):
                yield Narrowing(path, _bound_words(keyword, value))
        elif keyword == "uniqueItems":
            if value is True and not any(part.get("uniqueItems") is True for part in was):
                yield Narrowing(path, "items have to differ")
        elif keyword == "required":
            known = {name for part in was for name in part.get("required", ())}
            yield from (Narrowing(path, f"`{name}` is required") for name in value if name not in known)
        elif keyword in _NAMES:
            if keyword == next(name for name in asked if name in _NAMES):  # all three of them at once
                yield from self._compare_properties(asked, was, path)
        elif keyword == "propertyNames":
            yield from self.compare(_names(was), value, (*path, "(name)"))
        elif keyword == "items" and "prefixItems" not in asked:
            items = [part["items"] for part in was if "items" in part and "prefixItems" not in part]
            yield from self.compare(items, value, (*path, "*"))
        elif keyword == "anyOf":
            if not any(self._is_proved(was, branch, path) for branch in value):
                yield from self._unless_same(keyword, value, was, path)
        elif keyword == "oneOf":
            if not (_are_apart(value, self.new) and any(self._is_proved(was, branch, path) for branch in value)):
                yield from self._unless_same(keyword, value, was, path)
        elif keyword == "not":
            if not any(
                "not" in part and not list(_Comparison(self.new, self.old).compare([value], part["not"], path))
                for part in was
            ):
                yield Narrowing(path, "something is excluded")
        elif keyword in ("if", "then", "else"):
            yield from self._compare_if(keyword, asked, was, path)
        elif keyword == "dependentRequired":
            yield from self._unless_same(keyword, value, was, path)
        elif keyword in UNFOLLOWED:
            yield Narrowing(path, "it refers to what cannot be followed")
        elif not any(self._is_same(part, asked) for part in was):  # what it means may depend on all that is beside it
            yield Narrowing(path, f"`{keyword}` asks for something else")

    def _is_proved(self, was: Sequence[dict[str, Json]], new: Json, path: tuple[str, ...]) -> bool:
        return not list(self.compare(was, new, path))

    def _unless_same(
        self, keyword: str, value: Json, was: Sequence[dict[str, Json]], path: tuple[str, ...]
    ) -> Iterator[Narrowing]:
        if not any(keyword in part and self._is_same(part[keyword], value) for part in was):
            yield Narrowing(path, f"`{keyword}` asks for something else")

    def _is_same(self, old: Json, new: Json) -> bool:
        before, after = expand_schema(old, self.old), expand_schema(new, self.new)
        return not is_unfollowed(after) and write_value(before) == write_value(after)

    def _compare_if(
        self, keyword: str, asked: Mapping[str, Json], was: Sequence[dict[str, Json]], path: tuple[str, ...]
    ) -> Iterator[Narrowing]:
        if keyword != "if":
            return  # `then` and `else` belong to `if`, and mean nothing without one
        ends = [asked.get("then", True), asked.get("else", True)]
        if all(self._is_proved(was, end, path) for end in ends):
            return
        for part in was:
            if "if" in part and self._is_same(part["if"], asked["if"]):
                before = [part.get("then", True), part.get("else", True)]
                if all(self._is_proved([*was, old], new, path) for old, new in zip(before, ends, strict=True)):
                    return
        yield Narrowing(path, "what is asked under a condition is more")

    def _compare_properties(
        self, asked: Mapping[str, Json], was: Sequence[dict[str, Json]], path: tuple[str, ...]
    ) -> Iterator[Narrowing]:
        named = dict.fromkeys(
            (*asked.get("properties", {}), *(name for part in was for name in part.get("properties", {})))
        )
        for name in named:
            old = [schema for part in was for schema in _schemas_of(part, name)]
            for new in _schemas_of(asked, name):
                if new is False and not any(each is False for each in old):
                    yield Narrowing((*path, name), f"`{name}` is no longer allowed")
                else:
                    yield from self.compare(old, new, (*path, name))
        patterns = [pattern for part in was for pattern in part.get("patternProperties", {})]
        rest = asked.get("additionalProperties", True)
        for pattern in dict.fromkeys(patterns):
            old = [part["patternProperties"][pattern] for part in was if pattern in part.get("patternProperties", {})]
            yield from self.compare(old, asked.get("patternProperties", {}).get(pattern, rest), (*path, "*"))
        outside = [part["additionalProperties"] for part in was if "additionalProperties" in part]
        for pattern, schema in asked.get("patternProperties", {}).items():
            if pattern not in patterns:  # a key that it fits may have fitted none of them, or any
                yield from self.compare(outside, schema, (*path, "*"))
                for old in (
                    part["patternProperties"][each] for part in was for each in part.get("patternProperties", {})
                ):
                    yield from self.compare([old], schema, (*path, "*"))
        found = list(self.compare(outside, rest, (*path, "*")))
        yield from [Narrowing(path, "other keys are no longer allowed")] if rest is False and found else found


def _around(keyword: str, asked: Mapping[str, Json]) -> dict[str, Json]:
    """Return the keywords that one means nothing without."""
    together = next(
        (group for group in (_NAMES, {"if", "then", "else"}, {"items", "prefixItems"}) if keyword in group), set()
    )
    return {key: asked[key] for key in together if key in asked}


def _implies(part: Mapping[str, Json], keyword: str, value: Json) -> bool:
    """Tell whether what was asked of a number, a text or a count implies what is asked now."""
    had = part.get(keyword)
    if keyword in _LOWER:
        above = part.get("exclusiveMinimum") if keyword == "minimum" else None
        return (
            (had is not None and had >= value)
            or (above is not None and above >= value)
            or (keyword != "minimum" and value <= 0)
        )
    if keyword in _UPPER:
        below = part.get("exclusiveMaximum") if keyword == "maximum" else None
        return (had is not None and had <= value) or (below is not None and below <= value)
    if keyword == "exclusiveMinimum":
        return (had is not None and had >= value) or ("minimum" in part and part["minimum"] > value)
    if keyword == "exclusiveMaximum":
        return (had is not None and had <= value) or ("maximum" in part and part["maximum"] < value)
    if keyword == "multipleOf":
        return isinstance(had, int) and isinstance(value, int) and had % value == 0
    return had is not None and had == value


def _all_fit(listed: Sequence[Json] | None, keyword: str, value: Json) -> bool:
    """Tell whether all values that were allowed fit, where they are listed."""
    return listed is not None and all(_fits(each, keyword, value) for each in listed)


def _fits(each: Any, keyword: str, value: Any) -> bool:
    if not types_of(each) & _ABOUT[keyword]:
        return True
    if keyword in _LOWER | _UPPER:
        size = each if keyword in ("minimum", "maximum") else len(each)
        return bool(size >= value if keyword in _LOWER else size <= value)
    if keyword == "pattern":
        return re.search(value, each) is not None
    if keyword.startswith("exclusive"):
        return bool(each > value if keyword == "exclusiveMinimum" else each < value)
    return False


def _schemas_of(part: Mapping[str, Json], name: str) -> list[Json]:
    """List the schemas that a part has for a property of a name."""
    found = [part["properties"][name]] if name in part.get("properties", {}) else []
    found += [schema for pattern, schema in part.get("patternProperties", {}).items() if re.search(pattern, name)]
    return found or ([part["additionalProperties"]] if "additionalProperties" in part else [])


def _names(was: Sequence[Mapping[str, Json]]) -> list[Json]:
    """List what was asked of the names of properties; they are listed where no others were allowed."""
    asked: list[Json] = [{"type": "string"}, *(part["propertyNames"] for part in was if "propertyNames" in part)]
    for part in was:
        if part.get("additionalProperties") is False and not part.get("patternProperties"):
            asked.append({"enum": list(part.get("properties", {}))})
    return asked


def _are_apart(branches: Sequence[Json], root: Json) -> bool:
    """Tell whether no value can be in two of the alternatives, as far as their types say."""
    types = [
        allowed_types([part for part in flatten_schema(branch, root) if isinstance(part, dict)]) for branch in branches
    ]
    wide = [each | {"number"} if "integer" in each else each for each in types]
    return all(not one & other for at, one in enumerate(wide) for other in wide[at + 1 :])


def _bound_words(keyword: str, value: Json) -> str:
    words = {
        "minimum": f"has to be at least {value}",
        "maximum": f"has to be at most {value}",
        "exclusiveMinimum": f"has to be more than {value}",
        "exclusiveMaximum": f"has to be less than {value}",
        "minLength": f"has to have at least {value} characters",
        "maxLength": f"has to have at most {value} characters",
        "minItems": f"has to have at least {value} items",
        "maxItems": f"has to have at most {value} items",
        "minProperties": f"has to have at least {value} keys",
        "maxProperties": f"has to have at most {value} keys",
        "multipleOf": f"has to be a multiple of {value}",
        "pattern": f"has to match `{value}`",
    }
    return words.get(keyword, f"has to be a {value}")


def _join(values: Sequence[Json]) -> str:
    return ", ".join(f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`" for value in values)
