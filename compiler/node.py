"""Node: a piece of a template whose leaves remember who spoke about them.

In: plain JSON and stories.    Out: frozen trees, and plain JSON and stories again.
Never: changes a tree; a change is a new tree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.model import Json, Path, Said

Story = tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar, or an empty list or map."""

    value: Json
    story: Story


@dataclass(frozen=True, slots=True)
class MapNode:
    items: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class ListNode:
    items: tuple[Node, ...]


Node = Leaf | MapNode | ListNode


def grow(value: Json, tell: Callable[[Path, Json], Story], path: Path = ()) -> Node:
    """Make a tree of plain JSON; `tell` gives the story of the leaf at a path."""
    if isinstance(value, dict) and value:
        return MapNode({key: grow(item, tell, (*path, key)) for key, item in value.items()})
    if isinstance(value, list) and value:
        return ListNode(tuple(grow(item, tell, (*path, index)) for index, item in enumerate(value)))
    return Leaf(value, tell(path, value))


def strip(node: Node) -> Json:
    """Return the plain JSON of a tree."""
    if isinstance(node, MapNode):
        return {key: strip(item) for key, item in node.items.items()}
    if isinstance(node, ListNode):
        return [strip(item) for item in node.items]
    return node.value


def stories_of(node: Node, path: Path = ()) -> Iterator[tuple[Path, Story]]:
    """Yield the story of every leaf below a node."""
    if isinstance(node, MapNode):
        for key, item in node.items.items():
            yield from stories_of(item, (*path, key))
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from stories_of(item, (*path, index))
    else:
        yield path, node.story


def find_directive(value: Json, path: Path = ()) -> Path | None:
    """Find the first key with a dollar sign in front, which is a directive or meant as one.

    >>> find_directive([{"a": {"$append": [1]}}])
    (0, 'a', '$append')
    """
    if isinstance(value, dict):
        own = next((key for key in value if key.startswith("$")), None)
        inner = (find_directive(item, (*path, key)) for key, item in value.items())
        return (*path, own) if own is not None else next(filter(None, inner), None)
    if isinstance(value, list):
        return next(filter(None, (find_directive(item, (*path, index)) for index, item in enumerate(value))), None)
    return None


def whole_story(node: Node) -> Story:
    """Tell the story of a node as one value: who made it, and what it was as a whole."""
    if isinstance(node, Leaf):
        return node.story
    _, story = next(stories_of(node))
    return (replace(story[-1], value=strip(node)),)


def note_rule(node: Node, rule: str, path: str) -> Node:
    """Note on the leaves that the file of overrides at a path has just written by which rule they got there."""
    if isinstance(node, MapNode):
        return MapNode({key: note_rule(item, rule, path) for key, item in node.items.items()})
    if isinstance(node, ListNode):
        return ListNode(tuple(note_rule(item, rule, path) for item in node.items))
    last = node.story[-1]
    if last.origin.layer != "override" or last.origin.span.path != path or last.rule:
        return node
    return Leaf(node.value, (*node.story[:-1], replace(last, rule=rule)))


def is_intrinsic(value: Json) -> bool:
    """Tell whether plain JSON is a call of an intrinsic function, or a reference to a condition.

    >>> is_intrinsic({"Ref": "WebGroup"}), is_intrinsic({"Ref": "A", "Fn::Sub": "b"})
    (True, False)
    """
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((name, argument),) = value.items()
    return name == "Ref" or name.startswith("Fn::") or (name == "Condition" and isinstance(argument, str))


def same(one: Json, other: Json) -> bool:
    """Compare by value and type; the order of keys has no meaning.

    >>> same({"a": 1, "b": 2}, {"b": 2, "a": 1}), same(8080, "8080"), same(1, True)
    (True, False, False)
    """
    return _canonical(one) == _canonical(other)


def alike(one: Json, other: Json) -> bool:
    """Compare as CloudFormation does, to which `8080` and `"8080"` are the same property value."""
    return _canonical(_as_text(one)) == _canonical(_as_text(other))


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _as_text(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
