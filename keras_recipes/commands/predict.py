"""The command `predict`: predict new inputs with a saved run."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from typing import Annotated

from keras_recipes import configs
from keras_recipes.console import command_line, files, startup
from keras_recipes.data import csv_reader


@dataclasses.dataclass(frozen=True)
class Predict:
    """Predict new inputs with the model of a run: class names and probabilities, or numbers."""

    run_dir: Annotated[pathlib.Path, command_line.takes("RUN_DIR", positional=True)]
    """Folder of a run."""
    input: Annotated[pathlib.Path, command_line.takes("INPUT", positional=True)]
    """A table, a .npy array, an image, a .txt file, or a folder of images or .txt files, as the run
    was trained on."""
    out: Annotated[pathlib.Path | None, command_line.takes("OUT", flags=("-o", "--out"))] = None
    """New CSV file for the predictions; by default, they are printed. If INPUT has semicolons
    and decimal commas, the file has them too, so that Excel can open both."""
    threshold: Annotated[configs.Threshold | None, command_line.takes("T", "that of the run")] = (
        None
    )
    """Decision threshold for two classes: the minimum probability to predict the second class."""


def predict(arguments: Predict) -> None:
    """Predict and print, or write to a file."""
    if arguments.out is not None:
        files.check_new_file("-o", arguments.out)
    startup.load_tensorflow()
    from keras_recipes.runs import predict as predictions, summary

    given = arguments.run_dir, arguments.input
    table = predictions.predict(*given, threshold=arguments.threshold)
    if scores := table.attrs.get("scores"):
        print(summary.describe_scores(scores, len(table)), file=sys.stderr, flush=True)
    if arguments.out is None:
        print(table.to_csv(index=False, float_format=_figure), end="")
        return
    form = _form_of(arguments.input)
    with files.faults_named(arguments.out, "-o"):
        text = table.to_csv(
            index=False,
            sep=form.delimiter,
            float_format=lambda value: _figure(value).replace(".", form.decimal),
        )
        files.write_bytes(arguments.out, text.encode(form.encoding), devices=True)
    print(f"{len(table)} predictions in {arguments.out}")


def _form_of(path: pathlib.Path) -> csv_reader.Dialect:
    """Return how to write predictions so that the program that wrote the inputs opens them.

    An Excel that writes semicolons opens no commas, and one that wrote no plain UTF-8 takes what
    has no byte order mark for its own encoding.
    """
    given = csv_reader.Dialect("utf-8", ",", ".")
    if path.is_file() and path.suffix.lower() not in (".npy", ".png"):
        given = csv_reader.dialect_of(path, decimal=",")
    cut, decimal = (";", given.decimal) if given.delimiter == ";" else (",", ".")
    return csv_reader.Dialect("utf-8" if given.encoding == "utf-8" else "utf-8-sig", cut, decimal)


def _figure(value: float) -> str:
    """Write six digits, and those beyond that stand before the point."""
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.0f}"
