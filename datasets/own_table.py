"""A table of the user's own, as rows to learn from: what to predict, from which columns.

Rows, shape, source and licence are the user's; `read` says what it made of them.
"""

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

import datasets
from datasets import columns, rents, splits, tables

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["binary", "multiclass", "regression"]

MOST_CLASSES = 100
_FEW_NUMBERS = 10  # whole numbers with at most this many values are classes, by default
_FEWEST_ROWS = 20
_POSITIVE = ("1", "true", "yes", "y", "t")


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
        digest: Hash of the file's content.
    """

    target: str
    problem: str
    header: bool
    names: tuple[str, ...]
    columns: tuple[columns.Column, ...]
    num_without_target: int
    digest: str


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """What there is to learn.

    Attributes:
        x: Rows as `columns.convert` gives them.
        y: int32 classes, or float32 values, shape (rows,).
        kind: Of the problem.
        class_names: In label order; empty for regression.
        source: Of the rows.
    """

    x: "pd.DataFrame"
    y: np.ndarray
    kind: Kind
    class_names: tuple[str, ...]
    source: Source

    def split(self, seed: int) -> splits.Splits:
        """Shuffle into 60 % train, 20 % validation and 20 % test rows; seed is 0 or more."""
        return splits.split(self.x, self.y, self.source, seed)


def read(
    path: str | pathlib.Path | None,
    target: str | None,
    *,
    problem: Literal["auto"] | Kind = "auto",
    header: bool = True,
    categorical: Iterable[str] = (),
    numeric: Iterable[str] = (),
    drop: Iterable[str] = (),
) -> Table:
    """Read a file and decide what its columns mean; once, however often it is asked for.

    Args:
        path: Of a delimited text file; None draws a stand-in, which decides its columns itself.
        target: Column to predict.
        problem: Kind of problem, or "auto" to decide by the target.
        header: Whether the first row names the columns.
        categorical: Columns to take as categories.
        numeric: Columns to take as numbers.
        drop: Columns to leave out.

    Returns:
        The table.

    Raises:
        datasets.DataError: The file, the target or a column cannot serve.
    """
    if path is None:
        return _stand_in("regression" if problem == "auto" else problem)
    path = pathlib.Path(path).expanduser()
    if target is None:
        raise datasets.DataError(f"{path}: which column to predict? Say --target COLUMN.")
    state = path.stat() if path.is_file() else None
    wishes = tuple(categorical), tuple(numeric), tuple(drop)
    version = state and (state.st_mtime_ns, state.st_size)
    return _read(path.resolve(), version, target, problem, header, wishes)


@functools.lru_cache(maxsize=2)
def _read(path: pathlib.Path, version, target: str, problem, header: bool, wishes) -> Table:
    """Read a file; again where it has been written since, by its version."""
    frame, _ = tables.read(path, header=header)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    origin = splits.Source(path.name, "real", "a file of the user", "the user's")
    return _make(frame, target, problem, header, wishes, origin, digest)


@functools.lru_cache(maxsize=3)
def _stand_in(kind: Kind) -> Table:
    origin = splits.Source("flats to rent, drawn", "built-in", "drawn", "that of this repository")
    target = rents.TARGETS[kind]
    others = [name for name in rents.TARGETS.values() if name != target]
    return _make(rents.draw().drop(columns=others), target, kind, True, ((), (), ()), origin, "")


def _make(frame: "pd.DataFrame", target, problem, header, wishes, origin, digest: str) -> Table:
    """Decide what a table's columns mean."""
    path = origin.name
    if target not in frame.columns:
        names = ", ".join(map(str, frame.columns))
        raise datasets.DataError(f"{path}: no column {target!r} to predict; there is {names}.")
    known = frame[frame[target].notna()].reset_index(drop=True)
    y, kind, class_names, reason = _target(path, known[target], problem)
    categorical, numeric, drop = wishes
    found = columns.infer(
        known.drop(columns=target), categorical=categorical, numeric=numeric, drop=drop
    )
    x = columns.convert(known, found)
    if not x.shape[1]:
        reasons = "; ".join(f"{column.name}: {column.reason}" for column in found) or "none there"
        raise datasets.DataError(f"{path}: no column to predict {target!r} from ({reasons}).")
    present = np.isfinite(y)
    x, y = x[present], y[present]
    if len(y) < _FEWEST_ROWS:
        raise datasets.DataError(
            f"{path}: {len(y)} rows with a value of {target!r}, expected at least {_FEWEST_ROWS}."
        )
    source = Source(
        **dataclasses.asdict(origin),
        target=target,
        problem=f"{kind}: {reason}",
        header=header,
        names=tuple(map(str, frame.columns)),
        columns=tuple(found),
        num_without_target=len(frame) - len(y),
        digest=digest,
    )
    y = y.astype("float32" if kind == "regression" else "int32")
    return Table(x, y, kind, class_names, source)


