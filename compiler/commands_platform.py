"""Commands for the platform team: platform compile, check, publish, list, show.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a library; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compiler.screen import (
    CONFLICT,
    FAULTS,
    FOLDER,
    STATED,
    UNREACHABLE,
    Reporting,
    bucket_option,
    choose_environments,
    env_option,
    find_width,
    format_option,
    is_colored,
    make_screen,
    no_lint_option,
    open_platform,
    optional_bucket_option,
    out_option,
    platform_option,
)
from compiler.wording import count_things

if TYPE_CHECKING:
    from compiler.library_release import LibraryRelease
    from compiler.model import Library


@click.group()
def platform() -> None:
    """The platform team's side."""


@platform.command("compile", short_help="Write the stacks of the environments themselves into a folder.")
@click.argument("repos", nargs=-1, type=FOLDER, metavar="[REPOS]...")
@env_option
@optional_bucket_option("Where to read which services run in the environments.")
@out_option("out/platform")
@no_lint_option
@platform_option
@format_option
def platform_compile(
    repos: tuple[Path, ...],
    environments: tuple[str, ...],
    bucket: str | None,
    out: Path,
    no_lint: bool,
    platform: str | None,
    format: str | None,
) -> None:
    """Write the stacks of the environments themselves, such as the network, into a folder.

    Without --env, those of every environment of the library. A network whose endpoints are derived has those that
    every instance needs, and those that REPOS (services, or folders that hold some) and what runs by --bucket call.
    """
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import open_bucket
        from compiler.callers import find_callers, list_reasons
        from compiler.families import find_empty_regions
        from compiler.layers import list_own
        from compiler.output import check_output, write_bundle
        from compiler.pipeline import compile_platform

        check_output(out)
        library = open_platform(platform)
        own = tuple(each.name for each in list_own(library.environments))
        chosen = choose_environments(environments, library, own=True) or own
        services, target = list_services(repos), open_bucket(bucket, makes=False) if bucket else None
        callers, doubts = find_callers(library, chosen, services, target)
        done = compile_platform(library, environments=chosen, lint=not no_lint, callers=callers)
        write_bundle(done.bundle, out)
        sizes = {name: len(stack.template["Resources"]) for name, stack in done.stacks.items()}
        held = {name: count_things(size, "resource") for name, size in sizes.items()}
        lines = [f"{out / name / 'template.json'}  {resources}\n" for name, resources in held.items()]
        files = count_things(len(done.bundle.files), "file")
        lines.append(f"{out / 'manifest.json'}  library {library.version}, {files}\n")
        needed = {name: dict(list_reasons(stack)) for name, stack in done.stacks.items()}
        needed = {name: reasons for name, reasons in needed.items() if reasons}
        for name, reasons in needed.items():
            lines.extend(f"{name}  {endpoint}: {', '.join(who)}\n" for endpoint, who in reasons.items())
        result = {"out": str(out), "resources": sizes, "files": list(done.bundle.files), "neededBy": needed}
        screen.confirm((*find_empty_regions(library), *doubts, *done.diagnostics), "".join(lines), result)


@platform.command("check", short_help="Tell which version a changed library has to have.")
@click.argument("repos", nargs=-1, type=FOLDER, metavar="[REPOS]...")
@click.option(
    "--against",
    required=True,
    type=STATED,
    metavar="RELEASE|PATH|URL@RELEASE",
    help="The library that services have now.",
)
@optional_bucket_option("Where the release is.")
@platform_option
@format_option
def platform_check(
    repos: tuple[Path, ...], against: str, bucket: str | None, platform: str | None, format: str | None
) -> None:
    """Compile with two versions of a library and tell which version the newer one has to have at least.

    Its examples are compiled, and REPOS: services, or folders that hold some. What services count on changes in a
    major version only, and what is new makes a minor one. Exits with 1 where platform.yml has a smaller version, or
    CHANGELOG.md no section for it.
    """
    with Reporting(make_screen(format)) as screen:
        from compiler.diagnostics import CompileError
        from compiler.library_release import find_changes
        from compiler.release_gate import check_version, compare_libraries, find_services, list_examples
        from compiler.report_bump import bump_to_json, report_bump
        from compiler.versions import is_version

        if is_version(against) and not Path(against).exists():
            if bucket is None:
                raise click.UsageError(f"name the bucket of release {against} with --bucket")
            against = f"{bucket}@{against}"
        try:
            old = open_platform(against)
        except click.BadParameter as error:
            error.param_hint = "'--against'"
            raise
        new = open_platform(platform)
        services = find_services([*list_examples(old), *list_examples(new), *list_services(repos)])
        compared = compare_libraries(old, new, services=services)
        reasons = compared.reasons
        compiled = {str(each.folder): each.compiles for each in compared.services}
        text = report_bump(
            old.version, new.version, reasons, compiled, width=find_width(sys.stdout), color=is_colored(sys.stdout)
        )
        result = {**bump_to_json(old.version, new.version, reasons), "services": list(compiled), "compiled": compiled}
        faults = list(compared.faults)
        if fault := check_version(old, new, reasons):
            faults.append(fault)
        if reasons and new.version != old.version:
            try:
                find_changes(new, is_released=False)
            except CompileError as error:
                faults.extend(error.diagnostics)
        if faults:
            screen.fail(FAULTS, faults, text, result)
        screen.show((), text, result)


