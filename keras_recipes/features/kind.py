"""The contract of a kind of input: what differs between tables, images and arrays, in one object.

Training, runs, searches, `predict` and `export` have no branch for a kind. They ask its object.
A new kind is one file (or folder) in `data`, by which files become rows, one in `features` with the
object, and an entry in `kinds`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import keras
import numpy as np
import pandas as pd

from keras_recipes import reading
from keras_recipes.data.splits import Splits
from keras_recipes.features.baselines import Baseline
from keras_recipes.problems import Problem

if TYPE_CHECKING:
    import tensorflow as tf
    from rich.table import Table


class NewInputs(NamedTuple):
    """New inputs, read from a file.

    Attributes:
        names: One row for each input: its number (from 1) or its file in the column "input", and
            the columns by which the user knows it.
        x: As the model takes them, (rows, ...).
        y: The targets, where the file holds them too: (rows,), NaN for unknown ones.
    """

    names: pd.DataFrame
    x: Any
    y: np.ndarray | None = None


class Signature(NamedTuple):
    """What an exported model takes.

    Attributes:
        read: From the signature's tensors to the model's inputs.
        specs: Their `TensorSpec`, or a dict of such.
        described: What stands in signature.json, by the name of each.
    """

    read: Callable[[Any], Any]
    specs: Any
    described: dict[str, Any]


class NumericInput(NamedTuple):
    """An input of a model that other programs than TensorFlow run: numbers alone.

    Attributes:
        shape: Of one row.
        dtype: float32 or int32.
        low: Smallest value of the training rows, for all of a row's numbers or for each.
        high: Largest one.
        described: What else stands in signature.json.
    """

    shape: tuple[int, ...]
    dtype: str
    low: Any
    high: Any
    described: dict[str, Any]


class Numeric(NamedTuple):
    """A model of numbers alone, for formats without strings.

    Attributes:
        inputs: By name.
        outputs: From a tensor for each input, (rows, ...), to the model's outputs (rows, outputs).
        encode: From rows as the model takes them to an array for each input.
        encoding: What makes these numbers of raw inputs, as JSON: vocabularies; empty for none.
    """

    inputs: dict[str, NumericInput]
    outputs: Callable[[Mapping[str, Any]], tf.Tensor]
    encode: Callable[[Any], dict[str, np.ndarray]]
    encoding: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a model was trained on; its fields stand in a run's schema.json.

    Attributes:
        NAME: Of the kind, in schema.json.
    """

    NAME: ClassVar[str]

    @classmethod
    def of(cls, splits: Splits) -> Self | None:
        """Return what splits of this kind hold; None for those of another kind."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Put together again what `dataclasses.asdict` took apart.

        Raises:
            ValueError: If these are not such values.
        """
        made: Self = reading.checked(values, cls, "inputs")
        made.check()
        return made

    def check(self) -> None:
        """Raise ValueError where the values of the fields do not go together."""

    def attach(self, model: keras.Model) -> None:
        """Set how a model that a file has held takes such inputs."""

    @property
    def unit(self) -> str | None:
        """Unit of the target, as the user's file names it; None where the problem knows it."""
        return None

    @property
    def takes(self) -> str:
        """What `predict` takes, for messages."""
        raise NotImplementedError

    def describe(self) -> Iterable[Table | str]:
        """Return what was made of the user's files, to be printed before training."""
        return ()

    def refuse(self, given: pd.DataFrame | np.ndarray) -> None:
        """Raise InputError where a table or an array in memory cannot be such inputs."""

    def read(self, path: Path) -> NewInputs:
        """Read new inputs.

        Raises:
            InputError: If the file does not fit; the message says where.
        """
        raise NotImplementedError

    def example(self) -> Any:
        """Return one row of what the model takes, with nothing in it."""
        raise NotImplementedError

    def differences(self, model: keras.Model, x: Any) -> Iterable[str]:
        """Return what new inputs hold that the training rows did not, a sentence for each."""
        return ()

    def signatures(self) -> Mapping[str, Signature]:
        """Return the inputs of an exported model, by the names of its endpoints; "serve" is one."""
        raise NotImplementedError

    def describe_inputs(self, model: keras.Model) -> dict[str, dict[str, Any]]:
        """Return what each input of a model is to hold, by its name in Keras."""
        raise NotImplementedError

    def numeric(self, model: keras.Model) -> Numeric:
        """Return what of a model runs without strings: behind the vocabularies, where it has such.

        Raises:
            InputError: If there is no such thing.
        """
        raise NotImplementedError

    def baselines(self, problem: Problem, train: Any) -> Sequence[Baseline]:
        """Return what the network is compared with, beside the mean or the most frequent class."""
        raise NotImplementedError

    def columns_of(self, x: Any) -> Mapping[str, list[str]]:
        """Return the columns of x that each column of the user's file became; none for no table."""
        return {}

    def heat_maps(self, model: keras.Model, x: np.ndarray) -> np.ndarray | None:
        """Return where in each image the network looks, (rows, height, width) in 0..1; or None."""
        return None

    def terms(
        self, problem: Problem, model: keras.Model, x: Any
    ) -> Mapping[str, list[tuple[str, float]]]:
        """Return the terms that speak most for each class, with their effect; none for no text."""
        return {}

    def shown(self, x: Any) -> Sequence[str] | None:
        """Return what a person reads of each input; None where there is nothing to read."""
        return None


def ranges_of(x: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return the smallest and the largest number of each numeric column that has any."""
    numbers = x.select_dtypes("number")
    low, high = (ends.dropna().astype(float) for ends in (numbers.min(), numbers.max()))
    return dict(zip(low.index, zip(low.tolist(), high.tolist(), strict=True), strict=True))


def table_of_findings(title: str, rows: Iterable[Sequence[str]], counted: str) -> Table:
    """Return the table of what was seen in files, and what was done about it.

    Args:
        title: Above it.
        rows: From `findings.rows`.
        counted: What the second column counts, such as "images".
    """
    from rich import markup
    from rich.table import Table

    table = Table(title=markup.escape(title))
    for name in ("what", counted, "what was done", "examples"):
        table.add_column(name, justify="right" if name == counted else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(markup.escape, row))
    return table
