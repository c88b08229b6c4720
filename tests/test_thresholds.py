"""Thresholds and calibration against small sums that can be done by hand."""

import numpy as np
import pytest

from keras_recipes.runs import thresholds

Y = np.array([0, 0, 1, 1, 1])
SHARES = np.array([0.1, 0.6, 0.4, 0.7, 0.9])


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.5, {"accuracy": 0.6, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3}),
        (0.4, {"accuracy": 0.8, "precision": 0.75, "recall": 1.0, "f1": 6 / 7}),
        (0.95, {"accuracy": 0.4, "precision": 0.0, "recall": 0.0, "f1": 0.0}),
    ],
)
def test_scores_of_a_threshold(threshold, expected):
    assert thresholds.scores(Y, SHARES, threshold) == pytest.approx(expected, abs=1e-6)


def test_best_threshold_has_the_highest_f1_and_is_near_a_half():
    assert thresholds.best(Y, SHARES) == 0.4
    assert thresholds.best(np.array([0, 1]), np.array([0.1, 0.9])) == 0.5


def test_probabilities_that_hold_have_no_error():
    rng = np.random.default_rng(0)
    probabilities = rng.random(20_000)
    y = (rng.random(20_000) < probabilities).astype(int)
    assert thresholds.calibration(y, probabilities)["error"] < 0.02
    assert thresholds.calibration(y, probabilities**3)["error"] > 0.1
    assert len(thresholds.calibration(Y, SHARES)["observed"]) == 5
