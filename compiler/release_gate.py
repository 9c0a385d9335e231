"""Release gate: compile with two versions of a library, and tell which version the newer one has to have at least.

In: two Libraries, folders of services.    Out: Reasons; what is wrong with the version of the newer one.
Faults: D824 a version that is too small a step; what does not compile is a Reason.
Never: publishes, or takes one version's word for what it changes.

The newer library is compiled under the older one's version: else every stack would differ by it, and no descriptor that
asks for the older line would compile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from compiler.bucket import DamagedObject, open_bucket
from compiler.bundle_side import read_bundle
from compiler.changes import Side
from compiler.diagnostics import CompileError, Diagnostic
from compiler.least_bump import Reason, judge_diff, judge_libraries, judge_outcomes, judge_schemas, worst_bump
from compiler.library_release import SCHEMA, list_versions, read_library_release
from compiler.library_source import LibraryChoice, choose_library
from compiler.manifest import MANIFEST, open_manifest
from compiler.model import Json, Library
from compiler.pipeline import compile_platform
from compiler.review import review_sides
from compiler.schema import complete_schema
from compiler.sides import DESCRIPTOR, compile_side
from compiler.versions import bump_version, find_older, is_version, reaches_version


def find_least_bump(
    old: Library,
    new: Library,
    *,
    services: Iterable[Path],
    schemas: tuple[Mapping[str, Json], Mapping[str, Json]] | None = None,
) -> tuple[Reason, ...]:
    """List all that asks for a bump between two libraries, the gravest first; nothing where nothing differs.

    `services` are folders with a `service.yml`; `schemas` are the ones that the libraries were written for, if known.
    """
    alike = replace(new, version=old.version, name=old.name)
    found = _judge_schemas(old, alike, *(schemas or (read_service_schema(old), read_service_schema(new))))
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


def read_service_schema(library: Library) -> Mapping[str, Json]:
    """Read the schema of `service.yml` that a library was written for: of its release, or beside its folder.

    Where neither has one, it is that of this compiler. Raises what a bucket raises, DamagedObject too.
    """
    if library.bucket is not None:
        bucket = open_bucket(library.bucket, makes=False)
        release = read_library_release(bucket, library.version)
        key = release.folder + SCHEMA
        content = bucket.read(key)
        if fault := release.listed[SCHEMA].find_fault(content) if SCHEMA in release.listed else "it is not listed":
            raise DamagedObject(key, fault)
    else:
        beside = library.root.parent / "service_schema" / SCHEMA
        if not beside.is_file():
            return library.schema
        content = beside.read_bytes()
    try:
        schema = json.loads(content)
    except ValueError as error:
        raise CompileError(
            [Diagnostic("D403", f"`{SCHEMA}` of {library.name} {library.version} is no JSON")]
        ) from error
    return schema if isinstance(schema, dict) else {}


def check_version(old: Library, new: Library, reasons: Sequence[Reason]) -> Diagnostic | None:
    """Return what is wrong with the version of the newer library; None where it grew as much as was asked for."""
    bump = worst_bump(reasons)
    if bump is None or not (is_version(old.version) and is_version(new.version)):
        return None
    least = bump_version(old.version, bump)
    if reaches_version(new.version, least):
        return None
    first, *more = [reason for reason in reasons if reason.bump == bump]
    others = f", and {len(more)} more" if more else ""
    message = f"{new.version} is too small a step from {old.version}: {first.message} ({first.where}){others}"
    hint = f"give the library the version {least}, or take back what asks for it"
    return Diagnostic("D824", message, new.defaults.value_span(("version",)), hint)


def check_release(library: Library, url: str) -> Diagnostic | None:
    """Hold the version of a library against the newest older one in a bucket; None where it may be published there."""
    versions = list_versions(open_bucket(url))
    older = find_older(versions, library.version) if is_version(library.version) else None
    if older is None or library.version in versions:
        return None
    old = choose_library(LibraryChoice(None, url, older), None)
    return check_version(old, library, find_least_bump(old, library, services=list_examples(library)))


def _judge_schemas(
    old: Library, new: Library, old_schema: Mapping[str, Json], new_schema: Mapping[str, Json]
) -> list[Reason]:
    """Compare schemas with what the libraries fill in. Raises CompileError where one from elsewhere is none."""
    try:
        return list(judge_schemas(complete_schema(old_schema, old), complete_schema(new_schema, new)))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, re.error):
        if old_schema is old.schema and new_schema is new.schema:
            raise  # ours
        message = f"`{SCHEMA}` of {old.name} {old.version}, or the one it is compared with, is no schema of a service"
        raise CompileError(
            [Diagnostic("D403", message, hint="take the one that the library was released with")]
        ) from None


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
