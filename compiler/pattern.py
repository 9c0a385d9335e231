"""Pattern: find what the path of a guardrail leads to.

In: a resource, a pattern of steps, what is known of the template.    Out: places and what can stand there.
Never: evaluates a condition; see `known`.

"*" is any one step and "**" any number of them; a list stands for each of its items. A step that ends in "?" may be
missing, and so may the one after "**".
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.known import NOTHING, Known, is_open
from compiler.model import Json, Path

MISSING = object()


def find_values(
    data: Json, pattern: Path, path: Path, known: Known, *, may_lack: bool = False
) -> Iterator[tuple[Path, Json]]:
    """Yield what a pattern leads to, below a place; MISSING where a step is not there that may not be missing.

    `may_lack` tells whether the place itself may be missing. Of what only CloudFormation knows nothing below is found.
    """
    for where, value in known.values(data, path):
        if value != NOTHING:
            yield from _find_below(value, pattern, where, known)
        elif not may_lack:
            yield where, MISSING


def _find_below(data: Json, pattern: Path, path: Path, known: Known) -> Iterator[tuple[Path, Json]]:
    if not pattern:
        yield path, data
    elif is_open(data):
        return
    elif isinstance(data, list):
        rest = pattern[1:] if pattern[0] == "*" else pattern
        for index, item in enumerate(data):
            yield from find_values(item, rest, (*path, index), known, may_lack=True)
    elif pattern[0] in ("*", "**"):
        yield from _find_anywhere(data, pattern, path, known)
    else:
        step = str(pattern[0]).removesuffix("?")
        may_lack = step != pattern[0]
        if isinstance(data, dict) and step in data:
            yield from find_values(data[step], pattern[1:], (*path, step), known, may_lack=may_lack)
        elif not may_lack:
            yield (*path, step), MISSING


def _find_anywhere(data: Json, pattern: Path, path: Path, known: Known) -> Iterator[tuple[Path, Json]]:
    if not isinstance(data, dict):
        return
    rest = pattern if pattern[0] == "**" else pattern[1:]
    if pattern[0] == "**":
        step = str(pattern[1]).removesuffix("?")
        if step in data:
            yield from find_values(data[step], pattern[2:], (*path, step), known, may_lack=True)
    for key, item in data.items():
        yield from find_values(item, rest, (*path, key), known, may_lack=True)


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
