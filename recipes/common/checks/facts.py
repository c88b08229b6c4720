"""What the rules look at: the model's output and loss, and the data, read once."""

from __future__ import annotations

import dataclasses
import re

import keras
import numpy as np
import pandas as pd

SPARSE = {"sparse_categorical_crossentropy"}
CATEGORICAL = {"categorical_crossentropy", "categorical_focal_crossentropy"}
BINARY = {"binary_crossentropy", "binary_focal_crossentropy"}
NUMERIC = {
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
}
# Layers after the output layer that only rescale or reshape what it says.
_TRANSPARENT = ("Normalization", "Rescaling", "Reshape", "Flatten", "Identity")


@dataclasses.dataclass(frozen=True)
class Facts:
    """A compiled model and its data as the rules see them.

    Attributes:
        activation: Of the output, "linear" where there is none; None where it cannot be told.
        output_shape: Of one row, such as (10,); None for several outputs.
        loss: Keras's full name of the loss; None for several, or a loss of the user's own.
        from_logits: Whether the loss takes logits.
        metrics: Names of what was compiled, as the user wrote them where they are strings.
        x: Training inputs.
        y: Training targets as an array.
        validation_x: Validation inputs, or None.
        validation_y: Validation targets, or None.
    """

    activation: str | None
    output_shape: tuple[int | None, ...] | None
    loss: str | None
    from_logits: bool
    metrics: tuple[str, ...]
    x: np.ndarray | pd.DataFrame
    y: np.ndarray
    validation_x: np.ndarray | pd.DataFrame | None = None
    validation_y: np.ndarray | None = None

    @classmethod
    def gather(cls, model: keras.Model, x, y, validation_data=None) -> Facts:
        """Read the facts off a compiled model and its data."""
        single = len(getattr(model, "outputs", None) or []) == 1
        validation_x, validation_y = validation_data or (None, None)
        loss, from_logits = _loss(model.loss)
        return cls(
            activation=_activation(model) if single else None,
            output_shape=tuple(model.outputs[0].shape[1:]) if single else None,
            loss=loss if single else None,
            from_logits=from_logits,
            metrics=tuple(_metric_names(model)),
            x=x,
            y=np.asarray(y),
            validation_x=validation_x,
            validation_y=None if validation_y is None else np.asarray(validation_y),
        )

    @property
    def units(self) -> int | None:
        """Units of the output layer."""
        return self.output_shape[-1] if self.output_shape else None

    @property
    def y_is_number(self) -> bool:
        """Whether the targets are numbers (or truth values) at all."""
        return self.y.dtype.kind in "biuf"

    @property
    def y_is_flat(self) -> bool:
        """Whether the targets are one number for each row."""
        return self.y.ndim == 1 or (self.y.ndim == 2 and self.y.shape[1] == 1)

    @property
    def y_is_rows_of_0_and_1(self) -> bool:
        """Whether the targets are several columns of 0 and 1."""
        wide = self.y_is_number and self.y.ndim == 2 and self.y.shape[1] > 1
        return wide and bool(np.isin(self.y, (0, 1)).all())

    @property
    def y_is_one_hot(self) -> bool:
        """Whether each row of the targets has a single 1."""
        return self.y_is_rows_of_0_and_1 and bool((self.y.sum(axis=1) == 1).all())

    @property
    def all_y(self) -> np.ndarray:
        """Training and validation targets together, where their shapes allow it."""
        other = self.validation_y
        if other is None or other.shape[1:] != self.y.shape[1:]:
            return self.y
        return np.concatenate([self.y, other])


def _activation(model: keras.Model) -> str | None:
    """Name the function that made the output, looking through layers that only rescale."""
    tensor = model.outputs[0]
    while True:
        layer = tensor._keras_history.operation
        # A nested model's own output was made by a layer inside it.
        if isinstance(layer, keras.Model) and len(layer.outputs) == 1:
            tensor = layer.outputs[0]
            continue
        if type(layer).__name__ not in _TRANSPARENT:
            break
        tensor = layer.input
    if isinstance(layer, keras.layers.Softmax | keras.layers.ReLU | keras.layers.LeakyReLU):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__).lower()
    if hasattr(layer, "activation"):
        return getattr(layer.activation, "__name__", None)
    linear = keras.layers.Conv1D | keras.layers.Conv2D | keras.layers.BatchNormalization
    return "linear" if isinstance(layer, linear) else None


def _loss(loss: object) -> tuple[str | None, bool]:
    """Give the loss's full name and whether it takes logits; (None, False) if it is not Keras's."""
    try:
        found = keras.losses.get(loss)
    except ValueError:
        return None, False
    if isinstance(found, keras.losses.Loss):
        if not type(found).__module__.startswith("keras."):
            return None, False
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(found).__name__).lower()
        return name, bool(found.get_config().get("from_logits", False))
    return getattr(found, "__name__", None), False


def _metric_names(model: keras.Model) -> list[str]:
    compiled = getattr(model, "_compile_metrics", None)
    given = getattr(compiled, "_user_metrics", None) or []
    given = given if isinstance(given, list | tuple) else [given]
    return [metric if isinstance(metric, str) else getattr(metric, "name", "") for metric in given]
