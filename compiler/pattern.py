"""Pattern: find what the path of a guardrail leads to.

In: a resource, a pattern of steps, the defaults of parameters.    Out: places and what stands there.
Never: evaluates a condition; both branches of a `Fn::If` count, since a parameter can turn it.

"*" is any one step and "**" any number of them; a list stands for each of its items. A step that ends in "?" may be
missing, and so may the one after "**".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compiler.model import Json, Path

MISSING = object()


def find_values(
    data: Json, pattern: Path, path: Path, defaults: Mapping[str, Json], *, may_lack: bool = False
) -> Iterator[tuple[Path, Json]]:
    """Yield what a pattern leads to, below a place; MISSING where a step is not there that may not be missing.

    `may_lack` tells whether the place itself may be missing. Of what only CloudFormation knows nothing below is found.
    """
    if isinstance(data, dict) and len(data) == 1:
        data = defaults.get(str(data.get("Ref", "")), data)
    if data == {"Ref": "AWS::NoValue"}:
        if not may_lack:
            yield path, MISSING
    elif branches := _branches(data):
        for index, branch in branches:
            yield from find_values(branch, pattern, (*path, "Fn::If", index), defaults, may_lack=may_lack)
    elif not pattern:
        yield path, data
    elif is_open(data):
        return
    elif isinstance(data, list):
        rest = pattern[1:] if pattern[0] == "*" else pattern
        for index, item in enumerate(data):
            yield from find_values(item, rest, (*path, index), defaults, may_lack=True)
    elif pattern[0] in ("*", "**"):
        yield from _find_anywhere(data, pattern, path, defaults)
    else:
        step = str(pattern[0]).removesuffix("?")
        may_lack = step != pattern[0]
        if isinstance(data, dict) and step in data:
            yield from find_values(data[step], pattern[1:], (*path, step), defaults, may_lack=may_lack)
        elif not may_lack:
            yield (*path, step), MISSING


def _find_anywhere(data: Json, pattern: Path, path: Path, defaults: Mapping[str, Json]) -> Iterator[tuple[Path, Json]]:
    if not isinstance(data, dict):
        return
    rest = pattern if pattern[0] == "**" else pattern[1:]
    if pattern[0] == "**":
        step = str(pattern[1]).removesuffix("?")
        if step in data:
            yield from find_values(data[step], pattern[2:], (*path, step), defaults, may_lack=True)
    for key, item in data.items():
        yield from find_values(item, rest, (*path, key), defaults, may_lack=True)


def keys_in(data: Json) -> set[str]:
    """Collect every key of a piece of a template, so that a search for one that is not there need not begin."""
    keys: set[str] = set()
    waiting = [data]
    while waiting:
        place = waiting.pop()
        if isinstance(place, dict):
            keys.update(place)
            waiting.extend(place.values())
        elif isinstance(place, list):
            waiting.extend(place)
    return keys


def searched_key(pattern: Path) -> str | None:
    """Name the key that "**" looks for; None in a pattern without it."""
    return str(pattern[pattern.index("**") + 1]).removesuffix("?") if "**" in pattern else None


def is_open(value: Json) -> bool:
    """Tell whether only CloudFormation will know a value: an intrinsic function or a dynamic reference."""
    if isinstance(value, dict) and len(value) == 1:
        (name,) = value
        return name == "Ref" or str(name).startswith("Fn::")
    return isinstance(value, str) and "{{resolve:" in value


def known_defaults(parameters: Json) -> dict[str, Json]:
    """Return the values of the parameters that have one in the template itself, such as those of additions."""
    return {
        name: parameter["Default"]
        for name, parameter in (parameters if isinstance(parameters, dict) else {}).items()
        if isinstance(parameter, dict) and parameter.get("Type") in ("String", "Number") and "Default" in parameter
    }


def _branches(data: Json) -> list[tuple[int, Json]]:
    choice = data.get("Fn::If") if isinstance(data, dict) and len(data) == 1 else None
    return list(enumerate(choice))[1:] if isinstance(choice, list) and len(choice) == 3 else []


# Which way steps lead


def rests_of(pattern: Path, steps: Path) -> tuple[Path, ...]:
    """Return what of a pattern can remain below some steps: `()` when they reach it, nothing when they lead elsewhere.

    >>> rests_of(("A", "*", "B"), ("A", 0)), rests_of(("A",), ("A", "B")), rests_of(("A",), ("B",))
    ((('B',),), ((),), ())
    """
    rests: tuple[Path, ...] = (pattern,)
    for step in steps:
        rests = tuple(after for rest in rests for after in _after(rest, step))
        if () in rests:
            return ((),)
    return rests


def _after(pattern: Path, step: str | int) -> Iterator[Path]:
    head = str(pattern[0]).removesuffix("?")
    is_intrinsic = step == "Ref" or str(step).startswith("Fn::")
    if head == "**":
        yield pattern
        if not is_intrinsic and isinstance(step, str):
            yield from _after(pattern[1:], step)
    elif is_intrinsic:
        yield ()  # what it will be instead, nobody knows
    elif isinstance(step, int):
        yield pattern[1:] if head == "*" else pattern
    elif head in ("*", step):
        yield pattern[1:]
