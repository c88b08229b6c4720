"""The runs in a folder, as a table."""

from __future__ import annotations

import logging
import os
import pathlib

import pandas as pd

from keras_recipes import configs, reading
from keras_recipes.errors import InputError, for_known_keywords
from keras_recipes.problems import direction
from keras_recipes.runs import saved

_log = logging.getLogger(__name__)

COLUMNS = ("folder", "recipe", "data", "metric", "test", "best_baseline", "seconds", "written")


@for_known_keywords
def list_runs(folder: str | os.PathLike[str] = "runs") -> pd.DataFrame:
    """List the runs in a folder, the newest first.

    Args:
        folder: That holds run folders.

    Returns:
        One row for each run: its folder, recipe and data; the headline metric with its test score
        and that of the best baseline; seconds of training; when it was written (UTC). A warning
        names each folder that is damaged, or was changed after the run.

    Raises:
        InputError: If there is no such folder.
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
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("written", ascending=False, ignore_index=True)


def _describe(folder: pathlib.Path, metrics: dict) -> dict[str, object]:
    headline = next(name for name in metrics["test"] if name != "loss")
    others = [scores.get(headline) for scores in metrics["baselines"].values()]
    known = [score for score in others if score is not None]
    best = max if direction(headline) == "max" else min
    return {
        "folder": str(folder),
        "recipe": metrics["recipe"],
        "data": metrics["data"]["name"],
        "metric": headline,
        "test": metrics["test"][headline],
        "best_baseline": best(known, default=None),
        "seconds": metrics["train_seconds"],
        "written": pd.Timestamp((folder / "metrics.json").stat().st_mtime, unit="s"),
    }
