"""Searches from the command to the refit model, and everything on the way."""

import dataclasses
import errno
import json
import math
import os
import pathlib
import shutil
import signal
import sys
import traceback

import keras
import numpy as np
import pandas as pd
import PIL.Image
import psutil
import pytest
from own_copies import OWN, write_recipe

import tuning
from benchmarks import interruptions
from keras_recipes import catalog, training
from keras_recipes.console import files
from keras_recipes.errors import InputError, NotFiniteError, RunError
from keras_recipes.runs import predict as predictions, scoring
from keras_recipes.training import fitting
from recipes import breast_cancer
from tuning import __main__ as program, engine, loop
from tuning.options import Limits, Options
from tuning.oracles import seeds, spaces
from tuning.report import comparison, plots, report
from tuning.spec import SearchSpec
from tuning.trials import fingerprints, inputs, records, refit, trials, warm_start
from tuning.workers import processes, workers

SHORT = {"tuner": "random", "trials": 3, "epochs": 2, "quiet": True}
TIMINGS = ["seconds", "memory_mb"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "search"
    return tuning.search(OWN, **SHORT, out=folder, tensorboard=True)


@pytest.fixture
def fake(monkeypatch, no_refit):
    """Trials without training, and no refit."""

    def run(job):
        score = seeds.derive(spaces.key(job.values)) / 2**32
        named = {f"val_{job.spec.monitor}": score, "val_accuracy": score}
        return (
            records.Trial(
                job.number,
                job.values,
                scores=[score],
                row_scores=[score] * 20,
                metrics=named,
                best_epochs=[2],
                epochs=[job.spec.fixed.get("epochs", 4)],
                seeds=[1],
                seconds=0.5,
            ),
            b"model" if records.is_better(score, job.score_to_beat, "min") else None,
        )

    monkeypatch.setattr(trials, "run", run)
    return monkeypatch


@pytest.fixture
def no_refit(monkeypatch):
    """Searches without a refit and without a picture, which take longer than short trials."""
    monkeypatch.setattr(refit, "refit", lambda *_: {})
    monkeypatch.setattr(report.Progress, "show_refit", lambda *arguments: None)
    monkeypatch.setattr(plots, "draw", lambda path, spec, done: path.touch())
    return monkeypatch


def spec_of(**told):
    return SearchSpec.begin(Options(recipe=str(OWN), **told))


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
    scores = scoring.measure(
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
    assert (metrics["refitted"], metrics["engine"]) == (True, "fused")
    assert metrics["search"]["trial"] == finished.best_trial
    assert metrics["search"]["times_test_was_opened"] == 1
    assert "optimistic" in metrics["search"]["note"]
    config = json.loads((run / "config.json").read_text())
    assert config["learning_rate"] == finished.best_config.learning_rate
    breast_cancer.load_data(breast_cancer.Config()).test.x.to_csv("new.csv", index=False)
    assert len(predictions.predict(run, pathlib.Path("new.csv"))) == rows["test"]


def test_the_defaults_are_trained_and_tested_as_the_best_point_is(finished):
    assert finished.best_trial != 0
    found = finished.metrics["baselines"]["defaults"]
    recipe = catalog.load(str(OWN))
    config = dataclasses.replace(recipe.Config(), epochs=2, seed=0)
    data = recipe.load_data(config)
    epochs = round(finished.trials.loc[0, "best_epoch"])
    by_hand = training.fit_all(recipe, config, data.merge_validation(), epochs)
    outputs = training.predict(by_hand.model, data.test.x)
    assert found == pytest.approx(scoring.measure(recipe.PROBLEM, data.test.y, outputs), rel=1e-3)
    assert finished.metrics["against"]["defaults"]["verdict"] in ("better", "tied", "worse")
    assert finished.summarise()["test_of_defaults"] == found


def test_a_trial_keeps_what_its_rows_add_to_its_score(finished):
    for number, score in enumerate(finished.trials["score"]):
        kept = json.loads((finished.folder / f"trials/{number:04d}.json").read_text())
        assert len(kept["row_scores"]) == 114
        assert np.mean(kept["row_scores"]) == pytest.approx(score, rel=1e-4)


def test_tensorboard_gets_a_log_of_each_trial(finished):
    logs = finished.folder / "tensorboard"
    assert sorted(path.name for path in logs.iterdir()) == ["0000", "0001", "0002"]
    assert all(any(path.iterdir()) for path in logs.iterdir())


@pytest.mark.second_tier
def test_a_trial_gives_the_same_scores_by_itself(finished):
    spec = spec_of(epochs=2)
    row = finished.trials.iloc[2]
    values = {p.name: row[p.name].item() for p in spec.space.space}
    alone, model = trials.run(trials.Job(spec, 2, values))
    assert alone.score == row["score"]
    assert alone.seeds == [row["seed"]]
    assert model is None


@pytest.mark.second_tier
def test_a_finished_search_is_not_refit_again(finished):
    again = tuning.search(resume=finished.folder, quiet=True)
    assert again.metrics["search"]["times_test_was_opened"] == 1
    pd.testing.assert_frame_equal(again.trials, finished.trials)


@pytest.mark.second_tier
def test_folds_and_repeats_are_scored_one_by_one(no_refit):
    adapt, adapted_to = fitting.adapt, []

    def watched(model, problem, train):
        adapted_to.append(float(np.mean(train.x.to_numpy())))
        adapt(model, problem, train)

    no_refit.setattr(fitting, "adapt", watched)
    told = {"tuner": "random", "trials": 1, "epochs": 1, "quiet": True}
    found = tuning.search(OWN, **told, folds=2, repeats=2, out="s")
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
    # The check before trial 0, then each training: preprocessing is fitted to its own rows.
    assert len(adapted_to) == 1 + 4
    assert len(set(adapted_to)) == 1 + 2


@pytest.mark.second_tier
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
    splits = inputs.load_data("breast_cancer", breast_cancer.Config())
    with pytest.raises(inputs.ClosedTestError):
        splits.test.x  # noqa: B018


def test_data_are_loaded_again_only_for_settings_that_they_depend_on():
    config = breast_cancer.Config()
    first = inputs.load_data("breast_cancer", config)
    assert inputs.load_data("breast_cancer", dataclasses.replace(config, dropout=0.4)) is first
    assert inputs.load_data("breast_cancer", dataclasses.replace(config, seed=1)) is not first


# Failures

SGD = ("configs.Config):", "configs.Config):\n    optimizer: configs.Optimizer = 'sgd'")
FAILING = (
    "    inputs = keras.Input(",
    "    if config.units == 17:\n"
    "        raise MemoryError('no room')\n"
    "    if config.units == 18:\n"
    "        raise ValueError('a mistake')\n"
    "    inputs = keras.Input(",
)


@pytest.mark.second_tier
def test_failed_trials_keep_their_reason_and_the_search_goes_on(no_refit):
    path = write_recipe(
        "failing.py",
        FAILING,
        SGD,
        ("[8, 16, 32, 64]", "[16, 17, 18, 64]"),
        ("[0.0, 0.2, 0.4]", "[0.0]"),
        ("[0.0003, 0.001, 0.003, 0.01]", "[0.001, 1e30]"),
        ("[16, 32, 64]", "[32]"),
    )
    found = tuning.search(path, tuner="grid", epochs=1, max_parameters=1500, out="s", quiet=True)
    by_status = found.trials.groupby("status")["error"].first()
    assert set(by_status.index) == {"ok", "error", "out of memory", "too big", "nan"}
    assert by_status["error"] == "ValueError: a mistake (line 34 of failing.py)"
    assert "NaN" in by_status["nan"]
    assert "at most 1,500 are allowed" in by_status["too big"]
    assert found.trials.loc[found.best_trial, "status"] == "ok"
    table = pd.read_csv("s/trials.csv", dtype=str, keep_default_na=False)
    assert all(
        seed.isdigit() == (status == "ok") for seed, status in table[["seed", "status"]].to_numpy()
    )
    errors = [t for t in engine.Store(pathlib.Path("s")).trials if t.status == "error"]
    assert "Traceback" in errors[0].traceback


@pytest.mark.second_tier
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


@pytest.mark.second_tier
def test_the_model_of_before_stays_until_a_better_one_is_written(monkeypatch):
    found = tuning.search("iris", trials=1, epochs=1, quiet=True)
    best = found.folder / "best"
    metrics = json.loads((best / "metrics.json").read_text())
    metrics["search"]["trial"] = 7  # as if another trial had been the best one
    del metrics["checksum"]
    files.write_json(best / "metrics.json", metrics, with_checksum=True)
    before = {path: path.read_bytes() for path in best.iterdir()}

    def full_disk(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(refit.runs, "write", full_disk)
        with pytest.raises(RunError, match="No space left"):
            tuning.search(resume=found.folder)
    assert {path: path.read_bytes() for path in best.iterdir()} == before
    best.rename(found.folder / "best.old")  # a kill between the two renames
    again = tuning.search(resume=found.folder)
    assert again.metrics["search"] == {
        **metrics["search"],
        "trial": 0,
        "times_test_was_opened": metrics["search"]["times_test_was_opened"] + 1,
    }
    assert not list(found.folder.glob("best.*"))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"scheduler": "127.0.0.1:9"}, marks=pytest.mark.second_tier, id="scheduler"),
        pytest.param(
            {"isolate": 1, "trial_timeout": "0.1s"}, marks=pytest.mark.second_tier, id="timeout"
        ),
    ],
)
def test_a_resumed_search_that_cannot_begin_is_never_discarded(changed):
    found = tuning.search("iris", trials=1, epochs=1, quiet=True)
    notes = found.folder / "notes.txt"
    notes.write_text("mine")
    for path in (found.folder / "trials").iterdir():
        path.unlink()
    there = {path for path in found.folder.rglob("*") if path.parent.name != "trials"}
    with pytest.raises((InputError, RunError)):
        tuning.search(resume=found.folder, **changed)
    assert there <= set(found.folder.rglob("*"))
    assert (notes.read_text(), (found.folder / "best/model.keras").is_file()) == ("mine", True)


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
    pathlib.Path("helper.py").write_text("RATE = 1\n")
    path = pathlib.Path(
        write_recipe("mine.py", ("import keras\n", "import helper\nimport keras\n"))
    )
    tuning.search(path, **SHORT, out="s")
    source = path.read_text()
    path.write_text(source + "\n# a thought, which changes nothing\n")
    assert len(tuning.search(resume="s", quiet=True).trials) == 3
    for told, message in (
        ({"seed": 3}, "seed: the search in s has 0, received 3"),
        ({"objective": "val_auc"}, "objective: the search in s has val_loss, received val_auc"),
        ({"engine": "keras"}, "engine: the search in s has fused, received keras"),
        ({"start_from": "s"}, "start_from: a resumed search has started"),
        ({"trials": 2}, "trials: received 2, but 3 trials have ended already; use at least"),
    ):
        with pytest.raises(InputError, match=message):
            tuning.search(resume="s", **told)
    path.write_text(source + "\nRATE = 2\n")
    with pytest.raises(InputError, match=r"code.mine.py: the search has .* now it is"):
        tuning.search(resume="s")
    path.write_text(source)
    pathlib.Path("helper.py").write_text("RATE = 2\n")
    with pytest.raises(InputError, match=r"code.helper.py: the search has .* now it is"):
        tuning.search(resume="s")
    path.unlink()
    with pytest.raises(InputError, match=r"mine.py: the recipe's file cannot be read"):
        tuning.search(resume="s")
    assert len(tuning.load_results("s")) == 3


