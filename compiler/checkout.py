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


def read_commit(folder: Path, paths: Iterable[str]) -> Commit | None:
    """Ask for the commit that a folder is at. It is dirty when one of the paths, which may be missing, differs."""
    head = _git(folder, "log", "-1", "--format=%H %ct")
    if not head:
        return None
    commit, seconds = head.split()
    time = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y%m%dT%H%M%S")
    return Commit(commit, time, is_dirty=bool(_git(folder, "status", "--porcelain", "--", *paths)))


def list_known(folder: Path, paths: Iterable[str]) -> frozenset[str] | None:
    """List the files below some paths that git tracks or would track; None outside of git, where all belong."""
    if not _git(folder, "rev-parse", "--is-inside-work-tree"):
        return None
    tracked = _git(folder, "ls-files", "-z", "--cached", "--recurse-submodules", "--", *paths)
    fresh = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", *paths)
    return frozenset(name for name in f"{tracked}\0{fresh}".split("\0") if name)


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "-c", "core.quotePath=false", *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except OSError:
        return ""
    return os.fsdecode(done.stdout).strip("\n") if done.returncode == 0 else ""
