"""Report, unused: draw what a service says in vain.

In: what is unused, the names of service and environments.    Out: text, or plain data.
Never: shows a credential.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.model import Json, Origin
from compiler.pointer import write_pointer
from compiler.report_safe import mask_data
from compiler.report_words import Pen, dotted
from compiler.unused import Unused


def report_unused(found: Sequence[Unused], *, service: str, environments: Sequence[str], prefix: str = "") -> str:
    """Draw a line for each value with its place, and one with the reason."""
    names = ", ".join(environments)
    if not found:
        return f"all that {service} says in service.yml and overrides has an effect in {names}\n"
    pen = Pen(prefix=prefix)
    reach = "value reaches" if len(found) == 1 else "values reach"
    text = f"{service}: {len(found)} {reach} nothing in {names}\n"
    for each in found:
        text += "\n" + pen.write_line(pen.write_place(Origin("service", each.span)), "  ", dotted(each.pointer))
        places = [pen.write_place(said.origin) for said in each.replaced_by]
        text += pen.write_line("  replaced at", "    ", *places) if places else "  no template reads it\n"
    return text


def unused_to_json(found: Sequence[Unused], *, service: str, environments: Sequence[str]) -> dict[str, Json]:
    """Turn what is unused into plain data."""
    data: dict[str, Json] = {
        "service": service,
        "environments": list(environments),
        "unused": [
            {
                "file": each.span.path,
                "line": each.span.line,
                "column": each.span.column,
                "pointer": write_pointer(each.pointer),
                "why": "replaced" if each.replaced_by else "unread",
                "replacedBy": [_place(said.origin) for said in each.replaced_by],
            }
            for each in found
        ],
    }
    masked: dict[str, Json] = mask_data(data)
    return masked


def _place(origin: Origin) -> Json:
    return {"file": origin.span.path, "line": origin.span.line, "column": origin.span.column}
