"""Mistyped: what somebody most likely meant where a text is no YAML.

In: the parser's words, the lines that it was reading.    Out: a hint, or None.
Never: says that a text is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_NO_SPACE = re.compile(r"\s*([A-Za-z_][\w.-]*:)[^\s:/]\S*\s*$")
# What looks like a space or like nothing.
_UNSEEN = re.compile("[\u00a0\u2000-\u200b\u202f\u2060\u3000\ufeff]")
_RESERVED = "@`%"


def guess_intent(problem: str, lines: Sequence[str], first: int, last: int, column: int) -> str | None:
    """Guess what was meant. The parser read from line `first` and gave up at `last`, at `column`; all count from 1.

    >>> guess_intent("could not find expected ':'", ["port:8080", "dns: a"], 1, 2, 1)
    'write a space after `port:`'
    """
    here = lines[last - 1] if last <= len(lines) else ""
    read = lines[max(0, first - 2) : last]  # with the line above, which may have gone on
    conflict = next((number for number, line in enumerate(lines, 1) if _CONFLICT.match(line)), None)
    if conflict:
        return f"two branches met at line {conflict}: keep what is right of both, and remove git's marks"
    if "\t" in here[: column + 1]:
        return "indent with spaces, YAML allows no tabs there"
    for number, line in enumerate(read, max(1, first - 1)):
        if unseen := _UNSEEN.search(line):
            return f"line {number} holds U+{ord(unseen[0]):04X}, which looks like a space: write a plain one"
    if here[column - 1 : column] in tuple(_RESERVED):
        return f"put a value that begins with `{here[column - 1]}` in quotes".replace("```", "a backtick")
    for line in read:
        if joined := _NO_SPACE.match(line):
            return f"write a space after `{joined[1]}`"
    if "mapping values" in problem:
        return "quote a value that contains `: `, and check the indentation"
    return None
