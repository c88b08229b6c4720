"""Searches over a table of one's own."""

import pathlib

import pandas as pd
import pytest
from test_tabular import configured, flats

import tuning
from keras_recipes.errors import InputError
from keras_recipes.features import kinds, tables
from keras_recipes.runs import run as runs
from recipes import tabular
from tuning.report import report
from tuning.trials import inputs, refit


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A file of flats, 300 rows, with a target of two classes."""
    path = tmp_path_factory.mktemp("table") / "flats.csv"
    flats("binary").to_csv(path, index=False)
    return path


def search(table, **options):
    changes = {"tuner": "bayesian", "trials": 2, "epochs": 1, "quiet": True, **options}
    changes = {"csv": table, "target": "furnished", **changes}
    return tuning.search(**changes)


@pytest.mark.second_tier
def test_a_search_takes_the_table(table):
    found = search(table, recipe="tabular", drop=("district",), out=pathlib.Path("search"))
    assert found.trials["status"].tolist() == ["ok", "ok"]
    assert found.best_config.csv == table
    assert found.metrics["problem"] == "binary"
    assert "district" not in found.metrics["importance"]
    resumed = tuning.search(resume="search", trials=3, quiet=True)
    assert len(resumed.trials) == 3
    with pytest.raises(InputError, match=r"^target: the search in search has furnished"):
        tuning.search(resume="search", target="size", quiet=True)


@pytest.mark.second_tier
@pytest.mark.parametrize(("folds", "parts"), [(None, 2), (2, 4)])
def test_a_search_encodes_its_rows_once(table, folds, parts, monkeypatch):
    encoded, run = [], tables.run

    def watched(model, x, *rest):
        encoded.extend([len(x)] * (model.name == "encoder"))
        return run(model, x, *rest)

    monkeypatch.setattr(tables, "run", watched)
    monkeypatch.setattr(inputs, "_loaded", {})  # as in a new process
    monkeypatch.setattr(refit, "refit", lambda *_: {})
    monkeypatch.setattr(report.Progress, "show_refit", lambda *_: None)
    search(table, recipe="tabular", trials=3, folds=folds, out=pathlib.Path("search"))
    assert len(encoded) == parts


@pytest.fixture
def in_time(monkeypatch):
    """Flats by the day, of 200 days."""
    days = pd.date_range("2020-01-01", periods=200).strftime("%Y-%m-%d")
    frame = flats("binary", 200).assign(listed=days).sample(frac=1, random_state=0)
    frame.to_csv("days.csv", index=False)
    return {"csv": pathlib.Path("days.csv"), "time": "listed"}


def test_folds_of_a_table_split_by_time_validate_on_later_rows(in_time):
    parts = tabular.load_data(configured(**in_time, target="furnished"))
    folds = list(parts.validation_folds(4, seed=0))
    assert len(folds) == 4
    for fold in folds:
        parts_of_fold = fold.train, fold.validation, fold.test
        days = [part.x["listed_month"] * 32 + part.x["listed_day"] for part in parts_of_fold]
        assert days[0].max() < days[1].min() <= days[1].max() < days[2].min()
    assert sum(len(fold.validation) for fold in folds) == 160 - len(folds[0].train)
    with pytest.raises(ValueError, match="order of time"):
        parts.folds(4, seed=0)


@pytest.mark.second_tier
def test_a_search_by_folds_takes_a_table_split_by_time(table, in_time, capsys, monkeypatch):
    monkeypatch.setattr(refit, "refit", lambda *_: {})
    monkeypatch.setattr(report.Progress, "show_refit", lambda *_: None)
    told = {**in_time, "folds": 3, "trials": 1, "out": pathlib.Path("search"), "quiet": False}
    found = search(table, recipe="tabular", **told)
    assert found.trials["status"].tolist() == ["ok"]
    assert "validation rows are later than training rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("max_steps", "epochs", "refit"), [(10_000, 20, True), (21, 7, False), (61, 20, True)]
)
def test_many_rows_are_passed_over_in_fewer_epochs(table, max_steps, epochs, refit, capsys):
    changes = {"max_steps": max_steps, "patience": 10, "refit": True}
    config = configured(table, "furnished", **changes)
    settled = config.for_rows(180)  # of 300 rows, 180 to learn from in 3 steps
    assert (settled.epochs, settled.refit) == (epochs, refit)
    assert settled.for_rows(180) == settled
    data = tabular.load_data(settled)
    runs.describe_own_data(kinds.of(data), tabular.problem(settled, data), data, settled)
    assert ("--max-steps" in capsys.readouterr().out) == (not refit)


def test_a_search_gives_many_rows_fewer_epochs_too(table, monkeypatch):
    monkeypatch.setattr(tabular, "search_space", lambda _: tabular.Config(max_steps=2))
    fixed = {"csv": table, "target": "furnished"}
    assert inputs.make_config(tabular, {}, fixed, 180).epochs == 2, "of one step each"
    assert inputs.make_config(tabular, {}, {**fixed, "epochs": 9}, 180).epochs == 9, "as asked for"


@pytest.mark.second_tier
def test_a_search_is_not_resumed_with_another_table(table, monkeypatch):
    own = pathlib.Path("table.csv")
    own.write_bytes(table.read_bytes())
    monkeypatch.setattr(refit, "refit", lambda *_: {})
    monkeypatch.setattr(report.Progress, "show_refit", lambda *_: None)
    search(table, recipe="tabular", csv=own, trials=1, out=pathlib.Path("search"))
    own.write_text(own.read_text().replace("harbour", "hafen"))
    monkeypatch.setattr(inputs, "_loaded", {})  # as in a new process
    with pytest.raises(InputError, match=r"cannot be resumed.*data\.train.*data\.file"):
        tuning.search(resume="search", trials=2, quiet=True)


def test_other_recipes_take_no_table(table):
    with pytest.raises(InputError, match=r"^csv: iris has no such setting"):
        search(table, recipe="iris")