@pytest.mark.parametrize("name", ["keras_recipes/problems.py", "datasets/digits.py"])
def test_a_changed_rule_or_data_file_is_refused_by_name(fake, name):
    tuning.search(OWN, **SHORT, out="s")
    read = catalog.read_source
    changed = b"\nCHANGED = True\n"
    fake.setattr(catalog, "read_source", lambda p: read(p) + changed * p.as_posix().endswith(name))
    with pytest.raises(InputError, match=f"comparable: code.{name}: the search has [^;]*$"):
        tuning.search(resume="s")


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
    description = json.loads(path.read_text())
    description["fingerprint"][entry] = value
    shutil.copytree("s", "edited")
    pathlib.Path("edited/search.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match=f"was changed after .* fingerprint.{entry} .now "):
        tuning.search(resume="edited")
    fake.setattr(SearchSpec, "fingerprint", lambda _: description["fingerprint"])
    with pytest.raises(InputError, match=f"{name}: the search has .*, now it is"):
        tuning.search(resume="s")


def test_settings_edited_to_nonsense_are_one_line(fake):
    tuning.search(OWN, **SHORT, out="s")
    path = pathlib.Path("s/search.json")
    description = json.loads(path.read_text())
    path.write_text(json.dumps({**description, "spec": {"tuner": "x"}}))
    with pytest.raises(InputError, match=r"s/search.json: was changed .*spec.tuner \(now x\)"):
        tuning.search(resume="s")
    description["spec"]["fixed"]["epochs"] = 4
    path.write_text(json.dumps(description))
    with pytest.raises(InputError, match=r"began: spec.fixed.epochs \(now 4\); put back"):
        tuning.search(resume="s")
    assert path.read_text() == json.dumps(description)


@pytest.mark.second_tier
def test_a_space_whose_defaults_are_not_those_of_the_config_is_warned_of(fake, caplog):
    path = write_recipe("mine.py", ("64], default=16", "64], default=32"))
    tuning.search(path, **SHORT, out="s")
    (warned,) = [record.message for record in caplog.records if "search_space" in record.message]
    assert warned.startswith(
        "mine: the default of search_space is units 32, not 16 as in Config(), so"
    )
    caplog.clear()
    tuning.search(write_recipe("same.py"), **SHORT, out="t")
    assert "search_space" not in caplog.text


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

    def interrupted(job):
        if job.number == 2:
            raise KeyboardInterrupt
        return run(job)

    monkeypatch.setattr(trials, "run", interrupted)
    code, said, _ = command(monkeypatch, capsys, OWN, "--trials", 5, "--out", "s")
    assert code == 130
    assert "continue by: python -m tuning --resume s" in said
    assert len(pd.read_csv("s/trials.csv")) == 2
    assert not pathlib.Path("s/best").exists()
    monkeypatch.setattr(trials, "run", run)
    code, said, _ = command(monkeypatch, capsys, "--resume", "s")
    assert code == 0
    assert "resuming: 2 of 5 trials have ended" in said
    whole = tuning.search(OWN, trials=5, out="whole", quiet=True).trials
    pd.testing.assert_frame_equal(pd.read_csv("s/trials.csv"), pd.read_csv("whole/trials.csv"))
    assert len(whole) == 5


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "ended: interrupted during the refit of the best trial"),
        (NotFiniteError("the loss became NaN"), 1, "all trials are in s, but trial"),
        (OSError(28, "No space left"), 1, "(No space left); all 3 trials that ended before are"),
    ],
)
def test_a_refit_that_fails_loses_no_trial(fake, monkeypatch, capsys, error, code, said):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(refit, "refit", fail)
    told = (OWN, "--trials", 3, "--out", "s")
    found, output, errors = command(monkeypatch, capsys, *told)
    assert found == code
    assert said in output + errors
    assert len(tuning.load_results("s")) == 3
    assert "python -m tuning --resume s" in output + errors or code == 1


