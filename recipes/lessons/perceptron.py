"""Perceptron: one neuron learns 14 of the 16 logic gates; the other two are impossible.

한국어: 퍼셉트론: 뉴런 하나로 논리 게이트 16개 가운데 14개를 학습합니다. 나머지 둘은 불가능합니다.
Idea: a perceptron computes the weighted sum w·x + b; its output is 1 if the sum is above 0. Its
learning rule changes the weights by (target - output) times the input. It can separate only
classes on two sides of a straight line.
Watch: 14 gates are learned in a few epochs; for XOR and XNOR the weights repeat in a cycle.
Change: INPUTS to -1 and 1, or the order of its rows: the lines change, the two gates do not.
"""

import numpy as np
import pandas as pd

from recipes.lessons import _lesson as lesson, _sketches as sketches

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
# A gate's number is its column of outputs, read as a binary number.
GATES = (
    "FALSE", "AND", "A and not B", "A", "B and not A", "B", "XOR", "OR",
    "NOR", "XNOR", "not B", "A or not B", "not A", "B or not A", "NAND", "TRUE",
)  # fmt: skip


def outputs_of(gate: int) -> np.ndarray:
    """Return a gate's four outputs, int (4,), in the order of INPUTS."""
    return np.array([gate >> shift & 1 for shift in (3, 2, 1, 0)])


def fire(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Weighted sum and step. weights are (w1, w2, b); x is (..., 2); the result is 0 or 1."""
    return (x @ weights[:2] + weights[2] > 0).astype(int)


def learn(targets: np.ndarray) -> tuple[np.ndarray, int, bool]:
    """Learn four outputs (4,) by the perceptron rule; give (w1, w2, b), epochs, whether all fit.

    Weights that come back after an epoch prove that it never ends: the same errors will follow.
    """
    weights, seen, errors = np.zeros(3, dtype=int), set(), 1
    while errors and tuple(weights) not in seen:
        seen.add(tuple(weights))
        errors = 0
        for x, target in zip(INPUTS, targets, strict=True):
            error = target - fire(weights, x)
            weights += error * np.array([*x, 1])  # a learning rate of 1
            errors += abs(error)
    return weights, len(seen), errors == 0


def study(seed: int = 0) -> lesson.Shown:
    """Learn all sixteen gates. Nothing here is random, so the seed changes nothing."""
    rows = []
    for gate, name in enumerate(GATES):
        (w1, w2, b), epochs, right = learn(outputs_of(gate))
        rows.append({"gate": name, "outputs": "".join(map(str, outputs_of(gate))),
                     "learned": right, "epochs": epochs, "w1": w1, "w2": w2, "b": b})  # fmt: skip
    table = pd.DataFrame(rows)
    return lesson.Shown(
        table,
        draw(table),
        f"The perceptron (퍼셉트론) learns {table.learned.sum()} of the 16 gates (게이트), in at "
        f"most {table.epochs[table.learned].max()} epochs (에포크).",
        f"{', '.join(table.gate[~table.learned])} are not linearly separable (선형 분리 불가능): "
        "no line separates their 1s from their 0s, and the weights (가중치) repeat in a cycle.",
        "The bias (편향) b moves the line away from the origin; the step function (계단 함수) "
        "turns the weighted sum (가중합) into 0 or 1.",
        korean=(
            f"퍼셉트론은 게이트 16개 가운데 {table.learned.sum()}개를 학습하며, 길어야 "
            f"{table.epochs[table.learned].max()}에포크가 걸립니다.",
            f"{', '.join(table.gate[~table.learned])}는 선형 분리가 불가능합니다. 출력이 1인 점과 0인 점을 나누는 "
            "직선이 없어서 가중치가 같은 값을 반복합니다.",
            "편향 b는 직선을 원점에서 떨어진 곳으로 옮기고, 계단 함수는 가중합을 0 또는 1로 바꿉니다.",
        ),
    )


def draw(table: pd.DataFrame) -> sketches.Figure:
    """Draw each gate's four points and the line that was found."""
    panels = sketches.panels(4, 4, size=(9, 9.4))
    for gate, axes in enumerate(panels):
        weights, learned = table.loc[gate, ["w1", "w2", "b"]].to_numpy(), table.learned[gate]
        sketches.draw_classes(axes, INPUTS, outputs_of(gate))
        axes.set(xlim=(-0.6, 1.6), ylim=(-0.6, 1.6), xticks=(0, 1), yticks=(0, 1),
                 title=GATES[gate] + ("" if learned else ": no line"))  # fmt: skip
        if learned:
            sketches.shade(axes, lambda x, w=weights: fire(w, x), -0.6, 1.6, [-1, 0.5, 2],
                         colors=["#f7e0d5", "#d5e5f0"])  # fmt: skip
    panels[0].figure.supxlabel("input A")
    panels[0].figure.supylabel("input B")
    panels[0].figure.suptitle("Perceptron: where each gate fires (o: 1, x: 0)")
    return panels[0].figure


if __name__ == "__main__":
    lesson.main(study)
