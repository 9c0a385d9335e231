"""Command line: arguments in, one exit code out.

In: `sys.argv`.    Out: what the command shows, and its exit code.
Faults: those of `screen`, and exit 70 for a bug of Flagstone.
Never: decides anything about a service.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import NoReturn

import click

from compiler import __version__
from compiler.commands_explain import explain
from compiler.commands_lock import lock
from compiler.commands_platform import platform
from compiler.commands_release import publish, releases
from compiler.commands_schema import schema
from compiler.commands_service import compile_, validate
from compiler.screen import OUR_BUG, WRONG_USAGE


def main() -> NoReturn:
    """Run the command line and exit with one code, whatever happens."""
    try:
        # Of a command that ended early, click returns the exit code.
        code = int(cli.main(standalone_mode=False, prog_name="flagstone") or 0)
        sys.stdout.flush()
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
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            click.echo(f"Error: cannot write the outcome: {error.strerror}", err=True)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = WRONG_USAGE
        else:
            traceback.print_exc()
            click.echo(f"\nThis is a bug in flagstone {__version__}, not in your files: please report it.", err=True)
            code = OUR_BUG
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="flagstone %(version)s")
def cli() -> None:
    """Compile a service.yml into CloudFormation, say where every value came from, and publish it."""


for command in (validate, compile_, explain, lock, publish, releases, schema, platform):
    cli.add_command(command)


if __name__ == "__main__":
    main()
