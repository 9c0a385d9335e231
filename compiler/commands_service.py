"""Commands for a service repository: validate, compile, explain.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from compiler.diagnostics import CompileError, suggest
from compiler.screen import (
    Reporting,
    check_environments,
    env_option,
    format_option,
    make_screen,
    no_lint_option,
    open_platform,
    out_option,
    platform_option,
    release_option,
    repo_argument,
)


@click.command(short_help="Check a service without building anything.")
@repo_argument
@platform_option
@format_option
def validate(repo: Path, platform: Path | None, format: str | None) -> None:
    """Check service.yml, overrides and additions without building anything.

    REPO is the folder that holds service.yml, the current one by default.
    """
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.pipeline import plan_service

        library = open_platform(platform)
        plan = plan_service(repo, library, with_archives=False)
        names = list(plan.settings)
        text = f"{plan.service} is valid in {', '.join(names)}\n"
        screen.show(plan.diagnostics, text, {"service": plan.service, "environments": names})


@click.command("compile", short_help="Write the CloudFormation of a service into a folder.")
@repo_argument
@env_option
@out_option("out")
@release_option
@no_lint_option
@platform_option
@format_option
def compile_(
    repo: Path,
    environments: tuple[str, ...],
    out: Path,
    release: str | None,
    no_lint: bool,
    platform: Path | None,
    format: str | None,
) -> None:
    """Write the CloudFormation of a service, and where every value in it came from, into a folder.

    REPO is the folder that holds service.yml, the current one by default. Without --env, every environment that
    service.yml names is compiled.
    """
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.output import write_bundle
        from compiler.pipeline import compile_service
        from compiler.publish import check_release_id

        if release is not None:
            check_release_id(release)
        library = open_platform(platform)
        check_environments(environments, library)
        done = compile_service(repo, library, environments=environments, release=release, lint=not no_lint)
        write_bundle(done.bundle, out)
        sizes = {name: len(stack.template["Resources"]) for name, stack in done.stacks.items()}
        lines = [f"{out / name / 'template.json'}  {count} resources\n" for name, count in sizes.items()]
        lines.append(f"{out / 'manifest.json'}  release {done.bundle.release}, {len(done.bundle.files)} files\n")
        result = {"release": done.bundle.release, "out": str(out), "resources": sizes, "files": list(done.bundle.files)}
        screen.show(done.diagnostics, "".join(lines), result)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[REPO] POINTER | CODE")
@click.option("--env", "environment", metavar="ENV", help="The environment to explain the value in.")
@platform_option
@format_option
def explain(words: tuple[str, ...], environment: str | None, platform: Path | None, format: str | None) -> None:
    """Say who decided a value, or what a diagnostic means.

    POINTER is a place in the template, such as Resources.WebGroup.Properties.MinSize or
    Resources.WebGroup.Properties.Tags[Key=Name].Value; every layer that spoke about it is listed, the winner last.
    CODE is the code of a diagnostic, such as D203.
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
        from compiler.report_story import report_story, story_to_json

        library = open_platform(platform)
        asked = [environment] if environment else []
        check_environments(asked, library)
        plan = plan_service(repo, library, with_archives=False, environments=asked)
        chosen = environment or (next(iter(plan.settings)) if len(plan.settings) == 1 else None)
        if chosen is None:
            raise click.UsageError(f"name an environment with --env: {', '.join(plan.settings)}")
        stack, found = build_stack(plan, library, chosen, lint=False)
        if any(diagnostic.severity == "error" for diagnostic in found):
            raise CompileError(found)
        told = explain_value(stack, words[-1], chosen)
        screen.show((), report_story(told), story_to_json(told))


def _explain_code(code: str, format: str | None) -> None:
    from compiler.catalog import CATALOG, explain_code

    if code not in CATALOG:
        hint = suggest(code, CATALOG) or "docs/diagnostics.md lists them; a code such as E3012 is cfn-lint's own"
        raise click.BadParameter(f"no diagnostic has the code `{code}`: {hint}", param_hint="CODE")
    text = explain_code(code)
    make_screen(format).show((), text, {"code": code, "text": text})
