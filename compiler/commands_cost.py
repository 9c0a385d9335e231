"""Commands that say what infrastructure costs: cost, platform cost.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.commands_platform import platform as platform_group
from compiler.screen import (
    Reporting,
    Screen,
    choose_environments,
    env_option,
    find_width,
    format_option,
    is_colored,
    make_screen,
    open_platform,
    platform_option,
    repo_argument,
)

if TYPE_CHECKING:
    from compiler.cost import Costs
    from compiler.diagnostics import Diagnostic
    from compiler.model import Json, Library


@click.command(short_help="Say what a service costs a month.")
@repo_argument
@env_option
@platform_option
@format_option
def cost(repo: Path, environments: tuple[str, ...], platform: str | None, format: str | None) -> None:
    """Say what a service costs a month in each environment, between the bounds of its scaling.

    REPO is the folder that holds service.yml, the current one by default. The prices are those of the platform library,
    prices.yml. What runs by time is added up; what is paid by use is shown beside it, and what has no price is listed.
    """
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.pipeline import build_stack, plan_service

        library = open_platform(platform, repo)
        environments = choose_environments(environments, library)
        plan = plan_service(repo, library, with_archives=False, environments=environments)
        templates: dict[str, Mapping[str, Json]] = {}
        found = list(plan.diagnostics)
        for name in dict.fromkeys(environments or plan.settings):
            stack, faults = build_stack(plan, library, name, lint=False)
            found.extend(faults)
            templates[name] = {"": stack.template}
        _show(screen, found, library, plan.service, templates)


@platform_group.command("cost")
@env_option
@platform_option
@format_option
def platform_cost(environments: tuple[str, ...], platform: str | None, format: str | None) -> None:
    """Say what the stacks of the environments themselves cost a month.

    Without --env, those of every environment of the library.
    """
    with Reporting(make_screen(format)) as screen:
        from compiler.pipeline import compile_platform

        library = open_platform(platform)
        environments = choose_environments(environments, library, own=True)
        done = compile_platform(library, environments=environments, lint=False)
        templates: dict[str, dict[str, Json]] = {}
        for key, stack in done.stacks.items():
            environment, _, name = key.partition("/")
            templates.setdefault(environment, {})[name] = stack.template
        _show(screen, done.diagnostics, library, library.name, templates)


def _show(
    screen: Screen,
    found: Sequence[Diagnostic],
    library: Library,
    name: str,
    templates: Mapping[str, Mapping[str, Json]],
) -> None:
    from compiler.cost import estimate_costs
    from compiler.diagnostics import CompileError, has_errors
    from compiler.report_cost import costs_to_json, report_costs
    from compiler.resolve import resolve_environment

    if has_errors(found):
        raise CompileError(found)
    costs = {
        environment: estimate_costs(
            stacks, library.prices, str(resolve_environment(library, environment).environment["region"])
        )
        for environment, stacks in templates.items()
    }
    width, color = find_width(sys.stdout), is_colored(sys.stdout)
    text = "\n".join(
        report_costs(each, title=f"{name} in {environment}", width=width, color=color)
        for environment, each in costs.items()
    )
    text += "".join(_sum_up(library, name, costs))
    screen.show(found, text, {environment: costs_to_json(each) for environment, each in costs.items()})


def _sum_up(library: Library, name: str, costs: Mapping[str, Costs]) -> Iterator[str]:
    """Say of each family that is shown with several environments what they cost together."""
    from compiler.layers import find_member
    from compiler.report_cost import report_sum

    families: dict[str, list[Costs]] = {}
    for environment, each in costs.items():
        member = find_member(library.environments, environment)
        families.setdefault(member.file if member else environment, []).append(each)
    for family, together in families.items():
        if len(together) > 1:
            yield "\n" + report_sum(together, title=f"{name} in {family}")
