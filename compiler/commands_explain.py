"""Commands that answer questions about what was compiled: explain.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.screen import (
    FAULTS,
    Reporting,
    Screen,
    choose_environments,
    env_option,
    find_width,
    format_option,
    make_screen,
    open_platform,
    platform_option,
)

if TYPE_CHECKING:
    from compiler.model import Library
    from compiler.pipeline import Plan


@click.command()
@click.argument("words", nargs=-1, metavar="[REPO] POINTER | CODE")
@env_option
@click.option("--unused", is_flag=True, help="List what service.yml and overrides say in vain, instead.")
@platform_option
@format_option
def explain(
    words: tuple[str, ...], environments: tuple[str, ...], unused: bool, platform: str | None, format: str | None
) -> None:
    """Say who decided a value, or what a diagnostic means.

    POINTER is a place in the template, such as Resources.WebGroup.Properties.MinSize or
    Resources.WebGroup.Properties.Tags[Key=Name].Value; every layer that spoke about it is listed, the winner last.
    Resources.WebGroup gives the whole story of a resource, and a dot that of the template. CODE is the code of a
    diagnostic, such as D203.

    With --unused there is no POINTER: what reaches no template in any of the environments is listed, and what another
    layer replaces in all of them.
    """
    most = 1 if unused else 2
    if len(words) > most or not (words or unused):
        raise click.UsageError("give a repository at most" if unused else "give a repository and one pointer")
    if len(words) == 1 and not unused and re.fullmatch(r"[A-Za-z]\d{3,4}", words[0]):
        _explain_code(words[0].upper(), platform, format)
        return
    repo = Path(words[0] if len(words) == most else ".")
    if not repo.is_dir():
        raise click.BadParameter(f"there is no folder `{repo}`", param_hint="REPO")
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.pipeline import plan_service

        library = open_platform(platform, repo)
        environments = choose_environments(environments, library)
        plan = plan_service(repo, library, with_archives=False, environments=environments)
        if unused:
            _show_unused(screen, plan, library, environments)
        elif len(dict.fromkeys(environments or plan.settings)) > 1:
            many = "a pointer is explained in one environment at a time: " if environments else ""
            raise click.UsageError(f"{many}name one environment with --env: {', '.join(environments or plan.settings)}")
        else:
            _explain_pointer(screen, plan, library, words[-1], next(iter(environments or plan.settings)))


def _explain_pointer(screen: Screen, plan: Plan, library: Library, pointer: str, environment: str) -> None:
    from compiler.explain import explain_value
    from compiler.pipeline import build_stack
    from compiler.report_story import report_story
    from compiler.report_story_json import story_to_json

    stack, found = build_stack(plan, library, environment, lint=False)
    told = explain_value(stack, pointer, environment, identities=library.identities, guardrails=library.guardrails)
    text = report_story(told, width=find_width(sys.stdout), prefix=screen.prefix)
    # What is at fault is often what one asks about, so there is an answer all the same.
    faults = [diagnostic for diagnostic in found if diagnostic.severity == "error"]
    if faults:
        screen.fail(FAULTS, faults, text, story_to_json(told))
    screen.show((), text, story_to_json(told))


def _show_unused(screen: Screen, plan: Plan, library: Library, environments: tuple[str, ...]) -> None:
    from compiler.pipeline import list_unused
    from compiler.report_unused import report_unused, unused_to_json

    found = list_unused(plan, library, environments=environments)
    names = list(dict.fromkeys(environments or plan.settings))
    text = report_unused(found, service=plan.service, environments=names, prefix=screen.prefix)
    screen.show((), text, unused_to_json(found, service=plan.service, environments=names))


def _explain_code(code: str, platform: str | None, format: str | None) -> None:
    from compiler.catalog import explain_code

    try:
        text = _explain_rule(code, platform) or explain_code(code)
    except LookupError as error:
        raise click.BadParameter(str(error), param_hint="CODE") from None
    make_screen(format).show((), text, {"code": code, "text": text})


def _explain_rule(code: str, platform: str | None) -> str | None:
    """Explain a rule of the library in its own words; None for another code. Raises LookupError for none it has."""
    if not re.fullmatch("[EIW]9...", code):  # cfn-lint leaves the nines to the rules that its users write
        return None
    from compiler.lint_rules import load_rules

    library = open_platform(platform)
    known = sorted(rule for module in library.rules for rule in module.ids)
    if code not in known:
        raise LookupError(f"{library.name} {library.version} has no rule `{code}`: it has {', '.join(known)}")
    rule = load_rules(library)[code]
    words = textwrap.fill(" ".join(rule.description.split()), 100, break_long_words=False, break_on_hyphens=False)
    return f"{code}: {rule.shortdesc}\n\n{words}\n\nA rule of {library.name} {library.version}.\n"
