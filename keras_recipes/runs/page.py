"""The pages of a run: report.html, which needs nothing else, and README.md, a model card."""

from __future__ import annotations

import base64
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import jinja2
import pandas as pd
import PIL.Image
from rich.table import Table
from rich.text import Text

from keras_recipes.configs import Config
from keras_recipes.console import files
from keras_recipes.features.kind import Kind
from keras_recipes.problems import Problem
from keras_recipes.runs import scoring, summary

NAME, CARD = "report.html", "README.md"
CAPTIONS = {
    "curves": "Loss and first metric of each epoch, on training and validation rows",
    "confusion": "Confusion matrix of the test rows",
    "probabilities": "Calibration of the probabilities, and scores at each decision threshold",
    "importance": "Importance of the columns: how much the test score falls without their values",
    "predicted_against_true": "Predicted values against true values of the test rows",
    "labels": "Scores of each label on the test rows",
    "samples": "Test images with their predictions",
    "gradcam": "Where the network looks (Grad-CAM)",
    "terms": "Words or n-grams with the largest effect",
    "search": "Scores of the trials, and of the values of each hyperparameter",
}


TEMPLATES = pathlib.Path(__file__).with_name("templates")


def render(template: str, folder: pathlib.Path = TEMPLATES, **values: Any) -> str:
    """Return a page: a template, filled in; in HTML, all text is escaped.

    Args:
        template: File in the folder.
        folder: Of templates, which may extend `base.html` of this library.
        **values: By their names in the template.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=template.endswith(".html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def plots_in(folder: pathlib.Path) -> Iterator[tuple[str, bool, str]]:
    """Yield the plots in a folder: caption, whether it is twice as wide as high, PNG in base64."""
    for name, caption in CAPTIONS.items():
        path = folder / f"{name}.png"
        if path.is_file():
            with PIL.Image.open(path) as image:
                is_broad = image.width >= 2 * image.height
            yield caption, is_broad, base64.b64encode(path.read_bytes()).decode()


def scores_of(metrics: dict, unit: str = "") -> dict[str, Any]:
    """Return what `scores.html` shows: the names of the models, and their figures by metric.

    Args:
        metrics: Of a run.
        unit: Of the target, to stand behind RMSE and MAE.
    """
    models = {"network": metrics["test"], **metrics["baselines"]}
    in_unit = {name: f" ({unit})" for name in ("rmse", "mae") if unit}
    return {
        "models": [scoring.name_of(model) for model in models],
        "scores": {
            scoring.NAMES.get(name, name) + in_unit.get(name, ""): [
                scoring.figure(one[name]) for one in models.values()
            ]
            for name in metrics["test"]
        },
    }


def write(
    folder: pathlib.Path, problem: Problem, config: Config, metrics: dict, inputs: Kind
) -> None:
    """Write the page of a run, and its model card as Hugging Face and others read it.

    Args:
        folder: Of the run, with its plots.
        problem: Gives the unit of scores.
        config: That it was trained by.
        metrics: What will stand in metrics.json.
        inputs: What the model was trained on.
    """
    counts = metrics["data"]["rows"]
    values = {
        "title": f"{metrics['recipe']} on {metrics['data']['name']}",
        "written": f"{pd.Timestamp(metrics['date']):%Y-%m-%d %H:%M}",
        "metrics": metrics,
        **scores_of(metrics, problem.unit),
        "lines": list(summary.lines(problem, metrics)),
        "findings": metrics["check"],
        "seen": [_plain(one) for one in inputs.describe() if isinstance(one, Table)],
        "rows": ", ".join(
            f"{count:,} {'training' if name == 'train' else name} rows"
            for name, count in counts.items()
        ),
    }
    plots, settings = list(plots_in(folder)), _settings(config)
    files.write_text(folder / NAME, render("run.html", plots=plots, settings=settings, **values))
    card = render(
        "card.md", takes=inputs.takes, tags=["keras-recipes", problem.rule.kind], **values
    )
    files.write_text(folder / CARD, card)


def _plain(table: Table) -> tuple[str, list[str], list[list[str]]]:
    """Return title, column names and cells of a table that is printed before training."""

    def text(cell: object) -> str:
        return Text.from_markup(str(cell)).plain

    rows = zip(*(column.cells for column in table.columns), strict=True)
    names = [text(column.header) for column in table.columns]
    return text(table.title), names, [[text(cell) for cell in row] for row in rows]


def _settings(config: Config) -> list[tuple[str, str, bool]]:
    """Return each setting, its value and whether this is the default."""
    defaults, found = type(config)(), []
    for field in dataclasses.fields(config):
        value, default = getattr(config, field.name), getattr(defaults, field.name)
        if isinstance(value, pd.DataFrame):
            found.append((field.name, f"a DataFrame, {value.shape}", False))
        else:
            found.append((field.name, str(value), value == default))
    return found
