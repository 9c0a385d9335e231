"""Lint words: say what cfn-lint found as a diagnostic of Flagstone says it.

In: the message of a match.    Out: one line with names in back-quotes, and a hint where a name is near.
Never: knows cfn-lint's rules; a message of no known form is passed on as it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence

from compiler.diagnostics import suggest
from compiler.wording import cut_text

_LONGEST_MESSAGE = 240
_LONGEST_NAME = 100
_LONGEST_LIST = 8
_CHOICE = re.compile(r"(?P<value>.+?) is not one of (?P<choices>\[.*?\])(?P<rest>.*)")
_UNEXPECTED = re.compile(r"Additional properties are not allowed \('(?P<key>.+?)' was unexpected.*")
_NEAR = re.compile(r"Did you mean '(?P<key>[^']+)'")
_NO_FORM = re.compile(r".* is not valid under any of the given schemas")
_QUOTED = re.compile(r"(?<!\w)'([^'`]+)'(?!\w)")


def unexpected_key(message: str) -> str | None:
    """Return the key that a message says has no place where it stands."""
    found = _UNEXPECTED.match(message)
    return found["key"] if found else None


def mentioned_names(message: str) -> Iterator[str]:
    """Yield the names that a message speaks about, without the choices that it offers."""
    if not _UNEXPECTED.match(message):
        yield from _QUOTED.findall(message.partition(" is not one of [")[0])


def word_finding(message: str, details: Sequence[str], known: Collection[str]) -> tuple[str, str | None]:
    """Word a message. `details` say why each form does not fit; `known` are the properties that could stand there."""
    line = " ".join(message.split()).rstrip(".")
    key = unexpected_key(line)
    if key is not None:
        return _word_key(line, key, known)
    choice = _CHOICE.fullmatch(line)
    if choice:
        return _word_choice(choice)
    if _NO_FORM.fullmatch(line):
        line = "the value fits none of the accepted forms"
        line += f": {'; '.join(details[:3])}" if details else ""
    return _tidy(line), None


def _word_key(line: str, key: str, known: Collection[str]) -> tuple[str, str | None]:
    if key in known:
        return f"`{key}` is not allowed here", None
    near = _NEAR.search(line)
    return f"unknown key `{key}`", suggest(key, known or (near.groups() if near else ()))


def _word_choice(choice: re.Match[str]) -> tuple[str, str | None]:
    try:
        value, choices = ast.literal_eval(choice["value"]), ast.literal_eval(choice["choices"])
    except (ValueError, SyntaxError):
        return _tidy(choice.group()), None
    names = [str(item) for item in choices]
    which = f"one of {', '.join(f'`{name}`' for name in names)}"
    if not names or len(names) > _LONGEST_LIST:
        which = "one of the values known here"
    return _tidy(f"`{value}` is not {which}{choice['rest']}"), suggest(str(value), names)


def _tidy(line: str) -> str:
    cut = cut_text(_QUOTED.sub(lambda found: f"`{cut_text(found[1], _LONGEST_NAME)}`", line), _LONGEST_MESSAGE)
    return cut + "`" if cut.count("`") % 2 else cut
