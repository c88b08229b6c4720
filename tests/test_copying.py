"""Recipes as projects of their own: what is copied, what is refused, what has changed since."""

import errno
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import keras
import pytest
import tyro

from recipes.common import copying, differences, minimal, problems, shelf, source_files
from recipes.common.errors import InputError, RunError

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = shelf.recipe_names()
ODD_PLACE = "a place/내 것"


def run(folder, *command, code=0):
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
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stderr if code else done.stdout


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
    of_the_collection = {
        f"recipes/common/{name}.py" for name in ("copying", "own_copies", "minimal", "differences")
    }
    assert not files & of_the_collection
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
    run(folder, "-m", "tuning", "my_iris", "--tuner", "random", "--trials", "1", "--epochs", "1")
    for command in (["copy", "my_iris", "new"], ["diff", "."]):
        said = run(folder, "-m", "recipes", *command, code=2).strip()
        assert (
            said
            == "error: copy and diff are commands of the collection that this project came from"
        )


@pytest.mark.parametrize("recipe", NAMES)
def test_a_copy_is_in_style_and_asks_for_no_docstrings(recipe, tmp_path):
    name = "a" * copying.LONGEST_NAME
    copying.copy(recipe, tmp_path / "mine", name)
    (tmp_path / "mine/datasets/own.py").write_text("def load(seed):\n    return seed\n")
    assert run(tmp_path / "mine", "-m", "ruff", "check") == "All checks passed!\n"
    source = (tmp_path / f"mine/recipes/{name}.py").read_text("utf-8")
    assert "recipes copy" not in source
    assert f"Result: none yet; {copying.result_of(recipe)}".rstrip("; ") in source
    readme = (tmp_path / "mine/README.md").read_text("utf-8")
    assert ("new.png" in readme) == (recipe in ("digits", "fmnist", "mnist"))
    block = readme.split("```")[1]
    assert len({line.index("#") for line in block.splitlines() if "#" in line}) == 1


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
        ("2nd", "starts with a digit"),
        ("class", "keyword"),
        ("None", "keyword"),
        ("", "expected a Python name"),
        ("내것", "expected a Python name"),
        ("a" * 31, "at most 30 characters"),
        ("compare", "python -m tuning compare"),
        ("common", "folder recipes/common"),
        ("results", "folder recipes/results"),
        ("lessons", "folder recipes/lessons"),
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


@pytest.mark.parametrize("write", [copying.copy, minimal.copy])
def test_an_empty_folder_is_filled_and_stays_the_same(write, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    (folder / ".git").mkdir(parents=True)
    folder.chmod(0o750)
    before = folder.stat()
    monkeypatch.chdir(folder)
    lines = write("iris", pathlib.Path("../mine/../mine"))
    after = folder.stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert not list(folder.glob("*.partial")) + list(folder.glob(".*.partial"))
    assert lines[1] == f"  cd {folder}"


@pytest.mark.parametrize("write", [copying.copy, minimal.copy])
@pytest.mark.parametrize("place", ["a_file/new", "a_file"])
def test_a_place_that_cannot_be_written_to_is_refused_in_one_line(write, place, tmp_path):
    (tmp_path / "a_file").write_text("mine")
    with pytest.raises(InputError, match=r"a_file.*; .*give a") as caught:
        write("iris", tmp_path / place, "fine")
    assert "--out" not in str(caught.value)
    assert (tmp_path / "a_file").read_text() == "mine"


@pytest.mark.parametrize("is_new", [True, False])
def test_a_full_disk_leaves_nothing(is_new, tmp_path, monkeypatch):
    folder, rename = tmp_path / "mine", os.rename
    if not is_new:
        folder.mkdir()

    def fail_at_last(source, target):
        if pathlib.Path(target).name == "copied.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_at_last)
    with pytest.raises(RunError, match="No space left"):
        copying.copy("iris", folder)
    assert folder.exists() != is_new
    assert is_new or list(folder.iterdir()) == []


def test_a_single_file_replaces_no_other(tmp_path):
    (tmp_path / "thesis.py").write_text("years of work")
    for path, name in (("other.py", "thesis"), ("thesis.py", None), ("thesis.py", "thesis")):
        with pytest.raises(InputError, match=r"thesis"):
            minimal.copy("iris", tmp_path / path, name)
    assert [path.name for path in tmp_path.glob("*.py")] == ["thesis.py"]
    assert (tmp_path / "thesis.py").read_text() == "years of work"


def test_an_unknown_recipe_is_refused(tmp_path):
    with pytest.raises(InputError, match="fmnist, iris"):
        copying.copy("irs", tmp_path / "mine")


@pytest.fixture
def project(tmp_path):
    copying.copy("iris", tmp_path / "mine")
    return tmp_path / "mine"


def edit_manifest(folder, **changes):
    path = folder / "copied.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def take_earlier(folder, path, content):
    """Let a project be of a day on which a file of the collection had other content."""
    files = json.loads((folder / "copied.json").read_text("utf-8"))["files"]
    if content is None:
        del files[path]
        (folder / path).unlink()
    else:
        files[path] = copying.digest(content)
        (folder / path).write_bytes(content)
    edit_manifest(folder, files=files)


def test_diff_tells_who_changed_what(project):
    assert differences.find(project) == []
    recipe = project / "recipes" / "mine.py"
    recipe.write_text(recipe.read_text("utf-8").replace("300", "30"), "utf-8")
    (project / "recipes/common/pictures.py").unlink()
    take_earlier(
        project, "tuning/spaces.py", (project / "tuning/spaces.py").read_bytes() + b"# x\n"
    )
    take_earlier(project, "tuning/plans.py", None)
    take_earlier(project, "requirements.txt", b"keras==2\n")
    (project / "requirements.txt").write_text("keras==1\n")
    changes = {change.path: change for change in differences.find(project)}
    assert {path: change.sides for path, change in changes.items()} == {
        "recipes/mine.py": "changed in the project",
        "recipes/common/pictures.py": "removed in the project",
        "tuning/spaces.py": "changed in the collection",
        "tuning/plans.py": "added in the collection",
        "requirements.txt": "changed in the collection, changed in the project",
    }
    patches = {path: change.patch for path, change in changes.items()}
    assert re.search(r"^-.*300$.*^\+.*30$", patches["recipes/mine.py"], re.M | re.S)
    assert patches["recipes/mine.py"].startswith("--- collection/")
    assert re.search(r"^-# x$", patches["tuning/spaces.py"], re.M)
    assert patches["tuning/spaces.py"].startswith("--- project/")
    assert re.search(r"^-keras==1$.*^\+keras==3", patches["requirements.txt"], re.M | re.S)
    assert patches["recipes/common/pictures.py"] == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: b"\xff\x00", "binary, differs"),
        (lambda content: content[:-1], "\\ No newline at end of file"),
        (lambda content: content.replace(b"\n", b"\r\n"), "ends of the lines differ"),
    ],
)
def test_diff_shows_what_is_hard_to_see(change, said, project):
    path = project / "README.md"
    path.write_bytes(change(path.read_bytes()))
    lines = list(differences.describe(project))
    assert "mine, copied from the recipe iris of version 0" in lines[0]
    assert said in "\n".join(lines)
    assert lines[-1] == "1 file differs from what a copy would be today"


