"""Digit traits: of each small handwritten digit, which of three traits it has; any may go together.

Rows: 1,797.
Shape: x uint8 (rows, 8, 8) in 0..16, white on black; y int32 (rows, 3) of 0 and 1: even, prime, and
whether it is written with a closed loop (a 4 may be; it counts as open).
Source, licence and reference: those of datasets/digits.py; the traits follow from its labels.
"""

import numpy as np

from datasets import digits
from keras_recipes.data import splits

IMAGE_SHAPE = digits.IMAGE_SHAPE
LARGEST_VALUE = digits.LARGEST_VALUE
TRAITS = {"even": (0, 2, 4, 6, 8), "prime": (2, 3, 5, 7), "loop": (0, 6, 8, 9)}
CLASS_NAMES = tuple(TRAITS)


def load(seed: int = 0) -> splits.Splits:
    """Load the digits with their traits.

    Args:
        seed: 0 or more; chooses the parts.

    Returns:
        Splits of x uint8 (rows, 8, 8) in 0..16 and y int32 (rows, 3), stratified by digit:
        60 % train, 20 % validation, 20 % test.
    """
    return digits.load(seed).map_labels(_traits)


def _traits(y: np.ndarray) -> np.ndarray:
    """Turn digits, shape (rows,), into a column of 0 and 1 for each trait."""
    return np.column_stack([np.isin(y, having) for having in TRAITS.values()]).astype(np.int32)
