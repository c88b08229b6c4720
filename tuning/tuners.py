"""A `keras_tuner.Tuner` for a recipe, or for anybody's HyperModel or build function.

It is used as Keras Tuner's guides say; the oracles, seeds and files are those of this package.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pathlib
import types
import warnings
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np

from keras_recipes import (
    callbacks as shared_callbacks,
    catalog,
    checks,
    problems,
    reading,
    recipe as contract,
    training,
)
from keras_recipes.console import files
from keras_recipes.data import splits
from keras_recipes.errors import InputError, RunError
from keras_recipes.recipe import Recipe
from tuning.oracles import oracles, seeds, spaces
from tuning.trials import inputs, trials

_log = logging.getLogger(__name__)


class RecipeModel(keras_tuner.HyperModel):
    """A recipe as a HyperModel: built from the Config that its search_space draws.

    Args:
        recipe: A recipe module with a PROBLEM.
        problem: Its problem, with the monitor of the search.
    """

    def __init__(self, recipe: Recipe, problem: problems.Problem):
        super().__init__(name=contract.name_of(recipe))
        self.recipe = recipe
        self.problem = problem
        self.data: splits.Splits | None = None  # given to `search`, or else the recipe's own

    def build(self, hp):
        """Build the model of a point."""
        if self.data is None:
            self.data = contract.load_data(self.recipe, self.recipe.Config())
        return contract.build_model(self.recipe, self.recipe.search_space(hp), self.data)

    def check(self, x=None, y=None, validation_data=None, callbacks=(), verbose=0, **settings):
        """Take the data of a search, and check them with the recipe's defaults as a run does.

        Raises:
            InputError: If something is missing, or does not go together.
        """
        if x is None or y is None or validation_data is None:
            raise InputError("search: a recipe needs x, y and validation_data=(x, y) as arrays")
        try:
            config = dataclasses.replace(self.recipe.Config(), **settings)
        except TypeError as error:
            raise InputError(f"search: {error}; expected fields of the recipe's Config") from error
        self.data = _splits(x, y, validation_data)
        check = checks.PreFlight(contract.ignored_checks(self.recipe))
        training.prepare(self.recipe, config, self.data, check=check)

    def fit(self, hp, model, x, y, validation_data, callbacks=(), verbose=0, **settings):
        """Train as the recipe does; epochs and batch_size given to `search` go before its own."""
        config = inputs.make_config(self.recipe, hp.values, settings)
        data = _splits(x, y, validation_data)
        training.adapt(model, self.problem, data.train)
        called = [*shared_callbacks.make(self.problem, config), *callbacks]
        training.fit(model, self.problem, data, config, callbacks=called, verbose=verbose)
        return model.history


def _splits(x: Any, y: Any, validation_data: tuple[Any, Any]) -> splits.Splits:
    return splits.Splits(
        train=splits.Split(x, np.asarray(y)),
        validation=splits.Split(validation_data[0], np.asarray(validation_data[1])),
        test=inputs.ClosedTest(),  # type: ignore[arg-type]
        source=splits.Source("arrays given to search", "real", "the user", "the user's"),
    )


def _explore(hypermodel: keras_tuner.HyperModel) -> keras_tuner.HyperParameters:
    """Return the space of a hypermodel; a recipe's needs no model, and so no data."""
    is_recipe = isinstance(hypermodel, RecipeModel)
    return spaces.explore(hypermodel.recipe.search_space if is_recipe else hypermodel.build)


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the best epoch of all executions of a trial, in memory.

    It also calls the tuner's hooks, as Keras Tuner's own callback does.
    """

    def __init__(self, tuner: keras_tuner.Tuner, trial: Any):
        super().__init__()
        self.tuner, self.trial = tuner, trial
        self.value, self.weights = None, None

    def on_epoch_begin(self, epoch, logs=None):
        """Call the tuner's hook."""
        self.tuner.on_epoch_begin(self.trial, self.model, epoch, logs=logs)

    def on_epoch_end(self, epoch, logs=None):
        """Keep the weights if the epoch is the best so far; the last where no score is known."""
        self.tuner.on_epoch_end(self.trial, self.model, epoch, logs=logs)
        objective = self.tuner.oracle.objective
        if objective.has_value(logs):
            value = objective.get_value(logs)
            if self.value is not None and not objective.better_than(value, self.value):
                return
            self.value = value
        self.weights = self.model.get_weights()


