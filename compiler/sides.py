"""Sides: read what a person wants to compare, whatever it is kept in.

In: a file of CloudFormation, a service repository, a compiled folder, or a release in a bucket.    Out: a Side.
Faults: D901 no template, D902 not what it says it is, and those of `load` and of compiling.
Never: compares, or writes anything.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from compiler.bucket import Bucket, BucketKeyError, DamagedObject, NotInBucket
from compiler.bucket_contract import is_key
from compiler.bundle_side import read_bundle
from compiler.changes import Side, SideStack
from compiler.channel import channel_key, parse_channel
from compiler.diagnostics import CompileError, Diagnostic, Source, Span, has_errors
from compiler.load import MAX_BYTES, load_document
from compiler.manifest import MANIFEST, DamagedManifest, Listed, open_manifest
from compiler.model import Document, Library, Origin
from compiler.publish import release_folder
from compiler.template_shape import find_misshapen

DESCRIPTOR = "service.yml"
_MAX_MANIFEST = 16 * 1024 * 1024
_MAX_BUNDLE = 1024 * 1024 * 1024


def read_place(
    place: Path, library: Library, *, environments: Sequence[str] = (), seen_from: Path | None = None
) -> Side:
    """Read a side from a file or a folder: a template, a compiled folder or a service. Raises CompileError.

    Lines are told of by paths from `seen_from` on, else by those that a template has from here, a service in itself.
    """
    if place.is_dir():
        if (place / MANIFEST).is_file():
            return read_folder(place)
        if (place / DESCRIPTOR).is_file():
            with _faults_seen_from(seen_from, place):
                return _see_from(seen_from, place, compile_side(place, library, environments=environments))
        message = f"`{place}` holds neither `{MANIFEST}` nor `{DESCRIPTOR}`"
        raise CompileError([Diagnostic("D902", message, hint="name a compiled folder, a service or a file")])
    with _faults_seen_from(seen_from, Path()):
        return _see_from(seen_from, Path(), read_template(place))


@contextmanager
def _faults_seen_from(seen_from: Path | None, base: Path) -> Iterator[None]:
    try:
        yield
    except CompileError as error:
        if seen_from is None:
            raise
        move = partial(_move, os.path.relpath(base, seen_from))
        raise CompileError(
            replace(
                each,
                span=each.span and move(each.span),
                related=tuple(replace(other, span=move(other.span)) for other in each.related),
            )
            for each in error.diagnostics
        ) from None


def _see_from(seen_from: Path | None, base: Path, side: Side) -> Side:
    if seen_from is None:
        return side
    move = partial(_move, os.path.relpath(base, seen_from))
    return replace(
        side,
        stacks={
            name: replace(
                stack,
                origins={place: replace(each, span=move(each.span)) for place, each in stack.origins.items()},
                settings={
                    place: tuple(
                        replace(each, origin=replace(each.origin, span=move(each.origin.span))) for each in given
                    )
                    for place, given in stack.settings.items()
                },
            )
            for name, stack in side.stacks.items()
        },
    )


def _move(way: str, span: Span) -> Span:
    """Name the file of a span by its path from elsewhere, `way` being the one from there; the library's keep theirs."""
    path = span.source.path
    if way == "." or path.startswith("platform/"):
        return span
    return replace(span, source=replace(span.source, path=posixpath.normpath(posixpath.join(way, path))))


def read_template(path: Path) -> Side:
    """Read a plain CloudFormation file as a side of one stack, whose environment is "". Raises CompileError."""
    document = _load(path)
    hint = "name a file that CloudFormation would take"
    faults = [
        Diagnostic("D901", f"`{path}` is no CloudFormation template: {what}", document.value_span(where), hint)
        for where, what in find_misshapen(document.data)
    ]
    if faults:
        raise CompileError(faults)
    origins = {place: Origin("template", span) for place, span in document.values.items()}
    stack = SideStack(str(path), document.data, {}, origins)
    return Side(str(path), {"": stack})


def compile_side(
    folder: Path,
    library: Library,
    *,
    environments: Sequence[str] = (),
    name: str | None = None,
    lint: bool = False,
    is_bare: bool = False,
) -> Side:
    """Compile a service, whatever library it is locked to, and without cfn-lint unless told. Raises CompileError.

    With `is_bare`, its overrides and additions are left out, and so is what is wrong with them.
    """
    from compiler.pipeline import compile_plan, plan_service

    plan = plan_service(
        folder, library, with_archives=True, environments=environments, follow_lock=False, step_over=True
    )
    if is_bare:
        plan = replace(plan, repository=replace(plan.repository, overrides=(), additions=()), diagnostics=())
    done = compile_plan(replace(plan, lock=None), library, environments=environments, lint=lint)
    manifest, _ = open_manifest(done.bundle.files[MANIFEST])
    return read_bundle(name or str(folder), manifest, done.bundle.files)


