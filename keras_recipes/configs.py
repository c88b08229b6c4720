"""What every recipe can be told: one flat frozen dataclass, from which the command line is made.

A recipe's own Config inherits from `Config` (or `DownloadedConfig`) and adds its fields. A field's
type carries its range, so that `--epochs -3` is refused before anything is loaded.
"""

import dataclasses
import pathlib
import typing
from typing import Annotated, Literal

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


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings that every recipe has.

    Attributes:
        POSITIONAL: Field that a first argument without a flag is for; None for no field.
    """

    POSITIONAL: typing.ClassVar[str | None] = None

    epochs: Count = 100
    """Passes over the training rows, at most."""
    batch_size: Count = 32
    """Rows of one update of the weights."""
    optimizer: Optimizer = "adam"
    """Rule of the update."""
    learning_rate: Positive = 0.001
    """Step size of the update."""
    schedule: Schedule = "constant"
    """Course of the learning rate over the epochs: as it is, or falling to 0 along a cosine."""
    patience: Count = 10
    """Epochs without a better validation score after which training stops."""
    refit: bool = False
    """Whether the best model is trained anew, for as many epochs, on the validation rows too."""
    seed: Seed = 0
    """Decides the split, the initial weights and the order of the rows."""

    def __post_init__(self) -> None:
        check_fields(self)

    def for_rows(self, num_rows: int) -> "Config":
        """Return these settings as they hold for so many training rows: here the same."""
        return self


@dataclasses.dataclass(frozen=True)
class DownloadedConfig(Config):
    """Settings of a recipe whose data are downloaded, not installed with a package."""

    data: Literal["auto", "real", "builtin"] = "auto"
    """The real data, the built-in data, or whichever can be had in this order."""
    data_dir: pathlib.Path | None = None
    """Folder that holds the data files."""


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Where a run writes, what it shows, which engine trains, and what is let pass."""

    out: pathlib.Path | None = None
    """Folder to write the run into; by default the next free one in runs/."""
    tensorboard: bool = False
    """Write TensorBoard's logs into the run folder as well."""
    engine: Literal["fused", "keras"] = "fused"
    """Train whole epochs as one program, or batch by batch by Keras's own fit."""
    strategy: Literal["none", "mirrored"] = "none"
    """Divide each batch among all GPUs (mirrored), by Keras's own fit."""
    strict: bool = False
    """Take what the check before training warns of as an error."""
    quiet: bool = False
    """Print the result only, no progress."""


@dataclasses.dataclass(frozen=True)
class TableOptions:
    """What can be told about a table of the user's."""

    csv: pathlib.Path | None = None
    """The table: a delimited text file, the target among its columns."""
    target: str | None = None
    """Column to predict."""
    problem: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    """Kind of problem; auto decides by the target."""
    header: bool = True
    """The first row names the columns; with --no-header they become column_1, column_2, …"""
    categorical: tuple[str, ...] = ()
    """Columns to take as categories, whatever they look like."""
    numeric: tuple[str, ...] = ()
    """Columns to take as numbers."""
    drop: tuple[str, ...] = ()
    """Columns to leave out."""
    time: str | None = None
    """Column of dates or numbers to split by: test on the last rows, instead of any."""

    @property
    def choices(self) -> dict[str, typing.Any]:
        """How to read the table, beside its file and its target: keywords of `own_table.read`."""
        names = ("problem", "header", "categorical", "numeric", "drop", "time")
        return {name: getattr(self, name) for name in names}

    def told(self) -> dict[str, object]:
        """Return the settings of the table that are not the defaults, the file by its full path."""
        names = [field.name for field in dataclasses.fields(TableOptions)]
        given = {name: getattr(self, name) for name in names}
        if self.csv is not None:
            given["csv"] = self.csv.expanduser().resolve()
        return {name: v for name, v in given.items() if v != getattr(TableOptions, name)}


@dataclasses.dataclass(frozen=True)
class TableConfig(TableOptions, Config):
    """Settings of a recipe for a table of the user's."""

    POSITIONAL = "csv"

    max_steps: Count = 10_000
    """Steps of a training, about: a table of many rows is gone through in fewer epochs, and not
    again with the validation rows."""
    class_weights: bool = False
    """Let the rows of a rare class count more, so that all classes count the same; probabilities
    are then too high for the rare ones."""
    threshold: Annotated[float, Range(0, 1, includes_low=False, includes_high=False)] = 0.5
    """Of two classes, the second is predicted from this probability on."""

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


def check_fields(settings: object) -> None:
    """Hold every field of a dataclass against the range or the choices of its type.

    Raises:
        InputError: If one is outside; the message names it.
    """
    hints = typing.get_type_hints(type(settings), include_extras=True)
    for field in dataclasses.fields(settings):
        _check(field.name, getattr(settings, field.name), hints[field.name])


def _check(name: str, value: object, hint: object) -> None:
    """Hold one field against its type's range or choices, each member of a tuple by itself."""
    if typing.get_origin(hint) is tuple:
        for member in value:
            _check(name, member, typing.get_args(hint)[0])
    elif type(None) in typing.get_args(hint):
        if value is not None:
            _check(name, value, typing.get_args(hint)[0])
    elif typing.get_origin(hint) is Literal:
        if value not in typing.get_args(hint):
            choices = ", ".join(map(str, typing.get_args(hint)))
            raise InputError(f"{name}: received {value!r}, expected one of {choices}")
    elif typing.get_origin(hint) is Annotated:
        kind, *notes = typing.get_args(hint)
        limits = [note for note in notes if isinstance(note, Range)]
        if not limits:  # a note for the command line only
            _check(name, value, kind)
            return
        if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
            raise InputError(f"{name}: received {value!r}, expected {kind.__name__}")
        for limit in limits:
            if value not in limit:
                raise InputError(f"{name}: received {value}, expected {limit}")
