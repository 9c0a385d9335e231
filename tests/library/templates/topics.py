"""Topics."""

from collections.abc import Iterator

from troposphere import AWSObject, Output, Ref
from troposphere.sns import Topic

from compiler.authoring import Environment, Service, camel, join

SCOPE = "service"


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for event in service.publishes:
        name = f"{camel(event)}Topic"
        yield Topic(name, TopicName=join(environment.name, "-", service.name, "-", event), KmsMasterKeyId="alias/toy")
        yield Output(f"{name}Arn", Description="The topic", Value=Ref(name))
