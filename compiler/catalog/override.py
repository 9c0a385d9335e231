"""Catalog, override: overrides and additions that do not fit what the platform made, or each other."""

from __future__ import annotations

from compiler.catalog.entry import ADDITION, OVERRIDE, Entry, Files, file


def _group(properties: str) -> Files:
    return file(OVERRIDE, f"Resources:\n  WebGroup:\n    Properties:\n      {properties}")


ENTRIES = (
    Entry(
        code="D501",
        title="Override of something the platform does not define",
        explanation="""
            An override changes what the platform made, and it made nothing of this name in this environment. Correct
            the name; to bring a resource of your own, write it under `additions/`.
        """,
        wrong=file(OVERRIDE, "Resources:\n  WebGrup:\n    Properties:\n      MaxInstanceLifetime: 604800"),
        right=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      MaxInstanceLifetime: 604800"),
    ),
    Entry(
        code="D502",
        title="Override that changes the type",
        explanation="""
            A resource of another type is another resource: CloudFormation refuses to update one into the other, and the
            properties would not fit. Remove `Type` from the override; to have something else, remove the platform's
            resource with `$remove` and add your own under another name.
        """,
        wrong=file(OVERRIDE, "Resources:\n  WebGroup:\n    Type: AWS::EC2::Instance"),
        right=file(OVERRIDE, "Resources:\n  WebGroup:\n    Properties:\n      MaxInstanceLifetime: 604800"),
    ),
    Entry(
        code="D503",
        title="Override that changes nothing",
        explanation="""
            The platform already has this value, so the override only hides it: the next change of the platform would
            not reach the service. Delete it. If it is needed in some environments only, move it to the folders of
            those, such as `overrides/production/`.
        """,
        wrong=_group("HealthCheckGracePeriod: 300"),
        right=_group("HealthCheckGracePeriod: 600"),
    ),
    Entry(
        code="D504",
        title="Expected value is no longer there",
        explanation="""
            `$expect` states the platform's value at the time of writing, and it is another one now, or gone. That is
            what it is for: look at what the platform changed, decide whether the override is still right, and write the
            new value after `$expect`.
        """,
        wrong=_group("HealthCheckGracePeriod: {$expect: 120, $value: 600}"),
        right=_group("HealthCheckGracePeriod: {$expect: 300, $value: 600}"),
    ),
    Entry(
        code="D505",
        title="Nothing to remove",
        explanation="""
            `$remove` names a value or an item of a list that the platform does not set in this environment. It may have
            been removed since, or be misspelled. Delete the directive, or move it to the folder of the environment in
            which there is something to remove.
        """,
        wrong=_group("PlacementGroup: {$remove: true}"),
        right=_group("HealthCheckGracePeriod: {$remove: true}"),
    ),
    Entry(
        code="D506",
        title="Directive that does not fit the value",
        explanation="""
            `$append`, `$prepend` and `$remove` with a list work on a list, and the platform's value is none. Use
            `$replace`, or write the new value as it is.
        """,
        wrong=_group("HealthCheckGracePeriod: {$append: [600]}"),
        right=_group("HealthCheckGracePeriod: {$replace: 600}"),
    ),
    Entry(
        code="D507",
        title="List replaced",
        explanation="""
            The items of this list cannot be told apart by a key, so the override takes the place of the whole list and
            items of the platform are gone. Write `$append` or `$prepend` to keep them, `$replace` to say that you mean
            it.
        """,
        wrong=_group("VPCZoneIdentifier: [subnet-0a1b2c3d]"),
        right=_group("VPCZoneIdentifier: {$append: [subnet-0a1b2c3d]}"),
        severity="warning",
    ),
    Entry(
        code="D508",
        title="Addition of something the platform defines",
        explanation="""
            An addition brings what the platform did not, and the platform defines something of this name in this
            section; both lines are shown. To change the platform's, write an override; to have another, choose another
            name.
        """,
        wrong=file(ADDITION, "Resources:\n  WebGroup:\n    Type: AWS::S3::Bucket"),
        right=file(ADDITION, "Resources:\n  Archive:\n    Type: AWS::S3::Bucket"),
    ),
    Entry(
        code="D509",
        title="Two additions define one thing differently",
        explanation="""
            Two files under `additions/` define something of the same name in different ways, and neither is stronger.
            Both lines are shown. Keep one, or rename one; saying the same twice is fine, as with a parameter that two
            templates share.
        """,
        wrong={
            **file(ADDITION, "Resources:\n  Archive:\n    Type: AWS::S3::Bucket"),
            **file("cloudFormation/additions/history.yml", "Resources:\n  Archive:\n    Type: AWS::SQS::Queue"),
        },
        right={
            **file(ADDITION, "Resources:\n  Archive:\n    Type: AWS::S3::Bucket"),
            **file("cloudFormation/additions/history.yml", "Resources:\n  History:\n    Type: AWS::SQS::Queue"),
        },
    ),
    Entry(
        code="D510",
        title="Two overrides of the same layer set one value",
        explanation="""
            Two files of one folder change the same value, and which of them wins would depend on their names. Keep one
            of the two. A file in the folder of an environment may well change what a file in `overrides/` set: it is
            stronger.
        """,
        wrong={
            **_group("HealthCheckGracePeriod: 600"),
            **file(
                "cloudFormation/overrides/slow.yml",
                "Resources: {WebGroup: {Properties: {HealthCheckGracePeriod: 900}}}",
            ),
        },
        right={
            **_group("HealthCheckGracePeriod: 600"),
            **file(
                "cloudFormation/overrides/production/slow.yml",
                "Resources: {WebGroup: {Properties: {HealthCheckGracePeriod: 900}}}",
            ),
        },
    ),
    Entry(
        code="D511",
        title="Items of a list that cannot be told apart",
        explanation="""
            The items of this list are merged by a key, such as `Key` for tags, and two of them have the same one, or an
            item that is to be appended is already there. Write each item once and give it what is to change; `$replace`
            writes the whole list.
        """,
        wrong=_group(
            "Tags:\n        - {Key: tier, Value: front, PropagateAtLaunch: true}"
            "\n        - {Key: tier, Value: back, PropagateAtLaunch: true}"
        ),
        right=_group("Tags:\n        - {Key: tier, Value: front, PropagateAtLaunch: true}"),
    ),
    Entry(
        code="D512",
        title="Parameter of an addition without a default",
        explanation="""
            Nobody is asked for parameters when a release is deployed, so a parameter without a default fails there.
            Give it a `Default`, or write the value where it is used.
        """,
        wrong=file(
            ADDITION,
            "Parameters:\n  Days: {Type: Number}\nResources:\n  Archive:\n    Type: AWS::SQS::Queue"
            "\n    Properties: {MessageRetentionPeriod: !Ref Days}",
        ),
        right=file(
            ADDITION,
            "Parameters:\n  Days: {Type: Number, Default: 86400}\nResources:\n  Archive:\n    Type: AWS::SQS::Queue"
            "\n    Properties: {MessageRetentionPeriod: !Ref Days}",
        ),
        severity="warning",
    ),
)
