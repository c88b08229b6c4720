"""Which columns of a table a model goes by: how much worse it gets without what one of them says.

Source: Breiman 2001, "Random forests", section 10; Fisher, Rudin and Dominici 2019, by
scikit-learn's `permutation_importance`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import keras
import numpy as np
import pandas as pd
from sklearn import inspection

from keras_recipes.problems import Problem, sign
from keras_recipes.runs import scoring

MAX_ROWS, MIN_ROWS = 1000, 200
MAX_PREDICTED = 60_000  # rows in all, with those of every shuffle: some seconds on 2 cores
MAX_COLUMNS = 200
NUM_SHUFFLES = 10
NUM_OF_MANY = 5  # shuffles of each column
MANY_COLUMNS = 20
MIN_STDS = 3  # the mean of a column that does nothing is beyond about once in 100 columns


class _Trained:
    """A trained model in the form that scikit-learn takes: from places of rows to outputs."""

    def __init__(self, model: keras.Model, x: pd.DataFrame, names: list[list[str]]):
        self._model, self._x, self._names = model, x, names

    def fit(self) -> None:
        """Do nothing: the model is trained."""

    def predict(self, places: np.ndarray) -> np.ndarray:
        """Return outputs for rows whose columns are those of the rows at the given places."""
        from keras_recipes import training  # TensorFlow loads with it

        rows, in_place = self._x.copy(), np.arange(len(places))
        for names, place in zip(self._names, places.T, strict=True):
            if (place == in_place).all():  # all but one, of as many as there are columns
                continue
            for name in names:  # by assign(**...) none could be called self
                rows[name] = self._x[name].array[place]  # of the same dtype
        return training.predict(self._model, rows)


def measure(
    problem: Problem,
    model: keras.Model,
    x: pd.DataFrame,
    y: np.ndarray,
    columns: Mapping[str, list[str]],
) -> dict[str, dict[str, float]]:
    """Shuffle the values of each column among the rows, and score what is predicted then.

    The score is the loss, or R² for a regression: it changes with each row's prediction, where the
    accuracy changes only where a decision falls the other way.

    Args:
        problem: Of the model.
        model: Trained.
        x: Rows that were not learned from; the first 200 to 1,000 count, the fewer the more columns
            there are.
        y: Their targets.
        columns: Columns of the user's file, each with its columns of x, which are shuffled
            together; the first 200 count.

    Returns:
        For each column of the file, the most important first: "mean" and "std" over the shuffles of
        the rise of the loss, or the fall of R², above 0 where the predictions got worse.
    """
    groups = dict(itertools.islice(columns.items(), MAX_COLUMNS))
    num_shuffles = NUM_SHUFFLES if len(groups) <= MANY_COLUMNS else NUM_OF_MANY
    most = MAX_PREDICTED // (num_shuffles * len(groups))
    most = min(max(most, MIN_ROWS), MAX_ROWS)
    x, y, metric = x.iloc[:most], y[:most], metric_of(problem)

    def score(trained: _Trained, places: np.ndarray, y: np.ndarray) -> float:
        return sign(metric) * scoring.measure(problem, y, trained.predict(places))[metric]

    found = inspection.permutation_importance(
        _Trained(model, x, list(groups.values())),
        np.tile(np.arange(len(x))[:, np.newaxis], len(groups)),
        y,
        scoring=score,
        n_repeats=num_shuffles,
        random_state=0,
    )
    means = zip(groups, found.importances_mean, found.importances_std, strict=True)
    lost = {name: {"mean": float(mean), "std": float(std)} for name, mean, std in means}
    return dict(sorted(lost.items(), key=lambda one: -one[1]["mean"]))


def metric_of(problem: Problem) -> str:
    """Return the metric whose change is the importance of a column."""
    return "r2" if problem.is_regression else "loss"


def is_clear(lost: dict[str, float]) -> bool:
    """Return whether a column's importance is clear of the noise of the shuffles.

    The values of a column that does nothing are one more shuffle: the loss by them differs from the
    others' as these do among themselves.
    """
    return lost["mean"] > MIN_STDS * lost["std"]
