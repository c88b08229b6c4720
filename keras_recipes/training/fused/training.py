"""`fit`: the contract of `keras.Model.fit`, kept with one program call for many steps."""

import math
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_recipes import configs
from keras_recipes.errors import InputError, describe, for_known_keywords
from keras_recipes.training.fused import eligibility, engine, packing, programs

# A program call cannot be interrupted. One that lasts about this long keeps the progress bar
# moving and Ctrl-C at hand, and costs nothing to start next to what it does.
_SECONDS_PER_CALL = 1.0
_FIRST_STEPS = 64


@for_known_keywords
def fit(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: str | int = "auto",
    callbacks: Sequence[keras.callbacks.Callback] | None = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: dict[int, float] | None = None,
    sample_weight: np.ndarray | None = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int = 1,
) -> keras.callbacks.History:
    """Train a compiled model: `model.fit`, many times faster for arrays in memory.

    The training is the same: each step is Keras's own `train_step` on a batch of the same size, in
    shuffled order. What cannot run this way goes to `model.fit`, and the reason is logged once.
    Batches are shuffled from a seed that `keras.utils.set_random_seed` determines. Two things
    differ: a layer that was frozen after `compile` is frozen, and NaN in the inputs gives a loss
    of NaN, where TensorFlow's graph optimizer may take a ReLU of NaN for 0.

    Args:
        model: Compiled Keras model. Afterwards it is what `model.fit` would leave.
        x: Inputs, shape (rows, ...), or a list or dict of such arrays, kept in memory once more; or
            anything else that `model.fit` takes (a data set, a generator), which is left to it.
        y: Targets, of the same forms.
        batch_size: Samples in a step, 32 by default; the last step of an epoch takes what is left.
        epochs: Number of the last epoch, counted from 1.
        verbose: 0 for silence, 1 for a progress bar, 2 for a line for each epoch.
        callbacks: As in Keras. Those with hooks for single batches go to `model.fit`.
        validation_split: Fraction of the rows, the last ones, that become validation data.
        validation_data: (x, y) or (x, y, sample_weight), evaluated after each epoch.
        shuffle: Whether each epoch takes the rows in a new order.
        class_weight: Class index -> weight in the loss.
        sample_weight: Weights in the loss, shape (rows,).
        initial_epoch: Number of epochs already trained.
        steps_per_epoch: Where it is given, the training is left to `model.fit`.
        validation_steps: As steps_per_epoch.
        validation_batch_size: As steps_per_epoch.
        validation_freq: Where it is not 1, the training is left to `model.fit`.

    Returns:
        History with the keys and values that `model.fit` gives.

    Raises:
        InputError: If there is no model, or a number is none.
    """
    arguments = {name: value for name, value in locals().items() if name != "model"}
    if not isinstance(model, keras.Model):
        raise InputError(f"model: received {describe(model)}, expected a compiled keras.Model")
    numbers = {"epochs": int, "initial_epoch": int, "validation_split": float}
    for name, kind in (numbers | {"batch_size": int | None}).items():
        arguments[name] = configs.check_value(name, arguments[name], kind)
    if epochs <= initial_epoch or (batch_size or 32) < 1:
        return model.fit(**arguments)  # nothing to train, callbacks begin and end; or an error
    try:
        eligibility.check_arguments(arguments)
        eligibility.check_model(model)
        eligibility.check_callbacks(callbacks)
        data = packing.pack(x, y, sample_weight, class_weight)
        validation = None if validation_data is None else packing.unpack(validation_data)
        if validation_split and validation is None:
            data, validation = packing.split(data, validation_split)
        num_epochs = epochs - initial_epoch
        trainer = _Trainer(model, data, validation, batch_size or 32, shuffle, num_epochs)
    except eligibility.Unsupported as reason:
        eligibility.say_once(reason)
        return model.fit(**arguments)
    return trainer.train(epochs, callbacks, verbose, initial_epoch)


