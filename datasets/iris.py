"""Iris: three species of iris flowers, told apart by four lengths.

Rows: 150, 50 for each class.
Shape: x table (rows, 4) of float64 in cm; y int32 (rows,) in 0..2.
Source: scikit-learn's load_iris, https://archive.ics.uci.edu/dataset/53/iris
Licence: CC BY 4.0 (UCI).
Reference: Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of
Eugenics 7(2), https://doi.org/10.1111/j.1469-1809.1936.tb02137.x
"""

import numpy as np

from keras_recipes.data import splits

FEATURE_NAMES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
CLASS_NAMES = ("setosa", "versicolor", "virginica")


def load(seed: int = 0) -> splits.Splits:
    """Load the flowers.

    Args:
        seed: 0 or more; chooses the parts.

    Returns:
        Splits of x DataFrame (rows, 4) in cm and y int32 (rows,) in 0..2, stratified: 60 %
        train, 20 % validation, 20 % test.
    """
    from sklearn import datasets as bundled  # takes 1 s: only when data is asked for

    bunch = bundled.load_iris(as_frame=True)
    x = bunch.data.set_axis(list(FEATURE_NAMES), axis="columns")
    source = splits.Source("iris", "real", "scikit-learn", "CC BY 4.0")
    return splits.split(x, bunch.target.to_numpy(np.int32), source, seed)
