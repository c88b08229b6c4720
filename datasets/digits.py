"""Digits: 1,797 grey images of handwritten digits, small enough to train on in seconds.

Rows: 1,797, about 180 for each class.
Shape: x uint8 (rows, 8, 8) in 0..16, white on black; y int32 (rows,) in 0..9.
Source: scikit-learn's load_digits, the test part of
https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits
Licence: CC BY 4.0 (UCI).
Reference: Kaynak (1995), Methods of combining multiple classifiers and their applications to
handwritten digit recognition, Bogazici University.
"""

import numpy as np

from keras_recipes.data import splits

CLASS_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
IMAGE_SHAPE = (8, 8)
LARGEST_VALUE = 16
LICENCE = "CC BY 4.0"


def load(seed: int = 0) -> splits.Splits:
    """Load the digits.

    Args:
        seed: 0 or more; chooses the parts.

    Returns:
        Splits of x uint8 (rows, 8, 8) in 0..16 and y int32 (rows,) in 0..9, stratified:
        60 % train, 20 % validation, 20 % test.
    """
    from sklearn import datasets as bundled  # takes 1 s: only when data is asked for

    bunch = bundled.load_digits()
    source = splits.Source("digits", "real", "scikit-learn", LICENCE)
    return splits.split(bunch.images.astype(np.uint8), bunch.target.astype(np.int32), source, seed)
