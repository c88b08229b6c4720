"""The unit of a regression's target: the mean and spread that the model's last layer puts back.

Where the target is far from 0 for its spread, or its spread is very small or large, the numbers of
a training in the target's own unit are bad ones for float32: the squares of its metrics lose their
digits, and gradients below 1e-7 do not move Adam. Such a target is trained on by its own spread.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
from collections.abc import Iterator

import keras
import numpy as np

from keras_recipes.features import parts
from keras_recipes.problems import MIN_STEPS, Problem, float32_steps

MAX_DISTANCE = 100  # of the mean from 0, in stds: beyond, float32 loses 3 of the 7 digits of R²
MIN_SPREAD, MAX_SPREAD = 1e-2, 1e9  # within, Adam's epsilon of 1e-7 is small beside the gradients

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TargetUnit:
    """Mean and std of a target, from the training rows.

    Attributes:
        mean: float64 (columns,).
        std: float64 (columns,).
    """

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray) -> TargetUnit:
        """Compute mean and std in float64."""
        y = np.asarray(y, "float64").reshape(len(y), -1)
        return cls(y.mean(axis=0), y.std(axis=0))

    @property
    def spread(self) -> float:
        """One number for the std of all columns: the root of their mean variance."""
        return math.sqrt(np.mean(self.std**2))

    @property
    def is_far_from_1(self) -> bool:
        """Whether float32 is too coarse to train in this unit."""
        is_far = np.any(np.abs(self.mean) > MAX_DISTANCE * self.std, where=self.std > 0)
        return bool(self.spread and (is_far or not MIN_SPREAD <= self.spread <= MAX_SPREAD))

    def scaled(self, y: np.ndarray) -> np.ndarray:
        """Return targets around 0, float64 (rows, columns)."""
        return (np.asarray(y, "float64").reshape(len(y), -1) - self.mean) / self.spread

    def put_into(self, layer: keras.layers.Normalization) -> None:
        """Have the layer bring numbers around 0 to this mean and spread."""
        layer.adapt_mean.assign(self.mean)
        layer.adapt_variance.assign(self.std**2)
        layer.finalize_state()


def _layers_of(
    model: keras.Model,
) -> tuple[keras.layers.Normalization | None, keras.layers.Layer | None]:
    """Return the layer that is to be adapted to the target, and the output layer before it."""
    layers = parts.of(model).network.layers
    kind = keras.layers.Normalization
    units = (one for one in layers if isinstance(one, kind) and one.invert)
    unit = next((one for one in units if one.input_mean is None), None)
    return unit, next((one for one in layers if one.name == "output"), None)


def adapt(model: keras.Model, problem: Problem, y: np.ndarray) -> None:
    """Put the unit of the training targets into a regression's model; warn where float32 is coarse.

    Args:
        model: Of any problem; one that is no regression has no such layer.
        problem: Of the recipe.
        y: Training targets.
    """
    layer, _ = _layers_of(model)
    if layer is None:
        return
    unit = TargetUnit.of(y)
    if layer.adapt_mean.shape != unit.mean.shape:  # one number for all columns
        layer.adapt(problem.labels(y))
        return
    unit.put_into(layer)
    steps = float32_steps(y)
    if steps < MIN_STEPS and problem.dtype != "float64":
        _log.warning(
            "the target's values are so close together for their size that float32 has only %.2g "
            "numbers within one standard deviation: predictions are rounded to these; subtract a "
            'constant from the target, or write problems.regression(..., dtype="float64")',
            steps,
        )


@contextlib.contextmanager
def own_spread(model: keras.Model, y: np.ndarray) -> Iterator[TargetUnit | None]:
    """Train by the target's own spread, within the block, where float32 is too coarse otherwise.

    The model's last layer gives numbers around 0 there, and the target's unit again afterwards.

    Args:
        model: Of any problem.
        y: Training targets.

    Yields:
        The unit to train by: targets minus its mean, divided by its spread. None where they can be
        learned as they are.
    """
    layer, output = _layers_of(model)
    if layer is None or output is None:
        yield None
        return
    unit = TargetUnit.of(y)
    if layer.adapt_mean.shape != unit.mean.shape or not unit.is_far_from_1:
        yield None
        return
    around_0 = TargetUnit(np.zeros_like(unit.mean), unit.std / unit.spread)
    around_0.put_into(layer)
    try:
        yield unit
    finally:
        unit.put_into(layer)
        # The layer takes no std below this one: the rest of a smaller one goes into the weights.
        rest = unit.std / np.maximum(unit.std, keras.config.epsilon())
        output.set_weights([weight * rest for weight in output.get_weights()])
