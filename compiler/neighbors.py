"""Neighbors: what the other services of an environment run, as their channels and manifests say.

In: a Bucket, and a service that is compiled.    Out: the diagnostics of `contracts`.
Faults: D862 for a neighbor that cannot be read; what the bucket raises.
Never: stops a service because of another one's damage.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from compiler.bucket import Bucket, DamagedObject, NotInBucket
from compiler.contracts import Neighbor, check_contracts, read_neighbor
from compiler.diagnostics import Diagnostic, fold_environments, order_diagnostics
from compiler.layers import BRANCH_ENVIRONMENT
from compiler.manifest import MANIFEST, DamagedManifest, open_manifest
from compiler.model import Settings, Stack
from compiler.promote import list_services, read_channel
from compiler.publish import release_folder

_READERS = 8


def check_neighbors(
    settings: Mapping[str, Settings], stacks: Mapping[str, Stack], bucket: Bucket, *, is_strict: bool
) -> tuple[Diagnostic, ...]:
    """Compare a service with what the others run in each environment of `stacks`; both are keyed by environment."""
    found: dict[str, list[Diagnostic]] = {}
    for environment, stack in stacks.items():
        if environment == BRANCH_ENVIRONMENT:  # stands for many, and nothing runs in itself
            continue
        names = [name for name in list_services(bucket, environment) if name != settings[environment].data["service"]]
        with ThreadPoolExecutor(_READERS) as pool:
            read = list(pool.map(lambda name: _read(bucket, name, environment), names))  # noqa: B023 - done before the next
        neighbors = [each for each in read if isinstance(each, Neighbor)]
        found[environment] = [each for each in read if isinstance(each, Diagnostic)]
        found[environment].extend(check_contracts(settings[environment], stack, neighbors, is_strict=is_strict))
    return order_diagnostics(fold_environments(found))


def _read(bucket: Bucket, service: str, environment: str) -> Neighbor | Diagnostic | None:
    try:
        release = read_channel(bucket, service, environment)[0].release
        if release is None:
            return None
        manifest, _ = open_manifest(bucket.read(release_folder(service, release) + MANIFEST))
        return read_neighbor(service, release, environment, manifest)
    except (DamagedObject, DamagedManifest, NotInBucket) as damage:
        message = f"what `{service}` runs in `{environment}` cannot be read: {damage}"
        hint = "what it publishes and which names it has is not compared"
        return Diagnostic("D862", message, None, hint, "warning")
