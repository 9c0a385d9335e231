"""Share: which part of a service brought most of what stands below a path of a stack.

In: a Stack and a path.    Out: a Share, which is one section of a descriptor, or one file of overrides or additions.
Never: says what is too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from compiler.diagnostics import Span
from compiler.model import Path, Said, Stack, value_at, walk_leaves

_DESCRIPTORS = ("service", "base")
_TEMPLATES = ("override", "addition")
_EVERYWHERE: tuple[Path, ...] = (
    (),
    ("service",),
    ("owner",),
    ("description",),
)  # what every resource carries, and nobody can do without


@dataclass(frozen=True, slots=True)
class Share:
    """What one section of a descriptor, or one file, brought: its first place, and how many characters it says there.

    `section` is a path of the descriptor without the environment, or the path of the file alone.
    """

    section: Path
    span: Span
    weight: int


def find_heaviest(stack: Stack, path: Path, *, depth: int) -> Share | None:
    """Return the share that says most; None where the service says nothing. `depth` is how fine processes divide."""
    shares: dict[Path, Share] = {}
    for word in _words(stack, path, depth):
        if word.section in _EVERYWHERE:
            continue
        known = shares.get(word.section)
        shares[word.section] = replace(known, weight=known.weight + word.weight) if known else word
    return max(shares.values(), key=lambda share: share.weight, default=None)


def _words(stack: Stack, root: Path, depth: int) -> Iterator[Share]:
    for path, value in walk_leaves(value_at(stack.template, root), root):
        for said in stack.stories.get(path, ())[-1:]:
            if is_of_template(said):
                yield Share((said.origin.span.path,), said.origin.span, len(str(value)))
            elif said.origin.layer in _DESCRIPTORS:
                yield Share(_section(said.pointer, depth), said.origin.span, len(str(value)))
            for setting in said.fed_by:
                if setting.origin.layer in _DESCRIPTORS:
                    yield Share(_section(setting.path, depth), setting.origin.span, len(str(setting.value)))


def _section(pointer: Path, depth: int) -> Path:
    """Name the part of a descriptor that a word belongs to.

    >>> _section(("environments", "production", "processes", "web", "logs", "app", "path"), 3)
    ('processes', 'web', 'logs')
    """
    inside = pointer[2:] if pointer[:1] == ("environments",) else pointer
    return inside[: {"processes": depth, "messages": 2}.get(str(next(iter(inside), "")), 1)]


def is_of_template(said: Said) -> bool:
    """Tell whether a word stands in an override or an addition."""
    return said.origin.layer in _TEMPLATES
