"""Cause: find whose word a finding about a stack is due to.

In: a Stack and the path that a check complains about.    Out: the Said that caused it, and where to show that.
Never: judges a value, or looks at more of a stack than what the finding is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from compiler.diagnostics import Related, Span
from compiler.model import Json, Path, Said, Stack, value_at, walk_leaves

_TEAM_LAYERS = ("service", "override", "addition")
_SERVICE_TEMPLATES = ("override", "addition")
# What is small and only defined to be referred to: a word in it concerns whoever refers to it.
_DEFINITIONS = ("Parameters", "Conditions", "Mappings")
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9]+)")
_PLACE = re.compile(r"\bResources(?:/[\w:]+)+")  # as messages of cfn-lint name another place of the template
_WORD = re.compile(r"[A-Za-z0-9]+(?:\.[0-9]+)?")


def find_cause(stack: Stack, path: Path, mentioned: Iterable[str] = (), message: str = "") -> Said | None:
    """Return the word that a finding at a path is due to; None where the stack has no story near it.

    `mentioned` are the keys that the finding speaks about, such as a required one that is missing; in `message` other
    values may be named that take part. A word of the service's team goes before the platform's, and what an override
    or an addition says before what it was said over.
    """
    path = existing_path(stack.template, path)
    names = tuple(mentioned)
    if len(path) < 2:
        named = next((name for name in names if existing_path(stack.template, (*path, name)) != path), None)
        path = path if named is None else (*path, named)
    removal = _mentioned_removal(stack, path, names)
    if removal:
        return removal
    here = _said_at(stack, path)
    if here is not None and here.origin.layer in _SERVICE_TEMPLATES:
        return here
    beside = _words_beside(stack, path, {*names, *_WORD.findall(message)})
    places = [existing_path(stack.template, tuple(place.split("/"))) for place in _PLACE.findall(message)]
    places.extend((section, name) for name in names for section in _DEFINITIONS)
    others = (said for place in places for said in _words_below(stack, place))
    return next((said for said in (*beside, *others) if said.origin.layer in _SERVICE_TEMPLATES), here)


def place_cause(said: Said) -> tuple[Span, tuple[Related, ...]]:
    """Return where to show a cause: what the platform computes from `service.yml` stands in `service.yml`."""
    fed_by = [setting for setting in said.fed_by if setting.origin.layer == "service"]
    if not fed_by:
        return said.origin.span, ()
    most_specific = max(fed_by, key=lambda setting: len(setting.path))
    return most_specific.origin.span, (Related("the platform computes the value here", said.origin.span),)


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


def told_of(stack: Stack, path: Path) -> Said | None:
    """Return the last word on the leaf at a path; None where something larger stands there."""
    value = value_at(stack.template, path)
    story = stack.stories.get(path)
    return story[-1] if story and (not isinstance(value, (dict, list)) or not value) else None


# Circles


def find_references(stack: Stack) -> dict[str, list[tuple[str, Said]]]:
    """List what each resource refers to, and who says so."""
    resources = stack.template.get("Resources") or {}
    return {
        name: [
            (target, stack.stories[path][-1])
            for path, value in walk_leaves(body, ("Resources", name))
            if isinstance(value, str) and path in stack.stories
            for target in _referred(path, value)
            if target in resources
        ]
        for name, body in resources.items()
    }


def find_circles(references: Mapping[str, list[tuple[str, Said]]]) -> dict[str, Said]:
    """Name for each resource in a circle the reference that is its cause: an override's before an addition's.

    Each circle is walked once, not once for each of its resources.
    """
    forwards = {name: [target for target, _ in targets] for name, targets in references.items()}
    backwards: dict[str, list[str]] = {name: [] for name in references}
    for name, targets in forwards.items():
        for target in targets:
            backwards[target].append(name)
    causes: dict[str, Said] = {}
    for name in references:
        circle = set() if name in causes else _reach(name, forwards) & _reach(name, backwards)
        said = [word for each in references if each in circle for target, word in references[each] if target in circle]
        if said:
            causes |= dict.fromkeys(circle, max(said, key=_strength))
    return causes


def _reach(start: str, edges: Mapping[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        for target in edges[ahead.pop()]:
            if target not in seen:
                seen.add(target)
                ahead.append(target)
    return seen


def _referred(path: Path, value: str) -> list[str]:
    if path[2:3] == ("DependsOn",) or path[-1] == "Ref" or path[-2:] == ("Fn::GetAtt", 0):
        return [value]
    if path[-1] == "Fn::GetAtt":
        return [value.partition(".")[0]]
    return _REFERENCE.findall(value) if "Fn::Sub" in (path[-1], path[-2]) else []


def _strength(said: Said) -> int:
    layers = ("service", "addition", "override")
    return layers.index(said.origin.layer) if said.origin.layer in layers else -1


# What overrides removed


def _mentioned_removal(stack: Stack, path: Path, names: tuple[str, ...]) -> Said | None:
    """Return the word that removed what a finding misses: the thing itself, or something that held it."""
    for name in names:
        places = ((*path, name), (*path[:-1], name))
        for where, story in stack.removed.items():
            is_it = any(where[: len(place)] == place for place in places)
            is_below = where[: len(path)] == path and (where[-1] == name or _holds(story, name))
            is_defined = where[1:2] == (name,) and (len(where) == 2 or where[0] in _DEFINITIONS)
            if is_it or is_below or is_defined:
                return story[-1]
    return None


def _holds(story: tuple[Said, ...], name: str) -> bool:
    """Tell whether what was removed had a key or a value of that name."""
    lost = story[-2].value if len(story) > 1 else None
    return any(name in path or name == value for path, value in walk_leaves(lost))


# Words


def _said_at(stack: Stack, path: Path) -> Said | None:
    leaf = told_of(stack, path)
    if leaf:
        return leaf
    below = list(_words_below(stack, path))
    if len(path) < 2:
        # Of a section as a whole the platform has no word of its own.
        return next((said for said in below if said.origin.layer in _SERVICE_TEMPLATES), None) if path else None
    override = next((said for said in below if said.origin.layer == "override"), None)
    if override:
        return override
    is_whole = path[2:] in ((), ("Properties",)) and isinstance(value_at(stack.template, path), dict)
    if not is_whole and below and all(_is_team(said) for said in below):
        return below[0]
    ends = range(len(path), 0, -1)
    return next((stack.stories[path[:end]][-1] for end in ends if path[:end] in stack.stories), None)


def _words_beside(stack: Stack, path: Path, words: set[str]) -> Iterator[Said]:
    """Yield who spoke about what stands beside a path and is named by a word: by its key, or as a number."""
    parent = value_at(stack.template, path[:-1])
    for key, value in parent.items() if len(path) > 2 and isinstance(parent, dict) else ():
        if key in words or (str(value).isdecimal() and str(value) in words):
            yield from _words_below(stack, (*path[:-1], key))


def _words_below(stack: Stack, path: Path) -> Iterator[Said]:
    for where, _ in walk_leaves(value_at(stack.template, path), path):
        if where in stack.stories:
            yield stack.stories[where][-1]


def _is_team(said: Said) -> bool:
    layers = [said.origin.layer, *(setting.origin.layer for setting in said.fed_by)]
    return any(layer in _TEAM_LAYERS for layer in layers)
