"""The graph of a model: which operations it calls in what order, and what enters each of them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Generator, Iterator
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_recipes.checks.inspect import running

# For each model around an operation, from the outermost on, its inputs and the tensor that enters
# the next one; the last tensor enters the operation.
_Place: TypeAlias = tuple[tuple[list, keras.KerasTensor], ...]


@dataclasses.dataclass(frozen=True)
class Call:
    """One operation as a model calls it.

    Attributes:
        operation: A layer, or an operation of keras.ops.
        shape: Of the tensor that enters it, batch axis included; of the first of several.
        in_inference: Whether it, or a model around it, is called with `training=False`.
        nested: Whether it belongs to a model inside the model.
        place: Where it stands on the way from the only input; () where it is not known.
    """

    operation: Any
    shape: tuple[int | None, ...]
    in_inference: bool
    nested: bool
    place: _Place = ()


def calls(model: keras.Model) -> Iterator[Call]:
    """Yield each call of a model's graph, those in nested models too; none without a graph."""
    yield from _calls(model, in_inference=False, nested=False)


def stem(model: keras.Model) -> Iterator[Call]:
    """Yield what the only input goes through one after the other, until the graph branches."""
    if _has_graph(model):
        yield from _stem(model, (), in_inference=False)


def entering(call: Call, x: Any) -> np.ndarray:
    """Compute what enters an operation of the stem, with the model in inference.

    Args:
        call: As `stem` yields it.
        x: Rows of the model's input.
    """
    values = running.to_tensors(x)
    for inputs, tensor in call.place:
        if tensor is not inputs[0]:
            # By a name of its own, so that the user's next model has the name it would have had.
            values = keras.Model(inputs[0], tensor, name="entering")(values, training=False)
    return keras.ops.convert_to_numpy(values)


def losing_masks(
    model: keras.Model,
) -> Iterator[tuple[keras.layers.Layer, keras.Model, keras.KerasTensor]]:
    """Yield each layer that drops the mask of its input, the model it is in, and the mask."""
    for node in _nodes(model) if _has_graph(model) else []:
        layer = node.operation
        masks = [getattr(one, "_keras_mask", None) for one in node.arguments.keras_tensors]
        if _has_graph(layer):
            yield from losing_masks(layer)
        elif not isinstance(layer, keras.layers.Layer) or layer.supports_masking:
            continue
        elif "mask" not in inspect.signature(layer.call).parameters:
            yield from ((layer, model, mask) for mask in masks[:1] if mask is not None)


def _has_graph(operation: Any) -> bool:
    return isinstance(operation, keras.Model) and bool(getattr(operation, "outputs", None))


def _nodes(model: keras.Model) -> list[Any]:
    """Return the calls of a model's own graph as Keras keeps them, each after its sources."""
    ordered: list[Any] = []
    seen: set[tuple[Any, int]] = set()
    waiting = [(tensor, False) for tensor in reversed(model.outputs)]
    while waiting:
        tensor, is_ready = waiting.pop()
        operation, place, _ = tensor._keras_history
        node = operation._inbound_nodes[place]
        if is_ready:
            ordered.append(node)
        elif (operation, place) not in seen and not any(tensor is one for one in model.inputs):
            seen.add((operation, place))
            waiting.append((tensor, True))
            waiting += [(one, False) for one in reversed(node.arguments.keras_tensors)]
    return ordered


def _calls(model: Any, in_inference: bool, nested: bool) -> Iterator[Call]:
    for node in _nodes(model) if _has_graph(model) else []:
        fixed = in_inference or node.arguments.kwargs.get("training") is False
        if _has_graph(node.operation):
            yield from _calls(node.operation, fixed, nested=True)
        elif node.arguments.keras_tensors:
            shape = tuple(node.arguments.keras_tensors[0].shape)
            yield Call(node.operation, shape, fixed, nested)


def _stem(model: Any, place: _Place, in_inference: bool) -> Generator[Call, None, bool]:
    """Yield the calls from the only input on; return whether they lead to the only output."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        return False
    nodes, tensor = _nodes(model), model.inputs[0]
    while tensor is not model.outputs[0]:
        takers = [
            node for node in nodes if any(one is tensor for one in node.arguments.keras_tensors)
        ]
        if len(takers) != 1 or len(takers[0].arguments.keras_tensors) != 1:
            return False
        (node,) = takers
        here = (*place, (model.inputs, tensor))
        fixed = in_inference or node.arguments.kwargs.get("training") is False
        if _has_graph(node.operation):
            if not (yield from _stem(node.operation, here, fixed)):
                return False
        else:
            yield Call(node.operation, tuple(tensor.shape), fixed, len(place) > 0, here)
        tensor = node.output_tensors[0]
    return True
