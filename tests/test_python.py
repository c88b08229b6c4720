"""The page docs/python.md, run line by line; and what the functions refuse."""

import importlib
import pathlib
import re
import types

import nbclient
import nbformat
import numpy as np
import pandas as pd
import pytest

import keras_recipes
import tuning
from keras_recipes.errors import InputError
from recipes import iris, tabular

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.second_tier
def test_the_page_runs_line_by_line(capsys):
    names = {}
    for block in BLOCKS:
        exec(block, names)
    run, found = names["run"], names["found"]
    assert len(run.history) == 3
    assert set(run.metrics["test"]) == {"loss", "accuracy"}
    assert "early_stopped_gradient_boosting" in run.baselines
    assert run.folder == pathlib.Path("runs/tabular-1")
    assert "<table" in run._repr_html_()
    assert len(repr(run).splitlines()) <= 6
    assert len(found.trials) == 2
    listed = keras_recipes.runs()
    assert set(listed["recipe"]) == {"iris", "tabular"}
    assert "H1" in capsys.readouterr().out  # a softmax over one unit
    again = keras_recipes.load_run(run.folder)
    pd.testing.assert_frame_equal(again.history, run.history)
    rows = names["flowers"].head(20)
    np.testing.assert_allclose(
        keras_recipes.predict(run, rows)["probability"],
        keras_recipes.predict(run.folder, rows)["probability"],
        rtol=1e-5,
    )


@pytest.mark.second_tier
def test_the_page_runs_in_a_kernel(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cells = [nbformat.v4.new_code_cell(block.rstrip()) for block in BLOCKS]
    cells.append(nbformat.v4.new_code_cell("run"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    (shown,) = notebook.cells[-1].outputs
    assert "<table" in shown.data["text/html"]
    assert "data:image/png;base64," in shown.data["text/html"]
    printed = [out.get("text", "") for cell in notebook.cells for out in cell.outputs]
    assert max(len(text.splitlines()) for text in printed) < 40


LEVELS = pd.DataFrame(1, range(40), pd.MultiIndex.from_product([["a", "b"], ["c", "d"]]))
NUMBERS = pd.DataFrame({"a": np.sin(range(60)), "b": np.arange(60) % 7, "c": np.arange(60) % 2})
ARRAY = np.zeros((2, 4))


@pytest.mark.parametrize(
    ("recipe", "fields", "said"),
    [
        (
            iris,
            {"epoch": 3},
            "epoch: iris has no such setting; did you mean epochs? Exp",
        ),
        (tabular, {"members": 4}, "members: is called ensemble_size now"),
        (iris, {"members": 4}, "members (ensemble_size now): iris has no such setting"),
        (iris, {"epochs": 0}, "epochs: received 0, expected at least 1"),
        (iris, {"config": tabular.Config()}, "the Config of tabular, expected the Config of iris"),
        (iris, {"config": {"epochs": 3}}, "config: received {'epochs': 3}, expected the Config"),
        ("irs", {}, "unknown recipe irs: did you mean iris?"),
        (5, {}, "unknown recipe 5: there is"),
        (pathlib, {}, "pathlib is not a recipe: it lacks PROBLEM, Config"),
        (tabular, {"csv": NUMBERS}, "which column to predict? Say target=COLUMN"),
        (tabular, {"csv": NUMBERS[["a"]], "target": "b"}, "expected the target and"),
        (tabular, {"csv": "nowhere.csv", "target": "b"}, "nowhere.csv"),
        (tabular, {"csv": LEVELS, "target": "a"}, "columns have 2 levels of names, such as ('a'"),
        (tabular, {"csv": {"a": [1]}}, "csv: received {'a': [1]}, expected a path, or a table"),
        (tabular, {"csv": ARRAY}, "csv: received a value of type ndarray, expected a path, or a"),
        (tabular, {"csv": NUMBERS, "target": ["c"]}, "target: received ['c'], expected text"),
        (tabular, {"header": "no"}, "header: received 'no', expected True or False"),
        (iris, {"learning_rate": "x"}, "learning_rate: received 'x', expected a number"),
        (iris, {"learning_rate": None}, "learning_rate: received None, expected a number"),
        (iris, {"optimizer": ARRAY}, "optimizer: received a value of type ndarray, expected one"),
        (iris, {"hidden_units": "ab"}, "hidden_units: received 'ab', expected a whole number"),
        (iris, {"hidden_units": [8.5]}, "hidden_units: received 8.5, expected a whole number"),
        (iris, {"refit": "no"}, "refit: received 'no', expected True or False"),
        (iris, {"out": 5}, "out: received 5, expected a path"),
        (iris, {"engine": "x"}, "engine: received 'x', expected one of fused, keras"),
    ],
)
def test_what_cannot_be_trained_is_one_line(recipe, fields, said):
    with pytest.raises(InputError) as caught:
        keras_recipes.train(recipe, verbose=False, **fields)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not pathlib.Path("runs").exists() or not any(pathlib.Path("runs").iterdir())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"learning_rate": 1}, {"learning_rate": 1.0}),
        ({"hidden_units": 8}, {"hidden_units": (8,)}),
        ({"hidden_units": [8, np.int64(4)]}, {"hidden_units": (8, 4)}),
        ({"hidden_units": np.array([8, 4])}, {"hidden_units": (8, 4)}),
        ({"epochs": np.int64(3), "dropout": np.float32(0.5)}, {"epochs": 3, "dropout": 0.5}),
        ({"refit": np.True_}, {"refit": True}),
        ({"csv": "rows.csv", "target": 2}, {"csv": pathlib.Path("rows.csv"), "target": "2"}),
        ({"drop": "a"}, {"drop": ("a",)}),
        ({"drop": ["a", 0]}, {"drop": ("a", "0")}),
    ],
)
def test_settings_are_kept_as_their_type_has_them(given, kept):
    config = tabular.Config(**given)
    assert {name: getattr(config, name) for name in kept} == kept
    assert all(type(getattr(config, name)) is type(value) for name, value in kept.items())
    assert hash(config) == hash(tabular.Config(**kept))


