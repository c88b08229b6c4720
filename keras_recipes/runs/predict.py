"""Predictions of a saved run for new inputs: a CSV table, .npy arrays or .png images."""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib
import types

import keras
import numpy as np
import pandas as pd

from keras_recipes import catalog, configs, problems, reading, training
from keras_recipes.data import csv_reader
from keras_recipes.errors import InputError, for_known_keywords
from keras_recipes.features import kinds
from keras_recipes.features.kind import Kind
from keras_recipes.runs import saved, scoring
from keras_recipes.runs.result import Run

_log = logging.getLogger(__name__)


@for_known_keywords
def predict(
    run: Run | str | os.PathLike[str],
    source: pd.DataFrame | np.ndarray | str | os.PathLike[str],
    *,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Predict new rows or images with a run.

    Args:
        run: From `train` or `load_run`, or a run's folder.
        source: A table with the columns of the data, in any order; an array (rows, ...); or a file
            or folder in a form that the run's kind takes: .csv, .npy, .png, a folder of images.
        threshold: Of two classes, the second is predicted from this probability on; None takes
            that of the run.

    Returns:
        A row for each input, in its order, with its number (from 1) or file in `input`, and the
        columns by which the user knows a table's rows. For classes: `prediction`, its
        `probability`, and one column of probability for each class. For numbers: `prediction` and
        its `unit`, where that is known. Where a table holds the target as well, `attrs["scores"]`
        has the scores of its rows.

    Raises:
        InputError: If the folder is not a run, or the input or the threshold does not fit it.
    """
    if not isinstance(run, Run):
        run = open_run(run)
    if isinstance(source, pd.DataFrame | np.ndarray):
        run.inputs.refuse(source)
    problem = run.problem if threshold is None else _with_threshold(run.problem, threshold)
    with csv_reader.as_file(source) as path:
        names, x, y = run.inputs.read(reading.expanded(path))
    for sentence in run.inputs.differences(run.model, x):
        _log.warning("%s", sentence)
    outputs = training.predict(run.model, x)
    # Of a user's own data the problem holds the target's name in the place of its unit.
    table = _table(problem, names, outputs, has_unit=run.inputs.unit is None)
    if y is not None and (known := np.isfinite(y)).any():
        scores = scoring.measure(problem, y[known], outputs[known])
        table.attrs["scores"] = {"rows": int(known.sum()), **scores}
    return table


def _with_threshold(problem: problems.Problem, threshold: float) -> problems.Problem:
    if problem.rule.kind != "binary":
        raise InputError(
            "--threshold (in Python: threshold): is for two classes, and this run's problem is "
            f"{problem.rule.kind}; remove the flag"
        )
    configs.check_value("threshold", threshold, configs.Threshold)
    return dataclasses.replace(problem, threshold=float(threshold))


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Load a run from its folder.

    Args:
        folder: That `train` or `python -m recipes.NAME` wrote.

    Returns:
        The run. Its config is the Config of its recipe, where that is one of this project and has
        the same settings; else a namespace of the settings, as they stand in config.json.

    Raises:
        InputError: If the folder is not a run, or its files do not belong together.
    """
    folder = reading.expanded(configs.check_value("run", folder, pathlib.Path))
    metrics = saved.read_metrics(folder)
    saved.check_files(folder, metrics)
    inputs, problem = saved.read_schema(folder)
    with reading.damaged(folder / saved.SCHEMA, saved.FIX):
        taken = kinds.from_json(inputs)
    config, history = saved.read_config(folder), saved.read_history(folder)
    model = _load_model(folder / saved.MODEL)
    taken.attach(model)
    _check_model(folder, model, taken, problem)
    if metrics["data"]["kind"] != "real":
        _log.warning("%s was trained on %s, not on the real data", folder, metrics["data"]["name"])
    settings = _as_config(metrics["recipe"], config)
    return Run(folder, model, problem, taken, settings, metrics, history)


def _as_config(recipe: str, values: dict) -> configs.Config | types.SimpleNamespace:
    """Return a run's settings as the Config of its recipe, where that is found and has the same."""
    try:
        if recipe in catalog.recipe_names():
            kind = catalog.load(recipe).Config
            known = [field.name for field in dataclasses.fields(kind)]
            now = {old: new for old, new in configs.RENAMED.items() if new in known}
            renamed = {now.get(name, name): value for name, value in values.items()}
            if {*renamed} == {*known}:
                return kind(**renamed)
    except InputError as error:  # the recipe is at work, or was changed since
        _log.warning("the settings of a run of %s are no Config of it any more: %s", recipe, error)
    return types.SimpleNamespace(**values)


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
    run_dir: pathlib.Path, model: keras.Model, taken: Kind, problem: problems.Problem
) -> None:
    """Refuse a folder whose files come from different runs."""
    try:
        shape = training.predict(model, taken.example()).shape
        what = f"gives {shape[-1]} outputs, not {problem.num_outputs}"
    except Exception:
        shape, what = (), f"does not take {taken.takes}"
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
