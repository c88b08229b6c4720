"""Rules about sequences: windows and steps that hold the answer, or its neighbour."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from keras_recipes import repeats
from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import columns, reading, running
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.heads import Head
from keras_recipes.checks.inspect.losses import CROSS_ENTROPY, NUMERIC

RULES, rule = rule_list("sequences")

# By so many rows each step of a window is compared with the target, before all rows are.
ROWS_TO_COMPARE = 100
MAX_TARGETS = 8
MIN_ROWS = 20
MIN_STEPS = 3
# Rows from a target to the one that a column may hold too early.
AHEAD = (1, 2, 3)
PERSISTENT = 0.9
# Windows of one series begin at most so many steps apart, or a window apart.
MAX_STRIDE = 10
OVERLAPPING = 0.2
WORDS = 24
CHANGED = 1e-4


@rule("D27", "window-holds-target")
def window_holds_target(facts: Facts) -> Iterator[Mistake]:
    """A window that holds its own target.

    Why: the model copies that step and scores perfectly; where the next value is still to come, the
        step is not known.
    Fix: `x = series[i:i + steps]` with `y = series[i + steps]`, the first value after the window.
    Thread: sktime/pytorch-forecasting#182, alteryx/featuretools#2731
    """
    for head in facts.heads:
        for label, leaf in _windows(facts):
            if (step := _step_with_target(leaf, head)) is None:
                continue
            steps = leaf.shape[1]
            make = error if _share_of_neighbours(leaf, leaf) >= OVERLAPPING else warning
            yield make(
                f"{head.label}{label} whose step {step} of 0 to {steps - 1} equals the target in "
                "every row",
                "windows that end before their target",
                f"y = series[i + {steps}] for x = series[i:i + {steps}]",
            )


@rule("D28", "column-holds-next-target")
def column_holds_next_target(facts: Facts) -> Iterator[Mistake]:
    """A column that holds the target of a row after it.

    Why: a lag in the wrong direction, `shift(-1)`: the column holds the future, which is near the
        target where rows follow one another in time, and is not known when it is needed.
    Fix: `table["lag"] = table["target"].shift(1)`.
    Thread: peerchemist/finta#25, spawnaga/market_direction_prediction#1
    """
    for head in facts.heads:
        y = head.y.train
        if not head.y.is_flat or not head.y.is_number or len(y) < MIN_ROWS:
            continue
        y = _floats(y).ravel()
        for label, leaf in facts.train.x_leaves:
            if leaf.ndim != 2 or reading.count(leaf) != len(y):
                continue
            for name, ahead in _columns_ahead(leaf, y):
                yield warning(
                    f"{head.label}{label}{name}, which holds the target of the row "
                    f"{'after it' if ahead == 1 else f'{ahead} rows after it'}",
                    "columns that are known before the target is",
                    f"shift({ahead}) in the place of shift(-{ahead}); where the newest row stands "
                    "first, this is the past: ignore=['D28']",
                )


@rule("D29", "output-reads-ahead")
def output_reads_ahead(facts: Facts) -> Iterator[Mistake]:
    """An output for each step that is computed from the step it has to predict.

    Why: of a sequence whose targets are its own next steps, a bidirectional layer, a convolution
        with padding="same" or attention without a causal mask reads the answer from the input.
    Fix: `keras.layers.LSTM(..., return_sequences=True)`, `padding="causal"`, or
        `use_causal_mask=True`; a decoder is given the target one step late.
    Thread: pytorch/tutorials#2478, keras-team/keras#10525
    """
    alone = len(facts.train.x_leaves) == 1
    for place, head in enumerate(facts.heads):
        for number, (label, leaf) in enumerate(facts.train.x_leaves):
            # A single input that is the target itself is that of an autoencoder.
            for late in (1,) if alone or not head.uses(CROSS_ENTROPY) else (1, 0):
                if _is_target_late(leaf, head, late) and _reads(facts, number, place, late):
                    yield error(
                        f"{head.label}outputs that are computed from {label} at the "
                        f"{'next' if late else 'same'} step, which is the target",
                        "outputs of a step computed from what comes before its target",
                        "no Bidirectional, padding='causal' in Conv1D, use_causal_mask=True in "
                        "attention"
                        if late
                        else f"{label} one step late: np.roll({label}, 1, axis=1) with a start "
                        "token in step 0",
                    )


@rule("S6", "overlapping-windows-split")
def windows_split_at_random(facts: Facts) -> Iterator[Mistake]:
    """Overlapping windows of one series, split at random.

    Why: nearly every validation window stands among the training windows, moved by a step or
        two; the model has seen its values, the answer among them.
    Fix: split the series first, and cut each part into windows.
    Thread: HelenGuohx/logbert#57, ermongroup/Wifi_Activity_Recognition#47
    """
    for name, split in facts.splits[1:]:
        others = dict(split.x_leaves)
        for label, leaf in _windows(facts, with_tables=True):
            other = others.get(label)
            if not isinstance(other, np.ndarray) or other.shape[1:] != leaf.shape[1:]:
                continue
            share = _share_of_neighbours(leaf, other)
            # Answers on a scale, in any order, fall on one another as often backwards.
            if share >= OVERLAPPING and _share_of_neighbours(leaf[:, ::-1], other) < share / 3:
                yield warning(
                    f"{share:.0%} of the {name}windows in {label} stand among the training "
                    "windows, moved by a few steps",
                    "splits that share no stretch of the series",
                    "cut the series first: train, validation = series[:n], series[n:], then make "
                    "windows of each; no shuffling before the split",
                )
                break


def _windows(facts: Facts, with_tables: bool = False) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of numbers with steps, (rows, steps, ...); of tables those without text."""
    for label, leaf in facts.train.x_leaves:
        steps = isinstance(leaf, np.ndarray) and leaf.ndim >= (2 if with_tables else 3)
        if steps and columns.is_numeric(leaf) and len(leaf) >= MIN_ROWS and leaf.shape[1] > 1:
            yield label, leaf


