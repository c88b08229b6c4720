"""The command `export`: write a saved run as a SavedModel."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Annotated

from keras_recipes.console import command_line, startup
from keras_recipes.errors import InputError


@dataclasses.dataclass(frozen=True)
class Export:
    """Write a saved run's model as a SavedModel, which plain TensorFlow loads and serves."""

    run_dir: Annotated[pathlib.Path, command_line.takes("RUN_DIR", positional=True)]
    """Folder that a recipe wrote."""
    folder: Annotated[pathlib.Path, command_line.takes("FOLDER", positional=True)]
    """New folder; TensorFlow Serving wants it named by a number, such as models/price/1."""


def export(arguments: Export) -> None:
    """Export and say what the signature takes and gives."""
    if arguments.folder.exists():
        raise InputError(f"{arguments.folder}: there already; give the name of a new folder")
    startup.load_tensorflow()
    from keras_recipes.runs import export as saved_models

    described = saved_models.export(arguments.run_dir, arguments.folder)
    for side, names in described.items():
        print(f"{side}: {', '.join(map(_with_column, names, names.values()))}")
    if any("ISO 8601" in str(form) for form in described["inputs"].values()):
        print("dates are taken as 2020-01-31 or 2020-01-31T12:00, other forms refused")
    print(f"SavedModel in {arguments.folder}, described in {saved_models.DESCRIPTION}")


def _with_column(name: str, described: object) -> str:
    """Name an input of the signature, and the column that it is where that is called otherwise."""
    column = described.get("column", name) if isinstance(described, dict) else name
    return name if column == name else f"{name} (column {column!r})"
