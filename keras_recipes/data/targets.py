"""What there is to predict: the kind of problem by the target's values, and its classes' names."""

import dataclasses
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from keras_recipes.data import cells, columns
from keras_recipes.data.numbers import notation as notations
from keras_recipes.data.numbers.notation import Notation
from keras_recipes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)

Kind = Literal["binary", "multiclass", "regression"]

MAX_CLASSES = 100
MIN_OF_CLASS = 3  # one for each part
_MAX_CLASS_NUMBERS = 10  # whole numbers with at most this many values are classes, by default
_ROWS_OF_CLASS = 10
_MAX_SPELLINGS = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
    """What to predict.

    Attributes:
        y: Class numbers, or values, float64 (rows,); NaN where a row has none.
        kind: Of the problem.
        class_names: In label order; empty for regression.
        reason: Why it was taken for this kind of problem.
        notation: How its cells are written; the values of a regression are in its unit.
        codes: Numbers that stand for a gap.
    """

    y: np.ndarray
    kind: Kind
    class_names: tuple[str, ...]
    reason: str
    notation: Notation = notations.PLAIN
    codes: tuple[float, ...] = ()


def read(
    values: "pd.Series",
    problem: Literal["auto"] | Kind = "auto",
    decimal: str = ".",
    missing: tuple[str, ...] = (),
    unit: str = "",
) -> Target:
    """Decide what kind of problem a target makes.

    Args:
        values: The column as `tables.read` gives it.
        problem: Kind of problem, or "auto" to decide by the values.
        decimal: Mark of the file, for numbers that leave it open.
        missing: Cells that stand for no value; without any, they are found out.
        unit: That a row of units names.

    Raises:
        InputError: The target cannot be learned, or not as the problem asked for.
    """
    import pandas as pd

    like = Notation(decimal, unit=unit, signs=bool((values == "+").any()), missing=missing)
    tidied = columns.tidy(_finite(values), like)
    labels = cells.written(tidied) if pd.api.types.is_numeric_dtype(tidied) else tidied
    distinct = labels.dropna().unique()
    if not len(distinct):
        raise InputError(
            f"the target {values.name!r} has no value in any row (or none below "
            f"{notations.LARGEST:.0e} in size); choose another column."
        )
    if len(distinct) == 1:
        raise InputError(
            f"the target {values.name!r} is {distinct[0]!r} in every row; expected two values or "
            "more; bring rows with others."
        )
    numbers = columns.read_numbers(tidied, like)
    merged, again = _with_one_spelling(labels)
    if problem == "auto":
        kind, reason = _decide(merged, numbers, len(distinct))
    else:
        kind, reason = problem, "as asked for"
    if kind == "regression":
        return _regression(labels, columns.without_codes(numbers), reason)
    if again:
        _logger.warning("the target %r is read with %s", labels.name, ", ".join(again[:5]))
    return _classes(merged, kind, reason, like)


def _finite(values: "pd.Series") -> "pd.Series":
    import pandas as pd

    if not pd.api.types.is_float_dtype(values):
        return values
    is_large = values.abs() > notations.LARGEST
    if is_large.any():
        _logger.warning(
            "the target %r: %s of %s cells are beyond %g in size, such as %g; these rows are left "
            "out",
            *(values.name, f"{is_large.sum():,}", f"{len(values):,}", notations.LARGEST),
            values[is_large].iloc[0],
        )
    return values.mask(is_large)


def _decide(labels: "pd.Series", numbers: columns.Numbers, num_values: int) -> tuple[Kind, str]:
    """Decide the kind of problem by the target's values.

    Args:
        labels: The cells, words of several spellings in one.
        numbers: The cells as numbers.
        num_values: Distinct cells.
    """
    name, num_rows = labels.name, int(labels.notna().sum())
    if num_values == 2:
        return "binary", f"{name} has two values"
    if numbers.problem and num_values > _MAX_CLASS_NUMBERS:
        raise InputError(f"the target {name!r} holds {numbers.problem}; write one unit.")
    if numbers.fits >= notations.SURE:
        whole = bool((numbers.values.dropna() % 1 == 0).all())
        if whole and num_values <= _MAX_CLASS_NUMBERS and num_rows >= _ROWS_OF_CLASS * num_values:
            return "multiclass", f"{name} has {num_values} whole numbers"
        return "regression", f"{name} holds numbers"
    spellings = labels.nunique()
    if spellings == 2:
        return "binary", f"{name} has two categories"
    if spellings <= MAX_CLASSES and spellings <= num_rows / 2:
        return "multiclass", f"{name} has {spellings} categories"
    misfits = labels[labels.notna() & numbers.values.isna()]
    share = f", {numbers.fits:.0%} of them numbers" if numbers.fits > 0.5 else ""
    raise InputError(
        f"the target {name!r} has {num_values:,} different text values in {num_rows:,} rows{share},"
        f" such as {cells.short(misfits.iloc[0])}; expected numbers, or at most {MAX_CLASSES} "
        "categories that repeat; choose another column."
    )


