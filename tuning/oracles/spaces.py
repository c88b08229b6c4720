"""A search space as points: what it holds, how many, and one drawn at random.

Grid, Random and Bayesian search share these points. A range with a step holds both of its ends,
also where the step does not divide it: Keras Tuner leaves the upper end out when rounding is
against it (`Float(0, 0.5, step=0.1)` ends at 0.4 there).
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras_tuner
import numpy as np

# A range without a step is continuous; a grid takes this many values of it.
NUM_GRID_VALUES = 10
# Points are counted one by one, and only this far.
MAX_COUNT = 100_000


def explore(
    search_space: Callable, known: keras_tuner.HyperParameters | None = None
) -> keras_tuner.HyperParameters:
    """Find every hyperparameter that a function asks for, those in conditional scopes included.

    Args:
        search_space: Takes `HyperParameters`. It is called once, and once more for each conditional
            scope that has not been active before.
        known: Hyperparameters that go before those of the same name that the function asks for.

    Returns:
        The space, with the default values.
    """
    known = known or keras_tuner.HyperParameters()
    found = known.copy()
    tried: list[dict[str, Any]] = [{}]
    for values in tried:  # grows while it is gone through
        hp = known.copy()
        hp.values.update(values)
        search_space(hp)
        found.merge(hp, overwrite=False)
        for scope in hp.inactive_scopes:
            wanted = {condition.name: condition.values[0] for condition in scope}
            if wanted not in tried:
                tried.append(wanted)
    found.values = defaults(found)
    return found


def is_fixed(hyperparameter: Any) -> bool:
    """Return whether a hyperparameter has one value only."""
    values = finite_values(hyperparameter)
    return values is not None and len(values) == 1


def finite_values(hyperparameter: Any) -> list | None:
    """Return every value that a hyperparameter can take, in order; None for a continuous range."""
    if not hasattr(hyperparameter, "min_value"):  # Choice, Boolean, Fixed
        return list(dict.fromkeys(hyperparameter.values))
    low, high = hyperparameter.min_value, hyperparameter.max_value
    if low == high:
        return [low]
    if hyperparameter.step is None:
        return None
    if hyperparameter.sampling == "linear":
        # A hair is added, since (0.5 - 0) / 0.1 is a hair below 5.
        num_steps = math.floor((high - low) / hyperparameter.step + 1e-9)
        inner = [low + i * hyperparameter.step for i in range(num_steps + 1)]
    else:
        inner = hyperparameter.values
    return _tidy(hyperparameter, [low, *inner, high])


def grid_values(hyperparameter: Any) -> list:
    """Return the values that a grid visits: all, or evenly spaced ones of a continuous range."""
    values = finite_values(hyperparameter)
    if values is not None:
        return values
    low, high = hyperparameter.min_value, hyperparameter.max_value
    if hyperparameter.sampling == "linear":
        return _tidy(hyperparameter, np.linspace(low, high, NUM_GRID_VALUES))
    spaced = np.geomspace(low, high, NUM_GRID_VALUES)
    if hyperparameter.sampling == "reverse_log":
        spaced = high + low - spaced
    return _tidy(hyperparameter, spaced)


def _tidy(hyperparameter: Any, values: Iterable) -> list:
    """Sort, drop twins, and write 0.30000000000000004 as 0.3."""
    if isinstance(hyperparameter.min_value, int):
        return sorted({round(float(value)) for value in values})
    return sorted({float(f"{value:.12g}") for value in values})


def is_active(hyperparameter: Any, values: dict[str, Any]) -> bool:
    """Return whether the conditions that a hyperparameter stands under are met."""
    return all(condition.is_active(values) for condition in hyperparameter.conditions)


def points(
    space: keras_tuner.HyperParameters, values_of: Callable[[Any], list] = grid_values
) -> Iterator[dict[str, Any]]:
    """Yield every point of the grid once, the last hyperparameters varying fastest.

    A hyperparameter in a conditional scope is part of the points in which it is active.

    Args:
        space: To go through.
        values_of: Returns the values to go through of a hyperparameter.
    """

    def extend(position: int, values: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if position == len(space.space):
            yield dict(values)
            return
        hyperparameter = space.space[position]
        if hyperparameter.name in values or not is_active(hyperparameter, values):
            yield from extend(position + 1, values)
            return
        for value in values_of(hyperparameter):
            yield from extend(position + 1, {**values, hyperparameter.name: value})

    return extend(0, {})


def is_finite(space: keras_tuner.HyperParameters) -> bool:
    """Return whether the space holds a finite number of points."""
    return all(finite_values(hyperparameter) is not None for hyperparameter in space.space)


def count(space: keras_tuner.HyperParameters) -> int:
    """Count the points of the grid; more than MAX_COUNT are given as MAX_COUNT + 1."""
    return sum(1 for _ in itertools.islice(points(space), MAX_COUNT + 1))


def describe_size(space: keras_tuner.HyperParameters) -> str:
    """Describe how many points the space holds."""
    if not is_finite(space):
        return "a continuous space"
    size = count(space)
    return f"{size:,} points" if size <= MAX_COUNT else f"more than {MAX_COUNT:,} points"


def choose(space: keras_tuner.HyperParameters, value_of: Callable[[Any], object]) -> dict[str, Any]:
    """Return a point: of each active hyperparameter the value that a function returns for it."""
    values: dict[str, Any] = {}
    for hyperparameter in space.space:
        if hyperparameter.name not in values and is_active(hyperparameter, values):
            values[hyperparameter.name] = value_of(hyperparameter)
    return values


def defaults(space: keras_tuner.HyperParameters) -> dict[str, Any]:
    """Return the default point."""

    def default(hyperparameter: Any) -> object:
        is_float = isinstance(getattr(hyperparameter, "min_value", None), float)
        return float(hyperparameter.default) if is_float else hyperparameter.default

    return choose(space, default)


def draw(space: keras_tuner.HyperParameters, generator: np.random.Generator) -> dict[str, Any]:
    """Draw a point at random, each value of a hyperparameter as likely as another."""
    return choose(space, lambda hyperparameter: value_at(hyperparameter, generator.random()))


def value_at(hyperparameter: Any, position: float) -> Any:
    """Return the value at a position from 0 (the first) to just below 1 (the last)."""
    values = finite_values(hyperparameter)
    if values is None:
        return hyperparameter.prob_to_value(position)
    return values[min(int(position * len(values)), len(values) - 1)]


def key(values: dict[str, Any]) -> str:
    """Write a point so that equal points are equal text.

    Names that begin with "tuner/" are Hyperband's own and not part of the point.
    """
    own = {name: value for name, value in values.items() if not name.startswith("tuner/")}
    return json.dumps(own, sort_keys=True)


def describe(space: keras_tuner.HyperParameters) -> dict[str, dict[str, Any]]:
    """Describe each hyperparameter in plain values: two spaces are the same if this is."""
    described = {}
    for entry in space.get_config()["space"]:
        settings = {"type": entry["class_name"], **entry["config"]}
        name = settings.pop("name")
        if not settings["conditions"]:
            del settings["conditions"]
        while name in described:  # the same name under another condition
            name += "'"
        described[name] = settings
    return described


def point_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as they come back from a JSON file."""
    return json.loads(json.dumps(values))