def test_columns_of_a_table_may_be_numbers():
    table = NUMBERS.set_axis([0, 1, 2], axis="columns")
    found = tabular.load_data(tabular.Config(csv=table, target=2))
    assert found.source.names == ("0", "1", "2")
    assert len(found.train) == 36


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    short = {"epochs": 1, "refit": False, "verbose": False}
    table = NUMBERS.assign(b=[f"row {number}" for number in range(60)])
    of_table = {"csv": table, "target": "c", "hidden_units": 8}
    return {
        "iris": keras_recipes.train(iris, out=folder / "iris", **short),
        "tabular": keras_recipes.train(tabular, out=folder / "tabular", **short, **of_table),
        "table": table,
    }


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda made: keras_recipes.predict(5, ARRAY), "run: received 5, expected a path"),
        (
            lambda made: keras_recipes.predict(made["iris"], None),
            "received None, expected a pandas",
        ),
        (lambda made: keras_recipes.predict(made["iris"], [1]), "received [1], expected a pandas"),
        (lambda made: keras_recipes.predict(made["tabular"], ARRAY), "expected a table: this run"),
        (
            lambda made: keras_recipes.predict(made["iris"], NUMBERS),
            "DataFrame.csv: 4 of 4 columns",
        ),
        (lambda made: keras_recipes.predict(made["iris"], ARRAY[:, 1:]), "array.npy: received an"),
        (lambda made: keras_recipes.load_run(5), "run: received 5, expected a path"),
        (lambda made: keras_recipes.runs(5), "folder: received 5, expected a path"),
        (lambda made: keras_recipes.runs("nope"), "nope: no such folder in "),
        (lambda made: keras_recipes.fit("m", ARRAY), "model: received 'm', expected a compiled"),
        (
            lambda made: keras_recipes.fit(made["iris"].model, ARRAY, epochs="3"),
            "epochs: received '3', expected a whole number",
        ),
        (lambda made: keras_recipes.check("m", ARRAY), "expected a compiled keras.Model"),
        (
            lambda made: keras_recipes.check(made["iris"].model, ARRAY, foo=2),
            "foo: fit has no such argument; expected one of epochs, batch_size",
        ),
        (
            lambda made: keras_recipes.check(made["iris"].model, ARRAY, epoch=2),
            "epoch: fit has no such argument; did you mean epochs? Expected one of",
        ),
        (
            lambda made: keras_recipes.check(made["iris"].model, ARRAY, epochs="3"),
            "epochs: received '3', expected a number",
        ),
        (
            lambda made: keras_recipes.check(made["iris"].model, ARRAY, ignore=5),
            "ignore: received 5, expected ids",
        ),
        (
            lambda made: keras_recipes.check(made["tabular"].model, made["table"]),
            "x: the model of a run with your own table",
        ),
        (lambda made: tuning.search(iris, members=4), "members (ensemble_size now): tuning.search"),
        (lambda made: tuning.search(5), "unknown recipe 5"),
        (
            lambda made: tuning.search(tabular, csv=5, target="c"),
            "csv: received 5, expected a path",
        ),
        (lambda made: tuning.search(iris, trials="3"), "trials: received '3', expected a whole"),
        (lambda made: tuning.search(iris, tuner="x"), "tuner: received 'x', expected one of grid"),
        (lambda made: tuning.search(iris, objective="x"), "objective: received x, expected one"),
        (
            lambda made: tuning.search(iris, max_time=3, trial_timeout="4m"),
            "trial_timeout: only a trial in a process of its own can be ended; add isolate=20",
        ),
        (
            lambda made: tuning.search(),
            "expected either a recipe or resume=FOLDER: python -m tuning ",
        ),
        (lambda made: tuning.compare(iris, foo=3), "foo: tuning.compare has no such setting"),
        (lambda made: tuning.compare(iris, seeds="3"), "seeds: received '3', expected a whole"),
        (lambda made: tuning.compare(iris, tuners="a"), "tuners: received 'a', expected names"),
        (lambda made: tuning.load_results(5), "folder: received 5, expected a path"),
        (lambda made: tuning.load_results(fold="x"), "argument; did you mean folder?"),
        (
            lambda made: tuning.make_tuner(iris, "random", max_trails=2),
            "max_trails: make_tuner has no such argument; did you mean max_trials? Expected one of",
        ),
        (
            lambda made: keras_recipes.fit(None, ARRAY, ARRAY, epoch=2),
            "epoch: fit has no such argument; did you mean epochs? Expected one of model, x, y,",
        ),
        (lambda made: keras_recipes.predict("x", "y", treshold=0.2), "did you mean threshold?"),
    ],
)
def test_what_is_of_another_type_is_one_line(made, call, said):
    with pytest.raises(InputError) as caught:
        call(made)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "/tmp" not in str(caught.value).replace(str(pathlib.Path.cwd()), "")


