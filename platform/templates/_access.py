"""What an instance may do and who may reach it: security group, role, policies, instance profile."""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, GetAtt, Ref, Sub
from troposphere.ec2 import SecurityGroup, SecurityGroupRule
from troposphere.iam import InstanceProfile, ManagedPolicy, Role

from compiler.authoring import Environment, Process, Service, camel, join

from ._conventions import (
    Statement,
    allow,
    arn,
    boot_log_name,
    boot_stream,
    config_path,
    key_arn,
    log_group_name,
    may_assume,
    own_topics,
    policy,
    queue_id,
    ssm,
    subscriptions_of,
    tags,
    via,
)
from ._egress import egress
from ._log_groups import access_log, output_log, system_log
from ._permissions import permission_statements
from ._ways_in import security_group_id

# Of one policy: an ARN of a queue takes up to 120 characters, and CloudFormation chooses most of them.
QUEUES, TOPICS = 30, 8


def security_group(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    yield SecurityGroup(
        camel(process.name) + "SecurityGroup",
        GroupDescription=join("Instances of ", service.name, "/", process.name, " in ", environment.name),
        VpcId=ssm(environment, "network", "vpc-id"),
        SecurityGroupIngress=[] if process.port is None else [_from_load_balancer(environment, process)],
        SecurityGroupEgress=egress(environment, process),
        Tags=tags(service, environment, process.name, process.name),
    )


def _from_load_balancer(environment: Environment, process: Process) -> SecurityGroupRule:
    return SecurityGroupRule(
        Description="Requests and health checks from the load balancer",
        IpProtocol="tcp",
        FromPort=process.port,
        ToPort=process.port,
        SourceSecurityGroupId=security_group_id(environment, process),
    )


def role(service: Service, environment: Environment, process: Process) -> Iterator[AWSObject]:
    yield Role(
        camel(process.name) + "Role",
        Description=join("Instances of ", service.name, "/", process.name, " in ", environment.name),
        AssumeRolePolicyDocument=may_assume("InstancesMayAssume", "ec2.amazonaws.com"),
        ManagedPolicyArns=[ssm(environment, "security", "instance-base-policy-arn"), *process.wiring.policies],
        PermissionsBoundary=ssm(environment, "security", "service-boundary-arn"),
        Tags=tags(service, environment, process.name, process.name),
    )
    yield ManagedPolicy(
        camel(process.name) + "Policy",
        Description=join("Release, settings and logs of ", service.name, "/", process.name, " in ", environment.name),
        Roles=[Ref(camel(process.name) + "Role")],
        PolicyDocument=policy(*_own_statements(service, environment, process)),
    )
    # Apart, because a policy holds 6,144 characters and a service may speak with many.
    for batch, queues in _message_batches(service, process):
        yield ManagedPolicy(
            camel(process.name) + "MessagesPolicy" + batch,
            Description=join("Messages of ", service.name, "/", process.name, " in ", environment.name),
            Roles=[Ref(camel(process.name) + "Role")],
            PolicyDocument=policy(*_message_statements(service, environment, queues, is_first=not batch)),
        )
    if asked := list(permission_statements(environment, process)):
        yield ManagedPolicy(
            camel(process.name) + "PermissionsPolicy",
            Description=join("What ", service.name, "/", process.name, " asks for in ", environment.name),
            Roles=[Ref(camel(process.name) + "Role")],
            PolicyDocument=policy(*asked),
        )
    yield InstanceProfile(camel(process.name) + "InstanceProfile", Roles=[Ref(camel(process.name) + "Role")])


def policy_ids(service: Service, process: Process) -> list[str]:
    """Name the policies that `role` makes: whoever uses the role has to wait for them."""
    messages = [camel(process.name) + "MessagesPolicy" + batch for batch, _ in _message_batches(service, process)]
    asked = [camel(process.name) + "PermissionsPolicy"] if process.permissions else []
    return [camel(process.name) + "Policy", *messages, *asked]


def _own_statements(service: Service, environment: Environment, process: Process) -> Iterator[Statement]:
    # Of any release: while one replaces another, instances of both start.
    bucket = join("arn:aws:s3:::", environment.bucket)
    releases = join(bucket, "/services/", service.name, "/*/")
    yield allow("FetchRelease", ["s3:GetObject"], [join(releases, "ansible.tar.gz"), join(releases, "source.tar.gz")])
    path = arn(environment, "ssm", join("parameter", config_path(service, environment)))
    yield allow(
        "ReadConfig", ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"], [path, join(path, "/*")]
    )
    if service.secrets:
        paths = [arn(environment, "ssm", join("parameter", path)) for path in service.secrets.values()]
        yield allow("ReadSecrets", ["ssm:GetParameter", "ssm:GetParameters"], paths)
    yield allow("Decrypt", ["kms:Decrypt"], key_arn(environment, "data"), condition=via(environment, "s3", "ssm"))
    if not environment.deployment_bucket.is_made_here:
        # Another environment's key encrypts the bucket; which one is known by what it encrypts.
        whole = {"StringEquals": {**via(environment, "s3")["StringEquals"], "kms:EncryptionContext:aws:s3:arn": bucket}}
        yield allow("DecryptReleases", ["kms:Decrypt"], arn(environment, "kms", "key/*"), condition=whole)
    groups = [log_group_name(service, environment, process, log) for log in process.logs]
    if process.port is not None:
        groups.append(access_log(service, environment))
    groups.append(system_log(service, environment))
    if (output := output_log(service, environment, process)) is not None:
        groups.append(output)
    written = [arn(environment, "logs", join("log-group:", group, ":*")) for group in groups]
    yield allow("WriteLogs", ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], written)
    boot_log = arn(environment, "logs", join("log-group:", boot_log_name(environment)))
    streams = join(boot_log, ":log-stream:", boot_stream(service, environment, process), "/*")
    yield allow("LeaveWord", ["logs:CreateLogStream", "logs:PutLogEvents"], [boot_log, streams])
    yield allow("SignalStack", ["cloudformation:SignalResource"], Ref("AWS::StackId"))
    # The group refers to the role, so its name is not known here; CloudFormation begins it with these two.
    yield allow("FindGroup", ["cloudformation:DescribeStackResource"], Ref("AWS::StackId"))
    owner = join(environment.region, ":", environment.account)
    name = join("autoScalingGroup:*:autoScalingGroupName/${AWS::StackName}-", camel(process.name), "Group-*")
    group = Sub(join("arn:${AWS::Partition}:autoscaling:", owner, ":", name))
    yield allow("AnswerGroup", ["autoscaling:CompleteLifecycleAction"], group)


def _message_batches(service: Service, process: Process) -> list[tuple[str, list[str]]]:
    """Divide the queues of a process among policies, with what to tell a policy by: nothing, "2", "3".

    The first one has the topics and the key too, and no queues where there are many topics.
    """
    queues = [queue_id(subscription) for subscription in subscriptions_of(service, process)]
    batches = [queues[start : start + QUEUES] for start in range(0, len(queues), QUEUES)]
    if len(service.publishes) > TOPICS or (service.publishes and not queues):
        batches.insert(0, [])
    return [(str(number) if number > 1 else "", batch) for number, batch in enumerate(batches, start=1)]


def _message_statements(
    service: Service, environment: Environment, queues: list[str], *, is_first: bool
) -> Iterator[Statement]:
    if is_first and service.publishes:
        yield allow("Publish", ["sns:Publish"], own_topics(service, environment))
    if queues:
        yield allow(
            "Consume",
            ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            [GetAtt(queue, "Arn") for queue in queues],
        )
    if is_first:
        yield allow(
            "UseMessagingKey",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            key_arn(environment, "messaging"),
            condition=via(environment, "sns", "sqs"),
        )
