"""Settings of every recipe: one flat frozen dataclass, from which the command line is made.

A recipe's own Config inherits from `Config` (or `DownloadedConfig`) and adds its fields. A field's
type carries its range, so that `--epochs -3` is refused before anything is loaded.
"""

import dataclasses
import pathlib
import typing
from typing import Annotated, Literal

from keras_recipes import reading
from keras_recipes.errors import InputError


@dataclasses.dataclass(frozen=True)
class Range:
    """The values that a number may take: from `low` to `high`, either end included or not."""

    low: float
    high: float = float("inf")
    includes_low: bool = True
    includes_high: bool = True

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.includes_low else value > self.low
        below = value <= self.high if self.includes_high else value < self.high
        return above and below

    def __str__(self) -> str:
        low = f"{'at least' if self.includes_low else 'above'} {_figure(self.low)}"
        if self.high == float("inf"):
            return low if self.includes_high else f"{low} and finite"
        return f"{low} and {'at most' if self.includes_high else 'below'} {_figure(self.high)}"


def _figure(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


# Beyond any use, and small enough for the 32-bit integers that TensorFlow counts steps with.
Count = Annotated[int, Range(1, 10**9)]
Positive = Annotated[float, Range(0, includes_low=False, includes_high=False)]
NotNegative = Annotated[float, Range(0, includes_high=False)]
Fraction = Annotated[float, Range(0, 1, includes_high=False)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
Units = tuple[Count, ...]
Optimizer = Literal["sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw"]
Schedule = Literal["constant", "cosine"]

# What settings were called before, for messages and for the config.json of old runs.
RENAMED = {
    "members": "ensemble_size",
    "embedding_units": "embedding_size",
    "bins": "num_bins",
    "most_words": "max_categories",
    "most_steps": "max_steps",
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings that every recipe has.

    Attributes:
        POSITIONAL: Field that a first argument without a flag is for; None for no field.
    """

    POSITIONAL: typing.ClassVar[str | None] = None

    epochs: Count = 100
    """Maximum number of epochs: passes over the training rows."""
    batch_size: Count = 32
    """Rows per gradient update (batch size)."""
    optimizer: Optimizer = "adam"
    """Optimizer of the training."""
    learning_rate: Positive = 0.001
    """Learning rate of the optimizer, at the start of its schedule."""
    schedule: Schedule = "constant"
    """Learning rate schedule over the epochs: constant, or cosine decay to 0."""
    patience: Count = 10
    """Early-stopping patience in epochs."""
    refit: bool = False
    """Train a new model for the best number of epochs on training and validation rows together."""
    seed: Seed = 0
    """Random seed of the split, the initial weights and the order of the rows."""

    def __post_init__(self) -> None:
        check_fields(self)

    def for_rows(self, num_rows: int) -> "Config":
        """Return these settings as they hold for so many training rows: here the same."""
        return self


@dataclasses.dataclass(frozen=True)
class DownloadedConfig(Config):
    """Settings of a recipe whose data are downloaded, not installed with a package."""

    data: Literal["auto", "real", "builtin"] = "auto"
    """The real data, the built-in data, or auto: real if available, else built-in."""
    data_dir: pathlib.Path | None = None
    """Folder that holds the data files."""


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Output folder, progress, training engine and strictness of a run."""

    out: pathlib.Path | None = None
    """Folder to write the run into; by default the next free one in runs/."""
    tensorboard: bool = False
    """Also write TensorBoard logs into the run folder."""
    engine: Literal["fused", "keras"] = "fused"
    """Training engine: whole epochs as one program (fused), or `keras.Model.fit`."""
    strategy: Literal["none", "mirrored"] = "none"
    """Distribution strategy: mirrored divides each batch among all GPUs, by `keras.Model.fit`."""
    strict: bool = False
    """Treat warnings of the check before training as errors."""
    quiet: bool = False
    """Print the result only, no progress."""


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """Settings of a table of your own: its file, target and columns."""

    csv: pathlib.Path | None = None
    """The table: a delimited text file, the target among its columns."""
    target: str | None = None
    """Column to predict."""
    problem: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    """Problem type; auto decides by the target."""
    header: bool = True
    """The first row names the columns; with --no-header they become column_1, column_2, …"""
    categorical: tuple[str, ...] = ()
    """Columns to treat as categorical."""
    numeric: tuple[str, ...] = ()
    """Columns to treat as numeric."""
    drop: tuple[str, ...] = ()
    """Columns to leave out."""
    time: str | None = None
    """Column of dates or numbers to split by in time: the last rows become the test split."""

    @property
    def choices(self) -> dict[str, typing.Any]:
        """Keywords of `own_table.read`: how to read the table."""
        names = ("problem", "header", "categorical", "numeric", "drop", "time")
        return {name: getattr(self, name) for name in names}

    def told(self) -> dict[str, object]:
        """Return the settings of the table that are not the defaults, the file by its full path."""
        names = [field.name for field in dataclasses.fields(TableOptions)]
        given = {name: getattr(self, name) for name in names}
        if self.csv is not None:
            given["csv"] = reading.resolved(self.csv)
        return {name: v for name, v in given.items() if v != getattr(TableOptions, name)}


@dataclasses.dataclass(frozen=True)
class TableConfig(TableOptions, Config):
    """Settings of a recipe for a table of the user's."""

    POSITIONAL = "csv"

    max_steps: Count = 10_000
    """Maximum number of training steps, about: a table of many rows gets fewer epochs, and no
    refit."""
    class_weights: bool = False
    """Weight the rows by class, so that all classes count the same in the loss; the predicted
    probabilities of rare classes are then too high."""
    threshold: Annotated[float, Range(0, 1, includes_low=False, includes_high=False)] = 0.5
    """Decision threshold: the second of two classes is predicted from this probability on."""

    def max_epochs_for(self, rows: int) -> int:
        """Return the epochs that max_steps allow for so many training rows."""
        return -(-self.max_steps // -(-rows // self.batch_size))

    def for_rows(self, num_rows: int) -> "TableConfig":
        """Return these settings with as many epochs as max_steps allow for so many training rows.

        Fewer epochs than the patience need no refit.
        """
        most = self.max_epochs_for(num_rows)
        refit = self.refit and most >= self.patience
        return dataclasses.replace(self, epochs=min(self.epochs, most), refit=refit)


def check_fields(settings: typing.Any) -> None:
    """Hold every field of a dataclass against the range or the choices of its type.

    Raises:
        InputError: If one is outside; the message names it.
    """
    hints = typing.get_type_hints(type(settings), include_extras=True)
    for field in dataclasses.fields(settings):
        check_value(field.name, getattr(settings, field.name), hints[field.name])


def check_value(name: str, value: typing.Any, hint: typing.Any) -> None:
    """Raise InputError for a value outside its type's range or choices, with the given name."""
    if typing.get_origin(hint) is tuple:
        for member in value:
            check_value(name, member, typing.get_args(hint)[0])
    elif type(None) in typing.get_args(hint):
        if value is not None:
            check_value(name, value, typing.get_args(hint)[0])
    elif typing.get_origin(hint) is Literal:
        if value not in typing.get_args(hint):
            choices = ", ".join(map(str, typing.get_args(hint)))
            received = reading.shown(repr(value))
            raise InputError(f"{name}: received {received}, expected one of {choices}")
    elif typing.get_origin(hint) is Annotated:
        kind, *notes = typing.get_args(hint)
        limits = [note for note in notes if isinstance(note, Range)]
        if not limits:  # a note for the command line only
            check_value(name, value, kind)
            return
        if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
            received = reading.shown(repr(value))
            raise InputError(f"{name}: received {received}, expected {kind.__name__}")
        for limit in limits:
            if value not in limit:
                raise InputError(f"{name}: received {reading.shown(value)}, expected {limit}")
