"""Data in any form that `fit` takes, brought to one: arrays and tables in the structure given."""

from __future__ import annotations

import copy
import dataclasses
import time
import types
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import keras
import numpy as np
import pandas as pd
import scipy.sparse

from keras_recipes import errors
from keras_recipes.checks.inspect import pipelines

# Of a stream of batches this much is read: enough to judge, cheap enough not to be felt.
ROWS_OF_STREAM = 5000
SECONDS_OF_STREAM = 0.15
# Statistics are taken from this many rows at most, evenly spread over all.
ROWS_OF_SAMPLE = 2000
# Fewer than this show nothing.
FEW = 10

Leaf: TypeAlias = np.ndarray | pd.DataFrame | pd.Series | scipy.sparse.spmatrix


@dataclasses.dataclass(frozen=True)
class Split:
    """Rows of one split of the data, training, validation or test.

    Attributes:
        x: Inputs: an array, table or sparse matrix, or a dict, list or tuple of such.
        y: Targets in the same forms; None where there are none.
        batches: Of a stream, -1 for one without end; None where it is not known or no stream.
        batches_read: Of a stream, from its beginning; 0 for no stream.
        fault: Why nothing could be read; None where it could.
        note: What was left out; None where all was read.
        lists: Labels of what came as Python lists, which Keras does not take.
        unbatched: Whether a stream yields single rows where Keras takes batches.
        odd_text: Labels of text in a form that Keras does not take.
        y_beside: Whether targets came beside a stream, which yields them itself.
        origin: What a stream says of where its rows come from.
    """

    x: Any = None
    y: Any = None
    batches: int | None = None
    batches_read: int = 0
    fault: str | None = None
    note: str | None = None
    lists: tuple[str, ...] = ()
    unbatched: bool = False
    odd_text: tuple[str, ...] = ()
    y_beside: bool = False
    origin: pipelines.Origin = dataclasses.field(default_factory=pipelines.Origin)

    @property
    def x_leaves(self) -> list[tuple[str, Leaf]]:
        """Each array of the inputs with its label."""
        return list(leaves(self.x, "x"))

    @property
    def y_leaves(self) -> list[tuple[str, Leaf]]:
        """Each array of the targets with its label."""
        return list(leaves(self.y, "y"))

    @property
    def rows(self) -> int:
        """Rows of the inputs that were read."""
        return min((count(leaf) for _, leaf in self.x_leaves), default=0)

    @property
    def is_even(self) -> bool:
        """Whether there are rows, and equally many in all arrays."""
        return len({count(leaf) for _, leaf in [*self.x_leaves, *self.y_leaves]} - {0}) == 1

    def take(self, index: np.ndarray) -> Split:
        """Return some of the rows."""
        x, y = (map_leaves(values, lambda leaf: take(leaf, index)) for values in (self.x, self.y))
        return dataclasses.replace(self, x=x, y=y)


def read(x: Any, y: Any = None) -> Split:
    """Read one split of the data.

    Args:
        x: As in `fit`: an array, a pandas table, a dict or list of such, a finite
            `tf.data.Dataset` or a `PyDataset`.
        y: Targets, in the same forms; None where x yields them too.
    """
    batches_by_number = isinstance(x, keras.utils.PyDataset)
    if isinstance(x, types.GeneratorType | Iterator) and not batches_by_number:
        return Split(fault="a generator can be read only once")
    lists = tuple(label for label, values in (("x", x), ("y", y)) if _is_plain_list(values))
    try:
        if hasattr(x, "element_spec") or batches_by_number:
            made = pipelines.origin(x)
            return dataclasses.replace(_read_stream(x), y_beside=y is not None, origin=made)
        odd_text = tuple(label for label, leaf in leaves(x, "x") if _is_odd_text(leaf))
        split = Split(_convert(x), _convert(y), lists=lists, odd_text=odd_text)
        if any(not leaf.ndim for _, leaf in [*split.x_leaves, *split.y_leaves]):
            raise ValueError("a single value")
        return split
    except (ValueError, TypeError) as error:
        return Split(fault=errors.first_line(error))


def leaves(values: Any, label: str) -> Iterator[tuple[str, Leaf]]:
    """Yield each array of a structure with a label that says where it stands."""
    if isinstance(values, dict):
        for key in values:
            yield from leaves(values[key], f"{label}[{key!r}]")
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from leaves(value, f"{label}[{number}]" if len(values) > 1 else label)
    elif values is not None:
        yield label, values


def take(leaf: Leaf, index: np.ndarray) -> Leaf:
    """Return some rows of an array, table or sparse matrix."""
    if isinstance(leaf, pd.DataFrame | pd.Series):
        return leaf.iloc[index]
    return leaf.tocsr()[index] if hasattr(leaf, "tocsr") else leaf[index]


def count(leaf: Leaf) -> int:
    """Count the rows; 1 for a bare number."""
    return leaf.shape[0] if leaf.ndim else 1


