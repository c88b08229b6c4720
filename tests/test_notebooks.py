"""Notebooks that are made of recipes: every one runs, with short outputs."""

import sys

import nbclient
import nbformat
import pytest

from keras_recipes import catalog
from keras_recipes.commands import main
from recipes import lessons

LATER = pytest.mark.second_tier
# What makes a training short; the scores are no part of the test.
QUICK = {
    "epochs": "1", "refit": "False", "hidden_units": "(4,)", "data": '"builtin"', "length": "20",
    "units": "4", "embedding_size": "4", "ensemble_size": "2", "max_tokens": "2_000",
}  # fmt: skip


def written(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["recipes", "notebook", *map(str, words)])
    main.main()


@LATER
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", catalog.recipe_names())
def test_a_recipes_notebook_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    path = tmp_path / f"{name}.ipynb"
    written(monkeypatch, name, "-o", path)
    assert len([*tmp_path.glob("*.whl")]) == 1
    made = nbformat.read(path, as_version=4)
    nbformat.validate(made)
    assert len(made.cells) <= 25
    assert all(not cell.get("outputs") for cell in made.cells)
    (settings,) = (cell for cell in made.cells if "\nconfig = Config(" in cell.source)
    lines = settings.source.splitlines()
    known = {line.partition(" = ")[0] for line in lines if " = " in line}
    quick = [f"{setting} = {value}" for setting, value in QUICK.items() if setting in known]
    place = next(place for place, line in enumerate(lines) if line.startswith("config = "))
    settings.source = "\n".join([*lines[:place], *quick, *lines[place:]])
    nbclient.NotebookClient(made, timeout=600, kernel_name="python3").execute(cwd=str(tmp_path))
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    text = "\n".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs
    )
    assert len(text.splitlines()) <= 60, text
    assert "test" in text
    assert any("image/png;base64" in str(output.get("data", "")) for output in outputs)


SHORT = ("perceptron", "activations", "losses")
LESSONS = [
    pytest.param(name, marks=LATER if name in SHORT else pytest.mark.slow) for name in lessons.ORDER
]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", LESSONS)
def test_a_lessons_notebook_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    path = tmp_path / f"{name}.ipynb"
    written(monkeypatch, name, "-o", path)
    assert {file.suffix for file in tmp_path.iterdir()} == {".ipynb", ".whl", ".zip"}
    made = nbformat.read(path, as_version=4)
    nbformat.validate(made)
    assert len(made.cells) <= 25
    assert all(one.cell_type == "markdown" for one in made.cells[::2])
    nbclient.NotebookClient(made, timeout=600, kernel_name="python3").execute(cwd=str(tmp_path))
    table, (sentences, *_, figure) = (cell.outputs for cell in made.cells[-3::2])
    assert "text/html" in table[-1]["data"]
    assert "image/png" in figure["data"]
    assert "니다" in sentences["text"]
    text = "".join(out.get("text", "") for cell in made.cells for out in cell.get("outputs", []))
    assert len(text.splitlines()) <= 60


def test_a_notebook_replaces_no_file_and_needs_its_ending(tmp_path, monkeypatch, capsys):
    written(monkeypatch, "iris", "-o", tmp_path / "iris.ipynb")
    assert "cells in" in capsys.readouterr().out
    for words, said in (
        (["iris", "-o", tmp_path / "iris.ipynb"], "there already"),
        (["iris", "-o", tmp_path / "iris.py"], "expected a name that ends in .ipynb"),
        (["irs", "-o", tmp_path / "irs.ipynb"], "did you mean iris?"),
        (["../iris", "-o", tmp_path / "no.ipynb"], "unknown recipe ../iris"),
        (["_lesson", "-o", tmp_path / "no.ipynb"], "unknown recipe _lesson"),
    ):
        with pytest.raises(SystemExit):
            written(monkeypatch, *words)
        assert said in capsys.readouterr().err
    assert {file.suffix for file in tmp_path.glob("*.*")} == {".ipynb", ".whl"}


@pytest.mark.parametrize("name", catalog.recipe_names())
def test_a_notebook_has_the_recipes_own_lines(name, tmp_path):
    from keras_recipes.commands import notebook

    source = (catalog.folder() / f"{name}.py").read_text(encoding="utf-8")
    cells = list(notebook.cells_of(name, f"{name}.ipynb", "%pip install"))
    code = "\n".join(content for kind, content in cells if kind == "code")
    body = source[source.index("class Config") : source.index("if __name__")]
    assert [line for line in body.splitlines() if line.strip() and line not in code] == []
