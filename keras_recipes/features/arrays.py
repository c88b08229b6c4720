"""Arrays and tables of known columns as a kind of input: what a data set's own file loads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from keras_recipes.data import new_inputs
from keras_recipes.data.splits import Splits
from keras_recipes.features import baselines, images, kind, parts, tables
from keras_recipes.features.baselines import Baseline
from keras_recipes.problems import Problem

MIN_BOOSTED_ROWS = 5_000  # below, gradient boosting takes longer than all the rest of a run


@dataclasses.dataclass(frozen=True)
class Arrays(new_inputs.Inputs, kind.Kind):
    """Arrays of one shape, or tables whose columns a recipe names.

    Attributes:
        ranges: Smallest and largest number in the training rows of a table, by its columns; none in
            runs of earlier versions.
    """

    NAME: ClassVar[str] = "arrays"

    ranges: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, splits: Splits) -> Self:
        """Return what the training rows are."""
        x = splits.train.x
        if isinstance(x, pd.DataFrame):
            return cls((x.shape[1],), tuple(x.columns), ranges=kind.ranges_of(x))
        return cls(x.shape[1:], (), float(x.min()), float(x.max()), x.dtype.kind in "biu")

    def attach(self, model: keras.Model) -> None:
        """Set how the model takes its inputs: as columns by kind, or images of any size."""
        if isinstance(model.input, dict):
            parts.attach(model, tables.TableParts)
        elif len(model.input_shape) == 4 and model.input_shape[1] is None:
            parts.attach(model, images.ImageParts)

    def read(self, path: Path) -> kind.NewInputs:
        """Read a .npy array, a .csv table with the columns, a .png image or a folder of such."""
        return kind.NewInputs(*new_inputs.read(path, self))

    def example(self) -> np.ndarray:
        """Return one row of zeros."""
        return np.zeros((1, *self.shape), "float32")

    def signatures(self) -> Mapping[str, kind.Signature]:
        """Return one tensor of rows as the input."""
        spec = tf.TensorSpec((None, *self.shape), tf.float32, name="inputs")
        shape = ", ".join(map(str, self.shape))
        described = {"takes": f"numbers of shape (rows, {shape})", **self._described}
        return {"serve": kind.Signature(lambda x: x, spec, {"inputs": described})}

    def describe_inputs(self, model: keras.Model) -> dict[str, dict[str, Any]]:
        """Return the columns of a table, or the range of arrays."""
        (given,) = model.inputs
        return {given.name: self._described}

    @property
    def _described(self) -> dict[str, Any]:
        if not self.columns:
            return {"range": [*self.limits]}
        known = {name: {"range": [*ends]} for name, ends in self.ranges.items()}
        return {"columns": [{"column": name, **known.get(name, {})} for name in self.columns]}

    @property
    def _ends(self) -> tuple[Any, Any]:
        """Smallest and largest number of the training rows; of a table, of each column."""
        if not self.columns:
            return self.limits
        ends = np.array([self.ranges.get(name, (0.0, 1.0)) for name in self.columns])
        return ends[:, 0], ends[:, 1]

    def numeric(self, model: keras.Model) -> kind.Numeric:
        """Return the whole model."""
        taken = kind.NumericInput(self.shape, "float32", *self._ends, self._described)
        whole = parts.of(model)

        def encode(x: Any) -> dict[str, np.ndarray]:
            values = x.to_numpy() if isinstance(x, pd.DataFrame) else x
            return {"inputs": values.astype("float32")}

        def outputs(given: Mapping[str, Any]) -> tf.Tensor:
            return whole.of_numbers(given["inputs"])

        return kind.Numeric({"inputs": taken}, outputs, encode, {})

    def baselines(self, problem: Problem, train: Any) -> Sequence[Baseline]:
        """Return a linear model; of a table of many rows, gradient boosting as well."""
        if not isinstance(train, pd.DataFrame):
            return [Baseline(baselines.linear_name(problem), "linear", baselines.of_arrays)]
        boosted = len(train) >= MIN_BOOSTED_ROWS
        return baselines.of_table(problem, train, by_quantiles=False, boosted=boosted)
