"""The command `predict`: predict new inputs with a saved run."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Annotated

from keras_recipes.console import command_line, files, startup


@dataclasses.dataclass(frozen=True)
class Predict:
    """Predict new inputs with a saved run: class names and probabilities, or values."""

    run_dir: Annotated[pathlib.Path, command_line.takes("RUN_DIR", positional=True)]
    """Folder that a recipe wrote."""
    input: Annotated[pathlib.Path, command_line.takes("INPUT", positional=True)]
    """A .csv table, a .npy array, a .png image or a folder of .png images."""
    out: Annotated[pathlib.Path | None, command_line.takes("OUT", flags=("-o", "--out"))] = None
    """CSV file to write, a new one; printed where not given."""


def predict(arguments: Predict) -> None:
    """Predict and print, or write to a file."""
    if arguments.out is not None:
        files.check_new_file("-o", arguments.out)
    startup.load_tensorflow()
    from keras_recipes.runs import predict as predictions

    table = predictions.predict(arguments.run_dir, arguments.input)
    if arguments.out is None:
        print(table.to_csv(index=False, float_format=_figure), end="")
        return
    with files.faults_named(arguments.out, "-o"):
        text = table.to_csv(index=False, float_format=_figure)
        files.write_text(arguments.out, text, devices=True)
    print(f"{len(table)} predictions in {arguments.out}")


def _figure(value: float) -> str:
    """Write six digits, and those beyond that stand before the point."""
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.0f}"
