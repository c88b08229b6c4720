"""XOR: two layers can compute it, one cannot; with given weights and with training.

한국어: XOR: 한 층으로는 불가능하고 두 층으로는 가능합니다. 가중치를 정해서, 그리고 학습해서 풉니다.
Idea: XOR is the AND of NAND and OR. Three perceptrons in two layers compute it exactly. With
smooth activations, the same network learns such weights from most random initial weights.
Watch: how many of 100 trainings succeed, with 2 and more hidden units, sigmoid and ReLU.
Change: STEPS, the learning rate, the number of hidden units.
"""

import itertools

import numpy as np
import pandas as pd

from recipes.lessons import _lesson as lesson, _sketches as sketches
from recipes.lessons.activations import sigmoid
from recipes.lessons.perceptron import INPUTS, fire

NAND, OR, AND = np.array([-2, -2, 3]), np.array([2, 2, -1]), np.array([2, 2, -3])
TARGETS = np.array([0, 1, 1, 0])
NUM_SEEDS, STEPS, LEARNING_RATE = 100, 5000, 0.5
HIDDEN_UNITS = (2, 3, 4, 8)


def by_hand(x: np.ndarray) -> np.ndarray:
    """XOR from given weights: AND of NAND and OR. x is (..., 2), the result 0 or 1."""
    return fire(AND, np.stack([fire(NAND, x), fire(OR, x)], axis=-1))


class Networks:
    """NUM_SEEDS networks 2-H-1 at once; every array's first axis is the network."""

    def __init__(self, activation: str, hidden: int, seed: int):
        rng = np.random.default_rng(seed)
        self.relu = activation == "ReLU"
        scale = np.sqrt(2 / 2) if self.relu else np.sqrt(2 / (2 + hidden))  # He, Xavier
        self.w1 = rng.normal(0, scale, (NUM_SEEDS, 2, hidden))
        self.b1 = np.zeros((NUM_SEEDS, 1, hidden))
        self.w2 = rng.normal(0, np.sqrt(2 / (hidden + 1)), (NUM_SEEDS, hidden, 1))
        self.b2 = np.zeros((NUM_SEEDS, 1, 1))

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return hidden outputs (networks, rows, hidden) and probabilities (networks, rows, 1)."""
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


def study(seed: int = 0) -> lesson.Shown:
    """Compute XOR by hand, then learn it from 100 starts for each activation and size."""
    trained = {}
    pairs = itertools.product(("sigmoid", "ReLU"), HIDDEN_UNITS)
    for pair in lesson.progress(pairs, "training"):
        trained[pair] = Networks(*pair, seed)
        trained[pair].learn()
    n = {pair: networks.solved().sum() for pair, networks in trained.items()}
    columns = ["activation", "hidden units", f"solved of {NUM_SEEDS}"]
    return lesson.Shown(
        pd.DataFrame([(*pair, count) for pair, count in n.items()], columns=columns),
        draw(trained["sigmoid", 4]),
        "Two layers (층) of perceptrons (퍼셉트론) compute XOR exactly: AND of NAND and OR.",
        f"With backpropagation (오차 역전파) and 2 hidden units (은닉 유닛), "
        f"{n['sigmoid', 2]} of {NUM_SEEDS} trainings succeed with sigmoid (시그모이드), "
        f"{n['ReLU', 2]} with ReLU (렐루); the others end in a local minimum (지역 최솟값) or with a "
        "dead unit (죽은 유닛).",
        f"With 8 hidden units, it is {n['sigmoid', 8]} and {n['ReLU', 8]}: with more units, good "
        "initial weights (초깃값) are more likely.",
        korean=(
            "퍼셉트론 두 층이면 XOR을 정확히 계산합니다. NAND와 OR의 출력이 AND의 입력이 됩니다.",
            f"오차 역전파로 은닉 유닛 2개를 학습하면 {NUM_SEEDS}번 가운데 시그모이드는 "
            f"{n['sigmoid', 2]}번, 렐루는 {n['ReLU', 2]}번 성공합니다. 나머지는 지역 최솟값이나 죽은 유닛에서 "
            "멈춥니다.",
            f"은닉 유닛이 8개면 각각 {n['sigmoid', 8]}번과 {n['ReLU', 8]}번입니다. 유닛이 넉넉하면 좋은 "
            "초깃값을 만나기 쉽습니다.",
        ),
    )


def draw(networks: Networks) -> sketches.Figure:
    """Draw the hand-made XOR and the plane that the first successful network bends."""
    winner = networks.solved().argmax()
    planes = (by_hand, lambda x: networks.forward(x)[1][winner])
    titles = ("by hand: AND(NAND, OR)", "learned with 4 hidden units")
    panels = sketches.panels(2, size=(10.5, 4.8))
    for axes, plane, title in zip(panels, planes, titles, strict=True):
        shades = sketches.shade(axes, plane, -0.4, 1.4, np.linspace(0, 1, 11), cmap="cividis")
        sketches.draw_classes(axes, INPUTS, TARGETS, size=130)
        axes.set(title=title, xlabel="input A", ylabel="input B", aspect="equal")
    axes.figure.colorbar(shades, ax=list(panels), label="output (o: 1, x: 0 wanted)")
    return axes.figure


if __name__ == "__main__":
    lesson.main(study)
