"""Rival: two files of one layer that speak about the same value; which of them wins would hang on their names.

In: a node of a template, the path of a file.    Out: the words that may be a rival's, and whether one is.
Never: compares layers; a file of an environment's folder may change what a general one has said.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.model import Said
from compiler.node import ListNode, Node, stories_of

_VERBATIM = ("$replace", "$value")


def is_rival(said: Said, path: str) -> bool:
    """Tell whether a word is that of another file of overrides in the folder of a path."""
    other = said.origin.span.path
    return said.origin.layer == "override" and other != path and _folder(other) == _folder(path)


def last_words(node: Node) -> Iterator[Said]:
    """Yield the last word on each leaf of a node."""
    yield from (story[-1] for _, story in stories_of(node))


def whole_words(node: Node, depth: int) -> Iterator[Said]:
    """Yield the words that have put a node at this depth of a template in place as a whole, or what it stands in."""
    for said in last_words(node):
        verbatim = next((at for at, step in enumerate(said.pointer) if step in _VERBATIM), None)
        is_plain_list = isinstance(node, ListNode) and said.rule is None
        if is_plain_list or (verbatim is not None and verbatim <= depth):
            yield said


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
