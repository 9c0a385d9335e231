"""Commands that compare: diff.

In: arguments.    Out: an outcome on the screen, and exit 1 where the changes reach what is asked to stop.
Never: decides what a change means; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compiler.risk import LEVELS, Level, reaches_level
from compiler.screen import (
    FAULTS,
    Reporting,
    Screen,
    choose_environments,
    env_option,
    file_option,
    find_width,
    is_colored,
    make_screen,
    open_platform,
    platform_option,
)

if TYPE_CHECKING:
    from compiler.bucket import Bucket
    from compiler.changes import Diff, Side
    from compiler.diagnostics import Diagnostic
    from compiler.model import Library

_FORMATS = ("text", "json", "github", "sarif", "markdown", "html")
_SECONDS = 8  # for each picture of a page, which says as much without
_STREAMED = ("text", "github")  # whose faults are for standard error


@dataclass(frozen=True, slots=True)
class _Document:
    """A report in one format, for a file or for standard output."""

    format: str
    file: Path | None

    def put(self, text: str) -> None:
        if self.file is None:
            is_ours = self.format in ("markdown", "html")  # documents, which are UTF-8 whatever the terminal speaks
            click.echo(text.encode() if is_ours else text, nl=False, color=True)
            return
        from compiler.output import write_file

        write_file(self.file.parent, self.file.name, text.encode())


@dataclass(frozen=True, slots=True)
class _Screen(Screen):
    """A screen that tells of faults in every document, too, lest an older one stays there as if it were true."""

    documents: tuple[_Document, ...] = ()
    subject: str = ""

    def show(self, diagnostics: Iterable[Diagnostic], text: str = "", result: Mapping[str, Any] | None = None) -> None:
        from compiler.output import OutputError

        found = tuple(diagnostics)
        for document in self.documents:
            with suppress(OutputError):  # which may be the fault that is told
                document.put(_write_faults(found, document.format, self.prefix, self.subject))
        Screen.show(self, found, text, result)


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

    def find_aim(self) -> Path:
        """Name what the comparison is about: the new side."""
        return Path(self.after or self.repo or ".")

    def find_folder(self) -> Path | None:
        """Name the folder of the new side's files: a compiled folder holds none of those that it tells of."""
        from compiler.manifest import MANIFEST

        aim = self.find_aim()
        is_compiled = self.after is not None and (aim / MANIFEST).is_file()
        return aim if aim.is_dir() and not is_compiled else None

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

    def check_files(self, files: Sequence[Path]) -> None:
        """Refuse to write over what is compared, or into what a compilation reads."""
        from compiler.output import check_file

        for what in filter(None, (self.before, self.after, self.against, self.repo or (None if self.before else "."))):
            for file in files:
                check_file(file, Path(what))


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
@file_option("Write the report into this file.")
@click.option(
    "--write",
    "written",
    multiple=True,
    metavar="FORMAT=FILE",
    help="Write the report in this format into this file, too; may be repeated.",
)
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
    out: Path | None,
    written: tuple[str, ...],
    fail_on: Level | None,
) -> None:
    """Show what differs between two compiled services, and what deploying it would do.

    REPO is the folder that holds service.yml, the current one by default. It is compared with what --against or
    --against-platform names, or else with what each environment runs, as the channels in the bucket say.

    With --before and --after, any two things are compared: CloudFormation templates in YAML or JSON, compiled
    folders, repositories, and releases in the bucket, written SERVICE/RELEASE. No access to AWS is needed for files.

    Where something is at fault, every report says so instead. --fail-on says on standard error what it stopped at.
    """
    asked = _Asked(repo, against, before, after, against_platform, bucket, environments)
    fault = asked.find_fault()
    if fault is not None:
        raise click.UsageError(fault)
    documents = [_Document(format or make_screen(None).format, out), *map(_read_document, written)]
    screen = _make_screen(asked, documents)
    with Reporting(screen):
        asked.check_files([each.file for each in documents if each.file is not None])
        library = open_platform(platform, Path(repo or ".") if before is None else None)
        asked = replace(asked, environments=choose_environments(environments, library))
        found = _compare(asked, library)
        for document in documents[::-1]:
            document.put(_write(found, document, fail_on, screen))
    stopped = [change for change in found.changes if fail_on is not None and reaches_level(change, fail_on)]
    if stopped:
        from compiler.report_changes import name_thing, rank_change
        from compiler.report_safe import show_text
        from compiler.wording import count_things

        first = show_text(name_thing(min(stopped, key=rank_change)))
        number = count_things(len(stopped), "change")
        such = f", `{first}` first" if len(stopped) > 1 else f" of `{first}`"
        click.echo(f"stopped by --fail-on {fail_on}: {number}{such}", err=True)
        raise click.exceptions.Exit(FAULTS)


