"""Schema parts: a JSON Schema taken apart, for comparing two of them. Part of `schema_change`.

In: a schema, the document that its references lead into.    Out: the schemas that hold together, types, listed values.
Never: follows a reference out of the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from compiler.model import Json

DEEPEST = 60
ANNOTATIONS = frozenset(
    """
    $anchor $comment $defs $id $ref $schema allOf contentEncoding contentMediaType contentSchema default definitions
    deprecated description examples readOnly title writeOnly
    """.split()
)
_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
UNFOLLOWED = frozenset({"$external", "$dynamicRef", "$recursiveRef"})  # "$external" is our word for any other reference
_NAMED = {"properties", "patternProperties", "dependentSchemas"}


def flatten_schema(schema: Json, root: Json, depth: int = 0) -> list[Json]:
    """List the schemas that a schema asks for together: itself, what it refers to, what is in its `allOf`."""
    if not isinstance(schema, dict):
        return [schema]
    if depth > DEEPEST:
        return [{"$external": "nested too deep"}]
    parts: list[Json] = [schema]
    target = schema.get("$ref")
    if isinstance(target, str):
        parts += flatten_schema(_lookup(root, target), root, depth + 1)
    for part in schema.get("allOf", ()):
        parts += flatten_schema(part, root, depth + 1)
    return parts


def _lookup(root: Json, target: str) -> Json:
    """Return what a reference names; one that is no place of the document is a keyword of its own, never harmless."""
    if target != "#" and not target.startswith("#/"):
        return {"$external": target}
    found = root
    for step in _unquote(target[1:]).split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or step not in found:
            return {"$external": target}
        found = found[step]
    return found


def _unquote(text: str) -> str:
    """Read what stands percent-encoded in a reference (RFC 6901, section 6)."""
    plain = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return plain.decode(errors="replace")


def expand_schema(schema: Json, root: Json, seen: tuple[str, ...] = ()) -> Json:
    """Return a schema without annotations, references replaced by what they name, to tell whether two are the same."""
    if isinstance(schema, list):
        return [expand_schema(item, root, seen) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Json] = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, dict):  # whose keys are names, and may be called `title`
            plain[key] = {name: expand_schema(item, root, seen) for name, item in value.items()}
        elif key == "$ref" and isinstance(value, str):
            plain[key] = value if value in seen else expand_schema(_lookup(root, value), root, (*seen, value))
        elif key == "allOf" or key not in ANNOTATIONS:
            plain[key] = expand_schema(value, root, seen)
    return plain


def is_unfollowed(schema: Json) -> bool:
    """Tell whether an expanded schema refers to anything that was not followed."""
    if isinstance(schema, dict):
        return bool(UNFOLLOWED & schema.keys()) or any(map(is_unfollowed, schema.values()))
    return isinstance(schema, list) and any(map(is_unfollowed, schema))


def has_inner_id(schema: Json, depth: int = 0) -> bool:
    """Tell whether a schema inside of another has a name of its own, which references may be relative to."""
    if isinstance(schema, dict):
        is_named = depth > 0 and isinstance(schema.get("$id"), str)
        return is_named or any(has_inner_id(inner, depth + 1) for inner in schema.values())
    return isinstance(schema, list) and any(has_inner_id(inner, depth + 1) for inner in schema)


def allowed_types(was: Sequence[Mapping[str, Json]]) -> frozenset[str]:
    types = _TYPES
    for part in was:
        if "type" in part:
            types &= spread_types(part["type"])
    listed = listed_values(was)
    return types if listed is None else types & frozenset().union(*map(types_of, listed))


def spread_types(value: Json) -> frozenset[str]:
    names = frozenset([value] if isinstance(value, str) else value)
    return names | {"integer"} if "number" in names else names


def types_of(value: Json) -> frozenset[str]:
    if value is None or isinstance(value, bool):
        return frozenset({"null" if value is None else "boolean"})
    if isinstance(value, (int, float)):
        return frozenset({"integer", "number"}) if float(value).is_integer() else frozenset({"number"})
    return frozenset({"string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"})


def listed_values(was: Sequence[Mapping[str, Json]]) -> list[Json] | None:
    """Return the values that were allowed, where they are listed; None where they are not."""
    lists = [part["enum"] for part in was if "enum" in part] + [[part["const"]] for part in was if "const" in part]
    if lists:
        return [value for value in lists[0] if all(is_listed(value, other) for other in lists)]
    types = frozenset({"boolean", "null"})
    for part in was:
        named = frozenset([part["type"]] if isinstance(part.get("type"), str) else part.get("type", ()))
        if named and named <= types:
            return [
                value
                for name, values in (("boolean", [True, False]), ("null", [None]))
                if name in named
                for value in values
            ]
    return None


def is_listed(value: Json, values: Sequence[Json]) -> bool:
    return any(write_value(value) == write_value(other) for other in values)


def write_value(value: Json) -> str:
    """Write a value as one text for all that JSON Schema takes for equal: 1 is 1.0, and is not true."""
    return json.dumps(_even(value), sort_keys=True)


def _even(value: Json) -> Json:
    if isinstance(value, list):
        return [_even(item) for item in value]
    if isinstance(value, dict):
        return {key: _even(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
