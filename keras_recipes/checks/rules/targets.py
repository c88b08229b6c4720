"""Rules about targets: whether labels or numbers are what output layer and loss take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_recipes import errors
from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import activations, remedies
from keras_recipes.checks.inspect.heads import Head
from keras_recipes.checks.inspect.losses import BINARY, CATEGORICAL, CROSS_ENTROPY, NUMERIC, SPARSE

RULES, rule = rule_list("targets", lambda facts: facts.heads)

# A missing class is reported where it should have been seen: if all classes were equally frequent,
# minus the logarithm of the probability that none of its rows turned up is above this.
SURELY_ABSENT = 14.0
MAX_CLASSES = 100


@rule("H2", "units-differ-from-classes")
def units_are_not_classes(head: Head) -> Iterator[Mistake]:
    """Output units that are not the number of classes.

    Why: a label without a unit stops training in the middle on a CPU and makes the loss NaN on a
        GPU; a unit without a label takes probability that belongs to the others.
    Fix: one unit for each class, `Dense(num_classes, ...)`.
    Thread: tensorflow/tensorflow#8484, keras-team/keras#17368
    """
    classes = _count_classes(head)
    if head.units == 1 and head.uses(SPARSE | CATEGORICAL):
        own_rule = head.activation in ("softmax", "sigmoid") or remedies.are_numbers(head)
        if not own_rule:
            expected = "one unit for each class, or the binary loss for two classes"
            yield error(f"1 output unit with {head.loss.name}", expected, remedies.fix(head))
    elif classes and classes != head.units:
        missing = classes < head.units and head.uses(SPARSE)
        yield Mistake(
            "warning" if missing else "error",
            f"{head.units} output units for {classes} classes",
            "one unit for each class",
            f"Dense({classes}, ...)",
        )


@rule("H3", "labels-not-from-zero")
def labels_not_from_zero(head: Head) -> Iterator[Mistake]:
    """Integer labels that do not run from 0 to K-1.

    Why: sparse losses take a label as the number of its unit. Labels 1..K overrun the last unit;
        labels with gaps leave units that nothing teaches.
    Fix: `classes, y = np.unique(y, return_inverse=True)`.
    Thread: rstudio/keras3#465, googlecolab/colabtools#2967
    """
    if _is_one_hot_from_one(head):
        yield warning(
            f"one-hot labels whose first column is empty, of {head.y.shape[-1]}: the classes were "
            "numbered from 1",
            "a column for each class",
            f"y = y[:, 1:] with Dense({head.y.shape[-1] - 1}, ...)",
        )
    if not _has_class_numbers(head) or head.units <= 1:
        return
    labels = head.labels
    level = None
    if labels[0] < 0 or labels[-1] >= head.units:
        level = "error" if not _is_too_narrow(head) else None
    elif _is_surely_absent(head) and 1 < len(labels) <= labels[-1]:
        level = "warning"
    if level:
        yield Mistake(
            level,
            f"labels {head.y.show(labels)}",
            f"0 to {len(labels) - 1}, one for each of {len(labels)} classes",
            "classes, y = np.unique(y, return_inverse=True)",
        )


@rule("H4", "integers-with-categorical-loss")
def integers_with_categorical(head: Head) -> Iterator[Mistake]:
    """Integer labels with categorical cross-entropy.

    Why: the categorical loss wants a row of probabilities for each label; `fit` stops with an error
        about shapes that names neither labels nor loss.
    Fix: `loss="sparse_categorical_crossentropy"`.
    Thread: keras-team/keras#193, tensorflow/tensorflow#52060
    """
    if not head.uses(CATEGORICAL) or not head.y.is_number or head.units < 2:
        return
    if head.has_one_value and not remedies.are_numbers(head):
        yield error(
            f"integer labels of shape {head.y.shape} with {head.loss.name}",
            "one-hot labels, or the sparse loss",
            remedies.fix(head),
        )


@rule("H5", "one-hot-with-sparse-loss")
def one_hot_with_sparse(head: Head) -> Iterator[Mistake]:
    """One-hot labels with sparse categorical cross-entropy.

    Why: the sparse loss wants one class number for each row; `fit` stops with an error about ranks
        that names neither labels nor loss.
    Fix: `loss="categorical_crossentropy"`, or `y = y.argmax(axis=-1)`.
    Thread: keras-team/keras#7339, tensorflow/tensorflow#28441
    """
    several = remedies.kind(head) == "multilabel"
    if head.uses(SPARSE) and head.has_label_for_each_unit and not several:
        numbers = remedies.are_numbers(head)
        yield error(
            f"{'targets' if numbers else 'one-hot labels'} of shape {head.y.shape} with "
            f"{head.loss.name}",
            "class numbers, one for each row, or the categorical loss",
            remedies.fix(head) + ("" if numbers else ", or y = y.argmax(axis=-1)"),
        )


@rule("H6", "binary-shape-mismatch")
def binary_shapes_differ(head: Head) -> Iterator[Mistake]:
    """Binary cross-entropy with labels and outputs of different shape.

    Why: each output unit is compared with a label of its own, so that there must be as many;
        `fit` stops with an error inside the loss.
    Fix: one column for yes and no with `Dense(1, activation="sigmoid")`, or one column for each
        label.
    Thread: keras-team/keras#17388, tensorflow/tensorflow#31749
    """
    if head.uses(BINARY) and head.y.is_number and not head.fits and not head.has_axes_left:
        two_columns = head.units == 1 and head.y.is_one_hot and head.y.shape[-1] == 2
        yield error(
            f"labels of shape {head.y.shape} and outputs of shape {head.shown_shape}",
            "the same number of columns",
            "y = y[:, 1], which is 1 for the second of the two classes"
            if two_columns
            else remedies.fix(head),
        )


@rule("H10", "multi-label-with-softmax")
def several_classes_with_softmax(head: Head) -> Iterator[Mistake]:
    """Rows with several classes at once under a softmax.

    Why: softmax divides one probability among all classes, so that two true labels can never
        both be near 1; training runs without an error.
    Fix: `Dense(K, activation="sigmoid")` with `loss="binary_crossentropy"`.
    Thread: keras-team/keras#741, keras-team/keras#2166
    """
    if not head.uses(CROSS_ENTROPY) or not head.has_label_for_each_unit:
        return
    if (head.activation != "softmax" or head.units == 1) and head.uses(BINARY):
        return
    positives = head.y.positives if head.y.is_rows_of_0_and_1 else np.zeros(1)
    shown = {"linear": "a linear output", None: "the output"}
    if positives.max() > 1:  # rows of zeros alone are padding
        yield error(
            f"rows with {int(positives.min())} to {int(positives.max())} classes at once "
            f"(multi-label) and {head.loss.name} after "
            f"{shown.get(head.activation, head.activation)}",
            "one yes/no for each class",
            remedies.fix(head),
        )


@rule("H11", "binary-labels-not-0-and-1")
def binary_labels_not_0_and_1(head: Head) -> Iterator[Mistake]:
    """Binary labels other than 0 and 1.

    Why: the loss takes a label as a probability; -1 or 2 make it negative without end, and the
        accuracy counts nothing right.
    Fix: `y = (y == positive).astype(int)`.
    Thread: keras-team/keras#14046, keras-team/keras#1917
    """
    if not head.uses(BINARY) or not head.y.is_number or not head.fits:
        return
    low, high = head.y.range
    if low < 0 or high > 1:
        fix = remedies.fix(head)
        if remedies.are_bytes(head):
            fix = "y = y / 255"
        elif remedies.are_numbers(head):
            fix += ", if these are numbers to predict"
        elif len(head.y.labels) == 2:
            fix = f"y = (y == {high:g}).astype(int)"
        yield error(f"binary labels {head.y.show(head.y.labels)}", "0 and 1", fix)


@rule("H17", "extra-output-axis")
def output_keeps_an_axis(head: Head) -> Iterator[Mistake]:
    """An output for each step or pixel where there is one target for each row.

    Why: without `Flatten`, or with `return_sequences=True` in the last LSTM, the model predicts
        once for each step; a regression loss broadcasts the target silently, others stop inside
        the loss.
    Fix: `keras.layers.Flatten()` before the output layer; no `return_sequences=True` in the last
        recurrent layer.
    Thread: keras-team/keras#6351
    """
    if head.uses(CROSS_ENTROPY | NUMERIC) and head.y.is_number and head.has_axes_left:
        yield error(
            f"targets of shape {head.y.shape} and outputs of shape {head.shown_shape}",
            "one prediction for each row",
            "keras.layers.Flatten() before the output layer; after an LSTM or GRU "
            "return_sequences=False in it",
        )


@rule("H12", "regression-with-activation")
def regression_with_activation(head: Head) -> Iterator[Mistake]:
    """An activation on the output of a regression.

    Why: the output cannot leave the activation's range, so that targets outside it are never
        reached; a relu may also stay at 0 for good.
    Fix: `Dense(1)` without activation.
    Thread: keras-team/keras#3753, keras-team/keras#108
    """
    if _is_held_back(head):
        low, high = activations.REACH[head.activation]
        sample = head.y.sample[np.isfinite(head.y.sample)]
        unreachable = float(((sample < low) | (sample > high)).mean()) if sample.size else 0.0
        outside = head.y.range[0] < low or head.y.range[1] > high
        fraction = "1%" if 0 < unreachable < 0.01 else f"{unreachable:.0%}"
        yield Mistake(
            "error" if outside else "warning",
            f"{errors.with_article(str(head.activation))} output"
            + (f", which cannot reach {fraction} of the targets" if outside else ""),
            "a linear output for a regression",
            _number_fix(head),
        )


@rule("H13", "regression-shape-mismatch")
def shapes_broadcast(head: Head) -> Iterator[Mistake]:
    """Targets and outputs of different width, which a regression loss broadcasts silently.

    Why: with targets (N, 1) and outputs (N, 3), each target is compared with three outputs; the
        loss falls and means nothing.
    Fix: as many output units as target columns.
    Thread: tensorflow/tensorflow#37770, keras-team/keras#14627
    """
    if head.uses(NUMERIC) and head.y.is_number and not head.fits and not head.has_axes_left:
        yield error(
            f"targets of shape {head.y.shape} and outputs of shape {head.shown_shape}",
            "the same number of columns",
            _number_fix(head),
        )


@rule("H15", "regression-and-classes-confused")
def numbers_and_classes_confused(head: Head) -> Iterator[Mistake]:
    """Continuous targets given to a classifier, or class numbers to a regression.

    Why: the sparse loss cuts 1.7 down to class 1 without an error; and a regression on class
        numbers takes class 2 for twice class 1.
    Fix: `loss="mse"` with a linear output for numbers; softmax and the sparse loss for classes.
    Thread: keras-team/keras#11786
    """
    if head.uses(SPARSE | CATEGORICAL) and head.y.is_number and remedies.are_numbers(head):
        broken = head.y.labels[head.y.labels != np.round(head.y.labels)]
        cut = ", which cuts off decimals" if head.uses(SPARSE) and broken.size else ""
        if head.has_one_value or head.uses(CATEGORICAL):  # else another rule reports it
            yield error(
                f"targets such as {head.y.show((broken if cut else head.y.labels)[:3])} with "
                f"{head.loss.name}{cut}",
                "classes; or a regression, where these are numbers to predict",
                remedies.fix(head),
            )
    elif head.uses(NUMERIC) and head.fits and head.are_classes and not _is_held_back(head):
        yield warning(
            f"class numbers {head.y.show(head.y.labels)} as targets of a regression "
            f"({head.loss.name})",
            "a classification, if these are classes",
            remedies.fix(head),
        )


def _has_class_numbers(head: Head) -> bool:
    """Whether each row, or each place of it, has one whole number that stands for a class."""
    if not head.uses(SPARSE | CATEGORICAL) or not head.has_one_value or remedies.are_numbers(head):
        return False
    return head.y.are_integers and bool(head.labels.size)


def _count_classes(head: Head) -> int | None:
    """Count the classes where they are known and are not the units; None where all is well."""
    if not head.units:
        return None
    if head.uses(CATEGORICAL) and len(head.y.shape) == len(head.shape) + 1:
        return head.y.shape[-1] if head.y.shape[-1] > 1 else None
    if not _has_class_numbers(head):
        return None
    labels = head.labels
    if labels[0] < 0:
        return None
    if labels[-1] >= head.units:
        return int(labels[-1]) + 1 if _is_too_narrow(head) else None
    from_zero = len(labels) == labels[-1] + 1 > 1  # a single class has a rule of its own
    return len(labels) if from_zero and _is_surely_absent(head) else None


def _is_one_hot_from_one(head: Head) -> bool:
    """Whether to_categorical was given classes from 1: of all columns the first alone is empty."""
    if not head.uses(CATEGORICAL) or not head.y.are_whole or len(head.y.shape) != 2:
        return False
    if not head.y.is_one_hot or head.y.rows < 10 * head.y.shape[-1]:
        return False
    filled = np.any(head.y.train, axis=0).tolist()
    return len(filled) > 2 and not filled[0] and all(filled[1:])


def _is_too_narrow(head: Head) -> bool:
    """Whether there are more classes than units, rather than labels that begin at 1."""
    labels = head.labels
    return labels[0] >= 0 and len(labels) > head.units


def _is_surely_absent(head: Head) -> bool:
    """Whether some classes have no row although there are rows enough to show them by chance."""
    seen = len(head.labels)
    if not head.y.are_whole or head.units > MAX_CLASSES or len(head.shape) > 1:
        return False
    return head.y.rows * np.log(head.units / seen) > SURELY_ABSENT


def _is_held_back(head: Head) -> bool:
    """Whether the output's activation does not reach all targets of a regression, or may die."""
    if not head.uses(NUMERIC) or not head.y.is_number or head.rescaled:
        return False
    low, high = activations.REACH.get(head.activation, (-np.inf, np.inf))
    outside = head.y.range[0] < low or head.y.range[1] > high
    return outside or head.activation in ("relu", "relu6")


def _number_fix(head: Head) -> str:
    if remedies.are_bytes(head):
        return "y = y / 255"
    if head.y.rows == 1 < head.y.train.size:
        return "y = np.ravel(y)"
    return remedies.fix(head) + ("" if remedies.are_numbers(head) else ", if these are classes")
