"""Baselines on the same split: what no learning, a linear model and gradient boosting would score.

A network's score means nothing by itself. A class that makes up 90 % of the rows gives an accuracy
of 0.9 to a model that has learned nothing.
"""

from __future__ import annotations

import functools
import logging
import math
import time
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
import threadpoolctl

from keras_recipes import problems
from keras_recipes.data import own_table
from keras_recipes.data.splits import Split, Splits
from keras_recipes.features import tables
from keras_recipes.problems import Problem
from keras_recipes.runs import scoring

# Beyond this many numbers, logistic regression stops after few iterations: on Fashion-MNIST it is
# then 1 point short of where it would end, in 5 s instead of minutes.
MAX_NUMBERS = 5_000_000
MAX_ITERATIONS = 50
ITERATIONS = 2000
MAX_ROWS = 5_000  # below, gradient boosting takes longer than all the rest of a run
MAX_CATEGORIES = 100  # of a category that get a column each; the others share one
MAX_VALUES = 100_000_000  # that a linear model learns a table by: 0.4 GB, and as much to prepare
ROWS_AT_ONCE = 20_000
MAX_ROUNDS = 500  # of gradient boosting, which mostly stops long before
FIRST_ROUNDS = 16
ROUNDS_WITHOUT_END = 32  # where no rows can be held out
MIN_OF_CLASS = 10  # rows that gradient boosting needs, to hold some out of each class
SHARE_OF_TIME = 0.2  # of the training's seconds
MIN_SECONDS = 5.0
QUICK, MIN_ROWS = 1_000_000, 200  # numbers, or rows, that a linear model learns in a moment
FIRST_SHARE = 0.1  # of the rows, by which a linear model's time is judged

_log = logging.getLogger(__name__)


class _Clock:
    """The seconds that are left."""

    def __init__(self, seconds: float):
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return self._end - time.monotonic()


def seconds_for(train_seconds: float, asked: float | None) -> float:
    """Return the seconds for the baselines: as asked, or a fifth of the training, 5 or more."""
    return max(MIN_SECONDS, SHARE_OF_TIME * train_seconds) if asked is None else asked


def score(problem: Problem, splits: Splits) -> dict[str, dict[str, float]]:
    """Fit the baselines for as long as they need, and score them on the test split.

    Args:
        problem: Decides baselines and metrics.
        splits: Train, validation and test.

    Returns:
        For each baseline its test scores, as `scoring.measure` returns them.
    """
    return {
        name: scoring.measure(problem, splits.test.y, outputs)
        for name, outputs in predict(problem, splits)
    }


def predict(
    problem: Problem, splits: Splits, seconds: float = math.inf
) -> Iterator[tuple[str, np.ndarray]]:
    """Fit the baselines on training and validation rows and predict the test split.

    They need no validation split, so they also get its rows: the harder comparison. What the time
    does not suffice for learns from fewer rows, or in fewer rounds, or is left out; a line says so.

    Args:
        problem: Decides the baselines. A user's table, or one of many rows, has gradient boosting
            as well.
        splits: Train, validation and test.
        seconds: That they may take, about.

    Yields:
        Each baseline's name with its outputs for the test rows, in the form of the network's.
    """
    from sklearn import compose, ensemble, impute, linear_model, pipeline  # noqa: F401 - not timed

    clock = _Clock(seconds)
    train = splits.merge_validation().train
    if problem.is_regression:
        yield "mean", _mean(_targets(train.y), len(splits.test))
    elif problem.rule.kind == "multilabel":
        yield "label_share", _mean(problem.labels(train.y), len(splits.test))
    else:
        classes, counts = np.unique(problem.classes(train.y), return_counts=True)
        fractions = np.tile(counts / counts.sum(), (len(splits.test), 1))
        yield "majority_class", _as_outputs(problem, fractions, classes)
    is_own = isinstance(splits.source, own_table.Source)
    linear = functools.partial(_linear, problem, x_test=splits.test.x, by_quantiles=is_own)
    name = "linear_regression" if problem.is_regression else "logistic_regression"
    name += "_on_quantiles" * is_own
    yield name, _in_time(name, linear, _even_share(train), clock)
    if is_own or (isinstance(train.x, pd.DataFrame) and len(train) >= MAX_ROWS):
        outputs = _boosted(problem, train, splits.test.x, clock)
        if outputs is not None:
            yield "early_stopped_gradient_boosting", outputs