@pytest.mark.parametrize("content", [None, "{", "\xff", "[]", "[" * 100_000])
def test_diff_needs_a_project(content, tmp_path):
    if content is not None:
        (tmp_path / "copied.json").write_text(content, "latin-1")
    with pytest.raises(InputError, match=r"copied\.json") as caught:
        differences.find(tmp_path)
    assert not re.search(r"\w+Error", str(caught.value))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": "gone"}, "gone.*there is"),
        ({"recipe": ["iris"]}, "recipe.*no text"),
        ({"name": None}, "name.*no text"),
        ({"name": "../../x"}, "names no recipe"),
        ({"version": 1}, "version.*no text"),
        ({"date": "\x1b[2J"}, "date.*no text"),
        ({"files": ["README.md"]}, "no table"),
        ({"files": {"README.md": 1}}, "no table"),
        ({"files": {"/etc/hostname": ""}}, "outside"),
        ({"files": {"../secret.txt": ""}}, "outside"),
        ({"files": {"a\0b": ""}}, "outside"),
        ({"files": {"link": ""}}, "outside"),
    ],
)
def test_diff_refuses_a_manifest_that_somebody_spoiled(changes, said, project):
    (project.parent / "secret.txt").write_text("secret")
    (project / "link").symlink_to("../secret.txt")
    edit_manifest(project, **changes)
    with pytest.raises(InputError, match=rf"copied\.json.*{said}"):
        list(differences.describe(project))


@pytest.mark.parametrize("recipe", [name for name in NAMES if name != "tabular"])
def test_a_single_file_is_short_plain_keras(recipe, tmp_path):
    minimal.copy(recipe, tmp_path / "mine.py")
    source = (tmp_path / "mine.py").read_text("utf-8")
    assert len(source.splitlines()) <= 150
    assert max(map(len, source.splitlines())) <= 100
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


def test_a_single_file_trains_and_refuses_what_cannot_work(tmp_path):
    minimal.copy("iris", tmp_path / "mine.py")
    out = run(tmp_path, "mine.py", "--epochs", "3")
    assert "test:" in out
    assert len(out.splitlines()) == 3, "one line for each training, and the result"
    assert keras.models.load_model(tmp_path / "model.keras").name == "mine"
    (tmp_path / "model.keras").unlink()
    said = run(tmp_path, "mine.py", "--optimizer", "sgd", "--learning-rate", "1e30", code=1)
    assert "the loss became NaN" in said
    assert not (tmp_path / "model.keras").exists()


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    path = tmp_path_factory.mktemp("single") / "one_file.py"
    minimal.copy("fmnist", path)
    return source_files.import_file(path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": 0}, "epochs: 0, expected 1 or more"),
        ({"learning_rate": -1.0}, "learning_rate: -1.0, expected above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: nan, expected above 0"),
        ({"dropout": 1.0}, "dropout: 1.0, expected from 0 to below 1"),
        ({"hidden_units": (8, 0)}, r"hidden_units: \(8, 0\), expected 1 or more"),
        ({"seed": 2**32}, "seed: 4294967296, expected from 0"),
    ],
)
def test_a_single_file_checks_its_settings(settings, said, single, capsys):
    with pytest.raises(SystemExit) as end:
        single.main(single.Config(**settings))
    assert end.value.code == 2
    assert re.fullmatch(f"{said}.*\n", capsys.readouterr().err)


@pytest.mark.parametrize("flag", ["--optimizer", "--schedule"])
def test_a_single_files_choices_are_those_of_its_types(flag, single, capsys):
    single.check(single.Config())
    with pytest.raises(SystemExit) as end:
        tyro.cli(single.Config, args=[flag, "foo"])
    assert end.value.code == 2
    assert "foo" in capsys.readouterr().err


def test_a_single_file_says_offline_which_files_it_needs(single, monkeypatch):
    def fail():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", fail)
    with pytest.raises(SystemExit, match=r"URL.*images-idx3.*\.gz into ~/\.keras/datasets/fash"):
        single.load_data(single.Config())
