"""Hidden: the lines of a descriptor without the values that stand where secrets are named.

In: lines of text.    Out: as many lines, as long as they were, with asterisks in place of what may be a secret.
Never: parses. The place decides, not the form of the value, and it has to be found in a text that is no YAML too.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from compiler.diagnostics import Diagnostic, Source, Span

HINT_TO_STORE = "store it as a SecureString parameter, name its path under `secrets`, and revoke this one"

_SECTION = "secrets"
_KEY = re.compile(r"""(?:^|(?<=[\s{,"']))([A-Za-z][A-Za-z_-]{2,40})["']?\s*:(?=\s|$|["'{\[])""")
# In small letters, for the names of environment variables are none of a section.
_MEANT = re.compile(r"secret|passw|credential|tokens")
# What is no secret: the name of an entry, and beside it a path of the form that is asked for.
_NAME = r"""["']?[A-Za-z_][A-Za-z0-9_-]*["']?\s*:(?=\s|$|["'{\[])"""
_PATH = r"""["']?(?:/(?:[A-Za-z0-9_.-]|<environment>)+)+["']?"""
_ENTRY = re.compile(rf"^\s*{_NAME}(?:\s*{_PATH}(?=\s*$))?")
_ENTRY_IN_BRACKETS = re.compile(
    rf"(?:^\s*|(?<!:)(?<!: )[{{,]\s*){_NAME}(?:\s*{_PATH}(?=\s*(?:[,}}]|$)))?|^\s*[{{}},]+\s*$|(?<![}}\]])[}}\]]+,?\s*$"
)
_BRACKETS = {"{": 1, "[": 1, "}": -1, "]": -1}


def hide_secrets(lines: Iterable[str]) -> tuple[str, ...]:
    """Hide all that stands in a section for secrets, or for what has nearly such a name, but names and sound paths."""
    hidden = []
    depth: int | None = None  # how far the section is indented, where the line is in one
    opened = 0  # brackets of the section that no line has closed yet
    for line in lines:
        indent = len(line) - len(line.lstrip())
        # The items of a list may stand as far to the left as the key that they belong to.
        if depth is not None and not opened and line.strip() and indent <= depth and line.lstrip()[:2] != "- ":
            depth = None
        if depth is not None:
            hidden.append(_hide(line, in_brackets=opened > 0))
            opened = max(0, opened + _count_brackets(line))
            continue
        begins = next((found for found in _KEY.finditer(line) if _is_for_secrets(found[1])), None)
        if begins is None:
            hidden.append(line)
            continue
        rest = line[begins.end() :]
        is_map = rest.lstrip().startswith("{")
        hidden.append(line[: begins.end()] + (_hide(rest, in_brackets=True) if is_map else _cover(rest)))
        depth, opened = indent, max(0, _count_brackets(rest))
    return tuple(hidden)


def hide_values(source: Source, keys: Iterable[Span]) -> Source:
    """Hide what follows some keys on their lines, whatever it is."""
    lines = list(source.lines)
    for span in keys:
        line, at = lines[span.end_line - 1], span.end_column - 1
        lines[span.end_line - 1] = line[:at] + re.sub(r"[^\s:{]", "*", line[at:])
    return Source(source.path, tuple(lines))


def hide_quotes(fault: Diagnostic, lines: Sequence[str]) -> Diagnostic:
    """Leave out what a fault quotes of a text, given by its real lines, where the source it points into hides it."""
    span = fault.span
    if span is None or span.line > len(lines):
        return fault
    end = span.end_column - 1 if span.end_line == span.line else None
    shown, real = (each[span.line - 1][span.column - 1 : end] for each in (span.source.lines, lines))
    if shown == real:
        return fault
    return replace(fault, message=re.sub("`.*`", "`***`", fault.message, flags=re.DOTALL), hint=HINT_TO_STORE)


@functools.cache
def _is_for_secrets(name: str) -> bool:
    return bool(_MEANT.search(name) or difflib.get_close_matches(name.casefold(), [_SECTION], cutoff=0.7))


def _hide(text: str, *, in_brackets: bool) -> str:
    shown, at = "", 0
    for entry in (_ENTRY_IN_BRACKETS if in_brackets else _ENTRY).finditer(text):
        shown += _cover(text[at : entry.start()]) + entry[0]
        at = entry.end()
    return shown + _cover(text[at:])


def _cover(text: str) -> str:
    return re.sub(r"\S", "*", text)


def _count_brackets(text: str) -> int:
    return sum(_BRACKETS.get(character, 0) for character in text)
