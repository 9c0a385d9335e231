"""Follow: find the place of a stack that a person's pointer leads to.

In: a Stack, the identity table, a pointer as a person writes it.    Out: the path, its items with their labels.
Faults: D701 the pointer leads nowhere.
Never: guesses a name; it suggests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.diagnostics import CompileError, Diagnostic, suggest
from compiler.identity import IdentityTable, identify
from compiler.model import Identity, Json, Path, Stack
from compiler.pointer import is_around, label_index, write_pointer

WHOLE = ("", ".", "/")


def follow_pointer(stack: Stack, pointer: str, identities: IdentityTable, environment: str) -> tuple[Path, Json]:
    """Follow `Resources.Web.Properties.Tags[Key=Name].Value` or `/Resources/Web/Properties/Tags/0/Value`.

    An index may stand in brackets or after a dot; a key that holds dots is found as it is. Raises CompileError.
    """
    value: Any = stack.template
    path: Path = ()
    if pointer in WHOLE:
        return path, value
    is_json = pointer.startswith("/")
    rest = [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")] if is_json else pointer
    while rest:
        step: str
        if isinstance(rest, list):
            step, rest = rest[0], rest[1:]
        else:
            step, rest = _cut_step(value, rest, _labels(stack, path, value, identities))
        found = _take_step(value, step, _labels(stack, path, value, identities))
        if found is None:
            raise CompileError([_nowhere(stack, pointer, path, value, step, environment)])
        value = value[found]
        path = (*path, found)
    return path, value


def find_removed(stack: Stack, pointer: str) -> Path | None:
    """Find what overrides removed at a pointer, or the nearest thing around it that they removed."""
    if pointer.startswith("/"):
        pointer = ".".join(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))
    pointer = re.sub(r"\[(\d+)\]", r".\1", pointer)
    for written in (write_pointer, lambda path: ".".join(str(step) for step in path)):
        found = [path for path in stack.removed if is_around(written(path), pointer)]
        if found:
            return max(found, key=len)
    return None


def list_identity(stack: Stack, path: Path, identities: IdentityTable) -> Identity | None:
    """Return the rule by which overrides merge the list at a path."""
    body = _named_thing(stack.template, path)
    return identities.find(str(body.get("Type", "")) if isinstance(body, dict) else "", path[2:])


def _named_thing(template: Mapping[str, Json], path: Path) -> Json:
    section = template.get(str(path[0])) if len(path) > 1 else None
    return section.get(path[1]) if isinstance(section, dict) else None


def _labels(stack: Stack, path: Path, value: Json, identities: IdentityTable) -> dict[str, int]:
    """Map the label of each item that has one to its index, which knows the label."""
    rule = list_identity(stack, path, identities) if isinstance(value, list) else None
    if rule is None:
        return {}
    known = [label_index(at, item, rule.keys) for at, item in enumerate(value) if identify(item, rule.keys)]
    return {index.label: index for index in reversed(known)}


def _cut_step(value: Json, rest: str, labels: Mapping[str, int]) -> tuple[str, str]:
    """Split off the next step; of the keys of a map and the labels of a list that fit, the longest."""
    known = list(value) if isinstance(value, dict) else list(labels)
    fitting = [key for key in known if rest == key or rest.startswith((f"{key}.", f"{key}["))]
    if fitting:
        step = max(fitting, key=len)
    elif rest.startswith("["):
        # A bracket may hold brackets, as in `[Value={"Fn::GetAtt": ["A", "Arn"]}]`: it ends before a dot or a bracket.
        bracket = re.match(r"\[.*?\](?=[.\[]|$)", rest)
        step = bracket.group() if bracket else rest
    else:
        plain = re.match(r"[^.\[]+", rest)
        step = plain.group() if plain else rest
    return step, rest[len(step) :].removeprefix(".")


def _take_step(value: Json, step: str, labels: Mapping[str, int]) -> str | int | None:
    if isinstance(value, dict):
        return step if step in value else None
    if not isinstance(value, list):
        return None
    if step in labels:
        return labels[step]
    bare = step.removeprefix("[").removesuffix("]")
    if re.fullmatch(r"\d{1,6}", bare):
        at = int(bare) if int(bare) < len(value) else None
    else:
        key, equals, wanted = bare.partition("=")
        at = next((i for i, item in enumerate(value) if equals and _has(item, key, wanted)), None)
    return next((index for index in labels.values() if index == at), at)


def _has(item: Json, key: str, wanted: str) -> bool:
    value = item.get(key) if isinstance(item, dict) else None
    return wanted == (value if isinstance(value, str) else json.dumps(value, sort_keys=True))


# Where it ends


def _nowhere(stack: Stack, pointer: str, path: Path, value: Json, step: str, environment: str) -> Diagnostic:
    where = f"`{write_pointer(path)}`" if path else "the template"
    message = f"`{pointer}` leads nowhere in `{environment}`: there is no `{step}` in {where}"
    return Diagnostic("D701", message, None, _hint(stack, path, value, step))


def _hint(stack: Stack, path: Path, value: Json, step: str) -> str:
    if not path:
        sections = [name for name, named in stack.template.items() if isinstance(named, dict) and step in named]
        if sections:
            return f"did you mean `{sections[0]}.{step}`?"
    if isinstance(value, dict):
        return suggest(step, value) or "it holds " + ", ".join(_some(list(value)))
    if isinstance(value, list):
        keys = sorted({key for item in value if isinstance(item, dict) for key in item})
        by_key = f", or by a key: [{keys[0]}=...]" if keys else ""
        return f"it is a list of {len(value)}: name an item by its index, from 0{by_key}"
    return "it is a single value, nothing is below it"


def _some(names: list[str]) -> Iterator[str]:
    yield from (f"`{name}`" for name in names[:8])
    if len(names) > 8:
        yield f"and {len(names) - 8} more"
