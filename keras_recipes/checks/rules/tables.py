"""Rules about a table of one's own: columns and rows that make a score better than it is."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from keras_recipes.checks.findings import Mistake, rule_list, warning
from keras_recipes.checks.inspect import reading

RULES, rule = rule_list("tables")

ROWS_OF_SAMPLE = 20_000
# Values of which each has rows enough to show by itself which class goes with it.
MIN_VALUES = 50
ROWS_OF_VALUE = 5
# What a column leaves open of the target, as a fraction of what is open without it.
OPEN = 0.01
VALUES_OF_CLASS = 2  # of a column that has another word or number for each class
ORDERED = 0.9995  # rank correlation
SAME = 1e-6  # difference of two equal targets, in standard deviations
FEW_REPEATED = 5
FILLED = 0.5  # of the range that rounding leaves open
# Rank correlation of the dates with the places of the rows, and with the target.
SORTED, DRIFT = 0.9, 0.2
# So many categories may be the names of patients.
MANY_NAMES = 6
ENOUGH_ROWS = 20
ROWS_OF_CLASS = 10
SPLITS = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """A table that is split, and what its columns mean.

    Attributes:
        x: Inputs of each split, the training rows first: float columns and text columns, with the
            rows' places in the file as labels.
        y: Targets of each split, (rows,): class numbers, or values.
        columns: Meanings, with name and kind: number, boolean, category, date or left out.
        class_names: In label order; empty for numbers.
        groups: Groups of the rows of each split; empty where rows stand alone.
        likely_group: Column by which rows may belong together; "" for none.
    """

    x: Sequence[pd.DataFrame]
    y: Sequence[np.ndarray]
    columns: Sequence[Any]
    class_names: tuple[str, ...] = ()
    groups: Sequence[np.ndarray] = ()
    likely_group: str = ""

    @classmethod
    def gather(cls, splits: Any, with_test: bool) -> Table | None:
        """Read it off the splits of a user's table; None for other data."""
        columns = getattr(getattr(splits, "source", None), "columns", None)
        if columns is None or not isinstance(splits.train.x, pd.DataFrame):
            return None
        looked_at = (splits.train, splits.validation, splits.test if with_test else None)
        present = [split for split in looked_at if split is not None]
        x, y = [split.x for split in present], [np.ravel(split.y) for split in present]
        groups = [split.groups for split in present if split.groups is not None]
        source = splits.source
        return cls(x, y, columns, source.class_names, groups, source.likely_group)


@rule("D16", "column-reveals-target")
def column_tells_target(table: Table) -> Iterator[Mistake]:
    """A column from which the target follows: equal to it, or another way of writing it.

    Why: the model reads the target off and scores nearly perfectly; where the target is still to
        be found out, the column is not known either.
    Fix: `--drop NAME` for what is known only once the target is.
    Thread: dotnet/machinelearning#737, openml/OpenML#474
    """
    x, y = table.x[0], table.y[0]
    rows = reading.spread(len(y), ROWS_OF_SAMPLE)
    x, y = x.iloc[rows], y[rows].astype("float64")
    tells = _tells_class if table.class_names else _tells_value
    # What names a patient is not to be dropped but to be grouped by, of which another rule tells.
    judged = [name for name in x.columns if name != table.likely_group]
    if names := [name for name in judged if tells(x[name], y)]:
        yield warning(
            f"{_named(names)}, from which alone the target follows",
            "columns that are known before the target is",
            f"--drop {shlex.join(names[:5])} where this is known only afterwards"
            + _or_group([one for one in table.columns if one.name in names]),
        )


@rule("D26", "group-in-several-splits")
def group_in_several_splits(table: Table) -> Iterator[Mistake]:
    """A column whose values repeat, each with one value of the target, in several splits.

    Why: the rows of one patient, machine or customer share the answer and much else; the model
        recognises whom it has learned from, scores nearly perfectly, and fails on new ones.
    Fix: `--group NAME` keeps the rows of one value in one split.
    Thread: OHDSI/PatientLevelPrediction#181, QTIM-Lab/DeepNeuro#20
    """
    if table.likely_group:
        (column,) = [one for one in table.columns if one.name == table.likely_group]
        yield warning(
            f"column {column.name!r}, whose {column.num_values:,} values repeat, each with nearly "
            "always the same target, and whose rows fall into several splits",
            "all rows of one value in one split, where new rows bring new values",
            f"--group {shlex.quote(column.name)}",
        )


