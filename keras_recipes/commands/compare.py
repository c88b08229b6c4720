"""The command `compare`: two runs side by side."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Annotated

from keras_recipes.console import command_line, files, terminal


@dataclasses.dataclass(frozen=True)
class Compare:
    """Compare two runs: the settings that differ, the test scores, the curves of the training."""

    first: Annotated[pathlib.Path, command_line.takes("RUN_DIR", positional=True)]
    """Folder of a run."""
    second: Annotated[pathlib.Path, command_line.takes("RUN_DIR", positional=True)]
    """Folder of another run."""
    out: Annotated[pathlib.Path | None, command_line.takes("PNG", flags=("-o", "--out"))] = None
    """New PNG file for the curves of both runs; by default, they are not drawn."""


def compare(arguments: Compare) -> None:
    """Print both tables and the verdict."""
    from rich.markup import escape
    from rich.table import Table

    from keras_recipes.runs import comparison, scoring

    if arguments.out is not None:
        files.check_new_file("-o", arguments.out)
    found = comparison.compare(arguments.first, arguments.second)
    for title, values in (("settings that differ", found.settings), ("test scores", found.scores)):
        if values.empty:
            print("no settings differ")
            continue
        table = Table(title=title)
        table.add_column("setting" if values is found.settings else "metric")
        for run in values:
            table.add_column(escape(run), justify="right")
        for name, row in values.iterrows():
            if values is found.settings:
                table.add_row(escape(str(name)), *(escape(str(value)) for value in row))
            else:
                figures = (scoring.figure(value) for value in row)
                table.add_row(scoring.NAMES.get(str(name), str(name)), *figures)
        terminal.print_table(table)
    print(found.verdict)
    if arguments.out is not None:
        with files.faults_named(arguments.out, "-o"):
            found.draw(arguments.out)
        print(f"curves in {arguments.out}")
