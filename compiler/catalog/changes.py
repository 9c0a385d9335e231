"""Catalog, changes: what deploying one compiled service after another does."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
    Entry(
        code="D901",
        title="Not a CloudFormation template",
        explanation="""
            `flagstone diff` was asked to compare a file that is no template: it is not a map, it has no map of
            `Resources`, or one of them has no type or no map of properties. Name a file that CloudFormation would
            take, in YAML or JSON.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D902",
        title="Side of a comparison cannot be read",
        explanation="""
            One of the two things to compare is not there, cannot be read, or is not what it says it is. The message
            tells which, and why.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D911",
        title="Change that loses data",
        explanation="""
            Deploying the change deletes a resource that holds data, such as a table, a bucket or a queue, or replaces
            it by an empty one, and neither `DeletionPolicy` nor `UpdateReplacePolicy` keeps the old one. Set both to
            `Retain` or `Snapshot` in a deployment of its own, or move the data first. It is an error where `--fail-on`
            asks for `data-loss` or less, else a warning.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D912",
        title="Change that replaces a resource",
        explanation="""
            CloudFormation cannot make the change in place: it makes a new resource, moves what refers to the old one,
            and deletes that. Names and addresses that others have copied stop working. It is an error where
            `--fail-on` asks for `replacement` or less, else a warning.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D913",
        title="Change that may replace a resource",
        explanation="""
            Whether CloudFormation replaces the resource depends on what only AWS knows, such as the value that a
            parameter has in the running stack. A change set of CloudFormation says so for sure. To `--fail-on` it is
            as bad as a replacement.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D914",
        title="Change that interrupts a resource",
        explanation="""
            The resource stays, and is restarted or does not answer for some time while it is updated. It is an error
            where `--fail-on` asks for `interruption` or `change`, else a warning.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D915",
        title="Change of what is allowed, reachable or encrypted",
        explanation="""
            The change widens or narrows who may do what, opens or closes a way in, turns encryption on or off, or
            waives a rule of the platform. Somebody who knows why should read it. It is an error where `--fail-on` asks
            for `security` or `change`, else a warning.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D916",
        title="Change without interruption",
        explanation="""
            Something differs, and nobody notices when it is deployed. It is an error where `--fail-on` asks for
            `change`, else a notice, which takes no room from the warnings.
        """,
        severity="notice",
        is_shown_by_files=False,
    ),
)
