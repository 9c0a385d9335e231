"""Catalog, template: what is wrong with an override or an addition, whatever the platform made."""

from __future__ import annotations

from compiler.catalog.entry import ADDITION, OVERRIDE, Entry, file

ENTRIES = (
    Entry(
        code="D210",
        title="Unknown section",
        explanation="""
            An override or an addition has the sections of a CloudFormation template, such as `Resources` or `Outputs`,
            and this is none of them; in an override, it is one that cannot be overridden. Correct the spelling, or
            move the content to the section that it belongs to.
        """,
        wrong=file(OVERRIDE, "Resource:\n  WebGroup:\n    Properties:\n      MaxInstanceLifetime: 604800"),
        right=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      MaxInstanceLifetime: 604800"),
    ),
    Entry(
        code="D211",
        title="Null in an override",
        explanation="""
            A key is followed by nothing. It could mean to remove the platform's value, to leave it alone, or that a
            value was forgotten. Write `$remove: true` to remove it, or delete the key to leave the value alone.
        """,
        wrong=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      HealthCheckGracePeriod:"),
        right=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      HealthCheckGracePeriod: {$remove: true}"),
    ),
    Entry(
        code="D212",
        title="Unknown directive",
        explanation="""
            A key that begins with `$` tells how an override is applied. There are `$append`, `$prepend`, `$replace`,
            `$remove`, and `$expect` with `$value`; this is none of them. Correct the spelling.
        """,
        wrong=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      HealthCheckGracePeriod: {$remov: true}"),
        right=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      HealthCheckGracePeriod: {$remove: true}"),
    ),
    Entry(
        code="D213",
        title="Misused directive",
        explanation="""
            A directive has the wrong kind of operand or the wrong company. `$append` and `$prepend` take a list,
            `$remove` takes `true` or a list of items, and `$expect` stands beside the directive that changes the value.
            Other keys have no place beside a directive, since it speaks about the whole value.
        """,
        wrong=file(
            OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      VPCZoneIdentifier: {$append: subnet-0a1b2c3d}"
        ),
        right=file(
            OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      VPCZoneIdentifier: {$append: [subnet-0a1b2c3d]}"
        ),
    ),
    Entry(
        code="D214",
        title="Unknown resource attribute",
        explanation="""
            Beside `Type` and `Properties` CloudFormation knows a few attributes of a resource, such as `DependsOn`,
            `DeletionPolicy` and `UpdatePolicy`; this is none of them. Correct the spelling, or move the key below
            `Properties`.
        """,
        wrong=file(OVERRIDE, "Resources:\n  WebGroup:\n    Propertiez:\n      MaxInstanceLifetime: 604800"),
        right=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      MaxInstanceLifetime: 604800"),
    ),
    Entry(
        code="D215",
        title="Not a CloudFormation template",
        explanation="""
            A file under `additions/` is an ordinary CloudFormation template: a map with `Resources` and other sections,
            in which each named thing is a map and each resource has a `Type`. This file is something else. Write it as
            a template, or move it away.

            A template that a macro has yet to write, by `Transform`, `Fn::Transform` or `Fn::ForEach`, or by resources
            of `AWS::Serverless` and of modules, is none either, nor may an override bring one: no guardrail can hold
            for what nobody has seen. Run the macro yourself, and commit what it makes.
        """,
        wrong=file(ADDITION, "Resources:\n  Archive:\n    BucketName: shop-archive"),
        right=file(ADDITION, "Resources:\n  Archive:\n    Type: AWS::S3::Bucket"),
    ),
    Entry(
        code="D216",
        title="Null in an addition",
        explanation="""
            A key is followed by nothing. CloudFormation refuses null values when the stack is deployed, long after the
            mistake was made. Write the value, or delete the key.
        """,
        wrong=file(ADDITION, "Resources:\n  Archive:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName:"),
        right=file(ADDITION, "Resources:\n  Archive:\n    Type: AWS::S3::Bucket"),
    ),
)
