"""A run's model in a format that knows no strings: ONNX and LiteRT.

Such a model takes numbers alone. Where a run has vocabularies, its network begins behind them, and
encoding.json holds them.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_recipes.console import files, startup
from keras_recipes.errors import RunError
from keras_recipes.features.kind import Numeric, NumericInput
from keras_recipes.problems import Problem
from keras_recipes.runs.exports import litert, onnx_model, outputs
from keras_recipes.runs.exports.litert import Rows
from keras_recipes.runs.result import Run

ENCODING = "encoding.json"
ROWS_TO_COMPARE = 64  # drawn at random from the range of the training rows
TOLERANCE = 1e-4  # of the largest output; those of right models differ by some 1e-7


def write(run: Run, folder: pathlib.Path, format: str) -> dict[str, Any]:
    """Write a run's model.

    Args:
        run: A run.
        folder: To write into.
        format: "onnx" or "litert".

    Returns:
        What the model takes and gives.

    Raises:
        InputError: If it cannot be without strings.
        RunError: If it cannot be converted, or its outputs are others.
    """
    numeric, rows = run.inputs.numeric(run.model), None
    with startup.quiet_stderr(), faults_named(format):
        if format == "onnx":
            path, load = folder / onnx_model.NAME, onnx_model.load
            name = outputs.name_of(run.problem)
            onnx_model.write(function(run.problem, numeric), name, path)
        else:
            path, load = folder / litert.NAME, litert.load
            rows = write_litert(run, numeric, path)
        difference = _difference(run.problem, numeric, load(path))
    if not difference <= TOLERANCE:
        raise RunError(
            f"the outputs of the model as {format} differ by {difference:.2g} of the largest one; "
            "use --format savedmodel"
        )
    if numeric.encoding:
        files.write_json(folder / ENCODING, numeric.encoding)
    return describe(run, numeric, rows)


def describe(run: Run, numeric: Numeric, rows: int | None) -> dict[str, Any]:
    """Return what a model of numbers takes, so many rows at once, and what it gives."""
    inputs = {
        name: {"shape": [rows, *one.shape], "dtype": one.dtype, **one.described}
        for name, one in numeric.inputs.items()
    }
    encoding = {"encoding": ENCODING} if numeric.encoding else {}
    return {"inputs": inputs, "outputs": outputs.describe(run.problem, run.inputs), **encoding}


def write_litert(run: Run, numeric: Numeric, path: pathlib.Path, **int8: Any) -> int | None:
    """Write a LiteRT model, and return how many rows it takes at once; None for any number.

    Args:
        run: A run.
        numeric: Its model.
        path: File to write.
        **int8: As `litert.write`.
    """
    name, variables = outputs.name_of(run.problem), run.model.variables
    try:
        litert.write(function(run.problem, numeric), name, variables, path, **int8)
        return None
    except Exception:  # a recurrent layer needs one number of rows, known before
        litert.write(function(run.problem, numeric, 1), name, variables, path, **int8)
        return 1


def function(problem: Problem, numeric: Numeric, rows: int | None = None) -> Any:
    """Return a model of numbers as a `tf.function` with an input signature.

    Args:
        problem: Decides how outputs are read.
        numeric: The model.
        rows: That it takes at once; None for any number.
    """
    specs = [
        tf.TensorSpec((rows, *one.shape), one.dtype, name=name)
        for name, one in numeric.inputs.items()
    ]

    def run(*given: tf.Tensor) -> tf.Tensor:
        named = dict(zip(numeric.inputs, given, strict=True))
        with _plain_biases():
            return outputs.of_model(problem, numeric.outputs(named))

    return tf.function(run, input_signature=specs)


@contextlib.contextmanager
def _plain_biases() -> Iterator[None]:
    """Add biases of another axis than the last as an ordinary sum in what this block traces.

    Keras adds those of an ensemble's single outputs by `tf.nn.bias_add` with channels first, which
    LiteRT's converter takes for an image's.
    """
    by_keras = tf.nn.bias_add

    def add(value: tf.Tensor, bias: tf.Tensor, data_format: str = "NHWC") -> tf.Tensor:
        if data_format != "NCHW":
            return by_keras(value, bias, data_format)
        return value + tf.reshape(bias, [-1] + [1] * (value.shape.rank - 2))

    tf.nn.bias_add = add  # where Keras looks it up
    try:
        yield
    finally:
        tf.nn.bias_add = by_keras


@contextlib.contextmanager
def faults_named(format: str) -> Iterator[None]:
    """Name in one line what a converter fails at: it may be any operation of the model."""
    try:
        yield
    except Exception as error:  # they have many kinds
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RunError(
            f"the model cannot be written as {format} ({reason}); use --format savedmodel"
        ) from error


def _difference(
    problem: Problem, numeric: Numeric, exported: Callable[[Rows], np.ndarray]
) -> float:
    """Return how far the outputs of an exported model are, as a fraction of the largest one."""
    rng = np.random.default_rng(0)
    drawn = {name: _draw(one, rng) for name, one in numeric.inputs.items()}
    expected = function(problem, numeric)(*map(tf.constant, drawn.values())).numpy()
    return float(np.max(abs(exported(drawn) - expected)) / max(1.0, np.max(abs(expected))))


def _draw(taken: NumericInput, rng: np.random.Generator) -> np.ndarray:
    """Draw rows from the range of the training rows."""
    shape = (ROWS_TO_COMPARE, *taken.shape)
    if taken.dtype == "int32":
        return rng.integers(taken.low, taken.high, shape, endpoint=True).astype("int32")
    return rng.uniform(taken.low, taken.high, shape).astype("float32")
