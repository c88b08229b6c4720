"""Files of runs and searches that were edited, cut off or exchanged: one line, never a mixture."""

import json
import logging
import os
import random
import shutil

import numpy as np
import pandas as pd
import pytest
from own_copies import OWN

import tuning
from keras_recipes import catalog, reading
from keras_recipes.errors import InputError, RunError
from keras_recipes.runs import listing, predict as predictions, run as runs
from keras_recipes.runs.exports import export
from recipes import breast_cancer, tabular
from tuning.oracles import spaces
from tuning.report import plots, report
from tuning.trials import records, refit, trials, warm_start

TIMINGS = ["seconds", "memory_mb"]
OF_A_RUN = ("metrics.json", "schema.json", "config.json", "history.csv", "model.keras")
OF_A_SEARCH = (
    "search.json",
    "trials/0000.json",
    "trials/0001.json",
    "trials.csv",
    "history.csv",
    "search.lock",
    *(f"best/{name}" for name in OF_A_RUN),
)


def table(num_rows, seed):
    rng = np.random.default_rng(seed)
    x, kinds = rng.normal(size=num_rows).round(3), rng.choice(["x", "y"], num_rows)
    days = pd.date_range("2020-01-01", periods=num_rows).astype("str")
    named = {"size": x, "kind": kinds, "day": days}
    return pd.DataFrame({**named, "sold": np.where(x + (kinds == "x") > 0.5, "yes", "no")})


def baselines(problem, splits):
    return {"mean": {"loss": 1.0, **dict.fromkeys(problem.rule.metrics, 0.5)}}


class State:
    """Two runs or searches of a kind, in folders `a` and `b`, and rows to predict."""

    def __init__(self, root):
        self.root, self.rows = root, root / "rows.csv"

    def train(self, recipe, **settings):
        quick = {"epochs": 1, "refit": False, **settings}
        for name, seed in (("a", 0), ("b", 1)):
            config = recipe.Config(**quick, seed=seed)
            runs.run(recipe, config, runs.RunOptions(out=self.root / name, quiet=True))
        given = (
            pd.read_csv(settings["csv"]) if "csv" in settings else recipe.load_data(config).test.x
        )
        given.head(3).to_csv(self.rows, index=False)
        return self

    def search(self):
        for name, seed in (("a", 0), ("b", 1)):
            told = {"trials": 2, "epochs": 2, "seed": seed, "quiet": True}
            tuning.search(OWN, **told, out=self.root / name)
        return self

    def search_without_training(self, patch):
        """Train the best trial of one search only."""
        patch.setattr(trials, "run", lambda job: (untrained(job), None))
        tuning.search(OWN, trials=2, epochs=1, quiet=True, out=self.root / "a")
        patch.setattr(refit, "refit", lambda *_: {})
        patch.setattr(report.Progress, "show_refit", lambda *_: None)
        tuning.search(OWN, trials=2, epochs=1, seed=1, quiet=True, out=self.root / "b")
        shutil.copytree(self.root / "a/best", self.root / "b/best")
        return self


def untrained(job):
    scores = {f"val_{job.spec.monitor}": 1.0 + job.number, "val_accuracy": 0.5}
    told = {"scores": [1.0 + job.number], "metrics": scores, "best_epochs": [1], "epochs": [1]}
    return records.Trial(job.number, job.values, **told, seeds=[1], seconds=0.5)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """States by name, each made once; without what takes long and is not read again."""
    known = {}

    def make(name):
        if name not in known:
            state = State(tmp_path_factory.mktemp(name))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(runs.baselines, "score", baselines)
                patch.setattr(runs.plots, "draw_curves", lambda *_: None)
                patch.setattr(runs, "_draw_predictions", lambda *_: None)
                patch.setattr(runs, "_judge_columns", lambda *_: {})
                patch.setattr(plots, "draw", lambda path, *_: path.touch())
                if name == "search":
                    state.search()
                elif name == "quick":
                    state.search_without_training(patch)
                elif name == "table":
                    csv = state.root / "table.csv"
                    table(60, 0).to_csv(csv, index=False)
                    settings = {"csv": csv, "target": "sold", "ensemble_size": 2}
                    state.train(tabular, **settings, hidden_units=(4,))
                else:
                    state.train(breast_cancer)
            known[name] = state
        return known[name]

    return make


