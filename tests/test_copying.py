"""Recipes as projects of their own: what is copied, what is refused, what has changed since."""

import ast
import dataclasses
import errno
import importlib
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import types

import keras
import numpy as np
import pandas as pd
import pytest
import test_recipes
import tyro

from recipes import __main__ as program
from recipes import iris
from recipes.common import (
    anatomy,
    configs,
    copying,
    differences,
    interrupts,
    minimal,
    problems,
    shelf,
    source_files,
    training,
)
from recipes.common.errors import InputError, RunError

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = shelf.recipe_names()
SINGLE_FILES = (
    *("breast_cancer", "diabetes", "digit_halves", "digit_traits", "digits", "fmnist", "iris"),
    *("mnist", "mnist_cnn", "wine"),
)
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
changes = {{"data": "builtin"}} if hasattr(recipe.Config, "data_dir") else {{}}
if hasattr(recipe.Config, "csv"):  # it takes the columns of a file, not the numbers made of them
    from datasets import rents
    x = rents.draw().head()
else:
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
    assert "new.csv" in (folder / "README.md").read_text("utf-8")
    listed = run(folder, "-m", "recipes")
    assert "reached" in listed, "the docstring's result, which has no record here"
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
    assert f"Result: none; {copying.result_of(recipe)}".rstrip("; ") in source
    readme = (tmp_path / "mine/README.md").read_text("utf-8")
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
        with pytest.raises(InputError, match=r"thesis\.txt; .*give another folder"):
            write("iris", tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("write", [copying.copy, minimal.copy])
def test_an_empty_folder_is_filled_and_stays_the_same(write, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    (folder / ".git").mkdir(parents=True)
    (folder / ".DS_Store").touch()
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
    for write in (copying.copy, minimal.copy):
        with pytest.raises(InputError, match=r"did you mean fmnist\?.*fmnist, fmnist_cnn, iris"):
            write("fmist", tmp_path / "mine")


def test_a_single_files_own_name_is_named_and_not_a_flag_that_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"named like its file.*; name the file otherwise"
    ) as caught:
        minimal.copy("iris", tmp_path / "2nd.py")
    assert "--name" not in str(caught.value)


@pytest.fixture
def collection(tmp_path, monkeypatch):
    """A copy of the collection's files, to be changed, that `copying` takes for the collection."""
    root = tmp_path / "collection"
    for folder in (*copying.PACKAGES, "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*copying.AS_THEY_ARE, "pyproject.toml", "README.md"):
        shutil.copy(ROOT / path, root / path)
    monkeypatch.setattr(copying, "ROOT", root)
    monkeypatch.setattr(shelf, "FOLDER", root / "recipes")
    return root


def replace(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_relative_imports_are_followed_and_their_names_kept(collection, tmp_path):
    (collection / "recipes/blocks.py").write_text("from . import _more\n")
    (collection / "recipes/_more.py").write_text("from .common.checks import facts\n")
    replace(
        collection / "recipes/iris.py",
        "from datasets import",
        "from .blocks import x\nfrom datasets import",
    )
    copying.copy("iris", tmp_path / "mine")
    for path in ("recipes/blocks.py", "recipes/_more.py", "recipes/common/checks/facts.py"):
        assert (tmp_path / "mine" / path).is_file()
    with pytest.raises(InputError, match=r"--name: received 'blocks'.*recipes/blocks\.py"):
        copying.copy("iris", tmp_path / "other", "blocks")


def test_a_copy_says_where_its_data_come_from_and_lacks_nothing_that_it_names(tmp_path):
    copying.copy("fmnist", tmp_path / "mine")
    readme = (tmp_path / "mine/README.md").read_text("utf-8")
    assert "new.png" in readme
    assert re.search(
        r"^## Data\n\n.*apt-get install dataset-fashion-mnist.*`--data real`", readme, re.M | re.S
    )
    assert "slow" not in (tmp_path / "mine/pyproject.toml").read_text("utf-8")
    named = "\n".join(path.read_text("utf-8") for path in (tmp_path / "mine").rglob("*.py"))
    for recipe in set(NAMES) - {"tabular"}:
        assert f"recipes/{recipe}.py" not in named


def test_whatever_a_copy_imports_is_pinned(tmp_path):
    copying.copy("fmnist", tmp_path / "mine")
    imported = set()
    for path in (tmp_path / "mine").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    pinned = re.findall(r"^[\w-]+(?===)", (tmp_path / "mine/requirements.txt").read_text(), re.M)
    distributions = importlib.metadata.packages_distributions()
    others = imported - set(sys.stdlib_module_names) - set(copying.PACKAGES)
    for name in others:
        found = {distribution.lower() for distribution in distributions[name]}
        assert found & set(pinned), f"{name} is imported and stands not in requirements.txt"


def test_a_field_of_ones_own_is_none_of_the_collections():
    @dataclasses.dataclass(frozen=True)
    class Config(configs.Config):
        data: str = "houses"

    recipe = types.ModuleType("own")
    recipe.Config, recipe.load_data = Config, iris.load_data
    _, config, _ = test_recipes.few_rows(recipe)
    assert config.data == "houses"


def test_a_file_that_is_looked_for_in_the_wrong_folder_is_named_with_advice():
    recipe = types.ModuleType("own")
    recipe.__file__, recipe.load_data = "own.py", lambda config: pd.read_csv("houses.csv")
    with pytest.raises(
        InputError, match=r'houses\.csv in /.*__file__\)\.with_name\("houses\.csv"\)'
    ):
        anatomy.load_data(recipe, None)
    recipe.load_data = lambda config: pd.read_csv("/nowhere/houses.csv")
    with pytest.raises(FileNotFoundError):
        anatomy.load_data(recipe, None)


def test_a_recipe_with_a_slip_is_named_in_one_line(collection, monkeypatch, capsys):
    (collection / "recipes/slip.py").write_text("x = 1\ndef f(:\n")
    monkeypatch.setattr(sys, "argv", ["recipes", "copy", "slip", "mine"])
    with pytest.raises(SystemExit) as end:
        program.main()
    assert end.value.code == 2
    assert re.fullmatch(r"error: .*slip\.py, line 2: .*\n", capsys.readouterr().err)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_closed_terminal_is_like_ctrl_c():
    before = signal.signal(signal.SIGHUP, lambda *_: None)  # else a fault here ends all the tests
    try:
        with pytest.raises(KeyboardInterrupt), interrupts.sigterm_as_ctrl_c():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_behind_nohup_a_closed_terminal_ends_nothing():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.sigterm_as_ctrl_c():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def project(tmp_path):
    copying.copy("iris", tmp_path / "mine")
    return tmp_path / "mine"


def edit_manifest(folder, **changes):
    path = folder / "copied.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def take_earlier(folder, path, content):
    """Let a project be of a day on which a file of the collection had other content."""
    manifest = json.loads((folder / "copied.json").read_text("utf-8"))
    files, texts = manifest["files"], manifest["texts"]
    if content is None:
        del files[path], texts[path]
        (folder / path).unlink()
    else:
        files[path], texts[path] = copying.digest(content.encode()), copying.pack(content)
        (folder / path).write_text(content, "utf-8")
    edit_manifest(folder, files=files, texts=texts)


def test_diff_shows_both_sides_changes_apart(project):
    assert differences.find(project) == []
    recipe = project / "recipes" / "mine.py"
    replace(recipe, "300", "30")
    (project / "recipes/common/pictures.py").unlink()
    take_earlier(project, "tuning/spaces.py", (project / "tuning/spaces.py").read_text() + "# x\n")
    take_earlier(project, "tuning/plans.py", None)
    take_earlier(project, "requirements.txt", "keras==2\nmine==1\n")
    (project / "requirements.txt").write_text("keras==2\nmine==2\n")
    changes = {change.path: change for change in differences.find(project)}
    assert {path: change.words for path, change in changes.items()} == {
        "recipes/mine.py": {"project": "changed"},
        "recipes/common/pictures.py": {"project": "removed"},
        "tuning/spaces.py": {"collection": "changed"},
        "tuning/plans.py": {"collection": "added"},
        "requirements.txt": {"collection": "changed", "project": "changed"},
    }
    patches = {path: change.patches for path, change in changes.items()}
    assert re.search(r"^-.*300$.*^\+.*30$", patches["recipes/mine.py"]["project"], re.M | re.S)
    assert re.search(r"^-# x$", patches["tuning/spaces.py"]["collection"], re.M)
    theirs, mine = (patches["requirements.txt"][side] for side in ("collection", "project"))
    assert re.search(r"^-keras==2$.*^\+keras==3", theirs, re.M | re.S)
    assert mine.splitlines()[3:] == [" keras==2", "-mine==1", "+mine==2"]
    assert patches["recipes/common/pictures.py"] == {}


def test_diff_of_a_recipe_that_was_renamed_shows_the_other_files(project):
    edit_manifest(project, recipe="gone")
    replace(project / "recipes/mine.py", "300", "30")
    take_earlier(project, "tuning/spaces.py", (project / "tuning/spaces.py").read_text() + "# x\n")
    lines = "\n".join(differences.describe(project))
    assert "unknown recipe gone" in lines
    assert "recipes/mine.py: changed in the project\n" in lines
    assert "tuning/spaces.py: changed in the collection\n" in lines
    assert lines.endswith("2 files differ from what a copy would be today")


def test_diff_of_line_ends_is_one_line(project):
    for path in ("README.md", "tuning/spaces.py", "recipes/mine.py"):
        content = (project / path).read_bytes()
        (project / path).write_bytes(content.replace(b"\n", b"\r\n"))
    replace(project / "recipes/mine.py", "300", "30")
    _, ends, *rest = differences.describe(project)
    assert ends.endswith("nothing else: README.md, tuning/spaces.py\n")
    assert len(re.findall("^[+-]", "\n".join(rest), re.M)) == 4, "two of names, two of a line"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: b"\xff\x00", "binary, differs"),
        (lambda content: content[:-1], "\\ No newline at end of file"),
    ],
)
def test_diff_shows_what_is_hard_to_see(change, said, project):
    path = project / "README.md"
    path.write_bytes(change(path.read_bytes()))
    lines = list(differences.describe(project))
    assert "mine, copied from the recipe iris of version 0" in lines[0]
    assert said in "\n".join(lines)
    assert lines[-1] == "1 file differs from what a copy would be today"