def test_max_time_ends_between_trials_and_can_be_resumed(fake):
    first = tuning.search(OWN, **SHORT, max_time="0.001s", out="s")
    assert (len(first.trials), first.ended_by) == (1, "--max-time 0.001s")
    assert len(tuning.search(resume="s", quiet=True).trials) == 3


def die_at(step, search):
    """Run a search in a forked process that is killed in its n-th work on a file.

    A file that is opened for writing is left empty, as a kill before its content is written does.

    Returns:
        Whether it was killed; otherwise it ended by itself.
    """
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
        return os.WIFSIGNALED(status)
    signal.alarm(60)
    left = step

    def count(event, arguments):
        nonlocal left
        writes = event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir")
        writes |= event == "open" and arguments[1] in ("w", "wb")
        left -= writes
        if writes and left == 0:
            if event == "open":
                os.close(os.open(arguments[0], os.O_CREAT | os.O_TRUNC | os.O_WRONLY))
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    code = 1
    try:
        search()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def continue_search(tuner, trials=8):
    """Do what a user does after a crash: resume, or start again where there is nothing."""
    shutil.rmtree("s.partial", ignore_errors=True)
    if pathlib.Path("s/search.json").is_file():
        return tuning.search(resume="s", quiet=True)
    return tuning.search(OWN, tuner=tuner, trials=trials, epochs=4, out="s", quiet=True)


