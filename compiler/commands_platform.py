"""Commands for the platform team: platform compile.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a library; the rooms are imported by the command that needs them.
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
)


@click.group()
def platform() -> None:
    """The platform team's side."""


@platform.command("compile")
@env_option
@out_option("out/platform")
@no_lint_option
@platform_option
@format_option
def platform_compile(
    environments: tuple[str, ...], out: Path, no_lint: bool, platform: Path | None, format: str | None
) -> None:
    """Write the stacks of the environments themselves, such as the network, into a folder.

    Without --env, those of every environment of the library.
    """
    with Reporting(make_screen(format)) as screen:
        from compiler.output import check_output, write_bundle
        from compiler.pipeline import compile_platform

        check_output(out)
        library = open_platform(platform)
        check_environments(environments, library)
        done = compile_platform(library, environments=environments, lint=not no_lint)
        write_bundle(done.bundle, out)
        sizes = {name: len(stack.template["Resources"]) for name, stack in done.stacks.items()}
        lines = [f"{out / name / 'template.json'}  {count} resources\n" for name, count in sizes.items()]
        lines.append(f"{out / 'manifest.json'}  library {library.version}, {len(done.bundle.files)} files\n")
        result = {"out": str(out), "resources": sizes, "files": list(done.bundle.files)}
        screen.confirm(done.diagnostics, "".join(lines), result)
