"""Lookups: read each value of the live environment once, where a template reads more than CloudFormation takes.

In: a Stack.    Out: the same Stack; where it holds too many dynamic references, those that the platform wrote are
`Ref`s to parameters of the type `AWS::SSM::Parameter::Value<String>`, one for each path.
Never: touches what a service wrote, a part of a text, or a reference to a version: such a parameter is the latest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from compiler.model import Json, Path, Said, Stack, walk_leaves

MOST_REFERENCES = 60  # dynamic references in a template; each occurrence counts
_REFERENCE = re.compile(r"\{\{resolve:ssm:(/platform/[^:{}]+)\}\}")
_TYPE = "AWS::SSM::Parameter::Value<String>"


def share_lookups(stack: Stack) -> Stack:
    """Return the stack itself if it has few references; otherwise one with parameters in place of the platform's."""
    if count_references(stack.template) <= MOST_REFERENCES:
        return stack
    declared = stack.template.get("Parameters") or {}
    names: dict[Path, str] = {}
    parameters: dict[str, Json] = {}
    stories = dict(stack.stories)
    for path, lookup in _own_lookups(stack):
        name = _name_of(lookup)
        if name in declared:  # an addition was first
            continue
        names[path] = name
        *before, last = stories.pop(path)
        stories[(*path, "Ref")] = (*before, replace(last, value=name))
        if name not in parameters:
            parameters[name] = {"Type": _TYPE, "Default": lookup, "Description": f"What stands in {lookup}"}
            stories |= _stories_of(name, parameters[name], last)
    template = {**stack.template, "Parameters": {**declared, **parameters}}
    ordered = {section: template[section] for section in _in_order(template)}
    return replace(stack, template=_replaced(ordered, (), names), stories=stories)


def spread_lookups(template: Json) -> tuple[Json, frozenset[str]]:
    """Undo it: return a template with a reference at each place, and the names of the parameters that it lacks now."""
    declared = template.get("Parameters") if isinstance(template, dict) else None
    lookups = {
        name: f"{{{{resolve:ssm:{body['Default']}}}}}"
        for name, body in (declared.items() if isinstance(declared, dict) else ())
        if isinstance(body, dict) and body.get("Type") == _TYPE and _name_of(str(body.get("Default"))) == name
    }
    if not lookups:
        return template, frozenset()
    rest = {name: body for name, body in declared.items() if name not in lookups} if declared else {}
    spread = {section: _spread(body, lookups) for section, body in template.items() if section != "Parameters"}
    ordered = {**spread, "Parameters": rest} if rest else spread
    return {section: ordered[section] for section in template if section in ordered}, frozenset(lookups)


def count_references(template: Json) -> int:
    """Count the dynamic references of a template, each as often as it stands there."""
    return sum(value.count("{{resolve:") for _, value in walk_leaves(template) if isinstance(value, str))


def _own_lookups(stack: Stack) -> Iterator[tuple[Path, str]]:
    """Yield each place where a template of the library says that a parameter is looked up, with its name."""
    for path, value in walk_leaves(stack.template):
        whole = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        story = stack.stories.get(path, ())
        if whole and story and story[-1].origin.layer == "template":
            yield path, whole[1]


def _name_of(lookup: str) -> str:
    """Name the parameter of the template for one of the environment, which is left out: all environments have it.

    >>> _name_of("/platform/production/network/app-subnet-a")
    'PlatformNetworkAppSubnetA'
    """
    words = re.split(r"[^A-Za-z0-9]+", lookup.removeprefix("/platform/").partition("/")[2])
    return "Platform" + "".join(word[:1].upper() + word[1:] for word in words)


def _stories_of(name: str, body: Mapping[str, Json], first: Said) -> dict[Path, tuple[Said, ...]]:
    """Whoever used the parameter first is behind it; what fed that word is about the place where it stands."""
    told = replace(first, value=None, fed_by=())
    stories: dict[Path, tuple[Said, ...]] = {("Parameters", name): (told,)}
    return stories | {("Parameters", name, key): (replace(told, value=value),) for key, value in body.items()}


def _in_order(template: Mapping[str, Json]) -> list[str]:
    """Put the parameters before the first section that may refer to them."""
    others = [section for section in template if section != "Parameters"]
    head = [section for section in others if section in ("AWSTemplateFormatVersion", "Description", "Metadata")]
    return [*head, "Parameters", *(section for section in others if section not in head)]


def _replaced(data: Json, path: Path, names: Mapping[Path, str]) -> Json:
    if path in names:
        return {"Ref": names[path]}
    if isinstance(data, dict):
        return {key: _replaced(item, (*path, key), names) for key, item in data.items()}
    if isinstance(data, list):
        return [_replaced(item, (*path, index), names) for index, item in enumerate(data)]
    return data


def _spread(data: Json, lookups: Mapping[str, str]) -> Json:
    if isinstance(data, dict):
        name = data.get("Ref") if len(data) == 1 else None
        if isinstance(name, str) and name in lookups:
            return lookups[name]
        return {key: _spread(item, lookups) for key, item in data.items()}
    return [_spread(item, lookups) for item in data] if isinstance(data, list) else data