@rule("D17", "column-numbers-rows")
def rows_numbered(table: Table) -> Iterator[Mistake]:
    """A column that numbers the rows.

    Why: it means nothing for a new row, whose number is beyond all that were learned from; of
        sorted rows it contains the target.
    Fix: `--drop NAME`.
    Thread: autogluon/autogluon#370, mindsdb/mindshub#1071
    """
    first = table.x[0].sort_index()
    numbers = [one.name for one in table.columns if one.kind == "number"]
    if names := [name for name in numbers if name in first and _numbers_rows(first[name])]:
        yield warning(
            f"{_named(names)}, whole numbers that change in one direction from row to row",
            "columns that say something about a row that is to come",
            f"--drop {shlex.join(names[:5])} where these only number the rows",
        )


@rule("D18", "future-rows-in-training")
def future_among_training_rows(table: Table) -> Iterator[Mistake]:
    """Rows that follow one another in time, split at random.

    Why: the model is tested on days whose neighbours it has learned from; where new rows come
        later than all it has seen, it scores worse than it did in the test.
    Fix: `--time NAME` learns from the first rows by this date and tests on the last.
    Thread: BlackArbsCEO/Adv_Fin_ML_Exercises#23, uptake/autofocus#13
    """
    for name in [column.name for column in table.columns if column.kind == "date"]:
        days = [_days(x, name) for x in table.x]
        known = [split[~np.isnan(split)] for split in days]
        if len(known) < 2 or not all(split.size for split in known):
            continue
        apart = known[0].max() <= min(split.min() for split in known[1:])
        if not apart and (sign := _follows_time(table, np.concatenate(days))):
            yield warning(
                f"{sign} {name!r}, and rows split at random",
                "tests on rows later than all that are learned from, where this is to predict "
                "what comes later",
                f"--time {shlex.quote(name)}",
            )
            return


@rule("D19", "class-with-few-rows")
def class_of_few_rows(table: Table) -> Iterator[Mistake]:
    """A class of few rows.

    Why: there is too little of it to learn from, and one row or none to test it by; it may also be
        a misspelling.
    Fix: more rows, or groups of rows, of it; or one class out of it and the one that is most like
        it.
    Thread: ludwig-ai/ludwig#2831, pycaret/pycaret#311
    """
    if not table.class_names:
        return
    labels = np.concatenate(table.y).astype("int64")
    counts = np.bincount(labels, minlength=len(table.class_names))
    if table.groups:
        pairs = {*zip(np.concatenate(table.groups).tolist(), labels.tolist(), strict=True)}
        groups = np.bincount([label for _, label in pairs], minlength=len(table.class_names))
        if few := [number for number, count in enumerate(groups) if count < SPLITS]:
            shown = ", ".join(f"{groups[n]} of {table.class_names[n]!r}" for n in few[:5])
            yield warning(
                f"groups of rows with a class: {shown}" + (", …" if len(few) > 5 else ""),
                f"at least {SPLITS} groups with each class, one for each split",
                "bring more groups of it, or take it together with another class",
            )
    if few := [number for number, count in enumerate(counts) if count < ROWS_OF_CLASS]:
        shown = ", ".join(f"{counts[n]} of {table.class_names[n]!r}" for n in few[:5])
        yield warning(
            f"{shown} among {len(labels)} rows" + (", …" if len(few) > 5 else ""),
            f"at least {ROWS_OF_CLASS} rows of each class",
            "bring more rows of it, mend its spelling, or take it together with another class",
        )


@rule("D20", "more-columns-than-rows")
def more_columns_than_rows(table: Table) -> Iterator[Mistake]:
    """More columns than rows to learn from.

    Why: among so many columns some go with the target by chance, in these rows and in no others.
    Fix: more rows, or only the columns that may matter: `--drop` the rest.
    Thread: alan-turing-institute/autoemulate#216
    """
    rows, columns = table.x[0].shape
    if columns > rows:
        yield warning(
            f"{rows} training rows with {columns} columns",
            "more rows than columns",
            "bring more rows, or --drop columns that cannot matter, and cross-validate",
        )


def _or_group(columns: Sequence[Any]) -> str:
    """Describe the other remedy for a column of many names, whose rows may belong together."""
    names = [one.name for one in columns if one.kind == "category" and one.num_values >= MANY_NAMES]
    if not names:
        return ""
    return f"; --group {shlex.quote(names[0])} where its rows belong together, as a patient's do"