class Tuner(keras_tuner.Tuner):
    """A Keras Tuner that forgets nothing, repeats nothing and keeps the best weights only.

    Args:
        keep: Number of best trials whose weights stay on disk.
        **settings: As for `keras_tuner.Tuner`.
    """

    def __init__(self, *, keep: int = 1, **settings: Any):
        self.keep = keep
        self._execution = 0
        if settings.get("overwrite"):
            folder = pathlib.Path(settings["directory"], settings["project_name"])
            if folder.exists() and not (folder / "search.json").is_file():
                raise InputError(f"overwrite: {folder} holds no search; give another project_name")
        super().__init__(**settings)
        self._check_same_search()

    def _check_same_search(self) -> None:
        """Refuse a folder whose trials belong to another space or objective."""
        path = pathlib.Path(self.project_dir) / "search.json"
        hypermodel = self.hypermodel
        now = {
            "space": spaces.describe(_explore(hypermodel)) if hypermodel else {},
            "objective": str(self.oracle.objective),
            "tuner": type(self.oracle).__name__,
            "seed": self.oracle.seed,
        }
        now = json.loads(json.dumps(now))
        if path.is_file():
            before = reading.read_json(path, "give another project_name, or overwrite=True")
            for name, value in now.items():
                if before.get(name) != value:
                    raise InputError(
                        f"{self.project_dir} holds another search: its {name} is "
                        f"{before.get(name)}, now it is {value}; give another project_name, or "
                        "overwrite=True"
                    )
        with files.faults_named(path, None):
            files.write_json(path, now)

    def _populate_initial_space(self):
        if isinstance(self.hypermodel, RecipeModel):
            self.oracle.update_space(_explore(self.hypermodel))
        else:
            super()._populate_initial_space()

    def search(self, *arguments, **named):
        """Search as Keras Tuner does; a recipe is checked with its data before the first trial."""
        if isinstance(self.hypermodel, RecipeModel):
            self.hypermodel.check(*arguments, **named)
        with trials.light_collection():  # Keras Tuner collects garbage in every trial
            super().search(*arguments, **named)

    def _build_hypermodel(self, hp):
        # The seed is set here, since Keras Tuner's clear_session before a build wipes it.
        keras.utils.set_random_seed(
            seeds.derive(self.oracle.seed, spaces.key(hp.values), self._execution)
        )
        return super()._build_hypermodel(hp)

    def run_trial(self, trial, *args, **kwargs):
        """Train once for each execution; the best weights are written once, at the end."""
        given = kwargs.pop("callbacks", [])
        epochs = trial.hyperparameters.values.get("tuner/epochs")
        if epochs:  # Hyperband's own
            kwargs["epochs"] = epochs
        best = BestWeights(self, trial)
        results = []
        for execution in range(self.executions_per_trial):
            self._execution = execution
            own = self._deepcopy_callbacks(given)
            self._configure_tensorboard_dir(own, trial, execution)
            results.append(
                self._build_and_fit_model(
                    trial, *args, **{**copy.copy(kwargs), "callbacks": [*own, best]}
                )
            )
        if best.weights is not None:
            best.model.set_weights(best.weights)
            best.model.save_weights(self._get_checkpoint_fname(trial.trial_id))
        return results

    def on_trial_end(self, trial):
        """Stop where the first trial failed; remove the weights that are no longer wanted."""
        super().on_trial_end(trial)
        known = self.oracle.get_trial(trial.trial_id)
        if known.status == oracles.FAILED:
            message = (known.message or "").strip().splitlines()
            last = message[-1] if message else "no message"
            if len(self.oracle.trials) == 1:
                _log.error("%s", known.message)  # the traceback
                raise RunError(f"the first trial, the defaults, failed: {last}")
            _log.warning("trial %s failed: %s", trial.trial_id, last)
        kept = {best.trial_id for best in self.oracle.get_best_trials(self.keep)}
        for other in self.oracle.trials:
            if other not in kept:
                pathlib.Path(self._get_checkpoint_fname(other)).unlink(missing_ok=True)

    def on_search_end(self):
        """Describe why the search ended."""
        super().on_search_end()
        if self.oracle.verbose:
            print(f"Search ended: {self.oracle.end_reason}")

    def load_model(self, trial):
        """Build a trial's model with the weights of its best epoch, and a fresh optimizer."""
        with warnings.catch_warnings():
            # The file holds the optimizer's state too, which a fresh optimizer has no place for.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return super().load_model(trial)

    def get_best_models(self, num_models: int = 1) -> list[keras.Model]:
        """Return the best models with the weights of their best epoch.

        Raises:
            InputError: If weights of fewer trials were kept.
        """
        if num_models > self.keep:
            raise InputError(
                f"num_models: received {num_models}, but the weights of {self.keep} are kept; "
                "make the tuner with a larger keep"
            )
        return super().get_best_models(num_models)


