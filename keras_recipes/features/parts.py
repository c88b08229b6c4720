"""How a model takes raw inputs: as they are, or encoded once before it is trained.

A model that encodes has two halves, both of Keras's own layers, so that a saved one loads without
this library. The *encoder* takes raw inputs. It learns from training rows alone and has no weights
to train: it runs once over all rows, not at each step. The *network* takes what it returns.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd

from keras_recipes.data.splits import Split
from keras_recipes.problems import Problem

ROWS_TO_PREDICT = 1024  # at once


class Parts:
    """The halves of a model, as training and prediction use them; here, of one without an encoder.

    Attributes:
        has_encoder: Whether rows are encoded before they are trained on.
    """

    has_encoder = False

    def __init__(self, model: keras.Model):
        self.model = model

    @property
    def network(self) -> keras.Model:
        """The model that is trained; here, the whole one."""
        return self.model

    def as_inputs(self, x: Any) -> Any:
        """Return rows in the form that the whole model takes: a table as a float32 array."""
        return x.to_numpy("float32") if isinstance(x, pd.DataFrame) else x

    def adapt(self, train: Split) -> None:
        """Adapt the layers that learn from training rows: here, `Normalization` at the input."""
        x = self.as_inputs(train.x)
        for layer in self.model.layers:
            is_of_inputs = isinstance(layer, keras.layers.Normalization) and not layer.invert
            if is_of_inputs and layer.input_mean is None:
                layer.adapt(x.astype("float32"))

    def encode(self, split: Split) -> Any:
        """Return rows as `trained` takes them."""
        return self.as_inputs(split.x)

    def targets(self, problem: Problem, y: np.ndarray) -> np.ndarray:
        """Return targets as `trained` takes them."""
        return problem.labels(y)

    def trained(self, problem: Problem) -> keras.Model:
        """Return the compiled model that is fitted to encoded rows; it shares its weights."""
        return self.model

    def of_numbers(self, x: Any) -> Any:
        """Return the model's outputs for a tensor of numbers, as an exported model does."""
        return self.model(self.as_inputs(x), training=False)

    def predict(self, x: Any) -> np.ndarray:
        """Return the whole model's outputs for raw rows, float32 (rows, outputs).

        Called directly, in batches: `model.predict` would first compile a program, which takes
        longer than all the batches of a set of this size.
        """
        run = functools.partial(self.model, training=False)
        return in_batches(run, self.as_inputs(x), ROWS_TO_PREDICT)


class Halves(Parts):
    """A model that `joined` made of an encoder and a network."""

    has_encoder = True

    @property
    def encoder(self) -> keras.Model:
        """The half from raw inputs to what the network takes."""
        return self.model.get_layer("encoder")

    @property
    def network(self) -> keras.Model:
        """The half that is trained."""
        return self.model.get_layer("network")

    def as_inputs(self, x: Any) -> Any:
        """Return rows in the form that the encoder takes."""
        return x

    def adapt(self, train: Split) -> None:
        """Adapt the encoder to the training rows; here, there is nothing to learn."""

    def trained(self, problem: Problem) -> keras.Model:
        """Return the network, compiled as the whole model is; its weights are the same."""
        # Not the network itself: its own optimizer would be saved in the place of the model's.
        network = keras.Model(self.network.input, self.network.output)
        metrics = self.metrics(problem)
        network.compile(optimizer=self.model.optimizer, loss=problem.loss(), metrics=metrics)
        return network

    def metrics(self, problem: Problem) -> list[Any]:
        """Return the metrics of the network's training."""
        return problem.metrics()


def joined(
    encoder: keras.Model, network: keras.Model, outputs: keras.KerasTensor, kind: type[Halves]
) -> keras.Model:
    """Join both halves to the model that is saved.

    Args:
        encoder: Named "encoder".
        network: Named "network".
        outputs: Of the network on the encoder's output, as the model returns them.
        kind: How its halves are used.
    """
    model = keras.Model(encoder.input, outputs)
    attach(model, kind)
    return model


def attach(model: keras.Model, kind: type[Parts]) -> None:
    """Set how a model's halves are used, which its file does not hold."""
    model.parts_type = kind


def of(model: keras.Model) -> Parts:
    """Return the halves of a model; of any other, the whole of it as both."""
    kind: type[Parts] = getattr(model, "parts_type", Parts)
    return kind(model)


def in_batches(run: Callable[[Any], Any], x: Any, batch_size: int) -> np.ndarray:
    """Run a function over rows, some at once; float32 (rows, outputs)."""
    starts = range(0, len(x), batch_size)
    batches = (run(x[start : start + batch_size]) for start in starts)
    return np.concatenate([keras.ops.convert_to_numpy(batch) for batch in batches])
