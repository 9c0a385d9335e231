"""Report, cost: draw what resources cost a month.

In: Costs of a stack or several.    Out: text, or plain data.
Never: adds up what has no price; it is counted and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

from compiler.cost import CostLine, Costs, order_lines
from compiler.model import Json
from compiler.report_table import report_table
from compiler.wording import count_things

_CENT = Decimal("0.01")
_ZERO = Decimal(0)


def report_costs(costs: Costs, *, title: str, width: int | None = None, color: bool = False) -> str:
    """Draw a row for each kind of line: resources of one type and price share one. The dearest come first."""
    span = _between(costs.low, costs.high)
    text = f"{title}: {span} {costs.currency} a month, by prices of {costs.date}; use comes on top\n"
    priced = [line for line in costs.lines if line.low is not None]
    if priced:
        headers = ("A MONTH", "RESOURCE", "TYPE", "WHAT", "BY USE")
        text += "\n" + report_table(headers, list(_rows(priced)), width=width, color=color)
    if costs.unknown:
        count = len(costs.unknown)
        text += f"\nno price for {count_things(count, 'resource')}, which {_be(count)} not counted:\n"
        text += "".join(f"  {_name(line)}  {line.what}\n" for line in costs.unknown)
    return text


def report_sum(costs: Sequence[Costs], *, title: str) -> str:
    """Say what several cost together, in one line."""
    low, high = sum((each.low for each in costs), _ZERO), sum((each.high for each in costs), _ZERO)
    return f"{title}: {_between(low, high)} {costs[0].currency} a month, in {count_things(len(costs), 'environment')}\n"


def costs_to_json(costs: Costs) -> dict[str, Json]:
    """Turn costs into plain data. Amounts are texts with two decimals, null where there is no price."""
    return {
        "currency": costs.currency,
        "date": costs.date,
        "low": _amount(costs.low),
        "high": _amount(costs.high),
        "resources": [
            {
                "stack": line.stack,
                "logicalId": line.logical_id,
                "type": line.type,
                "what": line.what,
                "low": None if line.low is None else _amount(line.low),
                "high": None if line.high is None else _amount(line.high),
                "byUse": line.by_use or None,
            }
            for line in order_lines(costs.lines)
        ],
    }


def _rows(lines: Iterable[CostLine]) -> Iterator[tuple[str, ...]]:
    groups: dict[tuple[Decimal, Decimal, str, str], list[CostLine]] = {}
    for line in order_lines(lines):
        groups.setdefault((line.low or _ZERO, line.high or _ZERO, line.type, line.what), []).append(line)
    for (low, high, _, _), (first, *others) in sorted(groups.items(), key=lambda item: -len(item[1]) * item[0][1]):
        count = 1 + len(others)
        amount = _between(count * low, count * high) if high else "-"
        more = f" and {len(others)} more" if others else ""
        yield amount, _name(first) + more, first.type, first.what or "-", first.by_use or "-"


def _between(low: Decimal, high: Decimal) -> str:
    return _amount(low) if _amount(low) == _amount(high) else f"{_amount(low)} to {_amount(high)}"


def _amount(value: Decimal) -> str:
    return str(value.quantize(_CENT, ROUND_HALF_UP))


def _name(line: CostLine) -> str:
    return f"{line.stack}.{line.logical_id}" if line.stack else line.logical_id


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
