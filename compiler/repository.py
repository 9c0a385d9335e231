"""Repository: read everything that a service team committed, once.

In: a folder.    Out: a Repository, and the faults that could be stepped over.
Faults: D110, D111, D112, D114, D119, and those of `load` and of git.
Never: follows a path out of the folder, runs what it finds, or changes anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from compiler.checkout import list_known
from compiler.diagnostics import CompileError, Diagnostic, Severity, Source, Span
from compiler.load import Dialect, load_document
from compiler.model import Document, Known, Repository, RepositoryFile, TemplatePart
from compiler.tree import read_tree

_SUFFIXES = {".yml", ".yaml", ".json"}
_DESCRIPTOR = "service.yml"
_LOCK = "flagstone.lock"
_SOURCES = (_DESCRIPTOR, _LOCK, "cloudFormation", "cloudformation")
_ARCHIVES = ("ansible", "src")
# What a compile reads: a change of anything else in the folder is no change of the service.
INPUTS = (*_SOURCES, *_ARCHIVES)
_PARTS: tuple[tuple[str, Dialect], ...] = (("overrides", "override"), ("additions", "template"))


def read_repository(folder: Path, *, with_archives: bool) -> tuple[Repository, tuple[Diagnostic, ...]]:
    """Read `service.yml`, the overrides and additions, and for the archives also `ansible/` and `src/`.

    In a git work tree the service is what git tracks or would track, so that a commit has one meaning. The commit
    itself is not asked for here: it depends on what the descriptor extends.

    Raises CompileError with all that was found when `service.yml` itself cannot be used.
    """
    known, unknown = list_known(folder, _DESCRIPTOR, INPUTS if with_archives else _SOURCES)
    reader = _Reader(folder, known)
    descriptor = reader.read_descriptor()
    home = reader.find_home()
    parts = {name: tuple(reader.read_parts(f"{home}/{name}", dialect)) if home else () for name, dialect in _PARTS}
    lock = reader.read_lock()
    ansible, src = (reader.read_archive(name) if with_archives else () for name in _ARCHIVES)
    faults = (*reader.faults, *unknown)
    if descriptor is None:
        raise CompileError(faults)
    return Repository(descriptor, parts["overrides"], parts["additions"], ansible, src, None, lock), faults


def read_lock_file(folder: Path) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """Read `flagstone.lock` alone, as `read_repository` does; None where there is none."""
    if not os.path.lexists(folder / _LOCK):
        return None, ()
    known, _ = list_known(folder, _DESCRIPTOR, [_LOCK])
    reader = _Reader(folder, known)
    return reader.read_lock(), tuple(reader.faults)


class _Reader:
    def __init__(self, folder: Path, known: Known | None) -> None:
        self.folder = folder
        self.known = known
        self.faults: list[Diagnostic] = []

    def read_descriptor(self) -> Document | None:
        if self._is_there(_DESCRIPTOR):
            return self._load(_DESCRIPTOR, "plain")
        if not self.faults:
            other = next((name for name in ("service.yaml", "service.json") if self._is_there(name)), None)
            hint = f"rename `{other}` to `{_DESCRIPTOR}`" if other else "name the folder that holds it"
            self._fault("D110", f"there is no `{_DESCRIPTOR}` in `{self.folder}`", hint=hint)
        return None

    def read_lock(self) -> Document | None:
        if not self._is_there(_LOCK) or self._is_ignored(_LOCK):
            return None
        known = len(self.faults)
        document = self._load(_LOCK, "plain")
        # Nobody writes this file, so what is wrong with it is not for hands to mend: two branches met, or worse.
        hint = "restore it from git, or delete it and run `flagstone lock`"
        self.faults[known:] = [replace(fault, hint=hint) for fault in self.faults[known:]]
        return document

    def read_parts(self, folder: str, dialect: Dialect) -> Iterator[TemplatePart]:
        for path in self._listed(folder):
            environment: str | None
            if (self.folder / path).is_dir():
                names, environment = self._listed(path), Path(path).name
            else:
                names, environment = [path], None
            for name in names:
                document = self._load(name, dialect) if self._is_part(name) else None
                if document:
                    yield TemplatePart(Path(name).stem, environment, document)

    def find_home(self) -> str | None:
        """Find the folder of overrides and additions, in either spelling."""
        try:
            names = sorted(os.listdir(self.folder))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._fault("D111", f"`{self.folder}` cannot be read: {error.strerror}", hint="make it readable")
            return None
        found = [name for name in names if name.lower() == "cloudformation"]
        known = [name for name in found if name in ("cloudFormation", "cloudformation")]
        if len({os.path.realpath(self.folder / name) for name in known}) == 2:
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
        return next((name for name in known if os.path.isdir(self.folder / name)), None)

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
        """Paths of what a folder holds, sorted; documentation, hidden files and what git ignores are left out."""
        place = self.folder / folder
        if not self._is_there(folder) or self._leads_out(folder):
            return []
        if not place.is_dir():
            self._fault("D114", f"`{folder}` is not a folder", folder, "make it a folder")
            return []
        try:
            names = sorted(os.listdir(place))
            os.stat(os.path.join(place, "."))  # to list a folder is not yet to enter it
        except OSError as error:
            self._fault("D111", f"`{folder}` cannot be read: {error.strerror}", folder, "make it readable")
            return []
        for name in names:
            # Not what editors and archives of a Mac leave behind.
            if name.startswith(".") and not name.startswith("._") and Path(name).suffix in _SUFFIXES:
                path = f"{folder}/{name}"
                self._fault(
                    "D114", f"nothing reads the hidden file `{path}`", path, "take away its dot, or the file", "warning"
                )
        return [
            f"{folder}/{name}"
            for name in names
            if not name.startswith(".")
            and not name.endswith(".md")
            and self._has_proper_name(folder, name)
            and ((place / name).is_dir() or not self._is_ignored(f"{folder}/{name}"))
        ]

    def _is_there(self, path: str) -> bool:
        try:
            os.lstat(self.folder / path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            self._fault("D111", f"`{path}` cannot be read: {error.strerror}", path, "make it readable")
            return False
        return True

    def _is_ignored(self, path: str) -> bool:
        if self.known is None or path in self.known.files:
            return False
        self._fault(
            "D119",
            f"git ignores `{path}`, which stays out",
            path,
            "take it out of .gitignore to have it read",
            "warning",
        )
        return True

    def _has_proper_name(self, folder: str, name: str) -> bool:
        shown = f"{folder}/{name}".encode(errors="backslashreplace").decode()
        if shown != f"{folder}/{name}":
            self._fault("D111", f"`{shown}` has a name that is not UTF-8", shown, "rename it")
        return shown == f"{folder}/{name}"

    def _leads_out(self, path: str) -> bool:
        # Unlike Path.resolve, this does not fail on links that lead to themselves.
        if Path(os.path.realpath(self.folder / path)).is_relative_to(os.path.realpath(self.folder)):
            return False
        self._fault("D111", f"`{path}` leads out of the repository", path, "put a copy in its place")
        return True

    def read_archive(self, name: str) -> tuple[RepositoryFile, ...]:
        files, faults = read_tree(self.folder / name, name, known=self.known)
        self.faults.extend(faults)
        return files

    def _load(self, path: str, dialect: Dialect) -> Document | None:
        if self._leads_out(path):
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

    def _fault(
        self, code: str, message: str, path: str | None = None, hint: str | None = None, severity: Severity = "error"
    ) -> None:
        span = Span(Source(path), 1, 1, 1, 1) if path else None
        self.faults.append(Diagnostic(code, message, span, hint, severity))
