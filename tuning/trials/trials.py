"""One trial, from plain values to a plain result: all that a worker process would run."""

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

import keras
import keras_tuner
import pandas as pd

from keras_recipes import callbacks, catalog, recipe as contract, training
from keras_recipes.configs import Config
from keras_recipes.console import source_files
from keras_recipes.data import splits
from keras_recipes.errors import InputError, NotFiniteError
from keras_recipes.problems import direction
from keras_recipes.recipe import Recipe
from tuning.oracles import seeds
from tuning.trials import records


@dataclasses.dataclass(frozen=True)
class Task:
    """What a trial is, in values that can be sent to another process.

    Attributes:
        recipe: What `catalog.refer` gave.
        number: Of the trial.
        values: Of the hyperparameters.
        monitor: The metric that decides on the validation part, without "val_".
        seed: Of the search: splits the data; a trial's own seed is made of it and the values.
        fixed: Fields of the Config that are the same in every trial.
        folds: Number of folds over the rows that are not for testing; None takes the validation
            part as it is.
        repeats: Trainings with different seeds, for each fold.
        max_parameters: A model of more is not trained.
        engine: As in `training.fit`.
        is_verbose: Whether a line is printed for each epoch.
        score_to_beat: The model is part of the result if its trial scores better.
    """

    recipe: str
    number: int
    values: dict
    monitor: str
    seed: int = 0
    fixed: dict = dataclasses.field(default_factory=dict)
    folds: int | None = None
    repeats: int = 1
    max_parameters: int | None = None
    engine: str = "fused"
    is_verbose: bool = False
    score_to_beat: float = float("nan")  # nothing is better than that


class TooBigError(Exception):
    """A model has more parameters than the search allows."""


class ClosedTestError(Exception):
    """A search asked for the test part."""


class ClosedTest:
    """Stands where the test part was: nothing in a search may look at it."""

    def __getattr__(self, name: str):
        raise ClosedTestError(f"a search does not open the test part (asked for {name!r})")


def run(task: Task) -> tuple[records.Trial, bytes | None]:
    """Run a trial; an error in it is part of the result.

    Args:
        task: What to run.

    Returns:
        The trial, and its best model as the content of a .keras file where it was asked for.

    Raises:
        KeyboardInterrupt: If Ctrl-C ended it.
    """
    start = time.perf_counter()
    done: list[dict] = []
    model = None
    failure = {}
    try:
        model = _train_all(task, done)
    except Exception as error:
        failure = _describe(error, catalog.load(task.recipe))
        model = None
    trial = _summarise(task, done, failure)
    if model is not None and records.is_better(
        trial.score, task.score_to_beat, direction(task.monitor)
    ):
        content = _file_content(model)
    else:
        content = None
    del model
    keras.utils.clear_session()  # else Keras holds on to every model that was built
    seconds = time.perf_counter() - start
    return dataclasses.replace(trial, seconds=seconds, memory=resident_memory()), content


def make_config(recipe: Recipe, values: dict, fixed: dict, num_rows: int | None = None) -> Config:
    """Make the Config of a point.

    Args:
        recipe: A recipe module.
        values: Of the hyperparameters; Hyperband's number of epochs goes before the Config's.
        fixed: Fields that do not depend on the point.
        num_rows: Training rows, where settings depend on them; None leaves the settings.
    """
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    config = dataclasses.replace(contract.search_space(recipe, hp), **fixed)
    if "epochs" not in fixed and num_rows is not None:
        config = config.for_rows(num_rows)
    if "tuner/epochs" in values:
        config = dataclasses.replace(config, epochs=values["tuner/epochs"])
    return config


_loaded: dict[str, tuple[dict, splits.Split, splits.Splits]] = {}


def load_data(reference: str, config: Config, *, with_test: bool = False) -> splits.Splits:
    """Load a recipe's data; again only where the Config asks for other data.

    Which settings the data depend on is seen by which ones `load_data` reads.

    Args:
        reference: What `catalog.refer` returned.
        config: Of a trial.
        with_test: Whether the test part is opened; a trial never does.
    """
    known = _loaded.get(reference)
    if not (known and all(getattr(config, name) == value for name, value in known[0].items())):
        watched, names = _watch(config)
        loaded = contract.load_data(catalog.load(reference), watched)
        closed = dataclasses.replace(loaded, test=ClosedTest())
        known = {name: getattr(config, name) for name in names}, loaded.test, closed
        _loaded[reference] = known
    _, test, closed = known
    return dataclasses.replace(closed, test=test) if with_test else closed


