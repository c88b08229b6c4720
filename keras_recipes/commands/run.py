"""Train a recipe from the command line: `python -m recipes.NAME`, or `run FILE.py`."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
import time
import types
from typing import Annotated

from keras_recipes import catalog, configs
from keras_recipes.console import command_line, startup
from keras_recipes.errors import InputError


@dataclasses.dataclass(frozen=True)
class Output:
    """What to print."""

    timings: Annotated[bool, command_line.takes(flags=("-v", "--timings"))] = False
    """Print at the end where the time went."""


def main(recipe: types.ModuleType) -> None:
    """Run a recipe as a program: parse the flags, train, print the result.

    Args:
        recipe: The recipe's module, `sys.modules[__name__]` where it calls this.
    """
    with command_line.errors_as_lines():
        _train(recipe, f"python -m recipes.{pathlib.Path(str(recipe.__file__)).stem}", sys.argv[1:])


def run_named(arguments: list[str]) -> None:
    """Train the recipe that the first argument names, or whose file it is.

    Args:
        arguments: Name or path, then the recipe's flags.

    Raises:
        InputError: If there is no such recipe, or a flag is wrong.
    """
    if arguments[:1] in (["-h"], ["--help"]):
        print("usage: python -m recipes run FILE.py [OPTIONS]\n\nTrain the recipe in this file.")
        print("`python -m recipes run FILE.py --help` lists the recipe's settings.")
        return
    if not arguments or arguments[0].startswith("-"):
        raise InputError(
            "run: expected a recipe's file: python -m recipes run path/to/my_recipe.py"
        )
    startup.load_tensorflow()  # the file may use Keras while it is imported
    recipe = catalog.load(catalog.refer(arguments[0]))
    _train(recipe, f"python -m recipes run {arguments[0]}", arguments[1:])


def _train(recipe: types.ModuleType, prog: str, arguments: list[str]) -> None:
    title = (recipe.__doc__ or "").partition("\n")[0]
    if positional := recipe.Config.POSITIONAL:
        flag = command_line.flag(positional)
        title += f" A first argument without a flag is {flag}."
        if arguments and not arguments[0].startswith("-"):
            arguments.insert(0, flag)
    kinds = {"recipe": recipe.Config, "run": configs.RunOptions, "output": Output}
    config, options, output = command_line.parse(prog, title, arguments, **kinds)
    if options.config is not None:  # what is typed stands after it, and so goes before it
        found = command_line.found_settings(options.config, recipe.Config, "--config")
        config, options, output = command_line.parse(prog, title, [*found, *arguments], **kinds)
    if not options.quiet:
        name = pathlib.Path(str(recipe.__file__)).stem
        print(f"{name}: loading TensorFlow and the data", flush=True)
    startup.load_tensorflow()  # only after the flags
    from keras_recipes import checks, recipe as contract
    from keras_recipes.runs import run as runs, summary

    loaded = time.perf_counter()
    check = checks.PreFlight(contract.ignored_checks(recipe), options.strict, with_test=True)
    run = runs.run(recipe, config, options, check)
    summary.print_run(run.problem, run.metrics)
    if output.timings:
        seconds = {"TensorFlow": loaded - startup.BEGUN, **run.seconds}
        parts = ", ".join(f"{part} {value:.1f}" for part, value in seconds.items())
        print(f"{time.perf_counter() - startup.BEGUN:.1f} s in all: {parts}")
