"""What holds for every bucket of the platform: closed, versioned, over TLS only; and the buckets that take logs."""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref, Sub
from troposphere.s3 import (
    AbortIncompleteMultipartUpload,
    Bucket,
    BucketEncryption,
    BucketPolicy,
    LifecycleConfiguration,
    LifecycleRule,
    NoncurrentVersionExpiration,
    OwnershipControls,
    OwnershipControlsRule,
    PublicAccessBlockConfiguration,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
    VersioningConfiguration,
)

from compiler.authoring import Environment, join

from ._conventions import Statement, deny_plain_transport, policy
from ._environment_conventions import tags


def log_bucket(
    environment: Environment, title: str, *writers: Statement, purpose: str, name: str | None = None
) -> Iterator[AWSObject]:
    """Make a bucket that AWS writes logs into. With a key of the platform's or a lock, AWS could not write to it."""
    made = Bucket(
        title,
        BucketEncryption=BucketEncryption(
            ServerSideEncryptionConfiguration=[
                ServerSideEncryptionRule(
                    ServerSideEncryptionByDefault=ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                )
            ]
        ),
        LifecycleConfiguration=LifecycleConfiguration(
            Rules=[
                abandon_uploads(),
                LifecycleRule(Id="ForgetOldLogs", Status="Enabled", ExpirationInDays=400),
                forget_old_versions(days=30),
            ]
        ),
        Tags=tags(environment, purpose),
        **closed(),
        **outlives_its_stack(),
    )
    if name is not None:
        made.BucketName = name
    yield made
    yield BucketPolicy(
        title + "Policy",
        Bucket=Ref(title),
        PolicyDocument=policy(
            deny_plain_transport(["s3:*"], everything_in(title)), deny_old_transport(everything_in(title)), *writers
        ),
    )


def objects_of(title: str, path: str) -> Sub:
    """Refer to objects of a bucket of the same stack."""
    return Sub(join("${", title, ".Arn}", path))


def everything_in(title: str) -> list[object]:
    return [GetAtt(title, "Arn"), objects_of(title, "/*")]


def closed() -> dict[str, object]:
    return {
        "OwnershipControls": OwnershipControls(Rules=[OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        "PublicAccessBlockConfiguration": PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        "VersioningConfiguration": VersioningConfiguration(Status="Enabled"),
    }


def outlives_its_stack() -> dict[str, str]:
    """What ran, and who asked for it, can be proven by these buckets alone, so they stay; except when their creation
    failed."""
    return {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


def abandon_uploads() -> LifecycleRule:
    return LifecycleRule(
        Id="AbandonUploads",
        Status="Enabled",
        AbortIncompleteMultipartUpload=AbortIncompleteMultipartUpload(DaysAfterInitiation=7),
    )


def forget_old_versions(days: int, kept: int | None = None) -> LifecycleRule:
    expiration = NoncurrentVersionExpiration(NoncurrentDays=days)
    if kept:
        expiration.NewerNoncurrentVersions = kept
    return LifecycleRule(Id="ForgetOldVersions", Status="Enabled", NoncurrentVersionExpiration=expiration)


def deny_old_transport(everything: object) -> Statement:
    return {
        "Sid": "DenyOldTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": everything,
        "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }
