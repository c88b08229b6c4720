"""Baselines on the same split: what no learning and what a linear model would score.

A network's score means nothing by itself. A class that makes up 90 % of the rows gives an accuracy
of 0.9 to a model that has learned nothing.
"""

from __future__ import annotations

import math
import typing
import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd

from keras_recipes import problems, training
from keras_recipes.data import own_table
from keras_recipes.data.splits import Split, Splits
from keras_recipes.features import tables
from keras_recipes.problems import Problem

# Beyond this many numbers, logistic regression stops after few iterations: on Fashion-MNIST it is
# then 1 point short of where it would end, in 5 s instead of minutes.
MAX_NUMBERS = 5_000_000
MAX_ITERATIONS = 50
ITERATIONS = 2000
MAX_ROWS = 5_000  # below, gradient boosting takes longer than all the rest of a run
MAX_CATEGORIES = 100  # of a category that get a column each; the others share one
MAX_VALUES = 100_000_000  # that a linear model learns a table by: 0.4 GB, and as much to prepare
ROWS_AT_ONCE = 20_000


def score(problem: Problem, splits: Splits) -> dict[str, dict[str, float]]:
    """Fit the baselines on training and validation rows and score them on the test split.

    They need no validation split, so they also get its rows: the harder comparison.

    Args:
        problem: Decides baselines and metrics.
        splits: Train, validation and test.

    Returns:
        For each baseline its test scores, as `training.measure` gives them. A user's table, or one
        of many rows, has gradient boosting as well.
    """
    train = splits.merge_validation().train
    y, num_rows = problem.labels(train.y), len(splits.test)
    few = _even_share(train)
    x, x_test = _flat(few.x, splits.test.x)
    if problem.is_regression:
        linear = _linear(x, problem.labels(few.y), x_test)
        fitted = {"mean": _mean(y, num_rows), "linear_regression": linear}
    elif problem.rule.kind == "multilabel":
        probabilities = (
            _logistic(problems.binary(), x, column.astype(int), x_test)
            for column in problem.labels(few.y).T
        )
        fitted = {
            "label_share": _mean(y, num_rows),
            "logistic_regression": np.column_stack(list(probabilities)),
        }
    else:
        classes, counts = np.unique(problem.classes(train.y), return_counts=True)
        fractions = counts / counts.sum()
        fitted = {
            "majority_class": _as_outputs(problem, np.tile(fractions, (num_rows, 1)), classes),
            "logistic_regression": _logistic(problem, x, problem.classes(few.y), x_test),
        }
    is_large = isinstance(train.x, pd.DataFrame) and len(train) >= MAX_ROWS
    if isinstance(splits.source, own_table.Source) or is_large:
        fitted["gradient_boosting"] = _boosted(problem, train, splits.test.x)
    return {
        name: training.measure(problem, splits.test.y, outputs) for name, outputs in fitted.items()
    }


def describe_time(splits: Splits) -> str:
    """Describe that the baselines will take a while, where they will."""
    rows = len(splits.train) + (0 if splits.validation is None else len(splits.validation))
    if rows * math.prod(np.shape(splits.train.x)[1:]) <= MAX_NUMBERS:
        return ""
    most = min(rows, _max_rows(splits.train.x))
    of_all = f" of {rows:,}" if most < rows else ""
    return f" (a linear model on {most:,}{of_all} rows, which may take up to a minute)"


