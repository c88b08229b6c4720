"""The search spec: all that decides a search's trials, as it is stored and sent to workers."""

from __future__ import annotations

import dataclasses
import functools
import types
from typing import Any

import keras_tuner

from keras_recipes import catalog, recipe as contract
from keras_recipes.configs import Config
from keras_recipes.console.command_line import flag
from keras_recipes.data.splits import Splits
from keras_recipes.errors import InputError
from keras_recipes.problems import Problem, direction
from tuning.options import DEFAULT_TRIALS, MAX_POINTS, Options
from tuning.oracles import oracles, spaces
from tuning.trials import fingerprints, inputs, warm_start


@dataclasses.dataclass(frozen=True)
class SearchSpec:
    """The options of a search that decide its trials, defaults filled in, in values that JSON has.

    What these stand for, such as the recipe's module and its space, is looked up at first use; it
    is neither stored nor sent.

    Attributes:
        recipe: What `catalog.refer` returned.
        tuner: grid, random, bayesian or hyperband.
        trials: At most; None runs all that the tuner has.
        planned_trials: Trials that the search was begun with, by which a Bayesian search chooses
            its number of random points and Hyperband its brackets: so it can be continued beyond.
        fixed: Fields of the Config that are the same in every trial, the seed among them.
        folds: None scores on the validation part.
        repeats: Trainings of each point.
        max_parameters: None sets no limit.
        engine: fused or keras.
        monitor: The metric on the validation part that is searched for; the recipe's if empty.
        start: Point to be run next after the defaults; None for none.
    """

    recipe: str
    tuner: str
    trials: int | None
    planned_trials: int | None
    fixed: dict[str, Any]
    folds: int | None = None
    repeats: int = 1
    max_parameters: int | None = None
    engine: str = "fused"
    monitor: str = ""
    start: dict[str, Any] | None = None

    @classmethod
    def begin(cls, options: Options) -> SearchSpec:
        """Make the spec of a new search.

        Raises:
            InputError: If recipe, objective or data do not go together with the options.
        """
        tuner = options.tuner or "random"
        num_trials = options.trials or (None if tuner == "grid" else DEFAULT_TRIALS)
        spec = cls(
            recipe=catalog.refer(options.recipe or ""),
            tuner=tuner,
            trials=num_trials,
            planned_trials=num_trials,
            fixed=options.fixed(options.seed or 0),
            folds=options.folds,
            repeats=options.repeats or 1,
            max_parameters=options.max_parameters,
            engine=options.engine or "fused",
        ).for_objective(options.objective)
        if options.start_from:
            found = warm_start.find(options.start_from, spec.module, spec.space, options.told())
            spec = dataclasses.replace(spec, start=found)
        if tuner == "grid" and not options.yes:
            size = spaces.count(spec.space)
            if min(size, num_trials or size) > MAX_POINTS:
                shown = (
                    f"{size:,}" if size <= spaces.MAX_COUNT else f"more than {spaces.MAX_COUNT:,}"
                )
                raise InputError(
                    f"the grid has {shown} points; --yes runs more than {MAX_POINTS}, --trials "
                    "limits them, and --tuner random finds as good a point in far fewer"
                )
        return spec

    def for_objective(self, objective: str | None) -> SearchSpec:
        """Return the spec, checked, with the metric of an objective, "val_" before it or not.

        Raises:
            InputError: If the recipe does not go together with the spec, or has no such metric.
        """
        self.check()
        valid = ["loss", *self.problem.rule.metrics]
        monitor = self.problem.monitor if objective is None else objective.removeprefix("val_")
        if monitor not in valid:
            raise InputError(
                f"--objective: received {objective}, expected one of "
                f"{', '.join(f'val_{name}' for name in valid)}"
            )
        return dataclasses.replace(self, monitor=monitor)

    def check(self) -> None:
        """Check the recipe against the spec.

        Raises:
            InputError: If it has no hyperparameters or lacks a field that is set.
        """
        if all(spaces.is_fixed(hyperparameter) for hyperparameter in self.space.space):
            raise InputError(
                f"{self.name}: its search_space has no hyperparameter with more than one value, so "
                "that there is nothing to search; give one by hp.Choice, hp.Int or hp.Float"
            )
        fields = {field.name for field in dataclasses.fields(self.module.Config)}
        for field in self.fixed:
            if field not in fields:
                raise InputError(f"{flag(field)}: {self.name} has no such setting")
        names = {hyperparameter.name for hyperparameter in self.space.space}
        if "epochs" in names and ("epochs" in self.fixed or self.tuner == "hyperband"):
            raise InputError(
                f"{self.name}: epochs is a hyperparameter of its search_space; leave --epochs away "
                "and take another tuner than hyperband, or take it out of the space"
            )

    def __getstate__(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @property
    def direction(self) -> str:
        """Whether a better score is lower ("min") or higher ("max")."""
        return direction(self.monitor)

    @property
    def objective(self) -> str:
        """The score that is searched for, such as val_auc."""
        return f"val_{self.monitor}"

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return contract.name_of(self.module)

    @property
    def seed(self) -> int:
        """Seed of the search: 0..2**32 - 1."""
        return self.fixed["seed"]

    @property
    def module(self) -> types.ModuleType:
        """The recipe."""
        return catalog.load(self.recipe)

    @functools.cached_property
    def space(self) -> keras_tuner.HyperParameters:
        """The recipe's search space."""
        return spaces.explore(self.module.search_space)

    @functools.cached_property
    def defaults(self) -> Config:
        """The Config of trial 0."""
        return self.make_config(spaces.defaults(self.space))

    @property
    def data(self) -> Splits:
        """The data that the defaults ask for, without the test part."""
        return inputs.load_data(self.recipe, self.defaults)

    @functools.cached_property
    def problem(self) -> Problem:
        """The problem of the recipe and its data, with the search's monitor."""
        problem = contract.problem(self.module, self.defaults, self.data)
        return dataclasses.replace(problem, monitor=self.monitor or problem.monitor)

    def make_config(self, values: dict[str, Any]) -> Config:
        """Make the Config of a point; it may depend on the number of training rows."""
        config = inputs.make_config(self.module, values, self.fixed)
        data = inputs.load_data(self.recipe, config)
        return inputs.make_config(self.module, values, self.fixed, len(data.train))

    def make_oracle(self) -> oracles.SteadyOracle:
        """Make the oracle at its beginning."""
        own: dict[str, Any] = {}
        if self.tuner == "bayesian":
            own["num_initial_points"] = oracles.num_initial_points(self.space, self.planned_trials)
        if self.tuner == "hyperband":
            own = {"max_epochs": self.defaults.epochs, "bracket_trials": self.planned_trials}
        oracle = oracles.ORACLES[self.tuner](
            objective=keras_tuner.Objective(self.objective, self.direction),
            max_trials=self.trials,
            seed=self.seed,
            start=self.start,
            hyperparameters=self.space.copy(),
            **own,
        )
        oracle.verbose = 0
        return oracle

    def fingerprint(self) -> dict[str, Any]:
        """Describe everything that a trial's result depends on."""
        return {
            "space": spaces.describe(self.space),
            "direction": self.direction,
            "data": fingerprints.hash_data(self.data),
            "code": fingerprints.hash_code(self.recipe),
            "versions": fingerprints.versions(),
        }