def test_diff_of_a_folder_that_cannot_be_looked_into_is_one_line():
    with pytest.raises(InputError, match="cannot read"):
        differences.find(pathlib.Path("a" * 300))


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
        ({"recipe": ["iris"]}, "recipe.*no text"),
        ({"name": None}, "name.*no text"),
        ({"name": "../../x"}, "names no recipe"),
        ({"version": 1}, "version.*no text"),
        ({"date": "\x1b[2J"}, "date.*no text"),
        ({"files": ["README.md"]}, "no table"),
        ({"files": {"README.md": 1}}, "no table"),
        ({"texts": None}, "texts.*missing"),
        ({"texts": {"README.md": "?"}}, "texts.*missing"),
        ({"files": {"README.md": ""}}, "not those of the hashes"),
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


@pytest.mark.parametrize("recipe", NAMES)
def test_a_single_file_is_short_plain_keras(recipe, tmp_path):
    try:
        minimal.copy(recipe, tmp_path / "mine.py")
    except InputError as refusal:
        assert recipe not in SINGLE_FILES
        pytest.skip(str(refusal))
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


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Import a changed copy of the recipe iris as a recipe."""

    def change(*replacements):
        text = (ROOT / "recipes/iris.py").read_text("utf-8")
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "iris.py").write_text(text)
        monkeypatch.setitem(
            sys.modules, "recipes.iris", source_files.import_file(tmp_path / "iris.py")
        )
        return minimal.source("iris", "mine")

    return change


COMPILED = (
    "return PROBLEM.compile(model, optimizers.make(config, weight_decay=config.weight_decay))"
)


@pytest.mark.parametrize(
    ("replacements", "said"),
    [
        (
            [
                ("import keras\n\nfrom", "import keras\nfrom keras import layers\n\nfrom"),
                ("keras.layers.Dense", "layers.Dense"),
            ],
            "layers of build_model",
        ),
        (
            [("PROBLEM = ", "ACTIVATION = 'relu'\nPROBLEM = "), ('"relu"', "ACTIVATION")],
            "ACTIVATION of build_model",
        ),
        (
            [("PROBLEM.outputs(hidden)", "keras.layers.Dense(PROBLEM.num_outputs)(hidden)")],
            "PROBLEM of build_model",
        ),
        (
            [(COMPILED, "return PROBLEM.compile(\n        model, optimizers.make(config)\n    )")],
            "PROBLEM of",
        ),
        ([("    patience:", "    place: keras.Model = None\n    patience:")], "Model"),
        (
            [
                (
                    "    patience:",
                    "    place: dict = dataclasses.field(default_factory=dict)\n    patience:",
                )
            ],
            "place: dict",
        ),
        ([("    inputs = ", "    # more\n" * 9 + "    inputs = ")], "150 lines"),
        (
            [
                (
                    "from datasets import iris",
                    "from datasets.iris import CLASS_NAMES, FEATURE_NAMES, load",
                ),
                ("iris.", ""),
            ],
            "one module of datasets",
        ),
    ],
)
def test_a_recipe_that_a_single_file_cannot_hold_is_refused(own, replacements, said):
    with pytest.raises(InputError, match=f"iris has no single-file form, .*{said}.*without --min"):
        own(*replacements)


@pytest.mark.parametrize("way", ["model = {}\n    return model", "{}\n    return model"])
def test_a_network_may_be_compiled_before_it_is_returned(own, way, tmp_path):
    call = COMPILED.removeprefix("return ")
    (tmp_path / "mine.py").write_text(own((COMPILED, way.format(call))))
    single = source_files.import_file(tmp_path / "mine.py")
    assert single.build_model(single.Config()).compiled


def score_and_error(problem, y, outputs):
    """The headline metric of a test part, and its standard error for so many rows."""
    score = training.measure(problem, y, outputs)[problem.headline]
    if problem.is_regression:
        squares = (problem.labels(y) - outputs) ** 2
        return score, squares.std() / (2 * score * len(y) ** 0.5)
    share = (score * len(y) + 1) / (len(y) + 2)  # above 0 where all rows are right
    return score, (share * (1 - share) / len(y)) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "iris", "wine"])
def test_a_single_file_scores_as_its_recipe_does_on_the_same_rows(name, monkeypatch):
    recipe = importlib.import_module(f"recipes.{name}")
    minimal.copy(name, pathlib.Path("one_file.py"))
    single = source_files.import_file(pathlib.Path("one_file.py"))
    gaps, errors = [], []
    for seed in range(3):
        config = dataclasses.replace(recipe.Config(), seed=seed)
        data = recipe.load_data(config)
        parts = data.train, data.validation, data.test
        arrays = [(training.to_array(one.x), recipe.PROBLEM.labels(one.y)) for one in parts]
        monkeypatch.setattr(single, "load_data", lambda _, arrays=arrays: arrays)
        single.main(single.Config(seed=seed))
        models = training.train(recipe, config, data).model, keras.models.load_model("model.keras")
        (theirs, error), (alone, _) = (
            score_and_error(recipe.PROBLEM, data.test.y, training.predict(model, data.test.x))
            for model in models
        )
        gaps.append(alone - theirs)
        errors.append(error)
    assert abs(np.mean(gaps)) <= 2 * np.mean(errors), (gaps, errors)


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
    with pytest.raises(
        SystemExit, match=r"URL.*\.gz into ~/\.keras/datasets/fash.*/usr/.*stand-in"
    ):
        single.load_data(single.Config())
