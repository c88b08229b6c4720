"""The command `runs`: list the runs in a folder, as a table or as a page."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import urllib.parse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from keras_recipes.console import command_line, files, terminal

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("test score", "best baseline", "seconds")
INDEX = "index.html"


@dataclasses.dataclass(frozen=True)
class Runs:
    """List the runs in a folder with their test scores, the best of each recipe first."""

    folder: Annotated[pathlib.Path, command_line.takes("FOLDER", positional=True)] = pathlib.Path(
        "runs"
    )
    """Folder that contains run folders."""
    recipe: str | None = None
    """Only the runs of this recipe."""
    html: bool = False
    """Write the table to FOLDER/index.html, with links to the page of each run."""


def list_runs(arguments: Runs) -> None:
    """Print the table, or write the page."""
    from keras_recipes.runs import listing

    found = listing.list_runs(arguments.folder, arguments.recipe)
    if found.empty:
        print(f"no runs in {arguments.folder}")
        return
    rows = list(_rows(found))
    if arguments.html:
        _write_page(arguments.folder, rows, found["folder"])
        print(f"{len(rows)} runs in {arguments.folder / INDEX}")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"runs in {escape(str(arguments.folder))}, the best of each recipe first")
    for name in rows[0]:
        numeric = name in NUMBERS
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    terminal.print_table(table)


def _rows(found: pd.DataFrame) -> Iterator[dict[str, str]]:
    from keras_recipes.runs import scoring

    for run in found.itertuples():
        baseline = scoring.name_of(run.baseline) if run.baseline else ""
        yield {
            "run": pathlib.Path(run.folder).name,
            "recipe": run.recipe,
            "data": run.data,
            "written": f"{run.written:%Y-%m-%d %H:%M}",
            "metric": scoring.NAMES.get(run.metric, run.metric),
            "test score": scoring.figure(run.test),
            "best baseline": f"{baseline} {scoring.figure(run.best_baseline)}".strip(),
            "seconds": f"{run.seconds:.1f}",
        }


def _write_page(folder: pathlib.Path, rows: list[dict[str, str]], folders: pd.Series) -> None:
    from keras_recipes.runs import page

    links = [
        urllib.parse.quote(f"{pathlib.Path(one).name}/{page.NAME}", safe="/") for one in folders
    ]
    html = page.render(
        "runs.html",
        title=f"Runs in {folder.resolve().name}",
        written=f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
        columns=[*rows[0]],
        numbers=NUMBERS,
        rows=[*zip(links, rows, strict=True)],
    )
    with files.faults_named(folder / INDEX, None):
        files.write_text(folder / INDEX, html)
