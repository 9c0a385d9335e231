"""Explain: tell who decided a value of a stack.

In: a Stack and a pointer as a person writes it.    Out: an Explanation.
Faults: D701 the pointer leads nowhere.
Never: draws anything; that is `report`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler.diagnostics import CompileError, Diagnostic, suggest
from compiler.model import Json, Origin, Path, Said, Stack


@dataclass(frozen=True, slots=True)
class Explanation:
    """A value with its story. `leaves` are the stories below a map or list; `built` is the template's line."""

    environment: str
    path: Path
    value: Json
    story: tuple[Said, ...]
    leaves: tuple[tuple[Path, tuple[Said, ...]], ...]
    built: Origin | None
    is_removed: bool


def explain_value(stack: Stack, pointer: str, environment: str) -> Explanation:
    """Find a value by `Resources.Web.Properties.Tags[Key=Name].Value` or `/Resources/Web/Properties/Tags/0/Value`.

    An index may stand in brackets or after a dot; a key that holds dots is found as it is.
    """
    try:
        path, value = _follow(stack.template, pointer, environment)
    except CompileError:
        removed = _find_removed(stack, pointer)
        if removed is None:
            raise
        story = stack.removed[removed]
        return Explanation(environment, removed, None, story, (), _built(stack, removed), is_removed=True)
    leaves = tuple((inner, story) for inner, story in stack.stories.items() if _is_below(inner, path, stack))
    story = stack.stories.get(path, ()) if not leaves else ()
    return Explanation(environment, path, value, story, leaves, _built(stack, path), is_removed=False)


def _is_below(inner: Path, path: Path, stack: Stack) -> bool:
    is_name = len(inner) == 2 and inner in stack.stories and stack.stories[inner][-1].value is None
    return len(inner) > len(path) and inner[: len(path)] == path and not is_name


def _built(stack: Stack, path: Path) -> Origin | None:
    story = stack.stories.get(path[:2])
    return story[-1].origin if story else None


def _find_removed(stack: Stack, pointer: str) -> Path | None:
    steps = tuple(_steps(pointer))
    return next((path for path in stack.removed if tuple(str(step) for step in path) == steps), None)


def _steps(pointer: str) -> Iterator[str]:
    if pointer.startswith("/"):
        yield from (step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))
    else:
        yield from re.sub(r"\[(\d+)\]", r".\1", pointer).split(".")


def _follow(template: Json, pointer: str, environment: str) -> tuple[Path, Json]:
    value: Json = template
    path: Path = ()
    rest = pointer
    if pointer.startswith("/"):
        for step in _steps(pointer):
            value, path = _step(value, path, step, environment, pointer)
        return path, value
    while rest:
        key, rest = _next_step(value, rest)
        value, path = _step(value, path, key, environment, pointer)
    return path, value


def _next_step(value: Any, rest: str) -> tuple[str, str]:
    """Split off the next step; of the keys of a map that fit, the longest."""
    if isinstance(value, dict):
        fitting = [key for key in value if rest == key or rest.startswith((f"{key}.", f"{key}["))]
        if fitting:
            key = max(fitting, key=len)
            return key, rest[len(key) :].removeprefix(".")
    bracket = re.match(r"\[([^\]]*)\]\.?", rest)
    if bracket:
        return f"[{bracket.group(1)}]", rest[bracket.end() :]
    plain = re.match(r"[^.\[]+", rest)
    key = plain.group() if plain else rest
    return key, rest[len(key) :].removeprefix(".")


def _step(value: Any, path: Path, step: str, environment: str, pointer: str) -> tuple[Json, Path]:
    if isinstance(value, dict) and step in value:
        return value[step], (*path, step)
    if isinstance(value, list):
        index = _index(value, step.removeprefix("[").removesuffix("]"))
        if index is not None:
            return value[index], (*path, index)
    where = f"`{'.'.join(str(item) for item in path)}`" if path else "the template"
    message = f"`{pointer}` leads nowhere in `{environment}`: there is no `{step}` in {where}"
    raise CompileError([Diagnostic("D701", message, None, _hint(value, step))])


def _index(items: list[Any], step: str) -> int | None:
    if re.fullmatch(r"\d{1,6}", step):
        return int(step) if int(step) < len(items) else None
    key, equals, wanted = step.partition("=")
    found = [i for i, item in enumerate(items) if equals and isinstance(item, dict) and str(item.get(key)) == wanted]
    return found[0] if found else None


def _hint(value: Any, step: str) -> str:
    if isinstance(value, dict):
        return suggest(step, value) or "it holds " + _some(list(value))
    if isinstance(value, list):
        keys = sorted({key for item in value if isinstance(item, dict) for key in item})
        by_key = f", or by a key: [{keys[0]}=...]" if keys else ""
        return f"it is a list of {len(value)}: name an item by its index, from 0{by_key}"
    return "it is a single value, nothing is below it"


def _some(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
