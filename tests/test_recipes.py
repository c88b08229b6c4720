"""The contract that every recipe keeps: how it behaves, not how it is written.

It finds the recipes by itself. A message says what to change where a recipe breaks it.
"""

import dataclasses
import importlib
import inspect
import pathlib
import subprocess
import sys

import keras
import keras_tuner
import numpy as np
import pytest

from datasets import splits
from recipes.common import anatomy, callbacks, checks, configs, shelf, training
from recipes.common.checks.facts import Facts

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = shelf.recipe_names()
FEW = 200
BY_HEART = 0.97  # share of 32 rows, or R²


@pytest.fixture(scope="module", params=NAMES)
def recipe(request):
    module = importlib.import_module(f"recipes.{request.param}")
    if not hasattr(module, "PROBLEM"):
        pytest.skip("no recipe; test_every_file_is_a_recipe tells what to do")
    return module


def test_every_file_is_a_recipe():
    modules = {name: importlib.import_module(f"recipes.{name}") for name in NAMES}
    helpers = [name for name, module in modules.items() if not hasattr(module, "PROBLEM")]
    assert not helpers, (
        f"{', '.join(helpers)}: a file in recipes is a recipe and has a PROBLEM; the name of a "
        "helper starts with _"
    )


def few_rows(recipe, **changes):
    """A recipe and its config, changed where it has such fields, and the first rows of its data.

    Where its data may be others, these are the built-in ones.
    """
    fields = {field.name for field in dataclasses.fields(recipe.Config)}
    changes = {name: value for name, value in changes.items() if name in fields}
    if issubclass(recipe.Config, configs.DownloadedConfig):
        changes["data"] = "builtin"
    if issubclass(recipe.Config, configs.TableConfig):
        changes["csv"] = None
    config = dataclasses.replace(recipe.Config(), **changes)
    loaded = anatomy.load_data(recipe, config)
    first = np.arange(FEW)
    part = loaded.train.take(first[first < len(loaded.train)])
    data = splits.Splits(part, loaded.validation, loaded.test, loaded.source)
    return anatomy.bind(recipe, config), config, data


def evaluate(recipe, model, part):
    return training.measure(recipe.PROBLEM, part.y, training.predict(model, part.x))


