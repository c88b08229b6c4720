"""What an output's values can be: by the name of its activation, or by looking at some of them."""

from __future__ import annotations

import keras
import numpy as np

# Layers and operations after the output layer that only rescale, reshape or copy what it says.
_RESCALING = {"Normalization", "Rescaling"}
_COPYING = {"Reshape", "Flatten", "Identity", "Dropout", "ActivityRegularization", "Permute"}
_COPYING |= {"Squeeze", "ExpandDims", "Cast", "Transpose", "GetItem"}  # of keras.ops
_COPYING |= {"Mean"}  # of several outputs of one kind: it is of that kind too
# Classes of layers, and of operations of keras.ops, that are an activation.
_CLASSES = {
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "LogSigmoid": "log_sigmoid",
    "ReLU": "relu",
    "Relu": "relu",
    "Relu6": "relu6",
    "LeakyReLU": "leaky_relu",
    "LeakyRelu": "leaky_relu",
    "PReLU": "leaky_relu",
    "ELU": "elu",
    "Elu": "elu",
    "Selu": "selu",
    "Gelu": "gelu",
    "Silu": "silu",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Exp": "exponential",
    "BatchNormalization": "linear",
}
# The values that an activation can give, ends included.
REACH = {
    "relu": (0, np.inf),
    "relu6": (0, 6),
    "softplus": (0, np.inf),
    "exponential": (0, np.inf),
    "sigmoid": (0, 1),
    "hard_sigmoid": (0, 1),
    "softmax": (0, 1),
    "tanh": (-1, 1),
    "softsign": (-1, 1),
    "elu": (-1, np.inf),
    "selu": (-1.7581, np.inf),
    "silu": (-0.2785, np.inf),
    "gelu": (-0.17, np.inf),
    "log_softmax": (-np.inf, 0),
    "log_sigmoid": (-np.inf, 0),
}
PROBABILITIES = {"softmax", "sigmoid", "hard_sigmoid", "sparsemax", "sparse_sigmoid"}
LOGITS = {"linear", "log_softmax", "log_sigmoid"}


def name(tensor: keras.KerasTensor) -> tuple[str | None, bool]:
    """Name the function that made an output, looking through layers that only rescale or reshape.

    Args:
        tensor: A symbolic output.

    Returns:
        Keras's name of the activation, "linear" where there is none, None where it cannot be
        told; and whether a layer after it rescales.
    """
    rescaled = False
    while getattr(tensor, "_keras_history", None) is not None:
        operation, node, place = tensor._keras_history
        inside = getattr(operation, "outputs", None)
        if isinstance(operation, keras.Model) and inside:  # made by a layer inside it
            tensor = inside[place]
            continue
        if not _passes_through(operation):
            return _of(operation), rescaled
        rescaled |= type(operation).__name__ in _RESCALING
        sources = operation._inbound_nodes[node].arguments.keras_tensors
        if len(sources) != 1:
            break
        tensor = sources[0]
    return None, rescaled


def guess(values: np.ndarray | None) -> str | None:
    """Return what some outputs show by their values alone.

    Args:
        values: Outputs of an untrained model, shape (rows, ..., units).

    Returns:
        "softmax" where they sum to 1, "linear" where some are no probabilities; else None.
    """
    if values is None or values.dtype.kind != "f" or not np.isfinite(values).all():
        return None
    if values.min() < 0 or values.max() > 1.0001:
        return "linear"
    # Softmax over a single unit gives 1; on some processors x / x is the number just below it.
    near = 2 * np.finfo(values.dtype).eps if values.shape[-1] == 1 else 1e-3
    return "softmax" if np.allclose(values.sum(axis=-1), 1, rtol=0, atol=near) else None


def _passes_through(operation: object) -> bool:
    kind = type(operation).__name__
    if kind in _RESCALING | _COPYING:
        return True
    return kind == "Activation" and _of(operation) == "linear"


def _of(operation: object) -> str | None:
    """Name the activation of a layer or operation of Keras's own."""
    if isinstance(operation, keras.layers.TimeDistributed):
        return _of(operation.layer)
    if not type(operation).__module__.startswith("keras."):
        called = getattr(type(operation), "call", None)
        if not getattr(called, "__module__", "").startswith("keras."):
            return None  # a layer of the user's own: who knows what it does
    if hasattr(operation, "activation"):
        return _of_function(operation.activation)
    return _CLASSES.get(type(operation).__name__)


def _of_function(activation: object) -> str | None:
    if isinstance(activation, keras.layers.Layer):
        return _of(activation)
    if not getattr(activation, "__module__", "").startswith("keras."):
        return None
    return getattr(activation, "__name__", None)
