"""Contract tests for anybody's recipe: how it behaves, not how it is written.

    from keras_recipes import testing
    from recipes import my_recipe

    @testing.parametrize_with_checks(my_recipe)
    def test_recipe(check):
        check()

A message says what to change where the recipe breaks the contract.
"""

from __future__ import annotations

import dataclasses
import inspect
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np

from keras_recipes import callbacks, checks, configs, recipe as contract, training
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.data.splits import Split, Splits
from keras_recipes.features import parts
from keras_recipes.problems import Problem
from keras_recipes.recipe import Recipe
from keras_recipes.runs import scoring

NUM_ROWS = 200
MEMORISED = 0.97  # accuracy on 32 rows, or R²


def parametrize_with_checks(recipe: Recipe, memorised: float = MEMORISED) -> Callable:
    """Return a pytest decorator that runs a test once for each check of a recipe.

    Args:
        recipe: A recipe module.
        memorised: Accuracy (or R²) that the network has to reach on 32 training rows. Lower it
            where equal rows of your data bear different labels, or build_model holds back on
            purpose.

    Returns:
        Decorator for a test with the parameter `check`, a function without arguments.
    """
    import pytest

    bound = _Checks(recipe, memorised)
    names = [name for name in vars(_Checks) if not name.startswith("_")]
    cases = [pytest.param(getattr(bound, name), id=name) for name in names]
    return pytest.mark.parametrize("check", cases)


@dataclasses.dataclass(frozen=True)
class _Few:
    """A recipe's settings, the first rows of its data, and its problem."""

    config: configs.Config
    data: Splits
    problem: Problem

    def prepare(self, recipe: Recipe) -> keras.Model:
        check = checks.PreFlight(contract.ignored_checks(recipe))
        return training.prepare(recipe, self.config, self.data, check=check)

    def score(self, model: keras.Model, split: Split) -> dict[str, float]:
        return scoring.measure(self.problem, split.y, training.predict(model, split.x))


class _UntilMemorised(keras.callbacks.Callback):
    def __init__(self, memorised: float):
        super().__init__()
        self._memorised = memorised

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        score = _known(logs or {}, "val_")
        self.model.stop_training = score is not None and score >= self._memorised


def _known(scores: dict[str, float], prefix: str = "") -> float | None:
    names = ("accuracy", "binary_accuracy", "r2")
    return next((scores[prefix + name] for name in names if prefix + name in scores), None)


