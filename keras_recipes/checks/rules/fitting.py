"""Rules about whether x fits the model and y fits x: shapes, names and rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from keras_recipes.checks.findings import Finding, rule_list
from keras_recipes.checks.inspect import conversions, reading, running, shapes
from keras_recipes.checks.inspect.facts import Facts

RULES, rule = rule_list()


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
    elif facts.fault and facts.train.x_leaves and not _will_change(facts, facts.train):
        shown = ", ".join(str(leaf.shape) for _, leaf in facts.train.x_leaves)
        yield say(
            "error",
            f"x of shape {shown}, on which the model fails: {facts.fault}",
            "inputs that the model can be called on",
            shapes.fix(facts.train.x_leaves[0][1], None, facts.fault),
        )
    else:
        told = set()
        for name, part in facts.parts:
            for received, expected, fix in _misfits(facts, part):
                if received not in told:  # of several parts the first is enough
                    yield say("error", name + received, expected, fix)
                told.add(received)


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
        if sum(head.loss.function is not None for head in facts.heads) > 1 and not nested:
            yield _one_array_for_several(facts, name, part, say)
            continue
        for output in _without_targets(facts, name, part):
            fix = _name_fix(facts, part) or "give y as well as x"
            yield say("error", f"no {name}y{output}", "targets for each loss", fix)
        if len(set(counts.values())) > 1:
            yield say(
                "error",
                ", ".join(f"{count} rows of {label}" for label, count in counts.items()),
                "one row of y for each row of x",
                _fix_of_rows(part),
            )
        elif 0 in counts.values():
            yield say(
                "error",
                f"{name}x without rows",
                "at least one row in each part of the data",
                "print(x.shape, y.shape) where they are made shows what took the rows away",
            )


def _fix_of_rows(part: reading.Part) -> str:
    """Write the change that gives inputs and targets equally many rows."""
    (_, x), *more_x = part.x_leaves
    (_, y), *more_y = part.y_leaves or [("", np.empty(0))]
    if not more_x and not more_y and x.shape[1:] == y.shape[1:] and np.prod(x.shape[1:]) > 1:
        return "x_train, x_test, y_train, y_test = train_test_split(x, y), in this order"
    if not more_y and len(y) == 1 and np.size(y) == reading.count(x):
        return "y = np.ravel(y)"
    return "drop rows from both: x, y = x[keep], y[keep]"


def _without_targets(facts: Facts, name: str, part: reading.Part) -> list[str]:
    """Name the outputs whose loss has no targets; "" for the only one."""
    lacking = [head for head in facts.heads if head.loss.name]
    if part.y is not None:  # then it can only be that one of several is left out
        lacking = [head for head in lacking if not head.alone]
        lacking = [one for one in lacking if not one.y.others.get(name, one.y.train).shape[0]]
    return [f" for the output {head.name!r}" if not head.alone else "" for head in lacking]


def _name_fix(facts: Facts, part: reading.Part) -> str | None:
    """Write the change to targets by a name that is nearly that of an output."""
    if not isinstance(part.y, dict):
        return None
    names = [head.name for head in facts.heads]
    near = {
        key: name
        for key in part.y
        for name in names
        if key not in names and str(key).strip().casefold() == name.casefold()
    }
    changes = [f"y[{name!r}] = y.pop({key!r})" for key, name in near.items()]
    return "; ".join(changes) or f"y = {{{', '.join(f'{name!r}: ...' for name in names)}}}"


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


def _will_change(facts: Facts, part: reading.Part) -> bool:
    """Return whether there are no rows, or text, of which another finding makes columns."""
    return not part.rows or any(
        not facts.takes_text(label) and bool(conversions.as_columns(leaf))
        for label, leaf in part.x_leaves
    )


def _change(facts: Facts, part: reading.Part, wanted, leaf) -> tuple[str, str]:
    """Describe what an input expects in the place of an array, and the change."""
    pairs = facts.inputs_of(part)
    expected = f"{len(facts.model.inputs)} array(s), one for each input of the model"
    if wanted is None or leaf is None:
        return expected, "x = {name of an input: array, ...}"
    if len(part.y_leaves) == len(pairs) == 1 and shapes.takes(wanted, part.y_leaves[0][1]):
        return "inputs in the place of x", "x, y = y, x"
    if len(part.x_leaves) < len(pairs):
        return expected, shapes.parts(leaf, pairs)
    shape = wanted.shape[1:]
    expected = f"(rows, {', '.join(map(str, shape))}), as the model takes it"
    return expected, shapes.fix(leaf, shape)


def _misfits(facts: Facts, part: reading.Part) -> Iterator[tuple[str, str, str]]:
    """Describe, for each input that does not fit, what was received and what is expected."""
    if _will_change(facts, part):
        return
    pairs = facts.inputs_of(part)
    if order := shapes.other_order(pairs):
        wanted = ", ".join(repr(tensor.name) for _, tensor, _ in pairs)
        fix = f"x = [{', '.join(f'x[{place}]' for place in order)}]"
        yield "x as a list in another order than the inputs", f"arrays for {wanted}", fix
        return
    for label, wanted, leaf in pairs:
        if received := shapes.misfit(label, wanted, leaf):
            yield received, *_change(facts, part, wanted, leaf)
            if 0 < len(part.x_leaves) < len(pairs):
                return  # one change for all of them
    without_graph = not pairs and part is not facts.train and not facts.fault
    if without_graph and (fault := running.fault(facts.model, part.x)):
        shown = ", ".join(str(leaf.shape) for _, leaf in part.x_leaves)
        known = ", ".join(str(leaf.shape[1:]) for _, leaf in facts.train.x_leaves)
        received = f"x of shape {shown}, on which the model fails: {fault}"
        yield received, f"rows of shape {known}, as in training", "the columns of training"
