"""Merging by hand: plain JSON as what the platform made, and texts as what a service lays over it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from compiler.diagnostics import Diagnostic, Source, Span, has_errors
from compiler.load import Dialect, load_document
from compiler.merge import merge_fragments
from compiler.model import Entry, Fragment, Identity, Json, Origin, Said, Setting, Stack, TemplatePart, walk_leaves
from compiler.parts import check_addition, check_override
from compiler.trace import trace_value

NOWHERE = Span(Source("platform/templates/made.py", ("made",)), 1, 1, 1, 5)
MADE = Origin("template", NOWHERE)
IDENTITIES = (
    Identity("*", ("Properties", "Tags"), ("Key",), NOWHERE),
    Identity("*", ("**", "Rules"), ("Port", "Cidr"), NOWHERE),
    Identity("*", ("**", "Statement"), ("Sid",), NOWHERE),
)
DESCRIPTION = trace_value("a stack", Setting(("service",), (Said(Origin("service", NOWHERE), "made"),)))


def make_fragment(sections: Mapping[str, Mapping[str, Json]]) -> Fragment:
    entries = []
    for section, bodies in sections.items():
        for name, body in bodies.items():
            stories = {path: (Said(MADE, value),) for path, value in walk_leaves(body)}
            entries.append(Entry(section, name, body, MADE, stories))
    return Fragment("made", tuple(entries))


def make_part(path: str, content: Json | str) -> TemplatePart:
    """Make a part of a text or of data; `path` is such as `overrides/production/web.yml`."""
    kind, *folders, file = path.split("/")
    text = content if isinstance(content, str) else json.dumps(content)
    dialect: Dialect = "override" if kind == "overrides" else "template"
    document, faults = load_document(text.encode(), f"cloudFormation/{path}", dialect=dialect)
    assert () == faults
    return TemplatePart(file.partition(".")[0], folders[0] if folders else None, document)


def merge(
    base: Mapping[str, Mapping[str, Json]], files: Mapping[str, Json | str], environment: str = "production"
) -> tuple[Stack, tuple[Diagnostic, ...]]:
    """Merge files by their path into what the platform made; what their form forbids is not merged."""
    parts = [make_part(path, content) for path, content in files.items()]
    overrides = [part for part in parts if "/overrides/" in part.document.source.path]
    additions = [part for part in parts if part not in overrides]
    found = [fault for part in overrides for fault in check_override(part)]
    found += [fault for part in additions for fault in check_addition(part)]
    stack, faults = merge_fragments(
        [make_fragment(base)],
        description=DESCRIPTION,
        overrides=() if has_errors(found) else overrides,
        additions=() if has_errors(found) else additions,
        identities=IDENTITIES,
        environment=environment,
        layers=("env-default", environment) if environment.startswith("env-") else (environment,),
    )
    return stack, (*found, *faults)
