"""Recompile: build a release again from what it was built from, and compare the bytes.

In: a Bucket, a release whose objects were found sound, the Library that it names.    Out: which of its files differ.
Faults: DamagedObject, CompileError.
Never: reads the repository that the release is from, git, or an object without its digest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler import __version__
from compiler.bucket import Bucket, DamagedObject
from compiler.inputs import place_archives
from compiler.layers import find_member
from compiler.manifest import MANIFEST, Listed, open_manifest
from compiler.model import Json, Library, RepositoryFile
from compiler.pipeline import compile_plan, plan_service
from compiler.publish import release_folder
from compiler.release_check import CheckedRelease
from compiler.render import ANSIBLE, INPUTS, SOURCE
from compiler.unpack import MEBIBYTE, ArchiveRefused, read_archive, write_files

# More than `tree` lets into an archive, as an archive holds headers too.
_MAX_BYTES = 1024 * MEBIBYTE
_COMPILER = "compiler"


@dataclass(frozen=True, slots=True)
class Recompiled:
    """How a release came out. `differing` are paths; `compiler` is the version that it was compiled with first."""

    differing: tuple[str, ...]
    compiler: str

    @property
    def is_other_compiler(self) -> bool:
        return self.compiler != __version__


def recompile_release(bucket: Bucket, checked: CheckedRelease, library: Library) -> Recompiled:
    """Compile a release again with a library, and compare. Raises CompileError where it does not compile any more.

    The manifest is compared without the version of the compiler, which it names.
    """
    said, facts = checked.manifest, checked.facts
    assert facts, "only what was found sound is compiled again"
    for name in facts.environments:
        if find_member(library.environments, name) is None:
            key = release_folder(checked.service, checked.release) + MANIFEST
            raise DamagedObject(key, f"it names `{name}`, and library {facts.version} runs no such environment")
    with tempfile.TemporaryDirectory(prefix="flagstone-") as scratch:
        home = _lay_out(bucket, checked, Path(scratch))
        names = facts.environments
        plan = plan_service(home, library, with_archives=True, environments=names, step_over=True, commit=facts.commit)
        # The linter changes no byte, and its newer rules are no fault of an old release.
        done = compile_plan(plan, library, environments=names, release=checked.release, lint=False)
    manifest, listed = open_manifest(done.bundle.files[MANIFEST])
    before = _list_files(said)
    differing = {path for path in (*before, *listed) if before.get(path) != listed.get(path)}
    if not differing and _without_compiler(manifest) != _without_compiler(said):
        differing.add(MANIFEST)
    return Recompiled(tuple(sorted(differing)), facts.compiler)


def _lay_out(bucket: Bucket, checked: CheckedRelease, scratch: Path) -> Path:
    """Write what a release was compiled from into a folder, and return where its service is."""
    archives = _read_archives(bucket, checked)
    match checked.manifest.get("inputs"):
        case {"service": str(home)} if any(file.path == f"{home}/service.yml" for file in archives[INPUTS]):
            pass
        case _:
            key = release_folder(checked.service, checked.release) + MANIFEST
            raise DamagedObject(key, f"it does not say where `service.yml` is in {INPUTS}")
    write_files((*archives[INPUTS], *place_archives(home, archives[ANSIBLE], archives[SOURCE])), scratch)
    # Paths may lead up to here and not further, and no git may tell of a repository around it.
    (scratch / home.split("/")[0] / ".git").write_text("gitdir: nowhere\n")
    return scratch / home


def _read_archives(bucket: Bucket, checked: CheckedRelease) -> dict[str, tuple[RepositoryFile, ...]]:
    folder = release_folder(checked.service, checked.release)
    listed = _list_files(checked.manifest)
    found = {}
    for name in (INPUTS, SOURCE, ANSIBLE):
        key = folder + name
        if name not in listed:
            raise DamagedObject(folder + MANIFEST, f"it lists no {name}, so nothing tells what the release is made of")
        content = bucket.read(key)
        if fault := listed[name].find_fault(content):
            raise DamagedObject(key, fault)
        try:
            found[name] = read_archive(content, max_bytes=_MAX_BYTES)
        except ArchiveRefused as refused:
            raise DamagedObject(key, f"it {refused}") from None
    return found


def _list_files(manifest: Mapping[str, Json]) -> dict[str, Listed]:
    return {path: Listed(entry["sha256"], entry["size"]) for path, entry in manifest["files"].items()}


def _without_compiler(manifest: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in manifest.items() if key != _COMPILER}
