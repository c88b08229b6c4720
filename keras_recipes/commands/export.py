"""The command `export`: write a saved run as a SavedModel."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Annotated

from keras_recipes.console import command_line, startup
from keras_recipes.errors import InputError


@dataclasses.dataclass(frozen=True)
class Export:
    """Export the model of a run as a SavedModel for TensorFlow and TensorFlow Serving."""

    run_dir: Annotated[pathlib.Path, command_line.takes("RUN_DIR", positional=True)]
    """Folder of a run."""
    folder: Annotated[pathlib.Path, command_line.takes("FOLDER", positional=True)]
    """New folder; TensorFlow Serving needs a version number as its name: models/price/1."""


def export(arguments: Export) -> None:
    """Export, and print the inputs and outputs of the signature."""
    if arguments.folder.exists():
        raise InputError(f"{arguments.folder}: there already; give the name of a new folder")
    startup.load_tensorflow()
    from keras_recipes.runs import export as saved_models

    described = saved_models.export(arguments.run_dir, arguments.folder)
    for side, names in described.items():
        print(f"{side}: {', '.join(map(_with_column, names, names.values()))}")
    if any("ISO 8601" in str(form) for form in described["inputs"].values()):
        print("dates must be written as 2020-01-31 or 2020-01-31T12:00")
    print(f"SavedModel in {arguments.folder}; inputs and outputs in {saved_models.DESCRIPTION}")


def _with_column(name: str, described: object) -> str:
    """Name an input of the signature, and the column that it is where that is called otherwise."""
    column = described.get("column", name) if isinstance(described, dict) else name
    return name if column == name else f"{name} (column {column!r})"
