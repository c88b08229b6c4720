"""The next point of a Bayesian search: where a Gaussian process expects most.

The surrogate and the acquisition are those of Keras Tuner's oracle (Matérn 5/2, lower confidence
bound). What takes 1.2 s there, 20 restarts of the fit and 50 searches by finite differences, is one
fit and one batch of candidates here, which is then refined around its best.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable

import keras_tuner
import numpy as np
import threadpoolctl
from scipy import optimize

from tuning import spaces

NUM_DRAWN = 2000
# Around each of the best few candidates and observed points, so many more, closer each round.
NUM_CENTRES, NUM_AROUND = 10, 60
SPREADS = (0.1, 0.03, 0.01)
LENGTHS, NUM_LENGTHS = (0.05, 20.0), 9


@dataclasses.dataclass(frozen=True)
class Column:
    """A hyperparameter as positions from 0 to 1, and as coordinates of the surrogate.

    Attributes:
        hyperparameter: Of the space.
        values: All that it can take; None for a continuous range.
        is_ordered: Whether values side by side are alike. Otherwise each has an axis of its own.
    """

    hyperparameter: object
    values: list | None
    is_ordered: bool

    def position(self, value: object) -> float:
        """Give the position of a value."""
        if self.values is None:
            return self.hyperparameter.value_to_prob(value)
        return (self.values.index(value) + 0.5) / len(self.values)

    def snap(self, positions: np.ndarray) -> np.ndarray:
        """Move positions to the middle of the value that they stand for."""
        if self.values is None:
            return positions
        size = len(self.values)
        return (np.minimum(positions * size, size - 1).astype(int) + 0.5) / size

    def coordinates(self, positions: np.ndarray) -> np.ndarray:
        """Give the surrogate's coordinates, shape (rows, axes), for positions (rows,)."""
        if self.values is None:
            return positions[:, None]
        index = (positions * len(self.values)).astype(int)
        if self.is_ordered:
            return index[:, None] / (len(self.values) - 1)
        # Any two different values are at distance 1, as the two ends of a range are.
        return np.eye(len(self.values))[index] / np.sqrt(2)


def _columns(space: keras_tuner.HyperParameters) -> list[Column]:
    return [
        Column(
            hyperparameter,
            spaces.finite_values(hyperparameter),
            getattr(hyperparameter, "ordered", True),
        )
        for hyperparameter in space.space
        if not spaces.is_fixed(hyperparameter)
    ]


def propose(
    space: keras_tuner.HyperParameters,
    observed: list[dict],
    losses: np.ndarray,
    *,
    pending: list[dict],
    is_tried: Callable[[str], bool],
    seed: int,
    noise: float,
    beta: float,
) -> dict | None:
    """Propose the point with the lowest confidence bound that was not tried.

    Args:
        space: With at least one hyperparameter that is not fixed.
        observed: Points with a score.
        losses: Their scores, lower is better, shape (len(observed),).
        pending: Points that are running; taken to score what is expected of them.
        is_tried: Tells by `spaces.key` whether a point was proposed before.
        seed: 0..2**32 - 1.
        noise: Variance of a score, as a share of the variance of all.
        beta: Weight of the uncertainty against the expectation.

    Returns:
        Values of the active hyperparameters; None where no candidate is new.
    """
    # Matrices of this size take longer to share among threads than to compute.
    with threadpoolctl.threadpool_limits(1):
        columns = _columns(space)
        candidates = _rank(
            columns, observed, losses, pending, np.random.default_rng(seed), noise, beta
        )
    for row in candidates:
        values = _decode(space, columns, row)
        if not is_tried(spaces.key(values)):
            return values
    return None


def _rank(columns, observed, losses, pending, generator, noise, beta) -> np.ndarray:
    """Give candidates (rows, columns), those with the lowest confidence bound first."""
    positions = _positions(columns, observed)
    surrogate = _fit(_encode(columns, positions), losses, noise)
    if pending:
        surrogate = _with_pending(surrogate, _encode(columns, _positions(columns, pending)))

    def bound(candidates: np.ndarray) -> np.ndarray:
        mean, deviation = surrogate.predict(_encode(columns, candidates), return_std=True)
        return mean - beta * deviation

    best_seen = positions[np.argsort(losses, kind="stable")[:NUM_CENTRES]]
    return _candidates(columns, best_seen, bound, generator)


