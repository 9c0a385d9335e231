"""Release gate: compile with two versions of a library, and tell which version the newer one has to have at least.

In: two Libraries, folders of services.    Out: a Comparison; what is wrong with the version of the newer one.
Faults: D820 nothing to compile with it, D824 a version that is too small a step, D825 a service that tells nothing.
Never: publishes, or takes one version's word for what it changes.

Both libraries are compiled under one version, that of the line which the service asks for: else every stack would
differ by it, and a service that moved to the new line already would compile with one of them at most. Overrides name
what a library makes, so they may fit one of the two only: then both are compared without them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from compiler.bucket import DamagedObject, open_bucket
from compiler.bundle_side import read_bundle
from compiler.changes import Side
from compiler.diagnostics import CompileError, Diagnostic
from compiler.least_bump import (
    Reason,
    differ_in_rules,
    judge_diff,
    judge_libraries,
    judge_offers,
    judge_outcomes,
    judge_schemas,
    worst_bump,
)
from compiler.library_release import SCHEMA, list_versions, read_library_release
from compiler.library_source import LibraryChoice, choose_library, read_line
from compiler.manifest import MANIFEST, open_manifest
from compiler.model import Json, Library
from compiler.offers import describe_offers
from compiler.pipeline import compile_platform
from compiler.review import review_sides
from compiler.schema import complete_schema
from compiler.sides import DESCRIPTOR, compile_side
from compiler.versions import bump_version, find_older, is_final, is_version, reaches_version

Compiles = Literal["both", "old", "new", "neither"]
_WITH: Mapping[tuple[bool, bool], Compiles] = {
    (True, True): "both",
    (True, False): "old",
    (False, True): "new",
    (False, False): "neither",
}
_NEUTRAL = "1.0.0"  # where a service asks for no line


@dataclass(frozen=True, slots=True)
class Service:
    """A service that two libraries were compared by: with which of them it compiles, and what the newer one refuses."""

    folder: Path
    compiles: Compiles
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that asks for a bump between two libraries, the gravest first, and the services that it was looked for in.

    `faults` say of what compiles with neither what is wrong, since nothing can be told by it.
    """

    reasons: tuple[Reason, ...]
    services: tuple[Service, ...] = ()
    faults: tuple[Diagnostic, ...] = ()


def compare_libraries(
    old: Library,
    new: Library,
    *,
    services: Iterable[Path],
    schemas: tuple[Mapping[str, Json], Mapping[str, Json]] | None = None,
) -> Comparison:
    """List all that asks for a bump between two libraries; nothing where nothing differs.

    `services` are folders with a `service.yml`; `schemas` are the ones that the libraries were written for, if known.
    """
    alike = replace(new, version=old.version, name=old.name)
    found = _judge_schemas(old, alike, *(schemas or (read_service_schema(old), read_service_schema(new))))
    found.extend(judge_libraries(old, new))
    uncompiled, reasons = _judge_environments(old, alike)
    found.extend(reasons)
    faults = [_tell_uncompiled("the environments do", uncompiled)] if uncompiled else []
    judged: list[Service] = []
    kept: set[str] = set()
    for folder in services:
        service, reasons, ids = _judge_service(folder, old, new)
        judged.append(service)
        kept |= ids
        found.extend(reasons)
        if service.compiles == "neither":
            faults.append(_tell_uncompiled(f"service `{folder}` does", service.faults))
    found.extend(judge_offers(describe_offers(old, {}), describe_offers(new, {}), kept))
    order = {"major": 0, "minor": 1, "patch": 2}
    return Comparison(
        tuple(sorted(dict.fromkeys(found), key=lambda reason: order[reason.bump])),
        tuple(judged),
        tuple(faults),
    )


def find_services(folders: Iterable[Path]) -> tuple[Path, ...]:
    """List the services that are in folders: each is one, or holds some at any depth, but for hidden folders."""
    found: dict[str, Path] = {}
    for folder in folders:
        for place, below, files in os.walk(folder):
            below[:] = sorted(name for name in below if not name.startswith("."))
            if DESCRIPTOR in files:
                found.setdefault(os.path.realpath(place), Path(place))
                below.clear()
    return tuple(found.values())


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
    if bump is None or not is_version(new.version):
        return None  # of which another diagnostic tells
    span = new.defaults.value_span(("version",))
    if not is_version(old.version):
        message = f"no step can be told from `{old.version}`, which is no version that can be published"
        return Diagnostic("D824", message, span, "compare with a published version, such as 1.0.0")
    least = bump_version(old.version, bump)
    if reaches_version(new.version, least):
        return None
    first, *more = [reason for reason in reasons if reason.bump == bump]
    others = f", and {len(more)} more" if more else ""
    message = f"{new.version} is too small a step from {old.version}: {first.message} ({first.where}){others}"
    return Diagnostic("D824", message, span, f"give the library the version {least}, or take back what asks for it")


