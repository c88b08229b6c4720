"""A recipe as a project of its own: small, whole, and without this repository."""

import ast
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

import pandas as pd
import pytest

from keras_recipes import catalog
from keras_recipes.commands import main as program
from keras_recipes.console import source_files
from keras_recipes.errors import InputError

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
    assert "models/\n" in (tmp_path / "mine/.gitignore").read_text()
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


def test_a_table_goes_beside_the_recipe_and_not_into_git(monkeypatch, tmp_path, capsys):
    pd.DataFrame({"a": range(40), "b": list("xy") * 20}).to_csv("rows.csv", index=False)
    flags = ["--target", "b", "--problem", "binary", "--numeric", "a"]
    copy(monkeypatch, "tabular", tmp_path / "mine", "--data", "rows.csv", *flags)
    assert "recipes/rows.csv is your data; .gitignore keeps it out" in capsys.readouterr().out
    assert "recipes/rows.csv\n" in (tmp_path / "mine/.gitignore").read_text()
    readme = (tmp_path / "mine/README.md").read_text()
    assert "`PROBLEM`" not in readme
    assert "the file in `datasets`" not in readme
    mine = source_files.import_file(tmp_path / "mine/recipes/mine.py")
    config = mine.Config()
    assert (config.csv.name, config.target, config.numeric) == ("rows.csv", "b", ("a",))
    with pytest.raises(InputError, match="problem: received 'many', expected one of auto, binary"):
        mine.Config(problem="many")


def run_from_elsewhere(python, program, folder):
    folder.mkdir()
    return subprocess.run(
        [python, program, "--epochs", "1", "--quiet"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # as `pip install -e .` has it
        capture_output=True,
        text=True,
    )


@pytest.mark.second_tier
@pytest.mark.parametrize("name", ["iris", "tabular"])
def test_file_of_a_recipe_is_a_program_in_any_folder(tmp_path, name):
    done = run_from_elsewhere(sys.executable, ROOT / f"recipes/{name}.py", tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"elsewhere/runs/{name}-1/metrics.json").is_file()


def test_update_exchanges_the_library_and_nothing_else(monkeypatch, tmp_path, capsys):
    copy(monkeypatch, "iris", tmp_path / "mine")
    (old,) = (tmp_path / "mine/vendor").glob("*.whl")
    old.rename(old.with_name("keras_recipes-0.0.1-py3-none-any.whl"))
    before = {
        path: path.read_bytes()
        for path in (tmp_path / "mine").rglob("*")
        if path.is_file() and path.parent.name != "vendor"
    }
    copy(monkeypatch, "--update", tmp_path / "mine")
    assert f"{old.with_name('keras_recipes-0.0.1-py3-none-any.whl').name} replaced by" in (
        capsys.readouterr().out
    )
    copy(monkeypatch, "--update", tmp_path / "mine")
    assert f"{old.name} is already this version" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "mine/vendor").glob("*.whl")] == [old.name]
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.second_tier
def test_pip_replaces_a_library_whose_content_is_another(monkeypatch, tmp_path):
    project, changed = tmp_path / "mine", tmp_path / "changed"
    copy(monkeypatch, "iris", project)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)

    def installed():
        """Install what the requirements name, as pip does; return what was installed."""
        (line,) = [
            line
            for line in (project / "vendor/requirements.txt").read_text().splitlines()
            if "keras_recipes" in line
        ]
        python = tmp_path / "environment/bin/python"
        pip = [python, "-m", "pip", "install", "--no-deps", "--no-index", line]
        subprocess.run(pip, cwd=project, check=True)
        (file,) = (tmp_path / "environment").rglob("keras_recipes/errors.py")
        return file.read_text()

    assert "# changed" not in installed()
    ignored = shutil.ignore_patterns(".*", "tests", "benchmarks", "__pycache__")
    shutil.copytree(ROOT, changed, ignore=ignored)
    with (changed / "keras_recipes/errors.py").open("a") as file:
        file.write("# changed\n")
    update = [sys.executable, "-m", "recipes", "copy", "--update", project]
    environ = {**os.environ, "PYTHONPATH": str(changed)}
    subprocess.run(update, cwd=changed, env=environ, check=True)
    assert len([*(project / "vendor").glob("*.whl")]) == 1
    assert "# changed" in installed()


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
        (["tabular", "new", "--data", "image.png", "--target", "b"], "image.png: a PNG image;"),
        (
            ["tabular", "new", "--data", "empty.csv", "--target", "b"],
            "empty.csv: the file is empty",
        ),
        (
            ["tabular", "new", "--data", "head.csv", "--target", "b"],
            "head.csv: a header and no rows",
        ),
        (["tabular", "new", "--data", "nope.csv", "--target", "b"], "nope.csv: no such file"),
        (["tabular", "new", "--data", "long.csv", "--target", "c"], "long.csv: no column 'c' to"),
        (["tabular", "new", "--data", "long.csv"], "which column to predict? Say --target COLUMN"),
        (["iris", ROOT / "recipes/foo"], "which is copied from; give a folder outside of it"),
        (["iris", ROOT / "foo.py", "--minimal"], "which is copied from; give a folder outside"),
        (["tabular", "new", "--target", "x"], "--data PATH and the flags for these data"),
        (["tabular", "new", "--minimal"], "--minimal: tabular is decided by the target"),
        (["--update", "taken"], "expected a project that `python -m recipes copy` wrote"),
    ],
)
def test_what_cannot_be_copied_is_one_line(monkeypatch, tmp_path, capsys, arguments, said):
    pathlib.Path("taken").mkdir()
    pathlib.Path("taken/file.txt").write_text("mine")
    pathlib.Path("rows.csv").write_text("a,b\n1,2\n")
    pathlib.Path("long.csv").write_text("a,b\n" + "1,2\n2,3\n" * 30)
    pathlib.Path("head.csv").write_text("a,b\n")
    pathlib.Path("empty.csv").touch()
    pathlib.Path("image.png").write_bytes(b"\x89PNG\r\n")
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
