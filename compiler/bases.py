"""Bases: read the descriptors that a descriptor extends.

In: a `service.yml`, the folder it lies in, the bases that the library ships.    Out: Documents, the weakest first.
Faults: D117 a base that cannot be read, D118 a base that extends itself, and those of `load`.
Never: reads a file outside the repository.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from compiler.checkout import find_checkout
from compiler.diagnostics import CompileError, Diagnostic, Related, suggest
from compiler.load import load_document
from compiler.model import Document

_KEY = ("extends",)


def read_bases(
    descriptor: Document, folder: Path, shipped: Mapping[str, Document]
) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """Follow `extends` from one descriptor to the next. What cannot be followed ends the chain and is reported.

    A value with a slash or a suffix is a path from the file that names it; any other names a base of the library.
    """
    root = find_checkout(folder) or folder.resolve()
    chain: list[Document] = []
    faults: list[Diagnostic] = []
    current, place = descriptor, folder
    seen = {os.path.realpath(folder / "service.yml"): descriptor}
    while isinstance(current.data, dict) and isinstance(current.data.get("extends"), str):
        wanted = current.data["extends"]
        span = current.value_span(_KEY)
        if not _is_path(wanted):
            base = shipped.get(wanted)
            if base is None:
                hint = suggest(wanted, shipped) or "write a path, such as ../team/base.yml"
                faults.append(Diagnostic("D117", f"the library ships no base `{wanted}`", span, hint))
                break
            found = base
            known = base.source.path
        else:
            path = place / wanted
            name = Path(os.path.relpath(path, folder)).as_posix()
            known = os.path.realpath(path)
            try:
                found, more = _read(path, name, root)
            except _Refused as refused:
                faults.append(Diagnostic("D117", f"`{wanted}` {refused}", span, refused.hint))
                break
            except CompileError as error:
                faults.extend(error.diagnostics)
                break
            faults.extend(more)
            place = path.parent
        if known in seen:
            message = f"`{wanted}` extends itself in the end"
            again = seen[known]
            related = (Related("which extends", again.value_span(_KEY)),)
            faults.append(Diagnostic("D118", message, span, "break the circle", related=related))
            break
        seen[known] = found
        chain.insert(0, found)
        current = found
    return tuple(chain), tuple(faults)


class _Refused(Exception):
    def __init__(self, what: str, hint: str) -> None:
        self.hint = hint
        super().__init__(what)


def _is_path(text: str) -> bool:
    return "/" in text or text.endswith((".yml", ".yaml", ".json"))


def _read(path: Path, name: str, root: Path) -> tuple[Document, tuple[Diagnostic, ...]]:
    try:
        # Unlike Path.resolve, this does not fail on links that lead to themselves.
        if Path(name).is_absolute() or not Path(os.path.realpath(path)).is_relative_to(root):
            raise _Refused("leads out of the repository", "copy the base into the repository")
        if not path.is_file():
            raise _Refused("is not a file", "write the path from the file that says `extends`")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise _Refused(f"cannot be read: {getattr(error, 'strerror', error)}", "make it a readable file") from None
    return load_document(content, name, dialect="plain")
