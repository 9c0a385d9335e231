"""Blame: look into settings, and place what is wrong with one of them.

In: settings, whole or in parts; what may be missing or of another shape was reported before.    Out: Diagnostics.
Never: judges.
"""

from __future__ import annotations

from typing import Any

from compiler.diagnostics import Diagnostic, Related, Severity, Span
from compiler.model import Json
from compiler.trace import settings_of


def map_at(data: Any, key: str) -> dict[str, Any]:
    """Return the map below a key, an empty one where there is none."""
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def number_at(data: Any, key: str) -> Any:
    """Return the number below a key, None where there is none."""
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def is_from_service(value: Json) -> bool:
    """Tell whether the team had a hand in a value."""
    return any(setting.origin.layer == "service" for setting in settings_of(value))


def span_of(value: Json) -> Span:
    """Return where the word stands that a value comes from."""
    return settings_of(value)[0].origin.span


def fault_at(code: str, message: str, value: Json, hint: str, severity: Severity = "error") -> Diagnostic:
    """Report a fault where a value stands."""
    return Diagnostic(code, message, span_of(value), hint, severity)


def conflict_at(
    code: str, message: str, blamed: tuple[Any, str], other: tuple[Any, str], hint: str | None = None
) -> Diagnostic:
    """Report two values that contradict each other; the one that the service set last and nearest is blamed."""
    if not is_from_service(blamed[0]) and is_from_service(other[0]):
        blamed, other = other, blamed
    related = (Related(f"`{other[1]}` is {other[0]} here", span_of(other[0])),)
    return Diagnostic(
        code, message, span_of(blamed[0]), hint or f"change `{blamed[1]}` or `{other[1]}`", related=related
    )