def _named(names: list[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > 5 else ""
    return f"column{'s' * (len(names) > 1)} {', '.join(map(repr, names[:5]))}{more}"


def _groups(values: pd.Series) -> np.ndarray | None:
    """Number the values of a column, one number for the missing; None where there are many."""
    codes, distinct = pd.factorize(values)
    many = len(distinct) > MIN_VALUES or len(distinct) * ROWS_OF_VALUE > len(codes)
    if not many:
        return codes + 1
    # The target may still follow from the gaps among many numbers.
    return None if (codes >= 0).all() else (codes >= 0).astype(int)


def _tells_class(values: pd.Series, y: np.ndarray) -> bool:
    """Return whether one column is another way of writing the classes.

    A threshold in a number, such as an age of 18 or more, does not make it one: numbers on both
    sides of it are a cause. Numbers of the classes stand far apart, or are all the same in one.
    """
    classes, labels = np.unique(y, return_inverse=True)
    without = len(y) - np.bincount(labels).max()
    if without < ROWS_OF_CLASS:
        return False
    is_complete = pd.api.types.is_numeric_dtype(values) and not values.isna().any()
    if is_complete and values.nunique() > VALUES_OF_CLASS * len(classes):
        numbers = values.to_numpy()
        order = np.lexsort((labels, numbers))
        at = np.flatnonzero(np.diff(labels[order])) + 1
        if len(at) < len(classes):
            pieces = np.split(numbers[order], at)
            widths = [piece[-1] - piece[0] for piece in pieces]
            gaps = [after[0] - before[-1] for before, after in itertools.pairwise(pieces)]
            return min(widths) == 0 or min(gaps) > max(widths)
    groups = _groups(values)
    if groups is None:
        return False
    table = np.zeros((groups.max() + 1, len(classes)))
    np.add.at(table, (groups, labels), 1)
    return bool(len(y) - table.max(axis=1).sum() <= OPEN * without)


def _tells_value(values: pd.Series, y: np.ndarray) -> bool:
    """Return whether one column determines the target to its last digit, or is it in another unit.

    What leaves some noise, such as the quantity of an invoice its amount, is a cause.
    """
    known = values.notna().to_numpy()
    if len(y) < ENOUGH_ROWS or y.std() == 0:
        return False
    groups = _groups(values)
    if groups is not None:
        medians = pd.Series(y).groupby(groups).transform("median").to_numpy()
        if (np.abs(y - medians) > SAME * y.std()).mean() <= OPEN:
            return True
    if not pd.api.types.is_numeric_dtype(values) or known.sum() < max(ENOUGH_ROWS, len(y) / 2):
        return False
    x, y = values.to_numpy()[known], y[known]
    return _rank_correlation(x, y) >= ORDERED and _is_in_order(x, y)


def _is_in_order(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether one number grows with another, without noise, whichever is rounded.

    Where a number comes several times, the other is then the same in each such row, or fills the
    range of what is rounded to it.
    """
    y = y * np.sign(np.corrcoef(x, y)[0, 1])
    y = y[np.lexsort((y, x))]
    if (np.diff(y) < 0).sum() > OPEN * len(y):
        return False
    distinct, counts = np.unique(x, return_counts=True)
    ends = np.cumsum(counts)
    low, high = y[ends - counts], y[ends - 1]
    if (several := counts > 1).sum() < FEW_REPEATED:
        return True
    rounded = np.gradient((low + high) / 2, distinct) * np.diff(distinct).min()
    expected = np.abs(rounded) * (counts - 1) / (counts + 1)  # range of uniform numbers in it
    ranges = np.maximum((high - low) - SAME * y.std(), 0)
    filled = np.median(ranges[several] / (expected[several] + SAME * y.std()))
    return bool(filled == 0 or FILLED <= filled <= 1 / FILLED)


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the size of Spearman's coefficient; 0 where one of the two never changes."""
    if first.min() == first.max() or second.min() == second.max():
        return 0.0
    return float(abs(np.corrcoef(pd.Series(first).rank(), pd.Series(second).rank())[0, 1]))


def _follows_time(table: Table, days: np.ndarray) -> str | None:
    """Describe in what way rows follow one another in time; None where they do not."""
    places, y = np.concatenate([x.index for x in table.x]), np.concatenate(table.y)
    known = np.flatnonzero(~np.isnan(days))
    known = known[reading.spread(len(known), ROWS_OF_SAMPLE)]
    days, places, y = days[known], places[known], y[known]
    if len(days) < ENOUGH_ROWS:
        return None
    if _rank_correlation(days, places) >= SORTED:
        return "a file in the order of column"
    shown = [y == number for number in range(len(table.class_names))] or [y]
    by_chance = max(DRIFT, 4 / len(days) ** 0.5)
    if max(_rank_correlation(days, values) for values in shown) >= by_chance:
        return "a target that changes with column"
    return None


def _numbers_rows(values: pd.Series) -> bool:
    numbers = values.to_numpy()
    if len(numbers) < ENOUGH_ROWS or not (numbers % 1 == 0).all():
        return False
    steps = np.diff(numbers)
    return bool((steps > 0).all() or (steps < 0).all())


def _days(x: pd.DataFrame, name: str) -> np.ndarray:
    """Put the columns of a date together again, as a number that grows with time."""
    sizes = {"year": 372, "month": 31, "day": 1, "hour": 1 / 24}
    days = [x[f"{name}_{unit}"] * size for unit, size in sizes.items() if f"{name}_{unit}" in x]
    return np.sum(days, axis=0) if days else np.empty(0)
