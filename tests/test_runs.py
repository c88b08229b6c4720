"""A run from its data to its folder, and everything that can go wrong on the way."""

import contextlib
import dataclasses
import datetime
import functools
import json
import os
import pathlib
import re
import resource
import shlex
import signal
import subprocess
import sys
import types

import keras
import numpy as np
import pandas as pd
import PIL.Image
import pytest
import tensorflow as tf

import keras_recipes
from keras_recipes import checks, problems, recipe as contract, training
from keras_recipes.configs import RunOptions
from keras_recipes.console import command_line, files
from keras_recipes.data import splits
from keras_recipes.errors import InputError, RunError
from keras_recipes.runs import listing, plots, run as runs, scoring, summary
from recipes import breast_cancer, diabetes, digit_halves, digit_traits, digits, fmnist, iris

later = functools.partial(pytest.param, marks=pytest.mark.second_tier)
SHORT = {"epochs": 2, "seed": 3, "refit": False}
FILES = {"model.keras", "config.json", "schema.json", "history.csv", "metrics.json", "curves.png"}
FILES |= {"test.npz", "report.html", "README.md"}


CHECK = checks.PreFlight(with_test=True)


def options(**changes):
    return RunOptions(**{"quiet": True, **changes})


def start(recipe, out="run", shown=None, **changes):
    config = dataclasses.replace(recipe.Config(), **{**SHORT, **changes})
    return runs.run(recipe, config, options(out=pathlib.Path(out), **(shown or {})), CHECK).metrics