# What reads a folder: each returns what a user gets of it, as text.


def load(folder, rows):
    run = predictions.open_run(folder)
    kept = (run.problem, run.inputs, sorted(vars(run.config).items()), sorted(run.metrics.items()))
    return f"{kept} {run.history.to_csv()} {run!r} {run._repr_html_()}"


def predict(folder, rows):
    return predictions.predict(folder, rows).to_csv()


def write_out(folder, rows):
    return str(export.export(folder, folder.parent / "exported"))


def list_all(folder, rows):
    return listing.list_runs(folder.parent).drop(columns="written").to_csv()


def load_best(folder, rows):
    return load(folder / "best", rows)


def list_best(folder, rows):
    return list_all(folder / "best", rows)


def results(folder, rows):
    return tuning.load_results(folder).drop(columns=TIMINGS).to_csv()


def resume(folder, rows):
    found = tuning.search(resume=folder, quiet=True)
    written = pd.read_csv(folder / "trials.csv").drop(columns=TIMINGS)
    kept = [found.trials.drop(columns=TIMINGS).to_csv(), written.to_csv(), found.best_config]
    return f"{kept} {found.metrics['test']} {found.metrics['search']}"


def start_from(folder, rows):
    recipe = catalog.load(str(OWN))
    return str(warm_start.find(folder, recipe, spaces.explore(recipe.search_space)))


def outcome(read, state, folder, caplog):
    """What a reader returns, or None where it says in one line what is wrong or may be."""
    caplog.clear()
    try:
        answer = read(folder, state.rows)
    except (InputError, RunError) as error:
        said = str(error)
        assert "\n" not in said
        assert len(said) < 1000, said
        assert folder.name in said, said
        return None
    return None if caplog.records else answer


# Edits


def places(content, path=()):
    """Every entry of JSON content, by its path of keys."""
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def edit_json(rng, text):
    """Change an entry of JSON somewhere; now and then the whole."""
    content = json.loads(text)
    odd = [None, True, 0, -1, 2, 1e300, float("nan"), "", "x", "ï", [], {}, [1], {"a": 1}, 10**400]
    if rng.random() < 0.1:
        whole = [*map(json.dumps, odd), "[" * 100_000, '{"a": 1, "a": 2}', "9" * 5000, "1e999"]
        return rng.choice(whole)
    found = list(places(content))
    *parents, key = rng.choice(found)
    holder = content
    for parent in parents:
        holder = holder[parent]
    value = holder[key]
    what = rng.choice(["delete", "type", "value", "swap", "twice", "add"])
    if what == "delete":
        del holder[key]
    elif what == "swap":  # with another entry beside it
        other = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        holder[key], holder[other] = holder[other], holder[key]
    elif what == "add" and isinstance(holder, dict):
        holder["new"] = rng.choice(odd)
    elif what == "twice":
        return text.replace("{", f'{{"{found[0][0]}": 1, ', 1)
    elif what == "value" and isinstance(value, int | float) and value is not None:
        holder[key] = not value if isinstance(value, bool) else value + rng.choice([1, -1, 0.5])
    elif what == "value" and isinstance(value, str):
        holder[key] = value[:-1] or "y"
    else:
        holder[key] = rng.choice(odd)
    return json.dumps(content)


def spoil(rng, folder, other, name):
    """Edit a file of a folder in some way; return how, for messages."""
    path = folder / name
    ways = ["truncate", "empty", "binary", "folder", "exchange", "fifo", "loop", "flip"]
    ways += ["remove"] * (not name.startswith("trials/"))  # the last one may be removed
    ways += ["json"] * 12 * name.endswith(".json") + ["cell"] * 3 * name.endswith(".csv")
    way = rng.choice(ways)
    content = path.read_bytes()
    if way == "json":
        path.write_text(edit_json(rng, content.decode()))
    elif way in ("truncate", "flip") and content:
        at = rng.randrange(len(content))
        rest = bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
        path.write_bytes(content[:at] + rest * (way == "flip"))
    elif way == "cell":
        path.write_bytes(content.replace(rng.choice([b"0", b"1", b","]), b"7", 1))
    elif way == "exchange":
        shutil.copy(other / name, path)
    elif way == "binary":
        path.write_bytes(rng.randbytes(rng.choice([1, 300])))
    else:
        path.unlink()
        makers = {"folder": path.mkdir, "fifo": lambda: os.mkfifo(path), "empty": path.touch}
        makers |= {"loop": lambda: path.symlink_to(path.name), "remove": lambda: None}
        makers.get(way, path.touch)()
    return f"{name}: {way}"


