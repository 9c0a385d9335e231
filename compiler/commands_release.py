"""Commands for releases: publish, releases.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a release; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from compiler.screen import (
    Reporting,
    bucket_option,
    find_width,
    format_option,
    is_colored,
    make_screen,
    open_platform,
    platform_option,
    release_option,
    repo_argument,
)


@click.command(short_help="Compile a service and upload the result as a release.")
@repo_argument
@bucket_option
@release_option
@click.option("--allow-dirty", is_flag=True, help="Publish although the working tree differs from its commit.")
@platform_option
@format_option
def publish(
    repo: Path, bucket: str, release: str | None, allow_dirty: bool, platform: str | None, format: str | None
) -> None:
    """Compile every environment of a service and upload the result as one release, which never changes again.

    REPO is the folder that holds service.yml, the current one by default.
    """
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.bucket import open_bucket
        from compiler.pipeline import choose_release, compile_plan, plan_service
        from compiler.publish import check_release_id, execute_publish, plan_publish
        from compiler.report_table import show_progress

        target = open_bucket(bucket)
        library = open_platform(platform, repo)
        plan = plan_service(repo, library, with_archives=True, step_over=True)
        name = check_release_id(choose_release(plan, asked=release, allow_dirty=allow_dirty))
        done = compile_plan(plan, library, release=name)
        upload = plan_publish(done.bundle, target)
        with show_progress(sys.stderr, "publishing", len(upload.missing)) as begin_step:
            published = execute_publish(upload, target, report_progress=lambda step: begin_step(step.key))
        count = len(published.written)
        state = "already there" if published.was_there else f"{count} file{'' if count == 1 else 's'} written"
        text = f"{published.service} {published.release} in {bucket}: {state}\n"
        result = {"service": published.service, "release": published.release, "written": list(published.written)}
        screen.confirm(done.diagnostics, text, result)


@click.command()
@click.argument("service")
@bucket_option
@format_option
def releases(service: str, bucket: str, format: str | None) -> None:
    """List the releases of a service, the newest first."""
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import open_bucket
        from compiler.publish import list_releases
        from compiler.report_table import report_table

        rows = list_releases(open_bucket(bucket, makes=False), service)
        headers = ("RELEASE", "COMMIT", "PLATFORM", "ENVIRONMENTS", "FILES")
        cells = [
            (row.release, (row.commit or "-")[:12], row.platform, " ".join(row.environments), str(row.files))
            for row in rows
        ]
        text = report_table(headers, cells, width=find_width(sys.stdout), color=is_colored(sys.stdout)) if rows else ""
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
