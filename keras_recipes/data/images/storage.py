"""Arrays of pixels: in memory within a budget, beyond it in a file that goes with the array."""

import tempfile
from collections.abc import Sequence

import numpy as np

# Of the images; the parts of a split are as many bytes again.
MAX_BYTES = 1 << 28
_ROWS_AT_ONCE = 1024


def empty(shape: tuple[int, ...]) -> np.ndarray:
    """Return a uint8 array to be filled.

    Args:
        shape: Of the array.

    Returns:
        An ordinary array up to MAX_BYTES. A larger one is mapped to a file in the system's folder
        for temporary files; the file has no name, and its space is free again once nothing refers
        to the array.
    """
    if int(np.prod(shape, dtype="int64")) <= MAX_BYTES:
        return np.empty(shape, "uint8")
    with tempfile.TemporaryFile(prefix="keras_recipes_") as file:
        return np.memmap(file, "uint8", "w+", shape=shape)


def take(x: np.ndarray, rows: np.ndarray, channels: int) -> np.ndarray:
    """Return some rows of pixels, stored as `empty` stores them.

    Args:
        x: uint8 (rows, height, width, channels).
        rows: Places, in the order asked for.
        channels: That are kept, from the first on.
    """
    made = empty((len(rows), *x.shape[1:-1], channels))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        made[start : start + len(some)] = x[some][..., :channels]
    return made


def keep(x: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """Return some rows of an array, moved to its beginning: the array is used up.

    Args:
        x: Of at least one dimension.
        rows: Places, rising.
    """
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        if some[-1] > start + len(some) - 1:  # otherwise they are in their place
            x[start : start + len(some)] = x[list(some)]
    return x[: len(rows)]
