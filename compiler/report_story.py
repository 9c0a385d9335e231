"""Report, story: draw who decided what.

In: an Explanation.    Out: text.
Never: shows a credential, or cuts a value where there is no terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from compiler.explain import Explanation, Told
from compiler.identity import name_key
from compiler.model import Json, Path
from compiler.report_outline import list_changes, outline_sections, outline_things, outline_values
from compiler.report_safe import measure_text
from compiler.report_words import REMOVED, Pen, dotted, write_who
from compiler.wording import count_things

Row = tuple[str, Json, str, str]


def report_story(explained: Explanation, *, width: int | None = None, prefix: str = "") -> str:
    """Draw an explanation: of a value every layer that spoke about it, the winner last and marked; else what is below.

    `width` is that of the terminal, None in a pipe, where nothing is cut. `prefix` leads to the repository.
    """
    pen = Pen(width, prefix)
    if explained.kind in ("value", "removed"):
        return _draw_value(explained, pen)
    name = dotted(explained.path) or "The template"
    text = f"{name} in {explained.environment}, {count_things(len(explained.told), 'value')}\n"
    text += "".join(f"  {line}\n" for line in _facts(explained, pen))
    text += "\n" + _OUTLINES.get(_shape(explained), outline_values)(explained, pen)
    changes = list_changes(explained, pen) if explained.kind in ("thing", "map", "list") else ""
    if changes:
        text += f"\nWhat overrides did\n{changes}"
    return text + _draw_guardrails(explained, pen)


_OUTLINES: dict[str, Callable[[Explanation, Pen], str]] = {
    "template": lambda explained, pen: outline_sections(explained),
    "Resources": outline_things,
}


def _shape(explained: Explanation) -> str:
    return str(explained.path[0]) if explained.kind == "section" else explained.kind


def _facts(explained: Explanation, pen: Pen) -> Iterator[str]:
    if explained.kind == "thing":
        if isinstance(explained.value, dict) and "Type" in explained.value:
            yield dotted((explained.value["Type"],))
        for said in explained.asked_by:
            yield f"for {dotted(said.pointer)}, {pen.write_place(said.origin)}"
    if explained.built:
        place = pen.write_place(explained.built)
        is_added = explained.built.layer == "addition"
        yield f"added at {place}" if is_added else f"built at {place}, except where noted"
    if explained.kind == "list":
        if explained.identity:
            keys = " + ".join(f"`{name_key(key)}`" for key in explained.identity.keys)
            yield f"overrides merge its items by {keys}, {pen.write_identity(explained.identity)}"
        else:
            yield "an override replaces it as a whole, unless it says `$append` or the like"


def _draw_value(explained: Explanation, pen: Pen) -> str:
    (told,) = explained.told
    name, environment = dotted(explained.path), explained.environment
    value = REMOVED if explained.is_removed else explained.value
    text = f"{name} = {pen.write_value(value, len(name) + len(environment) + 7)} in {environment}\n"
    if measure_text(text) > pen.columns:
        text = f"{name} in {environment}\n= {pen.write_value(value, 2)}\n"
    text += "\n" + pen.write_rows(list(_rows(told, pen)))
    for said in told.story:
        for setting in said.fed_by:
            text += f"\ncomputed from {dotted(setting.path)}\n"
            words = Told(setting.path, setting.value, setting.history)
            text += pen.write_rows([(*row[:3], _beside(row[3], setting.path)) for row in _rows(words, pen)])
    origin = explained.built
    if origin and all(origin.span != said.origin.span for said in told.story):
        verb = "added" if origin.layer == "addition" else "built"
        text += f"\n{dotted(explained.path[1:2])} is {verb} at {pen.write_place(origin)}\n"
    return text + _draw_guardrails(explained, pen)


def _beside(words: str, path: Path) -> str:
    return "" if words == dotted(path) else words


def _rows(told: Told, pen: Pen) -> Iterator[Row]:
    for number, said in enumerate(told.story, 1):
        mark = "=>" if number == len(told.story) else "  "
        value = REMOVED if said.rule == "$remove" else said.value
        yield mark, value, pen.write_place(said.origin), write_who(said, told.identity, pen)


def _draw_guardrails(explained: Explanation, pen: Pen) -> str:
    drawn = "".join(pen.write_guardrail(guardrail) for guardrail in explained.guardrails)
    return f"\nGuardrails\n{drawn}" if drawn else ""
