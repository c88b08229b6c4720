"""Diabetes: how far the disease has gone a year later, from ten measurements of today.

Rows: 442 patients.
Shape: x table (rows, 10) of float64, raw values: age in years, sex coded 1 or 2, bmi (body mass
index), bp (average blood pressure), s1 (total cholesterol), s2 (low-density lipoproteins), s3
(high-density lipoproteins), s4 (total cholesterol / s3), s5 (possibly the log of triglycerides),
s6 (blood sugar); y float32 (rows,) in 25..346.
Source: scikit-learn's load_diabetes with scaled=False,
https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html
Licence: none stated by the authors; distributed with scikit-learn (BSD 3-Clause).
Reference: Efron, Hastie, Johnstone and Tibshirani (2004), Least angle regression, Annals of
Statistics 32(2), https://doi.org/10.1214/009053604000000067
"""

import numpy as np

from keras_recipes.data import splits

FEATURE_NAMES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
UNIT = "progression score"  # a clinical score after one year: no physical unit


def load(seed: int = 0) -> splits.Splits:
    """Load the patients.

    Args:
        seed: 0 or more; chooses the parts.

    Returns:
        Splits of x DataFrame (rows, 10) and y float32 (rows,) in UNIT: 60 % train, 20 %
        validation, 20 % test.
    """
    from sklearn import datasets as bundled  # takes 1 s: only when data is asked for

    bunch = bundled.load_diabetes(as_frame=True, scaled=False)
    x = bunch.data.set_axis(list(FEATURE_NAMES), axis="columns")
    licence = "none stated; distributed with scikit-learn (BSD 3-Clause)"
    source = splits.Source("diabetes", "real", "scikit-learn", licence)
    return splits.split(x, bunch.target.to_numpy(np.float32), source, seed)
