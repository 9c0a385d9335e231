"""The services of `examples/`, each in a copy that a commit of a fixed day and a fresh lock are made for.

A waiver ends on a day, which is compared with the commit's; and a lock pins the digest of the library, which moves with
each change of it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from compiler.model import Library
from compiler.pipeline import lock_service
from tests.commits import commit_folder

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(path.parent for path in FOLDER.glob("*/service.yml"))
LOCK = "flagstone.lock"


def place_example(example: Path, place: Path, library: Library) -> Path:
    """Copy an example, with the lock that `flagstone lock --upgrade` would write now."""
    shutil.copytree(example, place, ignore=shutil.ignore_patterns("__pycache__"))
    if (place / LOCK).exists():
        (place / LOCK).write_bytes(lock_service(place, library, upgrade=True).content)
    commit_folder(place, "2026-11-20")
    return place
