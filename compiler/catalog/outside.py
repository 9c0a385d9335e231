"""Catalog, outside: what happens beyond the files of a service, in a question, git or the bucket."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
    Entry(
        code="D701",
        title="Pointer that leads nowhere",
        explanation="""
            `flagstone explain` was asked about a place that the compiled stack of this environment does not have. A
            pointer is a path into the template, such as `Resources.WebGroup.Properties.MinSize`. The hint names what
            there is beside it.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D702",
        title="Picture cannot be drawn",
        explanation="""
            `flagstone graph --format svg` has graphviz draw, a program of its own whose `dot` is looked for on the
            PATH. It is missing, it failed, or it was not done in time. Install it, such as with `apt-get install
            graphviz`, or ask for `--format mermaid` or `--format dot`: these are text, and need nothing else.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D801",
        title="Release exists with other bytes",
        explanation="""
            The bucket holds a release of this id whose content is different. A release is never changed once it is
            published, so nothing was written. Publish under another id: commit the change, or name one with
            `--release`.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D802",
        title="Bucket unreachable or refusing",
        explanation="""
            The bucket did not answer, or it refused to read or write: the network is down, the name is wrong, or the
            credentials are missing, expired or without the permission. The message holds the bucket's own answer. What
            was uploaded before stays without effect, and publishing again completes it.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D803",
        title="Working tree has changes",
        explanation="""
            A release is named after a commit, and the folder holds changes that are not in it, so nobody could tell
            later what was released. Commit or discard them; `--allow-dirty` publishes all the same, and the manifest
            says so, as does the id unless `--release` names another.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D804",
        title="No release id",
        explanation="""
            The folder is not in a git repository, or has no commit yet, so there is nothing to name a release after.
            Commit the service, or name the release with `--release`.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D805",
        title="Output cannot be written",
        explanation="""
            The disk is full, or the folder may not be written to, so the command removed what it had begun to write.
            An earlier output keeps its manifest. As with a bucket that refuses, the exit code is 3: nothing is wrong
            with the service.
        """,
        is_shown_by_files=False,
    ),
)
