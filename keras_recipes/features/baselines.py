"""Numbers that the baselines learn from: a linear model, gradient boosting, a kernel."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from keras_recipes.data.splits import Split
from keras_recipes.features.tables import NUM_TOPICS, categories, texts_of, with_topics
from keras_recipes.problems import Problem

MAX_CATEGORIES = 100  # of a category that get a column each; the others share one
MAX_VALUES = 100_000_000  # that a linear model learns a table by: 0.4 GB, and as much to prepare
ROWS_AT_ONCE = 20_000
MIN_IMAGE = 64  # numbers of a row that are scaled as one


class Rows(NamedTuple):
    """Rows of numbers.

    Attributes:
        x: Training rows, (rows, columns).
        pieces: Test rows in pieces: all at once may be too large.
        scaling: Whether a model has still to scale them: all as one, each column, or not at all.
        num_categorical: The first columns that are numbers of categories.
    """

    x: np.ndarray
    pieces: Iterable[np.ndarray]
    scaling: Literal["one", "columns", "none"] = "none"
    num_categorical: int = 0


class Baseline(NamedTuple):
    """A model to compare the network with.

    Attributes:
        name: In metrics.json and the table of scores.
        model: Its type.
        rows: From the training split and the test inputs to `Rows`.
        max_rows: Training rows that it can have at once.
        num_values: Numbers of a row that it learns by, about; None for those of the inputs.
    """

    name: str
    model: Literal["linear", "boosting", "kernel", "margin"]
    rows: Callable[[Split, Any], Rows]
    max_rows: float = math.inf
    num_values: int | None = None


def linear_name(problem: Problem) -> str:
    """Return the name of the linear model of a problem."""
    return "linear_regression" if problem.is_regression else "logistic_regression"


def of_table(
    problem: Problem, train: pd.DataFrame, *, by_quantiles: bool, boosted: bool
) -> list[Baseline]:
    """Return the baselines of a table.

    Args:
        problem: Of the recipe.
        train: Training rows.
        by_quantiles: As in `of_columns`.
        boosted: Whether gradient boosting is one of them.
    """
    name = linear_name(problem) + "_on_quantiles" * by_quantiles
    rows = functools.partial(of_columns, by_quantiles=by_quantiles)
    linear = Baseline(name, "linear", rows, max_rows(train))
    others = [Baseline("early_stopped_gradient_boosting", "boosting", of_ordinals)]
    return [linear, *others * boosted]


def of_arrays(train: Split, x_test: Any) -> Rows:
    """Return the numbers of each row side by side, float32."""
    x, x_test = (
        np.asarray(split).reshape(len(split), -1).astype("float32") for split in (train.x, x_test)
    )
    # Images are scaled as one, to 0..1; other columns each to mean 0 and std 1.
    return Rows(x, [x_test], "one" if x.shape[1] >= MIN_IMAGE else "columns")


def of_columns(train: Split, x_test: pd.DataFrame, by_quantiles: bool) -> Rows:
    """Return a table's rows, float32; missing numbers by the median, categories one-hot.

    Args:
        train: Training rows.
        x_test: Test rows.
        by_quantiles: Whether each numeric column is brought to a normal distribution: a linear
            model learns more from it than from one with a long tail or with outliers.
    """
    from sklearn import compose, impute, pipeline, preprocessing

    x, x_test = with_topics(train, x_test)
    categorical = categories(x)
    one_hot = preprocessing.OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        max_categories=MAX_CATEGORIES,
        dtype="float32",
    )
    numbers = impute.SimpleImputer(strategy="median")
    if by_quantiles:
        numbers = pipeline.make_pipeline(
            preprocessing.QuantileTransformer(
                n_quantiles=min(1000, len(x)), output_distribution="normal", random_state=0
            ),
            impute.SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        )
    prepared = compose.make_column_transformer((one_hot, categorical), remainder=numbers)
    types = dict.fromkeys(x.columns.difference(categorical), "float32")
    rows = prepared.fit_transform(x.astype(types))
    starts = range(0, len(x_test), ROWS_AT_ONCE)
    pieces = (x_test.iloc[start : start + ROWS_AT_ONCE].astype(types) for start in starts)
    if by_quantiles:
        return Rows(rows, map(prepared.transform, pieces))
    scaling: Literal["one", "columns"] = "one" if rows.shape[1] >= MIN_IMAGE else "columns"
    return Rows(rows, map(prepared.transform, pieces), scaling)


def of_ordinals(train: Split, x_test: pd.DataFrame) -> Rows:
    """Return a table's rows, each category as its number; missing numbers stay NaN."""
    from sklearn import compose, preprocessing

    x, x_test = with_topics(train, x_test)
    categorical = categories(x)
    encoder = preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, max_categories=200
    )
    prepared = compose.make_column_transformer((encoder, categorical), remainder="passthrough")
    rows = prepared.fit_transform(x)
    return Rows(rows, [prepared.transform(x_test)], num_categorical=len(categorical))


def max_rows(x: pd.DataFrame) -> float:
    """Return how many rows of a table a linear model can have at once."""
    categorical = categories(x)
    num_columns = x.shape[1] - len(categorical) + (NUM_TOPICS - 1) * len(texts_of(x))
    num_columns += sum(min(x[name].nunique(), MAX_CATEGORIES) for name in categorical)
    return max(1, MAX_VALUES // num_columns)
