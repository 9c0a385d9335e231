"""Tasks that take in the events of other services."""

from collections.abc import Iterator

from troposphere import AWSObject, Ref
from troposphere.ecs import ContainerDefinition, TaskDefinition
from troposphere.ecs import Environment as Variable
from troposphere.iam import ManagedPolicy

from compiler.authoring import Environment, Service, Subscription, camel, join

SCOPE = "service"


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for subscription in service.consumes:
        yield from _task(service, subscription, environment)


def _task(service: Service, subscription: Subscription, environment: Environment) -> Iterator[AWSObject]:
    name = camel(subscription.service, subscription.event)
    role = Ref(f"{camel(subscription.process)}Role")
    yield ManagedPolicy(
        f"{name}Policy",
        Roles=[role],
        PolicyDocument={
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*"},
                {"Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::a"},
            ],
        },
    )
    yield TaskDefinition(
        f"{name}Task",
        Family=join(environment.name, "-", service.name, "-", subscription.event),
        TaskRoleArn=role,
        ContainerDefinitions=[
            ContainerDefinition(Name="web", Image="toy/web:1", Command=["serve", subscription.event]),
            ContainerDefinition(Name="log", Image="toy/log:1", Environment=[Variable(Name="LEVEL", Value="info")]),
        ],
        DependsOn=[f"{name}Policy", f"{camel(subscription.process)}Role", f"{camel(subscription.process)}Group"],
    )
