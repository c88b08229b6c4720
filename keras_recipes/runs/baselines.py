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
from keras_recipes.data.splits import Split, Splits
from keras_recipes.features import kinds
from keras_recipes.features.baselines import Baseline
from keras_recipes.problems import Problem
from keras_recipes.runs import scoring

# Beyond this many numbers, logistic regression stops after few iterations: on Fashion-MNIST it is
# then 1 point short of where it would end, in 5 s instead of minutes.
MAX_NUMBERS = 5_000_000
MAX_ITERATIONS = 50
ITERATIONS = 2000
FEW_ROWS = 5_000
MAX_ROUNDS = 500  # of gradient boosting, which mostly stops long before
FIRST_ROUNDS = 16
FOLDS = 3  # by which probabilities are calibrated
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
        problem: Decides the baselines, with the kind of input.
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
    for one in kinds.of(splits).baselines(problem, train.x):
        if one.model == "boosting":
            outputs = _boosted(problem, one, train, splits.test.x, clock)
        else:
            fit = functools.partial(FITS[one.model], problem, one, x_test=splits.test.x)
            outputs = _in_time(one, fit, _even_share(train, one.max_rows), clock)
        if outputs is not None:
            yield one.name, outputs


def _targets(y: np.ndarray) -> np.ndarray:
    """Return a regression's targets, float64 (rows, columns)."""
    return np.asarray(y, "float64").reshape(len(y), -1)


def _even_share(train: Split, most: float) -> Split:
    """Return no more than so many training rows, spread over all."""
    if len(train) <= most:
        return train
    return train.take(np.linspace(0, len(train) - 1, int(most)).astype(int))


def _in_time(
    baseline: Baseline, fit: Callable[..., np.ndarray], train: Split, clock: _Clock
) -> np.ndarray:
    """Return a model's outputs: from all rows, or from as many as there is time for."""
    numbers = len(train) * (baseline.num_values or math.prod(np.shape(train.x)[1:]))
    iterations = MAX_ITERATIONS if numbers > MAX_NUMBERS else ITERATIONS
    if numbers <= QUICK or len(train) < MIN_ROWS or clock.left() == math.inf:
        return fit(train, iterations=iterations)
    start = time.monotonic()
    few = _even_share(train, FIRST_SHARE * len(train))
    outputs = fit(few, iterations=iterations)
    share = FIRST_SHARE * clock.left() / (time.monotonic() - start)
    if share > FIRST_SHARE:
        few = _even_share(train, min(share, 1) * len(train))
        outputs = fit(few, iterations=iterations)
    if len(few) < len(train):
        told = (scoring.name_of(baseline.name), f"{len(few):,} of {len(train):,}")
        _log.warning(
            "the %s was fitted on %s rows, because of the time limit of the baselines", *told
        )
    return outputs


def _linear(
    problem: Problem, baseline: Baseline, train: Split, x_test: typing.Any, iterations: int
) -> np.ndarray:
    """Fit a linear model and return its outputs for the test rows."""
    from sklearn import linear_model, pipeline, preprocessing

    x, pieces, scaling, _ = baseline.rows(train, x_test)
    if problem.is_regression:
        model = linear_model.Ridge() if scaling == "none" else linear_model.LinearRegression()
        y = _targets(train.y)
        mean, spread = y.mean(axis=0), y.std() or 1.0
        model.fit(x, (y - mean) / spread)  # in float32: far from 0, digits would be lost
        found = [model.predict(piece).reshape(piece.shape[0], -1) for piece in pieces]
        return mean + spread * np.concatenate(found).astype("float64")
    model = linear_model.LogisticRegression(max_iter=iterations)
    if scaling != "none":
        kind = preprocessing.MaxAbsScaler if scaling == "one" else preprocessing.StandardScaler
        model = pipeline.make_pipeline(kind(), model)
    if problem.rule.kind != "multilabel":
        return _logistic(problem, model, x, problem.classes(train.y), pieces)
    label, pieces = problems.binary(), list(pieces)
    columns = problem.labels(train.y).astype(int).T
    return np.column_stack([_logistic(label, model, x, one, pieces) for one in columns])


def _kernel(
    problem: Problem, baseline: Baseline, train: Split, x_test: typing.Any, **_: int
) -> np.ndarray:
    """Fit a support vector machine with an RBF kernel."""
    from sklearn import pipeline, preprocessing, svm

    scaler = preprocessing.StandardScaler
    machine = pipeline.make_pipeline(scaler(), svm.SVC(C=10))
    other = pipeline.make_pipeline(scaler(), svm.SVC(probability=True))
    return _calibrated(problem, baseline, train, x_test, machine, other)


def _margin(
    problem: Problem, baseline: Baseline, train: Split, x_test: typing.Any, **_: int
) -> np.ndarray:
    """Fit a linear support vector machine."""
    from sklearn import linear_model, svm

    other = linear_model.LogisticRegression(max_iter=MAX_ITERATIONS)
    machine = svm.LinearSVC(random_state=0)
    return _calibrated(problem, baseline, train, x_test, machine, other)


def _calibrated(
    problem: Problem,
    baseline: Baseline,
    train: Split,
    x_test: typing.Any,
    machine: typing.Any,
    other: typing.Any,
) -> np.ndarray:
    """Fit a machine, its probabilities by Platt's scaling; the other where a class is too small."""
    from sklearn import calibration

    x, pieces = baseline.rows(train, x_test)[:2]
    classes = problem.classes(train.y)
    is_enough = np.unique(classes, return_counts=True)[1].min() >= FOLDS
    calibrated = calibration.CalibratedClassifierCV(machine, cv=FOLDS, ensemble=False)
    return _logistic(problem, calibrated if is_enough else other, x, classes, pieces)


def _boosted(
    problem: Problem, baseline: Baseline, train: Split, x_test: pd.DataFrame, clock: _Clock
) -> np.ndarray | None:
    """Fit scikit-learn's gradient boosting, which takes missing values, until it gets no better.

    A tenth of the rows, held out, decides that; without an end it learns single rows by heart, and
    its log loss may be worse than that of the majority class.

    Returns:
        Its outputs for the test rows; None where there is no time left.
    """
    from sklearn import ensemble

    if clock.left() <= 0:
        _log.warning("gradient boosting is left out: there is no time left for it")
        return None
    x, (x_test,), _, num_categorical = baseline.rows(train, x_test)
    if problem.is_regression:
        y, kind, can_stop = np.ravel(train.y), ensemble.HistGradientBoostingRegressor, True
    else:
        y, kind = problem.classes(train.y), ensemble.HistGradientBoostingClassifier
        can_stop = np.unique(y, return_counts=True)[1].min() >= MIN_OF_CLASS
    model = kind(
        categorical_features=list(range(num_categorical)),
        random_state=0,
        early_stopping=can_stop,
        warm_start=True,  # the rounds of one fit are those of the ones before, and more
    )
    wanted = MAX_ROUNDS if can_stop else ROUNDS_WITHOUT_END
    # Where others keep the cores busy, several threads for few rows take 30 times as long as one.
    with threadpoolctl.threadpool_limits(1 if len(x) < FEW_ROWS else None, user_api="openmp"):
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
        num_rows = sum(piece.shape[0] for piece in pieces)
        return _as_outputs(problem, np.ones((num_rows, 1)), found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # few iterations are meant
        warnings.filterwarnings("ignore", "The `probability` parameter", FutureWarning)
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


FITS: dict[str, Callable[..., np.ndarray]] = {
    "linear": _linear,
    "kernel": _kernel,
    "margin": _margin,
}
