"""Search: grid, random and Bayesian search on the same function, with the same number of trials.

한국어: 탐색: 같은 함수, 같은 시행 횟수로 그리드, 랜덤, 베이지안 탐색을 비교합니다.
Idea: there are two hyperparameters, but only one is important, as usual. A grid of 16 points tries
4 values of the important one; 16 random points try 16 values. Bayesian search tries points where a
model of the function expects the best score.
Watch: the best score of each search in 16 trials, over 20 seeds.
Change: NARROW (with 1, both are equally important), the number of trials or of random points.
"""

import numpy as np
import pandas as pd

from keras_recipes.runs.plots import BLUE
from recipes.lessons import _lesson as lesson, _sketches as sketches

NUM_TRIALS, NUM_SEEDS, NUM_STARTS, CANDIDATES = 16, 20, 6, 2000
NARROW = 6.0
GRID = np.array([[x, y] for y in (1, 3, 5, 7) for x in (1, 3, 5, 7)]) / 8  # the middles of cells


def score(points: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """The accuracy at points (..., 2) in the unit square: a ridge, 0.95 at its peak."""
    away = points - peak
    return 0.95 - 0.4 * (1 - np.exp(-((NARROW * away[..., 0]) ** 2) - 0.3 * away[..., 1] ** 2))


def bayesian(rng: np.random.Generator, peak: np.ndarray) -> np.ndarray:
    """Random points first; then where a Gaussian process's mean + 2 deviations is highest.

    Source: Srinivas et al. 2010, "Gaussian process optimization in the bandit setting" (GP-UCB).
    """
    points = rng.random((NUM_STARTS, 2))
    while len(points) < NUM_TRIALS:
        candidates = rng.random((CANDIDATES, 2))
        mean, deviation = predict(points, score(points, peak), candidates)
        points = np.vstack([points, candidates[np.argmax(mean + 2 * deviation)]])
    return points


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How alike points a (m, 2) and b (n, 2) are expected to score, (m, n): 1 at distance 0."""
    return np.exp(-0.5 * (((a[:, None] - b[None]) / (0.15, 0.6)) ** 2).sum(axis=-1))


def predict(points: np.ndarray, scores: np.ndarray, at: np.ndarray) -> tuple:
    """Mean and standard deviation of a Gaussian process at new points."""
    between = kernel(at, points)
    weights = between @ np.linalg.inv(kernel(points, points) + 1e-6 * np.eye(len(points)))
    mean = scores.mean() + weights @ (scores - scores.mean())
    variance = 1 - (weights * between).sum(axis=1)
    return mean, scores.std() * np.sqrt(np.maximum(variance, 0))


def study(seed: int = 0) -> lesson.Shown:
    """Search maps whose peaks lie in different places, with each method."""
    found: dict[str, list[float]] = {}
    first: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for number in range(NUM_SEEDS):
        rng = np.random.default_rng((seed, number))
        peak = rng.uniform(0.1, 0.9, 2)
        drawn = rng.random((NUM_TRIALS, 2))
        searches = {"grid": GRID, "random": drawn, "Bayesian": bayesian(rng, peak)}
        for name, points in searches.items():
            found.setdefault(name, []).append(score(points, peak).max())
            first.setdefault(name, (points, peak))
    best = pd.DataFrame(found)
    table = best.agg(["mean", "std", "min"]).T.reset_index()
    table.columns = ["search", "best accuracy", "± std", "worst of the seeds"]
    return lesson.Shown(
        table,
        draw(first),
        f"With {NUM_TRIALS} trials (시행), grid search (그리드 탐색) finds {best.grid.mean():.3f}, "
        f"random search (랜덤 탐색) {best.random.mean():.3f}, Bayesian optimisation (베이지안 "
        f"최적화) {best.Bayesian.mean():.3f} on average; the maximum is 0.95.",
        "A grid (그리드) spends its trials on a hyperparameter (하이퍼파라미터) that is not "
        "important: it tries only four values of the important one.",
        "The surrogate model (대리 모델) helps after a trial near the maximum; before that, "
        "Bayesian search is like random search.",
        korean=(
            f"시행 {NUM_TRIALS}번으로 그리드 탐색은 평균 {best.grid.mean():.3f}, 랜덤 탐색은 "
            f"{best.random.mean():.3f}, 베이지안 최적화는 {best.Bayesian.mean():.3f}을 찾습니다. 최댓값은 "
            "0.95입니다.",
            "그리드는 중요하지 않은 하이퍼파라미터에 시행을 낭비합니다. 중요한 하이퍼파라미터는 값 네 개만 "
            "시험합니다.",
            "대리 모델은 최댓값 근처의 시행이 있어야 도움이 됩니다. 그 전의 베이지안 탐색은 랜덤 탐색과 비슷합니다.",
        ),
    )


def draw(first: dict[str, tuple[np.ndarray, np.ndarray]]) -> sketches.Figure:
    """Draw the points of each method on the first map, coloured by their order."""
    panels = sketches.panels(3, size=(14, 4.6))
    for axes, (name, (points, peak)) in zip(panels, first.items(), strict=True):
        shades = sketches.shade(
            axes, lambda at, peak=peak: score(at, peak), 0, 1, 12, cmap="Greys_r"
        )
        dots = axes.scatter(*points.T, s=70, c=np.arange(1, NUM_TRIALS + 1), cmap="plasma",
                            edgecolor="white", clip_on=False, zorder=2)  # fmt: skip
        axes.plot(*peak, "+", color=BLUE, markersize=22, markeredgewidth=2, zorder=3)
        axes.set(title=f"{name}: best {score(points, peak).max():.3f}", aspect="equal",
                 xlabel="hyperparameter that matters", ylabel="one that hardly does")  # fmt: skip
    axes.figure.colorbar(shades, ax=list(panels), label="accuracy (+: the peak)", shrink=0.75)
    axes.figure.colorbar(dots, ax=list(panels), label="trial", ticks=[1, 6, 11, 16], shrink=0.75)
    return axes.figure


if __name__ == "__main__":
    lesson.main(study)
