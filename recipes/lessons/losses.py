"""Losses: five loss functions, why cross-entropy has a minus and a log, and the gradient y - t.

한국어: 손실 함수: 다섯 가지 손실 함수, 교차 엔트로피에 마이너스와 로그가 있는 이유, 그리고 기울기 y - t.
Idea: the squared error measures distance; cross-entropy is -log of the probability of the true
class. The log of a probability is negative; the minus makes it a loss. It has no limit for a
confident mistake, while the squared error is at most 1.
Watch: with 1 % for the true class, cross-entropy is 4.6, and the squared error is 0.98.
Change: CLIP; without it, probability 0 has the loss -log(0), and all weights become NaN.
"""

import numpy as np
import pandas as pd
from keras import losses as k

from recipes.lessons import _lesson as lesson, _sketches as sketches
from recipes.lessons.activations import sigmoid

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


def against_keras(seed: int) -> pd.DataFrame:
    """Hold each loss against Keras's on the same random rows, some of them sure and wrong."""
    rng = np.random.default_rng(seed)
    numbers, guesses = rng.normal(size=(2, 50, 1))
    truth, chance = rng.integers(0, 2, (50, 1)), rng.uniform(size=(50, 1))
    classes, fractions = rng.integers(0, 4, 50), rng.dirichlet(np.ones(4), 50)
    chance[:3], fractions[:2] = truth[:3] == 0, np.eye(4)[(classes[:2] + 1) % 4]
    cases = (
        (sse, lambda t, y: len(t) * k.mean_squared_error(t, y), numbers, guesses),
        (mse, k.mean_squared_error, numbers, guesses),
        (binary_crossentropy, k.binary_crossentropy, truth, chance),
        (categorical_crossentropy, k.categorical_crossentropy, np.eye(4)[classes], fractions),
        (sparse_categorical_crossentropy, k.sparse_categorical_crossentropy, classes, fractions),
    )
    rows = [(ours.__name__, ours(t, y), np.mean(theirs(t, y))) for ours, theirs, t, y in cases]
    table = pd.DataFrame(rows, columns=["loss", "ours", "Keras's"])
    return table.assign(apart=(table.ours / table["Keras's"] - 1).abs())


def study(seed: int = 0) -> lesson.Shown:
    """Hold each loss against Keras's, and price confident mistakes."""
    cost = {p: binary_crossentropy(np.ones(1), np.array([p])) for p in (0.99, 0.5, 0.01)}
    return lesson.Shown(
        against_keras(seed),
        draw(),
        "The log (로그) of a probability (확률) is negative; the minus (마이너스) makes it a loss "
        "(손실).",
        f"Cross-entropy (교차 엔트로피) is {cost[0.99]:.2f} if the true class has 99 %, "
        f"{cost[0.5]:.2f} at 50 % and {cost[0.01]:.2f} at 1 %: a confident mistake (확신한 오답) "
        "has the largest loss.",
        "With a sigmoid (시그모이드), its gradient (기울기) is y - t, near ±1 for a confident "
        "mistake; the gradient of the squared error (제곱 오차) is near 0 there.",
        korean=(
            "확률의 로그는 음수입니다. 마이너스를 붙여 손실로 만듭니다.",
            f"교차 엔트로피는 정답에 확률 99 %를 주었으면 {cost[0.99]:.2f}, 50 %면 {cost[0.5]:.2f}, 1 %면 "
            f"{cost[0.01]:.2f}입니다. 확신한 오답의 손실이 가장 큽니다.",
            "시그모이드와 함께 쓰면 기울기는 y - t이며, 확신한 오답에서 ±1에 가깝습니다. 제곱 오차의 기울기는 "
            "이때 0에 가깝습니다.",
        ),
    )


def draw() -> sketches.Figure:
    """Draw the cost of each probability, and the gradient behind a sigmoid."""
    left, right = sketches.panels(2)
    y = np.linspace(0.002, 1, 500)
    lines = {"cross-entropy: -log y": -np.log(y), "squared error: (1 - y)²": (1 - y) ** 2}
    sketches.draw_lines(left, lines, y, xlabel="probability y given to the truth", ylabel="loss")
    z = np.linspace(-8, 8, 500)
    y = sigmoid(z)
    lines = {"cross-entropy: y - t": y - 1, "squared error": 2 * (y - 1) * y * (1 - y)}
    sketches.draw_lines(right, lines, z, xlabel="z, the input of the sigmoid (truth t = 1)",
                      ylabel="gradient by z")  # fmt: skip
    return left.figure


if __name__ == "__main__":
    lesson.main(study)
