"""Release gate: compile with two versions of a library, and tell which version the newer one has to have at least.

In: two Libraries, the schemas that belong to them, folders of services.    Out: Reasons.
Faults: none; what does not compile is a Reason.
Never: publishes, or takes one version's word for what it changes.

The newer library is compiled under the older one's version: else every stack would differ by it, and no descriptor that
asks for the older line would compile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from compiler.bundle_side import read_bundle
from compiler.changes import Side
from compiler.diagnostics import CompileError
from compiler.least_bump import Reason, judge_diff, judge_libraries, judge_outcomes, judge_schemas
from compiler.manifest import MANIFEST, open_manifest
from compiler.model import Json, Library
from compiler.pipeline import compile_platform
from compiler.review import review_sides
from compiler.schema import complete_schema
from compiler.sides import DESCRIPTOR, compile_side


def find_least_bump(
    old: Library,
    new: Library,
    *,
    old_schema: Mapping[str, Json],
    new_schema: Mapping[str, Json],
    services: Iterable[Path],
) -> tuple[Reason, ...]:
    """List all that asks for a bump between two libraries, the gravest first; nothing where nothing differs.

    The schemas are the published ones that the libraries were written for. `services` are folders with a `service.yml`.
    """
    alike = replace(new, version=old.version, name=old.name)
    found = [*judge_schemas(complete_schema(old_schema, old), complete_schema(new_schema, alike))]
    found.extend(judge_libraries(old, new))
    found.extend(_judge_environments(old, alike))
    for folder in services:
        found.extend(_judge_service(folder, old, alike))
    order = {"major": 0, "minor": 1, "patch": 2}
    return tuple(sorted(dict.fromkeys(found), key=lambda reason: order[reason.bump]))


def find_services(folders: Iterable[Path]) -> tuple[Path, ...]:
    """List the services that are in folders: each is one, or holds some."""
    found = [
        service
        for folder in folders
        for service in ([folder] if (folder / DESCRIPTOR).is_file() else sorted(folder.glob(f"*/{DESCRIPTOR}")))
    ]
    return tuple(dict.fromkeys(path.parent if path.name == DESCRIPTOR else path for path in found))


def list_examples(library: Library) -> tuple[Path, ...]:
    """List the services that a library brings as examples: in a folder `examples` in it, or beside it."""
    return find_services([library.root / "examples", library.root.parent / "examples"])


def _judge_environments(old: Library, new: Library) -> Iterator[Reason]:
    def compile_environments(library: Library) -> Side:
        done = compile_platform(library, lint=False)
        manifest, _ = open_manifest(done.bundle.files[MANIFEST])
        return read_bundle(library.name, manifest, done.bundle.files)

    return _judge_both(compile_environments, old, new, "environments")


def _judge_service(folder: Path, old: Library, new: Library) -> Iterator[Reason]:
    # Rules are asked by cfn-lint, which takes its time: only where others are asked than before.
    rules = [sorted(rule for module in library.rules for rule in module.ids) for library in (old, new)]
    return _judge_both(
        lambda library: compile_side(folder, library, lint=rules[0] != rules[1]), old, new, folder.resolve().name
    )


def _judge_both(make: Callable[[Library], Side], old: Library, new: Library, where: str) -> Iterator[Reason]:
    """Compile with both libraries and compare what comes out, or that nothing does."""
    sides: list[Side] = []
    faults: list[list[str]] = []
    for library in (old, new):
        try:
            sides.append(make(library))
            faults.append([])
        except CompileError as error:
            faults.append([f"{each.code}: {each.message}" for each in error.diagnostics if each.severity == "error"])
    yield from judge_outcomes(faults[0], faults[1], where)
    if len(sides) == 2:
        yield from judge_diff(review_sides(sides[0], sides[1], new), where)
