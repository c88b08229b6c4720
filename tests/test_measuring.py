"""How results are measured: peers on the same rows, and what README says of them."""

import pathlib

import pytest

from benchmarks import classics, publish
from keras_recipes import catalog
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
