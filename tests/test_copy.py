"""A recipe as a project of its own: small, whole, and without this repository."""

import ast
import os
import pathlib
import subprocess
import sys
import sysconfig

import pandas as pd
import pytest

from keras_recipes import catalog
from keras_recipes.commands import main as program

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = catalog.recipe_names()


def copy(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["recipes", "copy", *map(str, arguments)])
    program.main()


def lines_of_python(folder):
    return sum(len(path.read_text().splitlines()) for path in folder.rglob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_small(monkeypatch, tmp_path, name):
    copy(monkeypatch, name, tmp_path / "mine")
    files = [path for path in (tmp_path / "mine").rglob("*") if path.is_file()]
    assert len(files) <= 15
    assert lines_of_python(tmp_path / "mine") <= 600
    own = {"recipes", "datasets", "tests"}
    for path in (tmp_path / "mine").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] in own:
                for alias in node.names:
                    place = tmp_path / "mine" / node.module.replace(".", "/") / f"{alias.name}.py"
                    assert place.is_file(), f"{path.name} imports {alias.name}"


def environment(project):
    """An environment in which the wheel is installed and this repository is not to be found."""
    place = project.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    packages = place / f"lib/python{sysconfig.get_python_version()}/site-packages"
    others = [path for path in sys.path if path.endswith("site-packages")]
    for path in map(pathlib.Path, others):  # file by file: a .pth would bring this repository in
        for entry in path.iterdir():
            is_ours = entry.name.startswith(("keras_recipes", "_keras_recipes", "tuning"))
            if not (is_ours or entry.suffix == ".pth" or (packages / entry.name).exists()):
                (packages / entry.name).symlink_to(entry)
    (wheel,) = (project / "vendor").glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, packages], check=True)
    return place / "bin/python"


@pytest.mark.second_tier
def test_a_copy_works_without_the_repository(monkeypatch, tmp_path):
    copy(monkeypatch, "iris", tmp_path / "mine")
    python, project = environment(tmp_path / "mine"), tmp_path / "mine"
    from recipes import iris

    iris.load_data(iris.Config()).test.x.to_csv(project / "new.csv", index=False)
    for command in (
        "recipes.mine --epochs 3",
        "recipes predict runs/mine-1 new.csv",
        "recipes export runs/mine-1 exported",
        "recipes check mine",
        "recipes",
        "tuning mine --trials 2 --epochs 2",
        "pytest -q",
    ):
        done = subprocess.run(
            [python, "-m", *command.split()],
            cwd=project,
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.mark.second_tier
def test_a_table_goes_beside_the_recipe_and_not_into_git(monkeypatch, tmp_path, capsys):
    pd.DataFrame({"a": range(40), "b": list("xy") * 20}).to_csv("rows.csv", index=False)
    copy(monkeypatch, "tabular", tmp_path / "mine", "--data", "rows.csv", "--target", "b")
    assert "recipes/rows.csv is your table; .gitignore keeps it out" in capsys.readouterr().out
    assert "recipes/rows.csv\n" in (tmp_path / "mine/.gitignore").read_text()
    code = "from recipes import mine; c = mine.Config(); print(c.csv.name, c.target)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "mine",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "rows.csv b\n"


def test_update_exchanges_the_library_and_nothing_else(monkeypatch, tmp_path):
    copy(monkeypatch, "iris", tmp_path / "mine")
    (old,) = (tmp_path / "mine/vendor").glob("*.whl")
    old.rename(old.with_name("keras_recipes-0.0.1-py3-none-any.whl"))
    before = {
        path: path.read_bytes()
        for path in (tmp_path / "mine").rglob("*")
        if path.is_file() and path.parent.name != "vendor"
    }
    copy(monkeypatch, "--update", tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine/vendor").glob("*.whl")] == [old.name]
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["irs", "new"], "did you mean iris?"),
        (["iris"], "expected RECIPE and FOLDER"),
        (
            ["iris", "taken"],
            "FOLDER taken: already there and not empty (file.txt); give",
        ),
        (["iris", "2nd"], "received '2nd', expected at most 30 characters"),
        (["iris", "new", "--name", "json"], "name no module of Python"),
        (["iris", "new", "--data", "rows.csv"], "--data: iris has data of its own"),
        (["tabular", "new", "--target", "x"], "--data FILE and the flags for its columns"),
        (["tabular", "new", "--minimal"], "--minimal: tabular is decided by the target"),
        (["--update", "taken"], "expected a project that `python -m recipes copy` wrote"),
    ],
)
def test_what_cannot_be_copied_is_one_line(monkeypatch, tmp_path, capsys, arguments, said):
    pathlib.Path("taken").mkdir()
    pathlib.Path("taken/file.txt").write_text("mine")
    pathlib.Path("rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SystemExit) as ended:
        copy(monkeypatch, *arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert said in line
    assert not pathlib.Path("new").exists()
    assert [path.name for path in pathlib.Path("taken").iterdir()] == ["file.txt"]


def test_an_empty_repository_is_filled_where_it_stands(monkeypatch, tmp_path):
    pathlib.Path("mine/.git").mkdir(parents=True)
    monkeypatch.chdir("mine")
    copy(monkeypatch, "iris", ".")
    assert {"recipes", "vendor", ".git"} <= {path.name for path in pathlib.Path().iterdir()}
    assert not pathlib.Path(".partial").exists()


def test_full_disk_names_the_argument_of_the_copy(monkeypatch, tmp_path, capsys):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(program.copy, "_write_library", fail)
    with pytest.raises(SystemExit, match="1"):
        copy(monkeypatch, "iris", "mine")
    said = "could not write mine (No space left on device); nothing was left there: free some space"
    assert capsys.readouterr().err == f"error: {said} or give another place by FOLDER\n"
    assert not list(pathlib.Path().iterdir())
