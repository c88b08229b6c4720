"""What the targets ask for: the output layer and the loss that every fix about them leads to.

All rules about an output take their change from here, so that no two of them contradict each other.
"""

from __future__ import annotations

import numpy as np

from keras_recipes.checks.inspect.heads import Head
from keras_recipes.checks.inspect.losses import BINARY, CATEGORICAL, CROSS_ENTROPY, NUMERIC, SPARSE

# Whole numbers of more kinds than this are amounts rather than classes, unless they run from 0.
MIN_CLASSES = 20
MAX_CLASSES = 100
# Pixels and other bytes.
BYTE = 255
MAX_COLUMNS = 64

_PAIRS = {
    "binary": ("sigmoid", "BinaryCrossentropy", "binary_crossentropy"),
    "multilabel": ("sigmoid", "BinaryCrossentropy", "binary_crossentropy"),
    "multiclass": ("softmax", "SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"),
    "one_hot": ("softmax", "CategoricalCrossentropy", "categorical_crossentropy"),
}


def kind(head: Head) -> str:
    """Return the kind of problem, a key of the rule table; "one_hot" for rows that sum to 1."""
    if not head.y.is_number:
        return _kind_by_loss(head)
    return _kind_of_single(head) if head.has_one_value else _kind_of_columns(head)


def layer(head: Head) -> str:
    """Write the output layer that the targets ask for."""
    wanted = kind(head)
    activation = "" if wanted == "regression" else f", activation='{_PAIRS[wanted][0]}'"
    return f"Dense({units(head)}{activation})"


def loss(head: Head, from_logits: bool = False) -> str:
    """Write the loss that the targets ask for."""
    wanted = kind(head)
    if wanted == "regression":
        return "loss='mse'"
    _, name, text = _PAIRS[wanted]
    return f"loss=keras.losses.{name}(from_logits=True)" if from_logits else f"loss='{text}'"


def are_numbers(head: Head) -> bool:
    """Return whether the targets are numbers to predict rather than classes."""
    return kind(head) == "regression"


def fix(head: Head) -> str:
    """Write the smallest change that makes output layer and loss fit the targets."""
    wanted = kind(head)
    fits = head.units == units(head)
    if wanted == "regression":
        return layer(head) if head.uses(NUMERIC) else f"{layer(head)} with loss='mse'"
    if fits and head.activation == _PAIRS[wanted][0]:
        return loss(head)
    if fits and head.activation == "linear" and head.uses(CROSS_ENTROPY):
        return loss(head, from_logits=True)
    return f"{layer(head)} with {loss(head)}"


def units(head: Head) -> int:
    """Count the units that the output layer should have."""
    wanted = kind(head)
    if wanted == "binary" or not head.y.rows:
        return 1 if wanted == "binary" else head.units or 1
    if wanted != "multiclass":
        return 1 if head.has_one_value else head.y.shape[-1]
    seen = len(head.labels) or 1
    # Classes may well be missing from the data; a rule of its own reports too many units.
    return max(seen, head.units or 1) if head.uses(SPARSE | CATEGORICAL) else seen


def are_bytes(head: Head) -> bool:
    """Return whether the targets are pixels or other bytes, to be divided by 255."""
    low, high = head.y.range
    wide = (not head.has_one_value and head.y.shape[-1] >= MAX_COLUMNS) or head.y.train.ndim > 2
    return wide and head.y.are_integers and low >= 0 and 1 < high <= BYTE


def _kind_by_loss(head: Head) -> str:
    if head.uses(SPARSE | CATEGORICAL) and head.units > 1:
        return "multiclass" if head.uses(SPARSE) else "one_hot"
    return "binary" if head.units <= 1 else "multilabel"


def _kind_of_single(head: Head) -> str:
    """Return the kind of problem of targets with one value for each row, or each place of it."""
    low, high = head.y.range
    if head.uses(NUMERIC):
        number = not head.are_classes
    elif head.uses(BINARY) and low >= 0 and high <= 1:
        by_softmax = head.activation == "softmax" and head.units > 1
        return "multiclass" if by_softmax and head.y.are_integers else "binary"  # soft labels too
    else:
        number = not head.y.are_integers or not _are_few(head)
    if number:
        return "regression"
    several = head.uses(SPARSE | CATEGORICAL) or head.activation == "softmax"
    return "multiclass" if len(head.labels) > 2 or (several and head.units > 1) else "binary"


def _are_few(head: Head) -> bool:
    """Return whether whole numbers are of so few kinds, or in such order, that they are classes."""
    labels = head.labels
    from_zero = len(labels) <= MAX_CLASSES and np.array_equal(labels, range(len(labels)))
    return len(labels) <= MIN_CLASSES or from_zero or (head.uses(SPARSE) and head.units > 1)


def _kind_of_columns(head: Head) -> str:
    """Return the kind of problem of targets with several columns."""
    y = head.y
    if y.is_rows_of_0_and_1:
        if y.is_one_hot:
            return "binary" if y.shape[-1] == 2 and head.units == 1 else "one_hot"
        return "multilabel" if head.uses(BINARY) or y.positives.max() > 1 else "one_hot"
    if head.uses(CROSS_ENTROPY) and y.range[0] >= 0:
        if np.allclose(y.positives, 1, atol=1e-3) or (head.uses(CATEGORICAL) and y.range[1] <= 1):
            return "one_hot"
        return "multilabel" if head.uses(BINARY) and y.range[1] <= 1 else "regression"
    return "regression"
