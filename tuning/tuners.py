"""A `keras_tuner.Tuner` for a recipe, or for anybody's HyperModel or build function.

It is used as Keras Tuner's guides say; the oracles, seeds and files are those of this package.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import logging
import pathlib
import re
import types
import typing
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import keras
import keras_tuner
import numpy as np

from keras_recipes import (
    callbacks as shared_callbacks,
    catalog,
    checks,
    configs,
    problems,
    reading,
    recipe as contract,
    training,
)
from keras_recipes.console import files
from keras_recipes.data import splits
from keras_recipes.errors import InputError, RunError, for_known_keywords
from keras_recipes.recipe import Recipe
from tuning.oracles import oracles, seeds, spaces
from tuning.trials import inputs, trials

# Failed trials in a row that end a search, as in Keras Tuner, where the user has not said.
MAX_FAILED = 3

_log = logging.getLogger(__name__)


class BuildFunction(keras_tuner.HyperModel):
    """A function of HyperParameters that builds a model, as a HyperModel."""

    def __init__(self, build: Callable):
        super().__init__(name=getattr(build, "__name__", None))
        self.build = build


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
        fields = [field.name for field in dataclasses.fields(self.recipe.Config)]
        configs.check_names(settings, fields, self.name)
        config = dataclasses.replace(self.recipe.Config(), **settings)
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


def _explore(
    hypermodel: keras_tuner.HyperModel, known: keras_tuner.HyperParameters | None
) -> keras_tuner.HyperParameters:
    """Return the space of a hypermodel; a recipe's needs no model, and so no data.

    Args:
        hypermodel: To be searched.
        known: Hyperparameters that go before its own.
    """

    def ask(hp: keras_tuner.HyperParameters) -> None:
        hypermodel.declare_hyperparameters(hp)
        hypermodel.build(hp)

    is_recipe = isinstance(hypermodel, RecipeModel)
    return spaces.explore(hypermodel.recipe.search_space if is_recipe else ask, known)


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
    """A Keras Tuner that forgets nothing and repeats nothing.

    Args:
        keep: Number of best trials whose weights stay on disk; None for all.
        known_scores: Of each score that an epoch logs whether lower or higher is better; None
            where a fit of the user's own decides what is logged.
        tuner_id: Names the file of the tuner's state.
        **settings: As for `keras_tuner.Tuner`.
    """

    def __init__(
        self,
        *,
        keep: int | None = None,
        known_scores: dict[str, str | None] | None = None,
        tuner_id: str | None = None,
        **settings: Any,
    ):
        self.keep, self._known_scores, self._named = keep, known_scores, tuner_id
        self._execution = self._attempt = 0
        self._dtype_policy = keras.config.dtype_policy()
        if settings.get("overwrite"):
            folder = pathlib.Path(settings["directory"], settings["project_name"])
            if folder.exists() and not (folder / "search.json").is_file():
                raise InputError(f"overwrite: {folder} holds no search; give another project_name")
        oracle = settings["oracle"]
        now = {
            "space": spaces.describe(oracle.hyperparameters),
            "objective": str(oracle.objective),
            "tuner": type(oracle).__name__,
            "settings": {name: getattr(oracle, name) for name in oracle.SETTINGS},
            "seed": oracle.seed,
        }
        super().__init__(tuner_id=tuner_id, **settings)
        self._check_same_search(json.loads(json.dumps(now)))

    def _get_tuner_fname(self):
        # Keras Tuner looks for the state before it knows the tuner's own name.
        if self._named:
            self.tuner_id = self._named
        return super()._get_tuner_fname()

    def _check_same_search(self, now: dict[str, Any]) -> None:
        """Refuse a folder whose trials belong to another space, objective or setting."""
        path = pathlib.Path(self.project_dir) / "search.json"
        if path.is_file():
            before = reading.read_json(path, "give another project_name, or overwrite=True")
            for name, value in now.items():
                if before.get(name, value) != value:
                    raise InputError(
                        f"{self.project_dir} holds another search: its {name} is "
                        f"{before.get(name)}, now it is {value}; give another project_name, or "
                        "overwrite=True"
                    )
        with files.faults_named(path, None):
            files.write_json(path, now)

    def _populate_initial_space(self):
        """Leave the oracle the space that it came with."""

    def search(self, *arguments, **named):
        """Search as Keras Tuner does, once what can be seen before the first trial is checked.

        Raises:
            InputError: If what is given does not go together, or is not what a fit returns.
            RunError: If the first trial, or three in a row, fail.
        """
        if isinstance(self.hypermodel, RecipeModel):
            self.hypermodel.check(*arguments, **named)
        elif self._known_scores is not None:
            self._check_objective(arguments, named)
        try:
            with trials.light_collection():  # Keras Tuner collects garbage in every trial
                super().search(*arguments, **named)
        except keras_tuner.errors.FatalError as error:
            raise InputError(" ".join(str(error).split())) from error

    def _check_objective(self, arguments: tuple, named: dict[str, Any]) -> None:
        """Refuse an objective that no epoch of `model.fit` can log."""
        signature = inspect.signature(keras.Model.fit)
        configs.check_names(named, list(signature.parameters), "model.fit")
        try:
            fit = signature.bind_partial(None, *arguments, **named)
        except TypeError as error:
            raise InputError(f"search: {error}; expected what model.fit takes") from error
        given = fit.arguments
        if any(map(_may_log, given.get("callbacks") or [])):
            return
        known = self._known_scores or {}
        is_validated = given.get("validation_data") is not None or given.get("validation_split")
        logged = [*known, *(f"val_{name}" for name in known if is_validated)]
        for objective in _objectives(self.oracle.objective):
            name = objective.name
            if name not in logged and name.removeprefix("val_") in known:
                raise InputError(
                    f"objective: {name} needs validation rows, and search received none; give it "
                    "validation_data=(x, y) or validation_split=0.2, or take an objective out of "
                    f"{', '.join(logged)}"
                )
            if name not in logged:
                valid = ", ".join(reversed(logged))
                raise InputError(f"objective: received {name}, expected one of {valid}")

    def _build_hypermodel(self, hp):
        # These are set here, since Keras Tuner's clear_session before a build wipes them.
        keras.config.set_dtype_policy(self._dtype_policy)
        again = [self._attempt] * (self._attempt > 0)
        keras.utils.set_random_seed(
            seeds.derive(self.oracle.seed, spaces.key(hp.values), self._execution, *again)
        )
        return super()._build_hypermodel(hp)

    def _override_compile_args(self, model):
        if not model.compiled and (self.optimizer or self.loss or self.metrics):
            model.compile()  # Keras Tuner reads what a model that is not compiled does not have
        super()._override_compile_args(model)

    def run_trial(self, trial, *args, **kwargs):
        """Train once for each execution; the best weights are written once, at the end."""
        given = kwargs.pop("callbacks", [])
        epochs = trial.hyperparameters.values.get("tuner/epochs")
        if epochs:  # Hyperband's own
            kwargs["epochs"] = epochs
        best = BestWeights(self, trial)
        self._attempt = self.oracle._run_times[trial.trial_id]  # of a trial that is run again
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

    def _build_and_fit_model(self, trial, *args, **kwargs):
        results = super()._build_and_fit_model(trial, *args, **kwargs)
        objective = self.oracle.objective
        if isinstance(results, keras.callbacks.History) and not objective.has_value(
            results.history
        ):
            raise keras_tuner.errors.FatalValueError(
                f"objective: fit has not logged {', '.join(o.name for o in _objectives(objective))}"
                f"; expected one of {', '.join(results.history)}"
            )
        return results

    def on_trial_end(self, trial):
        """Stop where trials fail; remove the weights that are no longer wanted."""
        super().on_trial_end(trial)
        known = self.oracle.get_trial(trial.trial_id)
        if known.status == oracles.FAILED:
            self._stop_or_warn(known)
        if self.keep is None:
            return
        kept = {best.trial_id for best in self.oracle.get_best_trials(self.keep)}
        for other in self.oracle.trials:
            if other not in kept:
                pathlib.Path(self._get_checkpoint_fname(other)).unlink(missing_ok=True)

    def _stop_or_warn(self, failed: Any) -> None:
        """Stop after too many failed trials in a row, and where the first one fails.

        A first trial that fails is nearly always a mistake that all others share; where the user
        has said how many may fail, it is one of them.
        """
        message = (failed.message or "").strip().splitlines()
        last = message[-1] if message else "no message"
        limit = self.oracle.max_consecutive_failed_trials
        states = [self.oracle.trials[name].status for name in self.oracle.end_order]
        recent = states[-(limit or MAX_FAILED) :]
        if limit is None and len(states) == 1:
            _log.error("%s", failed.message)  # the traceback
            raise RunError(f"the first trial, the defaults, failed: {last}")
        if len(recent) == (limit or MAX_FAILED) and set(recent) == {oracles.FAILED}:
            _log.error("%s", failed.message)
            raise RunError(
                f"{len(recent)} trials in a row failed, the last one by: {last}; "
                "max_consecutive_failed_trials allows more"
            )
        _log.warning("trial %s failed: %s", failed.trial_id, last)

    def on_search_end(self):
        """Describe why the search ended, and what its weights take."""
        super().on_search_end()
        if not self.oracle.verbose:
            return
        print(f"Search ended: {self.oracle.end_reason}")
        files_of = [pathlib.Path(self._get_checkpoint_fname(name)) for name in self.oracle.trials]
        sizes = [path.stat().st_size for path in files_of if path.is_file()]
        if len(sizes) > 1:
            print(
                f"Weights of {len(sizes)} trials are kept, {sum(sizes) / 1e6:,.1f} MB; "
                "make_tuner(..., keep=1) keeps the best alone"
            )

    def load_model(self, trial):
        """Build a trial's model with the weights of its best epoch, and a fresh optimizer.

        Raises:
            InputError: If the trial left no weights.
        """
        if not pathlib.Path(self._get_checkpoint_fname(trial.trial_id)).is_file():
            raise InputError(
                f"trial {trial.trial_id} left no weights: its fit must hand callbacks on to "
                "model.fit; tuner.hypermodel.build(tuner.get_best_hyperparameters()[0]) builds "
                "the model anew"
            )
        with warnings.catch_warnings():
            # The file holds the optimizer's state too, which a fresh optimizer has no place for.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return super().load_model(trial)

    def get_best_models(self, num_models: int = 1) -> list[keras.Model]:
        """Return the best models with the weights of their best epoch.

        Raises:
            InputError: If weights of fewer trials were kept.
        """
        if self.keep is not None and num_models > self.keep:
            raise InputError(
                f"num_models: received {num_models}, but the weights of {self.keep} are kept; "
                "make the tuner with a larger keep"
            )
        return super().get_best_models(num_models)


_Times = Annotated[int, configs.Range(0)]


@for_known_keywords
def make_tuner(
    hypermodel: str | pathlib.Path | types.ModuleType | keras_tuner.HyperModel | Callable,
    tuner: str = "random",
    *,
    objective: str | keras_tuner.Objective | list[str | keras_tuner.Objective] | None = None,
    max_trials: configs.Count | None = None,
    trials: configs.Count | None = None,
    seed: int | None = 0,
    hyperparameters: keras_tuner.HyperParameters | None = None,
    tune_new_entries: bool = True,
    allow_new_entries: bool = True,
    max_retries_per_trial: _Times = 0,
    max_consecutive_failed_trials: configs.Count | None = None,
    executions_per_trial: configs.Count = 1,
    max_model_size: configs.Count | None = None,
    num_initial_points: configs.Count | None = None,
    alpha: configs.Positive | None = None,
    beta: configs.NotNegative | None = None,
    max_epochs: configs.Count | None = None,
    factor: Annotated[int, configs.Range(2)] | None = None,
    hyperband_iterations: configs.Count | None = None,
    optimizer: str | keras.optimizers.Optimizer | None = None,
    loss: Any = None,
    metrics: Any = None,
    distribution_strategy: Any = None,
    directory: str | pathlib.Path | None = None,
    project_name: str | None = None,
    overwrite: bool = False,
    tuner_id: str | None = None,
    logger: Any = None,
    keep: _Times | None = None,
) -> Tuner:
    """Make a tuner to be used as Keras Tuner's guides say.

    Its arguments are those of Keras Tuner's RandomSearch, GridSearch, BayesianOptimization and
    Hyperband, by the same names.

    Args:
        hypermodel: A recipe (name, path or module), a HyperModel, or a function that takes
            `HyperParameters` and returns a compiled model.
        tuner: "grid", "random", "bayesian" or "hyperband".
        objective: Such as "val_accuracy"; a recipe has its own. The direction of a metric by name
            comes from the metric itself. Of several, the sum is sought. None where a HyperModel's
            own fit returns the number to be minimised.
        max_trials: At most; None runs all points of a grid, all brackets of Hyperband, 10
            otherwise.
        trials: The same, by the name that it has in `tuning.search`.
        seed: Any integer; None draws one.
        hyperparameters: Go before those of the same name in hypermodel.
        tune_new_entries: Whether those that are not in hyperparameters are tuned too; else they
            keep their defaults.
        allow_new_entries: Whether there may be any that are not in hyperparameters.
        max_retries_per_trial: How often a trial that fails is run again, with another seed.
        max_consecutive_failed_trials: So many failed trials in a row end the search; None ends it
            after 3, and where the first trial, the defaults, fails.
        executions_per_trial: Trainings of each point; their mean counts.
        max_model_size: Models of more parameters are not trained: the trial fails.
        num_initial_points: Of the Bayesian tuner: points before the first proposal.
        alpha: Of the Bayesian tuner: share of noise in the variance of the scores; None learns it.
        beta: Of the Bayesian tuner: standard deviations of the confidence bound by which it
            proposes; None proposes by the expected improvement.
        max_epochs: Of Hyperband: epochs of a training in full; None for 100.
        factor: Of Hyperband: one of so many points is promoted; None for 3.
        hyperband_iterations: Of Hyperband: sweeps over its brackets; None for 1.
        optimizer: Replaces that of the models.
        loss: Replaces that of the models.
        metrics: Replace those of the models.
        distribution_strategy: A `tf.distribute.Strategy` of this machine.
        directory: For the searches' folders; None for "searches".
        project_name: Of this search's folder; by default a new, numbered one. A folder that is
            there already is continued if it holds the same search, and refused otherwise.
        overwrite: Whether a search of that folder is removed first.
        tuner_id: Names the file of the tuner's state.
        logger: Refused: Keras Tuner ignores it.
        keep: Number of best trials whose weights stay on disk; None for all.

    Returns:
        A tuner with search, get_best_hyperparameters, get_best_models, results_summary.

    Raises:
        InputError: If an argument is unknown to this tuner or cannot work, or the folder holds
            another search.
    """
    given = dict(locals())
    for name, hint in typing.get_type_hints(make_tuner, include_extras=True).items():
        if name in given:
            configs.check_value(name, given[name], hint)
    _check_settings(tuner, given)
    if isinstance(hypermodel, (str, pathlib.Path, types.ModuleType)):
        hypermodel, objective = _recipe_model(hypermodel, given)
    if not isinstance(hypermodel, keras_tuner.HyperModel):
        if not callable(hypermodel):
            raise InputError(
                f"hypermodel: received {type(hypermodel).__name__}, expected a recipe, a "
                "keras_tuner.HyperModel or a function of HyperParameters"
            )
        hypermodel = BuildFunction(hypermodel)
    known_scores = None
    if not isinstance(hypermodel, RecipeModel):
        known_scores = _find_scores(hypermodel, hyperparameters, optimizer, loss, metrics)
        is_own = type(hypermodel).fit is not keras_tuner.HyperModel.fit
        objective = _with_direction(objective, known_scores, is_own)
        known_scores = None if is_own else known_scores
    limit = max_trials or trials or (10 if tuner in ("random", "bayesian") else None)
    own = {name: given[name] for name in oracles.ORACLES[tuner].SETTINGS}
    if tuner == "hyperband":
        defaults = {"max_epochs": 100, "factor": 3, "hyperband_iterations": 1}
        own = {name: own[name] or default for name, default in defaults.items()}
    oracle = oracles.ORACLES[tuner](
        objective=objective,
        max_trials=limit,
        seed=seed,
        hyperparameters=hyperparameters and hyperparameters.copy(),
        tune_new_entries=tune_new_entries,
        allow_new_entries=allow_new_entries,
        max_retries_per_trial=max_retries_per_trial,
        max_consecutive_failed_trials=max_consecutive_failed_trials,
        **own,
    )
    oracle.update_space(_explore(hypermodel, hyperparameters))
    folder = pathlib.Path(directory or "searches")
    name = re.sub(r"\W+", "_", hypermodel.name or type(hypermodel).__name__).strip("_")
    return Tuner(
        oracle=oracle,
        hypermodel=hypermodel,
        known_scores=known_scores,
        keep=keep,
        max_model_size=max_model_size,
        optimizer=optimizer,
        loss=loss,
        metrics=metrics,
        distribution_strategy=distribution_strategy,
        executions_per_trial=executions_per_trial,
        directory=str(folder),
        project_name=project_name or files.next_folder(folder, f"{name}-{tuner}").name,
        tuner_id=tuner_id,
        overwrite=overwrite,
    )


def _check_settings(tuner: str, given: dict[str, Any]) -> None:
    """Refuse arguments that do not go together.

    Args:
        tuner: Its name.
        given: All arguments of `make_tuner`.
    """
    if tuner not in oracles.ORACLES:
        raise InputError(f"tuner: received {tuner!r}, expected one of {', '.join(oracles.ORACLES)}")
    for other, kind in oracles.ORACLES.items():
        for name in kind.SETTINGS:
            if other != tuner and given[name] is not None:
                raise InputError(f'{name}: is a setting of tuner="{other}", received "{tuner}"')
    if given["max_trials"] and given["trials"]:
        raise InputError("max_trials and trials: are the same; give one of the two")
    if given["logger"] is not None:
        raise InputError(
            "logger: Keras Tuner ignores it; give search "
            "callbacks=[keras.callbacks.TensorBoard(folder)], or a callback of your own"
        )
    for name in ("tune_new_entries", "allow_new_entries"):
        if not given[name] and given["hyperparameters"] is None:
            raise InputError(
                f"{name}=False: needs hyperparameters=, a keras_tuner.HyperParameters with those "
                "to be tuned"
            )


def _recipe_model(
    recipe: str | pathlib.Path | types.ModuleType, given: dict[str, Any]
) -> tuple[RecipeModel, keras_tuner.Objective]:
    """Return a recipe as a HyperModel, and its objective.

    Args:
        recipe: Name, path or module.
        given: All arguments of `make_tuner`.
    """
    module = catalog.load(catalog.refer(recipe))
    name = contract.name_of(module)
    if not isinstance(problem := getattr(module, "PROBLEM", None), problems.Problem):
        raise InputError(
            f"hypermodel: the problem of {name} depends on its data; use "
            f"tuning.search({name!r}, ...), which reads them"
        )
    for setting in ("optimizer", "loss", "metrics", "distribution_strategy"):
        if given[setting] is not None:
            raise InputError(
                f"{setting}: the recipe {name} decides it; give a function of HyperParameters that "
                "builds the model in its place"
            )
    objective = given["objective"]
    wanted = getattr(objective, "name", objective)
    valid = ["loss", *problem.rule.metrics]
    monitor = problem.monitor if wanted is None else str(wanted).removeprefix("val_")
    better = problems.direction(monitor)
    if monitor not in valid or getattr(objective, "direction", better) != better:
        shown = str(objective) if isinstance(wanted, str) else f"{objective!r:.60}"
        raise InputError(
            f"objective: received {shown}, expected one of "
            f"{', '.join(f'val_{name} ({problems.direction(name)})' for name in valid)}"
        )
    model = RecipeModel(module, dataclasses.replace(problem, monitor=monitor))
    return model, keras_tuner.Objective(f"val_{monitor}", better)


def _find_scores(
    hypermodel: keras_tuner.HyperModel,
    hyperparameters: keras_tuner.HyperParameters | None,
    optimizer: Any,
    loss: Any,
    metrics: Any,
) -> dict[str, str | None] | None:
    """Return what each epoch logs and which is better, as `find_directions`; None if unknown."""
    policy = keras.config.dtype_policy()
    keras.backend.clear_session()  # as before each trial; else a second AUC is called auc_1
    keras.config.set_dtype_policy(policy)  # which that wipes
    known = hyperparameters or keras_tuner.HyperParameters()
    model = hypermodel.build(known.copy())
    if not isinstance(model, keras.Model):
        raise InputError(
            f"hypermodel: built {type(model).__name__}, expected a keras.Model; does the function "
            "end by `return model`?"
        )
    if type(model).train_step is not keras.Model.train_step:
        return None
    if metrics is not None:
        model.compile(loss=loss or getattr(model, "loss", None), metrics=metrics)
    elif not (model.compiled or optimizer or loss):
        if type(hypermodel).fit is not keras_tuner.HyperModel.fit:
            return None
        raise InputError(
            "hypermodel: the model that it builds is not compiled; compile it, or give "
            "optimizer=, loss= and metrics="
        )
    return find_directions(model)


def _with_direction(
    objective: Any, known: dict[str, str | None] | None, is_own: bool
) -> keras_tuner.Objective | list[keras_tuner.Objective] | None:
    """Return an objective with its direction, which Keras Tuner guesses wrong for some.

    Args:
        objective: Of `make_tuner`.
        known: Of `_find_scores`.
        is_own: Whether the HyperModel has a fit of its own, which may return other scores.

    Raises:
        InputError: If it cannot be logged, or its direction is not known.
    """
    if isinstance(objective, list):
        return [_with_direction(one, known, is_own) for one in objective]
    if isinstance(objective, keras_tuner.Objective) or (objective is None and is_own):
        return objective
    valid = ", ".join(f"val_{name}" for name in known or {})
    if not isinstance(objective, str):
        received = "none" if objective is None else f"{objective!r:.60}"
        raise InputError(f"objective: received {received}, expected one of {valid or 'its names'}")
    metric = objective.removeprefix("val_")
    own = f'keras_tuner.Objective("{objective}", "min") or "max"'
    if known is not None and metric not in known:
        hint = f"; for a score that your fit returns, give {own}" if is_own else ""
        raise InputError(f"objective: received {objective}, expected one of {valid}{hint}")
    if known is None or known[metric] is None:
        raise InputError(
            f"objective: whether a better {metric} is lower or higher is not known; give {own}"
        )
    return keras_tuner.Objective(objective, known[metric])


def _objectives(objective: keras_tuner.Objective) -> list[keras_tuner.Objective]:
    """Return all objectives of one that may hold several."""
    return getattr(objective, "objectives", [objective])


def _may_log(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback may add scores of its own to what an epoch logs."""
    is_of_keras = type(callback).__module__.startswith("keras.")
    return not is_of_keras or isinstance(callback, keras.callbacks.LambdaCallback)


