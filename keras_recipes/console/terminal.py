"""What a program writes to: a terminal, a file or a pipe, of any width and encoding."""

from __future__ import annotations

import codecs
import os
import sys

import rich.console
from rich.measure import Measurement
from rich.table import Table

# What the programs print beyond ASCII, for an output that cannot take it.
_SPELLED = {"±": "+-", "²": "2", "·": "-", "×": "x", "−": "-", "…": "...", "→": "->", "━": "="}


class Console(rich.console.Console):
    """Rich's console, which leaves it to the program what happens when its reader has gone."""

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError that is being handled; Rich would exit with 1 here."""
        raise


def is_notebook() -> bool:
    """Return whether the program runs in the kernel of a notebook, which shows what is printed."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython and ipython.get_ipython(), "kernel")


def write_what_it_can() -> None:
    """Replace characters that the output's encoding lacks (ASCII, cp1252) by a spelling."""
    codecs.register_error("spelled", _spell)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="spelled")


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_SPELLED.get(character, "?") for character in text), error.end


def forget_output() -> None:
    """Write to nowhere from now on: the reader has gone, and Python would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_if_read(line: str) -> None:
    """Print a line, or nothing from now on where the reader has gone: there is work to be kept."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        forget_output()


def print_table(table: Table) -> None:
    """Print a table, wider than the terminal rather than with numbers cut off.

    Args:
        table: With its columns of numbers to the right.
    """
    console = Console()
    for column in table.columns:
        if column.justify == "right":
            cells = (column.header, *column.cells)
            column.min_width = max(len(str(cell)) for cell in cells)
    needed = Measurement.get(console, console.options.update(max_width=1000), table)
    console.width = max(console.width, needed.minimum)
    with console.capture() as drawn:
        console.print(table)
    # Rich may cut off the last columns although the others could be folded.
    tops = [line for line in drawn.get().splitlines() if line[:1] in ("┏", "+")]
    if tops and tops[0][-1] not in ("┓", "+"):
        console.width = needed.maximum
    console.print(table)
