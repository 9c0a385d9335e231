"""Report, table: rows of results, and how far a long task has come.

In: headers and rows; a stream and how many steps there are.    Out: text; a progress bar where there is a terminal.
Never: cuts a value in a pipe, where another program may read it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from compiler.diagnostics import mask_credentials
from compiler.report_safe import escape_text, measure_text

_COLUMNS = 160


def report_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None, color: bool = False
) -> str:
    """Draw rows as aligned columns. With color and a width in columns, long values are folded to fit the terminal."""
    shown = [[escape_text(mask_credentials(cell)) for cell in row] for row in rows]
    return _draw_rich(headers, shown, width) if color else _draw_plain([list(headers), *shown])


@contextmanager
def show_progress(stream: TextIO, title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """Yield what to call before each step, with its name; draws a bar that vanishes at the end, on a terminal only."""
    if not stream.isatty():
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task(title, total=steps)
        begun = 0

        def begin_step(step: str) -> None:
            nonlocal begun
            progress.update(task, completed=begun, description=f"{title} {escape_text(step)}")
            begun += 1

        yield begin_step


def _draw_plain(lines: list[list[str]]) -> str:
    widths = [max(map(measure_text, column)) for column in zip(*lines, strict=True)]
    return "".join("  ".join(map(_pad, line, widths)).rstrip() + "\n" for line in lines)


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - measure_text(cell))


def _draw_rich(headers: Sequence[str], rows: list[list[str]], width: int | None) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(Text(header), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    output = io.StringIO()
    console = Console(
        file=output,
        force_terminal=True,
        color_system="standard",
        no_color=False,
        legacy_windows=False,
        width=width or _COLUMNS,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"
