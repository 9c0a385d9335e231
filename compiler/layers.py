"""Layers: which environment file serves an environment, and which sections of a descriptor speak about it.

In: names, a Descriptor.    Out: names.
Never: reads a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from compiler.model import Descriptor, Document

_BRANCH_PREFIX = "env-"
_BRANCH = re.compile(r"env(-[a-z0-9]+)+")
_LONGEST_NAME = 32
BRANCH_ENVIRONMENT = "env-default"


def shared_environment(environments: Collection[str], environment: str) -> str | None:
    """Name the environment file that serves an environment; None where the platform team runs no such environment."""
    if environment in environments:
        return environment
    is_branch = _BRANCH.fullmatch(environment) and len(environment) <= _LONGEST_NAME
    return BRANCH_ENVIRONMENT if is_branch and BRANCH_ENVIRONMENT in environments else None


def named_environments(descriptor: Descriptor) -> Iterator[tuple[str, Document]]:
    """Yield each environment that a descriptor or what it extends names, also where nothing stands below the name."""
    for each in descriptor.layers:
        section = each.document.value_at(("environments",))
        for name, overlay in section.items() if isinstance(section, dict) else ():
            if overlay is None or name in (each.data.get("environments") or ()):  # what is faulty was reported before
                yield name, each.document


def environment_layers(environment: str) -> tuple[str, ...]:
    """Name the sections of `environments` that speak about an environment, the weakest first.

    >>> environment_layers("env-search")
    ('env-default', 'env-search')
    """
    if environment.startswith(_BRANCH_PREFIX) and environment != BRANCH_ENVIRONMENT:
        return (BRANCH_ENVIRONMENT, environment)
    return (environment,)
