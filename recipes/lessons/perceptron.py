"""Perceptron: one neuron learns logic gates, and two of the sixteen are beyond it.

Idea: a perceptron weighs its inputs, w·x + b, and fires where the sum is above 0. Its learning
rule moves the weights by (target - output) times the input. What it can tell apart lies on two
sides of a straight line.
Watch: 14 gates are learned in a few epochs; for XOR and XNOR the weights run in a circle.
Change: INPUTS to -1 and 1, or the order of its rows: other lines, the same two gates left over.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from recipes.common import lesson
from recipes.common.pictures import BLUE, VERMILION

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
# A gate's number is its column of outputs, read as a binary number.
GATES = (
    "FALSE", "AND", "A and not B", "A", "B and not A", "B", "XOR", "OR",
    "NOR", "XNOR", "not B", "A or not B", "not A", "B or not A", "NAND", "TRUE",
)  # fmt: skip


def outputs_of(gate: int) -> np.ndarray:
    """Give a gate's four outputs, int (4,), in the order of INPUTS."""
    return np.array([gate >> shift & 1 for shift in (3, 2, 1, 0)])


def fire(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Weighted sum and step. weights are (w1, w2, b); x is (..., 2); the result is 0 or 1."""
    return (x @ weights[:2] + weights[2] > 0).astype(int)


def learn(targets: np.ndarray) -> tuple[np.ndarray, int, bool]:
    """Learn a gate by the perceptron rule, from weights 0 and with a learning rate of 1.

    Args:
        targets: Outputs wanted, int (4,).

    Returns:
        Weights (w1, w2, b), epochs used, and whether all four outputs are right. Weights that come
        back after an epoch prove that it never ends: the same errors will follow again.
    """
    weights, seen, epochs = np.zeros(3, dtype=int), set(), 0
    while tuple(weights) not in seen:
        seen.add(tuple(weights))
        errors = 0
        for x, target in zip(INPUTS, targets, strict=True):
            error = target - fire(weights, x)
            weights += error * np.array([*x, 1])
            errors += abs(error)
        epochs += 1
        if errors == 0:
            return weights, epochs, True
    return weights, epochs, False


def draw(learned: list[tuple[np.ndarray, int, bool]]) -> Figure:
    """Draw each gate's four points and the line that was found."""
    figure = Figure(figsize=(9, 9.4), layout="constrained")
    for gate, axes in enumerate(figure.subplots(4, 4).flat):
        weights, _, separable = learned[gate]
        for value, colour, marker in ((0, VERMILION, "x"), (1, BLUE, "o")):
            axes.scatter(*INPUTS[outputs_of(gate) == value].T, color=colour, marker=marker, s=60,
                         zorder=2)  # fmt: skip
        axes.set(xlim=(-0.6, 1.6), ylim=(-0.6, 1.6), xticks=(0, 1), yticks=(0, 1))
        axes.set_title(GATES[gate] + ("" if separable else ": no line"), fontsize=10)
        if separable:
            grid = np.stack(np.meshgrid(*[np.linspace(-0.6, 1.6, 200)] * 2), axis=-1)
            axes.contourf(grid[..., 0], grid[..., 1], fire(weights, grid), [-1, 0.5, 2],
                          colors=["#f7e0d5", "#d5e5f0"])  # fmt: skip
    figure.supxlabel("input A")
    figure.supylabel("input B")
    figure.suptitle("Perceptron: where each gate fires (o: 1, x: 0)")
    return figure


def study(seed: int = 0) -> lesson.Shown:
    """Learn all sixteen gates. Nothing here is random, so the seed changes nothing."""
    learned = [learn(outputs_of(gate)) for gate in range(16)]
    rows = [
        {"gate": name, "outputs": "".join(map(str, outputs_of(gate))), "learned": right,
         "epochs": epochs, "w1": weights[0], "w2": weights[1], "b": weights[2]}
        for gate, (name, (weights, epochs, right)) in enumerate(zip(GATES, learned, strict=True))
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    beyond = ", ".join(table.gate[~table.learned])
    return lesson.Shown(
        table,
        draw(learned),
        (
            f"The perceptron (퍼셉트론) learns {table.learned.sum()} of the 16 gates, in at most "
            f"{table.epochs[table.learned].max()} epochs (에포크).",
            f"{beyond} are not linearly separable (선형 분리 불가능): no line has their 1s on one "
            "side, and the weights (가중치) come back to where they were.",
            "The bias (편향) b moves the line away from the origin; the step function (계단 함수) "
            "turns the weighted sum (가중합) into 0 or 1.",
        ),
    )


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
