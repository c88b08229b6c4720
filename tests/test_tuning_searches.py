"""Searches that train: from the command to the refit model, and everything on the way."""

import dataclasses
import json
import logging
import math
import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import keras_tuner
import numpy as np
import pandas as pd
import PIL.Image
import pytest

import tuning
from recipes import breast_cancer
from recipes.common import predictions, training
from recipes.common.errors import InputError, RunError
from tuning import __main__ as program
from tuning import (
    comparison,
    engine,
    oracles,
    pictures,
    plans,
    records,
    refit,
    report,
    seeds,
    spaces,
    trials,
    tuners,
)
from tuning.options import Options

ROOT = pathlib.Path(__file__).resolve().parent.parent
OWN = ROOT / "tests/own_recipe.py"
RECIPE = OWN.read_text()
SHORT = {"tuner": "random", "trials": 3, "epochs": 2, "quiet": True}
TIMINGS = ["seconds", "memory_mb"]


def write_recipe(name, *replacements):
    """A copy of `own_recipe.py` with some of its text replaced."""
    text = RECIPE
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    pathlib.Path(name).write_text(text)
    return name


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "search"
    return tuning.search(OWN, **SHORT, out=folder, tensorboard=True)


@pytest.fixture
def fake(monkeypatch, no_refit):
    """Trials without training, and no refit."""

    def run(task):
        score = seeds.derive(spaces.key(task.values)) / 2**32
        named = {f"val_{task.monitor}": score, "val_accuracy": score}
        return (
            records.Trial(
                task.number,
                task.values,
                scores=[score],
                metrics=named,
                best_epochs=[2],
                epochs=[task.fixed.get("epochs", 4)],
                seeds=[1],
                seconds=0.5,
            ),
            b"model" if records.is_better(score, task.score_to_beat, "min") else None,
        )

    monkeypatch.setattr(trials, "run", run)
    return monkeypatch


@pytest.fixture
def no_refit(monkeypatch):
    """Searches without a refit."""
    monkeypatch.setattr(refit, "refit", lambda plan, best, folder: {})
    monkeypatch.setattr(report.Progress, "show_refit", lambda *arguments: None)
    return monkeypatch


def command(monkeypatch, capsys, *arguments):
    """Run `python -m tuning`; give exit code, output and errors."""
    monkeypatch.setattr(sys, "argv", ["tuning", *map(str, arguments)])
    code = 0
    try:
        program.main()
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    return code, said.out, said.err


# A search from its command to its refit model


def test_a_search_leaves_tables_models_and_a_picture(finished):
    table = pd.read_csv(finished.folder / "trials.csv")
    assert table["trial"].tolist() == [0, 1, 2]
    assert set(table["status"]) == {"ok"}
    assert {"units", "dropout", "learning_rate", "batch_size"} <= set(table.columns)
    assert {"score", "val_auc", "val_accuracy", "seconds", "memory_mb"} <= set(table.columns)
    assert table["score"].tolist() == table["val_loss"].tolist()
    history = pd.read_csv(finished.folder / "history.csv")
    assert len(history) == 3 * 2
    assert {"trial", "repeat", "fold", "epoch", "val_loss"} <= set(history.columns)
    with PIL.Image.open(finished.folder / "search.png") as image:
        assert min(image.size) > 800
    pd.testing.assert_frame_equal(
        tuning.load_results(finished.folder).drop(columns="error"),
        finished.trials.drop(columns="error"),
    )


def test_only_the_best_model_is_kept_and_it_scores_as_recorded(finished):
    (path,) = (finished.folder / "models").iterdir()
    assert path.name == f"{finished.best_trial:04d}.keras"
    model = keras.models.load_model(path)
    validation = breast_cancer.load_data(breast_cancer.Config()).validation
    scores = training.measure(
        breast_cancer.PROBLEM, validation.y, training.predict(model, validation.x)
    )
    assert scores["loss"] == pytest.approx(finished.best_score, abs=1e-5)


