"""Catalog, egress: what processes reach without the internet."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
    Entry(
        code="D399",
        title="Region without its prefix lists",
        explanation="""
            Instances that may not reach the internet reach S3, which they start from, and DynamoDB through gateways, at
            public addresses that AWS keeps in prefix lists. Security groups name these by an id that each region has of
            its own, and `prefixLists` of platform.yml has none for the region of the environment. The platform team
            adds what `aws ec2 describe-prefix-lists` says there; until then leave `egress.internet` as it is.
        """,
        is_shown_by_files=False,
    ),
)
