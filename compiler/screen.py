"""Screen: what every command shares: options, where an outcome goes, and which exit code a fault has.

In: diagnostics, texts and results of a command.    Out: results on standard output, the rest on standard error.
Faults: exit 1 faults in the input, 2 wrong usage, 3 bucket or disk refusing, 4 conflict.
Never: decides anything about a service.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from compiler.diagnostics import CompileError, Diagnostic, has_errors, suggest

if TYPE_CHECKING:
    from compiler.library_source import LibraryChoice
    from compiler.model import Library

FAULTS, WRONG_USAGE, UNREACHABLE, CONFLICT, OUR_BUG = 1, 2, 3, 4, 70
# How a stream refuses what is written to it: full, broken, or closed, by the reader or from the start.
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EPIPE, errno.EBADF}
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_Command = TypeVar("_Command", bound=Callable[..., Any])
_FORMATS = ("text", "json", "github", "sarif")


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a command's outcome goes, in the format that was asked for."""

    format: str
    prefix: str = ""

    def show(self, diagnostics: Iterable[Diagnostic], text: str = "", result: Mapping[str, Any] | None = None) -> None:
        """Show the outcome. A machine's format is one document on standard output; people read two streams."""
        from compiler.report import diagnostics_to_json, report_diagnostics

        found = tuple(diagnostics)
        if self.format == "json":
            shown = {"diagnostics": diagnostics_to_json(found, prefix=self.prefix), "result": result}
            click.echo(json.dumps(shown, indent=2))
        elif self.format == "sarif":
            click.echo(report_diagnostics(found, format="sarif", prefix=self.prefix), nl=False)
        else:
            color = is_colored(sys.stderr)
            width = find_width(sys.stderr)
            report = report_diagnostics(found, format=self.format, prefix=self.prefix, color=color, width=width)
            click.echo(report, nl=False, err=True, color=color)
            click.echo(text, nl=False)

    def confirm(self, diagnostics: Iterable[Diagnostic], text: str, result: Mapping[str, Any]) -> None:
        """Show the outcome of a command that people run for what it does, which is done though nobody hears of it."""
        with _forgive(self.format in ("text", "github")):
            self.show(diagnostics, text, result)

    def fail(
        self, code: int, diagnostics: Iterable[Diagnostic], text: str = "", result: Mapping[str, Any] | None = None
    ) -> NoReturn:
        """Show faults and exit. A fault stays one though nobody hears of it."""
        with _forgive():
            self.show(diagnostics, text, result)
        raise click.exceptions.Exit(code)


@contextmanager
def _forgive(is_forgiven: bool = True) -> Iterator[None]:
    """Go on where an outcome cannot be written."""
    try:
        yield
    except OSError as error:
        if not is_forgiven or error.errno not in UNWRITABLE:
            raise


