"""Linear regression: gradient descent in NumPy on real data, compared with the exact solution.

한국어: 선형 회귀: 실제 데이터에 경사 하강법을 직접 구현하고 정확한 해와 비교합니다.
Idea: the mean squared error of a linear model is convex, with one minimum. Gradient descent moves
to it; linear algebra computes it in one step. With the largest curvature λmax, the learning rate
has to be below 2/λmax. The ratio of the curvatures decides the number of steps: normalised inputs
make it small.
Watch: the same weights as the exact solution; divergence begins at 2/λmax, as predicted.
Change: normalise only by the mean; remove one of s1 and s2, which are highly correlated.
"""

import itertools

import numpy as np
import pandas as pd

from datasets import diabetes
from keras_recipes.runs.plots import BLUE, VERMILION
from recipes.lessons import _lesson as lesson, _sketches as sketches

CLOSE, MAX_STEPS = 1e-6, 200_000
INPUTS = {"1 input": ["bmi"], "10 inputs": list(diabetes.FEATURE_NAMES)}


def load(columns: list[str], normalise: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Training rows of the diabetes data: inputs with a column of ones last, and the target."""
    train = diabetes.load(seed=0).train
    x = pd.DataFrame(train.x)[columns].to_numpy("float64")
    if normalise:
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    return np.column_stack([x, np.ones(len(x))]), train.y.astype("float64")


def exact(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The weights with the smallest squared error, by linear algebra."""
    return np.linalg.lstsq(x, y, rcond=None)[0]


def largest_rate(x: np.ndarray) -> float:
    """2 / λmax, from the largest eigenvalue of the loss's second derivative, 2 xᵀx / rows."""
    return 2 / np.linalg.eigvalsh(2 * x.T @ x / len(x)).max()


def descend(x: np.ndarray, y: np.ndarray, rate: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Descend from 0 on the mean squared error; give the last weights and the loss at each step.

    It ends early once every weight is within CLOSE of the exact one, relatively.
    """
    w, target = np.zeros(x.shape[1]), exact(x, y)
    losses: list[float] = []
    while len(losses) < steps and np.abs(w / target - 1).max() >= CLOSE:
        error = x @ w - y
        losses.append(np.mean(error**2))
        w = w - rate * 2 / len(x) * x.T @ error
    return w, np.array(losses)


def find_divergence(x: np.ndarray) -> float:
    """The smallest of 400 learning rates, up to 4/λmax, by which errors grow without end."""
    curvature, rates = 2 / len(x) * x.T @ x, np.arange(1, 401) / 200 * largest_rate(x)
    off = np.random.default_rng(0).normal(size=(x.shape[1], 1))  # from the exact weights
    for _ in range(300):  # in the end the steepest direction decides alone
        before, off = off, off - rates * (curvature @ off)
    return rates[np.linalg.norm(off, axis=0) > np.linalg.norm(before, axis=0)].min()


def study(seed: int = 0) -> lesson.Shown:
    """One input and ten, normalised and raw. Nothing here is random but a starting point."""
    rows, curves = [], {}
    for (name, columns), normalise in itertools.product(INPUTS.items(), (True, False)):
        x, y = load(columns, normalise)
        limit, target = largest_rate(x), exact(x, y)
        w, losses = descend(x, y, 0.9 * limit, MAX_STEPS)
        above = losses - np.mean((x @ target - y) ** 2)
        curves[f"{name}, {'normalised' if normalise else 'raw'}"] = np.maximum(above, 1e-6)
        rows.append({"data": name, "normalised": normalise, "2/λmax": limit,
                     "diverges from": find_divergence(x) if normalise else np.nan,
                     "steps": len(losses),
                     "off the exact weights": np.abs(w / target - 1).max()})  # fmt: skip
    table = pd.DataFrame(rows)
    off, ratio = table["off the exact weights"], table["diverges from"] / table["2/λmax"]
    return lesson.Shown(
        table,
        draw(curves),
        f"Gradient descent (경사 하강법) on normalised inputs (정규화) reaches the exact weights "
        f"(가중치) in {table.steps[0]} steps for one input and {table.steps[2]} for ten.",
        f"On raw inputs, {table.steps[1]} steps (스텝) are not enough: the relative error of a weight "
        f"is {off[1]:.0e} with one input, and {off[3]:.1f} with ten.",
        f"A learning rate (학습률) above 2/λmax diverges (발산): the measured limit is "
        f"{ratio.min():.3f} to {ratio.max():.3f} times the predicted one.",
        korean=(
            f"입력을 정규화하면 경사 하강법이 정확한 가중치에 도달하는 데 입력이 하나일 때 {table.steps[0]}스텝, "
            f"열 개일 때 {table.steps[2]}스텝이 걸립니다.",
            f"정규화하지 않으면 {table.steps[1]}스텝 뒤에도 도달하지 못합니다. 가중치의 상대 오차는 입력이 하나일 때 "
            f"{off[1]:.0e}, 열 개일 때 {off[3]:.1f}입니다.",
            f"학습률이 2/λmax보다 크면 발산합니다. 실험으로 찾은 경계는 이 값의 {ratio.min():.3f}~"
            f"{ratio.max():.3f}배입니다.",
        ),
    )


def draw(curves: dict[str, np.ndarray]) -> sketches.Figure:
    """Draw the line that was fitted, and how far each step's loss is above the minimum."""
    left, right = sketches.panels(2)
    x, y = load(["bmi"], normalise=False)
    left.scatter(x[:, 0], y, s=10, color=BLUE, alpha=0.5, label="patients")
    left.plot(x[:, 0], x @ exact(x, y), color=VERMILION, label="fitted line")
    left.set(xlabel="body mass index (kg/m²)", ylabel=diabetes.UNIT)
    left.legend()
    sketches.draw_lines(right, curves, xlabel="step", ylabel="loss above the exact minimum",
                      xscale="log", yscale="log", ylim=(1e-7, 1e9))  # fmt: skip
    return left.figure


if __name__ == "__main__":
    lesson.main(study)
