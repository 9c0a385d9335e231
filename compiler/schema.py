"""Schema: the published schema of service.yml with the names that a library knows, for editors.

In: the published schema, the Library.    Out: a JSON Schema, draft 2020-12.
Never: admits what the published schema refuses.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from compiler.layers import BRANCH_ENVIRONMENT, choose_members, list_names
from compiler.model import Json, Library
from compiler.resolve import resolve_environment

_BRANCH = {
    "description": "a branch environment: env-<name>",
    "pattern": "^env(-[a-z0-9]+)+$",
    "maxLength": 32,
}


def complete_schema(published: Mapping[str, Json], library: Library) -> dict[str, Json]:
    """Fill in the owners, environments, bases, guardrails and the release line of a library."""
    schema: dict[str, Json] = copy.deepcopy(dict(published))
    line = ".".join(library.version.split(".")[:2])
    schema["$id"] = f"{published['$id']}:{library.name}:{library.version}"
    schema["title"] = f"{published['title']} for {library.name} {library.version}"
    properties = schema["properties"]
    properties["platform"] |= {"default": line, "examples": [line]}
    owners = sorted(library.defaults.data.get("owners") or ())
    if owners:
        properties["owner"] |= {"enum": owners, "examples": owners}
    if library.bases:
        properties["extends"] = _either_base_or_path(properties["extends"], sorted(library.bases))
    if library.environments:
        properties["environments"] |= _name_environments(properties["environments"], library)
    rules = [guardrail.name for guardrail in library.guardrails] + [
        rule for module in library.rules for rule in module.ids
    ]
    guardrail = schema["$defs"]["waiver"]["properties"]["guardrail"]
    guardrail |= {"enum": [*sorted(rules), None], "examples": sorted(rules)[:3]}
    return schema


def _either_base_or_path(extends: Mapping[str, Json], bases: list[str]) -> dict[str, Json]:
    shipped = {"description": "A base that the platform ships.", "enum": bases}
    path = {key: value for key, value in extends.items() if key != "description"}
    return {"description": extends["description"], "anyOf": [shipped, {**path, "pattern": "[/.]"}]}


def _name_environments(environments: Mapping[str, Json], library: Library) -> dict[str, Json]:
    each = environments["additionalProperties"]
    known = list_names(library.environments)
    names: list[Json] = [{"enum": known}]
    if BRANCH_ENVIRONMENT in known:
        names.append(_BRANCH)
    return {
        "properties": {name: {"description": _describe(name, library), **each} for name in known},
        "propertyNames": {"description": environments["propertyNames"]["description"], "anyOf": names},
    }


def _describe(name: str, library: Library) -> str:
    """Say what an editor shows of an environment, or of several that have a name together."""
    meant = choose_members(library.environments, name)
    found = [resolve_environment(library, each.name).environment for each in meant]
    facts = [
        f"{key} {' or '.join(dict.fromkeys(str(each[key]) for each in found if key in each))}"
        for key in ("tier", "region", "account")
        if any(key in each for each in found)
    ]
    whose = "" if [each.name for each in meant] == [name] else f" of {', '.join(each.name for each in meant)}"
    return f"What is different there: {', '.join(facts)}{whose}."
