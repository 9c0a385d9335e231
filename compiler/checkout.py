"""Checkout: what git knows of a folder.

In: a folder and paths in it.    Out: the commit it is at, and the files that belong to it.
Never: changes anything, or fails where there is no git: a folder outside of git simply has no commit.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from compiler.model import Commit

# The second would run a program that the repository names.
_SETTINGS = ("-c", "core.quotePath=false", "-c", "core.fsmonitor=false")
# Where git runs a hook, it says there which repository it is about.
_OF_A_HOOK = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}


def read_commit(folder: Path, paths: Iterable[str]) -> Commit | None:
    """Ask for the commit that a folder is at. It is dirty when one of the paths, which may be missing, differs."""
    # Plumbing, because `git log` prints what its user has configured beside what it is asked for.
    head = _git(folder, "rev-list", "--max-count=1", "--timestamp", "HEAD")
    if not head:
        return None
    seconds, commit = head.split()
    time = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y%m%dT%H%M%S")
    shown = ("--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
    changes = _git(folder, "status", *shown, "--", *paths)
    return Commit(commit, time, is_dirty=bool(changes))


def list_known(folder: Path, paths: Iterable[str]) -> frozenset[str] | None:
    """List the files below some paths that git tracks or would track; None outside of git, where all belong."""
    if not _git(folder, "rev-parse", "--is-inside-work-tree"):
        return None
    tracked = _git(folder, "ls-files", "-z", "--cached", "--recurse-submodules", "--", *paths)
    fresh = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", *paths)
    return frozenset(name for name in f"{tracked}\0{fresh}".split("\0") if name)


def _git(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *_SETTINGS, *arguments],
            capture_output=True,
            check=False,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except OSError:
        return ""
    return os.fsdecode(done.stdout).strip("\n") if done.returncode == 0 else ""
