"""The platform deployment bucket: releases that are never rewritten, channels that move, and who may do what with them.

It encrypts with the data key of `security`, which instances may decrypt with through S3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from troposphere import AWSObject, Ref
from troposphere.iam import ManagedPolicy
from troposphere.s3 import (
    Bucket,
    BucketEncryption,
    BucketPolicy,
    DefaultRetention,
    EventBridgeConfiguration,
    LifecycleConfiguration,
    LoggingConfiguration,
    NotificationConfiguration,
    ObjectLockConfiguration,
    ObjectLockRule,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionRule,
)

from compiler.authoring import Environment, camel, derive, join

from ._buckets import (
    abandon_uploads,
    closed,
    deny_old_transport,
    everything_in,
    forget_old_versions,
    log_bucket,
    objects_of,
    outlives_its_stack,
)
from ._conventions import Statement, allow, deny_plain_transport, key_arn, policy, via
from ._environment_conventions import publish, tags

SCOPE = "environment"

AREA = "deployment-bucket"
# The word that a service's CI role is tagged with decides under which name it may write.
OWN_RELEASES = "services/${aws:PrincipalTag/service}/"
MANIFESTS = "services/*/manifest.json"  # `*` stands for the slash too: those of every service and release


def build(environment: Environment) -> Iterator[AWSObject]:
    if not environment.deployment_bucket.is_made_here:
        return
    yield from logs_of_access(environment)
    yield from bucket(environment)
    yield from publisher_of_services(environment)
    yield from publisher_of_the_platform(environment)
    yield from deployer(environment)
    yield from collector(environment)


def bucket(environment: Environment) -> Iterator[AWSObject]:
    made = Bucket(
        "DeploymentBucket",
        BucketName=environment.bucket,
        BucketEncryption=BucketEncryption(
            ServerSideEncryptionConfiguration=[
                ServerSideEncryptionRule(
                    BucketKeyEnabled=True,
                    ServerSideEncryptionByDefault=ServerSideEncryptionByDefault(
                        SSEAlgorithm="aws:kms", KMSMasterKeyID=key_arn(environment, "data")
                    ),
                )
            ]
        ),
        LifecycleConfiguration=LifecycleConfiguration(
            # Nothing that is current expires: a rollback may need it, and only `flagstone gc` knows.
            Rules=[abandon_uploads(), forget_old_versions(days=365, kept=50)]
        ),
        LoggingConfiguration=LoggingConfiguration(
            DestinationBucketName=Ref("DeploymentLogBucket"), LogFilePrefix="deployment-bucket/"
        ),
        NotificationConfiguration=NotificationConfiguration(
            EventBridgeConfiguration=EventBridgeConfiguration(EventBridgeEnabled=True)
        ),
        Tags=tags(environment, "deployment"),
        **closed(),
        **outlives_its_stack(),
    )
    if days := environment.deployment_bucket.lock_days:
        made.ObjectLockEnabled = derive(True, days)
        made.ObjectLockConfiguration = ObjectLockConfiguration(
            ObjectLockEnabled="Enabled",
            Rule=ObjectLockRule(DefaultRetention=DefaultRetention(Mode="GOVERNANCE", Days=days)),
        )
    yield made
    yield BucketPolicy(
        "DeploymentBucketPolicy",
        Bucket=Ref("DeploymentBucket"),
        PolicyDocument=policy(
            deny_plain_transport(["s3:*"], everything_in("DeploymentBucket")),
            deny_old_transport(everything_in("DeploymentBucket")),
            deny_other_accounts(environment),
            *deny_rewriting(environment),
        ),
    )
    yield publish(
        environment, f"{AREA}/name", value=Ref("DeploymentBucket"), description="Name of the platform deployment bucket"
    )


def logs_of_access(environment: Environment) -> Iterator[AWSObject]:
    yield from log_bucket(
        environment,
        "DeploymentLogBucket",
        {
            "Sid": "S3MayLog",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": objects_of("DeploymentLogBucket", "/deployment-bucket/*"),
            "Condition": {
                "StringEquals": {"aws:SourceAccount": environment.account},
                "ArnLike": {"aws:SourceArn": bucket_arn(environment.bucket)},
            },
        },
        purpose="deployment-logs",
        name=join(environment.bucket, "-logs"),
    )
    yield publish(
        environment,
        f"{AREA}/log-bucket-name",
        value=Ref("DeploymentLogBucket"),
        description="Name of the bucket where accesses to the deployment bucket are written down",
    )


# Who may do what: managed policies, for the roles that CI assumes


def publisher_of_services(environment: Environment) -> Iterator[AWSObject]:
    """CI of services. A role writes under the name that its tag `service` holds; one without the tag writes nothing.

    To check what the service consumes, it reads channels and the manifests of others, and nothing else of theirs.
    """
    readable = ["platform/", "environments/", OWN_RELEASES]
    yield from role_policy(
        environment,
        "service-publisher",
        "Publishes releases of the service that the role's tag `service` names",
        allow("WriteOwnReleases", ["s3:PutObject", "s3:PutObjectTagging"], objects(environment, OWN_RELEASES)),
        allow(
            "ReadWhatCountsForIt",
            ["s3:GetObject"],
            [*(each for prefix in readable for each in objects(environment, prefix)), *objects(environment, MANIFESTS)],
        ),
        find(environment, readable),
        use_key(environment, "kms:Decrypt", "kms:GenerateDataKey"),
    )


def publisher_of_the_platform(environment: Environment) -> Iterator[AWSObject]:
    """The platform team's CI: it releases libraries, and reads services to say what a release does to them."""
    yield from role_policy(
        environment,
        "platform-publisher",
        "Publishes releases of the platform library",
        allow("WriteLibraries", ["s3:PutObject", "s3:PutObjectTagging"], objects(environment, "platform/")),
        read_everything(environment),
        find(environment),
        use_key(environment, "kms:Decrypt", "kms:GenerateDataKey"),
    )


