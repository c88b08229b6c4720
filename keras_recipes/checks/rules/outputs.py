"""Rules about the output layer with its loss and metrics: what the rule table pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from keras_recipes import errors
from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import activations, remedies
from keras_recipes.checks.inspect.heads import Head, metric_class, metric_name
from keras_recipes.checks.inspect.losses import BINARY, CATEGORICAL, CROSS_ENTROPY, NUMERIC, SPARSE

RULES, rule = rule_list("outputs", lambda facts: facts.heads)

# What is expected instead of softmax over one unit, by what the targets are.
_ONE_UNIT = {
    "binary": "a sigmoid for a binary problem",
    "multilabel": "a sigmoid for each of {} labels",
    "multiclass": "one unit for each of {} classes",
    "one_hot": "one unit for each of {} classes",
    "regression": "a linear output for a regression",
}
_ACCURACIES = {"BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy", "Accuracy"}
_ACCURACIES |= {"TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy"}
# Metrics of classes that take one column for each.
_OF_CLASSES = {"Precision", "Recall", "AUC", "F1Score", "FBetaScore"}


@rule("H1", "softmax-over-one-unit")
def softmax_over_one_unit(head: Head) -> Iterator[Mistake]:
    """Softmax over a single unit.

    Why: softmax makes the units of a row sum to 1, so that a single one is always 1.0; nothing is
        learned and the accuracy is the fraction of class 1.
    Fix: `Dense(1, activation="sigmoid")` with `loss="binary_crossentropy"`.
    Thread: keras-team/keras#500, keras-team/keras#18909
    """
    if head.activation == "softmax" and head.units == 1:
        yield error(
            "Dense(1, activation='softmax'), whose output is always 1.0",
            _ONE_UNIT[remedies.kind(head)].format(remedies.units(head)),
            remedies.fix(head),
        )


@rule("H7", "logits-as-probabilities")
def logits_taken_for_probabilities(head: Head) -> Iterator[Mistake]:
    """A linear output with a loss that expects probabilities.

    Why: the loss clips what is below 0 or above 1, where its gradient is zero; training goes on
        without an error and stays bad.
    Fix: `from_logits=True` in the loss, or the activation in the output.
    Thread: keras-team/keras#15271, tensorflow/tensorflow#28718
    """
    if not _is_classifier(head) or head.from_logits:
        return
    if head.units == 1 and head.uses(SPARSE | CATEGORICAL):
        return  # one unit for several classes has a rule of its own
    if head.activation in activations.LOGITS or head.activation == "leaky_relu":
        what = "without activation" if head.activation == "linear" else f"by {head.activation}"
        if head.guessed:
            what = "with values outside 0 to 1"
        yield error(
            f"an output {what} and {head.loss.name} with from_logits=False",
            "probabilities, or a loss that is told to take logits",
            remedies.loss(head, from_logits=True)
            if head.units == remedies.units(head)
            else remedies.fix(head),
        )


@rule("H8", "activation-applied-twice")
def activation_twice(head: Head) -> Iterator[Mistake]:
    """Softmax or sigmoid in the output and again in the loss.

    Why: applied twice, the probabilities can hardly leave the middle and learning is slow; Keras
        warns, and repairs what it recognises.
    Fix: the plain loss, or an output without activation.
    Thread: keras-team/keras-hub#1008
    """
    if head.units == 1 and head.activation == "softmax":
        return  # a rule of its own
    if _is_classifier(head) and head.activation in ("softmax", "sigmoid") and head.from_logits:
        yield error(
            f"a {head.activation} output and {head.loss.name} with from_logits=True",
            "the activation in the output or in the loss, not in both",
            remedies.fix(head),
        )


@rule("H9", "activation-does-not-match-loss")
def activation_and_loss_do_not_pair(head: Head) -> Iterator[Mistake]:
    """An activation that does not go with the cross-entropy.

    Why: softmax with binary cross-entropy inflates the accuracy, sigmoid with a categorical loss
        lets probabilities sum to anything, and relu or tanh make no probabilities at all; all of
        them train without an error.
    Fix: softmax with a categorical loss, sigmoid with the binary one.
    Thread: keras-team/keras#3396, keras-team/keras#3098
    """
    if not _is_classifier(head) or head.activation in (None, "linear"):
        return
    name = head.loss.name
    expected = "softmax with a categorical loss, or sigmoid with the binary one"
    several = remedies.kind(head) == "multilabel"  # which softmax cannot express: a rule of its own
    if head.activation == "softmax" and head.uses(BINARY) and head.units > 1:
        if not several:
            received = f"softmax over {head.units} units with {name}"
            yield error(received, f"{expected} (multi-label)", remedies.fix(head))
    elif head.activation == "sigmoid" and head.uses(SPARSE | CATEGORICAL) and not head.from_logits:
        received = f"sigmoid over {head.units} unit(s) with {name}"
        if not several:
            yield error(received, expected, remedies.fix(head))
    elif head.activation in activations.REACH and not _is_taken(head):
        yield Mistake(
            "warning" if head.from_logits and not head.uses(BINARY) else "error",
            f"{errors.with_article(head.activation)} output with {name}",
            "probabilities by sigmoid (two classes) or softmax (more), or logits from a linear "
            "output with from_logits=True",
            remedies.fix(head),
        )


@rule("H14", "metric-does-not-match-loss")
def metric_does_not_fit(head: Head) -> Iterator[Mistake]:
    """A metric without meaning for these outputs, such as the accuracy of a regression.

    Why: accuracy counts exact hits, which predicted numbers do not make; it stays near 0 or shows
        a number without meaning.
    Fix: `metrics=["mae", keras.metrics.R2Score(name="r2")]` for numbers, `metrics=["accuracy"]`
        for classes.
    Thread: keras-team/keras#7947, keras-team/keras#16102
    """
    for metric in head.metrics:
        name = _keras_name(metric)
        if name is None:
            continue
        shown = f"metric {metric_name(metric)!r} with {head.loss.name}"
        if head.uses(NUMERIC) and name in _ACCURACIES | _OF_CLASSES | {"accuracy"}:
            if not head.are_classes and not head.y.is_rows_of_0_and_1:
                why = "this one is for classes"
                if name not in _OF_CLASSES:
                    why = "accuracy counts exact hits, which numbers do not make"
                fix = "metrics=['mae', keras.metrics.R2Score(name='r2')]"
                yield error(shown, f"an error in the target's unit; {why}", fix)
        elif head.uses(CROSS_ENTROPY) and name == "Accuracy":
            why = "metric keras.metrics.Accuracy(), which asks whether a probability equals a label"
            fix = "metrics=['accuracy'], in small letters"
            yield error(why, "the accuracy that goes with the loss", fix)
        elif head.uses(CROSS_ENTROPY) and name in _ACCURACIES and not _counts(head, name):
            expected = "the accuracy that goes with the loss; this one compares something else"
            yield error(shown, expected, "metrics=['accuracy']")


@rule("H18", "metric-expects-other-form")
def metric_takes_other_values(head: Head) -> Iterator[Mistake]:
    """A metric that wants probabilities, or a column for each class, and gets something else.

    Why: accuracy, precision and recall hold an output against 0.5, which is not the middle of
        logits; and precision, recall, AUC and F1 take one column for each class, so that class
        numbers stop `fit` with an error about shapes.
    Fix: `keras.metrics.BinaryAccuracy(threshold=0.0)` for logits; one-hot labels with
        `loss="categorical_crossentropy"` for the others.
    Thread: tensorflow/tensorflow#41413, tensorflow/tensorflow#28259
    """
    for metric in head.metrics:
        name = _keras_name(metric)
        if head.uses(SPARSE) and head.units > 1 and name in _OF_CLASSES:
            yield error(
                f"metric {metric_name(metric)!r} with {head.loss.name}",
                "a metric of class numbers; this one takes a column for each class",
                "metrics=['accuracy']; or y = keras.utils.to_categorical(y) with "
                "loss='categorical_crossentropy'",
            )
        elif head.uses(BINARY) and head.from_logits and (fix := _of_logits(metric, name)):
            yield warning(
                f"metric {metric_name(metric)!r}, which takes logits for probabilities",
                "a threshold of 0, the logit of one half",
                fix,
            )


def _keras_name(metric: Any) -> str | None:
    """Return the class of Keras's own metric: "accuracy" where Keras chooses it; else None."""
    if isinstance(metric, str) and metric in ("accuracy", "acc"):
        return "accuracy"
    return getattr(metric_class(metric), "__name__", None)


