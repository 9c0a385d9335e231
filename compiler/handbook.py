"""Handbook: write a page for each template of a library, and one that leads to them.

In: Chapters.    Out: the markdown of docs/templates, by the name of the file.
Never: says anything of a template that was not read off it.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from compiler.chapters import SAMPLE, Chapter, Made, Option, write_chapters
from compiler.cost import CostLine
from compiler.library import find_content, load_library
from compiler.model import Json
from compiler.report_graph import render_mermaid

INDEX = "README.md"
_COLUMNS = 100
_EXAMPLES = 3
_HEAD = "<!-- Written by `python -m compiler.handbook docs/templates`: change the library, not this file. -->"
_INDEX = """
What the platform builds, a page for each template. The templates of services together make the stack of a service in
each of its environments; each template of environments makes a stack of its own. All pages are read off the templates
themselves, run on the library's environments and on two samples that say all there is to say:
[a service](sample/service.yml) and [an environment](sample/environment.yml).
"""
_PATTERNS = """
In a logical id, what differs from case to case stands in angle brackets: `<Process>Group` is `WebGroup` for a process
`web`. Logical ids are public: overrides name them, and they stay when a name stays.
"""
_SCOPES = {
    "service": "Part of the stack of every service. [All templates](README.md)",
    "environment": "A stack of its own in every environment that asks for it. [All templates](README.md)",
}
_ALARM, _COMPOSITE = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"
_SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
    "GreaterThanUpperThreshold": "above its usual range",
}
_COSTS = """
By the prices of `platform/prices.yml`, in {currency} a month, of {date}{of}. What runs by time is added up; what is
paid by use stands beside it.
"""


def render_handbook(chapters: Sequence[Chapter]) -> dict[str, str]:
    """Render every page, by its file name."""
    pages = {f"{each.name}.md": "\n".join(_page(each)) + "\n" for each in chapters}
    return {INDEX: "\n".join(_index(chapters)) + "\n", **pages}


def _index(chapters: Sequence[Chapter]) -> Iterator[str]:
    yield f"{_HEAD}\n\n# Templates\n"
    yield _wrapped(_INDEX)
    for scope in ("service", "environment"):
        yield f"\n## Of {scope}s\n"
        yield "| template | what it builds | resources | alarms |"
        yield "| --- | --- | --- | --- |"
        for each in chapters:
            if each.scope == scope:
                about = _paragraphs(each.about)[0]
                alarms = len(_alarms(each))
                yield f"| [{each.name}]({each.name}.md) | {about} | {len(_of(each, 'Resources'))} | {alarms or ''} |"
    yield f"\n{_wrapped(_PATTERNS)}"


def _page(chapter: Chapter) -> Iterator[str]:
    yield f"{_HEAD}\n\n# {chapter.name}\n"
    for paragraph in _paragraphs(chapter.about):
        yield f"{_wrapped(paragraph)}\n"
    yield _SCOPES[chapter.scope]
    yield from _picture(chapter)
    yield from _resources(chapter)
    yield from _plain_section(chapter, "Parameters", "What a deployment has to give:", "Description")
    yield from _plain_section(chapter, "Outputs", "What the stack tells:", "Description")
    yield from _options(chapter)
    yield from _alarm_section(chapter)
    yield from _paths(chapter)
    yield from _cost_section(chapter)


def _picture(chapter: Chapter) -> Iterator[str]:
    # Mermaid, which forges draw where they show the page. For graphviz there is `flagstone graph --format dot`.
    if chapter.graph.edges:
        yield "\n## What refers to what\n"
        yield f"```mermaid\n{render_mermaid(chapter.graph)}```"


def _resources(chapter: Chapter) -> Iterator[str]:
    found = _of(chapter, "Resources")
    rows = [(f"`{each.id}`", f"`{each.type}`", _where(each, chapter), _such_as(each)) for each in found]
    heads = ("logical id", "type", "only in", "such as")
    kept = [column for column in range(len(heads)) if any(row[column] for row in rows)]
    yield "\n## Resources\n"
    yield f"| {' | '.join(heads[column] for column in kept)} |\n|{' --- |' * len(kept)}"
    for row in rows:
        yield f"| {' | '.join(row[column] for column in kept)} |"


def _plain_section(chapter: Chapter, section: str, lead: str, key: str) -> Iterator[str]:
    found = _of(chapter, section)
    if found:
        yield f"\n## {section}\n\n{lead}\n"
        yield from (f"- `{each.id}`: {each.body.get(key, '')}".rstrip(": ") for each in found)


def _options(chapter: Chapter) -> Iterator[str]:
    if chapter.options:
        yield "\n## Options\n"
        yield _wrapped(
            "What of `service.yml`, of the environment's file and of `platform.yml` goes into it; `*` stands for a"
            " name. Without a default, an option is left out or has to be said."
        )
        yield "\n| option | default | what it says |\n| --- | --- | --- |"
        for each in chapter.options:
            default = "" if each.default is None else f"`{_shown(each.default)}`"
            yield f"| `{each.path}` | {default} | {_cell(_about(each))} |"


def _about(option: Option) -> str:
    return option.about if option.default is None else re.sub(r"\s*Default: \S*\.$", "", option.about)


def _alarm_section(chapter: Chapter) -> Iterator[str]:
    alarms = _alarms(chapter)
    if alarms:
        yield "\n## Alarms\n"
        yield "| alarm | goes off | from | silence |\n| --- | --- | --- | --- |"
        for each in alarms:
            body = each.body["Properties"]
            yield (
                f"| `{each.id}` | {_cell(_condition(body))} | {_sources(each)} | {body.get('TreatMissingData', '')} |"
            )


def _condition(body: Json) -> str:
    if "AlarmRule" in body:
        return "when its rule says so"
    sign, threshold = _SIGNS.get(body["ComparisonOperator"], body["ComparisonOperator"]), body.get("Threshold")
    periods = body["EvaluationPeriods"]
    points = body.get("DatapointsToAlarm", periods)
    period = body.get("Period") or next(
        (each["MetricStat"]["Period"] for each in body.get("Metrics", ()) if "MetricStat" in each), None
    )
    times = f"{points} of {periods}" if points != periods else f"{periods}"
    noun = "period" if periods == 1 else "periods"
    span = f", {times} {noun}" + (f" of {period} s" if period else "")
    return f"{_metric(body)} {sign}{'' if threshold is None else f' {_number(threshold)}'}{span}"


def _metric(body: Json) -> str:
    if "MetricName" in body:
        kind = body.get("ExtendedStatistic") or body.get("Statistic", "")
        return f"{kind} of `{body.get('Namespace', '')} {body['MetricName']}`"
    for each in body.get("Metrics", ()):
        if each.get("ReturnData", True) and "Expression" in each:
            return f"{each.get('Label', '')} `{each['Expression']}`".strip()
        if each.get("ReturnData", True) and "MetricStat" in each:
            metric = each["MetricStat"]["Metric"]
            return f"{each['MetricStat']['Stat']} of `{metric['Namespace']} {metric['MetricName']}`"
    return "a metric"


def _sources(alarm: Made) -> str:
    return ", ".join(f"`{path}`" for path in alarm.options.get(("Properties", "Threshold"), ()))


def _paths(chapter: Chapter) -> Iterator[str]:
    for title, lead, paths in (
        ("Parameters written", "What others find in SSM:", chapter.writes),
        ("Parameters read", "What it looks up in SSM, so what has to be there first:", chapter.reads),
    ):
        if paths:
            yield f"\n## {title}\n\n{lead}\n"
            yield from (f"- `{path}`" for path in paths)


def _cost_section(chapter: Chapter) -> Iterator[str]:
    lines = [line for costs in chapter.costs.values() for line in costs.lines]
    if not lines:
        return
    any_of = next(iter(chapter.costs.values()))
    of = ", of [the sample](sample/service.yml)" if chapter.scope == "service" else ""
    yield "\n## Cost drivers\n"
    yield _wrapped(_COSTS.format(currency=any_of.currency, date=any_of.date, of=of))
    names = list(chapter.costs)
    yield f"\n| type | {' | '.join(names)} | by use |\n| --- |{' ---: |' * len(names)} --- |"
    for kind in sorted({line.type for line in lines}):
        cells = [_amount([line for line in chapter.costs[name].lines if line.type == kind]) for name in names]
        use = sorted({line.by_use for line in lines if line.type == kind and line.by_use})
        yield f"| `{kind}` | {' | '.join(cells)} | {', '.join(use)} |"
    totals = [_range(costs.low, costs.high) for costs in chapter.costs.values()]
    if any(totals):
        yield f"| all | {' | '.join(totals)} | |"


def _amount(lines: Sequence[CostLine]) -> str:
    low = [line.low for line in lines if line.low is not None]
    high = [line.high for line in lines if line.high is not None]
    if lines and not low:
        return "no price"
    return _range(sum(low, Decimal(0)), sum(high, Decimal(0)))


def _range(low: Decimal, high: Decimal) -> str:
    if not high:
        return ""
    return f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"


def _of(chapter: Chapter, section: str) -> list[Made]:
    return [each for each in chapter.made if each.section == section]


def _alarms(chapter: Chapter) -> list[Made]:
    return [each for each in chapter.made if each.type in (_ALARM, _COMPOSITE)]


def _where(made: Made, chapter: Chapter) -> str:
    if made.environments.issuperset(chapter.environments):
        return ""
    return ", ".join(sorted(made.environments - {SAMPLE})) or "[the sample](sample/environment.yml)"


def _such_as(made: Made) -> str:
    names = sorted(made.names - {made.id})
    return ", ".join(f"`{name}`" for name in names[:_EXAMPLES]) + (", ..." if len(names) > _EXAMPLES else "")


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: Json) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()] or [""]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _COLUMNS, break_long_words=False, break_on_hyphens=False)


def write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    """Write the pages into a folder, and remove those of templates that are gone."""
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    for gone in {path.name for path in folder.glob("*.md")}.difference(pages):
        (folder / gone).unlink()


def main(arguments: Iterable[str]) -> None:
    (folder,) = map(Path, arguments)
    write_pages(folder, render_handbook(write_chapters(load_library(find_content("platform")), folder / SAMPLE)))


if __name__ == "__main__":
    main(sys.argv[1:])
