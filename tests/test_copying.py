"""Recipes as projects of their own: what is copied, what is refused, what has changed since."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import keras
import pytest

from recipes.common import copying, minimal, problems, shelf
from recipes.common.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = shelf.recipe_names()
ODD_PLACE = "a place/내 것"


def run(folder, *command):
    """Run Python in a project, with no way back to this repository."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def some_input(folder, name):
    """Write rows of a project's own data for `predict`."""
    program = f"""
import importlib, numpy as np
from datasets import splits
recipe = importlib.import_module("recipes.{name}")
changes = {{"data": "builtin"}} if hasattr(recipe.Config, "data") else {{}}
x = recipe.load_data(recipe.Config(**changes)).test.x[:5]
x.to_csv("rows.csv", index=False) if hasattr(x, "to_csv") else np.save("rows.npy", x)
"""
    run(folder, "-c", program)
    return "rows.csv" if (folder / "rows.csv").exists() else "rows.npy"


@pytest.mark.parametrize("recipe", NAMES)
def test_a_copy_holds_just_what_its_imports_need(recipe, tmp_path):
    copying.copy(recipe, tmp_path / "mine")
    files = {str(path.relative_to(tmp_path / "mine")) for path in (tmp_path / "mine").rglob("*.py")}
    others = {f"recipes/{name}.py" for name in NAMES}
    assert "recipes/mine.py" in files
    assert not files & others
    assert not [path for path in files if path.startswith(("recipes/lessons", "benchmarks"))]
    for path in files - {"recipes/mine.py"}:
        assert (tmp_path / "mine" / path).read_text("utf-8") == (ROOT / path).read_text("utf-8")


def test_a_copy_runs_under_its_own_name_in_an_odd_place(tmp_path):
    folder = tmp_path / ODD_PLACE / "my_iris"
    lines = copying.copy("iris", folder)
    assert len(lines) == 4
    assert "'" in lines[1], "the path has a space: the command quotes it"
    out = run(folder, "-m", "recipes.my_iris", "--epochs", "2", "--quiet")
    assert "my_iris" in out
    predicted = run(
        folder, "-m", "recipes", "predict", "runs/my_iris-1", some_input(folder, "my_iris")
    )
    assert len(predicted.splitlines()) == 6
    assert json.loads((folder / "copied.json").read_text("utf-8"))["recipe"] == "iris"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", NAMES)
def test_every_copy_runs_tunes_predicts_and_passes_its_tests(recipe, tmp_path):
    folder = tmp_path / "mine"
    copying.copy(recipe, folder)
    shutil.copytree(folder, tmp_path / "second")  # two live side by side
    data = ["--data", "builtin"] if "data_dir" in (folder / "recipes/mine.py").read_text() else []
    run(folder, "-m", "recipes.mine", "--epochs", "2", *data)
    run(folder, "-m", "tuning", "mine", "--tuner", "random", "--trials", "2", "--epochs", "2")
    run(folder, "-m", "recipes", "predict", "runs/mine-1", some_input(folder, "mine"))
    assert " passed" in run(folder, "-m", "pytest")
    assert run(folder, "-m", "ruff", "check") == "All checks passed!\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my-project", "expected a Python name"),
        ("2nd", "expected a Python name"),
        ("class", "expected a Python name"),
        ("내것", "expected a Python name"),
        ("common", "shadow"),
        ("numpy", "shadow"),
        ("json", "shadow"),
        ("tuning", "shadow"),
    ],
)
@pytest.mark.parametrize("write", [copying.copy, minimal.copy])
def test_a_name_that_cannot_be_a_recipes_is_refused(write, name, said, tmp_path):
    with pytest.raises(InputError, match=rf"{said}.*--name"):
        write("iris", tmp_path / "new", name)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_holds_something_is_refused_and_named(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for write in (copying.copy, minimal.copy):
        with pytest.raises(InputError, match=r"thesis\.txt"):
            write("iris", tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_an_unknown_recipe_is_refused(tmp_path):
    with pytest.raises(InputError, match="fmnist, iris"):
        copying.copy("irs", tmp_path / "mine")


def test_diff_tells_who_changed_what(tmp_path):
    folder = tmp_path / "mine"
    copying.copy("iris", folder)
    assert copying.diff(folder) == []
    recipe = folder / "recipes" / "mine.py"
    recipe.write_text(recipe.read_text("utf-8").replace("300", "30"), "utf-8")
    (folder / "recipes/common/pictures.py").unlink()
    manifest = json.loads((folder / "copied.json").read_text("utf-8"))
    old = (folder / "tuning/spaces.py").read_text("utf-8") + "# as it was\n"
    (folder / "tuning/spaces.py").write_text(old, "utf-8")
    manifest["files"]["tuning/spaces.py"] = copying._digest(old)
    del manifest["files"]["tuning/plans.py"]
    (folder / "tuning/plans.py").unlink()
    (folder / "copied.json").write_text(json.dumps(manifest), "utf-8")
    changes = {change.path: change for change in copying.diff(folder)}
    assert {path: change.sides for path, change in changes.items()} == {
        "recipes/mine.py": "changed in the project",
        "recipes/common/pictures.py": "removed in the project",
        "tuning/spaces.py": "changed in the collection",
        "tuning/plans.py": "added in the collection",
    }
    assert re.search(r"^-.*30$.*^\+.*300$", changes["recipes/mine.py"].patch, re.M | re.S)


@pytest.mark.parametrize("content", [None, "{", '{"recipe": "gone", "name": "x", "files": {}}'])
def test_diff_needs_a_project(content, tmp_path):
    if content is not None:
        (tmp_path / "copied.json").write_text(content)
    with pytest.raises(InputError, match=r"copied\.json"):
        copying.diff(tmp_path)


@pytest.mark.parametrize("recipe", NAMES)
def test_a_single_file_is_short_plain_keras(recipe, tmp_path):
    minimal.copy(recipe, tmp_path / "mine.py")
    source = (tmp_path / "mine.py").read_text("utf-8")
    assert len(source.splitlines()) <= 150
    assert not re.search(r"^(import|from) (recipes|datasets\.|tuning)", source, re.M)
    for command in (["check", "--isolated"], ["format", "--isolated", "--check"]):
        run(tmp_path, "-m", "ruff", *command, "--line-length", "100", "mine.py")


def test_a_single_file_has_the_rule_table(tmp_path):
    minimal.copy("iris", tmp_path / "mine.py")
    source = (tmp_path / "mine.py").read_text("utf-8")
    scope = {"keras": keras}
    exec(re.search(r"^FROM_LOGITS.*?^}$", source, re.M | re.S)[0], scope)
    names = {"root_mean_squared_error": "rmse", "r2_score": "r2"}
    for rule, name in minimal.RULE_NAMES.items():
        activation, loss, metrics = scope["RULES"][name]
        assert activation == rule.activation
        assert [names.get(metric, metric) for metric in metrics] == list(rule.metrics)
        assert (loss is scope["FROM_LOGITS"]) == rule.from_logits
        assert rule.from_logits or loss == rule.loss
    assert set(minimal.RULE_NAMES) == set(problems.RULES)


def test_a_single_file_trains(tmp_path):
    minimal.copy("iris", tmp_path / "mine.py")
    out = run(tmp_path, "mine.py", "--epochs", "3")
    assert "test:" in out
    assert keras.models.load_model(tmp_path / "model.keras").name == "mine"
