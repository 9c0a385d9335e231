"""Commands that compare: diff.

In: arguments.    Out: an outcome on the screen, and exit 1 where the changes are worse than allowed.
Never: decides what a change means; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.screen import (
    FAULTS,
    Reporting,
    find_width,
    is_colored,
    make_screen,
    open_platform,
    platform_option,
)

if TYPE_CHECKING:
    from compiler.changes import Diff

_FORMATS = ("text", "json")
_LIMITS = ("change", "interruption", "replacement", "data-loss", "security")


@click.command()
@click.option("--before", metavar="WHAT", required=True, help="What there is: a CloudFormation file.")
@click.option("--after", metavar="WHAT", required=True, help="What is to be, of the same kinds.")
@platform_option
@click.option("--format", type=click.Choice(_FORMATS), help="How to report. [default: text]")
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write the report into this file.")
@click.option("--fail-on", type=click.Choice(_LIMITS), help="Exit with 1 where the changes do so much, or more.")
def diff(
    before: str, after: str, platform: str | None, format: str | None, out: str | None, fail_on: str | None
) -> None:
    """Show what differs between two compiled services, and what deploying it would do.

    No access to AWS is needed.
    """
    chosen = format or "text"
    with Reporting(make_screen(chosen)):
        from compiler.review import review_sides
        from compiler.sides import read_template_side

        library = open_platform(platform)
        found = review_sides(read_template_side(Path(before)), read_template_side(Path(after)), library)
        _show(found, chosen, out)
        if fail_on is not None and _reaches(found, fail_on):
            raise click.exceptions.Exit(FAULTS)


def _show(found: Diff, format: str, out: str | None) -> None:
    to_screen = out is None
    text = _write(found, format, width=find_width(sys.stdout) if to_screen else None, color=to_screen)
    if out is None:
        click.echo(text, nl=False)
    else:
        from compiler.output import write_file

        path = Path(out)
        write_file(path.parent, path.name, text.encode())


def _write(found: Diff, format: str, *, width: int | None, color: bool) -> str:
    if format == "json":
        from compiler.report_diff_json import diff_to_json

        return json.dumps({**diff_to_json(found), "diagnostics": []}, indent=2) + "\n"
    from compiler.report_diff import report_diff

    return report_diff(found, width=width, color=color and is_colored(sys.stdout))


def _reaches(found: Diff, limit: str) -> bool:
    """Tell whether a diff is at or above a limit; what may replace a resource counts as what does."""
    if limit == "security":
        return any(change.security for change in found.changes)
    least = {
        "change": "changed",
        "interruption": "interruption",
        "replacement": "conditional",
        "data-loss": "data-loss",
    }
    from compiler.changes import VERDICTS

    return VERDICTS.index(found.verdict) >= [str(each) for each in VERDICTS].index(least[limit])