@pytest.fixture
def undisturbed(fake, capsys):
    """Searches whose preparation is done, so that a forked process need not run TensorFlow."""
    fake.setattr(training, "prepare", lambda *_, **__: None)

    def search(tuner, trials=8):
        found = tuning.search(OWN, tuner=tuner, trials=trials, epochs=4, quiet=True, out="whole")
        capsys.readouterr()
        return found.trials

    return search


@pytest.mark.second_tier
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("tuner", ["grid", "random", "bayesian", "hyperband"])
def test_killed_again_and_again_a_search_ends_as_if_it_had_not_been(undisturbed, tuner):
    whole = undisturbed(tuner)
    generator = np.random.default_rng(0)
    kills = 0
    while die_at(generator.integers(2, 25), lambda: continue_search(tuner)):
        kills += 1
    assert kills >= 4
    assert {path.suffix for path in pathlib.Path("s").rglob("*.*")} <= {
        ".html",
        ".json",
        ".csv",
        ".keras",
        ".lock",
        ".png",
    }
    pd.testing.assert_frame_equal(continue_search(tuner).trials, whole)
    assert pathlib.Path("s/trials.csv").read_text() == pathlib.Path("whole/trials.csv").read_text()


@pytest.mark.second_tier
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_killed_at_any_file_a_search_can_be_continued(undisturbed):
    whole = undisturbed("random", trials=3)
    step = 1
    while die_at(step, lambda: continue_search("random", trials=3)):
        pd.testing.assert_frame_equal(continue_search("random", trials=3).trials, whole)
        shutil.rmtree("s")
        step += 1
    assert step > 20


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["grid", "random", "bayesian", "hyperband"])
def test_killed_while_it_trains_a_search_ends_as_if_it_had_not_been(tuner):
    result = interruptions.measure(str(OWN), tuner, kills=3, seed=0, trials=8, epochs=9)
    assert result["same"], result


