"""Logistic regression: by hand, as a network of one layer, and by scikit-learn: one answer.

Idea: a weighted sum through a sigmoid gives a probability; binary cross-entropy measures it; its
gradient is x (y - t). That is a network with one layer and one unit, and its loss is a bowl with
one bottom, so every way of descending ends in the same place.
Watch: three ways, the same coefficients; the boundary is the line where the weighted sum is 0.
Change: COLUMNS, any two of datasets/breast_cancer.py; take all 30, and the classes can be parted
perfectly: the weights then grow without end, and only a penalty stops them.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from datasets import breast_cancer
from recipes.common import lesson
from recipes.common.pictures import BLUE, VERMILION
from recipes.lessons.activations import sigmoid

COLUMNS = ("mean_radius", "mean_texture")
EPOCHS = 500
NAMES = ["bias", *COLUMNS]


def load(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two normalised measurements (rows, 2) of each tumour, and whether it is malignant (rows,)."""
    train = breast_cancer.load(seed).train
    x = train.x[list(COLUMNS)].to_numpy("float64")
    return (x - x.mean(axis=0)) / x.std(axis=0), train.y.astype("float64")


def by_hand(x: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Gradient descent with momentum; give (bias, w1, w2) and the loss before each step."""
    x = np.column_stack([np.ones(len(x)), x])
    w, speed, losses = np.zeros(3), np.zeros(3), []
    for _ in range(EPOCHS):
        y = sigmoid(x @ w)
        losses.append(-np.mean(t * np.log(y) + (1 - t) * np.log(1 - y)))
        speed = 0.9 * speed - x.T @ (y - t) / len(t)  # a learning rate of 1
        w = w + speed
    return w, losses


def by_keras(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The same as a network of one layer, trained on all rows at once."""
    from recipes.common import fused

    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros")(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(1.0, momentum=0.9), "binary_crossentropy")
    fused.fit(model, x.astype("float32"), t.reshape(-1, 1).astype("float32"),
              batch_size=len(x), epochs=EPOCHS, verbose=0)  # fmt: skip
    kernel, bias = model.get_weights()
    return np.array([bias[0], *kernel[:, 0]])


def by_scikit_learn(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The same by a library, without a penalty."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, t)
    return np.array([model.intercept_[0], *model.coef_[0]])


def study(seed: int = 0) -> lesson.Shown:
    """Fit in three ways."""
    x, t = load(seed)
    w, losses = by_hand(x, t)
    table = pd.DataFrame({"coefficient": NAMES, "by hand": w, "Keras": by_keras(x, t),
                          "scikit-learn": by_scikit_learn(x, t)})  # fmt: skip
    right = ((sigmoid(x @ w[1:] + w[0]) > 0.5) == t).mean()
    apart = table.drop(columns="coefficient").max(axis=1) - table.drop(columns="coefficient").min(
        axis=1
    )
    return lesson.Shown(
        table,
        draw(x, t, w, losses),
        (
            "Logistic regression (로지스틱 회귀) is a network of one layer (층) with a sigmoid "
            "(시그모이드) and binary cross-entropy (이진 교차 엔트로피).",
            f"By hand, by Keras and by scikit-learn the coefficients (계수) differ by "
            f"{apart.max():.0e} at most.",
            f"The decision boundary (결정 경계), probability 0.5 (확률), is a straight line; "
            f"{right:.1%} of the training rows are on their side of it.",
        ),
    )


def draw(x: np.ndarray, t: np.ndarray, w: np.ndarray, losses: list[float]) -> Figure:
    """Draw the rows with the boundary, and the loss."""
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    axis = np.linspace(-3, 4.2, 100)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    shades = left.contourf(axis, axis, sigmoid(grid @ w[1:] + w[0]), np.linspace(0, 1, 11),
                           cmap="cividis", alpha=0.5)  # fmt: skip
    for value, colour, marker in ((0, BLUE, "o"), (1, VERMILION, "x")):
        left.scatter(*x[t == value].T, s=16, color=colour, marker=marker,
                     label=breast_cancer.CLASS_NAMES[value])  # fmt: skip
    left.axline((0, -w[0] / w[2]), slope=-w[1] / w[2], color="black", label="boundary")
    left.set(xlabel="mean radius (standard deviations)", xlim=(-3, 4.2), ylim=(-3, 4.2),
             ylabel="mean texture (standard deviations)")  # fmt: skip
    left.legend(loc="upper right")
    figure.colorbar(shades, ax=left, label="probability of malignant")
    right.plot(np.arange(1, EPOCHS + 1), losses, color=BLUE)
    right.set(xlabel="step", ylabel="loss (binary cross-entropy)", xscale="log")
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