@platform.command("publish", short_help="Upload a version of the library, once.")
@click.argument("repos", nargs=-1, type=FOLDER, metavar="[REPOS]...")
@bucket_option
@click.option("--allow-dirty", is_flag=True, help="Publish although the working tree differs from its commit.")
@no_lint_option
@platform_option
@format_option
def platform_publish(
    repos: tuple[Path, ...], bucket: str, allow_dirty: bool, no_lint: bool, platform: str | None, format: str | None
) -> None:
    """Compile every environment of a library and upload the library as one version, which never changes again.

    The version is the one of platform.yml, and CHANGELOG.md has a section for it. It has to be as great a step from
    the newest older version in the bucket as `platform check` says by its examples and REPOS: services, or folders that
    hold some. There has to be one of either, and the examples have to compile.
    """
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import Conflict, open_bucket
        from compiler.diagnostics import CompileError, Diagnostic
        from compiler.library_release import check_library_name, pack_library, release_folder
        from compiler.offers import describe_offers
        from compiler.pipeline import compile_platform
        from compiler.release_gate import check_release
        from compiler.report_table import show_progress
        from compiler.upload import execute_upload, plan_upload

        services = list_services(repos)
        target = open_bucket(bucket)
        library = open_platform(platform)
        if not allow_dirty and is_dirty(library):
            message = f"`{library.root}` differs from its commit"
            hint = "commit or stash the changes, or publish them all the same with --allow-dirty"
            raise CompileError([Diagnostic("D803", message, hint=hint)])
        if fault := check_library_name(target, library.name):
            raise CompileError([fault])
        done = compile_platform(library, lint=not no_lint)
        bundle = pack_library(library, describe_offers(library, done.stacks))
        if faults := check_release(library, bucket, services=services):
            raise CompileError(faults)
        tags = {"library": library.name, "version": library.version}
        try:
            upload = plan_upload(release_folder(library.version), bundle.files, tags, target)
            with show_progress(sys.stderr, "publishing", len(upload.missing)) as begin_step:
                written = execute_upload(upload, target, report_progress=lambda step: begin_step(step.key))
        except Conflict as conflict:
            hint = "a published version never changes: give the library a new `version` in platform.yml"
            screen.fail(CONFLICT, [Diagnostic("D801", str(conflict), hint=hint)])
        count = len(written)
        state = f"{count_things(count, 'file')} written" if written else "already there"
        text = f"{library.name} {library.version} in {bucket}: {state}\n"
        result = {
            "name": library.name,
            "version": library.version,
            "digest": library.digest,
            "written": list(written),
        }
        screen.confirm(done.diagnostics, text, result)


@platform.command("list")
@bucket_option
@format_option
def platform_list(bucket: str, format: str | None) -> None:
    """List the versions of the library in a bucket, the newest first."""
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import DamagedObject, open_bucket
        from compiler.diagnostics import Diagnostic
        from compiler.library_release import list_library_releases
        from compiler.report_table import report_table

        listed = list_library_releases(open_bucket(bucket, makes=False))
        found = [each for each in listed if not isinstance(each, DamagedObject)]
        damaged = [Diagnostic("D802", str(each)) for each in listed if isinstance(each, DamagedObject)]
        headers = ("VERSION", "LIBRARY", "DIGEST", "COMPILER")
        cells = [(each.version, each.name, each.digest[:12], each.compiler or "any") for each in found]
        text = report_table(headers, cells, width=find_width(sys.stdout), color=is_colored(sys.stdout)) if found else ""
        if not listed and screen.format in ("text", "github"):
            click.echo(f"no library in {bucket}", err=True)
        result = {"versions": [describe(each) for each in found]}
        if damaged:
            screen.fail(UNREACHABLE, damaged, text, result)
        screen.show((), text, result)


@platform.command("show")
@click.argument("version")
@bucket_option
@format_option
def platform_show(version: str, bucket: str, format: str | None) -> None:
    """Show what a version of the library in a bucket offers, and what its change log says."""
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import NotInBucket, open_bucket
        from compiler.diagnostics import CompileError, Diagnostic
        from compiler.library_release import list_versions, read_library_release
        from compiler.report_library import report_library
        from compiler.report_safe import mask_data
        from compiler.versions import is_version

        if not is_version(version):
            raise click.BadParameter(f"`{version}` is no version, such as 1.0.0", param_hint="VERSION")
        target = open_bucket(bucket, makes=False)
        try:
            found = read_library_release(target, version)
        except NotInBucket:
            known = list_versions(target)
            hint = (
                f"there are {', '.join(known[:5])}" if known else "publish it first: no version of a library is there"
            )
            raise CompileError([Diagnostic("D337", f"no library `{version}` in {bucket}", hint=hint)]) from None
        result = {**describe(found), "changelog": found.changelog, "offers": found.offers}
        screen.show((), report_library(found), mask_data(result))


def list_services(repos: tuple[Path, ...]) -> list[Path]:
    """List the services in folders that somebody named, each of which has to hold one."""
    from compiler.release_gate import find_services

    found = {repo: find_services([repo]) for repo in repos}
    for repo, services in found.items():
        if not services:
            raise click.BadParameter(f"there is no service.yml in `{repo}`", param_hint="REPOS")
    return [service for services in found.values() for service in services]


def is_dirty(library: Library) -> bool:
    """Tell whether what git knows of a library's folder is something else than what lies there."""
    from compiler.checkout import read_commit

    commit = read_commit(library.root, ["platform.yml"], sorted({file.path.split("/")[0] for file in library.files}))
    return commit is not None and commit.is_dirty


def describe(release: LibraryRelease) -> dict[str, Any]:
    return {
        "version": release.version,
        "name": release.name,
        "digest": release.digest,
        "compiler": release.compiler,
    }
