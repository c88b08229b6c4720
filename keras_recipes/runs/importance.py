"""Which columns of a table a model goes by: how much worse it gets without what one of them says.

Source: Breiman 2001, "Random forests", section 10; Fisher, Rudin and Dominici 2019.
"""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
import pandas as pd

from keras_recipes import training
from keras_recipes.data import own_table
from keras_recipes.problems import Problem, direction

MAX_ROWS = 1000
MAX_COLUMNS = 200
MAX_REPEATED_COLUMNS = 20  # more are shuffled once each
NUM_SHUFFLES = 3


def measure(
    problem: Problem, model: keras.Model, x: pd.DataFrame, y: np.ndarray, source: own_table.Source
) -> dict[str, dict[str, float]]:
    """Shuffle the values of each column among the rows, and score what is predicted then.

    Args:
        problem: Its headline metric is the score.
        model: Trained.
        x: Rows that were not learned from; the first 1,000 count.
        y: Their targets.
        source: Of the table; its first 200 columns that are used count.

    Returns:
        For each column of the file, the most important first: mean and standard deviation of the
        loss of score, above 0 where the score got worse.
    """
    x, y = x.iloc[:MAX_ROWS], y[:MAX_ROWS]
    used = [column for column in source.columns if column.kind != "left out"][:MAX_COLUMNS]
    groups = {  # of a column of dates: its parts
        one.name: x.columns.intersection([one.name, *(f"{one.name}_{part}" for part in one.parts)])
        for one in used
    }
    rng = np.random.default_rng(0)
    num_shuffles = 1 if len(groups) > MAX_REPEATED_COLUMNS else NUM_SHUFFLES
    sign = 1 if direction(problem.headline) == "max" else -1

    def score(rows: pd.DataFrame) -> float:
        outputs = training.predict(model, rows)
        return sign * training.measure(problem, y, outputs)[problem.headline]

    whole = score(x)
    lost = {
        name: [whole - score(_shuffled(x, names, rng)) for _ in range(num_shuffles)]
        for name, names in groups.items()
    }
    return {
        name: {one.__name__: round(float(one(lost[name])), 6) for one in (np.mean, np.std)}
        for name in sorted(lost, key=lambda name: -np.mean(lost[name]))
    }


def _shuffled(x: pd.DataFrame, names: Iterable[str], rng: np.random.Generator) -> pd.DataFrame:
    """Return the rows with the values of some columns shuffled, all in the same order."""
    order = rng.permutation(len(x))
    shuffled = x.copy()
    for name in names:  # by assign(**...) none could be called self
        shuffled[name] = x[name].to_numpy()[order]
    return shuffled
