"""Activations: six functions, their derivatives, and how to write them so that they never overflow.

Idea: an activation bends what a layer computes; its derivative is what backpropagation multiplies
by. exp(1000) is infinite in floating point, so each formula is written to avoid large exponents.
Watch: sigmoid' is at most 0.25 (at 0), tanh' and ReLU' at most 1; all finite at -1000 and 1000.
Change: the slope of leaky ReLU; write sigmoid as 1 / (1 + exp(-z)) and see the warning at -1000.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from recipes.common import lesson
from recipes.common.pictures import BLUE, ORANGE

LEAK = 0.2  # Keras's default slope of leaky ReLU below 0


def step(z: np.ndarray) -> np.ndarray:
    """1 above 0, else 0. For the perceptron only: its derivative is 0 and teaches nothing."""
    return (z > 0).astype(float)


def step_derivative(z: np.ndarray) -> np.ndarray:
    """0 everywhere (at 0 itself there is none)."""
    return np.zeros_like(z)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), through tanh, which does not overflow."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def sigmoid_derivative(z: np.ndarray) -> np.ndarray:
    """Y (1 - y)."""
    return sigmoid(z) * (1 - sigmoid(z))


def tanh(z: np.ndarray) -> np.ndarray:
    """From -1 to 1; a sigmoid scaled and shifted."""
    return np.tanh(z)


def tanh_derivative(z: np.ndarray) -> np.ndarray:
    """1 - y²."""
    return 1 - np.tanh(z) ** 2


def relu(z: np.ndarray) -> np.ndarray:
    """max(0, z)."""
    return np.maximum(z, 0)


def relu_derivative(z: np.ndarray) -> np.ndarray:
    """1 above 0, else 0."""
    return (z > 0).astype(float)


def leaky_relu(z: np.ndarray) -> np.ndarray:
    """Z above 0, LEAK x z below: never quite dead."""
    return np.where(z > 0, z, LEAK * z)


def leaky_relu_derivative(z: np.ndarray) -> np.ndarray:
    """1 above 0, else LEAK."""
    return np.where(z > 0, 1.0, LEAK)


def softmax(z: np.ndarray) -> np.ndarray:
    """exp(z) / sum of exp(z) over the last axis; the largest z is taken off first."""
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def softmax_derivative(z: np.ndarray) -> np.ndarray:
    """Its Jacobian, (..., K, K): y_i (1[i = j] - y_j)."""
    y = softmax(z)
    return y[..., :, None] * (np.eye(z.shape[-1]) - y[..., None, :])


FUNCTIONS = {
    "step": (step, step_derivative),
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (tanh, tanh_derivative),
    "ReLU": (relu, relu_derivative),
    "leaky ReLU": (leaky_relu, leaky_relu_derivative),
}


def study(seed: int = 0) -> lesson.Shown:
    """Tabulate each function and its derivative. Nothing here is random."""
    z = np.linspace(-6, 6, 1201)
    rows = [
        {"activation": name, "at -1000": function(np.array(-1000.0)),
         "at 1000": function(np.array(1000.0)), "largest derivative": derivative(z).max(),
         "derivative at 5": derivative(np.array(5.0))}
        for name, (function, derivative) in FUNCTIONS.items()
    ]  # fmt: skip
    ends = softmax(np.array([-1000.0, 0.0, 1000.0]))
    diagonal = np.diagonal(softmax_derivative(np.stack([z, 0 * z], -1)), axis1=-2, axis2=-1)
    rows.append({"activation": "softmax (of -1000, 0, 1000)", "at -1000": ends[0],
                 "at 1000": ends[2], "largest derivative": diagonal.max(),
                 "derivative at 5": softmax_derivative(np.array([5.0, 0.0]))[0, 0]})  # fmt: skip
    table = pd.DataFrame(rows).astype(dict.fromkeys(rows[0].keys() - {"activation"}, float))
    largest = table.set_index("activation")["largest derivative"]
    return lesson.Shown(
        table,
        draw(z),
        (
            f"The derivative (도함수) of the sigmoid (시그모이드) is y(1 - y), at most "
            f"{largest['sigmoid']:g}: each such layer shrinks the gradient (기울기) to a quarter.",
            "ReLU (렐루) passes the gradient on as it is, or not at all; leaky ReLU (리키 렐루) "
            f"lets a share of {LEAK} through below 0.",
            "The step function (계단 함수) has a derivative of 0 and cannot be learned through; "
            "softmax (소프트맥스) turns any numbers into probabilities (확률) that sum to 1.",
        ),
    )


def draw(z: np.ndarray) -> Figure:
    """Draw each function with its derivative."""
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    panels = figure.subplots(2, 3).flat
    pair = np.stack([z, 0 * z], axis=-1)
    curves = {name: (f(z), d(z)) for name, (f, d) in FUNCTIONS.items()}
    curves["softmax of (z, 0), first of two"] = (
        softmax(pair)[:, 0],
        softmax_derivative(pair)[:, 0, 0],
    )
    for axes, (name, (value, slope)) in zip(panels, curves.items(), strict=True):
        axes.plot(z, value, color=BLUE, label="function")
        axes.plot(z, slope, "--", color=ORANGE, label="derivative")
        axes.set(title=name, xlabel="z", ylim=(-1.3, 2.3))
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
