"""Losses: what each of five punishes, why there is a minus and a log, and the gradient y - t.

Idea: squared errors measure distance; cross-entropy measures surprise, -log of the probability
that was given to what happened. A log of a probability is negative, so the minus makes it a loss;
it grows without bound as a confident mistake nears certainty, where a squared error stops at 1.
Watch: at 1 % for the truth, cross-entropy is 4.6 and rising, the squared error 0.98.
Change: CLIP; without it a certain mistake costs log(0), and every weight becomes NaN.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from recipes.common import lesson
from recipes.common.pictures import BLUE, GREEN, ORANGE

CLIP = 1e-7  # Keras keeps probabilities this far from 0 and 1


def sse(t: np.ndarray, y: np.ndarray) -> float:
    """Sum of squared errors."""
    return float(np.sum((t - y) ** 2))


def mse(t: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error."""
    return float(np.mean((t - y) ** 2))


def binary_crossentropy(t: np.ndarray, y: np.ndarray) -> float:
    """Mean of -(t log y + (1 - t) log(1 - y)); t 0 or 1, y the probability of 1."""
    y = np.clip(y, CLIP, 1 - CLIP)
    return float(-np.mean(t * np.log(y) + (1 - t) * np.log(1 - y)))


def categorical_crossentropy(t: np.ndarray, y: np.ndarray) -> float:
    """Mean over rows of -sum of t log y; t one-hot (rows, K), y probabilities (rows, K)."""
    y = np.clip(y / y.sum(axis=1, keepdims=True), CLIP, 1 - CLIP)
    return float(-np.mean(np.sum(t * np.log(y), axis=1)))


def sparse_categorical_crossentropy(t: np.ndarray, y: np.ndarray) -> float:
    """The same for class numbers t (rows,): only the true class's log is looked up."""
    return categorical_crossentropy(np.eye(y.shape[1])[t], y)


def by_keras(seed: int) -> dict[str, tuple[float, float]]:
    """Each loss on the same random rows: (ours, Keras's)."""
    import keras

    rng = np.random.default_rng(seed)
    numbers, guesses = rng.normal(size=(50, 1)), rng.normal(size=(50, 1))
    truth, chance = rng.integers(0, 2, (50, 1)), rng.uniform(size=(50, 1))
    classes, shares = rng.integers(0, 4, 50), rng.dirichlet(np.ones(4), 50)
    chance[:3], shares[:2] = truth[:3] == 0, np.eye(4)[(classes[:2] + 1) % 4]  # sure and wrong
    one_hot = np.eye(4)[classes]
    k, double = keras.losses, {"dtype": "float64"}
    summed = k.MeanSquaredError(reduction="sum", dtype="float64")
    return {
        "SSE": (sse(numbers, guesses), float(summed(numbers, guesses))),
        "MSE": (mse(numbers, guesses), float(k.MeanSquaredError(**double)(numbers, guesses))),
        "binary cross-entropy": (
            binary_crossentropy(truth, chance),
            float(k.BinaryCrossentropy(**double)(truth, chance))),
        "categorical cross-entropy": (
            categorical_crossentropy(one_hot, shares),
            float(k.CategoricalCrossentropy(**double)(one_hot, shares))),
        "sparse categorical cross-entropy": (
            sparse_categorical_crossentropy(classes, shares),
            float(k.SparseCategoricalCrossentropy(**double)(classes, shares))),
    }  # fmt: skip


def study(seed: int = 0) -> lesson.Shown:
    """Hold each loss against Keras's, three of the rows sure and wrong."""
    table = pd.DataFrame(
        [{"loss": name, "ours": ours, "Keras's": theirs, "apart": abs(ours / theirs - 1)}
         for name, (ours, theirs) in by_keras(seed).items()]
    )  # fmt: skip
    one = np.array([1.0])
    costs = {p: binary_crossentropy(one, np.array([p])) for p in (0.99, 0.5, 0.01)}
    return lesson.Shown(
        table,
        draw(),
        (
            "The log (로그) of a probability (확률) is negative: the minus (마이너스) makes a loss "
            "(손실) of it.",
            f"Cross-entropy (교차 엔트로피) costs {costs[0.99]:.2f} where the truth was given "
            f"99 %, {costs[0.5]:.2f} at 50 % and {costs[0.01]:.2f} at 1 %: a confident "
            "mistake (확신한 오답) hurts most.",
            "Behind a sigmoid (시그모이드) its gradient (기울기) is y - t, which stays near 1 for "
            "a confident mistake; that of the squared error (제곱 오차) fades to 0 there.",
        ),
    )


def draw() -> Figure:
    """Draw the cost of each probability, and the gradient behind a sigmoid."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    y = np.linspace(0.002, 1, 500)
    left.plot(y, -np.log(y), color=BLUE, label="cross-entropy, -log y")
    left.plot(y, (1 - y) ** 2, "--", color=ORANGE, label="squared error, (1 - y)²")
    left.set(xlabel="probability y given to the truth", ylabel="loss")
    z = np.linspace(-8, 8, 400)
    y = 0.5 * (1 + np.tanh(z / 2))
    right.plot(z, y - 1, color=BLUE, label="cross-entropy: y - t")
    right.plot(z, 2 * (y - 1) * y * (1 - y), "--", color=ORANGE, label="squared error")
    right.axhline(0, color=GREEN, linewidth=0.8)
    right.set(xlabel="z, the input of the sigmoid (truth t = 1)", ylabel="gradient by z")
    for axes in (left, right):
        axes.legend()
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
