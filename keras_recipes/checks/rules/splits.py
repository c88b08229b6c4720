"""Rules about how the rows were split into training, validation and test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import scipy.sparse

from keras_recipes import repeats
from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import columns, reading
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.heads import Head
from keras_recipes.checks.inspect.losses import CROSS_ENTROPY, NUMERIC

RULES, rule = rule_list("splits")

# Fewer rows of a class than this may all fall into one split by chance.
NO_CHANCE = 10
# Fewer equal rows, or a smaller fraction, are the repetitions that any data may hold.
MIN_COPIES = 3
COPIED_FRACTION = 0.01
MAX_COLUMNS = 64
MIN_ROWS = 10
# Fewer validation rows than this are few where they are also a small fraction of all rows.
SMALL_SPLIT = 100
MIN_FRACTION = 0.05

# Larger data are compared by some of their 64-bit words; what then looks alike is compared whole.
BYTES_TO_READ = 200_000_000


@rule("S1", "sorted-rows-split")
def sorted_rows_split(facts: Facts) -> Iterator[Mistake]:
    """Sorted rows that were split in the middle.

    Why: `validation_split` takes the last rows as they stand. Of rows sorted by class it takes
        classes that training never sees.
    Fix: shuffle first, `order = np.random.permutation(len(x)); x, y = x[order], y[order]`.
    Thread: keras-team/keras#8346, keras-team/keras#4298
    """
    fix = "order = np.random.permutation(len(x)); x, y = x[order], y[order] before the split"
    for head in facts.heads:
        if head.y.validation is None or not head.y.is_number or not head.y.validation.size:
            continue
        if head.uses(CROSS_ENTROPY):
            for where, classes in _missing_classes(head):
                yield error(
                    f"{head.label}no row of class {head.y.show(classes)} in the {where} split",
                    "every class in both splits",
                    fix,
                )
        elif facts.settings.validation_split and head.uses(NUMERIC) and _is_sorted(head):
            yield warning(
                f"{head.label}targets in order of size, of which the last "
                f"{facts.settings.validation_split:.0%} are set aside",
                "validation targets of the same range as those of training",
                f"{fix}; rows that follow time stay in order, ignore=['S1']",
            )


@rule("S2", "rows-in-both-parts")
def rows_in_both_splits(facts: Facts) -> Iterator[Mistake]:
    """Training rows that stand in another split too.

    Why: the model has memorised these rows; the score on them means nothing for new ones.
    Fix: drop the copies before the split, and oversample after it: `table.drop_duplicates()`.
    Thread: abdoelsayed2016/TNCR_Dataset#3, mljar/mljar-supervised#627
    """
    for name, split in facts.splits[1:]:
        count, natural = count_equal_rows(facts.train, split)
        fraction = count / max(split.rows, 1)
        # Rows of few small numbers repeat by nature, inside the training rows as well; rows that
        # hold a measurement do so only where somebody copied them.
        expected = natural * split.rows
        by_chance = 2 * expected + 3 * max(expected, 1) ** 0.5
        enough = count >= MIN_COPIES and fraction >= COPIED_FRACTION
        if enough and (count > by_chance or _are_copies(facts.train, split)):
            yield error(
                f"{count} of {split.rows} {name}rows that are training rows too",
                "rows that training has not seen",
                _fix_of_copies(facts, count == split.rows),
            )


@rule("S3", "scaler-fitted-on-all-rows")
def scaled_with_all_rows(facts: Facts) -> Iterator[Mistake]:
    """Inputs scaled by a scaler that saw the validation or test rows.

    Why: the scaler carries what it saw of those rows into training; the score comes out too good.
    Fix: `scaler.fit(x_train)` after the split, then `transform` for each split.
    Thread: scikit-learn/scikit-learn#24695
    """
    others = facts.splits[1:]
    if not others or facts.settings.validation_split:
        return
    for place, (label, leaf) in enumerate(facts.train.x_leaves):
        given = [leaf, *(split.x_leaves[place][1] for _, split in others if split.x_leaves[place:])]
        if _is_scaled_as_one(given) and not _is_scaled_as_one(given[:1]):
            yield warning(
                f"{label} whose columns have mean 0 and standard deviation 1 over all splits "
                "together, not over the training rows",
                "a scaler that saw the training rows only",
                "scaler.fit(x_train) after the split; x = scaler.transform(x) for each split",
            )


@rule("S4", "test-set-used-for-validation")
def test_rows_used_to_choose(facts: Facts) -> Iterator[Mistake]:
    """The test set as validation data.

    Why: early stopping, tuning and people choose what is best on these rows; the score on them is
        then no test.
    Fix: a validation split out of the training rows, `validation_split=0.2`.
    Thread: keras-team/keras#1753, keras-team/keras-tuner#691
    """
    if facts.test.x is None or facts.validation.x is None:
        return
    count, _ = count_equal_rows(facts.validation, facts.test)
    fraction = count / max(facts.test.rows, 1)
    if facts.test.x is facts.validation.x or (count >= MIN_COPIES and fraction >= COPIED_FRACTION):
        yield error(
            f"{count} of {facts.test.rows} test rows that are validation rows too",
            "test rows that no choice has looked at",
            "validation_split=0.2 in fit, and the test rows for evaluate alone",
        )


@rule("S5", "validation-set-too-small")
def validation_too_small(facts: Facts) -> Iterator[Mistake]:
    """A validation split of few rows.

    Why: one row is a large step of the score; what looks better may be chance.
    Fix: `validation_split=0.2`, or cross-validation where there are few rows.
    Thread: keras-team/keras#2718
    """
    count, total = facts.validation.rows, facts.train.rows + facts.validation.rows
    if not count or facts.validation.note:
        return
    if count < MIN_ROWS or (count < SMALL_SPLIT and count < MIN_FRACTION * total):
        yield warning(
            f"{count} validation rows of {total}: each is {1 / count:.1%} of the score",
            "a fifth of the rows, or 100 of them",
            "validation_split=0.2, or cross-validation where there are few rows",
        )


def _fix_of_copies(facts: Facts, all_of_them: bool) -> str:
    """Describe how to keep the rows of two splits apart: cut elsewhere, or drop the copies."""
    if facts.train.batches is not None:
        return "validation = dataset.take(n); train = dataset.skip(n), without shuffling anew"
    if all_of_them:
        return "x_train, y_train = x[:n], y[:n]; x_validation, y_validation = x[n:], y[n:]"
    if isinstance(facts.train.x, pd.DataFrame):
        keep = "keep = ~x.duplicated()"
    else:
        keep = "_, keep = np.unique(x, axis=0, return_index=True)"
    return f"{keep}; x, y = x[keep], y[keep] before the split, and oversampling after it"


def _are_copies(train: reading.Split, other: reading.Split) -> bool:
    """Return whether rows of two splits are alike because somebody copied them."""
    cells = []
    for (_, leaf), (_, more) in zip(train.x_leaves, other.x_leaves, strict=False):
        if scipy.sparse.issparse(leaf) or leaf.shape[1:] != more.shape[1:]:
            return False
        if np.prod(leaf.shape[1:]) >= MAX_COLUMNS:
            return True
        cells.append(np.concatenate([_cells(leaf), _cells(more)]))
    return bool(cells) and bool(repeats.find_copies(np.concatenate(cells, axis=1)).any())


def _cells(leaf: reading.Leaf) -> np.ndarray:
    """Return a number for each cell of an array or a table, equal for equal cells."""
    if isinstance(leaf, pd.DataFrame | pd.Series):
        table = leaf.to_frame() if isinstance(leaf, pd.Series) else leaf
        columns = (table.iloc[:, place] for place in range(table.shape[1]))
    else:
        columns = (pd.Series(column) for column in leaf.reshape(len(leaf), -1).T)
    hashed = [pd.util.hash_pandas_object(column, index=False).to_numpy() for column in columns]
    return np.column_stack(hashed)


def _missing_classes(head: Head) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the classes that chance alone would not have kept out of a split."""
    train, validation = head.classes(head.y.train), head.classes(head.y.validation)
    if train is None or validation is None or not len(train) or not len(validation):
        return
    fraction = len(validation) / (len(train) + len(validation))
    (labels, counts), (others, other_counts) = (
        np.unique(y, return_counts=True) for y in (train, validation)
    )
    unknown = others[~np.isin(others, labels) & (other_counts >= NO_CHANCE)]
    if unknown.size:
        yield "training", unknown
    missing = labels[~np.isin(labels, others) & (counts * fraction >= NO_CHANCE)]
    if missing.size:
        yield "validation", missing


