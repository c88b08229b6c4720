"""Rules about the classes: how many rows each has, and their weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_recipes.checks.findings import Mistake, error, rule_list, warning
from keras_recipes.checks.inspect.facts import Facts
from keras_recipes.checks.inspect.heads import Head
from keras_recipes.checks.inspect.losses import CATEGORICAL, CROSS_ENTROPY, NUMERIC

RULES, rule = rule_list("classes")

# One class this many times as frequent as another; below that many rows it may be chance.
UNEQUAL = 10
ENOUGH_ROWS = 50
MAX_CLASSES = 100


@rule("D9", "imbalanced-classes")
def classes_unequal(facts: Facts) -> Iterator[Mistake]:
    """Classes of very different size.

    Why: always predicting the large class has a high accuracy and is of no use.
    Fix: `class_weight` in `fit`, and a metric such as AUC beside the accuracy.
    Thread: keras-team/keras#177
    """
    settings = facts.settings
    if settings.class_weight is not None or settings.sample_weight is not None:
        return  # declared
    for head in facts.heads:
        counts = _count_rows(head)
        present = counts[counts > 0]
        focal = (head.loss.name or "").endswith("focal_crossentropy")
        if focal or not 2 <= len(present) <= MAX_CLASSES or present.max() < ENOUGH_ROWS:
            continue
        if present.max() > UNEQUAL * present.min():
            largest, smallest = int(counts.argmax()), int(np.argmin(np.where(counts, counts, 1e18)))
            fraction = present.max() / present.sum()
            yield warning(
                f"{head.label}{counts[largest]} rows of class {largest} and {counts[smallest]} of "
                f"class {smallest}: always predicting {largest} is {fraction:.1%} right",
                "classes of like size, weights that make up for it, or a metric that shows it",
                f"class_weight={_balanced(counts)} in fit",
            )


@rule("D10", "invalid-class-weights")
def class_weights_do_not_fit(facts: Facts) -> Iterator[Mistake]:
    """Class weights whose keys are not the classes.

    Why: Keras looks each class number up and takes 1.0 for what it does not find: the weights have
        no effect, without an error.
    Fix: `class_weight={0: 1.0, 1: 5.0}`, with an integer for each class.
    Thread: keras-team/keras#23220, keras-team/keras#8011
    """
    weights = facts.settings.class_weight
    heads = [head for head in facts.heads if head.uses(CROSS_ENTROPY) and head.y.is_number]
    if weights is not None and any(
        head.uses(NUMERIC) and not head.are_classes for head in facts.heads
    ):
        fix = "sample_weight=..., one number for each row, in its place"
        yield error("class_weight for a regression", "classes to weigh", fix)
        return
    if weights is None or len(heads) != 1:
        return
    counts = _count_rows(heads[0])
    classes = np.flatnonzero(counts).tolist()
    level, received = _judge_weights(weights, classes, heads[0])
    if level:
        yield Mistake(
            level,
            f"class_weight {received}",
            f"a weight for each of the classes {', '.join(map(str, classes[:6]))}, as integers"
            if classes
            else "one class a row; sample_weight weighs rows of any kind",
            f"class_weight={_balanced(counts)}" if classes else "sample_weight=...",
        )


@rule("D11", "constant-target")
def one_class_only(facts: Facts) -> Iterator[Mistake]:
    """Targets that are all the same.

    Why: there is nothing to tell apart; the loss falls to 0 and the model predicts the same for all
        inputs.
    Fix: rows of the other classes; `np.unique(y, return_counts=True)` shows what there is.
    Thread: experiencor/keras-yolo2#314
    """
    for head in facts.heads:
        judged = head.uses(CROSS_ENTROPY | NUMERIC) and head.y.is_number and head.y.rows > 1
        judged &= head.y.are_whole
        if not judged or len(head.shape) != 1:
            continue
        train = head.y.train
        if head.uses(CATEGORICAL) and train.ndim == 2:
            single = bool((train == train[0]).all())
        else:
            single = head.y.is_flat and bool((train == train.flat[0]).all())
        if single:
            each = head.y.show(np.ravel(train[0]))
            yield Mistake(
                "warning" if head.uses(NUMERIC) else "error",
                f"{head.label}{head.y.rows} training targets, each {each}",
                "targets that differ",
                "np.unique(y, return_counts=True) shows what there is; load or split the rows anew",
            )


def _count_rows(head: Head) -> np.ndarray:
    """Count the training rows of each class; empty where a row has no single class."""
    classes = head.classes(head.y.train) if head.y.is_number else None
    if classes is None or head.y.range[0] < 0 or head.y.range[1] >= 10 * MAX_CLASSES:
        return np.empty(0, dtype=int)
    return np.bincount(classes[np.isfinite(classes)].astype("int64"))  # NaN has a rule of its own


def _judge_weights(weights: Any, classes: list[int], head: Head) -> tuple[str | None, str]:
    """Describe how bad class weights are, and what is wrong with them."""
    if not isinstance(weights, dict):
        return "error", f"as {type(weights).__name__}"
    if not classes:
        return "error", f"with labels of shape {head.y.shape}, several for a row"
    if wrong := [key for key in weights if key not in classes]:
        return "error", f"with the keys {wrong!r}, which are no class"
    if unnamed := [number for number in classes if number not in weights]:
        return "warning", f"without a weight for {unnamed}, which takes 1.0"
    return None, ""


def _balanced(counts: np.ndarray) -> str:
    """Write the weights that make up for the classes' sizes."""
    present = np.flatnonzero(counts)
    weights = counts.sum() / (len(present) * counts[present])
    shown = [f"{number}: {weight:.3g}" for number, weight in zip(present, weights, strict=True)]
    return "{" + ", ".join(shown[:6]) + (", …" if len(shown) > 6 else "") + "}"