@pytest.mark.second_tier
def test_memory_does_not_grow_with_the_trials(no_refit):
    path = write_recipe(
        "one.py",  # one structure: nothing is compiled after the first trial
        ("[8, 16, 32, 64]", "[16]"),
        ("[0.0, 0.2, 0.4]", "[0.0]"),
        ("[16, 32, 64]", "[32]"),
        ("[0.0003, 0.001, 0.003, 0.01]", "[n / 1000 for n in range(1, 31)]"),
    )
    found = tuning.search(path, tuner="random", trials=24, epochs=1, quiet=True)
    settled = found.trials["memory_mb"].iloc[8:]  # the first trials load what all need
    assert np.polyfit(settled.index, settled, 1)[0] < 1


# Where to start, how to train


@pytest.mark.second_tier
def test_a_known_point_is_run_after_the_defaults(fake):
    recipe = catalog.load(str(OWN))
    known = recipe.Config(units=64, dropout=0.4, batch_size=16, epochs=7, seed=3)
    files.write_json(pathlib.Path("config.json"), dataclasses.asdict(known))
    for tuner in ("grid", "random", "bayesian", "hyperband"):
        told = {"tuner": tuner, "trials": 4, "epochs": 4, "quiet": True}
        found = tuning.search(OWN, **told, start_from="config.json")
        second = found.trials.iloc[1]
        assert tuple(second[["units", "dropout", "learning_rate", "batch_size"]]) == (
            *(64, 0.4, 0.001, 16),
        )
        assert found.trials["units"].iloc[0] == 16
        assert len(tuning.search(resume=found.folder, trials=6, quiet=True).trials) == 6


@pytest.mark.second_tier
def test_settings_of_an_old_run_are_known_by_their_old_names():
    old = {"members": 8, "most_words": 100, "hidden_units": [64, 64]}
    files.write_json(pathlib.Path("config.json"), old)
    recipe = catalog.load("tabular")
    space = spaces.explore(recipe.search_space)
    point = warm_start.find(pathlib.Path("config.json"), recipe, space)
    assert point["hidden_units"] == 64


def test_the_best_of_a_search_can_be_started_from(finished, fake):
    found = tuning.search(OWN, tuner="grid", trials=2, quiet=True, start_from=finished.folder)
    names = ["units", "dropout", "learning_rate", "batch_size"]
    best = finished.trials.iloc[finished.best_trial]
    assert found.trials.iloc[1][names].tolist() == best[names].tolist()


def test_a_point_behind_a_tuple_is_found():
    # digits: hidden_units is (units, units)
    recipe = catalog.load("digits")
    space = spaces.explore(recipe.search_space)
    config = recipe.Config(hidden_units=(64, 64), learning_rate=0.01)
    files.write_json(pathlib.Path("config.json"), dataclasses.asdict(config))
    point = warm_start.find(pathlib.Path("config.json"), recipe, space)
    assert (point["hidden_units"], point["learning_rate"]) == (64, 0.01)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected a run folder, a search that has ended, or a config.json"),
        ("{", "--start-from config.json is damaged"),
        ("[1]", "expected an object"),
        ('{"units": 100}', "units is 100 there, which the search space does not hold"),
        ('{"wings": 2}', "wings is 2 there, which is no setting of own_recipe"),
    ],
)
def test_a_start_that_cannot_be_used_is_refused(content, message):
    if content is not None:
        pathlib.Path("config.json").write_text(content)
    with pytest.raises(InputError, match=message):
        spec_of(start_from=pathlib.Path("config.json"))


def test_a_setting_that_is_not_searched_is_told_of(caplog):
    pathlib.Path("config.json").write_text('{"units": 8, "patience": 3}')
    assert spec_of(start_from=pathlib.Path("config.json")).start["units"] == 8
    assert "patience is 3 there, and is no hyperparameter: the search has 10" in caplog.text


