"""Commands that draw: graph.

In: arguments.    Out: a drawing on standard output or in a file.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.diagnostics import Diagnostic, suggest
from compiler.screen import (
    UNREACHABLE,
    Reporting,
    choose_environments,
    file_option,
    make_screen,
    open_platform,
    platform_option,
)

if TYPE_CHECKING:
    from compiler.changes import Side
    from compiler.graph import Graph

_FORMATS = ("mermaid", "dot", "svg")


@click.command()
@click.argument("what", default=".", metavar="[WHAT]")
@click.option("--env", "environment", metavar="ENV", help="The environment whose stack is drawn.")
@click.option("--parameters", "with_parameters", is_flag=True, help="Draw the parameters, too.")
@platform_option
@click.option(
    "--format",
    type=click.Choice(_FORMATS),
    default="mermaid",
    show_default=True,
    help="Mermaid and dot are text for programs that draw; svg is a picture, which graphviz has to be there for.",
)
@file_option("Write the drawing into this file.")
def graph(
    what: str, environment: str | None, with_parameters: bool, platform: str | None, format: str, out: Path | None
) -> None:
    """Draw which resources of a stack refer to which.

    WHAT is the folder that holds service.yml, the current one by default, a folder that `flagstone compile` wrote, or
    any CloudFormation template in YAML or JSON.
    """
    place = Path(what)
    with Reporting(make_screen("text", place if place.is_dir() else None)) as screen:
        from compiler.graph import graph_stack
        from compiler.manifest import MANIFEST
        from compiler.picture import NoPicture
        from compiler.sides import read_place

        library = open_platform(platform, place if place.is_dir() else None)
        environments: tuple[str, ...] = (environment,) if environment else ()
        if not (place / MANIFEST).is_file():  # what was compiled knows its environments, or stacks of one, by itself
            environments = choose_environments(environments, library)
        side = read_place(place, library, environments=environments)
        name = _choose(side, environment)
        title = " in ".join(filter(None, (str(side.facts.get("service") or side.name), name)))
        try:
            drawn = _draw(graph_stack(side.stacks[name], title=title, with_parameters=with_parameters), format)
        except NoPicture as problem:
            hint = "install graphviz, or ask for --format mermaid or dot, which need no other program"
            screen.fail(UNREACHABLE, [Diagnostic("D702", f"no picture can be drawn: {problem}", hint=hint)])
        if out is None:
            click.echo(drawn.encode(), nl=False)  # whatever the terminal speaks
        else:
            from compiler.output import write_file

            write_file(out.parent, out.name, drawn.encode())


def _choose(side: Side, environment: str | None) -> str:
    """Name the stack that is meant; a plain template has only one, which has no name."""
    if environment is None and len(side.stacks) == 1:
        return next(iter(side.stacks))
    known = ", ".join(filter(None, side.stacks)) or "it is a template"
    if environment is None:
        raise click.UsageError(f"one environment is drawn at a time: name it with --env: {known}")
    if environment not in side.stacks:
        hint = suggest(environment, side.stacks) or f"known here: {known}"
        raise click.BadParameter(f"`{side.name}` has no environment `{environment}`: {hint}", param_hint="--env")
    return environment


def _draw(graph: Graph, format: str) -> str:
    from compiler.picture import draw_svg
    from compiler.report_graph import render_dot, render_mermaid

    if format == "mermaid":
        return render_mermaid(graph)
    text = render_dot(graph)
    return text if format == "dot" else draw_svg(text)
