"""Whose a resource is. Bills, inventories and the permissions of people are sorted by these tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

from ._rule import Fault, Resource, Rule, Template


class _Tagged(Rule):
    """What an addition makes is spared: CloudFormation gives it the tags of its stack."""

    spares_additions = True
    required: tuple[str, ...] = ()

    def find(self, template: Template) -> Iterator[Fault]:
        for resource in template.resources():
            key = _tag_property(resource.type, template.region)
            if key is None:
                continue
            names = set(_names(template, resource, key))
            for tag in self.required:
                if tag not in names:
                    message = f"'{key}' has no `{tag}`, which bills and permissions are sorted by"
                    yield Fault(resource.at(key), message, f"keep the tag `{tag}`")


class ResourcesSayWhoseTheyAre(_Tagged):
    id = "E9002"
    shortdesc = "What the platform makes has the tags owner and environment"
    description = (
        "Every resource that can have tags has the tags owner and environment. Additions are spared, because"
        " CloudFormation gives their resources the tags of the stack."
    )
    required = ("owner", "environment")


class ResourcesOfAServiceSayWhichOne(_Tagged):
    id = "E9003"
    scope = "service"
    shortdesc = "What the platform makes for a service has the tag service"
    description = (
        "Every resource of a service's stack that can have tags has the tag service. Additions are spared, because"
        " CloudFormation gives their resources the tags of the stack."
    )
    required = ("service",)


def _tag_property(type_name: str, region: str) -> str | None:
    """Name the property that holds the tags of a type; None where it has none."""
    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, type_name).schema
    except ResourceNotFoundError:
        return None
    tagging: Mapping[str, Any] = schema.get("tagging") or {}
    key = str(tagging.get("tagProperty", "/properties/Tags")).removeprefix("/properties/")
    return key if tagging.get("taggable") and key in schema.get("properties", {}) else None


def _names(template: Template, resource: Resource, key: str) -> Iterator[str]:
    """Yield the names of a resource's tags, which are a list of keys and values or a map."""
    for _, tag in template.each(resource.properties.get(key), resource.at(key)):
        if isinstance(tag, dict):
            yield from [str(tag["Key"])] if "Key" in tag else tag
