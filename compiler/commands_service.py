"""Commands for a service repository: validate, compile.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

from pathlib import Path

import click

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
def validate(repo: Path, platform: str | None, format: str | None) -> None:
    """Check service.yml, overrides and additions without building anything.

    REPO is the folder that holds service.yml, the current one by default.
    """
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.pipeline import plan_service

        library = open_platform(platform, repo)
        plan = plan_service(repo, library, with_archives=False)
        names = list(plan.settings)
        text = f"{plan.service} is valid in {', '.join(names)}\n"
        screen.confirm(plan.diagnostics, text, {"service": plan.service, "environments": names})


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
    platform: str | None,
    format: str | None,
) -> None:
    """Write the CloudFormation of a service, and where every value in it came from, into a folder.

    REPO is the folder that holds service.yml, the current one by default. Without --env, every environment that
    service.yml names is compiled.
    """
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.output import check_output, write_bundle
        from compiler.pipeline import compile_service
        from compiler.publish import check_release_id

        check_output(out, repo)
        if release is not None:
            check_release_id(release)
        library = open_platform(platform, repo)
        check_environments(environments, library)
        done = compile_service(repo, library, environments=environments, release=release, lint=not no_lint)
        write_bundle(done.bundle, out)
        sizes = {name: len(stack.template["Resources"]) for name, stack in done.stacks.items()}
        lines = [f"{out / name / 'template.json'}  {count} resources\n" for name, count in sizes.items()]
        lines.append(f"{out / 'manifest.json'}  release {done.bundle.release}, {len(done.bundle.files)} files\n")
        result = {"release": done.bundle.release, "out": str(out), "resources": sizes, "files": list(done.bundle.files)}
        screen.confirm(done.diagnostics, "".join(lines), result)
