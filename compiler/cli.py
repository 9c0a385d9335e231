"""Command line: arguments in, exit codes out, and the only place that prints.

In: `sys.argv`.    Out: results on standard output, diagnostics and progress on standard error.
Faults: exit 1 faults in the input, 2 wrong usage, 3 bucket unreachable, 4 conflict, 70 a bug of Flagstone.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from compiler import __version__
from compiler.diagnostics import CompileError, Diagnostic, suggest

if TYPE_CHECKING:
    from compiler.model import Library

FAULTS, WRONG_USAGE, UNREACHABLE, CONFLICT, OUR_BUG = 1, 2, 3, 4, 70

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FORMATS = ("text", "json", "github", "sarif")


def main() -> NoReturn:
    """Run the command line and exit with one code, whatever happens."""
    try:
        # Of a command that ended early, click returns the exit code.
        code = int(cli.main(standalone_mode=False, prog_name="flagstone") or 0)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        code = 130
    except BrokenPipeError:
        # The reader has seen enough; keep the interpreter from complaining when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception:
        traceback.print_exc()
        click.echo(f"\nThis is a bug in flagstone {__version__}, not in your files: please report it.", err=True)
        code = OUR_BUG
    sys.exit(code)


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
            color = _is_colored(sys.stderr)
            width = _width(sys.stderr)
            report = report_diagnostics(found, format=self.format, prefix=self.prefix, color=color, width=width)
            click.echo(report, nl=False, err=True, color=color)
            click.echo(text, nl=False)

    def fail(self, code: int, *diagnostics: Diagnostic) -> NoReturn:
        self.show(diagnostics)
        raise click.exceptions.Exit(code)


def _is_colored(stream: Any) -> bool:
    return bool(stream.isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _width(stream: Any) -> int | None:
    return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else None


def _screen(format: str | None, folder: Path | None = None) -> Screen:
    chosen = format or ("github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text")
    shown = "" if folder is None or str(folder) == "." else f"{folder.as_posix()}/"
    return Screen(chosen, shown)


class _Guard:
    """Turn what the rooms raise into a report and an exit code."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def __enter__(self) -> Screen:
        return self.screen

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, CompileError):
            self.screen.fail(FAULTS, *error.diagnostics)
        if error is None or not type(error).__module__.startswith("compiler."):
            return
        from compiler.bucket import BucketFault, BucketUrlError, Conflict
        from compiler.output import OutputError
        from compiler.publish import ReleaseNameError

        if isinstance(error, Conflict):
            hint = "a release never changes: publish under another id with --release"
            self.screen.fail(CONFLICT, Diagnostic("D801", str(error), hint=hint))
        if isinstance(error, BucketFault):
            self.screen.fail(UNREACHABLE, Diagnostic("D802", str(error)))
        if isinstance(error, BucketUrlError | ReleaseNameError | OutputError):
            raise click.UsageError(str(error)) from error


# Options that several commands share

_repo = click.argument("repo", type=_FOLDER, default=".", metavar="[REPO]")
_platform = click.option(
    "--platform", type=_FOLDER, metavar="PATH", help="Use the platform library in this folder, not the packaged one."
)
_format = click.option(
    "--format",
    type=click.Choice(_FORMATS),
    help="How to report. [default: text; github under GitHub Actions]",
)
_env = click.option("--env", "environments", multiple=True, metavar="ENV", help="An environment; may be repeated.")
_out = click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default="out", show_default=True, metavar="DIR"
)
_no_lint = click.option("--no-lint", is_flag=True, help="Leave out cfn-lint.")
_bucket = click.option(
    "--bucket",
    envvar="FLAGSTONE_BUCKET",
    show_envvar=True,
    required=True,
    metavar="URL",
    help="The deployment bucket: s3://name/prefix, file:///path or the path of a folder.",
)
_release = click.option("--release", metavar="ID", help="The release id. [default: from the git commit]")


def _open(platform: Path | None) -> Library:
    from compiler.pipeline import open_library

    return open_library(platform)


def _check_environments(names: Iterable[str], library: Library) -> None:
    from compiler.layers import shared_environment

    for name in names:
        if shared_environment(library.environments, name) is None:
            known = sorted(library.environments)
            hint = suggest(name, known) or "known here: " + ", ".join(known)
            raise click.BadParameter(f"the platform runs no environment `{name}`: {hint}", param_hint="--env")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="flagstone %(version)s")
def cli() -> None:
    """Compile a service.yml into CloudFormation, say where every value came from, and publish it."""


@cli.command()
@_repo
@_platform
@_format
def validate(repo: Path, platform: Path | None, format: str | None) -> None:
    """Check service.yml, overrides and additions without building anything.

    REPO is the folder that holds service.yml, the current one by default.
    """
    with _Guard(_screen(format, repo)) as screen:
        from compiler.pipeline import plan_service

        library = _open(platform)
        plan = plan_service(repo, library, with_archives=False)
        names = list(plan.settings)
        text = f"{plan.descriptor.data['service']} is valid in {', '.join(names)}\n"
        screen.show(plan.diagnostics, text, {"service": plan.descriptor.data["service"], "environments": names})


