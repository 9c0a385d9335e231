"""Resource schemas: what AWS says of each type of resource, read from the files that cfn-lint ships.

In: a type, a region.    Out: its ResourceSchema: which properties make another resource, which lists have no order.
Faults: none; that cfn-lint keeps its files elsewhere is a bug of ours, and raises SchemaLayoutError.
Never: imports cfnlint, which takes longer than a whole comparison; never says "none" where it could not read.

The files are `providers/<region>.json`, type to digest, and `resources/<digest>.json`. A newer schema that a user has
in a cache of cfn-lint is not looked at: the same inputs give the same answer everywhere.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from compiler.model import Json, Path

Pattern = tuple[str, ...]  # ("BlockDeviceMappings", "*", "Ebs"); "*" is any item of a list and any value of a map

EVERYWHERE = "us-east-1"  # the region that has the most types; asked where no region is known
ANY_ITEM = "*"


class SchemaLayoutError(Exception):
    """The files of cfn-lint are not where, or not what, this module was written for."""


@dataclass(frozen=True, slots=True)
class ResourceSchema:
    """What the schema of one type says. Patterns start below `Properties`.

    `conditional` are properties whose change may make another resource: the schema does not say when.
    """

    type: str
    create_only: tuple[Pattern, ...]
    conditional: tuple[Pattern, ...]
    read_only: tuple[Pattern, ...]
    identifier: tuple[Pattern, ...]
    tags: Pattern | None
    document: Mapping[str, Json]

    def is_ordered(self, path: Path) -> bool:
        """Tell whether the order of the list at a path below `Properties` means something; True where nothing says no.

        A list has no order where the schema says so with `insertionOrder`. `uniqueItems` alone does not: the layers of
        a function are unique, and the later ones win. What is below an object without a schema is ordered.
        """
        return all(node.get("insertionOrder") is not False for node in self.nodes(path))

    def knows(self, path: Path) -> bool:
        """Tell whether the schema has a property at a path below `Properties`."""
        return bool(self.nodes(path))

    def nodes(self, path: Path) -> tuple[Mapping[str, Json], ...]:
        """List the parts of the schema that speak about a path: several for alternatives, none where it is unknown."""
        nodes = tuple(self._spread(self.document))
        for step in path:
            nodes = tuple(inner for node in nodes for child in _children(node, step) for inner in self._spread(child))
        return nodes

    def _spread(self, node: Json, depth: int = 0) -> Iterator[Mapping[str, Json]]:
        """Yield a node with its references followed, and all its alternatives."""
        if not isinstance(node, dict) or depth > 20:
            return
        target = node.get("$ref")
        if isinstance(target, str):
            yield from self._spread(_lookup(self.document, target), depth + 1)
        yield node
        for word in ("oneOf", "anyOf", "allOf"):
            for option in node.get(word, ()):
                yield from self._spread(option, depth + 1)


def find_schema(type_name: str, region: str | None = None) -> ResourceSchema | None:
    """Return the schema of a type as it is in a region, or else in any other; None for a type that no region has.

    >>> find_schema("AWS::EC2::VPC").create_only[0], find_schema("Custom::Thing")
    (('CidrBlock',), None)
    """
    for candidate in (region or EVERYWHERE, EVERYWHERE, *sorted(_regions())):
        digest = _types_of(candidate).get(type_name)
        if digest is not None:
            return _read_schema(type_name, digest)
    return None


def read_stateful_types() -> frozenset[str]:
    """Return the types that cfn-lint lists as holding data."""
    listed = _read(_data() / "AdditionalSpecs" / "StatefulResources.json").get("ResourceTypes")
    if not isinstance(listed, dict) or not listed:
        raise SchemaLayoutError("cfn-lint lists no stateful types")
    return frozenset(listed)


def matches(pattern: Pattern, path: Path) -> bool:
    """Tell whether a path is what a pattern names, to the end of both.

    >>> matches(("Tags", "*", "Key"), ("Tags", 0, "Key")), matches(("Tags",), ("Tags", 0))
    (True, False)
    """
    return len(pattern) == len(path) and all(step in (ANY_ITEM, here) for step, here in zip(pattern, path, strict=True))


@functools.cache
def _data() -> FilePath:
    found = importlib.util.find_spec("cfnlint")
    if found is None or not found.submodule_search_locations:
        raise SchemaLayoutError("cfn-lint is not installed")
    return FilePath(found.submodule_search_locations[0]) / "data"


@functools.cache
def _regions() -> frozenset[str]:
    names = frozenset(path.stem for path in (_data() / "schemas" / "providers").glob("*.json"))
    if EVERYWHERE not in names:
        raise SchemaLayoutError("cfn-lint has no list of types")
    return names


@functools.cache
def _types_of(region: str) -> Mapping[str, str]:
    """Map the types of a region to the names of their files; none for a region that is not known."""
    if region not in _regions():  # which also keeps a region from leading out of the folder
        return {}
    types = _read(_data() / "schemas" / "providers" / f"{region}.json")
    if not types:
        raise SchemaLayoutError(f"cfn-lint lists no types for {region}")
    return types


@functools.lru_cache(maxsize=256)
def _read_schema(type_name: str, digest: str) -> ResourceSchema:
    document = _read(_data() / "schemas" / "resources" / f"{digest}.json")
    if document.get("typeName") != type_name or not isinstance(document.get("properties"), dict):
        raise SchemaLayoutError(f"cfn-lint has something else than a schema for {type_name}")
    tagging = document.get("tagging")
    pointer = tagging.get("tagProperty", "/properties/Tags") if isinstance(tagging, dict) else "/properties/Tags"
    tags = _pattern(pointer)
    return ResourceSchema(
        type=type_name,
        create_only=_patterns(document, "createOnlyProperties"),
        conditional=_patterns(document, "conditionalCreateOnlyProperties"),
        read_only=_patterns(document, "readOnlyProperties"),
        identifier=_patterns(document, "primaryIdentifier"),
        tags=tags if tags[0] in document["properties"] else None,
        document=document,
    )


def _patterns(document: Mapping[str, Json], name: str) -> tuple[Pattern, ...]:
    return tuple(_pattern(pointer) for pointer in document.get(name, ()))


def _pattern(pointer: str) -> Pattern:
    """
    >>> _pattern("/properties/Policies/*/PolicyArn")
    ('Policies', '*', 'PolicyArn')
    """
    match pointer.split("/"):
        case "", "properties", *steps if steps:
            return tuple(steps)
    raise SchemaLayoutError(f"a schema of cfn-lint names a property as {pointer}")


def _children(node: Mapping[str, Json], step: str | int) -> Iterator[Json]:
    if isinstance(step, int):
        yield node.get("items")
        return
    properties = node.get("properties")
    if isinstance(properties, dict) and step in properties:
        yield properties[step]
        return
    patterns = node.get("patternProperties")
    yield from patterns.values() if isinstance(patterns, dict) else ()
    yield node.get("additionalProperties")


def _lookup(document: Json, target: str) -> Json:
    """Return what a reference such as `#/definitions/Tag` names in the same document; None for any other."""
    if not target.startswith("#/"):
        return None
    for step in target[2:].split("/"):
        document = document.get(step) if isinstance(document, dict) else None
    return document


def _read(path: FilePath) -> dict[str, Json]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SchemaLayoutError(f"cfn-lint has no {path.name}") from error
    if not isinstance(data, dict):
        raise SchemaLayoutError(f"cfn-lint has something else in {path.name}")
    return data
