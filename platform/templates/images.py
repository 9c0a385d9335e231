"""Which image instances start from: a parameter for each processor architecture.

Parameters count their versions, and services are compiled for the version that `images` in the environment's file pins.
So a new image is first written here, which changes nothing, and reaches services when the pin moves to its version.
"""

from __future__ import annotations

from collections.abc import Iterator

from troposphere import AWSObject

from compiler.authoring import Environment, join

from ._environment_conventions import publish

SCOPE = "environment"


def build(environment: Environment) -> Iterator[AWSObject]:
    for architecture, image in environment.image_ids.items():
        parameter = publish(
            environment,
            join("images/", architecture),
            value=image,
            description=join("Image that instances with ", architecture, " processors start from"),
        )
        parameter.DataType = "aws:ec2:image"  # AWS refuses an id of no image
        yield parameter