def test_the_best_config_is_refit_on_all_but_the_test_rows(finished):
    run = finished.folder / "best"
    metrics = json.loads((run / "metrics.json").read_text())
    rows = metrics["data"]["rows"]
    assert set(rows) == {"train", "test"}
    assert sum(rows.values()) == 569
    assert metrics["epochs_run"] == 2
    assert metrics["search"]["trial"] == finished.best_trial
    assert metrics["search"]["times_test_was_opened"] == 1
    assert "optimistic" in metrics["search"]["note"]
    config = json.loads((run / "config.json").read_text())
    assert config["learning_rate"] == finished.best_config.learning_rate
    breast_cancer.load_data(breast_cancer.Config()).test.x.to_csv("new.csv", index=False)
    assert len(predictions.predict(run, pathlib.Path("new.csv"))) == rows["test"]


def test_tensorboard_gets_a_log_of_each_trial(finished):
    logs = finished.folder / "tensorboard"
    assert sorted(path.name for path in logs.iterdir()) == ["0000", "0001", "0002"]
    assert all(any(path.iterdir()) for path in logs.iterdir())


def test_a_trial_gives_the_same_scores_by_itself(finished):
    plan = plans.begin(Options(str(OWN), epochs=2))
    row = finished.trials.iloc[2]
    values = {p.name: row[p.name].item() for p in plan.space.space}
    alone, model = trials.run(plan.make_task(2, values))
    assert alone.score == row["score"]
    assert alone.seeds == [row["seed"]]
    assert model is None


def test_a_finished_search_is_not_refit_again(finished):
    again = tuning.search(resume=finished.folder, quiet=True)
    assert again.metrics["search"]["times_test_was_opened"] == 1
    pd.testing.assert_frame_equal(again.trials, finished.trials)


def test_folds_and_repeats_are_scored_one_by_one():
    found = tuning.search(
        "diabetes", tuner="random", trials=1, epochs=1, folds=2, repeats=2, out="s", quiet=True
    )
    for trial in engine.Store(pathlib.Path("s")).trials:
        assert len(set(trial.scores)) == 4
        assert len(set(trial.seeds)) == 4
        assert trial.score == pytest.approx(np.mean(trial.scores))
        assert trial.std == pytest.approx(np.std(trial.scores, ddof=1))
    history = pd.read_csv("s/history.csv")
    assert set(zip(history["repeat"], history["fold"], strict=True)) == {
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    }
    assert found.trials["scores"].str.split().str.len().tolist() == [4]


def test_a_search_never_opens_the_test_part(no_refit):
    path = write_recipe(
        "closed.py",
        (
            "    return breast_cancer.load(seed=config.seed)\n",
            "    loaded = breast_cancer.load(seed=config.seed)\n"
            "    return dataclasses.replace(loaded, test=Exploding())\n"
            "\n\nclass Exploding:\n"
            "    def __getattr__(self, name):\n"
            "        raise RuntimeError('the test part was opened')\n",
        ),
    )
    for folds in (None, 2):
        found = tuning.search(path, tuner="random", trials=1, epochs=1, folds=folds, quiet=True)
        assert set(found.trials["status"]) == {"ok"}
    splits = trials.load_data("breast_cancer", breast_cancer.Config())
    with pytest.raises(trials.ClosedTestError):
        splits.test.x  # noqa: B018


def test_data_are_loaded_again_only_for_settings_that_they_depend_on():
    config = breast_cancer.Config()
    first = trials.load_data("breast_cancer", config)
    assert trials.load_data("breast_cancer", dataclasses.replace(config, dropout=0.4)) is first
    assert trials.load_data("breast_cancer", dataclasses.replace(config, seed=1)) is not first


# Failures

SGD = ("configs.Config):", "configs.Config):\n    optimizer: configs.Optimizer = 'sgd'")
FAILING = (
    "    inputs = keras.Input(",
    "    if config.batch_size == 64:\n"
    "        raise MemoryError('no room')\n"
    "    if config.batch_size == 16:\n"
    "        raise ValueError('a mistake')\n"
    "    inputs = keras.Input(",
)