def spoiled(recipe, change):
    """A recipe whose data or model are changed by a function."""
    made = types.ModuleType(recipe.__name__)
    made.__dict__.update(vars(recipe))
    made.__dict__.update(change)
    return made


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Make the run of a recipe, once, when its folder is asked for."""
    root = tmp_path_factory.mktemp("finished")

    @functools.cache
    def folder(recipe):
        name = pathlib.Path(recipe.__file__).stem
        start(recipe, root / name, refit=recipe.Config().refit)
        return root / name

    return folder


@pytest.mark.parametrize(
    ("recipe", "drawn"),
    [
        (breast_cancer, {"confusion.png", "probabilities.png"}),
        later(diabetes, {"predicted_against_true.png"}),
        later(digit_halves, {"predicted_against_true.png", "samples.png"}),
        later(digit_traits, {"labels.png"}),
        later(digits, {"confusion.png", "samples.png"}),
    ],
)
def test_run_folder_is_complete(finished, recipe, drawn):
    folder = finished(recipe)
    assert {path.name for path in folder.iterdir()} == FILES | drawn
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["recipe"] == folder.name
    assert metrics["data"]["kind"] == "real"
    assert set(metrics["data"]["rows"]) == {"train", "validation", "test"}
    assert (metrics["seed"], metrics["epochs_run"]) == (3, 2)
    assert metrics["engine"] == "fused"
    assert metrics["stopped_by"] == "all epochs run"
    assert metrics["parameters"] > 0
    assert len(metrics["baselines"]) == 2
    for scores in metrics["baselines"].values():
        assert set(scores) == set(metrics["test"])
    history = pd.read_csv(folder / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert {"loss", "val_loss", "learning_rate"} <= set(history.columns)
    assert metrics["version"] == keras_recipes.__version__
    assert metrics["command"] == shlex.join(sys.orig_argv)
    date = datetime.datetime.fromisoformat(metrics["date"])
    age = datetime.datetime.now(datetime.UTC) - date  # fails for a date without a time zone
    assert datetime.timedelta(0) <= age < datetime.timedelta(hours=1)
    for picture in drawn | {"curves.png"}:
        with PIL.Image.open(folder / picture) as image:
            assert min(image.size) > 300


@pytest.mark.second_tier
@pytest.mark.parametrize("engine", ["fused", "keras"])
def test_history_holds_the_learning_rate_of_each_epoch(engine):
    told = {"epochs": 4, "learning_rate": 0.01, "shown": {"engine": engine, "baselines": False}}
    for schedule, wanted in (("constant", [0.01] * 4), ("cosine", [0.01, 0.00853553, 0.005])):
        start(iris, f"run-{schedule}", schedule=schedule, **told)
        rates = pd.read_csv(f"run-{schedule}/history.csv")["learning_rate"].tolist()
        assert rates[: len(wanted)] == pytest.approx(wanted, rel=1e-5)
        assert len(rates) == 4


def test_saved_model_scores_as_recorded(finished):
    loaded = diabetes.load_data(dataclasses.replace(diabetes.Config(), **SHORT))
    model = keras.models.load_model(finished(diabetes) / "model.keras")
    outputs = training.predict(model, loaded.test.x)
    metrics = json.loads((finished(diabetes) / "metrics.json").read_text())
    assert scoring.measure(diabetes.PROBLEM, loaded.test.y, outputs) == metrics["test"]


@pytest.mark.second_tier
def test_same_seed_same_metrics_twice():
    both = [start(breast_cancer, f"run-{number}") for number in (1, 2)]
    assert both[0]["test"] == both[1]["test"]
    assert start(breast_cancer, "other", seed=4)["test"] != both[0]["test"]


@pytest.mark.second_tier
def test_folders_are_numbered(tmp_path):
    for number in (1, 2):
        config = dataclasses.replace(breast_cancer.Config(), epochs=1)
        assert runs.run(breast_cancer, config, options()).metrics["folder"] == str(
            pathlib.Path("runs") / f"breast_cancer-{number}"
        )


@pytest.mark.second_tier
def test_test_rows_have_no_say_in_training():
    plain = start(diabetes, "plain")

    def load_data(config):
        loaded = diabetes.load_data(config)
        test = splits.Split(loaded.test.x * 0.9, loaded.test.y * 0.9)
        return dataclasses.replace(loaded, test=test)

    changed = start(spoiled(diabetes, {"load_data": load_data}), "changed")
    assert changed["validation"] == plain["validation"]
    assert changed["test"] != plain["test"]


@pytest.mark.second_tier
def test_best_epoch_is_kept():
    config = dataclasses.replace(diabetes.Config(), epochs=60, patience=3, learning_rate=0.3)
    loaded = diabetes.load_data(config)
    trained = training.fit(
        training.prepare(diabetes, config, loaded), diabetes.PROBLEM, loaded, config
    )
    outputs = training.predict(trained.model, loaded.validation.x)
    scores = scoring.measure(diabetes.PROBLEM, loaded.validation.y, outputs)
    assert scores["loss"] == pytest.approx(min(trained.history["val_loss"]), rel=1e-4)
    assert trained.best_epoch == int(np.argmin(trained.history["val_loss"])) + 1
    assert trained.stopped_by == "early stopping"
    assert trained.epochs_run == trained.best_epoch + 3 < 60


@pytest.mark.second_tier
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


@pytest.mark.second_tier
def test_ctrl_c_that_ends_the_reader_as_well_loses_nothing(monkeypatch):
    """As behind `| tee log`: the terminal sends Ctrl-C to both."""
    reading, writing = os.pipe()

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            os.close(reading)
            raise KeyboardInterrupt

    made = runs.callbacks.make
    monkeypatch.setattr(runs.callbacks, "make", lambda *a, **k: [*made(*a, **k), Interrupt()])
    with os.fdopen(writing, "w") as output, contextlib.redirect_stdout(output):
        metrics = start(breast_cancer, shown={"quiet": False})
        summary.print_run(breast_cancer.PROBLEM, metrics)
    assert pathlib.Path("run/metrics.json").is_file()


def interrupted(monkeypatch, module, name, *signals):
    """Let signals come while a function runs that is called after the training."""
    function = getattr(module, name)

    def interrupt(*arguments):
        for number in signals:
            os.kill(os.getpid(), number)
        return function(*arguments)

    monkeypatch.setattr(module, name, interrupt)


@pytest.mark.second_tier
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_baselines_and_what_there_is_is_written(monkeypatch, capfd, number):
    interrupted(monkeypatch, runs.baselines, "predict", number)
    before = signal.getsignal(number)
    metrics = start(breast_cancer)
    assert metrics["baselines"] == {}
    assert "skipping the other baselines; writing the results" in capfd.readouterr().err
    assert signal.getsignal(number) is before
    summary.print_run(breast_cancer.PROBLEM, metrics)
    assert "network" in capfd.readouterr().out
    assert pathlib.Path("run/curves.png").is_file()
    assert listing.list_runs(".")["best_baseline"].isna().all()


@pytest.mark.second_tier
def test_baselines_are_left_out_where_asked_for(capsys):
    metrics = start(iris, shown={"baselines": False, "quiet": False})
    assert metrics["baselines"] == {}
    assert "baselines" not in capsys.readouterr().out


@pytest.mark.second_tier
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_after_the_training_loses_nothing(monkeypatch, capfd, number):
    interrupted(monkeypatch, runs.plots, "draw_curves", number)
    before = signal.getsignal(number)
    start(breast_cancer)
    assert pathlib.Path("run/metrics.json").is_file()
    assert capfd.readouterr().err.count("keeping epoch 2, writing run; Ctrl-C again") == 1
    assert signal.getsignal(number) is before


@pytest.mark.second_tier
def test_second_ctrl_c_after_the_training_ends_it(monkeypatch):
    interrupted(monkeypatch, runs.plots, "draw_curves", signal.SIGINT, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        start(breast_cancer)
    assert not list(pathlib.Path().glob("run*"))


def test_sigterm_leaves_no_half_folder():
    def load_data(config):
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit, match="130"), command_line.errors_as_lines():
        start(spoiled(breast_cancer, {"load_data": load_data}))
    assert not list(pathlib.Path().glob("run*"))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.second_tier
def test_nan_loss_stops_with_the_likely_causes():
    with pytest.raises(RunError, match="the loss became NaN in epoch 1; likely causes: a learning"):
        start(diabetes, learning_rate=1e30, optimizer="sgd")
    assert not list(pathlib.Path().glob("run*"))


@pytest.mark.second_tier
@pytest.mark.parametrize("engine", ["fused", "keras"])
def test_nan_loss_is_said_once(capfd, engine):
    shown = {"quiet": False, "engine": engine}
    with pytest.raises(RunError):
        start(diabetes, learning_rate=1e30, optimizer="sgd", epochs=5, shown=shown)
    lines = capfd.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[1:]] == ["epoch 1/5"]


@pytest.mark.second_tier
def test_nan_in_the_validation_loss_of_the_best_epoch_is_no_result():
    with pytest.raises(RunError, match="became NaN"):
        start(iris, learning_rate=1e9, epochs=3)
    assert not list(pathlib.Path().glob("run*"))


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_broken_data_is_refused_before_training(part):
    def load_data(config):
        loaded = breast_cancer.load_data(config)
        table = getattr(loaded, part).x
        table.loc[table.index[:4], "mean_area"] = np.nan
        return loaded

    name = "x" if part == "train" else f"{part} x"
    with pytest.raises(
        InputError,
        match=rf"inputs/nan-or-infinite \(D1\): received 4 NaN in {name} column 'mean_area'",
    ):
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
    said = {"file": "a file of that name is there", "folder": "already there and not empty"}
    with pytest.raises(InputError, match=f"--out run: {said[taken]}"):
        start(breast_cancer)
    assert (path if taken == "file" else path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["", "/", "..", "x/..", "x" * 300, "dangling", "dangling/x", "link"]
)
def test_out_that_cannot_become_a_folder_is_refused_before_training(name):
    pathlib.Path("empty").mkdir()
    pathlib.Path("link").symlink_to("empty")
    pathlib.Path("dangling").symlink_to("nowhere")
    before = sorted(pathlib.Path().iterdir())
    with pytest.raises(InputError, match=r"--out .*; give"):
        start(spoiled(breast_cancer, {"load_data": None}), name)
    assert sorted(pathlib.Path().iterdir()) == before


@pytest.mark.second_tier
def test_empty_folder_is_taken():
    pathlib.Path("run").mkdir()
    start(breast_cancer)
    assert pathlib.Path("run/metrics.json").is_file()


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
    files.write_text(pathlib.Path("/dev/null"), "text", devices=True)
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


@pytest.mark.second_tier
def test_tensorboard_that_cannot_write_does_not_end_training(monkeypatch, caplog):
    def fail(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "x/y.v2; No space left on device")

    monkeypatch.setattr(keras.callbacks.TensorBoard, "on_epoch_end", fail)
    metrics = start(breast_cancer, shown={"tensorboard": True})
    assert metrics["epochs_run"] == 2
    assert [record.message for record in caplog.records] == [
        "could not write TensorBoard's logs: No space left on device"
    ]


def test_model_that_does_not_fit_into_memory_is_one_line():
    def build_model(config, data):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM: tensor with shape[30,9] and\nmore")

    with pytest.raises(RunError, match=r"not enough memory for an array of shape\[30,9\]; make"):
        start(spoiled(breast_cancer, {"build_model": build_model}))


def test_numbers_that_json_has_no_word_for_are_null():
    scores = {"loss": float("nan"), "auc": np.float64("inf"), "test": [1.5, (None, float("-inf"))]}
    files.write_json(pathlib.Path("x.json"), scores)
    read = json.loads(pathlib.Path("x.json").read_text(), parse_constant=pytest.fail)
    assert read == {"loss": None, "auc": None, "test": [1.5, [None, None]]}


@pytest.mark.second_tier
def test_a_line_for_each_epoch_where_nobody_watches(capsys):
    start(breast_cancer, shown={"quiet": False, "engine": "keras"})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "training on 341 rows, 2 epochs at most"
    assert [line.partition(":")[0] for line in lines[1:3]] == ["epoch 1/2", "epoch 2/2"]
    assert "val_loss" in lines[1]
    assert lines[3:] == [
        "fitting the baselines (about 5 s at most; Ctrl-C skips them), writing run"
    ]
    assert json.loads(pathlib.Path("run/metrics.json").read_text())["engine"] == "keras"


@pytest.mark.second_tier
def test_lines_of_a_long_training_are_few(capsys):
    metrics = start(iris, epochs=60, patience=15, learning_rate=0.3, shown={"quiet": False})
    lines = [n for n in capsys.readouterr().out.splitlines() if n.startswith("epoch ")]
    shown = [int(line.split()[1].partition("/")[0]) for line in lines]
    last = metrics["epochs_run"]
    assert 15 < last < 60, "it is to stop early, at an epoch that no rhythm would name"
    assert shown == sorted({1, *range(6, last, 6), last})


@pytest.mark.second_tier
def test_a_slow_training_prints_every_line(capsys, monkeypatch):
    monkeypatch.setattr(runs.callbacks, "SECONDS_BETWEEN_LINES", 0.0)
    start(breast_cancer, epochs=30, shown={"quiet": False})
    assert capsys.readouterr().out.count("epoch ") == 30


@pytest.mark.second_tier
def test_a_refit_is_said_in_the_result(capsys):
    for refit in (True, False):
        summary.print_run(iris.PROBLEM, start(iris, f"run-{refit}", refit=refit))
        said = " ".join(capsys.readouterr().out.split())
        assert ("refitted on training and validation rows" in said) == refit


def test_a_run_says_which_models_the_network_is_not_better_than():
    verdicts = {"majority_class": "better", "linear": "tied", "boosting": "worse", "old": "tied"}
    against = {name: {"verdict": verdict} for name, verdict in verdicts.items()}
    said = summary.describe_against(against, 114)
    tied = "it is tied with the linear and the old (within the noise of 114 test rows)."
    assert said == f"The network is worse than the boosting; {tied}"
    assert summary.describe_against({"linear": {"verdict": "better"}}, 114) == ""


def test_a_network_is_compared_with_each_baseline_on_the_test_rows(finished):
    metrics = json.loads((finished(breast_cancer) / "metrics.json").read_text())
    assert set(metrics["against"]) == set(metrics["baselines"])
    for name, found in metrics["against"].items():
        gain = metrics["test"]["accuracy"] - metrics["baselines"][name]["accuracy"]
        assert found["mean"] == pytest.approx(gain, abs=1e-6)
        assert found["verdict"] in ("better", "tied", "worse")


# Recipes that somebody has changed.


def uncompiled(config, data):
    return keras.Sequential([keras.Input((30,)), keras.layers.Dense(1, "sigmoid")])


def compiled_without_metric(config, data):
    model = uncompiled(config, data)
    model.compile("adam", "binary_crossentropy", metrics=["auc"])
    return model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"load_data": lambda config: None}, "load_data returned nothing .*`return` missing"),
        ({"load_data": lambda config: (1, 2)}, "load_data returned a tuple, expected a Splits"),
        (
            {"build_model": lambda config, data: None},
            "build_model returned nothing .*`return` missing",
        ),
        ({"build_model": uncompiled}, "build_model does not compile its model"),
        ({"build_model": compiled_without_metric}, "build_model .*without the metric 'accuracy'"),
    ],
)
def test_part_that_gives_the_wrong_thing_is_named_with_its_file(change, message):
    with pytest.raises(InputError, match=rf"^breast_cancer\.py: {message}"):
        start(spoiled(breast_cancer, change))
    assert not list(pathlib.Path().glob("run*"))


def test_search_space_without_return_is_named():
    changed = spoiled(breast_cancer, {"search_space": lambda hp: None})
    with pytest.raises(InputError, match=r"breast_cancer\.py: search_space returned nothing"):
        contract.search_space(changed, None)


@pytest.mark.second_tier
def test_built_in_data_are_said_loudly(capsys, monkeypatch):
    monkeypatch.setattr(runs.baselines, "predict", lambda *_: {})
    recipe = spoiled(fmnist, {"load_data": lambda config: few(fmnist.load_data(config))})
    metrics = start(recipe, epochs=1, data="builtin", hidden_units=(8,))
    assert (
        "NOTE: these are not the real data, but handwritten digits instead of clothes"
        in capsys.readouterr().out
    )
    assert metrics["data"]["kind"] == "built-in"


def few(loaded):
    rows = np.arange(200)
    return splits.Splits(*(part.take(rows) for part in parts(loaded)), loaded.source)


def parts(loaded):
    return loaded.train, loaded.validation, loaded.test


@pytest.mark.second_tier
@pytest.mark.parametrize(("columns", "num_rows"), [(2, 1), (2, 20), (40, 200)])
def test_pictures_of_several_columns_take_few_and_many(columns, num_rows, tmp_path):
    y = np.random.default_rng(0).normal(size=(num_rows, columns))
    problem = problems.regression("m", columns)
    plots.draw_predicted_against_true(tmp_path / "numbers.png", problem, y, y + 0.1)
    labels = problems.multilabel(tuple(map(str, range(columns))))
    plots.draw_labels(tmp_path / "labels.png", labels, (y > 0).astype("float32"), abs(y))
    for name in ("numbers.png", "labels.png"):
        with PIL.Image.open(tmp_path / name) as image:
            assert 200 < min(image.size) < max(image.size) < 3000


@pytest.mark.second_tier
def test_v_prints_where_the_time_went(tmp_path):
    command = [
        sys.executable,
        "-m",
        "recipes.iris",
        "-v",
        "--epochs",
        "2",
        "--out",
        tmp_path / "run",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1]
    numbers = [float(number) for number in re.findall(r"\d+\.\d", last)]
    assert re.sub(r"\d+\.\d", "N", last) == (
        "N s in all: TensorFlow N, data N, check and model N, training N, baselines and report N"
    )
    assert numbers[0] == pytest.approx(sum(numbers[1:]), abs=1)
