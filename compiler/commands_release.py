"""Commands for releases: publish, releases.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a release; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compiler.diagnostics import Diagnostic
from compiler.screen import (
    STATED,
    UNREACHABLE,
    Reporting,
    Screen,
    bucket_option,
    choose_environments,
    file_option,
    find_width,
    format_option,
    is_colored,
    make_screen,
    open_platform,
    platform_option,
    raise_errors,
    release_option,
    repo_argument,
    strict_option,
)
from compiler.wording import count_things

if TYPE_CHECKING:
    from compiler.bucket import Bucket, DamagedObject
    from compiler.channel import Channel


@click.command(short_help="Compile a service and upload the result as a release.")
@repo_argument
@bucket_option
@release_option
@click.option(
    "--env",
    "environments",
    multiple=True,
    type=STATED,
    metavar="ENV",
    help="Compile for this environment too, such as env-search, beside those of service.yml; may be repeated.",
)
@click.option("--allow-dirty", is_flag=True, help="Publish although the working tree differs from its commit.")
@strict_option
@platform_option
@format_option
def publish(
    repo: Path,
    bucket: str,
    release: str | None,
    environments: tuple[str, ...],
    allow_dirty: bool,
    strict: bool,
    platform: str | None,
    format: str | None,
) -> None:
    """Compile every environment of a service and upload the result as one release, which never changes again.

    REPO is the folder that holds service.yml, the current one by default. What the service consumes, and the names that
    it has, are compared with what the other services of each environment run.
    """
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.bucket import open_bucket
        from compiler.library_source import check_published
        from compiler.neighbors import check_neighbors
        from compiler.pipeline import choose_release, compile_plan, plan_service
        from compiler.publish import check_release_id, execute_publish, plan_publish
        from compiler.report_table import show_progress

        target = open_bucket(bucket)
        library = open_platform(platform, repo)
        environments = choose_environments(environments, library)
        plan = plan_service(repo, library, with_archives=True, environments=environments, step_over=True)
        name = check_release_id(choose_release(plan, asked=release, allow_dirty=allow_dirty))
        done = compile_plan(plan, library, release=name)
        found = (*done.diagnostics, *check_neighbors(plan.settings, done.stacks, target, is_strict=strict))
        raise_errors(found)
        check_published(library, target)
        upload = plan_publish(done.bundle, target)
        with show_progress(sys.stderr, "publishing", len(upload.missing)) as begin_step:
            published = execute_publish(upload, target, report_progress=lambda step: begin_step(step.key))
        check_published(library, target)
        count = len(published.written)
        state = "already there" if published.was_there else f"{count_things(count, 'file')} written"
        text = f"{published.service} {published.release} in {bucket}: {state}\n"
        result = {"service": published.service, "release": published.release, "written": list(published.written)}
        screen.confirm(found, text, result)


@click.command(short_help="List the releases of a service, or how often it is deployed.")
@click.argument("service", required=False)
@bucket_option
@click.option("--stats", is_flag=True, help="Count the deployments of each week, of all services if none is named.")
@click.option("--env", "environments", multiple=True, metavar="ENV", help="With --stats: count these only; repeatable.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="With --stats: begin with its week.")
@file_option("With --stats: draw a plot into this file.", "--svg")
@format_option
def releases(
    service: str | None,
    bucket: str,
    stats: bool,
    environments: tuple[str, ...],
    since: datetime | None,
    svg: Path | None,
    format: str | None,
) -> None:
    """List the releases of a service, the newest first, and where each runs.

    With --stats, count the deployments of each week instead.
    """
    if not stats and (environments or since or svg):
        raise click.UsageError("--env, --since and --svg go with --stats")
    if not stats and service is None:
        raise click.UsageError("name a service; all of them are for --stats")
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import open_bucket
        from compiler.promote import read_sound_channels

        target = open_bucket(bucket, makes=False)
        if stats:
            sound, damaged = read_sound_channels(target, service)
            channels = [each for each in sound if not environments or each.environment in environments]
            _show_stats(screen, channels, damaged, since.date() if since else None, svg)
        else:
            assert service is not None
            _show_releases(screen, target, service, bucket)


def _show_releases(screen: Screen, target: Bucket, service: str, url: str) -> None:
    from compiler.bucket import DamagedObject
    from compiler.promote import read_sound_channels, suggest_channel
    from compiler.publish import list_releases

    found = list_releases(target, service)
    rows = [each for each in found if not isinstance(each, DamagedObject)]
    running: dict[str | None, list[str]] = {}
    channels, unread = read_sound_channels(target, service)
    damaged = [*(each for each in found if isinstance(each, DamagedObject)), *unread]
    for channel in channels:
        running.setdefault(channel.release, []).append(channel.environment)
    headers = ("RELEASE", "RUNS IN", "COMMIT", "PLATFORM", "ENVIRONMENTS", "FILES")
    cells = [
        (
            row.release,
            " ".join(running.get(row.release, ())) or "-",
            (row.commit or "-")[:12],
            row.platform,
            " ".join(row.environments),
            str(row.files),
        )
        for row in rows
    ]
    listed = [
        {
            "release": row.release,
            "runsIn": running.get(row.release, []),
            "commit": row.commit,
            "platform": row.platform,
            "environments": list(row.environments),
            "files": row.files,
        }
        for row in rows
    ]
    if not found and screen.format in ("text", "github"):
        near = suggest_channel(target, service)
        said = f"no release of {service} in {url}"
        click.echo(f"{said}: {near}" if near else said, err=True)
    _show(screen, damaged, _draw(headers, cells), {"releases": listed})


def _show_stats(
    screen: Screen, channels: list[Channel], damaged: Sequence[DamagedObject], since: date | None, svg: Path | None
) -> None:
    from compiler.frequency import count_deployments

    counted = count_deployments(channels, since=since)
    shown = [each for each in counted if each.weeks]
    if svg and shown:
        from compiler.output import write_file
        from compiler.report_frequency import draw_frequency

        write_file(svg.parent, svg.name, draw_frequency(shown).encode())
    if not shown and screen.format in ("text", "github"):
        click.echo("no deployments to count", err=True)
    headers = ("SERVICE", "WEEK", "DEPLOYMENTS", "ROLLBACKS")
    cells = [
        (each.service, week.name, str(week.deployments), str(week.rollbacks)) for each in shown for week in each.weeks
    ]
    listed = [
        {
            "service": each.service,
            "weeks": [
                {"week": week.name, "deployments": week.deployments, "rollbacks": week.rollbacks} for week in each.weeks
            ],
        }
        for each in shown
    ]
    _show(screen, damaged, _draw(headers, cells), {"deployments": listed})


def _show(screen: Screen, damaged: Sequence[DamagedObject], text: str, result: Mapping[str, Any]) -> None:
    """Show what could be read; what could not is named, and makes it an incomplete view."""
    if damaged:
        hint = "what it says is left out; look at it, and restore it where the bucket keeps versions"
        screen.fail(UNREACHABLE, [Diagnostic("D802", str(each), hint=hint) for each in damaged], text, result)
    screen.show((), text, result)


def _draw(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    from compiler.report_table import report_table

    return report_table(headers, cells, width=find_width(sys.stdout), color=is_colored(sys.stdout)) if cells else ""
