"""What a process asks to be allowed, as statements: exact actions on exact ARNs, with the keys that lie behind them.

In: an environment, a process.    Out: statements of one policy.
Never: uses a wildcard, but for what lies below a prefix or a path, and for the six characters that AWS adds to the
name of a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from compiler.authoring import Environment, Permission, Process, camel, derive, join

from ._conventions import Statement, allow, arn, key_arn, topic_name, via

READ_OBJECTS = ("s3:GetObject",)
WRITE_OBJECTS = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject")
READ_PARAMETERS = ("ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath")
WRITE_PARAMETERS = ("ssm:PutParameter",)
READ_SECRET = ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
PUBLISH = ("sns:Publish",)
CONSUME = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")


def permission_statements(environment: Environment, process: Process) -> Iterator[Statement]:
    for permission in process.permissions:
        if permission.bucket is not None:
            yield from _objects(environment, permission, permission.bucket)
        if permission.parameters is not None:
            path = arn(environment, "ssm", join("parameter", permission.parameters))
            yield from _read_and_write(permission, [path, join(path, "/*")], READ_PARAMETERS, WRITE_PARAMETERS)
            yield _key(environment, permission, "ssm")
        if permission.secret is not None:
            secret = arn(environment, "secretsmanager", join("secret:", permission.secret, "-??????"))
            yield _statement(permission, "Read", READ_SECRET, [secret])
            yield _key(environment, permission, "secretsmanager")
        if permission.publish is not None:
            publisher, _, event = permission.publish.partition(".")
            name = topic_name(environment, publisher, event, is_ordered=permission.ordered)
            topic = derive(name, environment.name, permission.publish)
            yield _statement(permission, "Publish", PUBLISH, [arn(environment, "sns", topic)])
            yield _key(environment, permission, "sns")
        if permission.consume is not None:
            yield _statement(permission, "Consume", CONSUME, [arn(environment, "sqs", permission.consume)])
            yield _key(environment, permission, "sqs")


def _objects(environment: Environment, permission: Permission, bucket: str) -> Iterator[Statement]:
    whole, below = join("arn:aws:s3:::", bucket), join(permission.prefix or "", "*")
    yield from _read_and_write(permission, [join(whole, "/", below)], READ_OBJECTS, WRITE_OBJECTS)
    if permission.access != "write":
        condition = None if permission.prefix is None else {"StringLike": {"s3:prefix": [below]}}
        yield _statement(permission, "List", ("s3:ListBucket",), [whole], condition)
    yield _key(environment, permission, "s3")


def _read_and_write(
    permission: Permission, resources: list[str], read: Sequence[str], write: Sequence[str]
) -> Iterator[Statement]:
    if permission.access != "write":
        yield _statement(permission, "Read", read, resources)
    if permission.access != "read":
        yield _statement(permission, "Write", write, resources)


def _key(environment: Environment, permission: Permission, aws_service: str) -> Statement:
    """Let the key be used that AWS encrypts the thing with: the platform's for its purpose, unless another is named."""
    purpose = "messaging" if aws_service in ("sns", "sqs") else "data"
    actions = ["kms:Decrypt"]
    if permission.publish is not None or permission.access != "read":
        # A parameter of the standard tier is encrypted with the key itself.
        actions += ["kms:Encrypt", "kms:GenerateDataKey"] if aws_service == "ssm" else ["kms:GenerateDataKey"]
    return _statement(
        permission,
        "Key",
        actions,
        permission.key or key_arn(environment, purpose),
        via(environment, aws_service),
    )


def _statement(
    permission: Permission,
    verb: str,
    actions: Sequence[str],
    resources: object,
    condition: Mapping[str, object] | None = None,
) -> Statement:
    return allow(derive(camel(permission.name) + verb, permission.name), actions, resources, condition=condition)
