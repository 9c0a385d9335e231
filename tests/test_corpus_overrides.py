"""Templates that this project did not write, as what the platform made: overrides change what they name, no more."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.diagnostics import Source, Span
from compiler.explain import explain_value
from compiler.identity import IdentityTable, identify
from compiler.library import load_library
from compiler.merge import merge_fragments
from compiler.model import Entry, Fragment, Identity, Json, Origin, Said, Stack, TemplatePart, walk_leaves
from compiler.model import Path as Place
from compiler.node import is_intrinsic
from compiler.parts import check_override
from compiler.pointer import write_pointer
from tests.merging import DESCRIPTION, make_part
from tests.test_corpus import CORPUS, TEMPLATES, read_independently

SECTIONS = ("Parameters", "Mappings", "Conditions", "Resources", "Outputs")
IDENTITIES = load_library(Path(__file__).parent.parent / "platform").identities
TABLE = IdentityTable(IDENTITIES)
LEAVES = 5

pytestmark = pytest.mark.skipif(not TEMPLATES, reason=f"the corpus is not at {CORPUS}")
each_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")


def as_fragment(path: Path, sections: dict[str, Json]) -> Fragment:
    origin = Origin("template", Span(Source(f"platform/templates/{path.name}"), 1, 1, 1, 2))
    return Fragment(
        path.stem,
        tuple(
            Entry(section, name, body, origin, {place: (Said(origin, leaf),) for place, leaf in walk_leaves(body)})
            for section, bodies in sections.items()
            for name, body in bodies.items()
        ),
    )


def walk_atoms(value: Json, path: Place = ()) -> Iterator[tuple[Place, Json]]:
    """Yield what an override can set by itself: leaves, and intrinsics as a whole."""
    if isinstance(value, dict) and value and not is_intrinsic(value):
        for key, item in value.items():
            yield from walk_atoms(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from walk_atoms(item, (*path, index))
    else:
        yield path, value


def can_be_set(place: Place, value: Json) -> bool:
    is_type = len(place) == 3 and place[0] == "Resources" and place[2] == "Type"
    is_whole = len(place) == 2  # a condition: the test reads below things
    return value not in ({}, [], None) and not is_type and not is_whole


def change(value: Json, number: int) -> Json:
    """Make another value that is found again in the text."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return 900000 + number
    return {"Ref": f"Changed{number}"} if isinstance(value, dict) else f"changed {number}"


def with_changes(value: Json, changes: dict[Place, Json], path: Place = ()) -> Json:
    if path in changes:
        return changes[path]
    if isinstance(value, dict):
        return {key: with_changes(item, changes, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [with_changes(item, changes, (*path, index)) for index, item in enumerate(value)]
    return value


def write_override(base: Json, wanted: Json, kind: str, path: Place) -> Json:
    """Write the smallest override that makes one out of the other."""
    if isinstance(base, dict) and isinstance(wanted, dict) and not is_intrinsic(base):
        return {
            key: write_override(base[key], item, kind, (*path, key))
            for key, item in wanted.items()
            if item != base[key]
        }
    if isinstance(base, list) and isinstance(wanted, list):
        rule = TABLE.find(kind, path)
        return _by_identity(base, wanted, rule, kind, path) or {"$replace": wanted}
    return wanted


def _by_identity(base: list[Json], wanted: list[Json], rule: Identity | None, kind: str, path: Place) -> Json:
    keys = rule.keys if rule else ()
    known = [identify(item, keys) for item in base]
    if None in known or len(set(known)) < len(known) or known != [identify(item, keys) for item in wanted]:
        return None
    return [
        {**{key: item[key] for key in keys if key in item}, **write_override(old, item, kind, path)}
        for old, item in zip(base, wanted, strict=True)
        if item != old
    ]


def merge(fragment: Fragment, *parts: TemplatePart) -> Stack:
    stack, faults = merge_fragments(
        [fragment], description=DESCRIPTION, overrides=parts, identities=IDENTITIES, environment="production"
    )
    assert () == faults
    return stack


@each_template
def test_overrides_of_five_leaves_change_these_five_and_explain_names_their_lines(path: Path) -> None:
    read = read_independently(path)
    base = {section: read.get(section) or {} for section in SECTIONS}
    fragment = as_fragment(path, base)
    leaves = [place for place, value in walk_atoms(base) if can_be_set(place, value)]
    chosen = random.Random(path.name).sample(leaves, LEAVES)
    atoms = dict(walk_atoms(base))
    changes = {place: change(atoms[place], number) for number, place in enumerate(sorted(chosen, key=str))}
    wanted = with_changes(base, changes)
    override = {
        section: {
            name: write_override(
                base[section][name], body, str(body.get("Type", "")) if section == "Resources" else "", ()
            )
            for name, body in bodies.items()
            if body != base[section][name]
        }
        for section, bodies in wanted.items()
        if bodies != base[section]
    }
    text = json.dumps(override, indent=1)
    part = make_part("overrides/web.yml", text)
    assert [] == list(check_override(part))

    before, after = merge(fragment), merge(fragment, part)
    old, new = dict(walk_atoms(before.template)), dict(walk_atoms(after.template))
    assert list(old) == list(new)
    assert changes == {place: value for place, value in new.items() if value != old[place]}
    lines = text.splitlines()
    for place, value in changes.items():
        told = explain_value(after, write_pointer(place), "production", identities=IDENTITIES)
        winner = told.story[-1]
        assert (value, "override", "cloudFormation/overrides/web.yml") == (
            winner.value,
            winner.origin.layer,
            winner.origin.span.path,
        )
        shown = "\n".join(lines[winner.origin.span.line - 1 : winner.origin.span.line + 2])
        assert json.dumps(next(iter(value.values())) if isinstance(value, dict) else value) in shown
