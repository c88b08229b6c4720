"""The picture of a search: how it went, what each hyperparameter does, and the points at a glance.

Colours tell apart for the colour-blind.
"""

from __future__ import annotations

import pathlib

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_recipes import recipe as contract
from keras_recipes.runs.plots import BLUE, ORANGE, VERMILION
from tuning import plans
from tuning.oracles import spaces
from tuning.trials import records

# Below this many trials an importance would be read out of noise.
MIN_TRIALS = 10
COLUMNS = 3
COLOURS = "viridis"
UNUSED = -0.15


def draw(path: pathlib.Path, plan: plans.Plan, trials: list[records.Trial]) -> None:
    """Draw a search.

    Args:
        path: PNG file to write.
        plan: Of the search.
        trials: With one success at least.
    """
    free = [p for p in plan.space.space if not spaces.is_fixed(p)]
    ok = [trial for trial in trials if trial.is_ok]
    rows = -(-len(free) // COLUMNS)
    columns = -(-len(free) // rows)  # 2 and 2 rather than 3 and 1
    figure = Figure(figsize=(11, 7 + 2.8 * rows), layout="constrained")
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=[3, 2.8 * rows + 0.4, 4])
    settings = plan.settings
    top.suptitle(f"{contract.name_of(plan.recipe)}: {settings.tuner} search, {len(trials)} trials")
    _draw_progress(top.subplots(), plan, trials)
    weights = find_importance(free, ok)
    note = "" if weights is None else ", and its importance"
    middle.suptitle(f"score against each hyperparameter{note}")
    panels = middle.subplots(rows, columns, squeeze=False).flat
    for number, axes in enumerate(panels):
        if number < len(free):
            weight = None if weights is None else weights[number]
            _draw_hyperparameter(axes, plan, free[number], ok, weight)
        else:
            axes.set_axis_off()
    bottom.suptitle("each line is a trial")
    _draw_parallel(bottom, plan, free, ok)
    figure.savefig(path, dpi=110)


def _draw_progress(axes: Axes, plan: plans.Plan, trials: list[records.Trial]) -> None:
    """Draw each score in order, and the best so far."""
    ok = [trial for trial in trials if trial.is_ok]
    numbers, scores = [t.number for t in ok], [t.score for t in ok]
    best = np.minimum if plan.settings.direction == "min" else np.maximum
    axes.plot(numbers, scores, "o", color=BLUE, markersize=5, label="trial")
    if any(trial.std is not None for trial in ok):
        axes.errorbar(numbers, scores, [t.std for t in ok], fmt="none", color=BLUE, alpha=0.4)
    axes.step(numbers, best.accumulate(scores), where="post", color=ORANGE, label="best so far")
    failed = [trial.number for trial in trials if not trial.is_ok]
    if failed:
        low = axes.get_ylim()[0]
        axes.plot(failed, [low] * len(failed), "x", color=VERMILION, label="failed")
    axes.set_xlabel("trial (0: the recipe's defaults)")
    axes.set_ylabel(f"val_{plan.settings.monitor}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _limit(axes, plan, scores)
    axes.legend()


def _limit(axes: Axes, plan: plans.Plan, scores: list[float]) -> None:
    """Cut far outliers off, so that the differences between good scores can be seen."""
    quarters = np.quantile(scores, [0.25, 0.75])
    reach = 3 * (quarters[1] - quarters[0])
    if reach == 0:
        return
    low, high = min(scores), max(scores)
    if plan.settings.direction == "min":
        high = min(high, quarters[1] + reach)
    else:
        low = max(low, quarters[0] - reach)
    margin = 0.06 * (high - low)
    axes.set_ylim(low - margin, high + margin)


def _draw_hyperparameter(axes, plan, hyperparameter, ok, weight: float | None) -> None:
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
        groups = [scores[places == place] for place in range(len(ticks))]
        for place, group in enumerate(groups):
            if len(group):
                middle = np.median(group)
                axes.plot([place - 0.25, place + 0.25], [middle] * 2, color=ORANGE, linewidth=2)
    elif hyperparameter.sampling != "linear":
        axes.set_xscale("log")
    axes.set_xlabel(name if weight is None else f"{name} (importance {weight:.0%})")
    axes.set_ylabel(f"val_{plan.settings.monitor}")
    _limit(axes, plan, [trial.score for trial in ok])


def _places(hyperparameter, values: list) -> tuple[np.ndarray, list[str] | None]:
    """Return where values stand on an axis, and its ticks where there are few values."""
    known = spaces.finite_values(hyperparameter)
    if known is None or len(known) > 12:
        return np.array(values, dtype=float), None
    return np.array([known.index(value) for value in values]), [_short(v) for v in known]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _draw_parallel(figure, plan: plans.Plan, free: list, ok: list[records.Trial]) -> None:
    """Draw each trial as a line through its values, the best on top."""
    axes = figure.subplots()
    settings = plan.settings
    ranked = records.rank(ok, settings.direction)
    scores = [trial.score for trial in ranked]
    # Colours follow the ranks: a few bad scores would take the whole scale else.
    colours = ScalarMappable(Normalize(1, max(len(ranked), 2)), f"{COLOURS}_r")
    for rank in range(len(ranked), 0, -1):
        heights = [_height(p, ranked[rank - 1].values.get(p.name)) for p in free]
        jitter = 0.03 * (((rank * 0.618) % 1) - 0.5)  # else lines of equal values hide each other
        style = {"linewidth": 2.5, "zorder": 3} if rank == 1 else {"linewidth": 1, "alpha": 0.6}
        colour = VERMILION if rank == 1 else colours.to_rgba(rank)
        label = f"best: {scores[0]:.4g} (trial {ranked[0].number})" if rank == 1 else None
        axes.plot(np.array(heights, dtype=float) + jitter, color=colour, label=label, **style)
    for place, hyperparameter in enumerate(free):
        _mark_values(axes, place, hyperparameter)
    axes.set_xticks(range(len(free)), [p.name for p in free])
    axes.set_xlim(-0.1, len(free) - 0.75)
    axes.set_yticks([])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.12), frameon=False)
    label = f"rank by val_{settings.monitor} (1: best)"
    bar = figure.colorbar(
        colours, ax=axes, label=label, ticks=MaxNLocator(integer=True, min_n_ticks=1)
    )
    bar.ax.invert_yaxis()


def _mark_values(axes: Axes, place: int, hyperparameter) -> None:
    """Draw the axis of one hyperparameter with its values, or the ends of many."""
    values = spaces.grid_values(hyperparameter)
    marked = values if len(values) <= 8 else [values[0], values[-1]]
    for value in [*marked, *([None] if hyperparameter.conditions else [])]:
        axes.annotate(
            "not used" if value is None else _short(value),
            (place, _height(hyperparameter, value)),
            xytext=(5, 0),
            textcoords="offset points",
            fontsize=8,
            va="center",
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.5},
            zorder=4,
        )
    axes.axvline(place, color="0.8", linewidth=1, zorder=0)


def _height(hyperparameter, value: object) -> float:
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

    x = np.array([[_height(p, t.values.get(p.name, p.default)) for p in free] for t in ok])
    y = np.argsort(np.argsort([trial.score for trial in ok]))
    forest = RandomForestRegressor(n_estimators=100, min_samples_leaf=2, random_state=0).fit(x, y)
    found = permutation_importance(forest, x, y, n_repeats=10, random_state=0).importances_mean
    fractions = np.maximum(found, 0)
    return fractions / fractions.sum() if fractions.sum() > 0 else None
