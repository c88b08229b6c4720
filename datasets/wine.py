"""Wine: three growers of one region in Italy, told apart by a chemical analysis.

Rows: 178; 59, 71 and 48 of the classes.
Shape: x table (rows, 13) of float64, raw measurements (proline in hundreds, hue about 1);
y int32 (rows,) in 0..2.
Source: scikit-learn's load_wine, https://archive.ics.uci.edu/dataset/109/wine
Licence: CC BY 4.0 (UCI).
Reference: Aeberhard and Forina (1992), Wine, UCI Machine Learning Repository,
https://doi.org/10.24432/C5PC7J
"""

import numpy as np

from keras_recipes.data import splits

FEATURE_NAMES = (
    "alcohol",
    "malic_acid",
    "ash",
    "alcalinity_of_ash",
    "magnesium",
    "total_phenols",
    "flavanoids",
    "nonflavanoid_phenols",
    "proanthocyanins",
    "color_intensity",
    "hue",
    "od280_od315_of_diluted_wines",
    "proline",
)
CLASS_NAMES = ("class_0", "class_1", "class_2")


def load(seed: int = 0) -> splits.Splits:
    """Load the wines.

    Args:
        seed: 0 or more; chooses the parts.

    Returns:
        Splits of x DataFrame (rows, 13) and y int32 (rows,) in 0..2, stratified: 60 % train,
        20 % validation, 20 % test.
    """
    from sklearn import datasets as bundled  # takes 1 s: only when data is asked for

    bunch = bundled.load_wine(as_frame=True)
    x = bunch.data.set_axis(list(FEATURE_NAMES), axis="columns")
    source = splits.Source("wine", "real", "scikit-learn", "CC BY 4.0")
    return splits.split(x, bunch.target.to_numpy(np.int32), source, seed)
