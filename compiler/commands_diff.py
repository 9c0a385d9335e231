"""Commands that compare: diff.

In: arguments.    Out: an outcome on the screen, and exit 1 where the changes reach what is asked to stop.
Never: decides what a change means; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.risk import LEVELS, Level, reaches_level
from compiler.screen import (
    FAULTS,
    Reporting,
    check_environments,
    env_option,
    find_width,
    is_colored,
    make_screen,
    open_platform,
    platform_option,
)

if TYPE_CHECKING:
    from compiler.bucket import Bucket
    from compiler.changes import Diff, Side
    from compiler.model import Library

_FORMATS = ("text", "json", "github", "sarif", "markdown", "html")
_DOCUMENTS = ("markdown", "html")  # which hold no faults


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be compared, in the words of the command line."""

    repo: str | None
    against: str | None
    before: str | None
    after: str | None
    against_platform: str | None
    bucket: str | None
    environments: tuple[str, ...]

    def find_fault(self) -> str | None:
        """Say which words do not go together; None where all do."""
        if (self.before is None) != (self.after is None):
            return "--before and --after go together"
        ways = [self.before, self.against, self.against_platform]
        if sum(way is not None for way in ways) > 1:
            return "compare with one thing: --against, --against-platform, or --before and --after"
        if self.before is not None and self.repo is not None:
            return "give a repository, or --before and --after"
        if all(way is None for way in ways) and self.bucket is None:
            return "say what to compare with: --against, --against-platform, --bucket, or --before and --after"
        return None


@click.command()
@click.argument("repo", required=False, metavar="[REPO]")
@env_option
@click.option("--against", metavar="WHAT", help="Compare with a release in the bucket, a folder or a file.")
@click.option("--before", metavar="WHAT", help="Compare this, instead of a repository ...")
@click.option("--after", metavar="WHAT", help="... with this: a template, a compiled folder, a repository, a release.")
@click.option(
    "--against-platform",
    metavar="PATH|URL",
    help="Compare with what the repository compiles to with another library.",
)
@click.option("--bucket", envvar="FLAGSTONE_BUCKET", show_envvar=True, metavar="URL", help="The deployment bucket.")
@platform_option
@click.option(
    "--format",
    type=click.Choice(_FORMATS),
    help="How to report. [default: text; github under GitHub Actions]",
)
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write the report into this file.")
@click.option("--fail-on", type=click.Choice(LEVELS), help="Exit with 1 where the changes do so much, or more.")
def diff(
    repo: str | None,
    environments: tuple[str, ...],
    against: str | None,
    before: str | None,
    after: str | None,
    against_platform: str | None,
    bucket: str | None,
    platform: str | None,
    format: str | None,
    out: str | None,
    fail_on: Level | None,
) -> None:
    """Show what differs between two compiled services, and what deploying it would do.

    REPO is the folder that holds service.yml, the current one by default. It is compared with what --against or
    --against-platform names, or else with what each environment runs, as the channels in the bucket say.

    With --before and --after, any two things are compared: CloudFormation templates in YAML or JSON, compiled
    folders, repositories, and releases in the bucket, written SERVICE/RELEASE. No access to AWS is needed for files.
    """
    asked = _Asked(repo, against, before, after, against_platform, bucket, environments)
    fault = asked.find_fault()
    if fault is not None:
        raise click.UsageError(fault)
    aim = Path(after or repo or ".")
    screen = make_screen(None if format in _DOCUMENTS else format, aim if aim.is_dir() else None)
    chosen = format or screen.format
    with Reporting(screen):
        library = open_platform(platform, Path(repo or ".") if before is None else None)
        check_environments(environments, library)
        found = _compare(asked, library)
        _show(found, chosen, out, fail_on, screen.prefix)
        if fail_on is not None and any(reaches_level(change, fail_on) for change in found.changes):
            raise click.exceptions.Exit(FAULTS)


def _compare(asked: _Asked, library: Library) -> Diff:
    from compiler.review import keep_environments, match_stacks, review_running, review_sides
    from compiler.sides import compile_side, read_running

    reader = _Reader(asked, library)
    if asked.before is not None and asked.after is not None:
        sides = reader.read(asked.before, ""), reader.read(asked.after, "")
    else:
        repo = Path(asked.repo or ".")
        after = reader.compile(repo)
        service = str(after.facts.get("service"))
        if asked.against is not None:
            sides = reader.read(asked.against, service), after
        elif asked.against_platform is not None:
            other = open_platform(asked.against_platform)
            name = f"{repo} with {other.name} {other.version}"
            sides = compile_side(repo, other, environments=asked.environments, name=name), after
        else:
            return review_running(read_running(reader.open_bucket(), service, tuple(after.stacks)), after, library)
    if asked.environments:
        sides = keep_environments(sides[0], asked.environments), keep_environments(sides[1], asked.environments)
    return review_sides(*match_stacks(*sides), library)


@dataclass(frozen=True, slots=True)
class _Reader:
    asked: _Asked
    library: Library

    def compile(self, repo: Path) -> Side:
        from compiler.sides import compile_side

        if not repo.is_dir():
            raise click.BadParameter(f"there is no folder `{repo}`", param_hint="REPO")
        return compile_side(repo, self.library, environments=self.asked.environments)

    def open_bucket(self) -> Bucket:
        from compiler.bucket import open_bucket

        assert self.asked.bucket is not None
        return open_bucket(self.asked.bucket, makes=False)

    def read(self, what: str, service: str) -> Side:
        """Read a file or folder of that name, or else the release; `service` is whose, where the word does not say."""
        from compiler.sides import read_place, read_release

        if Path(what).exists() or self.asked.bucket is None:
            return read_place(Path(what), self.library, environments=self.asked.environments)
        named, slash, release = what.partition("/")
        if not slash and not service:
            raise click.UsageError(f"`{what}` is no file or folder; write a release as SERVICE/{what}")
        return read_release(self.open_bucket(), named if slash else service, release if slash else what)


def _show(found: Diff, format: str, out: str | None, fail_on: Level | None, prefix: str) -> None:
    if out is None:
        text = _write(found, format, fail_on, prefix, width=find_width(sys.stdout), color=is_colored(sys.stdout))
        click.echo(text, nl=False, color=True)
        return
    from compiler.output import write_file

    path = Path(out)
    write_file(path.parent, path.name, _write(found, format, fail_on, prefix, width=None, color=False).encode())


def _write(found: Diff, format: str, fail_on: Level | None, prefix: str, *, width: int | None, color: bool) -> str:
    if format == "json":
        from compiler.report_diff_json import diff_to_json

        return json.dumps({**diff_to_json(found, prefix=prefix), "diagnostics": []}, indent=2) + "\n"
    if format == "markdown":
        from compiler.report_markdown import render_markdown

        return render_markdown(found, prefix=prefix)
    if format == "html":
        from compiler.picture import draw_svg
        from compiler.report_html import render_html

        return render_html(found, draw=draw_svg, prefix=prefix)
    if format in ("github", "sarif"):
        from compiler.report import report_diagnostics
        from compiler.report_findings import find_changes

        changes = find_changes(found, fail_on=fail_on)
        return report_diagnostics(changes, format=format, prefix=prefix, is_ranked=True)
    from compiler.report_diff import report_diff

    return report_diff(found, width=width, color=color, prefix=prefix)