@pytest.mark.second_tier
def test_the_engine_of_the_trials_can_be_chosen(no_refit):
    told = {"tuner": "grid", "trials": 1, "epochs": 2, "quiet": True}
    scores = [tuning.search(OWN, **told, engine=name).best_score for name in ("fused", "keras")]
    assert scores[0] != scores[1]
    assert scores[0] == pytest.approx(scores[1], rel=0.2)


@pytest.mark.second_tier
def test_the_five_of_a_training_can_be_hyperparameters(no_refit):
    more = (
        'optimizer=hp.Choice("optimizer", ["adam", "sgd"])',
        'epochs=hp.Int("epochs", 1, 3, default=1)',
        "units=hp.Choice(",
    )
    path = write_recipe("five.py", ("units=hp.Choice(", ", ".join(more)))
    found = tuning.search(path, tuner="random", trials=4, quiet=True)
    assert found.trials["epochs_run"].tolist() == found.trials["epochs"].tolist()
    assert set(found.trials["optimizer"]) == {"adam", "sgd"}
    with pytest.raises(InputError, match="epochs is a hyperparameter of its search_space"):
        tuning.search(path, epochs=3)


def fake_trial(job):
    """Stands in for `trials.run` in a forked process."""
    if job.number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return records.Trial(job.number, {"process": os.getpid()}, scores=[1.0]), None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_trials_can_be_isolated_and_one_that_is_killed_is_lost_alone(monkeypatch):
    monkeypatch.setattr(processes, "method", lambda: "fork")
    monkeypatch.setattr(trials, "run", fake_trial)
    spec = spec_of()
    with workers.alone(Limits(2), fingerprints.hash_code(str(OWN))) as runner:
        done = [runner.run(trials.Job(spec, number, {}))[0] for number in range(5)]
    assert [trial.status for trial in done] == ["ok", "ok", "out of memory", "ok", "ok"]
    assert "killed by signal 9, most likely for want of memory" in done[2].error
    first, second, _, fourth, fifth = (trial.values.get("process") for trial in done)
    assert first == second != fourth == fifth
    assert os.getpid() not in (first, fourth)


def test_code_that_changes_while_isolated_trials_run_stops_the_search():
    job = trials.Job(spec_of(), 0, {})
    changed = pytest.raises(RunError, match=r"own_recipe.py, .*changed")
    with workers.alone(Limits(1), {}) as runner, changed:
        runner.run(job)


@pytest.mark.second_tier
def test_an_isolated_search_is_the_same_search(no_refit):
    told = {"tuner": "random", "trials": 3, "epochs": 2, "quiet": True}
    alone, here = (tuning.search(OWN, **told, isolate=n).trials for n in (2, None))
    pd.testing.assert_frame_equal(alone.drop(columns=TIMINGS), here.drop(columns=TIMINGS))
    assert len(psutil.Process().children()) <= 1, "the tracker of multiprocessing alone stays"


def test_max_memory_ends_between_trials_and_can_be_resumed(fake):
    run = trials.run

    def growing(job):
        trial, model = run(job)
        return dataclasses.replace(trial, memory=500.0 + job.number), model

    fake.setattr(trials, "run", growing)
    first = tuning.search(OWN, **SHORT, max_memory=500, out="s")
    assert (len(first.trials), first.ended_by) == (2, "--max-memory 500")
    assert len(tuning.search(resume="s", quiet=True).trials) == 3


# What one sees


def test_each_trial_has_a_line(fake, monkeypatch, capsys):
    code, said, errors = command(monkeypatch, capsys, OWN, "--trials", 12, "--tuner", "bayesian")
    assert (code, errors) == (0, "")
    first, *lines = said.splitlines()
    assert first == "loading TensorFlow and the data"
    assert "bayesian search of 144 points for the lowest val_loss, seed 0" in lines[0]
    assert "the first 3 trials are the defaults and random points" in lines[1]
    shown = [line for line in lines if line.startswith("[")]
    assert len(shown) == 12
    assert shown[3].startswith("[4/12] val_loss 0.")
    assert " · best 0." in shown[3]
    assert "4.0 s left · units=" in shown[3]
    assert "\x1b" not in said, "plain text where there is no terminal"
    assert "ended: all trials run; 12 trials, 0 failed" in said
    assert "beats the recipe's defaults on the validation rows: better by" in said


def test_a_gain_within_the_noise_of_the_validation_rows_is_tied(fake, monkeypatch, capsys):
    run = trials.run

    def noisy(job):
        trial, model = run(job)
        rows = np.random.default_rng(job.number).normal(trial.score, 5, 100)
        return dataclasses.replace(trial, row_scores=rows.tolist()), model

    fake.setattr(trials, "run", noisy)
    _, said, _ = command(monkeypatch, capsys, OWN, "--trials", 4, "--tuner", "random")
    assert "is tied with the recipe's defaults on the validation rows: better by 0." in said
    assert "beats" not in said