def _regression(labels: "pd.Series", numbers: columns.Numbers, reason: str) -> Target:
    """Return the numbers of a target; refuse it where more than a few cells are none."""
    name, num_rows = labels.name, int(labels.notna().sum())
    if numbers.problem:
        raise InputError(f"the target {name!r} holds {numbers.problem}; write one unit.")
    if numbers.fits < notations.SURE:
        misfits = labels[labels.notna() & numbers.values.isna()]
        is_few = labels.nunique() <= min(MAX_CLASSES, num_rows / 2)
        advice = (
            "choose --problem multiclass" if is_few else "correct them, or choose another column"
        )
        raise InputError(
            f"the target {name!r} holds text such as {cells.short(misfits.iloc[0])} in "
            f"{len(misfits):,} of {num_rows:,} rows, expected numbers; {advice}."
        )
    if numbers.values.nunique() < 2:
        raise InputError(
            f"the target {name!r} holds one number only, in {num_rows:,} rows with a value; "
            f"expected finite numbers below {notations.LARGEST:.0e} in size; change its unit, or "
            "choose --problem multiclass."
        )
    numbers.warn_of_codes()
    if numbers.num_misfits:
        is_code = labels.isin(numbers.notation.missing)
        misfits = labels[labels.notna() & ~is_code & numbers.values.isna()]
        _logger.warning(
            "the target %r: %s of %s cells are no numbers, such as %s; these rows are left out",
            *(name, f"{numbers.num_misfits:,}", f"{num_rows:,}", cells.short(misfits.iloc[0])),
        )
    unit = f" in {numbers.notation.unit}" if numbers.notation.unit else ""
    reason = "; ".join((f"{reason}{unit}", *numbers.notes))
    y, codes = numbers.values.to_numpy(), tuple(numbers.codes)
    return Target(y, "regression", (), reason, numbers.notation, codes)


def _with_one_spelling(labels: "pd.Series") -> "tuple[pd.Series, list[str]]":
    """Take words that differ in capitals only for one, in its most frequent spelling.

    Where all of them are yes or no they are two: Yes, y, N, no.

    Returns:
        The labels, and which spellings were taken for which.
    """
    counts = labels.value_counts()
    keys = {word: word.casefold() for word in counts.index}
    if len(counts) <= _MAX_SPELLINGS and cells.is_yes_or_no(counts.index.to_series()):
        keys = {word: str(key in {*cells.YES, "1"}) for word, key in keys.items()}
    first: dict[str, str] = {}
    for word in counts.index:
        first.setdefault(keys[word], word)
    other = {word: first[keys[word]] for word in counts.index}
    again = [f"{word!r} as {name!r}" for word, name in other.items() if word != name]
    return (labels.map(other) if again else labels), again


def _classes(labels: "pd.Series", kind: Kind, reason: str, notation: Notation) -> Target:
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
    return Target(np.where(y < 0, np.nan, y), kind, tuple(names), reason, notation)


def read_again(values: "pd.Series", class_names: Iterable[str], notation: Notation) -> np.ndarray:
    """Read the target's column of new rows as that of the training was read.

    Args:
        values: The column as `csv_reader.read` gives it.
        class_names: In label order; none for a regression.
        notation: That of the training's column.

    Returns:
        Class numbers, or values, float64 (rows,); NaN where a cell holds none of the known ones.
    """
    import pandas as pd

    tidied = columns.tidy(_finite(values), notation)
    known = {name.casefold(): number for number, name in enumerate(class_names)}
    if not known:
        return notation.read(tidied).to_numpy("float64")
    labels = cells.written(tidied) if pd.api.types.is_numeric_dtype(tidied) else tidied
    if cells.is_yes_or_no(names := pd.Series(list(known))):
        number_of = dict(zip(cells.booleans(names), known.values(), strict=True))
        return cells.booleans(labels).map(number_of).to_numpy("float64")
    return labels.str.casefold().map(known).to_numpy("float64")


def in_order(labels: Iterable[str]) -> list[str]:
    """Put class names into label order: numbers by size, a yes after a no, else by alphabet."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return sorted(labels, key=lambda word: (word.casefold() in {*cells.YES, "1", "+"}, word))
