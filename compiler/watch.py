"""Watch: notice which settings a template looks at without writing them down, as where it compares one.

In: Settings.    Out: Settings of the same values, and a record of those that were looked at.
Never: changes what a value is or does. It cannot watch a boolean, or notice that a plain text is put before one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from compiler.model import Json, Setting, Settings
from compiler.trace import Traced, TracedFloat, TracedInt, TracedStr

_COMPARED = (
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__hash__",
    "__contains__",
    "__bool__",
    "__len__",
)
_COMPUTED = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
_LOOKS = {
    *_COMPARED,
    *(f"__{side}{name}__" for name in _COMPUTED for side in ("", "r")),
    *("__neg__", "__abs__", "__round__", "__format__", "__getitem__", "__iter__"),
}
_CONVERSIONS = {"__int__", "__float__", "__index__"}


@dataclass(frozen=True, slots=True)
class Looks:
    """The settings that something was asked of: what they are like, or to be a plain number, as troposphere does."""

    compared: set[Setting] = field(default_factory=set)
    converted: set[Setting] = field(default_factory=set)


def watch_settings(settings: Settings) -> tuple[Settings, Looks]:
    """Let the leaves of `settings.data` note whenever something is asked of them; the sets fill as that happens."""
    looks = Looks()
    return replace(settings, data=_watch(settings.data, looks)), looks


def _watch(value: Json, looks: Looks) -> Any:
    if isinstance(value, dict):
        return {key: _watch(item, looks) for key, item in value.items()}
    if isinstance(value, list):
        return [_watch(item, looks) for item in value]
    if not isinstance(value, Traced):
        return value
    kind = next(kind for kind in _WATCHED if isinstance(value, kind))
    watched: Any = _WATCHED[kind](value)
    watched.settings, watched.derived, watched.looks = value.settings, value.derived, looks
    return watched


def _watched_class(base: type[Any]) -> type[Any]:
    public = {name for name in dir(base) if not name.startswith("_")} - {"settings", "derived"}
    methods = {name: _noting(getattr(base, name), "compared") for name in dir(base) if name in _LOOKS | public}
    methods |= {name: _noting(getattr(base, name), "converted") for name in dir(base) if name in _CONVERSIONS}
    return type(f"Watched{base.__name__}", (base,), methods)


def _noting(method: Callable[..., Any], kind: str) -> Callable[..., Any]:
    def noting(self: Any, *arguments: Any, **named: Any) -> Any:
        getattr(self.looks, kind).update(self.settings)
        return method(self, *arguments, **named)

    return noting


_WATCHED = {base: _watched_class(base) for base in (TracedStr, TracedInt, TracedFloat)}
