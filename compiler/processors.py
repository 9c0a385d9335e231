"""Processors: tell what an EC2 instance type computes with.

In: the name of an instance type.    Out: its processor architecture.
Never: knows whether there is such a type.
"""

from __future__ import annotations

import re

from compiler.trace import derive

# AWS names a processor family by what follows the generation: `g` is Graviton (t4g, m7gd, im4gn, is4gen).
_ARM_FAMILY = re.compile(r"a1\.|[a-z]+[0-9]+g[a-z]*\.")


def architecture(instance_type: str) -> str:
    """Tell an instance type's processor architecture from its name.

    >>> architecture("m7g.large"), architecture("g5.xlarge")
    ('arm64', 'x86_64')
    """
    return derive("arm64" if _ARM_FAMILY.match(instance_type) else "x86_64", instance_type)
