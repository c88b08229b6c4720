"""Scores of predictions: measured in float64 by scikit-learn, compared, and written as text."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import keras
import numpy as np
import scipy
from sklearn import exceptions, metrics

from keras_recipes.problems import Problem, sign

NUM_DIGITS = 10  # significant ones that are kept of a score
CONFIDENCE = 0.95
BETTER, WORSE, TIED = "better", "worse", "tied"
NAMES = {"auc": "AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "f1": "F1"}
NAMES |= {"binary_accuracy": "accuracy"}
_ABBREVIATIONS = {"svm ": "SVM ", "tf idf": "TF-IDF", "nb weights": "naive Bayes weights"}


def name_of(model: str) -> str:
    """Return a model's name for people: "SVM on TF-IDF" for svm_on_tf_idf."""
    name = model.replace("_", " ")
    for written, shown in _ABBREVIATIONS.items():
        name = name.replace(written, shown)
    return name


def measure(problem: Problem, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """Score raw outputs by the loss and the metrics of the problem.

    Args:
        problem: Decides loss and metrics.
        y: Targets, shape (rows,) or (rows, columns).
        outputs: What `training.predict` returned, shape (rows, num_outputs).

    Returns:
        "loss", the headline metric and each other metric of the rule, in the target's own unit for
        a regression, and "f1" of the second class for a binary problem, to 10 significant digits;
        NaN where it is not defined, as the AUC of rows of one class is.
    """
    others = (*problem.rule.metrics, *(["f1"] if problem.rule.kind == "binary" else []))
    names = dict.fromkeys(("loss", problem.headline, *others))
    if not np.isfinite(outputs).all():
        return dict.fromkeys(names, math.nan)
    with warnings.catch_warnings():  # of a score that is not defined
        warnings.simplefilter("ignore", exceptions.UndefinedMetricWarning)
        scores = _measure_numbers if problem.is_regression else _measure_classes
        found = scores(problem, y, outputs)
    return {name: float(f"{found[name]:.{NUM_DIGITS}g}") for name in names}


def _measure_numbers(problem: Problem, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    true, predicted = _columns(y), _columns(outputs)
    mse = metrics.mean_squared_error(true, predicted)
    # Of several columns the explained fraction of their total variance: in a mean of each one's R²,
    # columns that hardly vary would count as much as the others.
    r2 = metrics.r2_score(true, predicted, multioutput="variance_weighted")
    mae = metrics.mean_absolute_error(true, predicted)
    return {"loss": mse, "rmse": math.sqrt(mse), "mae": mae, "r2": r2}


def _measure_classes(problem: Problem, y: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    probabilities = _probabilities(problem, outputs)
    if problem.rule.kind == "multilabel":
        true, probabilities = _columns(y), probabilities.ravel()
        right = metrics.accuracy_score(true.ravel(), _columns(problem.decide(outputs)).ravel())
        classes, labels = true.ravel(), [0, 1]
    else:
        classes, labels = problem.classes(y), list(range(len(problem.class_names)))
        right = metrics.accuracy_score(classes, problem.decide(outputs))
    loss = metrics.log_loss(classes, probabilities, labels=labels)
    found = {"loss": loss, "accuracy": right, "binary_accuracy": right}
    if problem.rule.kind == "binary":
        found["f1"] = metrics.f1_score(classes, problem.decide(outputs), zero_division=0)
    if "auc" in problem.rule.metrics:  # of several labels over all of them together
        has_both = len(np.unique(classes)) == 2
        found["auc"] = metrics.roc_auc_score(classes, np.ravel(outputs)) if has_both else math.nan
    return found


def _columns(y: np.ndarray) -> np.ndarray:
    return np.asarray(y, "float64").reshape(len(y), -1)


def _probabilities(problem: Problem, outputs: np.ndarray) -> np.ndarray:
    """Return probabilities that are not 0: from logits they have no limit, else that of Keras."""
    least = np.finfo("float64").eps if problem.rule.from_logits else keras.config.epsilon()
    found = np.clip(problem.probabilities(outputs), least, 1 - least)
    return found if problem.rule.kind == "multilabel" else found / found.sum(axis=1, keepdims=True)


def of_rows(problem: Problem, metric: str, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return what each row adds to a score, so that scores can be compared row by row.

    The values are linear in the row: their mean is the score, and the standard error of their mean
    is that of the score, by the delta method for RMSE and F1, and by DeLong, DeLong and
    Clarke-Pearson (1988, "Comparing the areas under two or more correlated ROC curves") for the
    AUC.

    Args:
        problem: Of the outputs.
        metric: "loss", one of the rule's metrics, or "f1" of a binary problem.
        y: Targets, shape (rows,) or (rows, columns).
        outputs: What `training.predict` returned, shape (rows, num_outputs).

    Returns:
        float64 (rows,).
    """
    if problem.is_regression:
        return _of_rows_of_numbers(metric, _columns(y), _columns(outputs))
    if metric == "auc":
        return _of_rows_for_auc(_columns(y), _columns(outputs))
    several = problem.rule.kind == "multilabel"
    true = _columns(y).astype("int64") if several else problem.classes(y)
    if metric == "loss":
        found = _probabilities(problem, outputs)
        if several:
            return -np.log(np.where(true == 1, found, 1 - found)).mean(axis=1)
        return -np.log(found[np.arange(len(true)), true])
    if metric == "f1":
        return _of_rows_for_f1(true, problem.decide(outputs))
    right = (problem.decide(outputs) == true).astype("float64")
    return right.mean(axis=1) if several else right


def _of_rows_of_numbers(metric: str, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    if metric == "mae":
        return np.abs(true - predicted).mean(axis=1)
    squared = (true - predicted) ** 2
    if metric == "r2":
        varied = np.ptp(true, axis=0) > 0
        return 1 - squared[:, varied].sum(axis=1) / true[:, varied].var(axis=0).sum()
    squared = squared.mean(axis=1)
    rmse = math.sqrt(squared.mean())
    return squared if metric == "loss" else (squared + rmse**2) / (2 * rmse or 1)


def _of_rows_for_auc(true: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return values for rows; of several labels, each row's mean over its cells."""
    yes, ranks = true.ravel() == 1, scipy.stats.rankdata(outputs)
    if yes.all() or not yes.any():
        return np.full(len(true), np.nan)
    above = np.empty(len(ranks))  # fraction of the other class on the right side of each cell
    for own in (yes, ~yes):
        above[own] = (ranks[own] - scipy.stats.rankdata(outputs.ravel()[own])) / (~own).sum()
    above[~yes] = 1 - above[~yes]
    auc = above[yes].mean()
    weights = np.where(yes, 1 / yes.mean(), 1 / (~yes).mean())
    return (auc + (above - auc) * weights).reshape(true.shape).mean(axis=1)


def _of_rows_for_f1(true: np.ndarray, decided: np.ndarray) -> np.ndarray:
    both, either = 2.0 * (true * decided), (true + decided).astype("float64")
    f1 = both.sum() / max(either.sum(), 1)
    return f1 + (both - f1 * either) / (either.mean() or 1)


def judge(differences: Sequence[float] | np.ndarray, tested_share: float = 0.0) -> dict:
    """Judge by how much one model is better than another, from pairs of their scores.

    The rule everywhere: the two are tied unless their mean difference is beyond its noise, the 95 %
    interval of Student's paired t (about two standard errors). Rows of one test split are pairs as
    in Diebold and Mariano (1995, "Comparing predictive accuracy") and, for right and wrong answers,
    Dietterich (1998, "Approximate statistical tests for comparing supervised classification
    learning algorithms"). Splits that share training rows are not independent; their standard error
    is the corrected one of Nadeau and Bengio (2003, "Inference for the generalization error",
    https://doi.org/10.1023/A:1024068626366).

    Args:
        differences: For each row, split or seed, above 0 where the first model is better.
        tested_share: Rows that are tested on for each row that is learned from, where the pairs are
            splits of the same rows.

    Returns:
        "mean" and "standard_error" of the difference, and a "verdict": "better", "worse" or "tied".
        A single pair is tied, and so are scores that are not defined.
    """
    mean, count = float(np.mean(differences)), len(differences)
    if count < 2 or math.isnan(mean):
        return {"mean": mean, "standard_error": math.nan, "verdict": TIED}
    variance = float(np.var(differences, ddof=1))
    error = math.sqrt((1 / count + tested_share) * variance)
    noise = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    verdict = TIED if abs(mean) <= noise else BETTER if mean > 0 else WORSE
    return {"mean": mean, "standard_error": error, "verdict": verdict}


def compare(problem: Problem, y: np.ndarray, outputs: np.ndarray, others: np.ndarray) -> dict:
    """Judge the outputs of one model against those of another for the same rows.

    Args:
        problem: Its headline metric decides.
        y: Targets, shape (rows,) or (rows, columns).
        outputs: Of the first model, shape (rows, num_outputs).
        others: Of the other.

    Returns:
        As `judge`; the mean is that of the scores. A model whose outputs are not all finite loses.
    """
    if not (np.isfinite(outputs).all() and np.isfinite(others).all()):
        verdict = BETTER if np.isfinite(outputs).all() else WORSE
        return {"mean": math.nan, "standard_error": math.nan, "verdict": verdict}
    ours, theirs = (of_rows(problem, problem.headline, y, one) for one in (outputs, others))
    return judge(sign(problem.headline) * (ours - theirs))


def figure(score: float | None) -> str:
    """Return a score as text, to as many digits as one reads, however large or small it is."""
    if score is None or math.isnan(score):
        return "-"
    return f"{score:{_form(score)}}"


def with_spread(mean: float, spread: float) -> str:
    """Return a mean and its standard deviation or error as text, both to the mean's decimals."""
    form = _form(mean)
    return f"{figure(mean)} ± {spread:{'.2g' if form.endswith('g') else form}}"


def _form(score: float) -> str:
    size = abs(score)
    if size == 0 or 0.1 <= size < 1000:
        return ".4f"
    return ",.1f" if 1000 <= size < 1e7 else ".4g"