def _is_sorted(head: Head) -> bool:
    """Whether the targets rise, or fall, from the first row to the last of both splits."""
    y = np.concatenate([head.y.train, head.y.validation])
    if not head.y.is_flat or len(y) < MIN_ROWS or len(np.unique(y)) < MIN_ROWS:
        return False
    steps = np.diff(y.ravel().astype("float64"))
    return bool((steps >= 0).all() or (steps <= 0).all())


def _is_scaled_as_one(splits: list[reading.Leaf]) -> bool:
    """Whether the columns have mean 0 and standard deviation 1 over all rows of some arrays."""
    if not all(_is_float_table(split) for split in splits):
        return False
    if len({split.shape[1] for split in splits}) > 1:
        return False
    rows_in_all = sum(len(split) for split in splits)
    if rows_in_all * splits[0].shape[1] > columns.NUMBERS_OF_SAMPLE * 20:
        return False  # a pass over so many numbers costs more than this is worth
    whole = np.concatenate([np.asarray(split, dtype="float64") for split in splits])
    with np.errstate(invalid="ignore"):  # of infinite values, which have a rule of their own
        mean, std = whole.mean(axis=0), whole.std(axis=0)
    moved = std > 0
    centred = np.abs(mean[moved]) < 1e-5  # what float32 keeps of an exact 0
    return bool(centred.any() and centred.all() and np.allclose(std[moved], 1, atol=1e-3))