def test_failed_trials_keep_their_reason_and_the_search_goes_on():
    path = write_recipe(
        "failing.py",
        FAILING,
        SGD,
        ("[8, 16, 32, 64]", "[16, 64]"),
        ("[0.0, 0.2, 0.4]", "[0.0]"),
        ("[0.0003, 0.001, 0.003, 0.01]", "[0.001, 1e30]"),
    )
    found = tuning.search(path, tuner="grid", epochs=1, max_parameters=1500, out="s", quiet=True)
    by_status = found.trials.groupby("status")["error"].first()
    assert set(by_status.index) == {"ok", "error", "out of memory", "too big", "nan"}
    assert by_status["error"] == "ValueError: a mistake (line 34 of failing.py)"
    assert "NaN" in by_status["nan"]
    assert "at most 1,500 are allowed" in by_status["too big"]
    assert found.trials.loc[found.best_trial, "status"] == "ok"
    errors = [t for t in engine.Store(pathlib.Path("s")).trials if t.status == "error"]
    assert "Traceback" in errors[0].traceback


def test_a_first_trial_that_fails_ends_the_search_and_leaves_no_folder():
    # It passes the check before trial 0: only training shows the mistake.
    path = write_recipe(
        "nan.py",
        ("0.01], default=0.001", "1e30], default=1e30"),
        SGD,
    )
    with pytest.raises(RunError, match=r"trial 0, the recipe's defaults, failed \(nan\)"):
        tuning.search(path, **SHORT)
    assert list(pathlib.Path("searches").iterdir()) == []


def test_a_mistake_in_the_recipe_is_found_before_a_folder_is_made():
    path = write_recipe(
        "wrong.py",
        ("PROBLEM.outputs(hidden)", "keras.layers.Dense(1, 'softmax')(hidden)"),
    )
    with pytest.raises(InputError, match="softmax"):
        tuning.search(path, **SHORT)
    assert not pathlib.Path("searches").exists()


# Resuming


def test_changes_are_refused_by_name_and_nothing_is_lost(fake):
    path = pathlib.Path(write_recipe("mine.py"))
    tuning.search(path, **SHORT, out="s")
    with pytest.raises(InputError, match="--seed: the search in s has 0, received 3"):
        tuning.search(resume="s", seed=3)
    with pytest.raises(InputError, match="--objective: the search in s has val_loss, received"):
        tuning.search(resume="s", objective="val_auc")
    path.write_text(path.read_text() + "\n# a thought\n")
    with pytest.raises(InputError, match=r"recipe_source: the search has .* now it is"):
        tuning.search(resume="s")
    path.unlink()
    with pytest.raises(InputError, match=r"mine.py: the recipe's file cannot be read"):
        tuning.search(resume="s")
    assert len(tuning.load_results("s")) == 3


