"""Columns of inputs: their numbers, and what they look like as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pandas as pd
import scipy.sparse

from keras_recipes.checks.inspect import reading
from keras_recipes.checks.inspect.reading import Leaf

NUMBERS_OF_SAMPLE = 1_000_000
# Bytes in so many columns are the pixels of images.
PIXELS = 64


@dataclasses.dataclass(frozen=True)
class Summary:
    """Statistics of each column of an array, from a sample of its rows.

    Attributes:
        names: Of the columns, for messages.
        values: The sample, float64 (rows, columns); of images, all pixels as one column.
        are_images: Whether these are images.
    """

    names: list[str]
    values: np.ndarray
    are_images: bool

    @property
    def mean(self) -> np.ndarray:
        """Of each column."""
        return self.values.mean(axis=0)

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of each column."""
        return self.values.std(axis=0)

    @property
    def magnitude(self) -> np.ndarray:
        """Root of the mean square of each column."""
        return np.sqrt((self.values**2).mean(axis=0))


def each(leaf: Leaf) -> Iterator[tuple[str, pd.Series | np.ndarray]]:
    """Yield each column of a table, or the array as a whole, with the text that names it."""
    if isinstance(leaf, pd.DataFrame):
        # By place: two columns of one name would come as a table.
        for place, name in enumerate(leaf.columns):
            yield f" column {name!r}", leaf.iloc[:, place]
    elif scipy.sparse.issparse(leaf):
        yield "", leaf.data
    else:
        yield "", leaf


def is_numeric(values: pd.Series | np.ndarray) -> bool:
    """Return whether these are real numbers or truth values."""
    if getattr(values.dtype, "kind", "") == "c":
        return False
    # By what pandas says, never by dtype == object: pandas 3 has a string dtype of its own.
    return pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)


def not_joined(leaf: Leaf) -> list[str]:
    """Describe the columns of numbers that make objects of a whole table; none where all is well.

    These are truth values beside numbers, and the types that pandas has beside those of NumPy.
    """
    if not isinstance(leaf, pd.DataFrame | pd.Series):
        return []
    table = leaf.to_frame() if isinstance(leaf, pd.Series) else leaf
    # Columns that are no numbers have a rule of their own.
    named = [(name, cells.dtype) for name, cells in table.items() if is_numeric(cells)]
    own = [one for one in named if not isinstance(one[1], np.dtype)]
    truth = [one for one in named if one[1] == "bool"]
    odd = own or (truth if len(truth) < len(named) else [])
    return [f"{name!r} of type {dtype}" for name, dtype in odd]


def numbers(values: pd.Series | np.ndarray) -> np.ndarray:
    """Return a numeric column as an array; missing values become NaN."""
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.api.extensions.ExtensionDtype):
        return values.to_numpy(dtype="float64", na_value=np.nan)
    return np.asarray(values)


def summarise(leaf: Leaf) -> Summary | None:
    """Look at a sample of rows without NaN; None for text, sparse matrices and nothing at all."""
    if scipy.sparse.issparse(leaf) or reading.is_text(leaf) or not leaf.size:
        return None
    rows = max(1, min(reading.ROWS_OF_SAMPLE, NUMBERS_OF_SAMPLE * len(leaf) // leaf.size))
    sample = reading.take(leaf, reading.spread(len(leaf), rows))
    named = [(name, column) for name, column in each(sample) if is_numeric(column)]
    if not named:
        return None
    images = are_images(leaf)
    if isinstance(leaf, pd.DataFrame):
        values = np.column_stack([numbers(column) for _, column in named])
        names = [name.strip() for name, _ in named]
    else:
        values = numbers(named[0][1])
        values = values.reshape(-1, 1 if images or values.ndim == 1 else values.shape[-1])
        names = ["the pixels"] if images else [f"column {n}" for n in range(values.shape[1])]
    values = values.astype("float64")
    values = values[np.isfinite(values).all(axis=1)]
    return Summary(names, values, images) if len(values) else None


def are_images(leaf: Leaf) -> bool:
    """Return whether these are images, with rows and columns of pixels."""
    if leaf.ndim == 3:
        return leaf.shape[1] == leaf.shape[2] > 4 or leaf.dtype == "uint8"
    if leaf.ndim == 2 and isinstance(leaf, np.ndarray) and leaf.dtype == "uint8":
        return leaf.shape[1] >= PIXELS
    return leaf.ndim > 3
