"""Graph: which resources a stack has and which of them refer to which; of a diff, what becomes of each.

In: a stack, or a Diff and an environment.    Out: Graph.
Never: lays anything out, or follows a reference into another stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from compiler.changes import Change, Diff, SideStack
from compiler.model import Json, Path, value_at
from compiler.risk import find_risks

State = Literal[
    "unchanged", "changed", "added", "interruption", "security", "conditional", "removed", "replacement", "data-loss"
]
EdgeState = Literal["unchanged", "added", "removed"]

STATES: tuple[State, ...] = (  # the mildest first
    *("unchanged", "changed", "added", "interruption", "security", "conditional", "removed"),
    *("replacement", "data-loss"),
)
PARAMETER = "Parameter"
_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


@dataclass(frozen=True, slots=True)
class Node:
    """A resource or a parameter. `group` is the template, addition or AWS service that it belongs to.

    `state` is the worst that happens to it. `renamed_from` is the logical id that it had before.
    """

    id: str
    type: str
    group: str
    state: State = "unchanged"
    has_security: bool = False
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` refers to `target` in its properties, or only waits for it with DependsOn."""

    source: str
    target: str
    is_order_only: bool = False
    state: EdgeState = "unchanged"


@dataclass(frozen=True, slots=True)
class Graph:
    """The resources of one environment by group and logical id, and what connects them by both ends."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    is_diff: bool = False


def graph_stack(stack: SideStack, *, title: str, with_parameters: bool = False) -> Graph:
    """Draw up the graph of one stack."""
    nodes = _nodes(stack, with_parameters)
    edges = [Edge(*ends, is_order_only=is_order) for ends, is_order in _edges(stack, nodes, {}).items()]
    return Graph(title, _ordered(nodes.values()), _ordered_edges(edges))


def graph_diff(diff: Diff, environment: str, *, title: str, with_parameters: bool = False) -> Graph:
    """Draw up the graph of both sides of one environment; what was renamed is one node under its new logical id."""
    sides = [side.stacks[environment] for side in (diff.before, diff.after) if environment in side.stacks]
    changes = [each for each in diff.changes if each.environment == environment and each.logical_id is not None]
    renamed = {str(each.logical_id): each.renamed_to for each in changes if each.renamed_to is not None}
    nodes: dict[str, Node] = {}
    for side in sides:
        nodes |= {name: node for name, node in _nodes(side, with_parameters).items() if name not in renamed}
    for change in changes:
        name = change.renamed_to or str(change.logical_id)
        if name in nodes:
            nodes[name] = _marked(nodes[name], change)
    if len(sides) == 1:  # the whole environment comes or goes
        whole: State = "added" if environment in diff.after.stacks else "removed"
        nodes = {name: replace(node, state=max(node.state, whole, key=STATES.index)) for name, node in nodes.items()}
    before, after = (
        _edges(side.stacks[environment], nodes, renamed) if environment in side.stacks else {}
        for side in (diff.before, diff.after)
    )
    edges = [
        Edge(
            *ends,
            is_order,
            "unchanged" if ends in before and ends in after else "added" if ends in after else "removed",
        )
        for ends, is_order in (before | after).items()
    ]
    return Graph(title, _ordered(nodes.values()), _ordered_edges(edges), is_diff=True)


def around_changes(graph: Graph) -> Graph:
    """Leave of a graph what changes and what is connected to it at once."""
    changed = {node.id for node in graph.nodes if node.state != "unchanged"}
    edges = tuple(edge for edge in graph.edges if edge.source in changed or edge.target in changed)
    shown = changed | {end for edge in edges for end in (edge.source, edge.target)}
    return Graph(graph.title, tuple(node for node in graph.nodes if node.id in shown), edges, graph.is_diff)


def among_changes(graph: Graph) -> Graph:
    """Leave of a graph what changes, and what connects that."""
    changed = {node.id for node in graph.nodes if node.state != "unchanged"}
    edges = tuple(edge for edge in graph.edges if edge.source in changed and edge.target in changed)
    return Graph(graph.title, tuple(node for node in graph.nodes if node.id in changed), edges, graph.is_diff)


def _nodes(stack: SideStack, with_parameters: bool) -> dict[str, Node]:
    found = {}
    if with_parameters:
        found = {name: Node(name, PARAMETER, "parameters") for name in _section(stack, "Parameters")}
    for name, body in _section(stack, "Resources").items():
        kind = str(value_at(body, ("Type",)) or "")
        found[name] = Node(name, kind, _group(stack, ("Resources", name), kind))
    return found


def _group(stack: SideStack, place: Path, kind: str) -> str:
    """Name what a resource belongs to: the file that made it, without folders and suffix, or else the part of AWS."""
    origin = stack.origins.get(place)
    made_elsewhere = origin is not None and origin.span.path != stack.file  # a plain template is all in one file
    if origin is not None and made_elsewhere and origin.layer in ("template", "addition"):
        name = origin.span.path.rpartition("/")[2].rpartition(".")[0].lstrip("_")  # which marks shared code
        return f"addition {name}" if origin.layer == "addition" else name
    vendor, _, rest = kind.partition("::")
    return rest.partition("::")[0] if vendor == "AWS" else vendor


def _section(stack: SideStack, name: str) -> Mapping[str, Json]:
    section = value_at(stack.template, (name,))
    return {str(key): body for key, body in section.items()} if isinstance(section, dict) else {}


def _marked(node: Node, change: Change) -> Node:
    states: list[State] = [node.state, *find_risks(change)]
    is_whole = len(change.path) == 2 and not change.renamed_to
    states.append(change.kind if is_whole else "changed")
    return replace(
        node,
        state=max(states, key=STATES.index),
        has_security=node.has_security or bool(change.security),
        renamed_from=node.renamed_from or (change.logical_id if change.renamed_to else None),
    )


def _edges(
    stack: SideStack, nodes: Mapping[str, Node], renamed: Mapping[str, str | None]
) -> dict[tuple[str, str], bool]:
    """Map each pair of connected nodes to whether one only waits for the other."""
    found: dict[tuple[str, str], bool] = {}
    for name, body in _section(stack, "Resources").items():
        for target, is_order_only in _targets(body):
            ends = (renamed.get(name) or name, renamed.get(target) or target)
            if ends[0] in nodes and ends[1] in nodes and ends[0] != ends[1]:
                found[ends] = found.get(ends, True) and is_order_only
    return found


def _targets(body: Json) -> Iterator[tuple[str, bool]]:
    for key, value in body.items() if isinstance(body, dict) else ():
        if key != "DependsOn":
            yield from ((name, False) for name in _references(value))
        else:
            yield from ((str(name), True) for name in (value if isinstance(value, list) else [value]))


def _references(value: Json) -> Iterator[str]:
    """Yield the logical ids that a value refers to, and names of parameters and pseudo parameters with them."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, operand in value.items():
            if key == "Ref" and len(value) == 1:
                yield str(operand)
            elif key == "Fn::GetAtt" and len(value) == 1:
                yield str(operand[0] if isinstance(operand, list) and operand else operand).partition(".")[0]
            elif key == "Fn::Sub" and len(value) == 1:
                yield from _substituted(operand)
            else:
                yield from _references(operand)


def _substituted(operand: Json) -> Iterator[str]:
    text, given = operand, {}
    if isinstance(operand, list) and len(operand) == 2 and isinstance(operand[1], dict):
        text, given = operand
    for variable in _VARIABLE.findall(text) if isinstance(text, str) else ():
        name = variable.strip()
        if name not in given:
            yield name.partition(".")[0]
    yield from _references(given)


def _ordered(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=lambda node: (node.group, node.id)))


def _ordered_edges(edges: list[Edge]) -> tuple[Edge, ...]:
    return tuple(sorted(edges, key=lambda edge: (edge.source, edge.target)))
