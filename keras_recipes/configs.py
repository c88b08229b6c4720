"""Settings of every recipe: one flat frozen dataclass, from which the command line is made.

A recipe's own Config inherits from `Config` (or `DownloadedConfig`) and adds its fields. A field's
type carries its range, so that `--epochs -3` is refused before anything is loaded.
"""

import dataclasses
import numbers
import os
import pathlib
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from keras_recipes import reading
from keras_recipes.errors import InputError, describe, expected_names


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


class OrDataFrame:
    """A note in the type of a path: a `pandas.DataFrame` serves too."""


# Beyond any use, and small enough for the 32-bit integers that TensorFlow counts steps with.
Count = Annotated[int, Range(1, 10**9)]
Positive = Annotated[float, Range(0, includes_low=False, includes_high=False)]
NotNegative = Annotated[float, Range(0, includes_high=False)]
Threshold = Annotated[float, Range(0, 1, includes_low=False, includes_high=False)]
Fraction = Annotated[float, Range(0, 1, includes_high=False)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
Units = tuple[Count, ...]
Optimizer = Literal["sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw"]
Schedule = Literal["constant", "cosine"]
TableFile = Annotated[pathlib.Path, OrDataFrame()] | None

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
    """Batch size: number of rows per gradient update."""
    optimizer: Optimizer = "adam"
    """Optimizer."""
    learning_rate: Positive = 0.001
    """Initial learning rate."""
    schedule: Schedule = "constant"
    """Learning rate schedule: constant, or cosine decay to 0."""
    patience: Count = 10
    """Early-stopping patience in epochs."""
    refit: bool = False
    """Train a final model on training and validation rows, for the best number of epochs."""
    seed: Seed = 0
    """Random seed (split, initial weights, order of the rows)."""

    def __post_init__(self) -> None:
        check_fields(self)

    def for_rows(self, num_rows: int) -> "Config":
        """Return the settings for this number of training rows: here, the same settings."""
        return self


@dataclasses.dataclass(frozen=True)
class DownloadedConfig(Config):
    """Settings of a recipe whose data are downloaded, not installed with a package."""

    data: Literal["auto", "real", "builtin"] = "auto"
    """Data to use: real, builtin (a substitute), or auto (real if available)."""
    data_dir: pathlib.Path | None = None
    """Folder with the data files."""


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Settings of the run: output, training engine, baselines and check."""

    config: pathlib.Path | None = None
    """Start from saved settings: a config.json, a run folder, or a search folder (its best trial).
    Other flags override them."""
    out: pathlib.Path | None = None
    """Output folder of the run; by default, a new folder in runs/."""
    tensorboard: bool = False
    """Also write TensorBoard logs into the run folder."""
    mlflow: str | None = None
    """Also send settings and scores to MLflow: the URI of its server or database."""
    wandb: str | None = None
    """Also send settings and scores to this project of Weights & Biases."""
    engine: Literal["fused", "keras"] = "fused"
    """Training engine: fused (each epoch is one program), or keras (`keras.Model.fit`)."""
    strategy: Literal["none", "mirrored"] = "none"
    """Distribution strategy: mirrored splits each batch across all GPUs, with `keras.Model.fit`."""
    baselines: bool = True
    """Fit the baselines and show their test scores."""
    max_baseline_seconds: NotNegative | None = None
    """Time limit for the baselines; by default, a fifth of the training time, and at least 5 s."""
    strict: bool = False
    """Treat warnings of the check as errors."""
    quiet: bool = False
    """Print only the result."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Settings of your own data."""

    # Hold the data themselves; all others are keywords of what reads them.
    SOURCES: typing.ClassVar[tuple[str, ...]] = ()

    target: str | None = None
    """Column to predict."""
    problem: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    """Problem type; auto chooses it from the target."""
    group: str | None = None
    """What belongs together, and stays in the same split."""

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the fields that are about the data."""
        kinds = [one for one in (TableOptions, ImageOptions, TextOptions) if issubclass(cls, one)]
        names = (field.name for one in kinds for field in dataclasses.fields(one))
        return [*dict.fromkeys((*cls.SOURCES, *names))]

    @property
    def choices(self) -> dict[str, typing.Any]:
        """How to read the data: keywords of the `read` of own_table, own_images or own_texts."""
        others = (*self.SOURCES, "target")
        return {name: getattr(self, name) for name in self.names() if name not in others}

    def told(self) -> dict[str, object]:
        """Return the settings of the data that are not the defaults, files by their full paths."""
        given = {name: getattr(self, name) for name in self.names()}
        files = {
            name: reading.resolved(value)
            for name, value in given.items()
            if isinstance(value, pathlib.Path)
        }
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: v for name, v in (given | files).items() if v != defaults[name]}


@dataclasses.dataclass(frozen=True)
class TableOptions(DataOptions):
    """Settings of your own table: its file, target and columns."""

    SOURCES = ("csv",)

    csv: TableFile = None
    """Your table: a delimited text file that includes the target column."""
    header: bool = True
    """The first row holds the column names; otherwise the names are column_1, column_2, …"""
    categorical: tuple[str, ...] = ()
    """Columns to treat as categorical."""
    numeric: tuple[str, ...] = ()
    """Columns to treat as numeric."""
    text: tuple[str, ...] = ()
    """Columns of free text to learn from; others of free text are dropped."""
    drop: tuple[str, ...] = ()
    """Columns to drop."""
    time: str | None = None
    """Column of dates or numbers for a split by time: the latest rows become the test set."""
    encoding: str | None = None
    """Encoding of the file, such as cp949; detected by default."""
    group: str | None = None
    """Group column, such as a patient ID: rows with the same value stay in the same split. The
    column is not a feature."""
    missing: tuple[str, ...] = ()
    """Values to treat as missing: -200 in all columns, or bmi=0 in one column."""


@dataclasses.dataclass(frozen=True)
class ImageOptions(DataOptions):
    """Settings of your own images: their folder, size and colours."""

    SOURCES = ("folder",)

    folder: pathlib.Path | None = None
    """Your images: a folder with one subfolder per class, or with train, val and test folders; or a
    CSV file of paths and labels."""
    group: str | None = None
    """Images that stay in the same split, such as those of one person: a regular expression, whose
    match in the path names the group; or blocks, for runs of neighbouring files."""
    test_folder: pathlib.Path | None = None
    """Folder of the test images, with the same subfolders; by default, 20 % of all images."""
    size: Annotated[int, Range(8, 512)] | None = None
    """Image size in pixels: images are resized to size x size. By default, the median of their
    shorter sides, between 32 and 64."""
    colour: Literal["auto", "grey", "rgb"] = "auto"
    """Colour channels: grey, rgb, or auto (grey if all images are grey)."""


@dataclasses.dataclass(frozen=True)
class TextOptions(DataOptions):
    """Settings of your own texts: their file or folder, text column and target."""

    SOURCES = ("csv",)

    csv: TableFile = None
    """Your texts: a delimited text file with a text column and a target column; or a folder with
    one subfolder of .txt files per class, or with train and test folders."""
    text: tuple[str, ...] = ()
    """Text columns; by default, the column with the longest texts."""
    header: bool = True
    """The first row holds the column names; otherwise the names are column_1, column_2, …"""
    encoding: str | None = None
    """Encoding of the files, such as cp949; detected by default."""
    group: str | None = None
    """Group column, such as a user ID: rows with the same value stay in the same split."""
    tokens: Literal["auto", "words", "characters"] = "auto"
    """Split texts into words or characters; auto takes characters for Korean, Chinese, Japanese and
    Thai."""


@dataclasses.dataclass(frozen=True)
class OwnDataConfig(Config):
    """Settings of a recipe for the user's own data."""

    max_steps: Count = 10_000
    """Approximate maximum number of training steps. It limits the epochs of large data; with
    fewer epochs than the patience, there is no refit."""
    class_weights: bool = False
    """Use class weights, so that all classes have equal weight in the loss. The predicted
    probabilities of rare classes are then too high."""
    threshold: Threshold = 0.5
    """Decision threshold for two classes: the minimum probability to predict the second class."""

    def max_epochs_for(self, rows: int) -> int:
        """Return the maximum number of epochs for this number of training rows."""
        return -(-self.max_steps // -(-rows // self.batch_size))

    def for_rows(self, num_rows: int) -> "OwnDataConfig":
        """Return the settings with the number of epochs limited by max_steps.

        Fewer epochs than the patience need no refit.
        """
        most = self.max_epochs_for(num_rows)
        refit = self.refit and most >= self.patience
        return dataclasses.replace(self, epochs=min(self.epochs, most), refit=refit)


@dataclasses.dataclass(frozen=True)
class TableConfig(TableOptions, OwnDataConfig):
    """Settings of a recipe for the user's own table."""

    POSITIONAL = "csv"


@dataclasses.dataclass(frozen=True)
class ImageConfig(ImageOptions, OwnDataConfig):
    """Settings of a recipe for the user's own images."""

    POSITIONAL = "folder"


@dataclasses.dataclass(frozen=True)
class TextConfig(TextOptions, OwnDataConfig):
    """Settings of a recipe for the user's own texts."""

    POSITIONAL = "csv"


EXPECTED_SETTINGS = "a run folder, a search that has ended, or a config.json"


def read_settings(path: pathlib.Path, kind: type[Config], given_by: str) -> dict[str, typing.Any]:
    """Read the settings that a run or a search has left, by the names that they have now.

    Args:
        path: A config.json, or the folder of a run or of a search, whose best point is meant.
        kind: Config of the recipe that they are for.
        given_by: Flag by which the path was given, for messages.

    Returns:
        What stands in the file.

    Raises:
        InputError: If there is no such file, or it holds no settings.
    """
    candidates = (path / "config.json", path / "best" / "config.json")
    file = next((one for one in candidates if one.exists()), None) if path.is_dir() else path
    is_missing = path.parent.is_dir() and not os.path.lexists(path)
    if file is None or is_missing:
        missing = "no such file; " * is_missing
        raise InputError(f"{given_by} {reading.shown(path)}: {missing}expected {EXPECTED_SETTINGS}")
    try:
        settings = reading.read_json(file, f"expected {EXPECTED_SETTINGS}")
    except InputError as error:
        raise InputError(f"{given_by} {error}") from error
    now = {old: new for old, new in RENAMED.items() if hasattr(kind, new)}
    return {now.get(name, name): value for name, value in settings.items()}


def check_fields(settings: typing.Any) -> None:
    """Hold every field of a dataclass against its type, and keep it as that type has it.

    Raises:
        InputError: If one does not fit; the message names it.
    """
    hints = typing.get_type_hints(type(settings), include_extras=True)
    for field in dataclasses.fields(settings):
        value = check_value(field.name, getattr(settings, field.name), hints[field.name])
        object.__setattr__(settings, field.name, value)  # also of a frozen one


def check_names(given: Iterable[str], known: Sequence[str], owner: str) -> None:
    """Refuse names that are no settings.

    Args:
        given: What a user gave by name.
        known: The settings there are.
        owner: What has them, for messages.

    Raises:
        InputError: With the first name that is not known.
    """
    for name in given:
        now = RENAMED.get(name)
        if now in known:
            raise InputError(f"{name}: is called {now} now")
        if name not in known:
            renamed = f" ({now} now)" if now else ""
            raise InputError(
                f"{name}{renamed}: {owner} has no such setting; {expected_names(name, known)}"
            )


def check_value(name: str, value: typing.Any, hint: typing.Any) -> typing.Any:
    """Return a value as its type has it: NumPy's numbers as Python's, text as a path, 8 as (8,).

    Args:
        name: Of the value, for messages.
        value: What a user gave.
        hint: Its type; values of a type that is not known here are returned as they are.

    Raises:
        InputError: If the value is of another type, outside its range or none of its choices.
    """
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # of NumPy
        value = value.item()
    kinds = typing.get_args(hint)
    if typing.get_origin(hint) is Annotated:
        if any(isinstance(note, OrDataFrame) for note in kinds[1:]):
            return _path_or_table(name, value)
        value = check_value(name, value, kinds[0])
        for limit in kinds[1:]:
            if isinstance(limit, Range) and value is not None and value not in limit:
                raise InputError(f"{name}: received {reading.shown(value)}, expected {limit}")
        return value
    if type(None) in kinds:
        others = [kind for kind in kinds if kind is not type(None)]
        return value if value is None or others[1:] else check_value(name, value, others[0])
    if typing.get_origin(hint) is tuple and kinds[1:] == (...,):
        values = value.tolist() if hasattr(value, "tolist") else value
        values = values if isinstance(values, list | tuple) else [values]
        return tuple(check_value(name, one, kinds[0]) for one in values)
    if typing.get_origin(hint) is Literal:
        if not any(type(value) is type(one) and value == one for one in kinds):
            choices = ", ".join(map(str, kinds))
            raise InputError(f"{name}: received {describe(value)}, expected one of {choices}")
        return value
    return _converted(name, value, hint)


def _converted(name: str, value: typing.Any, kind: typing.Any) -> typing.Any:
    """Return a value as one of the plain types."""
    taken: dict[typing.Any, tuple[type | types.UnionType, str]] = {
        bool: (bool, "True or False"),
        int: (numbers.Integral, "a whole number"),
        float: (numbers.Real, "a number"),
        str: (str | numbers.Integral, "text"),  # the columns of a DataFrame may be 0, 1, …
        pathlib.Path: (str | os.PathLike, "a path"),
    }
    if kind not in taken:
        return value
    wanted, described = taken[kind]
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{name}: received {describe(value)}, expected {described}")
    if kind is not pathlib.Path:
        return kind(value)
    try:
        return pathlib.Path(str(value)).expanduser()
    except RuntimeError as error:
        raise InputError(
            f"{name}: received {reading.shown(value)}, and there is no such user's home; write the "
            "path out"
        ) from error


def _path_or_table(name: str, value: typing.Any) -> typing.Any:
    if isinstance(value, str | os.PathLike):
        return _converted(name, value, pathlib.Path)
    import pandas as pd  # not before: it takes long to load, and who has a DataFrame has it already

    if isinstance(value, pd.DataFrame):
        return value
    raise InputError(
        f"{name}: received {describe(value)}, expected a path, or a table as a pandas.DataFrame"
    )
