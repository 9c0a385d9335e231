"""Suppressions: read what judges of templates find and the platform team means, and say so where each judge looks.

In: the Document of `suppressions.yml`; a Fragment.    Out: Suppressions, and what is wrong with the rest; the Fragment.
Faults: D403.
Never: looks at what services override or add: that is theirs to answer for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from compiler.diagnostics import Diagnostic, Span
from compiler.model import Document, Entry, Fragment, Json, Origin, Said

_KEYS = {"judge", "rule", "type", "where", "reason"}
_JUDGES = ("checkov", "parliament", "cloudsplaining")


@dataclass(frozen=True, slots=True)
class Suppression:
    """What a judge finds by a rule and is meant, of resources of a type with these values at these paths."""

    judge: str
    rule: str
    type: str
    where: Mapping[tuple[str, ...], Json]
    reason: str
    span: Span


def read_suppressions(document: Document) -> tuple[tuple[Suppression, ...], tuple[Diagnostic, ...]]:
    """Read every suppression that is in order; the others come back as faults, each at its line."""
    found, faults = [], []
    for name, data in document.data.items():
        wrong = next(_check(data), None)
        span = document.key_span((name,))
        if wrong is not None:
            faults.append(Diagnostic("D403", f"suppression `{name}` {wrong}", span))
            continue
        where = {tuple(path.split(".")): value for path, value in data.get("where", {}).items()}
        found.append(Suppression(data["judge"], data["rule"], data["type"], where, data["reason"], span))
    return tuple(found), tuple(faults)


def _check(data: Json) -> Iterator[str]:
    if not isinstance(data, dict):
        yield "is not a map"
        return
    if data.keys() - _KEYS:
        yield f"has an unknown key `{min(data.keys() - _KEYS)}`"
    for key in sorted(_KEYS - {"where"}):
        if not isinstance(data.get(key), str):
            yield f"lacks `{key}`, a text"
    if data.get("judge") not in _JUDGES:
        yield f"is for no judge that is known: {', '.join(_JUDGES)}"
    if not isinstance(data.get("where", {}), dict):
        yield "has a `where` that is not a map of paths to values"


def suppress_findings(fragment: Fragment, document: Document | None) -> Fragment:
    """Add to each resource that a suppression is about the words by which the judge leaves it alone."""
    suppressions = read_suppressions(document)[0] if document else ()
    return replace(fragment, entries=tuple(_suppress(entry, suppressions) for entry in fragment.entries))


def _suppress(entry: Entry, suppressions: tuple[Suppression, ...]) -> Entry:
    about = [each for each in suppressions if entry.section == "Resources" and _is_about(each, entry.body)]
    if not about:
        return entry
    metadata, stories = dict(entry.body.get("Metadata", {})), dict(entry.stories)
    for judge in dict.fromkeys(each.judge for each in about):
        skips = []
        for index, each in enumerate(each for each in about if each.judge == judge):
            skips.append({"id": each.rule, "comment": each.reason})
            for key, value in skips[index].items():
                stories["Metadata", judge, "skip", index, key] = (Said(Origin("template", each.span), value),)
        metadata[judge] = {"skip": skips}
    return replace(entry, body={**entry.body, "Metadata": metadata}, stories=stories)


def _is_about(suppression: Suppression, resource: Mapping[str, Any]) -> bool:
    return resource["Type"] == suppression.type and all(
        value in _values(resource, path) for path, value in suppression.where.items()
    )


def _values(data: Json, path: tuple[str, ...]) -> Iterator[Json]:
    """Yield what stands at a path; a list stands for each of its items."""
    if isinstance(data, list):
        for item in data:
            yield from _values(item, path)
    elif not path:
        yield data
    elif isinstance(data, dict) and path[0] in data:
        yield from _values(data[path[0]], path[1:])
