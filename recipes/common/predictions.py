"""Predictions of a saved run for new inputs: a CSV table, .npy arrays or .png images."""

from __future__ import annotations

import json
import pathlib
import warnings

import keras
import numpy as np
import pandas as pd

from recipes.common import training
from recipes.common.errors import InputError
from recipes.common.problems import Problem, Rule


def predict(run_dir: pathlib.Path, source: pathlib.Path) -> pd.DataFrame:
    """Predict every row or image of a file with a saved run.

    Args:
        run_dir: A run folder, as a recipe wrote it.
        source: A .csv with the columns that the recipe was trained on, in any order; a .npy array
            of one or several inputs; a .png image; or a folder of .png images.

    Returns:
        A row for each input, in its order. For classes: `prediction`, its `probability`, and one
        column of probability for each class. For numbers: `prediction` and its `unit`.

    Raises:
        InputError: If the folder is not a run, or the input does not fit it.
    """
    schema, model = _open_run(run_dir)
    names, x = _read(source, schema["inputs"])
    problem = _problem(schema["outputs"])
    outputs = training.predict(model, x)
    return _table(problem, names, outputs)


def _open_run(run_dir: pathlib.Path) -> tuple[dict, keras.Model]:
    if not (run_dir / "metrics.json").is_file():
        raise InputError(
            f"{run_dir}: not a run folder (no metrics.json in it); "
            "give the folder that a recipe printed at its end"
        )
    try:
        schema = json.loads((run_dir / "schema.json").read_text(encoding="utf-8"))
        return schema, keras.models.load_model(run_dir / "model.keras")
    except (OSError, ValueError, KeyError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise InputError(
            f"{run_dir}: the run cannot be opened ({first_line}); train the recipe again"
        ) from error


def _problem(outputs: dict) -> Problem:
    rule = Rule(**{**outputs["rule"], "metrics": tuple(outputs["rule"]["metrics"])})
    return Problem(**{**outputs, "rule": rule, "class_names": tuple(outputs["class_names"])})


def _read(source: pathlib.Path, inputs: dict) -> tuple[list, np.ndarray | pd.DataFrame]:
    """Read inputs of any accepted form; return a name for each, and the inputs."""
    if not source.exists():
        raise InputError(f"{source}: no such file; give a .csv, .npy or .png")
    kind = source.suffix.lower()
    if "columns" in inputs:
        if kind == ".csv":
            x = _read_table(source, inputs["columns"])
        elif kind == ".npy":
            x = _read_array(source, (len(inputs["columns"]),))
        else:
            raise InputError(f"{source}: this recipe takes a table; give a .csv or .npy file")
        return list(range(len(x))), x
    shape = tuple(inputs["shape"])
    if kind == ".npy":
        x = _read_array(source, shape)
        return list(range(len(x))), x
    paths = sorted(source.glob("*.png")) if source.is_dir() else [source]
    if not paths or any(path.suffix.lower() != ".png" for path in paths):
        raise InputError(
            f"{source}: this recipe takes images; give a .png, a folder of .png files or a .npy"
        )
    return [path.name for path in paths], np.stack(
        [_read_image(path, shape, inputs["maximum"]) for path in paths]
    )


def _read_table(path: pathlib.Path, columns: list[str]) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # Rows longer than the header would shift every column without a word.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(path, index_col=False)
    except (ValueError, OSError, pd.errors.ParserWarning) as error:
        raise InputError(f"{path}: cannot be read as a CSV table ({error})") from error
    if missing := [name for name in columns if name not in table.columns]:
        raise InputError(
            f"{path}: {len(missing)} of {len(columns)} columns are missing: {_some(missing)}; "
            f"the file has {_some(list(table.columns))}"
        )
    table = table[columns]
    for name in columns:
        if not pd.api.types.is_numeric_dtype(table[name].dtype):
            raise InputError(f"{path}: column {name!r} holds text, expected numbers")
    _refuse_not_finite(path, table.to_numpy(dtype="float64"))
    return table


def _read_array(path: pathlib.Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        x = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as a .npy array ({error})") from error
    if x.shape == shape:
        x = x[np.newaxis]
    if x.shape[1:] != shape or x.dtype.kind not in "biuf":
        wanted = ", ".join(map(str, shape))
        raise InputError(
            f"{path}: received an array of shape {x.shape} and type {x.dtype}, "
            f"expected numbers of shape (rows, {wanted}) or ({wanted})"
        )
    _refuse_not_finite(path, x)
    return x


def _read_image(path: pathlib.Path, shape: tuple[int, ...], maximum: float) -> np.ndarray:
    """Read a PNG as grey values from 0 to `maximum`, the range of the training images."""
    import PIL.Image

    try:
        with PIL.Image.open(path) as image:
            grey = np.asarray(image.convert("L"), dtype="float32")
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{path}: cannot be read as a PNG image ({error})") from error
    if grey.shape != shape[:2]:
        raise InputError(
            f"{path}: the image is {grey.shape[1]}x{grey.shape[0]} pixels, "
            f"expected {shape[1]}x{shape[0]}; resize it first"
        )
    return (grey * (maximum / 255.0)).reshape(shape)


def _refuse_not_finite(path: pathlib.Path, values: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(np.asarray(values).astype("float32"))  # what the model will see
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise InputError(
            f"{path}: {int(bad.sum())} missing, infinite or too large values, the first in row "
            f"{row}; fill them first"
        )


def _table(problem: Problem, names: list, outputs: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame({"input": names})
    decided = problem.decide(outputs)
    if problem.is_regression:
        for column in range(outputs.shape[1]):
            suffix = "" if outputs.shape[1] == 1 else f"_{column}"
            table[f"prediction{suffix}"] = decided[:, column]
        return table.assign(unit=problem.unit)
    probabilities = problem.probabilities(outputs)
    if problem.rule.kind == "multilabel":
        chosen = [np.flatnonzero(row) for row in decided]
        table["prediction"] = ["|".join(problem.class_names[c] for c in row) for row in chosen]
    else:
        table["prediction"] = [problem.class_names[number] for number in decided]
        table["probability"] = probabilities[np.arange(len(decided)), decided]
    for number, name in enumerate(problem.class_names):
        table[f"p({name})"] = probabilities[:, number]
    return table


def _some(names: list) -> str:
    return ", ".join(map(str, names[:8])) + (", …" if len(names) > 8 else "")
