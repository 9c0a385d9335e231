"""Trace: values that remember which settings they came from.

In: a plain value and the settings that fed it.    Out: a str, int or float that behaves as the plain one.
Never: changes a value. A bool cannot be subclassed and travels untraced.
"""

from __future__ import annotations

from typing import Any, TypeVar

from compiler.model import Setting

T = TypeVar("T")


class TracedStr(str):
    settings: tuple[Setting, ...]
    derived: bool

    def __str__(self) -> str:
        return self  # str would make a copy without the trace


class TracedInt(int):
    settings: tuple[Setting, ...]
    derived: bool

    def __str__(self) -> str:
        # troposphere turns some integers into strings (`MinSize`); the trace has to survive that.
        text: str = _attach(TracedStr(int.__repr__(self)), self.settings, self.derived)
        return text


class TracedFloat(float):
    settings: tuple[Setting, ...]
    derived: bool

    def __str__(self) -> str:
        text: str = _attach(TracedStr(float.__repr__(self)), self.settings, self.derived)
        return text


Traced = TracedStr | TracedInt | TracedFloat


def trace_value(value: T, *settings: Setting) -> T:
    """Give a plain value the setting it is the value of."""
    traced: T = _trace(value, settings, derived=False)
    return traced


def derive(value: T, *sources: object) -> T:
    """Give a computed value the settings of everything it was computed from.

    Sources may be traced values, or lists and maps that hold them; plain ones add nothing.
    """
    settings = tuple(dict.fromkeys(s for source in sources for s in settings_of(source)))
    return _trace(value, settings, derived=True) if settings else value


def join(*parts: object) -> str:
    """Concatenate, keeping the settings of every part.

    >>> join("/service/", "production", "/", 3)
    '/service/production/3'
    """
    return derive("".join(str(part) for part in parts), *parts)


def settings_of(value: object) -> tuple[Setting, ...]:
    if isinstance(value, Traced):
        return value.settings
    if isinstance(value, dict):
        return tuple(s for item in value.values() for s in settings_of(item))
    if isinstance(value, (list, tuple)):
        return tuple(s for item in value for s in settings_of(item))
    return ()


def plain(value: Any) -> Any:
    """Strip the trace from a value and everything in it."""
    if isinstance(value, dict):
        return {str.__str__(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, TracedStr):
        return str.__str__(value)
    if isinstance(value, TracedInt):
        return int.__int__(value)
    if isinstance(value, TracedFloat):
        return float.__float__(value)
    return value


def _trace(value: Any, settings: tuple[Setting, ...], *, derived: bool) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    kind = TracedStr if isinstance(value, str) else TracedInt if isinstance(value, int) else TracedFloat
    return _attach(kind(plain(value)), settings, derived)


def _attach(value: Any, settings: tuple[Setting, ...], derived: bool) -> Any:
    value.settings = settings
    value.derived = derived
    return value


class RefusalError(ValueError):
    """What a template raises at a value that it cannot build from: it is told where that was said, with the hint.

    `value` is as the template was given it, with its trace; `hint` is one imperative sentence.
    """

    def __init__(self, message: str, value: object, hint: str) -> None:
        super().__init__(message)
        self.value = value
        self.hint = hint
