"""A run from its data to its folder, and everything that can go wrong on the way."""

import dataclasses
import json
import pathlib
import resource
import types

import keras
import numpy as np
import pandas as pd
import PIL.Image
import pytest

from datasets import splits
from recipes import breast_cancer, diabetes, digits, fmnist
from recipes.common import command_line, files, predictions, runs, training
from recipes.common.errors import InputError, RunError

SHORT = {"epochs": 2, "seed": 3}
FILES = {"model.keras", "config.json", "schema.json", "history.csv", "metrics.json", "curves.png"}


def options(**changes):
    return command_line.Options(**{"quiet": True, **changes})


def start(recipe, out="run", **changes):
    config = dataclasses.replace(recipe.Config(), **{**SHORT, **changes})
    return runs.run(recipe, config, options(out=pathlib.Path(out)))


def spoiled(recipe, change):
    """A recipe whose data or model are changed by a function."""
    made = types.ModuleType(recipe.__name__)
    made.__dict__.update(vars(recipe))
    made.__dict__.update(change)
    return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run of each kind of recipe: binary table, regression table, one-hot images."""
    folder = tmp_path_factory.mktemp("finished")
    for recipe in (breast_cancer, diabetes, digits):
        start(recipe, folder / pathlib.Path(recipe.__file__).stem)
    return folder


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("breast_cancer", {"confusion.png"}),
        ("diabetes", {"predicted_against_true.png"}),
        ("digits", {"confusion.png", "samples.png"}),
    ],
)
def test_run_folder_is_complete(finished, name, pictures):
    folder = finished / name
    assert {path.name for path in folder.iterdir()} == FILES | pictures
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["recipe"] == name
    assert metrics["data"]["kind"] == "real"
    assert set(metrics["data"]["rows"]) == {"train", "validation", "test"}
    assert (metrics["seed"], metrics["epochs_run"]) == (3, 2)
    assert metrics["stopped_by"] == "all epochs run"
    assert metrics["parameters"] > 0
    assert len(metrics["baselines"]) == 2
    for scores in metrics["baselines"].values():
        assert set(scores) == set(metrics["test"])
    history = pd.read_csv(folder / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert {"loss", "val_loss"} <= set(history.columns)
    for picture in pictures | {"curves.png"}:
        with PIL.Image.open(folder / picture) as image:
            assert min(image.size) > 300


def test_saved_model_scores_as_recorded(finished):
    loaded = diabetes.load_data(dataclasses.replace(diabetes.Config(), **SHORT))
    model = keras.models.load_model(finished / "diabetes" / "model.keras")
    outputs = training.predict(model, loaded.test.x)
    metrics = json.loads((finished / "diabetes" / "metrics.json").read_text())
    assert training.measure(diabetes.PROBLEM, loaded.test.y, outputs) == metrics["test"]


def test_same_seed_same_metrics_twice():
    both = [start(breast_cancer, f"run-{number}") for number in (1, 2)]
    assert both[0]["test"] == both[1]["test"]
    assert start(breast_cancer, "other", seed=4)["test"] != both[0]["test"]


def test_folders_are_numbered(tmp_path):
    for number in (1, 2):
        config = dataclasses.replace(breast_cancer.Config(), epochs=1)
        assert runs.run(breast_cancer, config, options())["folder"] == str(
            pathlib.Path("runs") / f"breast_cancer-{number}"
        )


def test_test_rows_have_no_say_in_training():
    plain = start(diabetes, "plain")

    def load_data(config):
        loaded = diabetes.load_data(config)
        test = splits.Part(loaded.test.x * 0 + 7, loaded.test.y * 0 + 7)
        return dataclasses.replace(loaded, test=test)

    changed = start(spoiled(diabetes, {"load_data": load_data}), "changed")
    assert changed["validation"] == plain["validation"]
    assert changed["test"] != plain["test"]


def test_best_epoch_is_kept():
    config = dataclasses.replace(diabetes.Config(), epochs=60, patience=3, learning_rate=0.3)
    loaded = diabetes.load_data(config)
    trained = training.fit(
        training.prepare(diabetes, config, loaded), diabetes.PROBLEM, loaded, config
    )
    outputs = training.predict(trained.model, loaded.validation.x)
    scores = training.measure(diabetes.PROBLEM, loaded.validation.y, outputs)
    assert scores["loss"] == pytest.approx(min(trained.history["val_loss"]), rel=1e-4)
    assert trained.best_epoch == int(np.argmin(trained.history["val_loss"])) + 1
    assert trained.stopped_by == "early stopping"
    assert trained.epochs_run == trained.best_epoch + 3 < 60


def test_ctrl_c_keeps_the_best_epoch_and_writes_the_folder(monkeypatch):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    made = runs.callbacks.make
    monkeypatch.setattr(runs.callbacks, "make", lambda *a, **k: [*made(*a, **k), Interrupt()])
    metrics = start(breast_cancer, epochs=50)
    assert metrics["stopped_by"] == "interrupted"
    assert 1 <= metrics["epochs_run"] <= 3
    assert pathlib.Path("run/metrics.json").is_file()


def test_nan_loss_stops_with_the_likely_causes():
    with pytest.raises(RunError, match="the loss became NaN in epoch 1; likely causes: a learning"):
        start(diabetes, learning_rate=1e30, optimizer="sgd")
    assert not list(pathlib.Path().glob("run*"))


def test_broken_data_is_refused_before_training():
    def load_data(config):
        loaded = breast_cancer.load_data(config)
        loaded.train.x.loc[loaded.train.x.index[:4], "mean_area"] = np.nan
        return loaded

    with pytest.raises(InputError, match="D1: received 4 NaN in column 'mean_area' in x"):
        start(spoiled(breast_cancer, {"load_data": load_data}))
    assert not list(pathlib.Path().glob("run*"))


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_taken_out_folder_is_left_alone(taken):
    path = pathlib.Path("run")
    if taken == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="--out run: already there and not empty"):
        start(breast_cancer)
    assert (path if taken == "file" else path / "thesis.txt").read_text() == "mine"


def test_what_another_run_is_writing_is_left_alone():
    pathlib.Path("run.partial").mkdir()
    pathlib.Path("run.partial/thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"run\.partial is there already; another run"):
        start(breast_cancer)
    assert pathlib.Path("run.partial/thesis.txt").read_text() == "mine"


def test_a_link_and_a_device_are_written_through_not_replaced():
    pathlib.Path("link").symlink_to("target")
    files.write_text(pathlib.Path("link"), "text")
    assert pathlib.Path("link").is_symlink()
    assert pathlib.Path("target").read_text() == "text"
    files.write_text(pathlib.Path("/dev/null"), "text")
    assert pathlib.Path("/dev/null").is_char_device()


def test_out_folder_below_a_file_is_refused():
    pathlib.Path("file").write_text("")
    with pytest.raises(InputError, match="cannot write there"):
        start(breast_cancer, "file/run")


def test_full_disk_leaves_nothing_that_looks_whole():
    # A limit on the size of a file fails a write in the middle, as a full disk does.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(RunError, match=r"could not write run .*free some space"):
            start(breast_cancer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(pathlib.Path().glob("run*"))


def test_stand_in_is_said_loudly(capsys):
    recipe = spoiled(fmnist, {"load_data": lambda config: few(fmnist.load_data(config))})
    metrics = start(recipe, epochs=1, data="builtin")
    assert "NOTE: these are not the real data" in capsys.readouterr().out
    assert metrics["data"]["kind"] == "built-in"


def few(loaded):
    rows = np.arange(300)
    return splits.Splits(*(part.take(rows) for part in parts(loaded)), loaded.source)


def parts(loaded):
    return loaded.train, loaded.validation, loaded.test


# Predictions of a saved run.


def test_prediction_takes_columns_in_any_order_and_ignores_others(finished):
    rows = breast_cancer.load_data(breast_cancer.Config()).test.x.head(5)
    rows.to_csv("in_order.csv", index=False)
    rows[rows.columns[::-1]].assign(note="x").to_csv("reversed.csv", index=False)
    run = finished / "breast_cancer"
    first = predictions.predict(run, pathlib.Path("in_order.csv"))
    pd.testing.assert_frame_equal(first, predictions.predict(run, pathlib.Path("reversed.csv")))
    assert set(first["prediction"]) <= {"benign", "malignant"}
    np.testing.assert_allclose(first["p(benign)"] + first["p(malignant)"], 1)
    assert (first["probability"] >= 0.5).all()


def test_prediction_of_numbers_has_its_unit(finished):
    loaded = diabetes.load_data(dataclasses.replace(diabetes.Config(), **SHORT))
    loaded.test.x.to_csv("new.csv", index=False)
    table = predictions.predict(finished / "diabetes", pathlib.Path("new.csv"))
    assert set(table["unit"]) == {diabetes.PROBLEM.unit}
    metrics = json.loads((finished / "diabetes" / "metrics.json").read_text())
    mae = np.abs(table["prediction"] - loaded.test.y).mean()
    assert mae == pytest.approx(metrics["test"]["mae"], rel=1e-4)


def test_prediction_of_images_from_npy_and_png_agree(finished):
    images = digits.load_data(digits.Config()).test.x[:3]
    np.save("images.npy", images)
    pathlib.Path("folder").mkdir()
    for number, image in enumerate(images):
        scaled = np.round(image * (255 / 16)).astype("uint8")
        PIL.Image.fromarray(scaled).save(f"folder/{number}.png")
    run = finished / "digits"
    from_npy = predictions.predict(run, pathlib.Path("images.npy"))
    from_png = predictions.predict(run, pathlib.Path("folder"))
    assert from_npy["prediction"].tolist() == from_png["prediction"].tolist()
    assert from_png["input"].tolist() == ["0.png", "1.png", "2.png"]
    one = predictions.predict(run, pathlib.Path("folder/1.png"))
    assert one["prediction"].tolist() == from_npy["prediction"].tolist()[1:2]


@pytest.mark.parametrize(
    ("run", "name", "content", "message"),
    [
        ("breast_cancer", "x.csv", "a,b\n1,2\n", "30 of 30 columns are missing: mean_radius"),
        ("breast_cancer", "x.csv", "", "cannot be read as a CSV table"),
        ("breast_cancer", "x.txt", "1", "this recipe takes a table"),
        ("breast_cancer", "x.npy", np.zeros((2, 29)), r"shape \(2, 29\).*\(rows, 30\)"),
        ("breast_cancer", "x.npy", np.full((2, 30), np.nan), "60 missing, infinite or too"),
        ("breast_cancer", "x.npy", np.full((1, 30), 1e39), "30 missing, infinite or too large"),
        ("breast_cancer", "x.csv", "a,b\n1,2,3\n4,5,6\n", "cannot be read as a CSV table"),
        ("breast_cancer", "x.npy", np.array([["a"] * 30]), "expected numbers"),
        ("breast_cancer", "x.npy", "not an array", "cannot be read as a .npy array"),
        ("digits", "x.csv", "a\n1\n", "this recipe takes images"),
        ("digits", "x.png", "not an image", "cannot be read as a PNG image"),
        (
            "digits",
            "x.png",
            PIL.Image.new("L", (28, 30)),
            "28x30 pixels, expected 8x8",
        ),
        ("digits", "missing.npy", None, "no such file"),
    ],
)
def test_input_that_does_not_fit_is_named(finished, run, name, content, message):
    path = pathlib.Path(name)
    if isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, np.ndarray):
        np.save(path, content)
    elif content is not None:
        content.save(path)
    with pytest.raises(InputError, match=message):
        predictions.predict(finished / run, path)


def test_text_in_a_number_column_is_named(finished):
    rows = breast_cancer.load_data(breast_cancer.Config()).test.x.head(2).astype(object)
    rows.iloc[1, 3] = "large"
    rows.to_csv("x.csv", index=False)
    with pytest.raises(InputError, match="column 'mean_area' holds text"):
        predictions.predict(finished / "breast_cancer", pathlib.Path("x.csv"))


@pytest.mark.parametrize("broken", ["model.keras", "schema.json"])
def test_damaged_run_is_named(finished, tmp_path, broken):
    folder = tmp_path / "damaged"
    folder.mkdir()
    for path in (finished / "digits").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / broken).write_bytes(b"half")
    np.save("x.npy", np.zeros((8, 8)))
    with pytest.raises(InputError, match="the run cannot be opened"):
        predictions.predict(folder, pathlib.Path("x.npy"))
