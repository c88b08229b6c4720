"""Refit the best trial on training and validation rows, and test it on the test split."""

from __future__ import annotations

import os
import pathlib
import shutil
import statistics
from typing import Any

import numpy as np

from keras_recipes import training
from keras_recipes.console import files
from keras_recipes.errors import InputError, NotFiniteError
from keras_recipes.runs import run as runs, saved
from tuning.spec import SearchSpec
from tuning.trials import inputs, records


def refit(
    spec: SearchSpec, best: records.Trial, defaults: records.Trial, folder: pathlib.Path
) -> dict[str, Any]:
    """Train the best Config on all rows that are not for testing, and write a run folder.

    The recipe's defaults are trained and tested in the same way: their test score stands beside, so
    that one sees whether the search has helped.

    There is no validation part left to find the best epoch by: it is the one that the trial found,
    the median over its trainings.

    Args:
        spec: Of the search.
        best: Its best trial.
        defaults: Its trial 0.
        folder: Of the search; the run is written into `best` below it.

    Returns:
        What stands in the run's metrics.json, with the folder's path under "folder". A run of the
        same trial that is there already is left as it is.
    """
    target, new, old = (folder / name for name in ("best", "best.new", "best.old"))
    if old.exists() and not target.exists():  # killed between the two renames below
        old.rename(target)
    before = read_metrics(folder)
    if before and before["search"]["trial"] == best.number:
        if before["search"].get("validation_score") != best.score:
            raise InputError(
                f"{target}: belongs to another search; move it, and the best trial will be refitted"
            )
        return {**before, "folder": str(target)}
    config = spec.make_config(best.values)
    epochs = max(1, round(statistics.median(best.best_epochs)))
    splits = inputs.load_data(spec.recipe, config, with_test=True).merge_validation()
    trained = training.fit_all(spec.module, config, splits, epochs, spec.engine)
    for left in (new, old, new.with_name(f"{new.name}.partial")):  # by a kill
        shutil.rmtree(left, ignore_errors=True)
    origin = {
        "trial": best.number,
        "objective": spec.objective,
        "validation_score": best.score,
        "note": "the best of many validation scores is optimistic; the test scores are not",
        "times_test_was_opened": 1 + (before["search"]["times_test_was_opened"] if before else 0),
    }
    told = (spec.name, spec.problem, config, splits, trained)
    others = {} if best.number == defaults.number else _predict_by_defaults(spec, defaults)
    with files.whole_folder(new) as partial:
        metrics = runs.write(partial, *told, engine=spec.engine, others=others, search=origin)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return {**metrics, "folder": str(target)}


def _predict_by_defaults(spec: SearchSpec, defaults: records.Trial) -> dict[str, np.ndarray]:
    """Return what the recipe's defaults predict for the test rows; nothing where they fail."""
    if not defaults.is_ok:
        return {}
    config = spec.make_config(defaults.point)
    data = inputs.load_data(spec.recipe, config, with_test=True)
    try:
        if "tuner/epochs" in defaults.values:  # Hyperband has run a few of them only
            model = training.prepare(spec.module, config, data)
            found = training.fit(model, spec.problem, data, config, engine=spec.engine)
            epochs = found.best_epoch
        else:
            epochs = max(1, round(statistics.median(defaults.best_epochs)))
        everything = data.merge_validation()
        trained = training.fit_all(spec.module, config, everything, epochs, spec.engine)
    except NotFiniteError:
        return {}
    return {"defaults": training.predict(trained.model, data.test.x)}


def read_metrics(folder: pathlib.Path) -> dict[str, Any] | None:
    """Read the metrics of an earlier refit of the same search; None where there is none.

    Raises:
        InputError: If something else is in its place.
    """
    target = folder / "best"
    if not os.path.lexists(target):
        return None
    try:
        metrics = saved.read_metrics(target)
        saved.check_files(target, metrics)
        if not {"search", "sha256"} <= metrics.keys():
            raise InputError(f"{target}: is no run of this search; restore it")
    except InputError as error:
        raise InputError(
            f"{error}; or move {target}, and the best trial will be refitted"
        ) from error
    return metrics
