"""Predictions of a saved run: what comes of good inputs, and one line about each bad one."""

import dataclasses
import importlib
import json
import logging
import pathlib
import pickle
import shutil
import struct
import types
import zlib

import keras
import numpy as np
import pandas as pd
import PIL.Image
import pytest

from keras_recipes import catalog, configs, recipe as contract
from keras_recipes.commands import main as program
from keras_recipes.data import splits
from keras_recipes.errors import InputError
from keras_recipes.features import kinds
from keras_recipes.runs import predict as predictions, run as runs
from recipes import diabetes

NAMES = catalog.recipe_names()


def few(loaded):
    rows = [np.arange(min(len(part), 300)) for part in parts(loaded)]
    taken = (part.take(first) for part, first in zip(parts(loaded), rows, strict=True))
    return splits.Splits(*taken, loaded.source)


def parts(loaded):
    return loaded.train, loaded.validation, loaded.test


class Runs(dict):
    """A short run of each recipe, made when it is asked for: its folder and its data, by name."""

    def __init__(self, root):
        self.root = root

    def __missing__(self, name):
        recipe = importlib.import_module(f"recipes.{name}")
        is_downloaded = issubclass(recipe.Config, configs.DownloadedConfig)
        data = {"data": "builtin"} if is_downloaded else {}
        config = dataclasses.replace(recipe.Config(), epochs=1, seed=3, refit=False, **data)
        loaded = few(recipe.load_data(config))
        quick = types.ModuleType(name)
        quick.__dict__.update({**vars(recipe), "load_data": lambda _: loaded})
        with pytest.MonkeyPatch.context() as patch:  # without what is no part of a prediction
            patch.setattr(runs.baselines, "predict", lambda *_: {})
            patch.setattr(runs.plots, "draw_curves", lambda *_: None)
            patch.setattr(runs, "_draw_predictions", lambda *_: None)
            runs.run(quick, config, configs.RunOptions(out=self.root / name, quiet=True))
        self[name] = (self.root / name, loaded)
        return self[name]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a run's folder, to be spoiled."""

    def copy(name):
        return pathlib.Path(shutil.copytree(finished[name][0], tmp_path / "run"))

    return copy


