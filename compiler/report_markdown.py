"""Report, markdown: a diff as the comment of a pull request.

In: a Diff.    Out: GitHub's Markdown, the verdict first, what is risky open and the rest folded.
Never: longer than GitHub takes, not even with the longest values; says what it left out. Never lets a value be Markdown
or HTML, or call anybody: all that a template says stands in code, where GitHub makes nothing of it.

https://github.github.com/gfm/#code-spans
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from compiler.changes import Change, Diff
from compiler.diagnostics import Diagnostic, order_diagnostics
from compiler.graph import around_changes, graph_diff
from compiler.report_changes import (
    Seen,
    count_types,
    find_worst,
    fold_changes,
    is_first,
    join_words,
    name_kind,
    name_place,
    name_risks,
    name_thing,
    name_version,
    rank_change,
    sum_up,
    write_line,
    write_values,
)
from compiler.report_graph import render_mermaid
from compiler.report_safe import mask_text, place_path, show_text
from compiler.risk import find_risks
from compiler.wording import count_things

MOST_CHARACTERS = 65_536  # of a comment on GitHub
_LONGEST_VALUE = 200
_MOST_LINES = 10  # of one kind about one change
_MOST_NODES = 40  # more than that is no picture beside a comment
_RESERVE = 400  # for what was left out, and to close what is folded
_MARKS = {
    "unchanged": "⚪",
    "other": "🔵",
    "new": "🟢",
    "security": "🟣",
    "interruption": "🟡",
    "conditional": "🟠",
    "replacement": "🟠",
    "data-loss": "🔴",
}
# No sign of Markdown, and nothing that GitHub makes a link of: addresses, issues, commits.
_PLAIN = re.compile(r"(?!.*(?://|www\.|\bgh-\d|\b[0-9a-f]{7,}\b))[a-z0-9 ,.;:()'/+-]*", re.ASCII | re.IGNORECASE)


def render_markdown(diff: Diff, *, prefix: str = "", subject: str = "") -> str:
    """Write a comment of at most MOST_CHARACTERS; the same diff gives the same text.

    Its first line is hidden and says the subject, by default the name of the service, so that a program finds its
    earlier comment and replaces it.
    """
    seen = fold_changes(diff.changes)
    risky = sorted((each for each in seen if find_risks(each.change)), key=lambda each: rank_change(each.change))
    calm = [each for each in seen if not find_risks(each.change)]
    page = _Page(_head(diff, subject))
    left_out = page.add_changes(risky, prefix)
    left_out += page.add_folded(f"{count_things(len(calm), 'change')} without interruption", calm, prefix)
    for environment in sorted({change.environment for change in diff.changes}):
        page.add_picture(diff, environment)
    if left_out:
        lost = sum(each.change.is_data_loss for each in left_out)
        among = f", {lost} of which lose data" if lost else ""
        number = count_things(len(left_out), "more change")
        page.end(f"{number}{among} did not fit here: `flagstone diff --format html` shows all of them.")
    return page.text


def render_faults(faults: Iterable[Diagnostic], *, prefix: str = "", subject: str = "") -> str:
    """Write a comment that says why there is no comparison; it takes the place of the one before."""
    found = order_diagnostics(faults)
    errors = [fault for fault in found if fault.severity == "error"]
    page = _Page(f"{_marker(subject)}\n\n### ❌ Nothing was compared: {count_things(len(errors), 'error')}\n\n")
    for fault in (*errors, *(fault for fault in found if fault not in errors)):
        where = f"{_code(f'{place_path(fault.span.path, prefix)}:{fault.span.line}')}: " if fault.span else ""
        hint = f"\n  - {_prose(fault.hint)}" if fault.hint else ""
        page.add(f"- **{fault.severity} {fault.code}** {where}{_prose(fault.message)}{hint}\n")
    return page.text


class _Page:
    """Text that grows as long as it fits."""

    def __init__(self, text: str) -> None:
        self.text = text

    def end(self, text: str) -> None:
        self.text += f"\n{text}\n"

    def add_changes(self, changes: Sequence[Seen], prefix: str) -> list[Seen]:
        """Add changes in order, up to the first that does not fit; return those that are left out."""
        for number, each in enumerate(changes):
            if not self.add("\n".join(_draw_change(each, prefix)) + "\n"):
                return list(changes[number:])
        return []

    def add_folded(self, summary: str, changes: Sequence[Seen], prefix: str) -> list[Seen]:
        """Add changes as `add_changes` does, behind a summary; nothing where not even one of them fits."""
        above = self.text
        self.text += f"\n<details><summary>{summary}</summary>\n\n"
        left_out = self.add_changes(changes, prefix)
        self.text = above if len(left_out) == len(changes) else f"{self.text}\n</details>\n"
        return left_out

    def add_picture(self, diff: Diff, environment: str) -> None:
        graph = around_changes(graph_diff(diff, environment, title=environment))
        if 0 < len(graph.nodes) <= _MOST_NODES:
            where = f"in {_code(environment)}\n\n" if environment else ""
            drawing = f"```mermaid\n{render_mermaid(graph)}```\n"
            self.add(f"\n<details><summary>What is connected</summary>\n\n{where}{drawing}\n</details>\n")

    def add(self, text: str) -> bool:
        """Add a text if it fits, and tell whether it does."""
        fits = _measure(self.text) + _measure(text) <= MOST_CHARACTERS - _RESERVE
        self.text += text if fits else ""
        return fits


def _head(diff: Diff, subject: str) -> str:
    service = str(diff.after.facts.get("service") or diff.before.facts.get("service") or "")
    title = f"{_code(service)}: " if service else ""
    sides = f"{_code(diff.before.name)} → {_code(diff.after.name)}"
    return (
        f"{_marker(subject or service)}\n\n### {_MARKS[find_worst(diff)]} {title}{_prose(sum_up(diff))}\n\n{sides}\n\n"
    )


def _marker(subject: str) -> str:
    """Write the hidden line; two subjects have two, and none can end the comment that it is."""
    words = quote(mask_text(subject), safe="/. ").replace("--", "-%2D")
    return f"<!-- {' '.join(filter(None, ('flagstone diff', words)))} -->"


def _draw_change(seen: Seen, prefix: str) -> Iterator[str]:
    change = seen.change
    risks = "".join(f"**{_prose(words)}**, " for words in name_risks(change).values())
    kind = f" ({_code(change.type)})" if change.type else ""
    where = "" if is_first(change) else ", ".join(_code(name) for name in seen.environments)
    yield f"- {risks}{name_kind(change)}: {_code(name_thing(change))}{kind}{f' in {where}' if where else ''}"
    if is_first(change) or (change.kind == "removed" and not change.path):
        types = [f"{number} {_code(kind)}" for kind, number in count_types(change).items()]
        yield f"  - {join_words(types)}" if types else "  - no resources"
        return
    places = [each for each in (change, *change.within) if name_place(each)]
    yield from _listed([f"{_code(name_place(each))}: {_draw_values(each)}" for each in places])
    yield from _listed([_prose(reason) for reason in change.sentences])
    if write_line(change, prefix):
        yield f"  - {name_version(change)} {_code(write_line(change, prefix))}"


def _listed(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"  - {line}" for line in lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        yield f"  - and {len(lines) - _MOST_LINES} more"


def _draw_values(change: Change) -> str:
    before, after = map(_code, write_values(change, _LONGEST_VALUE))
    return {"added": f"added {after}", "removed": f"removed {before}"}.get(change.kind, f"{before} → {after}")


def _code(text: str) -> str:
    """Write a text as code, in a fence longer than any run of back-quotes in it.

    >>> _code("a|b"), _code("a`b")
    ('`a|b`', '`` a`b ``')
    """
    shown = show_text(text) or " "
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if "`" in shown or shown != shown.strip() else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _prose(text: str) -> str:
    """Write a sentence of ours with the names that it has in back-quotes; as code where it holds anything else."""
    between = re.sub("`[^`]*`", "", text)
    if not _PLAIN.fullmatch(between):
        return _code(text)
    return "".join(_code(part) if at % 2 else mask_text(part) for at, part in enumerate(text.split("`")))


def _measure(text: str) -> int:
    """Count characters as JavaScript does, which is at least what anybody else counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
