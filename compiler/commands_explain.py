"""Commands that answer questions about what was compiled: explain.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from compiler.diagnostics import has_errors, suggest
from compiler.screen import (
    FAULTS,
    Reporting,
    check_environments,
    find_width,
    format_option,
    make_screen,
    open_platform,
    platform_option,
)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[REPO] POINTER | CODE")
@click.option("--env", "environment", metavar="ENV", help="The environment to explain the value in.")
@platform_option
@format_option
def explain(words: tuple[str, ...], environment: str | None, platform: Path | None, format: str | None) -> None:
    """Say who decided a value, or what a diagnostic means.

    POINTER is a place in the template, such as Resources.WebGroup.Properties.MinSize or
    Resources.WebGroup.Properties.Tags[Key=Name].Value; every layer that spoke about it is listed, the winner last.
    Resources.WebGroup gives the whole story of a resource, and a dot that of the template. CODE is the code of a
    diagnostic, such as D203.
    """
    if len(words) > 2:
        raise click.UsageError("give a repository and one pointer")
    repo = Path(words[0] if len(words) == 2 else ".")
    if len(words) == 1 and re.fullmatch(r"[A-Za-z]\d{3,4}", words[0]):
        _explain_code(words[0].upper(), format)
        return
    if not repo.is_dir():
        raise click.BadParameter(f"there is no folder `{repo}`", param_hint="REPO")
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.explain import explain_value
        from compiler.pipeline import build_stack, plan_service
        from compiler.report_story import report_story
        from compiler.report_story_json import story_to_json

        library = open_platform(platform)
        asked = [environment] if environment else []
        check_environments(asked, library)
        plan = plan_service(repo, library, with_archives=False, environments=asked)
        chosen = environment or (next(iter(plan.settings)) if len(plan.settings) == 1 else None)
        if chosen is None:
            raise click.UsageError(f"name an environment with --env: {', '.join(plan.settings)}")
        stack, found = build_stack(plan, library, chosen, lint=False)
        told = explain_value(stack, words[-1], chosen, identities=library.identities, guardrails=library.guardrails)
        text = report_story(told, width=find_width(sys.stdout), prefix=screen.prefix)
        # What is at fault is often what one asks about, so there is an answer all the same.
        faults = [diagnostic for diagnostic in found if diagnostic.severity == "error"]
        screen.show(faults, text, story_to_json(told))
        if has_errors(faults):
            raise click.exceptions.Exit(FAULTS)


def _explain_code(code: str, format: str | None) -> None:
    from compiler.catalog import CATALOG, explain_code

    if code not in CATALOG:
        hint = suggest(code, CATALOG) or "docs/diagnostics.md lists them; a code such as E3012 is cfn-lint's own"
        raise click.BadParameter(f"no diagnostic has the code `{code}`: {hint}", param_hint="CODE")
    text = explain_code(code)
    make_screen(format).show((), text, {"code": code, "text": text})