def write(name, content):
    """Write a file of any of the kinds that a test gives."""
    path = pathlib.Path(name)
    if isinstance(content, str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    elif isinstance(content, np.ndarray):
        np.save(path, content)
    elif isinstance(content, pd.DataFrame):
        content.to_csv(path, index=False)
    else:
        content.save(path, format="PNG")
    return path


@pytest.mark.second_tier
@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_predicts_its_own_rows(finished, name, caplog):
    recipe = importlib.import_module(f"recipes.{name}")
    if issubclass(recipe.Config, configs.TableConfig):
        pytest.skip("its rows are numbers, its input the columns of a file: test_tabular.py")
    folder, loaded = finished[name]
    x = loaded.test.x[:4]
    source = write("x.csv" if isinstance(x, pd.DataFrame) else "x.npy", x)
    table = predictions.predict(folder, source)
    problem = contract.problem(recipe, recipe.Config(), loaded)
    assert table["input"].tolist() == [1, 2, 3, 4]
    if problem.is_regression:
        assert set(table["unit"]) == {problem.unit}
        predicted = table.filter(like="prediction")
        assert predicted.shape[1] == problem.num_outputs
        assert np.isfinite(predicted).all(axis=None)
    elif problem.rule.kind == "multilabel":
        said = {one for joined in table["prediction"] for one in joined.split("|")}
        assert said <= {"", *problem.class_names}
    else:
        assert set(table["prediction"]) <= set(problem.class_names)
        probabilities = table[[f"p({name})" for name in problem.class_names]]
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(table["probability"], probabilities.max(axis=1))
    assert ("built-in data" in caplog.text) == issubclass(recipe.Config, configs.DownloadedConfig)


def test_columns_may_stand_in_any_order_with_others_and_spaces(finished):
    folder, loaded = finished["breast_cancer"]
    rows = loaded.test.x.head(5)
    first = predictions.predict(folder, write("in_order.csv", rows))
    write("reversed.csv", rows[rows.columns[::-1]].assign(note="x"))
    text = pathlib.Path("reversed.csv").read_text()
    write("spaced.csv", "\ufeff" + text.replace(",", ", ").replace("\n", "\n\n"))
    for other in ("reversed.csv", "spaced.csv"):
        pd.testing.assert_frame_equal(first, predictions.predict(folder, pathlib.Path(other)))


@pytest.mark.second_tier
def test_columns_may_be_named_as_scikit_learn_names_them(finished):
    folder, loaded = finished["breast_cancer"]
    rows = loaded.test.x.head(5)
    spaced = rows.rename(columns=lambda name: name.replace("_", " ").capitalize())
    both = spaced.assign(mean_radius=rows["mean_radius"])  # then the exact name counts
    both["Mean radius"] = 0
    first = predictions.predict(folder, write("in_order.csv", rows))
    for other in (spaced, both):
        pd.testing.assert_frame_equal(first, predictions.predict(folder, write("x.csv", other)))


@pytest.mark.second_tier
def test_a_table_may_be_written_as_a_german_spreadsheet_does(finished):
    folder, loaded = finished["breast_cancer"]
    rows = loaded.test.x.head(5).assign(Größe="groß")
    first = predictions.predict(folder, write("in_order.csv", rows))
    text = "sep=;\r\n" + rows.to_csv(index=False, sep=";", decimal=",")
    again = predictions.predict(folder, write("x.csv", text.encode("cp1252")))
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.second_tier
def test_truth_values_are_numbers(finished):
    folder, loaded = finished["breast_cancer"]
    rows = loaded.test.x.head(2).astype(object)
    rows["mean_radius"] = [True, False]
    words = predictions.predict(folder, write("words.csv", rows))
    rows["mean_radius"] = [1, 0]
    pd.testing.assert_frame_equal(words, predictions.predict(folder, write("x.csv", rows)))


def test_prediction_of_numbers_has_the_error_on_record(finished):
    folder, loaded = finished["diabetes"]
    table = predictions.predict(folder, write("new.csv", loaded.test.x))
    mae = np.abs(table["prediction"] - loaded.test.y).mean()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert mae == pytest.approx(metrics["test"]["mae"], rel=1e-4)
    assert set(table["unit"]) == {diabetes.PROBLEM.unit}


def test_images_from_npy_and_png_agree(finished):
    folder, loaded = finished["digits"]
    images = loaded.test.x[:3]
    from_npy = predictions.predict(folder, write("images.npy", images))
    pathlib.Path("folder").mkdir()
    pathlib.Path("folder/notes.txt").write_text("no image")
    kinds = (("0.png", "uint8", 1), ("1.PNG", "uint16", 257), ("2.png", "uint8", 1))
    for image, (name, kind, factor) in zip(images, kinds, strict=True):
        pixels = np.round(image * (255 / 16)).astype(kind) * factor
        write(f"folder/{name}", PIL.Image.fromarray(pixels))
    from_png = predictions.predict(folder, pathlib.Path("folder"))
    assert from_png["input"].tolist() == ["0.png", "1.PNG", "2.png"]
    probabilities = [name for name in from_npy.columns if name.startswith("p(")]
    np.testing.assert_allclose(from_npy[probabilities], from_png[probabilities], atol=0.02)
    one = predictions.predict(folder, pathlib.Path("folder/1.PNG"))
    assert one["prediction"].tolist() == from_npy["prediction"].tolist()[1:2]


def bomb(side):
    """A PNG file of a few bytes that says it has side x side pixels."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels)


def objects():
    np.save("objects.npy", np.array([{}, 1]), allow_pickle=True)
    return pathlib.Path("objects.npy").read_bytes()


def archive():
    np.savez("archive.npz", np.zeros((2, 8, 8)))
    return pathlib.Path("archive.npz").read_bytes()


@pytest.mark.parametrize(
    ("run", "name", "content", "message"),
    [
        ("breast_cancer", "x.csv", "a,b\n1,2\n", "30 of 30 columns are missing: mean_radius"),
        ("breast_cancer", "x.csv", "", "the file is empty"),
        (
            "breast_cancer",
            "x.csv",
            "1,2.5\n3,4\n",
            "first row holds numbers, .*names mean_radius, ",
        ),
        ("iris", "x.csv", "sepal length (mm)\n1\n", "the first line names sepal length"),
        ("breast_cancer", "x.csv", "a;b\n1,5;2\n", "the first line names a, b, cut at ';'"),
        ("breast_cancer", "x.csv", b"PK\x03\x04...", "a workbook of Excel"),
        ("breast_cancer", "x.txt", "1", "takes a table; give a .csv or .npy"),
        ("breast_cancer", "x.npy", np.zeros((2, 29)), r"shape \(2, 29\).*\(rows, 30\)"),
        ("breast_cancer", "x.npy", np.zeros((0, 30)), "an array of 0 rows"),
        ("breast_cancer", "x.npy", np.full((2, 30), np.nan), "60 missing.*first in row 1;"),
        ("breast_cancer", "x.npy", np.full((1, 30), 1e39), "30 missing, infinite or too large"),
        ("breast_cancer", "x.npy", np.array([["a"] * 30]), "expected numbers"),
        ("breast_cancer", "x.npy", "not an array", "cannot be read as a .npy array"),
        ("breast_cancer", "x.npy", "1,2,3", "no such array is in it; numpy.save writes one"),
        ("breast_cancer", "x.npy", pickle.dumps([1]), "no such array is in it"),
        ("breast_cancer", "x.npy", objects, "it holds Python objects"),
        ("digits", "x.npy", archive, r"an archive \(.npz\)"),
        ("digits", "x.npy", b"PK\x03\x04", "cannot be read as a .npy array"),
        ("digits", "x.npy", np.full((1, 8, 8), 0.5), "from 0.5 to 0.5, .* 0 to 16, and scales"),
        ("digits", "x.npy", np.full((1, 8, 8), 255), "255, .* trained on 0 to 16, and scales"),
        ("digits", "x.npy", np.full((1, 8, 8), -1.5), "trained on 0 to 16, and scales"),
        ("digits", "x.csv", "a\n1\n", "this model takes images"),
        ("digits", "x.png", "not an image", "cannot be read as a PNG image"),
        ("digits", "x.png", bomb(60_000), "Image size"),
        ("digits", "x.png", bomb(10_000), "10000x10000 pixels, expected 8x8"),
        ("digits", "x.png", bomb(8)[:40], "cannot be read as a PNG image"),
        ("digits", "x.png", PIL.Image.new("L", (28, 30)), "28x30 pixels, expected 8x8"),
        ("digits", "missing.npy", None, "no such file"),
    ],
)
def test_input_that_does_not_fit_is_named_in_one_line(finished, run, name, content, message):
    content = content() if callable(content) else content
    path = pathlib.Path(name) if content is None else write(name, content)
    with pytest.raises(InputError, match=message) as error:
        predictions.predict(finished[run][0], path)
    assert "\n" not in str(error.value)


def spoil_cell(rows):
    rows.iloc[1, 3] = "large"
    return rows.to_csv(index=False).replace("\n", "\n\n", 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_cell, r"column 'mean_area' holds 'large' in row 2 \(line 4\), expected a number"),
        (lambda rows: rows.iloc[:0], "a header and no rows"),
        (lambda rows: rows.assign(mean_area=[1, None, 3]), r"'mean_area' holds no value in row 2"),
        (lambda rows: rows.assign(mean_area=[1, 2, 1e39]), r"'1e\+39' in row 3 \(line 4\)"),
        (
            lambda rows: rows.to_csv(index=False) + "1,2\n",
            "'mean_perimeter' holds no value in row 4 .line 5",
        ),
        (
            lambda rows: rows.to_csv(index=False).replace("mean_area", "mean_radius,mean_area"),
            "two columns are named 'mean_radius'",
        ),
        (
            lambda rows: rows.assign(**{"Mean area": 1, "mean area": 1}).drop(columns="mean_area"),
            "the column 'mean_area' is there twice",
        ),
    ],
)
def test_the_place_in_a_table_is_named(finished, spoil, message):
    folder, loaded = finished["breast_cancer"]
    path = write("x.csv", spoil(loaded.test.x.head(3).astype(object)))
    with pytest.raises(InputError, match=message):
        predictions.predict(folder, path)


def test_folder_without_images_is_named(finished):
    pathlib.Path("empty").mkdir()
    with pytest.raises(InputError, match=r"no \.png file in this folder"):
        predictions.predict(finished["digits"][0], pathlib.Path("empty"))


def test_numbers_a_little_beyond_the_training_ones_are_a_warning(finished, caplog):
    path = write("x.npy", np.full((1, 8, 8), 20))
    assert len(predictions.predict(finished["digits"][0], path)) == 1
    assert "values from 20 to 20, where the model was trained on 0 to 16" in caplog.text


# Folders of runs.


@pytest.mark.parametrize("text", ["half", "[]", "{}", "null", "[" * 100_000, '{"inputs": 3}'])
@pytest.mark.parametrize("name", ["schema.json", "metrics.json"])
def test_garbled_description_is_named_in_one_line(run, name, text):
    folder = run("digits")
    (folder / name).write_text(text)
    if name != "metrics.json":  # a run of an earlier version, which is not known by checksums
        without_checksums(folder)
    with pytest.raises(InputError, match=f"{name} is damaged .*; restore it, or train") as error:
        predictions.predict(folder, write("x.npy", np.zeros((8, 8))))
    assert "\n" not in str(error.value)


def without_checksums(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["sha256"], metrics["checksum"]
    (folder / "metrics.json").write_text(json.dumps(metrics))


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("inputs", {"shape": [4, 4]}, "does not take images"),
        ("inputs", {"shape": []}, "cannot have the shape"),
        ("inputs", {"maximum": "x"}, r"inputs.maximum: expected a number, received 'x'"),
        ("outputs", {"num_outputs": 3}, "10 class names, expected 3"),
        ("outputs", {"class_names": ["a"]}, "1 class names, expected 10"),
        ("outputs", {"rule": {"metrics": []}}, "outputs.rule: activation, .* is missing"),
    ],
)
def test_description_that_cannot_be_is_refused(run, part, change, message):
    folder = run("digits")
    schema = json.loads((folder / "schema.json").read_text())
    schema[part] |= change
    (folder / "schema.json").write_text(json.dumps(schema))
    without_checksums(folder)
    with pytest.raises(InputError, match=message):
        predictions.predict(folder, write("x.npy", np.zeros((8, 8))))


def no_weights(folder):
    model = keras.models.load_model(folder / "model.keras")
    model.set_weights([np.zeros_like(weights) for weights in model.get_weights()])
    model.save(folder / "model.keras")


def other_order_of_classes(folder):
    schema = json.loads((folder / "schema.json").read_text())
    schema["outputs"]["class_names"].reverse()
    (folder / "schema.json").write_text(json.dumps(schema))


@pytest.mark.parametrize(
    ("change", "name"), [(no_weights, "model.keras"), (other_order_of_classes, "schema.json")]
)
def test_a_file_that_was_changed_after_the_run_is_refused(run, change, name):
    folder = run("digits")
    rows = write("x.npy", np.zeros((8, 8)))
    predictions.predict(folder, rows)
    change(folder)
    with pytest.raises(InputError, match=rf"{name}: was changed after the run"):
        predictions.predict(folder, rows)
    without_checksums(folder)  # as a run of an earlier version
    assert len(predictions.predict(folder, rows)) == 1


@keras.saving.register_keras_serializable("tests")
class Own(keras.layers.Layer):
    def call(self, x):
        return x


def with_code(layer):
    model = keras.Sequential([keras.Input((8, 8)), layer, keras.layers.Dense(10)])
    model.save("code.keras")
    return pathlib.Path("code.keras").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda made: None, r"model\.keras: no such file"),
        (lambda made: b"half", "cannot be loaded"),
        (lambda made: (made["wine"][0] / "model.keras").read_bytes(), "from different runs"),
        (lambda made: with_code(keras.layers.Lambda(lambda x: x)), "Keras's own layers"),
        (lambda made: with_code(Own()), "Keras's own layers"),
    ],
)
def test_model_that_is_none_of_this_run_is_named(finished, run, monkeypatch, content, message):
    folder, content = run("digits"), content(finished)
    without_checksums(folder)  # else it is refused by its checksum
    (folder / "model.keras").unlink()
    if content:
        (folder / "model.keras").write_bytes(content)
    with keras.saving.CustomObjectScope({}):
        monkeypatch.setattr(keras.saving, "get_registered_object", lambda *_: None)
        monkeypatch.delitem(keras.saving.get_custom_objects(), "tests>Own")
        with pytest.raises(InputError, match=message) as error:
            predictions.predict(folder, write("x.npy", np.zeros((8, 8))))
    assert "\n" not in str(error.value)


def test_a_dataframe_is_predicted_as_its_file_is(finished):
    folder, loaded = finished["iris"]
    rows = loaded.test.x.head(3)
    pd.testing.assert_frame_equal(
        predictions.predict(folder, rows), predictions.predict(folder, write("x.csv", rows))
    )


# The command.


def start(monkeypatch, *arguments):
    """Run `python -m recipes predict …` in this process; give its exit code."""
    monkeypatch.setattr(program.sys, "argv", ["recipes", "predict", *map(str, arguments)])
    loggers = [logging.getLogger(name) for name in ("recipes", "datasets", "tuning")]
    handlers = [logger.handlers for logger in loggers]
    try:
        program.main()
    except SystemExit as end:
        return end.code
    finally:
        for logger, before in zip(loggers, handlers, strict=True):
            logger.handlers = before
    return 0


def test_predict_prints_or_writes_a_table(finished, monkeypatch, capsys):
    folder, loaded = finished["iris"]
    source = write("x.csv", loaded.test.x.head(2))
    assert start(monkeypatch, folder, source) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("input,prediction,probability,p(setosa)")
    assert start(monkeypatch, folder, source, "-o", "out.csv") == 0
    assert pathlib.Path("out.csv").read_text() == printed
    assert capsys.readouterr().out == "2 predictions in out.csv\n"


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("x.csv", "-o x.csv: there already"),
        ("nowhere/y.csv", "nowhere is no folder"),
        ("folder", "a folder; give the name of a file"),
        ("", "a folder; give the name of a file"),
        ("y" * 300, "File name too long"),
    ],
)
def test_output_that_cannot_be_is_refused_first(finished, monkeypatch, capsys, out, message):
    folder, loaded = finished["iris"]
    before = write("x.csv", loaded.test.x.head(2)).read_bytes()
    pathlib.Path("folder").mkdir()
    assert start(monkeypatch, folder, "x.csv", "-o", out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert pathlib.Path("x.csv").read_bytes() == before


def test_description_of_inputs_survives_json():
    for x in (
        np.zeros((3, 2, 2)),
        np.ones((3, 5), "uint8"),
        pd.DataFrame({"a": [1.0], "b": ["x"]}),
    ):
        rows = splits.Split(x, np.zeros(len(x)))
        source = splits.Source("rows", "real", "made here", "none")
        made = kinds.of(splits.Splits(rows, None, rows, source))
        text = json.dumps(kinds.to_json(made))
        assert kinds.from_json(json.loads(text)) == made
