"""Rules about whether the data are numbers at all, finite ones, and no copy of the target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd
import scipy.sparse

from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import columns, conversions, reading, running
from keras_recipes.checks.inspect.facts import Facts

NUMBERS, rule = rule_list("inputs")
LEAKS, leak = rule_list("inputs")  # judged after those about the classes

LARGEST = float(np.finfo("float32").max)


@rule("D1", "nan-or-infinite")
def not_finite(facts: Facts) -> Iterator[Mistake]:
    """NaN or infinite values in inputs or targets.

    Why: one NaN makes the loss NaN, and after one training step every weight; training
        goes on all the same.
    Fix: `x = x.fillna(x.median(numeric_only=True))` for a table; `np.isfinite` picks the rows of an
        array.
    Thread: keras-team/keras#2134, rstudio/keras3#1221
    """
    own_loss = any(head.loss.function and not head.loss.name for head in facts.heads)
    for axis, fix in (("x", _fill), ("y", _drop)):
        counts = [
            bad
            for split, label, leaf in _leaves(facts, axis)
            for bad in _count_bad(split + label, leaf, of_text=axis == "y")
        ]
        if not counts or (axis == "x" and _copes(facts)):
            continue
        yield Mistake(
            "warning" if axis == "y" and own_loss else "error",
            _some(counts),
            "finite numbers only, since one NaN makes the loss and then every weight NaN",
            fix(facts, all(" NaN in " in count for count in counts)),
        )


@rule("D2", "not-numeric")
def not_numbers(facts: Facts) -> Iterator[Mistake]:
    """Text, dates or other objects where numbers are needed.

    Why: TensorFlow takes numbers only; `fit` stops with "Unsupported object type" or "Invalid
        dtype: object" and names no column.
    Fix: `x = pd.get_dummies(x)` for categories, `pd.to_numeric` for numbers that were read as
        text, `classes, y = np.unique(y, return_inverse=True)` for labels.
    Thread: tensorflow/tensorflow#28367, pandas-dev/pandas#61916
    """
    yield from _text_that_fit_refuses(facts)
    for axis in ("x", "y"):
        # By kind; a column that is so in several splits is named once.
        found: dict[str, dict[str, tuple]] = {}
        for split, label, leaf in _leaves(facts, axis):
            if (axis == "x" and facts.takes_text(label)) or not reading.count(leaf):
                continue
            for name, cells in conversions.as_columns(leaf):
                kind, example = conversions.kind(cells)
                column = "" if name is None else f" column {name!r}"
                shown = f"{split}{label}{column} with {conversions.show(kind, example)}"
                found.setdefault(kind, {}).setdefault(label + column, (shown, leaf, name))
        for kind, same in found.items():
            received, arrays, names = zip(*same.values(), strict=True)
            fix = conversions.fix(axis, arrays[0], kind, list(dict.fromkeys(names)))
            if axis == "x":
                fix = _fix_of_sentences(facts, arrays[0], kind) or fix
            yield error(_some(received), "numbers", fix)


@rule("D14", "mixed-column-types")
def columns_do_not_join(facts: Facts) -> Iterator[Mistake]:
    """A table whose columns NumPy cannot join to one array of numbers.

    Why: a column of True and False beside numbers, or one of pandas' own types such as Int64, makes
        objects of the whole table; `fit` stops with "Unsupported object type" or "Invalid dtype".
    Fix: `x = x.astype("float32")`; `dtype="float32"` in `pd.get_dummies`.
    Thread: tensorflow/tensorflow#36623, rstudio/keras3#925
    """
    reported = set()
    for axis in ("x", "y"):
        for split, label, leaf in _leaves(facts, axis):
            if label in reported or not (names := columns.not_joined(leaf)):
                continue
            reported.add(label)
            yield error(
                f"{split}{label} with {_some(names)}, which make objects of the table",
                "one type of number in all columns, of NumPy's own types",
                f"{label} = {label}.astype('float32')",
            )


@leak("D12", "column-equals-target")
def feature_is_target(facts: Facts) -> Iterator[Mistake]:
    """A column of the inputs, or one input of several, that is the target.

    Why: the model copies it and scores perfectly, and fails where the target is not known.
    Fix: `x = x.drop(columns=[name])`.
    Thread: david-thrower/cerebros-core-algorithm-alpha#182
    """
    several = len(facts.train.x_leaves) > 1
    for head in facts.heads:
        y = head.y.train
        if head.y.is_one_hot and several:
            yield from _one_hot_inputs(facts, y)
        if not head.y.is_flat or not head.y.is_number or len(head.y.labels) < 2:
            continue
        for label, leaf in facts.train.x_leaves:
            if scipy.sparse.issparse(leaf) or leaf.ndim > 2 or len(leaf) != len(y):
                continue
            if leaf.ndim == 1 or leaf.shape[1] == 1:  # a single one is that of a first exercise
                flat = np.ravel(leaf)
                numeric = several and columns.is_numeric(flat)
                if numeric and _equal(flat, y.ravel(), slice(None)):
                    yield _input_is_target(label)
                continue
            for name in _equal_columns(leaf, y.ravel()):
                yield warning(
                    f"{label} {name}, which equals the target in every row",
                    "inputs that are known before the target is",
                    f"x = x.drop(columns=[{name.removeprefix('column ')}])"
                    if hasattr(leaf, "columns")
                    else f"x = np.delete(x, {name.split()[-1]}, axis=1)",
                )


RULES = (*NUMBERS, *LEAKS)


def _one_hot_inputs(facts: Facts, y: np.ndarray) -> Iterator[Mistake]:
    for label, leaf in facts.train.x_leaves:
        if getattr(leaf, "shape", None) == y.shape and np.array_equal(np.asarray(leaf), y):
            yield _input_is_target(label)


def _input_is_target(label: str) -> Mistake:
    return warning(
        f"{label}, which equals the target in every row",
        "inputs that are known before the target is",
        f"a model without the input {label}",
    )


def _leaves(facts: Facts, axis: str) -> Iterator[tuple[str, str, reading.Leaf]]:
    """Yield the arrays of x or y of all splits, after the names of the split and of the array."""
    for name, split in facts.splits:
        for label, leaf in split.x_leaves if axis == "x" else split.y_leaves:
            yield name, label, leaf


def _some(things: Sequence[str]) -> str:
    return ", ".join(things[:6]) + (f", … ({len(things)} in all)" if len(things) > 6 else "")


def _count_bad(where: str, leaf: reading.Leaf, of_text: bool) -> Iterator[str]:
    """Count what is no number that float32 can hold, column by column; of text what is missing."""
    for column, cells in columns.each(leaf):
        if not columns.is_numeric(cells) or not cells.size:
            missing = int(pd.isna(np.asarray(cells)).sum()) if of_text and cells.size else 0
            if missing:
                yield f"{missing} NaN in {where}{column}"
            continue
        numbers = columns.numbers(cells)
        if numbers.dtype.kind != "f":
            continue
        # NaN and infinity show in the extremes: one pass where all is well.
        with np.errstate(invalid="ignore"):
            low, high = numbers.min(), numbers.max()
            if low >= -LARGEST and high <= LARGEST:
                continue
            large = np.isfinite(numbers) & (np.abs(numbers) > LARGEST)
        kinds = {"NaN": np.isnan(numbers), "infinite": np.isinf(numbers), "too large": large}
        for kind, bad in kinds.items():
            if bad.any():
                yield f"{int(bad.sum())} {kind} in {where}{column}"


def _copes(facts: Facts) -> bool:
    """Return whether the model itself makes finite outputs of rows with missing inputs."""
    bad = np.zeros(facts.train.rows, dtype=bool)
    for _, leaf in facts.train.x_leaves:
        for _, cells in columns.each(leaf):
            if columns.is_numeric(cells) and not scipy.sparse.issparse(leaf):
                numbers = columns.numbers(cells)
                bad |= ~np.isfinite(numbers).reshape(len(bad), -1).all(axis=1)
    rows = np.flatnonzero(bad)[: running.ROWS_OF_BATCH]
    if not rows.size or not facts.heads:
        return False
    try:
        with running.undisturbed():
            outputs = running.call(facts.model, facts.train.take(rows).x)
    except Exception:  # whatever the user's own `call` raises: then it does not cope
        return False
    return all(np.isfinite(output).all() for output in outputs)


def _fill(facts: Facts, only_missing: bool) -> str:
    """Describe how to get rid of missing, or also of infinite and too large, inputs."""
    if any(isinstance(leaf, pd.DataFrame) for _, leaf in facts.train.x_leaves):
        first = "" if only_missing else "x = x.replace([np.inf, -np.inf], np.nan); "
        if any(columns.not_joined(leaf) for _, leaf in facts.train.x_leaves):
            first = f"x = x.astype('float32'); {first}"  # pandas' own truth values have no median
        return f"{first}x = x.fillna(x.median(numeric_only=True)), with the training rows' median"
    if only_missing:
        return "x = np.where(np.isnan(x), np.nanmedian(x, axis=0), x), or drop those rows"
    return "find the division by 0 or log(0) that made them, or drop those rows of x and y"


def _drop(facts: Facts, only_missing: bool) -> str:
    known = "pd.notna(y)" if only_missing else "np.isfinite(y)"
    wide = any(leaf.ndim > 1 for _, leaf in facts.train.y_leaves)
    keep = f"{known}.all(axis=1)" if wide else known
    return f"keep = {keep}; x, y = x[keep], y[keep]: a row without target teaches nothing"


def _text_that_fit_refuses(facts: Facts) -> Iterator[Mistake]:
    """Describe text for a model of text in a form that Keras does not take."""
    if facts.settings.is_encoded:
        return  # its encoder is run over the text; `fit` is never given any
    reported = set()
    for name, split in facts.splits:
        for label, leaf in split.x_leaves:
            if label not in split.odd_text or not facts.takes_text(label) or label in reported:
                continue
            reported.add(label)
            single = leaf.ndim == 1 or leaf.shape[1:] == (1,)
            yield error(
                f"{name}{label}, text of type {getattr(leaf, 'dtype', 'object')} in "
                f"{leaf.ndim} dimension(s), which fit refuses (Invalid dtype)",
                "text as one column of Python's own strings, or as a tensor",
                f"{label} = np.ravel({label}).astype(str).astype(object)"
                if single
                else f"{label} = tf.constant(np.asarray({label}, dtype=str).tolist())",
            )


def _fix_of_sentences(facts: Facts, leaf: reading.Leaf, kind: str) -> str | None:
    """Write how sentences become word numbers, for a model that takes such."""
    sizes = [one.input_dim for one in facts.operations if isinstance(one, keras.layers.Embedding)]
    single = leaf.ndim == 1 or leaf.shape[1:] == (1,)
    if not sizes or not single or kind not in ("categories", "many kinds"):
        return None
    (wanted, *_) = getattr(facts.model, "inputs", None) or [None]
    length = wanted.shape[-1] if wanted is not None and wanted.ndim > 1 else None
    return (
        f"words = keras.layers.TextVectorization(max_tokens={sizes[0]}, "
        f"output_sequence_length={length or 100}); texts = np.ravel(x).tolist(); "
        "words.adapt(texts); x = np.asarray(words(texts))"
    )


def _equal_columns(leaf: reading.Leaf, y: np.ndarray) -> Iterator[str]:
    """Name the columns that equal the target: a sample shows which to look at in full."""
    sample = reading.spread(len(y))
    tables = isinstance(leaf, pd.DataFrame)
    named = columns.each(leaf) if tables else ((f" column {n}", c) for n, c in enumerate(leaf.T))
    for name, cells in named:
        if columns.is_numeric(cells) and _equal(cells, y, sample) and _equal(cells, y, slice(None)):
            yield name.strip()


def _equal(cells: Any, y: np.ndarray, rows: np.ndarray | slice) -> bool:
    cells = cells.iloc[rows] if isinstance(cells, pd.Series) else cells[rows]
    return bool((columns.numbers(cells) == y[rows]).all())
