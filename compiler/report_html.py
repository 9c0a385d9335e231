"""Report, html: a diff as one page that needs nothing else: no network, no other file, and no script either.

In: a Diff, and what draws a graph.    Out: HTML; the same diff gives the same bytes.
Never: lets a value be markup or script: the template escapes all of them, and the page's own policy allows no script
and no style but those that are in it, which it knows by their digests.

The page is made of the files in `page/`. https://www.w3.org/TR/CSP3/, https://www.w3.org/WAI/WCAG22/quickref/
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from compiler.changes import Change, Diff
from compiler.diagnostics import Diagnostic, order_diagnostics
from compiler.graph import Graph, Node, around_changes, graph_diff
from compiler.model import Json
from compiler.picture import NoPicture
from compiler.report_changes import (
    count_risks,
    find_worst,
    name_place,
    name_risks,
    name_thing,
    name_version,
    rank_change,
    sum_up,
    write_difference,
    write_line,
    write_values,
)
from compiler.report_graph import describe_node, render_dot
from compiler.report_safe import escape_text, mask_data, place_path, show_text
from compiler.risk import NAMES, find_effect

_PAGE = Path(__file__).parent / "page"
_SHORT, _LONGEST = 200, 5_000  # characters of a value: what stands in a line, and what is shown at all
_MOST_NODES, _MOST_NEAR = 200, 400  # of a picture with what does not change, and of one without
_ALONE, _SHARED = "the stack", "every environment"  # where a change names no environment
_BEHAVIORS = {**NAMES, "other": "no interruption"}
_STACK = ""  # in the place of a logical id, where a whole stack comes or goes
_KINDS = ("added", "removed", "changed", "renamed")


def render_html(diff: Diff, *, draw: Callable[[str], str], prefix: str = "") -> str:
    """Write the page. `draw` makes SVG of a graph for graphviz; where it raises NoPicture, a list stands in its place.

    `prefix` is the path from the user's folder to the service repository.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    style, script = (_read(name) for name in ("page.css", "page.js"))
    service = diff.after.facts.get("service") or diff.before.facts.get("service")
    things = _things(diff, prefix)
    links = {(each["where"], each["node"]): f"#{each['id']}" for each in things if each["node"] is not None}
    pictures = [_picture(diff, number, name, links, draw) for number, name in enumerate(_drawn(diff))]
    risks = {risk: NAMES[risk] for risk in count_risks(diff.changes)}
    environment = Environment(loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("page.html.j2")
    return (
        page.render(
            policy=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; img-src data:; "
            "base-uri 'none'; form-action 'none'",
            style=style,
            script=script,
            title=show_text(f"{service}: what changes" if service else "What changes"),
            verdict=sum_up(diff),
            verdict_class=find_worst(diff),
            before=show_text(diff.before.name),
            after=show_text(diff.after.name),
            risks=list(risks.values()),
            counts=_counts(diff, list(risks)),
            pictures=pictures,
            things=things,
            number=len(diff.changes),
            behaviors={
                risk: words for risk, words in _BEHAVIORS.items() if risk in set(map(find_effect, diff.changes))
            },
            kinds=[kind for kind in _KINDS if kind in {_kind(change) for change in diff.changes}],
            places=list(dict.fromkeys(each["where"] for each in things)),
        )
        + "\n"
    )


def _read(name: str) -> str:
    return (_PAGE / name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _where(diff: Diff, environment: str) -> str:
    return show_text(environment or (_ALONE if "" in {**diff.before.stacks, **diff.after.stacks} else _SHARED))


def _kind(change: Change) -> str:
    return "renamed" if change.renamed_to else change.kind


def _counts(diff: Diff, risks: list[str]) -> list[dict[str, Json]]:
    rows = []
    for environment in dict.fromkeys(change.environment for change in diff.changes):
        counts = count_risks(change for change in diff.changes if change.environment == environment)
        rows.append({"where": _where(diff, environment), "numbers": [counts.get(risk, 0) for risk in risks]})
    return rows


# Pictures


def _drawn(diff: Diff) -> list[str]:
    changed = {change.environment for change in diff.changes}
    return [name for name in dict.fromkeys((*diff.after.stacks, *diff.before.stacks)) if name in changed]


def _picture(
    diff: Diff, number: int, environment: str, links: Mapping[tuple[str, str], str], draw: Callable[[str], str]
) -> dict[str, Json]:
    title = _where(diff, environment)
    whole = graph_diff(diff, environment, title=title)
    near = around_changes(whole)
    graph = whole if len(whole.nodes) <= _MOST_NODES else near
    stack = {node.id: links[title, _STACK] for node in whole.nodes if (title, _STACK) in links}
    own = stack | {node: link for (where, node), link in links.items() if where == title}
    svg, note = "", "All resources." if graph is whole else "What changes, and what is connected to it."
    if len(graph.nodes) > _MOST_NEAR:
        note = f"{len(graph.nodes)} resources are more than a picture can show; the list below names them."
    try:
        svg = draw(render_dot(graph, links=own)) if 0 < len(graph.nodes) <= _MOST_NEAR else ""
    except NoPicture as problem:
        note = f"There is no picture here, because {problem}; the list below says the same."
    note = note if graph.nodes else "Nothing of it is a resource."
    return {"id": f"picture-{number}", "title": title, "note": note, "svg": svg, "nodes": list(_nodes(near, own))}


def _nodes(graph: Graph, links: Mapping[str, str]) -> Iterator[dict[str, Json]]:
    names = {node.id: show_text(node.id) for node in graph.nodes}
    for node in graph.nodes:
        targets = [names[edge.target] for edge in graph.edges if edge.source == node.id]
        yield {"name": names[node.id], "link": links.get(node.id), "words": _words(node), "targets": targets}


def _words(node: Node) -> str:
    return ", ".join(describe_node(node)[1:])


# Changes


def _things(diff: Diff, prefix: str) -> list[dict[str, Json]]:
    pictures = {name: f"picture-{number}" for number, name in enumerate(_drawn(diff))}

    def thing(change: Change) -> tuple[str, ...]:
        return change.environment, name_thing(change), change.logical_id or ""

    groups = [list(changes) for _, changes in groupby(sorted(diff.changes, key=thing), key=thing)]
    groups.sort(key=lambda changes: min(map(rank_change, changes)))
    return [_thing(diff, number, changes, pictures, prefix) for number, changes in enumerate(groups)]


def _thing(diff: Diff, number: int, changes: list[Change], pictures: Mapping[str, str], prefix: str) -> dict[str, Json]:
    first = changes[0]
    return {
        "id": f"thing-{number}",
        "node": first.renamed_to or first.logical_id if first.path else _STACK,
        "name": show_text(name_thing(first)),
        "type": show_text(first.type or ""),
        "where": _where(diff, first.environment),
        "picture": pictures.get(first.environment) if first.logical_id or not first.path else None,
        "changes": [_change(change, prefix) for change in changes],
    }


def _change(change: Change, prefix: str) -> dict[str, Json]:
    return {
        "behavior": find_effect(change),
        "kind": _kind(change),
        "is_security": bool(change.security),
        "badges": {risk: show_text(words) for risk, words in name_risks(change).items()},
        "place": show_text(name_place(change)),
        "shown": list(_values(change)),
        "reasons": [show_text(reason).split("`") for reason in change.reasons],  # every second part is a name
        "within": [_inner(each) for each in change.within],
        "version": name_version(change),
        "origin": write_line(change, prefix),
    }


def _inner(change: Change) -> dict[str, str]:
    return {"place": show_text(name_place(change)), "words": write_difference(change, _SHORT)}


def _values(change: Change) -> Iterator[dict[str, Json]]:
    short = write_values(change, _SHORT)
    for side, value, line in zip(("before", "after"), (change.before, change.after), short, strict=True):
        if change.kind == {"before": "added", "after": "removed"}[side] or change.renamed_to:
            continue
        text = _lines(value)
        is_long = len(text) > _SHORT or "\n" in text.strip()
        yield {"side": side, "is_long": is_long, "summary": line, "text": text if is_long else line}


def _lines(value: Json) -> str:
    """Write a value as JSON on as many lines as it takes, up to _LONGEST characters."""
    text = value if isinstance(value, str) and "\n" in value else json.dumps(value, indent=2, ensure_ascii=False)
    masked = str(mask_data(text))
    more = f"\n… {len(masked) - _LONGEST} more characters" if len(masked) > _LONGEST else ""
    return "\n".join(escape_text(line) for line in masked[:_LONGEST].split("\n")) + more


# Faults


def render_fault_page(faults: Iterable[Diagnostic], *, prefix: str = "") -> str:
    """Write a page that says why there is no comparison."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    style = _read("page.css")
    environment = Environment(loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined)
    said = [
        {
            "what": f"{fault.severity} {show_text(fault.code)}",
            "message": show_text(fault.message).split("`"),
            "hint": show_text(fault.hint or "").split("`"),
            "place": f"{escape_text(place_path(fault.span.path, prefix))}:{fault.span.line}" if fault.span else "",
        }
        for fault in order_diagnostics(faults)
    ]
    policy = f"default-src 'none'; style-src {_digest(style)}; img-src data:; base-uri 'none'; form-action 'none'"
    return environment.get_template("faults.html.j2").render(policy=policy, style=style, faults=said) + "\n"
