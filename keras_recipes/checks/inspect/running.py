"""Models built and run without changing anything: no weight, no state, no random number."""

from __future__ import annotations

import contextlib
import inspect
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pandas as pd

from keras_recipes import errors
from keras_recipes.checks.inspect import reading
from keras_recipes.checks.inspect.reading import Split

# Rows that the model is run on: one batch shows what there is to see.
ROWS_OF_BATCH = 32


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Leave Python's and NumPy's random numbers as they were, and show no warnings."""
    states = random.getstate(), np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong is in a finding
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


class CallError(Exception):
    """A model cannot be called on its inputs; the message is the model's own."""


def outputs(model: keras.Model, x: Any) -> tuple[list[str], list[keras.KerasTensor]]:
    """Return the name and the symbolic tensor of each output, as `structure` makes them."""
    made = structure(model, x)
    tensors = keras.tree.flatten(made)
    if isinstance(made, dict):
        return sorted(made), tensors
    return list(getattr(model, "output_names", None) or map(str, range(len(tensors)))), tensors


def structure(model: keras.Model, x: Any) -> Any:
    """Return the symbolic outputs in the model's own structure.

    A model that is not built yet is built, with the random numbers and so to the weights that `fit`
    would build it with.

    Args:
        model: Of any kind.
        x: Inputs; None where there are none.

    Raises:
        CallError: If the model cannot be called on such inputs.
    """
    made = None if getattr(model, "outputs", None) else _call_symbolically(model, x)
    if not getattr(model, "outputs", None):
        return made
    return model.outputs[0] if isinstance(model, keras.Sequential) else model.output


def _call_symbolically(model: keras.Model, x: Any) -> Any:
    if x is None:
        raise CallError("it is not built, and there are no inputs to build it from")
    try:
        return model(reading.map_leaves(x, _symbolic))
    except Exception as error:  # whatever the user's own `call` raises
        if model.built:  # it may work on numbers only, as models that run eagerly do
            with contextlib.suppress(Exception):
                few = reading.map_leaves(x, lambda leaf: reading.take(leaf, np.arange(2)))
                mode = _mode(model, False)
                return model.stateless_call(*variables(model), to_tensors(few), **mode)[0]
        raise CallError(errors.first_line(error)) from error


def fault(model: keras.Model, x: Any) -> str | None:
    """Describe why a model cannot be called on these inputs; None where it can."""
    try:
        with undisturbed():
            _call_symbolically(model, x)
    except CallError as error:
        return str(error)
    return None


def operations(model: keras.Model) -> Iterator[Any]:
    """Yield all layers, those of nested models too, and the operations between them."""
    inside = getattr(model, "operations", None) or model.layers
    for operation in inside:
        if isinstance(operation, keras.Model):
            yield from operations(operation)
        else:
            yield operation
            yield from getattr(operation, "_flatten_layers", lambda **_: ())(include_self=False)


def first_batch(model: keras.Model, split: Split) -> Split:
    """Return the rows of one batch, as many as the model asks for where it does."""
    fixed = (getattr(model, "inputs", None) or [None])[0]
    wanted = ROWS_OF_BATCH if fixed is None or not fixed.shape[0] else fixed.shape[0]
    return split.take(reading.spread(split.rows, wanted))


def call(model: keras.Model, x: Any) -> list[np.ndarray]:
    """Run a model as in `predict`; return each output as an array."""
    given, _ = model.stateless_call(*variables(model), to_tensors(x), **_mode(model, False))
    return [keras.ops.convert_to_numpy(output) for output in keras.tree.flatten(given)]


def gradients(
    model: keras.Model, x: Any, loss: Callable[[list], Any]
) -> tuple[float, list[np.ndarray], list[np.ndarray | None]]:
    """Take the forward and backward pass of a first training step, without the update.

    Args:
        model: Built.
        x: Inputs of one batch.
        loss: Takes the outputs, as a list of tensors, and returns one number.

    Returns:
        The loss, the outputs, and the gradient of each trainable variable.
    """
    import tensorflow as tf

    trained, others = variables(model)
    with tf.GradientTape() as tape:
        tape.watch(trained)
        given, _ = model.stateless_call(trained, others, to_tensors(x), **_mode(model, True))
        given = keras.tree.flatten(given)
        value = loss(given)
    found = tape.gradient(value, trained)
    return (
        float(value),
        [output.numpy() for output in given],
        [None if one is None else tf.convert_to_tensor(one).numpy() for one in found],
    )


def variables(model: keras.Model) -> tuple[list, list]:
    """Return the values of the trainable and of the other variables, as tensors."""
    trained, others = model.trainable_variables, model.non_trainable_variables
    return [keras.ops.convert_to_tensor(one.value) for one in trained], [
        keras.ops.convert_to_tensor(one.value) for one in others
    ]


def _mode(model: keras.Model, training: bool) -> dict[str, bool]:
    """Return the argument that says whether this is training, to a model that takes it."""
    takes_it = "training" in inspect.signature(model.call).parameters
    return {"training": training} if takes_it else {}


def to_tensors(values: Any) -> Any:
    """Turn arrays, tables and sparse matrices into what a model takes."""
    return reading.map_leaves(values, _to_tensor)


def _to_tensor(leaf: Any) -> Any:
    if reading.is_text(leaf):
        return keras.ops.convert_to_tensor(np.asarray(leaf, dtype=str).tolist(), dtype="string")
    if isinstance(leaf, pd.DataFrame | pd.Series):
        return keras.ops.convert_to_tensor(leaf.to_numpy(dtype="float32", na_value=np.nan))
    leaf = leaf.toarray() if hasattr(leaf, "toarray") else leaf
    return keras.ops.convert_to_tensor(leaf, dtype="float32" if leaf.dtype.kind == "f" else None)


def _symbolic(leaf: reading.Leaf) -> keras.KerasTensor:
    dtype = "float32"
    if reading.is_text(leaf):
        dtype = "string"
    elif isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biu":
        dtype = str(leaf.dtype)
    return keras.KerasTensor((None, *leaf.shape[1:]), dtype)
