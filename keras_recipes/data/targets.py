"""What there is to predict: the kind of problem by the target's values, and its classes' names."""

import dataclasses
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from keras_recipes.data import cells, columns
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

Kind = Literal["binary", "multiclass", "regression"]

MAX_CLASSES = 100
MIN_OF_CLASS = 3  # one for each part
_MAX_CLASS_NUMBERS = 10  # whole numbers with at most this many values are classes, by default
_ROWS_OF_CLASS = 10
_SURE = 0.95


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """What to predict.

    Attributes:
        y: Class numbers, or values, float64 (rows,); NaN where a row has none.
        kind: Of the problem.
        class_names: In label order; empty for regression.
        reason: Why it was taken for this kind of problem.
    """

    y: np.ndarray
    kind: Kind
    class_names: tuple[str, ...]
    reason: str


def read(
    values: "pd.Series", problem: Literal["auto"] | Kind = "auto", decimal: str = "."
) -> Target:
    """Decide what kind of problem a target makes.

    Args:
        values: The column as `tables.read` gives it.
        problem: Kind of problem, or "auto" to decide by the values.
        decimal: Mark of the file, for numbers that leave it open.

    Raises:
        InputError: The target cannot be learned, or not as the problem asked for.
    """
    labels = columns.to_kind(_finite(values), "category")
    distinct = labels.dropna().unique()
    if not len(distinct):
        raise InputError(
            f"the target {values.name!r} has no value in any row (or none below "
            f"{columns.LARGEST:.0e} in size); choose another column."
        )
    if len(distinct) == 1:
        raise InputError(
            f"the target {values.name!r} is {distinct[0]!r} in every row; expected two values or "
            "more; bring rows with others."
        )
    numbers = _numbers(values, labels, decimal)
    if problem == "auto":
        kind, reason = _decide(labels, numbers, len(distinct))
    else:
        kind, reason = problem, "as asked for"
    if kind == "regression":
        _check_numbers(labels, numbers)
        return Target(numbers.to_numpy(), kind, (), reason)
    return _classes(_with_one_spelling(labels), kind, reason)


def _finite(values: "pd.Series") -> "pd.Series":
    import pandas as pd

    is_float = pd.api.types.is_float_dtype(values)
    return columns.to_kind(values, "number") if is_float else values


def _numbers(values: "pd.Series", labels: "pd.Series", decimal: str) -> "pd.Series":
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(values):
        distinct = pd.Series(labels.dropna().unique(), dtype="str")
        decimal = cells.decimal_mark(distinct.iloc[:1000], decimal)
    return columns.to_kind(values, "number", decimal=decimal)


def _decide(labels: "pd.Series", numbers: "pd.Series", num_values: int) -> tuple[Kind, str]:
    """Decide the kind of problem by the target's values."""
    name, num_rows = labels.name, int(labels.notna().sum())
    if num_values == 2:
        return "binary", f"{name} has two values"
    if numbers.notna().sum() >= _SURE * num_rows:
        whole = bool((numbers.dropna() % 1 == 0).all())
        if whole and num_values <= _MAX_CLASS_NUMBERS and num_rows >= _ROWS_OF_CLASS * num_values:
            return "multiclass", f"{name} has {num_values} whole numbers"
        return "regression", f"{name} holds numbers"
    spellings = labels.str.casefold().nunique()
    if spellings == 2:
        return "binary", f"{name} has two words"
    if spellings <= MAX_CLASSES and spellings <= num_rows / 2:
        return "multiclass", f"{name} has {spellings} words"
    raise InputError(
        f"the target {name!r} has {num_values:,} different words in {num_rows:,} rows, such as "
        f"{cells.short(labels.dropna().iloc[0])}; expected numbers, or at most {MAX_CLASSES} "
        "words that come again; choose another column."
    )


def _check_numbers(labels: "pd.Series", numbers: "pd.Series") -> None:
    misfits = labels[labels.notna() & numbers.isna()]
    if len(misfits) > len(labels.dropna()) / 2:
        raise InputError(
            f"the target {labels.name!r} holds words such as {cells.short(misfits.iloc[0])}, "
            "expected numbers; choose --problem multiclass."
        )
    if numbers.nunique() < 2:
        raise InputError(
            f"the target {labels.name!r} holds one number only, beside {len(misfits):,} values "
            f"such as {cells.short(misfits.iloc[0])}; expected finite numbers below "
            f"{columns.LARGEST:.0e} in size; change its unit, or choose --problem multiclass."
        )


def _with_one_spelling(labels: "pd.Series") -> "pd.Series":
    """Take words that differ in capitals only for one, in its most frequent spelling."""
    counts = labels.value_counts()
    first: dict[str, str] = {}
    for word in counts.index:
        first.setdefault(word.casefold(), word)
    other = {word: first[word.casefold()] for word in counts.index}
    if len(first) == len(counts):
        return labels
    again = [f"{word!r} as {name!r}" for word, name in other.items() if word != name]
    _logger.warning("the target %r is read with %s", labels.name, ", ".join(again[:5]))
    return labels.map(other)


def _classes(labels: "pd.Series", kind: Kind, reason: str) -> Target:
    """Number the classes."""
    import pandas as pd

    counts = labels.value_counts()
    names = in_order(counts.index)
    wanted = f"2 for --problem binary, 2 to {MAX_CLASSES} for multiclass"
    if len(names) > MAX_CLASSES or (kind == "binary" and len(names) != 2) or len(names) < 2:
        raise InputError(
            f"the target {labels.name!r} has {len(names):,} values, expected {wanted}; choose "
            "another --problem."
        )
    if (counts >= MIN_OF_CLASS).sum() < 2:
        rare = counts.index[-1]
        raise InputError(
            f"the target {labels.name!r} is {rare!r} in {counts.iloc[-1]} of {counts.sum():,} "
            f"rows, expected at least {MIN_OF_CLASS} rows, one to train, one to validate and one "
            "to test; bring more of them."
        )
    y = pd.Categorical(labels, names).codes.astype("float64")
    return Target(np.where(y < 0, np.nan, y), kind, tuple(names), reason)


def read_again(values: "pd.Series", class_names: Iterable[str], decimal: str = ".") -> np.ndarray:
    """Read the target's column of new rows as that of the training was read.

    Args:
        values: The column as `csv_reader.read` gives it.
        class_names: In label order; none for a regression.
        decimal: Mark of the file.

    Returns:
        Class numbers, or values, float64 (rows,); NaN where a cell holds none of the known ones.
    """
    labels = columns.to_kind(_finite(values), "category")
    if not (known := {name.casefold(): number for number, name in enumerate(class_names)}):
        return _numbers(values, labels, decimal).to_numpy("float64")
    return labels.str.casefold().map(known).to_numpy("float64")


def in_order(labels: Iterable[str]) -> list[str]:
    """Put class names into label order: numbers by size, a yes after a no, else by alphabet."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return sorted(labels, key=lambda word: (word.casefold() in {*cells.YES, "1", "+"}, word))
