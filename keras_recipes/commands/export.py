"""The command `export`: write a saved run as a model for another program."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Annotated, Literal

from keras_recipes.console import command_line, startup
from keras_recipes.errors import InputError


@dataclasses.dataclass(frozen=True)
class Export:
    """Export the model of a run for another program: a new folder with it and signature.json."""

    run_dir: Annotated[pathlib.Path, command_line.takes("RUN_DIR", positional=True)]
    """Folder of a run."""
    folder: Annotated[pathlib.Path, command_line.takes("FOLDER", positional=True)]
    """New folder; TensorFlow Serving needs a version number as its name: models/price/1."""
    format: Literal["savedmodel", "onnx", "litert", "keras"] = "savedmodel"
    """Format: TensorFlow and TensorFlow Serving, ONNX, LiteRT (TensorFlow Lite), or Keras."""
    quantize: Literal["int8"] | None = None
    """Quantization of a LiteRT model to 8 bits; loads the training data again to measure it."""


def export(arguments: Export) -> None:
    """Export, and print the inputs and outputs of the model."""
    if arguments.folder.exists():
        raise InputError(f"{arguments.folder}: there already; give the name of a new folder")
    startup.load_tensorflow()
    from keras_recipes.runs.exports import export as exports, int8

    described = exports.export(
        arguments.run_dir,
        arguments.folder,
        format=arguments.format,
        quantize=arguments.quantize,
    )
    for side in ("inputs", "outputs"):
        print(f"{side}: {', '.join(_with_column(*one) for one in described[side].items())}")
    if any("ISO 8601" in str(form) for form in described["inputs"].values()):
        print("dates must be written as 2020-01-31 or 2020-01-31T12:00")
    if encoding := described.get("encoding"):
        print(f"the model takes numbers, no text; {encoding} says how to make them")
    if "int8" in described:
        print(int8.describe(described["int8"]))
    print(f"{arguments.format} in {arguments.folder}; inputs and outputs in {exports.DESCRIPTION}")


def _with_column(name: str, described: object) -> str:
    """Name an input of the model, and the column that it is where that is called otherwise."""
    column = described.get("column", name) if isinstance(described, dict) else name
    return name if column == name else f"{name} (column {column!r})"