@cli.command("compile")
@_repo
@_env
@_out
@_release
@_no_lint
@_platform
@_format
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
    with _Guard(_screen(format, repo)) as screen:
        from compiler.output import write_bundle
        from compiler.pipeline import compile_service
        from compiler.publish import check_release_id

        if release is not None:
            check_release_id(release)
        library = _open(platform)
        _check_environments(environments, library)
        done = compile_service(repo, library, environments=environments, release=release, lint=not no_lint)
        write_bundle(done.bundle, out)
        sizes = {name: len(stack.template["Resources"]) for name, stack in done.stacks.items()}
        lines = [f"{out / name / 'template.json'}  {count} resources\n" for name, count in sizes.items()]
        lines.append(f"{out / 'manifest.json'}  release {done.bundle.release}, {len(done.bundle.files)} files\n")
        result = {"release": done.bundle.release, "out": str(out), "resources": sizes, "files": list(done.bundle.files)}
        screen.show(done.diagnostics, "".join(lines), result)


@cli.command()
@click.argument("words", nargs=-1, required=True, metavar="[REPO] POINTER | CODE")
@click.option("--env", "environment", metavar="ENV", help="The environment to explain the value in.")
@_platform
@_format
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
    with _Guard(_screen(format, repo)) as screen:
        from compiler.explain import explain_value
        from compiler.pipeline import build_stack, plan_service
        from compiler.report_story import report_story, story_to_json

        library = _open(platform)
        plan = plan_service(repo, library, with_archives=False)
        chosen = environment or (next(iter(plan.settings)) if len(plan.settings) == 1 else None)
        if chosen is None:
            raise click.UsageError(f"name an environment with --env: {', '.join(plan.settings)}")
        _check_environments([chosen], library)
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
    _screen(format).show((), text, {"code": code, "text": text})


@cli.command()
@_repo
@_bucket
@_release
@click.option("--allow-dirty", is_flag=True, help="Publish although the working tree differs from its commit.")
@_platform
@_format
def publish(
    repo: Path, bucket: str, release: str | None, allow_dirty: bool, platform: Path | None, format: str | None
) -> None:
    """Compile every environment of a service and upload the result as one release, which never changes again.

    REPO is the folder that holds service.yml, the current one by default.
    """
    with _Guard(_screen(format, repo)) as screen:
        from compiler.bucket import open_bucket
        from compiler.pipeline import choose_release, compile_plan, plan_service
        from compiler.publish import check_release_id, execute_publish, plan_publish
        from compiler.report_table import show_progress

        target = open_bucket(bucket)
        library = _open(platform)
        plan = plan_service(repo, library, with_archives=True)
        name = check_release_id(release or choose_release(plan.repository.commit, allow_dirty=allow_dirty))
        done = compile_plan(plan, library, release=name)
        upload = plan_publish(done.bundle, target)
        with show_progress(sys.stderr, "publishing", len(upload.missing)) as begin_step:
            published = execute_publish(upload, target, report_progress=lambda step: begin_step(step.key))
        state = "already there" if published.was_there else f"{len(published.written)} files written"
        text = f"{published.service} {published.release} in {bucket}: {state}\n"
        result = {"service": published.service, "release": published.release, "written": list(published.written)}
        screen.show(done.diagnostics, text, result)


@cli.command()
@click.argument("service")
@_bucket
@_format
def releases(service: str, bucket: str, format: str | None) -> None:
    """List the releases of a service, the newest first."""
    with _Guard(_screen(format)) as screen:
        from compiler.bucket import open_bucket
        from compiler.publish import list_releases
        from compiler.report_table import report_table

        rows = list_releases(open_bucket(bucket), service)
        headers = ("RELEASE", "COMMIT", "PLATFORM", "ENVIRONMENTS", "FILES")
        cells = [
            (row.release, (row.commit or "-")[:12], row.platform, " ".join(row.environments), str(row.files))
            for row in rows
        ]
        text = report_table(headers, cells, width=_width(sys.stdout), color=_is_colored(sys.stdout)) if rows else ""
        listed = [
            {
                "release": row.release,
                "commit": row.commit,
                "platform": row.platform,
                "environments": list(row.environments),
                "files": row.files,
            }
            for row in rows
        ]
        if not rows and screen.format in ("text", "github"):
            click.echo(f"no release of {service} in {bucket}", err=True)
        screen.show((), text, {"releases": listed})


@cli.group()
def platform() -> None:
    """The platform team's side."""


@platform.command("compile")
@_env
@_out
@_no_lint
@_platform
@_format
def platform_compile(
    environments: tuple[str, ...], out: Path, no_lint: bool, platform: Path | None, format: str | None
) -> None:
    """Write the stacks of the environments themselves, such as the network, into a folder.

    Without --env, those of every environment of the library.
    """
    with _Guard(_screen(format)) as screen:
        from compiler.output import write_bundle
        from compiler.pipeline import compile_platform

        library = _open(platform)
        _check_environments(environments, library)
        done = compile_platform(library, environments=environments, lint=not no_lint)
        write_bundle(done.bundle, out)
        sizes = {name: len(stack.template["Resources"]) for name, stack in done.stacks.items()}
        lines = [f"{out / name / 'template.json'}  {count} resources\n" for name, count in sizes.items()]
        result = {"out": str(out), "resources": sizes, "files": list(done.bundle.files)}
        screen.show(done.diagnostics, "".join(lines), result)


if __name__ == "__main__":
    main()
