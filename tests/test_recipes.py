"""The contract that every recipe keeps; the recipes are found by themselves."""

import importlib
import pathlib
import subprocess
import sys

import pytest
from own_copies import write_recipe

from keras_recipes import catalog, testing
from keras_recipes.console import source_files
from keras_recipes.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = catalog.recipe_names()
QUICK = ("breast_cancer",)  # the others later


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


@pytest.mark.parametrize(
    ("old", "new", "case", "said"),
    [
        ("seed=config.seed", "seed=0", "seed_decides_the_split", "pass config.seed on"),
        (
            "@dataclasses.dataclass(frozen=True)\n",
            "",
            "has_the_parts_that_runs_and_searches_call",
            r"put @dataclasses.dataclass\(frozen=True\) above it",
        ),
        (
            "64], default=16",
            "64], default=32",
            "search_space_starts_from_the_defaults",
            "a search starts from the defaults of Config",
        ),
    ],
)
def test_a_fault_in_a_recipe_is_found(old, new, case, said):
    write_recipe("faulty.py", (old, new))
    faulty = source_files.import_file(pathlib.Path("faulty.py"))
    cases = {one.id: one.values[0] for one in testing.parametrize_with_checks(faulty).args[1]}
    with pytest.raises((AssertionError, TypeError), match=said):
        cases[case]()


def test_a_config_that_is_no_dataclass_is_refused_where_the_recipe_is_loaded():
    write_recipe("faulty.py", ("@dataclasses.dataclass(frozen=True)\n", ""))
    with pytest.raises(InputError, match=r"put @dataclasses.dataclass\(frozen=True\) above its"):
        catalog.load(catalog.refer("faulty.py"))
