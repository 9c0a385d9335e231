"""Log groups."""

from collections.abc import Iterator

from troposphere import AWSObject
from troposphere.logs import LogGroup

from compiler.authoring import Environment, Service, camel, join

SCOPE = "service"


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for process in service.processes:
        for log in process.logs:
            yield LogGroup(
                f"{camel(process.name, log.name)}LogGroup",
                LogGroupName=join("/service/", environment.name, "/", service.name, "/", process.name, "/", log.name),
                RetentionInDays=log.retention_days,
            )
