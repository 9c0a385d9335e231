"""Lock: hold a service to the library that it was last looked at with, and say what moved under its overrides since.

In: `flagstone.lock` as a Document, the Library, the Stack of each environment.    Out: a Lock; its bytes; Diagnostics.
Faults: D308, D330 to D333.
Never: reads or writes a file, or takes another library's place by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from compiler.diagnostics import Diagnostic, Related, fold_names
from compiler.identity import IdentityTable
from compiler.model import Document, Json, Library, Lock, Path, Stack, Touch
from compiler.node import alike, is_intrinsic, same
from compiler.pointer import cut_pointer, is_around, point_at_values, write_pointer
from compiler.renames import find_new_name
from compiler.trace import plain, settings_of
from compiler.wording import write_both

_SCHEMA = 1
_LAST_PLACE = 50_000  # of the rules of a listener
_PLATFORM = {
    "name": r".+",
    "version": r"\d+\.\d+\.\d+.*",
    "digest": r"[0-9a-f]{64}",
    "from": r"(?i:s3|file):/[!-~]+",
}
_UPGRADE = "run `flagstone lock --upgrade`"
_RESTORE = "restore it from git, or delete it and run `flagstone lock`"

Overridden = Mapping[str, Mapping[str, Json]]


def read_lock(document: Document | None) -> tuple[Lock | None, tuple[Diagnostic, ...]]:
    """Check the shape of a lock. One that somebody changed into something else is no lock."""
    if document is None:
        return None, ()
    faults = tuple(_check_shape(document))
    if faults:
        return None, faults
    platform = document.data["platform"]
    overridden = document.data["overridden"]
    pinned = Lock(document, platform["name"], platform["version"], platform["digest"], overridden, platform.get("from"))
    return replace(pinned, priorities=document.data.get("priorities") or {}), ()


def _check_shape(document: Document) -> Iterator[Diagnostic]:
    data = document.data
    yield from _check_keys(document, (), ("schema", "platform", "overridden"), ("priorities",))
    if not isinstance(data, dict):
        return
    if data.get("schema", _SCHEMA) != _SCHEMA:
        message = f"schema `{data['schema']}` of the lock is not known here, `{_SCHEMA}` is"
        yield Diagnostic("D330", message, document.value_span(("schema",)), "use the flagstone that wrote it")
    if "platform" in data:
        yield from _check_keys(document, ("platform",), ("name", "version", "digest"), ("from",))
    for key, pattern in _PLATFORM.items():
        value = document.value_at(("platform", key))
        if value is not None and not (isinstance(value, str) and re.fullmatch(pattern, value)):
            span = document.value_span(("platform", key))
            yield Diagnostic("D330", f"`platform.{key}` is not what `flagstone lock` writes there", span, _RESTORE)
    overridden = data.get("overridden")
    names = overridden if isinstance(overridden, dict) else ()
    for path in [("overridden",), *(("overridden", name) for name in names)]:
        if path[0] in data and not isinstance(document.value_at(path), dict):
            yield Diagnostic("D330", f"`{'.'.join(path)}` is a map", document.value_span(path), _RESTORE)
    priorities = data.get("priorities", {})
    if not isinstance(priorities, dict):
        yield Diagnostic("D330", "`priorities` is a map", document.value_span(("priorities",)), _RESTORE)
    for name, place in priorities.items() if isinstance(priorities, dict) else ():
        if isinstance(place, bool) or not isinstance(place, int) or not 1 <= place <= _LAST_PLACE:
            message = f"`priorities.{name}` is a number from 1 to {_LAST_PLACE:,}"
            yield Diagnostic("D330", message, document.value_span(("priorities", name)), _RESTORE)


def _check_keys(
    document: Document, path: Path, keys: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Iterator[Diagnostic]:
    where = f"`{path[-1]}`" if path else "the lock"
    value = document.value_at(path)
    if not isinstance(value, dict):
        yield Diagnostic("D330", f"{where} is a map", document.value_span(path), _RESTORE)
        return
    for key in value:
        if key not in (*keys, *optional):
            yield Diagnostic("D330", f"{where} has no key `{key}`", document.key_span((*path, key)), _RESTORE)
    for key in keys:
        if value.get(key) is None:
            yield Diagnostic("D330", f"`{key}` is missing in {where}", document.key_span(path), _RESTORE)


def check_lock(lock: Lock | None, library: Library, line: Json) -> Iterator[Diagnostic]:
    """Check that the library in use is the locked one. `line` is the release line that the service asks for."""
    if lock is None or is_locked(lock, library):
        return
    where = lock.document.value_span(("platform", "version"))
    if _is_on_line(library.version, line) and not _is_on_line(lock.version, line):
        message = f"platform line `{line}` is not the one of `flagstone.lock`, which pins {lock.version}"
        span = settings_of(line)[0].origin.span if settings_of(line) else None
        yield Diagnostic("D308", message, span, _UPGRADE, related=(Related("pinned here", where),))
        return
    pinned, used = f"{lock.name} {lock.version}", f"{library.name} {library.version}"
    message = f"`flagstone.lock` pins {pinned}, and the library in use is {used}"
    if pinned == used:
        where = lock.document.value_span(("platform", "digest"))
        message = f"the {used} in use is not the one that `flagstone.lock` pins: its digest begins with"
        message = f"{message} `{library.digest[:12]}`, not `{lock.digest[:12]}`"
    yield Diagnostic("D331", message, where, f"{_UPGRADE}, or choose the locked library with --platform")


def is_locked(lock: Lock, library: Library) -> bool:
    return (lock.name, lock.version, lock.digest) == (library.name, library.version, library.digest)


def _is_on_line(version: str, line: Json) -> bool:
    return isinstance(line, str) and version.startswith(f"{line}.")


def list_overridden(stack: Stack, library: Library) -> dict[str, Json]:
    """Map what overrides touch to what the platform says there itself: null where it says nothing.

    Where the platform has nothing above a place either, the highest such place stands for all that is below it.
    """
    values = _values(stack, library)
    overridden: dict[str, Json] = {}
    for touch in stack.touched:
        path = cut_pointer(touch.pointer)
        pointers = [write_pointer(path[:end]) for end in range(2, len(path) + 1)]
        pointer = next((pointer for pointer in pointers if pointer not in values), pointers[-1])
        overridden[pointer] = values.get(pointer)
    return {pointer: overridden[pointer] for pointer in sorted(overridden)}


def _values(stack: Stack, library: Library) -> dict[str, Json]:
    identities = IdentityTable(library.identities)
    values: dict[str, Json] = {}
    for path, body in stack.platform.items():
        values.update(point_at_values(plain(body), path, identities))
    return values


def write_lock(library: Library, overridden: Overridden, priorities: Mapping[str, int] | None = None) -> bytes:
    """Write a lock as canonical JSON in ASCII, environments, pointers and processes in order."""
    platform = {"name": library.name, "version": library.version, "digest": library.digest}
    if library.bucket:
        platform["from"] = library.bucket
    ordered = {name: overridden[name] for name in sorted(overridden)}
    data: dict[str, Json] = {"schema": _SCHEMA, "platform": platform, "overridden": ordered}
    if priorities:
        data["priorities"] = {name: priorities[name] for name in sorted(priorities)}
    return (json.dumps(data, indent=2, allow_nan=False) + "\n").encode("ascii")


def check_overridden(lock: Lock, stack: Stack, library: Library, environment: str) -> Iterator[Diagnostic]:
    """Check that a lock of this very library knows what the overrides touch."""
    recorded, current = lock.overridden.get(environment, {}), list_overridden(stack, library)
    differing = [
        pointer
        for pointer in sorted({*recorded, *current})
        if pointer not in recorded or pointer not in current or not same(recorded[pointer], current[pointer])
    ]
    if differing:
        shown = ", ".join(f"`{pointer}`" for pointer in differing[:3])
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        message = f"`flagstone.lock` is behind the overrides of `{environment}`: {shown}{more}"
        span = lock.document.key_span(("overridden", environment))
        yield Diagnostic("D333", message, span, "run `flagstone lock`", "warning")


# What moved between the locked library and another


def find_moves(lock: Lock, library: Library, stacks: Mapping[str, Stack]) -> tuple[Diagnostic, ...]:
    """Find what moved under the overrides since the lock was written. `stacks` is keyed by environment."""
    moves = {name: _Comparison(lock, library, stack, name).compare() for name, stack in stacks.items()}
    return tuple(fold_names(moves))


class _Comparison:
    """One environment's stack against what the lock recorded for it."""

    def __init__(self, lock: Lock, library: Library, stack: Stack, environment: str) -> None:
        self.recorded = lock.overridden.get(environment, {})
        self.environment = environment
        self.library = library
        self.stack = stack
        self.values = _values(stack, library)
        self.touches = {write_pointer(cut_pointer(touch.pointer)): touch for touch in stack.touched}
        is_same = lock.version == library.version
        self.before = f"the locked {lock.version}" if is_same else lock.version
        self.after = f"this {library.version}" if is_same else library.version

    def compare(self) -> Iterator[Diagnostic]:
        for pointer, was in self.recorded.items():
            current = pointer
            touch = self._find_touch(pointer)
            if touch is None:
                current = self._renamed(pointer)
                touch = self._find_touch(current)
            if touch is None:
                continue  # the override is gone, so nothing moved under it
            if touch.pointer[:2] not in self.stack.platform:
                yield self._gone(touch)
            elif _differs(was, self.values.get(current)):
                yield self._changed(touch, current, was, self.values.get(current))

    def _find_touch(self, pointer: str) -> Touch | None:
        exact = self.touches.get(pointer)
        near = (t for p, t in self.touches.items() if is_around(p, pointer) or is_around(pointer, p))
        return exact or next(near, None)

    def _renamed(self, pointer: str) -> str:
        """Lead a recorded pointer to the override that already says the new name."""
        section, _, inner = pointer.partition(".")
        name, dot, rest = inner.partition(".")
        known = {str(path[1]) for path in self.stack.platform if path[0] == section}
        new = find_new_name(self.library.renames, name, known)
        return f"{section}.{new[0]}{dot}{rest}" if new else pointer

    def _gone(self, touch: Touch) -> Diagnostic:
        section, name = str(touch.pointer[0]), str(touch.pointer[1])
        new = find_new_name(self.library.renames, name, self.stack.template.get(section, {}))
        if new:
            message = f"`{name}` of {self.before} is called `{new[0]}` since {new[1]}"
            return self._moved(touch, message, f"rename it to `{new[0]}`")
        hint = "delete the override, or bring what you need as an addition"
        return self._moved(touch, f"`{name}` was in {self.before} and is gone from {self.after}", hint)

    def _changed(self, touch: Touch, pointer: str, was: Json, now: Json) -> Diagnostic:
        pointer, was, now = _narrow(pointer, was, now)
        old, new = write_both(was, now)
        if was is None:
            message = f"the platform set no `{pointer}` in {self.before} and sets `{new}` in {self.after}"
        elif now is None:
            message = f"the platform's `{pointer}` was `{old}` in {self.before} and is gone from {self.after}"
        else:
            message = f"the platform's `{pointer}` was `{old}` in {self.before} and is `{new}` in {self.after}"
        return self._moved(touch, message, "see whether the override is still right")

    def _moved(self, touch: Touch, message: str, hint: str) -> Diagnostic:
        return Diagnostic("D332", f"{message} (`{self.environment}`)", touch.span, hint, "warning")


def _differs(was: Json, now: Json) -> bool:
    return was is not now if was is None or now is None else not alike(was, now)


def _narrow(pointer: str, was: Json, now: Json) -> tuple[str, Json, Json]:
    """Go down to the one value that differs, where it is one."""
    while True:
        if isinstance(was, dict) and isinstance(now, dict) and not (is_intrinsic(was) or is_intrinsic(now)):
            keys = [key for key in {**was, **now} if _differs(was.get(key), now.get(key))]
        elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
            keys = [index for index in range(len(was)) if _differs(was[index], now[index])]
        else:
            return pointer, was, now
        if len(keys) != 1:
            return pointer, was, now
        [key] = keys
        pointer = f"{pointer}.{key}"
        was, now = (item.get(key) if isinstance(item, dict) else item[key] for item in (was, now))
