"""Calibration of the probabilities of a binary problem, and scores of its decision thresholds."""

from __future__ import annotations

import numpy as np

THRESHOLDS = np.round(np.arange(0.02, 0.99, 0.02), 2)
NUM_GROUPS = 10


def calibration(y: np.ndarray, probabilities: np.ndarray) -> dict[str, list[float] | float]:
    """Compare predicted and observed probabilities, in ten groups of rows of like probability.

    Args:
        y: 0 or 1, shape (rows,).
        probabilities: Probabilities of 1, shape (rows,).

    Returns:
        For each group its mean probability ("predicted") and its fraction of 1 ("observed"); and
        the "error", the mean distance of the two (Naeini, Cooper and Hauskrecht 2015, with groups
        of equal size).
    """
    order = np.argsort(probabilities, kind="stable")
    groups = [rows for rows in np.array_split(order, NUM_GROUPS) if len(rows)]
    predicted = np.array([probabilities[rows].mean() for rows in groups])
    observed = np.array([y[rows].mean() for rows in groups])
    error = np.average(abs(predicted - observed), weights=[len(rows) for rows in groups])
    return {
        "predicted": predicted.round(6).tolist(),
        "observed": observed.round(6).tolist(),
        "error": round(float(error), 6),
    }


def scores(y: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, float]:
    """Score the decisions that a threshold makes: accuracy, precision, recall, F1; 0 for 0 / 0.

    Args:
        y: 0 or 1, shape (rows,).
        probabilities: Probabilities of 1, shape (rows,).
        threshold: A probability of at least this much is a 1.
    """
    decided = probabilities >= threshold
    right = int((decided & (y == 1)).sum())
    precision, recall = right / max(decided.sum(), 1), right / max((y == 1).sum(), 1)
    found = {
        "accuracy": (decided == (y == 1)).mean(),
        "precision": precision,
        "recall": recall,
        "f1": 2 * right / max(decided.sum() + (y == 1).sum(), 1),
    }
    return {name: round(float(score), 6) for name, score in found.items()}


def best(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the threshold of the highest F1, the one nearest to 0.5 of several."""
    reached = {t: scores(y, probabilities, t)["f1"] for t in THRESHOLDS.tolist()}
    return max(reached, key=lambda threshold: (reached[threshold], -abs(threshold - 0.5)))