def test_json_is_one_line_on_stdout_and_all_else_on_stderr(fake, monkeypatch, capsys):
    told = (OWN, "--trials", 3, "--out", "s", "--json")
    code, said, errors = command(monkeypatch, capsys, *told)
    result = json.loads(said)
    assert (code, said.count("\n")) == (0, 1)
    assert (result["trials"], result["failed"], result["ended_by"]) == (3, 0, "all trials run")
    assert (result["folder"], result["objective"]) == ("s", "val_loss")
    best = tuning.load_results("s").iloc[result["best_trial"]]
    assert result["best_score"] == best["score"]
    assert result["best_config"]["units"] == best["units"]
    assert "[3/3] val_loss" in errors
    code, said, errors = command(monkeypatch, capsys, OWN, "--json", "--trials", 0)
    assert (code, said) == (2, "")


def test_json_has_null_for_what_json_has_no_number_for(finished, monkeypatch, capsys):
    told = dataclasses.replace(finished, metrics={"test": {"r2": float("nan")}, "folder": "best"})
    monkeypatch.setattr(engine, "search", lambda options: told)
    _, said, _ = command(monkeypatch, capsys, OWN, "--json")
    assert "NaN" not in said
    assert json.loads(said)["test"] == {"r2": None}


def test_json_holds_the_test_scores(finished):
    result = json.loads(json.dumps(finished.summarise()))
    metrics = json.loads((finished.folder / "best/metrics.json").read_text())
    assert result["test"] == metrics["test"]
    assert result["run"] == str(finished.folder / "best")


@pytest.mark.second_tier
def test_verbose_shows_epochs_and_the_traceback_of_a_first_trial(no_refit, monkeypatch, capsys):
    told = (OWN, "--trials", 1, "--epochs", 2)
    _, said, _ = command(monkeypatch, capsys, *told, "-v")
    assert "trial 1 of 1: units=16" in said
    assert "epoch 2/2: " in said
    _, said, _ = command(monkeypatch, capsys, *told)
    assert "epoch" not in said.replace("epochs", "")
    path = write_recipe("nan.py", ("0.01], default=0.001", "1e30], default=1e30"), SGD)
    code, _, errors = command(monkeypatch, capsys, path, "-v")
    assert code == 1
    assert "Traceback" in errors
    assert errors.splitlines()[-1].startswith("error: trial 0, the recipe's defaults, failed (nan)")


@pytest.mark.parametrize("words", [("--help",), ("compare", "--help")])
def test_help_says_what_a_flag_takes_and_its_default(monkeypatch, capsys, words):
    code, said, _ = command(monkeypatch, capsys, *words)
    assert code == 0
    text = " ".join(said.replace("│", " ").split())
    assert "None" not in text
    assert "--trials N" in text
    assert "(default: the recipe's)" in text


@pytest.mark.second_tier
def test_a_grid_says_its_size_and_ends_with_its_coverage(fake, monkeypatch, capsys):
    told = (OWN, "--tuner", "grid")
    _, said, _ = command(monkeypatch, capsys, *told)
    assert "the grid has 144 points\n" in said
    assert "space used up: all of its 144 points were run; grid: 144 of 144 points run" in said
    _, said, _ = command(monkeypatch, capsys, *told, "--trials", 5)
    assert "but only the first 5 are run" in said
    assert "grid: 5 of 144 points run, 0 failed" in said


def test_hyperband_says_its_brackets(fake, monkeypatch, capsys):
    told = (OWN, "--tuner", "hyperband", "--epochs", 9, "--trials", 20)
    _, said, _ = command(monkeypatch, capsys, *told)
    assert "brackets, trials x epochs: 9 x 1 → 3 x 3 → 1 x 9 | " in said


def test_an_edge_is_warned_of_unless_nothing_lies_beyond():
    best = records.Trial(
        0,
        {"units": 64, "dropout": 0.0, "learning_rate": 0.001, "batch_size": 16},
        scores=[1.0],
    )
    lines = report.find_edges(spec_of(), best)
    assert [line.split()[2] for line in lines] == ["units,", "batch_size,"]
    assert "64, is the largest of the search space (8 to 64)" in lines[0]