def read_folder(folder: Path) -> Side:
    """Read a compiled folder, which has to be as its manifest says. Raises CompileError."""

    def read(key: str, size: int) -> bytes:
        if not is_key(key):
            raise _Unreadable("its name leads out of the folder")
        try:
            status = os.lstat(folder / key)
            if not stat.S_ISREG(status.st_mode):
                raise _Unreadable("it is no regular file")
            if status.st_size > size:
                raise _Unreadable(f"it has {status.st_size:,} bytes, more than {size:,}")
            return (folder / key).read_bytes()
        except FileNotFoundError:
            raise _Unreadable("it is not there") from None
        except OSError as error:
            raise _Unreadable(f"it cannot be read: {error.strerror}") from None

    return _read_bundle(str(folder), read)


def read_release(bucket: Bucket, service: str, release: str) -> Side:
    """Read a published release, every object of which has to be as its manifest says.

    Raises CompileError, NotInBucket where there is no such release, and what else a bucket raises.
    """
    folder = release_folder(service, release)

    def read(key: str, _: int) -> bytes:
        try:
            return bucket.read(folder + key)
        except NotInBucket:
            if key == MANIFEST:
                raise
            raise _Unreadable("it is not in the bucket") from None
        except BucketKeyError:
            raise _Unreadable("no object can have this name") from None
        except DamagedObject as damage:
            raise _Unreadable(damage.reason) from None

    return _read_bundle(release, read)


def read_running(bucket: Bucket, service: str, environments: Sequence[str]) -> dict[str, Side]:
    """Read what each environment runs: the release that its channel names. One that runs nothing is left out."""
    found: dict[str, Side] = {}
    releases: dict[str, Side] = {}
    for environment in environments:
        release = find_running(bucket, service, environment)
        if release is not None:
            if release not in releases:
                releases[release] = read_release(bucket, service, release)
            found[environment] = releases[release]
    return found


def find_running(bucket: Bucket, service: str, environment: str) -> str | None:
    """Name the release that an environment runs; None where it runs none."""
    try:
        content = bucket.read(channel_key(service, environment))
    except NotInBucket:
        return None
    return parse_channel(content, service, environment).release


class _Unreadable(Exception):
    """A file of a bundle cannot be had; the text is half a sentence about it."""


def _read_bundle(name: str, read: Callable[[str, int], bytes]) -> Side:
    try:
        content = read(MANIFEST, _MAX_MANIFEST)
        manifest, listed = open_manifest(content)
    except (_Unreadable, DamagedManifest) as damage:
        raise CompileError([_damaged(name, MANIFEST, str(damage))]) from None
    if sum(each.size for each in listed.values()) > _MAX_BUNDLE:
        raise CompileError([_damaged(name, MANIFEST, f"it lists more than {_MAX_BUNDLE:,} bytes")])
    files: dict[str, bytes] = {}
    faults = list(_read_files(name, listed, read, files))
    if faults:
        raise CompileError(faults)
    return read_bundle(name, manifest, files)


def _read_files(
    name: str, listed: Mapping[str, Listed], read: Callable[[str, int], bytes], files: dict[str, bytes]
) -> Iterator[Diagnostic]:
    for key, each in listed.items():
        try:
            files[key] = read(key, each.size)
        except _Unreadable as refused:
            yield _damaged(name, key, str(refused))
            continue
        reason = each.find_fault(files[key])
        if reason:
            yield _damaged(name, key, reason)


def _damaged(name: str, key: str, reason: str) -> Diagnostic:
    message = f"`{key}` of `{name}` is not what Flagstone wrote: {reason}"
    return Diagnostic("D902", message, hint="compile or publish it again")


def _load(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"`{path}` cannot be read: {error.strerror}"
        span = Span(Source(str(path)), 1, 1, 1, 1)
        raise CompileError([Diagnostic("D902", message, span, "name a file or folder that can be read")]) from None
    document, faults = load_document(content, str(path), dialect="template")
    if has_errors(faults):
        raise CompileError(faults)
    return document