@pytest.mark.parametrize(
    ("entry", "value", "name"),
    [
        ("data", {"train": "x", "validation": "y"}, "data.train"),
        ("direction", "max", "direction"),
        ("versions", {"keras": "2"}, "versions.keras"),
    ],
)
def test_other_data_or_versions_are_refused_by_name(fake, entry, value, name):
    tuning.search(OWN, **SHORT, out="s")
    path = pathlib.Path("s/search.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), entry: value}))
    with pytest.raises(InputError, match=f"{name}: the search has"):
        tuning.search(resume="s")


def test_settings_edited_to_nonsense_are_one_line(fake):
    tuning.search(OWN, **SHORT, out="s")
    path = pathlib.Path("s/search.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "settings": {"tuner": "x"}}))
    with pytest.raises(InputError, match=r"s/search.json is damaged"):
        tuning.search(resume="s")


def test_a_taken_folder_is_refused_with_the_command_that_resumes(fake):
    tuning.search(OWN, **SHORT, out="s")
    with pytest.raises(InputError, match="python -m tuning --resume s"):
        tuning.search(OWN, **SHORT, out="s")


@pytest.mark.parametrize("tuner", ["grid", "random", "bayesian", "hyperband"])
def test_more_trials_continue_a_search(fake, tuner):
    told = {"tuner": tuner, "epochs": 9, "quiet": True}
    tuning.search(OWN, **told, trials=5, out="s")
    more = tuning.search(resume="s", trials=9, quiet=True)
    assert len(more.trials) == 9
    assert tuning.load_results("s")["trial"].tolist() == list(range(9))
    again = tuning.search(resume="s", trials=9, quiet=True)
    pd.testing.assert_frame_equal(again.trials, more.trials)


def test_ctrl_c_keeps_the_trials_and_says_how_to_go_on(fake, monkeypatch, capsys):
    run = trials.run

    def interrupted(task):
        if task.number == 2:
            raise KeyboardInterrupt
        return run(task)

    monkeypatch.setattr(trials, "run", interrupted)
    code, said, _ = command(monkeypatch, capsys, OWN, "--trials", 5, "--out", "s")
    assert code == 130
    assert "continue by: python -m tuning --resume s" in said
    assert len(pd.read_csv("s/trials.csv")) == 2
    assert not pathlib.Path("s/best").exists()
    monkeypatch.setattr(trials, "run", run)
    code, said, _ = command(monkeypatch, capsys, "--resume", "s")
    assert code == 0
    assert "resuming: 2 trials have ended" in said
    whole = tuning.search(OWN, trials=5, out="whole", quiet=True).trials
    pd.testing.assert_frame_equal(pd.read_csv("s/trials.csv"), pd.read_csv("whole/trials.csv"))
    assert len(whole) == 5


def test_max_time_ends_between_trials_and_can_be_resumed(fake):
    first = tuning.search(OWN, **SHORT, max_time="0.001s", out="s")
    assert (len(first.trials), first.ended_by) == (1, "--max-time 0.001s")
    assert len(tuning.search(resume="s", quiet=True).trials) == 3


def kill_and_resume(recipe, tuner, delays, **told):
    """Kill a search again and again; give its table and that of an undisturbed one."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in told.items()]
    start = [sys.executable, "-m", "tuning"]
    arguments = [str(recipe), "--tuner", tuner, "--out", "killed", *flags]
    for delay in delays:
        process = subprocess.Popen(
            [*start, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wanted = delay() + time.monotonic() if callable(delay) else delay
        while process.poll() is None:
            done = len(list(pathlib.Path("killed/trials").glob("*.json")))
            if done >= wanted if isinstance(delay, int) else time.monotonic() >= wanted:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if pathlib.Path("killed/search.json").is_file():
            arguments = ["--resume", "killed"]
    if arguments[0] == "--resume":
        tuning.search(resume="killed", quiet=True)
    else:
        tuning.search(recipe, tuner=tuner, out="killed", quiet=True, **told)
    tuning.search(recipe, tuner=tuner, out="whole", quiet=True, **told)
    return [pd.read_csv(f"{name}/trials.csv").drop(columns=TIMINGS) for name in ("killed", "whole")]


def test_a_killed_search_ends_as_if_it_had_not_been(no_refit):
    killed, whole = kill_and_resume(OWN, "random", [1], trials=3, epochs=1)
    pd.testing.assert_frame_equal(killed, whole)


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["grid", "random", "bayesian", "hyperband"])
def test_killed_20_times_a_search_ends_as_if_it_had_not_been(tuner):
    generator = np.random.default_rng(0)
    delays = [lambda: generator.uniform(2, 15)] * 20
    killed, whole = kill_and_resume(OWN, tuner, delays, trials=30, epochs=9)
    pd.testing.assert_frame_equal(killed, whole)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_trials():
    found = tuning.search(OWN, tuner="random", trials=45, epochs=2, quiet=True)
    settled = found.trials["memory_mb"].iloc[15:]  # the first trials load what all need
    assert np.polyfit(settled.index, settled, 1)[0] < 1


# What one sees


def test_each_trial_has_a_line(fake, monkeypatch, capsys):
    code, said, errors = command(monkeypatch, capsys, OWN, "--trials", 12, "--tuner", "bayesian")
    assert (code, errors) == (0, "")
    lines = said.splitlines()
    assert "bayesian search of 144 points for the lowest val_loss, seed 0" in lines[0]
    assert "the first 3 trials are the defaults and random points" in lines[1]
    shown = [line for line in lines if line.startswith("[")]
    assert len(shown) == 12
    assert shown[3].startswith("[4/12] val_loss 0.")
    assert " · best 0." in shown[3]
    assert "4.0 s left · units=" in shown[3]
    assert "\x1b" not in said, "plain text where there is no terminal"
    assert "ended: all trials run; 12 trials, 0 failed" in said
    assert "beats the recipe's defaults by" in said


def test_a_grid_says_its_size_and_ends_with_its_coverage(fake, monkeypatch, capsys):
    told = (OWN, "--tuner", "grid")
    _, said, _ = command(monkeypatch, capsys, *told)
    assert "the grid has 144 points\n" in said
    assert "space used up: all of its 144 points were run; grid: 144 of 144 points run" in said
    _, said, _ = command(monkeypatch, capsys, *told, "--trials", 5)
    assert "of which the first 5 are run" in said
    assert "grid: 5 of 144 points run, 0 failed" in said


def test_hyperband_says_its_brackets(fake, monkeypatch, capsys):
    told = (OWN, "--tuner", "hyperband", "--epochs", 9, "--trials", 20)
    _, said, _ = command(monkeypatch, capsys, *told)
    assert "brackets, trials x epochs: 9 x 1 → 3 x 3 → 1 x 9 | " in said


def plan_of(**told):
    return plans.begin(Options(str(OWN), **told))


def test_an_edge_is_warned_of_unless_nothing_lies_beyond():
    best = records.Trial(
        0,
        {"units": 64, "dropout": 0.0, "learning_rate": 0.001, "batch_size": 16},
        scores=[1.0],
    )
    lines = report.find_edges(plan_of(), best)
    assert [line.split()[2] for line in lines] == ["units,", "batch_size,"]
    assert "64, is the largest of the space (8 to 64)" in lines[0]


def test_importance_finds_what_matters():
    plan = plan_of()
    generator = np.random.default_rng(0)
    ok = []
    for number in range(40):
        values = spaces.draw(plan.space, generator)
        noise = 0.01 * generator.random()
        ok.append(records.Trial(number, values, scores=[math.log(values["learning_rate"]) + noise]))
    shares = pictures.find_importance(plan.space.space, ok)
    names = [p.name for p in plan.space.space]
    assert names[int(np.argmax(shares))] == "learning_rate"
    assert shares.sum() == pytest.approx(1)
    assert pictures.find_importance(plan.space.space, ok[:5]) is None


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "give either a recipe or --resume"),
        (("breast_cancr",), "unknown recipe breast_cancr: did you mean breast_cancer"),
        (("iris", "--tuner", "magic"), "--tuner"),
        (("iris", "--trials", "0"), "trials: received 0, expected at least 1"),
        (("iris", "--trial", "3"), "Unrecognized options: --trial"),
        (("iris", "--objective", "val_f2"), "expected one of val_loss, val_accuracy"),
        (("--resume", "nowhere"), "nowhere: not the folder of a search"),
        (("compare", "iris", "--tuners", "grid,magic"), "--tuners: received 'magic'"),
        (("compare", "iris", "--seeds", "0"), "seeds: received 0"),
        (("compare", "irs"), "unknown recipe irs"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(monkeypatch, capsys, arguments, part):
    code, _, errors = command(monkeypatch, capsys, *arguments)
    assert code == 2
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    assert part in line
    assert not pathlib.Path("searches").exists()


# Comparison


def test_a_comparison_gives_each_tuner_the_same_epochs(fake):
    table = tuning.compare(OWN, tuners="grid,random", trials=5, seeds=2, epochs=4, quiet=True)
    ends = table.groupby("tuner", sort=False)["epochs"].max()
    assert ends.to_dict() == {"grid": 20, "random": 20, comparison.TWICE: 40}
    random = table[table["tuner"] == "random"].drop(columns="tuner").reset_index(drop=True)
    twice = table[(table["tuner"] == comparison.TWICE) & (table["epochs"] <= 20)]
    pd.testing.assert_frame_equal(random, twice.drop(columns="tuner").reset_index(drop=True))
    folder = pathlib.Path("searches/own_recipe-comparison-1")
    assert {path.name for path in folder.iterdir()} == {
        "comparison.csv",
        "comparison.json",
        "comparison.png",
    }


def test_curves_are_the_best_so_far():
    table = pd.DataFrame(
        {"tuner": "grid", "seed": 0, "epochs": [5, 10], "score": [2.0, 1.0], "best": [2.0, 1.0]}
    )
    (line,) = comparison.find_curves(table, "min", 10)["grid"]
    half = comparison.STEPS // 2
    assert np.isnan(line[0])
    assert line[half // 2 + 2] == 2.0
    assert np.isnan(line[half + 1]), "beyond its own budget"


# Keras Tuner's own way


def points(rows=60):
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    return x, (x[:, :1] > 0).astype("float32")


def build(hp):
    units = hp.Choice("units", [2, 4, 8])
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(units, "relu"),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    f1 = keras.metrics.F1Score(name="f1", threshold=0.5)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", f1])
    return model


def search_with(tuner, **told):
    x, y = points()
    tuner.search(x[:40], y[:40], validation_data=(x[40:], y[40:]), verbose=0, **told)
    return tuner


def test_a_tuner_for_a_build_function_behaves_as_the_guides_say(capsys):
    tuner = search_with(tuning.make_tuner(build, "grid", objective="val_f1"), epochs=2)
    assert isinstance(tuner, keras_tuner.Tuner)
    assert (tuner.oracle.objective.name, tuner.oracle.objective.direction) == ("val_f1", "max")
    assert [t.hyperparameters["units"] for t in tuner.oracle.trials.values()] == [2, 4, 8]
    best = tuner.oracle.get_best_trials()[0]
    assert tuner.get_best_hyperparameters()[0].values == best.hyperparameters.values
    x, y = points()
    scores = tuner.get_best_models()[0].evaluate(x[40:], y[40:], verbose=0, return_dict=True)
    assert scores["f1"] == pytest.approx(best.score)
    tuner.results_summary()
    assert "Score: " in capsys.readouterr().out
    weights = list(pathlib.Path(tuner.project_dir).rglob("*.weights.h5"))
    assert len(weights) == 1, "only the best trial's weights are kept"
    with pytest.raises(InputError, match="make the tuner with a larger keep"):
        tuner.get_best_models(2)


def test_a_tuner_continues_its_own_folder_and_refuses_another_space():
    told = {"objective": "val_loss", "project_name": "mine"}
    search_with(tuning.make_tuner(build, "grid", trials=1, **told), epochs=1)
    tuner = search_with(tuning.make_tuner(build, "grid", trials=3, **told), epochs=1)
    assert [t.hyperparameters["units"] for t in tuner.oracle.trials.values()] == [2, 4, 8]

    def other(hp):
        hp.Choice("rate", [1, 2])
        return build(hp)

    with pytest.raises(InputError, match="holds another search: its space is"):
        tuning.make_tuner(other, "grid", **told)
    with pytest.raises(InputError, match="holds another search: its objective is"):
        tuning.make_tuner(build, "grid", objective="val_f1", project_name="mine")


def test_a_tuner_for_a_hypermodel_and_for_a_recipe():
    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            return build(hp)

        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, batch_size=hp.Choice("batch_size", [8, 16]), **kwargs)

    tuner = search_with(tuning.make_tuner(Model(), "random", objective="val_loss", trials=2))
    assert "batch_size" in tuner.get_best_hyperparameters()[0].values
    data = breast_cancer.load_data(breast_cancer.Config())
    tuner = tuning.make_tuner("breast_cancer", "random", trials=1)
    tuner.search(
        data.train.x,
        data.train.y,
        validation_data=(data.validation.x, data.validation.y),
        epochs=2,
        verbose=0,
    )
    outputs = training.predict(tuner.get_best_models()[0], data.validation.x)
    scores = training.measure(breast_cancer.PROBLEM, data.validation.y, outputs)
    assert scores["loss"] == pytest.approx(tuner.oracle.get_best_trials()[0].score, abs=1e-5)


def test_the_same_seed_trains_the_same_way():
    scores = [
        [
            t.score
            for t in search_with(
                tuning.make_tuner(build, "grid", objective="val_loss", trials=1, seed=seed),
                epochs=1,
            ).oracle.trials.values()
        ]
        for seed in (0, 0, 1)
    ]
    assert scores[0] == scores[1] != scores[2]


def test_a_first_trial_that_fails_stops_a_tuner():
    tuner = tuning.make_tuner(build, "grid", objective="val_loss")
    logging.getLogger("tuning.tuners").setLevel(logging.CRITICAL)
    with pytest.raises(RunError, match="the first trial, the defaults, failed"):
        tuner.search(np.zeros((4, 7)), np.zeros((4, 1)), verbose=0)
    assert tuner.get_best_hyperparameters() == []


def test_directions_come_from_the_metrics_themselves():
    shipped = [
        keras.metrics.F1Score(name="f1_score"),
        keras.metrics.R2Score(name="r2_score"),
        keras.metrics.CosineSimilarity(name="cosine_similarity"),
        keras.metrics.PearsonCorrelation(name="pearson_correlation"),
        keras.metrics.MeanIoU(num_classes=2, name="mean_io_u"),
        keras.metrics.PrecisionAtRecall(0.5, name="precision_at_recall"),
        keras.metrics.RecallAtPrecision(0.5, name="recall_at_precision"),
        "mae",
        "accuracy",
        keras.metrics.AUC(name="auc"),
    ]
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(loss="mse", metrics=shipped)
    found = tuners.find_directions(model)
    assert found.pop("loss") == found.pop("mae") == "min"
    assert set(found.values()) == {"max"}
    assert len(found) == 9
    # The guess of Keras Tuner; when it gets better, this can be simpler here.
    assert keras_tuner.src.engine.metrics_tracking.infer_metric_direction("val_f1_score") == "min"
    model.compile(loss="mse", metrics=[keras.metrics.FalsePositives(name="false_positives")])
    with pytest.raises(InputError, match="is lower or higher is not known"):
        tuners._with_direction(
            type("Built", (), {"build": lambda hp: model}), "val_false_positives"
        )


def test_an_unknown_objective_or_tuner_is_refused_with_the_list():
    with pytest.raises(InputError, match="expected one of val_loss, val_accuracy, val_f1"):
        tuning.make_tuner(build, objective="val_auc")
    with pytest.raises(InputError, match="tuner: received 'magic', expected one of grid"):
        tuning.make_tuner(build, "magic")
    with pytest.raises(InputError, match="model: received int"):
        tuning.make_tuner(3)


def test_oracles_are_those_of_keras_tuner():
    assert issubclass(oracles.BayesianOracle, keras_tuner.oracles.BayesianOptimizationOracle)
    assert issubclass(oracles.RandomOracle, keras_tuner.oracles.RandomSearchOracle)
    assert issubclass(oracles.HyperbandOracle, keras_tuner.oracles.HyperbandOracle)
    assert issubclass(oracles.GridOracle, keras_tuner.Oracle)
