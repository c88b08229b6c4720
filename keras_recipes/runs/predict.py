"""Predictions of a saved run for new inputs: a CSV table, .npy arrays or .png images."""

from __future__ import annotations

import logging
import os
import pathlib
import types

import keras
import numpy as np
import pandas as pd

from keras_recipes import problems, reading, training
from keras_recipes.data import csv_reader, new_inputs
from keras_recipes.errors import InputError
from keras_recipes.features import tables
from keras_recipes.runs import saved
from keras_recipes.runs.result import Run

_log = logging.getLogger(__name__)


def predict(
    run: Run | str | os.PathLike[str], source: pd.DataFrame | str | os.PathLike[str]
) -> pd.DataFrame:
    """Predict new rows or images with a run.

    Args:
        run: From `train` or `load_run`, or a run's folder.
        source: A table with the columns of the data, in any order; or a file or folder in a form
            that `new_inputs.read` takes: .csv, .npy, .png, a folder of .png.

    Returns:
        A row for each input, in its order, with its number (from 1) or file in `input`, and the
        columns by which the user knows a table's rows. For classes: `prediction`, its
        `probability`, and one column of probability for each class. For numbers: `prediction` and
        its `unit`, where that is known.

    Raises:
        InputError: If the folder is not a run, or the input does not fit it.
    """
    if not isinstance(run, Run):
        run = open_run(run)
    with csv_reader.as_file(source) as given:
        path = reading.expanded(given)
        names, x = new_inputs.read(path, run.inputs)
    if isinstance(x, pd.DataFrame):
        for name, unknown in tables.unknown_categories(run.model, x).items():
            _log.warning(
                "column %r: %d of %d rows hold categories that were not there in training, such as "
                "%r; they count as none of the known ones",
                *(name, len(unknown), len(x), unknown.iloc[0]),
            )
    # Of a user's table the unit is not known: the problem holds the target's name in its place.
    has_unit = run.inputs.table is None
    return _table(run.problem, names, training.predict(run.model, x), has_unit)


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Load a run from its folder.

    Args:
        folder: That `train` or `python -m recipes.NAME` wrote.

    Returns:
        The run. Its config is a namespace of the settings, as they stand in config.json.

    Raises:
        InputError: If the folder is not a run, or its files do not belong together.
    """
    folder = reading.expanded(folder)
    metrics = saved.read_metrics(folder)
    saved.check_files(folder, metrics)
    taken, problem = saved.read_schema(folder)
    config, history = saved.read_config(folder), saved.read_history(folder)
    model = _load_model(folder / saved.MODEL)
    if taken.columns and isinstance(model.input, dict):  # raw columns, which the model encodes
        tables.attach(model)
    _check_model(folder, model, taken, problem)
    if metrics["data"]["kind"] != "real":
        _log.warning("%s was trained on %s, not on the real data", folder, metrics["data"]["name"])
    return Run(folder, model, problem, taken, types.SimpleNamespace(**config), metrics, history)


def _load_model(path: pathlib.Path) -> keras.Model:
    try:
        with reading.open_file(path):  # Keras may be given other things than regular files
            pass
        return keras.models.load_model(path)  # in safe mode: no code of the file is run
    except InputError as error:
        raise InputError(f"{error} Or train the recipe again") from error
    except Exception as error:  # Keras has many; whatever it is, it is about the file
        raise InputError(
            f"{path}: cannot be loaded ({_first_sentence(error)}); it must be whole and made of "
            "Keras's own layers: train the recipe again"
        ) from error


def _check_model(
    run_dir: pathlib.Path, model: keras.Model, taken: new_inputs.Inputs, problem: problems.Problem
) -> None:
    """Refuse a folder whose files come from different runs."""
    try:
        shape = training.predict(model, taken.example()).shape
        what = f"gives {shape[-1]} outputs, not {problem.num_outputs}"
    except Exception:
        shape, what = (), f"takes no inputs of shape {taken.shape}"
    if shape != (1, problem.num_outputs):
        raise InputError(
            f"{run_dir}: model.keras {what}, as schema.json has it: the files come from different "
            "runs; train the recipe again"
        )


def _first_sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or repr(error)
    return text.partition(". ")[0]


def _table(
    problem: problems.Problem, names: pd.DataFrame, outputs: np.ndarray, has_unit: bool
) -> pd.DataFrame:
    table = names.copy()
    decided = problem.decide(outputs)
    if problem.is_regression:
        for column in range(outputs.shape[1]):
            suffix = "" if outputs.shape[1] == 1 else f"_{column}"
            table[f"prediction{suffix}"] = decided[:, column]
        return table.assign(unit=problem.unit) if has_unit else table
    probabilities = problem.probabilities(outputs)
    if problem.rule.kind == "multilabel":
        chosen = [np.flatnonzero(row) for row in decided]
        table["prediction"] = ["|".join(problem.class_names[c] for c in row) for row in chosen]
    else:
        table["prediction"] = [problem.class_names[number] for number in decided]
        table["probability"] = probabilities[np.arange(len(decided)), decided]
    for number, name in enumerate(problem.class_names):
        table[f"p({name})"] = probabilities[:, number]
    return table