def _watch(config: Config) -> tuple[Config, set[str]]:
    """Return a Config like the one given, and the set of its fields that are read from now on."""
    fields = {field.name for field in dataclasses.fields(config)}
    names: set[str] = set()

    class Watched(type(config)):
        def __getattribute__(self, name: str):
            if name in fields:
                names.add(name)
            return super().__getattribute__(name)

    watched = object.__new__(Watched)
    object.__setattr__(watched, "__dict__", dict(vars(config)))
    names.clear()
    return watched, names


def _train_all(task: Task, done: list[dict]) -> keras.Model:
    """Train for each repeat and fold; append what came of each; give the best model."""
    recipe = catalog.load(task.recipe)
    config = make_config(recipe, task.values, task.fixed)
    data = load_data(task.recipe, config)
    config = make_config(recipe, task.values, task.fixed, len(data.train))
    best_score, best_model = None, None
    for repeat, fold, split in _rounds(task, data):
        point = {k: v for k, v in task.values.items() if not k.startswith("tuner/")}
        seed = seeds.derive(task.seed, point, repeat, fold)
        trained, result = _train(task, recipe, dataclasses.replace(config, seed=seed), split)
        done.append({**result, "repeat": repeat, "fold": fold, "seed": seed})
        score = result["metrics"][f"val_{task.monitor}"]
        if best_score is None or records.is_better(score, best_score, direction(task.monitor)):
            best_score, best_model = score, trained.model
    return best_model


def _rounds(task: Task, data) -> Iterator[tuple[int, int, object]]:
    for repeat in range(task.repeats):
        for fold, split in enumerate(_folds(task, data)):
            yield repeat, fold, split


_folded: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def _folds(task: Task, data) -> Iterable:
    """Return the parts to train on; those of a table are kept, with what is made of them."""
    if task.folds is None:
        return [data]
    if not isinstance(data.train.x, pd.DataFrame):
        return data.validation_folds(task.folds, task.seed)
    kept = _folded.setdefault(data, {})
    wanted = task.folds, task.seed
    if wanted not in kept:
        kept[wanted] = list(data.validation_folds(*wanted))
    return kept[wanted]


def _train(task: Task, recipe, config: Config, data) -> tuple[training.Trained, dict]:
    keras.utils.clear_session(free_memory=False)
    # The defaults were checked with the data before the first trial.
    model = training.prepare(recipe, config, data)
    parameters = model.count_params()
    if task.max_parameters and parameters > task.max_parameters:
        raise TooBigError(f"{parameters:,} parameters, at most {task.max_parameters:,} are allowed")
    problem = contract.problem(recipe, config, data)
    problem = dataclasses.replace(problem, monitor=task.monitor)
    called = callbacks.make(problem, config)
    if task.is_verbose:
        called.append(callbacks.EpochLines())
    trained = training.fit(model, problem, data, config, callbacks=called, engine=task.engine)
    if trained.stopped_by == "interrupted":
        raise KeyboardInterrupt
    at_best = {name: values[trained.best_epoch - 1] for name, values in trained.history.items()}
    return trained, {
        "metrics": at_best,
        "best_epoch": trained.best_epoch,
        "epochs": trained.epochs_run,
        "parameters": parameters,
        "history": trained.history,
    }


def _summarise(task: Task, done: list[dict], failure: dict) -> records.Trial:
    names = done[0]["metrics"] if done else ()
    return records.Trial(
        task.number,
        task.values,
        scores=[result["metrics"][f"val_{task.monitor}"] for result in done],
        metrics={name: statistics.fmean(r["metrics"][name] for r in done) for name in names},
        best_epochs=[result["best_epoch"] for result in done],
        epochs=[result["epochs"] for result in done],
        seeds=[result["seed"] for result in done],
        parameters=done[-1]["parameters"] if done else None,
        history=[row for result in done for row in _history_rows(result)],
        **failure,
    )


def _history_rows(result: dict) -> Iterator[dict]:
    for index in range(result["epochs"]):
        scores = {name: values[index] for name, values in result["history"].items()}
        yield {"repeat": result["repeat"], "fold": result["fold"], "epoch": index + 1, **scores}


def _describe(error: Exception, recipe: Recipe) -> dict[str, str]:
    """Describe what kind of failure an error is."""
    if isinstance(error, NotFiniteError):
        status = "nan"
    elif isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        status = "out of memory"
    elif isinstance(error, TooBigError):
        status = "too big"
    else:
        status = "error"
    own = isinstance(error, (InputError, NotFiniteError, TooBigError))
    text = " ".join(str(error).split()) if own else source_files.describe(error, recipe.__file__)
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
