"""Built-in data in the place of MNIST and Fashion-MNIST: real 8x8 digits, enlarged to 28x28.

Source, licence and reference: those of datasets/digits.py.
"""

import numpy as np

from keras_recipes.data import splits

_TEST_SEED = 0  # fixed, so that the test rows are the same for every seed
_VALIDATION_ROWS = 287
_BOX, _MARGIN = (20, 20), 4  # MNIST's digits fill a box of 20x20 in the middle of 28x28


def load(name: str, seed: int) -> splits.Splits:
    """Load the 1,797 handwritten digits of scikit-learn, enlarged by linear interpolation.

    Args:
        name: What the rows are called, where they are printed and recorded.
        seed: 0 or more; chooses the validation rows and the order of train.

    Returns:
        Splits of x uint8 (rows, 28, 28) in 0..255, white on black, and y int32 (rows,) in 0..9,
        stratified: 1,151 train, 287 validation and 359 test rows.
    """
    import PIL.Image
    from sklearn import datasets as bundled  # takes 1 s: only when data is asked for

    bunch = bundled.load_digits()
    small = (bunch.images * 255 / 16).astype(np.uint8)
    boxes = [
        PIL.Image.fromarray(image).resize(_BOX, PIL.Image.Resampling.BILINEAR) for image in small
    ]
    x = np.pad(np.array(boxes), ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    source = splits.Source(name, "built-in", "scikit-learn", "CC BY 4.0")
    rows = splits.split(x, bunch.target.astype(np.int32), source, _TEST_SEED).merge_validation()
    return splits.hold_out(rows.train, rows.test, source, seed, _VALIDATION_ROWS)
