"""Rules about the output layer, the loss and the labels: what the rule table allows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recipes.common.checks.facts import BINARY, CATEGORICAL, NUMERIC, SPARSE, Facts
from recipes.common.checks.findings import Finding, rule_list

RULES, rule = rule_list()

# What an activation can give, ends included; used to tell which targets it can never reach.
_REACH = {
    "relu": (0, np.inf),
    "relu6": (0, 6),
    "softplus": (0, np.inf),
    "exponential": (0, np.inf),
    "sigmoid": (0, 1),
    "hard_sigmoid": (0, 1),
    "softmax": (0, 1),
    "tanh": (-1, 1),
    "softsign": (-1, 1),
    "elu": (-1, np.inf),
}


@rule("H1")
def softmax_over_one_unit(facts: Facts, say) -> Iterator[Finding]:
    """Softmax over a single unit."""
    if facts.activation == "softmax" and facts.units == 1:
        yield say(
            "error",
            "Dense(1, activation='softmax'), whose output is always 1.0",
            "a sigmoid for a binary problem",
            "Dense(1, activation='sigmoid') with loss='binary_crossentropy'",
        )


@rule("H2")
def units_are_not_classes(facts: Facts, say) -> Iterator[Finding]:
    """Output units that are not the number of classes."""
    if not facts.units or facts.units == 1 or not facts.y_is_number:
        return
    if facts.loss in CATEGORICAL and facts.y.ndim == 2 and facts.y.shape[1] > 1:
        classes = facts.y.shape[1]
    elif facts.loss in SPARSE and facts.y_is_flat and not _labels_have_gaps(facts):
        classes = int(facts.all_y.max()) + 1
    else:
        return
    if classes != facts.units:
        yield say(
            "error" if classes > facts.units or facts.loss in CATEGORICAL else "warning",
            f"{facts.units} output units for {classes} classes",
            "one unit for each class",
            f"Dense({classes}, ...)",
        )


@rule("H3")
def labels_not_from_zero(facts: Facts, say) -> Iterator[Finding]:
    """Integer labels that do not run from 0 to K-1."""
    if facts.loss in SPARSE and facts.y_is_flat and facts.y_is_number and _labels_have_gaps(facts):
        labels = np.unique(facts.all_y)
        yield say(
            "error",
            f"labels {_some(labels)}",
            f"0 to {len(labels) - 1}, one for each of {len(labels)} classes",
            "classes, y = np.unique(y, return_inverse=True)",
        )


@rule("H4")
def integers_with_categorical(facts: Facts, say) -> Iterator[Finding]:
    """Integer labels with categorical cross-entropy."""
    if facts.loss in CATEGORICAL and facts.y_is_flat and (facts.units or 0) > 1:
        yield say(
            "error",
            f"integer labels of shape {facts.y.shape} with {facts.loss}",
            "one-hot labels, or the sparse loss",
            "loss='sparse_categorical_crossentropy'",
        )


@rule("H5")
def one_hot_with_sparse(facts: Facts, say) -> Iterator[Finding]:
    """One-hot labels with sparse categorical cross-entropy."""
    if facts.loss in SPARSE and facts.y.ndim == 2 and facts.y.shape[1] > 1:
        if facts.output_shape is not None and len(facts.output_shape) > 1:
            return  # one label for each of several positions: a sequence
        yield say(
            "error",
            f"one-hot labels of shape {facts.y.shape} with {facts.loss}",
            "class numbers of shape (rows,), or the categorical loss",
            "loss='categorical_crossentropy', or y = y.argmax(axis=1)",
        )


@rule("H6")
def binary_shapes_differ(facts: Facts, say) -> Iterator[Finding]:
    """Binary cross-entropy with labels and outputs of different shape."""
    if facts.loss in BINARY and facts.output_shape and not _same_shape(facts):
        yield say(
            "error",
            f"labels of shape {facts.y.shape} and outputs of shape (rows, {facts.units})",
            "the same number of columns",
            "y = y[:, 1] for one-hot labels of two classes with Dense(1, activation='sigmoid')"
            if facts.units == 1
            else f"Dense({1 if facts.y_is_flat else facts.y.shape[-1]}, activation='sigmoid')",
        )


@rule("H7")
def logits_taken_for_probabilities(facts: Facts, say) -> Iterator[Finding]:
    """A linear output with a loss that expects probabilities."""
    if _is_cross_entropy(facts) and facts.activation == "linear" and not facts.from_logits:
        yield say(
            "error",
            f"an output without activation and {facts.loss} with from_logits=False",
            "probabilities, or a loss that is told that it gets logits",
            f"loss=keras.losses.{_class_name(facts.loss)}(from_logits=True)",
        )


@rule("H8")
def activation_twice(facts: Facts, say) -> Iterator[Finding]:
    """Softmax or sigmoid in the output and again in the loss."""
    twice = facts.activation in ("softmax", "sigmoid") and facts.from_logits
    if _is_cross_entropy(facts) and twice:
        yield say(
            "error",
            f"a {facts.activation} output and {facts.loss} with from_logits=True",
            "the activation in the output or in the loss, not in both",
            f"loss='{facts.loss}'",
        )


@rule("H9")
def activation_and_loss_do_not_pair(facts: Facts, say) -> Iterator[Finding]:
    """Softmax with binary cross-entropy, or sigmoid with a categorical one."""
    several = (facts.units or 0) > 1
    if several and facts.activation == "softmax" and facts.loss in BINARY:
        yield say(
            "error",
            f"softmax over {facts.units} units with {facts.loss}",
            "softmax with a categorical loss, or sigmoid with the binary one (multi-label)",
            "loss='categorical_crossentropy' for one class a row",
        )
    if facts.activation == "sigmoid" and facts.loss in SPARSE | CATEGORICAL:
        yield say(
            "error",
            f"sigmoid over {facts.units} unit(s) with {facts.loss}",
            "softmax over the classes with a categorical loss; sigmoid goes with the binary one",
            f"Dense({facts.units}, activation='softmax')"
            if several
            else "loss='binary_crossentropy'",
        )


@rule("H10")
def several_classes_with_softmax(facts: Facts, say) -> Iterator[Finding]:
    """Rows with several classes at once under a softmax."""
    if facts.activation != "softmax" and facts.loss not in CATEGORICAL:
        return
    if facts.y_is_rows_of_0_and_1 and not facts.y_is_one_hot:
        positives = facts.y.sum(axis=1)
        yield say(
            "error",
            f"rows with {int(positives.min())} to {int(positives.max())} classes at once "
            "(multi-label) under a softmax, which allows one",
            "one yes/no for each class",
            f"Dense({facts.units}, activation='sigmoid') with loss='binary_crossentropy'",
        )


@rule("H11")
def binary_labels_not_0_and_1(facts: Facts, say) -> Iterator[Finding]:
    """Binary labels other than 0 and 1."""
    if facts.loss not in BINARY or not facts.y_is_number or not facts.all_y.size:
        return
    low, high = np.nanmin(facts.all_y), np.nanmax(facts.all_y)
    if low < 0 or high > 1:
        yield say(
            "error",
            f"binary labels {_some(np.unique(facts.all_y))}",
            "0 and 1",
            f"y = (y == {high:g}).astype(int)",
        )


@rule("H12")
def regression_with_activation(facts: Facts, say) -> Iterator[Finding]:
    """An activation on the output of a regression."""
    if facts.loss not in NUMERIC or not facts.y_is_number:
        return
    if facts.activation in (None, "linear", "leaky_re_lu"):
        return
    low, high = _REACH.get(facts.activation, (-np.inf, np.inf))
    unreachable = float(((facts.all_y < low) | (facts.all_y > high)).mean())
    yield say(
        "error" if unreachable else "warning",
        f"a {facts.activation} output"
        + (f", which cannot reach {unreachable:.0%} of the targets" if unreachable else ""),
        "a linear output for a regression",
        f"Dense({facts.units})",
    )


@rule("H13")
def shapes_broadcast(facts: Facts, say) -> Iterator[Finding]:
    """Targets and outputs of different width, which a regression loss broadcasts silently."""
    if facts.loss in NUMERIC and facts.output_shape and not _same_shape(facts):
        yield say(
            "error",
            f"targets of shape {facts.y.shape} and outputs of shape (rows, {facts.units})",
            "the same number of columns",
            f"Dense({1 if facts.y_is_flat else facts.y.shape[-1]})",
        )


@rule("H14")
def accuracy_of_numbers(facts: Facts, say) -> Iterator[Finding]:
    """Accuracy as the metric of a regression."""
    named = [name for name in facts.metrics if name in ("accuracy", "acc")]
    if facts.loss in NUMERIC and named:
        yield say(
            "error",
            f"metric '{named[0]}' with {facts.loss}",
            "an error in the target's unit; accuracy counts exact hits, which numbers do not make",
            "metrics=['mae', keras.metrics.R2Score(name='r2')]",
        )


def _is_cross_entropy(facts: Facts) -> bool:
    return facts.loss in SPARSE | CATEGORICAL | BINARY


def _labels_have_gaps(facts: Facts) -> bool:
    labels = np.unique(facts.all_y)
    return not np.array_equal(labels, np.arange(len(labels)))


def _same_shape(facts: Facts) -> bool:
    flat_output = facts.output_shape == (1,)
    return facts.y.shape[1:] == facts.output_shape or (flat_output and facts.y_is_flat)


def _some(values: np.ndarray) -> str:
    shown = [f"{value:g}" for value in values[:6]]
    return ", ".join(shown) + (f", … ({len(values)} values)" if len(values) > 6 else "")


def _class_name(loss: str) -> str:
    """The Keras class of a cross-entropy: binary_crossentropy becomes BinaryCrossentropy."""
    return "".join(word.capitalize() for word in loss.split("_"))
