"""Runs in a folder: each with its page, listed, the best first, compared by their test rows."""

import html.parser
import json
import shutil
import sys

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import yaml

import keras_recipes
from keras_recipes.commands import main
from keras_recipes.errors import InputError
from keras_recipes.runs import saved, scoring
from recipes import diabetes, iris, tabular

QUICK = {"baselines": False, "verbose": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs of iris that learned well, hardly and on other rows, and one of diabetes."""
    place = tmp_path_factory.mktemp("runs")
    keras_recipes.train(iris, out=place / "well", epochs=30, learning_rate=0.05, **QUICK)
    hardly = {"epochs": 1, "learning_rate": 1e-5}
    keras_recipes.train(iris, out=place / "hardly", **hardly, verbose=False)
    keras_recipes.train(iris, out=place / "elsewhere", seed=1, epochs=2, **QUICK)
    keras_recipes.train(diabetes, out=place / "other", epochs=1, **QUICK)
    return place


def test_runs_of_one_recipe_stand_together_the_best_first(folder):
    table = keras_recipes.runs(folder)
    assert table["recipe"].tolist() == ["diabetes", "iris", "iris", "iris"]
    of_iris = table[table["recipe"] == "iris"]
    assert of_iris["test"].is_monotonic_decreasing
    assert of_iris.iloc[0]["folder"].endswith("well")
    known = of_iris[of_iris["folder"].str.endswith("hardly")].iloc[0]
    metrics = saved.read_metrics(folder / "hardly")
    assert known["best_baseline"] == metrics["baselines"]["logistic_regression"]["accuracy"]
    assert known["baseline"] == "logistic_regression"
    assert abs(known["written"] - pd.Timestamp.now("UTC").tz_localize(None)) < pd.Timedelta("1h")
    only = keras_recipes.runs(folder, recipe="diabetes")
    assert only["metric"].tolist() == ["rmse"]
    with pytest.raises(InputError, match=r"no run of wine in .*; there are runs of diabetes, iris"):
        keras_recipes.runs(folder, recipe="wine")


def test_two_runs_on_the_same_rows_are_judged_row_by_row(folder):
    found = keras_recipes.compare(folder / "hardly", folder / "well")
    assert found.settings.loc["learning_rate"].to_dict() == {"hardly": 1e-5, "well": 0.05}
    assert set(found.settings.index) == {"learning_rate", "epochs"}
    assert found.scores.loc["accuracy", "hardly"] < found.scores.loc["accuracy", "well"]
    right = {}
    for name in ("hardly", "well"):
        y, outputs = saved.read_outputs(folder / name)
        right[name] = (outputs.argmax(axis=1) == y).astype(float)
        assert right[name].mean() == pytest.approx(found.scores.loc["accuracy", name])
    difference = right["well"] - right["hardly"]
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    said = f"well is better than hardly by {difference.mean():.4f} ± {error:.4f} in accuracy"
    assert found.verdict.startswith(said)
    assert "learning_rate" in repr(found)
    assert "<table" in found._repr_html_()
    found.draw(folder / "curves.png")
    with PIL.Image.open(folder / "curves.png") as image:
        assert image.size == (1200, 480)


def test_a_run_is_tied_with_one_that_predicts_the_same(folder, tmp_path):
    shutil.copytree(folder / "well", tmp_path / "again")
    found = keras_recipes.compare(folder / "well", tmp_path / "again")
    assert found.settings.empty
    assert found.verdict == "The runs are tied by accuracy (within the noise of 30 test rows)."


@pytest.mark.parametrize(
    ("other", "said"),
    [("elsewhere", "The test rows differ"), ("other", "The runs solve different problems")],
)
def test_what_cannot_be_compared_is_said(folder, other, said):
    assert keras_recipes.compare(folder / "well", folder / other).verdict.startswith(said)


def test_a_run_without_outputs_is_not_judged_and_a_changed_one_is_refused(folder, tmp_path):
    shutil.copytree(folder / "well", tmp_path / "old")
    metrics = json.loads((tmp_path / "old/metrics.json").read_text())
    del metrics["sha256"]["test.npz"], metrics["checksum"]
    (tmp_path / "old/metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "old/test.npz").unlink()
    verdict = keras_recipes.compare(folder / "hardly", tmp_path / "old").verdict
    assert "has not kept its outputs" in verdict
    shutil.copytree(folder / "well", tmp_path / "changed")
    (tmp_path / "changed/test.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"test\.npz: was changed after the run"):
        keras_recipes.compare(folder / "hardly", tmp_path / "changed")
    with pytest.raises(InputError, match="received twice"):
        keras_recipes.compare(folder / "well", folder / "well")


def test_both_commands_print_tables(folder, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["recipes", *map(str, words)])
        main.main()
        return capsys.readouterr().out

    listed = run("runs", folder, "--recipe", "iris")
    assert "logistic regression" in listed
    assert listed.index("well") < listed.index("hardly")
    assert "4 runs in" in run("runs", folder, "--html")
    index = Page(folder / "index.html")
    assert {folder / address for address in index.addresses} == {*folder.glob("*/report.html")}
    assert "logistic regression" in index.text
    compared = run("compare", folder / "hardly", folder / "well", "-o", folder / "both.png")
    assert "learning_rate" in compared
    assert "well is better than hardly" in compared
    assert (folder / "both.png").is_file()


class Page(html.parser.HTMLParser):
    """The addresses that a page names, and its text."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.text = [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data):
        self.text += data


def test_a_runs_page_stands_alone_and_says_what_the_run_knows(folder):
    page = Page(folder / "hardly/report.html")
    assert {address.partition(",")[0] for address in page.addresses} == {"data:image/png;base64"}
    metrics = saved.read_metrics(folder / "hardly")
    for text in (
        "iris on iris",
        scoring.figure(metrics["test"]["accuracy"]),
        scoring.figure(metrics["baselines"]["logistic_regression"]["accuracy"]),
        "logistic regression",
        "1e-05",
        metrics["command"],
        metrics["machine"]["tensorflow"],
    ):
        assert text in page.text
    assert metrics["check"] == []
    assert "The check found no mistakes" in page.text


def test_a_page_shows_names_of_a_users_table_as_text(tmp_path):
    rng = np.random.default_rng(0)
    classes = rng.choice(["<i>", "&amp;"], 60)
    table = pd.DataFrame({"y": classes, "<b>size</b>": rng.normal(size=60)})
    run = keras_recipes.train(
        tabular, csv=table, target="y", epochs=1, out=tmp_path / "<u>", **QUICK
    )
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "<b>size" not in page
    assert "<i>" not in page


def test_the_list_of_runs_keeps_its_last_column_in_a_pipe(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    keras_recipes.train("iris", out=tmp_path / "one", verbose=False, epochs=2)
    monkeypatch.setattr(sys, "argv", ["recipes", "runs", str(tmp_path)])
    capsys.readouterr()
    main.main()
    table = [line for line in capsys.readouterr().out.splitlines() if line[:1] in "┏┃┡│└"]
    assert table[1].endswith("seconds ┃")
    assert len({len(line) for line in table}) == 1


def test_a_model_card_has_a_header_that_model_hubs_read(tmp_path):
    run = keras_recipes.train("iris", out=tmp_path / "run", verbose=False, epochs=2)
    card = (run.folder / "README.md").read_text(encoding="utf-8")
    _, head, text = card.split("---\n", 2)
    known = yaml.safe_load(head)
    (result,) = known["model-index"][0]["results"]
    assert known["library_name"] == "keras"
    assert known["tags"] == ["keras-recipes", "multiclass"]
    assert {one["type"]: one["value"] for one in result["metrics"]} == run.metrics["test"]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| accuracy")]
    assert rows[0][1].strip(" |") == f"{run.metrics['test']['accuracy']:.4f}"
    assert "sepal_length" in text
    assert run.metrics["command"] in text
