"""Commands for channels: promote, rollback, history; and gc, which removes what no channel needs.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a channel; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from compiler.screen import (
    CONFLICT,
    STATED,
    Reporting,
    Screen,
    bucket_option,
    find_width,
    format_option,
    is_colored,
    make_screen,
)

if TYPE_CHECKING:
    from compiler.channel import Move, Wish
    from compiler.promote import Moved

_actor_option = click.option(
    "--actor",
    metavar="NAME",
    help="Who moves the channel. [default: who started the run of CI, else who is logged in]",
)


_env_option = click.option("--env", "environment", type=STATED, metavar="ENV", required=True, help="The environment.")


@click.command(short_help="Let an environment run a release.")
@click.argument("service")
@click.argument("release")
@click.option(
    "--to",
    "environment",
    type=STATED,
    metavar="ENV",
    required=True,
    help="The environment that should run the release.",
)
@bucket_option
@click.option("--reason", metavar="TEXT", help="Why, for the history.")
@click.option(
    "--force",
    is_flag=True,
    help="Pass over environments that come first, and names that others have; needs a --reason.",
)
@_actor_option
@format_option
def promote(
    service: str,
    release: str,
    environment: str,
    bucket: str,
    reason: str | None,
    force: bool,
    actor: str | None,
    format: str | None,
) -> None:
    """Let an environment run a release of a service from now on.

    The release is read to the last byte first. It has to be compiled for the environment, to have run in those that the
    platform puts before it, and to have no name that another service has there. Should somebody else be faster, nothing
    is changed and the exit code is 4.
    """
    if force and reason is None:
        raise click.UsageError("--force goes into the history with its reason: say why with --reason")
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import open_bucket
        from compiler.promote import promote_release

        target = open_bucket(bucket, makes=False)
        _confirm(
            screen, promote_release(target, service, release, environment, _make_wish(actor, reason, is_forced=force))
        )


@click.command(short_help="Let an environment run the release that ran before.")
@click.argument("service")
@_env_option
@click.option(
    "--to", "release", type=STATED, metavar="RELEASE", help="Another release that has run there, not the one before."
)
@bucket_option
@click.option("--reason", metavar="TEXT", help="Why, for the history.")
@_actor_option
@format_option
def rollback(
    service: str,
    environment: str,
    release: str | None,
    bucket: str,
    reason: str | None,
    actor: str | None,
    format: str | None,
) -> None:
    """Let an environment run again what it ran before its last promotion.

    A rollback is a move of its own, and the history keeps both. Two in a row go back by two promotions.
    """
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import open_bucket
        from compiler.promote import roll_back

        target = open_bucket(bucket, makes=False)
        _confirm(screen, roll_back(target, service, environment, release, _make_wish(actor, reason)))


@click.command(short_help="Tell who let an environment run what, when and why.")
@click.argument("service")
@_env_option
@bucket_option
@format_option
def history(service: str, environment: str, bucket: str, format: str | None) -> None:
    """List every move of a service in an environment, the newest first."""
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import open_bucket
        from compiler.promote import read_channel, suggest_channel
        from compiler.report_table import report_table

        target = open_bucket(bucket, makes=False)
        channel, _ = read_channel(target, service, environment)
        moves = channel.history[::-1]
        headers = ("AT", "BY", "ACTION", "FROM", "TO", "WHY")
        cells = [
            (move.at, move.actor.name, _name_action(move), move.before or "-", move.release, move.reason or "-")
            for move in moves
        ]
        width, color = find_width(sys.stdout), is_colored(sys.stdout)
        text = report_table(headers, cells, width=width, color=color) if moves else ""
        if not moves and screen.format in ("text", "github"):
            near = suggest_channel(target, service, environment)
            said = f"nothing was promoted to {environment} for {service} in {bucket}"
            click.echo(f"{said}: {near}" if near else said, err=True)
        listed = [_tell_move(move) for move in moves]
        result = {"service": service, "environment": environment, "release": channel.release, "history": listed}
        screen.show((), text, result)


@click.command(short_help="List what nothing in the bucket needs any more, or remove it.")
@bucket_option
@click.option(
    "--keep-days",
    type=click.IntRange(1, 36_500),
    default=90,
    show_default=True,
    metavar="N",
    help="Keep what is younger than N days, and what ran within them.",
)
@click.option("--delete", is_flag=True, help="Remove it. Without this, nothing is changed.")
@format_option
def gc(bucket: str, keep_days: int, delete: bool, format: str | None) -> None:
    """List releases, versions of the library and broken-off publishes that nothing needs any more.

    What runs stays, and what a rollback would lead to, however old; so do the newest version of each line of the
    library, and every version that a release which stays was compiled with.
    """
    with Reporting(make_screen(format)) as screen:
        import secrets

        from compiler.bucket import Conflict, open_bucket
        from compiler.diagnostics import Diagnostic
        from compiler.report_table import report_table
        from compiler.sweep import execute_sweep, plan_sweep

        target, now = open_bucket(bucket, makes=False), datetime.now(UTC)
        sweep = plan_sweep(target, now=now, keep=timedelta(days=keep_days))
        rows = [(each.folder, each.reason) for each in sweep.removable]
        size = sweep.size
        if delete:
            try:
                swept = execute_sweep(target, sweep, now=now, nonce=secrets.token_hex(8))
            except Conflict as conflict:
                hint = "run it again once the other is done; one that was broken off stands in the way for a day"
                screen.fail(CONFLICT, [Diagnostic("D801", str(conflict), hint=hint)])
            reasons = {each.folder.path: each.reason for each in sweep.removable}
            rows = [(folder, reasons[folder.path]) for folder in swept.removed]
            size = sum(folder.size for folder in swept.removed)
            kept = "".join(f"{each.folder.path} stays: {each.reason}\n" for each in swept.spared)
        cells = [(folder.path, f"{folder.size:,}", reason) for folder, reason in rows]
        width, color = find_width(sys.stdout), is_colored(sys.stdout)
        table = report_table(("FOLDER", "BYTES", "WHY"), cells, width=width, color=color) if rows else ""
        done = f"{len(rows)} removed, {size:,} bytes\n{kept}" if delete else f"{len(rows)} to remove, {size:,} bytes\n"
        hint = "nothing was changed; --delete removes them\n" if rows and not delete else ""
        result = {
            "deleted": delete,
            "bytes": size,
            "folders": [{"folder": each.path, "bytes": each.size, "reason": reason} for each, reason in rows],
            "spared": [{"folder": each.folder.path, "reason": each.reason} for each in swept.spared] if delete else [],
        }
        screen.confirm((), table + done + hint, result)


def _make_wish(actor: str | None, reason: str | None, *, is_forced: bool = False) -> Wish:
    import getpass
    import secrets

    from compiler.actor import find_actor
    from compiler.channel import Wish, check_text

    return Wish(
        actor=find_actor(os.environ, asked=actor, login=getpass.getuser),
        at=datetime.now(UTC),
        nonce=secrets.token_hex(8),
        reason=check_text(reason, "reason") if reason is not None else None,
        is_forced=is_forced,
    )


def _confirm(screen: Screen, moved: Moved) -> None:
    channel = moved.channel
    where = f"{channel.service} in {channel.environment}"
    text = f"{where} runs {channel.release} already\n"
    if moved.move:
        before = f", after {moved.move.before}" if moved.move.before else ""
        text = f"{where} runs {channel.release} from now on{before} (move {moved.move.number})\n"
    result = {
        "service": channel.service,
        "environment": channel.environment,
        "release": channel.release,
        "move": _tell_move(moved.move) if moved.move else None,
    }
    screen.confirm(moved.found, text, result)


def _name_action(move: Move) -> str:
    passed = [*move.skipped, *(f"names or events of {rival}" for rival in move.rivals)]
    return f"{move.action} (forced past {', '.join(passed)})" if passed else move.action


def _tell_move(move: Move) -> dict[str, Any]:
    return {
        "number": move.number,
        "action": move.action,
        "release": move.release,
        "from": move.before,
        "at": move.at,
        "by": move.actor.name,
        "run": move.actor.run,
        "reason": move.reason,
        "forced": move.is_forced,
        "skipped": list(move.skipped),
        "rivals": list(move.rivals),
    }