def make_tuner(
    model: str | pathlib.Path | types.ModuleType | keras_tuner.HyperModel | Callable,
    tuner: str = "random",
    *,
    objective: str | keras_tuner.Objective | None = None,
    trials: int | None = None,
    seed: int | None = 0,
    directory: str | pathlib.Path = "searches",
    project_name: str | None = None,
    max_epochs: int = 100,
    **settings: Any,
) -> Tuner:
    """Make a tuner to be used as Keras Tuner's guides say.

    Args:
        model: A recipe (name, path or module), a HyperModel, or a function that takes
            `HyperParameters` and returns a compiled model.
        tuner: "grid", "random", "bayesian" or "hyperband".
        objective: Such as "val_accuracy"; a recipe has its own. The direction of a metric by name
            comes from the metric itself.
        trials: At most; None runs all points of a grid, all brackets of Hyperband, 10 otherwise.
        seed: Any integer; None draws one.
        directory: For the searches' folders.
        project_name: Of this search's folder; by default a new, numbered one. A folder that is
            there already is continued if it holds the same search, and refused otherwise.
        max_epochs: Of a training in full, for Hyperband.
        **settings: Of `keras_tuner.Tuner`, such as executions_per_trial, max_model_size,
            overwrite; and keep, the number of best trials whose weights stay on disk (1).

    Returns:
        A tuner with search, get_best_hyperparameters, get_best_models, results_summary.

    Raises:
        InputError: If tuner or objective is unknown, or the folder holds another search.
    """
    if tuner not in oracles.ORACLES:
        raise InputError(f"tuner: received {tuner!r}, expected one of {', '.join(oracles.ORACLES)}")
    if isinstance(model, (str, pathlib.Path, types.ModuleType)):
        model, objective = _recipe_model(model, objective)
    if not (isinstance(model, keras_tuner.HyperModel) or callable(model)):
        raise InputError(
            f"model: received {type(model).__name__}, expected a recipe, a keras_tuner.HyperModel "
            "or a function of HyperParameters"
        )
    name = getattr(model, "name", getattr(model, "__name__", None)) or "search"
    if project_name is None:
        project_name = files.next_folder(pathlib.Path(directory), f"{name}-{tuner}").name
    if trials is None and tuner in ("random", "bayesian"):
        trials = 10
    own = {"max_epochs": max_epochs} if tuner == "hyperband" else {}
    oracle = oracles.ORACLES[tuner](
        objective=_with_direction(getattr(model, "build", model), objective),
        max_trials=trials,
        seed=seed,
        **own,
    )
    return Tuner(
        oracle=oracle,
        hypermodel=model,
        directory=str(directory),
        project_name=project_name,
        **settings,
    )


def _recipe_model(
    recipe: str | pathlib.Path | types.ModuleType, objective: str | keras_tuner.Objective | None
) -> tuple[RecipeModel, keras_tuner.Objective]:
    module = catalog.load(catalog.refer(recipe))
    if not isinstance(problem := getattr(module, "PROBLEM", None), problems.Problem):
        name = contract.name_of(module)
        raise InputError(
            f"model: the problem of {name} depends on its data; use tuning.search({name!r}, ...), "
            "which reads them"
        )
    wanted = getattr(objective, "name", objective)
    monitor = problem.monitor if wanted is None else wanted.removeprefix("val_")
    model = RecipeModel(module, dataclasses.replace(problem, monitor=monitor))
    return model, keras_tuner.Objective(f"val_{monitor}", problems.direction(monitor))


def _with_direction(
    build: Callable, objective: str | keras_tuner.Objective | None
) -> keras_tuner.Objective | None:
    """Return an objective with its direction, which Keras Tuner guesses wrong for some."""
    if not isinstance(objective, str):
        return objective
    known = find_directions(build(keras_tuner.HyperParameters()))
    metric = objective.removeprefix("val_")
    if metric not in known:
        valid = ", ".join(f"val_{name}" for name in known)
        raise InputError(f"objective: received {objective}, expected one of {valid}")
    if known[metric] is None:
        raise InputError(
            f"objective: whether a better {metric} is lower or higher is not known; give "
            f'keras_tuner.Objective("{objective}", "min") or "max"'
        )
    return keras_tuner.Objective(objective, known[metric])


def find_directions(model: keras.Model) -> dict[str, str | None]:
    """Return of each score that a compiled model reports whether lower or higher is better.

    Args:
        model: Compiled.

    Returns:
        "min", "max" or None (not known) by name, "loss" first.
    """
    given = (model.get_compile_config() or {}).get("metrics") or []
    # The name of an output stands before its metrics'.
    by_output = (
        {f"{name}_": own for name, own in given.items()} if isinstance(given, dict) else {"": given}
    )
    found: dict[str, str | None] = {"loss": "min"}
    for prefix, own in by_output.items():
        for entry in own if isinstance(own, list) else [own]:
            metric = keras.metrics.get(entry)
            name = entry if isinstance(entry, str) else metric.name
            better = getattr(metric, "_direction", "")
            found[prefix + name] = {"up": "max", "down": "min"}.get(better)
    return found
