"""Report, outline: draw a part of a template as YAML, each value with the place that decided it.

In: an Explanation of more than one value.    Out: text.
Never: names the line of the template beside each value that stands on it; it is said once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from compiler.explain import Explanation, Told
from compiler.model import Json, Path
from compiler.report_safe import escape_text, measure_text
from compiler.report_words import REMOVED, Pen, dotted, write_who
from compiler.wording import count_things

Line = tuple[str, str]

_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]*")


def outline_values(explained: Explanation, pen: Pen) -> str:
    """Draw every value below a place; a comment names who decided it, where that is not the line that built it."""
    drawer = _Drawer(explained, pen)
    return "".join(drawer.write_line(*line) for line in drawer.draw_lines(explained.value, explained.path, 0))


def outline_things(explained: Explanation, pen: Pen) -> str:
    """List the things of a section: what each is, where it is built, how many values overrides decided."""
    counts = Counter(told.path[:2] for told in explained.told)
    changed = Counter(told.path[:2] for told in explained.told if _overridden(told))
    text = ""
    for path, origin in explained.things.items():
        if path not in counts:
            continue
        body = explained.value[path[1]]
        kind = [str(body["Type"])] if isinstance(body, dict) and "Type" in body else []
        by_overrides = [f"{changed[path]} by overrides"] if changed[path] else []
        text += f"{dotted(path[1:])}\n  {', '.join([*kind, count_things(counts[path], 'value'), *by_overrides])}\n"
        text += f"  {pen.write_place(origin)}\n"
    return text


def outline_sections(explained: Explanation) -> str:
    """Count what each section holds, and by whom it was decided."""
    text = ""
    for section, body in explained.value.items():
        told = [each for each in explained.told if each.path[0] == section]
        held = f"{len(body)} names, " if isinstance(body, (dict, list)) else ""
        text += f"{dotted((section,))}\n  {held}{count_things(len(told), 'value')}\n  {_layers(told)}\n"
    return text


def list_changes(explained: Explanation, pen: Pen) -> str:
    """List what overrides changed, added and removed, each with what was there before, its rule and its place."""
    text = ""
    for change in _changes(explained):
        last, before = change.story[-1], change.story[-2] if len(change.story) > 1 else None
        was = pen.write_value(before.value, 12) if before else "new"
        now = pen.write_value(REMOVED if last.rule == "$remove" else change.value, 7)
        arrow = f"{was} -> {now}" if before else f"{was} {now}"
        if before and measure_text(arrow) + 4 > pen.columns:
            arrow = f"{was}\n    -> {now}"
        text += f"  {dotted(change.path[len(explained.path) :]) or dotted(change.path)}\n    {arrow}\n"
        text += f"    {write_who(last, change.identity, pen)}\n    {pen.write_place(last.origin)}\n"
    return text


def _changes(explained: Explanation) -> Iterator[Told]:
    yield from _changes_below(explained.value, explained.path, {told.path: told for told in explained.told})
    yield from explained.removed


def _changes_below(value: Json, path: Path, known: Mapping[Path, Told]) -> Iterator[Told]:
    """Yield what overrides changed; what one of them put in place as a whole is one change."""
    below = [told for where, told in known.items() if where[: len(path)] == path]
    if not any(_overridden(told) for told in below):
        return
    first = below[0]
    last = first.story[-1]
    words = {(each.story[-1].origin.span.path, each.story[-1].rule, *map(id, each.story[:-1])) for each in below}
    if path in known:
        yield first
    elif len(words) == 1 and last.origin.layer == "override":
        yield Told(first.path[: len(path)], value, first.story, first.identity)
    else:
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _changes_below(item, (*path, step), known)


def _overridden(told: Told) -> bool:
    return any(said.origin.layer == "override" for said in told.story)


def _layers(told: list[Told]) -> str:
    counts = Counter(each.story[-1].origin.layer for each in told)
    return ", ".join(f"{count} {layer}" for layer, count in counts.most_common())


class _Drawer:
    def __init__(self, explained: Explanation, pen: Pen) -> None:
        self.things = explained.things
        self.told = {told.path: told for told in explained.told}
        self.pen = pen

    def draw_lines(self, value: Json, path: Path, used: int) -> Iterator[Line]:
        """Yield the lines of a value and the comment of each; `used` columns stand before them."""
        if path in self.told:
            yield self.pen.write_value(value, used), self._origin(path)
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from self._draw_entry(key, item, (*path, key), used)
        else:
            for index, item in enumerate(value):
                for number, (line, comment) in enumerate(self.draw_lines(item, (*path, index), used + 2)):
                    yield ("  " if number else "- ") + line, comment

    def _draw_entry(self, key: str, item: Json, path: Path, used: int) -> Iterator[Line]:
        head = f"{escape_text(key) if _PLAIN_KEY.fullmatch(key) else self.pen.write_value(key)}:"
        if path in self.told:
            ((line, comment),) = self.draw_lines(item, path, used + len(head) + 1)
            yield f"{head} {line}", comment
        else:
            yield head, self.pen.write_place(self.things[path]) if path in self.things else ""
            for line, comment in self.draw_lines(item, path, used + 2):
                yield f"  {line}", comment

    def write_line(self, line: str, comment: str) -> str:
        if not comment:
            return f"{line}\n"
        if measure_text(line) + 4 + measure_text(comment) <= self.pen.columns:
            return f"{line}  # {comment}\n"
        return f"{' ' * (len(line) - len(line.lstrip()))}# {comment}\n{line}\n"

    def _origin(self, path: Path) -> str:
        said = self.told[path].story[-1]
        if said.fed_by:
            return "from " + ", ".join(dict.fromkeys(self.pen.write_place(each.origin) for each in said.fed_by))
        built = self.things.get(path[:2])
        is_built = len(path) > 2 and built is not None and said.origin.span == built.span
        return "" if is_built else self.pen.write_place(said.origin)