def _counts(head: Head, name: str) -> bool:
    """Return whether an accuracy counts what is right with this loss."""
    if head.uses(BINARY):
        return name == "BinaryAccuracy" or (name == "CategoricalAccuracy" and head.units != 1)
    if name == "BinaryAccuracy" and head.uses(CATEGORICAL):
        return head.units == 2  # the same as the class with the higher probability
    return name.startswith("Sparse") == head.uses(SPARSE) and name != "BinaryAccuracy"


def _of_logits(metric: Any, name: str | None) -> str | None:
    """Write what a metric of probabilities has to be for logits; None where it is right."""
    config: dict[str, Any] = getattr(metric, "get_config", dict)()
    if name in ("accuracy", "BinaryAccuracy"):
        right = config.get("threshold", 0.5) != 0.5
        return None if right else "metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)]"
    if name in ("Precision", "Recall"):
        right = config.get("thresholds") is not None
        return None if right else f"metrics=[keras.metrics.{name}(thresholds=0.0)]"
    if name == "AUC":
        right = getattr(metric, "_from_logits", False)
        return None if right else "metrics=[keras.metrics.AUC(from_logits=True)]"
    return None


def _is_classifier(head: Head) -> bool:
    """Whether the loss is for classes and the targets are no numbers to predict."""
    # Numbers with such a loss have a rule about labels: loss and output are both wrong.
    return head.uses(CROSS_ENTROPY) and remedies.kind(head) != "regression"


def _is_taken(head: Head) -> bool:
    """Whether the activation makes what the loss takes: probabilities, or logits."""
    allowed = activations.LOGITS if head.from_logits else activations.PROBABILITIES
    if head.activation in ("softmax", "sigmoid", "log_softmax", "log_sigmoid"):
        return True  # these have rules of their own
    # A bounded activation that is scaled afterwards makes capped logits, which are meant.
    return head.activation in allowed or (head.from_logits and head.rescaled)