def _positions(columns: list[Column], points: list[dict]) -> np.ndarray:
    """Give points as positions (points, columns); an inactive hyperparameter is at its default."""
    return np.array(
        [
            [
                column.position(
                    point.get(column.hyperparameter.name, column.hyperparameter.default)
                )
                for column in columns
            ]
            for point in points
        ]
    )


def _encode(columns: list[Column], positions: np.ndarray) -> np.ndarray:
    return np.hstack(
        [column.coordinates(positions[:, number]) for number, column in enumerate(columns)]
    )


def _fit(x: np.ndarray, losses: np.ndarray, noise: float):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern

    surrogate = GaussianProcessRegressor(
        Matern(nu=2.5, length_scale_bounds=LENGTHS),
        alpha=noise,
        normalize_y=True,
        optimizer=_find_length,
    )
    with warnings.catch_warnings():
        # A length at the end of its range is an answer: the score hardly depends on the point.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return surrogate.fit(x, losses)


def _find_length(minus_likelihood: Callable, start: np.ndarray, bounds: np.ndarray) -> tuple:
    """Find the kernel's one length: the best of a few over its range, then the best near that.

    In one dimension this finds the optimum surely, without restarts from random points.
    """

    def objective(log_length: float) -> float:
        return minus_likelihood(np.array([log_length]), eval_gradient=False)

    tried = np.linspace(*bounds[0], NUM_LENGTHS)
    values = [objective(log_length) for log_length in tried]
    best = int(np.argmin(values))
    near = (tried[max(best - 1, 0)], tried[min(best + 1, NUM_LENGTHS - 1)])
    found = optimize.minimize_scalar(
        objective, bounds=near, method="bounded", options={"maxiter": NUM_LENGTHS}
    )
    if found.fun < values[best]:
        return np.array([found.x]), found.fun
    return tried[best : best + 1], values[best]


def _with_pending(surrogate, x: np.ndarray):
    """Add points that are running, at their expected score, so that the next goes elsewhere."""
    from sklearn.base import clone

    added = clone(surrogate).set_params(kernel=surrogate.kernel_, optimizer=None)
    known = surrogate.y_train_ * surrogate._y_train_std + surrogate._y_train_mean
    return added.fit(
        np.vstack([surrogate.X_train_, x]), np.concatenate([known, surrogate.predict(x)])
    )


def _candidates(
    columns: list[Column],
    best_seen: np.ndarray,
    bound: Callable[[np.ndarray], np.ndarray],
    generator: np.random.Generator,
) -> np.ndarray:
    """Give candidates (rows, columns), the lowest bound first."""
    drawn = generator.random((NUM_DRAWN, len(columns)))
    candidates = _snapped(columns, np.vstack([drawn, _around(best_seen, 0.1, generator)]))
    bounds = bound(candidates)
    for spread in SPREADS:
        order = np.argsort(bounds, kind="stable")
        near = _snapped(columns, _around(candidates[order[:NUM_CENTRES]], spread, generator))
        candidates, bounds = np.vstack([candidates, near]), np.append(bounds, bound(near))
    return candidates[np.argsort(bounds, kind="stable")]


def _snapped(columns: list[Column], positions: np.ndarray) -> np.ndarray:
    return np.column_stack(
        [column.snap(positions[:, number]) for number, column in enumerate(columns)]
    )


def _around(centres: np.ndarray, spread: float, generator: np.random.Generator) -> np.ndarray:
    """Scatter points around each centre; half of their coordinates are left as they are."""
    repeated = np.repeat(centres, NUM_AROUND, axis=0)
    steps = generator.normal(0, spread, repeated.shape) * (generator.random(repeated.shape) < 0.5)
    return np.clip(repeated + steps, 0, 1 - 1e-9)


def _decode(space: keras_tuner.HyperParameters, columns: list[Column], row: np.ndarray) -> dict:
    """Turn positions into values of the hyperparameters that are active together."""
    position_of = {id(column.hyperparameter): row[number] for number, column in enumerate(columns)}
    values = {}
    for hyperparameter in space.space:
        if hyperparameter.name not in values and spaces.is_active(hyperparameter, values):
            position = position_of.get(id(hyperparameter), 0.0)
            values[hyperparameter.name] = spaces.value_at(hyperparameter, float(position))
    return values
