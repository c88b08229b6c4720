"""The plan of a search: all that decides its trials, and the fingerprint that tells it apart."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import pathlib
import platform

import keras_tuner
import numpy as np
import pandas as pd

from keras_recipes import catalog, recipe as contract
from keras_recipes.configs import Config
from keras_recipes.errors import InputError
from keras_recipes.problems import Problem, direction
from keras_recipes.recipe import Recipe
from tuning.options import DEFAULT_TRIALS, MAX_POINTS, Options
from tuning.oracles import oracles, spaces
from tuning.trials import fingerprints, trials, warm_start

PACKAGES = ("tensorflow", "keras", "keras-tuner", "numpy", "scipy", "scikit-learn")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a search was told, with its defaults filled in; it stands in search.json.

    Attributes:
        recipe: What `catalog.refer` gave.
        tuner: grid, random, bayesian or hyperband.
        trials: At most; None runs all that the tuner has.
        epochs: None takes the recipe's.
        folds: None scores on the validation part.
        repeats: Trainings of each point.
        monitor: The metric on the validation part that is searched for.
        seed: 0..2**32 - 1.
        data: None takes the recipe's.
        data_dir: None takes the recipe's.
        max_parameters: None sets no limit.
        engine: fused or keras.
        start: Point to be run next after the defaults; None for none.
        table: What was told about a user's table, the fields of `configs.TableOptions`.
        num_initial_points: Random points of a Bayesian search; chosen when it begins, so that it
            can be continued beyond its trials. None for the others.
        bracket_trials: Trials that Hyperband's brackets have to fit in, likewise.
    """

    recipe: str
    tuner: str
    trials: int | None
    epochs: int | None
    folds: int | None
    repeats: int
    monitor: str
    seed: int
    data: str | None
    data_dir: str | None
    max_parameters: int | None
    engine: str
    start: dict | None
    table: dict = dataclasses.field(default_factory=dict)
    num_initial_points: int | None = None
    bracket_trials: int | None = None

    @property
    def direction(self) -> str:
        """Whether a better score is lower ("min") or higher ("max")."""
        return direction(self.monitor)

    @property
    def fixed(self) -> dict:
        """The fields of the Config that are the same in every trial."""
        told = {"epochs": self.epochs, "data": self.data}
        if self.data_dir is not None:
            told["data_dir"] = pathlib.Path(self.data_dir)
        # JSON has neither paths nor tuples.
        table = {k: tuple(v) if isinstance(v, list) else v for k, v in self.table.items()}
        if "csv" in table:
            table["csv"] = pathlib.Path(table["csv"])
        return {"seed": self.seed, **{k: v for k, v in told.items() if v is not None}, **table}


@dataclasses.dataclass(frozen=True)
class Plan:
    """Settings with what they stand for.

    Attributes:
        settings: Of the search.
        recipe: The module.
        space: Of the recipe.
        num_rows: Training rows, on which settings may depend.
        defaults: The Config of trial 0.
        problem: Of the recipe and its data, with the search's monitor.
    """

    settings: Settings
    recipe: Recipe
    space: keras_tuner.HyperParameters
    num_rows: int
    defaults: Config
    problem: Problem

    def make_config(self, values: dict) -> Config:
        """Make the Config of a point."""
        return trials.make_config(self.recipe, values, self.settings.fixed, self.num_rows)

    @property
    def max_epochs(self) -> int:
        """Epochs of a training in full."""
        return self.defaults.epochs

    def make_oracle(self) -> oracles.SteadyOracle:
        """Make the oracle at its beginning."""
        settings = self.settings
        own = {}
        if settings.tuner == "bayesian":
            own["num_initial_points"] = settings.num_initial_points
        if settings.tuner == "hyperband":
            own = {"max_epochs": self.max_epochs, "bracket_trials": settings.bracket_trials}
        oracle = oracles.ORACLES[settings.tuner](
            objective=keras_tuner.Objective(f"val_{settings.monitor}", settings.direction),
            max_trials=settings.trials,
            seed=settings.seed,
            start=settings.start,
            hyperparameters=self.space.copy(),
            **own,
        )
        oracle.verbose = 0
        return oracle

    def make_task(self, number: int, values: dict) -> trials.Task:
        """Make the task of a trial."""
        settings = self.settings
        return trials.Task(
            settings.recipe,
            number,
            values,
            settings.monitor,
            seed=settings.seed,
            fixed=settings.fixed,
            folds=settings.folds,
            repeats=settings.repeats,
            max_parameters=settings.max_parameters,
            engine=settings.engine,
        )

    def fingerprint(self) -> dict:
        """Describe everything that a trial's result depends on."""
        splits = trials.load_data(self.settings.recipe, self.defaults)
        return {
            "space": spaces.describe(self.space),
            "direction": self.settings.direction,
            "data": {
                **{split: _hash_part(getattr(splits, split)) for split in ("train", "validation")},
                **({"file": splits.source.digest} if hasattr(splits.source, "digest") else {}),
            },
            "code": fingerprints.hash_code(self.settings.recipe),
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in PACKAGES},
            },
        }


