"""How results are measured: peers on the same rows, and what README says of them."""

import json
import pathlib
import re

import pytest

from benchmarks import all as all_ratios, classics, epochs, publish, searches
from benchmarks.recipes import measure
from keras_recipes import catalog
from keras_recipes.errors import InputError
from recipes import diabetes, iris


@pytest.mark.second_tier
def test_peers_learn_from_training_and_validation_rows_and_are_scored_on_the_test_part():
    data = iris.load_data(iris.Config())
    scores = classics.score(iris.PROBLEM, data)
    assert set(scores) == {"SVC", "random_forest", "gradient_boosting"}
    assert all(0.85 < score["accuracy"] <= 1 for score in scores.values())
    assert classics.score(diabetes.PROBLEM, diabetes.load_data(diabetes.Config())) == {}


def test_a_page_says_where_a_network_is_not_better_and_what_others_published(monkeypatch):
    score = {"accuracy": {"mean": 0.9, "std": 0.01}}
    found = {
        "recipe": "iris", "headline": "accuracy", "protocol": "5-fold, 2 seeds",
        "parameters": 7, "train_seconds": {"mean": 1.0}, "test": score,
        "baselines": {"majority_class": score},
        "peers": {"SVC": score, "random_forest": score},
        "better_than": {
            name: {"verdict": verdict}
            for name, verdict in (
                ("majority_class", "better"), ("SVC", "tied"), ("random_forest", "worse")
            )
        },
    }  # fmt: skip
    entry = catalog.Entry("iris", "", "", "", "", published="0.5 by guessing (nobody)")
    monkeypatch.setattr(publish, "record", lambda _: found)
    monkeypatch.setattr(catalog, "read", lambda _: entry)
    page = publish.Page(pathlib.PurePosixPath("docs/results.md"))
    said = "majority class 0.9000 ± 0.0100<br>SVC 0.9000 ± 0.0100 (tied)<br>random forest 0.9000"
    assert f"{said} ± 0.0100 (worse) | 0.5 by guessing (nobody) |" in page.block("all-results")


def test_a_setting_that_was_measured_too_has_a_row_of_its_own(monkeypatch, tmp_path):
    def record(accuracy, setting=""):
        scores = {"accuracy": {"mean": accuracy, "std": 0.01}}
        return {
            "recipe": "nsmc", "setting": setting, "headline": "accuracy", "protocol": "5 seeds",
            "parameters": 7, "train_seconds": {"mean": 1.0}, "machine": {"cores": 2},
            "test": scores, "baselines": {"majority_class": scores},
        }  # fmt: skip

    (tmp_path / "results").mkdir()
    for name, found in {"nsmc": record(0.9), "nsmc.by_film": record(0.8, "by_film")}.items():
        (tmp_path / "results" / f"{name}.json").write_text(json.dumps(found))
    monkeypatch.setattr(catalog, "folder", lambda: tmp_path)
    monkeypatch.setattr(catalog, "recipe_names", lambda: ["nsmc"])
    monkeypatch.setattr(catalog, "read", lambda name: catalog.Entry(name, "", "", "", ""))
    line = "accuracy 0.9000 ± 0.0100 (5 seeds), 1.0 s on 2 cores; by_film 0.8000 ± 0.0100"
    assert publish.describe_result("nsmc") == line
    page = publish.Page(pathlib.PurePosixPath("docs/results.md"))
    assert "`--by-film` | accuracy **0.8000 ± 0.0100**" in page.block("all-results")
    assert "0.8000" not in page.block("results")


def test_a_setting_that_no_recipe_has_is_refused():
    with pytest.raises(InputError, match="iris has no setting 'by_film' to turn on; there are"):
        measure("iris", 1, setting="by_film")


@pytest.mark.second_tier
def test_all_ratios_stand_beside_the_recorded_ones(monkeypatch, capsys):
    monkeypatch.setattr(epochs, "measure", lambda *_: {"ratio": {"median": 3.14}})
    monkeypatch.setattr(searches, "measure_trials", lambda *_, rounds: {"ratio": 10 * rounds})
    records = {
        "epochs": {"networks": {"dense": {"ratio": {"median": 12.39}}}},
        "searches": {"trials": {"ratio": 10.6}},
    }
    monkeypatch.setattr(publish, "record", records.get)
    monkeypatch.setattr("sys.argv", ["all", "--quick"])
    all_ratios.main()
    lines = capsys.readouterr().out.splitlines()
    assert any(re.search(r"784-128-10, batch size 32 +3\.1 +12\.4", line) for line in lines)
    assert any(re.search(r"GRU of 64 units .* 3\.1", line) for line in lines)
    assert any(re.search(r"breast_cancer +10\.0 +10\.6", line) for line in lines)
