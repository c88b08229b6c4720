"""Rules about numbers as targets: whether output layer and loss are those of a regression."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from keras_recipes.checks.findings import Finding, rule_list
from keras_recipes.checks.inspect import activations, remedies
from keras_recipes.checks.inspect.heads import Head
from keras_recipes.checks.inspect.losses import CATEGORICAL, NUMERIC, SPARSE

RULES, rule = rule_list(lambda facts: facts.heads)


@rule("H12")
def regression_with_activation(head: Head, say) -> Iterator[Finding]:
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
        share = "1%" if 0 < unreachable < 0.01 else f"{unreachable:.0%}"
        yield say(
            "error" if outside else "warning",
            f"a {head.activation} output"
            + (f", which cannot reach {share} of the targets" if outside else ""),
            "a linear output for a regression",
            _number_fix(head),
        )


@rule("H13")
def shapes_broadcast(head: Head, say) -> Iterator[Finding]:
    """Targets and outputs of different width, which a regression loss broadcasts silently.

    Why: with targets (N, 1) and outputs (N, 3), each target is held against three outputs; the
        loss falls and means nothing.
    Fix: as many output units as target columns.
    Thread: tensorflow/tensorflow#37770, keras-team/keras#14627
    """
    if head.uses(NUMERIC) and head.y.is_number and not head.fits and not head.has_axes_left:
        yield say(
            "error",
            f"targets of shape {head.y.shape} and outputs of shape {head.shown_shape}",
            "the same number of columns",
            _number_fix(head),
        )


@rule("H15")
def numbers_and_classes_confused(head: Head, say) -> Iterator[Finding]:
    """Continuous targets given to a classifier, or class numbers to a regression.

    Why: the sparse loss cuts 1.7 down to class 1 without a word; and a regression on class numbers
        says that class 2 is twice class 1.
    Fix: `loss="mse"` with a linear output for numbers; softmax and the sparse loss for classes.
    Thread: keras-team/keras#11786
    """
    if head.uses(SPARSE | CATEGORICAL) and head.y.is_number and remedies.are_numbers(head):
        broken = head.y.labels[head.y.labels != np.round(head.y.labels)]
        cut = ", which cuts off decimals" if head.uses(SPARSE) and broken.size else ""
        if head.has_one_value or head.uses(CATEGORICAL):  # else told by another rule
            yield say(
                "error",
                f"targets such as {head.y.show((broken if cut else head.y.labels)[:3])} with "
                f"{head.loss.name}{cut}",
                "classes; or a regression, where these are numbers to predict",
                remedies.fix(head),
            )
    elif head.uses(NUMERIC) and head.fits and head.are_classes and not _is_held_back(head):
        yield say(
            "warning",
            f"class numbers {head.y.show(head.y.labels)} as targets of a regression "
            f"({head.loss.name})",
            "a classification, if these are classes",
            remedies.fix(head),
        )


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
