"""Wording: how places, values and numbers of things are written in a message.

In: paths, plain JSON.    Out: text of one line.
Never: writes more of a value than a line has room for, or half of a credential, which nobody would know for one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from compiler.diagnostics import mask_credentials

if TYPE_CHECKING:  # every command counts things, and `--version` needs no model
    from compiler.model import Json, Path

_DOTS = "..."


def write_path(path: Path) -> str:
    """Write a path with dots.

    >>> write_path(("Resources", "A", "Tags", 0))
    'Resources.A.Tags.0'
    """
    return ".".join(str(step) for step in path)


def count_things(number: int, noun: str) -> str:
    """Count with the noun in its right form.

    >>> count_things(1, "change"), count_things(2, "change")
    ('1 change', '2 changes')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def write_value(value: Json, most: int = 60) -> str:
    """Write a value as JSON, cut off after so many characters."""
    return cut_text(json.dumps(value, ensure_ascii=False), most)


def write_both(one: Json, other: Json, most: int = 100) -> tuple[str, str]:
    """Write two values that differ, so that what is written differs too.

    >>> write_both(["a" * 30, 1], ["a" * 30, 2], 20)
    ('...aaaa", 1]', '...aaaa", 2]')
    """
    texts = json.dumps(one, ensure_ascii=False), json.dumps(other, ensure_ascii=False)
    shared = next((at for at, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    skipped = max(0, shared - most // 2)
    if max(map(len, texts)) <= most or not skipped:
        return cut_text(texts[0], most), cut_text(texts[1], most)
    masked = map(mask_credentials, texts)  # which moves no character
    before, after = (cut_text(_DOTS + text[skipped + len(_DOTS) :], most) for text in masked)
    return before, after


def cut_text(text: str, most: int) -> str:
    """Mask credentials, then cut off after so many characters: half of a credential would not be known for one.

    >>> cut_text("the key AKIAIOSFODNN7EXAMPLE of the build", 20)
    'the key AKIA*****...'
    """
    masked = mask_credentials(text)
    return masked if len(masked) <= most else masked[: most - len(_DOTS)] + _DOTS
