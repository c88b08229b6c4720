"""What the targets of one output look like."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from keras_recipes.checks.inspect import reading

# Distinct values are taken from this many numbers at most; smallest and largest from all.
NUMBERS_OF_SAMPLE = 200_000


class Targets:
    """The targets of one output, of all splits; text as what it will have to become.

    Text that names classes comes as their numbers, and numbers as text as numbers: a rule about
    text reports it, and the other rules look at what its fix makes.

    Attributes:
        splits: Training, validation and test targets as arrays; those that are there.
        validation: The validation targets; None without a validation split.
        others: Validation and test targets, whatever their shape; empty where there are none.
        names: The text that each number stands for; empty where there was no text.
        are_whole: Whether all training targets were read, and not the first ones of a stream, which
            may be of few classes.
    """

    def __init__(
        self, train: Any, validation: Any = None, test: Any = None, *, are_whole: bool = True
    ):
        self.are_whole = are_whole
        given = [_to_array(split) for split in (train, validation, test)]
        (self.train, *others), self.names = _without_text(given)
        self.others = dict(zip(("validation ", "test "), others, strict=True))
        self.validation = None if validation is None else others[0]
        self.splits = (
            self.train,
            *(y for y in others if y.ndim and y.size and y.shape[1:] == self.shape[1:]),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the training targets."""
        return self.train.shape

    @property
    def rows(self) -> int:
        """Training rows; 0 where there are no targets."""
        return self.shape[0] if self.train.ndim else 0

    @property
    def is_number(self) -> bool:
        """Whether there are targets, and they are numbers or truth values."""
        return self.train.dtype.kind in "biuf" and self.train.size > 0

    @property
    def is_flat(self) -> bool:
        """Whether there is one value for each row."""
        return self.train.ndim == 1 or (self.train.ndim == 2 and self.shape[1] == 1)

    @functools.cached_property
    def sample(self) -> np.ndarray:
        """Numbers of all splits, shape (numbers,), evenly spread where there are many."""
        return np.concatenate([_thin(split).ravel() for split in self.splits])

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """Distinct finite values, ascending; of a sample where there are many numbers."""
        if not self.is_number:
            return np.empty(0)
        values = np.unique(np.append(self.sample, self.range))
        return values[np.isfinite(values)]

    @functools.cached_property
    def range(self) -> tuple[float, float]:
        """Smallest and largest finite value of all splits."""
        ranges = [_range(split) for split in self.splits if split.size]
        return min(low for low, _ in ranges), max(high for _, high in ranges)

    @functools.cached_property
    def are_integers(self) -> bool:
        """Whether all are whole numbers, as class numbers are."""
        if self.train.dtype.kind in "biu":
            return self.is_number
        return self.is_number and bool((self.labels == np.round(self.labels)).all())

    @property
    def are_0_and_1(self) -> bool:
        """Whether there is no other value than 0 and 1, and both are there."""
        return np.array_equal(self.labels, (0, 1))

    @property
    def are_class_numbers(self) -> bool:
        """Whether these are the class numbers 0 to K-1 of a few classes."""
        few = 2 <= len(self.labels) <= 20
        return few and self.are_integers and np.array_equal(self.labels, range(len(self.labels)))

    @functools.cached_property
    def is_rows_of_0_and_1(self) -> bool:
        """Whether each row is several columns of 0 and 1."""
        wide = self.is_number and self.train.ndim > 1 and self.shape[-1] > 1
        return wide and bool(np.isin(self.sample, (0, 1)).all())

    @functools.cached_property
    def positives(self) -> np.ndarray:
        """Sums over the last axis, for rows of 0 and 1."""
        return np.concatenate([_thin(split).sum(axis=-1, dtype="float64") for split in self.splits])

    @property
    def is_one_hot(self) -> bool:
        """Whether each row has a single 1."""
        return self.is_rows_of_0_and_1 and bool((self.positives == 1).all())

    def show(self, values: np.ndarray) -> str:
        """Write the first few of some values, as the text that they stand for where there is."""
        named = [repr(self.names[int(v)]) if self.names else f"{v:g}" for v in values[:6]]
        return ", ".join(named) + (f", … ({len(values)} values)" if len(values) > 6 else "")


def finite_sample(y: np.ndarray) -> np.ndarray:
    """Return the finite numbers of some targets, shape (numbers,), evenly spread where many."""
    numbers = _thin(y).ravel()
    return numbers[np.isfinite(numbers)]


def _to_array(y: Any) -> np.ndarray:
    if y is None:
        return np.empty(0)
    if scipy.sparse.issparse(y):
        return y.toarray()
    if isinstance(y, pd.DataFrame | pd.Series):
        dtypes = y.dtypes if isinstance(y, pd.DataFrame) else [y.dtype]
        own = any(isinstance(dtype, pd.api.extensions.ExtensionDtype) for dtype in dtypes)
        if own and all(pd.api.types.is_numeric_dtype(dtype) for dtype in dtypes):
            # pandas' own numbers, which become objects in NumPy
            return y.to_numpy(dtype="float64", na_value=np.nan)
    return np.asarray(y)


def _without_text(splits: list[np.ndarray]) -> tuple[list[np.ndarray], list[str]]:
    """Return text in one column as numbers, those it spells or one for each text, and the texts."""
    flat = [split.size == len(split) for split in splits]
    if not reading.is_text(splits[0]) or not splits[0].size or not all(flat):
        return splits, []
    cells = pd.Series(np.concatenate([split.astype(object).ravel() for split in splits]))
    kind = pd.api.types.infer_dtype(cells, skipna=True)
    if kind in ("date", "datetime", "timedelta", "period", "bytes", "mixed", "complex", "empty"):
        return splits, []
    known = cells.notna()
    numbers, names = pd.to_numeric(cells, errors="coerce").astype("float64"), []
    if numbers[known].isna().any():
        numbers[known], names = pd.factorize(cells[known].astype(str), sort=True)
    ends = np.cumsum([len(split) for split in splits])[:-1]
    made = np.split(numbers.to_numpy(), ends)
    return [y.reshape(given.shape) for y, given in zip(made, splits, strict=True)], list(names)


def _thin(y: np.ndarray) -> np.ndarray:
    """Return whole rows that hold no more numbers than a sample may."""
    if y.size <= NUMBERS_OF_SAMPLE:
        return y
    return y[reading.spread(len(y), max(1, NUMBERS_OF_SAMPLE * len(y) // y.size))]


def _range(y: np.ndarray) -> tuple[float, float]:
    low, high = y.min(), y.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = y[np.isfinite(y)]
        low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    return float(low), float(high)
