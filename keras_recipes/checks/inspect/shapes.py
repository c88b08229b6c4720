"""Shapes of inputs: whether a model takes them, and the change that makes them fit."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from keras_recipes.checks.inspect.reading import Leaf

# Of more inputs than this no order is looked for: they are given by name.
MOST_INPUTS = 4


def misfit(label: str, wanted, leaf: Leaf | None) -> str | None:
    """Describe what is wrong with the array for an input; None where nothing is."""
    if leaf is None:
        return f"no array for the input {label}"
    if wanted is None:
        return f"{label}, an array without an input"
    return None if _accepts(wanted.shape, leaf.shape) else f"{label} of shape {leaf.shape}"


def takes(wanted, leaf: Leaf) -> bool:
    """Return whether an input, given as its tensor, takes an array."""
    return _accepts(wanted.shape, leaf.shape)


def other_order(pairs: list[tuple]) -> tuple[int, ...] | None:
    """Return the order in which the arrays of a list would fit; None where that is not the fault.

    Args:
        pairs: For each input its label, tensor and array.
    """
    if not 2 <= len(pairs) <= MOST_INPUTS or any(None in pair[1:2] for pair in pairs):
        return None
    leaves = [leaf for _, _, leaf in pairs]
    if any(leaf is None for leaf in leaves) or not pairs[0][0].startswith("x[0]"):
        return None
    fits = [
        order
        for order in itertools.permutations(range(len(pairs)))
        if all(
            _accepts(pair[1].shape, leaves[place].shape)
            for pair, place in zip(pairs, order, strict=True)
        )
    ]
    return fits[0] if fits and tuple(range(len(pairs))) not in fits else None


def fix(leaf: Leaf, wanted: tuple | None, fault: str = "") -> str:
    """Write the change that makes an array fit an input.

    Args:
        leaf: The array, or a table.
        wanted: Shape of a row; None where it is not known, () where there is no such input.
        fault: What the model says of the array; "" where it was not asked.
    """
    shape = tuple(leaf.shape[1:])
    if wanted and _accepts((None, *wanted), (1, *leaf.shape)):
        return "x = x[None], which makes a batch of the single row"
    if wanted and len(wanted) > len(shape) > 0 and _holds(wanted, np.prod(shape)):
        sizes = ", ".join("-1" if size is None else str(size) for size in wanted)
        return f"x = np.reshape(x, (len(x), {sizes}))"
    if wanted and len(wanted) == 1 and len(shape) > 1 and wanted[0] == np.prod(shape):
        return "x = x.reshape(len(x), -1)"
    if wanted and (moved := _moved(shape, tuple(wanted))):
        return moved
    if "has already been configured" in fault:
        return "make the model anew: this one has taken its shape from another x"
    if len(shape) == 1 and "expected ndim=3, found ndim=2" in fault:
        return "x = x[..., None], which makes a sequence of each row's numbers"
    if len(shape) == 2 and (wanted is None or len(wanted) == 3):
        channels = 1 if wanted is None else wanted[-1]
        return (
            "x = x[..., None]" if channels == 1 else f"x = np.repeat(x[..., None], {channels}, -1)"
        )
    if not shape and wanted:
        return "x with all columns that the model takes: x = table[[...]]"
    fewer = ""
    if isinstance(leaf, pd.DataFrame) and wanted and len(wanted) == 1 and wanted[0] < shape[0]:
        fewer = f", or x = x[[...]] with the {wanted[0]} columns that it takes"
    return f"keras.Input({shape}) as the model's input{fewer}"


def _holds(wanted: tuple, numbers: int) -> bool:
    """Return whether a row of this shape may hold so many numbers."""
    return wanted.count(None) == 0 and np.prod(wanted) == numbers


def parts(leaf: Leaf, pairs: list[tuple]) -> str:
    """Write how one array becomes one for each of several inputs."""
    widths = [tensor.shape[-1] for _, tensor, _ in pairs if tensor is not None]
    if leaf.ndim == 2 and None not in widths and sum(widths) == leaf.shape[1]:
        ends = np.cumsum(widths)[:-1].tolist()
        return f"x = np.split(np.asarray(x), {ends}, axis=1)"
    names = ", ".join(f"{tensor.name!r}: ..." for _, tensor, _ in pairs if tensor is not None)
    return f"x = {{{names}}}"


def _moved(shape: tuple, wanted: tuple) -> str | None:
    """Write how to bring the axes of a row into the order that is wanted, such as channels last."""
    if len(shape) != len(wanted) or len(shape) < 2:
        return None
    for first, last in ((1, -1), (-1, 1)):
        if _accepts((None, *wanted), np.moveaxis(np.empty((0, *shape)), first, last).shape):
            return f"x = np.moveaxis(x, {first}, {last})"
    for order in itertools.permutations(range(1, len(shape) + 1)):
        if _accepts((None, *wanted), (0, *(shape[place - 1] for place in order))):
            return f"x = np.transpose(x, {(0, *order)})"
    return None


def _accepts(wanted: tuple, given: tuple) -> bool:
    """Return whether Keras takes an array of this shape, with the rank adjusted as it does."""
    if len(given) == len(wanted) + 1 and given[-1] == 1:
        given = given[:-1]
    elif len(given) == len(wanted) - 1 and wanted[-1] == 1:
        given = (*given, 1)
    return len(given) == len(wanted) and all(
        size in (None, its) for size, its in zip(wanted[1:], given[1:], strict=True)
    )