def _targets(y: np.ndarray) -> np.ndarray:
    """Return a regression's targets, float64 (rows, columns)."""
    return np.asarray(y, "float64").reshape(len(y), -1)


def _max_rows(x: np.ndarray | pd.DataFrame) -> float:
    """Return how many rows of a table a linear model can have at once; of arrays, all."""
    if not isinstance(x, pd.DataFrame):
        return math.inf
    categorical = tables.categories(x)
    num_columns = x.shape[1] - len(categorical)
    num_columns += sum(min(x[name].nunique(), MAX_CATEGORIES) for name in categorical)
    return max(1, MAX_VALUES // num_columns)


def _even_share(train: Split, most: float | None = None) -> Split:
    """Return as many training rows as a linear model can have at once, spread over all."""
    most = _max_rows(train.x) if most is None else most
    if len(train) <= most:
        return train
    return train.take(np.linspace(0, len(train) - 1, int(most)).astype(int))


def _in_time(
    name: str, linear: Callable[..., np.ndarray], train: Split, clock: _Clock
) -> np.ndarray:
    """Return a linear model's outputs: from all rows, or from as many as there is time for."""
    numbers = len(train) * math.prod(np.shape(train.x)[1:])
    iterations = MAX_ITERATIONS if numbers > MAX_NUMBERS else ITERATIONS
    if numbers <= QUICK or len(train) < MIN_ROWS or clock.left() == math.inf:
        return linear(train, iterations=iterations)
    start = time.monotonic()
    few = _even_share(train, FIRST_SHARE * len(train))
    outputs = linear(few, iterations=iterations)
    share = FIRST_SHARE * clock.left() / (time.monotonic() - start)
    if share > FIRST_SHARE:
        few = _even_share(train, min(share, 1) * len(train))
        outputs = linear(few, iterations=iterations)
    if len(few) < len(train):
        told = (name.replace("_", " "), f"{len(few):,} of {len(train):,}")
        _log.warning(
            "the %s was fitted on %s rows, because of the time limit of the baselines", *told
        )
    return outputs


def _linear(
    problem: Problem, train: Split, x_test: typing.Any, by_quantiles: bool, iterations: int
) -> np.ndarray:
    """Fit a linear model and return its outputs for the test rows."""
    from sklearn import linear_model, pipeline, preprocessing

    x, pieces = _flat(train.x, x_test, by_quantiles)
    if problem.is_regression:
        model = linear_model.Ridge() if by_quantiles else linear_model.LinearRegression()
        y = _targets(train.y)
        mean, spread = y.mean(axis=0), y.std() or 1.0
        model.fit(x, (y - mean) / spread)  # in float32: far from 0, digits would be lost
        found = [model.predict(piece).reshape(len(piece), -1) for piece in pieces]
        return mean + spread * np.concatenate(found).astype("float64")
    model = linear_model.LogisticRegression(max_iter=iterations)
    if not by_quantiles:
        # Images are scaled as one, to 0..1; other columns each to mean 0 and std 1.
        is_image = x.shape[1] >= 64
        scaler = preprocessing.MaxAbsScaler() if is_image else preprocessing.StandardScaler()
        model = pipeline.make_pipeline(scaler, model)
    if problem.rule.kind != "multilabel":
        return _logistic(problem, model, x, problem.classes(train.y), pieces)
    label, pieces = problems.binary(), list(pieces)
    columns = problem.labels(train.y).astype(int).T
    return np.column_stack([_logistic(label, model, x, one, pieces) for one in columns])


def _flat(
    x: typing.Any, x_test: typing.Any, by_quantiles: bool
) -> tuple[np.ndarray, Iterable[np.ndarray]]:
    """Return rows of numbers; missing ones of a table by the median, its categories one-hot.

    Args:
        x: Training rows.
        x_test: Test rows.
        by_quantiles: Whether each numeric column is brought to a normal distribution: a linear
            model learns more from it than from one with a long tail or with outliers.

    Returns:
        Training rows, and the test rows in pieces: all categories one-hot at once may be too large.
    """
    if not isinstance(x, pd.DataFrame):
        x, x_test = (
            np.asarray(split).reshape(len(split), -1).astype("float32") for split in (x, x_test)
        )
        return x, [x_test]
    from sklearn import compose, impute, pipeline, preprocessing

    categorical = tables.categories(x)
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
    x = prepared.fit_transform(x.astype(types))
    starts = range(0, len(x_test), ROWS_AT_ONCE)
    pieces = (x_test.iloc[start : start + ROWS_AT_ONCE].astype(types) for start in starts)
    return x, map(prepared.transform, pieces)


def _boosted(
    problem: Problem, train: Split, x_test: pd.DataFrame, clock: _Clock
) -> np.ndarray | None:
    """Fit scikit-learn's gradient boosting, which takes missing values, until it gets no better.

    A tenth of the rows, held out, decides that; without an end it learns single rows by heart, and
    its log loss may be worse than that of the majority class.

    Returns:
        Its outputs for the test rows; None where there is no time left.
    """
    from sklearn import compose, ensemble, preprocessing

    if clock.left() <= 0:
        _log.warning("gradient boosting is left out: there is no time left for it")
        return None
    categorical = tables.categories(train.x)
    encoder = preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, max_categories=200
    )
    prepared = compose.make_column_transformer((encoder, categorical), remainder="passthrough")
    x, x_test = prepared.fit_transform(train.x), prepared.transform(x_test)
    if problem.is_regression:
        y, kind, can_stop = np.ravel(train.y), ensemble.HistGradientBoostingRegressor, True
    else:
        y, kind = problem.classes(train.y), ensemble.HistGradientBoostingClassifier
        can_stop = np.unique(y, return_counts=True)[1].min() >= MIN_OF_CLASS
    model = kind(
        categorical_features=list(range(len(categorical))),
        random_state=0,
        early_stopping=can_stop,
        warm_start=True,  # the rounds of one fit are those of the ones before, and more
    )
    wanted = MAX_ROUNDS if can_stop else ROUNDS_WITHOUT_END
    # Where others keep the cores busy, several threads for few rows take 30 times as long as one.
    with threadpoolctl.threadpool_limits(1 if len(x) < MAX_ROWS else None, user_api="openmp"):
        _boost(model, x, y, wanted, clock)
    if problem.is_regression:
        return model.predict(x_test).reshape(len(x_test), -1)
    return _as_outputs(problem, model.predict_proba(x_test), model.classes_)


