"""Catalog, logs: how long they are kept, what is counted in them, where they go."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_web

ENTRIES = (
    Entry(
        code="D362",
        title="Filter pattern that CloudWatch refuses",
        explanation="""
            A pattern in braces asks about fields of JSON lines, such as `{ $.level = "error" }`; one in square brackets
            names fields between spaces; any other is a list of terms. Brackets and quotation marks come in pairs. Quote
            the pattern in YAML with single quotes: what stands between them reaches CloudWatch as it is. At most two
            expressions such as `%time[- ]?out%` stand in one pattern, and at most five patterns of a log have any. No
            pattern holds what looks like a parameter of a template, such as `${AWS::Region}`.
        """,
        wrong=in_web(
            """logs: {app: {path: /var/log/a.log, filters: {errors: {pattern: '{ $.level = "e }', threshold: 5}}}}"""
        ),
        right=in_web(
            """logs: {app: {path: /var/log/a.log, filters: {errors: {pattern: '{ $.level = "e" }', threshold: 5}}}}"""
        ),
    ),
    Entry(
        code="D363",
        title="Log that is kept too short",
        explanation="""
            The environment says for how many days at least logs are kept, because somebody may have to look back that
            far. Leave `retentionDays` out where the environment's own default is fine, or say it for other environments
            only, below `environments.<environment>`.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D364",
        title="Destination of logs that is out of reach",
        explanation="""
            CloudWatch sends log lines to a destination, a delivery stream or a data stream of its own region. A stream
            and the role that writes to it are of the environment's own account; to send to another account, that
            account makes a destination of CloudWatch Logs, and `logs.destination` names it.
        """,
        is_shown_by_files=False,
    ),
)
