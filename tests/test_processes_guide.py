"""The guide to processes: its tables are what the templates make, and `pytest --update` writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compiler.model import Json, walk_leaves
from compiler.service import Requests, Service
from tests.services_by_hand import CLOSED, MIXED, PERMITTED, REFRESH, SHARED, WEB, build_stack, with_process

GUIDE = Path(__file__).parent.parent / "docs" / "processes.md"
USUAL = with_process(WEB)
# What is left out is said in the text, or follows from what is in the table.
KINDS_IN_BRIEF = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::EC2::LaunchTemplate")


def leaves_of(service: Service) -> dict[str, dict[str, Json]]:
    """Map each resource to its leaves by their dotted places; lists of plain values are leaves."""
    return {
        name: {".".join(map(str, path)): value for path, value in walk_leaves(_in_brief(body))}
        for name, body in build_stack(service)["Resources"].items()
    }


def _in_brief(data: Any) -> Any:
    """Write functions and lists of plain values as one text, so that a row has one value."""
    if isinstance(data, dict):
        if len(data) == 1 and next(iter(data)) in ("Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Base64"):
            return ".".join(map(str, data["Fn::GetAtt"])) if "Fn::GetAtt" in data else json.dumps(data)
        return {key: _in_brief(value) for key, value in data.items()}
    if isinstance(data, list):
        items = [_in_brief(item) for item in data]
        return ", ".join(map(str, items)) if not any(isinstance(item, (dict, list)) for item in items) else items
    return data


def compare(after: Service, before: Service = USUAL) -> Iterator[str]:
    old, new = leaves_of(before), leaves_of(after)
    yield "| resource | property | usually | then |"
    yield "| --- | --- | --- | --- |"
    for name in dict.fromkeys((*old, *new)):
        if name not in new or name not in old:
            kind = (new.get(name) or old[name])["Type"]
            yield f"| `{name}` | `{kind}` | {'is there' if name in old else ''} | {'is there' if name in new else ''} |"
            continue
        if old[name]["Type"] in KINDS_IN_BRIEF:
            continue
        for key in dict.fromkeys((*old[name], *new[name])):
            values = [_cell(side[name].get(key)) for side in (old, new)]
            if values[0] != values[1] and key.partition(".")[0] != "DependsOn":
                yield f"| `{name}` | `{key.removeprefix('Properties.')}` | {values[0]} | {values[1]} |"


def _cell(value: Json) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    text = re.sub(r"\{\{resolve:ssm:/platform/production/([^}]*)\}\}", r"\1", text)
    return f"`{text}`".replace("|", "\\|")


def permissions() -> Iterator[str]:
    yield "| permission | actions | resources | through |"
    yield "| --- | --- | --- | --- |"
    policy = build_stack(PERMITTED)["Resources"]["WebPermissionsPolicy"]["Properties"]["PolicyDocument"]
    for permission in PERMITTED.processes[0].permissions:
        said = {key: getattr(permission, key) for key in ("bucket", "prefix", "parameters", "secret", "publish")}
        said |= {"consume": permission.consume, "access": permission.access, "key": permission.key}
        said = {key: value for key, value in said.items() if value and (key, value) != ("access", "read")}
        words = ", ".join(f"{key}: {value}" for key, value in said.items())
        prefix = permission.name.capitalize()
        for statement in (item for item in policy["Statement"] if item["Sid"].startswith(prefix)):
            condition = statement.get("Condition", {})
            through = condition.get("StringEquals", {}).get("kms:ViaService", [""])[0].partition(".")[0]
            listed = condition.get("StringLike", {}).get("s3:prefix", [""])[0]
            actions = ", ".join(f"`{action}`" for action in statement["Action"])
            where = statement["Resource"]
            places = ", ".join(_cell(each) for each in (where if isinstance(where, list) else [where]))
            yield f"| `{words}` | {actions} | {places} | {through or (f'`{listed}`' if listed else '')} |"
            words = "″"


BLOCKS: dict[str, Callable[[], Iterator[str]]] = {
    "requests": lambda: compare(with_process(replace(WEB, requests=Requests(timeout=100)))),
    "exposure": lambda: compare(with_process(replace(WEB, exposure="public"))),
    "shared": lambda: compare(SHARED, with_process(replace(WEB, scaling=SHARED.processes[0].scaling))),
    "refresh": lambda: compare(REFRESH),
    "mixed": lambda: compare(MIXED),
    "warm-pool": lambda: compare(with_process(replace(REFRESH.processes[0], warm_pool=2)), REFRESH),
    "permissions": permissions,
    "egress": lambda: compare(CLOSED),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_table_of_the_guide_is_what_the_templates_make(name: str, update_expectations: bool) -> None:
    made = "\n".join(BLOCKS[name]())
    pattern = re.compile(rf"(<!-- made: {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    text = GUIDE.read_text("utf-8")
    if update_expectations:
        text = pattern.sub(lambda found: f"{found[1]}{made}\n{found[3]}", text)
        GUIDE.write_text(text, "utf-8")
    found = pattern.search(text)
    assert found and made == found[2].strip()


def test_public_leaves_the_instances_where_they_are() -> None:
    rows = "\n".join(BLOCKS["exposure"]())
    assert "internet-facing" in rows and "0.0.0.0/0" in rows
    assert not re.search(r"\| `Web(Group|SecurityGroup|LaunchTemplate|Role|Policy)` ", rows)
