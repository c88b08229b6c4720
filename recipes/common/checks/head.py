"""Rules about the output layer with its loss and metrics: what the rule table pairs."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from recipes.common.checks import activations
from recipes.common.checks.findings import Finding, rule_list
from recipes.common.checks.heads import Head, metric_name
from recipes.common.checks.losses import BINARY, CATEGORICAL, CROSS_ENTROPY, NUMERIC, SPARSE

RULES, rule = rule_list(lambda facts: facts.heads)


@rule("H1")
def softmax_over_one_unit(head: Head, say) -> Iterator[Finding]:
    """Softmax over a single unit.

    Why: softmax makes the units of a row sum to 1, so that a single one is always 1.0; nothing is
        learned and the accuracy is the share of class 1.
    Fix: `Dense(1, activation="sigmoid")` with `loss="binary_crossentropy"`.
    Thread: keras-team/keras#500, keras-team/keras#18909
    """
    if head.activation == "softmax" and head.units == 1:
        yield say(
            "error",
            "Dense(1, activation='softmax'), whose output is always 1.0",
            "a sigmoid for a binary problem",
            "Dense(1, activation='sigmoid') with loss='binary_crossentropy'",
        )


@rule("H7")
def logits_taken_for_probabilities(head: Head, say) -> Iterator[Finding]:
    """A linear output with a loss that expects probabilities.

    Why: the loss clips what is below 0 or above 1, where its gradient is zero; training goes on
        without an error and stays bad.
    Fix: `from_logits=True` in the loss, or the activation in the output.
    Thread: keras-team/keras#15271, tensorflow/tensorflow#28718
    """
    if not head.uses(CROSS_ENTROPY) or head.from_logits or _is_one_unit_for_classes(head):
        return
    if head.activation in activations.LOGITS or head.activation == "leaky_relu":
        what = "without activation" if head.activation == "linear" else f"by {head.activation}"
        if head.guessed:
            what = "with values outside 0 to 1"
        yield say(
            "error",
            f"an output {what} and {head.loss.name} with from_logits=False",
            "probabilities, or a loss that is told that it gets logits",
            f"loss=keras.losses.{head.loss.class_name}(from_logits=True)",
        )


@rule("H8")
def activation_twice(head: Head, say) -> Iterator[Finding]:
    """Softmax or sigmoid in the output and again in the loss.

    Why: applied twice, the probabilities can hardly leave the middle and learning is slow; Keras
        warns, and repairs what it recognises.
    Fix: the plain loss, or an output without activation.
    Thread: keras-team/keras-hub#1008
    """
    if head.uses(CROSS_ENTROPY) and head.activation in ("softmax", "sigmoid") and head.from_logits:
        yield say(
            "error",
            f"a {head.activation} output and {head.loss.name} with from_logits=True",
            "the activation in the output or in the loss, not in both",
            f"loss='{head.loss.name}'",
        )


@rule("H9")
def activation_and_loss_do_not_pair(head: Head, say) -> Iterator[Finding]:
    """An activation that does not go with the cross-entropy.

    Why: softmax with binary cross-entropy inflates the accuracy, sigmoid with a categorical loss
        lets probabilities sum to anything, and relu or tanh give no probabilities at all; all of
        them train without an error.
    Fix: softmax with a categorical loss, sigmoid with the binary one.
    Thread: keras-team/keras#3396, keras-team/keras#3098
    """
    if not head.uses(CROSS_ENTROPY) or head.activation in (None, "linear"):
        return
    name, sums = head.loss.name, head.y.positives if head.y.is_rows_of_0_and_1 else np.zeros(1)
    if head.activation == "softmax" and head.uses(BINARY) and (head.units or 0) > 1:
        if sums.max() <= 1:  # else there are several classes at once: a rule of its own
            yield say(
                "error",
                f"softmax over {head.units} units with {name}",
                "softmax with a categorical loss, or sigmoid with the binary one (multi-label)",
                "loss='categorical_crossentropy' for one class a row",
            )
    elif head.activation == "sigmoid" and head.uses(SPARSE | CATEGORICAL) and not head.from_logits:
        softmax = f"Dense({head.units}, activation='softmax')"
        expected = "softmax with a categorical loss, or sigmoid with the binary one"
        fix = softmax if head.units > 1 else "loss='binary_crossentropy'"
        yield say("error", f"sigmoid over {head.units} unit(s) with {name}", expected, fix)
    elif head.activation in activations.REACH and not _gives(head):
        right = "sigmoid" if head.uses(BINARY) else "softmax"
        yield say(
            "warning" if head.from_logits and not head.uses(BINARY) else "error",
            f"a {head.activation} output with {name}",
            f"probabilities by {right}, or logits from a linear output with from_logits=True",
            f"Dense({head.units}, activation='{right}') with loss='{name}'",
        )


@rule("H14")
def metric_does_not_fit(head: Head, say) -> Iterator[Finding]:
    """A metric that says nothing about these outputs, such as the accuracy of a regression.

    Why: accuracy counts exact hits, which predicted numbers do not make; it stays near 0 or shows
        a number without meaning.
    Fix: `metrics=["mae", keras.metrics.R2Score(name="r2")]` for numbers, `metrics=["accuracy"]`
        for classes.
    Thread: keras-team/keras#7947, keras-team/keras#16102
    """
    exact = [metric for metric in head.metrics if type(metric) is keras.metrics.Accuracy]
    named = [metric for metric in head.metrics if _is_accuracy(metric)]
    if head.uses(NUMERIC) and named and not head.are_classes:
        yield say(
            "error",
            f"metric {metric_name(named[0])!r} with {head.loss.name}",
            "an error in the target's unit; accuracy counts exact hits, which numbers do not make",
            "metrics=['mae', keras.metrics.R2Score(name='r2')]",
        )
    elif head.uses(CROSS_ENTROPY) and exact:
        yield say(
            "error",
            "metric keras.metrics.Accuracy(), which asks whether a probability equals a label",
            "the accuracy that goes with the loss",
            "metrics=['accuracy']",
        )


def _gives(head: Head) -> bool:
    """Whether the activation gives what the loss takes: probabilities, or logits."""
    allowed = activations.LOGITS if head.from_logits else activations.PROBABILITIES
    if head.activation in ("softmax", "sigmoid", "log_softmax", "log_sigmoid"):
        return True  # these have rules of their own
    # A bounded activation that is scaled afterwards gives capped logits, which are meant.
    return head.activation in allowed or (head.from_logits and head.rescaled)


def _is_accuracy(metric: object) -> bool:
    name = metric if isinstance(metric, str) else type(metric).__name__
    return name.lower() == "acc" or name.lower().endswith("accuracy")


def _is_one_unit_for_classes(head: Head) -> bool:
    return head.units == 1 and head.uses(SPARSE | CATEGORICAL)
