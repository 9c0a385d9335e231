"""Report, frequency: how often services are deployed, as a plot.

In: what `frequency` counted.    Out: SVG, a row of bars for each service, all rows to one scale.
Never: writes a text into the plot that was not escaped, or what the same numbers would not give again.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.frequency import Frequency
from compiler.wording import count_things

_BAR, _GAP, _ROW, _PLOT = 12, 4, 110, 60  # pixels
_LEFT, _TOP = 48, 48
# Every bar says its numbers in a <title>, which a browser shows and a screen reader reads.
_TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title desc" viewBox="0 0 {{ width }} {{ height }}"\
 width="{{ width }}" height="{{ height }}" font-family="sans-serif" font-size="12" fill="#222">
  <title id="title">Deployments per week</title>
  <desc id="desc">{{ services }}, {{ first }} to {{ last }}; blue bars are promotions, \
orange ones on top are rollbacks.</desc>
  <rect width="100%" height="100%" fill="#fff"/>
  <text x="{{ left }}" y="20" font-size="14">Deployments per week, {{ first }} to {{ last }}</text>
{% for row in rows %}
  <g transform="translate({{ left }} {{ row.top }})">
    <text x="0" y="-8">{{ row.service }}: {{ row.total }}</text>
    <line x1="0" x2="{{ plot_width }}" y1="{{ plot }}" y2="{{ plot }}" stroke="#888"/>
    <text x="-6" y="4" text-anchor="end">{{ highest }}</text>
    <text x="-6" y="{{ plot + 4 }}" text-anchor="end">0</text>
{% for bar in row.bars %}
    <g><title>{{ bar.title }}</title>\
<rect x="{{ bar.x }}" y="{{ bar.y }}" width="{{ bar_width }}" height="{{ bar.height }}" fill="#1f6fb2"/>\
<rect x="{{ bar.x }}" y="{{ bar.top }}" width="{{ bar_width }}" height="{{ bar.more }}" fill="#d9822b"/></g>
{% endfor %}
  </g>
{% endfor %}
</svg>
"""


def draw_frequency(frequencies: Sequence[Frequency]) -> str:
    """Draw at least one service that was deployed at least once."""
    from jinja2 import Environment, StrictUndefined

    weeks = frequencies[0].weeks
    highest = max(1, *(week.deployments + week.rollbacks for each in frequencies for week in each.weeks))
    plot_width = len(weeks) * (_BAR + _GAP)
    engine = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    return engine.from_string(_TEMPLATE).render(
        rows=[_draw_row(number, each, highest) for number, each in enumerate(frequencies)],
        services=count_things(len(frequencies), "service"),
        first=weeks[0].name,
        last=weeks[-1].name,
        highest=highest,
        left=_LEFT,
        plot=_PLOT,
        plot_width=plot_width,
        bar_width=_BAR,
        width=_LEFT + max(plot_width, 400) + _GAP,
        height=_TOP + _ROW * len(frequencies),
    )


def _draw_row(number: int, frequency: Frequency, highest: int) -> dict[str, object]:
    bars = []
    for index, week in enumerate(frequency.weeks):
        height, more = (round(_PLOT * count / highest, 1) for count in (week.deployments, week.rollbacks))
        said = f"{week.name}: {week.deployments} promoted, {week.rollbacks} rolled back"
        y = round(_PLOT - height, 1)
        bar = {"x": index * (_BAR + _GAP), "y": y, "height": height, "top": round(y - more, 1), "more": more}
        bars.append({**bar, "title": said})
    total = sum(week.deployments for week in frequency.weeks)
    return {"service": frequency.service, "total": total, "top": _TOP + 24 + number * _ROW, "bars": bars}