def read_rows(path: pathlib.Path, schema: dict) -> "tuple[pd.DataFrame, list[str]]":
    """Read new rows for a model that has learned from a table.

    Args:
        path: Of a delimited text file with the columns that are used, in any order.
        schema: What `dataclasses.asdict` made of the table's Source.

    Returns:
        Rows as the model takes them, in the file's order, and the names of the columns that were
        passed over.

    Raises:
        datasets.DataError: The file cannot be read, or columns are missing.
    """
    frame, _ = tables.read(path, header=schema["header"])
    names = schema["names"]
    if not schema["header"]:
        if frame.shape[1] == len(names) - 1:  # without the target
            names = [name for name in names if name != schema["target"]]
        if frame.shape[1] != len(names):
            raise datasets.DataError(
                f"{path}: {frame.shape[1]} columns, expected {len(schema['names'])}, or one less "
                "without the target."
            )
        frame.columns = names
    used = [columns.Column(**column) for column in schema["columns"]]
    try:
        x = columns.convert(frame, used)
    except datasets.DataError as error:
        raise datasets.DataError(f"{path}: {error}") from None
    wanted = {column.name for column in used if column.kind != "left out"}
    return x, [str(name) for name in frame.columns if name not in wanted]


def _target(
    path, values: "pd.Series", problem: str
) -> tuple[np.ndarray, Kind, tuple[str, ...], str]:
    """Give the target as numbers, the kind of problem, the classes' names and the reason."""
    import pandas as pd

    distinct = values.drop_duplicates()
    if not len(values):
        raise datasets.DataError(f"{path}: the target {values.name!r} has no value in any row.")
    if len(distinct) == 1:
        raise datasets.DataError(
            f"{path}: the target {values.name!r} is {distinct.iloc[0]!r} in every row; there is "
            "nothing to learn."
        )
    if problem == "auto":
        kind, reason = _decide(path, values, distinct)
    else:
        kind, reason = problem, "as asked for"
    if kind == "regression":
        numbers = columns.to_kind(values, "number")
        if numbers.notna().mean() < 0.5:
            raise datasets.DataError(
                f"{path}: the target {values.name!r} holds words such as {distinct.iloc[0]!r}, "
                "expected numbers; choose --problem multiclass."
            )
        return numbers.to_numpy(), kind, (), reason
    words = columns.to_kind(values, "category")
    names = _in_order(words.unique())
    wanted = f"2 for --problem binary, 2 to {MOST_CLASSES} for multiclass"
    if len(names) > MOST_CLASSES or (kind == "binary" and len(names) != 2):
        raise datasets.DataError(
            f"{path}: the target {values.name!r} has {len(names):,} values, expected {wanted}."
        )
    return pd.Categorical(words, names).codes.astype("float64"), kind, tuple(names), reason


def _decide(path, values: "pd.Series", distinct: "pd.Series") -> tuple[Kind, str]:
    """Decide the kind of problem by the target's values."""
    import pandas as pd

    if len(distinct) == 2:
        return "binary", f"{values.name} has two values"
    numbers = columns.to_kind(distinct, "number")
    if numbers.notna().mean() > 0.95:
        whole = bool((numbers.dropna() % 1 == 0).all())
        if whole and len(distinct) <= _FEW_NUMBERS and len(values) >= 10 * len(distinct):
            return "multiclass", f"{values.name} has {len(distinct)} whole numbers"
        return "regression", f"{values.name} holds numbers"
    if len(distinct) <= MOST_CLASSES and len(distinct) <= len(values) / 2:
        return "multiclass", f"{values.name} has {len(distinct)} words"
    example = pd.Series(distinct).iloc[0]
    raise datasets.DataError(
        f"{path}: the target {values.name!r} has {len(distinct):,} different words in "
        f"{len(values):,} rows, such as {example!r}; expected numbers, or at most {MOST_CLASSES} "
        "words that come again."
    )


def _in_order(words: Iterable[str]) -> list[str]:
    """Put class names into label order: numbers by size, a yes after a no, else by alphabet."""
    try:
        return sorted(words, key=float)
    except ValueError:
        return sorted(words, key=lambda word: (word.lower() in _POSITIVE, word))
