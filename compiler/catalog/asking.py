"""Catalog, asking: what processes ask to be allowed."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_web

ENTRIES = (
    Entry(
        code="D350",
        title="Permission for no one thing",
        explanation="""
            A permission is about one thing: a `bucket`, `parameters`, a `secret`, an event to `publish` or a queue to
            `consume`. With several, nobody could tell what `access` and `key` are about; with none, there is nothing to
            allow. Give each thing a permission with a name of its own.
        """,
        wrong=in_web("permissions: {invoices: {bucket: acme-invoices, secret: invoices/token}}"),
        right=in_web("permissions: {invoices: {bucket: acme-invoices}, token: {secret: invoices/token}}"),
    ),
    Entry(
        code="D351",
        title="Detail that does not go with the thing",
        explanation="""
            `access` says whether objects of a bucket or parameters are read, written or both, and `prefix` which
            objects of a bucket are meant. A secret is only read, an event only published, a queue only consumed.
        """,
        wrong=in_web("permissions: {token: {secret: invoices/token, access: write}}"),
        right=in_web("permissions: {token: {secret: invoices/token}}"),
    ),
    Entry(
        code="D352",
        title="Permission for what is somebody else's",
        explanation="""
            What lies under `/platform/` is the platform's, under `/service/<environment>/<service>/` that service's
            stack's, and in the deployment bucket is what every service of the environment runs. Nobody gets at those by
            asking. Keep what services share below a path or in a bucket of its own.
        """,
        wrong=in_web("permissions: {prices: {parameters: /service/production/prices/config}}"),
        right=in_web("permissions: {prices: {parameters: /shared/prices}}"),
    ),
)