def _max_rows(x: np.ndarray | pd.DataFrame) -> float:
    """Return how many rows of a table a linear model can have at once; of arrays, all."""
    if not isinstance(x, pd.DataFrame):
        return math.inf
    categorical = tables.categories(x)
    num_columns = x.shape[1] - len(categorical)
    num_columns += sum(min(x[name].nunique(), MAX_CATEGORIES) for name in categorical)
    return max(1, MAX_VALUES // num_columns)


def _even_share(train: Split) -> Split:
    """Return as many training rows as a linear model can have at once, spread over all."""
    most = _max_rows(train.x)
    if len(train) <= most:
        return train
    return train.take(np.linspace(0, len(train) - 1, int(most)).astype(int))


def _flat(x: typing.Any, x_test: typing.Any) -> tuple[np.ndarray, Iterable[np.ndarray]]:
    """Return rows of numbers; missing ones of a table by the median, its categories one-hot.

    Returns:
        Training rows, and the test rows in pieces: all categories one-hot at once may be too large.
    """
    if not isinstance(x, pd.DataFrame):
        x, x_test = (
            np.asarray(split).reshape(len(split), -1).astype("float32") for split in (x, x_test)
        )
        return x, [x_test]
    from sklearn import compose, impute, preprocessing

    categorical = tables.categories(x)
    one_hot = preprocessing.OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        max_categories=MAX_CATEGORIES,
        dtype="float32",
    )
    prepared = compose.make_column_transformer(
        (one_hot, categorical), remainder=impute.SimpleImputer(strategy="median")
    )
    types = dict.fromkeys(x.columns.difference(categorical), "float32")
    x = prepared.fit_transform(x.astype(types))
    starts = range(0, len(x_test), ROWS_AT_ONCE)
    pieces = (x_test.iloc[start : start + ROWS_AT_ONCE].astype(types) for start in starts)
    return x, map(prepared.transform, pieces)


def _boosted(problem: Problem, train: Split, x_test: pd.DataFrame) -> np.ndarray:
    """Fit scikit-learn's gradient boosting at its defaults, which take missing values."""
    from sklearn import compose, ensemble, preprocessing

    categorical = tables.categories(train.x)
    encoder = preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, max_categories=200
    )
    prepared = compose.make_column_transformer((encoder, categorical), remainder="passthrough")
    x, x_test = prepared.fit_transform(train.x), prepared.transform(x_test)
    settings = {"categorical_features": list(range(len(categorical))), "random_state": 0}
    if problem.is_regression:
        model = ensemble.HistGradientBoostingRegressor(**settings)
        return model.fit(x, np.ravel(train.y)).predict(x_test).reshape(len(x_test), -1)
    classes = problem.classes(train.y)
    model = ensemble.HistGradientBoostingClassifier(**settings).fit(x, classes)
    return _as_outputs(problem, model.predict_proba(x_test), model.classes_)


def _mean(y: np.ndarray, rows: int) -> np.ndarray:
    return np.tile(y.mean(axis=0), (rows, 1))


def _linear(x: np.ndarray, y: np.ndarray, x_test: Iterable[np.ndarray]) -> np.ndarray:
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(x, y)
    return np.concatenate([model.predict(piece).reshape(len(piece), -1) for piece in x_test])


def _logistic(
    problem: Problem, x: np.ndarray, classes: np.ndarray, x_test: Iterable[np.ndarray]
) -> np.ndarray:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, StandardScaler

    # Images are scaled as one, to 0..1; the columns of a table each to mean 0 and std 1.
    scaler = MaxAbsScaler() if x.shape[1] >= 64 else StandardScaler()
    iterations = MAX_ITERATIONS if x.size > MAX_NUMBERS else ITERATIONS
    model = make_pipeline(scaler, LogisticRegression(max_iter=iterations))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # few iterations are meant
        model.fit(x, classes)
    found = np.concatenate([model.predict_proba(piece) for piece in x_test])
    return _as_outputs(problem, found, model.classes_)


def _as_outputs(problem: Problem, found: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return probabilities of the given classes, (rows, classes), as outputs of a model."""
    probabilities = np.zeros((len(found), len(problem.class_names)))
    probabilities[:, classes] = found
    if problem.rule.from_logits:
        return np.log(np.maximum(probabilities, 1e-7))
    return probabilities[:, 1:] if problem.rule.kind == "binary" else probabilities
