"""A known point to start from: the hyperparameters' values behind a Config that a run left."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import pathlib
from collections.abc import Iterator
from typing import Any

import keras_tuner

from keras_recipes import configs, recipe as contract
from keras_recipes.errors import InputError
from keras_recipes.recipe import Recipe
from keras_recipes.runs import run as runs, saved
from tuning.oracles import spaces
from tuning.trials import inputs

# A search has its own; whatever the run had of these says nothing about a point.
OF_THE_SEARCH = {"epochs", "seed", "refit", "data", "data_dir"}
_OWN_DATA = (configs.TableOptions, configs.ImageOptions, configs.TextOptions)
OF_THE_SEARCH |= {name for kind in _OWN_DATA for name in kind.names()}

_log = logging.getLogger(__name__)


def find(
    path: pathlib.Path,
    recipe: Recipe,
    space: keras_tuner.HyperParameters,
    table: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Find the point of a search space that gives the Config of a run.

    Args:
        path: A run folder, a search folder (its best point is meant), or a config.json.
        recipe: The module.
        space: The recipe's.
        table: What is told about a user's table.

    Returns:
        Values of the hyperparameters.

    Raises:
        InputError: If there is no such file, or no point of the space gives its settings.
    """
    settings = configs.read_settings(path, recipe.Config, "--start-from")
    _check_unchanged(path)
    wanted = {name: value for name, value in settings.items() if name not in OF_THE_SEARCH}
    found = []
    for point in itertools.islice(_points(space, wanted), spaces.MAX_COUNT):
        config = dataclasses.asdict(inputs.make_config(recipe, point, table or {}))
        found.append((point, spaces.point_of(runs.plain(config))))
    point, nearest = min(found, key=lambda pair: len(_find_differences(wanted, pair[1])))
    for name in _find_differences(wanted, nearest):
        said = f"--start-from {path}: {name} is {wanted[name]} there"
        if any(config.get(name) != nearest.get(name) for _, config in found):
            raise InputError(f"{said}, which the search space does not hold; give another run")
        if name not in nearest:
            raise InputError(f"{said}, which is no setting of {contract.name_of(recipe)}")
        _log.warning("%s, and is no hyperparameter: the search has %s", said, nearest[name])
    return point


def _check_unchanged(path: pathlib.Path) -> None:
    """Refuse the folder of a run, or of a search's best one, that was changed after the run."""
    folder = next((one for one in (path, path / "best") if (one / "metrics.json").exists()), None)
    if folder is None:
        return  # settings alone: nothing is known of what they were
    try:
        saved.check_files(folder, saved.read_metrics(folder))
    except InputError as error:
        raise InputError(f"--start-from {error}") from error


def _points(space: keras_tuner.HyperParameters, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the points that may be meant: a hyperparameter called like a setting has its value."""

    def values_of(hyperparameter: Any) -> list:
        value, values = wanted.get(hyperparameter.name), spaces.finite_values(hyperparameter)
        if values is not None:
            return [value] if value in values else values
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and hyperparameter.min_value <= value <= hyperparameter.max_value:
            return [value]
        return spaces.grid_values(hyperparameter)

    return spaces.points(space, values_of)


def _find_differences(wanted: dict[str, Any], config: dict[str, Any]) -> list[str]:
    return [name for name, value in wanted.items() if config.get(name, object) != value]
