"""A LiteRT model whose numbers are whole ones of 8 bits, and the score that this costs."""

from __future__ import annotations

import functools
import logging
import math
import pathlib
from typing import Any

import numpy as np

from keras_recipes import catalog, configs, recipe as contract, training
from keras_recipes.console import startup
from keras_recipes.data.splits import Split, Splits
from keras_recipes.errors import InputError
from keras_recipes.problems import Problem, sign
from keras_recipes.runs import scoring
from keras_recipes.runs.exports import litert, numeric
from keras_recipes.runs.result import Run

ROWS_TO_CALIBRATE = 300
ROWS_TO_SCORE = 5_000
MOST_LOST = 0.003  # of a score of at most 1; of RMSE, the fraction of it

_log = logging.getLogger(__name__)


def write(run: Run, folder: pathlib.Path) -> dict[str, Any]:
    """Write a run's model with weights of 8 bits; the numbers between layers too, if that holds.

    Rows of the training give the range of the numbers between layers. Where these, rounded to 8
    bits, cost more than 0.3 points of the score on the validation rows, they stay as they are.

    Args:
        run: A run.
        folder: To write into.

    Returns:
        What the model takes and gives; under "int8" what is of 8 bits, and the scores.

    Raises:
        InputError: If the training rows are not to be had.
        RunError: If the model cannot be converted.
    """
    described = numeric.write(run, folder, "litert")
    if any(one["shape"][0] is not None for one in described["inputs"].values()):
        raise InputError(  # LiteRT's own converter ends the process
            "--quantize: a recurrent network (GRU, LSTM) cannot be written with 8 bits; leave it "
            "out, or train another network"
        )
    data = _load(run)
    held_out = data.validation if data.validation is not None else data.train
    held_out = _some(held_out, ROWS_TO_SCORE)
    model = run.inputs.numeric(run.model)
    path = folder / litert.NAME
    size = round(path.stat().st_size / 1000, 1)
    calibration = model.encode(_some(data.train, ROWS_TO_CALIBRATE).x)
    score = functools.partial(_score, run.problem, held_out)
    expected = training.predict(run.model, held_out.x)
    before, after = score(expected), math.nan
    for values in (calibration, None):
        with startup.quiet_stderr(), numeric.faults_named("litert"):
            numeric.write_litert(run, model, path, int8=True, calibration=values)
            read = litert.load(path)(model.encode(held_out.x))
        read = _as_outputs(run.problem, read)
        after = score(read)
        if _lost(run.problem, before, after) <= MOST_LOST:
            break
    what = "weights" if values is None else "weights and layers"
    found = {
        "of 8 bits": what,
        "metric": run.problem.headline,
        "rows": f"{len(held_out):,} {'training' if data.validation is None else 'validation'} rows"
        + ", which the refit learned from too" * bool(run.metrics.get("refitted")),
        "largest change": float(f"{np.max(abs(read - expected)):.4g}"),
        "before": before,
        "after": after,
        "kilobytes": round(path.stat().st_size / 1000, 1),
        "kilobytes before": size,
    }
    return {**described, "int8": found}


def describe(found: dict[str, Any]) -> str:
    """Return what stands in signature.json under "int8", as a sentence."""
    name = scoring.NAMES.get(found["metric"], found["metric"])
    return (
        f"8 bits for {found['of 8 bits']}: {found['kilobytes']:,} kB instead of "
        f"{found['kilobytes before']:,} kB; {name} {scoring.figure(found['after'])} instead of "
        f"{scoring.figure(found['before'])} on {found['rows']}; largest change of an output "
        f"{found['largest change']:g}"
    )


def _load(run: Run) -> Splits:
    """Load the data of a run again."""
    name = run.metrics["recipe"]
    if not isinstance(run.config, configs.Config):
        raise InputError(
            f"--quantize: the data of {run.folder} cannot be loaded again: the recipe {name} is "
            "not here, or has other settings now"
        )
    data = contract.load_data(catalog.resolve(name), run.config)
    known = run.metrics.get("test_rows")  # runs of before have none
    if known is not None and known != data.test.digest():
        _log.warning("%s: the data were changed since the training", data.source.name)
    return data


def _some(split: Split, most: int) -> Split:
    """Return rows that are spread over all, so many at most."""
    return split.take(np.arange(0, len(split), -(-len(split) // most)))


def _score(problem: Problem, rows: Split, outputs: np.ndarray) -> float:
    return scoring.measure(problem, rows.y, outputs)[problem.headline]


def _lost(problem: Problem, before: float, after: float) -> float:
    """Return what of a score is lost: of an error, as a fraction of it."""
    lost = sign(problem.headline) * (before - after)
    return lost / before if problem.is_regression and before else lost


def _as_outputs(problem: Problem, read: np.ndarray) -> np.ndarray:
    """Return what a model returned, of what `outputs.of_model` made of it."""
    if problem.rule.from_logits:
        return np.log(np.clip(read, 1e-30, 1))
    return read[:, 1:] if problem.rule.kind == "binary" else read
