"""Schema: the published schema of service.yml with the names that a library knows, for editors.

In: the published schema, the Library.    Out: a JSON Schema, draft 2020-12.
Never: admits what the published schema refuses.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from compiler.model import Document, Json, Library

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
        properties["environments"] |= _name_environments(properties["environments"], library.environments)
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


def _name_environments(environments: Mapping[str, Json], known: Mapping[str, Document]) -> dict[str, Json]:
    each = environments["additionalProperties"]
    names: list[Json] = [{"enum": sorted(known)}]
    if "env-default" in known:
        names.append(_BRANCH)
    return {
        "properties": {name: {"description": _describe(known[name]), **each} for name in sorted(known)},
        "propertyNames": {"description": environments["propertyNames"]["description"], "anyOf": names},
    }


def _describe(environment: Document) -> str:
    """Say what an editor shows of an environment."""
    facts = ", ".join(
        f"{key} {environment.data[key]}" for key in ("tier", "region", "account") if key in environment.data
    )
    return f"What is different there: {facts}."
