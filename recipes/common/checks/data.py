"""Rules about whether the data can be read by the model at all: numbers, shapes, rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import scipy.sparse

from recipes.common.checks import columns, reading, running
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
            for bad in _count_bad(part + label, leaf)
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
        # By what to do about it; a column that is so in several parts is named once.
        found: dict[str, dict[str, str]] = {}
        for part, label, leaf in _leaves(facts, axis):
            if axis == "x" and facts.takes_text(label):
                continue
            for column, cells in columns.each(leaf):
                if not columns.is_numeric(cells):
                    fix, example = _advise(axis, cells)
                    named = f"{part}{label}{column} with {example}"
                    found.setdefault(fix, {}).setdefault(label + column, named)
        for fix, received in found.items():
            yield say("error", _some(list(received.values())), "numbers", fix)


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
                shape = wanted.shape[1:] if wanted is not None else ()
                yield say(
                    "error",
                    received,
                    f"(rows, {', '.join(map(str, shape))}), as the model takes it"
                    if wanted is not None
                    else f"{len(facts.model.inputs)} array(s), one for each input of the model",
                    "x = {name of an input: array, ...}"
                    if leaf is None
                    else _shape_fix(leaf, shape),
                )


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


def _leaves(facts: Facts, axis: str) -> Iterator[tuple[str, str, reading.Leaf]]:
    """Give the arrays of x or y of all parts, with the words for the part and for the array."""
    for name, part in facts.parts:
        for label, leaf in part.x_leaves if axis == "x" else part.y_leaves:
            yield name, label, leaf


def _some(things: list[str]) -> str:
    return ", ".join(things[:6]) + (f", … ({len(things)} in all)" if len(things) > 6 else "")


def _count_bad(where: str, leaf: reading.Leaf) -> Iterator[str]:
    """Count what is no number that float32 can hold, column by column."""
    for column, cells in columns.each(leaf):
        if not columns.is_numeric(cells) or not cells.size:
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
        return f"{first}x = x.fillna(x.median(numeric_only=True)), with the training rows' median"
    if only_missing:
        return "x = np.where(np.isnan(x), np.nanmedian(x, axis=0), x), or drop those rows"
    return "find the division by 0 or log(0) that made them, or drop those rows of x and y"


def _drop(facts: Facts, only_missing: bool) -> str:
    return "keep = np.isfinite(y); x, y = x[keep], y[keep]: a row without target teaches nothing"


def _advise(axis: str, cells: pd.Series | np.ndarray) -> tuple[str, str]:
    """Say what to do about a column that is not numeric, and give an example of what is in it."""
    flat = np.asarray(cells, dtype=object).ravel()
    known = [cell for cell in flat[:1000] if np.ndim(cell) or not pd.isna(cell)]
    if not known:
        return "leave the column out: it holds nothing", "nothing but missing values"
    example = f"values such as {known[0]!r}"
    if cells.dtype.kind == "M":
        since = "(x[name] - x[name].min()).dt.days, or .dt.year"
        return f"x[name] = {since}" if isinstance(cells, pd.Series) else "days or years", "dates"
    if isinstance(known[0], np.ndarray | list | tuple | dict):
        return "np.stack(list(x)), or keras.utils.pad_sequences for rows of different length", (
            f"a {type(known[0]).__name__} in each cell"
        )
    if _are_numbers(known):
        kind = "numbers as text" if isinstance(known[0], str) else f"numbers as {cells.dtype}"
        if isinstance(cells, pd.Series):
            return (
                "x[name] = pd.to_numeric(x[name], errors='coerce')",
                f"{kind}, such as {known[0]!r}",
            )
        return f"{axis} = {axis}.astype('float32')", f"{kind}, such as {known[0]!r}"
    if axis == "y":
        return "classes, y = np.unique(y, return_inverse=True)", example
    return "x = pd.get_dummies(x), or leave the column out", example


def _are_numbers(cells: list) -> bool:
    """Tell whether nearly all of some cells can be read as numbers."""
    as_numbers = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
    return as_numbers.notna().mean() > 0.9


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


def _shape_advice(wanted, leaf: reading.Leaf | None) -> tuple[str, str]:
    """Say what an input of the model takes, and how to bring its array to that."""
    if wanted is None:
        return "one array for each input of the model", "x = {name of an input: array, ...}"
    expected = f"(rows, {', '.join(map(str, wanted.shape[1:]))}), as the model takes it"
    if leaf is None:
        return expected, "x = {name of an input: array, ...}"
    return expected, _shape_fix(leaf, wanted.shape[1:])


def _shape_fix(leaf: reading.Leaf, wanted: tuple | None) -> str:
    shape = tuple(leaf.shape[1:])
    if wanted and len(wanted) == 1 and len(shape) > 1 and wanted[0] == np.prod(shape):
        return "x = x.reshape(len(x), -1)"
    if len(shape) == 2 and (wanted is None or len(wanted) == 3):
        channels = 1 if wanted is None else wanted[-1]
        return (
            "x = x[..., None]" if channels == 1 else f"x = np.repeat(x[..., None], {channels}, -1)"
        )
    return f"keras.Input({shape}) as the model's input"
