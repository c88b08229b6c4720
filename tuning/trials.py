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
import types
import weakref
from collections.abc import Iterable, Iterator

import keras
import keras_tuner

from recipes.common import anatomy, callbacks, source_files, tables, training
from recipes.common.configs import Config
from recipes.common.errors import InputError, NotFiniteError
from recipes.common.problems import direction
from tuning import recipe_files, records, seeds


@dataclasses.dataclass(frozen=True)
class Task:
    """What a trial is, in values that can be sent to another process.

    Attributes:
        recipe: What `recipe_files.refer` gave.
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


class ClosedPart:
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
        failure = _describe(error, recipe_files.load(task.recipe))
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


def make_config(recipe: types.ModuleType, values: dict, fixed: dict) -> Config:
    """Make the Config of a point.

    Args:
        recipe: A recipe module.
        values: Of the hyperparameters; Hyperband's number of epochs goes before the Config's.
        fixed: Fields that do not depend on the point.
    """
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    config = dataclasses.replace(anatomy.search_space(recipe, hp), **fixed)
    if "epochs" not in fixed:
        config = anatomy.settle(recipe, config)
    if "tuner/epochs" in values:
        config = dataclasses.replace(config, epochs=values["tuner/epochs"])
    return config


_loaded: dict[str, tuple[dict, object]] = {}


def load_data(reference: str, config: Config):
    """Load a recipe's data with the test part closed; again only where the Config asks for other.

    Which settings the data depend on is seen by which ones `load_data` reads.
    """
    known = _loaded.get(reference)
    if known and all(getattr(config, name) == value for name, value in known[0].items()):
        return known[1]
    watched, names = _watch(config)
    loaded = anatomy.load_data(recipe_files.load(reference), watched)
    closed = dataclasses.replace(loaded, test=ClosedPart())
    _loaded[reference] = ({name: getattr(config, name) for name in names}, closed)
    return closed


def _watch(config: Config) -> tuple[Config, set[str]]:
    """Give a Config like the one given, and the set of its fields that are read from now on."""
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
    recipe = recipe_files.load(task.recipe)
    config = make_config(recipe, task.values, task.fixed)
    recipe = anatomy.bind(recipe, config)
    best_score, best_model = None, None
    for repeat, fold, splits in _rounds(task, load_data(task.recipe, config)):
        point = {k: v for k, v in task.values.items() if not k.startswith("tuner/")}
        seed = seeds.derive(task.seed, point, repeat, fold)
        trained, result = _train(task, recipe, dataclasses.replace(config, seed=seed), splits)
        done.append({**result, "repeat": repeat, "fold": fold, "seed": seed})
        score = result["metrics"][f"val_{task.monitor}"]
        if best_score is None or records.is_better(score, best_score, direction(task.monitor)):
            best_score, best_model = score, trained.model
    return best_model


def _rounds(task: Task, splits) -> Iterator[tuple[int, int, object]]:
    for repeat in range(task.repeats):
        for fold, part in enumerate(_folds(task, splits)):
            yield repeat, fold, part


_folded: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def _folds(task: Task, splits) -> Iterable:
    """Give the parts to train on; those of a user's table are kept, with what is made of them."""
    if task.folds is None:
        return [splits]
    if not tables.is_own(splits.source):
        return splits.validation_folds(task.folds, task.seed)
    kept = _folded.setdefault(splits, {})
    wanted = task.folds, task.seed
    if wanted not in kept:
        kept[wanted] = list(splits.validation_folds(*wanted))
    return kept[wanted]


def _train(task: Task, recipe, config: Config, splits) -> tuple[training.Trained, dict]:
    keras.utils.clear_session(free_memory=False)
    # The defaults were checked with the data before the first trial.
    model = training.prepare(recipe, config, splits, check=False)
    parameters = model.count_params()
    if task.max_parameters and parameters > task.max_parameters:
        raise TooBigError(f"{parameters:,} parameters, at most {task.max_parameters:,} are allowed")
    problem = dataclasses.replace(recipe.PROBLEM, monitor=task.monitor)
    called = callbacks.make(problem, config)
    if task.is_verbose:
        called.append(callbacks.EpochLines())
    trained = training.fit(model, problem, splits, config, callbacks=called, engine=task.engine)
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


def _describe(error: Exception, recipe: types.ModuleType) -> dict[str, str]:
    """Say what kind of failure an error is."""
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
    """Tell how much memory this process holds, in MB; None where the system does not say."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
