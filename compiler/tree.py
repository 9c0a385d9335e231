"""Tree: read a folder of files as they go into an archive.

In: a folder and the name to call it by.    Out: its files, in the order of their paths, and the faults.
Faults: D105 more than an archive may hold, D111 what cannot be archived safely.
Never: follows a link, or yields a link that leads out of the folder.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from compiler.diagnostics import Diagnostic, Source, Span
from compiler.model import Known, RepositoryFile

# What tools leave behind, never a part of a service or of a library.
_LITTER = {"__pycache__", ".git", ".DS_Store", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".ansible"}
_MAX_BYTES = 512 * 1024 * 1024


def read_tree(
    top: Path, label: str, *, known: Known | None = None
) -> tuple[tuple[RepositoryFile, ...], tuple[Diagnostic, ...]]:
    """Read every file below a folder. A folder that does not exist has none; links are kept as links.

    `known` are the paths, with the label in front, that belong to the folder; the rest is left out and reported.
    """
    reader = _TreeReader(top, label, known)
    reader.read()
    return tuple(sorted(reader.files, key=lambda file: file.path)), tuple(reader.faults)


class _TreeReader:
    def __init__(self, top: Path, label: str, known: Known | None) -> None:
        self.top = top
        self.label = label
        self.known = known
        self.left_out: list[str] = []
        self.files: list[RepositoryFile] = []
        self.size = 0
        self.faults: list[Diagnostic] = []

    def read(self) -> None:
        try:
            is_folder = stat.S_ISDIR(os.lstat(self.top).st_mode)
        except FileNotFoundError:
            return
        except OSError as error:
            self._refused(error)
            return
        if not is_folder:
            self._fault(self.label, "is not a folder", "make it a folder")
            return
        for place, folders, files in os.walk(self.top, onerror=self._refused):
            links = [folder for folder in folders if os.path.islink(Path(place, folder))]
            inside = f"{self.label}/{Path(place).relative_to(self.top).as_posix()}/".replace("/./", "/")
            folders[:] = [
                name for name in sorted(set(folders) - set(links) - _LITTER) if self._has_known(inside + name)
            ]
            for name in sorted([*files, *links]):
                if name in _LITTER or name.endswith(".pyc") or not self._is_known(inside + name):
                    continue
                file = self._read_file(Path(place, name))
                if file:
                    self.files.append(file)
                if self.size > _MAX_BYTES:
                    self._fault(
                        self.label, f"holds more than {_MAX_BYTES // 1024**2} MiB", "keep build products out", "D105"
                    )
                    return

        if self.left_out:
            more = f" and {len(self.left_out) - 1} more" if len(self.left_out) > 1 else ""
            message = f"git ignores `{self.left_out[0]}`{more}, which stays out of the archive"
            span = Span(Source(self.label), 1, 1, 1, 1)
            hint = "take it out of .gitignore if an instance needs it"
            self.faults.append(Diagnostic("D119", message, span, hint, "warning"))

    def _is_known(self, path: str) -> bool:
        if self.known is not None and path not in self.known.files:
            self.left_out.append(path)
            return False
        return True

    def _has_known(self, path: str) -> bool:
        if self.known is None or path in self.known.folders:
            return True
        # Git knows no empty folders, so it does not ignore them either.
        if any(files for _, _, files in os.walk(self.top.parent / path)):
            self.left_out.append(f"{path}/")
        return False

    def _read_file(self, path: Path) -> RepositoryFile | None:
        inner = path.relative_to(self.top).as_posix()
        try:
            inner.encode()
        except UnicodeEncodeError:
            shown = inner.encode(errors="backslashreplace").decode()
            self._fault(f"{self.label}/{shown}", "has a name that is not UTF-8", "rename it")
            return None
        shown = f"{self.label}/{inner}"
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                return self._read_link(path, inner, shown)
            if not stat.S_ISREG(status.st_mode):
                self._fault(shown, "is not a regular file", "remove it")
                return None
            self.size += status.st_size
            if self.size > _MAX_BYTES:
                return None
            known = self.known.files[shown] if self.known else None
            is_executable = bool(status.st_mode & 0o100) if known is None else known
            return RepositoryFile(inner, path.read_bytes(), is_executable)
        except OSError as error:
            self._fault(shown, f"cannot be read: {error.strerror}", "make it readable")
            return None

    def _read_link(self, path: Path, inner: str, shown: str) -> RepositoryFile | None:
        target = os.readlink(path)
        end = os.path.normpath(os.path.join(os.path.dirname(inner), target))
        # Both as it is written and through the links on its way, which `..` does not undo.
        is_inside = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.top))
        if os.path.isabs(target) or end == ".." or end.startswith("../") or not is_inside:
            self._fault(shown, f"is a link that leads out of `{self.label}/`", f"copy its target into `{self.label}/`")
            return None
        return RepositoryFile(inner, b"", link=target)

    def _refused(self, error: OSError) -> None:
        path = Path(self.label, Path(error.filename).relative_to(self.top)).as_posix()
        shown = path.encode(errors="backslashreplace").decode()
        self._fault(shown, f"cannot be read: {error.strerror}", "make it readable")

    def _fault(self, path: str, what: str, hint: str, code: str = "D111") -> None:
        self.faults.append(Diagnostic(code, f"`{path}` {what}", Span(Source(path), 1, 1, 1, 1), hint))