def test_importing_does_nothing():
    program = f"""
import sys, importlib
for name in {NAMES!r}:
    importlib.import_module("recipes." + name)
assert "tensorflow" not in sys.modules, "importing a recipe loads TensorFlow"
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), (
        "importing a recipe prints or fails: move what it does into a function, or below "
        '`if __name__ == "__main__":`'
    )


def test_has_the_parts_that_runs_and_searches_call(recipe):
    parts = {"load_data": ["config"], "build_model": ["config"], "search_space": ["hp"]}
    for function, parameters in parts.items():
        found = list(inspect.signature(getattr(recipe, function)).parameters)
        assert found == parameters, (
            f"write `def {function}({parameters[0]}):`, nothing else calls it"
        )
    assert dataclasses.is_dataclass(recipe.Config), "Config: put @dataclasses.dataclass above it"
    assert recipe.Config.__dataclass_params__.frozen, "Config: @dataclasses.dataclass(frozen=True)"


def test_model_follows_the_rule_table(recipe):
    recipe, config, data = few_rows(recipe)
    model = training.prepare(recipe, config, data)
    (facts,) = Facts.gather(model, data.train.x, data.train.y).heads
    rule = recipe.PROBLEM.rule
    advice = "end build_model with PROBLEM.outputs(hidden) and PROBLEM.compile(model, optimizer)"
    assert facts.activation == (rule.activation or "linear"), advice
    assert facts.units == recipe.PROBLEM.num_outputs, advice
    assert facts.from_logits == rule.from_logits, advice
    assert facts.loss.name == {"mse": "mean_squared_error"}.get(rule.loss, rule.loss), advice
    ignored = getattr(recipe, "IGNORED_CHECKS", ())
    assert checks.check(model, data.train.x, data.train.y, ignore=ignored).errors == []


def test_search_space_starts_from_the_defaults(recipe):
    hp = keras_tuner.HyperParameters()
    drawn = recipe.search_space(hp)
    assert drawn == recipe.Config(), (
        "a search starts from the defaults of Config: where you changed one there, give the same "
        "as `default=` in search_space, among the choices"
    )
    assert hp.space, "search_space draws nothing: use hp.Choice for one setting at least"


def test_every_point_of_the_search_space_builds(recipe):
    hp = keras_tuner.HyperParameters()
    recipe.search_space(hp)
    for end in (0, -1):
        extreme = keras_tuner.HyperParameters()
        extreme.values = {p.name: list(p.values)[end] for p in hp.space}
        model = recipe.build_model(recipe.search_space(extreme))
        assert model.count_params() > 0, f"no weights with {extreme.values}: take a choice out"


def train(recipe, **changes):
    """Train for two epochs: the loss before, what came of it, the model, and its data."""
    recipe, config, data = few_rows(recipe, epochs=2, batch_size=16, **changes)
    model = training.prepare(recipe, config, data)
    before = evaluate(recipe, model, data.train)["loss"]
    trained = training.fit(model, recipe.PROBLEM, data, config)
    return before, trained.history, model, data


@pytest.fixture(scope="module")
def trained(recipe):
    """One training for the tests that only look at it."""
    return train(recipe)


def test_one_epoch_lowers_the_loss(trained):
    before, history, _, data = trained
    # In training: one epoch is too short for the moving averages of batch normalisation, by which
    # evaluation goes.
    _, after = history["loss"]
    assert after < before, (
        f"one epoch on {len(data.train)} rows took the loss from {before:.4g} to {after:.4g} in "
        "the next: is the learning rate in Config too big, or are the inputs not scaled?"
    )


class UntilLearned(keras.callbacks.Callback):
    """Ends training once all rows are known."""

    def on_epoch_end(self, epoch, logs=None):
        score = known(logs, "val_")
        self.model.stop_training = score is not None and score >= BY_HEART


def known(scores, prefix=""):
    names = ("accuracy", "binary_accuracy", "r2")
    return next((scores[prefix + name] for name in names if prefix + name in scores), None)


def test_32_rows_can_be_learned_by_heart(recipe):
    recipe, config, data = few_rows(
        recipe, epochs=150, patience=150, batch_size=16, learning_rate=0.01, schedule="constant",
        dropout=0.0, weight_decay=0.0,
    )  # fmt: skip
    part = data.train.take(np.arange(32))
    data = dataclasses.replace(data, train=part, validation=None)
    model = training.prepare(recipe, config, data)  # which refuses training rows for validation
    data = dataclasses.replace(data, validation=part)
    called = [*callbacks.make(recipe.PROBLEM, config), UntilLearned()]
    training.fit(model, recipe.PROBLEM, data, config, callbacks=called)
    score = known(evaluate(recipe, model, part))
    assert score >= BY_HEART, (
        f"150 epochs on 32 rows reach {score:.3f} on these same rows. A network that cannot learn "
        "them by heart has a fault: inputs that are not scaled, labels in another order than the "
        "rows, a layer too narrow. Where equal rows of your data bear different labels, or "
        "build_model holds back on purpose, lower BY_HEART in tests/test_recipes.py"
    )


def test_same_seed_same_history(recipe, trained):
    history, seed = trained[1], recipe.Config().seed
    assert train(recipe, seed=seed)[1] == history, (
        "two runs with one seed differ: take every random choice in load_data from config.seed"
    )
    assert train(recipe, seed=seed + 1)[1] != history, (
        "the seed changes nothing: pass config.seed to the split"
    )


def test_model_is_saved_whole(trained, tmp_path):
    *_, model, data = trained
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = data.test.x[:5]
    np.testing.assert_array_equal(
        training.predict(loaded, x),
        training.predict(model, x),
        err_msg="the saved model predicts differently: build it of Keras layers alone",
    )
