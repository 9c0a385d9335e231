"""Report, words: how places, values and who said them are written in an explanation.

In: Origins, values, rows.    Out: text.
Never: shows a credential, or cuts a value where there is no terminal.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from compiler.model import Guardrail, Identity, Json, Origin, Path, Said
from compiler.pointer import write_pointer
from compiler.report_safe import escape_text, mask_data, measure_text, place_path

COLUMNS = 80
REMOVED = object()  # in the place of a value
_LAYERS = {
    "platform": "default of the platform",
    "environment": "environment file of the platform",
    "base": "base descriptor",
    "service": "service.yml",
    "lock": "flagstone.lock",
    "template": "template of the platform",
    "override": "override",
    "addition": "addition",
    "compiler": "Flagstone itself",
}


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes for a reader: `width` is that of the terminal, None in a pipe; `prefix` leads to the repository."""

    width: int | None = None
    prefix: str = ""

    @property
    def columns(self) -> int:
        return self.width or COLUMNS

    def write_value(self, value: Json, used: int = 0) -> str:
        """Write a value as JSON on one line, cut to what the terminal has left beside `used` columns."""
        if value is REMOVED:
            return "removed"
        text = escape_text(json.dumps(mask_data(value), ensure_ascii=False))
        room = max(self.columns - used, 20)
        return text if self.width is None or measure_text(text) <= room else _cut(text, room - 3) + "..."

    def write_place(self, origin: Origin) -> str:
        return self._place(origin.span.path, origin.span.line, origin.span.column)

    def write_identity(self, identity: Identity) -> str:
        return self._place(identity.span.path, identity.span.line, identity.span.column)

    def write_guardrail(self, guardrail: Guardrail) -> str:
        span = guardrail.span
        rule = ["sealed"] if guardrail.is_sealed else []
        rule += [_write_rule(name, operand) for name, operand in (guardrail.must or {}).items()]
        head = f"  {guardrail.name}  {self._place(span.path, span.line, span.column)}\n"
        return head + self.write_prose(f"{'.'.join(guardrail.path)}: {', '.join(rule)}; {guardrail.reason}", "    ")

    def write_prose(self, text: str, indent: str) -> str:
        lines = textwrap.wrap(text, max(self.columns - len(indent), 20), break_long_words=False, break_on_hyphens=False)
        return "".join(f"{indent}{line}\n" for line in lines)

    def write_rows(self, rows: Sequence[tuple[str, Json, str, str]], indent: str = "") -> str:
        """Write rows of a mark, a value, a place and words as a table, or where that is too wide without columns."""
        shown = [(mark, self.write_value(value), place, words) for mark, value, place, words in rows]
        widths = [max(map(measure_text, column)) for column in zip(*shown, strict=True)]
        if len(indent) + sum(widths) + len(widths) + 2 <= self.columns:
            lines = ("  ".join(map(_pad, row, widths)).replace("  ", " ", 1) for row in shown)
            return "".join(f"{indent}{line}".rstrip() + "\n" for line in lines)
        return "".join(
            self.write_line(
                f"{indent}{mark} {self.write_value(value, len(indent) + 3)}", indent + " " * 5, place, words
            )
            for mark, value, place, words in rows
        )

    def write_line(self, line: str, indent: str, *parts: str) -> str:
        """Put parts behind each other as long as the line is not too long, then below with the indent."""
        text = ""
        for part in filter(None, parts):
            if measure_text(line) + 2 + measure_text(part) > self.columns:
                text, line = f"{text}{line}\n", indent + part
            else:
                line += f"  {part}"
        return f"{text}{line}\n"

    def _place(self, path: str, line: int, column: int) -> str:
        return f"{escape_text(place_path(path, self.prefix))}:{line}:{column}"


def write_who(said: Said, identity: Identity | None, pen: Pen) -> str:
    """Say on whose behalf a word was said: a pointer into a descriptor, or the layer with its rule."""
    layer = _LAYERS[said.origin.layer]
    if said.origin.layer in ("platform", "environment", "base", "service"):
        return dotted(said.pointer) or layer
    if said.rule is None:
        return layer
    where = f", {pen.write_identity(identity)}" if identity and said.rule.startswith("item ") else ""
    return f"{layer}, {said.rule}{where}"


def dotted(path: Path) -> str:
    return escape_text(mask_data(write_pointer(path)))


def _write_rule(operator: str, operand: Json) -> str:
    """Write what a guardrail asks for, such as `must be at most 3653`."""
    if operator == "present":
        return "must be there" if operand else "must not be there"
    if operator == "keeps":
        return f"must stay one of {json.dumps(operand)} where the platform says so"
    if operator == "matches":
        return f"must match {json.dumps(operand)}"
    words = re.sub(r"([A-Z])", r" \1", operator.removeprefix("equals")).lower()
    return f"must be {words} {json.dumps(operand)}".replace("  ", " ")


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - measure_text(cell))


def _cut(text: str, room: int) -> str:
    text = text[:room]
    while measure_text(text) > room:
        text = text[:-1]
    return text
