"""Train a recipe from Python: `keras_recipes.train`; docs/python.md shows the whole door."""

from __future__ import annotations

import dataclasses
import os
import types
import typing

from keras_recipes import catalog, checks, configs, reading, recipe as contract
from keras_recipes.configs import Config
from keras_recipes.errors import InputError
from keras_recipes.recipe import Recipe
from keras_recipes.runs import run as execution
from keras_recipes.runs.result import Run

Path = str | os.PathLike[str]


def train(
    recipe: Recipe | types.ModuleType | Path,
    config: Config | None = None,
    *,
    out: Path | None = None,
    engine: typing.Literal["fused", "keras"] = "fused",
    strict: bool = False,
    verbose: bool = True,
    **fields: typing.Any,
) -> Run:
    """Train a recipe, test it once and write its run folder.

    Args:
        recipe: A recipe module, its name, or the path of a recipe's .py file.
        config: Its settings; by default `Config()`.
        out: New folder for the run; by default the next free one in runs/.
        engine: "fused" trains whole epochs as one program, "keras" by `keras.Model.fit`.
        strict: Whether warnings of the check before training count as errors.
        verbose: Whether progress is printed.
        **fields: Fields of the recipe's Config that replace those of `config`. `csv` of a recipe
            for your own table may be a `pandas.DataFrame`.

    Returns:
        The run: model, history, metrics, config, folder, baselines.

    Raises:
        InputError: If a field, the data or the folder cannot work.
        RunError: If training or writing fails.
    """
    module = catalog.load(catalog.refer(recipe))
    kind = module.Config
    if config is not None and not isinstance(config, kind):
        raise InputError(
            f"config: received a {type(config).__name__}, expected the Config of "
            f"{contract.name_of(module)}"
        )
    known = [field.name for field in dataclasses.fields(kind)]
    if unknown := [name for name in fields if name not in known]:
        if (now := configs.RENAMED.get(unknown[0])) in known:
            raise InputError(f"{unknown[0]}: is called {now} now")
        raise InputError(
            f"{unknown[0]}: {contract.name_of(module)} has no such setting; expected one of "
            f"{', '.join(known)}"
        )
    paths = {
        name: reading.expanded(fields[name])
        for name in ("csv", "data_dir")
        if isinstance(fields.get(name), str)
    }
    settings = dataclasses.replace(config or kind(), **{**fields, **paths})
    options = configs.RunOptions(
        out=None if out is None else reading.expanded(out),
        engine=engine,
        strict=strict,
        quiet=not verbose,
    )
    check = checks.PreFlight(contract.ignored_checks(module), strict, with_test=True)
    return execution.run(module, settings, options, check)
