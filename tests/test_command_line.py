"""Programs as a user starts them: flags, errors as one line, exit codes, start-up time."""

import os
import pathlib
import subprocess
import sys

import pytest

from recipes.common import configs, shelf
from recipes.common.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parent.parent
WITHOUT_TENSORFLOW = """
import atexit, runpy, sys
sys.argv = sys.argv[1:]
atexit.register(lambda: print("TENSORFLOW LOADED") if "tensorflow" in sys.modules else None)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run(*arguments, program=()):
    return subprocess.run(
        [sys.executable, *(program or ("-m",)), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("recipes.fmnist", "--epoch", "3"), "did you mean --epochs?"),
        (("recipes.fmnist", "--wings", "3"), "Unrecognized options: --wings"),
        (("recipes.fmnist", "--epochs", "-3"), "epochs: received -3, expected at least 1"),
        (("recipes.fmnist", "--epochs", "many"), "--epochs"),
        (("recipes.fmnist", "--dropout", "1"), "dropout: received 1.0, expected at least 0"),
        (("recipes.fmnist", "--learning-rate", "nan"), "learning_rate: received nan"),
        (("recipes.fmnist", "--optimizer", "magic"), "Expected one of"),
        (("recipes.fmnist", "--hidden-units", "64", "0"), "hidden_units: received 0"),
        (("recipes.fmnist", "--data", "real", "--data-dir", "nowhere"), "nowhere"),
        (("recipes", "fly"), "unknown command 'fly'"),
        (("recipes", "predict", "nowhere", "x.csv"), "nowhere: not a run folder"),
        (("recipes", "predict"), "RUN_DIR"),
        (("benchmarks.recipes", "nothing"), "unknown recipe nothing"),
        (("benchmarks.recipes", "iris", "--seeds", "0"), "--seeds: received 0"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, part):
    done = run(*arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert part in line
    assert not pathlib.Path("runs").exists() or not any(pathlib.Path("runs").iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("recipes",),
        ("recipes", "--help"),
        ("recipes", "predict", "--help"),
        ("recipes.fmnist", "--help"),
        ("recipes.fmnist", "--epochs", "-3"),
    ],
)
def test_answers_without_loading_tensorflow(arguments):
    done = run(*arguments, program=("-c", WITHOUT_TENSORFLOW))
    assert "TENSORFLOW LOADED" not in done.stdout
    assert "Traceback" not in done.stderr


def test_list_names_every_recipe():
    done = run("recipes")
    assert done.returncode == 0
    assert done.stderr == ""
    for name in shelf.recipe_names():
        assert f" {name} " in done.stdout


def test_help_tells_each_setting_with_its_default():
    said = run("recipes.fmnist", "--help").stdout
    for flag in ("--epochs", "--batch-size", "--hidden-units", "--data-dir", "--seed", "--out"):
        assert flag in said
    assert "default: 512 256" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs: received 0, expected at least 1"),
        ({"epochs": True}, "epochs: received True, expected int"),
        ({"batch_size": 2.5}, "batch_size: received 2.5, expected int"),
        ({"learning_rate": 0.0}, "learning_rate: received 0.0, expected above 0"),
        ({"learning_rate": float("inf")}, "learning_rate: received inf"),
        ({"seed": -1}, "seed: received -1, expected at least 0 and at most"),
        ({"optimizer": "magic"}, "optimizer: received 'magic', expected one of sgd"),
    ],
)
def test_config_refuses_what_cannot_work(changes, message):
    with pytest.raises(InputError, match=message):
        configs.Config(**changes)


def test_config_takes_the_ends_of_its_ranges():
    made = configs.Config(epochs=1, seed=0, learning_rate=1, batch_size=1)
    assert made.learning_rate == 1
