"""Neighbors: what the other services of an environment run, as their channels and manifests say.

In: a Bucket, and a service that is compiled.    Out: the diagnostics of `contracts`.
Faults: D862 for a neighbor that cannot be read; what the bucket raises.
Never: stops a service because of another one's damage.
"""

from __future__ import annotations

from collections.abc import Mapping

from compiler.bucket import Bucket
from compiler.contracts import Neighbor, check_contracts
from compiler.diagnostics import Diagnostic, fold_names, order_diagnostics
from compiler.layers import BRANCH_ENVIRONMENT
from compiler.model import Settings, Stack
from compiler.promote import read_neighbors
from compiler.trace import plain


def check_neighbors(
    settings: Mapping[str, Settings], stacks: Mapping[str, Stack], bucket: Bucket, *, is_strict: bool
) -> tuple[Diagnostic, ...]:
    """Compare a service with what the others run in each environment of `stacks`; both are keyed by environment."""
    found: dict[str, list[Diagnostic]] = {}
    for environment, stack in stacks.items():
        if environment == BRANCH_ENVIRONMENT:  # stands for many, and nothing runs in itself
            continue
        read = read_neighbors(bucket, str(plain(settings[environment].data["service"])), environment)
        neighbors = [each for each in read if isinstance(each, Neighbor)]
        found[environment] = [each for each in read if isinstance(each, Diagnostic)]
        found[environment].extend(check_contracts(settings[environment], stack, neighbors, is_strict=is_strict))
    return order_diagnostics(fold_names(found))
