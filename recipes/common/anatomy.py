"""The parts of a recipe and what each must give: somebody's change that forgot it is named."""

from __future__ import annotations

import pathlib
import types

import keras

from recipes.common.checks.facts import Facts
from recipes.common.configs import Config
from recipes.common.errors import InputError


def bind(recipe: types.ModuleType, config: Config) -> types.ModuleType:
    """Give a recipe with the problem that it has by a config, where that depends on the data."""
    return recipe.bind(config) if hasattr(recipe, "bind") else recipe


def settle(recipe: types.ModuleType, config: Config) -> Config:
    """Give a config with what the data decide about it, where a recipe lets them."""
    return recipe.settle(config) if hasattr(recipe, "settle") else config


def load_data(recipe: types.ModuleType, config: Config):
    """Call a recipe's load_data.

    Returns:
        `datasets.splits.Splits`.

    Raises:
        InputError: If it gives anything else, or finds no file where it looks from this folder.
    """
    try:
        splits = recipe.load_data(config)
    except FileNotFoundError as error:
        named = error.filename
        if not isinstance(named, str | pathlib.Path) or pathlib.Path(named).is_absolute():
            raise
        raise InputError(
            f"{_file(recipe)}: load_data finds no file {named} in {pathlib.Path.cwd()}; "
            "let its path start at the file that reads it: "
            f'pathlib.Path(__file__).with_name("{pathlib.Path(named).name}")'
        ) from error
    if any(not hasattr(splits, part) for part in ("train", "validation", "test", "source")):
        raise _wrong(
            recipe, "load_data", splits, "a Splits, as datasets.splits.split(x, y, source, seed) is"
        )
    return splits


def build_model(recipe: types.ModuleType, config: Config) -> keras.Model:
    """Call a recipe's build_model.

    Returns:
        The compiled model.

    Raises:
        InputError: If it gives anything else, or lacks a metric that the run cannot do without.
    """
    model = recipe.build_model(config)
    compiled = "end it with `return PROBLEM.compile(model, optimizer)`"
    if not isinstance(model, keras.Model):
        raise _wrong(recipe, "build_model", model, f"a keras.Model; {compiled}")
    if not model.compiled:
        raise InputError(f"{_file(recipe)}: build_model does not compile its model; {compiled}")
    metrics = ("loss", *Facts.gather(model, None, []).metrics)
    for needed in (recipe.PROBLEM.headline, recipe.PROBLEM.monitor):
        if needed not in metrics:
            raise InputError(
                f"{_file(recipe)}: build_model compiles its model without the metric "
                f"{needed!r}; {compiled}"
            )
    return model


def search_space(recipe: types.ModuleType, hp) -> Config:
    """Call a recipe's search_space.

    Returns:
        The Config that was drawn from hp.

    Raises:
        InputError: If it gives anything else.
    """
    config = recipe.search_space(hp)
    if not isinstance(config, Config):
        raise _wrong(recipe, "search_space", config, "a Config")
    return config


def ignored_checks(recipe: types.ModuleType) -> tuple[str, ...]:
    """Give the ids of the rules that a recipe leaves out, by its `IGNORED_CHECKS`."""
    return tuple(getattr(recipe, "IGNORED_CHECKS", ()))


def _file(recipe: types.ModuleType) -> str:
    """Name a recipe's file, for a message."""
    return pathlib.Path(recipe.__file__).name


def _wrong(recipe: types.ModuleType, function: str, given: object, expected: str) -> InputError:
    received = "nothing (is a `return` missing?)" if given is None else f"a {type(given).__name__}"
    return InputError(f"{_file(recipe)}: {function} returned {received}, expected {expected}")
