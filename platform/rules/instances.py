"""What runs a process: machines that exist where they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources

from ._rule import Fault, Place, Rule, Template

_SHIPPED = "cfnlint.data.schemas.extensions.aws_ec2_instance"


class InstanceTypesExist(Rule):
    id = "E9011"
    shortdesc = "An auto scaling group names instance types that exist"
    description = (
        "The instance types of an auto scaling group and of a launch configuration are offered in the region of the"
        " environment. cfn-lint looks at those of instances and launch templates only (E3628)."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        offered = _offered(template.region)
        for place, name in _named(template):
            if offered and "$" not in name and "{{" not in name and name not in offered:
                hint = "name a type that the region has: AWS lists them on the pages of EC2 instance types"
                yield Fault(place, f"there is no instance type `{name}` in {template.region}", hint)


def _named(template: Template) -> Iterator[tuple[Place, str]]:
    for group in template.resources("AWS::AutoScaling::AutoScalingGroup"):
        path = ("MixedInstancesPolicy", "LaunchTemplate", "Overrides")
        for place, each in _below(template, group.properties, group.at(), path):
            if isinstance(each, dict):
                yield from template.texts(each.get("InstanceType"), (*place, "InstanceType"))
    for configuration in template.resources("AWS::AutoScaling::LaunchConfiguration"):
        yield from template.texts(configuration.properties.get("InstanceType"), configuration.at("InstanceType"))


def _below(template: Template, value: object, place: Place, path: tuple[str, ...]) -> Iterator[tuple[Place, object]]:
    """Yield what can stand at the end of a path of keys."""
    if not path:
        yield from template.each(value, place)
        return
    for where, each in template.each(value, place):
        if isinstance(each, dict):
            yield from _below(template, each.get(path[0]), (*where, path[0]), path[1:])


@cache
def _offered(region: str) -> frozenset[str]:
    """Read which types a region has, from what cfn-lint ships; none where it does not know the region."""
    text = resources.files(_SHIPPED).joinpath("instancetype_enum.json").read_text(encoding="utf-8")
    return frozenset(json.loads(text).get(region, {}).get("enum", ()))
