"""One trial, from its job to its result: all that a worker process would run."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import pathlib
import statistics
import tempfile
import time
import traceback
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import pandas as pd

from keras_recipes import callbacks, recipe as contract, training
from keras_recipes.configs import Config
from keras_recipes.console import source_files
from keras_recipes.data.splits import Splits
from keras_recipes.errors import InputError, NotFiniteError
from keras_recipes.problems import Problem
from keras_recipes.runs import scoring
from tuning.oracles import seeds
from tuning.spec import SearchSpec
from tuning.trials import inputs, records

MAX_ROWS_COMPARED = 2000


@dataclasses.dataclass(frozen=True)
class Job:
    """A trial to be run; it can be sent to another process.

    Attributes:
        spec: Of the search.
        number: Of the trial.
        values: Of the hyperparameters.
        is_verbose: Whether a line is printed for each epoch.
        score_to_beat: The model is part of the result if its trial scores better.
    """

    spec: SearchSpec
    number: int
    values: dict[str, Any]
    is_verbose: bool = False
    score_to_beat: float = float("nan")  # nothing is better than that


class TooBigError(Exception):
    """A model has more parameters than the search allows."""


def run(job: Job) -> tuple[records.Trial, bytes | None]:
    """Run a trial; an error in it is part of the result.

    Args:
        job: What to run. Each training has a seed of its own, made of the search's and the values.

    Returns:
        The trial, and its best model as the content of a .keras file where it was asked for.

    Raises:
        KeyboardInterrupt: If Ctrl-C ended it.
    """
    start = time.perf_counter()
    done: list[dict[str, Any]] = []
    failure: dict[str, Any] = {}
    model, content = None, None
    try:
        model = _train_all(job, done)
    except Exception as error:
        failure = _describe(error, str(job.spec.module.__file__))
    trial = _summarise(job, done, failure)
    if model is not None and records.is_better(trial.score, job.score_to_beat, job.spec.direction):
        content = _file_content(model)
    del model
    keras.utils.clear_session()  # else Keras holds on to every model that was built
    seconds = time.perf_counter() - start
    return dataclasses.replace(trial, seconds=seconds, memory=resident_memory()), content


def _train_all(job: Job, done: list[dict[str, Any]]) -> keras.Model | None:
    """Train for each repeat and fold; append the result of each; return the best model."""
    spec = job.spec
    config = spec.make_config(job.values)
    splits = inputs.load_data(spec.recipe, config)
    point = {k: v for k, v in job.values.items() if not k.startswith("tuner/")}
    best_score, best_model = None, None
    for repeat in range(spec.repeats):
        for fold, data in enumerate(_folds(spec, splits)):
            seed = seeds.derive(spec.seed, point, repeat, fold)
            model, result = _train(job, dataclasses.replace(config, seed=seed), data)
            done.append({**result, "repeat": repeat, "fold": fold, "seed": seed})
            score = result["metrics"][f"val_{spec.monitor}"]
            if best_score is None or records.is_better(score, best_score, spec.direction):
                best_score, best_model = score, model
    return best_model


_folded: weakref.WeakKeyDictionary[Splits, dict] = weakref.WeakKeyDictionary()


def _folds(spec: SearchSpec, data: Splits) -> Iterable[Splits]:
    """Return the parts to train on; those of a table are kept, with what is made of them."""
    if spec.folds is None:
        return [data]
    wanted = spec.folds, spec.seed
    if not isinstance(data.train.x, pd.DataFrame):
        return data.validation_folds(*wanted)
    kept = _folded.setdefault(data, {})
    if wanted not in kept:
        kept[wanted] = list(data.validation_folds(*wanted))
    return kept[wanted]


def _train(job: Job, config: Config, data: Splits) -> tuple[keras.Model, dict[str, Any]]:
    spec = job.spec
    recipe, limit = spec.module, spec.max_parameters
    keras.utils.clear_session(free_memory=False)
    # The defaults were checked with the data before the first trial.
    model = training.prepare(recipe, config, data)
    parameters = model.count_params()
    if limit and parameters > limit:
        raise TooBigError(f"{parameters:,} parameters, at most {limit:,} are allowed")
    problem = contract.problem(recipe, config, data)
    problem = dataclasses.replace(problem, monitor=spec.monitor)
    called = callbacks.make(problem, config)
    if job.is_verbose:
        called.append(callbacks.EpochLines())
    trained = training.fit(model, problem, data, config, callbacks=called, engine=spec.engine)
    if trained.stopped_by == "interrupted":
        raise KeyboardInterrupt
    at_best = {name: values[trained.best_epoch - 1] for name, values in trained.history.items()}
    at_best.pop("learning_rate", None)  # in history.csv, and no metric
    return trained.model, {
        "metrics": at_best,
        "best_epoch": trained.best_epoch,
        "epochs": trained.epochs_run,
        "parameters": parameters,
        "history": trained.history,
        "row_scores": [] if spec.folds else _row_scores(trained, problem, data),
    }


def _row_scores(trained: training.Trained, problem: Problem, data: Splits) -> list[float]:
    """Return what the first validation rows add to the score, to 5 digits."""
    if data.validation is None:
        return []
    split = data.validation.take(np.arange(min(len(data.validation), MAX_ROWS_COMPARED)))
    found = scoring.of_rows(
        problem, problem.monitor, split.y, training.predict(trained.model, split.x)
    )
    return [float(f"{score:.5g}") for score in found] if np.isfinite(found).all() else []


def _summarise(job: Job, done: list[dict[str, Any]], failure: dict[str, Any]) -> records.Trial:
    names = done[0]["metrics"] if done else ()
    history = [
        {"repeat": result["repeat"], "fold": result["fold"], "epoch": index + 1}
        | {name: values[index] for name, values in result["history"].items()}
        for result in done
        for index in range(result["epochs"])
    ]
    return records.Trial(
        job.number,
        job.values,
        scores=[result["metrics"][f"val_{job.spec.monitor}"] for result in done],
        metrics={name: statistics.fmean(r["metrics"][name] for r in done) for name in names},
        row_scores=done[0]["row_scores"] if len(done) == 1 else [],
        best_epochs=[result["best_epoch"] for result in done],
        epochs=[result["epochs"] for result in done],
        seeds=[result["seed"] for result in done],
        parameters=done[-1]["parameters"] if done else None,
        history=history,
        **failure,
    )


def _describe(error: Exception, recipe: str) -> dict[str, str]:
    """Describe what kind of failure an error is; `recipe` is the recipe's file."""
    if isinstance(error, NotFiniteError):
        status = "nan"
    elif isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        status = "out of memory"
    elif isinstance(error, TooBigError):
        status = "too big"
    else:
        status = "error"
    own = isinstance(error, (InputError, NotFiniteError, TooBigError))
    text = " ".join(str(error).split()) if own else source_files.describe(error, recipe)
    return {"status": status, "error": text, "traceback": traceback.format_exc()}


def _file_content(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


@contextlib.contextmanager
def light_collection() -> Iterator[None]:
    """Leave out of garbage collection, within the block, what is in memory at its beginning.

    Each trial ends with a collection, which looks at every object of TensorFlow: a third of a
    second, longer than many a trial trains.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def resident_memory() -> float | None:
    """Return how much memory this process holds, in MB; None where the system does not say."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