def begin(options: Options) -> Plan:
    """Plan a new search.

    Raises:
        InputError: If recipe, objective or data do not go together with the options.
    """
    reference = catalog.refer(options.recipe)
    recipe = catalog.load(reference)
    tuner = options.tuner or "random"
    space = spaces.explore(recipe.search_space)
    num_trials = options.trials or (None if tuner == "grid" else DEFAULT_TRIALS)
    initial = oracles.num_initial_points(space, num_trials) if tuner == "bayesian" else None
    settings = Settings(
        recipe=reference,
        tuner=tuner,
        trials=num_trials,
        epochs=options.epochs,
        folds=options.folds,
        repeats=options.repeats or 1,
        monitor="",
        seed=options.seed or 0,
        data=options.data,
        data_dir=options.data_dir and str(options.data_dir.resolve()),
        max_parameters=options.max_parameters,
        engine=options.engine or "fused",
        start=None,
        table=plain(options.told()),
        num_initial_points=initial,
        bracket_trials=num_trials if tuner == "hyperband" else None,
    )
    plan = resolve(settings)
    found = {"monitor": _find_monitor(plan.problem, options.objective)}
    if options.start_from:
        found["start"] = warm_start.find(options.start_from, recipe, space, options.told())
    _check_grid(plan, options)
    problem = dataclasses.replace(plan.problem, monitor=found["monitor"])
    settings = dataclasses.replace(settings, **found)
    return dataclasses.replace(plan, settings=settings, problem=problem)


def plain(table: dict) -> dict:
    """Write what was told about a table as JSON has it."""
    table = {k: list(v) if isinstance(v, tuple) else v for k, v in table.items()}
    return {**table, "csv": str(table["csv"])} if "csv" in table else table


def resolve(settings: Settings) -> Plan:
    """Find what settings stand for.

    Raises:
        InputError: If the recipe has no hyperparameters or lacks a field that is set.
    """
    recipe = catalog.load(settings.recipe)
    space = spaces.explore(recipe.search_space)
    name = pathlib.Path(recipe.__file__).stem
    if all(spaces.is_fixed(hyperparameter) for hyperparameter in space.space):
        raise InputError(
            f"{name}: its search_space has no hyperparameter with more than one value, so that "
            "there is nothing to search; give one by hp.Choice, hp.Int or hp.Float"
        )
    fields = {field.name for field in dataclasses.fields(recipe.Config)}
    for field in settings.fixed:
        if field not in fields:
            raise InputError(f"--{field.replace('_', '-')}: {name} has no such setting")
    names = {hyperparameter.name for hyperparameter in space.space}
    if "epochs" in names and (settings.epochs or settings.tuner == "hyperband"):
        raise InputError(
            f"{name}: epochs is a hyperparameter of its search_space; leave --epochs away and take "
            "another tuner than hyperband, or take it out of the space"
        )
    point = spaces.defaults(space)
    data = trials.load_data(settings.recipe, trials.make_config(recipe, point, settings.fixed))
    num_rows = len(data.train)
    defaults = trials.make_config(recipe, point, settings.fixed, num_rows)
    problem = contract.problem(recipe, defaults, data)
    if settings.monitor:
        problem = dataclasses.replace(problem, monitor=settings.monitor)
    return Plan(settings, recipe, space, num_rows, defaults, problem)


def _find_monitor(problem: Problem, objective: str | None) -> str:
    """Return the metric of an objective, "val_" before it or not."""
    valid = ["loss", *problem.rule.metrics]
    monitor = problem.monitor if objective is None else objective.removeprefix("val_")
    if monitor not in valid:
        raise InputError(
            f"--objective: received {objective}, expected one of "
            f"{', '.join(f'val_{name}' for name in valid)}"
        )
    return monitor


def _check_grid(plan: Plan, options: Options) -> None:
    if plan.settings.tuner != "grid" or options.yes:
        return
    size = spaces.count(plan.space)
    if min(size, plan.settings.trials or size) > MAX_POINTS:
        shown = f"{size:,}" if size <= spaces.MANY else f"more than {spaces.MANY:,}"
        raise InputError(
            f"the grid has {shown} points; --yes runs more than {MAX_POINTS}, --trials limits "
            "them, and --tuner random finds as good a point in far fewer"
        )


def find_differences(
    before: dict, now: dict, name: str = "", words: str = "now it is"
) -> list[str]:
    """Name each entry that differs, with both values; `words` go before the second."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = list(dict.fromkeys([*before, *now]))
        return [
            line
            for key in keys
            for line in find_differences(
                before.get(key, "nothing"),
                now.get(key, "nothing"),
                f"{name}.{key}".strip("."),
                words,
            )
        ]
    return [] if before == now else [f"{name}: the search has {before}, {words} {now}"]


def _hash_part(split) -> str:
    """Hash inputs and targets, whatever their dtype."""
    digest = hashlib.sha256()
    x = split.x
    if isinstance(x, pd.DataFrame):
        x = pd.util.hash_pandas_object(x, index=False).to_numpy()
    for values in (np.asarray(x), np.asarray(split.y)):
        digest.update(f"{values.dtype} {values.shape}".encode())
        if values.dtype == object:
            digest.update(repr(values.tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()[:16]
