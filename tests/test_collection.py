"""What holds for the collection as a whole: its style, its range, its records, README."""

import ast
import dataclasses
import importlib
import inspect
import json
import pathlib

import pytest

from benchmarks import publish
from keras_recipes import catalog, checks, configs, problems, recipe as contract, training

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = catalog.recipe_names()


def test_every_rule_has_a_recipe():
    modules = [importlib.import_module(f"recipes.{name}") for name in NAMES]
    rules = {module.PROBLEM.rule for module in modules if hasattr(module, "PROBLEM")}
    assert rules == set(problems.RULES)


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_are_alike_and_recipes_short(name):
    recipe = importlib.import_module(f"recipes.{name}")
    lines = [line.partition(":")[0] for line in recipe.__doc__.splitlines()]
    wanted = ["Problem", "Data", "Result", "Run", "Tune", "Copy"]
    assert [line for line in lines if line in wanted] == wanted
    assert len(inspect.getsource(recipe).splitlines()) <= 120


def spelled_outputs(source):
    """What a source says about its output by itself: losses, metrics, the softmax, as words."""
    words = {"softmax", "mse", "mean_squared_error"} | {rule.loss for rule in problems.RULES}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in words:
            yield node.value
        elif isinstance(node, ast.keyword) and node.arg in ("loss", "metrics"):
            yield node.arg
        elif isinstance(node, ast.Attribute) and node.attr in {"losses", "metrics", "softmax"}:
            yield node.attr


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_never_spells_its_own_output(name):
    assert list(spelled_outputs((ROOT / f"recipes/{name}.py").read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('Dense(8, "sigmoid")  # seems mse-like', []),
        ('"""Trained with softmax and mse."""', []),
        ('Dense(3, "softmax")', ["softmax"]),
        ('model.compile("adam", loss="mse")', ["loss", "mse"]),
        ("keras.losses.Huber()", ["losses"]),
        ("keras.activations.softmax(x)", ["softmax"]),
    ],
)
def test_an_output_is_spelled_by_words_and_not_by_letters(source, found):
    assert sorted(spelled_outputs(source)) == found


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_imports_no_other(name):
    tree = ast.parse((ROOT / f"recipes/{name}.py").read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in imports if node.module == "recipes"] == []


@pytest.mark.second_tier
@pytest.mark.parametrize("name", NAMES)
def test_the_check_before_training_warns_of_nothing(name):
    recipe = importlib.import_module(f"recipes.{name}")
    is_downloaded = issubclass(recipe.Config, configs.DownloadedConfig)
    config = recipe.Config(**({"data": "builtin"} if is_downloaded else {}))
    check = checks.PreFlight(contract.ignored_checks(recipe), strict=True)
    training.prepare(recipe, config, recipe.load_data(config), check=check)


@pytest.mark.parametrize("name", NAMES)
def test_result_is_on_record_and_told_truly(name):
    recipe = importlib.import_module(f"recipes.{name}")
    record = publish.record(name)
    if record is None:
        assert f"Result: {publish.describe_result(name)}\n" in recipe.__doc__
        return
    assert publish.describe_result(name) in recipe.__doc__
    assert json.loads(json.dumps(record["config"])) == json.loads(
        json.dumps(dataclasses.asdict(recipe.Config()), default=str)
    ), "the record was made with other defaults: measure again"
