"""Named settings: whatever setting of a service changes a value of the template, the story of that value names it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path as FilePath
from typing import Any

import pytest
import yaml

from compiler.diagnostics import CompileError
from compiler.explain import explain_value
from compiler.model import Library, Path, Stack, walk_leaves
from compiler.pipeline import build_stack, open_library, plan_service

EXAMPLE = FilePath(__file__).parent.parent / "examples/service-repo/service.yml"
# Of other parts and environments, not of this one's template.
_LEFT_OUT = ("additions", "environments", "extends", "waivers")
# Nothing else may stand there: the other kinds of runtime are still to come, and another process has no such queue.
_ALONE = ("runtime", "process")
_CHOICES = {
    "owner": ("squad-menu", "squad-orders"),
    "exposure": ("private", "public"),
    "availability": ("alwaysOn", "businessHours"),
    "style": ("rolling", "immutable", "inPlace"),
}


@cache
def library() -> Library:
    return open_library(None)


@cache
def service() -> dict[str, Any]:
    data = {key: value for key, value in yaml.safe_load(EXAMPLE.read_text()).items() if key not in _LEFT_OUT}
    for process in data["processes"].values():
        process.pop("uses", None)
    return {**data, "environments": {"production": {}}}


def others(path: Path, value: Any) -> Iterator[Any]:
    """Yield values that may stand in the place of one."""
    if path[-1] in _CHOICES:
        yield from (choice for choice in _CHOICES[str(path[-1])] if choice != value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield from (value + 1, value - 1, value * 2, value / 2)
    elif isinstance(value, str):
        yield from (f"{value}x", "t4g.large")


def build(data: Any, folder: FilePath) -> Stack | None:
    """Build the stack of a descriptor; None where it is refused."""
    (folder / "service.yml").write_text(json.dumps(data))
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src/main").touch()
    try:
        plan = plan_service(folder, library(), with_archives=False)
        return build_stack(plan, library(), "production", lint=False)[0]
    except CompileError:
        return None


def names(stack: Stack, path: Path) -> set[Path]:
    """Name the settings that the explanation of a leaf shows."""
    told = explain_value(stack, ".".join(map(str, path)), "production").told
    story = [said for each in told for said in each.story]
    return {said.pointer for said in story} | {setting.path for said in story for setting in said.fed_by}


SETTINGS = [
    path for path, _ in walk_leaves(service()) if path[0] not in ("environments", "platform") and path[-1] not in _ALONE
]


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: ".".join(map(str, path)))
def test_what_a_setting_changes_names_it(path: Path, tmp_path: FilePath) -> None:
    before = build(service(), tmp_path)
    assert before
    data = deepcopy(service())
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    value = place[path[-1]]
    for other in others(path, value):
        place[path[-1]] = other
        after = build(data, tmp_path)
        if after is None:
            continue
        leaves = dict(walk_leaves(after.template))
        for leaf, was in walk_leaves(before.template):
            if leaf in leaves and leaves[leaf] != was:
                named = names(before, leaf) | names(after, leaf)
                # A map that is written into the template as a whole is named as a whole.
                assert any(path[:end] in named for end in range(1, len(path) + 1)), leaf
        return
    pytest.fail("nothing may stand in its place, so that this shows nothing")
