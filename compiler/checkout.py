"""Checkout: what git knows of a folder.

In: a folder and paths in it.    Out: the commit it is at, and the files that belong to it.
Faults: D119 what git ignores, D120 git that refuses, D121 what is in the commit and not in the folder.
Never: changes anything, or takes a git that cannot answer for a folder outside of git without saying so.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from compiler.diagnostics import Diagnostic, Source, Span
from compiler.model import Commit, Known

# The second would run a program that the repository names.
_SETTINGS = ("-c", "core.quotePath=false", "-c", "core.fsmonitor=false")
# Where git runs a hook, it says there which repository it is about.
_OF_A_HOOK = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}
_SUBMODULE, _EXECUTABLE = "160000", "100755"


def find_checkout(folder: Path) -> Path | None:
    """Find the folder that holds `.git`, at or above another one; None outside of git."""
    here = Path(os.path.realpath(folder))
    return next((place for place in (here, *here.parents) if os.path.lexists(place / ".git")), None)


def read_commit(folder: Path, files: Iterable[str], folders: Iterable[str] = ()) -> Commit | None:
    """Ask for the commit that a folder is at; None outside of git, before the first commit and where git refuses.

    It is dirty when one of the files or folders, which may be missing, differs, when git ignores one of the files, and
    when git was told not to look at one.
    """
    root = find_checkout(folder)
    if root is None:
        return None
    wanted = [_in_checkout(folder, root, path) for path in files]
    shown = ("--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
    try:
        if not _git(folder, "rev-parse", "--verify", "--quiet", "HEAD", is_question=True):
            return None
        # Plumbing, because `git log` prints what its user has configured beside what it is asked for.
        seconds, commit = _git(folder, "rev-list", "--max-count=1", "--timestamp", "HEAD", "--").split()
        changes = _git(folder, "status", *shown, "--", *wanted, *folders)
        is_unsure = _is_ignored(folder, wanted) or _is_hidden(folder, (*wanted, *folders))
    except _Refused:
        return None
    time = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y%m%dT%H%M%S")
    return Commit(commit, time, is_dirty=bool(changes) or is_unsure)


def list_known(folder: Path, descriptor: str, paths: Iterable[str]) -> tuple[Known | None, tuple[Diagnostic, ...]]:
    """List the files below some paths that git tracks or would track.

    None where all files belong: outside of git, where git refuses, and where it ignores the descriptor itself, as it
    does in a copy of the service in somebody's build folder.
    """
    if find_checkout(folder) is None:
        return None, ()
    try:
        if _is_ignored(folder, [descriptor]):
            message = f"git ignores `{descriptor}`, so no commit describes what is compiled here"
            hint = "compile the service where it is committed"
            return None, (Diagnostic("D119", message, _span_of(descriptor), hint, "warning"),)
        # Where the disk cannot tell which file is executable, the index can.
        of_disk = _git(folder, "config", "--type=bool", "--get", "core.fileMode", is_question=True) != "false"
        listing = _Listing({}, [])
        _list_files(folder, "", tuple(paths), listing, of_disk=of_disk)
    except _Refused as refused:
        return None, (refused.diagnostic,)
    folders = {parent.as_posix() for path in listing.files for parent in PurePosixPath(path).parents}
    return Known(listing.files, frozenset(folders)), tuple(listing.faults)


@dataclass(frozen=True, slots=True)
class _Listing:
    files: dict[str, bool | None]
    faults: list[Diagnostic]


def _list_files(folder: Path, prefix: str, paths: tuple[str, ...], listing: _Listing, *, of_disk: bool) -> None:
    # Not with --recurse-submodules, which says neither what is new in them nor which of them are missing.
    tracked = _git(folder, "ls-files", "-z", "-v", "--stage", "--", *paths)
    for line in filter(None, tracked.split("\0")):
        (tag, mode, *_), name = line.split("\t")[0].split(" "), line.partition("\t")[2]
        path = prefix + name
        if mode == _SUBMODULE:
            if os.path.lexists(folder / name / ".git"):
                _list_files(folder / name, f"{path}/", (), listing, of_disk=of_disk)
            else:
                hint = "run `git submodule update --init --recursive`"
                message = f"the submodule `{path}` is not checked out"
                listing.faults.append(Diagnostic("D121", message, _span_of(path), hint))
        elif tag in "sS" and not os.path.lexists(folder / name):
            message = f"`{path}` is in the commit and not in the folder"
            listing.faults.append(Diagnostic("D121", message, _span_of(path), "run `git sparse-checkout disable`"))
        else:
            listing.files[path] = None if of_disk else mode == _EXECUTABLE
    fresh = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", *paths)
    for name in filter(None, fresh.split("\0")):
        if name.endswith("/"):
            message = f"`{prefix}{name}` is a git repository of its own, and no commit of this one holds its files"
            hint = "add it as a submodule, or remove its `.git`"
            listing.faults.append(Diagnostic("D121", message, _span_of(prefix + name), hint))
            _list_files(folder / name, prefix + name, (), listing, of_disk=of_disk)
        else:
            listing.files[prefix + name] = None


def _is_ignored(folder: Path, paths: Iterable[str]) -> bool:
    return bool(_git(folder, "check-ignore", "--", *paths, is_question=True))


def _is_hidden(folder: Path, paths: Iterable[str]) -> bool:
    """Tell whether git was told to take a file for unchanged, or to leave one alone that is there."""
    lines = _git(folder, "ls-files", "-z", "-v", "--", *paths).split("\0")
    tagged = (line.partition(" ")[::2] for line in lines if line)
    return any(tag.islower() or (tag == "S" and os.path.lexists(folder / name)) for tag, name in tagged)


def _in_checkout(folder: Path, root: Path, path: str) -> str:
    """Name what git can be asked about a path: the path, or the submodule that holds it."""
    place = Path(os.path.realpath(folder / path)).parent
    inner = [each for each in (place, *place.parents) if each.is_relative_to(root) and each != root]
    holders = [each for each in inner if os.path.lexists(each / ".git")]
    return os.path.relpath(holders[-1], os.path.realpath(folder)) if holders else path


def _span_of(path: str) -> Span:
    return Span(Source(path), 1, 1, 1, 1)


class _Refused(Exception):
    """Git could not answer."""

    def __init__(self, what: str, hint: str) -> None:
        message = f"git does not say what belongs to the service, so everything does: {what}"
        self.diagnostic = Diagnostic("D120", message, None, hint, "warning")
        super().__init__(what)


def _git(folder: Path, *arguments: str, is_question: bool = False) -> str:
    """Return what git prints. To a question it may answer no, by the exit code 1, and prints nothing."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *_SETTINGS, *arguments],
            capture_output=True,
            check=False,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except OSError as error:
        hint = "install git, or compile a copy of the service that is no git repository"
        raise _Refused(f"git cannot be run ({error.strerror})", hint) from None
    if done.returncode and not (is_question and done.returncode == 1):
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise _Refused(said[0].removeprefix("fatal: "), "run `git status` in the folder, and do what it says")
    return os.fsdecode(done.stdout).rstrip("\n")