def _floats(values: np.ndarray) -> np.ndarray:
    """Return numbers as float32, to which Keras brings inputs and targets alike."""
    with np.errstate(over="ignore"):  # D1 tells of numbers that are too large
        return values.astype("float32") if values.dtype.kind == "f" else values


def _step_with_target(leaf: np.ndarray, head: Head) -> int | None:
    """Return the step of a window that equals the target, or a part of it, in every row."""
    y = head.y.train
    if not head.uses(NUMERIC | CROSS_ENTROPY) or not head.y.is_number or y.ndim > 2:
        return None
    if len(y) != len(leaf) or len(head.y.labels) < reading.FEW:
        return None  # a few classes are found in any input
    rows = reading.spread(len(y), ROWS_TO_COMPARE)
    sample = _floats(leaf[rows]).reshape(len(rows), -1)
    width = sample.shape[1] // leaf.shape[1]
    for target in _floats(y).reshape(len(y), -1).T[:MAX_TARGETS]:
        for place in np.flatnonzero((sample == target[rows, None]).all(axis=0)):
            step = int(place // width)
            values = _floats(leaf[:, step]).reshape(len(leaf), -1)[:, place % width]
            period = leaf.shape[1] - step
            repeats = np.array_equal(target[:-period], target[period:])  # a series that comes again
            if np.array_equal(values, target) and not repeats:
                return step
    return None


def _columns_ahead(leaf: reading.Leaf, y: np.ndarray) -> Iterator[tuple[str, int]]:
    """Yield each column that equals the target of a later row throughout, and how much later."""
    if isinstance(leaf, np.ndarray):
        if not columns.is_numeric(leaf):
            return
        named = ((f" column {n}", column) for n, column in enumerate(leaf.T))
    elif isinstance(leaf, pd.DataFrame):
        named = ((name, cells) for name, cells in columns.each(leaf) if columns.is_numeric(cells))
    else:
        return
    ahead = [n for n in AHEAD if (y[n:] == y[:-n]).mean() < PERSISTENT]
    for name, cells in named:
        few = _floats(columns.numbers(cells[:MIN_ROWS]))
        for n in ahead:
            # The last rows have none; what stands there does not count.
            if not (few[: MIN_ROWS - n] == y[n:MIN_ROWS]).all():
                continue
            whole = _floats(columns.numbers(cells))
            follows = np.ptp(whole[:-n] - y[:-n]) == 0  # one number more than the target
            if np.array_equal(whole[:-n], y[n:]) and not follows:
                yield name, n


def _is_target_late(leaf: reading.Leaf, head: Head, late: int) -> bool:
    """Return whether targets of each step are what an input holds so many steps later."""
    y = head.y.train
    if not isinstance(leaf, np.ndarray) or leaf.ndim not in (2, 3) or not columns.is_numeric(leaf):
        return False
    steps = leaf.shape[1]
    fits = head.y.is_number and y.ndim in (2, 3) and y.shape[:2] == leaf.shape[:2]
    by_step = len(head.shape) == 2 and head.shape[0] in (None, steps)
    if not fits or not by_step or steps < MIN_STEPS + late:
        return False
    rows = reading.spread(len(y), ROWS_TO_COMPARE)
    targets, inputs = (_floats(one[rows]).reshape(len(rows), steps, -1) for one in (y, leaf))
    if late == 0 and targets.shape != inputs.shape:
        return False
    first, second, width = targets[:, : steps - late], inputs[:, late:], targets.shape[2]
    places = range(min(second.shape[2] - width, MAX_TARGETS) + 1)
    same = any(np.array_equal(first, second[:, :, n : n + width]) for n in places)
    return same and bool((first != first[:, :1]).any())


def _reads(facts: Facts, number: int, place: int, late: int) -> bool:
    """Return whether the outputs of the first steps change with later steps of one input."""
    few = running.first_batch(facts.model, facts.train)
    leaf = few.x_leaves[number][1]
    middle = max(leaf.shape[1] // 2, late)
    changed = leaf.copy()
    changed[:, middle:] = np.roll(leaf, 1, axis=0)[:, middle:]
    given = [changed if n == number else one for n, (_, one) in enumerate(few.x_leaves)]
    values = iter(given)
    x = reading.map_leaves(few.x, lambda _: next(values))
    try:
        with running.undisturbed():
            before, after = (running.call(facts.model, one)[place] for one in (few.x, x))
    except Exception:  # whatever the user's own `call` raises: another rule tells of it
        return False
    kept = slice(0, middle + 1 - late)
    scale = np.abs(before).max()
    return bool(np.abs(before[:, kept] - after[:, kept]).max() > CHANGED * scale)


def _share_of_neighbours(train: np.ndarray, other: np.ndarray) -> float:
    """Return the fraction of windows that stand among others, moved by a few steps."""
    steps = train.shape[1]
    if steps <= MIN_STEPS or min(len(train), len(other)) < MIN_ROWS:
        return 0.0
    sample = other[reading.spread(len(other), ROWS_TO_COMPARE)]
    found = np.zeros(len(sample), dtype=bool)
    largest = min(MAX_STRIDE, steps // 2)
    length = steps - largest
    for is_later in (True, False):  # the windows that are looked for
        keys = _keys(train[:, :length] if is_later else train[:, largest:])
        order = np.argsort(keys)
        keys = keys[order]
        if (np.diff(keys) != 0).mean() < 0.5:
            return 0.0  # so few values are alike by nature
        for stride in range(1, largest + 1):
            begin = stride if is_later else largest - stride
            spots = np.searchsorted(keys, _keys(sample[:, begin : begin + length]))
            near = train[order[spots.clip(max=len(keys) - 1)]]
            early, late = (sample, near) if is_later else (near, sample)
            same = early[:, stride:] == late[:, : steps - stride]
            found |= same.reshape(len(sample), -1).all(axis=1)
    return float(found.mean())


def _keys(stretch: np.ndarray) -> np.ndarray:
    """Make one number of each stretch, by some columns of its steps."""
    picked = stretch.reshape(*stretch.shape[:2], -1)[:, :, : max(1, WORDS // stretch.shape[1])]
    words = np.ascontiguousarray(picked, dtype="float64").view("uint64")
    return repeats.hash_rows(words.reshape(len(stretch), -1))
