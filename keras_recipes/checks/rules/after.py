"""Rules about the trained model: what its history and its predictions show."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from keras_recipes.checks.findings import Finding, rule_list

RULES, rule = rule_list()

# Below this share of its first value, a change of the loss is none.
MOVED = 0.01
NOTHING = 1e-3
FEW_EPOCHS = 3
# Differences that no dropout and no chance explains.
ACCURACY_GAP = 0.2
LOSS_RATIO = 5.0
SAME_CLASS = 0.99
FLAT = 0.02
FEW_ROWS = 20


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


@rule("A1")
def loss_did_not_move(trained: Trained, say) -> Iterator[Finding]:
    """A training loss that never moved.

    Why: nothing was learned: the model is as good as before.
    Fix: a larger learning rate, scaled inputs, an activation and a loss that go together.
    Thread: keras-team/keras#1478, keras-team/keras#2711
    """
    losses = [loss for loss in trained.history.get("loss", []) if math.isfinite(loss)]
    # A loss that began near 0 had nowhere to go.
    if len(losses) < FEW_EPOCHS or abs(losses[0]) < NOTHING:
        return
    if losses[0] - min(losses) < MOVED * abs(losses[0]):
        yield say(
            "warning",
            f"a training loss that went from {losses[0]:.4g} to {min(losses):.4g} at best in "
            f"{len(losses)} epochs",
            "a loss that falls",
            "likely causes: a learning rate that is far too small or too large, inputs that are "
            "not scaled, relu units that are dead, labels in another order than the rows",
        )


@rule("A2")
def learned_by_heart(trained: Trained, say) -> Iterator[Finding]:
    """Scores on the training rows that are far better than on the validation rows.

    Why: the model learned its rows by heart; new rows will score as the validation rows do.
    Fix: dropout, weight decay, fewer units, early stopping, more rows.
    Thread: keras-team/keras#3894, keras-team/keras-tuner#167
    """
    for name, values in trained.history.items():
        others = trained.history.get(f"val_{name}")
        if name.startswith("val_") or not others:
            continue
        mine, its = values[trained.best_epoch], others[trained.best_epoch]
        by_score = name.endswith(("accuracy", "acc")) and mine - its > ACCURACY_GAP
        scored = any(one.endswith(("accuracy", "acc")) for one in trained.history)
        by_loss = name == "loss" and not scored and its > LOSS_RATIO * mine > 0
        if by_score or by_loss:
            yield say(
                "warning",
                f"a {name} of {mine:.4g} in training and {its:.4g} in validation",
                "scores that are alike",
                "dropout, weight decay, fewer units, early stopping with restore_best_weights, or "
                "more rows; and a look at whether both parts come from the same data",
            )


@rule("A3")
def says_always_the_same(trained: Trained, say) -> Iterator[Finding]:
    """Predictions that are the same for every input.

    Why: the score is that of always naming the largest class, or the mean: nothing was learned.
    Fix: scaled inputs, another learning rate, class weights for unequal classes.
    Thread: keras-team/keras#2975, keras-team/keras#12701
    """
    y, predicted = trained.y, trained.predicted
    if y is None or predicted is None or len(y) < FEW_ROWS:
        return
    received = None
    if trained.are_classes and len(np.unique(y)) > 1:
        classes, counts = np.unique(predicted, return_counts=True)
        share = counts.max() / len(predicted)
        if share >= SAME_CLASS and (y == classes[counts.argmax()]).mean() < SAME_CLASS:
            received = f"class {classes[counts.argmax()]} for {share:.1%} of {len(y)} rows"
    elif not trained.are_classes and np.ptp(y) > 0:
        spread, wanted = (np.asarray(one, "float64").std(axis=0).max() for one in (predicted, y))
        if spread < FLAT * wanted:
            received = (
                f"predictions with a standard deviation of {spread:.3g}, targets {wanted:.3g}"
            )
    if received:
        yield say(
            "warning",
            received,
            "predictions that depend on the input",
            "likely causes: inputs that are not scaled, a learning rate that is too large, dead "
            "relu units, classes of very different size (class_weight), too few epochs",
        )
