"""Breast cancer: malignant or benign, from measurements of cell nuclei under the microscope.

Rows: 569; 357 benign, 212 malignant.
Shape: x table (rows, 30) of float64: mean, standard error and worst of ten measurements;
y int32 (rows,), 1 = malignant. scikit-learn codes malignant as 0; here the finding that a test
looks for is the positive class, so that precision and recall speak of it.
Source: scikit-learn's load_breast_cancer,
https://archive.ics.uci.edu/dataset/17/breast+cancer+wisconsin+diagnostic
Licence: CC BY 4.0 (UCI).
Reference: Street, Wolberg and Mangasarian (1993), Nuclear feature extraction for breast tumor
diagnosis, https://doi.org/10.1117/12.148698
"""

import numpy as np

from keras_recipes.data import splits

MEASUREMENTS = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
    "concave_points", "symmetry", "fractal_dimension",
)  # fmt: skip
FEATURE_NAMES = tuple(
    form.format(name) for form in ("mean_{}", "{}_error", "worst_{}") for name in MEASUREMENTS
)
CLASS_NAMES = ("benign", "malignant")


def load(seed: int = 0) -> splits.Splits:
    """Load the diagnoses.

    Args:
        seed: 0 or more; chooses the parts.

    Returns:
        Splits of x DataFrame (rows, 30) and y int32 (rows,), 1 = malignant, stratified: 60 %
        train, 20 % validation, 20 % test.
    """
    from sklearn import datasets as bundled  # takes 1 s: only when data is asked for

    bunch = bundled.load_breast_cancer(as_frame=True)
    x = bunch.data.set_axis(list(FEATURE_NAMES), axis="columns")
    y = 1 - bunch.target.to_numpy(np.int32)
    source = splits.Source("breast cancer", "real", "scikit-learn", "CC BY 4.0")
    return splits.split(x, y, source, seed)