class _Trainer:
    """Runs the epochs of one fit, and calls the callbacks in between as Keras does."""

    def __init__(self, model, data, validation, batch_size, shuffle, num_epochs):
        _build(model, data)
        self._model = model
        self._data = data
        self._validation = validation
        self._batch_size = batch_size
        self._num_steps = math.ceil(packing.num_rows(data) / batch_size)
        self._orders = _orders(packing.num_rows(data), shuffle)
        self._steps_per_call = _FIRST_STEPS
        # A model that has been trained will be trained again, in a loop of short fits, as long as
        # it has been: at worst, compilation then comes one fit too late, or one too early.
        num_steps = self._num_steps * num_epochs + int(model.optimizer.iterations)
        self._job = programs.Job(model, num_steps, batch_size)
        self._job.trace("train_step", data)
        if validation:
            self._job.trace("test_step", validation)

    def train(
        self, epochs: int, callbacks: Any, verbose: str | int, initial_epoch: int
    ) -> keras.callbacks.History:
        model, logs = self._model, None
        callbacks = self._callback_list(callbacks, verbose, epochs)
        model.stop_training = False
        callbacks.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            callbacks.on_epoch_begin(epoch)
            logs = self._run_epoch(callbacks)
            if self._validation:
                logs |= {f"val_{name}": value for name, value in self._evaluate(callbacks).items()}
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        # For an optimizer that keeps an average of the weights: that average takes their place.
        model.optimizer.finalize_variable_values(model.trainable_weights)
        callbacks.on_train_end(logs)
        return model.history

    def _callback_list(
        self, callbacks: Any, verbose: str | int, epochs: int
    ) -> keras.callbacks.CallbackList:
        if isinstance(callbacks, keras.callbacks.CallbackList):
            return callbacks
        return keras.callbacks.CallbackList(
            callbacks,
            add_history=True,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=epochs,
            steps=self._num_steps,
            model=self._model,
        )

    def _run_epoch(self, callbacks: keras.callbacks.CallbackList) -> dict[str, tf.Tensor]:
        order, first, logs = next(self._orders), 0, {}
        self._model.reset_metrics()
        while first < self._num_steps:
            end = min(first + self._steps_per_call, self._num_steps)
            callbacks.on_train_batch_begin(first)
            start = time.perf_counter()
            logs = self._job.run("train_step", self._data, order, first, end, self._batch_size)
            self._keep_pace(time.perf_counter() - start)
            callbacks.on_train_batch_end(end - 1, logs)
            if self._model.stop_training:
                break
            first = end
        return logs

    def _keep_pace(self, seconds: float) -> None:
        if seconds > 2 * _SECONDS_PER_CALL:
            self._steps_per_call = max(1, self._steps_per_call // 2)
        elif seconds < _SECONDS_PER_CALL / 2:
            self._steps_per_call = min(2 * self._steps_per_call, self._num_steps)

    def _evaluate(self, callbacks: keras.callbacks.CallbackList) -> dict[str, tf.Tensor]:
        data, rows = self._validation, packing.num_rows(self._validation)
        batch_size = self._batch_size
        if self._job.is_known:
            batch_size = engine.evaluation_batch_size(self._model, data, batch_size)
        callbacks.on_test_begin()
        self._model.reset_metrics()
        num_steps = math.ceil(rows / batch_size)
        logs = self._job.run("test_step", data, tf.range(rows), 0, num_steps, batch_size)
        callbacks.on_test_end(logs)
        return logs


def _build(model: keras.Model, data: tuple) -> None:
    """Create what Keras creates at a first step: the variables of layers, metrics, optimizer."""
    if model.built and model.optimizer.built and all(getattr(m, "built", 1) for m in model.metrics):
        return
    if not model.built and any(array.shape.rank == 1 for array in keras.tree.flatten(data[0])):
        # A Sequential model would keep the shape of two such rows, and `fit` then speak of that.
        raise eligibility.Unsupported("the model is not built, and its inputs have no columns")
    # Two rows: of a single row, Keras cannot tell targets of one column from a column of one row.
    x, y, *weights = keras.tree.map_structure(lambda array: array[:2], data)
    # A recurrent layer draws its dropout outside of training too, which `model.fit` would not do.
    before = [(variable, variable.numpy()) for variable in _seeds(model)]
    try:
        outputs = model(x)
        model.compute_metrics(x, y, outputs, *weights)
        if keras.tree.is_nested(outputs):  # then each output has a tracker of its loss
            model.compute_loss(x, y, outputs, *weights)
    except Exception as error:
        # A mistake of the caller, most likely: `model.fit` has the words for it.
        raise eligibility.Unsupported(f"a first step failed with {type(error).__name__}") from error
    finally:
        for variable, value in before:
            variable.assign(value)
    if not model.trainable_variables:
        raise eligibility.Unsupported("there is nothing to train")
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _seeds(model: keras.Model) -> list[keras.Variable]:
    """Return the states of a model's random generators."""
    weights = {id(variable) for variable in model.weights}
    return [one for one in model.variables if id(one) not in weights]


def _orders(num_rows: int, shuffle: bool) -> Iterator[tf.Tensor]:
    """Give, epoch after epoch, the order of the rows: int32 tensors of shape (num_rows,)."""
    generator = np.random.default_rng(random.getrandbits(64))  # `set_random_seed` seeds `random`
    while True:
        order = generator.permutation(num_rows) if shuffle else np.arange(num_rows)
        yield tf.convert_to_tensor(order, tf.int32)
