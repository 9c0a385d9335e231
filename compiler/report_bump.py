"""Report of a bump: what asks for a new version of a library, as text and as plain data.

In: two versions, Reasons.    Out: text, data.
Never: leaves out a reason that decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.least_bump import Reason, worst_bump
from compiler.model import Json
from compiler.report_safe import escape_text, mask_data
from compiler.report_table import report_table
from compiler.wording import count_things

_WITH = {"old": "the older one only", "new": "the newer one only", "neither": "neither"}
_MOST = 20  # lines of reasons that do not decide


def report_bump(
    old: str,
    new: str,
    reasons: Sequence[Reason],
    compiled: Mapping[str, str],
    *,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Draw the verdict in a line, and below it each reason with its place; patches are counted, not listed.

    `compiled` says of each service with which of the two it compiles: "both", "old", "new" or "neither".
    """
    least = worst_bump(reasons)
    seen = _count_services(compiled)
    if least is None:
        return f"nothing differs from {old}\n{seen}"
    shown = [reason for reason in reasons if reason.bump == least or reason.bump != "patch"]
    shown = shown[: max(_MOST, sum(reason.bump == least for reason in reasons))] if least != "patch" else shown[:_MOST]
    rows = [(reason.bump, reason.message, reason.where, _line(reason)) for reason in shown]
    table = report_table(("BUMP", "REASON", "SEEN IN", "DUE TO"), rows, width=width, color=color)
    rest = len(reasons) - len(shown)
    more = f"and {rest} more that {'asks' if rest == 1 else 'ask'} for no greater bump\n" if rest else ""
    return f"{old} to {new}: at least a {least} version\n\n{table}{more}{seen}"


def bump_to_json(old: str, new: str, reasons: Sequence[Reason]) -> dict[str, Json]:
    """Return the verdict and all reasons as plain data; `least` is null where nothing differs."""
    listed = [
        {"bump": reason.bump, "message": reason.message, "where": reason.where, "origin": _line(reason) or None}
        for reason in reasons
    ]
    return {"against": old, "version": new, "least": worst_bump(reasons), "reasons": mask_data(listed)}


def _count_services(compiled: Mapping[str, str]) -> str:
    count = sum(how == "both" for how in compiled.values())
    words = f"{count_things(count, 'service')} compiled with both"
    others = [f"{name} with {_WITH[how]}" for name, how in compiled.items() if how != "both"]
    return escape_text("; ".join([words, *others])) + "\n"


def _line(reason: Reason) -> str:
    return f"{reason.origin.span.source.path}:{reason.origin.span.line}" if reason.origin is not None else ""
