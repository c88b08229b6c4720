"""Train a recipe from Python: `keras_recipes.train`; docs/python.md shows the whole door."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import types
import typing

from keras_recipes import catalog, checks, configs, errors, recipe as contract
from keras_recipes.configs import Config
from keras_recipes.console import command_line
from keras_recipes.errors import InputError, describe
from keras_recipes.recipe import Recipe
from keras_recipes.runs import run as execution
from keras_recipes.runs.result import Run

Path = str | os.PathLike[str]


def train(
    recipe: Recipe | types.ModuleType | Path,
    config: Config | types.SimpleNamespace | Path | None = None,
    *,
    out: Path | None = None,
    engine: typing.Literal["fused", "keras"] = "fused",
    baselines: bool = True,
    max_baseline_seconds: float | None = None,
    strict: bool = False,
    tensorboard: bool = False,
    mlflow: str | None = None,
    wandb: str | None = None,
    verbose: bool = True,
    **fields: typing.Any,
) -> Run:
    """Train a recipe, test it once and write its run folder.

    Args:
        recipe: A recipe module, its name, or the path of a recipe's .py file.
        config: Its settings, also those of a run, `load_run(...).config`, or the folder of a run or
            a search, or a config.json; by default `Config()`.
        out: New folder for the run; by default the next free one in runs/.
        engine: "fused" trains whole epochs as one program, "keras" by `keras.Model.fit`.
        baselines: Whether the baselines are fitted and stand beside the test scores.
        max_baseline_seconds: That they may take; by default a fifth of the training's, at least 5.
        strict: Whether warnings of the check before training count as errors.
        tensorboard: Whether the run folder gets logs for TensorBoard.
        mlflow: URI of the server or database of MLflow that gets settings and scores.
        wandb: Project of Weights & Biases that gets them.
        verbose: Whether progress is printed.
        **fields: Fields of the recipe's Config that replace those of `config`. `csv` of a recipe
            for your own table may be a `pandas.DataFrame`.

    Returns:
        The run: model, history, metrics, config, folder, baselines.

    Raises:
        InputError: If a field, the data or the folder cannot work.
        RunError: If training or writing fails.
    """
    with errors.for_python():
        module = catalog.resolve(recipe)
        settings = _settings(module, config, fields)
        options = configs.RunOptions(
            out=typing.cast("pathlib.Path | None", out),  # which makes a path of text
            engine=engine,
            baselines=baselines,
            max_baseline_seconds=max_baseline_seconds,
            strict=strict,
            tensorboard=tensorboard,
            mlflow=mlflow,
            wandb=wandb,
            quiet=not verbose,
        )
        check = checks.PreFlight(contract.ignored_checks(module), strict, with_test=True)
        return execution.run(module, settings, options, check)


def _settings(
    recipe: Recipe,
    config: Config | types.SimpleNamespace | Path | None,
    fields: dict[str, typing.Any],
) -> Config:
    """Return a recipe's Config with some of its fields replaced."""
    kind, name = recipe.Config, contract.name_of(recipe)
    known = [field.name for field in dataclasses.fields(kind)]
    if isinstance(config, types.SimpleNamespace):  # of a run whose recipe `load_run` did not find
        configs.check_names(vars(config), known, name)
        config = kind(**vars(config))
    if isinstance(config, str | os.PathLike):
        found = command_line.found_settings(pathlib.Path(config), kind, "config")
        (config,) = command_line.parse("", None, found, recipe=kind)
    if config is not None and not isinstance(config, kind):
        received = describe(config)
        if isinstance(config, Config):
            received = f"the Config of {type(config).__module__.rpartition('.')[2]}"
        raise InputError(
            f"config: received {received}, expected the Config of {name}; single settings are "
            f"keywords: train({name}, epochs=5)"
        )
    configs.check_names(fields, known, name)
    settings = dataclasses.replace(config or kind(), **fields)
    csv = getattr(settings, "csv", None)
    if isinstance(csv, pathlib.Path) and csv.name.startswith(f"{execution.A_TABLE}, ("):
        raise InputError(
            "csv: these settings are of a run with a DataFrame, which its folder does not hold; "
            f"give it again: train({name}, config, csv=table)"
        )
    return settings