def is_colored(stream: Any) -> bool:
    return bool(stream.isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def find_width(stream: Any) -> int | None:
    return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else None


def make_screen(format: str | None, folder: Path | None = None) -> Screen:
    chosen = format or ("github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text")
    shown = "" if folder is None or str(folder) == "." else f"{folder.as_posix()}/"
    return Screen(chosen, shown)


def show_wrong_usage(error: click.ClickException, words: Sequence[str]) -> None:
    """Tell a machine why a command did nothing, in the format that the words of the command line ask for."""
    pairs = zip(words, [*words[1:], ""], strict=False)
    asked = [word.partition("=")[2] or after for word, after in pairs if word.partition("=")[0] == "--format"]
    screen = make_screen(asked[-1] if asked else None)
    if screen.format in _FORMATS and screen.format != "text":
        # Asked for nothing, click says everything: its help.
        is_help = isinstance(error, click.exceptions.NoArgsIsHelpError)
        message = "a command is missing" if is_help else " ".join(error.format_message().split()).rstrip(".")
        with _forgive():
            screen.show([Diagnostic("usage", message)])


class Reporting:
    """Turn what the rooms raise into a report and an exit code."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def __enter__(self) -> Screen:
        return self.screen

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, CompileError):
            self.screen.fail(FAULTS, error.diagnostics)
        if isinstance(error, OSError) and _is_nowhere():
            raise click.UsageError("the current folder was removed; change into one that is there") from error
        if error is None or not type(error).__module__.startswith("compiler."):
            return
        from compiler.bucket import BucketFault, BucketUrlError, Conflict, NoBucket
        from compiler.channel import MoveTextError
        from compiler.output import OutputError, WriteError
        from compiler.promote import ChannelMoved
        from compiler.publish import ReleaseNameError

        if isinstance(error, ChannelMoved):
            told = f"flagstone history {error.channel.service} --env {error.channel.environment}"
            hint = f"nothing was changed; decide again with `{told}` at hand"
            self.screen.fail(CONFLICT, [Diagnostic("D845", str(error), hint=hint)])
        if isinstance(error, Conflict):
            hint = "a release never changes: publish under another id with --release"
            self.screen.fail(CONFLICT, [Diagnostic("D801", str(error), hint=hint)])
        if isinstance(error, BucketFault):
            advice = (
                "see whether its name is right; the first publish makes it" if isinstance(error, NoBucket) else None
            )
            self.screen.fail(UNREACHABLE, [Diagnostic("D802", str(error), hint=advice)])
        if isinstance(error, WriteError):
            hint = "make room and the folder writable, or name another folder"
            self.screen.fail(UNREACHABLE, [Diagnostic("D805", str(error), hint=hint)])
        if isinstance(error, BucketUrlError | MoveTextError | ReleaseNameError | OutputError):
            raise click.UsageError(str(error)) from error


def _is_nowhere() -> bool:
    """Tell whether the current folder is gone."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


# Options that several commands share


class _Stated(click.ParamType[str]):
    """A text that says something: an empty one is most often a variable of a script that was never set."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value.strip():
            self.fail("it is empty; is a variable not set?", param, ctx)
        return value


STATED = _Stated()
repo_argument = click.argument("repo", type=FOLDER, default=".", metavar="[REPO]")
platform_option = click.option(
    "--platform",
    metavar="PATH|URL",
    help="Use the library in this folder, or in a bucket, as in s3://name/prefix@1.1.0. [default: the one of"
    " flagstone.lock if that is in a bucket, else the packaged one]",
)
format_option = click.option(
    "--format",
    type=click.Choice(_FORMATS),
    help="How to report. [default: text; github under GitHub Actions]",
)
env_option = click.option(
    "--env", "environments", multiple=True, metavar="ENV", help="An environment; may be repeated."
)


def _check_named(_: click.Context, __: click.Parameter, value: str) -> Path:
    if not value:  # which would be the current folder
        raise click.BadParameter("the name of the folder is empty")
    return Path(value)


def _check_file(_: click.Context, __: click.Parameter, value: str | None) -> Path | None:
    if value is not None and not Path(value).name:
        raise click.BadParameter("the name of the file is empty")
    if value == "-":
        raise click.BadParameter("`-` is not standard output here; write `./-` if a file should have that name")
    return Path(value) if value is not None else None


def file_option(what: str, name: str = "--out") -> Callable[[_Command], _Command]:
    """An option for one file."""
    return click.option(name, type=click.Path(dir_okay=False), callback=_check_file, metavar="FILE", help=what)


def out_option(default: str) -> Callable[[_Command], _Command]:
    return click.option(
        "--out",
        type=click.Path(file_okay=False),
        callback=_check_named,
        default=default,
        show_default=True,
        metavar="DIR",
        help="The folder to write into; what an earlier compile left there is replaced.",
    )


no_lint_option = click.option(
    "--no-lint", is_flag=True, help="Leave out cfn-lint, and with it the platform's own rules."
)


def optional_bucket_option(what: str) -> Callable[[_Command], _Command]:
    """Take the bucket that a command can do without."""
    return click.option("--bucket", envvar="FLAGSTONE_BUCKET", show_envvar=True, type=STATED, metavar="URL", help=what)


bucket_option = click.option(
    "--bucket",
    envvar="FLAGSTONE_BUCKET",
    show_envvar=True,
    required=True,
    type=STATED,
    metavar="URL",
    help="The deployment bucket: s3://name/prefix, file:///path or the path of a folder.",
)
strict_option = click.option(
    "--strict", is_flag=True, help="Take it for an error that nobody publishes what is consumed, here or by others."
)
release_option = click.option(
    "--release", type=STATED, metavar="ID", help="The release id. [default: from the git commit]"
)


def raise_errors(diagnostics: Iterable[Diagnostic]) -> None:
    """Raise CompileError with all of them where there is an error among them."""
    found = tuple(diagnostics)
    if has_errors(found):
        raise CompileError(found)


def open_platform(platform: str | Path | None, repo: Path | None = None, *, option: str = "--platform") -> Library:
    """Open the library that an option names, or the one that the lock of a service does."""
    from compiler.library_source import choose_library

    with choosing_library(option):
        return choose_library(read_platform(platform), repo, mirror=os.environ.get("FLAGSTONE_BUCKET") or None)


def read_platform(platform: str | Path | None) -> LibraryChoice | None:
    from compiler.library_source import read_choice

    return None if platform is None else read_choice(str(platform))


@contextmanager
def choosing_library(option: str = "--platform") -> Iterator[None]:
    """Take what names no library for wrong usage of an option."""
    from compiler.library_source import LibraryChoiceError

    try:
        yield
    except LibraryChoiceError as error:
        raise click.BadParameter(str(error), param_hint=f"'{error.option or option}'") from error


def choose_environments(names: Iterable[str], library: Library, *, own: bool = False) -> tuple[str, ...]:
    """Name the environments that an option means: those that services run in, or with `own` those that have stacks."""
    from compiler.layers import choose_members, list_names

    chosen: dict[str, None] = {}
    for name in names:
        members = choose_members(library.environments, name)
        if not members:
            known = list_names(library.environments)
            hint = suggest(name, known) or "known here: " + ", ".join(known)
            raise click.BadParameter(f"the platform runs no environment `{name}`: {hint}", param_hint="--env")
        chosen |= dict.fromkeys(each.shared if own else each.name for each in members)
    return tuple(chosen)