class _Checks:
    """The checks of one recipe; what several of them look at is trained once."""

    def __init__(self, recipe: Recipe, memorised: float):
        self._recipe, self._memorised = recipe, memorised
        self._kept: tuple | None = None

    def has_the_parts_that_runs_and_searches_call(self) -> None:
        wanted = {"load_data": ["config"], "build_model": ["config", "data"]}
        wanted |= {"search_space": ["hp"]}
        for function, parameters in wanted.items():
            found = list(inspect.signature(getattr(self._recipe, function)).parameters)
            written = f"def {function}({', '.join(parameters)}):"
            assert found == parameters, f"write `{written}`, nothing else calls it"
        config = self._recipe.Config
        is_own = "__dataclass_fields__" in vars(config)  # else inherited
        assert is_own, "Config: put @dataclasses.dataclass(frozen=True) above it"
        is_frozen = inspect.getattr_static(config, "__dataclass_params__").frozen
        assert is_frozen, "Config: @dataclasses.dataclass(frozen=True)"

    def model_follows_the_rule_table(self) -> None:
        few = self._few_rows()
        model, rule = few.prepare(self._recipe), few.problem.rule
        x = parts.of(model).as_inputs(few.data.train.x)
        (facts,) = Facts(model, x, few.data.train.y).heads
        advice = "end build_model with PROBLEM.outputs(hidden) and PROBLEM.compile(model, ...)"
        assert facts.activation == (rule.activation or "linear"), advice
        assert facts.units == few.problem.num_outputs, advice
        assert facts.from_logits == rule.from_logits, advice
        assert facts.loss.name == {"mse": "mean_squared_error"}.get(rule.loss, rule.loss), advice

    def seed_decides_the_split(self) -> None:
        seed = self._recipe.Config().seed
        first, second = (self._few_rows(seed=one).data for one in (seed, seed + 1))
        if first.in_time:
            return
        alike = np.array_equal(np.asarray(first.train.x), np.asarray(second.train.x))
        assert not (alike and np.array_equal(first.train.y, second.train.y)), (
            "load_data returns the same training rows for two seeds: pass config.seed on, as in "
            "splits.split(x, y, source, config.seed), or in splits.hold_out where the data come "
            "with their test rows"
        )

    def search_space_starts_from_the_defaults(self) -> None:
        hp = keras_tuner.HyperParameters()
        drawn = self._recipe.search_space(hp)
        assert drawn == self._recipe.Config(), (
            "a search starts from the defaults of Config: where you changed one there, give the "
            "same as `default=` in search_space, among the choices"
        )
        assert hp.space, "search_space draws nothing: use hp.Choice for one setting at least"

    def every_point_of_the_search_space_builds(self) -> None:
        hp = keras_tuner.HyperParameters()
        self._recipe.search_space(hp)
        data = self._few_rows().data
        for end in (0, -1):
            extreme = keras_tuner.HyperParameters()
            extreme.values = {p.name: list(p.values)[end] for p in hp.space}
            config = self._recipe.search_space(extreme)
            model = contract.build_model(self._recipe, config, data)
            found = model.count_params()
            assert found > 0, f"no weights with {extreme.values}: take a choice out"

    def one_epoch_lowers_the_loss(self) -> None:
        before, history, _, data = self._trained()
        # In training: one epoch is too short for the moving averages of batch normalisation, by
        # which evaluation goes.
        _, after = history["loss"]
        assert after < before, (
            f"one epoch on {len(data.train)} rows took the loss from {before:.4g} to {after:.4g} "
            "in the next: is the learning rate in Config too big, or are the inputs not scaled?"
        )

    def memorises_32_rows(self) -> None:
        few = self._few_rows(
            epochs=150, patience=150, batch_size=16, learning_rate=0.01, schedule="constant",
            dropout=0.0, weight_decay=0.0, rotation=0.0, zoom=0.0, shift=0.0, jitter=0.0,
        )  # fmt: skip
        split = few.data.train.take(np.arange(32))
        data = dataclasses.replace(few.data, train=split, validation=None)
        few = dataclasses.replace(few, data=data)
        model = few.prepare(self._recipe)  # which refuses training rows for validation
        data = dataclasses.replace(few.data, validation=split)
        called = callbacks.make(few.problem, few.config)
        called.append(_UntilMemorised(self._memorised))
        training.fit(model, few.problem, data, few.config, callbacks=called)
        score = _known(few.score(model, split))
        assert score is not None
        assert score >= self._memorised, (
            f"150 epochs on 32 rows reach {score:.3f} on these same rows. A network that cannot "
            "memorise them has a fault: inputs that are not scaled, labels in another order than "
            "the rows, a layer too narrow. Where equal rows of your data bear different labels, or "
            "your network is meant to be small, give parametrize_with_checks a lower `memorised`"
        )

    def same_seed_same_history(self) -> None:
        history, seed = self._trained()[1], self._recipe.Config().seed
        assert self._train(seed=seed)[1] == history, (
            "two runs with one seed differ: take every random choice in load_data from config.seed"
        )
        assert self._train(seed=seed + 1)[1] != history, (
            "the seed changes nothing: pass config.seed to the split"
        )

    def model_is_saved_whole(self) -> None:
        *_, model, data = self._trained()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.keras"
            model.save(path)
            loaded = keras.models.load_model(path)
        x = parts.of(model).as_inputs(data.test.take(np.arange(5)).x)
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(loaded(x, training=False)),
            keras.ops.convert_to_numpy(model(x, training=False)),
            err_msg="the saved model predicts differently: build it of Keras layers alone",
        )

    def _few_rows(self, **changes: Any) -> _Few:
        """Return the recipe's data, built-in ones where it may, with the first training rows."""
        kind = self._recipe.Config
        fields = {field.name for field in dataclasses.fields(kind)}
        changes = {name: value for name, value in changes.items() if name in fields}
        if issubclass(kind, configs.DownloadedConfig):
            changes["data"] = "builtin"
        config = dataclasses.replace(kind(), **changes)
        loaded = contract.load_data(self._recipe, config)
        split = loaded.train.take(np.arange(min(NUM_ROWS, len(loaded.train))))
        data = dataclasses.replace(loaded, train=split)
        return _Few(config, data, contract.problem(self._recipe, config, data))

    def _train(self, **changes: Any) -> tuple:
        """Train for two epochs: the loss before, the history, the model and its data."""
        few = self._few_rows(epochs=2, batch_size=16, **changes)
        model = few.prepare(self._recipe)
        before = few.score(model, few.data.train)["loss"]
        trained = training.fit(model, few.problem, few.data, few.config)
        return before, trained.history, model, few.data

    def _trained(self) -> tuple:
        if self._kept is None:
            self._kept = self._train()
        return self._kept
