"""Parts: check that files of overrides and additions are written as such, before anything is built.

In: a TemplatePart.    Out: Diagnostics.
Faults: D208, D210 to D216.
Never: knows what the platform defines; that is for `merge`.

What is sound of all parts can go on without the rest, so that what later rooms find comes up in the same run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from compiler.diagnostics import Diagnostic, find_credential, has_errors, suggest
from compiler.model import Document, Json, Path, TemplatePart, walk_keys, walk_leaves
from compiler.node import find_directive, is_intrinsic

_SECTIONS = (
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
    "Hooks",
)
_OVERRIDDEN_SECTIONS = ("Parameters", "Conditions", "Mappings", "Resources", "Outputs")
_ATTRIBUTES = (
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Version",  # of a custom resource
)
# What these put into a template nobody knows before CloudFormation has run them.
_MACRO = re.compile(r"Fn::(Transform|ForEach(::.*)?)")
_MADE_BY_MACRO = re.compile(r"AWS::Serverless::.*|.*::MODULE")
_DIRECTIVES = ("$append", "$prepend", "$replace", "$remove", "$expect", "$value")
_TOGETHER = ({"$append", "$prepend", "$remove", "$expect"}, {"$expect", "$value"}, {"$expect", "$replace"})


def check_override(part: TemplatePart) -> Iterator[Diagnostic]:
    """Check the form of an override: sections, attributes, directives, and that nothing is null."""
    document = part.document
    yield from _credentials(document)
    if not isinstance(document.data, dict):
        yield Diagnostic("D210", "an override is a map of sections", document.value_span(()), "begin with `Resources:`")
        return
    for section, entries in document.data.items():
        if section not in _OVERRIDDEN_SECTIONS:
            near = suggest(section, _OVERRIDDEN_SECTIONS)
            hint = near or "known here: " + ", ".join(f"`{name}`" for name in _OVERRIDDEN_SECTIONS)
            message = f"nothing in the section `{section}` can be overridden"
            yield Diagnostic("D210", message, document.key_span((section,)), hint)
        elif not isinstance(entries, dict):
            hint = "write the logical id that is meant, then what changes"
            yield Diagnostic("D210", f"`{section}` is a map of names", document.value_span((section,)), hint)
        else:
            for name, change in entries.items():
                yield from _check_change(document, section, name, change)


def _check_change(document: Document, section: str, name: str, change: Json) -> Iterator[Diagnostic]:
    path: Path = (section, name)
    yield from _check_macros(document, change, path)
    if section in ("Resources", "Outputs", "Parameters") and not isinstance(change, dict | None):
        hint = "write `Properties:` and what changes below it" if section == "Resources" else "write what changes in it"
        yield Diagnostic("D213", f"override of `{name}` is a map", document.value_span(path), hint)
        return
    if section == "Resources":
        yield from _check_attributes(document, path, change or {})
    yield from _check_directives(document, change, path, in_list=False)


def _check_attributes(document: Document, path: Path, resource: Mapping[str, Json]) -> Iterator[Diagnostic]:
    for key in resource:
        if key in _ATTRIBUTES or key.startswith("$"):
            continue
        near = suggest(key, _ATTRIBUTES)
        hint = near or f"did you mean `Properties.{key}`?"
        message = f"a resource has no attribute `{key}`"
        yield Diagnostic("D214", message, document.key_span((*path, key)), hint)


def _check_directives(document: Document, change: Json, path: Path, *, in_list: bool) -> Iterator[Diagnostic]:
    if change is None:
        hint = "write `{$remove: true}` to remove what the platform set"
        if in_list:
            hint = "delete this item; to take one away, write it under `$remove`"
        yield Diagnostic("D211", f"{_write_place(path)} is null", document.value_span(path), hint)
    elif isinstance(change, list):
        for index, item in enumerate(change):
            yield from _check_directives(document, item, (*path, index), in_list=True)
    elif is_intrinsic(change):
        yield from _check_nulls_below(document, change, path, "write !Ref AWS::NoValue")
    elif isinstance(change, dict):
        used = [key for key in change if key.startswith("$")]
        if used:
            yield from _check_use(document, change, path, used, in_list=in_list)
        for key, item in change.items():
            if key not in used:
                yield from _check_directives(document, item, (*path, key), in_list=False)


def _check_use(
    document: Document, change: Mapping[str, Json], path: Path, used: list[str], *, in_list: bool
) -> Iterator[Diagnostic]:
    unknown = [key for key in used if key not in _DIRECTIVES]
    for key in unknown:
        hint = suggest(key, _DIRECTIVES) or "put the value under `$replace`, which takes everything as it is"
        yield Diagnostic("D212", f"unknown directive `{key}`", document.key_span((*path, key)), hint)
    if unknown:
        return
    plain = [key for key in change if key not in used]
    removes_item = in_list and used == ["$remove"] and change["$remove"] is True
    if plain and not removes_item:
        span = document.key_span((*path, plain[0]))
        message = f"`{plain[0]}` stands beside `{used[0]}`, which says all there is to say"
        yield Diagnostic("D213", message, span, f"move it into `{used[0]}`, or remove it")
    removes_all = change.get("$remove") is True and set(used) - {"$remove", "$expect"}
    if len(used) > 1 and (removes_all or not any(set(used) <= together for together in _TOGETHER)):
        shown = " and ".join(f"`{key}`" for key in used)
        yield Diagnostic("D213", f"{shown} do not go together", document.key_span((*path, used[1])), "keep one of them")
    if used == ["$expect"]:
        span = document.key_span((*path, "$expect"))
        yield Diagnostic("D213", "`$expect` stands alone and changes nothing", span, "add `$value: ...`")
    if used == ["$value"]:
        span = document.key_span((*path, "$value"))
        yield Diagnostic("D213", "`$value` stands alone", span, "write the value itself, or add `$expect: ...`")
    for key in used:
        yield from _check_operand(document, key, change[key], (*path, key))


def _check_operand(document: Document, key: str, value: Json, path: Path) -> Iterator[Diagnostic]:
    span = document.value_span(path)
    if value is None:
        yield Diagnostic("D211", f"`{key}` is null", span, "write `{$remove: true}` to remove what the platform set")
    elif key in ("$append", "$prepend") and (not isinstance(value, list) or not value):
        yield Diagnostic("D213", f"`{key}` takes a list of at least one item", span, f"write `{key}: [...]`")
    elif key == "$remove" and value is not True and (not isinstance(value, list) or not value):
        hint = "write `$remove: true`, or `$remove: [{Key: name}]` for items of a list"
        yield Diagnostic("D213", "`$remove` takes `true` or a list of items", span, hint)
    else:
        yield from _check_nulls_below(document, value, path, "remove it, or write !Ref AWS::NoValue")
        inner = find_directive(value) if key not in ("$replace", "$value") else None
        if inner:
            message = f"`{inner[-1]}` stands below `{key}`, which takes values as they are"
            yield Diagnostic("D213", message, document.key_span((*path, *inner)), "write the value itself")


def _check_nulls_below(document: Document, value: Json, path: Path, hint: str) -> Iterator[Diagnostic]:
    for inner, leaf in walk_leaves(value, path):
        if leaf is None:
            yield Diagnostic("D211", f"{_write_place(inner)} is null", document.value_span(inner), hint)


def _write_place(path: Path) -> str:
    return f"item {path[-1] + 1} of `{path[-2]}`" if isinstance(path[-1], int) else f"`{path[-1]}`"


# Additions


def check_addition(part: TemplatePart) -> Iterator[Diagnostic]:
    """Check that an addition is a CloudFormation template."""
    document = part.document
    yield from _credentials(document)
    data = document.data
    if not isinstance(data, dict):
        message = "an addition is a CloudFormation template, a map of sections"
        yield Diagnostic("D215", message, document.value_span(()), "begin with `Resources:`")
        return
    for section in data:
        if section not in _SECTIONS:
            hint = suggest(section, _SECTIONS) or "CloudFormation knows " + ", ".join(f"`{name}`" for name in _SECTIONS)
            yield Diagnostic("D210", f"unknown section `{section}`", document.key_span((section,)), hint)
    version = data.get("AWSTemplateFormatVersion", "2010-09-09")
    if version != "2010-09-09":
        span = document.value_span(("AWSTemplateFormatVersion",))
        fault = "is empty" if version is None else f"`{version}` does not exist"
        yield Diagnostic("D215", f"template format version {fault}", span, 'write "2010-09-09"')
    if "Description" in data and not isinstance(data["Description"], str):
        yield Diagnostic("D215", "`Description` is a string", document.value_span(("Description",)), "write a text")
    for section in ("Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs", "Hooks"):
        if section in data and data[section] is not None and not isinstance(data[section], dict):
            message = f"`{section}` is a map of names"
            yield Diagnostic("D215", message, document.value_span((section,)), "write `name: ...` lines below it")
    yield from _check_resources(document, data)
    yield from _check_nulls(document)
    if data.get("Transform") is not None:
        yield _refuse_macro(document, ("Transform",))
    yield from _check_macros(document, data, ())


def _check_resources(document: Document, data: Mapping[str, Json]) -> Iterator[Diagnostic]:
    resources = data.get("Resources")
    for name, resource in (resources if isinstance(resources, dict) else {}).items():
        path: Path = ("Resources", name)
        is_typed = isinstance(resource, dict) and isinstance(resource.get("Type"), str)
        if not is_typed and not _MACRO.fullmatch(name):
            yield Diagnostic(
                "D215", f"resource `{name}` has no `Type`", document.key_span(path), "add `Type: AWS::...`"
            )
        elif is_typed and _MADE_BY_MACRO.fullmatch(resource["Type"]):
            message = f"`{resource['Type']}` stands for resources that nobody has checked"
            hint = "write the resources out that it stands for"
            yield Diagnostic("D215", message, document.value_span((*path, "Type")), hint)


def _check_macros(document: Document, data: Json, place: Path) -> Iterator[Diagnostic]:
    """Refuse what CloudFormation has a macro write, wherever it stands: nothing can be said of it before."""
    for path in walk_keys(data, place):
        if _MACRO.fullmatch(str(path[-1])):
            yield _refuse_macro(document, path)


def _refuse_macro(document: Document, path: Path) -> Diagnostic:
    message = f"`{path[-1]}` has a macro rewrite the template, after it was checked"
    return Diagnostic("D215", message, document.key_span(path), "run the macro yourself, and commit what it makes")


def _check_nulls(document: Document) -> Iterator[Diagnostic]:
    for path, value in walk_leaves(document.data):
        # An empty section at the top is harmless and common.
        if value is None and len(path) > 1:
            where = ".".join(str(step) for step in path)
            hint = "remove it, or write !Ref AWS::NoValue"
            yield Diagnostic(
                "D216", f"`{where}` is null, which CloudFormation refuses", document.value_span(path), hint
            )


def _credentials(document: Document) -> Iterator[Diagnostic]:
    hint = "refer to it as {{resolve:ssm-secure:/path}} or {{resolve:secretsmanager:name}}, and revoke this one"
    for path, value in walk_leaves(document.data):
        if isinstance(value, str) and find_credential(value):
            message = f"`{'.'.join(str(step) for step in path)}` looks like a credential"
            yield Diagnostic("D208", message, document.value_span(path), hint)
    for path in walk_keys(document.data):
        if find_credential(str(path[-1])):
            where = f" in `{'.'.join(str(step) for step in path[:-1])}`" if len(path) > 1 else ""
            yield Diagnostic("D208", f"a key{where} looks like a credential", document.key_span(path), hint)


# What goes on without what is at fault


def keep_sound(
    overrides: Iterable[TemplatePart], additions: Iterable[TemplatePart]
) -> tuple[tuple[TemplatePart, ...], tuple[TemplatePart, ...], frozenset[str]]:
    """Leave out what is at fault: an addition as a whole, and of the overrides all that they say about a name.

    Return the overrides and additions that remain, and the names that were left out. An override of another file may
    count on what is left out of this one, so that a name goes with all that any file says about it.
    """
    overrides = tuple(overrides)
    entries: dict[str, list[bool]] = {}
    for part in overrides:
        for name, is_sound in _judge_entries(part.document):
            entries.setdefault(name, []).append(is_sound)
    left_out = {name for name, judged in entries.items() if not all(judged)}
    sound: list[TemplatePart] = []
    for part in additions:
        if not has_errors(check_addition(part)):
            sound.append(part)
        elif isinstance(part.document.data, dict):
            named = (names for names in part.document.data.values() if isinstance(names, dict))
            left_out.update(name for names in named for name in names)
    kept = tuple(replace(part, document=_without(part.document, left_out)) for part in overrides)
    return kept, tuple(sound), frozenset(left_out)


def _judge_entries(document: Document) -> Iterator[tuple[str, bool]]:
    for section, changes in (document.data if isinstance(document.data, dict) else {}).items():
        for name, change in (changes if isinstance(changes, dict) else {}).items():
            texts = [name, *(value for _, value in walk_leaves(change)), *(path[-1] for path in walk_keys(change))]
            is_secret = any(find_credential(text) for text in texts if isinstance(text, str))
            is_sound = section in _OVERRIDDEN_SECTIONS and not is_secret
            yield name, is_sound and not has_errors(_check_change(document, section, name, change))


def _without(document: Document, names: Iterable[str]) -> Document:
    data = document.data if isinstance(document.data, dict) else {}
    kept = {
        section: {name: change for name, change in changes.items() if name not in names}
        for section, changes in data.items()
        if section in _OVERRIDDEN_SECTIONS and isinstance(changes, dict)
    }
    return replace(document, data=kept)