def find_directions(model: keras.Model) -> dict[str, str | None]:
    """Return of each score that a compiled model reports whether lower or higher is better.

    Args:
        model: Compiled.

    Returns:
        "min", "max" or None (not known) by name, "loss" first.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of functions that cannot be saved, which nobody wants
        compiled = model.get_compile_config() or {}
    output = getattr(model, "output", None)
    outputs = sorted(output) if isinstance(output, dict) else getattr(model, "output_names", [])
    found: dict[str, str | None] = {"loss": "min"}
    if len(outputs) > 1:
        found |= {f"{name}_loss": "min" for name in outputs}
    for kind in ("metrics", "weighted_metrics"):
        for prefix, entry in _by_output(compiled.get(kind), outputs):
            name, better = _describe_metric(entry)
            found.setdefault(prefix + name, better)
    for metric in model.metrics:  # of the model's own layers
        if metric.name != "compile_metrics":
            found.setdefault(metric.name, _better(metric))
    return found


def _by_output(metrics: Any, outputs: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield each metric with what Keras writes before its name: that of its output, of several."""
    if isinstance(metrics, dict):
        pairs = [(f"{name}_" if len(outputs) > 1 else "", own) for name, own in metrics.items()]
    elif len(outputs) > 1 and isinstance(metrics, list) and len(metrics) == len(outputs):
        pairs = [(f"{name}_", own) for name, own in zip(outputs, metrics, strict=True)]
    else:
        pairs = [("", metrics)]
    for prefix, own in pairs:
        for entry in own if isinstance(own, list) else [own]:
            if entry is not None:
                yield prefix, entry


def _describe_metric(entry: Any) -> tuple[str, str | None]:
    """Return name and better direction of a metric as it stands in a compile config."""
    try:
        metric = keras.metrics.get("accuracy" if entry == "acc" else entry)
    except (TypeError, ValueError):  # of the user's own, and not registered with Keras
        metric = None
    if isinstance(entry, str):
        return entry, _better(metric)
    own = entry.get("config", {}) if isinstance(entry, dict) else entry
    if isinstance(own, dict):
        own = own.get("name", "lambda")
    return str(getattr(metric, "name", own)), _better(metric)


def _better(metric: object) -> str | None:
    return {"up": "max", "down": "min"}.get(getattr(metric, "_direction", ""))
