"""Cause: find whose word a finding about a stack is due to.

In: a Stack and the path that a check complains about.    Out: the Said that caused it, and where to show that.
Never: judges a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.diagnostics import Related, Span
from compiler.model import Json, Path, Said, Stack

_TEAM_LAYERS = ("service", "override", "addition")


def find_cause(stack: Stack, path: Path, mentioned: Iterable[str] = ()) -> Said | None:
    """Return the word that a finding at a path is due to; None where the stack has no story near it.

    `mentioned` are the keys that the finding speaks about, such as a required one that is missing.
    A word of the service's team that takes part in the finding goes before the platform's.
    """
    path = existing_path(stack.template, path)
    names = tuple(mentioned)
    for name in names:
        for place in ((*path, name), (*path[:-1], name), ("Resources", name)):
            removal = find_removal(stack, place)
            if removal:
                return removal
    here = _said_at(stack, path)
    if here is None or not _is_team(here):
        for name in names:
            beside = _first_override(stack, (*path[:-1], name))
            if beside:
                return beside
    return here


def place_cause(said: Said) -> tuple[Span, tuple[Related, ...]]:
    """Return where to show a cause: what the platform computes from `service.yml` stands in `service.yml`."""
    fed_by = [setting for setting in said.fed_by if setting.origin.layer == "service"]
    if not fed_by:
        return said.origin.span, ()
    most_specific = max(fed_by, key=lambda setting: len(setting.path))
    return most_specific.origin.span, (Related("the platform computes the value here", said.origin.span),)


def find_removal(stack: Stack, path: Path) -> Said | None:
    """Return the word that removed what stood at or below a path."""
    return next((story[-1] for where, story in stack.removed.items() if where[: len(path)] == path), None)


def existing_path(template: Json, path: Path) -> Path:
    """Cut a path where the template has nothing more; indices become numbers."""
    walked: list[str | int] = []
    for step in path:
        if isinstance(template, list) and str(step).isdecimal() and int(step) < len(template):
            walked.append(int(step))
        elif isinstance(template, dict) and step in template:
            walked.append(step)
        else:
            break
        template = template[walked[-1]]
    return tuple(walked)


def _said_at(stack: Stack, path: Path) -> Said | None:
    below = tuple(_stories_below(stack, path))
    is_leaf = len(below) == 1 and below[0][0] == path
    if is_leaf:
        return below[0][1]
    override = _first_override(stack, path)
    if override or len(path) < 2:
        return override if len(path) > 1 else None
    if path[2:] not in ((), ("Properties",)) and below and all(_is_team(said) for _, said in below):
        return below[0][1]
    ends = range(len(path), 0, -1)
    return next((stack.stories[path[:end]][-1] for end in ends if path[:end] in stack.stories), None)


def _first_override(stack: Stack, path: Path) -> Said | None:
    return next((said for _, said in _stories_below(stack, path) if said.origin.layer == "override"), None)


def _stories_below(stack: Stack, path: Path) -> Iterator[tuple[Path, Said]]:
    for where, story in stack.stories.items():
        if where[: len(path)] == path:
            yield where, story[-1]


def _is_team(said: Said) -> bool:
    layers = [said.origin.layer, *(setting.origin.layer for setting in said.fed_by)]
    return any(layer in _TEAM_LAYERS for layer in layers)