@pytest.mark.second_tier
def test_importance_finds_what_matters():
    spec = spec_of()
    generator = np.random.default_rng(0)
    ok = []
    for number in range(40):
        values = spaces.draw(spec.space, generator)
        noise = 0.01 * generator.random()
        ok.append(records.Trial(number, values, scores=[math.log(values["learning_rate"]) + noise]))
    fractions = plots.find_importance(spec.space.space, ok)
    names = [p.name for p in spec.space.space]
    assert names[int(np.argmax(fractions))] == "learning_rate"
    assert fractions.sum() == pytest.approx(1)
    assert plots.find_importance(spec.space.space, ok[:5]) is None


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "expected either a recipe or --resume"),
        (("breast_cancr",), "unknown recipe breast_cancr: did you mean breast_cancer"),
        (("iris", "--tuner", "magic"), "received 'magic', expected one of grid, random, "),
        (("iris", "--trials", "0"), "trials: received 0, expected at least 1"),
        (("iris", "--trial", "3"), "--trial: no such flag"),
        (("iris", "--objective", "val_f2"), "expected one of val_loss, val_accuracy"),
        (("iris", "--folds", "500"), "--folds: num_folds must be 2..120"),
        (("iris", "--trials", "many"), "--trials: received 'many', expected a whole number"),
        (("iris", "--quiet", "--verbose"), "--quiet and --verbose: give one of the two"),
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


@pytest.mark.second_tier
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


def test_however_it_is_cut_off_a_search_says_how_to_go_on(fake, monkeypatch, capsys):
    run = trials.run

    def gone(job):
        if job.number == 2:
            raise RunError("the scheduler has gone")
        return run(job)

    monkeypatch.setattr(trials, "run", gone)
    told = (OWN, "--trials", 5, "--max-memory", 9000, "--out", "s s")
    way = "continue by: python -m tuning --resume 's s' --max-memory 9000"
    code, _, errors = command(monkeypatch, capsys, *told)
    assert (code, errors) == (1, f"error: the scheduler has gone; {way}\n")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "run_trials", interrupted)
    code, _, errors = command(monkeypatch, capsys, "--resume", "s s", "--max-memory", 9000)
    kept = "what had ended is kept, 2 trials"
    assert (code, errors) == (130, f"stopped by Ctrl-C; {kept}; {way}\n")


def test_a_search_on_workers_is_continued_on_workers():
    told = {"scheduler": "one:8786", "trial_timeout": "5m", "isolate": 3, "trials": 9}
    flags = ["--scheduler", "one:8786", "--trial-timeout", "5m", "--isolate", "3"]
    assert Options(recipe="iris", **told).places == flags


@pytest.mark.second_tier
def test_ctrl_c_keeps_the_seeds_of_a_comparison_that_are_complete(fake, monkeypatch, capsys):
    run, told = trials.run, (OWN, "--tuners", "random", "--trials", 3, "--epochs", 4)
    done = []

    def interrupted(job):
        done.append(job)
        if len(done) == wanted:
            raise KeyboardInterrupt
        return run(job)

    monkeypatch.setattr(trials, "run", interrupted)
    wanted = 15  # each of the seeds takes 6
    code, said, _ = command(monkeypatch, capsys, "compare", *told, "--seeds", 9, "--out", "c")
    assert code == 130
    assert "stopped by Ctrl-C: 2 of 9 seeds are complete" in said
    assert set(pd.read_csv("c/comparison.csv")["seed"]) == {0, 1}
    wanted = len(done) + 2
    code, _, errors = command(monkeypatch, capsys, "compare", *told, "--out", "d")
    assert (code, errors) == (130, "stopped by Ctrl-C; nothing was saved\n")
    assert not any(path.name.startswith("d") for path in pathlib.Path().iterdir())


@pytest.mark.second_tier
def test_a_comparison_in_which_trials_fail_comes_to_an_end(fake, monkeypatch):
    run = trials.run

    def failing(job):
        if job.number == 0:
            return run(job)
        return records.Trial(job.number, job.values, status="nan", error="NaN"), None

    monkeypatch.setattr(trials, "run", failing)
    table = tuning.compare(OWN, tuners="random", trials=5, seeds=1, epochs=4, quiet=True)
    assert table["best"].nunique() == 1


def test_curves_are_the_best_so_far():
    table = pd.DataFrame(
        {"tuner": "grid", "seed": 0, "epochs": [5, 10], "score": [2.0, 1.0], "best": [2.0, 1.0]}
    )
    (line,) = comparison.find_curves(table, 10)["grid"]
    half = comparison.NUM_STEPS // 2
    assert np.isnan(line[0])
    assert line[half // 2 + 2] == 2.0
    assert np.isnan(line[half + 1]), "beyond its own budget"
