"""A table of the user's own, as rows to learn from: what to predict, from which columns.

Rows, shape, source and licence are the user's; `read` says what it made of them.
"""

import dataclasses
import logging
import math
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from keras_recipes import reading
from keras_recipes.data import cells, columns, csv_reader, rents, splits, targets
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

_MIN_ROWS = 20
_MIN_COPIES = 3


class Wishes(NamedTuple):
    """What the user says of columns, as in `read`."""

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    time: str | None = None


@dataclasses.dataclass(frozen=True)
class Source(splits.Source):
    """Where rows came from, and what was made of the file's columns.

    Attributes:
        target: Column that is predicted.
        problem: Kind of problem, and why.
        header: Whether the first row of the file names its columns.
        names: Of all columns, in the file's order.
        columns: All but the target, each with its meaning.
        num_without_target: Rows that were left out.
        num_copies: Rows that were left out since they are copies of others.
        class_names: In label order; empty for regression.
        digest: Hash of the file's content.
    """

    target: str
    problem: str
    header: bool
    names: tuple[str, ...]
    columns: tuple[columns.Column, ...]
    num_without_target: int
    num_copies: int
    class_names: tuple[str, ...]
    digest: str

    @property
    def problem_kind(self) -> str:
        """The kind of problem: binary, multiclass or regression."""
        return self.problem.partition(":")[0]

    @property
    def num_categories(self) -> list[int]:
        """The number of categories of each categorical column; missing values count as one."""
        categories = [column for column in self.columns if column.kind == "category"]
        return [column.num_values + bool(column.num_missing) for column in categories]


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """What there is to learn.

    Attributes:
        x: Rows as `columns.convert` gives them.
        y: int32 classes, or float32 values, shape (rows,).
        kind: Of the problem.
        source: Of the rows.
        order: Places of the rows from the first to the last in time; None to split at random.
    """

    x: "pd.DataFrame"
    y: np.ndarray
    kind: targets.Kind
    source: Source
    order: np.ndarray | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the classes in label order; empty for regression."""
        return self.source.class_names

    def split(self, seed: int) -> splits.Splits:
        """Divide into 60 % train, 20 % validation and 20 % test rows, by seed or by time."""
        if self.order is None:
            return splits.split(self.x, self.y, self.source, seed)
        rows, count = splits.Split(self.x, self.y), len(self.y)
        parts = np.split(self.order, [round(0.6 * count), round(0.8 * count)])
        train, validation, test = map(rows.take, parts)
        return splits.Splits(train, validation, test, self.source, in_time=True)


def source_of(data: splits.Splits) -> Source:
    """Return the source of splits that `Table.split` made.

    Raises:
        InputError: If the splits are of other rows.
    """
    if not isinstance(data.source, Source):
        raise InputError(f"{data.source.name}: received no table from `own_table.read`")
    return data.source


def read(
    path: "str | pathlib.Path | pd.DataFrame | None",
    target: str | None,
    *,
    problem: Literal["auto"] | targets.Kind = "auto",
    header: bool = True,
    categorical: Iterable[str] = (),
    numeric: Iterable[str] = (),
    drop: Iterable[str] = (),
    time: str | None = None,
) -> Table:
    """Read a file and decide what its columns mean.

    Args:
        path: Of a delimited text file, or a DataFrame, which is read as the file that `to_csv`
            makes of it; None computes synthetic data, which decide their columns themselves.
        target: Column to predict.
        problem: Kind of problem, or "auto" to decide by the target.
        header: Whether the first row names the columns.
        categorical: Columns to take as categorical.
        numeric: Columns to take as numeric.
        drop: Columns to leave out.
        time: Column of dates or numbers; the last rows by it are the test rows, those before them
            the validation rows.

    Returns:
        The table.

    Raises:
        InputError: The file, the target or a column cannot serve.
    """
    if path is None:
        return _synthetic("regression" if problem == "auto" else problem)
    wishes = Wishes(tuple(categorical), tuple(numeric), tuple(drop), time)
    with csv_reader.as_file(path) as given:
        file = reading.resolved(given)
        if target is None:
            raise InputError(f"{file.name}: which column to predict? Say --target COLUMN.")
        frame, dialect = csv_reader.read(file, header=header, no_header="say --no-header")
        digest = reading.sha256(file)
    origin = splits.Source(file.name, "real", "a file of the user", "the user's")
    return _make(frame, target, problem, header, wishes, origin, digest, dialect.decimal)


def _synthetic(kind: targets.Kind) -> Table:
    origin = splits.Source(
        "synthetic flats to rent", "built-in", "computed", "that of this repository"
    )
    target = rents.TARGETS[kind]
    others = [name for name in rents.TARGETS.values() if name != target]
    return _make(rents.draw().drop(columns=others), target, kind, True, Wishes(), origin, "")


def _make(
    frame: "pd.DataFrame",
    target: str,
    problem: Literal["auto"] | targets.Kind,
    header: bool,
    wishes: Wishes,
    origin: splits.Source,
    digest: str,
    decimal: str = ".",
) -> Table:
    """Decide what a table's columns mean; messages begin with the file's name."""
    try:
        _check_target(frame, target, wishes)
        goal = targets.read(frame[target], problem, decimal)
        known, y = _with_target(frame, goal.y, target)
        found = columns.infer(
            known.drop(columns=target),
            categorical=wishes.categorical,
            numeric=wishes.numeric,
            drop=wishes.drop,
            decimal=decimal,
        )
        x, y = _without_copies(origin.name, _inputs(known, found, target), y)
        order = _in_time(known.loc[x.index], wishes.time)
    except InputError as error:
        raise InputError(f"{origin.name}: {error}") from None
    source = Source(
        **dataclasses.asdict(origin),
        target=target,
        problem=f"{goal.kind}: {goal.reason}",
        header=header,
        names=tuple(map(str, frame.columns)),
        columns=tuple(found),
        num_without_target=len(frame) - len(known),
        num_copies=len(known) - len(y),
        class_names=goal.class_names,
        digest=digest,
    )
    return Table(
        x, y.astype("float32" if goal.kind == "regression" else "int32"), goal.kind, source, order
    )


def _with_target(
    frame: "pd.DataFrame", y: np.ndarray, target: str
) -> "tuple[pd.DataFrame, np.ndarray]":
    """Leave out the rows of which the target is not known."""
    known = np.isfinite(y)
    if known.sum() < _MIN_ROWS:
        raise InputError(
            f"{known.sum()} rows with a value of {target!r}, expected at least {_MIN_ROWS}; "
            "bring more rows."
        )
    return frame[known].reset_index(drop=True), y[known]


def _check_target(frame: "pd.DataFrame", target: str, wishes: Wishes) -> None:
    """Refuse a target that is not there, or named for something else too."""
    if frame.shape[1] == 1:
        raise InputError(
            f"one column only, named {cells.short(frame.columns[0])}; expected the target and "
            "columns to predict it from, with a comma, semicolon, tab or bar between them."
        )
    if target not in frame.columns:
        raise InputError(
            f"no column {target!r} to predict; {columns.listed(frame.columns, target)}"
        )
    if target in (*wishes.categorical, *wishes.numeric, *wishes.drop, wishes.time):
        raise InputError(
            f"column {target!r} is the target, and named as a column to learn from or to leave "
            "out; name it once."
        )


def _inputs(known: "pd.DataFrame", found: list[columns.Column], target: str) -> "pd.DataFrame":
    x = columns.convert(known, found)
    if not x.shape[1]:
        reasons = "; ".join(f"{column.name}: {column.reason}" for column in found[:5])
        raise InputError(
            f"no column to predict {target!r} from ({reasons}); expected numbers, categories or "
            "dates; say --categorical or --numeric NAME to keep one all the same."
        )
    return x


def _in_time(known: "pd.DataFrame", time: str | None) -> np.ndarray | None:
    """Order rows by a column of dates or numbers, where one is named; those without come first."""
    if time is None:
        return None
    if time not in known.columns:
        raise InputError(
            f"no column {time!r} to order the rows by; {columns.listed(known.columns, time)}"
        )
    (column,) = columns.infer(known[[time]])
    if column.kind not in ("date", "number"):
        raise InputError(
            f"column {time!r} holds {column.reason}; expected dates or numbers to order the rows by"
            "; choose another column for --time."
        )
    moments = columns.read(known[time], column).reset_index(drop=True)
    return moments.sort_values(kind="stable", na_position="first").index.to_numpy()


def _without_copies(
    name: str, x: "pd.DataFrame", y: np.ndarray
) -> "tuple[pd.DataFrame, np.ndarray]":
    """Leave out rows that are copies of others, where they cannot be alike by chance.

    A copy in another part would be a test row that was learned from.
    """
    import pandas as pd

    keys = pd.util.hash_pandas_object(x.assign(**{"": y}), index=False)
    is_copy = keys.duplicated().to_numpy()
    num_copies = is_copy.sum()
    if num_copies <= _MIN_COPIES or num_copies <= 3 * _expected_copies(x[~is_copy]) + _MIN_COPIES:
        return x, y
    _logger.warning(
        "%s: %s rows are copies of others in every column that is used; each is taken once",
        *(name, f"{is_copy.sum():,}"),
    )
    return x[~is_copy], y[~is_copy]


def _expected_copies(x: "pd.DataFrame") -> float:
    """Return how many of some rows, all different, may be expected to have a copy by chance.

    Rows of few categories and small numbers are alike by nature. Where a column has fractions that
    hardly come again, no more of them are than those that agree in this column.
    """
    fractions = x.select_dtypes("float64").loc[:, lambda table: (table % 1 > 0).any()]
    num_values = fractions.nunique()
    if not len(num_values) or num_values.max() <= len(x) / 2:
        return math.inf
    counts = fractions[num_values.idxmax()].value_counts()
    return float((counts * (counts - 1) / 2).sum())


def example(schema: dict) -> "pd.DataFrame":
    """Return one row of what a model of a table takes, with nothing in it.

    Args:
        schema: What `dataclasses.asdict` made of the table's Source.

    Raises:
        ValueError: If the schema is none.
    """
    import pandas as pd

    source: Source = reading.checked(schema, Source, "inputs.table")
    for column in source.columns:
        if column.decimal not in (".", ",") or not {*column.parts} <= {*columns.DATE_PARTS}:
            raise ValueError(f"column {column.name!r} cannot be read as the schema says")
    empty = pd.DataFrame({column.name: [None] for column in source.columns}, dtype="str")
    return columns.convert(empty, source.columns)


class NewRows(NamedTuple):
    """Rows to predict.

    Attributes:
        x: As the model takes them, in the file's order.
        identifiers: Columns by which the user knows the rows, which the model does not.
        passed_over: Names of the other columns that the model does not take.
    """

    x: "pd.DataFrame"
    identifiers: "pd.DataFrame"
    passed_over: list[str]


def read_rows(path: pathlib.Path, schema: dict) -> NewRows:
    """Read new rows for a model that has learned from a table.

    Args:
        path: Of a delimited text file with the columns that are used, in any order.
        schema: What `dataclasses.asdict` made of the table's Source.

    Returns:
        The rows. Cells that do not fit the meaning of their column are named in a warning.

    Raises:
        InputError: The file cannot be read, or columns are missing.
    """
    import pandas as pd

    has_comma = any(column.get("decimal") == "," for column in schema["columns"])
    frame, _ = csv_reader.read(path, header=schema["header"], decimal="," if has_comma else ".")
    names = schema["names"]
    if not schema["header"]:
        if frame.shape[1] == len(names) - 1:  # without the target
            names = [name for name in names if name != schema["target"]]
        if frame.shape[1] != len(names):
            raise InputError(
                f"{path}: {frame.shape[1]} columns, expected {len(schema['names'])}, or one less "
                "without the target."
            )
        frame.columns = names
    used = [columns.Column(**column) for column in schema["columns"]]
    try:
        x = columns.convert(frame, used)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    for column, lost in columns.misfits(frame, used):
        wanted = {"boolean": "yes or no"}.get(column.kind, column.kind)
        _logger.warning(
            "column %r: %s of %s rows hold no %s, such as %s; they count as missing",
            *(column.name, f"{len(lost):,}", f"{len(x):,}", wanted, cells.short(lost.iloc[0])),
        )
    named = {column.name for column in used if column.is_identifier}
    known = {column.name for column in used if column.kind != "left out"} | named
    others = [str(name) for name in frame.columns if name not in known]
    identifiers = {name: cells.written(frame[name]) for name in frame.columns if name in named}
    return NewRows(x, pd.DataFrame(identifiers, index=frame.index), others)
