"""What a run's folder holds, read again: refused where a file was changed after the run."""

from __future__ import annotations

import io
import os
import pathlib
import zipfile
from typing import Any, Required, TypedDict

import numpy as np
import pandas as pd

from keras_recipes import problems, reading
from keras_recipes.errors import InputError

MODEL, SCHEMA, CONFIG, HISTORY = "model.keras", "schema.json", "config.json", "history.csv"
TEST = "test.npz"
FILES = MODEL, SCHEMA, CONFIG, HISTORY, TEST
FIX = "restore it, or train the recipe again"


class _Data(TypedDict):
    name: str
    kind: str


class _Origin(TypedDict):
    trial: int
    times_test_was_opened: int


Scores = dict[str, float | None]


class Metrics(TypedDict, total=False):
    """The entries of metrics.json that a reader counts on."""

    recipe: Required[str]
    data: Required[_Data]
    epochs_run: Required[int]
    best_epoch: Required[int]
    train_seconds: Required[float]
    test: Required[Scores]
    baselines: Required[dict[str, Scores]]
    sha256: dict[str, str]
    test_rows: str
    search: _Origin


def read_metrics(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a run's metrics.json.

    Args:
        folder: Of the run.

    Returns:
        Its content.

    Raises:
        InputError: If the folder is not a run, or the file is damaged or was changed.
    """
    path = pathlib.Path(folder) / "metrics.json"
    if not os.path.lexists(path):
        raise InputError(
            f"{reading.shown(folder)}: not a run folder (no metrics.json in it); give the folder "
            "that a recipe printed at its end"
        )
    metrics = reading.read_json(path, FIX)
    saved = metrics.pop("checksum", None)  # runs of before have none
    if saved is not None and saved != reading.checksum(metrics):
        raise InputError(f"{reading.shown(path)}: was changed after the run; {FIX}")
    with reading.damaged(path, FIX):
        checked: dict[str, Any] = reading.checked(metrics, Metrics, "metrics")
        if not any(name != "loss" for name in checked["test"]):
            raise ValueError("metrics.test: expected a score, received none")
    return checked


def check_files(folder: pathlib.Path, metrics: dict[str, Any], *, model: bool = True) -> None:
    """Refuse a folder whose files were exchanged or edited after the run.

    Args:
        folder: Of the run.
        metrics: Its metrics.
        model: Whether the model is looked at too, which takes longer.

    Raises:
        InputError: If one was; the message names it.
    """
    for name in FILES:
        known = metrics.get("sha256", {}).get(name)  # runs of before have none, or not of all
        if known is None or (name == MODEL and not model):
            continue
        if known != reading.sha256(folder / name):
            raise InputError(
                f"{reading.shown(folder / name)}: was changed after the run (its checksum is not "
                f"the one in metrics.json); {FIX}"
            )


def read_schema(folder: pathlib.Path) -> tuple[dict[str, Any], problems.Problem]:
    """Read what a run's model takes, for `kinds.from_json`, and what its outputs mean.

    Raises:
        InputError: If the file is damaged, or holds what cannot be.
    """
    path = folder / SCHEMA
    schema = reading.read_json(path, FIX)
    with reading.damaged(path, FIX):
        parts = reading.checked(schema, dict[str, dict], "schema")
        if missing := {"inputs", "outputs"} - parts.keys():
            raise ValueError(f"schema: {', '.join(sorted(missing))} is missing")
        return parts["inputs"], _problem(parts["outputs"])


def _problem(outputs: dict[str, Any]) -> problems.Problem:
    problem: problems.Problem = reading.checked(outputs, problems.Problem, "outputs")
    rule = problem.rule
    if rule not in problems.RULES:
        raise ValueError(f"no such rule as {rule.kind!r} with {rule.loss!r}")
    wanted = {"binary": 2, "regression": 0}.get(rule.kind, problem.num_outputs)
    if len(problem.class_names) != wanted:
        raise ValueError(f"{len(problem.class_names)} class names, expected {wanted}")
    if not 0 < problem.threshold < 1 or (rule.kind == "binary" and problem.num_outputs != 1):
        raise ValueError("outputs: threshold or num_outputs cannot be")
    return problem


def read_config(folder: pathlib.Path) -> dict[str, Any]:
    """Read the settings of a run, as they stand in config.json."""
    return reading.read_json(folder / CONFIG, FIX)


def write_outputs(folder: pathlib.Path, y: np.ndarray, outputs: np.ndarray) -> None:
    """Write the targets and the outputs for the test rows, by which runs are compared."""
    np.savez_compressed(folder / TEST, y=y, outputs=outputs)


def read_outputs(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read the targets and the outputs for the test rows; None of a run that has not kept them."""
    path = folder / TEST
    if not os.path.lexists(path):
        return None
    content = reading.read_bytes(path)
    with reading.damaged(path, FIX):
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                y, outputs = arrays["y"], arrays["outputs"]
        except (zipfile.BadZipFile, KeyError) as error:
            raise ValueError(str(error)) from error
        if len(y) != len(outputs):
            raise ValueError(f"y has {len(y)} rows and outputs has {len(outputs)}")
        return y, outputs


def read_history(folder: pathlib.Path) -> pd.DataFrame:
    """Read loss and metrics of each epoch."""
    path = folder / HISTORY
    content = reading.read_bytes(path)
    with reading.damaged(path, FIX):
        table = pd.read_csv(io.BytesIO(content))
        if "epoch" not in table or not pd.api.types.is_integer_dtype(table["epoch"]):
            raise ValueError("expected a column epoch of whole numbers")
        if others := [*table.select_dtypes(exclude="number").columns]:
            raise ValueError(f"expected numbers, received others in {', '.join(others)}")
    return table.set_index("epoch")
