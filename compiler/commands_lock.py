"""Commands for the lock: lock.

In: arguments.    Out: an outcome on the screen, and `flagstone.lock`.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.screen import (
    STATED,
    Reporting,
    Screen,
    choosing_library,
    find_width,
    format_option,
    is_colored,
    make_screen,
    platform_option,
    read_platform,
    repo_argument,
)
from compiler.wording import count_things

if TYPE_CHECKING:
    from compiler.model import Library
    from compiler.pipeline import Locking

LOCK = "flagstone.lock"


@click.command()
@repo_argument
@click.option(
    "--upgrade", is_flag=True, help="Pin the library in use or the newest of the bucket, whatever is pinned now."
)
@click.option(
    "--to",
    type=STATED,
    metavar="VERSION",
    help="The version to take from the bucket, or its line. [default: the line of service.yml]",
)
@click.option(
    "--bucket",
    type=STATED,
    metavar="URL",
    help="The bucket to take the library from. [default: that of flagstone.lock]",
)
@platform_option
@format_option
def lock(
    repo: Path, upgrade: bool, to: str | None, bucket: str | None, platform: str | None, format: str | None
) -> None:
    """Pin the platform library in flagstone.lock, with what it says at each place that an override touches.

    REPO is the folder that holds service.yml, the current one by default. Commit flagstone.lock: from then on a
    service compiles with that library alone. With --upgrade, what another library moves under the overrides is
    listed before the lock is written; nothing is written while an override does not fit.

    Of a bucket, the newest version of the release line is taken, and no pre-release unless --to names it.
    """
    with Reporting(make_screen(format, repo)) as screen:
        from compiler.library_source import choose_library_to_lock
        from compiler.output import OutputError, write_file
        from compiler.pipeline import lock_service
        from compiler.report import diagnostics_to_json

        with choosing_library():
            library = choose_library_to_lock(read_platform(platform), repo, bucket=bucket, upgrade=upgrade, to=to)
        done = lock_service(repo, library, upgrade=upgrade)
        is_for_people = screen.format in ("text", "github")
        if is_for_people:
            try:
                click.echo(_list_moves(done, library, screen), nl=False)
            except OSError as error:  # a reader that has gone has not seen enough either
                raise OutputError(f"cannot list what moved, and nothing was written: {error.strerror}") from error
        target = repo / LOCK
        was_there = target.is_file() and target.read_bytes() == done.content
        if not was_there:
            write_file(repo, LOCK, done.content)
        result = {
            "service": done.service,
            "lock": target.as_posix(),
            "platform": {
                "name": library.name,
                "version": library.version,
                "digest": library.digest,
                "from": library.bucket,
            },
            "before": done.before and {"name": done.before.name, "version": done.before.version},
            "written": not was_there,
            "overridden": {name: len(pointers) for name, pointers in done.overridden.items()},
            "moves": diagnostics_to_json(done.moves, prefix=screen.prefix),
        }
        # GitHub puts what moved beside the lines of the pull request; in a terminal it was listed already.
        found = done.diagnostics if screen.format == "text" else (*done.diagnostics, *done.moves)
        screen.confirm(found, _sum_up(done, library, was_there=was_there), result)


def _list_moves(done: Locking, library: Library, screen: Screen) -> str:
    """List what moved since the lock that was there; nothing where it pinned this library already."""
    from compiler.report import report_diagnostics

    if done.before is None or (done.before.version, done.before.digest) == (library.version, library.digest):
        return ""
    was, now = f"{done.before.name} {done.before.version}", f"{library.name} {library.version}"
    if was == now:
        was, now = f"{was} ({done.before.digest[:12]})", f"{now} ({library.digest[:12]})"
    color, width = is_colored(sys.stdout), find_width(sys.stdout)
    listed = report_diagnostics(done.moves, format="text", prefix=screen.prefix, color=color, width=width)
    return f"{was} -> {now}\n\n" + (listed or "nothing moved under an override\n") + "\n"


def _sum_up(done: Locking, library: Library, *, was_there: bool) -> str:
    places = {pointer for pointers in done.overridden.values() for pointer in pointers}
    count = f"{count_things(len(places), 'place')} overridden"
    state = "already pins" if was_there else "pins"
    return f"{LOCK} {state} {library.name} {library.version} for {done.service}: {count}\n"
