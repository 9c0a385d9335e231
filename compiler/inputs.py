"""Inputs: the texts that a service was compiled from, as they go into an archive, and out of one again.

In: a Repository.    Out: the folder of the service in the archive, and files.
Never: includes what is in another archive (`ansible/`, `src/`), or what the library ships.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.model import Repository, RepositoryFile

_TOP, _STEP = "repository", "_"


def collect_inputs(repository: Repository) -> tuple[str, tuple[RepositoryFile, ...]]:
    """Lay out the descriptor, its bases, the lock, overrides and additions as they lay to each other.

    A base may lie above the service, as `../team/base.yml` does. So many folders stand above the service in the
    archive, and none has its name: that depends on who checked the repository out.
    """
    documents = [
        repository.descriptor,
        *repository.bases,
        *([repository.lock] if repository.lock else []),
        *(part.document for part in (*repository.overrides, *repository.additions)),
    ]
    paths = [document.source.path for document in documents]
    step = _STEP
    while any(step in path.split("/") for path in paths):
        step += _STEP
    depth = max(path.split("/").count("..") for path in paths)
    home = [_TOP, *[step] * depth]
    files = {
        "/".join(_walk([*home, *path.split("/")])): document.content
        for path, document in zip(paths, documents, strict=True)
    }
    return "/".join(home), tuple(RepositoryFile(path, content) for path, content in files.items())


def place_archives(
    folder: str, ansible: Iterable[RepositoryFile], source: Iterable[RepositoryFile]
) -> Iterator[RepositoryFile]:
    """Lay the service's part of its other two archives beside its inputs, in the folder of the service."""
    for file in ansible:
        if file.path.startswith("service/"):
            inner = file.path.removeprefix("service/")
            yield RepositoryFile(f"{folder}/ansible/{inner}", file.content, file.is_executable, file.link)
    for file in source:
        yield RepositoryFile(f"{folder}/{file.path}", file.content, file.is_executable, file.link)


def _walk(steps: Iterable[str]) -> list[str]:
    place: list[str] = []
    for step in steps:
        if step == "..":
            place.pop()
        elif step != ".":
            place.append(step)
    return place
