"""The surrogate of a Bayesian search: a Gaussian process over the losses observed so far.

Matérn 5/2 with a length for each hyperparameter, along which the loss changes, and a share of
noise. Keras Tuner has one length for all and a fixed noise. Lengths and noise are those that the
losses make most probable, given that lengths are thought to be alike until the losses say
otherwise; the gradient is known, so that one search by L-BFGS finds them in some milliseconds.

Source: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", equations 2.23,
2.24, 5.8 and 5.9; the variance of the process is put in at its most probable value.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from scipy import linalg, optimize, special, stats

# Beliefs before any loss was seen, of natural logarithms. A length of half the diagonal of the
# space is the middle; all lengths may be shorter or longer, and each differ a little from the rest.
MIDDLE_LENGTH, SPREAD_OF_ALL, SPREAD_OF_EACH = 0.5, 1.0, 0.4
MIDDLE_NOISE, SPREAD_OF_NOISE = 1e-3, 2.0
LENGTHS, NOISES = (0.03, 30.0), (1e-6, 1.0)
MAX_STEPS = 40


@dataclasses.dataclass(frozen=True)
class Surrogate:
    """A Gaussian process that has seen losses.

    Attributes:
        points: Coordinates, 0 to 1, shape (points, hyperparameters).
        losses: Lower is better, shape (points,).
        is_ordered: For each hyperparameter, whether values side by side are alike. Otherwise any
            two are at distance 1, as the two ends of a range are.
        logs: Natural logarithms of the lengths, and of the noise's share in the variance.
    """

    points: np.ndarray
    losses: np.ndarray
    is_ordered: np.ndarray
    logs: np.ndarray

    @functools.cached_property
    def _factor(self) -> np.ndarray:
        """Cholesky factor of the covariance of the losses, as a share of the variance."""
        covariance, _ = _matern(_distances(self.points, self.points, self.is_ordered), self.logs)
        return linalg.cholesky(_with_noise(covariance, self.logs), lower=True)

    @functools.cached_property
    def _weights(self) -> np.ndarray:
        return linalg.cho_solve((self._factor, True), self.losses)

    @functools.cached_property
    def _variance(self) -> float:
        return max(self.losses @ self._weights / len(self.losses), 1e-12)

    def predict(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the loss without its noise, each (points,)."""
        shared, _ = _matern(_distances(points, self.points, self.is_ordered), self.logs)
        explained = linalg.solve_triangular(self._factor, shared.T, lower=True)
        left = np.maximum(1 - np.sum(explained**2, axis=0), 1e-12)
        return shared @ self._weights, np.sqrt(self._variance * left)

    def expecting(self, points: np.ndarray) -> Surrogate:
        """Add points that are still running, with the losses that are expected of them."""
        return dataclasses.replace(
            self,
            points=np.vstack([self.points, points]),
            losses=np.append(self.losses, self.predict(points)[0]),
        )

    @functools.cached_property
    def _best(self) -> float:
        """The best point's loss as the process predicts it, without its noise."""
        return np.min(self.predict(self.points)[0])

    def lower_bound(self, points: np.ndarray, beta: float) -> np.ndarray:
        """Return the expected loss minus beta times its standard deviation, shape (points,).

        Source: Srinivas et al. 2010, "Gaussian process optimization in the bandit setting".
        """
        mean, deviation = self.predict(points)
        return mean - beta * deviation

    def log_expected_improvement(self, points: np.ndarray) -> np.ndarray:
        """Return the logarithm of the expected gain over the best point seen, shape (points,).

        Source: Jones et al. 1998, "Efficient Global Optimization", equation 15.
        """
        mean, deviation = self.predict(points)
        z = (self._best - mean) / deviation
        log_density = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
        gain = np.exp(log_density) + z * special.ndtr(z)
        # Far below, the two terms cancel each other; what is left goes like density / (z² + 3).
        near = np.log(np.maximum(gain, 1e-300))
        return np.log(deviation) + np.where(z > -5, near, log_density - np.log(z**2 + 3))


