"""Library cache: keep the libraries that were fetched, each in a folder named by its digest.

In: a digest, or files that have it.    Out: the folder of a library whose files have that very digest.
Faults: WriteError where FLAGSTONE_CACHE names a folder that cannot be written.
Never: hands out a folder without a look at every file in it, or leaves half a library under its name.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from compiler.library import digest_library, read_content
from compiler.model import RepositoryFile
from compiler.output import WriteError
from compiler.unpack import write_files

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ATTEMPTS = 5


def find_library(digest: str) -> Path | None:
    """Return the folder of a library that is in the cache; None where it is missing, damaged or edited."""
    assert _DIGEST.fullmatch(digest)
    folders = (home / "platform" / digest for home in _homes())
    return next((folder for folder in folders if _is_sound(folder, digest)), None)


def keep_library(files: Sequence[RepositoryFile], digest: str) -> Path:
    """Put the files of a library, which have this digest, into the cache, and return their folder.

    Where the machine has no place for a cache, or none that can be written, that is a folder until this process ends.
    """
    assert _DIGEST.fullmatch(digest)
    assert digest_library(files) == digest
    for home in _homes():
        try:
            return _place(files, home / "platform", digest)
        except OSError as error:
            if os.environ.get("FLAGSTONE_CACHE"):
                where = error.filename or home
                raise WriteError(f"cannot write `{where}`, where FLAGSTONE_CACHE leads: {error.strerror}") from error
    home = Path(tempfile.mkdtemp(prefix="flagstone-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return _place(files, home, digest)


def _homes() -> Iterator[Path]:
    """Yield the folder of the cache, if this machine has one (XDG Base Directory Specification 0.8)."""
    if own := os.environ.get("FLAGSTONE_CACHE"):
        yield Path(own).absolute()
    elif (shared := os.environ.get("XDG_CACHE_HOME", "")).startswith("/"):
        yield Path(shared, "flagstone")
    else:
        with suppress(RuntimeError):  # nobody's home
            yield Path.home() / ".cache" / "flagstone"


def _is_sound(folder: Path, digest: str) -> bool:
    try:
        files, faults = read_content(folder)
    except OSError:
        return False
    return not faults and digest_library(files) == digest


def _place(files: Sequence[RepositoryFile], parent: Path, digest: str) -> Path:
    """Write aside, then rename; of several processes one is first, and the others take what it placed."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = parent / digest
    aside = Path(tempfile.mkdtemp(prefix=".", dir=parent))
    try:
        (aside / "library").mkdir()
        write_files(files, aside / "library")
        for attempt in range(_ATTEMPTS):
            try:
                os.rename(aside / "library", target)
                return target
            except OSError:
                if _is_sound(target, digest):
                    return target
                if attempt == _ATTEMPTS - 1:
                    raise
                with suppress(FileNotFoundError):
                    os.rename(target, aside / f"damaged-{attempt}")
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    raise AssertionError("the last attempt returns or raises")
