"""Rules about shapes: whether x fits the model, y fits x, and all splits of the data agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from keras_recipes.checks.findings import Mistake, error, rule_list
from keras_recipes.checks.inspect import conversions, reading, running
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.heads import Head, accepts

RULES, rule = rule_list("shapes")

# Of more inputs than this no order is looked for: they are given by name.
MAX_INPUTS = 4


@rule("D7", "wrong-input-shape")
def wrong_input_shape(facts: Facts) -> Iterator[Mistake]:
    """Inputs of another shape than the model takes.

    Why: `fit` stops inside a layer, with a message about ranks rather than about x.
    Fix: `x = x[..., None]` adds the channel of grey images; `keras.Input(x.shape[1:])` fits the
        model to the data.
    Thread: keras-team/keras#11950, tensorflow/tensorflow#28442
    """
    for label in facts.train.lists:
        yield error(f"{label} as a Python list", "an array", f"{label} = np.array({label})")
    if facts.train.unbatched:
        yield error("a data set of single rows", "batches", "dataset = dataset.batch(32)")
    elif facts.fault and facts.train.x_leaves and not _will_change(facts, facts.train):
        shown = ", ".join(str(leaf.shape) for _, leaf in facts.train.x_leaves)
        yield error(
            f"x of shape {shown}, on which the model fails: {facts.fault}",
            "inputs that the model can be called on",
            _fix_of_shape(facts.train.x_leaves[0][1], None, facts.fault),
        )
    else:
        reported = set()
        for name, split in facts.splits:
            for received, expected, fix in _misfits(facts, split):
                if received not in reported:  # of several splits the first is enough
                    yield error(name + received, expected, fix)
                reported.add(received)


@rule("D8", "row-counts-differ")
def rows_do_not_match(facts: Facts) -> Iterator[Mistake]:
    """No rows, no targets, or inputs and targets with different numbers of rows.

    Why: each row of x is learned with the row of y in the same place; `fit` stops with "Data
        cardinality is ambiguous".
    Fix: make x and y from the same table, and drop rows from both.
    Thread: keras-team/keras#14368, tensorflow/tensorflow#47105
    """
    for name, split in facts.splits:
        arrays = [*split.x_leaves, *split.y_leaves]
        counts = {name + label: reading.count(leaf) for label, leaf in arrays}
        nested = split.y is None or isinstance(split.y, dict | list | tuple)
        if sum(head.loss.function is not None for head in facts.heads) > 1 and not nested:
            yield _one_array_for_several(facts, name, split)
            continue
        for output in _without_targets(facts, name, split):
            fix = _name_fix(facts, split) or "give y as well as x"
            yield error(f"no {name}y{output}", "targets for each loss", fix)
        if len(set(counts.values())) > 1:
            yield error(
                ", ".join(f"{count} rows of {label}" for label, count in counts.items()),
                "one row of y for each row of x",
                _fix_of_rows(split),
            )
        elif 0 in counts.values():
            yield error(
                f"{name}x without rows",
                "at least one row in each split of the data",
                "print(x.shape, y.shape) where they are made shows what took the rows away",
            )


@rule("D21", "columns-differ-between-parts")
def columns_of_splits_differ(facts: Facts) -> Iterator[Mistake]:
    """Validation or test tables with other columns than training, or with these in another order.

    Why: a model knows columns by their place alone; in another order it reads one for the other
        without an error. `pd.get_dummies` of each split by itself makes a column for each category
        that happens to be there.
    Fix: `x_validation = x_validation[x.columns]`; `pd.get_dummies` before the split.
    Thread: pandas-dev/pandas#8918, mrdbourke/zero-to-mastery-ml#61
    """
    for name, split in facts.splits[1:]:
        for (label, train), (_, other) in zip(facts.train.x_leaves, split.x_leaves, strict=False):
            known, given = _names(train), _names(other)
            if known is None or given is None or known == given:
                continue
            lacking = [one for one in known if one not in given]
            unknown = [one for one in given if one not in known]
            differences = [f"without {_shown(lacking)}"] if lacking else []
            differences += [f"with {_shown(unknown)}, which training has not"] if unknown else []
            in_other_order = "with the columns of training in another order"
            yield error(
                f"{name}{label} {', '.join(differences) or in_other_order}",
                f"the columns {_shown(known)}, in this order",
                f"x_other = x_other[{label}.columns]"
                if not lacking
                else f"x_other = x_other.reindex(columns={label}.columns, fill_value=0) after "
                "pd.get_dummies, or one pd.get_dummies before the split",
            )


@rule("D22", "targets-differ-between-parts")
def targets_of_splits_differ(facts: Facts) -> Iterator[Mistake]:
    """Validation or test targets of another form than those of training.

    Why: one-hot labels beside class numbers stop `fit` at the end of the first epoch, or are
        broadcast against the outputs, so that the score means nothing.
    Fix: the same line that makes the targets, for all splits.
    Thread: joytsay/livenessDetection#4, keras-team/keras#5696
    """
    for head in facts.heads:
        for name, y in head.y.others.items():
            if y.size and head.y.rows and _is_of_other_form(head, y.shape):
                yield error(
                    f"{head.label}{name}targets of shape {y.shape}, and training targets of shape "
                    f"{head.y.shape}",
                    "targets of one form in all splits",
                    "y_other = y_other.argmax(axis=-1)"
                    if y.ndim > head.y.train.ndim
                    else "make the targets of all splits by the same line",
                )


@rule("D24", "rows-in-different-order")
def rows_in_other_order(facts: Facts) -> Iterator[Mistake]:
    """Rows of x that were shuffled, with the rows of y in the old order.

    Why: Keras takes rows by their place and does not look at pandas' labels: each row is learned
        with the target of another one.
    Fix: `y = y.loc[x.index]`.
    Thread: IBM/AutoXAI4Omics#58, udacity/sdc-issue-reports#1326
    """
    for name, split in facts.splits:
        tables = [split.x, split.y]
        if not all(isinstance(table, pd.DataFrame | pd.Series) for table in tables):
            continue
        x, y = split.x.index, split.y.index
        # The labels of inputs that were made anew mean nothing.
        if len(x) != len(y) or isinstance(x, pd.RangeIndex) or x.equals(y) or not x.is_unique:
            continue
        if x.is_monotonic_increasing or not x.sort_values().equals(y.sort_values()):
            continue
        counted = isinstance(y, pd.RangeIndex)
        yield Mistake(
            "warning" if counted else "error",
            f"{name}x with the rows {_shown(x)} and {name}y with the rows {_shown(y)}",
            "rows of x and y in one order; Keras does not look at their labels",
            "y = y.loc[x.index]" + (", unless y was made anew in the order of x" * counted),
        )


def _fix_of_rows(split: reading.Split) -> str:
    """Write the change by which inputs and targets have equally many rows."""
    (_, x), *more_x = split.x_leaves
    (_, y), *more_y = split.y_leaves or [("", np.empty(0))]
    if not more_x and not more_y and x.shape[1:] == y.shape[1:] and np.prod(x.shape[1:]) > 1:
        return "x_train, x_test, y_train, y_test = train_test_split(x, y), in this order"
    if not more_y and len(y) == 1 and np.size(y) == reading.count(x):
        return "y = np.ravel(y)"
    return "drop rows from both: x, y = x[keep], y[keep]"


def _without_targets(facts: Facts, name: str, split: reading.Split) -> list[str]:
    """Name the outputs whose loss has no targets; "" for the only one."""
    lacking = [head for head in facts.heads if head.loss.name]
    if split.y is not None:  # then it can only be that one of several is left out
        lacking = [head for head in lacking if not head.alone]
        lacking = [one for one in lacking if not one.y.others.get(name, one.y.train).shape[0]]
    return [f" for the output {head.name!r}" if not head.alone else "" for head in lacking]


def _name_fix(facts: Facts, split: reading.Split) -> str | None:
    """Write the change to targets by a name that is nearly that of an output."""
    if not isinstance(split.y, dict):
        return None
    names = [head.name for head in facts.heads]
    near = {
        key: name
        for key in split.y
        for name in names
        if key not in names and str(key).strip().casefold() == name.casefold()
    }
    changes = [f"y[{name!r}] = y.pop({key!r})" for key, name in near.items()]
    return "; ".join(changes) or f"y = {{{', '.join(f'{name!r}: ...' for name in names)}}}"


def _one_array_for_several(facts: Facts, name: str, split: reading.Split) -> Mistake:
    names = [head.name for head in facts.heads]
    by_name = isinstance(split.y, pd.DataFrame) and set(names) <= set(split.y.columns)
    return error(
        f"{name}y as one {'table' if by_name else 'array'} for {len(names)} outputs",
        "targets for each output by its name",
        f"y = {{name: y[name] for name in {names}}}"
        if by_name
        else f"y = {{{', '.join(f'{one!r}: ...' for one in names)}}}",
    )


def _will_change(facts: Facts, split: reading.Split) -> bool:
    """Return whether there are no rows, or text, of which the fix of another rule makes columns."""
    return not split.rows or any(
        not facts.takes_text(label) and bool(conversions.as_columns(leaf))
        for label, leaf in split.x_leaves
    )


def _change(facts: Facts, split: reading.Split, wanted: Any, leaf: Any) -> tuple[str, str]:
    """Describe what an input expects in the place of an array, and the change."""
    pairs = facts.inputs_of(split)
    expected = f"{len(facts.model.inputs)} array(s), one for each input of the model"
    if wanted is None or leaf is None:
        return expected, "x = {name of an input: array, ...}"
    single_y = split.y_leaves[0][1] if len(split.y_leaves) == len(pairs) == 1 else None
    if single_y is not None and accepts(wanted.shape, single_y.shape):
        return "inputs in the place of x", "x, y = y, x"
    if len(split.x_leaves) < len(pairs):
        return expected, _fix_of_inputs(leaf, pairs)
    shape = wanted.shape[1:]
    expected = f"(rows, {', '.join(map(str, shape))}), as the model takes it"
    return expected, _fix_of_shape(leaf, shape)


def _misfits(facts: Facts, split: reading.Split) -> Iterator[tuple[str, str, str]]:
    """Describe, for each input that does not fit, what was received and what is expected."""
    if _will_change(facts, split):
        return
    pairs = facts.inputs_of(split)
    if order := _other_order(pairs):
        names = ", ".join(repr(tensor.name) for _, tensor, _ in pairs if tensor is not None)
        fix = f"x = [{', '.join(f'x[{place}]' for place in order)}]"
        yield "x as a list in another order than the inputs", f"arrays for {names}", fix
        return
    for label, wanted, leaf in pairs:
        if leaf is None:
            received = f"no array for the input {label}"
        elif wanted is None:
            received = f"{label}, an array without an input"
        elif not accepts(wanted.shape, leaf.shape):
            received = f"{label} of shape {leaf.shape}"
        else:
            continue
        yield received, *_change(facts, split, wanted, leaf)
        if 0 < len(split.x_leaves) < len(pairs):
            return  # one change for all of them
    without_graph = not pairs and split is not facts.train and not facts.fault
    if without_graph and (fault := running.fault(facts.model, split.x)):
        shown = ", ".join(str(leaf.shape) for _, leaf in split.x_leaves)
        known = ", ".join(str(leaf.shape[1:]) for _, leaf in facts.train.x_leaves)
        received = f"x of shape {shown}, on which the model fails: {fault}"
        yield received, f"rows of shape {known}, as in training", "the columns of training"


def _names(leaf: Any) -> list[str] | None:
    """Return the columns of a table that has names; None for anything else."""
    if not isinstance(leaf, pd.DataFrame):
        return None
    named = all(isinstance(name, str) for name in leaf.columns)
    return list(leaf.columns) if named else None


def _shown(names: Any) -> str:
    return ", ".join(map(str, names[:6])) + (", …" if len(names) > 6 else "")


def _is_of_other_form(head: Head, shape: tuple) -> bool:
    """Return whether targets differ from training in more than rows and a last axis of 1."""
    mine, other = (
        one[1:-1] if one[1:] and one[-1] == 1 else one[1:] for one in (head.y.shape, shape)
    )
    if len(mine) != len(other):
        return True
    return mine != other and None not in head.shape[:-1]  # sequences may be longer in one split


def _other_order(pairs: list[tuple]) -> tuple[int, ...] | None:
    """Return the order in which the arrays of a list would fit; None where that is not the fault.

    Args:
        pairs: For each input its label, tensor and array.
    """
    if not 2 <= len(pairs) <= MAX_INPUTS or not pairs[0][0].startswith("x[0]"):
        return None
    if any(tensor is None or leaf is None for _, tensor, leaf in pairs):
        return None
    wanted, given = [tensor.shape for _, tensor, _ in pairs], [leaf.shape for *_, leaf in pairs]
    orders = list(itertools.permutations(range(len(pairs))))
    fits = [one for one in orders if all(map(accepts, wanted, (given[place] for place in one)))]
    return fits[0] if fits and fits[0] != orders[0] else None


def _fix_of_shape(leaf: reading.Leaf, wanted: tuple | None, fault: str = "") -> str:
    """Write the change that makes an array fit an input.

    Args:
        leaf: The array, or a table.
        wanted: Shape of a row; None where it is not known, () where there is no such input.
        fault: Why the model fails on the array; "" where it was not called.
    """
    shape = tuple(leaf.shape[1:])
    if wanted and accepts((None, *wanted), (1, *leaf.shape)):
        return "x = x[None], which makes a batch of the single row"
    longer = wanted and len(wanted) > len(shape) > 0 and None not in wanted
    if wanted and longer and np.prod(wanted) == np.prod(shape):
        return f"x = np.reshape(x, (len(x), {', '.join(map(str, wanted))}))"
    if wanted and len(wanted) == 1 and len(shape) > 1 and wanted[0] == np.prod(shape):
        return "x = x.reshape(len(x), -1)"
    if wanted and (moved := _moved(shape, tuple(wanted))):
        return moved
    if "has already been configured" in fault:
        return "make the model anew: this one has taken its shape from another x"
    if len(shape) == 1 and "expected ndim=3, found ndim=2" in fault:
        return "x = x[..., None], which makes a sequence of each row's numbers"
    if len(shape) == 2 and (wanted is None or len(wanted) == 3):
        channels = 1 if wanted is None else wanted[-1]
        added = "x[..., None]"
        return f"x = {added}" if channels == 1 else f"x = np.repeat({added}, {channels}, -1)"
    if not shape and wanted:
        return "x with all columns that the model takes: x = table[[...]]"
    fewer = ""
    if isinstance(leaf, pd.DataFrame) and wanted and len(wanted) == 1 and wanted[0] < shape[0]:
        fewer = f", or x = x[[...]] with the {wanted[0]} columns that it takes"
    return f"keras.Input({shape}) as the model's input{fewer}"


def _fix_of_inputs(leaf: reading.Leaf, pairs: list[tuple]) -> str:
    """Write how one array becomes one for each of several inputs."""
    widths = [tensor.shape[-1] for _, tensor, _ in pairs if tensor is not None]
    if leaf.ndim == 2 and None not in widths and sum(widths) == leaf.shape[1]:
        ends = np.cumsum(widths)[:-1].tolist()
        return f"x = np.split(np.asarray(x), {ends}, axis=1)"
    names = ", ".join(f"{tensor.name!r}: ..." for _, tensor, _ in pairs if tensor is not None)
    return f"x = {{{names}}}"


def _moved(shape: tuple, wanted: tuple) -> str | None:
    """Write how to bring the axes of a row into the order that is wanted, such as channels last."""
    if len(shape) != len(wanted) or len(shape) < 2:
        return None
    for first, last in ((1, -1), (-1, 1)):
        if accepts((None, *wanted), np.moveaxis(np.empty((0, *shape)), first, last).shape):
            return f"x = np.moveaxis(x, {first}, {last})"
    for order in itertools.permutations(range(1, len(shape) + 1)):
        if accepts((None, *wanted), (0, *(shape[place - 1] for place in order))):
            return f"x = np.transpose(x, {(0, *order)})"
    return None
