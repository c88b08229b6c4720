"""Rules about how the rows were split into training, validation and test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from keras_recipes.checks.findings import Finding, rule_list
from keras_recipes.checks.inspect import columns, reading, rows
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.heads import Head
from keras_recipes.checks.inspect.losses import BINARY, CATEGORICAL, CROSS_ENTROPY, NUMERIC, SPARSE

RULES, rule = rule_list()

# Fewer rows of a class than this may all fall into one part by chance.
NO_CHANCE = 10
# Fewer equal rows, or a smaller share, are the repetitions that any data may hold.
FEW_TWINS = 3
SHARE_OF_TWINS = 0.01
MANY_COLUMNS = 64
FEW_ROWS = 10
# A validation part of less than this is small where it is also a small share of all rows.
SMALL_PART = 100
SMALL_SHARE = 0.05


@rule("S1")
def sorted_rows_split(facts: Facts, say) -> Iterator[Finding]:
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
                yield say(
                    "error",
                    f"{head.label}no row of class {head.y.show(classes)} in the {where} part",
                    "every class in both parts",
                    fix,
                )
        elif facts.settings.validation_split and head.uses(NUMERIC) and _is_sorted(head):
            yield say(
                "warning",
                f"{head.label}targets in order of size, of which the last "
                f"{facts.settings.validation_split:.0%} are set aside",
                "validation targets of the same range as those of training",
                f"{fix}; rows that follow time stay in order, ignore=['S1']",
            )


@rule("S2")
def rows_in_both_parts(facts: Facts, say) -> Iterator[Finding]:
    """Rows that stand in the training part and in another one too.

    Why: the model knows these rows by heart; the score on them says nothing about new ones.
    Fix: drop the copies before the split, and oversample after it: `table.drop_duplicates()`.
    Thread: abdoelsayed2016/TNCR_Dataset#3, mljar/mljar-supervised#627
    """
    for name, part in facts.parts[1:]:
        count, natural = rows.twins(facts.train, part)
        share = count / max(part.rows, 1)
        # Rows of few small numbers repeat by nature, inside the training part as well; rows that
        # hold a measurement do so only where somebody copied them.
        expected = natural * part.rows
        by_chance = 2 * expected + 3 * max(expected, 1) ** 0.5
        enough = count >= FEW_TWINS and share >= SHARE_OF_TWINS
        if enough and (count > by_chance or _are_measured(facts)):
            yield say(
                "error",
                f"{count} of {part.rows} {name}rows that are training rows too",
                "rows that training has not seen",
                _part_rows(facts, count == part.rows),
            )


@rule("S3")
def scaled_with_all_rows(facts: Facts, say) -> Iterator[Finding]:
    """Inputs scaled by a scaler that saw the validation or test rows.

    Why: the scaler carries what it saw of those rows into training; the score comes out too good.
    Fix: `scaler.fit(x_train)` after the split, then `transform` for each part.
    Thread: scikit-learn/scikit-learn#24695
    """
    others = facts.parts[1:]
    if not others or facts.settings.validation_split:
        return
    for place, (label, leaf) in enumerate(facts.train.x_leaves):
        given = [leaf, *(part.x_leaves[place][1] for _, part in others if part.x_leaves[place:])]
        if _is_scaled_as_one(given) and not _is_scaled_as_one(given[:1]):
            yield say(
                "warning",
                f"{label} whose columns have mean 0 and standard deviation 1 over all parts "
                "together, not over the training rows",
                "a scaler that saw the training rows only",
                "scaler.fit(x_train) after the split; x = scaler.transform(x) for each part",
            )


@rule("S4")
def test_rows_used_to_choose(facts: Facts, say) -> Iterator[Finding]:
    """The test set as validation data.

    Why: early stopping, tuning and the eye choose what is best on these rows; the score on them is
        then no test.
    Fix: a validation part out of the training rows, `validation_split=0.2`.
    Thread: keras-team/keras#1753, keras-team/keras-tuner#691
    """
    if facts.test.x is None or facts.validation.x is None:
        return
    count, _ = rows.twins(facts.validation, facts.test)
    share = count / max(facts.test.rows, 1)
    if facts.test.x is facts.validation.x or (count >= FEW_TWINS and share >= SHARE_OF_TWINS):
        yield say(
            "error",
            f"{count} of {facts.test.rows} test rows that are validation rows too",
            "test rows that no choice has looked at",
            "validation_split=0.2 in fit, and the test rows for evaluate alone",
        )


@rule("S5")
def validation_too_small(facts: Facts, say) -> Iterator[Finding]:
    """A validation part of few rows.

    Why: one row is a large step of the score; what looks better may be chance.
    Fix: `validation_split=0.2`, or cross-validation where there are few rows.
    Thread: keras-team/keras#2718
    """
    count, total = facts.validation.rows, facts.train.rows + facts.validation.rows
    if not count or facts.validation.note:
        return
    if count < FEW_ROWS or (count < SMALL_PART and count < SMALL_SHARE * total):
        yield say(
            "warning",
            f"{count} validation rows of {total}: each is {1 / count:.1%} of the score",
            "a fifth of the rows, or 100 of them",
            "validation_split=0.2, or cross-validation where there are few rows",
        )


def _part_rows(facts: Facts, all_of_them: bool) -> str:
    """Describe how to keep the rows of two parts apart: cut elsewhere, or drop the copies first."""
    if facts.train.batches is not None:
        return "validation = dataset.take(n); train = dataset.skip(n), without shuffling anew"
    if all_of_them:
        return "x_train, y_train = x[:n], y[:n]; x_validation, y_validation = x[n:], y[n:]"
    if isinstance(facts.train.x, pd.DataFrame):
        keep = "keep = ~x.duplicated()"
    else:
        keep = "_, keep = np.unique(x, axis=0, return_index=True)"
    return f"{keep}; x, y = x[keep], y[keep] before the split, and oversampling after it"


def _are_measured(facts: Facts) -> bool:
    """Return whether a column of fractions, or many columns, make each row one of its kind."""
    for _, leaf in facts.train.x_leaves:
        summary = columns.summarise(leaf)
        if summary is None:
            continue
        if summary.are_images or summary.values.shape[1] >= MANY_COLUMNS:
            return True
        distinct = len(np.unique(summary.values, axis=0))
        fractions = summary.values.T[(summary.values % 1 != 0).any(axis=0)]
        most = max((len(np.unique(column)) for column in fractions), default=0)
        if most > distinct / 2 and most > FEW_ROWS:
            return True
    return False


def _missing_classes(head: Head) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the classes that chance alone would not have kept out of a part."""
    train, validation = (_classes(head, y) for y in (head.y.train, head.y.validation))
    if train is None or validation is None or not len(train) or not len(validation):
        return
    share = len(validation) / (len(train) + len(validation))
    (labels, counts), (others, other_counts) = (
        np.unique(y, return_counts=True) for y in (train, validation)
    )
    unknown = others[~np.isin(others, labels) & (other_counts >= NO_CHANCE)]
    if unknown.size:
        yield "training", unknown
    missing = labels[~np.isin(labels, others) & (counts * share >= NO_CHANCE)]
    if missing.size:
        yield "validation", missing


