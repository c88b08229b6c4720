"""One output of a model, with all that belongs to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

from keras_recipes.checks.inspect.losses import BINARY, CATEGORICAL, SPARSE, Loss
from keras_recipes.checks.inspect.targets import Targets

_METRICS = {
    name.lower(): kind for name, kind in vars(keras.metrics).items() if isinstance(kind, type)
}
# Fewer rows than this do not show what their values stand for.
MIN_ROWS = 10


@dataclasses.dataclass(frozen=True)
class Head:
    """One output of the model with its loss, metrics and targets.

    Attributes:
        name: Of the output.
        alone: Whether it is the only one.
        activation: "linear" where there is none; None where it is not known.
        guessed: Whether the activation was read off the values of some outputs.
        rescaled: Whether a layer after the output layer brings the values to another scale.
        shape: Of the outputs of one row, such as (10,).
        loss: What it was compiled with.
        metrics: Names, functions or objects, as the user gave them.
        y: Its targets.
    """

    name: str
    alone: bool
    activation: str | None
    guessed: bool
    rescaled: bool
    shape: tuple[int | None, ...]
    loss: Loss
    metrics: tuple[Any, ...]
    y: Targets

    @property
    def label(self) -> str:
        """What findings about one of several outputs begin with."""
        return "" if self.alone else f"output {self.name!r}: "

    @property
    def units(self) -> int:
        """Units of the output layer; 0 where that is not known."""
        return (self.shape[-1] if self.shape else None) or 0

    @property
    def from_logits(self) -> bool:
        """Whether the loss takes logits."""
        return self.loss.from_logits

    def uses(self, kind: set[str]) -> bool:
        """Return whether the loss is one of these."""
        return self.loss.name in kind

    @property
    def shown_shape(self) -> str:
        """The shape of the outputs, for a message."""
        return f"(rows, {', '.join(map(str, self.shape))})"

    @property
    def fits(self) -> bool:
        """Whether targets and outputs have one shape once Keras has aligned their ranks."""
        return accepts((None, *self.shape), self.y.shape)

    @property
    def has_one_value(self) -> bool:
        """Whether the targets have one value for each row, or for each place of it."""
        rank = len(self.y.shape)
        column = rank == len(self.shape) + 1 and self.y.shape[-1] == 1
        return column or rank == len(self.shape) or self.y.is_flat

    @property
    def has_axes_left(self) -> bool:
        """Whether the outputs have an axis more than the targets have, such as time."""
        if not self.y.rows or len(self.shape) < 2 or len(self.y.shape) > len(self.shape):
            return False
        first = self.y.shape[1:2]
        return not first or self.shape[0] not in (None, first[0])

    @property
    def labels(self) -> np.ndarray:
        """Distinct values of the targets without a class that the loss leaves out."""
        return self.y.labels[self.y.labels != self.loss.ignored_class]

    @property
    def has_label_for_each_unit(self) -> bool:
        """Whether the targets have a column for each of several units."""
        wide = self.y.is_number and len(self.y.shape) == len(self.shape) + 1
        return wide and self.y.shape[-1] > 1

    @property
    def are_classes(self) -> bool:
        """Whether the targets of a regression look like class numbers, one for each row."""
        if not self.y.is_flat or self.y.rows < MIN_ROWS or not self.y.are_class_numbers:
            return False
        # What came as integers, or is 0 and 1 under a sigmoid, is no measurement.
        under_sigmoid = self.activation == "sigmoid" and self.y.are_0_and_1
        return self.y.train.dtype.kind in "biu" or under_sigmoid

    def classes(self, y: np.ndarray | None) -> np.ndarray | None:
        """Return the class of each row of some targets; None where a row has no single class."""
        if y is None or len(self.shape) != 1 or y.dtype.kind not in "biuf":
            return None
        if self.uses(CATEGORICAL) and y.ndim == 2:
            return y.argmax(axis=1) if self.y.is_one_hot else None
        flat = y.ndim == 1 or y.shape[1:] == (1,)
        known = self.uses(SPARSE) or (self.uses(BINARY) and self.y.are_0_and_1)
        return y.ravel() if flat and known and self.y.are_integers else None


def accepts(wanted: tuple, given: tuple) -> bool:
    """Return whether Keras takes an array of this shape, with the rank adjusted as it does."""
    if len(given) == len(wanted) + 1 and given[-1] == 1:
        given = given[:-1]
    elif len(given) == len(wanted) - 1 and wanted[-1] == 1:
        given = (*given, 1)
    return len(given) == len(wanted) and all(
        size in (None, its) for size, its in zip(wanted[1:], given[1:], strict=True)
    )


def metric_class(metric: Any) -> type | None:
    """Return Keras's own class of a metric, or of a name or function that stands for it; else None.

    No metric is made: that would change the names of those that the user makes afterwards.
    """
    if isinstance(metric, str):
        name = metric
    else:
        kind = metric if hasattr(metric, "__name__") else type(metric)
        name = kind.__name__ if kind.__module__.startswith("keras.") else ""
    return _METRICS.get(name.replace("_", "").lower())


def metric_name(metric: Any) -> str:
    """Return the name under which a metric is logged."""
    if isinstance(metric, str):
        return metric
    return str(getattr(metric, "name", None) or getattr(metric, "__name__", type(metric).__name__))
