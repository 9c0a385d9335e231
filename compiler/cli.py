"""Command line: arguments in, one exit code out.

In: `sys.argv`.    Out: what the command shows, and its exit code.
Faults: those of `screen`, and exit 70 for a bug of Flagstone.
Never: decides anything about a service.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Any, NoReturn

import click

from compiler import __version__
from compiler.commands_channel import gc, history, promote, rollback
from compiler.commands_cost import cost
from compiler.commands_diff import diff
from compiler.commands_explain import explain
from compiler.commands_graph import graph
from compiler.commands_lock import lock
from compiler.commands_platform import platform
from compiler.commands_release import publish, releases
from compiler.commands_schema import schema
from compiler.commands_service import compile_, validate
from compiler.commands_verify import verify
from compiler.screen import OUR_BUG, UNWRITABLE, WRONG_USAGE, show_wrong_usage


def main() -> NoReturn:
    """Run the command line and exit with one code, whatever happens."""
    _open_streams()
    try:
        # Of a command that ended early, click returns the exit code.
        code = int(cli.main(standalone_mode=False, prog_name="flagstone") or 0)
    except click.ClickException as error:
        error.show()
        show_wrong_usage(error, sys.argv[1:])
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        code = 130
    except BrokenPipeError:
        code = 0  # the reader has seen enough
    except Exception as error:
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            click.echo(f"Error: cannot write the outcome: {error.strerror}", err=True)
            code = WRONG_USAGE
        else:
            traceback.print_exc()
            click.echo(f"\nThis is a bug in flagstone {__version__}, not in your files: please report it.", err=True)
            code = OUR_BUG
    try:
        sys.stdout.flush()
    except OSError:
        # What could not be written was judged above; keep the interpreter from trying again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _open_streams() -> None:
    """Put something in the place of closed streams, which the next file to be opened would take otherwise.

    To write a result that nobody can receive fails. What is said beside it is lost without changing the outcome.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for what a terminal has no characters for
    encoding = getattr(sys.stderr, "encoding", None)
    lossy = io.BufferedWriter(_LossyFile(2, "w", closefd=False))
    sys.stderr = io.TextIOWrapper(lossy, encoding=encoding, errors="backslashreplace", line_buffering=True)


class _LossyFile(io.FileIO):
    """A file that takes what is written, whether or not it can keep it."""

    def write(self, data: Any) -> int:
        try:
            return int(super().write(data))
        except OSError:
            return memoryview(data).nbytes


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="flagstone %(version)s")
def cli() -> None:
    """Compile a service.yml into CloudFormation, say where every value came from, and publish it."""


for command in (
    *(validate, compile_, explain, diff, graph, cost, lock, publish),
    *(releases, verify, promote, rollback, history, gc),
    *(schema, platform),
):
    cli.add_command(command)


if __name__ == "__main__":
    main()
