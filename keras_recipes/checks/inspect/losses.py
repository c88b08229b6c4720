"""Which of Keras's losses a model was compiled with, and how it is computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

SPARSE = {"sparse_categorical_crossentropy"}
CATEGORICAL = {"categorical_crossentropy", "categorical_focal_crossentropy"}
BINARY = {"binary_crossentropy", "binary_focal_crossentropy"}
CROSS_ENTROPY = SPARSE | CATEGORICAL | BINARY
# Relative losses do not mind how large the numbers are.
RELATIVE = {"mean_absolute_percentage_error", "mean_squared_logarithmic_error"}
NUMERIC = RELATIVE | {"mean_squared_error", "mean_absolute_error", "huber", "log_cosh"}

_CLASSES = {
    keras.losses.SparseCategoricalCrossentropy: "sparse_categorical_crossentropy",
    keras.losses.CategoricalCrossentropy: "categorical_crossentropy",
    keras.losses.CategoricalFocalCrossentropy: "categorical_focal_crossentropy",
    keras.losses.BinaryCrossentropy: "binary_crossentropy",
    keras.losses.BinaryFocalCrossentropy: "binary_focal_crossentropy",
    keras.losses.MeanSquaredError: "mean_squared_error",
    keras.losses.MeanAbsoluteError: "mean_absolute_error",
    keras.losses.MeanAbsolutePercentageError: "mean_absolute_percentage_error",
    keras.losses.MeanSquaredLogarithmicError: "mean_squared_logarithmic_error",
    keras.losses.Huber: "huber",
    keras.losses.LogCosh: "log_cosh",
}


@dataclasses.dataclass(frozen=True)
class Loss:
    """The loss of one output.

    Attributes:
        name: Keras's full name; None for a loss of the user's own, which is not judged.
        from_logits: Whether it takes outputs to which no softmax or sigmoid was applied.
        ignored_class: A label that it leaves out.
        function: Computes it from targets and outputs; None where there is no loss.
        by_short_name: Whether it was given as text that is not its full name, such as "mse".
    """

    name: str | None = None
    from_logits: bool = False
    ignored_class: int | None = None
    function: Callable[[Any, Any], Any] | None = None
    by_short_name: bool = False


def describe(given: Any, y: np.ndarray | None, output_shape: tuple) -> Loss:
    """Describe the loss that a model was compiled with.

    Args:
        given: A name, a function, a Keras loss or anything that the user wrote.
        y: Targets of the output, which decide what "crossentropy" stands for.
        output_shape: Of the output, batch axis included.
    """
    if given is None:
        return Loss()
    if str(given).lower() in ("crossentropy", "ce"):
        given = _choose_cross_entropy(y, output_shape)
    try:
        found = keras.losses.get(given)
    except ValueError:
        return Loss()
    text = isinstance(given, str)
    if not isinstance(found, keras.losses.Loss):
        name = getattr(found, "__name__", None)
        known = name in _CLASSES.values() and found.__module__.startswith("keras.")
        return Loss(name if known else None, function=found, by_short_name=text and given != name)
    name = _CLASSES.get(type(found))  # not of a class of the user's that inherits from one
    config = found.get_config() if name else {}
    if config.get("axis", -1) != -1:
        name = None  # classes on another axis: the rules count them on the last
    logits = bool(config.get("from_logits", False))
    return Loss(name, logits, config.get("ignore_class"), found)


def _choose_cross_entropy(y: np.ndarray | None, output_shape: tuple) -> str:
    """Choose as Keras does for the loss "crossentropy"."""
    if output_shape[-1] == 1:
        return "binary_crossentropy"
    sparse = y is not None and (y.ndim < len(output_shape) or y.shape[-1] == 1)
    return "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
