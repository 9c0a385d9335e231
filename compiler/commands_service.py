"""Commands for a service repository: validate, compile.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from compiler.screen import (
    STATED,
    Reporting,
    choose_environments,
    env_option,
    format_option,
    make_screen,
    no_lint_option,
    open_platform,
    out_option,
    platform_option,
    raise_errors,
    release_option,
    repo_argument,
    strict_option,
)
from compiler.wording import count_things


@click.command(short_help="Check a service without building anything.")
@repo_argument
@click.option(
    "--bucket",
    type=STATED,
    metavar="URL",
    help="Compare with what the other services run, as the channels of this bucket say. [default: FLAGSTONE_BUCKET with"
    " --strict, else none]",
)
@strict_option
@platform_option
@format_option
def validate(repo: Path, bucket: str | None, strict: bool, platform: str | None, format: str | None) -> None:
    """Check service.yml, overrides and additions without building anything.

    REPO is the folder that holds service.yml, the current one by default. With --bucket, the stacks are built too, and
    what the service consumes and which names it has is compared with the other services of each environment.
    """
    if strict and bucket is None:
        bucket = os.environ.get("FLAGSTONE_BUCKET") or None
        if bucket is None:
            raise click.UsageError("--strict goes with --bucket, or with the variable FLAGSTONE_BUCKET")
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.pipeline import build_stack, plan_service

        library = open_platform(platform, repo)
        plan = plan_service(repo, library, with_archives=False)
        names = list(plan.settings)
        found = plan.diagnostics
        if bucket is not None:
            from compiler.bucket import open_bucket
            from compiler.neighbors import check_neighbors

            stacks = {name: build_stack(plan, library, name, lint=False)[0] for name in names}
            target = open_bucket(bucket, makes=False)
            found = (*found, *check_neighbors(plan.settings, stacks, target, is_strict=strict))
            raise_errors(found)
        text = f"{plan.service} is valid in {', '.join(names)}\n"
        screen.confirm(found, text, {"service": plan.service, "environments": names})


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
        environments = choose_environments(environments, library)
        done = compile_service(repo, library, environments=environments, release=release, lint=not no_lint)
        write_bundle(done.bundle, out)
        sizes = {name: len(stack.template["Resources"]) for name, stack in done.stacks.items()}
        held = {name: count_things(size, "resource") for name, size in sizes.items()}
        lines = [f"{out / name / 'template.json'}  {resources}\n" for name, resources in held.items()]
        files = count_things(len(done.bundle.files), "file")
        lines.append(f"{out / 'manifest.json'}  release {done.bundle.release}, {files}\n")
        result = {"release": done.bundle.release, "out": str(out), "resources": sizes, "files": list(done.bundle.files)}
        screen.confirm(done.diagnostics, "".join(lines), result)
