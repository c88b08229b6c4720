"""The picture of a search: how it went, what each hyperparameter does, and the points at a glance.

Colours tell apart for the colour-blind.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from keras_recipes.runs import scoring
from keras_recipes.runs.plots import BLUE, ORANGE, VERMILION, save
from tuning.oracles import spaces
from tuning.spec import SearchSpec
from tuning.trials import records

# Below this many trials an importance would be read out of noise.
MIN_TRIALS = 10
NUM_COLUMNS = 3
COLOURS = "viridis"
UNUSED = -0.15


def draw(path: pathlib.Path, spec: SearchSpec, trials: list[records.Trial]) -> None:
    """Draw a search.

    Args:
        path: PNG file to write.
        spec: Of the search.
        trials: With one success at least.
    """
    free = [p for p in spec.space.space if not spaces.is_fixed(p)]
    ok = [trial for trial in trials if trial.is_ok]
    rows = -(-len(free) // NUM_COLUMNS)
    columns = -(-len(free) // rows)  # 2 and 2 rather than 3 and 1
    figure = Figure(figsize=(11, 7 + 2.8 * rows), layout="constrained")
    heights = [3, 2.8 * rows + 0.4, 4]
    top, middle, bottom = figure.subfigures(3, 1, squeeze=False, height_ratios=heights)[:, 0]
    top.suptitle(f"{spec.name}: {spec.tuner} search, {len(trials)} trials")
    _draw_progress(top.subplots(), spec, trials)
    weights = find_importance(free, ok)
    note = "" if weights is None else ", and its importance"
    middle.suptitle(f"score against each hyperparameter{note}")
    panels = list(middle.subplots(rows, columns, squeeze=False).flat)
    for number, hyperparameter in enumerate(free):
        weight = None if weights is None else weights[number]
        _draw_hyperparameter(panels[number], spec, hyperparameter, ok, weight)
    for axes in panels[len(free) :]:
        axes.set_axis_off()
    bottom.suptitle("each line is a trial")
    _draw_parallel(bottom, spec, free, ok)
    save(figure, path, 110)


def _draw_progress(axes: Axes, spec: SearchSpec, trials: list[records.Trial]) -> None:
    """Draw each score in order, and the best so far."""
    ok = [trial for trial in trials if trial.is_ok]
    numbers, scores = [t.number for t in ok], np.array([t.score for t in ok])
    best = np.minimum if spec.direction == "min" else np.maximum
    axes.plot(numbers, scores, "o", color=BLUE, markersize=5, label="trial")
    if any(trial.std is not None for trial in ok):
        spread = np.array([trial.std for trial in ok], dtype=float)
        axes.errorbar(numbers, scores, spread, fmt="none", color=BLUE, alpha=0.4)
    axes.step(numbers, best.accumulate(scores), where="post", color=ORANGE, label="best so far")
    failed = [trial.number for trial in trials if not trial.is_ok]
    if failed:
        low = axes.get_ylim()[0]
        axes.plot(failed, [low] * len(failed), "x", color=VERMILION, label="failed")
    axes.set_xlabel("trial (0: the recipe's defaults)")
    axes.set_ylabel(spec.objective)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _limit(axes, spec, scores)
    axes.legend()


def limits(spec: SearchSpec, scores: np.ndarray) -> tuple[float, float]:
    """Return an axis that cuts far outliers off, so that differences of good scores can be seen."""
    quarters = np.quantile(scores, [0.25, 0.75])
    reach = 3 * (quarters[1] - quarters[0])
    low, high = float(scores.min()), float(scores.max())
    if reach and spec.direction == "min":
        high = min(high, float(quarters[1] + reach))
    elif reach:
        low = max(low, float(quarters[0] - reach))
    margin = 0.06 * (high - low)
    return low - margin, high + margin


def _limit(axes: Axes, spec: SearchSpec, scores: np.ndarray) -> None:
    low, high = limits(spec, scores)
    if low < high:
        axes.set_ylim(low, high)


def _draw_hyperparameter(
    axes: Axes,
    spec: SearchSpec,
    hyperparameter: Any,
    ok: list[records.Trial],
    weight: float | None,
) -> None:
    """Draw the scores over the values of one hyperparameter."""
    name = hyperparameter.name
    having = [trial for trial in ok if name in trial.values]
    scores = np.array([trial.score for trial in having])
    places, ticks = _places(hyperparameter, [trial.values[name] for trial in having])
    # Trials of equal value are set beside each other by their order.
    spread = np.linspace(-0.12, 0.12, len(having)) if ticks else np.zeros(len(having))
    axes.scatter(places + spread, scores, s=18, color=BLUE, alpha=0.7)
    if ticks:
        axes.set_xticks(range(len(ticks)), ticks)
        axes.set_xlim(-0.5, len(ticks) - 0.5)
        for place in np.unique(places):
            middle = np.median(scores[places == place])
            axes.plot([place - 0.25, place + 0.25], [middle] * 2, color=ORANGE, linewidth=2)
    elif hyperparameter.sampling != "linear":
        axes.set_xscale("log")
    axes.set_xlabel(name if weight is None else f"{name} (importance {weight:.0%})")
    axes.set_ylabel(spec.objective)
    _limit(axes, spec, np.array([trial.score for trial in ok]))


def _places(hyperparameter: Any, values: list) -> tuple[np.ndarray, list[str] | None]:
    """Return where values stand on an axis, and its ticks where there are few values."""
    known = spaces.finite_values(hyperparameter)
    if known is None or len(known) > 12:
        return np.array(values, dtype=float), None
    return np.array([known.index(value) for value in values]), [_short(v) for v in known]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _draw_parallel(
    figure: SubFigure, spec: SearchSpec, free: list, ok: list[records.Trial]
) -> None:
    """Draw each trial as a line through its values, the best on top."""
    axes = figure.subplots()
    ranked = records.rank(ok, spec.direction)
    # Colours follow the ranks: a few bad scores would take the whole scale else.
    norm, cmap = Normalize(1, max(len(ranked), 2)), colormaps[f"{COLOURS}_r"]
    for rank in range(len(ranked), 0, -1):
        heights = [height(p, ranked[rank - 1].values.get(p.name)) for p in free]
        jitter = 0.03 * (((rank * 0.618) % 1) - 0.5)  # else lines of equal values hide each other
        places = np.array(heights, dtype=float) + jitter
        if rank > 1:
            axes.plot(places, color=cmap(norm(rank)), linewidth=1, alpha=0.6)
        else:
            label = f"best: {scoring.figure(ranked[0].score)} (trial {ranked[0].number})"
            axes.plot(places, color=VERMILION, label=label, linewidth=2.5, zorder=3)
    for place, hyperparameter in enumerate(free):
        _mark_values(axes, place, hyperparameter)
    axes.set_xticks(range(len(free)), [p.name for p in free])
    axes.set_xlim(-0.1, len(free) - 0.75)
    axes.set_yticks([])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.12), frameon=False)
    label = f"rank by {spec.objective} (1: best)"
    bar = figure.colorbar(
        ScalarMappable(norm, cmap),
        ax=axes,
        label=label,
        ticks=MaxNLocator(integer=True, min_n_ticks=1),
    )
    bar.ax.invert_yaxis()


def _mark_values(axes: Axes, place: int, hyperparameter: Any) -> None:
    """Draw the axis of one hyperparameter with its values, or the ends of many."""
    for place_of_value, text in ticks(hyperparameter):
        axes.annotate(
            text,
            (place, place_of_value),
            xytext=(5, 0),
            textcoords="offset points",
            fontsize=8,
            va="center",
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5},
            zorder=4,
        )
    axes.axvline(place, color="0.8", linewidth=1, zorder=0)


def ticks(hyperparameter: Any) -> list[tuple[float, str]]:
    """Return the values that are written at an axis, each with its height; of many, the ends."""
    values = spaces.grid_values(hyperparameter)
    marked = values if len(values) <= 8 else [values[0], values[-1]]
    unused = [None] if hyperparameter.conditions else []
    return [
        (height(hyperparameter, value), "not used" if value is None else _short(value))
        for value in [*marked, *unused]
    ]


def height(hyperparameter: Any, value: object) -> float:
    """Return a value's height on its axis, 0 to 1; below it where it is not active."""
    if value is None:
        return UNUSED
    values = spaces.finite_values(hyperparameter)
    if values is None:
        return hyperparameter.value_to_prob(value)
    return values.index(value) / max(len(values) - 1, 1)


def find_importance(free: list, ok: list[records.Trial]) -> np.ndarray | None:
    """Estimate what share each hyperparameter has in the differences between scores.

    A random forest learns the scores; a hyperparameter is as important as its predictions get
    worse when the values of this one are shuffled. Scores far out count by their rank only.

    Args:
        free: Hyperparameters with more than one value.
        ok: Trials with a score.

    Returns:
        Shares that sum to 1; None for too few trials, or where the scores do not depend on any.
    """
    if len(ok) < MIN_TRIALS:
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    x = np.array([[height(p, t.values.get(p.name, p.default)) for p in free] for t in ok])
    y = np.argsort(np.argsort([trial.score for trial in ok]))
    forest = RandomForestRegressor(n_estimators=100, min_samples_leaf=2, random_state=0).fit(x, y)
    found = permutation_importance(forest, x, y, n_repeats=10, random_state=0).importances_mean
    fractions = np.maximum(found, 0)
    return fractions / fractions.sum() if fractions.sum() > 0 else None
