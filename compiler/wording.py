"""Wording: how places and values are written in a message.

In: paths, plain JSON.    Out: text of one line.
Never: writes more of a value than a line has room for.
"""

from __future__ import annotations

import json

from compiler.model import Json, Path

_DOTS = "..."


def write_path(path: Path) -> str:
    """Write a path with dots.

    >>> write_path(("Resources", "A", "Tags", 0))
    'Resources.A.Tags.0'
    """
    return ".".join(str(step) for step in path)


def write_value(value: Json, most: int = 60) -> str:
    """Write a value as JSON, cut off after so many characters."""
    return _cut(json.dumps(value, ensure_ascii=False), most)


def write_both(one: Json, other: Json, most: int = 100) -> tuple[str, str]:
    """Write two values that differ, so that what is written differs too.

    >>> write_both(["a" * 30, 1], ["a" * 30, 2], 20)
    ('...aaaa", 1]', '...aaaa", 2]')
    """
    texts = json.dumps(one, ensure_ascii=False), json.dumps(other, ensure_ascii=False)
    shared = next((at for at, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    skipped = max(0, shared - most // 2)
    if max(map(len, texts)) <= most or not skipped:
        return _cut(texts[0], most), _cut(texts[1], most)
    before, after = (_cut(_DOTS + text[skipped + len(_DOTS) :], most) for text in texts)
    return before, after


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(_DOTS)] + _DOTS
