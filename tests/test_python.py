"""The page docs/python.md, run line by line; and what the functions refuse."""

import pathlib
import re

import nbclient
import nbformat
import numpy as np
import pandas as pd
import pytest

import keras_recipes
from keras_recipes.errors import InputError
from recipes import iris, tabular

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.second_tier
def test_the_page_runs_line_by_line(capsys):
    names = {}
    for block in BLOCKS:
        exec(block, names)
    run, found = names["run"], names["found"]
    assert len(run.history) == 3
    assert set(run.metrics["test"]) == {"loss", "accuracy"}
    assert "early_stopped_gradient_boosting" in run.baselines
    assert run.folder == pathlib.Path("runs/tabular-1")
    assert "<table" in run._repr_html_()
    assert len(repr(run).splitlines()) <= 6
    assert len(found.trials) == 2
    listed = keras_recipes.runs()
    assert set(listed["recipe"]) == {"iris", "tabular"}
    assert "H1" in capsys.readouterr().out  # a softmax over one unit
    again = keras_recipes.load_run(run.folder)
    pd.testing.assert_frame_equal(again.history, run.history)
    rows = names["flowers"].head(20)
    np.testing.assert_allclose(
        keras_recipes.predict(run, rows)["probability"],
        keras_recipes.predict(run.folder, rows)["probability"],
        rtol=1e-5,
    )


@pytest.mark.second_tier
def test_the_page_runs_in_a_kernel(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cells = [nbformat.v4.new_code_cell(block.rstrip()) for block in BLOCKS]
    cells.append(nbformat.v4.new_code_cell("run"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    (shown,) = notebook.cells[-1].outputs
    assert "<table" in shown.data["text/html"]
    assert "data:image/png;base64," in shown.data["text/html"]
    printed = [out.get("text", "") for cell in notebook.cells for out in cell.outputs]
    assert max(len(text.splitlines()) for text in printed) < 40


@pytest.mark.parametrize(
    ("recipe", "fields", "said"),
    [
        (iris, {"epoch": 3}, "epoch: iris has no such setting; expected one of epochs,"),
        (tabular, {"members": 4}, "members: is called ensemble_size now"),
        (iris, {"epochs": 0}, "epochs: received 0, expected at least 1"),
        (iris, {"config": tabular.Config()}, "config: received a Config, expected the Config of"),
        ("irs", {}, "unknown recipe irs: did you mean iris?"),
        (tabular, {"csv": pd.DataFrame({"a": [1]})}, "which column to predict"),
        (tabular, {"csv": pd.DataFrame({"a": [1]}), "target": "b"}, "expected the target and"),
        (tabular, {"csv": "nowhere.csv", "target": "b"}, "nowhere.csv"),
    ],
)
def test_what_cannot_be_trained_is_one_line(recipe, fields, said):
    with pytest.raises(InputError, match=said) as caught:
        keras_recipes.train(recipe, verbose=False, **fields)
    assert "\n" not in str(caught.value)
    assert not pathlib.Path("runs").exists() or not any(pathlib.Path("runs").iterdir())
