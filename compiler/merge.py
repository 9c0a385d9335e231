"""Merge: one stack out of what the platform made and what the service changes and adds.

In: Fragments, overrides, additions, the identity table.    Out: a Stack that knows the story of every leaf; the faults.
Faults: those of `override` and `addition`. What is faulty is left out, so that all faults come at once.
Never: changes a fragment, or loses who said what.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from compiler.addition import NAMED_SECTIONS, Intake
from compiler.diagnostics import Diagnostic
from compiler.identity import IdentityTable
from compiler.lookups import share_lookups
from compiler.model import Entry, Fragment, Identity, Json, Origin, Path, Rename, Said, Stack, TemplatePart, Touch
from compiler.node import Node, Story, grow, stories_of, strip
from compiler.override import Overlay
from compiler.trace import plain, settings_of

_SECTIONS = ("Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs", "Hooks")

Sections = Mapping[str, Mapping[str, Node]]


def merge_fragments(
    fragments: Iterable[Fragment],
    *,
    description: str,
    overrides: Iterable[TemplatePart] = (),
    additions: Iterable[TemplatePart] = (),
    values: Mapping[str, Mapping[str, Json]] | None = None,
    identities: Iterable[Identity] = (),
    renames: Iterable[Rename] = (),
    environment: str,
    layers: Sequence[str] = (),
) -> tuple[Stack, tuple[Diagnostic, ...]]:
    """Lay the overrides over the platform's part, then take in the additions.

    `values` are traced values for the parameters of additions, by the name of the addition.
    `layers` name the folders of an environment's own files, the weakest first; by default there is one of its name.
    `description` is a traced value: the stack's description, and who is behind the template as a whole.
    """
    fragments = tuple(fragments)
    sections = _plant(fragments)
    overlay = Overlay(IdentityTable(identities), environment, tuple(renames))
    for part in _parts_for(overrides, layers or (environment,)):
        sections = overlay.apply(sections, part)
    intake = Intake()
    for part in _parts_for(additions, layers or (environment,)):
        sections = intake.apply(sections, part, (values or {}).get(part.name, {}))
    sections = intake.fill_parameters(sections)
    origins = {(entry.section, entry.name): entry.origin for fragment in fragments for entry in fragment.entries}
    stack = _harvest(sections, description, origins, overlay.removed)
    stack = replace(stack, touched=tuple(overlay.touched), platform=_touched_things(fragments, overlay.touched))
    return share_lookups(stack), (*overlay.faults, *intake.faults)


def _plant(fragments: Iterable[Fragment]) -> Sections:
    sections: dict[str, dict[str, Node]] = {}
    for fragment in fragments:
        for entry in fragment.entries:
            grown = grow(entry.body, functools.partial(_told, entry))
            # Of two things with one logical id, which `build` has reported, the first stands.
            sections.setdefault(entry.section, {}).setdefault(entry.name, grown)
    return sections


def _touched_things(fragments: Iterable[Fragment], touched: Iterable[Touch]) -> dict[Path, Json]:
    """Keep what overrides touch as the platform made it."""
    names = {touch.pointer[:2] for touch in touched}
    made: dict[Path, Json] = {}
    for entry in (entry for fragment in fragments for entry in fragment.entries):
        if (entry.section, entry.name) in names:
            made.setdefault((entry.section, entry.name), entry.body)
    return made


def _told(entry: Entry, path: Path, _: Json) -> Story:
    return entry.stories[path]


def _parts_for(parts: Iterable[TemplatePart], layers: Sequence[str]) -> Iterator[TemplatePart]:
    """Choose what concerns an environment: the general files first, then those of its folders; each by path."""
    order = (None, *layers)
    chosen = [part for part in parts if part.environment in order]
    yield from sorted(chosen, key=lambda part: (order.index(part.environment), part.document.source.path))


def _harvest(
    sections: Sections, description: str, origins: Mapping[tuple[str, str], Origin], removed: Mapping[Path, Story]
) -> Stack:
    feeding = settings_of(description)
    head = Said(feeding[0].origin, plain(description), fed_by=feeding)
    template: dict[str, Json] = {"AWSTemplateFormatVersion": "2010-09-09", "Description": plain(description)}
    version = Said(next(iter(origins.values()), head.origin), "2010-09-09")
    stories: dict[Path, Story] = {("AWSTemplateFormatVersion",): (version,), ("Description",): (head,)}
    for section in _SECTIONS:
        nodes = sections.get(section)
        if not nodes:
            continue
        template[section] = {name: strip(node) for name, node in nodes.items()}
        for name, node in nodes.items():
            stories.update(stories_of(node, (section, name)))
            if section in NAMED_SECTIONS:
                first = next(stories_of(node))[1][0].origin
                is_added = first.layer == "addition"  # also where it has the name of what an override removed
                origin = first if is_added else origins.get((section, name), first)
                stories.setdefault((section, name), (Said(origin, None),))
    return Stack(template, stories, removed)
