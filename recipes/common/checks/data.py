"""Rules about whether the data can be read by the model at all: numbers, shapes, rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import scipy.sparse

from recipes.common.checks import columns, conversions, reading, running
from recipes.common.checks.facts import Facts
from recipes.common.checks.findings import Finding, rule_list

RULES, rule = rule_list()

LARGEST = float(np.finfo("float32").max)


@rule("D1")
def not_finite(facts: Facts, say) -> Iterator[Finding]:
    """NaN or infinite values in inputs or targets.

    Why: one NaN makes the loss NaN, and after one update every weight; training goes on all the
        same.
    Fix: `x = x.fillna(x.median(numeric_only=True))` for a table; `np.isfinite` picks the rows of an
        array.
    Thread: keras-team/keras#2134, rstudio/keras3#1221
    """
    own_loss = any(head.loss.function and not head.loss.name for head in facts.heads)
    for axis, fix in (("x", _fill), ("y", _drop)):
        counts = [
            bad
            for part, label, leaf in _leaves(facts, axis)
            for bad in _count_bad(part + label, leaf, of_text=axis == "y")
        ]
        if not counts or (axis == "x" and _copes(facts)):
            continue
        yield say(
            "warning" if axis == "y" and own_loss else "error",
            _some(counts),
            "finite numbers only, since one NaN makes the loss and then every weight NaN",
            fix(facts, all(" NaN in " in count for count in counts)),
        )


@rule("D2")
def not_numbers(facts: Facts, say) -> Iterator[Finding]:
    """Text, dates or other objects where numbers are needed.

    Why: TensorFlow takes numbers only; `fit` stops with "Unsupported object type" or "Invalid
        dtype: object" and names no column.
    Fix: `x = pd.get_dummies(x)` for categories, `pd.to_numeric` for numbers that were read as
        text, `classes, y = np.unique(y, return_inverse=True)` for labels.
    Thread: tensorflow/tensorflow#28367, pandas-dev/pandas#61916
    """
    for axis in ("x", "y"):
        # By kind; a column that is so in several parts is named once.
        found: dict[str, dict[str, tuple]] = {}
        for part, label, leaf in _leaves(facts, axis):
            if axis == "x" and facts.takes_text(label):
                continue
            for name, cells in conversions.as_columns(leaf):
                kind, example = conversions.kind(cells)
                column = "" if name is None else f" column {name!r}"
                received = f"{part}{label}{column} with {conversions.show(kind, example)}"
                found.setdefault(kind, {}).setdefault(label + column, (received, leaf, name))
        for kind, same in found.items():
            received, arrays, names = zip(*same.values(), strict=True)
            fix = conversions.fix(axis, arrays[0], kind, list(dict.fromkeys(names)))
            yield say("error", _some(list(received)), "numbers", fix)


@rule("D14")
def columns_do_not_join(facts: Facts, say) -> Iterator[Finding]:
    """A table whose columns NumPy cannot join to one array of numbers.

    Why: a column of True and False beside numbers, or one of pandas' own types such as Int64, makes
        objects of the whole table; `fit` stops with "Unsupported object type" or "Invalid dtype".
    Fix: `x = x.astype("float32")`; `dtype="float32"` in `pd.get_dummies`.
    Thread: tensorflow/tensorflow#36623, rstudio/keras3#925
    """
    told = set()
    for axis in ("x", "y"):
        for part, label, leaf in _leaves(facts, axis):
            if label in told or not (names := columns.not_joined(leaf)):
                continue
            told.add(label)
            yield say(
                "error",
                f"{part}{label} with {_some(names)}, which make objects of the table",
                "one type of number in all columns, of NumPy's own types",
                f"{label} = {label}.astype('float32')",
            )


@rule("D7")
def wrong_input_shape(facts: Facts, say) -> Iterator[Finding]:
    """Inputs of another shape than the model takes.

    Why: `fit` stops inside a layer, with a message about ranks rather than about x.
    Fix: `x = x[..., None]` adds the channel of grey images; `keras.Input(x.shape[1:])` fits the
        model to the data.
    Thread: keras-team/keras#11950, tensorflow/tensorflow#28442
    """
    for label in facts.train.lists:
        yield say("error", f"{label} as a Python list", "an array", f"{label} = np.array({label})")
    if facts.train.unbatched:
        yield say("error", "a data set of single rows", "batches", "dataset = dataset.batch(32)")
    elif facts.fault and facts.train.x_leaves:
        shapes = ", ".join(str(leaf.shape) for _, leaf in facts.train.x_leaves)
        yield say(
            "error",
            f"x of shape {shapes}, on which the model fails: {facts.fault}",
            "inputs that the model can be called on",
            _shape_fix(facts.train.x_leaves[0][1], None),
        )
    else:
        for label, wanted, leaf in facts.inputs:
            if received := _misfit(label, wanted, leaf):
                expected = f"{len(facts.model.inputs)} array(s), one for each input of the model"
                fix = "x = {name of an input: array, ...}"
                shape = wanted.shape[1:] if wanted is not None else ()
                if wanted is not None:
                    expected = f"(rows, {', '.join(map(str, shape))}), as the model takes it"
                if leaf is not None:
                    fix = _shape_fix(leaf, shape)
                yield say("error", received, expected, fix)


@rule("D8")
def rows_do_not_match(facts: Facts, say) -> Iterator[Finding]:
    """No rows, no targets, or inputs and targets with different numbers of rows.

    Why: each row of x is learned with the row of y in the same place; `fit` stops with "Data
        cardinality is ambiguous".
    Fix: make x and y from the same table, and drop rows from both.
    Thread: keras-team/keras#14368, tensorflow/tensorflow#47105
    """
    for name, part in facts.parts:
        arrays = [*part.x_leaves, *part.y_leaves]
        counts = {name + label: reading.count(leaf) for label, leaf in arrays}
        nested = part.y is None or isinstance(part.y, dict | list | tuple)
        if len(facts.heads) > 1 and not nested:
            yield _one_array_for_several(facts, name, part, say)
            continue
        for output in _without_targets(facts, part):
            yield say(
                "error", f"no {name}y{output}", "targets for each loss", "give y as well as x"
            )
        if len(set(counts.values())) > 1:
            yield say(
                "error",
                ", ".join(f"{count} rows of {label}" for label, count in counts.items()),
                "one row of y for each row of x",
                "drop rows from both: x, y = x[keep], y[keep]",
            )
        elif 0 in counts.values():
            yield say(
                "error",
                f"{name}x without rows",
                "at least one row in each part of the data",
                "print(x.shape, y.shape) where they are made shows what took the rows away",
            )


def _without_targets(facts: Facts, part: reading.Part) -> list[str]:
    """Name the outputs whose loss has no targets; "" for the only one."""
    lacking = [head for head in facts.heads if head.loss.name]
    if part.y is not None:  # then it can only be that one of several is left out
        lacking = [head for head in lacking if part is facts.train and not head.y.train.shape[0]]
        lacking = [] if any(head.alone for head in lacking) else lacking
    return [f" for the output {head.name!r}" if not head.alone else "" for head in lacking]


def _one_array_for_several(facts: Facts, name: str, part: reading.Part, say) -> Finding:
    names = [head.name for head in facts.heads]
    by_name = isinstance(part.y, pd.DataFrame) and set(names) <= set(part.y.columns)
    return say(
        "error",
        f"{name}y as one {'table' if by_name else 'array'} for {len(names)} outputs",
        "targets for each output by its name",
        f"y = {{name: y[name] for name in {names}}}"
        if by_name
        else f"y = {{{', '.join(f'{one!r}: ...' for one in names)}}}",
    )


def _leaves(facts: Facts, axis: str) -> Iterator[tuple[str, str, reading.Leaf]]:
    """Give the arrays of x or y of all parts, with the words for the part and for the array."""
    for name, part in facts.parts:
        for label, leaf in part.x_leaves if axis == "x" else part.y_leaves:
            yield name, label, leaf


def _some(things: list[str]) -> str:
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
    """Tell whether the model itself makes finite outputs of rows with missing inputs."""
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
            given = running.call(facts.model, facts.train.take(rows).x)
    except Exception:  # whatever the user's own `call` raises: then it does not cope
        return False
    return all(np.isfinite(output).all() for output in given)


def _fill(facts: Facts, only_missing: bool) -> str:
    """Say how to get rid of missing, or also of infinite and too large, inputs."""
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


def _misfit(label: str, wanted, leaf: reading.Leaf | None) -> str | None:
    """Say what is wrong with the array for an input; None where nothing is."""
    if leaf is None:
        return f"no array for the input {label}"
    if wanted is None:
        return f"{label}, an array without an input"
    return None if _accepts(wanted.shape, leaf.shape) else f"{label} of shape {leaf.shape}"


def _accepts(wanted: tuple, given: tuple) -> bool:
    """Tell whether Keras takes an array of this shape, with the rank adjusted as it does."""
    if len(given) == len(wanted) + 1 and given[-1] == 1:
        given = given[:-1]
    elif len(given) == len(wanted) - 1 and wanted[-1] == 1:
        given = (*given, 1)
    return len(given) == len(wanted) and all(
        size in (None, its) for size, its in zip(wanted[1:], given[1:], strict=True)
    )


def _shape_fix(leaf: reading.Leaf, wanted: tuple | None) -> str:
    shape = tuple(leaf.shape[1:])
    if wanted and len(wanted) == 1 and len(shape) > 1 and wanted[0] == np.prod(shape):
        return "x = x.reshape(len(x), -1)"
    if len(shape) == 2 and (wanted is None or len(wanted) == 3):
        channels = 1 if wanted is None else wanted[-1]
        return (
            "x = x[..., None]" if channels == 1 else f"x = np.repeat(x[..., None], {channels}, -1)"
        )
    fewer = ""
    if isinstance(leaf, pd.DataFrame) and wanted and len(wanted) == 1 and wanted[0] < shape[0]:
        fewer = f", or x = x[[...]] with the {wanted[0]} columns that it takes"
    return f"keras.Input({shape}) as the model's input{fewer}"
