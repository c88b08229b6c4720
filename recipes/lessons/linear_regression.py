"""Linear regression: gradient descent by hand on real data, against the exact solution.

Idea: the mean squared error of a linear model is a bowl. Gradient descent runs down to its bottom,
which linear algebra also gives in one step. How fast, and whether at all, depends on the bowl: its
steepest curvature λmax allows learning rates below 2/λmax and no more; the ratio of its curvatures
says how many steps are needed. Normalised inputs make the bowl round.
Watch: the same weights as the exact solution; divergence sets in at 2/λmax, as predicted.
Change: NORMALISE only by the mean; leave out one of the inputs s1 and s2, which nearly repeat.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from datasets import diabetes
from recipes.common import lesson
from recipes.common.pictures import BLUE, ORANGE, VERMILION

CLOSE = 1e-6
MANY_STEPS = 200_000


def load(columns: list[str], normalise: bool) -> tuple[np.ndarray, np.ndarray]:
    """Training rows of the diabetes data: inputs with a column of ones last, and the target."""
    train = diabetes.load(seed=0).train
    x = train.x[columns].to_numpy("float64")
    if normalise:
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    return np.column_stack([x, np.ones(len(x))]), train.y.astype("float64")


def exact(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The weights with the smallest squared error, by linear algebra."""
    return np.linalg.lstsq(x, y, rcond=None)[0]


def largest_rate(x: np.ndarray) -> float:
    """2 / λmax: beyond it the steepest direction overshoots further at every step.

    λmax is the largest eigenvalue of the loss's second derivative, 2 xᵀx / rows.
    """
    return 2 / np.linalg.eigvalsh(2 * x.T @ x / len(x)).max()


def descend(x: np.ndarray, y: np.ndarray, rate: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Gradient descent from 0 on the mean squared error.

    Returns:
        Weights after the last step, and the loss before each step. It ends early once the weights
        are all within CLOSE of the exact ones, relatively, or the loss is beyond all bounds.
    """
    w, target, losses = np.zeros(x.shape[1]), exact(x, y), []
    for _ in range(steps):
        error = x @ w - y
        losses.append(np.mean(error**2))
        w = w - rate * 2 / len(x) * x.T @ error
        if np.abs(w / target - 1).max() < CLOSE or losses[-1] > 1e12:
            break
    return w, np.array(losses)


def find_divergence(x: np.ndarray, y: np.ndarray) -> float:
    """The smallest learning rate at which the error grows, found by trying (bisection)."""
    low, high = 0.0, 4 * largest_rate(x)
    while high > 1.005 * low:
        rate = (low + high) / 2
        off = np.random.default_rng(0).normal(size=x.shape[1])  # from the exact weights
        for _ in range(300):  # in the end the steepest direction decides alone
            before, off = off, off - rate * 2 / len(x) * x.T @ (x @ off)
            if np.abs(off).max() > 1e9:
                break
        grows = np.linalg.norm(x @ off) > np.linalg.norm(x @ before)
        low, high = (low, rate) if grows else (rate, high)
    return high


def study(seed: int = 0) -> lesson.Shown:
    """One input and ten, normalised and raw. Nothing here is random but a starting point."""
    rows, curves = [], {}
    for columns in (["bmi"], list(diabetes.FEATURE_NAMES)):
        for normalise in (True, False):
            x, y = load(columns, normalise)
            limit = largest_rate(x)
            w, losses = descend(x, y, 0.9 * limit, MANY_STEPS)
            found = find_divergence(x, y) if normalise else np.nan
            name = f"{len(columns)} input{'s' * (len(columns) > 1)}"
            curves[name, normalise] = losses - np.mean((x @ exact(x, y) - y) ** 2)
            rows.append({"data": name, "normalised": normalise, "2/λmax": limit,
                         "diverges from": found, "steps": len(losses),
                         "off the exact weights": np.abs(w / exact(x, y) - 1).max()})  # fmt: skip
    table = pd.DataFrame(rows)
    steps = table.set_index(["data", "normalised"])["steps"]
    ratio = (table["diverges from"] / table["2/λmax"]).dropna()
    return lesson.Shown(
        table,
        draw(curves),
        (
            f"Gradient descent (경사 하강법) on normalised inputs (정규화) reaches the exact "
            f"weights (가중치) in {steps['1 input', True]} steps for one input and "
            f"{steps['10 inputs', True]} for ten.",
            f"On raw inputs it has not arrived after {steps['1 input', False]} steps, with one "
            f"input nearly and with ten not at all: the bowl is too long and narrow.",
            f"A learning rate (학습률) beyond 2/λmax diverges (발산): found by trying at "
            f"{ratio.min():.3f} to {ratio.max():.3f} times the predicted rate.",
        ),
    )


def draw(curves: dict) -> Figure:
    """Draw the line that was fitted, and how far each step's loss is above the minimum."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    x, y = load(["bmi"], normalise=False)
    left.scatter(x[:, 0], y, s=10, color=BLUE, alpha=0.5, label="patients")
    ends = np.array([x[:, 0].min(), x[:, 0].max()])
    slope, intercept = exact(x, y)
    left.plot(ends, slope * ends + intercept, color=VERMILION, label="fitted line")
    left.set(xlabel="body mass index (kg/m²)", ylabel=diabetes.UNIT)
    left.legend()
    for ((name, normalise), losses), style in zip(curves.items(), ("-", "-", "--", "--"),
                                                  strict=True):  # fmt: skip
        label = f"{name}, {'normalised' if normalise else 'raw'}"
        colour = BLUE if normalise else ORANGE
        right.plot(np.maximum(losses, 1e-6), style, color=colour, label=label)
    right.set(xlabel="step", ylabel="loss above the exact minimum", xscale="log", yscale="log")
    right.legend(loc="lower left")
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
