"""XOR: two layers do what one cannot, by given weights and by learning.

Idea: XOR is NAND and OR, joined by AND. Three perceptrons in two layers compute it exactly. With
smooth activations the same network finds such weights by itself, from most random starts.
Watch: how many of 100 starts succeed, for 2 and for more hidden units, sigmoid and ReLU.
Change: STEPS, the learning rate, the number of hidden units.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from recipes.common import lesson
from recipes.common.pictures import BLUE, VERMILION
from recipes.lessons.perceptron import INPUTS, fire

NAND, OR, AND = np.array([-2, -2, 3]), np.array([2, 2, -1]), np.array([2, 2, -3])
TARGETS = np.array([0, 1, 1, 0])
NUM_SEEDS = 100
STEPS = 5000
LEARNING_RATE = 0.5
HIDDEN_UNITS = (2, 3, 4, 8)


def by_hand(x: np.ndarray) -> np.ndarray:
    """XOR from given weights: AND of NAND and OR. x is (..., 2), the result 0 or 1."""
    return fire(AND, np.stack([fire(NAND, x), fire(OR, x)], axis=-1))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), written so that no exponential overflows."""
    return 0.5 * (1 + np.tanh(0.5 * z))


class Networks:
    """NUM_SEEDS networks 2-H-1 at once; every array's first axis is the network."""

    def __init__(self, hidden: int, activation: str, seed: int):
        rng = np.random.default_rng(seed)
        # Xavier for sigmoid, He for ReLU.
        scale = np.sqrt(2 / (2 + hidden)) if activation == "sigmoid" else np.sqrt(2 / 2)
        self.relu = activation == "relu"
        self.w1 = rng.normal(0, scale, (NUM_SEEDS, 2, hidden))
        self.b1 = np.zeros((NUM_SEEDS, 1, hidden))
        self.w2 = rng.normal(0, np.sqrt(2 / (hidden + 1)), (NUM_SEEDS, hidden, 1))
        self.b2 = np.zeros((NUM_SEEDS, 1, 1))

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give hidden outputs (networks, rows, hidden) and probabilities (networks, rows, 1)."""
        z = x @ self.w1 + self.b1
        hidden = np.maximum(z, 0) if self.relu else sigmoid(z)
        return hidden, sigmoid(hidden @ self.w2 + self.b2)

    def learn(self) -> None:
        """Gradient descent on binary cross-entropy, all four rows in each step."""
        for _ in range(STEPS):
            hidden, y = self.forward(INPUTS)
            dz2 = (y - TARGETS[:, None]) / 4  # sigmoid and cross-entropy: y - t
            slope = (hidden > 0) if self.relu else hidden * (1 - hidden)
            dz1 = dz2 @ self.w2.transpose(0, 2, 1) * slope
            self.w2 -= LEARNING_RATE * hidden.transpose(0, 2, 1) @ dz2
            self.b2 -= LEARNING_RATE * dz2.sum(axis=1, keepdims=True)
            self.w1 -= LEARNING_RATE * INPUTS.T @ dz1
            self.b1 -= LEARNING_RATE * dz1.sum(axis=1, keepdims=True)

    def solved(self) -> np.ndarray:
        """Whether each network has all four rows right, bool (networks,)."""
        return ((self.forward(INPUTS)[1][..., 0] > 0.5) == TARGETS).all(axis=1)


def draw(trained: Networks) -> Figure:
    """Draw the hand-made XOR and the plane that a learned network bends."""
    axis = np.linspace(-0.4, 1.4, 120)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    winner = int(np.argmax(trained.solved()))
    learned = trained.forward(grid.reshape(-1, 2))[1][winner].reshape(120, 120)
    figure = Figure(figsize=(10.5, 4.8), layout="constrained")
    titles = ("by hand: AND(NAND, OR)", "learned: probability of 1")
    for axes, plane, title in zip(
        figure.subplots(1, 2), (by_hand(grid), learned), titles, strict=True
    ):
        shades = axes.contourf(axis, axis, plane, np.linspace(0, 1, 11), cmap="cividis")
        for value, colour, marker in ((0, VERMILION, "X"), (1, BLUE, "o")):
            points = INPUTS[value == TARGETS].T
            axes.scatter(*points, color=colour, marker=marker, s=130, edgecolor="white")
        axes.set(title=title, xlabel="input A", ylabel="input B", aspect="equal")
    figure.colorbar(shades, ax=figure.axes, label="output (o: 1, x: 0 wanted)")
    return figure


def study(seed: int = 0) -> lesson.Shown:
    """Compute XOR by hand, then learn it from 100 starts for each size and activation."""
    rows, drawn = [], None
    for activation in ("sigmoid", "relu"):
        for hidden in HIDDEN_UNITS:
            networks = Networks(hidden, activation, seed)
            networks.learn()
            rows.append({"activation": activation, "hidden units": hidden,
                         "solved of 100": int(networks.solved().sum())})  # fmt: skip
            drawn = networks if (activation, hidden) == ("sigmoid", 4) else drawn
    table = pd.DataFrame(rows)
    share = table.set_index(["activation", "hidden units"])["solved of 100"]
    return lesson.Shown(
        table,
        draw(drawn),
        (
            "Two layers (층) of perceptrons compute XOR exactly: NAND and OR feed AND.",
            f"Learned by backpropagation (오차 역전파), 2 hidden units (은닉 유닛) solve it from "
            f"{share['sigmoid', 2]} of 100 starts with sigmoid (시그모이드) and {share['relu', 2]} "
            "with ReLU (렐루); the others end in a local minimum (지역 최솟값) or a dead unit.",
            f"With 8 hidden units it is {share['sigmoid', 8]} and {share['relu', 8]}: more units "
            "than needed make a good start likely.",
        ),
    )


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
