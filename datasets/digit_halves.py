"""Digit halves: of each small handwritten digit the upper half, and the lower half to be drawn.

Rows: 1,797.
Shape: x uint8 (rows, 4, 8) in 0..16, white on black; y float32 (rows, 32) in 0..16, the lower four
lines one after the other. Two of these 32 pixels, at the ends of the first line, never hold ink.
Source, licence and reference: those of datasets/digits.py.
"""

import numpy as np

from datasets import digits
from keras_recipes.data import splits

IMAGE_SHAPE = (4, 8)
NUM_OUTPUTS = 32
LARGEST_VALUE = digits.LARGEST_VALUE
UNIT = "ink (0 to 16)"


def load(seed: int = 0) -> splits.Splits:
    """Load the digits, cut across the middle.

    Args:
        seed: 0 or more; chooses the parts.

    Returns:
        Splits of x uint8 (rows, 4, 8) in 0..16 and y float32 (rows, 32) in UNIT, stratified by
        digit: 60 % train, 20 % validation, 20 % test.
    """
    return digits.load(seed).map(_halves)


def _halves(whole: splits.Split) -> splits.Split:
    """Cut images (rows, 8, 8) into their upper halves and what belongs below."""
    upper, lower = np.split(whole.x, 2, axis=1)
    return splits.Split(upper, lower.reshape(len(lower), -1).astype(np.float32))
