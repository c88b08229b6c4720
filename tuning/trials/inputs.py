"""What a trial is made of: the Config of its point, and the data without the test part."""

from __future__ import annotations

import dataclasses
from typing import Any, NoReturn

import keras_tuner

from keras_recipes import catalog, recipe as contract
from keras_recipes.configs import Config
from keras_recipes.data import splits
from keras_recipes.recipe import Recipe


class ClosedTestError(Exception):
    """A search asked for the test part."""


class ClosedTest:
    """Stands where the test part was: nothing in a search may look at it."""

    def __getattr__(self, name: str) -> NoReturn:
        raise ClosedTestError(f"a search does not open the test part (asked for {name!r})")


def make_config(
    recipe: Recipe, values: dict[str, Any], fixed: dict[str, Any], num_rows: int | None = None
) -> Config:
    """Make the Config of a point.

    Args:
        recipe: A recipe module.
        values: Of the hyperparameters; Hyperband's number of epochs goes before the Config's.
        fixed: Fields that do not depend on the point.
        num_rows: Training rows, where settings depend on them; None leaves the settings.
    """
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    config = dataclasses.replace(contract.search_space(recipe, hp), **fixed)
    if "epochs" not in fixed and num_rows is not None:
        config = config.for_rows(num_rows)
    if "tuner/epochs" in values:
        config = dataclasses.replace(config, epochs=values["tuner/epochs"])
    return config


_loaded: dict[str, tuple[dict[str, Any], splits.Split, splits.Splits]] = {}


def load_data(reference: str, config: Config, *, with_test: bool = False) -> splits.Splits:
    """Load a recipe's data; again only where the Config asks for other data.

    Which settings the data depend on is seen by which ones `load_data` reads.

    Args:
        reference: What `catalog.refer` returned.
        config: Of a trial.
        with_test: Whether the test part is opened; a trial never does.
    """
    known = _loaded.get(reference)
    if not (known and all(getattr(config, name) == value for name, value in known[0].items())):
        watched, names = _watch(config)
        loaded = contract.load_data(catalog.load(reference), watched)
        closed = dataclasses.replace(loaded, test=ClosedTest())  # type: ignore[arg-type]
        known = {name: getattr(config, name) for name in names}, loaded.test, closed
        _loaded[reference] = known
    _, test, closed = known
    return dataclasses.replace(closed, test=test) if with_test else closed


def _watch(config: Config) -> tuple[Config, set[str]]:
    """Return a Config like the one given, and the set of its fields that are read from now on."""
    fields = {field.name for field in dataclasses.fields(config)}
    names: set[str] = set()
    kind: Any = type(config)

    class Watched(kind):
        def __getattribute__(self, name: str) -> Any:
            if name in fields:
                names.add(name)
            return super().__getattribute__(name)

    watched = object.__new__(Watched)
    object.__setattr__(watched, "__dict__", dict(vars(config)))
    names.clear()
    return watched, names
