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
from typing import Any

from compiler.changes import Change, Diff
from compiler.diagnostics import Diagnostic, order_diagnostics
from compiler.graph import Graph, Node, among_changes, around_changes, graph_diff
from compiler.model import Json
from compiler.picture import NoPicture
from compiler.report_changes import (
    Seen,
    count_risks,
    count_types,
    find_worst,
    fold_changes,
    is_first,
    name_kind,
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
from compiler.risk import NAMES, find_effect, find_risks
from compiler.wording import count_things

_PAGE = Path(__file__).parent / "page"
_SHORT, _LONGEST = 200, 5_000  # characters of a value: what stands in a line, and what is shown at all
_FEW = 30  # nodes of a picture in which a change is found among what does not change
_MOST_NODES, _MOST_EDGES = 200, 600  # of a picture that somebody looks at, and that is drawn in seconds
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
    drawn = _drawn(diff)
    things = _things(diff, drawn, prefix)
    links = {
        (where, each["node"]): f"#{each['id']}"
        for each in things
        if each["node"] is not None
        for where in each["wheres"]
    }
    pictures = [_picture(diff, number, name, links, draw) for number, name in enumerate(drawn)]
    nodes = {each for picture in pictures for each in picture["anchors"]}
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
            nodes=nodes,
            groups=[
                {"is_calm": is_calm, "things": some, "number": sum(each["number"] for each in some)}
                for is_calm in (False, True)
                if (some := [each for each in things if each["is_calm"] == is_calm])
            ],
            number=count_things(len(diff.changes), "change"),
            behaviors={
                risk: words for risk, words in _BEHAVIORS.items() if risk in set(map(find_effect, diff.changes))
            },
            kinds=[kind for kind in _KINDS if kind in {_kind(change) for change in diff.changes}],
            places=_places(diff),
        )
        + "\n"
    )


def _read(name: str) -> str:
    return (_PAGE / name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _where(diff: Diff, environment: str) -> str:
    return show_text(environment or (_ALONE if "" in {**diff.before.stacks, **diff.after.stacks} else _SHARED))


def _places(diff: Diff) -> list[str]:
    return [_where(diff, environment) for environment in dict.fromkeys(change.environment for change in diff.changes)]


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
) -> dict[str, Any]:
    title = _where(diff, environment)
    whole = graph_diff(diff, environment, title=title)
    near = whole if len(whole.nodes) <= _FEW else around_changes(whole)
    stack = {node.id: links[title, _STACK] for node in whole.nodes if (title, _STACK) in links}
    own = stack | {node: link for (where, node), link in links.items() if where == title}
    anchors = {node.id: _anchor(number, node.id) for node in near.nodes if node.id in own}
    drawings, note = [], ""
    try:
        shown = next((each for each in (near, among_changes(near)) if _is_drawn(each)), None)
        if shown is not None:
            drawings.append({"title": "", "svg": draw(render_dot(shown, links=own, anchors=anchors))})
            note = f"{count_things(len(shown.nodes), 'resource')} of {len(whole.nodes)}"
            note += ": all that changes, and what is connected to it." if shown is near else ": only those that change."
            if shown is near is not whole and _is_drawn(whole):
                drawings.append(
                    {"title": f"All {len(whole.nodes)} resources", "svg": draw(render_dot(whole, links=own))}
                )
        elif near.nodes:
            note = f"{len(near.nodes)} resources with {len(near.edges)} connections are more than a picture can show;"
            note += " the list names them."
    except NoPicture as problem:
        note = f"There is no picture here, because {problem}; the list says the same."
    note = note if near.nodes else "Nothing of it is a resource."
    near_nodes = list(_nodes(near if near is not whole else around_changes(whole), own))
    kept = list(anchors.values()) if drawings else []
    picture = {"id": f"picture-{number}", "title": title, "note": note, "drawings": drawings, "nodes": near_nodes}
    return {**picture, "anchors": kept}


def _anchor(number: int, node: str) -> str:
    return f"at-{number}-{hashlib.sha256(node.encode(errors='backslashreplace')).hexdigest()[:12]}"


def _is_drawn(graph: Graph) -> bool:
    return 0 < len(graph.nodes) <= _MOST_NODES and len(graph.edges) <= _MOST_EDGES


def _nodes(graph: Graph, links: Mapping[str, str]) -> Iterator[dict[str, Json]]:
    names = {node.id: show_text(node.id) for node in graph.nodes}
    for node in graph.nodes:
        targets = [names[edge.target] for edge in graph.edges if edge.source == node.id]
        yield {"name": names[node.id], "link": links.get(node.id), "words": _words(node), "targets": targets}


def _words(node: Node) -> str:
    return ", ".join(describe_node(node)[1:])


# Changes


def _things(diff: Diff, drawn: list[str], prefix: str) -> list[dict[str, Any]]:
    def thing(seen: Seen) -> tuple[str, ...]:
        return name_thing(seen.change), seen.change.logical_id or "", *seen.environments

    groups = [list(seen) for _, seen in groupby(sorted(fold_changes(diff.changes), key=thing), key=thing)]
    groups.sort(key=lambda group: min(rank_change(seen.change) for seen in group))
    return [_thing(diff, number, group, drawn, prefix) for number, group in enumerate(groups)]


def _thing(diff: Diff, number: int, group: list[Seen], drawn: list[str], prefix: str) -> dict[str, Any]:
    first = group[0].change
    places = _places(diff)
    wheres = [_where(diff, each) for each in group[0].environments or ("",)]
    node = first.renamed_to or first.logical_id if first.path else _STACK
    return {
        "id": f"thing-{number}",
        "node": node,
        "name": show_text(name_thing(first)),
        "type": show_text(first.type or ""),
        "where": ", ".join(wheres),
        "wheres": wheres,
        "places": " ".join(str(places.index(where)) for where in wheres),
        "anchor": _anchor(drawn.index(first.environment), node) if node and first.environment in drawn else "",
        "is_calm": not any(find_risks(seen.change) or is_first(seen.change) for seen in group),
        "number": sum(max(1, len(seen.environments)) for seen in group),
        "changes": [{**_change(seen.change, prefix), "count": max(1, len(seen.environments))} for seen in group],
    }


def _change(change: Change, prefix: str) -> dict[str, Json]:
    return {
        "behavior": find_effect(change),
        "kind": _kind(change),
        "said": name_kind(change),
        "is_security": bool(change.security),
        "badges": {risk: show_text(words) for risk, words in name_risks(change).items()},
        "place": show_text(name_place(change)),
        "shown": list(_values(change)),
        "reasons": [show_text(reason).split("`") for reason in change.sentences],  # every second part is a name
        "types": [f"{number} {show_text(kind)}" for kind, number in count_types(change).items()]
        if is_first(change)
        else [],
        "within": [_inner(each) for each in change.within],
        "version": name_version(change),
        "origin": write_line(change, prefix),
    }


def _inner(change: Change) -> dict[str, str]:
    return {"place": show_text(name_place(change)), "words": write_difference(change, _SHORT)}


def _values(change: Change) -> Iterator[dict[str, Json]]:
    short = write_values(change, _SHORT)
    for side, value, line in zip(("before", "after"), (change.before, change.after), short, strict=True):
        if change.kind == {"before": "added", "after": "removed"}[side] or change.renamed_to or is_first(change):
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
