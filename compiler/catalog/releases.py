"""Catalog, releases: libraries in a bucket, and what is held against the manifest of a release."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
    Entry(
        code="D820",
        title="Library not fit to be published",
        explanation="""
            A version of the library is published once, and services move to it by what its change log says. So the
            version is one that can be put in order with others, `CHANGELOG.md` has a section `## <version>` that says
            something, and every file can be unpacked on any machine.
        """,
        is_shown_by_files=False,
    ),
)
