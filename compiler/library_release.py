"""Library release: put a version of the library into a bucket, once, and read it back without trust in the bucket.

In: a Library and what it offers, or a Bucket and a version.    Out: a Bundle; what a release says of itself; files.
Faults: D820 a version that cannot be published; NotInBucket, DamagedObject, BucketUnreachable.
Never: writes, or hands out a file of an archive before the digest of all of them was found right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from compiler.archive import pack_archive
from compiler.bucket import Bucket, DamagedObject
from compiler.diagnostics import CompileError, Diagnostic, Source, Span
from compiler.library import digest_library, find_content
from compiler.manifest import MANIFEST, DamagedManifest, Listed, list_files, open_manifest, seal_manifest
from compiler.model import Bundle, Json, Library, RepositoryFile
from compiler.unpack import MEBIBYTE, ArchiveRefused, read_archive
from compiler.versions import is_version, order_versions

ARCHIVE, SCHEMA = "library.tar.gz", "service.v1.schema.json"
_FOLDER = "platform/"
_CHANGELOG = "CHANGELOG.md"
_HEADING = re.compile(r"^## +\[?(?P<version>\d[^\s\]]*)\]?(?P<rest>.*)$", re.MULTILINE)
_UNRELEASED = re.compile(r"[\W_]*unreleased[\W_]*", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_BYTES = 128 * MEBIBYTE
_READERS = 8


@dataclass(frozen=True, slots=True)
class LibraryRelease:
    """What a version of the library says of itself. `digest` is that of its files, `listed` are its objects."""

    name: str
    version: str
    digest: str
    compiler: str | None
    changelog: str
    offers: Mapping[str, Json]
    listed: Mapping[str, Listed] = field(repr=False)

    @property
    def folder(self) -> str:
        return release_folder(self.version)


def pack_library(library: Library, offers: Mapping[str, Json]) -> Bundle:
    """Pack a library as one release: its archive, the schema that it was written for, the manifest.

    Raises CompileError where its version, its change log or its files are not fit to be published.
    """
    changelog = find_changes(library)
    files = {
        ARCHIVE: pack_archive(library.files),
        SCHEMA: (find_content("service_schema") / SCHEMA).read_bytes(),
    }
    try:
        unpacked = read_archive(files[ARCHIVE], max_bytes=_MAX_BYTES)
    except ArchiveRefused as refused:
        hint = "rename or remove the file; nobody could unpack it"
        raise CompileError([Diagnostic("D820", f"the library {refused}", hint=hint)]) from None
    assert digest_library(unpacked) == library.digest
    manifest = {
        "schema": 1,
        "name": library.name,
        "version": library.version,
        "digest": library.digest,
        "compiler": library.compiler,
        "changelog": changelog,
        "offers": offers,
        "files": list_files(files),
    }
    return Bundle(library.name, library.version, {**files, MANIFEST: seal_manifest(manifest)})


def find_changes(library: Library, *, is_released: bool = True) -> str:
    """Return what the change log of a library says of its version. Raises CompileError where that is nothing.

    With `is_released` it has to call the version released, too.
    """
    version = library.version
    if not is_version(version):
        span = library.defaults.value_span(("version",))
        message = f"a library cannot be published as version `{version}`"
        hint = "write three numbers, as in 1.1.0, or with `-alpha.1`, `-beta.1` or `-rc.1` behind them"
        raise CompileError([Diagnostic("D820", message, span, hint)])
    content = next((file.content for file in library.files if file.path == _CHANGELOG), b"")
    text = content.decode(errors="replace")
    headings = list(_HEADING.finditer(text))
    found = next((each for each in headings if each["version"] == version), None)
    source = Source(f"platform/{_CHANGELOG}", tuple(text.splitlines()))
    hint = "write below it what changes for services and environments"
    if found is None:
        message = f"the change log has no section `## {version}`"
        raise CompileError([Diagnostic("D820", message, Span(source, 1, 1, 1, 1), f"add one, and {hint}")])
    line = text.count("\n", 0, found.start()) + 1
    span = Span(source, line, 1, line, len(found[0]) + 1)
    if is_released and "unreleased" in found["rest"].lower():
        message = f"the change log says that {version} is unreleased"
        raise CompileError([Diagnostic("D820", message, span, "put the day of the release in its place")])
    following = next((each.start() for each in headings if each.start() > found.start()), len(text))
    changes = text[found.end() : following].strip()
    if is_released and _UNRELEASED.fullmatch(changes):
        message = f"the change log says of {version} nothing but that it is unreleased"
        raise CompileError([Diagnostic("D820", message, span, hint)])
    if not changes:
        raise CompileError([Diagnostic("D820", f"the change log says nothing of {version}", span, hint)])
    return changes


def check_library_name(bucket: Bucket, name: str) -> Diagnostic | None:
    """Return what is wrong with a library's name where a bucket holds another library; versions are of one line each.

    The name in the bucket is that of the newest version which can be read.
    """
    for version in list_versions(bucket):
        try:
            found = read_library_release(bucket, version).name
        except DamagedObject:
            continue
        if found == name:
            return None
        message = f"the bucket holds the library `{ascii(found)[1:-1]}`, and this is `{name}`"
        hint = "a bucket holds one library: name another bucket, or give the library its name back in platform.yml"
        return Diagnostic("D826", message, hint=hint)
    return None


def release_folder(version: str) -> str:
    """Name the folder of a version in a bucket, with a slash at its end."""
    return f"{_FOLDER}{version}/"


def list_versions(bucket: Bucket) -> list[str]:
    """Name the versions of the library that are in a bucket, the newest first."""
    names = (key.removeprefix(_FOLDER).split("/") for key in bucket.list_keys(_FOLDER))
    return order_versions(name[0] for name in names if name[1:] == [MANIFEST] and is_version(name[0]))


def list_library_releases(bucket: Bucket) -> tuple[LibraryRelease | DamagedObject, ...]:
    """Read what each version in a bucket says of itself, the newest first. A fault stands for one that says nothing."""

    def read(version: str) -> LibraryRelease | DamagedObject:
        try:
            return read_library_release(bucket, version)
        except DamagedObject as damage:
            return damage

    with ThreadPoolExecutor(_READERS) as pool:
        return tuple(pool.map(read, list_versions(bucket)))


def read_library_release(bucket: Bucket, version: str) -> LibraryRelease:
    """Read the manifest of one version. Raises NotInBucket, and DamagedObject where it is none of this version."""
    key = release_folder(version) + MANIFEST
    try:
        data, listed = open_manifest(bucket.read(key))
    except DamagedManifest as damage:
        raise DamagedObject(key, str(damage)) from None
    match data:
        case {
            "name": str(name),
            "version": str(found),
            "digest": str(digest),
            "compiler": None | str() as compiler,
            "changelog": str(changelog),
            "offers": dict(offers),
        } if found == version and _DIGEST.fullmatch(digest) and ARCHIVE in listed:
            return LibraryRelease(name, version, digest, compiler, changelog, offers, listed)
    raise DamagedObject(key, "it is not the manifest of this version of a library")


def fetch_files(bucket: Bucket, release: LibraryRelease) -> tuple[RepositoryFile, ...]:
    """Read the files of a version: the archive as the manifest lists it, its content as the digest of the library.

    Raises NotInBucket, and DamagedObject where either is something else.
    """
    key = release.folder + ARCHIVE
    listed = release.listed[ARCHIVE]
    if listed.size > 2 * _MAX_BYTES:
        raise DamagedObject(key, f"no library has {listed.size} bytes")
    content = bucket.read(key)
    if fault := listed.find_fault(content):
        raise DamagedObject(key, fault)
    try:
        files = read_archive(content, max_bytes=_MAX_BYTES)
    except ArchiveRefused as refused:
        raise DamagedObject(key, f"it {refused}") from None
    digest = digest_library(files)
    if digest != release.digest:
        reason = f"the digest of its files begins with {digest[:12]}, and the manifest says {release.digest[:12]}"
        raise DamagedObject(key, reason)
    return files
