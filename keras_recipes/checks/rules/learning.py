"""Rules about learning: the untrained model's first step on one batch, and the trained model."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_recipes import errors
from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect import activations, reading, running
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.heads import Head
from keras_recipes.checks.inspect.losses import BINARY, CROSS_ENTROPY
from keras_recipes.checks.rules import scaling

UNTRAINED, untrained = rule_list("learning")
TRAINED, trained = rule_list("learning")

# An untrained model's loss is within this many times of what guessing costs. A squared error is
# the square of how far the outputs are away; narrow layers may well give ten times too much of it.
FAR_FROM_THEORY = 10.0
FAR_FROM_SQUARE = 100.0
# Outputs this near to the end of their range have no gradient left.
AT_THE_END = 1e-6
MOST = 0.9


@dataclasses.dataclass(frozen=True)
class Step:
    """The first training step, not taken.

    Attributes:
        heads: The outputs.
        losses: Of each output; None where it has none.
        outputs: What the model returned, training.
        gradients: Of each trainable variable; None where the loss does not depend on it.
        targets: Of the batch, for each output.
        fault: TensorFlow's message where it cannot compute with the numbers; None where it can.
    """

    heads: list[Head]
    losses: list[float | None]
    outputs: list[np.ndarray]
    gradients: list[np.ndarray | None]
    targets: list[np.ndarray]
    fault: str | None = None


# Below this fraction of its first value, a change of the loss is none.
MOVED = 0.01
NOTHING = 1e-3
MIN_EPOCHS = 3
# Differences that no dropout and no chance explains.
ACCURACY_GAP = 0.2
LOSS_RATIO = 5.0
SAME_CLASS = 0.99
FLAT = 0.02
MIN_ROWS = 20


@dataclasses.dataclass(frozen=True)
class Trained:
    """What is known of a model after training.

    Attributes:
        history: One list for each score, one value for each epoch.
        best_epoch: The epoch that was kept, counted from 0.
        y: Targets of rows that were not learned from: class numbers (rows,), numbers (rows,
            columns), or None.
        predicted: What was predicted for them, in the same form.
        are_classes: Whether these are classes.
    """

    history: dict[str, list[float]]
    best_epoch: int
    y: np.ndarray | None = None
    predicted: np.ndarray | None = None
    are_classes: bool = False


@untrained("P3", "first-step-fails")
def step_fails(step: Step) -> Iterator[Mistake]:
    """A first step that fails on the numbers, or whose loss is no number.

    Why: shapes and types are right, so that `fit` begins; it then stops with "Graph execution
        error" and a page of the names of operations, or shows a loss of nan.
    Fix: what the message names: category numbers below `input_dim`, an output above 0 for a loss
        with a logarithm.
    Thread: keras-team/tf-keras#358, keras-team/keras#13097
    """
    bad = [loss for loss in step.losses if loss is not None and not np.isfinite(loss)]
    if step.fault:
        beyond = re.search(r"= (\d+) is not in \[0, (\d+)\)", step.fault)
        yield error(
            f"a first step that fails: {step.fault}",
            "numbers that the model and its loss can compute with",
            f"keras.layers.Embedding(input_dim={int(beyond[1]) + 1}, ...), if x.max() is no more"
            if beyond
            else "look at x.min(), x.max() and the shape of y, beside model.summary()",
        )
    elif bad and all(one is None or np.isfinite(one).all() for one in step.gradients):
        yield error(
            f"a loss of {bad[0]:g} at the first step",
            "a finite loss",
            "an output above 0 for a loss with a logarithm, such as poisson: Dense(1, "
            "activation='exponential'); or look for log(0) and divisions by 0",
        )


@untrained("T7", "initial-loss-too-high")
def loss_far_from_theory(step: Step) -> Iterator[Mistake]:
    """A first loss that is far from what guessing costs.

    Why: an untrained model guesses: ln K for K classes, about the mean square of the targets for a
        squared error. Ten times that shows that inputs, labels or initial weights are not what they
        should be.
    Fix: scaled inputs, labels as the loss takes them, Keras's own initial weights.
    Thread: keras-team/keras#6259
    """
    for head, loss, y in zip(step.heads, step.losses, step.targets, strict=True):
        expected = _loss_of_guessing(head, y)
        squared = head.loss.name == "mean_squared_error"
        far = FAR_FROM_SQUARE if squared else FAR_FROM_THEORY
        if loss is not None and expected and loss > far * expected:
            yield warning(
                f"{head.label}a loss of {loss:.4g} before training ({head.loss.name})",
                f"about {expected:.4g}, which guessing costs",
                "check the scale of the inputs (keras.layers.Normalization), the labels, and the "
                "initial weights",
            )


@untrained("P1", "zero-or-nan-gradient")
def no_gradient(step: Step) -> Iterator[Mistake]:
    """Gradients that are zero or not finite at the first step.

    Why: with a gradient of zero in every weight, or no weight to train, nothing can change; with
        NaN everything becomes NaN.
    Fix: a linear output, leaky ReLU, a loss made of operations that have a gradient (no argmax or
        rounding), scaled inputs.
    Thread: keras-team/keras#3687
    """
    there = [gradient for gradient in step.gradients if gradient is not None]
    if step.fault:
        return  # a rule of its own
    if not step.gradients:
        yield error(
            "a model without a weight to train",
            "at least one layer whose weights are trained",
            "trainable = True for the model, or for its last layers, before compile",
        )
    elif not any(np.any(gradient) for gradient in there):
        yield error(
            "a gradient of zero for every weight at the first step",
            "weights that the loss depends on",
            "look for relu outputs that are all 0, a constant target, argmax or round in the loss, "
            "or layers that are not trainable",
        )
    elif bad := sum(not np.isfinite(gradient).all() for gradient in there):
        yield error(
            f"a gradient that is not finite for {bad} of {len(there)} weights at the first step",
            "finite gradients",
            "look for log(0), a division by 0 or very large inputs; clipnorm=1.0 in the optimizer",
        )


@untrained("P2", "saturated-outputs")
def dead_outputs(step: Step) -> Iterator[Mistake]:
    """Outputs that are stuck at the end of their range before training begins.

    Why: a relu at 0, or a sigmoid at 0 or 1, has no gradient: it stays there.
    Fix: scaled inputs; a linear output for a regression.
    Thread: keras-team/keras#3687
    """
    for head, values in zip(step.heads, step.outputs, strict=True):
        low, high = activations.REACH.get(head.activation, (-np.inf, np.inf))
        if head.rescaled or values.size < reading.FEW or values.shape[-1] == 0:
            continue
        stuck = (np.abs(values - low) < AT_THE_END) | (np.abs(values - high) < AT_THE_END)
        by_unit = stuck.reshape(-1, values.shape[-1]).mean(axis=0) > MOST
        if head.activation == "softmax":
            by_unit = np.array([stuck.all()])  # most units of a softmax may well be near 0
        if by_unit.any():
            yield warning(
                f"{head.label}{int(by_unit.sum())} of {len(by_unit)} {head.activation} outputs at "
                "the end of their range for nearly every row",
                "outputs that can move both ways",
                "scale the inputs (keras.layers.Normalization), or take the activation away from a "
                "regression's output",
            )


@trained("A1", "loss-not-decreasing")
def loss_did_not_move(trained: Trained) -> Iterator[Mistake]:
    """A training loss that never moved.

    Why: nothing was learned: the model is as good as before.
    Fix: a larger learning rate, scaled inputs, an activation and a loss that go together.
    Thread: keras-team/keras#1478, keras-team/keras#2711
    """
    losses = [loss for loss in trained.history.get("loss", []) if math.isfinite(loss)]
    # A loss that began near 0 had nowhere to go.
    if len(losses) < MIN_EPOCHS or abs(losses[0]) < NOTHING:
        return
    # The loss of the first epoch is partly that of the untrained model, which a few large steps may
    # make worse before it becomes better: the validation rows are scored after the steps.
    others = [loss for loss in trained.history.get("val_loss", []) if math.isfinite(loss)]
    if not any(_falls(one) for one in (losses, others) if one):
        yield warning(
            f"a training loss that went from {losses[0]:.4g} to {min(losses):.4g} at best in "
            f"{len(losses)} epochs",
            "a loss that falls",
            "try a larger and a smaller learning rate, scale the inputs, leaky_relu for dead relu "
            "units, and compare the order of the labels with that of the rows",
        )


def _falls(losses: list[float]) -> bool:
    return losses[0] - min(losses) >= MOVED * abs(losses[0])


@trained("A2", "overfitting")
def memorised(trained: Trained) -> Iterator[Mistake]:
    """Scores on the training rows that are far better than on the validation rows.

    Why: the model memorised its rows; new rows will score as the validation rows do.
    Fix: dropout, weight decay, fewer units, early stopping, more rows.
    Thread: keras-team/keras#3894, keras-team/keras-tuner#167
    """
    if trained.best_epoch == 0:  # its rows were scored before they were learned from
        return
    for name, values in trained.history.items():
        others = trained.history.get(f"val_{name}")
        if name.startswith("val_") or not others:
            continue
        mine, its = values[trained.best_epoch], others[trained.best_epoch]
        by_score = name.endswith(("accuracy", "acc")) and mine - its > ACCURACY_GAP
        scored = any(one.endswith(("accuracy", "acc")) for one in trained.history)
        by_loss = name == "loss" and not scored and its > LOSS_RATIO * mine > 0
        if by_score or by_loss:
            yield warning(
                f"{errors.with_article(name)} of {mine:.4g} in training and {its:.4g} in "
                "validation",
                "scores that are alike",
                "dropout, weight decay, fewer units, early stopping with restore_best_weights, or "
                "more rows; and a look at whether both splits come from the same data",
            )


@trained("A3", "constant-predictions")
def predicts_always_the_same(trained: Trained) -> Iterator[Mistake]:
    """Predictions that are the same for every input.

    Why: the score is that of always naming the largest class, or the mean: nothing was learned.
    Fix: scaled inputs, another learning rate, class weights for unequal classes.
    Thread: keras-team/keras#2975, keras-team/keras#12701
    """
    y, predicted = trained.y, trained.predicted
    if y is None or predicted is None or len(y) < MIN_ROWS:
        return
    received = None
    if trained.are_classes and len(np.unique(y)) > 1:
        classes, counts = np.unique(predicted, return_counts=True)
        fraction = counts.max() / len(predicted)
        if fraction >= SAME_CLASS and (y == classes[counts.argmax()]).mean() < SAME_CLASS:
            number = classes[counts.argmax()]
            received = f"class number {number} predicted for {fraction:.1%} of {len(y)} rows"
    elif not trained.are_classes and np.ptp(y) > 0:
        spread, wanted = (np.asarray(one, "float64").std(axis=0).max() for one in (predicted, y))
        if spread < FLAT * wanted:
            received = (
                f"predictions with a standard deviation of {spread:.3g}, targets {wanted:.3g}"
            )
    if received:
        yield warning(
            received,
            "predictions that depend on the input",
            "scale the inputs, try a smaller learning rate, leaky_relu for dead relu units, "
            "class_weight for classes of very different size, or more epochs",
        )


RULES = (*UNTRAINED, *TRAINED)


def first_step(facts: Facts) -> Step | None:
    """Compute the first training step without taking it; None where that cannot be done yet."""
    import tensorflow as tf

    if not _can_be_taken(facts):
        return None
    losses = [head.loss.function for head in facts.heads]
    batch = running.first_batch(facts.model, facts.train)
    rows = reading.spread(facts.train.rows, batch.rows)
    # An output without a loss needs no targets.
    targets = [head.y.train[rows] if head.loss.function else np.empty(0) for head in facts.heads]
    values: list[float | None] = []

    def loss(outputs: list) -> Any:
        each = [
            None if function is None else keras.ops.mean(function(_align(y, output), output))
            for function, y, output in zip(losses, targets, outputs, strict=True)
        ]
        values.extend(None if one is None else float(one) for one in each)
        return sum(one for one in each if one is not None)

    try:
        with running.undisturbed():
            _, outputs, gradients = running.gradients(facts.model, batch.x, loss)
    except tf.errors.InvalidArgumentError as error:
        return Step([], [], [], [], [], errors.first_line(error).rpartition("}} ")[2])
    except Exception as error:  # whatever the user's own layers and losses raise
        facts.notes.append(f"the first step was not tried: {errors.first_line(error)}")
        return None
    return Step(facts.heads, values, outputs, gradients, targets)


def _can_be_taken(facts: Facts) -> bool:
    """Return whether there are losses, rows and targets, and layers that are ready."""
    with_loss = [head for head in facts.heads if head.loss.function]
    if not with_loss or facts.trains_itself or keras.backend.backend() != "tensorflow":
        return False
    if scaling.not_adapted(facts) or not facts.train.rows:
        return False
    return all(head.y.rows for head in with_loss)  # missing targets have a rule of their own


def _align(y: np.ndarray, output: Any) -> np.ndarray:
    """Return targets as Keras passes them to a loss, with the last axis of 1 of the output."""
    y = y.astype("float32") if y.dtype.kind in "biuf" else y
    lacks_one = y.ndim == len(output.shape) - 1 and output.shape[-1] == 1
    return y[..., None] if lacks_one else y


def _loss_of_guessing(head: Head, y: np.ndarray) -> float | None:
    """Return the loss of a model that knows nothing; None for losses that have no such figure.

    For K classes that is ln K. For numbers it is the mean square, or mean size, of the targets and
    at least 1, since outputs begin in that order.
    """
    if head.uses(CROSS_ENTROPY):
        num_classes = 2 if head.uses(BINARY) else head.units
        return float(np.log(max(num_classes, 2))) if num_classes else None
    sizes = np.abs(y.astype("float64"))
    if head.loss.name == "mean_squared_error":
        return max(1.0, float((sizes**2).mean()))
    return max(1.0, float(sizes.mean())) if head.loss.name == "mean_absolute_error" else None