def deployer(environment: Environment) -> Iterator[AWSObject]:
    """Whoever deploys: it reads releases and moves channels, and changes no release."""
    yield from role_policy(
        environment,
        "deployer",
        "Reads releases and moves channels",
        allow("MoveChannels", ["s3:PutObject"], objects(environment, "environments/")),
        read_everything(environment),
        find(environment),
        use_key(environment, "kms:Decrypt", "kms:GenerateDataKey"),
    )


def collector(environment: Environment) -> Iterator[AWSObject]:
    """Whoever runs `flagstone gc --delete`. What is deleted stays a year as an old version of the bucket."""
    deletable = [each for prefix in ("services/", "platform/") for each in objects(environment, prefix)]
    # Before it removes a release it puts a mark there, and writes to the channels that could move to it.
    announced = ("services/*/removal.json", "platform/*/removal.json", "environments/")
    marks = [each for prefix in announced for each in objects(environment, prefix)]
    yield from role_policy(
        environment,
        "release-collector",
        "Removes releases that nothing needs any more",
        allow("RemoveReleases", ["s3:DeleteObject"], deletable),
        allow("AnnounceRemovals", ["s3:PutObject"], marks),
        read_everything(environment),
        find(environment),
        use_key(environment, "kms:Decrypt", "kms:GenerateDataKey"),
    )


def role_policy(environment: Environment, name: str, does: str, *statements: Statement) -> Iterator[AWSObject]:
    title = camel(name) + "Policy"
    yield ManagedPolicy(
        title,
        ManagedPolicyName=join(environment.name, f"-{name}"),
        Path="/platform/",
        Description=join(f"{does}, in the deployment bucket of ", environment.name),
        PolicyDocument=policy(*statements),
    )
    yield publish(
        environment,
        f"{AREA}/{name}-policy-arn",
        value=Ref(title),
        description=f"Managed policy for the role that {does[0].lower()}{does[1:]}",
    )


def objects(environment: Environment, prefix: str) -> list[str]:
    return [bucket_arn(environment.bucket, "/", prefix if prefix.endswith(".json") else f"{prefix}*")]


def read_everything(environment: Environment) -> Statement:
    return allow("ReadEverything", ["s3:GetObject"], bucket_arn(environment.bucket, "/*"))


def find(environment: Environment, prefixes: Sequence[str] = ()) -> Statement:
    """Allow to list the keys below some prefixes, all of them where none is named."""
    condition = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}} if prefixes else None
    return allow("Find", ["s3:ListBucket"], bucket_arn(environment.bucket), condition=condition)


def use_key(environment: Environment, *actions: str) -> Statement:
    return allow("UseKeyThroughS3", list(actions), key_arn(environment, "data"), condition=via(environment, "s3"))


# Who is refused, whatever it may elsewhere


def bucket_arn(name: str, *rest: str) -> str:
    return join("arn:aws:s3:::", name, *rest)


def deny_other_accounts(environment: Environment) -> Statement:
    return {
        "Sid": "DenyOtherAccounts",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": everything_in("DeploymentBucket"),
        "Condition": {
            "StringNotEquals": {"aws:PrincipalAccount": environment.account},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        },
    }


def deny_rewriting(environment: Environment) -> Iterator[Statement]:
    """Hold every writer to the two ways to write: once, or in the place of the version that it has read.

    The bucket itself refuses a plain put, so no tool, script or credential can rewrite a release by mistake.
    """
    yield {
        "Sid": "DenyRewriting",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": [bucket_arn(environment.bucket, f"/{folder}/*") for folder in ("platform", "services")],
        "Condition": {"Null": {"s3:if-none-match": "true"}},
    }
    yield {
        "Sid": "DenyBlindMoves",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": bucket_arn(environment.bucket, "/environments/*"),
        "Condition": {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}},
    }
