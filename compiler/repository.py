"""Repository: read everything that a service team committed, once.

In: a folder.    Out: a Repository, and the faults that could be stepped over.
Faults: D110, D111, D112, D114, and those of `load`.
Never: follows a path out of the folder, runs what it finds, or changes anything.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from compiler.diagnostics import CompileError, Diagnostic, Source, Span
from compiler.load import Dialect, load_document
from compiler.model import Commit, Document, Repository, RepositoryFile, TemplatePart
from compiler.tree import read_tree

_SUFFIXES = {".yml", ".yaml", ".json"}
_DESCRIPTOR = "service.yml"
_LOCK = "flagstone.lock"
_PARTS: tuple[tuple[str, Dialect], ...] = (("overrides", "override"), ("additions", "template"))


def read_repository(folder: Path, *, with_archives: bool) -> tuple[Repository, tuple[Diagnostic, ...]]:
    """Read `service.yml`, the overrides and additions, and for the archives also `ansible/` and `src/`.

    Raises CompileError with all that was found when `service.yml` itself cannot be used.
    """
    reader = _Reader(folder)
    descriptor = reader.read_descriptor()
    parts = {name: tuple(reader.read_parts(name, dialect)) for name, dialect in _PARTS}
    lock = reader.read_lock()
    ansible = reader.read_archive("ansible") if with_archives else ()
    src = reader.read_archive("src") if with_archives else ()
    if descriptor is None:
        raise CompileError(reader.faults)
    commit = read_commit(folder) if with_archives else None
    repository = Repository(descriptor, parts["overrides"], parts["additions"], ansible, src, commit, lock)
    return repository, tuple(reader.faults)


def read_commit(folder: Path) -> Commit | None:
    """Ask git for the commit that a folder is at; None where there is no commit or no git."""
    head = _git(folder, "log", "-1", "--format=%H %ct")
    if not head:
        return None
    commit, seconds = head.split()
    time = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y%m%dT%H%M%S")
    return Commit(commit, time, is_dirty=bool(_git(folder, "status", "--porcelain", "--", ".")))


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except OSError:
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


class _Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[Diagnostic] = []

    def read_descriptor(self) -> Document | None:
        if not (self.folder / _DESCRIPTOR).exists():
            other = next((name for name in ("service.yaml", "service.json") if (self.folder / name).exists()), None)
            hint = f"rename `{other}` to `{_DESCRIPTOR}`" if other else "name the folder that holds it"
            self._fault("D110", f"there is no `{_DESCRIPTOR}` in `{self.folder}`", hint=hint)
            return None
        return self._load(_DESCRIPTOR, "plain")

    def read_lock(self) -> Document | None:
        if not os.path.lexists(self.folder / _LOCK):
            return None
        known = len(self.faults)
        document = self._load(_LOCK, "plain")
        # Nobody writes this file, so what is wrong with it is not for hands to mend: two branches met, or worse.
        hint = "restore it from git, or delete it and run `flagstone lock`"
        self.faults[known:] = [replace(fault, hint=hint) for fault in self.faults[known:]]
        return document

    def read_parts(self, kind: str, dialect: Dialect) -> Iterator[TemplatePart]:
        home = self._cloudformation()
        if home is None:
            return
        for path in self._listed(f"{home}/{kind}"):
            environment: str | None
            if (self.folder / path).is_dir():
                names, environment = self._listed(path), Path(path).name
            else:
                names, environment = [path], None
            for name in names:
                document = self._load(name, dialect) if self._is_part(name) else None
                if document:
                    yield TemplatePart(Path(name).stem, environment, document)

    def _cloudformation(self) -> str | None:
        found = sorted(path.name for path in self.folder.iterdir() if path.name.lower() == "cloudformation")
        known = [name for name in found if name in ("cloudFormation", "cloudformation")]
        if len(known) == 2 and not (self.folder / known[0]).samefile(self.folder / known[1]):
            if not any(d.code == "D112" for d in self.faults):
                self._fault(
                    "D112", "both `cloudFormation/` and `cloudformation/` exist", known[1], "keep `cloudFormation/`"
                )
            return None
        if found and not known:
            self._fault("D114", f"nothing reads `{found[0]}/`", found[0], "rename it to `cloudFormation/`")
        for name in known[:1]:
            for path in self._listed(name):
                if Path(path).name not in dict(_PARTS):
                    self._fault("D114", f"nothing reads `{path}`", path, "move it to `overrides/` or `additions/`")
        return known[0] if known else None

    def _is_part(self, path: str) -> bool:
        if (self.folder / path).is_dir():
            self._fault(
                "D114", f"nothing reads the folder `{path}`", path, "keep at most one folder level, the environment"
            )
            return False
        if Path(path).suffix not in _SUFFIXES:
            self._fault(
                "D114", f"nothing reads `{path}`", path, "give it the suffix .yml, .yaml or .json, or move it away"
            )
            return False
        return True

    def _listed(self, folder: str) -> list[str]:
        """Paths of what a folder holds, sorted; documentation and hidden files are left out."""
        place = self.folder / folder
        if not place.exists():
            return []
        if not place.is_dir():
            self._fault("D114", f"`{folder}` is not a folder", folder, "make it a folder")
            return []
        names = sorted(os.listdir(place))
        return [f"{folder}/{name}" for name in names if not name.startswith(".") and not name.endswith(".md")]

    def read_archive(self, name: str) -> tuple[RepositoryFile, ...]:
        files, faults = read_tree(self.folder / name, name)
        self.faults.extend(faults)
        return files

    def _load(self, path: str, dialect: Dialect) -> Document | None:
        if not (self.folder / path).resolve().is_relative_to(self.folder.resolve()):
            self._fault("D111", f"`{path}` leads out of the repository", path, "put a copy in its place")
            return None
        content = self._bytes(path)
        if content is None:
            return None
        try:
            document, faults = load_document(content, path, dialect=dialect)
        except CompileError as error:
            self.faults.extend(error.diagnostics)
            return None
        self.faults.extend(faults)
        return document

    def _bytes(self, path: str) -> bytes | None:
        try:
            if not (self.folder / path).is_file():
                raise IsADirectoryError(0, "not a regular file")
            return (self.folder / path).read_bytes()
        except OSError as error:
            self._fault("D111", f"`{path}` cannot be read: {error.strerror}", path, "make it a readable file")
            return None

    def _fault(self, code: str, message: str, path: str | None = None, hint: str | None = None) -> None:
        span = Span(Source(path), 1, 1, 1, 1) if path else None
        self.faults.append(Diagnostic(code, message, span, hint))
