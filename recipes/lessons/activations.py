"""Activations: six functions, their derivatives, and formulas that do not overflow.

한국어: 활성화 함수: 여섯 가지 함수와 도함수, 그리고 오버플로가 나지 않는 계산식.
Idea: an activation makes a layer nonlinear. Backpropagation multiplies the gradient by its
derivative. exp(1000) is infinite in floating point, so each formula avoids large exponents.
Watch: sigmoid' is at most 0.25 (at 0), tanh' and ReLU' at most 1; all are finite at -1000 and 1000.
Change: the slope of leaky ReLU; write sigmoid as 1 / (1 + exp(-z)) and see the warning at -1000.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from keras_recipes.runs.plots import BLUE, ORANGE
from recipes.lessons import _lesson as lesson, _sketches as sketches

LEAK = 0.2  # Keras's default slope of leaky ReLU below 0


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), through tanh, which does not overflow."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def sigmoid_derivative(z: np.ndarray) -> np.ndarray:
    """Its slope, y (1 - y)."""
    return sigmoid(z) * (1 - sigmoid(z))


def softmax(z: np.ndarray) -> np.ndarray:
    """exp(z) / sum of exp(z) over the last axis; the largest z is taken off first."""
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def softmax_derivative(z: np.ndarray) -> np.ndarray:
    """Its Jacobian, (..., K, K): y_i (1[i = j] - y_j)."""
    y = softmax(z)
    return y[..., :, None] * (np.eye(z.shape[-1]) - y[..., None, :])


# Name: (function, derivative), each from an array z to one of its shape.
FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    # For the perceptron only: its derivative is 0 and teaches nothing.
    "step": (lambda z: (z > 0).astype(float), np.zeros_like),
    "sigmoid": (sigmoid, sigmoid_derivative),
    # A sigmoid that is scaled and shifted, from -1 to 1.
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "ReLU": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    # Never quite dead.
    "leaky ReLU": (lambda z: np.where(z > 0, z, LEAK * z), lambda z: np.where(z > 0, 1.0, LEAK)),
}


def study(seed: int = 0) -> lesson.Shown:
    """Tabulate and draw each function and its derivative. Nothing here is random."""
    pairs = FUNCTIONS | {
        "softmax of (z, 0)": (
            lambda z: softmax(np.stack([z, 0 * z], axis=-1))[..., 0],
            lambda z: softmax_derivative(np.stack([z, 0 * z], axis=-1))[..., 0, 0],
        )
    }
    z, rows = np.linspace(-6, 6, 1201), []
    panels = sketches.panels(3, 2, size=(11, 6.2))
    for axes, (name, (function, derivative)) in zip(panels, pairs.items(), strict=True):
        ends, slopes = function(np.array([-1000.0, 1000.0])), derivative(z)
        rows.append({"activation": name, "at -1000": ends[0], "at 1000": ends[1],
                     "largest derivative": slopes.max(),
                     "derivative at 5": slopes[z.searchsorted(5)]})  # fmt: skip
        axes.plot(z, function(z), color=BLUE, label="function")
        axes.plot(z, slopes, "--", color=ORANGE, label="derivative")
        axes.set(title=name, xlabel="z", ylim=(-1.3, 2.3))
        axes.grid(alpha=0.3)
    panels[0].legend()
    table = pd.DataFrame(rows)
    return lesson.Shown(
        table,
        axes.figure,
        f"The derivative (도함수) of the sigmoid (시그모이드) is y(1 - y), at most "
        f"{table['largest derivative'][1]:g}: each such layer reduces the gradient (기울기) to a "
        "quarter or less.",
        "The derivative of ReLU (렐루) is 1 or 0; that of leaky ReLU (리키 렐루) is 1, or "
        f"{LEAK} below 0.",
        "The derivative of the step function (계단 함수) is 0, so no gradient passes it; "
        "softmax (소프트맥스) turns any numbers into probabilities (확률) that sum to 1.",
        korean=(
            f"시그모이드의 도함수는 y(1 - y)로 최대 {table['largest derivative'][1]:g}입니다. 층을 하나 지날 "
            "때마다 기울기가 4분의 1 이하로 줄어듭니다.",
            f"렐루의 도함수는 1 또는 0이고, 리키 렐루의 도함수는 1 또는 0보다 작은 입력에서 {LEAK}입니다.",
            "계단 함수는 도함수가 0이어서 기울기를 전달하지 못합니다. 소프트맥스는 출력을 합이 1인 확률로 바꿉니다.",
        ),
    )


if __name__ == "__main__":
    lesson.main(study)
