"""The contract that every recipe keeps; the recipes are found by themselves."""

import importlib
import pathlib
import subprocess
import sys

import pytest

from keras_recipes import catalog, testing

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = catalog.recipe_names()
QUICK = ("iris", "breast_cancer", "diabetes")  # a recipe of each kind of problem; the others later


def test_every_file_is_a_recipe():
    modules = {name: importlib.import_module(f"recipes.{name}") for name in NAMES}
    helpers = [
        name
        for name, module in modules.items()
        if not (hasattr(module, "PROBLEM") or hasattr(module, "problem"))
    ]
    assert not helpers, (
        f"{', '.join(helpers)}: a file in recipes is a recipe and has a PROBLEM; the name of a "
        "helper starts with _"
    )


@pytest.mark.second_tier
def test_importing_prints_nothing():
    program = f"import importlib; [importlib.import_module('recipes.' + n) for n in {NAMES!r}]"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, ""), (
        "importing a recipe prints or fails: move what it does into a function, or below "
        '`if __name__ == "__main__":`'
    )


def cases():
    for name in NAMES:
        recipe = importlib.import_module(f"recipes.{name}")
        for case in testing.parametrize_with_checks(recipe).args[1]:
            marks = () if name in QUICK else pytest.mark.second_tier
            yield pytest.param(*case.values, id=f"{name}-{case.id}", marks=marks)


@pytest.mark.parametrize("check", list(cases()))
def test_recipe(check):
    check()
