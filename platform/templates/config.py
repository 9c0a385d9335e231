"""Configuration: one parameter for each key, read by instances when they start.

Secrets are not here: a service names the parameters that hold them, and `autoscaling` lets its roles read those alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject
from troposphere.ssm import Parameter

from compiler.authoring import Environment, Service, join

from ._conventions import config_id, config_path, tag_values, wired_values

SCOPE = "service"


def build(service: Service, environment: Environment) -> Iterator[AWSObject]:
    for key, value in {**service.config, **wired_values(service)}.items():
        yield Parameter(
            config_id(key),
            Name=join(config_path(service, environment), "/", key),
            Description=join(key, " of the service ", service.name, " in ", environment.name),
            Type="String",
            Tier="Intelligent-Tiering",
            Value=value,
            Tags=tag_values(service, environment, join("config-", key)),
        )
