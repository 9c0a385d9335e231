"""Where data stores stand: groups of the data tier's subnets, as RDS and ElastiCache ask for them."""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject, Ref
from troposphere.elasticache import SubnetGroup
from troposphere.rds import DBSubnetGroup

from compiler.authoring import Environment, join

from ._environment_conventions import publish, tags


def subnet_groups(environment: Environment, subnets: list[Ref]) -> Iterator[AWSObject]:
    yield DBSubnetGroup(
        "DbSubnetGroup",
        DBSubnetGroupDescription=join("Data tier of ", environment.name),
        SubnetIds=subnets,
        Tags=tags(environment, "data"),
    )
    yield publish(
        environment, "network/db-subnet-group", value=Ref("DbSubnetGroup"), description="Where databases stand"
    )
    yield SubnetGroup(
        "CacheSubnetGroup",
        Description=join("Data tier of ", environment.name),
        SubnetIds=subnets,
        Tags=tags(environment, "data"),
    )
    yield publish(
        environment, "network/cache-subnet-group", value=Ref("CacheSubnetGroup"), description="Where caches stand"
    )
