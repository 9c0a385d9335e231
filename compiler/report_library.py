"""Report of a library: what a version of it offers, and what its change log says.

In: a LibraryRelease.    Out: text.
Never: takes a manifest for well-meant: what has another shape is left out, and no line commands a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compiler.library_release import LibraryRelease
from compiler.model import Json
from compiler.report_safe import show_text

_LISTS: Mapping[str, str] = {
    "parameters": "Parameters of an environment",
    "environments": "Environments",
    "bases": "Bases",
    "guardrails": "Guardrails",
    "options": "Options of service.yml",
}


def report_library(release: LibraryRelease) -> str:
    return "".join(f"{line}\n" for line in _draw(release))


def _draw(release: LibraryRelease) -> Iterator[str]:
    yield f"{show_text(release.name)} {release.version}"
    yield f"digest    {release.digest}"
    yield f"compiler  {show_text(release.compiler or 'any')}"
    for title, names in _list_offers(release.offers):
        yield f"\n{show_text(title)}"
        yield from (f"  {show_text(name)}" for name in names)
    yield "\nChanges"
    yield from (f"  {show_text(line)}".rstrip() for line in release.changelog.splitlines())


def _list_offers(offers: Mapping[str, Json]) -> Iterator[tuple[str, list[str]]]:
    """Yield what there is to count on, under a title each."""
    match offers:
        case {"logicalIds": {"service": {"isComplete": bool(is_complete), "ids": dict(ids)}}}:
            for name, names in ids.items():
                if isinstance(names, list):
                    yield _title(name, offers), [str(each) for each in names]
            if not is_complete:
                yield "and logical ids that are worked out where this list does not look", []
    for key, title in _LISTS.items():
        names = offers.get(key)
        if isinstance(names, list) and names:
            yield title, [str(each) for each in names]


def _title(name: str, offers: Mapping[str, Json]) -> str:
    templates = offers.get("templates")
    template = templates.get(name) if isinstance(templates, dict) else None
    if isinstance(template, dict):
        return f"{name}: {template.get('about', '')}"
    return f"{name}: shared by templates"
