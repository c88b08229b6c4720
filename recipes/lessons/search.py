"""Search: grid, random and Bayesian search on one map, with the same number of trials.

Idea: two hyperparameters, but only one matters much, as is usual. A grid of 16 points tries 4
values of the one that matters; 16 random points try 16. Bayesian search looks where a model of the
map expects most.
Watch: how close to the best each comes within 16 trials, over 20 seeds.
Change: NARROW (1 makes both matter alike), the number of trials, the number of random starts.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from recipes.common import lesson
from recipes.common.pictures import BLUE, GREEN, ORANGE

NUM_TRIALS, NUM_SEEDS, NUM_STARTS = 16, 20, 6
NARROW = 6.0
CANDIDATES = 2000


def score(points: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """The accuracy at points (..., 2) in the unit square: a ridge, 0.95 at its peak."""
    away = points - peak
    return 0.95 - 0.4 * (1 - np.exp(-((NARROW * away[..., 0]) ** 2) - 0.3 * away[..., 1] ** 2))


def grid(rng: np.random.Generator, peak: np.ndarray) -> np.ndarray:
    """4 x 4 points in the middles of equal cells; the same for every seed."""
    side = (np.arange(4) + 0.5) / 4
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def random(rng: np.random.Generator, peak: np.ndarray) -> np.ndarray:
    """Points drawn evenly from the square."""
    return rng.random((NUM_TRIALS, 2))


def bayesian(rng: np.random.Generator, peak: np.ndarray) -> np.ndarray:
    """Random points first; then where a Gaussian process's mean + 2 deviations is highest.

    Source: Srinivas et al. 2010, "Gaussian process optimization in the bandit setting" (GP-UCB).
    """
    points = rng.random((NUM_STARTS, 2))
    for _ in range(NUM_TRIALS - NUM_STARTS):
        mean, deviation = predict(
            points, score(points, peak), candidates := rng.random((CANDIDATES, 2))
        )
        points = np.vstack([points, candidates[np.argmax(mean + 2 * deviation)]])
    return points


def predict(points: np.ndarray, scores: np.ndarray, at: np.ndarray) -> tuple:
    """Mean and standard deviation of a Gaussian process (kernel exp(-d²/2l²)) at new points."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * (((a[:, None] - b[None]) / (0.15, 0.6)) ** 2).sum(axis=-1))

    centre, spread = scores.mean(), scores.std() + 1e-9
    inverse = np.linalg.inv(kernel(points, points) + 1e-6 * np.eye(len(points)))
    between = kernel(at, points)
    mean = between @ inverse @ ((scores - centre) / spread)
    variance = 1 - np.einsum("ij,jk,ik->i", between, inverse, between)
    return centre + spread * mean, spread * np.sqrt(np.maximum(variance, 0))


METHODS = {"grid": grid, "random": random, "Bayesian": bayesian}


def study(seed: int = 0) -> lesson.Shown:
    """Search maps whose peaks lie in different places, with each method."""
    best = {name: [] for name in METHODS}
    first = {}
    for number in range(NUM_SEEDS):
        rng = np.random.default_rng((seed, number))
        peak = rng.uniform(0.1, 0.9, 2)
        for name, method in METHODS.items():
            points = method(rng, peak)
            best[name].append(score(points, peak).max())
            first.setdefault(name, (points, peak))
    rows = [
        {"search": name, "trials": NUM_TRIALS, "best accuracy": np.mean(found),
         "± std": np.std(found), "worst of the seeds": np.min(found)}
        for name, found in best.items()
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    mean = table.set_index("search")["best accuracy"]
    return lesson.Shown(
        table,
        draw(first),
        (
            f"With {NUM_TRIALS} trials (시도), grid search (그리드 탐색) finds {mean['grid']:.3f} "
            f"on average, random search (랜덤 탐색) {mean['random']:.3f}, Bayesian optimisation "
            f"(베이지안 최적화) {mean['Bayesian']:.3f}; the peak is 0.95.",
            "A grid (그리드) spends its trials on a hyperparameter (하이퍼파라미터) that hardly "
            "matters: of the one that does it sees four values only.",
            "The surrogate model (대리 모델) pays once it has seen the ridge; before that, "
            "Bayesian search is random search.",
        ),
    )


def draw(first: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw the points of each method on the first map, numbered in their order."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    axis = np.linspace(0, 1, 150)
    square = np.stack(np.meshgrid(axis, axis), axis=-1)
    for axes, (name, (points, peak)), colour in zip(
        figure.subplots(1, 3), first.items(), (ORANGE, BLUE, GREEN), strict=True
    ):
        shades = axes.contourf(axis, axis, score(square, peak), 12, cmap="Greys", alpha=0.8)
        axes.scatter(*points.T, s=130, color=colour, edgecolor="white", zorder=2, clip_on=False)
        for number, point in enumerate(points, start=1):
            axes.annotate(number, point, ha="center", va="center", fontsize=7, color="white")
        axes.plot(*peak, "*", color="red", markersize=14, zorder=1)
        axes.set(title=f"{name}: best {score(points, peak).max():.3f}", aspect="equal",
                 xlabel="hyperparameter that matters", ylabel="one that hardly does")  # fmt: skip
    figure.colorbar(shades, ax=figure.axes, label="accuracy (star: the peak)")
    return figure


if __name__ == "__main__":
    lesson.main(sys.modules[__name__])
