"""The recipe contract: what a recipe's file defines, and what each part has to return."""

from __future__ import annotations

import pathlib
import typing

import keras

from keras_recipes import configs
from keras_recipes.configs import Config
from keras_recipes.data.splits import Splits
from keras_recipes.errors import InputError, with_article
from keras_recipes.problems import Problem

if typing.TYPE_CHECKING:
    import keras_tuner


class Recipe(typing.Protocol):
    """A recipe: a Python file (module) with these names.

    Beside them it defines its problem: `PROBLEM`, a `problems.Problem`; or, where the data decide,
    a function `problem(config, data) -> Problem`. `IGNORED_CHECKS`, ids or names of rules that
    the check leaves out, is optional.
    """

    __name__: str
    __doc__: str | None

    @property
    def Config(self) -> type[configs.Config]:  # noqa: N802
        """The settings: a frozen dataclass that inherits from `configs.Config`."""
        ...

    def load_data(self, config: typing.Any, /) -> Splits:
        """Load the data, shuffled and split by `config.seed`."""
        ...

    def build_model(self, config: typing.Any, data: Splits, /) -> keras.Model:
        """Build the model for these data and compile it by `PROBLEM.compile`."""
        ...

    def search_space(self, hp: keras_tuner.HyperParameters, /) -> configs.Config:
        """Return a Config with values drawn from hp; the defaults are those of `Config()`."""
        ...


def name_of(recipe: Recipe) -> str:
    """Return a recipe's name: its file's."""
    return _file(recipe).stem


def load_data(recipe: Recipe, config: Config) -> Splits:
    """Call a recipe's load_data.

    Raises:
        InputError: If it returns anything else, or finds no file where it looks from this folder.
    """
    try:
        splits = recipe.load_data(config)
    except FileNotFoundError as error:
        named = error.filename
        if not isinstance(named, str | pathlib.Path) or pathlib.Path(named).is_absolute():
            raise
        raise InputError(
            f"{_file(recipe).name}: load_data finds no file {named} in {pathlib.Path.cwd()}; "
            "let its path start at the file that reads it: "
            f'pathlib.Path(__file__).with_name("{pathlib.Path(named).name}")'
        ) from error
    if any(not hasattr(splits, split) for split in ("train", "validation", "test", "source")):
        expected = "a Splits, as keras_recipes.data.splits.split(x, y, source, seed) is"
        raise _wrong(recipe, "load_data", splits, expected)
    return splits


def problem(recipe: Recipe, config: Config, data: Splits) -> Problem:
    """Return a recipe's problem: its PROBLEM, or what its function `problem` makes of the data.

    Raises:
        InputError: If it is anything else.
    """
    by_data = getattr(recipe, "problem", None)
    found = by_data(config, data) if by_data else getattr(recipe, "PROBLEM", None)
    if not isinstance(found, Problem):
        raise _wrong(recipe, "problem" if by_data else "PROBLEM", found, "a problems.Problem")
    return found


def build_model(recipe: Recipe, config: Config, data: Splits) -> keras.Model:
    """Call a recipe's build_model.

    Returns:
        The compiled model.

    Raises:
        InputError: If it returns anything else, or lacks a metric that the run cannot do without.
    """
    model = recipe.build_model(config, data)
    compiled = "end it with `return PROBLEM.compile(model, optimizer)`"
    if not isinstance(model, keras.Model):
        raise _wrong(recipe, "build_model", model, f"a keras.Model; {compiled}")
    if not model.compiled:
        raise InputError(
            f"{_file(recipe).name}: build_model does not compile its model; {compiled}"
        )
    given = (model.get_compile_config() or {}).get("metrics") or []
    known = ["loss", *(one if isinstance(one, str) else one["config"]["name"] for one in given)]
    wanted = problem(recipe, config, data)
    for needed in (wanted.rule.metrics[0], wanted.monitor):
        if needed not in known:
            raise InputError(
                f"{_file(recipe).name}: build_model compiles its model without the metric "
                f"{needed!r}; {compiled}"
            )
    return model


def search_space(recipe: Recipe, hp: keras_tuner.HyperParameters) -> Config:
    """Call a recipe's search_space.

    Returns:
        The Config that was drawn from hp.

    Raises:
        InputError: If it returns anything else.
    """
    config = recipe.search_space(hp)
    if not isinstance(config, Config):
        raise _wrong(recipe, "search_space", config, "a Config")
    return config


def ignored_checks(recipe: Recipe) -> tuple[str, ...]:
    """Return the ids or names of the rules that a recipe leaves out, its `IGNORED_CHECKS`."""
    return tuple(getattr(recipe, "IGNORED_CHECKS", ()))


def _file(recipe: Recipe) -> pathlib.Path:
    return pathlib.Path(str(getattr(recipe, "__file__", recipe.__name__)))


def _wrong(recipe: Recipe, part: str, given: object, expected: str) -> InputError:
    received = with_article(type(given).__name__)
    if given is None:
        received = "nothing (is a `return` missing?)"
    return InputError(f"{_file(recipe).name}: {part} returned {received}, expected {expected}")
