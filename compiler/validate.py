"""Validate: hold a document against its published JSON Schema.

In: a Document and a schema.    Out: a Descriptor without nulls and without what is faulty, and the faults.
Faults: D202 to D209.
Never: fills in a default, or knows a rule that the schema does not state.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import jsonschema
from jsonschema.validators import extend

from compiler.diagnostics import Diagnostic, Span, find_credential, suggest
from compiler.hidden import HINT_TO_STORE, hide_values
from compiler.model import Descriptor, Document, Json, Path, value_at, walk_keys, walk_leaves
from compiler.wording import cut_text, write_path

_TYPE_NAMES = {
    "object": "a map",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_WHOLE = object()
_BOUNDS = {
    "minimum": "below {limit}",
    "maximum": "above {limit}",
    "exclusiveMinimum": "not above {limit}",
    "exclusiveMaximum": "not below {limit}",
    "minLength": "shorter than {limit} characters",
    "maxLength": "longer than {limit} characters",
    "minItems": "shorter than {limit} items",
    "maxItems": "longer than {limit} items",
    "minProperties": "smaller than {limit} keys",
    "maxProperties": "larger than {limit} keys",
}


def validate_document(document: Document, schema: Mapping[str, Json]) -> tuple[Descriptor, tuple[Diagnostic, ...]]:
    """Find every fault of shape. What is faulty is left out of the descriptor, so that later checks can go on.

    A scalar of the wrong type or value stays: a check that asks for it must not say that it is missing. Nobody asks for
    an item of a list, and an item that is no text is none.
    """
    data = _without_nulls(document.data)
    faults: list[Diagnostic] = []
    faulty: list[Path] = []
    for error in _validator(schema).iter_errors(data):
        for path, fault in _translate(document, schema, error):
            faults.append(fault)
            if not _is_scalar_fault(path, error):
                faulty.append(path)
    faults = _hide_unknown(document, faults)
    faults.extend(_credentials(document))
    data = _without(data, faulty)
    return Descriptor(document, data if isinstance(data, dict) else {}), tuple(faults)


def _hide_unknown(document: Document, faults: list[Diagnostic]) -> list[Diagnostic]:
    """Hide what follows the name of a section that does not exist: it may have been meant for secrets."""
    sections = ((), *(("environments", name) for name in _keys(document.value_at(("environments",)))))
    spans = {document.keys[(*at, key)] for at in sections for key in _keys(document.value_at(at))}
    unknown = {fault.span for fault in faults if fault.code == "D203" and fault.span} & spans
    source = hide_values(document.source, unknown)
    return [replace(each, span=replace(each.span, source=source)) if each.span in unknown else each for each in faults]


def _keys(data: Json) -> Iterable[str]:
    return data if isinstance(data, dict) else ()


def _is_scalar_fault(path: Path, error: jsonschema.ValidationError) -> bool:
    types: Any = error.validator_value if error.validator == "type" else []
    is_scalar_wanted = not {"object", "array"} & set([types] if isinstance(types, str) else types)
    is_value = tuple(error.absolute_path) == path
    if path and isinstance(path[-1], int) and not isinstance(error.instance, str):
        return False
    return is_value and is_scalar_wanted and not isinstance(error.instance, dict | list)


def _validator(schema: Mapping[str, Json]) -> Any:
    # The schema's "integer" takes 8080.0 too, which would reach CloudFormation as a fraction.
    whole = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    base = jsonschema.Draft202012Validator
    kind: Any = extend(base, {"pattern": _check_pattern}, type_checker=whole)  # type: ignore[no-untyped-call]
    return kind(schema)


def _check_pattern(_: Any, pattern: str, instance: Json, __: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # In JSON Schema `$` is the end of the text; in Python it is also the place before a last newline.
    return re.compile(re.sub(r"(?<!\\)\$(?=$|\))", r"\\Z", pattern))


def _without_nulls(data: Json) -> Json:
    if isinstance(data, dict):
        return {key: _without_nulls(item) for key, item in data.items() if item is not None}
    return [_without_nulls(item) for item in data] if isinstance(data, list) else data


def _without(data: Json, paths: Iterable[Path]) -> Json:
    """Leave out what stands at some paths, all in one walk: a hostile document has faults by the thousand."""
    cuts: dict[Any, Any] = {}
    for path in paths:
        inner = cuts
        for step in path:
            inner = inner.setdefault(step, {})
        inner[_WHOLE] = {}
    return None if _WHOLE in cuts else _cut(data, cuts)


def _cut(data: Json, cuts: Mapping[Any, Any]) -> Json:
    """Leave out what `cuts` names step by step, where _WHOLE stands at the end of each path."""
    if isinstance(data, dict) and cuts:
        return {key: _cut(item, cuts.get(key, {})) for key, item in data.items() if _WHOLE not in cuts.get(key, {})}
    if isinstance(data, list) and cuts:
        inner = [(item, cuts.get(index, {})) for index, item in enumerate(data)]
        return [_cut(item, below) for item, below in inner if _WHOLE not in below]
    return data


def _translate(
    document: Document, schema: Mapping[str, Json], error: jsonschema.ValidationError
) -> Iterator[tuple[Path, Diagnostic]]:
    path: Path = tuple(error.absolute_path)
    limit: Any = error.validator_value
    value: Any = error.instance
    rule = str(error.validator)
    if "propertyNames" in error.absolute_schema_path:
        where = (*path, str(value))
        hint = _shape_hint(str(value), limit, {}) if rule == "pattern" else "shorten it"
        code, what = ("D206", "is not a valid name here") if rule == "pattern" else ("D207", "is too long a name")
        yield where, Diagnostic(code, f"`{value}`{_within(path)} {what}", document.key_span(where), hint)
    elif rule == "additionalProperties":
        known: Mapping[str, Json] = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        for key in value:
            if key not in known:
                where = (*path, key)
                message = f"unknown key `{key}`{_within(path)}"
                yield where, Diagnostic("D203", message, document.key_span(where), _key_hint(key, known, schema))
    elif rule == "required":
        for key in limit:
            if key not in value:
                span = document.key_span(path) if path else document.value_span(())
                message = f"`{key}` is missing{_within(path)}"
                yield (*path, key), Diagnostic("D202", message, span, f"add `{key}: ...`{_within(path)}")
    else:
        here = error.schema if isinstance(error.schema, dict) else {}
        fault = _value_fault(document, path, rule, limit, value, here)
        yield path, replace(fault, hint=_overlay_hint(path, schema) or fault.hint) if rule == "type" else fault


def _value_fault(
    document: Document, path: Path, rule: str, limit: Json, value: Json, schema: Mapping[str, Json]
) -> Diagnostic:
    span = document.value_span(path)
    subject = _subject(path)
    if "secrets" in path:
        return _secret_fault(document, path, rule, limit, value)
    if rule == "type":
        names = [_TYPE_NAMES[name] for name in ([limit] if isinstance(limit, str) else limit) if name != "null"]
        wanted = " or ".join(names)
        written = _written(span, value)
        hint = _type_hint(value, limit, written, schema)
        return Diagnostic("D204", f"{subject} is {_type_name(value, written)}, not {wanted}", span, hint)
    if rule in ("enum", "const"):
        allowed = [item for item in (limit if rule == "enum" else [limit]) if item is not None]
        near = suggest(value, map(str, allowed)) if isinstance(value, str) else None
        if isinstance(value, str) and value in map(str, allowed):  # a number, in quotes
            near = f"write {value} without quotes"
        hint = near or ("use one of " if len(allowed) > 1 else "use ") + ", ".join(f"`{item}`" for item in allowed)
        return Diagnostic("D205", f"{subject} cannot be `{_short(value)}`", span, hint)
    if rule == "pattern":
        hint = _shape_hint(str(value), limit, schema)
        return Diagnostic("D206", f"{subject} cannot be `{_short(value)}`", span, hint)
    if rule == "uniqueItems":
        twice = next(item for index, item in enumerate(value) if item in value[:index])
        return Diagnostic("D209", f"{subject} names `{_short(twice)}` twice", span, "keep one of the two")
    if rule in _BOUNDS:
        shown = f" `{_short(value)}`" if rule.lower().endswith("imum") else ""
        bound = "at least" if rule.lower().startswith(("min", "exclusivemin")) else "at most"
        return Diagnostic("D207", f"{subject}{shown} is {_BOUNDS[rule].format(limit=limit)}", span, f"{bound} {limit}")
    return Diagnostic("D206", f"{subject} breaks the rule `{rule}` of the schema", span)


def _secret_fault(document: Document, path: Path, rule: str, limit: Json, value: Json) -> Diagnostic:
    """Refuse what stands where a secret is named, without a word about it: it may be the secret itself."""
    subject, span, key = _subject(path), document.value_span(path), document.key_span(path)
    if (span.line, span.column) < (key.line, key.column):
        span = key  # an alias: its anchor stands where nothing is hidden
    if rule in _BOUNDS:
        return Diagnostic("D207", f"{subject} is {_BOUNDS[rule].format(limit=limit)}", span, HINT_TO_STORE)
    if rule == "type":
        kind = _type_name(value) if isinstance(value, dict | list | str) else "a number, true or false"
        wanted = "a map" if "object" in limit else "the path of a parameter"
        return Diagnostic("D204", f"{subject} is {kind}, not {wanted}", span, HINT_TO_STORE)
    return Diagnostic("D206", f"{subject} is not the path of a parameter", span, HINT_TO_STORE)


def _subject(path: Path) -> str:
    if not path:
        return "the document"
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of `{write_path(path[:-1])}`"
    return f"`{path[-1]}`{_within(path[:-1])}"


def _within(path: Path) -> str:
    return f" in `{write_path(path)}`" if path else ""


def _short(value: Json) -> str:
    text = (str(value).lower() if isinstance(value, bool) else str(value)).replace("\n", "\\n")
    return cut_text(text, 60)


def _type_name(value: Json, written: str = "") -> str:
    if value is None or isinstance(value, bool):
        return "empty" if value is None else f"`{str(value).lower()}`"
    kinds: tuple[tuple[type, str], ...] = ((dict, "a map"), (list, "a list"), (str, "a string"))
    return next((name for kind, name in kinds if isinstance(value, kind)), f"the number `{written or value}`")


def _type_hint(value: Json, limit: Json, written: str, schema: Mapping[str, Json]) -> str:
    types = [limit] if isinstance(limit, str) else limit
    if "string" in types and isinstance(value, (int, float)):
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not _compiled(pattern).search(written):
            return _example(schema) or f"write a string that matches `{pattern}`"
        return f'write "{written}" in quotes'
    if isinstance(value, str) and {"integer", "number"} & set(types):
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            return "write a number"
        number = re.sub(r"^(-?)0+(?=\d)", r"\1", value)
        return f"write {number} without quotes" if written[:1] in "'\"" else f"write {number}"
    if "object" in types:
        return "write `key: value` lines, indented"
    return "write a list, such as [a, b]" if "array" in types else f"write {_TYPE_NAMES[types[0]]}"


def _written(span: Span, value: Json) -> str:
    """Return a scalar as its author wrote it: 1.10 is another text than 1.1. What is hidden is written anew."""
    text = "".join(span.source.lines[span.line - 1 : span.line])[span.column - 1 : span.end_column - 1]
    is_there = span.line == span.end_line and text and set(text) != {"*"}
    return text if is_there else str(value).lower()


def _shape_hint(text: str, pattern: str, schema: Mapping[str, Json]) -> str:
    slug = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text)
    slug = re.sub(r"[^a-z0-9]+", "-", slug.lower()).strip("-")
    if find_credential(text):
        return f"it has to match `{pattern}`"  # a proposal would repeat it
    for candidate in (text.strip(), slug, slug.replace("-", "_").upper(), f"/{text.strip()}"):
        if candidate and _compiled(pattern).search(candidate):
            return f"write `{_short(candidate)}`"
    return _example(schema) or f"it has to match `{pattern}`"


def _example(schema: Mapping[str, Json]) -> str | None:
    examples = schema.get("examples")
    texts = [f"`{each}`" for each in examples if isinstance(each, str)] if isinstance(examples, list) else []
    return f"write something like {' or '.join(texts)}" if texts else None


def _key_hint(key: str, known: Mapping[str, Json], schema: Mapping[str, Json]) -> str:
    near = suggest(key, known)
    if near:
        return near
    deeper: dict[str, list[str]] = {}
    for name in known:
        for inner in _properties(known[name], schema):
            deeper.setdefault(inner, []).append(f"`{name}.{inner}`")
    near = suggest(key, deeper)
    if near:
        return re.sub(r"`(\w+)`", lambda m: " or ".join(deeper[m.group(1)]), near)
    return "known here: " + ", ".join(f"`{name}`" for name in known) if known else "remove it"


def _overlay_hint(path: Path, schema: Mapping[str, Json]) -> str | None:
    """Say where a key belongs that an environment knows by name, and the service as a whole does not."""
    *above, key = path or ("",)
    everywhere, overlay = (_names_at(above, top, schema) for top in (schema, {"$ref": "#/$defs/overlay"}))
    where = write_path(("environments", "<environment>", *above))
    return (
        f"only an environment knows it: write it under `{where}`" if key in overlay and key not in everywhere else None
    )


def _names_at(path: Iterable[str | int], inner: Json, schema: Mapping[str, Json]) -> Mapping[str, Json]:
    names = _properties(inner, schema)
    for step in path:
        names = _properties(names.get(str(step)), schema)
    return names


def _properties(inner: Json, schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """Name what may stand one level below a property, each with its own schema."""
    if isinstance(inner, dict) and str(inner.get("$ref", "")).startswith("#/"):
        inner = value_at(schema, tuple(inner["$ref"].removeprefix("#/").split("/")))
    names: Mapping[str, Json] = inner.get("properties", {}) if isinstance(inner, dict) else {}
    return names


def _credentials(document: Document) -> Iterator[Diagnostic]:
    for path, value in walk_leaves(document.data):
        if isinstance(value, str) and find_credential(value):
            message = f"{_subject(path)} looks like a credential"
            yield Diagnostic("D208", message, document.value_span(path), HINT_TO_STORE)
    for path in walk_keys(document.data):
        if find_credential(str(path[-1])):
            message = f"a key{_within(path[:-1])} looks like a credential"
            yield Diagnostic("D208", message, document.key_span(path), HINT_TO_STORE)
