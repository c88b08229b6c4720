"""The contract that every recipe keeps. It finds the recipes by itself."""

import ast
import dataclasses
import importlib
import inspect
import pathlib
import re
import subprocess
import sys

import keras
import keras_tuner
import numpy as np
import pytest

from datasets import splits
from recipes.common import checks, shelf, training
from recipes.common.checks.facts import Facts

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = shelf.recipe_names()
FEW = 200


@pytest.fixture(scope="module", params=NAMES)
def recipe(request):
    return importlib.import_module(f"recipes.{request.param}")


def few_rows(recipe, **changes):
    """A recipe's config, changed where it has such fields, and the first rows of its data."""
    fields = {field.name for field in dataclasses.fields(recipe.Config)}
    if "data" in fields:
        changes["data"] = "builtin"
    changes = {name: value for name, value in changes.items() if name in fields}
    config = dataclasses.replace(recipe.Config(), **changes)
    loaded = recipe.load_data(config)
    first = np.arange(FEW)
    part = loaded.train.take(first[first < len(loaded.train)])
    return config, splits.Splits(part, loaded.validation, loaded.test, loaded.source)


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
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_anatomy(recipe):
    source = inspect.getsource(recipe)
    lines = [line.partition(":")[0] for line in recipe.__doc__.splitlines()]
    wanted = ["Problem", "Data", "Result", "Run", "Tune", "Copy"]
    assert [line for line in lines if line in wanted] == wanted
    assert len(source.splitlines()) <= 120
    for function, parameter in (("load_data", "config"), ("build_model", "config")):
        assert list(inspect.signature(getattr(recipe, function)).parameters) == [parameter]
    assert list(inspect.signature(recipe.search_space).parameters) == ["hp"]
    assert dataclasses.is_dataclass(recipe.Config)
    assert recipe.Config.__dataclass_params__.frozen


def test_never_spells_its_own_output(recipe):
    source = inspect.getsource(recipe)
    code = source.replace(recipe.__doc__, "")
    assert not re.search(r"softmax|sigmoid|crossentropy|mse|mean_squared|loss=|metrics=", code)
    imported = {
        name.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module == "recipes"
        for name in node.names
    }
    assert imported == set(), "a recipe imports no other recipe"


def test_model_follows_the_rule_table(recipe):
    config, data = few_rows(recipe)
    model = training.prepare(recipe, config, data)
    (facts,) = Facts.gather(model, data.train.x, data.train.y).heads
    rule = recipe.PROBLEM.rule
    assert facts.activation == (rule.activation or "linear")
    assert facts.units == recipe.PROBLEM.num_outputs
    assert facts.from_logits == rule.from_logits
    assert facts.loss.name == {"mse": "mean_squared_error"}.get(rule.loss, rule.loss)
    assert checks.check(model, data.train.x, data.train.y) == []


def test_search_space_starts_from_the_defaults(recipe):
    hp = keras_tuner.HyperParameters()
    assert recipe.search_space(hp) == recipe.Config()
    assert hp.space, "a space without hyperparameters"


def test_every_point_of_the_search_space_builds(recipe):
    hp = keras_tuner.HyperParameters()
    recipe.search_space(hp)
    for end in (0, -1):
        extreme = keras_tuner.HyperParameters()
        extreme.values = {p.name: list(p.values)[end] for p in hp.space}
        model = recipe.build_model(recipe.search_space(extreme))
        assert model.count_params() > 0


def test_one_epoch_lowers_the_loss(recipe):
    config, data = few_rows(recipe, epochs=1, batch_size=16)
    model = training.prepare(recipe, config, data)
    before = evaluate(recipe, model, data.train)["loss"]
    training.fit(model, recipe.PROBLEM, data, config)
    assert evaluate(recipe, model, data.train)["loss"] < before


def test_32_rows_can_be_learned_by_heart(recipe):
    config, data = few_rows(
        recipe, epochs=150, patience=150, batch_size=16, learning_rate=0.01, schedule="constant",
        dropout=0.0, weight_decay=0.0,
    )  # fmt: skip
    part = data.train.take(np.arange(32))
    data = dataclasses.replace(data, train=part, validation=None)
    model = training.prepare(recipe, config, data)  # which refuses training rows for validation
    data = dataclasses.replace(data, validation=part)
    training.fit(model, recipe.PROBLEM, data, config)
    scores = evaluate(recipe, model, part)
    assert scores.get("accuracy", scores.get("r2")) >= 0.97


def test_same_seed_same_history(recipe):
    histories = []
    for seed in (1, 1, 2):
        config, data = few_rows(recipe, epochs=2, seed=seed)
        model = training.prepare(recipe, config, data)
        histories.append(training.fit(model, recipe.PROBLEM, data, config).history)
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_model_is_saved_whole(recipe, tmp_path):
    config, data = few_rows(recipe, epochs=1)
    model = training.prepare(recipe, config, data)
    training.fit(model, recipe.PROBLEM, data, config)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = data.test.x[:5]
    np.testing.assert_array_equal(training.predict(loaded, x), training.predict(model, x))
