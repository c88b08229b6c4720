"""The command `example`: write a small example table."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Annotated

from keras_recipes.console import command_line, files
from keras_recipes.data import rents

NUM_NEW_ROWS = 5


@dataclasses.dataclass(frozen=True)
class Example:
    """Write a synthetic table of flats and rents: rents.csv for training, new.csv to predict."""

    folder: Annotated[pathlib.Path, command_line.takes("FOLDER", positional=True)] = pathlib.Path()
    """Existing folder for the two files; by default, the current folder."""


def example(arguments: Example) -> None:
    """Write the two files; neither replaces a file that is there."""
    table = rents.draw(1000 + NUM_NEW_ROWS)
    known, new = table.iloc[:-NUM_NEW_ROWS], table.iloc[-NUM_NEW_ROWS:].drop(columns="rent")
    paths = {arguments.folder / "rents.csv": known, arguments.folder / "new.csv": new}
    for path in paths:
        files.check_new_file("FOLDER", path)
    for path, rows in paths.items():
        with files.faults_named(path):
            files.write_text(path, rows.to_csv(index=False))
        print(f"{path}: {len(rows):,} rows x {rows.shape[1]} columns")
    print(f"Next: python -m recipes.tabular {next(iter(paths))} --target rent")
