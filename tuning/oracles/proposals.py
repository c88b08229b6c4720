"""The next point of a Bayesian search: where the most improvement is expected.

Keras Tuner's oracle fits its surrogate 21 times and looks for the next point by 50 searches with
finite differences, about a second in all. Here it is one fit with the gradient known, and one batch
of candidates that is refined around its best.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras_tuner
import numpy as np
import threadpoolctl
from scipy.stats import qmc

from tuning.oracles import spaces, surrogate

NUM_DRAWN = 2000
# Around each of the best few candidates and observed points, so many more, closer each round.
NUM_CENTRES, NUM_AROUND = 10, 60
SPREADS = (0.1, 0.03, 0.01, 0.003)

_threads = threadpoolctl.ThreadpoolController()  # looking for the libraries takes a while


@dataclasses.dataclass(frozen=True)
class Column:
    """A hyperparameter as positions from 0 to 1, and as coordinates of the surrogate.

    Attributes:
        hyperparameter: Of the space.
        values: All that it can take; None for a continuous range.
        is_ordered: Whether values side by side are alike.
    """

    hyperparameter: Any
    values: list | None
    is_ordered: bool

    def position(self, value: object) -> float:
        """Return the position of a value."""
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
        """Return the surrogate's coordinates for positions: the first value is 0, the last is 1."""
        if self.values is None:
            return positions
        return (positions * len(self.values)).astype(int) / (len(self.values) - 1)


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


def spread_out(space: keras_tuner.HyperParameters, number: int, seed: int) -> dict[str, Any]:
    """Return one of a series of points that fill the space more evenly than random ones.

    Args:
        space: With at least one hyperparameter that is not fixed.
        number: Of the point, counted from 0.
        seed: Of the series.
    """
    columns = _columns(space)
    series = qmc.Sobol(len(columns), rng=np.random.default_rng(seed))
    if number:
        series.fast_forward(number)
    return _decode(space, columns, series.random(1)[0])


def propose(
    space: keras_tuner.HyperParameters,
    observed: list[dict[str, Any]],
    losses: np.ndarray,
    *,
    pending: list[dict[str, Any]],
    is_tried: Callable[[str], bool],
    seed: int,
    noise: float | None = None,
    beta: float | None = None,
) -> dict[str, Any] | None:
    """Propose the point of which the most improvement is expected and that was not tried.

    Args:
        space: With at least one hyperparameter that is not fixed.
        observed: Points with a score.
        losses: Their scores, lower is better, shape (len(observed),).
        pending: Points that are running; taken to score what is expected of them.
        is_tried: Returns by `spaces.key` whether a point was proposed before.
        seed: 0..2**32 - 1.
        noise: Share of noise in the losses' variance; None learns it.
        beta: Propose the lowest confidence bound, so many standard deviations below the expected
            loss, in the place of the most expected improvement; None does not.

    Returns:
        Values of the active hyperparameters; None where no candidate is new.
    """
    columns = _columns(space)
    # Matrices of this size take longer to share among threads than to compute.
    with _threads.limit(limits=1):
        seen = _positions(columns, observed)
        is_ordered = np.array([column.is_ordered for column in columns])
        believed = surrogate.fit(_encode(columns, seen), losses, is_ordered, noise)
        if pending:
            believed = believed.expecting(_encode(columns, _positions(columns, pending)))

        def promise(candidates: np.ndarray) -> np.ndarray:
            points = _encode(columns, candidates)
            if beta is None:
                return believed.log_expected_improvement(points)
            return -believed.lower_bound(points, beta)

        best_seen = seen[np.argsort(losses, kind="stable")[:NUM_CENTRES]]
        candidates = _rank(columns, best_seen, promise, np.random.default_rng(seed))
    for row in candidates:
        values = _decode(space, columns, row)
        if not is_tried(spaces.key(values)):
            return values
    return None


def _rank(
    columns: list[Column],
    best_seen: np.ndarray,
    promise: Callable[[np.ndarray], np.ndarray],
    generator: np.random.Generator,
) -> np.ndarray:
    """Return candidates as positions (rows, columns), the most promising first."""
    drawn = generator.random((NUM_DRAWN, len(columns)))
    candidates = _snapped(columns, np.vstack([drawn, _around(best_seen, 0.1, generator)]))
    promises = promise(candidates)
    for spread in SPREADS:
        best = candidates[np.argsort(-promises, kind="stable")[:NUM_CENTRES]]
        near = _snapped(columns, _around(best, spread, generator))
        candidates, promises = np.vstack([candidates, near]), np.append(promises, promise(near))
    return candidates[np.argsort(-promises, kind="stable")]


def _positions(columns: list[Column], points: list[dict]) -> np.ndarray:
    """Return points as positions (points, columns); an inactive one is at its default."""
    own = [(column, column.hyperparameter) for column in columns]
    return np.array(
        [[column.position(point.get(p.name, p.default)) for column, p in own] for point in points]
    )


def _encode(columns: list[Column], positions: np.ndarray) -> np.ndarray:
    pairs = zip(columns, positions.T, strict=True)
    return np.column_stack([column.coordinates(own) for column, own in pairs])


def _snapped(columns: list[Column], positions: np.ndarray) -> np.ndarray:
    pairs = zip(columns, positions.T, strict=True)
    return np.column_stack([column.snap(own) for column, own in pairs])


def _around(centres: np.ndarray, spread: float, generator: np.random.Generator) -> np.ndarray:
    """Scatter points around each centre; half of their coordinates are left as they are."""
    repeated = np.repeat(centres, NUM_AROUND, axis=0)
    steps = generator.normal(0, spread, repeated.shape) * (generator.random(repeated.shape) < 0.5)
    return np.clip(repeated + steps, 0, 1 - 1e-9)


def _decode(
    space: keras_tuner.HyperParameters, columns: list[Column], row: np.ndarray
) -> dict[str, Any]:
    """Turn positions into values of the hyperparameters that are active together."""
    pairs = zip(columns, row.tolist(), strict=True)
    position_of = {id(column.hyperparameter): position for column, position in pairs}
    return spaces.choose(space, lambda p: spaces.value_at(p, position_of.get(id(p), 0.0)))
