"""Report, safe: what may be shown of a text that somebody else wrote.

In: a path, a message or a source line.    Out: the same without credentials and without what commands a terminal.
Never: moves a character while masking it, so that columns stay true.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata

from compiler.diagnostics import Source, mask_credentials
from compiler.model import Json

TAB = " " * 4
_MAX_SHOWN = 1_000
# Masking looks at no more than this much around what is shown, so that a hostile line of megabytes costs nothing.
_REACH = 8_192
_KEY_LINES = 200
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_ZERO_WIDTH_JOINERS = "\u200c\u200d"


def mask_text(text: str) -> str:
    """Mask credentials, and cut a text that is too long to be read.

    >>> mask_text("key AKIAIOSFODNN7EXAMPLE")
    'key AKIA****************'
    """
    masked = (
        mask_credentials(text[:_REACH]).encode(errors="backslashreplace").decode()
    )  # a lone surrogate cannot be written
    return masked if len(masked) <= _MAX_SHOWN else masked[: _MAX_SHOWN - 1] + "…"


def mask_data(data: Json) -> Json:
    """Mask the credentials in every text of plain data, and leave the texts as long as they are."""
    if isinstance(data, dict):
        return {mask_data(key): mask_data(item) for key, item in data.items()}
    if isinstance(data, list):
        return [mask_data(item) for item in data]
    return mask_credentials(data).encode(errors="backslashreplace").decode() if isinstance(data, str) else data


def mask_line(source: Source, line: int, column: int, *, reach: int) -> tuple[str, int]:
    """Take `reach` characters of a line on both sides of a column, masked, and how many were left out before them."""
    text = source.lines[line - 1]
    first, last = max(0, column - _REACH), column + _REACH
    masked = mask_credentials(text[first:last])
    if _stands_in_private_key(source, line):
        masked = re.sub(r"\S", "*", masked)
    start = max(first, column - reach)
    return masked[start - first : column + reach - first], start


def escape_text(text: str) -> str:
    r"""Show control characters, which could command a terminal, and invisible ones, which mislead, as escapes.

    >>> escape_text("red \x1b[31m")
    'red \\x1b[31m'
    """
    return "".join(escape_character(character) for character in text)


def escape_character(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if character == "\t":
        return TAB
    category = unicodedata.category(character)
    if category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and character not in _ZERO_WIDTH_JOINERS):
        return character.encode("unicode_escape").decode()
    return character


def show_text(text: str) -> str:
    """Make a text fit for one line of a terminal or a log."""
    return escape_text(mask_text(text))


def measure_text(text: str) -> int:
    """Count the columns that a text takes in a terminal: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def place_path(path: str, prefix: str) -> str:
    """Name a path as seen from the user's folder; what stands in the library keeps its own name."""
    if prefix in ("", ".") or path.startswith("platform/"):
        return mask_credentials(path)
    return mask_credentials(posixpath.normpath(posixpath.join(prefix, path)))


def _stands_in_private_key(source: Source, line: int) -> bool:
    for before in reversed(source.lines[max(0, line - 1 - _KEY_LINES) : line - 1]):
        if "-----END" in before:
            return False
        if _KEY_BEGINS.search(before[:_REACH]):
            return True
    return False
