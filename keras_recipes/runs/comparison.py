"""Two runs side by side: which settings differ, and whether the scores differ beyond the noise."""

from __future__ import annotations

import dataclasses
import html
import os
import pathlib
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from keras_recipes import configs, reading
from keras_recipes.errors import InputError, for_known_keywords
from keras_recipes.problems import Problem
from keras_recipes.runs import plots, saved, scoring


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Two runs side by side.

    Attributes:
        settings: Those that differ, one row each, one column a run.
        scores: Test scores, one row a metric, one column a run.
        verdict: One sentence: which run is better by the headline metric, or that they are tied, or
            why this cannot be judged.
        histories: Loss and metrics of each epoch, by run.
    """

    settings: pd.DataFrame
    scores: pd.DataFrame
    verdict: str
    histories: dict[str, pd.DataFrame]

    def __repr__(self) -> str:
        settings = "no settings differ" if self.settings.empty else self.settings.to_string()
        scores = self.scores.to_string(float_format=scoring.figure)
        return "\n".join([settings, scores, self.verdict])

    def _repr_html_(self) -> str:
        """Return both tables and the verdict, for a notebook."""
        scores = self.scores.to_html(float_format=scoring.figure)
        return f"{self.settings.to_html()}{scores}<p>{html.escape(self.verdict)}</p>"

    def draw(self, path: str | os.PathLike[str]) -> None:
        """Draw loss and first metric of both runs for each epoch, as a PNG file."""
        both = [*self.histories.values()]
        others = (name for name in both[0] if name in both[1] and f"val_{name}" in both[0])
        names = ["loss", *(name for name in others if name != "loss")][:2]
        figure = Figure(figsize=(5 * len(names), 4), layout="constrained")
        for axes, name in zip(
            figure.subplots(1, len(names), squeeze=False).flat, names, strict=True
        ):
            for (run, history), color in zip(
                self.histories.items(), (plots.BLUE, plots.ORANGE), strict=True
            ):
                axes.plot(history.index, history[name], ":", color=color, label=f"{run}, training")
                if f"val_{name}" in history:
                    axes.plot(
                        history.index,
                        history[f"val_{name}"],
                        color=color,
                        label=f"{run}, validation",
                    )
            axes.set_xlabel("epoch")
            axes.set_ylabel(scoring.NAMES.get(name, name))
            axes.legend()
        plots.save(figure, pathlib.Path(path), 120)


@for_known_keywords
def compare(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> Comparison:
    """Compare two runs by their folders.

    Where both were tested on the same rows, the difference of the headline metric is judged row by
    row, as `scoring.judge` does.

    Args:
        first: Folder of a run.
        second: Folder of another.

    Returns:
        Settings, scores, verdict.

    Raises:
        InputError: If one is not a run, or both are the same.
    """
    folders = [
        reading.expanded(configs.check_value(name, one, pathlib.Path))
        for name, one in (("first", first), ("second", second))
    ]
    if folders[0].resolve() == folders[1].resolve():
        raise InputError(f"{reading.shown(folders[0])}: received twice; give two different runs")
    metrics = [saved.read_metrics(folder) for folder in folders]
    for folder, found in zip(folders, metrics, strict=True):
        saved.check_files(folder, found, model=False)
    names = [folder.name for folder in folders]
    if names[0] == names[1]:
        names = [str(folder) for folder in folders]
    return Comparison(
        _settings(names, [saved.read_config(folder) for folder in folders]),
        pd.DataFrame({name: one["test"] for name, one in zip(names, metrics, strict=True)}),
        _verdict(names, folders, metrics),
        {name: saved.read_history(one) for name, one in zip(names, folders, strict=True)},
    )


def _settings(names: list[str], configs_of: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the settings that differ; "-" for one that a run has not."""
    every = dict.fromkeys(name for config in configs_of for name in config)
    rows = {name: [config.get(name, "-") for config in configs_of] for name in every}
    different = {name: values for name, values in rows.items() if values[0] != values[1]}
    return pd.DataFrame.from_dict(different, orient="index", columns=names, dtype=object)


def _verdict(names: list[str], folders: list[pathlib.Path], metrics: list[dict]) -> str:
    problems = [saved.read_schema(folder)[1] for folder in folders]
    problem: Problem = problems[0]
    headline = scoring.NAMES.get(problem.headline, problem.headline)
    first, second = (saved.read_outputs(folder) for folder in folders)
    rows = [one.get("test_rows") for one in metrics]
    if (problem.rule, problem.class_names) != (problems[1].rule, problems[1].class_names):
        return "The runs solve different problems; their scores cannot be compared."
    if None in rows or first is None or second is None:
        return "A run has not kept its outputs for the test rows; train it again to compare them."
    if rows[0] != rows[1]:
        return "The test rows differ (other data or another seed); the scores cannot be compared."
    y, outputs = first
    found = scoring.compare(problem, y, outputs, second[1])
    if found["verdict"] == scoring.TIED:
        return f"The runs are tied by {headline} (within the noise of {len(y):,} test rows)."
    better, worse = names if found["verdict"] == scoring.BETTER else names[::-1]
    difference = scoring.with_spread(abs(found["mean"]), found["standard_error"])
    return (
        f"{better} is better than {worse} by {difference} in {headline} (difference and standard "
        f"error, {len(y):,} test rows)."
    )
