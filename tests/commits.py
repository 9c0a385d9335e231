"""A git repository made of a folder, with one commit of a day that a test chooses."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_SETTINGS = ("user.name=A", "user.email=a@b.example", "commit.gpgsign=false", "init.defaultBranch=main")


def commit_folder(folder: Path, day: str) -> None:
    """Commit all that a folder holds, at noon UTC of a day such as 2026-11-20."""
    words = [word for setting in _SETTINGS for word in ("-c", setting)]
    dates = {f"GIT_{who}_DATE": f"{day}T12:00:00Z" for who in ("AUTHOR", "COMMITTER")}
    for command in (["init", "-q"], ["add", "--all", "--force"], ["commit", "-q", "-m", "All of it"]):
        subprocess.run(["git", "-C", str(folder), *words, *command], env={**os.environ, **dates}, check=True)


def place_case(case: Path, place: Path) -> Path:
    """Return the folder to compile a case in: its own, or a copy with the commit of the day that `commit.txt` names."""
    named = case / "commit.txt"
    if not named.exists():
        return case
    shutil.copytree(case, place, ignore=shutil.ignore_patterns("expected*", "*.txt", "lint"))
    if named.read_text().strip() != "none":
        commit_folder(place, named.read_text().strip())
    return place