def fit(
    points: np.ndarray, losses: np.ndarray, is_ordered: np.ndarray, noise: float | None = None
) -> Surrogate:
    """Find the most probable lengths and noise.

    Args:
        points: Coordinates, 0 to 1, shape (points, hyperparameters).
        losses: Lower is better, shape (points,).
        is_ordered: Shape (hyperparameters,).
        noise: Its share in the variance; None finds the most probable one.
    """
    losses = _tame(losses)
    distances = _distances(points, points, is_ordered)
    num = points.shape[1]
    middle = np.full(num + 1, math.log(MIDDLE_LENGTH * math.sqrt(num)))
    middle[-1] = math.log(noise or MIDDLE_NOISE)
    bounds = np.log([LENGTHS] * num + [(noise, noise) if noise else NOISES])
    found = optimize.minimize(
        _minus_log_probability,
        middle,
        args=(distances, losses, middle, _precision(num)),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": MAX_STEPS},
    )
    return Surrogate(points, losses, is_ordered, found.x)


def _tame(losses: np.ndarray) -> np.ndarray:
    """Bring losses to mean 0 and deviation 1, and near to a bell curve.

    A learning rate that is too big gives losses far from all others, beside which these would look
    alike. Source: Yeo and Johnson 2000, Biometrika 87.
    """
    quartile = np.quantile(losses, 0.75)
    reach = 3 * (quartile - np.min(losses))
    losses = np.minimum(losses, quartile + reach) if reach > 0 else losses
    deviation = np.std(losses)
    if not deviation > 1e-12 * np.abs(losses).max():
        return np.zeros(len(losses))
    bent, _ = stats.yeojohnson((losses - np.mean(losses)) / deviation)
    return (bent - np.mean(bent)) / np.std(bent)


def _precision(num: int) -> np.ndarray:
    """Return the inverse covariance of the beliefs about lengths and noise."""
    covariance = np.diag(np.append(np.full(num, SPREAD_OF_EACH**2), SPREAD_OF_NOISE**2))
    covariance[:num, :num] += SPREAD_OF_ALL**2
    return np.linalg.inv(covariance)


def _minus_log_probability(
    logs: np.ndarray,
    distances: np.ndarray,
    losses: np.ndarray,
    middle: np.ndarray,
    precision: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Return minus the log posterior of lengths and noise, and its gradient."""
    num = len(losses)
    covariance, slope = _matern(distances, logs)
    try:
        factor = linalg.cholesky(_with_noise(covariance, logs), lower=True)
    except linalg.LinAlgError:
        return 1e10, np.zeros_like(logs)
    inverse = linalg.cho_solve((factor, True), np.eye(num))
    weights = inverse @ losses
    fit = max(losses @ weights, 1e-12)
    away = precision @ (logs - middle)
    value = num / 2 * math.log(fit) + np.log(np.diag(factor)).sum() + (logs - middle) @ away / 2
    change = (inverse - num / fit * np.outer(weights, weights)) / 2
    by_length = np.tensordot(distances, change * slope, 2) * np.exp(-2 * logs[:-1])
    return value, np.append(by_length, np.trace(change) * math.exp(logs[-1])) + away


def _distances(a: np.ndarray, b: np.ndarray, is_ordered: np.ndarray) -> np.ndarray:
    """Return squared distances of each hyperparameter, (hyperparameters, len(a), len(b))."""
    squared = (a.T[:, :, None] - b.T[:, None, :]) ** 2
    squared[~is_ordered] = squared[~is_ordered] > 0
    return squared


def _matern(distances: np.ndarray, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations, and their slopes along the scaled squared distances, times -2."""
    scaled = np.sqrt(5 * np.tensordot(np.exp(-2 * logs[:-1]), distances, 1))
    decay = np.exp(-scaled)
    return (1 + scaled + scaled**2 / 3) * decay, 5 / 3 * (1 + scaled) * decay


def _with_noise(covariance: np.ndarray, logs: np.ndarray) -> np.ndarray:
    return covariance + math.exp(logs[-1]) * np.eye(len(covariance))
