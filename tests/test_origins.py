"""Origins: every leaf of every template has one, and what the winner said is what stands there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.model import Json, Library, Said, Stack, walk_leaves
from compiler.node import alike
from compiler.pipeline import build_stack, compile_platform, open_library, plan_service
from compiler.render import format_pointer, render_platform
from tests.commits import place_case
from tests.merging import MADE
from tests.test_corpus import CORPUS, TEMPLATES, as_addition, own_names, read_independently, without_collisions

ROOT = Path(__file__).parent.parent
RECIPES = ROOT.parent / "shared" / "examples" / "recipes"
SERVICES = [ROOT / "examples" / "service-repo", RECIPES]
ENVIRONMENTS = ("staging", "production", "env-default", "env-search")


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


def find_leaves_without_origin(stack: Stack) -> list[str]:
    """Name the leaves that nobody said, or of which the last word is not what stands there.

    `service.yml` may say 3 where the template has to say "3": CloudFormation takes the one for the other.
    """
    return [
        format_pointer(path)
        for path, value in walk_leaves(stack.template)
        if not stack.stories.get(path) or not alike(value, stack.stories[path][-1].value)
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("folder", SERVICES, ids=lambda path: path.name)
def test_every_leaf_of_a_service_has_an_origin(folder: Path, environment: str, library: Library) -> None:
    if not folder.exists():
        pytest.skip(f"the example is not at {folder}")
    plan = plan_service(folder, library, with_archives=False, environments=[environment])
    stack, _ = build_stack(plan, library, environment, lint=False)
    assert [] == find_leaves_without_origin(stack)
    assert len(stack.stories) > 500


def test_every_leaf_of_an_environment_has_an_origin(library: Library) -> None:
    stacks = compile_platform(library, lint=False).stacks
    assert {} == {key: found for key, stack in stacks.items() if (found := find_leaves_without_origin(stack))}
    assert {name for key in stacks if (name := key.partition("/")[2])} >= {"account", "ingress", "network", "security"}
    assert {key.partition("/")[0] for key in stacks} == set(library.environments)


@pytest.mark.skipif(not TEMPLATES, reason=f"the corpus is not at {CORPUS}")
def test_every_leaf_of_a_foreign_template_has_an_origin(library: Library, tmp_path: Path) -> None:
    plan = plan_service(SERVICES[0], library, with_archives=False)
    taken = own_names(plan, library)
    for path in TEMPLATES:
        part = as_addition(without_collisions(path.read_text(), read_independently(path), taken), path.name)
        wider = replace(plan, repository=replace(plan.repository, additions=(*plan.repository.additions, part)))
        stack, _ = build_stack(wider, library, "production", lint=False)
        assert [] == find_leaves_without_origin(stack), path.name
        mine = [story for story in stack.stories.values() if story[-1].origin.span.path == part.document.source.path]
        assert len(mine) > 5, path.name


def test_every_leaf_of_the_cases_has_an_origin_whatever_overrides_and_additions_did(tmp_path: Path) -> None:
    here = Path(__file__).parent
    toys = open_library(here / "library")
    for case in sorted((here / "cases").glob("ok-*")):
        plan = plan_service(place_case(case, tmp_path / case.name), toys, with_archives=False)
        for environment in plan.settings:
            stack, _ = build_stack(plan, toys, environment, lint=False)
            assert [] == find_leaves_without_origin(stack), (case.name, environment)


def test_what_is_rendered_names_every_leaf_with_its_winner_last(library: Library) -> None:
    done = compile_platform(library, environments=["production"], lint=False)
    files = render_platform(done.stacks, library=library).files
    for key in done.stacks:
        origins = json.loads(files[f"{key}/origins.json"])
        leaves = dict(walk_leaves(json.loads(files[f"{key}/template.json"])))
        things = {format_pointer(path) for path in done.stacks[key].stories if len(path) == 2} - {
            format_pointer(path) for path in leaves
        }
        assert {format_pointer(path) for path in leaves} == origins.keys() - things
        for path, value in leaves.items():
            assert alike(value, origins[format_pointer(path)][-1]["value"])


def test_a_leaf_without_a_word_and_one_with_another_word_are_found() -> None:
    template: dict[str, Json] = {"Description": "a", "Resources": {"A": {"Type": "T"}}}
    stack = Stack(template, {("Description",): (Said(MADE, "b"),), ("Resources", "A"): (Said(MADE, None),)}, {})
    assert ["/Description", "/Resources/A/Type"] == find_leaves_without_origin(stack)
