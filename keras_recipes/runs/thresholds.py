"""Probabilities of a binary problem: whether they hold, and from which one on to say yes."""

from __future__ import annotations

import numpy as np

THRESHOLDS = np.round(np.arange(0.02, 0.99, 0.02), 2)
NUM_GROUPS = 10


def calibration(y: np.ndarray, probabilities: np.ndarray) -> dict[str, list[float] | float]:
    """Compare what was predicted with what came, in ten groups of rows of like probability.

    Args:
        y: 0 or 1, shape (rows,).
        probabilities: Probabilities of 1, shape (rows,).

    Returns:
        For each group its mean probability ("predicted") and its share of 1 ("observed"); and the
        "error", the mean distance of the two (Naeini, Cooper and Hauskrecht 2015, with groups of
        equal size).
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
    said = probabilities >= threshold
    right = int((said & (y == 1)).sum())
    precision, recall = right / max(said.sum(), 1), right / max((y == 1).sum(), 1)
    found = {
        "accuracy": (said == (y == 1)).mean(),
        "precision": precision,
        "recall": recall,
        "f1": 2 * right / max(said.sum() + (y == 1).sum(), 1),
    }
    return {name: round(float(score), 6) for name, score in found.items()}


def best(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the threshold of the highest F1, the one nearest to 0.5 of several."""
    reached = {t: scores(y, probabilities, t)["f1"] for t in THRESHOLDS.tolist()}
    return max(reached, key=lambda threshold: (reached[threshold], -abs(threshold - 0.5)))