def _read_document(words: str) -> _Document:
    format, _, file = words.partition("=")
    if format not in _FORMATS or not Path(file).name:
        raise click.BadParameter(f"`{words}` is not FORMAT=FILE: write one of {', '.join(_FORMATS)}, `=`, and a file")
    return _Document(format, Path(file))


def _make_screen(asked: _Asked, documents: Sequence[_Document]) -> _Screen:
    """Make the screen for faults: a machine's format on standard output stays one document."""
    main = documents[0]
    aim = asked.find_aim()
    plain = make_screen(main.format if main.file is None and main.format in ("json", "sarif", *_STREAMED) else None)
    plain = replace(plain, prefix=make_screen(None, asked.find_folder()).prefix)
    others = tuple(each for each in documents if each.file is not None or each.format != plain.format)
    subject = " ".join([aim.as_posix(), *asked.environments])
    return _Screen(plain.format, plain.prefix, others, subject)


def _compare(asked: _Asked, library: Library) -> Diff:
    from compiler.review import keep_environments, match_stacks, needs_environment, review_running, review_sides
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
            other = open_platform(asked.against_platform, option="--against-platform")
            name = f"{repo} with {other.name} {other.version}"
            sides = compile_side(repo, other, environments=asked.environments, name=name), after
        else:
            return review_running(read_running(reader.open_bucket(), service, tuple(after.stacks)), after, library)
    if asked.environments:
        sides = keep_environments(sides[0], asked.environments), keep_environments(sides[1], asked.environments)
    if needs_environment(*sides):
        raise click.UsageError("a template is one stack, the other side has several: choose one with --env")
    return review_sides(*match_stacks(*sides), library)


@dataclass(frozen=True, slots=True)
class _Reader:
    asked: _Asked
    library: Library

    def compile(self, repo: Path) -> Side:
        from compiler.sides import compile_side

        if not repo.is_dir():
            raise click.BadParameter(f"there is no folder `{repo}`", param_hint="REPO")
        name = "working tree" if repo == Path(".") else None
        return compile_side(repo, self.library, environments=self.asked.environments, name=name)

    def open_bucket(self) -> Bucket:
        from compiler.bucket import open_bucket

        assert self.asked.bucket is not None
        return open_bucket(self.asked.bucket, makes=False)

    def read(self, what: str, service: str) -> Side:
        """Read a file or folder of that name, or else the release; `service` is whose, where the word does not say."""
        from compiler.bucket import NotInBucket
        from compiler.promote import miss_release
        from compiler.sides import read_place, read_release

        if Path(what).exists() or self.asked.bucket is None:
            # What is reported is told from the folder of the other side, where that is one.
            seen_from = self.asked.find_folder() or Path()
            return read_place(Path(what), self.library, environments=self.asked.environments, seen_from=seen_from)
        named, slash, release = what.partition("/")
        if not slash and not service:
            raise click.UsageError(f"`{what}` is no file or folder; write a release as SERVICE/{what}")
        bucket, whose, which = self.open_bucket(), named if slash else service, release if slash else what
        try:
            return read_release(bucket, whose, which)
        except NotInBucket:
            raise miss_release(bucket, whose, which) from None


def _write(found: Diff, document: _Document, fail_on: Level | None, screen: _Screen) -> str:
    format, prefix = document.format, screen.prefix
    if format == "json":
        from compiler.report_diff_json import diff_to_json

        return json.dumps({**diff_to_json(found, prefix=prefix), "diagnostics": []}, indent=2) + "\n"
    if format == "markdown":
        from compiler.report_markdown import render_markdown

        return render_markdown(found, prefix=prefix, subject=screen.subject)
    if format == "html":
        from compiler.picture import draw_svg
        from compiler.report_html import render_html

        return render_html(found, draw=partial(draw_svg, seconds=_SECONDS), prefix=prefix)
    if format in ("github", "sarif"):
        from compiler.report import report_diagnostics
        from compiler.report_findings import find_changes

        changes = find_changes(found, fail_on=fail_on)
        return report_diagnostics(changes, format=format, prefix=prefix, is_ranked=True)
    from compiler.report_diff import report_diff

    is_shown = document.file is None
    width, color = (find_width(sys.stdout), is_colored(sys.stdout)) if is_shown else (None, False)
    return report_diff(found, width=width, color=color, prefix=prefix)


def _write_faults(found: Sequence[Diagnostic], format: str, prefix: str, subject: str) -> str:
    if format == "markdown":
        from compiler.report_markdown import render_faults

        return render_faults(found, prefix=prefix, subject=subject)
    if format == "html":
        from compiler.report_html import render_fault_page

        return render_fault_page(found, prefix=prefix)
    from compiler.report import report_diagnostics

    return report_diagnostics(found, format=format, prefix=prefix)