def _classes(head: Head, y: np.ndarray) -> np.ndarray | None:
    """Return one class for each row; None where a row has no single class."""
    if len(head.shape) != 1 or y.dtype.kind not in "biuf":
        return None
    if head.uses(CATEGORICAL) and y.ndim == 2:
        return y.argmax(axis=1) if head.y.is_one_hot else None
    flat = y.ndim == 1 or y.shape[1:] == (1,)
    known = head.uses(SPARSE) or (head.uses(BINARY) and head.y.are_0_and_1)
    return y.ravel() if flat and known and head.y.are_integers else None


def _is_sorted(head: Head) -> bool:
    """Whether the targets rise, or fall, from the first row to the last of both parts."""
    y = np.concatenate([head.y.train, head.y.validation])
    if not head.y.is_flat or len(y) < FEW_ROWS or len(np.unique(y)) < FEW_ROWS:
        return False
    steps = np.diff(y.ravel().astype("float64"))
    return bool((steps >= 0).all() or (steps <= 0).all())


def _is_scaled_as_one(parts: list) -> bool:
    """Whether the columns have mean 0 and standard deviation 1 over all rows of some arrays."""
    if not all(_is_float_table(part) for part in parts):
        return False
    if len({part.shape[1] for part in parts}) > 1:
        return False
    rows_in_all = sum(len(part) for part in parts)
    if rows_in_all * parts[0].shape[1] > columns.NUMBERS_OF_SAMPLE * 20:
        return False  # a pass over so many numbers costs more than this is worth
    whole = np.concatenate([np.asarray(part, dtype="float64") for part in parts])
    with np.errstate(invalid="ignore"):  # of infinite values, which have a rule of their own
        mean, deviation = whole.mean(axis=0), whole.std(axis=0)
    moved = deviation > 0
    centred = np.abs(mean[moved]) < 1e-5  # what float32 keeps of an exact 0
    return bool(centred.any() and centred.all() and np.allclose(deviation[moved], 1, atol=1e-3))


def _is_float_table(leaf: reading.Leaf) -> bool:
    if not isinstance(leaf, np.ndarray | pd.DataFrame) or leaf.ndim != 2 or len(leaf) < 2:
        return False
    dtypes = leaf.dtypes if isinstance(leaf, pd.DataFrame) else [leaf.dtype]
    return all(isinstance(dtype, np.dtype) and dtype.kind == "f" for dtype in dtypes)