def _boost(model: typing.Any, x: np.ndarray, y: np.ndarray, wanted: int, clock: _Clock) -> None:
    """Fit round after round until the model gets no better, or its time is over."""
    rounds = FIRST_ROUNDS
    while True:
        start = time.monotonic()
        model.set_params(max_iter=rounds).fit(x, y)
        if model.n_iter_ < rounds or rounds == wanted:
            return
        if 2 * (time.monotonic() - start) > clock.left():  # for as many rounds again
            _log.warning("gradient boosting was stopped after %d of %d rounds", rounds, wanted)
            return
        rounds = min(2 * rounds, wanted)


def _mean(y: np.ndarray, rows: int) -> np.ndarray:
    return np.tile(y.mean(axis=0), (rows, 1))


def _logistic(
    problem: Problem,
    model: typing.Any,
    x: np.ndarray,
    classes: np.ndarray,
    pieces: Iterable[np.ndarray],
) -> np.ndarray:
    from sklearn.exceptions import ConvergenceWarning

    if len(found := np.unique(classes)) == 1:  # of a rare class none is among few rows
        num_rows = sum(map(len, pieces))
        return _as_outputs(problem, np.ones((num_rows, 1)), found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # few iterations are meant
        model.fit(x, classes)
    found = np.concatenate([model.predict_proba(piece) for piece in pieces])
    return _as_outputs(problem, found, model.classes_)


def _as_outputs(problem: Problem, found: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return probabilities of the given classes, (rows, classes), as outputs of a model."""
    probabilities = np.zeros((len(found), len(problem.class_names)))
    probabilities[:, classes] = found
    if problem.rule.from_logits:
        return np.log(np.maximum(probabilities, 1e-7))
    return probabilities[:, 1:] if problem.rule.kind == "binary" else probabilities