def without_checksums(folder):
    """Make a run as one of an earlier version, of which only sense can be judged."""
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["sha256"], metrics["checksum"]
    (folder / "metrics.json").write_text(json.dumps(metrics))


def check_edits(state, readers, names, seed, number, caplog, tmp_path, *, is_old=False):
    """Edit a state again and again; each reader returns what it did before, or says why not."""
    rng = random.Random(seed)
    caplog.set_level(logging.WARNING)
    changed = 0
    for count in range(number + 1):
        place = tmp_path / f"edit-{count}"
        folder, other = place / "a", state.root / "b"
        shutil.copytree(state.root / "a", folder)
        if is_old:
            without_checksums(folder)
        edit = spoil(rng, folder, other, rng.choice(names)) if count else "none"
        answers = {}
        for read in readers:
            try:
                answers[read.__name__] = outcome(read, state, folder, caplog)
            except Exception as error:
                raise AssertionError(f"{read.__name__} after {edit}") from error
        answers = {
            name: answer and answer.replace(str(place), "") for name, answer in answers.items()
        }
        if not count:
            whole = answers
            assert None not in answers.values(), answers
        for name, answer in answers.items():
            changed += answer is None
            assert is_old or answer in (None, whole[name]), f"{name} after {edit}: {folder}"
        shutil.rmtree(place)
    assert changed > number / 2


SEARCHED = results, resume, start_from, load_best, list_best
ALL = [
    ("run", (list_all, load, predict, write_out)),
    ("table", (list_all, load, predict, write_out)),
    ("search", SEARCHED),
]


@pytest.fixture
def no_plots(monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda path, *_: path.touch())


def num_edits(few, many):
    """A few edits in the second tier, and many where the slow tests are asked for."""
    numbers = [
        pytest.param(few, marks=pytest.mark.second_tier),
        pytest.param(many, marks=pytest.mark.slow),
    ]
    return pytest.mark.parametrize("num_edits", numbers)


@pytest.mark.second_tier
def test_an_edited_file_is_named_or_changes_nothing(made, caplog, tmp_path, no_plots):
    check_edits(made("quick"), SEARCHED, OF_A_SEARCH, 0, 10, caplog, tmp_path)


@num_edits(25, 200)
@pytest.mark.parametrize(("name", "readers"), ALL, ids=["run", "table", "search"])
def test_of_many_edits_none_goes_unnoticed(
    made, name, readers, num_edits, caplog, tmp_path, no_plots
):
    names = OF_A_SEARCH if name == "search" else OF_A_RUN
    check_edits(made(name), readers, names, 1, num_edits, caplog, tmp_path)


@num_edits(15, 100)
@pytest.mark.parametrize("name", ["run", "table"])
def test_an_edited_run_of_an_earlier_version_is_one_line(made, name, num_edits, caplog, tmp_path):
    names, readers = OF_A_RUN[:-1], (list_all, load, predict, write_out)
    check_edits(made(name), readers, names, 2, num_edits, caplog, tmp_path, is_old=True)


@pytest.mark.second_tier
def test_checksums_are_not_of_the_layout(made, tmp_path):
    """A file that an editor saved in another layout is the same file."""
    folder = shutil.copytree(made("quick").root / "a", tmp_path / "a")
    for name in ("search.json", "trials/0000.json", "best/metrics.json"):
        content = json.loads((folder / name).read_text())
        text = json.dumps(dict(reversed(content.items())), indent=7)
        (folder / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert len(tuning.load_results(folder)) == 2
    assert reading.read_json(folder / "search.json", "")["format"] == 4
    assert listing.list_runs(folder)["folder"].tolist() == [str(folder / "best")]
