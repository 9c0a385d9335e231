"""Catalog, validate: what the schema of service.yml does not admit."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_service, in_web, with_head

ENTRIES = (
    Entry(
        code="D202",
        title="Missing key",
        explanation="""
            Something that has to be said is not there, neither in the file nor, where they count, in the defaults of
            the platform. Add the key; the message names it and the map that it belongs to.
        """,
        wrong=with_head(
            """
            service: shop
            platform: "1.0"
            processes:
              web: {runtime: instances, command: ./bin/serve, port: 8080}
            """
        ),
        right=with_head(
            """
            service: shop
            owner: platform
            platform: "1.0"
            processes:
              web: {runtime: instances, command: ./bin/serve, port: 8080}
            """
        ),
    ),
    Entry(
        code="D203",
        title="Unknown key",
        explanation="""
            No such key exists here. It would have no effect, and a misspelled key that is ignored is worse than an
            error. Correct the spelling, or move the key to the map that it belongs to; the schema of `service.yml`
            lists what there is.
        """,
        wrong=in_web("scaling: {min: 1, maximum: 2, target: {cpu: 60}}"),
        right=in_web("scaling: {min: 1, max: 2, target: {cpu: 60}}"),
    ),
    Entry(
        code="D204",
        title="Wrong type",
        explanation="""
            The value is of another kind than the one expected, such as a list in place of a map or a text in place of a
            number. Quotes make a difference: `"8080"` is a text and `8080` a number. The message says what is expected.
        """,
        wrong=in_web('rootVolumeSize: "20"'),
        right=in_web("rootVolumeSize: 20"),
    ),
    Entry(
        code="D205",
        title="Not one of the allowed values",
        explanation="""
            Only a few values make sense here, and this is none of them. Use one of those that the hint names; upper and
            lower case count.
        """,
        wrong=in_web("exposure: internal"),
        right=in_web("exposure: private"),
    ),
    Entry(
        code="D206",
        title="Does not match the pattern",
        explanation="""
            The value does not have the form that is needed where it ends up: names become parts of resource names and
            DNS labels, paths are absolute, environment variables are written in capitals. The hint proposes the nearest
            value that fits, or shows the pattern. A value under `secrets` is neither shown nor corrected: what is no
            path there may be the secret itself.
        """,
        wrong=in_web("dns: Web_Shop"),
        right=in_web("dns: web-shop"),
    ),
    Entry(
        code="D207",
        title="Number or length out of range",
        explanation="""
            A number is smaller or larger, or a text, list or map shorter or longer, than AWS or the platform accepts.
            The hint names the bound.
        """,
        wrong=in_web("rootVolumeSize: 4"),
        right=in_web("rootVolumeSize: 20"),
    ),
    Entry(
        code="D208",
        title="Looks like a credential",
        explanation="""
            The value has the form of an access key, a private key or a token. What is committed can be read by everyone
            who can read the repository, for ever, and a release would carry it further. Revoke it, store its successor
            as a SecureString parameter, and name the path of that parameter under `secrets`; in a
            template, write `{{resolve:ssm-secure:...}}`.
        """,
        wrong=in_service("config:\n  AWS_KEY: AKIAIOSFODNN7EXAMPLE"),
        right=in_service("secrets:\n  AWS_KEY: /shop/aws-key"),
    ),
    Entry(
        code="D209",
        title="Item twice in a list",
        explanation="""
            The same item stands twice in a list whose items are all different. It would make the same resource twice.
            Keep one of the two; if they were meant to differ, one is misspelled.
        """,
        wrong=in_service("messages:\n  publish: [order-placed, order-placed]"),
        right=in_service("messages:\n  publish: [order-placed, order-canceled]"),
    ),
)
