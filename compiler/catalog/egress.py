"""Catalog, egress: what processes reach without the internet."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
    Entry(
        code="D398",
        title="AWS service that is not reached without the internet",
        explanation="""
            A process says `egress.internet: false`, and its policies let it call an AWS service, or every instance has
            to, that the list of the environment's endpoints lacks: each call would wait until it fails, and an instance
            might not start. Let it reach the internet, take the permission away where nothing needs it, or ask the
            platform team for the endpoint. Derived endpoints follow the services and lack nothing.
        """,
        is_shown_by_files=False,
    ),
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