@pytest.mark.second_tier
def test_settings_of_a_run_train_it_again(made):
    again = keras_recipes.load_run(made["iris"].folder)
    assert again.config == made["iris"].config
    second = keras_recipes.train(iris, again.config, verbose=False)
    assert second.metrics["test"] == made["iris"].metrics["test"]
    named = keras_recipes.train(iris, types.SimpleNamespace(**vars(again.config)), verbose=False)
    assert named.config == again.config
    with pytest.raises(InputError, match="the Config of iris, expected the Config of tabular"):
        keras_recipes.train(tabular, again.config)
    with pytest.raises(InputError, match="max_steps: iris has no such setting"):
        keras_recipes.train(iris, types.SimpleNamespace(**vars(made["tabular"].config)))


def test_settings_of_a_run_with_a_table_want_it_again(made):
    again = keras_recipes.load_run(made["tabular"].folder)
    assert type(again.config) is tabular.Config
    with pytest.raises(
        InputError, match="csv: these settings are of a run with a DataFrame, which"
    ):
        keras_recipes.train(tabular, again.config)


def test_array_is_predicted_as_its_file(made):
    x = iris.load_data(iris.Config()).test.x[:3]
    np.save("x.npy", np.asarray(x))
    expected = keras_recipes.predict(made["iris"], "x.npy")
    pd.testing.assert_frame_equal(keras_recipes.predict(made["iris"], np.asarray(x)), expected)


def test_named_index_is_a_column(made):
    table = made["table"].drop(columns="c")
    expected = keras_recipes.predict(made["tabular"], table)
    found = keras_recipes.predict(made["tabular"], table.set_index("b"))
    pd.testing.assert_frame_equal(found, expected)
    assert list(found["b"]) == list(table["b"])


@pytest.mark.second_tier
def test_recipe_of_ones_own_is_trained_as_the_module_that_it_is(monkeypatch):
    monkeypatch.syspath_prepend(".")
    pathlib.Path("own_one.py").write_text((ROOT / "tests/own_recipe.py").read_text("utf-8"))
    own_one = importlib.import_module("own_one")
    run = keras_recipes.train(own_one, own_one.Config(epochs=1), units=4, verbose=False)
    assert type(run.config) is own_one.Config
    assert isinstance(keras_recipes.load_run(run.folder).config, types.SimpleNamespace)


@pytest.mark.second_tier
def test_a_run_begins_with_the_settings_of_another():
    told = {"verbose": False, "baselines": False}
    first = keras_recipes.train(iris, epochs=1, batch_size=64, refit=False, **told)
    second = keras_recipes.train(iris, first.folder, batch_size=16, **told)
    assert (second.config.epochs, second.config.batch_size, second.config.refit) == (1, 16, False)
    assert second.baselines == {}
    with pytest.raises(InputError, match="config nowhere: no such file; expected a run folder"):
        keras_recipes.train(iris, "nowhere")