def check_release(library: Library, url: str, services: Sequence[Path] = ()) -> tuple[Diagnostic, ...]:
    """Hold a library against the newest older final version in a bucket; nothing where it may be published there.

    A pre-release in between says nothing: services never had it unless they asked for it. The examples of the library
    have to compile with it; where there is none, `services` have to, and there has to be one.
    """
    versions = list_versions(open_bucket(url))
    if library.version in versions:
        return ()
    examples = list_examples(library)
    needed = examples or services
    if not needed:
        hint = "put one into a folder `examples`, in the library or beside it, or name folders that hold services"
        return (Diagnostic("D820", "there is no service to compile with the library", None, hint),)
    outcomes = {folder: _compile_service(folder, library, is_linted=False) for folder in needed}
    failed = [
        _tell_uncompiled(f"service `{folder}` does", each.faults) for folder, each in outcomes.items() if each.faults
    ]
    older = find_older(filter(is_final, versions), library.version) if is_version(library.version) else None
    if older is None or failed:
        return tuple(failed)
    old = choose_library(LibraryChoice(None, url, older), None)
    compared = compare_libraries(old, library, services=dict.fromkeys((*examples, *services)))
    fault = check_version(old, library, compared.reasons)
    return (*compared.faults, *((fault,) if fault else ()))


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


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What compiling came to: a side, or None and each fault with its code."""

    side: Side | None
    faults: tuple[str, ...] = ()


def _judge_environments(old: Library, new: Library) -> tuple[tuple[str, ...], list[Reason]]:
    """Compare the environments themselves; return also what the newer library cannot compile, if neither can."""
    outcomes = [_compile_environments(library) for library in (old, new)]
    before, after = (outcome.faults for outcome in outcomes)
    found = [*judge_outcomes(before, after, "environments"), *_judge_sides(outcomes, new, "environments")]
    return after if before else (), found


def _compile_environments(library: Library) -> _Outcome:
    def compile_all() -> Side:
        done = compile_platform(library, lint=False)
        manifest, _ = open_manifest(done.bundle.files[MANIFEST])
        return read_bundle(library.name, manifest, done.bundle.files)

    return _compile(compile_all)


def _judge_service(folder: Path, old: Library, new: Library) -> tuple[Service, list[Reason], set[str]]:
    """Compare what two libraries make of a service; return also the logical ids that stay."""
    where = folder.resolve().name
    is_linted = differ_in_rules(old, new)  # by cfn-lint, which takes its time
    outcomes = [_compile_service(folder, library, is_linted=is_linted) for library in (old, new)]
    faults = [outcome.faults for outcome in outcomes]
    found = list(judge_outcomes(faults[0], faults[1], where))
    with_overrides = _WITH[outcomes[0].side is not None, outcomes[1].side is not None]
    if with_overrides != "both":
        outcomes = [_compile_service(folder, library, is_linted=False, is_bare=True) for library in (old, new)]
    found.extend(_judge_sides(outcomes, new, where))
    ids = [_list_ids(outcome.side) if outcome.side else set() for outcome in outcomes]
    return Service(folder, with_overrides, faults[1]), found, ids[0] & ids[1]


def _list_ids(side: Side) -> set[str]:
    sections = ("Resources", "Outputs", "Parameters")
    return {
        name for stack in side.stacks.values() for section in sections for name in stack.template.get(section) or ()
    }


def _judge_sides(outcomes: Sequence[_Outcome], new: Library, where: str) -> Iterator[Reason]:
    before, after = (outcome.side for outcome in outcomes)
    if before is not None and after is not None:
        yield from judge_diff(review_sides(before, after, new), where)


def _compile_service(folder: Path, library: Library, *, is_linted: bool, is_bare: bool = False) -> _Outcome:
    def compile_on_line() -> Side:
        line, _ = read_line(folder, library.bases)
        version = f"{line}.0" if line is not None and is_version(f"{line}.0") else _NEUTRAL
        named = replace(library, version=version, name="platform")
        return compile_side(folder, named, lint=is_linted, is_bare=is_bare)

    return _compile(compile_on_line)


def _compile(make: Callable[[], Side]) -> _Outcome:
    try:
        return _Outcome(make())
    except CompileError as error:
        faults = [f"{each.code}: {each.message}" for each in error.diagnostics if each.severity == "error"]
        return _Outcome(None, tuple(faults))


def _tell_uncompiled(what: str, faults: Sequence[str]) -> Diagnostic:
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    message = f"{what} not compile, so nothing can be told by it: {faults[0]}{more}"
    return Diagnostic("D825", message, None, "mend it, or leave it out")
