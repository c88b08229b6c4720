"""A table of the user's own, as rows to learn from: what to predict, from which columns.

Rows, shape, source and licence are the user's; `load` says what it made of them.
"""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

import datasets
from datasets import columns, diabetes, splits, tables

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["binary", "multiclass", "regression"]

MOST_CLASSES = 100
_FEW_NUMBERS = 10  # whole numbers with at most this many values are classes, by default
_FEWEST_ROWS = 20
_POSITIVE = ("1", "true", "yes", "y", "t")


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """What there is to learn.

    Attributes:
        splits: Rows as `columns.convert` gives them; y int32 classes, or float32 values.
        columns: Of the file without the target.
        kind: Of the problem.
        class_names: In label order; empty for regression.
        reason: Why the target was taken for this kind of problem.
        num_without_target: Rows that were left out.
    """

    splits: splits.Splits
    columns: list[columns.Column]
    kind: Kind
    class_names: tuple[str, ...]
    reason: str
    num_without_target: int


def load(
    path: str | pathlib.Path,
    target: str,
    *,
    problem: Literal["auto"] | Kind = "auto",
    header: bool = True,
    categorical: Iterable[str] = (),
    numeric: Iterable[str] = (),
    drop: Iterable[str] = (),
    seed: int = 0,
) -> Task:
    """Read a file and decide what its columns mean.

    Args:
        path: Of a delimited text file.
        target: Column to predict.
        problem: Kind of problem, or "auto" to decide by the target.
        header: Whether the first row names the columns.
        categorical: Columns to take as categories.
        numeric: Columns to take as numbers.
        drop: Columns to leave out.
        seed: 0 or more; chooses the parts: 60 % train, 20 % validation, 20 % test.

    Returns:
        The task.

    Raises:
        datasets.DataError: The file, the target or a column cannot serve.
    """
    frame, _ = tables.read(path, header=header)
    if target not in frame.columns:
        names = ", ".join(map(str, frame.columns))
        raise datasets.DataError(f"{path}: no column {target!r} to predict; there is {names}.")
    known = frame[frame[target].notna()].reset_index(drop=True)
    y, kind, class_names, reason = _target(path, known[target], problem)
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
    y = y.astype("float32" if kind == "regression" else "int32")
    source = splits.Source(pathlib.Path(path).name, "real", "a file of the user", "the user's")
    parts = splits.split(x, y, source, seed)
    return Task(parts, found, kind, class_names, reason, len(frame) - len(y))


def demonstration(seed: int = 0) -> Task:
    """Give the bundled diabetes table as if a user had brought it."""
    parts = diabetes.load(seed)
    found = columns.infer(parts.train.x)
    return Task(parts, found, "regression", (), "a demonstration", 0)


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
