"""The runs in a folder, as a table."""

from __future__ import annotations

import logging
import os
import pathlib

import pandas as pd

from keras_recipes import configs, reading
from keras_recipes.errors import InputError, for_known_keywords
from keras_recipes.problems import sign
from keras_recipes.runs import saved

_log = logging.getLogger(__name__)

COLUMNS = (
    "folder", "recipe", "data", "metric", "test", "best_baseline", "baseline", "seconds", "written",
)  # fmt: skip


@for_known_keywords
def list_runs(folder: str | os.PathLike[str] = "runs", recipe: str | None = None) -> pd.DataFrame:
    """List the runs in a folder; those of one recipe and one data set together, the best first.

    Args:
        folder: That holds run folders.
        recipe: Name of the recipe whose runs are listed; None for all.

    Returns:
        One row for each run: its folder, recipe and data; the headline metric with its test score,
        that of the best baseline and the baseline's name; seconds of training; when it was written
        (UTC). A warning names each folder that is damaged, or was changed after the run.

    Raises:
        InputError: If there is no such folder, or no run of this recipe in it.
    """
    folder, rows = reading.expanded(configs.check_value("folder", folder, pathlib.Path)), []
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder in {pathlib.Path.cwd()}; the first run makes runs/, or give "
            "the folder that holds your runs"
        )
    names = ("metrics.json", *saved.FILES)
    folders = {file.parent for name in names for file in folder.glob(f"*/{name}")}
    for path in sorted(one for one in folders if one.suffix != ".partial"):  # being written
        try:
            metrics = saved.read_metrics(path)
            saved.check_files(path, metrics, model=False)
            rows.append(_describe(path, metrics))
        except InputError as error:
            _log.warning("left out: %s", error)
    table = pd.DataFrame(rows, columns=[*COLUMNS, "rank"])
    if recipe is not None:
        known = sorted({*table["recipe"]})
        table = table[table["recipe"] == recipe]
        if known and table.empty:
            raise InputError(
                f"recipe: no run of {reading.shown(recipe)} in {folder}; there are runs of "
                + ", ".join(known)
            )
    order = ["recipe", "data", "metric", "rank", "written"]
    rising = [True, True, True, False, False]
    return table.sort_values(order, ascending=rising, ignore_index=True).drop(columns="rank")


def _describe(folder: pathlib.Path, metrics: dict) -> dict[str, object]:
    headline = next(name for name in metrics["test"] if name != "loss")
    score, others = metrics["test"][headline], metrics["baselines"]
    known = {name: found.get(headline) for name, found in others.items()}
    known = {name: value for name, value in known.items() if value is not None}
    best = max(known, key=lambda name: sign(headline) * known[name], default="")
    return {
        "folder": str(folder),
        "recipe": metrics["recipe"],
        "data": metrics["data"]["name"],
        "metric": headline,
        "test": score,
        "best_baseline": known.get(best),
        "baseline": best,
        "seconds": metrics["train_seconds"],
        "written": _when(folder, metrics),
        "rank": None if score is None else sign(headline) * score,
    }


def _when(folder: pathlib.Path, metrics: dict) -> pd.Timestamp:
    """Return when a run was written (UTC); of runs that do not say it, their file's time."""
    said = pd.to_datetime(metrics.get("date"), utc=True, errors="coerce")
    if said is None or pd.isna(said):
        said = pd.Timestamp((folder / "metrics.json").stat().st_mtime, unit="s", tz="UTC")
    return said.tz_localize(None)
