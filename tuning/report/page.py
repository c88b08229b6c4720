"""The page of a search, report.html: history, hyperparameters and a table of trials to sort."""

from __future__ import annotations

import datetime
import math
import pathlib
from typing import Any

import numpy as np

from keras_recipes.console import files
from keras_recipes.runs import page, scoring
from keras_recipes.version import __version__
from tuning.oracles import spaces
from tuning.report import plots, report
from tuning.spec import SearchSpec
from tuning.trials import records

_TEMPLATES = pathlib.Path(__file__).with_name("templates")


def write(
    folder: pathlib.Path,
    spec: SearchSpec,
    trials: list[records.Trial],
    metrics: dict[str, Any] | None,
) -> None:
    """Write the page of a search.

    Args:
        folder: Of the search.
        spec: Of the search.
        trials: That have ended, with one success at least.
        metrics: Of the refitted best trial; None where it was not refitted.
    """
    best = records.rank(trials, spec.direction)[0]
    html = page.render(
        "search.html",
        folder=_TEMPLATES,
        title=f"{spec.name}: {spec.tuner} search, {len(trials)} trials",
        written=f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
        version=__version__,
        lines=[report.describe_gain(spec, best, trials[0]), *report.find_edges(spec, best)],
        **(page.scores_of(metrics) if metrics else {"scores": {}}),
        **_table(spec, trials),
        data=_data(spec, trials),
    )
    files.write_text(folder / page.NAME, html)


def _table(spec: SearchSpec, trials: list[records.Trial]) -> dict[str, Any]:
    """Return the names of the columns, and for each trial its cells with the values to sort by."""
    table = records.tabulate(trials)
    hyperparameters = [name for trial in trials for name in trial.values]
    wanted = ["trial", "status", "score", "std", *hyperparameters, "best_epoch", "seconds"]
    names = [name for name in dict.fromkeys(wanted) if name in table and table[name].notna().any()]
    rows = []
    for number, cells in zip(table["trial"], table[names].to_numpy(object), strict=True):
        values = [None if value != value else value for value in cells]  # NaN differs from itself
        shown = [_shown(name, value) for name, value in zip(names, values, strict=True)]
        to_sort_by = ["" if value is None else value for value in values]
        rows.append((number, [*zip(shown, to_sort_by, strict=True)]))
    columns = [spec.objective if name == "score" else name for name in names]
    return {"columns": columns, "rows": rows}


def _shown(column: str, value: object) -> str:
    if value is None:
        return "-"
    if column in ("score", "std") and isinstance(value, float):
        return scoring.figure(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _data(spec: SearchSpec, trials: list[records.Trial]) -> dict[str, Any]:
    """Return what the page's script draws: scores, and the places of values on their axes."""
    free = [one for one in spec.space.space if not spaces.is_fixed(one)]
    ok = [trial for trial in trials if trial.is_ok]
    weights = plots.find_importance(free, ok)
    return {
        "objective": spec.objective,
        "direction": spec.direction,
        "limits": plots.limits(spec, np.array([trial.score for trial in ok])),
        "names": [one.name for one in free],
        "ticks": [plots.ticks(one) for one in free],
        "importance": None if weights is None else weights.tolist(),
        "trials": [
            {
                "number": trial.number,
                "score": None if math.isnan(trial.score) else trial.score,
                "shown": scoring.figure(trial.score) if trial.is_ok else trial.status,
                "values": {name: str(value) for name, value in trial.values.items()},
                "heights": [plots.height(one, trial.values.get(one.name)) for one in free],
            }
            for trial in trials
        ],
    }