def _is_float_table(leaf: reading.Leaf) -> bool:
    if not isinstance(leaf, np.ndarray | pd.DataFrame) or leaf.ndim != 2 or len(leaf) < 2:
        return False
    dtypes = leaf.dtypes if isinstance(leaf, pd.DataFrame) else [leaf.dtype]
    return all(isinstance(dtype, np.dtype) and dtype.kind == "f" for dtype in dtypes)


def count_equal_rows(train: reading.Split, other: reading.Split) -> tuple[int, float]:
    """Count rows of one split that are training rows too.

    Args:
        train: Training rows.
        other: Rows of the same form.

    Returns:
        Rows of `other` with an equal row in `train`, and the fraction of training rows that have
        an equal one among the others: what repeats by nature.
    """
    first, second = _words(train), _words(other)
    if first is None or second is None or first.shape[1] != second.shape[1]:
        return 0, 0.0
    step = 1 + first.nbytes // BYTES_TO_READ
    keys, other_keys = (repeats.hash_rows(words[:, ::step]) for words in (first, second))
    # The smaller split is sorted, and each training row looked up in it.
    order = np.argsort(other_keys)
    places = np.searchsorted(other_keys[order], keys)
    places = order[np.minimum(places, len(order) - 1)]
    alike = np.flatnonzero(other_keys[places] == keys)
    if not alike.size:
        return 0, 0.0
    alike = alike[(first[alike] == second[places[alike]]).all(axis=1)]
    if first.shape[1] > 1:  # a dark image or a night without sun is nobody's copy
        alike = alike[(first[alike] != first[alike, :1]).any(axis=1)]
    found = np.isin(other_keys, keys[alike])
    ordered = np.sort(keys)
    same = np.concatenate([[False], ordered[1:] == ordered[:-1], [False]])
    return int(found.sum()), float((same[1:] | same[:-1]).mean())


def _words(split: reading.Split) -> np.ndarray | None:
    """Return each row's inputs as unsigned 64-bit words, equal where the rows are equal."""
    flat = [found for _, leaf in split.x_leaves if (found := _bytes(leaf)) is not None]
    if not split.rows or len(flat) < len(split.x_leaves) or len({len(one) for one in flat}) > 1:
        return None
    if len(flat) > 1 and sum(one.nbytes for one in flat) > BYTES_TO_READ:
        return None  # putting them together would take as much memory again
    joined = flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)
    rest = joined.shape[1] % 8
    if rest and joined.nbytes > BYTES_TO_READ:
        # The last few bytes of a wide row are left out, for a copy would take too much memory.
        row = np.dtype([("words", "u8", joined.shape[1] // 8), ("rest", "u1", rest)])
        return joined.view(row)["words"][:, 0]
    if rest:
        joined = np.pad(joined, ((0, 0), (0, 8 - rest)))
    return np.ascontiguousarray(joined).view("uint64")


def _bytes(leaf: reading.Leaf) -> np.ndarray | None:
    if scipy.sparse.issparse(leaf) or not leaf.size:
        return None
    if isinstance(leaf, pd.DataFrame | pd.Series):
        table = leaf.to_frame() if isinstance(leaf, pd.Series) else leaf
        numeric = all(
            isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in table.dtypes
        )
        # pandas can make one number of a row whatever is in it.
        leaf = table.to_numpy() if numeric else pd.util.hash_pandas_object(table, index=False)
        leaf = np.asarray(leaf)
    if leaf.dtype.kind == "O":
        return None
    flat = np.ascontiguousarray(leaf.reshape(len(leaf), -1))
    return flat.view("uint8").reshape(len(leaf), -1)
