"""The command `runs`: list the runs in a folder."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Annotated

from keras_recipes.console import command_line, terminal


@dataclasses.dataclass(frozen=True)
class Runs:
    """List the runs in a folder with their test scores, the best of each recipe first."""

    folder: Annotated[pathlib.Path, command_line.takes("FOLDER", positional=True)] = pathlib.Path(
        "runs"
    )
    """Folder that contains run folders."""
    recipe: str | None = None
    """Only the runs of this recipe."""


def list_runs(arguments: Runs) -> None:
    """Print the table."""
    from rich.markup import escape
    from rich.table import Table

    from keras_recipes.runs import listing, scoring

    found = listing.list_runs(arguments.folder, arguments.recipe)
    if found.empty:
        print(f"no runs in {arguments.folder}")
        return
    table = Table(title=f"runs in {escape(str(arguments.folder))}, the best of each recipe first")
    for name in ("run", "recipe", "data", "written", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("test score", "best baseline", "seconds"):
        table.add_column(name, justify="right")
    for run in found.itertuples():
        folder = pathlib.Path(run.folder)
        baseline = scoring.name_of(run.baseline) if run.baseline else ""
        table.add_row(
            *(escape(folder.name), escape(run.recipe), escape(run.data)),
            f"{run.written:%Y-%m-%d %H:%M}",
            scoring.NAMES.get(run.metric, run.metric),
            scoring.figure(run.test),
            f"{baseline} {scoring.figure(run.best_baseline)}".strip(),
            f"{run.seconds:.1f}",
        )
    terminal.print_table(table)
