"""Activations: six functions, their derivatives, and how to write them so that they never overflow.

한국어: 활성화 함수: 여섯 함수와 그 도함수, 그리고 오버플로가 나지 않게 쓰는 법.
Idea: an activation bends what a layer computes; its derivative is what backpropagation multiplies
by. exp(1000) is infinite in floating point, so each formula is written to avoid large exponents.
Watch: sigmoid' is at most 0.25 (at 0), tanh' and ReLU' at most 1; all finite at -1000 and 1000.
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
        f"{table['largest derivative'][1]:g}: each such layer shrinks the gradient (기울기) to a "
        "quarter or less.",
        "ReLU (렐루) passes the gradient on as it is, or not at all; leaky ReLU (리키 렐루) "
        f"lets a share of {LEAK} through below 0.",
        "The step function (계단 함수) has a derivative of 0 and cannot be learned through; "
        "softmax (소프트맥스) turns any numbers into probabilities (확률) that sum to 1.",
        korean=(
            f"시그모이드의 도함수는 y(1 - y)로 최대 {table['largest derivative'][1]:g}입니다. 층을 하나 지날 "
            "때마다 기울기가 4분의 1 이하로 줄어듭니다.",
            f"렐루는 기울기를 그대로 전하거나 전혀 전하지 않습니다. 리키 렐루는 0 아래에서 {LEAK}배를 "
            "전합니다.",
            "계단 함수는 도함수가 0이라 학습할 수 없습니다. 소프트맥스는 어떤 수든 합이 1인 확률로 바꿉니다.",
        ),
    )


if __name__ == "__main__":
    lesson.main(study)
