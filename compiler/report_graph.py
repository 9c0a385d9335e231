"""Report, graph: a resource graph as text for Mermaid, which draws it in Markdown, or for graphviz.

In: a Graph.    Out: text; what becomes of a node is told by its words and its shape, not by its color alone.
Never: lets a name of a template say anything in these languages, or shows a credential.

https://mermaid.js.org/syntax/flowchart.html, https://graphviz.org/doc/info/lang.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from compiler.graph import PARAMETER, Edge, EdgeState, Graph, Node, State
from compiler.report_safe import show_text

GRAPH_FORMATS = ("svg", "mermaid", "dot")


@dataclass(frozen=True, slots=True)
class Look:
    """How one state looks: `words` below the name, the two shapes, and the colors of surface and border."""

    words: str
    mermaid: tuple[str, str]  # what stands before and behind the label
    dot: str
    fill: str
    line: str
    style: str = "filled"


LOOKS: Mapping[State, Look] = {
    "unchanged": Look("", ("[", "]"), "box", "#ffffff", "#6b7280"),
    "changed": Look("~ changed", ("(", ")"), "box", "#dbeafe", "#1e40af", "filled,rounded"),
    "added": Look("+ added", ("([", "])"), "box", "#dcfce7", "#166534", "filled,rounded"),
    "interruption": Look("~ interrupted", ("[/", "/]"), "parallelogram", "#fef9c3", "#854d0e"),
    "security": Look("! security", ("[[", "]]"), "component", "#f3e8ff", "#6b21a8"),
    "conditional": Look("? may be replaced", ("[/", "\\]"), "hexagon", "#ffedd5", "#9a3412", "filled,dashed"),
    "removed": Look("- removed", ("[\\", "\\]"), "box", "#f3f4f6", "#374151", "filled,dashed"),
    "replacement": Look("! replaced", ("{{", "}}"), "octagon", "#fed7aa", "#9a3412", "filled,bold"),
    "data-loss": Look("!! DATA LOSS", ("(((", ")))"), "doubleoctagon", "#fecaca", "#991b1b", "filled,bold"),
}
_ARROWS: Mapping[EdgeState, str] = {"unchanged": "-->", "added": "==>", "removed": "-.->"}
_LINES: Mapping[EdgeState, str] = {"unchanged": "solid", "added": "bold", "removed": "dashed"}


def describe_node(node: Node) -> tuple[str, ...]:
    """Say in lines what a node is: its name, its type, what becomes of it."""
    words = [LOOKS[node.state].words]
    if node.has_security and node.state != "security":
        words.append(LOOKS["security"].words)
    said = ", ".join(filter(None, words))
    was = f"was {node.renamed_from}" if node.renamed_from else ""
    return tuple(show_text(line) for line in (node.id, node.type, was, said) if line)


def render_mermaid(graph: Graph) -> str:
    """Write a flowchart; the text ends with a line break."""
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for number, (group, nodes) in enumerate(_groups(graph)):
        lines.append(f'  subgraph g{number}["{_mermaid_text(group)}"]')
        for node in nodes:
            label = "<br>".join(map(_mermaid_text, describe_node(node)))
            begin, end = ("[(", ")]") if node.type == PARAMETER else LOOKS[node.state].mermaid
            lines.append(f'    {names[node.id]}{begin}"{label}"{end}:::{_word(node.state)}')
        lines.append("  end")
    lines += [f"  {names[edge.source]} {_mermaid_arrow(edge)} {names[edge.target]}" for edge in graph.edges]
    for state in sorted({node.state for node in graph.nodes}):
        look = LOOKS[state]
        dashes = ",stroke-dasharray:5" if "dashed" in look.style else ""
        lines.append(f"  classDef {_word(state)} fill:{look.fill},stroke:{look.line},color:#111827{dashes}")
    return "\n".join(lines) + "\n"


def render_dot(
    graph: Graph, *, links: Mapping[str, str] | None = None, anchors: Mapping[str, str] | None = None
) -> str:
    """Write a digraph; the text ends with a line break.

    By the id of a node, `links` are addresses that it leads to, `anchors` names under which a page finds it.
    """
    lines = [
        f"digraph {_dot_text(show_text(graph.title))} {{",
        '  graph [rankdir=LR, fontname="sans-serif", fontsize=12, nodesep=0.2, ranksep=0.6]',
        '  node [fontname="sans-serif", fontsize=11, fontcolor="#111827", margin="0.12,0.06"]',
        '  edge [color="#6b7280", arrowsize=0.7]',
    ]
    for number, (group, nodes) in enumerate(_groups(graph)):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f'    graph [label={_dot_text(show_text(group))}, style=rounded, color="#9ca3af"]')
        lines += [f"    {_dot_name(node.id)} [{_dot_look(node, links or {}, anchors or {})}]" for node in nodes]
        lines.append("  }")
    for edge in graph.edges:
        style = "dotted" if edge.is_order_only and edge.state == "unchanged" else _LINES[edge.state]
        lines.append(
            f"  {_dot_name(edge.source)} -> {_dot_name(edge.target)} [style={style}, class={_word(edge.state)}]"
        )
    return "\n".join([*lines, "}"]) + "\n"


def _groups(graph: Graph) -> Iterator[tuple[str, list[Node]]]:
    for group, nodes in groupby(graph.nodes, key=lambda node: node.group):
        yield group or "other", list(nodes)


def _word(state: str) -> str:
    return state.replace("-", "_")


def _mermaid_arrow(edge: Edge) -> str:
    return "-.->" if edge.is_order_only else _ARROWS[edge.state]


def _mermaid_text(text: str) -> str:
    """Write whatever Mermaid or HTML could take for its own as a numbered character."""
    return re.sub(r"[^\w :./+~?!,-]", lambda found: f"#{ord(found.group())};", show_text(text), flags=re.ASCII)


def _dot_look(node: Node, links: Mapping[str, str], anchors: Mapping[str, str]) -> str:
    look = LOOKS[node.state]
    shape = "cylinder" if node.type == PARAMETER else look.dot
    label, words = "\\n".join(map(_dot_escape, describe_node(node))), ", ".join(describe_node(node))
    said = [
        f'label="{label}"',
        f"shape={shape}",
        f'style="{look.style}"',
        f'fillcolor="{look.fill}"',
        f'color="{look.line}"',
        f"class={_word(node.state)}",
        f"tooltip={_dot_text(words)}",  # which else is the label with its line breaks as two characters
    ]
    if node.id in links:
        said.append(f"URL={_dot_text(links[node.id])}")
    if node.id in anchors:
        said.append(f"id={_dot_text(anchors[node.id])}")
    return ", ".join(said)


def _dot_name(name: str) -> str:
    return _dot_text(show_text(name))


def _dot_text(text: str) -> str:
    return f'"{_dot_escape(text)}"'


def _dot_escape(text: str) -> str:
    """Write a text so that graphviz reads no end, no escape such as \\N and no entity in it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
