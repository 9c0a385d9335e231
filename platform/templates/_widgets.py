"""Widgets of CloudWatch dashboards, laid out in rows: nothing overlaps, and what stands in a row shares its width.

In: rows of widgets, a region.    Out: the body of a dashboard, as compact JSON.
Never: knows what is watched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.authoring import derive

COLUMNS = 24
# Quotas of CloudWatch, none of which can be raised.
MOST_ALARMS = 100  # in a widget
MOST_GROUPS = 50  # log groups in a query
USUAL_PERIOD = 300  # seconds, of a graph that does not say its own
_IN_A_LINE = 8  # alarms of a status widget that is as wide as the dashboard

Metric = list[Any]


@dataclass(frozen=True, slots=True)
class Widget:
    kind: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """Widgets beside each other. `height` in units of the grid, of which a graph has six."""

    widgets: Sequence[Widget] = field(default_factory=tuple)
    height: int = 6


def body(region: str, rows: Iterable[Row]) -> str:
    """Write the body of a dashboard that shows three hours. What stays in the text of `${...}` is for Fn::Sub."""
    laid = list(_lay_out(region, [row for row in rows if row.widgets]))
    text = json.dumps({"start": "-PT3H", "widgets": laid}, separators=(",", ":"))
    return derive(text, laid)


def text(markdown: str, height: int = 2) -> Row:
    return Row((Widget("text", {"markdown": markdown}),), height)


def alarm_status(title: str, arns: Sequence[str]) -> Iterator[Row]:
    for start in range(0, len(arns), MOST_ALARMS):
        shown = list(arns[start : start + MOST_ALARMS])
        height = 1 + -(-len(shown) // _IN_A_LINE)
        yield Row((Widget("alarm", {"title": title, "alarms": shown, "sortBy": "stateUpdatedTimestamp"}),), height)


def graph(
    title: str,
    metrics: Sequence[Metric],
    *,
    stat: str = "Sum",
    period: int = 60,
    bounds: tuple[float | None, float | None] = (0, None),
    is_stacked: bool = False,
) -> Widget:
    """Draw metrics by time; `stat` and `period` (seconds) are of those that do not say their own."""
    low, high = bounds
    left = {name: value for name, value in (("min", low), ("max", high)) if value is not None}
    steps = {} if period == USUAL_PERIOD else {"period": period}
    shown = {"title": title, "stat": stat, **steps, "metrics": _abbreviated(metrics)}
    return Widget(
        "metric", {**shown, **({"stacked": True} if is_stacked else {}), **({"yAxis": {"left": left}} if left else {})}
    )


def measure(namespace: str, metric: str, dimensions: dict[str, str], **rendering: Any) -> Metric:
    """Name a metric as widgets do: namespace, name, then names and values of dimensions, then how it is drawn."""
    place = [part for pair in dimensions.items() for part in pair]
    return [namespace, metric, *place, *([rendering] if rendering else [])]


def compute(expression: str, label: str, **rendering: Any) -> Metric:
    return [{"expression": expression, "label": label, **rendering}]


def log_lines(title: str, groups: Sequence[str], query: str) -> Widget:
    """Show what a query finds in log groups."""
    sources = " | ".join(f"SOURCE '{group}'" for group in groups[:MOST_GROUPS])
    return Widget("log", {"title": title, "view": "table", "query": derive(f"{sources} | {query}", groups)})


def _lay_out(region: str, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    top = 0
    for row in rows:
        count = len(row.widgets)
        for place, widget in enumerate(row.widgets):
            left, right = COLUMNS * place // count, COLUMNS * (place + 1) // count
            where = {"x": left, "y": top, "width": right - left, "height": row.height}
            at = {"region": region} if widget.kind in ("metric", "log") else {}
            yield {"type": widget.kind, **where, "properties": {**widget.properties, **at}}
        top += row.height


def _abbreviated(metrics: Sequence[Metric]) -> list[Metric]:
    """Write a dot for what is as in the metric before: forty processes have to go into one template."""
    short: list[Metric] = []
    for before, metric in zip([[], *metrics], metrics, strict=False):
        names = [part for part in metric if not isinstance(part, dict)]
        above = [part for part in before if not isinstance(part, dict)]
        same = [name == other for name, other in zip(names, above, strict=False)] if len(names) == len(above) else []
        same += [False] * (len(names) - len(same))
        dots = ["." if is_same else name for name, is_same in zip(names, same, strict=True)]
        if names and all(same):
            dots = ["..."]
        short.append([*dots, *metric[len(names) :]])
    return short
