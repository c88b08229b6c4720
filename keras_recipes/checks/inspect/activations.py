"""What an output's values can be: by the name of its activation, or by looking at some of them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from keras.src.activations import activations as functions
from keras.src.ops import core, nn, numpy as arrays

# Layers and operations of keras.ops after the output layer that rescale, reshape or copy only.
_RESCALING = (layers.Normalization, layers.Rescaling)
_COPYING = (
    layers.Reshape, layers.Flatten, layers.Identity, layers.Dropout, layers.Permute,
    layers.ActivityRegularization, arrays.Reshape, arrays.Squeeze, arrays.ExpandDims,
    arrays.Transpose, arrays.GetItem, core.Cast,
    arrays.Mean,  # of several outputs of one kind: it is of that kind too
)  # fmt: skip
# Layers and operations of keras.ops that are an activation.
_OPERATIONS = {
    layers.Softmax: "softmax", nn.Softmax: "softmax", nn.LogSoftmax: "log_softmax",
    nn.Sigmoid: "sigmoid", nn.HardSigmoid: "hard_sigmoid", nn.LogSigmoid: "log_sigmoid",
    layers.ReLU: "relu", functions.ReLU: "relu", nn.Relu: "relu", nn.Relu6: "relu6",
    layers.LeakyReLU: "leaky_relu", nn.LeakyRelu: "leaky_relu", layers.PReLU: "leaky_relu",
    layers.ELU: "elu", nn.Elu: "elu", nn.Selu: "selu", nn.Gelu: "gelu", nn.Silu: "silu",
    arrays.Tanh: "tanh", arrays.Exp: "exponential", nn.Softplus: "softplus",
    nn.Softsign: "softsign", layers.BatchNormalization: "linear",
}  # fmt: skip
# The smallest and the largest value of an activation.
REACH: dict[str | None, tuple[float, float]] = {
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
        Keras's name of the activation, "linear" where there is none, None where it is not
        known; and whether a layer after it rescales.
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
        rescaled |= isinstance(operation, _RESCALING)
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
    # Softmax over a single unit is 1; on some processors x / x is the number just below it.
    near = 2 * np.finfo(values.dtype).eps if values.shape[-1] == 1 else 1e-3
    return "softmax" if np.allclose(values.sum(axis=-1), 1, rtol=0, atol=near) else None


def _passes_through(operation: Any) -> bool:
    if isinstance(operation, layers.Activation):
        return _of(operation) == "linear"
    return isinstance(operation, (*_RESCALING, *_COPYING))


def _of(operation: Any) -> str | None:
    """Name the activation of a layer or operation of Keras's own."""
    if isinstance(operation, layers.TimeDistributed):
        return _of(operation.layer)
    if not type(operation).__module__.startswith("keras."):
        called = getattr(type(operation), "call", None)
        if not getattr(called, "__module__", "").startswith("keras."):
            return None  # a layer of the user's own: who knows what it does
    if not hasattr(operation, "activation"):
        return next(
            (name for kind, name in _OPERATIONS.items() if isinstance(operation, kind)), None
        )
    activation = operation.activation
    if isinstance(activation, layers.Layer):
        return _of(activation)
    by_keras = getattr(activation, "__module__", "").startswith("keras.")
    return getattr(activation, "__name__", None) if by_keras else None