def is_text(leaf: Leaf) -> bool:
    """Return whether an array, or every column of a table, holds text or other objects."""
    if isinstance(leaf, pd.DataFrame):
        return bool(leaf.shape[1]) and all(map(_holds_text, leaf.dtypes))
    if isinstance(leaf, pd.Series):
        return _holds_text(leaf.dtype)
    return isinstance(leaf, np.ndarray) and leaf.dtype.kind in "OUST"


def _holds_text(dtype: Any) -> bool:
    return pd.api.types.is_object_dtype(dtype) or isinstance(dtype, pd.StringDtype)


def _is_odd_text(leaf: object) -> bool:
    """Return whether Keras refuses this text: it takes a tensor, or one column of objects."""
    if not isinstance(leaf, np.ndarray | pd.DataFrame | pd.Series) or not is_text(leaf):
        return False
    taken = isinstance(leaf, np.ndarray) and leaf.dtype == object and leaf.ndim == 1
    return not (taken and all(isinstance(cell, str) for cell in leaf))


def spread(rows: int, wanted: int = ROWS_OF_SAMPLE) -> np.ndarray:
    """Return at most `wanted` row numbers, evenly spread over all."""
    return np.arange(rows) if rows <= wanted else np.linspace(0, rows - 1, wanted).astype(int)


def _is_plain_list(values: object) -> bool:
    """Return whether a list holds numbers, or lists of numbers, and no arrays."""
    return isinstance(values, list) and not any(getattr(value, "shape", ()) for value in values)


def map_leaves(values: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to each array of a structure."""
    if isinstance(values, dict):
        return {key: map_leaves(value, function) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return type(values)(map_leaves(value, function) for value in values)
    return None if values is None else function(values)


def _convert(values: Any) -> Any:
    if _is_plain_list(values):
        return np.asarray(values)
    return map_leaves(values, _convert_leaf)


def _convert_leaf(value: Any) -> Leaf:
    if isinstance(value, pd.DataFrame | pd.Series) or scipy.sparse.issparse(value):
        return value
    if hasattr(value, "dense_shape") and len(value.shape) == 2:  # tf.SparseTensor
        places = np.asarray(value.indices).T
        matrix = (np.asarray(value.values), (places[0], places[1]))
        return scipy.sparse.csr_matrix(matrix, shape=tuple(value.shape))
    return np.asarray(
        value.to_tensor() if hasattr(value, "row_splits") else value
    )  # tf.RaggedTensor


def _read_stream(stream: Any) -> Split:
    """Read batches until there are rows enough, or the time for it is over."""
    batches: list[Any] = []
    state = np.random.get_state()
    rows, note, start = 0, None, time.perf_counter()
    if isinstance(stream, keras.utils.PyDataset):
        stream = copy.copy(stream)  # an ImageDataGenerator's counts what it has yielded
        num_batches = -1 if stream.num_batches is None else stream.num_batches
        stream = map(stream.__getitem__, range(max(num_batches, 1)))
    elif (num_batches := int(stream.cardinality())) == -2:
        num_batches = None
    for batch in stream:
        # The first one may take long: a buffer to shuffle is filled, a generator begins.
        late = bool(batches) and time.perf_counter() - start > SECONDS_OF_STREAM
        if rows >= ROWS_OF_STREAM or late:
            note = f"the data were judged by their first {rows} rows"
            break
        batches.append(_convert(batch if isinstance(batch, tuple) else (batch,)))
        rows += max((count(leaf) for _, leaf in leaves(batches[-1], "")), default=0)
    np.random.set_state(state)
    if not batches:
        return Split(batches=num_batches, fault="a data set without a batch")
    unbatched = any(leaf.ndim == 0 for _, leaf in leaves(batches[0], ""))
    join = np.stack if unbatched else np.concatenate
    joined = [_join([batch[place] for batch in batches], join) for place in range(len(batches[0]))]
    y = joined[1] if len(joined) > 1 else None
    return Split(joined[0], y, num_batches, len(batches), note=note, unbatched=unbatched)


def _join(batches: list[Any], join: Callable[[list], np.ndarray]) -> Any:
    """Put the same array of each batch together."""
    first = batches[0]
    if isinstance(first, dict):
        return {key: _join([batch[key] for batch in batches], join) for key in first}
    if isinstance(first, list | tuple):
        return [_join([batch[place] for batch in batches], join) for place in range(len(first))]
    return join(_padded(batches))


def _padded(batches: list[np.ndarray]) -> list[np.ndarray]:
    """Bring batches of sequences to the length of the longest, as `padded_batch` does for each."""
    shapes = [batch.shape[1:] for batch in batches]
    if len({*shapes}) == 1 or len({*map(len, shapes)}) > 1 or batches[0].dtype.kind in "OSU":
        return batches
    longest = np.max(shapes, axis=0)
    missing = [[(0, 0), *((0, size) for size in longest - shape)] for shape in shapes]
    return [np.pad(batch, widths) for batch, widths in zip(batches, missing, strict=True)]
