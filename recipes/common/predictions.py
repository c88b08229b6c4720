"""Predictions of a saved run for new inputs: a CSV table, .npy arrays or .png images."""

from __future__ import annotations

import dataclasses
import json
import logging
import pathlib

import keras
import numpy as np
import pandas as pd

from recipes.common import inputs, problems, tables, training
from recipes.common.errors import InputError

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Run:
    """A saved run.

    Attributes:
        model: As it was saved.
        inputs: What it takes.
        problem: What its outputs mean.
    """

    model: keras.Model
    inputs: inputs.Inputs
    problem: problems.Problem


def predict(run_dir: pathlib.Path, source: pathlib.Path) -> pd.DataFrame:
    """Predict every row or image of a file with a saved run.

    Args:
        run_dir: A run folder, as a recipe wrote it.
        source: What to predict, in a form that `inputs.read` takes.

    Returns:
        A row for each input, in its order, with its number (from 1) or file in `input`, and the
        columns by which the user knows a table's rows. For classes: `prediction`, its
        `probability`, and one column of probability for each class. For numbers: `prediction` and
        its `unit`, where that is known.

    Raises:
        InputError: If the folder is not a run, or the input does not fit it.
    """
    run = open_run(run_dir)
    names, x = inputs.read(source, run.inputs)
    if isinstance(x, pd.DataFrame):
        _warn_of_unknown_words(run.model, x)
    # Of a user's table the unit is not known: the problem holds the target's name in its place.
    has_unit = run.inputs.table is None
    return _table(run.problem, names, training.predict(run.model, x), has_unit)


def open_run(run_dir: pathlib.Path) -> Run:
    """Load the model of a run, with what it takes and what its outputs mean.

    Raises:
        InputError: If the folder is not a run, or its files do not belong together.
    """
    taken, problem, stand_in = _read_description(run_dir)
    model = _load_model(run_dir / "model.keras")
    _check_model(run_dir, model, taken, problem)
    if stand_in:
        _log.warning("%s was trained on %s, not on the real data", run_dir, stand_in)
    return Run(model, taken, problem)


def _warn_of_unknown_words(model: keras.Model, x: pd.DataFrame) -> None:
    """Say which categories hold words that the model has never seen, and in how many rows."""
    for name, words in tables.unknown_words(model, x).items():
        _log.warning(
            "column %r: %d of %d rows hold words that were not there in training, such as %r; "
            "they count as none of the known ones",
            *(name, len(words), len(x), words.iloc[0]),
        )


def _read_description(run_dir: pathlib.Path) -> tuple[inputs.Inputs, problems.Problem, str | None]:
    """Read what a model takes, what its outputs mean, and on which stand-in it was trained."""
    if not (run_dir / "metrics.json").is_file():
        raise InputError(
            f"{run_dir}: not a run folder (no metrics.json in it); "
            "give the folder that a recipe printed at its end"
        )
    try:
        schema, metrics = (
            json.loads((run_dir / name).read_text(encoding="utf-8"))
            for name in ("schema.json", "metrics.json")
        )
        taken = inputs.Inputs.from_json(schema["inputs"])
        data = metrics["data"]
        stand_in = data["name"] if data["kind"] != "real" else None
        return taken, _problem(schema["outputs"]), stand_in
    # All that a file of other content than ours can lead to.
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        reason = f"{type(error).__name__}: {_first_sentence(error)}"
        raise InputError(
            f"{run_dir}: the run cannot be opened ({reason}); train the recipe again"
        ) from error


def _problem(outputs: dict) -> problems.Problem:
    rule = problems.Rule(**{**outputs["rule"], "metrics": tuple(outputs["rule"]["metrics"])})
    if rule not in problems.RULES:
        raise ValueError(f"no such rule as {rule.kind!r} with {rule.loss!r}")
    class_names = tuple(outputs["class_names"])
    wanted = {"binary": 2, "regression": 0}.get(rule.kind, outputs["num_outputs"])
    if len(class_names) != wanted:
        raise ValueError(f"{len(class_names)} class names, expected {wanted}")
    return problems.Problem(**{**outputs, "rule": rule, "class_names": class_names})


def _load_model(path: pathlib.Path) -> keras.Model:
    if not path.is_file():
        raise InputError(f"{path}: no such file; train the recipe again")
    try:
        return keras.models.load_model(path)  # in safe mode: no code of the file is run
    except Exception as error:  # Keras has many; whatever it is, it is about the file
        raise InputError(
            f"{path}: cannot be loaded ({_first_sentence(error)}); it must be whole and made of "
            "Keras's own layers: train the recipe again"
        ) from error


def _check_model(run_dir: pathlib.Path, model, taken: inputs.Inputs, problem) -> None:
    """Refuse a folder whose files come from different runs."""
    try:
        shape = training.predict(model, taken.example()).shape
    except Exception as error:
        raise _mixed(run_dir, f"takes no inputs of shape {taken.shape}") from error
    if shape != (1, problem.num_outputs):
        raise _mixed(run_dir, f"gives {shape[-1]} outputs, not {problem.num_outputs}")


def _mixed(run_dir: pathlib.Path, what: str) -> InputError:
    return InputError(
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
